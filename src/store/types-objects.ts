/** What the rest of the house may ask of the map from upstream objects to where they lie and whose they are. */

/** A file, a batch, a thread … that a client left with an upstream. */
export interface UpstreamObject {
  /** As the upstream named it, ≤ 256 characters. */
  readonly id: string;
  readonly kind: string;
  /** Name of the configured provider. */
  readonly provider: string;
  /** Of the provider's keys; empty for a provider without keys. */
  readonly keyId: string;
  /** Whose it is; `null` = of callers without an organisation. */
  readonly orgId: string | null;
  readonly userId: number | null;
  /** `id` of the identity that made it. */
  readonly principal: string;
}

/** Whose objects are meant: those of an organisation, or of one caller in it. */
export interface ObjectOwner {
  /** `null` = of callers without an organisation. */
  readonly orgId: string | null;
  /** Made by this account, whichever of its credentials it showed. Absent = by anybody. */
  readonly userId?: number;
  /** Made by this identity, which has no account. Absent = by anybody. */
  readonly principal?: string;
}

export interface ObjectRepository {
  /** An id that is known already keeps its owner. */
  add(objects: readonly UpstreamObject[]): Promise<void>;
  find(id: string): Promise<UpstreamObject | undefined>;
  /** Those of these ids that are known. */
  findAll(ids: readonly string[]): Promise<readonly UpstreamObject[]>;
  /** Nothing has been left with any upstream, so that nobody need be asked; kept in memory. */
  readonly isEmpty: boolean;
  /** All of one kind and owner, at most `max`, the newest first. */
  list(kind: string, owner: ObjectOwner, max: number): Promise<readonly UpstreamObject[]>;
  remove(id: string): Promise<void>;
  /** Forgets those of a kind made before this instant (ms since epoch); returns how many. */
  prune(kind: string, before: number): Promise<number>;
}
