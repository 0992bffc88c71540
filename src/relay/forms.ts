/** Uploads as forms: read until their model is known, whichever field comes first, and passed on as they come. */
import { join } from "../net/bytes.ts";
import { RelayError, type UpstreamCall } from "../plugin/index.ts";
import { admitOther } from "./admission.ts";
import { declaredLength, tooLarge } from "./body.ts";
import type { Call } from "./call.ts";
import { boundaryOf, type FormField, FormScan, partOf } from "./multipart.ts";
import type { RawBody } from "./raw.ts";
import { splice } from "./splice.ts";
import { Spool } from "./spool.ts";

/** Of a form that is too large to be kept for a second try, this much is held in memory until its model is known. */
const HELD_MAX = 4 * 1024 * 1024;

/** A client that sends nothing for so long in the middle of its upload has gone, or never meant to finish. */
const SILENCE_MAX_MS = 30_000;

/** The runtime's own type of a body's reader has more members than the standard's; only these are used. */
interface UploadReader {
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

export interface Form extends RawBody {
  /** Lets go of what was put aside. */
  release(): Promise<void>;
}

/** Forms up to `limits.max_body` are read whole, so that another upstream can be asked; larger ones are sent once. */
export async function readForm(call: Call): Promise<Form> {
  const { request } = call;
  const { limits } = call.snapshot.config;
  const contentType = request.headers.get("content-type");
  const boundary = boundaryOf(contentType);
  const scan = new FormScan(boundary, "model");
  const length = declaredLength(request, limits.maxUpload, "limits.max_upload");
  const isSmall = length !== undefined && length <= limits.maxBody;
  const reader = readerOf(request);
  const held: Uint8Array[] = [];
  let size = 0;
  let isWhole = false;
  let spool: Spool | undefined;
  try {
    while (!isWhole && (isSmall || scan.isOver || scan.field === undefined)) {
      const { done, value } = await readUndisturbed(call, reader);
      if (done || value === undefined) {
        isWhole = true;
        scan.finish();
        break;
      }
      count(call, value, limits.maxUpload);
      scan.feed(value);
      if (spool === undefined && (isSmall || size + value.length <= HELD_MAX)) {
        call.hold(value.length);
        held.push(value);
        size += value.length;
      } else {
        spool ??= await spooled(held);
        await spool.append(value);
      }
    }
    call.endStep();
    const { usualModel } = call.route;
    const { field } = scan;
    if (field === undefined ? usualModel === undefined : field.value === "") {
      throw new RelayError("bad-request", 'The field "model" is missing; it must be a non-empty string.', {
        param: "model",
        wireCode: "missing_required_parameter",
      });
    }
    const first = spool === undefined ? join(held, size) : undefined;
    const rest = isWhole ? undefined : { call, reader, scan, limit: limits.maxUpload };
    const model = field?.value ?? usualModel!;
    const place = field ?? { start: scan.firstAt, end: scan.firstAt };
    const said = (name: string): string => (field === undefined ? partOf(boundary, "model", name) : name);
    return {
      model,
      isUsual: field === undefined,
      contentType: contentType!,
      isRepeatable: isWhole,
      // How many tokens are in sounds and pictures nobody can tell from their bytes.
      admit: (resolution) => admitOther(call, resolution, undefined),
      forModel(name): UpstreamCall["body"] {
        if (first === undefined) return streamOf(edited(spool!, place, said(name)), rest);
        const bytes = name === field?.value ? first : splice(first, [{ ...place, text: said(name) }]);
        return rest === undefined ? bytes : streamOf([bytes], rest);
      },
      release: async () => spool?.release(),
    };
  } catch (cause) {
    reader.cancel().catch(() => {});
    await spool?.release();
    throw cause;
  }
}

/** A form nobody looks into, at the upstream's pace. Throws 413 and 415. */
export function upload(call: Call): ReadableStream<Uint8Array> {
  boundaryOf(call.request.headers.get("content-type"));
  return uploadAny(call);
}

/** Bytes of any type, likewise. */
export function uploadAny(call: Call): ReadableStream<Uint8Array> {
  const { request } = call;
  const { maxUpload } = call.snapshot.config.limits;
  declaredLength(request, maxUpload, "limits.max_upload");
  return streamOf([], { call, reader: readerOf(request), scan: undefined, limit: maxUpload });
}

function readerOf(request: Request): UploadReader {
  if (request.body === null) throw new RelayError("bad-request", "The request has no body; a form was expected.");
  return request.body.getReader();
}

/** While nothing else goes on for the call, whose end ends the wait. */
async function readUndisturbed(call: Call, reader: UploadReader) {
  call.onAbort = () => void reader.cancel().catch(() => {});
  try {
    const read = await readFrom(call, reader);
    if (call.abortReason !== undefined) throw call.abortReason;
    return read;
  } finally {
    call.onAbort = undefined;
  }
}

async function readFrom(call: Call, reader: UploadReader) {
  call.limitStep("body", SILENCE_MAX_MS);
  try {
    return await reader.read();
  } catch (cause) {
    throw new RelayError("client-closed", "The client left before its body was complete.", { cause });
  }
}

function count(call: Call, bytes: Uint8Array, limit: number): void {
  call.bytesIn += bytes.length;
  if (call.bytesIn > limit) throw tooLarge(limit, "limits.max_upload");
}

async function spooled(held: Uint8Array[]): Promise<Spool> {
  const spool = new Spool();
  for (const bytes of held.splice(0)) await spool.append(bytes);
  return spool;
}

async function* edited(
  spool: Spool,
  { start, end }: Pick<FormField, "start" | "end">,
  text: string,
): AsyncGenerator<Uint8Array> {
  yield* spool.read(0, start);
  yield Buffer.from(text);
  yield* spool.read(end, spool.size);
}

interface Rest {
  readonly call: Call;
  readonly reader: UploadReader;
  /** Goes on looking: what follows must not say another model. */
  readonly scan: FormScan | undefined;
  readonly limit: number;
}

/** The bytes already read, then the rest of the upload; all of it at the upstream's pace. */
function streamOf(
  first: Iterable<Uint8Array> | AsyncGenerator<Uint8Array>,
  rest: Rest | undefined,
): ReadableStream<Uint8Array> {
  const pieces = all(first, rest);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await pieces.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await rest?.reader.cancel().catch(() => {});
        await pieces.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}

async function* all(
  first: Iterable<Uint8Array> | AsyncGenerator<Uint8Array>,
  rest: Rest | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const bytes of first) if (bytes.length > 0) yield bytes;
  if (rest === undefined) return;
  const { call, reader, scan, limit } = rest;
  for (;;) {
    const { done, value } = await readFrom(call, reader);
    // The next to be waited for is the upstream, unless it has answered already.
    if (call.firstByteMs !== 0) call.endStep();
    else call.limitStep("first-byte", call.entry?.timeouts.firstTokenMs ?? SILENCE_MAX_MS);
    if (done || value === undefined) break;
    count(call, value, limit);
    scan?.feed(value);
    yield value;
  }
  scan?.finish();
}
