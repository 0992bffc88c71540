/** Which things that lie with a vendor a body names, wherever in it: found in its bytes, so that a name given twice counts twice. */
import { RelayError } from "../plugin/index.ts";
import { bufferOf } from "../wire/part.ts";

export interface Reference {
  readonly id: string;
  /** The field that names it. */
  readonly param: string;
  /** It is told of, as a source of earlier words, and not asked for. */
  readonly isTold: boolean;
}

/** Fields whose text, list of texts, or `id` names a thing. */
const NAMING: ReadonlySet<string> = new Set(
  (
    "file_id file_ids input_file_id output_file_id training_file validation_file vector_store_id vector_store_ids " +
    "container container_id skill_id assistant_id thread_id batch_id video video_id upload_id eval_id response_id " +
    "previous_response_id conversation conversation_id cachedContent cached_content source"
  ).split(" "),
);
/** Fields that name one by an address, or by a name with its collection. */
const LOCATING: ReadonlySet<string> = new Set(
  "fileUri file_uri fileName file_name url file_url image_url uri cachedContent cached_content".split(" "),
);
/** Where answers say which sources they are from. */
const TELLING: ReadonlySet<string> = new Set(["annotations", "citations"]);

/** One of these stands in every body that names anything; the last ones may hide one. */
const MARKS = (
  "file_id _file vector_store container skill_id assistant_id thread_id batch_id video upload_id eval_id response_id conversation " +
  "achedContent ached_content fileUri file_uri fileName file_name source files/ files\\/ \\u00"
)
  .split(/\s/)
  .map((mark) => Buffer.from(mark));

const NAME_MAX = 1024;
const DATA = Buffer.from("data:");
const COLLECTION = /^(?:cachedContents|batches|files)$/;
const PLAIN = /^[A-Za-z0-9_-]{1,256}$/;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const OPEN_ARRAY = 0x5b;
const CLOSE_OBJECT = 0x7d;
const CLOSE_ARRAY = 0x5d;

interface Inside {
  /** The field that holds this object or list. */
  readonly field: string;
  readonly isList: boolean;
  readonly isTold: boolean;
}

/** Whether it is worth looking closer: most bodies name nothing. */
export function mayRefer(body: Uint8Array): boolean {
  const bytes = bufferOf(body);
  return MARKS.some((mark) => bytes.includes(mark));
}

/** All of them, each once. `body`: JSON that has been found well-formed. */
export function referencesIn(body: Uint8Array): Reference[] {
  const bytes = bufferOf(body);
  const found = new Map<string, Reference>();
  const stack: Inside[] = [];
  let field = "";
  const add = (id: string, param: string, isTold: boolean): void => {
    if (found.get(id)?.isTold !== false) found.set(id, { id, param, isTold });
  };
  const see = (text: string, isTold: boolean): void => {
    const inside = stack.at(-1)!;
    const owner = field === "id" && !inside.isList ? inside.field : field;
    if (NAMING.has(owner) && text !== "") add(text, owner, isTold);
    if (LOCATING.has(owner)) for (const name of namesIn(text)) add(name, owner, isTold);
  };
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at]!;
    if (byte === QUOTE) {
      const end = endOf(bytes, at);
      const isName = bytes[behindSpace(bytes, end + 1)] === COLON;
      if (isName ? end - at <= NAME_MAX : isAsked(field) && !isData(bytes, at)) {
        const text = textAt(bytes, at, end);
        if (isName) field = text;
        else see(text, stack.at(-1)?.isTold === true);
      } else if (isName) field = "";
      at = end;
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      const isTold = stack.at(-1)?.isTold === true || TELLING.has(field);
      stack.push({ field, isList: byte === OPEN_ARRAY, isTold });
      // What stands in a list is said of its field; an object has fields of its own.
      if (byte === OPEN_OBJECT) field = "";
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      field = stack.pop()?.field ?? "";
    }
  }
  return [...found.values()];
}

function isAsked(field: string): boolean {
  return field === "id" || NAMING.has(field) || LOCATING.has(field);
}

/** Media in the body itself are long, and name nothing. */
function isData(bytes: Buffer, at: number): boolean {
  return bytes.subarray(at + 1, at + 1 + DATA.length).equals(DATA);
}

/** In long bodies nobody has looked at every escape yet. */
function textAt(bytes: Buffer, at: number, end: number): string {
  try {
    return JSON.parse(bytes.toString("utf8", at, end + 1)) as string;
  } catch (cause) {
    throw new RelayError("bad-request", "The body is not valid JSON.", { cause, wireCode: "invalid_json" });
  }
}

/** The closing quote of the text that begins at `at`. */
function endOf(bytes: Buffer, at: number): number {
  let end = bytes.indexOf(QUOTE, at + 1);
  while (end > 0) {
    let before = end - 1;
    while (bytes[before] === BACKSLASH) before -= 1;
    if ((end - before) % 2 === 1) return end;
    end = bytes.indexOf(QUOTE, end + 1);
  }
  return bytes.length;
}

function behindSpace(bytes: Buffer, from: number): number {
  let at = from;
  while (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09) at += 1;
  return at;
}

/** The names with their collections in an address, e.g. `files/abc` in `https://…/v1beta/files/abc`. */
export function namesIn(text: string): string[] {
  const words = decoded(text).split(/[/?#:]+/);
  const names: string[] = [];
  for (const [index, word] of words.entries()) {
    if (!COLLECTION.test(word)) continue;
    // An address may go back and forth before it ends where it means to.
    for (const each of words.slice(index + 1)) if (PLAIN.test(each)) names.push(`${word}/${each}`);
  }
  return names;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
