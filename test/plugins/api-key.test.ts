/** API keys: accepted when the house knows them, refused when they can be nothing else, passed on when they can. */
import { describe, expect, test } from "bun:test";
import apiKey from "../../plugins/auth/api-key.ts";
import type { AuthOutcome, Credentials, Directory } from "../../src/plugin/index.ts";
import { createFakeHost, IDENTITY } from "./fake-host.ts";

const REFUSED = { type: "reject", reason: "unknown, revoked or expired API key" } as const;

async function authenticate(differs: Partial<Credentials>, directory: Partial<Directory>): Promise<AuthOutcome> {
  const auth = await apiKey.setup({} as never, createFakeHost({ directory }));
  return auth.authenticate!({ remoteAddress: "127.0.0.1", headers: new Headers(), ...differs });
}

const knows = (secret: string) => (secret === "mr_good" || secret === "brought-along" ? IDENTITY : undefined);

describe.each([
  ["at once", { findByApiKey: knows }],
  ["after a while", { findByApiKey: async (secret: string) => knows(secret) }],
] as const)("a directory that answers %s", (_name, directory) => {
  test.each<[bearer: string, outcome: AuthOutcome]>([
    ["mr_good", { type: "accept", identity: IDENTITY }],
    ["brought-along", { type: "accept", identity: IDENTITY }],
    ["mr_bad", REFUSED],
    ["mr_", REFUSED],
    ["the-access-key", { type: "skip" }],
    ["MR_good", { type: "skip" }],
    ["", { type: "skip" }],
  ])("%j", async (bearer, outcome) => {
    expect(await authenticate({ bearer }, directory)).toEqual(outcome);
  });

  test("no credential, or a session: somebody else may know the caller", async () => {
    expect(await authenticate({}, directory)).toEqual({ type: "skip" });
    expect(await authenticate({ session: "mr_good" }, directory)).toEqual({ type: "skip" });
  });
});

test("R9 a directory that fails is no refusal", async () => {
  const broken = { findByApiKey: () => Promise.reject(new Error("disk on fire")) };
  expect(await authenticate({ bearer: "mr_good" }, broken).catch((error: Error) => error.message)).toBe("disk on fire");
});

test("R9 nothing but API keys is looked up", async () => {
  const asked: string[] = [];
  const spy = (name: string) => () => {
    asked.push(name);
    return undefined;
  };
  const directory = {
    findByApiKey: spy("api key"),
    findBySession: spy("session"),
    findByLink: spy("link"),
    findByAccessKey: spy("access key"),
  };
  await authenticate({ bearer: "mr_any" }, directory);
  expect(asked).toEqual(["api key"]);
});
