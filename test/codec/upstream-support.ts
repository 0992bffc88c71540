/** What the tests of dialects share that only upstreams speak: their codecs, their fixtures, translating into them. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { bedrockConverse } from "../../src/codec/bedrock-converse/index.ts";
import { cohere } from "../../src/codec/cohere/index.ts";
import { bedrockInvokeClaude, vertexClaude } from "../../src/codec/hosted-claude/index.ts";
import { ollama } from "../../src/codec/ollama/index.ts";
import type { ChatEvent, JsonObject } from "../../src/contract/chat.ts";
import type { Codec, Egress, Frame, Traits } from "../../src/contract/codec.ts";
import { CODECS, type Dialect, targetOf } from "./support.ts";

export const UPSTREAM_CODECS = {
  "bedrock-converse": bedrockConverse,
  "bedrock-invoke-claude": bedrockInvokeClaude,
  "vertex-claude": vertexClaude,
  ollama,
  cohere,
} as const satisfies Record<string, Codec & { egress: Egress }>;
export type UpstreamDialect = keyof typeof UPSTREAM_CODECS;
export const UPSTREAM_DIALECTS = Object.keys(UPSTREAM_CODECS) as UpstreamDialect[];

/** Translates a client's request body; `lost` names the fields that did not make it. */
export function translateTo(to: UpstreamDialect, body: JsonObject, from: Dialect = "openai-chat", traits: Traits = {}) {
  const target = targetOf(traits);
  const sent = UPSTREAM_CODECS[to].egress.encodeRequest(CODECS[from].ingress.decodeRequest(body), target);
  return { sent, lost: target.lost };
}

/** The frames of a stream whose bytes came in these pieces. */
export function deframe(dialect: UpstreamDialect, pieces: Iterable<Uint8Array>): Frame[] {
  const read = UPSTREAM_CODECS[dialect].framing.decoder();
  const frames: Frame[] = [];
  for (const piece of pieces) frames.push(...read(piece));
  return [...frames, ...read(null)];
}

export function readEvents(dialect: UpstreamDialect, frames: Iterable<Frame>): ChatEvent[] {
  const read = UPSTREAM_CODECS[dialect].egress.streamDecoder();
  const events: ChatEvent[] = [];
  for (const frame of frames) events.push(...read(frame));
  return [...events, ...read(null)];
}

export interface UpstreamCase {
  readonly name: string;
  readonly dialect: UpstreamDialect;
  readonly response?: JsonObject;
  readonly stream?: Uint8Array;
}

const FIXTURES = join(import.meta.dir, "../fixtures");

/**
 * `stream.txt` holds the bytes; where the envelope is binary, `stream.jsonl` holds one frame per line instead, as
 * `{"event": ..., "data": {...}}`.
 */
function readStream(dialect: UpstreamDialect, folder: string): Uint8Array | undefined {
  const text = join(folder, "stream.txt");
  if (existsSync(text)) return readFileSync(text);
  const lines = join(folder, "stream.jsonl");
  if (!existsSync(lines)) return undefined;
  const frames = readFileSync(lines, "utf8")
    .trim()
    .split("\n")
    .map((line) => {
      const { event, data } = JSON.parse(line) as { event: string; data: JsonObject };
      return { event, data: JSON.stringify(data) };
    });
  return UPSTREAM_CODECS[dialect].framing.encode(frames);
}

export function readUpstreamFixtures(): UpstreamCase[] {
  return UPSTREAM_DIALECTS.flatMap((dialect) =>
    readdirSync(join(FIXTURES, dialect), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }): UpstreamCase => {
        const folder = join(FIXTURES, dialect, name);
        const response = join(folder, "response.json");
        const stream = readStream(dialect, folder);
        return {
          name: `${dialect}/${name}`,
          dialect,
          ...(existsSync(response) ? { response: JSON.parse(readFileSync(response, "utf8")) } : {}),
          ...(stream === undefined ? {} : { stream }),
        };
      }),
  );
}
