/** Brings media by URL to upstreams that take only bytes: for callers who are trusted with it, through the guarded fetcher. */
import { type ChatRequest, type Codec, type MediaPart, type Part, RelayError, type Traits } from "../plugin/index.ts";
import { kindOfBytes } from "../support/file-kinds.ts";
import type { Call } from "./call.ts";
import { bufferOf } from "../wire/part.ts";

/** What the strictest vendors take in one piece. */
const BYTES_MAX = 20 * 1024 * 1024;
const PIECES_MAX = 16;
const TOTAL_MS = 20_000;

/** Ordinary users could make the relay look at things for them; whoever runs it may. */
export function mayFetch({ identity }: Call): boolean {
  return identity.role !== "user";
}

/**
 * What stands at an address that this upstream cannot read. A dialect's own clients know what it reads, but for documents
 * where that is known: they are written for one vendor's servers and asked of another's.
 */
function isUnread(call: Call, part: Part, { id, egress }: Codec, traits: Traits): part is MediaPart {
  if (part.type !== "media" || part.source.type !== "url" || !/^https?:/i.test(part.source.url)) return false;
  const reads = traits.mediaUrls !== false;
  if (egress?.readsUrl === undefined) return !reads;
  if (reads && id === call.route.codec.id) return part.kind === "file" && traits.fileUrls === false;
  return !egress.readsUrl(part.source.url, part.kind, traits);
}

/** Whether anything of the request has to be fetched for this upstream. */
export function needsMedia(call: Call, { messages }: ChatRequest, codec: Codec, traits: Traits): boolean {
  const look = (part: Part): boolean =>
    part.type === "tool-result" ? part.parts.some(look) : isUnread(call, part, codec, traits);
  return messages.some(({ parts }) => parts.some(look));
}

/** The same request with the bytes in place of addresses that this upstream cannot read. */
export async function withMediaBytes(
  call: Call,
  request: ChatRequest,
  codec: Codec,
  traits: Traits,
): Promise<ChatRequest> {
  const needsBytes = (part: Part): part is MediaPart => isUnread(call, part, codec, traits);
  const urls = new Set<string>();
  const look = (parts: readonly Part[]): void => {
    for (const part of parts) {
      if (needsBytes(part) && part.source.type === "url") urls.add(part.source.url);
      if (part.type === "tool-result") look(part.parts);
    }
  };
  for (const { parts } of request.messages) look(parts);
  if (!mayFetch(call)) return request;
  if (urls.size > PIECES_MAX) {
    throw new RelayError("bad-request", `At most ${PIECES_MAX} pieces of media by URL are fetched for one call.`, {
      param: "messages",
    });
  }
  const found = new Map(await Promise.all([...urls].map(async (url) => [url, await fetchOne(call, url)] as const)));
  const replace = (part: Part): Part => {
    if (part.type === "tool-result") return { ...part, parts: part.parts.map(replace) };
    if (!needsBytes(part) || part.source.type !== "url") return part;
    const { data, mediaType } = found.get(part.source.url)!;
    return { ...part, source: { type: "base64", data }, mediaType };
  };
  return {
    ...request,
    messages: request.messages.map((message) => ({ ...message, parts: message.parts.map(replace) })),
  };
}

/** One answer for everything that can go wrong: whoever names an address is not told what lies there. */
async function fetchOne(call: Call, url: string): Promise<{ data: string; mediaType: string }> {
  const { config, way } = call.snapshot;
  try {
    const bytes = await call.services.media.get(url, {
      allowed: config.network.allowPrivateNetworks,
      way,
      bytesMax: BYTES_MAX,
      totalMs: TOTAL_MS,
      headers: { accept: "image/*, application/pdf, audio/*, video/*", "user-agent": "monorelay" },
      signal: call.attemptSignal,
    });
    const mediaType = kindOfBytes(bytes);
    if (mediaType === undefined) throw new Error("it is no picture, document, sound or film");
    call.hold(bytes.length);
    return { data: bufferOf(bytes).toString("base64"), mediaType };
  } catch (cause) {
    if (call.abortReason !== undefined) throw call.abortReason;
    if (RelayError.is(cause)) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    call.services.log.info("media was not fetched for a call", { req: call.id, reason });
    throw new RelayError(
      "bad-request",
      "Media at a URL of this request could not be fetched; send its bytes instead.",
      {
        param: "messages",
        wireCode: "media_not_fetched",
      },
    );
  }
}
