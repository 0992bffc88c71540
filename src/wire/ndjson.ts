/** Newline-delimited JSON: one value per line, as Ollama streams it. */
import type { Frame, Framing } from "../contract/codec.ts";
import { RelayError } from "../contract/errors.ts";

/** Most characters one line may hold. */
export const NDJSON_LINE_CHARS_MAX = 4 * 1024 * 1024;

const encoder = new TextEncoder();

function createDecoder(): (bytes: Uint8Array | null) => Frame[] {
  const utf8 = new TextDecoder();
  let pieces: string[] = [];
  let chars = 0;

  const takeText = (text: string, frames: Frame[]): void => {
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      pieces.push(text.slice(start, end));
      const line = pieces.join("").trim();
      if (line !== "") frames.push({ data: line });
      pieces = [];
      chars = 0;
      start = end + 1;
    }
    if (start === text.length) return;
    pieces.push(text.slice(start));
    chars += text.length - start;
    if (chars > NDJSON_LINE_CHARS_MAX) {
      throw new RelayError("upstream-malformed", "The upstream sent a line larger than 4 MiB.");
    }
  };

  return (bytes) => {
    const frames: Frame[] = [];
    takeText(bytes === null ? `${utf8.decode()}\n` : utf8.decode(bytes, { stream: true }), frames);
    return frames;
  };
}

export const ndjson: Framing = {
  id: "ndjson",
  contentType: "application/x-ndjson",
  decoder: createDecoder,
  encode: (frames) => {
    let text = "";
    for (const frame of frames) {
      if (frame.data === "") continue; // the envelope knows no comments
      if (frame.data.includes("\n")) throw new RelayError("internal", "A line of JSON must be one line.");
      text += `${frame.data}\n`;
    }
    return encoder.encode(text);
  },
};
