/** What tests of the account services share: all of them over a real store, with a clock moved by hand and a quick hash. */
import { Type } from "@sinclair/typebox";
import type { Caller, Origin } from "../../src/auth/caller.ts";
import { OPERATOR } from "../../src/auth/caller.ts";
import type { Hasher } from "../../src/auth/password.ts";
import type { Revocation } from "../../src/auth/revocations.ts";
import { type AuthServices, createAuthServices } from "../../src/auth/services.ts";
import { loadConfig } from "../../src/config/load.ts";
import { formatProblem } from "../../src/config/problem.ts";
import type { Config } from "../../src/config/types.ts";
import { RelayError } from "../../src/contract/errors.ts";
import type { Identity } from "../../src/contract/host.ts";
import type { Store } from "../../src/store/types.ts";
import { createManualClock, type ManualClock } from "../../src/support/clock.ts";
import { createIds } from "../../src/support/ids.ts";
import { createMemoryLog, type MemoryLog } from "../store/samples.ts";
import { open } from "../store/fixtures.ts";

export const PASSWORD = "correct horse 7 battery";

/** Marks instead of hashing; a hash is told from its password, as a real one is. */
export const quickHasher: Hasher = {
  hash: async (password, { memoryKib, iterations }) =>
    `$argon2id$v=19$m=${memoryKib},t=${iterations},p=1$c2FsdHNhbHQ$${digestOf(password)}`,
  verify: async (password, hash) => hash.endsWith(`$${digestOf(password)}`),
};

function digestOf(password: string): string {
  return new Bun.CryptoHasher("sha256").update(password).digest("base64").replace(/=+$/, "");
}

/** What an empty configuration falls back to. */
const ECHO = { kind: "provider", options: Type.Object({}), keys: "none" } as const;

/** The configuration that this YAML stands for. */
export async function configOf(yaml = ""): Promise<Config> {
  const { config, errors } = await loadConfig({
    content: yaml,
    baseDir: "/nonexistent",
    dataDir: "/nonexistent",
    env: {},
    resolvePlugins: async () => ({ catalog: new Map([["echo", ECHO]]), problems: [] }),
  });
  if (config === null) throw new Error(errors.map((problem) => formatProblem(problem, "test")).join("\n"));
  return config;
}

export interface House {
  readonly services: AuthServices;
  readonly store: Store;
  readonly clock: ManualClock;
  readonly log: MemoryLog;
  readonly revocations: Revocation[];
  configure(yaml: string): Promise<void>;
  /** Registers somebody with `PASSWORD` and signs them in. The first one is the super admin. */
  person(username: string): Promise<Person>;
  /** Another process on the same database, with a connection of its own. */
  beside(store: Store): AuthServices;
}

export interface Person {
  readonly id: number;
  readonly sessionId: string;
  readonly accessToken: string;
  readonly refreshToken: string;
  /** As the next request of this session would be seen. */
  caller(): Promise<Caller>;
  identity(): Promise<Identity>;
}

export function originFrom(address: string): Origin {
  return { address, ip: address, userAgent: "test", requestId: "req_test" };
}

export const ORIGIN = originFrom("192.0.2.1");
export const operator: Caller = { identity: OPERATOR, origin: ORIGIN };

export interface HouseOptions {
  readonly config?: string;
  readonly store?: Store;
  readonly hasher?: Hasher;
  readonly clock?: ManualClock;
}

export async function openHouse({
  config = "",
  store,
  hasher = quickHasher,
  clock = createManualClock(),
}: HouseOptions = {}): Promise<House> {
  const log = createMemoryLog();
  const used = store ?? (await open({ clock, schedule: clock.schedule, log }));
  let current = await configOf(config);
  let filled = 0;
  const fillRandom = (bytes: Uint8Array<ArrayBuffer>) => {
    for (let index = 0; index < bytes.length; index += 32) {
      filled += 1;
      bytes.set(
        new Bun.CryptoHasher("sha256")
          .update(`seed ${filled}`)
          .digest()
          .subarray(0, bytes.length - index),
        index,
      );
    }
  };
  const make = (accounts: Store["accounts"]) =>
    createAuthServices({
      accounts,
      config: () => current,
      secrets: {
        jwt: () => current.server.jwtSecret ?? "the test's own secret of more than 32 bytes",
        pepper: new Uint8Array(32).fill(7),
        refreshKey: new Uint8Array(32).fill(9),
      },
      clock,
      schedule: clock.schedule,
      ids: createIds({ now: clock.now, fillRandom }),
      fillRandom,
      log,
      hasher,
      cores: 4,
    });
  const services = make(used.accounts);
  await services.start();
  const revocations: Revocation[] = [];
  services.revocations.subscribe((revocation) => revocations.push(revocation));

  return {
    services,
    store: used,
    clock,
    log,
    revocations,
    async configure(yaml) {
      current = await configOf(yaml);
    },
    async person(username) {
      const issued = await services.registration.register({ username, password: PASSWORD }, ORIGIN);
      const identity = async () => {
        const found = await services.sessions.find(issued.accessToken);
        if (found === undefined) throw new Error(`${username} is not signed in`);
        return found;
      };
      return {
        id: issued.user.id,
        sessionId: issued.sessionId,
        accessToken: issued.accessToken,
        refreshToken: issued.refreshToken,
        identity,
        caller: async () => ({ identity: await identity(), origin: ORIGIN }),
      };
    },
    beside: (other) => make(other.accounts),
  };
}

/** `status code` of the refusal; a plain `none` when there was none. */
export async function refusal(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (!RelayError.is(error)) throw error;
    return `${error.status} ${error.wireCode ?? error.code}`;
  }
  return "none";
}
