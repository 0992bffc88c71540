/** Reads request bodies within their limits: size, encoding, and the time a slow client may take. */
import { join } from "../net/bytes.ts";
import { promisify } from "node:util";
import { brotliDecompress, gunzip, inflate, zstdDecompress } from "node:zlib";
import { RelayError } from "../contract/errors.ts";
import type { Call } from "./call.ts";

/** A body may take this long, and beyond it one second for each KiB: slower senders are cut. */
const BODY_GRACE_MS = 30_000;
const BODY_BYTES_PER_MS = 1.024;

const EMPTY = new Uint8Array(0);

const DECODERS: Readonly<Record<string, (bytes: Uint8Array, options: { maxOutputLength: number }) => Promise<Buffer>>> =
  {
    gzip: promisify(gunzip) as never,
    "x-gzip": promisify(gunzip) as never,
    deflate: promisify(inflate) as never,
    br: promisify(brotliDecompress) as never,
    zstd: promisify(zstdDecompress) as never,
  };

/** 415 unless the body is JSON or nothing says what it is. */
export function requireJson(request: Request): void {
  const type = request.headers.get("content-type");
  if (type === null || type === "application/json" || /^application\/([\w.-]+\+)?json\s*(;|$)/i.test(type)) return;
  throw new RelayError("unsupported-media-type", "The content type must be application/json.", {
    wireCode: "unsupported_media_type",
  });
}

export function tooLarge(limit: number, key: string): RelayError {
  return new RelayError("body-too-large", `The body is larger than ${limit} bytes (${key}).`, {
    wireCode: "request_too_large",
    // What has not been read yet is not worth reading.
    headers: { connection: "close" },
  });
}

/** The length the client declared; `undefined` for a chunked body. Throws 413 when it is over the limit. */
export function declaredLength(request: Request, limit: number, key: string): number | undefined {
  const declared = request.headers.get("content-length");
  if (declared === null) return undefined;
  const length = Number(declared);
  if (length > limit) throw tooLarge(limit, key);
  return length;
}

/** The whole body of a JSON request, decompressed. Throws or rejects with 400, 413, 415 or `client-closed`. */
export function readJsonBody(call: Call): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>> {
  const { request } = call;
  const { limits } = call.snapshot.config;
  requireJson(request);
  const length = declaredLength(request, limits.maxBody, "limits.max_body");
  // Not by `request.body`: asking for it turns the body into a stream, which costs more than the whole call.
  if (length === 0 || (length === undefined && !request.headers.has("transfer-encoding"))) return EMPTY;
  call.limitStep("body", BODY_GRACE_MS + (length ?? limits.maxBody) / BODY_BYTES_PER_MS);
  call.hold(length ?? 0);
  const encoding = request.headers.get("content-encoding");
  const isPlain = encoding === null || encoding === "identity";
  if (isPlain && length !== undefined) return readDeclared(call, limits.maxBody);
  return readOther(call, length, isPlain ? undefined : encoding.trim().toLowerCase());
}

async function readOther(
  call: Call,
  length: number | undefined,
  encoding: string | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const { limits } = call.snapshot.config;
  const raw = await (length === undefined ? readChunked(call, limits.maxBody) : readDeclared(call, limits.maxBody));
  call.endStep();
  call.bytesIn = raw.length;
  const bytes = encoding === undefined ? raw : await decode(raw, encoding, limits.maxBody, limits.requestEncodings);
  call.body = bytes;
  return bytes;
}

/** The runtime's own reading knows no deadline; the call's abort ends the wait. */
function readDeclared(call: Call, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  return new Promise((resolve, reject) => {
    call.onAbort = reject;
    (call.request.bytes() as Promise<Uint8Array<ArrayBuffer>>).then(
      (bytes) => {
        call.onAbort = undefined;
        call.endStep();
        call.bytesIn = bytes.length;
        call.body = bytes;
        if (bytes.length > limit) reject(tooLarge(limit, "limits.max_body"));
        else resolve(bytes);
      },
      (cause) => reject(departed(cause)),
    );
  });
}

function departed(cause: unknown): RelayError {
  return new RelayError("client-closed", "The client left before its body was complete.", { cause });
}

/** Counts while it reads: nobody said how long it will be. */
async function readChunked(call: Call, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = (call.request.body as ReadableStream<Uint8Array>).getReader();
  call.onAbort = () => void reader.cancel().catch(() => {});
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (call.abortReason !== undefined) throw call.abortReason;
      if (done) break;
      size += value.length;
      if (size > limit) throw tooLarge(limit, "limits.max_body");
      call.hold(value.length);
      chunks.push(value);
    }
  } catch (cause) {
    if (RelayError.is(cause)) {
      reader.cancel().catch(() => {});
      throw cause;
    }
    throw departed(cause);
  } finally {
    call.onAbort = undefined;
  }
  return join(chunks, size);
}

/** Throws 415 for an encoding that is not accepted, 413 for what becomes too large, 400 for what cannot be decoded. */
export async function decode(
  raw: Uint8Array<ArrayBuffer>,
  encoding: string,
  limit: number,
  accepted: readonly string[],
): Promise<Uint8Array<ArrayBuffer>> {
  const decoder = DECODERS[encoding];
  const name = encoding === "x-gzip" ? "gzip" : encoding;
  if (decoder === undefined || !accepted.includes(name)) {
    throw new RelayError(
      "unsupported-media-type",
      "This content-encoding is not accepted (limits.request_encodings).",
      {
        wireCode: "unsupported_media_type",
      },
    );
  }
  try {
    const decoded = await decoder(raw, { maxOutputLength: limit });
    return new Uint8Array(decoded.buffer as ArrayBuffer, decoded.byteOffset, decoded.length);
  } catch (cause) {
    const isTooLarge = (cause as { code?: string }).code === "ERR_BUFFER_TOO_LARGE";
    if (isTooLarge) throw tooLarge(limit, "limits.max_body");
    throw new RelayError("bad-request", "The body is not what its content-encoding says.", { cause });
  }
}
