/** Embeddings: as they are where the dialects agree, translated where they differ; numbers or bytes, as the client asked. */
import {
  type Codec,
  type EmbeddingAnswer,
  type EmbeddingRequest,
  type EmbeddingWords,
  type Json,
  type JsonObject,
  openaiChat,
  RelayError,
} from "../plugin/index.ts";
import type { PoolKey } from "../routing/key-pool.ts";
import type { Change } from "../routing/layers.ts";
import type { Target } from "../routing/resolve.ts";
import { admitOther } from "./admission.ts";
import { amendTop } from "./amend.ts";
import { lookAt } from "./asked.ts";
import { attempt } from "./attempt.ts";
import { readJsonBody } from "./body.ts";
import type { Call } from "./call.ts";
import { editBody } from "./edits.ts";
import { forwardedHeaders } from "./headers.ts";
import { Losses } from "./losses.ts";
import { askTogether, wrongCount } from "./together.ts";
import { resolveFor } from "./reach.ts";
import type { TopLevel } from "./scan.ts";
import { namedIn, namedPlace } from "./stored-answers.ts";
import { answerFrom, failureOf, Shape } from "./upstream.ts";
import { parseAnswer } from "./answer-text.ts";
import { answerWhole, readWhole } from "./whole.ts";
import { bufferOf } from "../wire/part.ts";

/** As many inputs as the vendor whose dialect most clients speak takes at once. */
const INPUTS_MAX = 2048;

/** Which form the first vector of an OpenAI answer has; looked for near its beginning. */
const FIRST_VECTOR = /"embedding"\s*:\s*(["[])/;
const FIRST_VECTOR_WITHIN = 4096;

const JSON_TYPE = "application/json";
const encoder = new TextEncoder();

export async function runEmbeddings(call: Call): Promise<Response> {
  const top = lookAt(call, await readJsonBody(call));
  const resolution = resolveFor(call.snapshot.router, call.identity, call.requestedModel);
  let untold: unknown;
  const targets = resolution.targets.filter((target) => {
    try {
      return codecFor(call, target) !== undefined;
    } catch (cause) {
      untold ??= cause;
      return false;
    }
  });
  if (targets.length === 0) {
    if (untold !== undefined) throw untold;
    throw new RelayError("not-found", "No provider of this model offers embeddings.", { wireCode: "not_found" });
  }
  await namedPlace(call, namedIn(call, top));
  return attempt(call, admitOther(call, { ...resolution, targets }, top.bytes), {
    tryOne: (target, key) => tryOne(call, top, target, key),
  });
}

/** The client's own dialect before any other. A provider without an upstream speaks OpenAI's. */
function codecFor({ route }: Call, { entry: { provider, codecs }, model }: Target): Codec | undefined {
  if (provider.operations?.has("embeddings") !== true) return undefined;
  if (provider.respond !== undefined) return openaiChat;
  if (provider.embeddingsIn !== undefined) return provider.embeddingsIn(model);
  const spoken = provider.rawCodecs ?? codecs;
  return spoken.find(({ id }) => id === route.codec.id) ?? spoken.find(({ embeddings }) => embeddings !== undefined);
}

async function tryOne(call: Call, top: TopLevel, target: Target, key: PoolKey): Promise<Response> {
  const codec = codecFor(call, target)!;
  const isSame = codec.id === call.route.codec.id;
  call.lane = isSame ? "raw" : "translate";
  call.dropped = undefined;
  try {
    const written = isSame
      ? await asItIs(call, top, target, key, codec)
      : await translated(call, top, target, key, codec);
    return answerWhole(call, written);
  } catch (cause) {
    call.abandonAttempt();
    throw failureOf(call, cause);
  }
}

async function asItIs(
  call: Call,
  top: TopLevel,
  { entry, model }: Target,
  key: PoolKey,
  codec: Codec,
): Promise<Uint8Array<ArrayBuffer>> {
  const path = call.route.upstreamPath ?? codec.embeddings!.path;
  const headers = forwardedHeaders(call.request.headers);
  const { embeddingWords } = entry.provider;
  const said = embeddingWords === undefined ? top : inWords(call, top, embeddingWords);
  const body = sameBody(call, said, model);
  const { query } = call;
  const shape = new Shape(call, "embeddings", codec, "POST", path, query, model, body, JSON_TYPE, headers, key.secret);
  const bytes = await readWhole(call, entry, await answerFrom(call, entry, key, shape));
  const written = isAsAsked(call, top, bytes) ? bytes : rewritten(call, top, bytes, codec);
  call.usage = countIn(bytes);
  return written;
}

/** In as many pieces as the vendor needs, put together again in the order of the inputs. */
async function translated(
  call: Call,
  top: TopLevel,
  { entry, model }: Target,
  key: PoolKey,
  codec: Codec,
): Promise<Uint8Array<ArrayBuffer>> {
  const { path, inputsMax, tokensHeader, encodeRequest, decodeAnswer } = codec.embeddings!;
  const { embeddingWords: words } = entry.provider;
  const request = requestOf(call, top);
  const losses = new Losses(call);
  const shapes = piecesOf(request, inputsMax?.(model)).map((piece) => {
    const body = encodeRequest(piece, {
      model,
      ...(words === undefined ? {} : { words }),
      lose: (field, reason) => losses.lose(nameOf(call, field), reason),
    });
    losses.settle(body, top);
    const bytes = encoder.encode(JSON.stringify(body)) as Uint8Array<ArrayBuffer>;
    return {
      inputs: piece.inputs.length,
      shape: new Shape(call, "embeddings", codec, "POST", path, "", model, bytes, JSON_TYPE, {}, key.secret),
    };
  });
  const answers = await askTogether(call, entry, key, shapes, (bytes, { header }) => {
    const answer = decodeAnswer(parseAnswer(bytes));
    const counted = tokensHeader === undefined ? undefined : countOf(header(tokensHeader));
    return counted === undefined ? answer : { ...answer, inputTokens: counted };
  });
  return writeAnswer(call, request, joined(answers));
}

/** What the client called it. */
function nameOf({ route }: Call, field: string): string {
  return field === "taskType" && route.codec.id === openaiChat.id ? "input_type" : field;
}

function countOf(text: string | null): number | undefined {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

function piecesOf(request: EmbeddingRequest, size = Number.POSITIVE_INFINITY): EmbeddingRequest[] {
  const { inputs } = request;
  if (inputs.length <= size) return [request];
  if (inputs.length > INPUTS_MAX) {
    throw new RelayError("bad-request", `At most ${INPUTS_MAX} inputs can be embedded in one call.`, {
      param: "input",
    });
  }
  return Array.from({ length: Math.ceil(inputs.length / size) }, (_, piece) => ({
    ...request,
    inputs: inputs.slice(piece * size, (piece + 1) * size),
  }));
}

/** A count of which a part is unknown is none. */
function joined(answers: readonly EmbeddingAnswer[]): EmbeddingAnswer {
  const [only] = answers;
  if (only !== undefined && answers.length === 1) return only;
  const vectors = answers.flatMap((answer) => answer.vectors);
  if (answers.some(({ inputTokens }) => inputTokens === undefined)) return { vectors };
  return { vectors, inputTokens: answers.reduce((sum, { inputTokens = 0 }) => sum + inputTokens, 0) };
}

/** The same request in the service's own words; every other byte stays. */
function inWords({ route }: Call, top: TopLevel, { dimensions, isFloatUnsaid }: EmbeddingWords): TopLevel {
  const changes: Change[] = [];
  if (dimensions !== undefined && top.find("dimensions") !== undefined) {
    changes.push({ type: "fill", name: dimensions, value: top.value("dimensions") as Json });
    changes.push({ type: "remove", name: "dimensions" });
  }
  if (isFloatUnsaid === true && top.value("encoding_format") === "float") {
    changes.push({ type: "remove", name: "encoding_format" });
  }
  return amendTop(top, changes, route.codec.layout!);
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
  return writeAnswer(call, requestOf(call, top), codec.embeddings!.decodeAnswer(parseAnswer(bytes)));
}

function writeAnswer(call: Call, request: EmbeddingRequest, answer: EmbeddingAnswer): Uint8Array<ArrayBuffer> {
  if (answer.vectors.length !== request.inputs.length) {
    throw wrongCount();
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
