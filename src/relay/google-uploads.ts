/** Files for Gemini, sent as Google's clients send them: the beginning of an upload is told where to bring the bytes, which is here. */
import type { Answer } from "../net/answer.ts";
import { RelayError, type UpstreamCall } from "../plugin/index.ts";
import { admitRequest } from "./admission.ts";
import { attempt } from "./attempt.ts";
import type { Call } from "./call.ts";
import { uploadAny } from "./forms.ts";
import { isObjectId } from "./object-ids.ts";
import { atPlace, defaultTargets, type Place, placeOf, serves, ownerOf } from "./object-places.ts";
import { remember } from "./objects.ts";
import { pass, unrepeatable } from "./raw.ts";
import { answerFrom, failureOf, Shape } from "./upstream.ts";

/** What the two sides tell each other of an upload beside its bytes. */
const ASKED = ["protocol", "command", "offset", "header-content-length", "header-content-type", "file-name"];
const TOLD = ["status", "size-received", "chunk-granularity"];
const URL_HEADER = "x-goog-upload-url";
const ID_FIELD = "upload_id";

const KIND = "gemini-upload";

/** Protocol: https://ai.google.dev/gemini-api/docs/files and Google's resumable uploads. */
export async function runGoogleUpload(call: Call): Promise<Response> {
  call.lane = "raw";
  const parameters = new URLSearchParams(call.query);
  const [id, ...others] = parameters.getAll(ID_FIELD);
  if (id === undefined) return begin(call, parameters);
  if (others.length > 0) {
    throw new RelayError("bad-request", "The query names more than one upload.", { param: ID_FIELD });
  }
  const name = `uploads/${id}`;
  if (!isObjectId(name)) throw new RelayError("not-found", "There is no such upload.", { wireCode: "not_found" });
  const place = await placeOf(call, name, KIND);
  admitRequest(call);
  const response = await atPlace(call, place, "", () => send(call, place, continuing(id)));
  if (isOver(response.headers.get("x-goog-upload-status"))) await call.services.objects.remove(name);
  return response;
}

function isOver(status: string | null): boolean {
  return status === "final" || status === "cancelled";
}

/** The provider and key that the upload begins with are those that the file will lie with. */
async function begin(call: Call, parameters: URLSearchParams): Promise<Response> {
  const targets = defaultTargets(call).filter(({ entry }) => serves(call, entry));
  if (targets.length === 0) {
    throw new RelayError("not-found", `No provider offers ${call.route.path}.`, { wireCode: "not_found" });
  }
  admitRequest(call);
  const resolution = { requested: "", resolved: "", steps: [], targets };
  return attempt(call, resolution, { tryOne: ({ entry }, key) => send(call, { entry, key }, parameters) });
}

/** The parameters are written anew: what one server reads as a single value, another reads as two. */
async function send(call: Call, place: Place, parameters: URLSearchParams): Promise<Response> {
  const { entry, key } = place;
  const { codec, operation, method } = call.route;
  const { headers } = call.request;
  const type = headers.get("content-type") ?? "application/octet-stream";
  const body: UpstreamCall["body"] = call.request.body === null ? null : uploadAny(call);
  const path = "/upload/files";
  const query = parameters.size === 0 ? "" : `?${parameters}`;
  const shape = new Shape(call, operation, codec, method, path, query, "", body, type, wordsOf(headers), key.secret);
  try {
    const answer = await answerFrom(call, entry, key, shape);
    const where = await placed(call, place, answer.header(URL_HEADER));
    const response = await pass(call, entry, answer, (bytes) => remember(call, place, bytes));
    tell(answer, where, response.headers);
    return response;
  } catch (cause) {
    const failure = failureOf(call, cause);
    call.abandonAttempt();
    throw body === null ? failure : unrepeatable(failure);
  }
}

function wordsOf(headers: Headers): Record<string, string> {
  const words: Record<string, string> = {};
  for (const word of ASKED) {
    const value = headers.get(`x-goog-upload-${word}`);
    if (value !== null) words[`x-goog-upload-${word}`] = value;
  }
  return words;
}

function tell(answer: Answer, where: string | undefined, headers: Headers): void {
  for (const word of TOLD) {
    const value = answer.header(`x-goog-upload-${word}`);
    if (value !== null) headers.set(`x-goog-upload-${word}`, value);
  }
  if (where !== undefined) headers.set(URL_HEADER, where);
}

/** Where the client shall bring the bytes; whose the upload is is known before it can. */
async function placed(call: Call, place: Place, url: string | null): Promise<string | undefined> {
  if (url === null) return undefined;
  const id = URL.canParse(url) ? new URL(url).searchParams.get(ID_FIELD) : null;
  const name = `uploads/${id ?? ""}`;
  if (!isObjectId(name)) throw new RelayError("upstream-malformed", "The upstream began an upload without its name.");
  await call.services.objects.add([{ id: name, kind: KIND, ...ownerOf(call, place) }]);
  return `${rootOf(call)}${call.said?.path ?? call.route.path}?${continuing(id!)}`;
}

function continuing(id: string): URLSearchParams {
  return new URLSearchParams({ [ID_FIELD]: id, upload_protocol: "resumable" });
}

/** An address, or a name with a port: served without TLS unless the operator says so. */
const PLAIN_HOST = /^\d+\.\d+\.\d+\.\d+$|^\[.*\]$|:\d+$/;

/** Under which the client reaches us: as the operator says, else as it has just done. */
function rootOf({ request, snapshot }: Call): string {
  const { publicHost } = snapshot.config.server;
  if (publicHost === null || publicHost === "") return new URL(request.url).origin;
  const bare = publicHost.replace(/\/+$/, "").replace(/\/v1$/, "");
  if (/^https?:\/\//i.test(bare)) return bare;
  return `${PLAIN_HOST.test(bare) ? "http" : "https"}://${bare}`;
}
