/** Failures as AWS tells them: by a type in a header, in the body, or in the envelope of a stream. */
import type { JsonObject } from "../../contract/chat.ts";
import type { Frame } from "../../contract/codec.ts";
import type { RelayError } from "../../contract/errors.ts";
import { isObject, numberOf, objectOr, parseJson, textOf } from "./json.ts";
import { classifyError, decodeErrorResponse, readErrorFacts } from "./upstream-error.ts";

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html#API_runtime_ConverseStream_Errors */
const STATUSES: { readonly [type: string]: number } = {
  accessdenied: 403,
  expiredtoken: 403,
  invalidsignature: 403,
  unrecognizedclient: 403,
  internalserver: 500,
  modelerror: 424,
  modelnotready: 429,
  modelstreamerror: 424,
  modeltimeout: 408,
  resourcenotfound: 404,
  servicequotaexceeded: 429,
  serviceunavailable: 503,
  throttling: 429,
  validation: 400,
};

/** `com.amazon.coral#ThrottlingException:http://...` → 429 */
function statusOfType(type: string | undefined): number | undefined {
  const name = /(?:^|#)([A-Za-z]+?)(?:Exception)?(?::|$)/.exec(type ?? "")?.[1]?.toLowerCase() ?? "";
  return Object.hasOwn(STATUSES, name) ? STATUSES[name] : undefined;
}

/** An error response. Quotas are refused with 400, which only the type tells from a bad request. */
export function decodeAwsError(status: number, body: string, headers?: Headers): RelayError {
  const type = headers?.get("x-amzn-errortype") ?? textOf(objectOr(parseJson(body))["__type"]);
  const told = statusOfType(type ?? undefined);
  return decodeErrorResponse(status === 400 && told === 429 ? 429 : status, body, headers);
}

/** A failure inside a stream, as the envelope's frame holds it. */
export function readAwsException({ data }: Frame): RelayError {
  const body: JsonObject = objectOr(parseJson(data));
  const facts = readErrorFacts(body);
  const status = statusOfType(textOf(body["type"])) ?? numberOf(body["originalStatusCode"]);
  const message = facts.message ?? textOf(body["originalMessage"]);
  return classifyError({ ...facts, ...(message === undefined ? {} : { message }) }, status ?? 500);
}

/** `undefined` unless the body of a 200 is an error in disguise. */
export function disguisedAwsError(body: JsonObject): RelayError | undefined {
  const type = textOf(body["__type"]);
  const isError = type !== undefined || isObject(body["error"]) || typeof body["message"] === "string";
  return isError ? classifyError(readErrorFacts(body), statusOfType(type)) : undefined;
}
