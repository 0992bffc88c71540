/** What an upstream's answer holds and the client's dialect has no words for: left out, but named. */
import type { Part, PartHead } from "../plugin/index.ts";
import type { Call } from "./call.ts";

/** Names a part that the client does not get: in the record, and in the answer's header while that can still be written. */
export function noteUnsaid(call: Call, part: Part | PartHead): void {
  const { codec } = call.route;
  let name: string;
  if (part.type === "media") {
    if (codec.ingress?.showsMedia?.(part) === true) return;
    name = part.kind;
  } else if (part.type === "opaque") {
    if (part.codecId === codec.id) return;
    const { type } = part.value;
    // An upstream's word, which stands in a header of ours.
    name = typeof type === "string" && /^\w{1,40}$/.test(type) ? type : "part";
  } else if (part.type === "hosted-call") {
    if (codec.ingress?.answerHosted?.includes(part.work.kind) === true) return;
    name = part.raw;
  } else return;
  noteLeftOut(call, name);
}

/** The same of what was left out by name. */
export function noteLeftOut(call: Call, name: string): void {
  const field = `answer.${name}`;
  if (call.dropped?.includes(field) !== true) call.dropped = [...(call.dropped ?? []), field];
}
