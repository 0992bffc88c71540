/** Files, batches, threads …: each lies with one upstream under one key, and all that follows must go to the same. */
import { type JsonObject, RelayError, type UpstreamCall } from "../plugin/index.ts";
import type { ProviderEntry } from "../routing/entry.ts";
import type { Resolution } from "../routing/resolve.ts";
import { admitOther, admitRequest, isLimited } from "./admission.ts";
import { attempt } from "./attempt.ts";
import { anyModel, checkBatch, modelOfBatch, renamed, sizeOfBatch, usageOfPrompt } from "./batch-requests.ts";
import { readJsonBody } from "./body.ts";
import type { Call } from "./call.ts";
import { editBody } from "./edits.ts";
import { readForm, upload } from "./forms.ts";
import { forwardedHeaders } from "./headers.ts";
import { keptAnswer } from "./kept-answers.ts";
import { useKept } from "./kept-uses.ts";
import { telling } from "./object-events.ts";
import { isObjectId, type NamedObject, objectsIn } from "./object-ids.ts";
import { listNamed } from "./named-lists.ts";
import { listObjects } from "./object-lists.ts";
import { atPlace, defaultTargets, ownerOf, type Place, placeOf, serves } from "./object-places.ts";
import { pass, resolveNamed, unrepeatable } from "./raw.ts";
import { resolveFor } from "./reach.ts";
import { scanTopLevel, type TopLevel } from "./scan.ts";
import { namedIn, namedPlace } from "./stored-answers.ts";
import { answerFrom, failureOf, Shape } from "./upstream.ts";
import { validateFields } from "./validate.ts";

/** A body on its way up; forms are passed on as they come, so they can be sent once only. */
interface Sent {
  readonly contentType: string;
  readonly top: TopLevel | undefined;
  /** Of a form, or of the vendor's choice. */
  readonly model?: string;
  readonly isUsual?: boolean;
  /** Lets go of what was put aside. */
  release?(): Promise<void>;
  forModel(model: string, entry: ProviderEntry): UpstreamCall["body"];
}

export async function runObject(call: Call): Promise<Response> {
  const { action } = call.route.object!;
  call.lane = "raw";
  if (action === "list") {
    admitRequest(call);
    return call.route.object!.isPagedByToken === true ? listNamed(call) : listObjects(call);
  }
  if (action === "use") return use(call);
  return create(call);
}

/** Goes where the object of the path lies. */
async function use(call: Call): Promise<Response> {
  const id = call.said?.id ?? "";
  const kept = call.route.codec.keepsAnswers === true ? keptAnswer(call, id) : undefined;
  if (kept !== undefined) {
    admitRequest(call);
    return useKept(call, id, kept);
  }
  const place = await placeOf(call, id, call.route.object!.kind);
  admitRequest(call);
  const sent = await readSent(call);
  if (sent.top !== undefined) await namedPlace(call, namedIn(call, sent.top));
  checkModel(call, modelIn(call, sent.top));
  const response = await sendTo(call, place, sent, "");
  if (call.route.method === "DELETE" && call.said?.path?.endsWith(`/${id}`)) await call.services.objects.remove(id);
  return response;
}

/** What is done with a thing may name a model as well: then it is one that the caller may call. */
function checkModel(call: Call, model: string | undefined): void {
  const { identity, route } = call;
  if (identity.models === undefined) return;
  const { mayAskAnyModel } = route.object!;
  if (mayAskAnyModel === "always" || (mayAskAnyModel === "unless-named" && model === undefined)) throw anyModel();
  if (model !== undefined) resolveFor(call.snapshot.router, identity, model);
}

/** Goes where the objects it refers to lie, else to a provider of its model, else to the one for things of this kind. */
async function create(call: Call): Promise<Response> {
  const sent = await readSent(call);
  try {
    return await createFrom(call, sent);
  } finally {
    await sent.release?.();
  }
}

async function createFrom(call: Call, sent: Sent): Promise<Response> {
  const model = sent.model ?? modelIn(call, sent.top);
  checkModel(call, model);
  if (call.identity.models !== undefined) checkBatch(call, sent.top, model);
  call.requestedModel = model ?? "";
  const referred = await referredPlace(call, sent.top);
  const named = { requested: model ?? "", resolved: model ?? "", steps: [] };
  if (referred !== undefined) {
    admitCreate(call, { ...named, targets: [{ entry: referred.entry, model: model ?? "" }] }, sent.top);
    return sendTo(call, referred, sent, model ?? "");
  }
  const { isUsual = false } = sent;
  const resolution = model === undefined ? undefined : resolveNamed(call, { model, isUsual });
  const targets = (resolution?.targets ?? defaultTargets(call)).filter(({ entry }) => serves(call, entry));
  if (targets.length === 0) {
    throw new RelayError("not-found", `No provider offers ${call.route.path}.`, { wireCode: "not_found" });
  }
  return attempt(call, admitCreate(call, { ...named, ...resolution, targets }, sent.top), {
    tryOne: (target, key) => send(call, { entry: target.entry, key }, sent, target.model),
  });
}

/** A kept prompt is read, and paid for, at once; requests of a batch later. Of other things nobody knows. */
function admitCreate(call: Call, resolution: Resolution, top: TopLevel | undefined): Resolution {
  const { keepsPrompt, isBatchOfRequests } = call.route.object!;
  if (keepsPrompt === true) return admitOther(call, resolution, top?.bytes);
  const isCounted = isBatchOfRequests === true && top !== undefined && isLimited(call);
  admitRequest(call, isCounted ? sizeOfBatch(call, top) : undefined);
  return resolution;
}

/** The body, whatever it is: many of these calls have none. */
async function readSent(call: Call): Promise<Sent> {
  const { request, route } = call;
  const contentType = request.headers.get("content-type") ?? "application/json";
  if (route.body === "multipart" && !(route.alsoJson === true && isJson(contentType))) {
    if (route.usualModel !== undefined) {
      return { ...(await readForm(call)), top: undefined };
    }
    const body = upload(call);
    return { contentType, top: undefined, forModel: () => body };
  }
  if (route.body === "none") return { contentType, top: undefined, forModel: () => null };
  const bytes = await readJsonBody(call);
  if (bytes.length === 0) {
    validateFields(scanTopLevel(EMPTY_OBJECT), route);
    return { contentType, top: undefined, forModel: () => null };
  }
  const top = scanTopLevel(bytes);
  validateFields(top, route);
  call.streaming = top.kind("stream") === 0x74;
  const isUsual = route.usualModel !== undefined && top.find("model") === undefined;
  return {
    ...(isUsual ? { model: route.usualModel!, isUsual } : {}),
    contentType,
    top,
    forModel: (model) => bodyFor(call, top, model),
  };
}

function isJson(contentType: string): boolean {
  return /^application\/json\b/i.test(contentType);
}

const QUOTE = 0x22;
const EMPTY_OBJECT = new TextEncoder().encode("{}") as Uint8Array<ArrayBuffer>;

function bodyFor(call: Call, top: TopLevel, model: string): UpstreamCall["body"] {
  const { isBatchOfRequests = false } = call.route.object!;
  if (isBatchOfRequests && call.identity.models !== undefined) return renamed(call, top, model);
  if (model === "" || call.requestedModel === model || call.said?.model !== undefined) return top.bytes;
  if (isBatchOfRequests) return renamed(call, top, model);
  const isNamed = top.kind("model") === QUOTE || call.route.usualModel !== undefined;
  // Google's models are named by their collection too.
  const name = call.route.codec.id === "gemini" ? `models/${model}` : model;
  return isNamed ? editBody(top, call.requestedModel, name, false).body : top.bytes;
}

/** The model of the call; of a batch of whole requests that of the first, and of all of them. */
function modelIn(call: Call, top: TopLevel | undefined): string | undefined {
  if (call.said?.model !== undefined) return call.said.model;
  if (top === undefined) return undefined;
  if (call.route.object!.isBatchOfRequests) return modelOfBatch(top);
  return top.kind("model") === QUOTE ? (top.value("model") as string).replace(/^models\//, "") : undefined;
}

/** Twice as many as any vendor takes; each is looked up. */
const REFERRED_MAX = 1000;

/** Fields of the route must name things that are known; what else the body names may have been made elsewhere. */
async function referredPlace(call: Call, top: TopLevel | undefined): Promise<Place | undefined> {
  if (top === undefined) return undefined;
  let place: Place | undefined;
  for (const field of call.route.object!.refersBy ?? []) {
    const value = top.value(field) ?? [];
    const ids: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (ids.length > REFERRED_MAX) {
      throw new RelayError("bad-request", `The field "${field}" takes at most ${REFERRED_MAX} ids.`, { param: field });
    }
    for (const id of ids) {
      if (!isObjectId(id)) {
        throw new RelayError("bad-request", `The field "${field}" takes the ids of things.`, { param: field });
      }
      const its = await placeOf(call, id, undefined, field);
      place ??= its;
    }
  }
  const named = await namedPlace(call, namedIn(call, top));
  return place ?? named?.place;
}

function sendTo(call: Call, place: Place, sent: Sent, model: string): Promise<Response> {
  return atPlace(call, place, model, () => send(call, place, sent, model));
}

async function send(call: Call, { entry, key }: Place, sent: Sent, model: string): Promise<Response> {
  const { route, said } = call;
  const path = said?.path ?? route.upstreamPath ?? route.path.slice("/v1".length);
  const headers = forwardedHeaders(call.request.headers);
  const body = sent.forModel(model, entry);
  const { operation, codec, method } = route;
  const shape = new Shape(
    call,
    operation,
    codec,
    method,
    path,
    call.query,
    model,
    body,
    sent.contentType,
    headers,
    key.secret,
  );
  try {
    const answer = await answerFrom(call, entry, key, shape);
    const place = { entry, key };
    const tells = call.streaming && route.object!.action === "create";
    const told = tells ? telling(answer, (named) => note(call, place, named)) : answer;
    const response = await pass(call, entry, told, (bytes) => remember(call, place, bytes));
    if (route.object!.isDeprecated) response.headers.set("deprecation", "true");
    return response;
  } catch (cause) {
    const failure = failureOf(call, cause);
    call.abandonAttempt();
    throw route.body === "multipart" && body instanceof ReadableStream ? unrepeatable(failure) : failure;
  }
}

/** Before the client learns of an object it must be known whose it is. */
export async function remember(call: Call, place: Place, answer: Uint8Array): Promise<void> {
  const { kind, action, makesAnother, keepsPrompt, tellsContent } = call.route.object!;
  if (tellsContent === true) return;
  let body: JsonObject;
  try {
    body = JSON.parse(new TextDecoder().decode(answer)) as JsonObject;
  } catch {
    return; // no JSON, no object
  }
  if (keepsPrompt === true) call.usage = usageOfPrompt(body) ?? call.usage;
  const isOfItself = action === "create" || makesAnother === true;
  const named = objectsIn(body, kind).filter(({ id }) => isOfItself || id !== body["id"]);
  await note(call, place, named);
}

async function note(call: Call, place: Place, named: readonly NamedObject[]): Promise<void> {
  await call.services.objects.add(named.map((object) => ({ ...object, ...ownerOf(call, place) })));
}
