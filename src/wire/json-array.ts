/** One JSON array whose elements arrive one by one, as Gemini streams when nobody asked for SSE. */
import type { Frame, Framing } from "../contract/codec.ts";
import { RelayError } from "../contract/errors.ts";

/** Most characters one element may hold before it is complete. */
export const JSON_ARRAY_ELEMENT_CHARS_MAX = 4 * 1024 * 1024;

const QUOTE = 34;
const COMMA = 44;
const OPEN_BRACKET = 91;
const BACKSLASH = 92;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

function isSpace(code: number): boolean {
  return code === 32 || code === 10 || code === 13 || code === 9;
}

/**
 * Finds where elements begin and end; what is inside them is the codec's business. The array's own brackets and commas
 * are not insisted on: elements that only follow each other are read as well.
 */
class ElementScanner {
  /** The unfinished element in pieces: joining only once keeps a long one that drips in linear. */
  #pieces: string[] = [];
  #chars = 0;
  #isInElement = false;
  /** A bare word or number: it ends at a comma, a bracket or white space. */
  #isBare = false;
  #isArrayOpen = false;
  #depth = 0;
  #inString = false;
  #isEscaped = false;

  read(text: string, frames: Frame[]): void {
    let from = 0;
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (this.#isInElement) {
        if (this.#isBare && !this.#inString && this.#endsBare(code)) {
          this.#end(text.slice(from, at), frames);
          at -= 1; // what ended it is read again, as one between elements
          continue;
        }
        if (this.#closes(code)) this.#end(text.slice(from, at + 1), frames);
      } else if (this.#begins(code)) {
        from = at;
      }
    }
    if (!this.#isInElement) return;
    this.#pieces.push(from === 0 ? text : text.slice(from));
    this.#chars += text.length - from;
    if (this.#chars > JSON_ARRAY_ELEMENT_CHARS_MAX) {
      throw new RelayError("upstream-malformed", "The upstream sent an element larger than 4 MiB.");
    }
  }

  /** At the end of the stream only a bare word can be whole. */
  finish(frames: Frame[]): void {
    if (this.#isInElement && this.#isBare && !this.#inString) this.#end("", frames);
  }

  #begins(code: number): boolean {
    if (isSpace(code) || code === COMMA || code === CLOSE_BRACKET) return false;
    if (code === OPEN_BRACKET && !this.#isArrayOpen) {
      this.#isArrayOpen = true;
      return false;
    }
    this.#isInElement = true;
    this.#isBare = code !== OPEN_BRACE && code !== OPEN_BRACKET;
    this.#inString = code === QUOTE;
    this.#depth = this.#isBare ? 0 : 1;
    return true;
  }

  #endsBare(code: number): boolean {
    return isSpace(code) || code === COMMA || code === CLOSE_BRACKET;
  }

  #closes(code: number): boolean {
    if (this.#inString) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (code === BACKSLASH) this.#isEscaped = true;
      else if (code === QUOTE) this.#inString = false;
      return false;
    }
    if (code === QUOTE) this.#inString = true;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) this.#depth += 1;
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) this.#depth -= 1;
    return !this.#isBare && this.#depth === 0 && (code === CLOSE_BRACE || code === CLOSE_BRACKET);
  }

  #end(tail: string, frames: Frame[]): void {
    this.#pieces.push(tail);
    frames.push({ data: this.#pieces.join("") });
    this.#pieces = [];
    this.#chars = 0;
    this.#isInElement = false;
  }
}

function createDecoder(): (bytes: Uint8Array | null) => Frame[] {
  const utf8 = new TextDecoder();
  const scanner = new ElementScanner();
  return (bytes) => {
    const frames: Frame[] = [];
    if (bytes !== null) {
      scanner.read(utf8.decode(bytes, { stream: true }), frames);
    } else {
      scanner.read(utf8.decode(), frames);
      scanner.finish(frames);
    }
    return frames;
  };
}

const utf8 = new TextEncoder();

/** White space: the only thing that may stand between elements and means nothing. */
const KEEP_ALIVE = "\n";

/**
 * A stateful writer of one array: frames in, bytes out; `null` ends the array. Comments become white space, wherever
 * they stand.
 */
function createEncoder(): (frames: readonly Frame[] | null) => Uint8Array {
  let isOpen = false;
  return (frames) => {
    let text = "";
    for (const { data } of frames ?? []) {
      if (data === "") {
        text += KEEP_ALIVE;
        continue;
      }
      text += (isOpen ? ",\n" : "[") + data;
      isOpen = true;
    }
    if (frames === null) text += isOpen ? "]\n" : "[]\n";
    return utf8.encode(text);
  };
}

/**
 * `encode` writes a complete array, as an envelope's `encode` has no memory; a stream written piece by piece needs the
 * memory of `encoder`.
 */
export const jsonArray = {
  id: "json-array",
  contentType: "application/json; charset=utf-8",
  decoder: createDecoder,
  encode(frames: readonly Frame[]): Uint8Array {
    const write = createEncoder();
    const body = write(frames);
    const end = write(null);
    const bytes = new Uint8Array(body.length + end.length);
    bytes.set(body);
    bytes.set(end, body.length);
    return bytes;
  },
  encoder: createEncoder,
} as const satisfies Framing & { encoder(): (frames: readonly Frame[] | null) => Uint8Array };

/** The envelope of one stream that is written piece by piece. */
export function jsonArrayStream(): Framing {
  const write = createEncoder();
  return {
    id: jsonArray.id,
    contentType: jsonArray.contentType,
    decoder: createDecoder,
    encode: write,
    end: () => write(null),
  };
}
