/** What the account services say no with: each refusal with the status and code that `http-api` gives it. */
import { RelayError, type RelayErrorOptions } from "../contract/errors.ts";

type Problem = NonNullable<RelayErrorOptions["details"]>[number];

export function forbidden(wireCode: string, message: string): RelayError {
  return new RelayError("forbidden", message, { wireCode });
}

export function conflict(wireCode: string, message: string): RelayError {
  return new RelayError("bad-request", message, { status: 409, wireCode });
}

export function badRequest(wireCode: string, message: string): RelayError {
  return new RelayError("bad-request", message, { wireCode });
}

export function notFound(message = "Not found"): RelayError {
  return new RelayError("not-found", message, { wireCode: "not_found" });
}

export function unauthenticated(wireCode: string, message: string): RelayError {
  return new RelayError("unauthenticated", message, { wireCode });
}

export function tooMany(retryAfterMs: number, message: string): RelayError {
  return new RelayError("rate-limited", message, { wireCode: "rate_limited", retryAfterMs: Math.ceil(retryAfterMs) });
}

/** One field of a body and the rule it breaks; never its value. */
export function problem(field: string, msg: string, type = "value_error"): Problem {
  return { loc: ["body", ...field.split(".")], msg, type };
}

/** 422 with every problem at once; returns when there is none. */
export function throwInvalid(problems: readonly (Problem | undefined)[]): void {
  const details = problems.filter((each) => each !== undefined);
  if (details.length > 0) throw invalid(...details);
}

export function invalid(...details: readonly Problem[]): RelayError {
  return new RelayError("bad-request", "The body is not valid.", {
    status: 422,
    wireCode: "validation_error",
    details,
  });
}
