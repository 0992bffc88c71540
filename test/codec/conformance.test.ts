/** Recorded calls through our codecs, judged by an independent oracle and by the vendors' own schemas. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { ChatRequest, JsonObject } from "../../src/contract/chat.ts";
import type { Frame } from "../../src/contract/codec.ts";
import { RelayError } from "../../src/contract/errors.ts";
import { sse } from "../../src/wire/sse.ts";
import {
  CODECS,
  contextOf,
  framesOf,
  HAS_KIT,
  isStreamed,
  KIT,
  KIT_FORMATS,
  KIT_MISSING,
  type Recording,
  readRecordings,
  requestOf,
  targetOf,
} from "./support.ts";

/**
 * `<client> <case>`: why the oracle's verdict does not bind us here. Everything else must be without a hard difference.
 */
const EXCUSED: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    Object.keys(KIT_FORMATS).map((client) => [
      `${client} openai-responses-openai-openai-shell-container-1-0`,
      "the recording is cut: its end tells another text than its deltas, which cannot be taken back",
    ]),
  ),
  "openai.chat openai-responses-openai-handles-empty-string-content-0":
    "the recorded user says nothing, and what the oracle makes of it has no messages",
  "anthropic.messages openai-responses-openai-handles-empty-string-content-0":
    "the recorded user says nothing, and what the oracle makes of it has no messages",
  "gemini openai-responses-openai-handles-empty-string-content-0":
    "the recorded user says nothing, and what the oracle makes of it has no contents",
  "gemini anthropic-messages-anthropic-anthropic-completion-error-0":
    "the recorded request is invalid (the vendor answered 400), and what the oracle makes of it has no contents",
  "gemini anthropic-messages-anthropic-incomplete-partial-json-response-0":
    "E32: the arguments are cut off, and a Gemini client can only be given an object around them",
  "gemini gemini-vertex-test-multimodal-tool-return-matrix-direct-uploaded-file-video-google-v-0":
    "the finish reason comes back as it was, which the oracle wants of unchanged bytes only",
  "gemini gemini-vertex-test-multimodal-tool-return-matrix-tool-return-content-url-image-googl-0":
    "the finish reason comes back as it was, which the oracle wants of unchanged bytes only",
  "openai.responses anthropic-messages-anthropic-anthropic-completion-error-0":
    "the recorded request is invalid (the vendor answered 400), and what the oracle makes of it has no input",
  "openai.responses anthropic-messages-anthropic-test-multimodal-tool-return-matrix-tool-return-content-uploaded-file-i-1":
    "a file id of Anthropic cannot be written for a responses client; the oracle writes an image without a URL",
  "openai.chat anthropic-messages-anthropic-anthropic-completion-error-0":
    "the recorded request is invalid (the vendor answered 400), and what the oracle makes of it has no messages",
  "anthropic.messages anthropic-messages-anthropic-anthropic-completion-error-0":
    "the recorded request is invalid (the vendor answered 400)",
  "openai.chat anthropic-messages-anthropic-test-multimodal-tool-return-matrix-tool-return-content-uploaded-file-i-1":
    "a file id of Anthropic cannot be written for a chat client; the oracle writes an image without a URL",
  "openai.chat openai-chat-openai-openai-gpt-4o-completions-0-v22":
    "E10: the upstream says `stop` although it called a tool",
  "anthropic.messages openai-chat-openai-openai-gpt-4o-completions-0-v22":
    "E10: the upstream says `stop` although it called a tool",
};

/** Requests recorded in other formats that cannot be asked, or not be answered, in ours. */
const UNASKABLE: Readonly<Record<string, string>> = {
  "gemini-gemini-encodes-audio-content-0": "audio, which Anthropic does not take",
  "gemini-gemini-google-gemini-2-5-flash-0-v6": "audio, which Anthropic does not take",
  "gemini-gemini-test-instrument-google-genai-no-content-0":
    "a text file, which becomes a plain-text document that the oracle does not know again",
  "gemini-gemini-test-multimodal-tool-return-matrix-direct-uploaded-file-image-google-2-1":
    "a file that only Google can read, which is refused for every other upstream",
  "gemini-vertex-test-google-url-input-audiourl-gs-0":
    "a file that only Google can read, which is refused for every other upstream",
  "gemini-vertex-test-google-url-input-videourl-gs-0":
    "a file that only Google can read, which is refused for every other upstream",
  "openai-responses-openai-handles-empty-string-content-0": "what the oracle makes of it has no messages",
};

/** Rewrites the framing of a recorded stream without changing what it says. */
function disguise(text: string): string {
  return text
    .replace(/^(data|event|id): /gm, "$1:")
    .replace(/\n\n/g, "\n\n: keep-alive\n\n")
    .replace(/\r?\n/g, "\r\n");
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
}

/** What the client would get for the recorded answer. */
function answer(recording: Recording, client: string, request: ChatRequest, isDisguised: boolean): Answer {
  const { ingress } = CODECS[KIT_FORMATS[client]!];
  const { egress } = CODECS[KIT_FORMATS[recording.format]!];
  const { status, headers, text = "" } = recording.response;
  const context = contextOf(request);
  try {
    if (status >= 400) throw egress.decodeError(status, text, new Headers(headers));
    if (!isStreamed(recording)) {
      const body = ingress.encodeResponse(egress.decodeResponse(JSON.parse(text)), context);
      return { status: 200, contentType: "application/json", text: JSON.stringify(body) };
    }
    const bytes = new TextEncoder().encode(isDisguised ? disguise(text) : text);
    const pieces = isDisguised ? Array.from(bytes, (byte) => Uint8Array.of(byte)) : [bytes];
    const read = egress.streamDecoder();
    const write = ingress.streamEncoder(context);
    const frames: Frame[] = [];
    for (const frame of [...framesOf(pieces), null]) {
      for (const event of read(frame)) frames.push(...write(event));
    }
    return { status: 200, contentType: "text/event-stream", text: new TextDecoder().decode(sse.encode(frames)) };
  } catch (error) {
    if (!RelayError.is(error)) throw error;
    const body = ingress.encodeError(error, "req_1");
    return { status: error.status, contentType: "application/json", text: JSON.stringify(body) };
  }
}

interface Difference {
  level: "hard" | "soft";
  what: string;
}

async function openKit() {
  // The kit lies outside the repository and cannot find its one dependency from there.
  for (const name of ["ajv", "ajv/dist/2020"]) {
    const real = await import(name);
    const exports = { ...real, default: real.default?.default ?? real.default };
    Bun.plugin({ name, setup: (build) => void build.module(name, () => ({ exports, loader: "object" })) });
  }
  const facts = await import(join(KIT, "facts.ts"));
  const compare = await import(join(KIT, "compare.ts"));
  const { conform } = await import(join(KIT, "conform.ts"));
  facts.keepMedia(true);
  return { ...facts, ...compare, conform };
}

if (!HAS_KIT) test.skip(`every recorded call, in every dialect (${KIT_MISSING})`, () => {});
else {
  const kit = await openKit();
  const recordings = readRecordings();

  const ask = (recording: Recording, client: string): { body: JsonObject; request: ChatRequest } | undefined => {
    const recorded = recording.request?.json;
    if (recorded === undefined) return undefined;
    const facts = kit.requestFacts(recording.format, recorded);
    facts.stream = isStreamed(recording);
    const isSame = client === recording.format;
    const body: JsonObject = isSame ? { model: "m", ...recorded } : kit.writeRequest(client, facts, "m").body;
    const hints = { model: "m", stream: isStreamed(recording) };
    return { body, request: CODECS[KIT_FORMATS[client]!].ingress.decodeRequest(body, hints) };
  };

  describe("what was asked in other formats, asked by our clients", () => {
    for (const recording of readRecordings(["openai.responses", "gemini", "bedrock.converse", "ollama.chat"])) {
      const recorded = recording.request?.json;
      const reason = UNASKABLE[recording.id];
      if (recorded === undefined) continue;
      if (reason !== undefined) {
        test.skip(`${recording.id} (${reason})`, () => {});
        continue;
      }
      test(recording.id, () => {
        const facts = kit.requestFacts(recording.format, recorded);
        for (const client of Object.keys(KIT_FORMATS)) {
          for (const upstream of Object.keys(KIT_FORMATS)) {
            const { body } = kit.writeRequest(client, facts, "m");
            const request = CODECS[KIT_FORMATS[client]!].ingress.decodeRequest(body, { model: "m" });
            const sent = CODECS[KIT_FORMATS[upstream]!].egress.encodeRequest(request, targetOf());
            const found: Difference[] = kit.compareRequest(
              kit.requestFacts(client, body),
              kit.requestFacts(upstream, sent),
              { sameFormat: client === upstream },
            );
            expect(found.filter(({ level }) => level === "hard")).toEqual([]);
          }
        }
      });
    }
  });

  for (const client of Object.keys(KIT_FORMATS)) {
    describe(`a client of ${client}`, () => {
      for (const recording of recordings) {
        const excuse = EXCUSED[`${client} ${recording.id}`];
        const modes = isStreamed(recording) ? [false, true] : [false];
        for (const isDisguised of modes) {
          const name = `${recording.id}${isDisguised ? ", byte by byte, CRLF, no spaces, comments" : ""}`;
          const run = (): Difference[] => {
            const asked = ask(recording, client);
            const hard: Difference[] = [];
            if (asked !== undefined) {
              const sent = CODECS[KIT_FORMATS[recording.format]!].egress.encodeRequest(asked.request, targetOf());
              const before = kit.requestFacts(client, asked.body);
              const after = kit.requestFacts(recording.format, sent);
              hard.push(...kit.compareRequest(before, after, { sameFormat: client === recording.format }));
            }
            const got = answer(recording, client, asked?.request ?? requestOf(), isDisguised);
            const facts = kit.responseFacts(client, got.status, got.contentType, got.text);
            // Judged as a translation even within one dialect: unchanged bytes are the business of another lane.
            hard.push(...kit.compareResponse({ ...(recording.expect as object), format: "recorded" }, facts, client));
            return hard.filter(({ level }) => level === "hard");
          };
          if (excuse === undefined) test(name, () => expect(run()).toEqual([]));
          else test.skip(`${name} (${excuse})`, () => {});
        }
      }
    });

    describe(`what a client of ${client} gets satisfies the vendor's schema`, () => {
      for (const recording of recordings) {
        test(recording.id, () => {
          const got = answer(recording, client, requestOf(), false);
          const found: string[] = kit.conform(client, got.status, got.contentType, got.text);
          // What the upstream itself did against its own schema is carried, not mended.
          const { status, headers, text = "" } = recording.response;
          const own: string[] =
            client === recording.format ? kit.conform(client, status, headers["content-type"] ?? "", text) : [];
          expect(found.filter((violation) => !own.includes(violation))).toEqual([]);
        });
      }
    });
  }
}
