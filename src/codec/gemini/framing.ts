/** Server-sent events as Gemini writes them: one `data` line, CRLF at every line end. */
import type { Frame, Framing } from "../../contract/codec.ts";
import { RelayError } from "../../contract/errors.ts";
import { sse } from "../../wire/sse.ts";

const utf8 = new TextEncoder();

export const geminiSse: Framing = {
  id: "gemini-sse",
  contentType: sse.contentType,
  decoder: sse.decoder,
  encode(frames: readonly Frame[]): Uint8Array {
    let text = "";
    for (const { data, comment } of frames) {
      if (/[\r\n]/.test(comment ?? "") || /[\r\n]/.test(data)) {
        throw new RelayError("internal", "A chunk of a Gemini stream must be one line.");
      }
      if (comment !== undefined) text += `: ${comment}\r\n${data === "" ? "\r\n" : ""}`;
      if (data !== "") text += `data: ${data}\r\n\r\n`;
    }
    return utf8.encode(text);
  },
};
