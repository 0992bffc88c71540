/** Which limits hold for a caller: those of its key, its account, its organisation, or of the access key. */
import type { Config } from "../config/types.ts";
import type { CallerLimits, Identity } from "../contract/host.ts";

/** Whose limit it is, as refusals name it. */
export type HolderKind = "key" | "user" | "organisation" | "access key";

/** What the configuration says for everybody of a kind; absent = nothing. */
export interface GeneralLimits {
  readonly user?: CallerLimits;
  readonly org?: CallerLimits;
  readonly accessKey?: CallerLimits;
}

/** One caller's limits of one kind. All that name the same subject are counted together. */
export interface PlannedLimits {
  readonly kind: HolderKind;
  readonly subject: string;
  readonly limits: CallerLimits;
}

/** `undefined` when the configuration limits nobody. */
export function generalLimits({ user, org, accessKey }: Config["limits"]): GeneralLimits | undefined {
  const set = {
    ...(isNone(user) ? {} : { user }),
    ...(isNone(org) ? {} : { org }),
    ...(isNone(accessKey) ? {} : { accessKey }),
  };
  return Object.keys(set).length === 0 ? undefined : set;
}

/** Whether anything at all may limit this caller: a few properties, read for every call. */
export function isLimited({ limits, orgLimits }: Identity, general: GeneralLimits | undefined): boolean {
  return limits !== undefined || orgLimits !== undefined || general !== undefined;
}

/** Names under which a caller is counted; they outlive sessions, reloads and restarts. */
export function subjectsOf(identity: Identity): { readonly [Kind in HolderKind]?: string } {
  const { apiKeyId, userId, orgId, kind } = identity;
  return {
    ...(apiKeyId === null ? {} : { key: `key:${identity.countsAs ?? apiKeyId}` }),
    ...(userId === null ? {} : { user: `user:${userId}` }),
    ...(orgId === null ? {} : { organisation: `org:${orgId}` }),
    ...(kind === "service" ? { "access key": "access-key" } : {}),
  };
}

export function plannedLimits(identity: Identity, general: GeneralLimits = {}): readonly PlannedLimits[] {
  const subjects = subjectsOf(identity);
  const limits: { readonly [Kind in HolderKind]: CallerLimits | undefined } = {
    key: identity.limits,
    user: general.user,
    organisation: tighter(identity.orgLimits, general.org),
    "access key": general.accessKey,
  };
  return (["key", "user", "organisation", "access key"] as const).flatMap((kind) => {
    const subject = subjects[kind];
    const own = limits[kind];
    return subject === undefined || own === undefined || isNone(own) ? [] : [{ kind, subject, limits: own }];
  });
}

/** Both hold: of each rate the lower one, and all budgets. */
function tighter(one: CallerLimits | undefined, other: CallerLimits | undefined): CallerLimits | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return {
    rpm: lower(one.rpm, other.rpm),
    tpm: lower(one.tpm, other.tpm),
    concurrency: lower(one.concurrency, other.concurrency),
    budgets: [...one.budgets, ...other.budgets],
  };
}

/** 0 is no limit. */
function lower(one: number, other: number): number {
  return one === 0 || other === 0 ? Math.max(one, other) : Math.min(one, other);
}

function isNone({ rpm, tpm, concurrency, budgets }: CallerLimits): boolean {
  return rpm === 0 && tpm === 0 && concurrency === 0 && budgets.length === 0;
}
