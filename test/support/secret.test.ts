/** Digests, fingerprints and masks: equal for equal secrets, silent about everything else. */
import { describe, expect, test } from "bun:test";
import {
  digestSecret,
  digestSecretHex,
  fingerprint,
  mask,
  matchesDigest,
  sameSecret,
} from "../../src/support/secret.ts";

test("a digest is SHA-256 (FIPS 180-4, example of one block)", () => {
  const expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  expect(digestSecretHex("abc")).toBe(expected);
  expect(Buffer.from(digestSecret("abc")).toString("hex")).toBe(expected);
});

describe("matching", () => {
  const digest = digestSecret("mr_the-right-one");
  test.each([
    ["the same secret", "mr_the-right-one", true],
    ["another one", "mr_the-wrong-one", false],
    ["a shorter one", "mr_the-right-on", false],
    ["a longer one", "mr_the-right-one ", false],
    ["nothing", "", false],
  ])("%s: %p → %p", (_, given, expected) => {
    expect(matchesDigest(given, digest)).toBe(expected);
    expect(sameSecret(given, "mr_the-right-one")).toBe(expected);
  });

  test.each([0, 31, 33])("a stored digest of %p bytes matches nobody and throws nothing", (length) => {
    const stored = new Uint8Array(length);
    stored.set(digest.subarray(0, length));
    expect(matchesDigest("mr_the-right-one", stored)).toBe(false);
  });
});

describe("showing", () => {
  test("the fingerprint is 8 hex digits, stable per key and different under another key", () => {
    expect(fingerprint("sk-1", "key one")).toMatch(/^[0-9a-f]{8}$/);
    expect(fingerprint("sk-1", "key one")).toBe(fingerprint("sk-1", "key one"));
    expect(fingerprint("sk-1", "key one")).not.toBe(fingerprint("sk-1", "key two"));
    expect(fingerprint("sk-1", "key one")).not.toBe(fingerprint("sk-2", "key one"));
  });

  test("the mask shows four characters of a long secret and none of a short one", () => {
    expect(mask("sk-0123456789abcWXYZ", "k")).toMatch(/^redacted:WXYZ:[0-9a-f]{8}$/);
    expect(mask("sixteen-letters!", "k")).toMatch(/^redacted:ers!:[0-9a-f]{8}$/);
    expect(mask("fifteen-letters", "k")).toMatch(/^redacted::[0-9a-f]{8}$/);
  });
});
