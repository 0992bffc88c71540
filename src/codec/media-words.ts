/** Tells in words of an answer that is nothing but media which the client's dialect has no form for. */
import type { ChatEvent, ChatResponse, MediaPart, Part, PartHead } from "../contract/chat.ts";
import type { Codec } from "../contract/codec.ts";

interface Reader {
  readonly event: (event: ChatEvent) => readonly ChatEvent[];
  readonly response: (response: ChatResponse) => ChatResponse;
}

const KINDS: { readonly [Kind in MediaPart["kind"]]: string } = {
  image: "a picture",
  audio: "sound",
  video: "a film",
  file: "a file",
};

/** By its address, if it has one that others can follow. */
function wordsFor({ kind, source }: MediaPart): string {
  if (source.type === "url") return `[${kind}: ${source.url}]`;
  return `[The model answered with ${KINDS[kind]}, which cannot be shown here.]`;
}

/** Does an answer say something to a client of this dialect by this part, whatever its text? */
function isShown(part: Part | PartHead, { id, ingress }: Codec): boolean {
  if (part.type === "tool-call") return true;
  if (part.type === "opaque") return part.codecId === id;
  return part.type === "media" && ingress?.showsMedia?.(part) === true;
}

/** A reader for answers to a client of this dialect. Where anything else is said, no word is added. */
export function mediaReader(client: Codec): Reader {
  let hasSaid = false;
  let count = 0;
  let media: MediaPart | undefined;
  let isSpeech = false;
  return {
    event(event) {
      switch (event.type) {
        case "part-start":
          count += 1;
          isSpeech = event.head.type === "text" || event.head.type === "refusal";
          hasSaid ||= isShown(event.head, client);
          if (event.head.type === "media") media ??= event.head;
          break;
        case "part-delta":
          hasSaid ||= isSpeech && event.delta.trim() !== "";
          break;
        case "response-end": {
          if (hasSaid || media === undefined) break;
          const at = { index: count };
          return [
            { type: "part-start", ...at, head: { type: "text" } },
            { type: "part-delta", ...at, delta: wordsFor(media) },
            { type: "part-end", ...at },
            event,
          ];
        }
      }
      return [event];
    },
    response: (response) => withWords(response, client),
  };
}

function withWords(response: ChatResponse, client: Codec): ChatResponse {
  const { parts } = response;
  const media = parts.find((part) => part.type === "media");
  if (media === undefined || parts.some((part) => isSpoken(part) || isShown(part, client))) return response;
  return { ...response, parts: [...parts, { type: "text", text: wordsFor(media) }] };
}

function isSpoken(part: Part): boolean {
  return (part.type === "text" || part.type === "refusal") && part.text.trim() !== "";
}
