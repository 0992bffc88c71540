/** Counts the tokens of a request by asking who would answer it; nothing that goes wrong here is held against a key. */
import { anthropicMessages, type ChatRequest, type Codec, type JsonObject, RelayError } from "../plugin/index.ts";
import { isKey, type PoolKey } from "../routing/key-pool.ts";
import type { Target } from "../routing/resolve.ts";
import { lookAt } from "./asked.ts";
import { recalled } from "./kept-answers.ts";
import { mayNotPass } from "./may-not-pass.ts";
import { continuedIn, continuedPlace } from "./stored-answers.ts";
import { readJsonBody } from "./body.ts";
import type { Call } from "./call.ts";
import { editBody } from "./edits.ts";
import { estimateTokens } from "./estimate.ts";
import { forwardedHeaders } from "./headers.ts";
import { resolveFor } from "./reach.ts";
import type { TopLevel } from "./scan.ts";
import { answerFrom, failureOf, Shape } from "./upstream.ts";
import { parseAnswer } from "./answer-text.ts";
import { answerWhole, readWhole } from "./whole.ts";

const encoder = new TextEncoder();

export async function runCountTokens(call: Call): Promise<Response> {
  const top = recalled(call, lookAt(call, await readJsonBody(call)));
  const resolution = resolveFor(call.snapshot.router, call.identity, call.requestedModel);
  const continued = continuedIn(call, top);
  const place = continued === undefined ? undefined : await continuedPlace(call, continued, resolution);
  let last: RelayError | undefined;
  for (const target of resolution.targets) {
    if (place !== undefined && target.entry !== place.entry) continue;
    const codec = codecFor(call, target);
    const key = codec === undefined ? undefined : (place?.key ?? target.entry.keys.pick(undefined));
    if (codec === undefined || key === undefined || !isKey(key)) continue;
    call.key = key;
    call.model = target.model;
    try {
      return await ask(call, top, target, key, codec);
    } catch (cause) {
      last = call.blame(RelayError.from(cause));
      if (call.abortReason !== undefined) throw call.abortReason;
      // Servers that lack the path say so with a status; what is wrong with the request is for the client to know.
      if (last.retry === "never" && !isMissing(last)) throw last;
    }
  }
  // What lies elsewhere cannot even be guessed.
  const isWhole = continued?.from === undefined;
  if (isWhole && call.snapshot.config.modelRouting.countTokens === "estimate") return estimated(call, top);
  if (last !== undefined && !isMissing(last)) throw last;
  throw new RelayError(
    "not-found",
    "No provider of this model counts tokens. (model_routing.count_tokens: estimate answers with a guess.)",
    { wireCode: "not_found" },
  );
}

function isMissing({ status }: RelayError): boolean {
  return status === 404 || status === 405 || status === 501;
}

/** The client's own dialect before any other. A provider without an upstream counts as Anthropic does. */
function codecFor({ route }: Call, { entry: { provider, codecs, codecsOf }, model }: Target): Codec | undefined {
  if (provider.operations?.has("count-tokens") !== true) return undefined;
  if (provider.respond !== undefined) return anthropicMessages;
  const spoken = provider.rawCodecs ?? codecsOf?.(model) ?? codecs;
  return spoken.find(({ id }) => id === route.codec.id) ?? spoken.find(({ counting }) => counting !== undefined);
}

async function ask(call: Call, top: TopLevel, { entry, model }: Target, key: PoolKey, codec: Codec): Promise<Response> {
  const counting = codec.counting!;
  const isSame = codec.id === call.route.codec.id;
  const isPassed = isSame && !mayNotPass(top.bytes, call.route.codec, codec, { entry, model });
  call.lane = isPassed ? "raw" : "translate";
  const body = isPassed ? sameBody(call, top, model) : otherBody(call, top, { entry, model }, codec);
  const query = isSame ? call.query : "";
  const headers = isSame ? forwardedHeaders(call.request.headers) : {};
  const type = "application/json";
  const { path } = counting;
  const shape = new Shape(call, "count-tokens", codec, "POST", path, query, model, body, type, headers, key.secret);
  try {
    const bytes = await readWhole(call, entry, await answerFrom(call, entry, key, shape));
    const tokens = counting.decodeCount(parseAnswer(bytes));
    // A count of nothing would tell clients that they have all the room there is.
    if (tokens <= 0) throw new RelayError("upstream-malformed", "The upstream counted no tokens at all.");
    return isSame ? finish(call, bytes) : write(call, call.route.codec.counting!.encodeCount(tokens));
  } catch (cause) {
    call.abandonAttempt();
    throw failureOf(call, cause);
  }
}

function sameBody(call: Call, top: TopLevel, model: string): Uint8Array<ArrayBuffer> {
  return call.said?.model === undefined ? editBody(top, call.requestedModel, model, false).body : top.bytes;
}

function otherBody(call: Call, top: TopLevel, { entry, model }: Target, codec: Codec): Uint8Array<ArrayBuffer> {
  // What is lost on the way counts for nothing much, and a count is not worth refusing over it.
  const target = { model, traits: entry.traits(model), lose: () => {} };
  const body = codec.counting!.encodeRequest({ ...requestOf(call, top), model }, target);
  return encoder.encode(JSON.stringify(body)) as Uint8Array<ArrayBuffer>;
}

function requestOf(call: Call, top: TopLevel): ChatRequest {
  return call.route.codec.counting!.decodeRequest(top.parse(), { model: call.requestedModel });
}

function estimated(call: Call, top: TopLevel): Response {
  call.lane = "translate";
  const tokens = estimateTokens(requestOf(call, top));
  return write(call, call.route.codec.counting!.encodeCount(tokens), true);
}

function write(call: Call, body: JsonObject, isEstimated = false): Response {
  return finish(call, encoder.encode(JSON.stringify(body)) as Uint8Array<ArrayBuffer>, isEstimated);
}

function finish(call: Call, bytes: Uint8Array<ArrayBuffer>, isEstimated = false): Response {
  const response = answerWhole(call, bytes);
  if (isEstimated) response.headers.set("x-relay-estimated", "true");
  return response;
}
