/** One answer seen twice: events folded into a response, and a response told as events. */
import type { Alternative, ChatEvent, ChatResponse, Part, PartHead, PartTail, TokenLogprob } from "../contract/chat.ts";
import { RelayError } from "../contract/errors.ts";
import { compact } from "./shared/json.ts";
import { malformed } from "./shared/upstream-error.ts";
import { mergeUsage } from "./shared/usage.ts";
import { mergeVendor } from "./shared/vendor.ts";

/**
 * Folds the events of one answer.
 * @throws the error of an `error` event, or RelayError `upstream-malformed` when the events end too early.
 */
export function collect(events: Iterable<ChatEvent>): ChatResponse {
  const collector = createCollector();
  for (const event of events) {
    const response = collector(event);
    if (response !== undefined) return response;
  }
  throw malformed("The upstream's answer ended before it was complete.");
}

/** Further answers, from the events of each by its number. One that cannot be read spoils nothing but itself. */
export function alternativesOf(told: ReadonlyMap<number, readonly ChatEvent[]>): { others?: Alternative[] } {
  const others = [...told]
    .toSorted(([a], [b]) => a - b)
    .flatMap(([, events]): Alternative[] => {
      if (events.at(-1)?.type !== "response-end") return [];
      const { parts, finish } = collect(events);
      return [{ parts, finish }];
    });
  return others.length === 0 ? {} : { others };
}

/** The same, event by event: gives the response at its `response-end`; throws as `collect` does. */
export function createCollector(): (event: ChatEvent) => ChatResponse | undefined {
  const parts: Part[] = [];
  let start: Extract<ChatEvent, { type: "response-start" }> | undefined;
  let head: PartHead | undefined;
  let text: string[] = [];
  let logprobs: TokenLogprob[] = [];

  return (event) => {
    switch (event.type) {
      case "response-start":
        start = event;
        return undefined;
      case "part-start":
        head = event.head;
        text = [];
        logprobs = [];
        return undefined;
      case "part-delta":
        text.push(event.delta);
        if (event.logprobs !== undefined) logprobs.push(...event.logprobs);
        return undefined;
      case "part-end":
        if (event.tail?.logprobs !== undefined) logprobs.push(...event.tail.logprobs);
        if (head !== undefined) {
          parts.push(toPart(head, text.join(""), logprobs.length === 0 ? event.tail : { ...event.tail, logprobs }));
        }
        head = undefined;
        return undefined;
      case "response-end":
        return compact<ChatResponse>({
          id: start?.id ?? "",
          model: start?.model ?? "",
          createdAt: start?.createdAt,
          parts,
          finish: event.finish,
          others: event.others,
          usage: mergeUsage(start?.usage, event.usage),
          serviceTier: event.serviceTier ?? start?.serviceTier,
          vendor: mergeVendor(start?.vendor, event.vendor),
        });
      case "error":
        throw event.error;
    }
  };
}

function toPart(head: PartHead, text: string, tail: PartTail | undefined): Part {
  switch (head.type) {
    case "text":
      return { ...head, text, ...pickTail(tail, "annotations", "signature", "logprobs", "vendor") };
    case "reasoning":
      return { ...head, text, ...pickTail(tail, "signature", "redacted", "vendor") };
    case "refusal":
      return { type: "refusal", text, ...pickTail(tail, "logprobs", "vendor") };
    case "tool-call": {
      const inputJson = text === "" && !head.custom ? "{}" : text;
      return { ...head, inputJson, ...pickTail(tail, "signature", "vendor") };
    }
    default:
      return { ...head, ...pickTail(tail, "vendor") };
  }
}

function pickTail<Key extends keyof PartTail>(tail: PartTail | undefined, ...keys: Key[]): Pick<PartTail, Key> {
  const picked: Partial<PartTail> = {};
  for (const key of keys) if (tail?.[key] !== undefined) picked[key] = tail[key];
  return picked as Pick<PartTail, Key>;
}

/** Tells a whole answer as the events a stream of it would have been; each text in one delta. */
export function replay(response: ChatResponse): ChatEvent[] {
  const { id, model, createdAt, finish, others, usage, serviceTier, vendor } = response;
  const { outputTokens: _output, reasoningTokens: _reasoning, ...read } = usage;
  const events: ChatEvent[] = [
    {
      type: "response-start",
      id,
      model,
      ...(createdAt === undefined ? {} : { createdAt }),
      ...(Object.keys(read).length === 0 ? {} : { usage: read }),
      ...(serviceTier === undefined ? {} : { serviceTier }),
      ...(vendor === undefined ? {} : { vendor }),
    },
  ];
  response.parts.forEach((part, index) => {
    const { head, text, tail } = fromPart(part);
    const logprobs = part.type === "text" || part.type === "refusal" ? part.logprobs : undefined;
    events.push({ type: "part-start", index, head });
    if (text !== "" || logprobs !== undefined) {
      events.push({ type: "part-delta", index, delta: text, ...(logprobs === undefined ? {} : { logprobs }) });
    }
    events.push({ type: "part-end", index, ...(tail === undefined ? {} : { tail }) });
  });
  events.push({ type: "response-end", finish, usage, ...(others && { others }) });
  return events;
}

function fromPart(part: Part): { head: PartHead; text: string; tail?: PartTail } {
  switch (part.type) {
    case "text":
      return { head: { type: "text", ...(part.formed ? { formed: true } : {}) }, text: part.text, ...tailOf(part) };
    case "reasoning": {
      const head: PartHead = { type: "reasoning", ...(part.kind === undefined ? {} : { kind: part.kind }) };
      return { head, text: part.text, ...tailOf(part) };
    }
    case "refusal":
      return { head: { type: "refusal" }, text: part.text, ...tailOf(part) };
    case "tool-call": {
      const { id, name, inputJson, custom } = part;
      const head: PartHead = { type: "tool-call", id, name, ...(custom ? { custom } : {}) };
      return { head, text: inputJson === "{}" && !custom ? "" : inputJson, ...tailOf(part) };
    }
    case "media":
    case "hosted-call":
    case "opaque":
      return { head: part, text: "" };
    case "tool-result":
      throw new RelayError("internal", "An answer cannot contain a tool result.");
  }
}

function tailOf(part: PartTail): { tail?: PartTail } {
  const tail = pickTail(part, "signature", "redacted", "annotations", "vendor");
  return Object.keys(tail).length === 0 ? {} : { tail };
}
