/** Hashes passwords so that guessing stays slow, and checking one never slows down the relay. */
import { availableParallelism } from "node:os";
import type { AuthConfig } from "../config/types.ts";
import { createGate, type Turn } from "./gate.ts";
import { normalisePassword } from "./password-rules.ts";

type HashConfig = AuthConfig["password"]["hash"];

/** 150 ms and 64 MiB each. */
const RUNNING_MAX = 2;
const WAITING_MAX = 16;
const RETRY_AFTER_MS = 2000;
/** A stored hash that asks for more was not made here; checking it would be an attack on ourselves. */
const MEMORY_KIB_MAX = 262_144;
const ITERATIONS_MAX = 10;
const PARALLELISM_MAX = 4;

/** Numbers of at most seven digits, so that no absurd one is even read. */
const STORED = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,7}),p=(\d{1,7})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{21,86}$/;

/** The slow part, replaceable in tests. */
export interface Hasher {
  hash(password: string, config: HashConfig): Promise<string>;
  /** May throw for what it does not know. */
  verify(password: string, hash: string): Promise<boolean>;
}

export interface Passwords {
  /** Throws `rate-limited` when too many wait: in a flood, what is refused must cost next to nothing. */
  refuseWhenFull(turn?: Turn): void;
  /** Throws `rate-limited` when too many wait. Whoever registers comes `last`: people have to get into their accounts. */
  hash(password: string, turn?: Turn): Promise<string>;
  /**
   * Takes as long for an account that does not exist (`null`). Never throws for a hash it cannot use. Throws
   * `rate-limited` when too many wait.
   */
  verify(password: string, stored: string | null): Promise<boolean>;
  /** Whether a hash is weaker than those made now. */
  isWeak(stored: string): boolean;
}

export const argon2id: Hasher = {
  hash: (password, { memoryKib, iterations }) =>
    Bun.password.hash(password, { algorithm: "argon2id", memoryCost: memoryKib, timeCost: iterations }),
  verify: (password, hash) => Bun.password.verify(password, hash, "argon2id"),
};

/** Where cores are few, one at a time: a second hash would take a third of the relay's own. */
export function hashesAtOnce(cores: number): number {
  return Math.max(1, Math.min(RUNNING_MAX, cores - 1));
}

export function createPasswords(
  config: () => HashConfig,
  hasher: Hasher = argon2id,
  cores: number = availableParallelism(),
): Passwords {
  const gate = createGate({ runningMax: hashesAtOnce(cores), waitingMax: WAITING_MAX, retryAfterMs: RETRY_AFTER_MS });
  return {
    refuseWhenFull: gate.check,
    hash: (password, turn) => gate.run(() => hasher.hash(normalisePassword(password), config()), turn),
    verify: (password, stored) =>
      gate.run(async () => {
        if (stored !== null && readCost(stored) === undefined) return false;
        try {
          const isRight = await hasher.verify(normalisePassword(password), stored ?? dummyHash(config()));
          return isRight && stored !== null;
        } catch {
          // What the format lets through and the library does not: no password at all.
          return false;
        }
      }),
    isWeak(stored) {
      const cost = readCost(stored);
      const { memoryKib, iterations } = config();
      return cost === undefined || cost.memoryKib < memoryKib || cost.iterations < iterations;
    },
  };
}

/** Nobody's: of today's cost, so that checking against it takes today's time. Its digest is noise. */
function dummyHash({ memoryKib, iterations }: HashConfig): string {
  return `$argon2id$v=19$m=${memoryKib},t=${iterations},p=1$${noise(16)}$${noise(32)}`;
}

function noise(length: number): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(length)))
    .toString("base64")
    .replace(/=+$/, "");
}

/** The cost written in a stored hash; `undefined` for another format or one that costs too much to check. */
function readCost(stored: string): { readonly memoryKib: number; readonly iterations: number } | undefined {
  const [, memory, time, lanes] = STORED.exec(stored) ?? [];
  if (memory === undefined) return undefined;
  const [memoryKib, iterations, parallelism] = [Number(memory), Number(time), Number(lanes)];
  const isBearable =
    memoryKib >= 8 &&
    memoryKib <= MEMORY_KIB_MAX &&
    iterations >= 1 &&
    iterations <= ITERATIONS_MAX &&
    parallelism >= 1 &&
    parallelism <= PARALLELISM_MAX;
  return isBearable ? { memoryKib, iterations } : undefined;
}
