/** The static access key: current, previous until its day, generated, or off. */
import { describe, expect, test } from "bun:test";
import { type AccessKeySettings, createAccessKeyLookup, generateAccessKey } from "../../src/auth/access-key.ts";
import { expandScopes } from "../../src/config/scopes.ts";
import { digestSecretHex } from "../../src/support/secret.ts";

const off: AccessKeySettings = {
  accessKey: null,
  accessKeyEnabled: true,
  accessKeyScopes: ["inference"],
  previousAccessKey: null,
  previousAccessKeyUntil: null,
};
const knows = (settings: Partial<AccessKeySettings>, digest: string | null, secret: string, now = 1000) =>
  createAccessKeyLookup({ ...off, ...settings }, digest, () => now)(secret) !== undefined;

describe("access key", () => {
  test("the configured key is known, anything else is not", () => {
    expect(knows({ accessKey: "right-key" }, null, "right-key")).toBe(true);
    for (const wrong of ["", "right-ke", "right-key ", "Right-key", "right-keyx"]) {
      expect(knows({ accessKey: "right-key" }, null, wrong)).toBe(false);
    }
  });

  test("without any key nothing matches, the empty string least of all", () => {
    expect(knows({}, null, "")).toBe(false);
    expect(knows({}, null, "x")).toBe(false);
  });

  test("the generated key counts only while the configuration names none", () => {
    const digest = digestSecretHex("made-at-first-start");
    expect(knows({}, digest, "made-at-first-start")).toBe(true);
    expect(knows({ accessKey: "named" }, digest, "made-at-first-start")).toBe(false);
  });

  test("the previous key ends to the millisecond", () => {
    const settings = { accessKey: "new-key", previousAccessKey: "old-key", previousAccessKeyUntil: 2000 };
    expect(knows(settings, null, "old-key", 1999)).toBe(true);
    expect(knows(settings, null, "old-key", 2000)).toBe(false);
    expect(knows(settings, null, "new-key", 2000)).toBe(true);
  });

  test("switched off, no key works", () => {
    const settings = {
      accessKeyEnabled: false,
      accessKey: "a-key",
      previousAccessKey: "b-key",
      previousAccessKeyUntil: 9e15,
    };
    expect(knows(settings, digestSecretHex("c-key"), "a-key")).toBe(false);
    expect(knows(settings, digestSecretHex("c-key"), "b-key")).toBe(false);
    expect(knows({ accessKeyEnabled: false }, digestSecretHex("c-key"), "c-key")).toBe(false);
  });

  test("it holds the scopes it was given, and inference alone by default", () => {
    const identity = createAccessKeyLookup({ ...off, accessKey: "k" }, null, () => 0)("k")!;
    expect(identity.scopes.has("chat:write")).toBe(true);
    expect(identity.scopes.has("sync:write")).toBe(false);
    expect(identity).toMatchObject({ kind: "service", role: "service", userId: null });
  });

  test("generated keys have 256 bits and differ", () => {
    const keys = new Set(Array.from({ length: 100 }, generateAccessKey));
    expect(keys.size).toBe(100);
    for (const key of keys) expect(key).toMatch(/^[\w-]{43}$/);
  });
});

describe("scopes", () => {
  test("sets, wildcards and single scopes expand; unknown names grant nothing", () => {
    expect(expandScopes([]).size).toBe(0);
    expect(expandScopes(["nonsense", "clusters:read", "__proto__", "toString"]).size).toBe(0);
    expect([...expandScopes(["files:*"])].sort()).toEqual(["files:read", "files:write"]);
    expect(expandScopes(["management"]).has("chat:write")).toBe(false);
    expect(expandScopes(["account"]).has("chat:write")).toBe(true);
    expect(expandScopes(["*"]).size).toBe(expandScopes(["account", "management"]).size);
  });
});

test("a generated key never begins as API keys do: it would be looked for among them", () => {
  const drawn = ["mr_", "vl_", "a_", "rl_live_", "z234567890_2345_"].map((start) =>
    Buffer.from(start.padEnd(43, "A"), "base64url"),
  );
  const usable = Buffer.from("Mr_".padEnd(43, "A"), "base64url");
  const rest = [...drawn, usable];
  expect(generateAccessKey((bytes) => bytes.set(rest.shift()!))).toStartWith("Mr_");
  expect(rest).toEqual([]);
});
