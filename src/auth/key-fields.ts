/** Checks what is to be written on a key: names, lists, limits, addresses and instants. */
import { isIP } from "node:net";
import type { JsonObject } from "../contract/chat.ts";
import type { CallerLimits } from "../contract/host.ts";
import type { ApiKey, KeyStyle, StoredModels } from "../store/types.ts";
import { problem, throwInvalid } from "./refusals.ts";

/** What a caller may write on a key; absent = as it is, or the default. Instants in ms since epoch. */
export interface KeyFields {
  readonly name?: string;
  readonly scopes?: readonly string[];
  readonly models?: Partial<StoredModels> | null;
  readonly defaultModel?: string | null;
  readonly providers?: readonly string[] | null;
  readonly limits?: Partial<CallerLimits> | null;
  readonly ipAllow?: readonly string[] | null;
  readonly logBodies?: ApiKey["logBodies"];
  readonly exposeRouting?: boolean | null;
  readonly metadata?: JsonObject | null;
  /** `null` = never. */
  readonly expiresAt?: number | null;
}

export const NO_LIMITS: CallerLimits = Object.freeze({ rpm: 0, tpm: 0, concurrency: 0, budgets: [] });

const NAME_LENGTH_MAX: Readonly<Record<KeyStyle, number>> = { native: 64, imported: 64, relay: 100, openrelay: 100 };
const LIST_LENGTH_MAX = 200;
const TEXT_LENGTH_MAX = 256;
const METADATA_LENGTH_MAX = 4096;
const BUDGETS_MAX = 10;
/** Control, format and unassigned characters, lone surrogates: nothing that shows. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u;
const LIMIT_NAMES = ["rpm", "tpm", "concurrency"] as const;

/** Throws 422 with everything that is wrong. Scopes have rules of their own. */
export function checkKeyFields(fields: KeyFields, style: KeyStyle, now: number): void {
  const { name, models, defaultModel, providers, limits, ipAllow, metadata, expiresAt } = fields;
  throwInvalid([
    name === undefined ? undefined : checkName(name, NAME_LENGTH_MAX[style]),
    ...[...(models?.allow ?? [])].map((text, index) => checkText(`models.allow.${index}`, text)),
    ...[...(models?.deny ?? [])].map((text, index) => checkText(`models.deny.${index}`, text)),
    checkLength("models.allow", models?.allow),
    checkLength("models.deny", models?.deny),
    checkLength("providers", providers),
    checkLength("ip_allow", ipAllow),
    ...(providers ?? []).map((text, index) => checkText(`providers.${index}`, text)),
    defaultModel == null ? undefined : checkText("default_model", defaultModel),
    ...checkLimits(limits),
    ...(ipAllow ?? []).map((text, index) =>
      isNetwork(text) ? undefined : problem(`ip_allow.${index}`, "must be an address or a network like 10.0.0.0/8"),
    ),
    metadata != null && JSON.stringify(metadata).length > METADATA_LENGTH_MAX
      ? problem("metadata", `must be at most ${METADATA_LENGTH_MAX} characters of JSON`)
      : undefined,
    expiresAt != null && !(expiresAt > now) ? problem("expires_at", "must lie in the future") : undefined,
  ]);
}

function checkName(name: string, max: number) {
  const length = [...name].length;
  if (length > max || name.trim() === "") return problem("name", `must be 1 to ${max} characters`);
  return UNPRINTABLE.test(name) ? problem("name", "must be printable characters") : undefined;
}

function checkText(field: string, text: string) {
  const isUsable = text !== "" && text.length <= TEXT_LENGTH_MAX && !UNPRINTABLE.test(text);
  return isUsable ? undefined : problem(field, `must be 1 to ${TEXT_LENGTH_MAX} printable characters`);
}

function checkLength(field: string, list: readonly string[] | null | undefined) {
  return (list?.length ?? 0) > LIST_LENGTH_MAX
    ? problem(field, `must be at most ${LIST_LENGTH_MAX} entries`)
    : undefined;
}

function checkLimits(limits: Partial<CallerLimits> | null | undefined) {
  if (limits == null) return [];
  const { budgets = [] } = limits;
  return [
    ...LIMIT_NAMES.map((name) => {
      const value = limits[name] ?? 0;
      return Number.isSafeInteger(value) && value >= 0
        ? undefined
        : problem(`limits.${name}`, "must be a whole number, 0 or more");
    }),
    budgets.length > BUDGETS_MAX ? problem("limits.budgets", `must be at most ${BUDGETS_MAX} entries`) : undefined,
    ...budgets.map(({ usd }, index) =>
      Number.isFinite(usd) && usd > 0 ? undefined : problem(`limits.budgets.${index}.usd`, "must be above 0"),
    ),
  ];
}

function isNetwork(text: string): boolean {
  const [, address = "", bits] = /^([0-9a-fA-F.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  return version !== 0 && (bits === undefined || Number(bits) <= (version === 4 ? 32 : 128));
}

export function wholeLimits(limits: Partial<CallerLimits>): CallerLimits {
  return { ...NO_LIMITS, ...limits };
}

export function wholeModels({ allow = [], deny = [] }: Partial<StoredModels>): StoredModels {
  return { allow, deny };
}
