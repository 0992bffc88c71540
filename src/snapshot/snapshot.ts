/** One immutable picture of the running configuration, and the one place where it is swapped. */
import type { ChainLink } from "../auth/chain.ts";
import type { SignIns } from "../auth/sign-in.ts";
import type { Config } from "../config/types.ts";
import type { GeneralLimits } from "../limits/plan.ts";
import type { WayOut } from "../net/way-out.ts";
import type { ProviderEntry } from "../routing/entry.ts";
import type { Router } from "../routing/resolve.ts";

export interface Snapshot {
  /** 1, 2, 3 ... shown by `/health`, in log lines and records. */
  readonly generation: number;
  readonly config: Config;
  /** In the configured order. */
  readonly chain: readonly ChainLink[];
  /** Identity providers that may be used, by id, in the configured order; empty while `sso` is off. */
  readonly signIns: SignIns;
  /** All configured providers, disabled ones included, in file order; `/health` shows them. */
  readonly providers: readonly ProviderStatus[];
  readonly router: Router;
  /** Limits for everybody of a kind; absent = the configuration limits nobody. */
  readonly generalLimits: GeneralLimits | undefined;
  /** For what belongs to no provider: media that callers name. */
  readonly way: WayOut;
  /** Ends what the plugins of this generation hold. */
  dispose(): Promise<void>;
}

export interface ProviderStatus {
  readonly name: string;
  readonly enabled: boolean;
  readonly keys: number;
  readonly baseUrl: string;
  readonly type: string;
  /** Absent while disabled. */
  readonly entry?: ProviderEntry;
}

/** Counts the calls on one snapshot; the last one to leave an old snapshot disposes of it. */
export class Lease {
  #calls = 0;
  #isRetired = false;

  constructor(
    readonly snapshot: Snapshot,
    private readonly disposed: (snapshot: Snapshot) => void,
  ) {}

  get calls(): number {
    return this.#calls;
  }

  take(): void {
    this.#calls += 1;
  }

  /** Call exactly once per `take`, when the last byte has left. */
  release(): void {
    this.#calls -= 1;
    if (this.#calls === 0 && this.#isRetired) this.disposed(this.snapshot);
  }

  retire(): void {
    this.#isRetired = true;
    if (this.#calls === 0) this.disposed(this.snapshot);
  }
}

export class SnapshotHolder {
  #lease: Lease;
  readonly #onDisposeError: (error: unknown) => void;

  constructor(first: Snapshot, onDisposeError: (error: unknown) => void) {
    this.#onDisposeError = onDisposeError;
    this.#lease = this.#leaseOf(first);
  }

  get current(): Snapshot {
    return this.#lease.snapshot;
  }

  /** Today's snapshot with its counter: `take()` it, keep it for the whole call, `release()` it at the last byte. */
  get lease(): Lease {
    return this.#lease;
  }

  /** The new picture is complete before this is called; running calls keep the old one to their end. */
  swap(next: Snapshot): void {
    const old = this.#lease;
    this.#lease = this.#leaseOf(next);
    old.retire();
  }

  #leaseOf(snapshot: Snapshot): Lease {
    return new Lease(snapshot, (ended) => {
      ended.dispose().catch(this.#onDisposeError);
    });
  }
}
