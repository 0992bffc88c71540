/** Streams that tell in their first events of a thing that was made: whose it is must be known before the client can ask for it. */
import type { Answer } from "../net/answer.ts";
import { type JsonObject, sse } from "../plugin/index.ts";
import { type NamedObject, objectsIn } from "./object-ids.ts";

/** Events that are looked into; what is made is told of in the first few. */
const EVENTS_MAX = 8;

/** What an event's own `object` says it is; everything else that streams is made of things inside. */
const KINDS: { readonly [object: string]: string | undefined } = { thread: "thread", "thread.run": "run" };

/** The same answer; its first events reach the client after `remember` has resolved for what they name. */
export function telling(answer: Answer, remember: (named: readonly NamedObject[]) => Promise<void>): Answer {
  if (!/^text\/event-stream\b/i.test(answer.header("content-type") ?? "")) return answer;
  const decode = sse.decoder();
  let seen = 0;
  const look = async (chunk: Uint8Array<ArrayBuffer> | null): Promise<Uint8Array<ArrayBuffer> | null> => {
    if (chunk === null || seen >= EVENTS_MAX) return chunk;
    const frames = decode(chunk);
    seen += frames.length;
    const named = frames.flatMap(({ data }) => namedIn(data));
    if (named.length > 0) await remember(named);
    return chunk;
  };
  return {
    status: answer.status,
    length: answer.length,
    header: (name) => answer.header(name),
    read: () => {
      const chunk = answer.read();
      if (seen >= EVENTS_MAX) return chunk;
      return chunk instanceof Promise ? chunk.then(look) : look(chunk);
    },
    bytes: async (max) => (await look(await answer.bytes(max)))!,
    abort: () => answer.abort(),
  };
}

function namedIn(data: string): NamedObject[] {
  let body: unknown;
  try {
    body = JSON.parse(data);
  } catch {
    return []; // the end mark, or nothing of ours
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) return [];
  const kind = KINDS[String((body as JsonObject)["object"])];
  return kind === undefined ? [] : objectsIn(body as JsonObject, kind);
}
