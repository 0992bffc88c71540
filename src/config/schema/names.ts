/** Names that operators choose: what may be one, and when two of them are the same. */
import type { Fault } from "../problem.ts";
import { normalizeName } from "../suggest.ts";
import type { KeyRule } from "./kit.ts";

export const NAME_LENGTH_MAX = 256;

const CONTROL = /[\x00-\x1f\x7f-\x9f]/;

export function hasControlCharacters(text: string): boolean {
  return CONTROL.test(text);
}

export function checkName(text: string): Fault | null {
  if (text.trim() === "") return { code: "bad_value", message: "must not be blank" };
  if (hasControlCharacters(text)) return { code: "bad_value", message: "must not contain control characters" };
  if (text.length <= NAME_LENGTH_MAX) return null;
  return { code: "out_of_range", message: `must have at most ${NAME_LENGTH_MAX} characters` };
}

/** `*`, `?` and `[…]`. */
export function checkGlob(text: string): Fault | null {
  const fault = checkName(text);
  if (fault !== null) return fault;
  const withoutClasses = text.replace(/\[[!^]?[^\]]+\]/g, "");
  return withoutClasses.includes("[") ? { code: "bad_value", message: 'has a "[" without its "]"' } : null;
}

function keyRule(check: (key: string) => Fault | null, flags: Partial<KeyRule> = {}): KeyRule {
  return { check, same: (key) => key, keep: (key) => key, json: {}, ...flags };
}

/** Names of models and aliases: compared without case, `-` and `_`. */
export const NAME_KEY = keyRule(checkName, { same: normalizeName });

/** Names that are taken as written. */
export const EXACT_KEY = keyRule(checkName);

export const GLOB_KEY = keyRule(checkGlob, { same: (key) => key.toLowerCase() });

export const PROVIDER_NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

export const PROVIDER_KEY = keyRule(
  (key) =>
    PROVIDER_NAME.test(key)
      ? null
      : {
          code: "bad_value",
          message: "a provider's name is 1 to 64 of a-z, 0-9, ., _ and -, beginning with a letter or digit",
          suggestion: PROVIDER_NAME.test(key.toLowerCase()) ? key.toLowerCase() : null,
        },
  { same: normalizeName, json: { pattern: PROVIDER_NAME.source } },
);

export const PLUGIN_ID = /^[a-z0-9][a-z0-9-]{0,31}$/;

/** Names of request headers, RFC 9110 §5.6.2; kept in lower case. */
export const HEADER_KEY = keyRule(
  (key) =>
    /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/.test(key)
      ? null
      : { code: "bad_value", message: "must be the name of a header" },
  { same: (key) => key.toLowerCase(), keep: (key) => key.toLowerCase() },
);
