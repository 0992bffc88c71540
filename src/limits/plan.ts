/** Which limits hold for a caller: those of its key, its account, its organisation, or of the access key. */
import type { Config } from "../config/types.ts";
import type { CallerLimits, Identity } from "../contract/host.ts";

/** Whose limit it is; `maker`: of a key that made the caller's. */
export type HolderKind = "key" | "maker" | "user" | "organisation" | "access key";

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
export function isLimited({ limits, makers, orgLimits }: Identity, general: GeneralLimits | undefined): boolean {
  return limits !== undefined || orgLimits !== undefined || makers !== undefined || general !== undefined;
}

/** Names under which a caller is counted; they outlive sessions, reloads and restarts. */
export function subjectsOf(identity: Identity): readonly string[] {
  return holdersOf(identity, {}).map(({ subject }) => subject);
}

export function plannedLimits(identity: Identity, general: GeneralLimits = {}): readonly PlannedLimits[] {
  return holdersOf(identity, general).flatMap(({ limits, ...holder }) =>
    limits === undefined || isNone(limits) ? [] : [{ ...holder, limits }],
  );
}

interface PossibleLimits extends Omit<PlannedLimits, "limits"> {
  readonly limits: CallerLimits | undefined;
}

function holdersOf(identity: Identity, general: GeneralLimits): readonly PossibleLimits[] {
  const { apiKeyId, countsAs, userId, orgId, kind, makers = [] } = identity;
  const holders: PossibleLimits[] = [];
  if (apiKeyId !== null)
    holders.push({ kind: "key", subject: keySubject(countsAs ?? apiKeyId), limits: identity.limits });
  for (const maker of makers) {
    holders.push({ kind: "maker", subject: keySubject(maker.countsAs), limits: maker.limits });
  }
  if (userId !== null) holders.push({ kind: "user", subject: `user:${userId}`, limits: general.user });
  if (orgId !== null) {
    const limits = tighter(identity.orgLimits, general.org);
    holders.push({ kind: "organisation", subject: `org:${orgId}`, limits });
  }
  if (kind === "service") holders.push({ kind: "access key", subject: "access-key", limits: general.accessKey });
  return holders;
}

/** `countsAs`: the key's id, or that of the first one of its line. */
export function keySubject(countsAs: string): string {
  return `key:${countsAs}`;
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
