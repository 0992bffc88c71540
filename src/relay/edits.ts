/** The named edits on a passed-through body: a closed list, made on the bytes so that everything else survives. */
import type { Traits } from "../plugin/index.ts";
import type { TopLevel } from "./scan.ts";
import { type Splice, splice } from "./splice.ts";

export interface Edited {
  readonly body: Uint8Array<ArrayBuffer>;
  /** Usage was asked for on our account: the extra chunk is not for the client. */
  readonly hidesUsage: boolean;
}

/**
 * `requested`: what the body's `model` says, if it is there. It becomes the upstream's name; a streamed
 * chat call asks for usage even if the client did not.
 */
export function editBody(top: TopLevel, requested: string, model: string, asksUsage: boolean): Edited {
  const field = top.find("model");
  if (field !== undefined && requested === model && !asksUsage) return { body: top.bytes, hidesUsage: false };
  const edits: Splice[] = [];
  if (field === undefined) edits.push(insertion(top, "model", model));
  else if (requested !== model) edits.push({ start: field.start, end: field.end, text: JSON.stringify(model) });

  let hidesUsage = false;
  if (asksUsage) {
    const options = top.find("stream_options");
    if (options === undefined) {
      edits.push(insertion(top, "stream_options", { include_usage: true }));
      hidesUsage = true;
    } else {
      const value = top.value("stream_options") as { include_usage?: unknown } | null;
      if (value?.include_usage !== true) {
        edits.push({ ...options, text: JSON.stringify({ ...value, include_usage: true }) });
        hidesUsage = true;
      }
    }
  }
  return { body: edits.length === 0 ? top.bytes : splice(top.bytes, edits), hidesUsage };
}

/** Does this upstream understand `stream_options`? */
export function takesStreamOptions(codecId: string, traits: Traits): boolean {
  return codecId === "openai-chat" && traits.streamUsage !== false;
}

function insertion(top: TopLevel, name: string, value: unknown): Splice {
  const comma = top.fields.length === 0 ? "" : ",";
  return { start: top.close, end: top.close, text: `${comma}${JSON.stringify(name)}:${JSON.stringify(value)}` };
}
