/** Pictures, documents and sound of every client's dialect towards every upstream's: carried, or refused by name; never left out. */
import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../src/contract/chat.ts";
import type { Codec, Egress } from "../../src/contract/codec.ts";
import { RelayError } from "../../src/contract/errors.ts";
import { CODECS, DIALECTS, type Dialect, targetOf } from "./support.ts";
import { UPSTREAM_CODECS } from "./upstream-support.ts";

const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const PDF = Buffer.from("%PDF-1.4 hello").toString("base64");
const WAV = Buffer.from("RIFF\x24\0\0\0WAVEfmt hello", "latin1").toString("base64");
const AT = "https://files.example/a";

type Kind = "picture" | "picture by URL" | "document" | "document by URL" | "sound" | "file of a vendor";

const PARTS: Readonly<Record<Dialect, Partial<Record<Kind, JsonObject>>>> = {
  "openai-chat": {
    picture: { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}` } },
    "picture by URL": { type: "image_url", image_url: { url: `${AT}.png` } },
    document: { type: "file", file: { filename: "a.pdf", file_data: `data:application/pdf;base64,${PDF}` } },
    sound: { type: "input_audio", input_audio: { data: WAV, format: "wav" } },
    "file of a vendor": { type: "file", file: { file_id: "file-abc" } },
  },
  "openai-responses": {
    picture: { type: "input_image", image_url: `data:image/png;base64,${PNG}` },
    "picture by URL": { type: "input_image", image_url: `${AT}.png` },
    document: { type: "input_file", filename: "a.pdf", file_data: `data:application/pdf;base64,${PDF}` },
    "document by URL": { type: "input_file", file_url: `${AT}.pdf` },
    sound: { type: "input_audio", input_audio: { data: WAV, format: "wav" } },
    "file of a vendor": { type: "input_file", file_id: "file-abc" },
  },
  "anthropic-messages": {
    picture: { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } },
    "picture by URL": { type: "image", source: { type: "url", url: `${AT}.png` } },
    document: { type: "document", source: { type: "base64", media_type: "application/pdf", data: PDF } },
    "document by URL": { type: "document", source: { type: "url", url: `${AT}.pdf` } },
    "file of a vendor": { type: "document", source: { type: "file", file_id: "file-abc" } },
  },
  gemini: {
    picture: { inlineData: { mimeType: "image/png", data: PNG } },
    "picture by URL": { fileData: { mimeType: "image/png", fileUri: `${AT}.png` } },
    document: { inlineData: { mimeType: "application/pdf", data: PDF } },
    "document by URL": { fileData: { mimeType: "application/pdf", fileUri: `${AT}.pdf` } },
    sound: { inlineData: { mimeType: "audio/wav", data: WAV } },
  },
};

const UPSTREAMS: Readonly<Record<string, Codec & { egress: Egress }>> = { ...CODECS, ...UPSTREAM_CODECS };
type Upstream = keyof typeof CODECS | keyof typeof UPSTREAM_CODECS;

/** What an upstream cannot take in any form; everything else has to arrive there. */
const CANNOT: Readonly<Record<Upstream, readonly Kind[]>> = {
  "openai-chat": [],
  "openai-responses": ["sound"],
  "anthropic-messages": ["sound"],
  gemini: [],
  "bedrock-converse": ["picture by URL", "document by URL", "sound"],
  "bedrock-invoke-claude": ["sound"],
  "vertex-claude": ["sound"],
  ollama: ["picture by URL", "document", "document by URL", "sound"],
  cohere: ["document", "document by URL", "sound"],
};

function bodyOf(dialect: Dialect, part: JsonObject): JsonObject {
  if (dialect === "gemini") return { contents: [{ role: "user", parts: [{ text: "q" }, part] }] };
  if (dialect === "openai-responses") {
    return { model: "m", input: [{ role: "user", content: [{ type: "input_text", text: "q" }, part] }] };
  }
  return { model: "m", max_tokens: 100, messages: [{ role: "user", content: [{ type: "text", text: "q" }, part] }] };
}

/** The bytes of the request, or the refusal. */
function send(from: Dialect, part: JsonObject, to: string, mediaUrls?: false): string | RelayError {
  const target = targetOf(mediaUrls === undefined ? {} : { mediaUrls });
  try {
    const request = CODECS[from].ingress.decodeRequest(bodyOf(from, part), { model: "m" });
    const sent = JSON.stringify(UPSTREAMS[to]!.egress.encodeRequest(request, target));
    // What is carried is nothing to complain of.
    expect(target.lost).toEqual([]);
    return sent;
  } catch (cause) {
    if (RelayError.is(cause)) return cause;
    throw cause;
  }
}

const isOwnFile = (from: Dialect, to: string): boolean =>
  from === to || (from === "anthropic-messages" && /claude$/.test(to));

for (const from of DIALECTS) {
  describe(`a client of ${from}`, () => {
    for (const [kind, part] of Object.entries(PARTS[from]) as [Kind, JsonObject][]) {
      for (const to of Object.keys(UPSTREAMS) as Upstream[]) {
        const isCarried = kind === "file of a vendor" ? isOwnFile(from, to) : from === to || !CANNOT[to].includes(kind);
        test(`its ${kind} towards ${to} is ${isCarried ? "carried" : "refused by name"}`, () => {
          const sent = send(from, part, to);
          if (isCarried) {
            expect(typeof sent).toBe("string");
            expect([PNG, PDF, WAV, AT, "file-abc"].some((trace) => (sent as string).includes(trace))).toBe(true);
          } else {
            expect(sent).toMatchObject({ code: "bad-request", status: 400 });
            expect((sent as RelayError).param).toMatch(/^(messages|input|contents)/);
          }
        });
        if (!kind.endsWith("by URL")) continue;
        test(`its ${kind} towards a ${to} that reads no addresses is refused by name`, () => {
          expect(send(from, part, to, false)).toMatchObject({ code: "bad-request", status: 400 });
        });
      }
    }
  });
}
