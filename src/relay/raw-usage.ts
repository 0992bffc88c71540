/** What answers that are passed on unread say of their usage: whole ones anywhere, long ones and streams at their end. */
import type { Usage } from "../plugin/index.ts";
import { bufferOf } from "../wire/part.ts";
import { Tail } from "./tail.ts";

/** Behind the count comes little: of a picture it stands after the bytes, of a stream in the last events. */
const TAIL_BYTES = 4096;

/** `usage` of an OpenAI-shaped answer; `undefined` = it says nothing. */
export function usageIn(bytes: Uint8Array): Usage | undefined {
  try {
    return read((JSON.parse(new TextDecoder().decode(bytes)) as { usage?: unknown }).usage);
  } catch {
    return undefined;
  }
}

/** Looks at pieces as they pass; at the end it knows what the last of them said. */
export class UsageAtEnd {
  readonly #tail = new Tail(TAIL_BYTES);

  see(chunk: Uint8Array): void {
    this.#tail.push(chunk);
  }

  read(): Usage | undefined {
    const text = bufferOf(this.#tail.bytes()).toString("latin1");
    const named = text.lastIndexOf('"usage"');
    const start = named < 0 ? -1 : text.indexOf("{", named);
    if (start < 0) return undefined;
    try {
      return read(JSON.parse(text.slice(start, endOf(text, start))));
    } catch {
      return undefined; // cut off, or something else of that name
    }
  }
}

/** Behind the brace that closes the one at `start`: counts hold no texts with braces. */
function endOf(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const char = text[at];
    if (char === "{") depth += 1;
    else if (char === "}" && --depth === 0) return at + 1;
  }
  return text.length;
}

/** In either of the two spellings. */
function read(usage: unknown): Usage | undefined {
  if (typeof usage !== "object" || usage === null) return undefined;
  const counts = usage as Record<string, unknown>;
  const input = counts["prompt_tokens"] ?? counts["input_tokens"];
  const output = counts["completion_tokens"] ?? counts["output_tokens"];
  return {
    ...(typeof input === "number" ? { inputTokens: input } : {}),
    ...(typeof output === "number" ? { outputTokens: output } : {}),
  };
}
