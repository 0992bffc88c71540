/** What the options of `monorelay key create` say, as the body of the request that makes a key. */
import { parseDuration, parseTime } from "../config/units.ts";
import type { PatchKey } from "../http/accounts/key-body.ts";
import { CliError, EXIT } from "./exit.ts";

type KeyBody = typeof PatchKey.static;

export interface KeyOptions {
  readonly models?: string;
  readonly scopes?: string;
  readonly expires?: string;
  readonly rpm?: string;
  readonly tpm?: string;
  readonly concurrency?: string;
  readonly budget?: readonly string[];
  readonly cidr?: string;
}

const WINDOWS = ["hour", "day", "week", "month", "total"] as const;

/** Throws exit 2 for what cannot be read; what it may be, the key service judges. */
export function readKeyOptions(options: KeyOptions, now: number): KeyBody {
  const { models, scopes, expires, cidr } = options;
  const limits = limitsOf(options);
  return {
    ...(models === undefined ? {} : { models: { allow: listOf(models) } }),
    ...(scopes === undefined ? {} : { scopes: listOf(scopes) }),
    ...(cidr === undefined ? {} : { ip_allow: listOf(cidr) }),
    ...(expires === undefined ? {} : { expires_at: readExpiry(expires, now) }),
    ...(limits === undefined ? {} : { limits }),
  };
}

/** `90d`, `never` or an instant. */
function readExpiry(text: string, now: number): string | null {
  if (text === "never") return null;
  const after = parseDuration(text);
  const at = after === null ? parseTime(text) : now + after;
  if (at === null) throw wrong("--expires", "a duration like 90d, an instant like 2027-01-31T00:00:00Z, or never");
  return new Date(Math.floor(at)).toISOString();
}

/** `24h` in ms. */
export function readGrace(text: string): number {
  const ms = text === "0" ? 0 : parseDuration(text);
  if (ms === null || ms > 7 * 86_400_000) throw wrong("--grace", "a duration up to 7d");
  return ms;
}

function limitsOf({ rpm, tpm, concurrency, budget }: KeyOptions): KeyBody["limits"] {
  if (rpm === undefined && tpm === undefined && concurrency === undefined && budget === undefined) return undefined;
  return {
    ...(rpm === undefined ? {} : { rpm: countOf("--rpm", rpm) }),
    ...(tpm === undefined ? {} : { tpm: countOf("--tpm", tpm) }),
    ...(concurrency === undefined ? {} : { concurrency: countOf("--concurrency", concurrency) }),
    ...(budget === undefined ? {} : { budgets: budget.map(budgetOf) }),
  };
}

function countOf(flag: string, text: string): number {
  if (!/^\d{1,12}$/.test(text)) throw wrong(flag, "a whole number");
  return Number(text);
}

/** `20/month`: US dollars and the window they are for. */
function budgetOf(text: string) {
  const [, usd, name] = /^(\d{1,9}(?:\.\d{1,6})?)\/([a-z]+)$/.exec(text) ?? [];
  const window = WINDOWS.find((each) => each === name);
  if (usd === undefined || window === undefined)
    throw wrong("--budget", "like 20/month (hour, day, week, month, total)");
  return { usd: Number(usd), window };
}

function listOf(text: string): string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

function wrong(flag: string, expected: string): CliError {
  return new CliError(EXIT.usage, "bad_option", `${flag} must be ${expected}.`);
}
