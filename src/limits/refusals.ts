/** What a caller is told whose limit is reached: which one, whose it is, and when it frees up. */
import { RelayError } from "../contract/errors.ts";
import type { HolderKind } from "./plan.ts";
import type { BudgetWindow } from "./windows.ts";

/** Clients ignore hints outside this range, `http-api.md` section 2.2. */
const HINT_MIN_MS = 1000;
const HINT_MAX_MS = 60_000;

export type RateName = "rpm" | "tpm" | "concurrency";

const NAMES: { readonly [Kind in HolderKind]: string } = {
  key: "this key",
  maker: "the key that made this one",
  user: "this user",
  organisation: "this organisation",
  "access key": "the access key",
};

const UNITS: { readonly [Name in RateName]: string } = {
  rpm: "requests per minute (rpm)",
  tpm: "tokens per minute (tpm)",
  concurrency: "calls at the same time (concurrency)",
};

/** `resetMs`: until the call, as it is, would pass; as far as that can be known. */
export function rateLimited(kind: HolderKind, name: RateName, limit: number, resetMs: number): RelayError {
  const retryAfterMs = Math.min(HINT_MAX_MS, Math.max(HINT_MIN_MS, Math.ceil(resetMs)));
  const reset =
    name === "concurrency" ? "It frees up when one of them ends." : `It resets in ${seconds(retryAfterMs)}.`;
  return new RelayError("rate-limited", `The limit of ${NAMES[kind]} is reached: ${limit} ${UNITS[name]}. ${reset}`, {
    retryAfterMs,
  });
}

/** `leftMicroUsd`: of the budget, without what calls under way have put aside. `askedMicroUsd`: what this call might cost. */
export function quotaExceeded(
  kind: HolderKind,
  budget: { readonly usd: number; readonly window: BudgetWindow },
  endsAt: number,
  leftMicroUsd: number,
  askedMicroUsd: number,
): RelayError {
  const { usd, window } = budget;
  const what = window === "total" ? `${usd} USD in all` : `${usd} USD per ${window}`;
  const reset = Number.isFinite(endsAt) ? ` It begins anew at ${new Date(endsAt).toISOString()}.` : "";
  const message =
    leftMicroUsd <= 0
      ? `The budget of ${NAMES[kind]} is used up: ${what} (budget:${window}).${reset}`
      : `The budget of ${NAMES[kind]} does not cover the call: ${what} (budget:${window}), ${inUsd(leftMicroUsd)} USD left, ` +
        `and the call might cost ${inUsd(askedMicroUsd)} USD; a lower maximum of tokens makes it cheaper.${reset}`;
  // Clients that know the word do not ask again, whatever they think of the status.
  return new RelayError("quota-exceeded", message, { wireCode: "insufficient_quota" });
}

export function unpriced(): RelayError {
  return new RelayError(
    "forbidden",
    "What this call costs is not known, and this credential has a budget (prices.on_unknown: block).",
    { wireCode: "price_unknown" },
  );
}

/** Decimal, without needless zeros; never in exponents. */
export function inUsd(microUsd: number): string {
  const text = (microUsd / 1_000_000).toFixed(6);
  return text.replace(/\.?0+$/, "");
}

function seconds(ms: number): string {
  return `${Math.ceil(ms / 1000)} s`;
}
