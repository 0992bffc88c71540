/** A vendor on loopback that speaks any upstream's dialect: it answers with the fixtures, or fails in its own words. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ChatResponse, JsonObject } from "../../src/contract/chat.ts";
import type { Codec, Egress, Frame } from "../../src/contract/codec.ts";
import { CODECS } from "../codec/support.ts";
import { UPSTREAM_CODECS } from "../codec/upstream-support.ts";
import type { Received, Reply } from "../support/upstream.ts";
import type { ProviderRow, VendorDialect } from "./provider-table.ts";

const FIXTURES = join(import.meta.dir, "../fixtures");

export function codecOf(dialect: VendorDialect): Codec & { readonly egress: Egress } {
  return { ...CODECS, ...UPSTREAM_CODECS }[dialect];
}

export type Part = "text" | "tools";

function folderOf(dialect: VendorDialect, part: Part): string {
  if (part === "text") return join(FIXTURES, dialect, "text");
  const parallel = join(FIXTURES, dialect, "parallel-tools");
  return existsSync(parallel) ? parallel : join(FIXTURES, dialect, "thinking-and-tools");
}

export function wholeOf(dialect: VendorDialect, part: Part): JsonObject {
  return JSON.parse(readFileSync(join(folderOf(dialect, part), "response.json"), "utf8")) as JsonObject;
}

export function bytesOf(dialect: VendorDialect, part: Part): Uint8Array {
  const folder = folderOf(dialect, part);
  const text = join(folder, "stream.txt");
  if (existsSync(text)) return readFileSync(text);
  const lines = readFileSync(join(folder, "stream.jsonl"), "utf8").trim().split("\n");
  const frames = lines.map((line): Frame => {
    const { event, data } = JSON.parse(line) as { event: string; data: JsonObject };
    return { event, data: JSON.stringify(data) };
  });
  return codecOf(dialect).framing.encode(frames);
}

/** What the fixture says, in the house language. */
export function answerOf(dialect: VendorDialect, part: Part): ChatResponse {
  return codecOf(dialect).egress.decodeResponse(wholeOf(dialect, part));
}

/** The first frame of a stream that fails before it says anything. */
export function failingStream(dialect: VendorDialect): Uint8Array {
  const { framing } = codecOf(dialect);
  const message = "The vendor is overloaded.";
  const frames: Record<VendorDialect, Frame> = {
    "openai-chat": { data: JSON.stringify({ error: { message, type: "server_error", code: "overloaded" } }) },
    "anthropic-messages": {
      event: "error",
      data: JSON.stringify({ type: "error", error: { type: "overloaded_error", message } }),
    },
    "vertex-claude": {
      event: "error",
      data: JSON.stringify({ type: "error", error: { type: "overloaded_error", message } }),
    },
    gemini: { data: JSON.stringify({ error: { code: 503, message, status: "UNAVAILABLE" } }) },
    "bedrock-converse": { event: "exception", data: JSON.stringify({ type: "serviceUnavailableException", message }) },
    "bedrock-invoke-claude": {
      event: "exception",
      data: JSON.stringify({ type: "serviceUnavailableException", message }),
    },
    ollama: { data: JSON.stringify({ error: message }) },
    cohere: { data: JSON.stringify({ message }) },
  };
  return framing.encode([frames[dialect]]);
}

/** In what each vendor calls it, so that only its own reader understands. */
export function errorBody(dialect: VendorDialect, message: string): JsonObject {
  switch (dialect) {
    case "bedrock-converse":
    case "bedrock-invoke-claude":
    case "cohere":
      return { message };
    case "ollama":
      return { error: message };
    case "anthropic-messages":
    case "vertex-claude":
      return { type: "error", error: { type: "some_error", message } };
    case "gemini":
      return { error: { code: 400, message, status: "SOMETHING" } };
    default:
      return { error: { message, type: "some_error", param: null, code: null } };
  }
}

export function isStreamed({ path, query, text }: Received, row: ProviderRow): boolean {
  if (row.streamed !== row.whole) return path + query === row.streamed;
  return (JSON.parse(text) as { stream?: boolean }).stream === true;
}

export function streamReply(dialect: VendorDialect, chunks: NonNullable<Reply["chunks"]>): Reply {
  const [contentType] = codecOf(dialect).framing.contentType.split(";");
  return { headers: { "content-type": contentType! }, chunks };
}

/** The vendor of a row: lends tokens where it is asked for some, and does with calls what the test says. */
export function vendorOf(row: ProviderRow, answer: (received: Received) => Reply) {
  return (received: Received): Reply => {
    if (row.tokens?.path === received.path) {
      return { json: { access_token: row.tokens.value, expires_in: 3600, token_type: "Bearer" } };
    }
    return answer(received);
  };
}

/** Answers as the fixture does, whole or streamed as asked. */
export function goodAnswer(row: ProviderRow, part: Part, cut: (bytes: Uint8Array) => Uint8Array[] = (all) => [all]) {
  return (received: Received): Reply =>
    isStreamed(received, row)
      ? streamReply(row.dialect, cut(bytesOf(row.dialect, part)))
      : { json: wholeOf(row.dialect, part) };
}
