/** Finds the top-level fields of a JSON body by scanning its bytes, so that a long prompt is never parsed to be routed. */
import { RelayError } from "../contract/errors.ts";
import { parseExact } from "../codec/shared/exact-json.ts";
import { isText } from "../wire/utf8.ts";
import { asciiText } from "./seen-texts.ts";

/** Deepest nesting accepted, `http-api.md` section 1; deeper text can crash a JSON writer later on. */
export const DEPTH_MAX = 64;
/** Fields of the top-level object; real requests have about twenty. */
const FIELDS_MAX = 256;
/**
 * Bodies up to this size have every byte of their strings checked; in longer ones a long string is skipped to its
 * closing quote (raw control characters and unknown escapes inside it are then left for the upstream to refuse).
 */
const FULL_CHECK_BYTES = 16 * 1024;
const SHORT_STRING = 48;
/** Bytes between two quotes that stand close together, and how far behind the last of them bytes are looked at singly. */
const NEAR = 16;
const WALK = 32;

/** Where one top-level value lies: `bytes.subarray(start, end)` is its JSON text. */
export interface Field {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  /** Index of the opening quote of the name: with `end`, the span to cut when a field goes. */
  readonly nameStart: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

/** A name is a text of the client's, too, and may be a secret in the wrong place: only these are told back. */
const NAMES_TOLD: ReadonlySet<string> = new Set(
  "model messages input prompt system tools stream max_tokens temperature metadata contents name scopes".split(" "),
);

const decoder = new TextDecoder();

/** A body's top-level fields; the text is known to be well-formed JSON with an object at the top. */
export class TopLevel {
  constructor(
    readonly bytes: Uint8Array<ArrayBuffer>,
    readonly fields: readonly Field[],
    /** Index of the object's closing brace. */
    readonly close: number,
  ) {}

  find(name: string): Field | undefined {
    for (const field of this.fields) if (field.name === name) return field;
    return undefined;
  }

  /** The field's text parsed; `undefined` if it is absent. */
  value(name: string): unknown {
    const field = this.find(name);
    if (field === undefined) return undefined;
    return JSON.parse(decoder.decode(this.bytes.subarray(field.start, field.end)));
  }

  /** The text of a field that is a string; `undefined` if it is absent. */
  text(name: string): string | undefined {
    const field = this.find(name);
    if (field === undefined) return undefined;
    const { bytes } = this;
    for (let at = field.start + 1; at < field.end - 1; at += 1) {
      const byte = bytes[at]!;
      if (byte === BACKSLASH || byte > 0x7e) return this.value(name) as string;
    }
    return asciiText(bytes, field.start + 1, field.end - 1);
  }

  /** The first byte of the field's value: `{`, `[`, `"`, `t`, `f`, `n`, `-` or a digit; 0 if absent. */
  kind(name: string): number {
    const field = this.find(name);
    return field === undefined ? 0 : (this.bytes[field.start] ?? 0);
  }

  /** The whole body parsed, for lanes that look into it. */
  parse(): { [key: string]: never } {
    return parseExact(decoder.decode(this.bytes)) as { [key: string]: never };
  }
}

/**
 * Reads the top level of a JSON object. Throws `bad-request` for anything that is not one well-formed JSON object in
 * UTF-8, for a field given twice at the top, and for nesting beyond `DEPTH_MAX`.
 */
export function scanTopLevel(bytes: Uint8Array<ArrayBuffer>): TopLevel {
  if (bytes.length === 0) throw malformed("The request has no body; a JSON object was expected.");
  if (!isText(bytes)) throw malformed("The body is not valid UTF-8.");
  return new Scanner(bytes).run();
}

function malformed(message: string): RelayError {
  return new RelayError("bad-request", message, { wireCode: "invalid_json" });
}

function givenTwice(name: string, at: number): RelayError {
  const isKnown = NAMES_TOLD.has(name);
  const which = isKnown ? `The field "${name}" is given twice.` : `A field is given twice, once more at byte ${at}.`;
  return new RelayError("bad-request", which, isKnown ? { param: name } : {});
}

class Scanner {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #fullCheck: boolean;
  #at = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
    this.#fullCheck = bytes.length <= FULL_CHECK_BYTES;
  }

  run(): TopLevel {
    const bytes = this.#bytes;
    this.#space();
    if (bytes[this.#at] !== OPEN_OBJECT) {
      throw malformed("The body is not a JSON object.");
    }
    this.#at += 1;
    const fields: Field[] = [];
    this.#space();
    if (bytes[this.#at] !== CLOSE_OBJECT) {
      for (;;) {
        this.#space();
        const nameStart = this.#at;
        if (bytes[nameStart] !== QUOTE) throw this.#unexpected();
        this.#string();
        const name = this.#name(nameStart, this.#at);
        this.#space();
        if (bytes[this.#at] !== COLON) throw this.#unexpected();
        this.#at += 1;
        this.#space();
        const start = this.#at;
        this.#value();
        for (const field of fields) {
          if (field.name === name) {
            throw givenTwice(name, nameStart);
          }
        }
        if (fields.length === FIELDS_MAX) throw malformed(`The body has more than ${FIELDS_MAX} fields.`);
        fields.push({ name, start, end: this.#at, nameStart });
        this.#space();
        const next = bytes[this.#at];
        if (next === CLOSE_OBJECT) break;
        if (next !== COMMA) throw this.#unexpected();
        this.#at += 1;
      }
    }
    const close = this.#at;
    this.#at += 1;
    this.#space();
    if (this.#at !== bytes.length) throw this.#unexpected();
    return new TopLevel(bytes, fields, close);
  }

  #unexpected(): RelayError {
    const where = this.#at >= this.#bytes.length ? "it ends too early" : `unexpected character at byte ${this.#at}`;
    return malformed(`The body is not valid JSON: ${where}.`);
  }

  #space(): void {
    const bytes = this.#bytes;
    let at = this.#at;
    for (;;) {
      const byte = bytes[at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
      at += 1;
    }
    this.#at = at;
  }

  #name(start: number, end: number): string {
    const bytes = this.#bytes;
    for (let at = start + 1; at < end - 1; at += 1) {
      const byte = bytes[at]!;
      if (byte === BACKSLASH || byte > 0x7e) return JSON.parse(decoder.decode(bytes.subarray(start, end)));
    }
    return asciiText(bytes, start + 1, end - 1);
  }

  /** One value of any kind; nesting is followed with a stack of closing brackets, not by recursion. */
  #value(): void {
    const bytes = this.#bytes;
    const stack: number[] = [];
    for (;;) {
      // A value is expected at #at, white space already skipped.
      const first = bytes[this.#at];
      if (first === QUOTE) {
        this.#string();
      } else if (first === OPEN_OBJECT || first === OPEN_ARRAY) {
        // The top-level object itself is depth 1.
        if (stack.length + 2 > DEPTH_MAX) throw malformed(`The body is nested deeper than ${DEPTH_MAX} levels.`);
        this.#at += 1;
        this.#space();
        const close = first === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY;
        if (bytes[this.#at] === close) {
          this.#at += 1;
        } else {
          stack.push(close);
          if (first === OPEN_OBJECT) this.#key();
          continue;
        }
      } else {
        this.#scalar(first);
      }
      // A value has ended: close what closes, or go to the next one.
      for (;;) {
        if (stack.length === 0) return;
        this.#space();
        const next = bytes[this.#at];
        const close = stack[stack.length - 1];
        if (next === COMMA) {
          this.#at += 1;
          this.#space();
          if (close === CLOSE_OBJECT) this.#key();
          break;
        }
        if (next !== close) throw this.#unexpected();
        this.#at += 1;
        stack.pop();
      }
    }
  }

  /** `"name" :` inside an object, up to the value. */
  #key(): void {
    if (this.#bytes[this.#at] !== QUOTE) throw this.#unexpected();
    this.#string();
    this.#space();
    if (this.#bytes[this.#at] !== COLON) throw this.#unexpected();
    this.#at += 1;
    this.#space();
  }

  #string(): void {
    const bytes = this.#bytes;
    const length = bytes.length;
    let at = this.#at + 1;
    const slowUntil = this.#fullCheck ? length : Math.min(length, at + SHORT_STRING);
    while (at < slowUntil) {
      const byte = bytes[at]!;
      if (byte === QUOTE) {
        this.#at = at + 1;
        return;
      }
      if (byte === BACKSLASH) {
        at = this.#escape(at);
      } else {
        if (byte < 0x20) {
          this.#at = at;
          throw this.#unexpected();
        }
        at += 1;
      }
    }
    // A quote is the end unless an odd number of backslashes stands before it.
    for (;;) {
      const quote = bytes.indexOf(QUOTE, at);
      if (quote < 0) {
        this.#at = length;
        throw this.#unexpected();
      }
      let backslashes = 0;
      while (bytes[quote - 1 - backslashes] === BACKSLASH && quote - 1 - backslashes >= at) backslashes += 1;
      const isNear = quote - at < NEAR;
      at = quote + 1;
      if (backslashes % 2 === 0) {
        this.#at = at;
        return;
      }
      if (!isNear) continue;
      // Where escaped quotes stand close together, as in JSON told as text, looking at each byte is quicker than looking
      // for each quote; where the next one is far away, as in prose and most code, it is the other way round.
      let walkUntil = Math.min(length, at + WALK);
      while (at < walkUntil) {
        const byte = bytes[at];
        if (byte === QUOTE) {
          this.#at = at + 1;
          return;
        }
        if (byte !== BACKSLASH) {
          at += 1;
          continue;
        }
        if (bytes[at + 1] === QUOTE) walkUntil = Math.min(length, at + WALK);
        at += 2;
      }
    }
  }

  /** Checks the escape at `at` and returns the index behind it. */
  #escape(at: number): number {
    const bytes = this.#bytes;
    switch (bytes[at + 1]) {
      case 0x22: // "
      case 0x5c: // \
      case 0x2f: // /
      case 0x62: // b
      case 0x66: // f
      case 0x6e: // n
      case 0x72: // r
      case 0x74: // t
        return at + 2;
      case 0x75: // u
        for (let digit = at + 2; digit < at + 6; digit += 1) {
          const byte = bytes[digit]!;
          const isHex =
            (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
          if (!isHex) {
            this.#at = Math.min(digit, bytes.length);
            throw this.#unexpected();
          }
        }
        return at + 6;
      default:
        this.#at = Math.min(at + 1, bytes.length);
        throw this.#unexpected();
    }
  }

  #scalar(first: number | undefined): void {
    switch (first) {
      case 0x74:
        return this.#word("true");
      case 0x66:
        return this.#word("false");
      case 0x6e:
        return this.#word("null");
      default:
        return this.#number();
    }
  }

  #word(word: string): void {
    for (let index = 0; index < word.length; index += 1) {
      if (this.#bytes[this.#at] !== word.charCodeAt(index)) throw this.#unexpected();
      this.#at += 1;
    }
  }

  /** RFC 8259 section 6. */
  #number(): void {
    const bytes = this.#bytes;
    if (bytes[this.#at] === 0x2d) this.#at += 1;
    if (bytes[this.#at] === 0x30) this.#at += 1;
    else this.#digits();
    if (bytes[this.#at] === 0x2e) {
      this.#at += 1;
      this.#digits();
    }
    if (bytes[this.#at] === 0x65 || bytes[this.#at] === 0x45) {
      this.#at += 1;
      if (bytes[this.#at] === 0x2b || bytes[this.#at] === 0x2d) this.#at += 1;
      this.#digits();
    }
  }

  #digits(): void {
    const from = this.#at;
    while (this.#bytes[this.#at]! >= 0x30 && this.#bytes[this.#at]! <= 0x39) this.#at += 1;
    if (this.#at === from) throw this.#unexpected();
  }
}
