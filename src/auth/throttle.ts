/** Slows down guessing, per account and per network, with delays that grow and always end. */
import type { AuthConfig } from "../config/types.ts";
import type { ThrottleEntry, ThrottleRepository } from "../store/types.ts";
import type { Clock, Schedule } from "../support/clock.ts";
import { digestSecretHex } from "../support/secret.ts";
import { networkOf } from "./client-network.ts";
import { tooMany } from "./refusals.ts";

export interface ThrottleOptions {
  readonly config: () => AuthConfig["throttle"];
  readonly repository: ThrottleRepository;
  readonly clock: Clock;
  readonly schedule: Schedule;
  /** Told when the counts could not be written; they go on counting. */
  readonly onError: (error: unknown) => void;
}

/** One try to prove something. Exactly one of these is called, once. */
export interface Attempt {
  succeeded(): void;
  failed(): void;
  /** It was not tried after all. */
  withdrawn(): void;
}

export interface Throttle {
  /**
   * Counts the attempt before it is made, so that those made at the same time count too. Throws `rate-limited`.
   * `account`: what names it, in canonical form; absent where only the network counts.
   */
  begin(who: { readonly account?: string; readonly address: string }): Attempt;
  /**
   * Counts an account that somebody is about to make without anybody's leave: as many per network as failures there,
   * but apart from them, so that newcomers keep nobody from signing in. Throws `rate-limited`.
   */
  countNewcomer(address: string): void;
  /** Reads what was counted before the last restart. */
  restore(): Promise<void>;
  /** Writes what is not written yet, now. */
  flush(): Promise<void>;
}

const DELAY_MS_FIRST = 1000;
/** Whoever owns the account is never kept out for longer. */
const DELAY_MS_MAX = 15 * 60_000;
/** Failures beyond the limit that make the pause the longest: more are not counted. */
const BEYOND_MAX = 10;
/** While attempts beyond the limit are being made one at a time. */
const BUSY_RETRY_MS = 1000;
/** How long a network from which an account has signed in is told apart from strangers. */
const KNOWN_MS = 30 * 86_400_000;
const FLUSH_MS = 500;
const ENTRIES_MAX = 50_000;

interface Counter {
  level: number;
  updatedAt: number;
  blockedUntil: number;
  inFlight: number;
}

/**
 * The level of failures leaks away at `limit` per window. Below the limit attempts are free; from there on each
 * failure doubles the pause before the next, and only one attempt is made at a time. A pause is bounded whatever the
 * clock does. An account is counted apart for networks it has signed in from, so that strangers who try day and night
 * do not keep its owner out.
 */
export function createThrottle({ config, repository, clock, schedule, onError }: ThrottleOptions): Throttle {
  const counters = new Map<string, Counter>();
  const dirty = new Set<string>();
  const gone = new Set<string>();
  let cancel: (() => void) | undefined;

  const arm = () => {
    cancel ??= schedule(FLUSH_MS, () => {
      cancel = undefined;
      flush().catch(onError);
    });
  };
  const mark = (key: string) => {
    dirty.add(key);
    gone.delete(key);
    arm();
  };
  const forget = (key: string) => {
    if (!counters.delete(key)) return;
    dirty.delete(key);
    gone.add(key);
    arm();
  };
  const flush = async (): Promise<void> => {
    cancel?.();
    cancel = undefined;
    const saved = [...dirty];
    const removed = [...gone];
    dirty.clear();
    gone.clear();
    const entries = saved.flatMap((key): ThrottleEntry[] => {
      const counter = counters.get(key);
      if (counter === undefined) return [];
      const { level, updatedAt, blockedUntil } = counter;
      return [{ key, level, updatedAt, blockedUntil }];
    });
    try {
      if (entries.length > 0) await repository.save(entries);
      if (removed.length > 0) await repository.remove(removed);
    } catch (error) {
      for (const key of saved) dirty.add(key);
      for (const key of removed) if (!counters.has(key)) gone.add(key);
      arm();
      throw error;
    }
  };

  const leak = (counter: Counter, limit: number, now: number): void => {
    const elapsed = Math.max(0, now - counter.updatedAt);
    counter.level = Math.max(0, counter.level - (elapsed * limit) / config().windowMs);
    counter.updatedAt = now;
    // A clock that was set back must not turn a pause into a lock.
    counter.blockedUntil = Math.min(counter.blockedUntil, now + DELAY_MS_MAX);
  };

  const enter = (key: string, limit: number): Counter => {
    const now = Math.floor(clock.now());
    let counter = counters.get(key);
    if (counter === undefined) {
      if (counters.size >= ENTRIES_MAX) makeRoom();
      counter = { level: 0, updatedAt: now, blockedUntil: 0, inFlight: 0 };
      counters.set(key, counter);
    }
    leak(counter, limit, now);
    if (now < counter.blockedUntil) throw slowDown(counter.blockedUntil - now);
    if (counter.inFlight > 0 && counter.level + counter.inFlight >= limit) throw slowDown(BUSY_RETRY_MS);
    return counter;
  };

  const makeRoom = (): void => {
    const now = clock.now();
    for (const [key, { level, inFlight, blockedUntil }] of counters) {
      if (inFlight === 0 && blockedUntil <= now && (level < 1 || isKnownKey(key))) forget(key);
      if (counters.size < ENTRIES_MAX * 0.9) return;
    }
    // Everything is in use: those counted longest ago make way.
    for (const [key, { inFlight }] of counters) {
      if (inFlight === 0) forget(key);
      if (counters.size < ENTRIES_MAX * 0.9) return;
    }
  };

  const isKnown = (key: string): boolean => {
    const counter = counters.get(key);
    return counter !== undefined && clock.now() - counter.updatedAt < KNOWN_MS;
  };

  const fail = (key: string, counter: Counter, limit: number): void => {
    const now = Math.floor(clock.now());
    leak(counter, limit, now);
    counter.level = Math.min(counter.level + 1, limit + BEYOND_MAX);
    // Rounded: between quick failures a little has always leaked away.
    const beyond = Math.round(counter.level) - limit;
    if (beyond >= 0) counter.blockedUntil = now + Math.min(DELAY_MS_MAX, DELAY_MS_FIRST * 2 ** beyond);
    mark(key);
  };

  return {
    begin({ account, address }) {
      const { account: accountLimit, network: networkLimit } = config();
      const network = networkOf(address);
      const networkKey = `n:${digest(network)}`;
      const knownKey = account === undefined ? undefined : `k:${digest(`${account} ${network}`)}`;
      const accountKey =
        account === undefined
          ? undefined
          : knownKey !== undefined && isKnown(knownKey)
            ? `a:${digest(`${account} ${network}`)}`
            : `a:${digest(account)}`;

      const byNetwork = enter(networkKey, networkLimit);
      const byAccount = accountKey === undefined ? undefined : enter(accountKey, accountLimit);
      byNetwork.inFlight += 1;
      if (byAccount !== undefined) byAccount.inFlight += 1;
      const leave = () => {
        byNetwork.inFlight -= 1;
        if (byAccount !== undefined) byAccount.inFlight -= 1;
      };
      return {
        withdrawn: leave,
        failed() {
          leave();
          fail(networkKey, byNetwork, networkLimit);
          if (accountKey !== undefined && byAccount !== undefined) fail(accountKey, byAccount, accountLimit);
        },
        succeeded() {
          leave();
          // The network's count stays: one account of one's own must not buy guesses at others.
          if (accountKey === undefined || knownKey === undefined || byAccount === undefined) return;
          byAccount.level = 0;
          byAccount.blockedUntil = 0;
          if (byAccount.inFlight === 0) forget(accountKey);
          const now = Math.floor(clock.now());
          counters.set(knownKey, { level: 1, updatedAt: now, blockedUntil: 0, inFlight: 0 });
          mark(knownKey);
        },
      };
    },
    countNewcomer(address) {
      const { network: limit } = config();
      const key = `n:${digest(`newcomers ${networkOf(address)}`)}`;
      fail(key, enter(key, limit), limit);
    },
    async restore() {
      const now = Math.floor(clock.now());
      const over: string[] = [];
      for (const { key, ...counted } of await repository.load(ENTRIES_MAX)) {
        const counter = { ...counted, inFlight: 0 };
        const { account, network } = config();
        if (!isKnownKey(key)) leak(counter, key.startsWith("n:") ? network : account, now);
        const isOver = isKnownKey(key)
          ? now - counter.updatedAt >= KNOWN_MS
          : counter.level === 0 && counter.blockedUntil <= now;
        if (isOver) over.push(key);
        else counters.set(key, counter);
      }
      if (over.length > 0) await repository.remove(over);
    },
    flush,
  };
}

function isKnownKey(key: string): boolean {
  return key.startsWith("k:");
}

/** People type passwords where their name belongs: neither may lie in the database. */
function digest(text: string): string {
  return digestSecretHex(`throttle ${text}`).slice(0, 32);
}

function slowDown(ms: number): Error {
  return tooMany(ms, "Too many attempts; try again later.");
}
