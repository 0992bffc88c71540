/** A relay with its accounts in this process: people who are signed in, keys that are made for a test, requests as them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Hasher } from "../../src/auth/password.ts";
import type { AuthServices } from "../../src/auth/services.ts";
import type { Identity } from "../../src/plugin/index.ts";
import { openStore } from "../../src/store/open.ts";
import type { Store } from "../../src/store/types.ts";
import { createManualClock, type ManualClock } from "../../src/support/clock.ts";
import { ORIGIN, openHouse, PASSWORD } from "../auth/support.ts";
import { createMemoryLog } from "../store/samples.ts";
import type { readJson } from "./json.ts";
import { KEY, startRelay, type TestRelay } from "./relay.ts";

export { KEY, PASSWORD };

export interface SignedIn {
  readonly id: number;
  readonly name: string;
  readonly token: string;
  readonly refreshToken: string;
  /** As the services see who asks, now. */
  identity(): Promise<Identity>;
}

export interface Ask {
  /** A bearer credential. */
  readonly as?: string | SignedIn;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the expectations are the type.
  readonly body: any;
  readonly text: string;
}

export interface AccountRelay {
  readonly relay: TestRelay;
  readonly services: AuthServices;
  readonly store: Store;
  readonly clock: ManualClock;
  readonly backupDir: string;
  readonly setupTokens: string[];
  /** Texts of all answers so far: nothing secret may be in them that was not asked for. */
  readonly answers: string[];
  /** `method path`, e.g. `POST /api/auth/login`. */
  ask(line: string, ask?: Ask): Promise<Answer>;
  /** Registers over HTTP. The first one is the super admin. */
  person(name: string): Promise<SignedIn>;
  /** Makes somebody an admin, as the super admin would. */
  promote(person: SignedIn, by: SignedIn): Promise<void>;
  /** A native key's text. */
  key(
    owner: SignedIn,
    scopes: readonly string[],
    own?: { readonly expiresAt?: number; readonly orgId?: string },
  ): Promise<string>;
  stop(): Promise<void>;
}

export interface AccountRelayParts {
  /** YAML, where a test calls models too. */
  readonly providers?: string;
  readonly hasher?: Hasher;
}

/** `config`: YAML without `providers`. */
export async function startAccounts(
  config = "",
  fetchOutside?: NonNullable<Parameters<typeof startRelay>[2]>["fetchOutside"],
  { providers = "", hasher }: AccountRelayParts = {},
): Promise<AccountRelay> {
  const clock = createManualClock();
  const backupDir = join(mkdtempSync(join(tmpdir(), "monorelay-accounts-")), "backups");
  const store = await openStore({
    accountsPath: ":memory:",
    recordsPath: ":memory:",
    busyTimeoutMs: 1000,
    synchronous: "full",
    log: createMemoryLog(),
    redact: (text) => text,
    clock,
    schedule: clock.schedule,
  });
  const house = await openHouse({ config, store, clock, ...(hasher === undefined ? {} : { hasher }) });
  const { services } = house;
  const setupTokens: string[] = [];
  const relay = await startRelay(`${config}\n${providers}`, services.directory, {
    auth: services,
    store,
    clock,
    backupDir,
    setupTokens,
    ...(fetchOutside === undefined ? {} : { fetchOutside }),
  });
  const answers: string[] = [];

  const ask = async (line: string, { as, body, headers = {} }: Ask = {}): Promise<Answer> => {
    const [method = "", path = ""] = line.split(" ");
    const credential = typeof as === "object" ? as.token : as;
    const response = await fetch(relay.url + path, {
      method,
      redirect: "manual",
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(credential === undefined ? {} : { authorization: `Bearer ${credential}` }),
        ...headers,
      },
      ...(body === undefined
        ? {}
        : { body: typeof body === "string" || body instanceof Buffer ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    answers.push(text);
    const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
    return {
      status: response.status,
      headers: response.headers,
      text,
      // Anew each time: the runner's toMatchObject writes its matchers into what it compares.
      get body() {
        return isJson ? JSON.parse(text) : undefined;
      },
    };
  };
  const signedIn = (body: Awaited<ReturnType<typeof readJson>>): SignedIn => ({
    id: body.user.id,
    name: body.user.username,
    token: body.access_token,
    refreshToken: body.refresh_token,
    async identity() {
      const found = await services.sessions.find(body.access_token);
      if (found === undefined) throw new Error(`${body.user.username} is not signed in`);
      return found;
    },
  });
  return {
    relay,
    services,
    store,
    clock,
    backupDir,
    setupTokens,
    answers,
    ask,
    async person(name) {
      const answer = await ask("POST /api/auth/register", { body: { username: name, password: PASSWORD } });
      if (answer.status !== 200) throw new Error(`${name} could not register: ${answer.status} ${answer.text}`);
      return signedIn(answer.body);
    },
    async promote(person, by) {
      await services.accounts.update(person.id, { isAdmin: true }, { identity: await by.identity(), origin: ORIGIN });
    },
    async key(owner, scopes, own = {}) {
      const { secret } = await services.apiKeys.create(
        { name: "test", scopes, ...own },
        { style: "native" },
        { identity: await owner.identity(), origin: ORIGIN },
      );
      return secret!;
    },
    async stop() {
      await relay.stop();
      await services.stop();
      await store.close();
      rmSync(join(backupDir, ".."), { recursive: true, force: true });
    },
  };
}
