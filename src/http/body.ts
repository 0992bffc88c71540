/** Reads and checks the JSON bodies of management requests, within their limit and a time that honest senders keep. */
import type { TSchema } from "@sinclair/typebox";
import { type TypeCheck, TypeCompiler, type ValueError } from "@sinclair/typebox/compiler";
import { join } from "../net/bytes.ts";
import { RelayError } from "../plugin/index.ts";
import { declaredLength, decode, tooLarge } from "../relay/body.ts";
import { scanTopLevel } from "../relay/scan.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";

export type BodyCheck = TypeCheck<TSchema>;

/** Nobody needs longer for a megabyte, and a sender that drips must not hold a connection for good. */
const READ_MAX_MS = 60_000;
const LIMIT = "limits.max_admin_body";
const PROBLEMS_MAX = 50;
/** A name that is none of ours is shown only if it can be one. */
const FIELD_NAME = /^\w{1,64}$/;

/** Costs about a millisecond: for the first request that needs it. */
export function compileBody(schema: TSchema): BodyCheck {
  return TypeCompiler.Compile(schema);
}

/**
 * The whole body, decoded; empty = none. Throws 400, 408, 413, and 415 for anything but JSON: a page of another site can
 * send a form with its visitor's cookies, but no JSON.
 */
export async function readBody(request: Request, { config }: Snapshot): Promise<Uint8Array<ArrayBuffer>> {
  const { headers } = request;
  const { maxAdminBody, requestEncodings } = config.limits;
  if (!hasBody(headers)) return new Uint8Array(0);
  requireType(headers);
  declaredLength(request, maxAdminBody, LIMIT);
  const bytes = await readBytes(request, maxAdminBody);
  const encoding = headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  const isPlain = encoding === "" || encoding === "identity";
  return isPlain ? bytes : await decode(bytes, encoding, maxAdminBody, requestEncodings);
}

/** The body as the schema wants it; no body is `{}`. Throws 400 and 422. */
export function checkBody(bytes: Uint8Array<ArrayBuffer>, check: BodyCheck): unknown {
  const value = bytes.length > 0 ? scanTopLevel(bytes).parse() : {};
  if (check.Check(value)) return value;
  throw new RelayError("bad-request", "The body is not valid.", {
    status: 422,
    wireCode: "validation_error",
    details: problemsOf(check, value),
  });
}

function hasBody(headers: Headers): boolean {
  const length = headers.get("content-length");
  return length === null ? headers.has("transfer-encoding") : length !== "0";
}

function requireType(headers: Headers): void {
  if (/^application\/json\s*(?:;|$)/i.test(headers.get("content-type") ?? "")) return;
  throw new RelayError("unsupported-media-type", "The content type must be application/json.", {
    wireCode: "unsupported_media_type",
  });
}

/** Counts while it reads: what is too long is not kept, whatever its sender had declared. */
async function readBytes({ body }: Request, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  if (body === null) return new Uint8Array(0);
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new RelayError("bad-request", "The body came too slowly.", { status: 408 })),
    READ_MAX_MS,
  );
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), late]);
      if (done) return join(chunks, size);
      size += value.length;
      if (size > limit) throw tooLarge(limit, LIMIT);
      chunks.push(value);
    }
  } catch (cause) {
    reader.cancel().catch(() => {});
    throw RelayError.from(cause, "client-closed", "The client left before its body was complete.");
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Of what may be null or something of one shape, the problems of that shape; of what may be one of several words, the
 * words.
 */
function* flatErrors(errors: Iterable<ValueError>): Generator<Pick<ValueError, "path" | "message">> {
  for (const error of errors) {
    const variants: readonly TSchema[] = error.schema["anyOf"] ?? [];
    const shapes = variants.flatMap((variant, index) => (variant["type"] === "null" ? [] : [index]));
    const words = variants.filter(({ type }) => type !== "null").map((variant) => variant["const"]);
    const [only, ...more] = shapes;
    if (only !== undefined && more.length === 0) {
      yield* flatErrors(error.errors[only] ?? []);
    } else if (words.length > 0 && words.every((word) => typeof word === "string")) {
      yield { path: error.path, message: `Expected one of ${words.join(", ")}` };
    } else {
      yield error;
    }
  }
}

/** Paths and rules only: a value in an error may be somebody's password. One problem a field, the first. */
function problemsOf(check: BodyCheck, value: unknown): NonNullable<RelayError["details"]> {
  const found = new Map<string, NonNullable<RelayError["details"]>[number]>();
  for (const { path, message } of flatErrors(check.Errors(value))) {
    const steps = path.split("/").filter((step) => step !== "");
    const loc = ["body", ...steps.map((step) => (FIELD_NAME.test(step) ? step : "?"))];
    if (!found.has(path)) found.set(path, { loc, msg: message, type: "value_error" });
    if (found.size >= PROBLEMS_MAX) break;
  }
  return [...found.values()];
}
