/** Raw lane: everything under `/v1` that is not chat travels as it is, but for the model's name. */
import type { Answer } from "../net/answer.ts";
import { RelayError, type UpstreamCall } from "../plugin/index.ts";
import type { ProviderEntry } from "../routing/entry.ts";
import type { PoolKey } from "../routing/key-pool.ts";
import type { Resolution, Target } from "../routing/resolve.ts";
import { admitChat, admitOther } from "./admission.ts";
import { amendTop } from "./amend.ts";
import { attempt } from "./attempt.ts";
import { readJsonBody } from "./body.ts";
import type { Call } from "./call.ts";
import { type Source, streamToClient } from "./client-stream.ts";
import { editBody } from "./edits.ts";
import { readForm } from "./forms.ts";
import { forwardedHeaders, returnedHeaders } from "./headers.ts";
import { atPlace, unknownObject } from "./object-places.ts";
import { UsageAtEnd, usageIn } from "./raw-usage.ts";
import { resolveFor } from "./reach.ts";
import type { Reference } from "./references.ts";
import { scanTopLevel, type TopLevel } from "./scan.ts";
import { namedIn, namedPlace } from "./stored-answers.ts";
import { answerFrom, failureOf, Shape } from "./upstream.ts";
import { validateFields } from "./validate.ts";
import { answerWhole, readWhole } from "./whole.ts";

/** Answers up to this size are read whole, so that a broken one can still be tried elsewhere and usage is known. */
const WHOLE_BYTES_MAX = 1024 * 1024;

/** More than any vendor makes in one call. */
const PICTURES_MAX = 100;

type Body = UpstreamCall["body"];

/** Makes the body for one upstream model; `isRepeatable` false = it can be sent once only. */
export interface RawBody {
  readonly model: string;
  /** The request names no model, and this is what the vendor takes then. */
  readonly isUsual?: boolean;
  readonly contentType: string;
  readonly isRepeatable: boolean;
  /** What it names that lies with a vendor. */
  readonly names?: readonly Reference[];
  /** Holds the call against its caller's limits. */
  admit(resolution: Resolution): Resolution;
  forModel(model: string, entry: ProviderEntry): Body;
}

export async function runRaw(call: Call): Promise<Response> {
  const { body, alsoJson } = call.route;
  const isJson = alsoJson === true && /^application\/json\b/i.test(call.request.headers.get("content-type") ?? "");
  if (body !== "multipart" || isJson) return routed(call, await readJson(call));
  const form = await readForm(call);
  try {
    return await routed(call, form);
  } finally {
    await form.release();
  }
}

async function routed(call: Call, body: RawBody): Promise<Response> {
  call.requestedModel = body.model;
  return passOn(call, resolveNamed(call, body), body);
}

/** Throws `model-not-found`, or `bad-request` where the request names none and the usual one is not served. */
export function resolveNamed(call: Call, { model, isUsual }: Pick<RawBody, "model" | "isUsual">): Resolution {
  try {
    return resolveFor(call.snapshot.router, call.identity, model);
  } catch (cause) {
    if (isUsual !== true || !RelayError.is(cause) || cause.code !== "model-not-found") throw cause;
    throw missingModel(`, and nobody here serves "${model}", which is what it means then; name one of /v1/models.`);
  }
}

function missingModel(more: string): RelayError {
  return new RelayError("bad-request", `The field "model" is missing${more}`, {
    param: "model",
    wireCode: "missing_required_parameter",
  });
}

export async function passOn(call: Call, resolution: Resolution, body: RawBody): Promise<Response> {
  const targets = serving(call, resolution);
  if (targets.length > 0) {
    const named = await namedPlace(call, body.names ?? []);
    if (named !== undefined) {
      const target = targets.find(({ entry }) => entry === named.place.entry);
      if (target === undefined) throw unknownObject(named.param);
      body.admit({ ...resolution, targets: [target] });
      return atPlace(call, named.place, target.model, () => tryOne(call, body, target, named.place.key));
    }
    const admitted = body.admit({ ...resolution, targets });
    return attempt(call, admitted, { tryOne: (target, key) => tryOne(call, body, target, key) });
  }
  throw new RelayError("not-found", `No provider of this model offers ${call.route.path}.`, { wireCode: "not_found" });
}

/** Only providers that have this operation; the others would answer nonsense. */
export function serving(call: Call, resolution: Resolution): readonly Target[] {
  const { operation, codec } = call.route;
  return resolution.targets.filter(({ entry: { provider, codecs } }) => {
    if (provider.operations?.has(operation) !== true) return false;
    return provider.respond !== undefined || (provider.rawCodecs ?? codecs).some(({ id }) => id === codec.id);
  });
}

async function readJson(call: Call): Promise<RawBody> {
  const top = scanTopLevel(await readJsonBody(call));
  const { usualModel, unusualWith = [] } = call.route;
  validateFields(top, call.route, usualModel === undefined ? undefined : "model");
  const field = top.find("model") === undefined ? unusualWith.find((name) => top.find(name) !== undefined) : undefined;
  if (field !== undefined) throw missingModel(`: with "${field}" the request has to name the model that takes it.`);
  return jsonBody(call, top);
}

export function jsonBody(call: Call, top: TopLevel): RawBody {
  call.streaming = top.kind("stream") === 0x74;
  if (call.route.operation === "images") call.images = picturesIn(top.value("n"));
  return {
    model: top.text("model") ?? call.route.usualModel!,
    isUsual: top.find("model") === undefined,
    contentType: "application/json",
    isRepeatable: true,
    names: namedIn(call, top),
    admit: (resolution) =>
      call.route.operation === "completions"
        ? admitChat(call, resolution, top)
        : admitOther(call, resolution, top.bytes),
    forModel: (model, entry) => editBody(wished(call, top, model, entry), call.requestedModel, model, false).body,
  };
}

/** One unless the request says otherwise. */
function picturesIn(n: unknown): number {
  return typeof n === "number" && n >= 1 ? Math.min(Math.ceil(n), PICTURES_MAX) : 1;
}

/** Completions know the parameters of chat, but no instructions. */
function wished(call: Call, top: TopLevel, model: string, { layers }: ProviderEntry): TopLevel {
  const wishes = call.route.operation === "completions" ? layers?.(call.requestedModel, model) : undefined;
  if (wishes === undefined) return top;
  const changes = [...wishes.client, ...wishes.upstream].filter(({ type }) => type !== "prompt");
  return amendTop(top, changes, call.route.codec.layout!);
}

/** `read`: told of a whole JSON answer before the client gets it. */
export async function tryOne(
  call: Call,
  body: RawBody,
  { entry, model }: Target,
  key: PoolKey,
  read?: (bytes: Uint8Array) => Promise<void>,
): Promise<Response> {
  const { route } = call;
  call.lane = "raw";
  const shape = new Shape(
    call,
    route.operation,
    route.codec,
    route.method,
    route.upstreamPath ?? route.path.slice("/v1".length),
    call.query,
    model,
    body.forModel(model, entry),
    body.contentType,
    forwardedHeaders(call.request.headers),
    key.secret,
  );
  try {
    return await pass(call, entry, await answerFrom(call, entry, key, shape), read);
  } catch (cause) {
    const failure = failureOf(call, cause);
    call.abandonAttempt();
    throw body.isRepeatable ? failure : unrepeatable(failure);
  }
}

/** An upload that has begun cannot be sent a second time. */
export function unrepeatable(failure: RelayError): RelayError {
  const { code, message, status, retry, isForModel } = failure;
  if (retry === "never") return failure;
  return new RelayError(code, message, {
    ...{ cause: failure, status, retry: "never" },
    ...(isForModel ? { isForModel } : {}),
  });
}

/** `read`: told of a whole JSON answer before the client gets it. */
export async function pass(
  call: Call,
  entry: ProviderEntry,
  answer: Answer,
  read?: (bytes: Uint8Array) => Promise<void>,
): Promise<Response> {
  const contentType = answer.header("content-type") ?? "application/octet-stream";
  const isJson = /^application\/json\b/i.test(contentType);
  if (
    (answer.length ?? Number.POSITIVE_INFINITY) <= WHOLE_BYTES_MAX ||
    (isJson && answer.length === undefined && !call.streaming)
  ) {
    const bytes = await readWhole(call, entry, answer);
    if (isJson) call.usage = usageIn(bytes);
    if (isJson && read !== undefined) await read(bytes);
    const response = answerWhole(call, bytes, contentType);
    returnedHeaders(answer, response.headers);
    return response;
  }
  call.firstByteMs = call.services.clock.monotonic();
  call.idleMs = entry.timeouts.idleMs;
  const fail = (cause: unknown): never => {
    throw failureOf(call, cause);
  };
  const counted = isJson || /^text\/event-stream\b/i.test(contentType) ? new UsageAtEnd() : undefined;
  const seen = (chunk: Uint8Array<ArrayBuffer> | null): Uint8Array<ArrayBuffer> | null => {
    if (chunk !== null) counted?.see(chunk);
    else call.usage = counted?.read();
    return chunk;
  };
  const source: Source = {
    next() {
      call.lastByteMs = call.services.active.now;
      const chunk = answer.read();
      return chunk instanceof Promise ? chunk.then(seen, fail) : seen(chunk);
    },
    stop: () => call.abandonAttempt(),
  };
  const streamed = streamToClient(call, source, undefined, contentType);
  returnedHeaders(answer, streamed.headers);
  return streamed;
}
