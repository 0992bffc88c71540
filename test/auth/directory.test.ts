/** R9 The default chain over a directory: the shape of a credential decides who is asked, and a refusal is the end of it. */
import { describe, expect, test } from "bun:test";
import accessKeyPlugin from "../../plugins/auth/access-key.ts";
import apiKeyPlugin from "../../plugins/auth/api-key.ts";
import jwtPlugin from "../../plugins/auth/jwt.ts";
import { authenticate } from "../../src/auth/chain.ts";
import { type AccountDirectory, createDirectory, NO_ACCOUNTS } from "../../src/auth/directory.ts";
import { RelayError } from "../../src/contract/errors.ts";
import type { Identity } from "../../src/contract/host.ts";
import { createFakeHost, IDENTITY } from "../plugins/fake-host.ts";

const named = (id: string): Identity => ({ ...IDENTITY, id });

interface Asked {
  readonly answer: string;
  /** What was looked up, in order. */
  readonly lookups: readonly string[];
}

async function ask(bearer: string | undefined, own: Partial<AccountDirectory> = {}, session?: string): Promise<Asked> {
  const lookups: string[] = [];
  const noting =
    (name: string, known: Readonly<Record<string, string>>) =>
    (secret: string): Identity | undefined => {
      lookups.push(name);
      return known[secret] === undefined ? undefined : named(known[secret]);
    };
  const accounts: AccountDirectory = {
    ...NO_ACCOUNTS,
    isApiKey: (secret) => secret.startsWith("mr_"),
    findByApiKey: noting("api key", { mr_good: "key_good", "sk-brought-along": "key_imported", both: "key_both" }),
    findBySession: noting("session", { "a.b.c": "user:1" }),
    ...own,
  };
  const directory = createDirectory(
    accounts,
    noting("access key", { "the-access-key": "access-key", both: "access-key" }),
  );
  const chain = await Promise.all(
    [jwtPlugin, apiKeyPlugin, accessKeyPlugin].map(async (plugin) => ({
      id: plugin.id,
      auth: await plugin.setup({} as never, createFakeHost({ directory })),
    })),
  );
  const shared = { remoteAddress: "127.0.0.1", headers: new Headers() };
  const credentials = {
    ...shared,
    ...(bearer === undefined ? {} : { bearer }),
    ...(session === undefined ? {} : { session }),
  };
  try {
    const answer = await authenticate(chain, { type: "one", credentials });
    return { answer: answer.type === "accept" ? answer.identity.id : answer.reason, lookups };
  } catch (error) {
    if (!RelayError.is(error)) throw error;
    return { answer: `${error.status} ${error.code}`, lookups };
  }
}

describe("the default chain", () => {
  test.each<[bearer: string | undefined, answer: string, lookups: readonly string[]]>([
    ["a.b.c", "user:1", ["session"]],
    ["a.b.d", "jwt: invalid or expired session", ["session"]],
    ["mr_good", "key_good", ["api key"]],
    ["mr_bad", "api-key: unknown, revoked or expired API key", ["api key"]],
    ["the-access-key", "access-key", ["access key"]],
    ["sk-brought-along", "access-key: unknown access key", ["access key"]],
    ["anything", "access-key: unknown access key", ["access key"]],
    [undefined, "no auth plugin knows this credential", []],
  ])("%s → %s", async (bearer, answer, lookups) => {
    expect(await ask(bearer)).toEqual({ answer, lookups });
  });

  test("a session cookie is a session or nothing", async () => {
    expect(await ask(undefined, {}, "a.b.c")).toEqual({ answer: "user:1", lookups: ["session"] });
    expect((await ask(undefined, {}, "mr_good")).answer).toBe("jwt: invalid or expired session");
  });

  test("keys brought along are looked for after the access key, and only where there are any", async () => {
    const own = { hasImportedKeys: () => true };
    expect((await ask("sk-brought-along", own)).answer).toBe("key_imported");
    expect((await ask("both", own)).answer).toBe("access-key");
    expect((await ask("anything", own)).answer).toBe("access-key: unknown access key");
  });

  test("a look-up that fails is 503, and no other way is tried", async () => {
    const broken = () => Promise.reject(new Error("the database is locked"));
    for (const [bearer, own] of [
      ["mr_good", { findByApiKey: broken }],
      ["a.b.c", { findBySession: broken }],
    ] as const) {
      expect(await ask(bearer, own)).toEqual({ answer: "503 unavailable", lookups: [] });
    }
  });
});
