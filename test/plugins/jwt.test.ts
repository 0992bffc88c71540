/** Sessions: a token, or the cookie that holds one; whatever has another shape is somebody else's. */
import { describe, expect, test } from "bun:test";
import jwt from "../../plugins/auth/jwt.ts";
import type { AuthOutcome, Credentials, Directory } from "../../src/plugin/index.ts";
import { createFakeHost, IDENTITY } from "./fake-host.ts";

const REFUSED = { type: "reject", reason: "invalid or expired session" } as const;
const SKIPPED = { type: "skip" } as const;
const ACCEPTED = { type: "accept", identity: IDENTITY } as const;

async function authenticate(differs: Partial<Credentials>, directory: Partial<Directory>): Promise<AuthOutcome> {
  const auth = await jwt.setup({} as never, createFakeHost({ directory }));
  return auth.authenticate!({ remoteAddress: "127.0.0.1", headers: new Headers(), ...differs });
}

const knows = (token: string) => (token === "head.pay-load.sign_ature" ? IDENTITY : undefined);

describe.each([
  ["at once", { findBySession: knows }],
  ["after a while", { findBySession: async (token: string) => knows(token) }],
] as const)("a directory that answers %s", (_name, directory) => {
  test.each<[credentials: Partial<Credentials>, outcome: AuthOutcome]>([
    [{ bearer: "head.pay-load.sign_ature" }, ACCEPTED],
    [{ session: "head.pay-load.sign_ature" }, ACCEPTED],
    [{ bearer: "head.payload.other" }, REFUSED],
    [{ session: "head.payload.other" }, REFUSED],
    [{ session: "no token at all" }, REFUSED],
    [{ bearer: "mr_key" }, SKIPPED],
    [{ bearer: "two.parts" }, SKIPPED],
    [{ bearer: "one.two.three.four" }, SKIPPED],
    [{ bearer: "..", session: "head.pay-load.sign_ature" }, SKIPPED],
    [{ bearer: "head.payload." }, SKIPPED],
    [{ bearer: "he+d.payload.sign" }, SKIPPED],
    [{}, SKIPPED],
  ])("%j", async (credentials, outcome) => {
    expect(await authenticate(credentials, directory)).toEqual(outcome);
  });
});

test("R1 beside a bearer the cookie is not looked at", async () => {
  const asked: string[] = [];
  const findBySession = (token: string) => {
    asked.push(token);
    return undefined;
  };
  await authenticate({ bearer: "a.b.c", session: "head.pay-load.sign_ature" }, { findBySession });
  expect(asked).toEqual(["a.b.c"]);
});

test("R9 a directory that fails is no refusal", async () => {
  const broken = { findBySession: () => Promise.reject(new Error("disk on fire")) };
  expect(await authenticate({ bearer: "a.b.c" }, broken).catch((error: Error) => error.message)).toBe("disk on fire");
});
