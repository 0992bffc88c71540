/** The scalar types of the configuration: bool, int, float, str, secret, choice, duration, size, time. */
import type { JsonObject } from "../../contract/chat.ts";
import { readCoreScalar } from "../core-scalar.ts";
import type { Fault } from "../problem.ts";
import { suggest } from "../suggest.ts";
import type { ScalarTree, ScalarValue } from "../tree.ts";
import {
  formatDuration,
  formatSize,
  formatTime,
  guessDuration,
  guessSize,
  parseDuration,
  parseSize,
  parseTime,
} from "../units.ts";
import type { Parsed, ScalarSpec } from "./kit.ts";

/** 100 years: nothing longer is meant, and every sum of two still is an exact number. */
const DURATION_MAX = 36_500 * 86_400_000;
/** Timers of the runtime end at 2^31 - 1 ms. */
export const TIMER_MAX = "24d";
const INTEGER_MAX = 1_000_000_000_000;
const SIZE_MAX = 1024 ** 5;

function fault(code: Fault["code"], message: string, suggestion: string | null = null): { fault: Fault } {
  return { fault: { code, message, suggestion } };
}

const KINDS = { string: "a text", number: "a number", boolean: "true or false" } as const;

/** What a value is, in words; never the value itself, which may be a secret in the wrong place. */
export function describeKind(value: ScalarValue): string {
  return value === null ? "empty" : KINDS[typeof value as keyof typeof KINDS];
}

function wrongType(wanted: string, written: ScalarTree, suggestion: string | null = null): { fault: Fault } {
  const isOnlyQuoted = written.isQuoted && !written.isLoose && typeof readCoreScalar(written.text) !== "string";
  const advice = isOnlyQuoted ? "; remove the quotes" : "";
  return fault("wrong_type", `must be ${wanted}, not ${describeKind(written.value)}${advice}`, suggestion);
}

/** Loose text counts as what a plain YAML scalar of that text would be. */
function typedValue(written: ScalarTree): ScalarValue {
  return written.isLoose ? readCoreScalar(written.text.trim()) : written.value;
}

const YES_NO: Readonly<Record<string, string>> = {
  yes: "true",
  on: "true",
  y: "true",
  no: "false",
  off: "false",
  n: "false",
};

export function bool(): ScalarSpec<boolean, ""> {
  return {
    kind: "scalar",
    suffix: "",
    isSecret: false,
    isConverted: false,
    json: { type: "boolean" },
    encode: (value) => value,
    parse(written) {
      const value = typedValue(written);
      if (typeof value === "boolean") return { value };
      return wrongType("true or false", written, YES_NO[written.text.toLowerCase()] ?? null);
    },
  };
}

interface NumberRange {
  readonly min?: number;
  readonly max?: number;
  /** Greater than, for ranges without a smallest value. */
  readonly above?: number;
}

function describeRange({ min, max, above }: NumberRange): string {
  if (above !== undefined) return max === undefined ? `greater than ${above}` : `greater than ${above}, at most ${max}`;
  if (min !== undefined && max !== undefined && max !== INTEGER_MAX) return `from ${min} to ${max}`;
  return `at least ${min}`;
}

function isInside(value: number, { min, max, above }: NumberRange): boolean {
  return (
    (min === undefined || value >= min) && (max === undefined || value <= max) && (above === undefined || value > above)
  );
}

function rangeSchema({ min, max, above }: NumberRange): JsonObject {
  return {
    ...(min === undefined ? {} : { minimum: min }),
    ...(max === undefined ? {} : { maximum: max }),
    ...(above === undefined ? {} : { exclusiveMinimum: above }),
  };
}

/** `0777` is octal to some readers and 777 to others: it is refused. */
const LEADING_ZERO = /^[-+]?0\d/;

export function int(min: number, max: number = INTEGER_MAX): ScalarSpec<number, ""> {
  const range = { min, max };
  return {
    kind: "scalar",
    suffix: "",
    isSecret: false,
    isConverted: false,
    json: { type: "integer", ...rangeSchema(range) },
    encode: (value) => value,
    parse(written) {
      const value = typedValue(written);
      if (typeof value !== "number" || !Number.isInteger(value)) {
        return wrongType("an integer", written);
      }
      if (LEADING_ZERO.test(written.text.trim())) return fault("bad_value", "must not begin with 0");
      return isInside(value, range) ? { value } : fault("out_of_range", `must be ${describeRange(range)}`);
    },
  };
}

export function float(range: NumberRange): ScalarSpec<number, ""> {
  return {
    kind: "scalar",
    suffix: "",
    isSecret: false,
    isConverted: false,
    json: { type: "number", ...rangeSchema(range) },
    encode: (value) => value,
    parse(written) {
      const value = typedValue(written);
      if (typeof value !== "number" || !Number.isFinite(value)) return wrongType("a number", written);
      return isInside(value, range) ? { value } : fault("out_of_range", `must be ${describeRange(range)}`);
    },
  };
}

export interface TextRules {
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: RegExp;
  /** What `pattern` wants, to follow "must be". */
  readonly wanted?: string;
  /** Further rule; may also bring the text into its usual form. */
  readonly check?: (text: string) => Parsed<string>;
}

const TEXT_LENGTH_MAX = 65_536;

/** Reads a text: any text that is not blank unless `rules` say more. */
export function parseText(written: ScalarTree, rules: TextRules = {}): Parsed<string> {
  const text = written.isLoose ? written.text : written.value;
  if (typeof text !== "string") {
    const quoted = written.text.length <= 40 && /^[\w.+-]+$/.test(written.text) ? "; put it in quotes" : "";
    return fault("wrong_type", `must be a text, not ${describeKind(written.value)}${quoted}`);
  }
  if (text.trim() === "") return fault("bad_value", "must not be blank");
  if (text.length < (rules.min ?? 0)) return fault("out_of_range", `must have at least ${rules.min} characters`);
  if (text.length > (rules.max ?? TEXT_LENGTH_MAX)) {
    return fault("out_of_range", `must have at most ${rules.max ?? TEXT_LENGTH_MAX} characters`);
  }
  if (rules.pattern !== undefined && !rules.pattern.test(text)) return fault("bad_value", `must be ${rules.wanted}`);
  return rules.check === undefined ? { value: text } : rules.check(text);
}

export function str(rules: TextRules = {}): ScalarSpec<string, ""> {
  return {
    kind: "scalar",
    suffix: "",
    isSecret: false,
    isConverted: false,
    json: { type: "string", ...(rules.pattern === undefined ? {} : { pattern: rules.pattern.source }) },
    encode: (value) => value,
    parse: (written) => parseText(written, rules),
  };
}

/** A text that is shown nowhere. As an optional key, blank means not set. */
export function secret(rules: TextRules = {}): ScalarSpec<string, ""> {
  return {
    ...str(rules),
    isSecret: true,
    json: { type: "string", writeOnly: true },
    secretsIn: (value) => [value],
    // A number is the likely slip here, and quoting it in a message would show it.
    parse(written) {
      if (typeof written.value === "string" || written.isLoose) return parseText(written, rules);
      return fault("wrong_type", `must be a text, not ${describeKind(written.value)}; put it in quotes`);
    },
  };
}

/** One of a few words; they may stand beside `true` and `false`. Words in `unsupported` get that message. */
export function choice<const V extends ScalarValue>(
  values: readonly V[],
  unsupported: Readonly<Record<string, string>> = {},
): ScalarSpec<V, ""> {
  const wanted = values.map(String).join(", ");
  return {
    kind: "scalar",
    suffix: "",
    isSecret: false,
    isConverted: false,
    json: { enum: [...values] },
    encode: (value) => value,
    parse(written) {
      const text = written.text.trim();
      const exact = values.find((value) => value === written.value || (written.isLoose && String(value) === text));
      if (exact !== undefined) return { value: exact };
      const loose = written.isLoose
        ? values.find((value) => String(value).toLowerCase() === text.toLowerCase())
        : undefined;
      if (loose !== undefined) return { value: loose };
      if (typeof written.value === "string" && Object.hasOwn(unsupported, written.value)) {
        return fault("unsupported", unsupported[written.value]!);
      }
      if (!written.isLoose && !values.some((value) => typeof value === typeof written.value)) {
        return wrongType(`one of ${wanted}`, written);
      }
      const suggestion = typeof written.value === "string" ? suggest(text, values.map(String)) : null;
      return fault("bad_value", `must be ${values.length === 1 ? "" : "one of "}${wanted}`, suggestion);
    },
  };
}

/** Bounds are written like values: `1m`, `0`. The default minimum is 0. */
export function duration(min: string | number = 0, max?: string): ScalarSpec<number, "Ms"> {
  const lowest = toMs(min);
  const highest = max === undefined ? DURATION_MAX : toMs(max);
  return {
    kind: "scalar",
    suffix: "Ms",
    isSecret: false,
    isConverted: true,
    json: {
      anyOf: [
        { type: "number", minimum: 0 },
        { type: "string", pattern: String.raw`^\d+(\.\d+)?(ms|s|m|h|d)$` },
      ],
    },
    encode: formatDuration,
    parse(written) {
      const value = typedValue(written);
      if (typeof value !== "string" && typeof value !== "number") {
        return wrongType("a duration such as 30 (seconds), 500ms or 5m", written);
      }
      const ms = typeof value === "number" ? Math.round(value * 1000) : parseDuration(value);
      if (ms === null || Number.isNaN(ms)) {
        const text = String(value);
        return fault(
          "bad_value",
          "must be seconds, or a number with ms, s, m, h or d, such as 500ms or 5m",
          guessDuration(text),
        );
      }
      if (ms >= lowest && ms <= highest) return { value: ms };
      const limits = max === undefined ? `at least ${formatDuration(lowest)}` : `from ${min} to ${max}`;
      return fault("out_of_range", `must be ${ms > DURATION_MAX ? "at most 36500d" : limits}`);
    },
  };
}

function toMs(bound: string | number): number {
  return typeof bound === "number" ? bound * 1000 : parseDuration(bound)!;
}

/** Bytes. */
export function size(min: number): ScalarSpec<number, ""> {
  return {
    kind: "scalar",
    suffix: "",
    isSecret: false,
    isConverted: true,
    json: {
      anyOf: [
        { type: "integer", minimum: min },
        { type: "string", pattern: String.raw`^\d+(\.\d+)?(KiB|MiB|GiB|TiB)$` },
      ],
    },
    encode: formatSize,
    parse(written) {
      const value = typedValue(written);
      if (typeof value !== "string" && typeof value !== "number") {
        return wrongType("a size such as 1048576 (bytes) or 32MiB", written);
      }
      const bytes = typeof value === "number" ? value : parseSize(value);
      if (bytes === null || !Number.isInteger(bytes)) {
        return fault("bad_value", "must be bytes, or a number with KiB, MiB, GiB or TiB", guessSize(String(value)));
      }
      return bytes >= min && bytes <= SIZE_MAX
        ? { value: bytes }
        : fault("out_of_range", `must be from ${min} to 1024TiB`);
    },
  };
}

/** A point in time; ms since epoch in code. */
export function time(): ScalarSpec<number, ""> {
  return {
    kind: "scalar",
    suffix: "",
    isSecret: false,
    isConverted: true,
    json: { type: "string" },
    encode: formatTime,
    parse(written) {
      const text = parseText(written);
      if ("fault" in text) return text;
      const value = parseTime(text.value.trim());
      return value === null ? fault("bad_value", "must be a time such as 2027-01-31T12:00:00Z") : { value };
    },
  };
}
