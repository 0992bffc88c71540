/** Embeddings: as they are where the dialects agree, translated where they differ; numbers or bytes, as the client asked. */
import { type Codec, type EmbeddingRequest, type JsonObject, openaiChat, RelayError } from "../plugin/index.ts";
import type { ProviderEntry } from "../routing/entry.ts";
import type { PoolKey } from "../routing/key-pool.ts";
import type { Target } from "../routing/resolve.ts";
import { admitOther } from "./admission.ts";
import { lookAt } from "./asked.ts";
import { attempt } from "./attempt.ts";
import { readJsonBody } from "./body.ts";
import type { Call } from "./call.ts";
import { editBody } from "./edits.ts";
import { answerHeaders, forwardedHeaders } from "./headers.ts";
import { Losses } from "./losses.ts";
import { resolveFor } from "./reach.ts";
import type { TopLevel } from "./scan.ts";
import { answerFrom, failureOf, Shape } from "./upstream.ts";
import { parseAnswer } from "./answer-text.ts";
import { readWhole } from "./whole.ts";
import { bufferOf } from "../wire/part.ts";

/** Which form the first vector of an OpenAI answer has; looked for near its beginning. */
const FIRST_VECTOR = /"embedding"\s*:\s*(["[])/;
const FIRST_VECTOR_WITHIN = 4096;

const encoder = new TextEncoder();

export async function runEmbeddings(call: Call): Promise<Response> {
  const top = lookAt(call, await readJsonBody(call));
  const resolution = resolveFor(call.snapshot.router, call.identity, call.requestedModel);
  const targets = resolution.targets.filter(({ entry }) => codecFor(call, entry) !== undefined);
  if (targets.length === 0) {
    throw new RelayError("not-found", "No provider of this model offers embeddings.", { wireCode: "not_found" });
  }
  return attempt(call, admitOther(call, { ...resolution, targets }, top.bytes), {
    tryOne: (target, key) => tryOne(call, top, target, key),
  });
}

/** The client's own dialect before any other. A provider without an upstream speaks OpenAI's. */
function codecFor({ route }: Call, { provider, codecs }: ProviderEntry): Codec | undefined {
  if (provider.operations?.has("embeddings") !== true) return undefined;
  if (provider.respond !== undefined) return openaiChat;
  const spoken = provider.rawCodecs ?? codecs;
  return spoken.find(({ id }) => id === route.codec.id) ?? spoken.find(({ embeddings }) => embeddings !== undefined);
}

async function tryOne(call: Call, top: TopLevel, target: Target, key: PoolKey): Promise<Response> {
  const { entry, model } = target;
  const codec = codecFor(call, entry)!;
  const isSame = codec.id === call.route.codec.id;
  call.lane = isSame ? "raw" : "translate";
  call.dropped = undefined;
  const body = isSame ? sameBody(call, top, model) : otherBody(call, top, model, codec);
  const path = isSame ? (call.route.upstreamPath ?? codec.embeddings!.path) : codec.embeddings!.path;
  const query = isSame ? call.query : "";
  const headers = isSame ? forwardedHeaders(call.request.headers) : {};
  const type = "application/json";
  const shape = new Shape(call, "embeddings", codec, "POST", path, query, model, body, type, headers, key.secret);
  try {
    const bytes = await readWhole(call, entry, await answerFrom(call, entry, key, shape));
    const written = isSame && isAsAsked(call, top, bytes) ? bytes : rewritten(call, top, bytes, codec);
    if (isSame) call.usage = countIn(bytes);
    call.bytesOut = written.length;
    call.firstByteMs = call.services.clock.monotonic();
    const answer = answerHeaders(call, type);
    call.end(200);
    return new Response(written, { status: 200, headers: answer });
  } catch (cause) {
    call.abandonAttempt();
    throw failureOf(call, cause);
  }
}

/** Untouched but for the model's name, which in a batch stands beside every input. */
function sameBody(call: Call, top: TopLevel, model: string): Uint8Array<ArrayBuffer> {
  if (call.said?.model === undefined) return editBody(top, call.requestedModel, model, false).body;
  if (call.requestedModel === model) return top.bytes;
  const body: JsonObject = top.parse();
  const rename = (entry: JsonObject): JsonObject =>
    entry["model"] === undefined ? entry : { ...entry, model: `models/${model}` };
  const { requests } = body;
  const renamed = Array.isArray(requests)
    ? { ...body, requests: requests.map((entry) => rename(entry as JsonObject)) }
    : body;
  return encoder.encode(JSON.stringify(rename(renamed))) as Uint8Array<ArrayBuffer>;
}

function otherBody(call: Call, top: TopLevel, model: string, codec: Codec): Uint8Array<ArrayBuffer> {
  const losses = new Losses(call);
  const body = codec.embeddings!.encodeRequest(requestOf(call, top), { model, lose: losses.lose });
  losses.settle(body, top);
  return encoder.encode(JSON.stringify(body)) as Uint8Array<ArrayBuffer>;
}

function requestOf(call: Call, top: TopLevel): EmbeddingRequest {
  return call.route.codec.embeddings!.decodeRequest(top.parse(), { model: call.requestedModel });
}

/** Some servers answer with numbers whatever they are asked, and clients that asked for bytes read nothing else. */
function isAsAsked(call: Call, top: TopLevel, bytes: Uint8Array): boolean {
  if (call.route.codec.id !== openaiChat.id) return true;
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, FIRST_VECTOR_WITHIN)).toString(
    "latin1",
  );
  const first = FIRST_VECTOR.exec(head)?.[1];
  return first === undefined || (first === '"') === (top.value("encoding_format") === "base64");
}

function rewritten(call: Call, top: TopLevel, bytes: Uint8Array, codec: Codec): Uint8Array<ArrayBuffer> {
  const answer = codec.embeddings!.decodeAnswer(parseAnswer(bytes));
  const request = requestOf(call, top);
  if (answer.vectors.length !== request.inputs.length) {
    throw new RelayError("upstream-malformed", "The upstream gave another number of vectors than it was asked for.");
  }
  if (answer.inputTokens !== undefined) call.usage = { inputTokens: answer.inputTokens };
  const body = call.route.codec.embeddings!.encodeAnswer(answer, request);
  return encoder.encode(JSON.stringify(body)) as Uint8Array<ArrayBuffer>;
}

/** The count stands behind the vectors: only the end of the answer is looked at. */
function countIn(bytes: Uint8Array): Call["usage"] {
  const tail = bufferOf(bytes).toString("latin1", Math.max(0, bytes.length - 512));
  const tokens = /"(?:prompt_tokens|input_tokens|promptTokenCount)"\s*:\s*(\d+)/.exec(tail)?.[1];
  return tokens === undefined ? undefined : { inputTokens: Number(tokens) };
}
