/** Raw lane: everything under `/v1` that is not chat travels as it is, but for the model's name. */
import { join } from "../net/bytes.ts";
import type { Answer } from "../net/answer.ts";
import { RelayError, type UpstreamCall, type Usage } from "../plugin/index.ts";
import type { ProviderEntry } from "../routing/entry.ts";
import type { PoolKey } from "../routing/key-pool.ts";
import type { Resolution, Target } from "../routing/resolve.ts";
import { admitChat, admitOther } from "./admission.ts";
import { amendTop } from "./amend.ts";
import { attempt } from "./attempt.ts";
import { declaredLength, readJsonBody } from "./body.ts";
import type { Call } from "./call.ts";
import { type Source, streamToClient } from "./client-stream.ts";
import { editBody } from "./edits.ts";
import { answerHeaders, forwardedHeaders, returnedHeaders } from "./headers.ts";
import { boundaryOf, findField } from "./multipart.ts";
import { resolveFor } from "./reach.ts";
import { scanTopLevel, type TopLevel } from "./scan.ts";
import { splice } from "./splice.ts";
import { answerFrom, failureOf, Shape } from "./upstream.ts";
import { validateFields } from "./validate.ts";
import { readWhole } from "./whole.ts";

/** Answers up to this size are read whole, so that a broken one can still be tried elsewhere and usage is known. */
const WHOLE_BYTES_MAX = 1024 * 1024;

/** More than any vendor makes in one call. */
const PICTURES_MAX = 100;

/** The runtime's own type of a body's reader has more members than the standard's; only these are used. */
interface UploadReader {
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

type Body = UpstreamCall["body"];

/** Makes the body for one upstream model; `isRepeatable` false = it can be sent once only. */
export interface RawBody {
  readonly model: string;
  readonly contentType: string;
  readonly isRepeatable: boolean;
  /** Holds the call against its caller's limits. */
  admit(resolution: Resolution): Resolution;
  forModel(model: string, entry: ProviderEntry): Body;
}

export async function runRaw(call: Call): Promise<Response> {
  const body = call.route.body === "multipart" ? await readForm(call) : await readJson(call);
  call.requestedModel = body.model;
  return passOn(call, resolveFor(call.snapshot.router, call.identity, body.model), body);
}

export async function passOn(call: Call, resolution: Resolution, body: RawBody): Promise<Response> {
  const targets = serving(call, resolution);
  if (targets.length > 0) {
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
  validateFields(top, call.route);
  return jsonBody(call, top);
}

export function jsonBody(call: Call, top: TopLevel): RawBody {
  call.streaming = top.kind("stream") === 0x74;
  if (call.route.operation === "images") call.images = picturesIn(top.value("n"));
  return {
    model: top.value("model") as string,
    contentType: "application/json",
    isRepeatable: true,
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

/** A form is read until its model is known; what follows is passed on as it comes. */
async function readForm(call: Call): Promise<RawBody> {
  const { request } = call;
  const { limits } = call.snapshot.config;
  const contentType = request.headers.get("content-type");
  const boundary = boundaryOf(contentType);
  const length = declaredLength(request, limits.maxUpload, "limits.max_upload");
  const isSmall = length !== undefined && length <= limits.maxBody;
  if (request.body === null) throw new RelayError("bad-request", "The request has no body; a form was expected.");

  const reader: UploadReader = request.body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  let isWhole = false;
  let bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  let model: ReturnType<typeof findField>;
  /** Looking again from the start costs; so the next look waits until there is twice as much. */
  let lookAt = 1;
  for (;;) {
    const { done, value } = await readFrom(reader);
    if (done || value === undefined) isWhole = true;
    else {
      size += value.length;
      call.bytesIn = size;
      call.hold(value.length);
      chunks.push(value);
    }
    if (isWhole || (size >= lookAt && !isSmall)) {
      bytes = join(chunks, size);
      model = findField(bytes, boundary, "model", isWhole);
      lookAt = size * 2;
      if (model !== undefined) break;
    }
    if (size > limits.maxBody) {
      reader.cancel().catch(() => {});
      throw new RelayError(
        "body-too-large",
        `The form's "model" is not among its first ${limits.maxBody} bytes (limits.max_body); put it before the files.`,
        { wireCode: "request_too_large", param: "model" },
      );
    }
  }
  if (model === null || model.value === "") {
    throw new RelayError("bad-request", 'The field "model" is missing; it must be a non-empty string.', {
      param: "model",
      wireCode: "missing_required_parameter",
    });
  }
  const field = model;
  const edited = (name: string) =>
    name === field.value ? bytes : splice(bytes, [{ start: field.start, end: field.end, text: name }]);
  return {
    model: field.value,
    contentType: contentType!,
    isRepeatable: isWhole,
    // How many tokens are in sounds and pictures nobody can tell from their bytes.
    admit: (resolution) => admitOther(call, resolution, undefined),
    forModel: (name) => (isWhole ? edited(name) : joined(call, edited(name), reader, limits.maxUpload)),
  };
}

async function readFrom(reader: UploadReader) {
  try {
    return await reader.read();
  } catch (cause) {
    throw new RelayError("client-closed", "The client left before its body was complete.", { cause });
  }
}

/** A form nobody looks into, at the upstream's pace. Throws 413 and 415. */
export function upload(call: Call): ReadableStream<Uint8Array> {
  const { request } = call;
  const { maxUpload } = call.snapshot.config.limits;
  boundaryOf(request.headers.get("content-type"));
  declaredLength(request, maxUpload, "limits.max_upload");
  if (request.body === null) throw new RelayError("bad-request", "The request has no body; a form was expected.");
  return joined(call, new Uint8Array(0), request.body.getReader(), maxUpload);
}

/** The bytes already read, then the rest of the upload at the upstream's pace. */
function joined(call: Call, first: Uint8Array, reader: UploadReader, limit: number): ReadableStream<Uint8Array> {
  let head: Uint8Array | undefined = first;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (head !== undefined) {
          const first = head;
          head = undefined;
          if (first.length > 0) return controller.enqueue(first);
        }
        const { done, value } = await reader.read();
        if (done || value === undefined) return controller.close();
        call.bytesIn += value.length;
        if (call.bytesIn > limit) return controller.error(new Error("the upload is larger than limits.max_upload"));
        controller.enqueue(value);
      },
      cancel: () => reader.cancel(),
    },
    { highWaterMark: 0 },
  );
}

async function tryOne(call: Call, body: RawBody, { entry, model }: Target, key: PoolKey): Promise<Response> {
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
    return await pass(call, entry, await answerFrom(call, entry, key, shape));
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
    call.bytesOut = bytes.length;
    call.firstByteMs = call.services.clock.monotonic();
    const headers = answerHeaders(call, contentType);
    returnedHeaders(answer, headers);
    call.end(200);
    return new Response(bytes, { status: 200, headers });
  }
  call.firstByteMs = call.services.clock.monotonic();
  call.idleMs = entry.timeouts.idleMs;
  const fail = (cause: unknown): never => {
    throw failureOf(call, cause);
  };
  const source: Source = {
    next() {
      call.lastByteMs = call.services.active.now;
      const chunk = answer.read();
      return chunk instanceof Promise ? chunk.catch(fail) : chunk;
    },
    stop: () => call.abandonAttempt(),
  };
  const streamed = streamToClient(call, source, undefined, contentType);
  returnedHeaders(answer, streamed.headers);
  return streamed;
}

/** `usage` of OpenAI-shaped answers, whichever of its two spellings. */
function usageIn(bytes: Uint8Array): Usage | undefined {
  try {
    const { usage } = JSON.parse(new TextDecoder().decode(bytes)) as { usage?: Record<string, unknown> };
    if (typeof usage !== "object" || usage === null) return undefined;
    const input = usage["prompt_tokens"] ?? usage["input_tokens"];
    const output = usage["completion_tokens"] ?? usage["output_tokens"];
    return {
      ...(typeof input === "number" ? { inputTokens: input } : {}),
      ...(typeof output === "number" ? { outputTokens: output } : {}),
    };
  } catch {
    return undefined;
  }
}
