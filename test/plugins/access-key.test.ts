/** The static access key: accepted when the house knows it, refused when it does not, passed on when there is none. */
import { describe, expect, test } from "bun:test";
import accessKey from "../../plugins/auth/access-key.ts";
import type { AuthOutcome, Credentials, Directory } from "../../src/plugin/index.ts";
import { createFakeHost, IDENTITY } from "./fake-host.ts";

async function authenticate(differs: Partial<Credentials>, directory: Partial<Directory>): Promise<AuthOutcome> {
  const auth = await accessKey.setup({} as never, createFakeHost({ directory }));
  return auth.authenticate!({ remoteAddress: "127.0.0.1", headers: new Headers(), ...differs });
}

const knowsOne = (secret: string) => (secret === "the-access-key" ? IDENTITY : undefined);

describe.each([
  ["at once", { findByAccessKey: knowsOne }],
  ["after a while", { findByAccessKey: async (secret: string) => knowsOne(secret) }],
] as const)("a directory that answers %s", (_name, directory) => {
  test("no credential: somebody else may know the caller", async () => {
    expect(await authenticate({}, directory)).toEqual({ type: "skip" });
    expect(await authenticate({ session: "the-access-key" }, directory)).toEqual({ type: "skip" });
  });

  test("the key: accepted, as the directory says", async () => {
    expect(await authenticate({ bearer: "the-access-key" }, directory)).toEqual({ type: "accept", identity: IDENTITY });
  });

  test.each(["the-access-kez", "the-access-key ", "", "THE-ACCESS-KEY"])(
    "another key, %j: refused, and not repeated",
    async (bearer) => {
      const outcome = await authenticate({ bearer }, directory);
      expect(outcome).toEqual({ type: "reject", reason: "unknown access key" });
    },
  );
});

test("a directory that fails is no refusal", async () => {
  const broken = { findByAccessKey: () => Promise.reject(new Error("disk on fire")) };
  expect(await authenticate({ bearer: "the-access-key" }, broken).catch((error: Error) => error.message)).toBe(
    "disk on fire",
  );
});

test("only the access key is looked up", async () => {
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
  await authenticate({ bearer: "anything", session: "too" }, directory);
  expect(asked).toEqual(["access key"]);
});
