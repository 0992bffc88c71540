/** Takes secrets out of text before it is stored or shown: those known by value, and what looks like one. */

export const REDACTED = "[redacted]";

/** A shorter value would blank ordinary words, and every blank would tell what it was. */
const KNOWN_LENGTH_MIN = 8;

const VALUE = String.raw`(?!\[redacted\]|Bearer |Basic )[^\s"'&;,)}\]\\]+`;

/** Vendors' key shapes, tokens, and the places where credentials sit in texts. `$1` keeps what is no secret. */
const PATTERNS: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, REDACTED],
  [/\b(Bearer(?:\s+|%20|\+))[^\s"',;<>\\]{4,}/gi, `$1${REDACTED}`],
  // Base64 has capitals or digits; "basic authentication" has not.
  [/\b([Bb]asic(?:\s+|%20|\+))(?=[a-z]*[A-Z0-9+/=])[\w+/=-]{6,}/g, `$1${REDACTED}`],
  [/\beyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*){0,3}/g, REDACTED],
  [/\b(?:sk|pk|rk|xai|pplx|nvapi|glpat)-[\w-]{8,}/gi, REDACTED],
  [/\b(?:mr|vl|rl_live|gh[oprsu]|github_pat|gsk|hf|r8|sk_live|sk_test|whsec)_\w{8}[\w-]*/g, REDACTED],
  [/\bxox[a-z]-[\w-]{8,}/g, REDACTED],
  [/\bAIza[\w-]{20,}/g, REDACTED],
  [/\bya29\.[\w.-]{10,}/g, REDACTED],
  [/\b(?:AKIA|ASIA)[0-9A-Z]{12,}/g, REDACTED],
  [/(:\/\/)[^\s/@"'<>]+@/g, `$1${REDACTED}@`],
  [/\b((?:set-)?cookie\\?["']?\s*:\s*\\?["']?)[^\r\n"']+/gi, `$1${REDACTED}`],
  [
    new RegExp(
      String.raw`\b((?:[\w-]*[_-])?(?:key|apikey|token|secret|password|passwd|passphrase|signature|sig)\\?["']?=\\?["']?)${VALUE}`,
      "gi",
    ),
    `$1${REDACTED}`,
  ],
  // With a colon only unmistakable names: "unknown key: temperature" is what a message has to be able to say.
  [
    new RegExp(
      String.raw`\b((?:api[_-]?key|(?:access|refresh|id|auth)[_-]?token|client[_-]?secret|password|passwd|passphrase|authorization)\\?["']?\s*:\s*\\?["']?)${VALUE}`,
      "gi",
    ),
    `$1${REDACTED}`,
  ],
];

/** How each of them can begin, at least three characters: a text without any of these needs no further look. */
const BEGINNINGS =
  "----- bearer basic eyj sk- pk- rk- xai- pplx- nvapi- glpat- mr_ vl_ rl_ gho_ ghp_ ghr_ ghs_ ghu_ github_pat gsk_ hf_ r8_ sk_ whsec xox aiza ya29 akia asia :// cookie key token secret passwd password passphrase signature sig authorization".split(
    " ",
  );

/** The second, exact look: most texts with the word "key" end here. */
const SUSPICIOUS =
  /\b(?:sk|pk|rk|xai|pplx|nvapi|glpat|xox[a-z])-\w|\b(?:mr|vl|rl_live|gh[oprsu]|github_pat|gsk|hf|r8|sk_live|sk_test|whsec)_\w|eyJ|AIza|ya29\.|A[KS]IA|-----BEGIN|:\/\/|(?:bearer|basic)[\s%+]|(?:key|token|secret|passwd|password|passphrase|authorization|cookie|sig|signature)\\?["']?\s*[=:]/i;

/** Names of fields whose whole value is a credential, whatever it looks like. `key` is not one: it holds ids. */
const SECRET_NAME =
  /^(?:.*[_-])?(?:authorization|cookie|password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)$/i;

export interface Redactor {
  /** The text with every known secret and everything of a secret's shape replaced by `[redacted]`. */
  redact(text: string): string;
  /** Known secrets only: for text that was put together from redacted pieces. */
  redactKnown(text: string): string;
  /** Replaces the list of known secrets. Values under 8 characters are left to the patterns. */
  setSecrets(values: Iterable<string>): void;
}

const HARMLESS_MAX = 1024;
const HARMLESS_LENGTH_MAX = 256;

export function createRedactor(secrets: Iterable<string> = []): Redactor {
  let matcher = createMatcher(secrets);
  /** Short texts in which nothing was found: the same models and clients come with every call. */
  const harmless = new Set<string>();
  return {
    redact(text) {
      if (harmless.has(text)) return text;
      const clean = matcher.replaceKnown(text);
      if (!matcher.mayMatch(clean) || !SUSPICIOUS.test(clean)) {
        if (clean === text && text.length <= HARMLESS_LENGTH_MAX) {
          if (harmless.size >= HARMLESS_MAX) harmless.clear();
          harmless.add(text);
        }
        return clean;
      }
      return PATTERNS.reduce((result, [pattern, replacement]) => result.replace(pattern, replacement), clean);
    },
    redactKnown: (text) => matcher.replaceKnown(text),
    setSecrets(values) {
      matcher = createMatcher(values);
      harmless.clear();
    },
  };
}

const secretNames = new Map<string, boolean>();
const SECRET_NAMES_MAX = 1000;

/** Whether a field of this name is blanked without looking at its value, e.g. `client_secret`, `x-api-key`. */
export function isSecretName(name: string): boolean {
  let answer = secretNames.get(name);
  if (answer === undefined) {
    answer = SECRET_NAME.test(name.replace(/([a-z])([A-Z])/g, "$1_$2"));
    if (secretNames.size < SECRET_NAMES_MAX) secretNames.set(name, answer);
  }
  return answer;
}

interface Matcher {
  replaceKnown(text: string): string;
  /** No means no; yes means that a pattern is worth trying. */
  mayMatch(text: string): boolean;
}

/**
 * Looks for hundreds of values at the price of one walk: three characters select a slot of a bitmap, and only where a
 * slot is set are the values of that slot compared. A regular expression of all values tries each at each place.
 */
function createMatcher(values: Iterable<string>): Matcher {
  const bySlot = new Map<number, string[]>();
  const isKnown = new Uint8Array(SLOTS);
  for (const value of spellings(values)) {
    const slot = slotOf(value.charCodeAt(0), value.charCodeAt(1), value.charCodeAt(2));
    isKnown[slot] = 1;
    const list = bySlot.get(slot);
    if (list === undefined) bySlot.set(slot, [value]);
    else list.push(value);
  }
  // The longest first: of two secrets where one begins the other, the tail of the longer must not stay.
  for (const list of bySlot.values()) list.sort((left, right) => right.length - left.length);

  return {
    replaceKnown(text) {
      if (bySlot.size === 0) return text;
      const last = text.length - KNOWN_LENGTH_MIN;
      let result = "";
      let copied = 0;
      let first = text.charCodeAt(0);
      let second = text.charCodeAt(1);
      for (let i = 0; i <= last; i++) {
        const third = text.charCodeAt(i + 2);
        const slot = slotOf(first, second, third);
        first = second;
        second = third;
        if (isKnown[slot] === 0) continue;
        const found = bySlot.get(slot)!.find((value) => text.startsWith(value, i));
        if (found === undefined) continue;
        if (i >= copied) result += text.slice(copied, i) + REDACTED;
        copied = Math.max(copied, i + found.length);
      }
      return copied === 0 ? text : result + text.slice(copied);
    },
    mayMatch(text) {
      let first = text.charCodeAt(0) | 0x20;
      let second = text.charCodeAt(1) | 0x20;
      for (let i = 2; i < text.length; i++) {
        const third = text.charCodeAt(i) | 0x20;
        if (BEGINS_PATTERN[slotOf(first, second, third)] !== 0) return true;
        first = second;
        second = third;
      }
      return false;
    },
  };
}

const SLOTS = 0x10000;

function slotOf(first: number, second: number, third: number): number {
  return (first ^ (second << 5) ^ (third << 9)) & 0xffff;
}

const BEGINS_PATTERN = new Uint8Array(SLOTS);
for (const beginning of BEGINNINGS) {
  const [first, second, third] = Array.from(beginning, (character) => character.charCodeAt(0) | 0x20);
  BEGINS_PATTERN[slotOf(first!, second!, third!)] = 1;
}

/** The forms in which a value can turn up in a line: as it is, inside JSON, inside a URL. */
function spellings(values: Iterable<string>): Set<string> {
  const all = new Set<string>();
  for (const value of values) {
    if (value.length < KNOWN_LENGTH_MIN) continue;
    all.add(value);
    all.add(JSON.stringify(value).slice(1, -1));
    all.add(encodeURIComponent(value.toWellFormed()));
  }
  return all;
}
