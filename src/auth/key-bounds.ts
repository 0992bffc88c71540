/** A key that makes another cannot let it do more than itself: models, providers, networks, limits, what is told. */
import { BlockList, isIP } from "node:net";
import type { RelayError } from "../contract/errors.ts";
import type { CallerLimits, Identity } from "../contract/host.ts";
import type { StoredModels } from "../store/types.ts";
import { compileGlob, isGlob } from "../support/glob.ts";
import { forbidden } from "./refusals.ts";

/** `undefined` = not asked for. */
export interface KeyReach {
  readonly models?: StoredModels | undefined;
  readonly providers?: readonly string[] | undefined;
  readonly ipAllow?: readonly string[] | undefined;
  readonly limits?: CallerLimits | undefined;
  readonly exposeRouting?: boolean | undefined;
  /** `null` = as the house has it. */
  readonly logBodies?: Identity["logBodies"] | null;
}

/**
 * What was asked for, with the caller's own bounds where nothing was. Throws 403 for anything beyond them. Sessions
 * have no bounds of this kind, so for them it is what was asked for.
 */
export function withinReach(asked: KeyReach, caller: Identity): KeyReach {
  return {
    models: modelsWithin(asked.models, caller.models),
    providers: listWithin(asked.providers, caller.providers, "providers", (own, wanted) => own === wanted),
    ipAllow: listWithin(asked.ipAllow, caller.ipAllow, "addresses", isNetworkWithin),
    limits: limitsWithin(asked.limits, caller.limits),
    exposeRouting: sightWithin(asked.exposeRouting, caller.exposeRouting),
    logBodies: logWithin(asked.logBodies, caller.logBodies),
  };
}

function modelsWithin(asked: StoredModels | undefined, own: Identity["models"]): StoredModels | undefined {
  if (own === undefined) return asked;
  if (asked === undefined) return own;
  const deny = [...new Set([...own.deny, ...asked.deny])];
  if (own.allow.length === 0) return { allow: asked.allow, deny };
  const covered = own.allow.map((pattern) => ({ pattern, matches: compileGlob(pattern) }));
  const isWithin = asked.allow.every((wanted) =>
    // Whether one glob lies within another cannot be told in general: only the same one does.
    covered.some(({ pattern, matches }) => pattern === wanted || (!isGlob(wanted) && matches(wanted))),
  );
  if (asked.allow.length === 0 || !isWithin) throw beyond("models");
  return { allow: asked.allow, deny };
}

function listWithin(
  asked: readonly string[] | undefined,
  own: readonly string[] | undefined,
  what: string,
  isWithin: (own: string, wanted: string) => boolean,
): readonly string[] | undefined {
  if (own === undefined || own.length === 0) return asked;
  if (asked === undefined) return own;
  if (asked.length === 0 || !asked.every((wanted) => own.some((each) => isWithin(each, wanted)))) throw beyond(what);
  return asked;
}

/** Single addresses are networks of one. */
function isNetworkWithin(own: string, wanted: string): boolean {
  const [ownAddress = "", ownBits] = own.split("/");
  const [address = "", bits] = wanted.split("/");
  const version = isIP(ownAddress);
  if (version === 0 || isIP(address) !== version) return false;
  const whole = version === 4 ? 32 : 128;
  const ownLength = Number(ownBits ?? whole);
  if (Number(bits ?? whole) < ownLength) return false;
  const family = version === 4 ? "ipv4" : "ipv6";
  const list = new BlockList();
  list.addSubnet(ownAddress, ownLength, family);
  return list.check(address, family);
}

function limitsWithin(asked: CallerLimits | undefined, own: CallerLimits | undefined): CallerLimits | undefined {
  if (own === undefined) return asked;
  if (asked === undefined) return own;
  for (const name of ["rpm", "tpm", "concurrency"] as const) {
    const isLooser = own[name] > 0 && (asked[name] === 0 || asked[name] > own[name]);
    if (isLooser) throw beyond("limits");
  }
  for (const { usd, window } of own.budgets) {
    const isKept = asked.budgets.some((budget) => budget.window === window && budget.usd <= usd);
    if (!isKept) throw beyond("limits");
  }
  return asked;
}

/** Whoever may not see who answers makes no key that does. */
function sightWithin(asked: boolean | undefined, own: boolean | undefined): boolean | undefined {
  if (own !== false) return asked;
  if (asked === true) throw beyond("routing details");
  return false;
}

/** What is recorded of a key's calls is decided above it. */
function logWithin(asked: KeyReach["logBodies"], own: Identity["logBodies"]): KeyReach["logBodies"] {
  if (own === undefined) return asked;
  if (asked !== undefined && asked !== own) throw beyond("records");
  return own;
}

function beyond(what: string): RelayError {
  return forbidden("forbidden", `The ${what} asked for go beyond those of the key that asks`);
}
