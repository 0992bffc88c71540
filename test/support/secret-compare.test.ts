/** R11: secrets are compared in constant time, over digests of one length, with the same work whatever was shown. */
import { expect, mock, test } from "bun:test";
import * as crypto from "node:crypto";

const compared: [left: number, right: number][] = [];
const { timingSafeEqual } = crypto;
mock.module("node:crypto", () => ({
  ...crypto,
  timingSafeEqual(left: Uint8Array, right: Uint8Array) {
    compared.push([left.length, right.length]);
    return timingSafeEqual(left, right);
  },
}));
const { createAccessKeyLookup } = await import("../../src/auth/access-key.ts");
const { sameSecret } = await import("../../src/support/secret.ts");

const RIGHT = "right-key-0123456789abcdef";
const SHOWN: readonly [name: string, secret: string, isRight: boolean][] = [
  ["the right one", RIGHT, true],
  ["the first byte wrong", `X${RIGHT.slice(1)}`, false],
  ["the last byte wrong", `${RIGHT.slice(0, -1)}X`, false],
  ["another of the right length", "f".repeat(RIGHT.length), false],
  ["a shorter one", "f", false],
  ["a longer one", `${RIGHT}${RIGHT}`, false],
  ["one that begins like an API key", "mr_0123456789abcdefghijklmnopqrstuvwxyz", false],
];
const DIGESTS: [number, number] = [32, 32];

test.each(SHOWN)("the access key and %s: each digest once, none left out", (_name, secret, isRight) => {
  const settings = {
    accessKey: RIGHT,
    accessKeyEnabled: true,
    accessKeyScopes: ["inference"],
    previousAccessKey: "the-one-before-it-0123456789",
    previousAccessKeyUntil: 2000,
  };
  const find = createAccessKeyLookup(settings, null, () => 1000);
  compared.length = 0;
  expect(find(secret) !== undefined).toBe(isRight);
  expect(compared).toEqual([DIGESTS, DIGESTS]);
  // Also once the right one is remembered.
  find(RIGHT);
  compared.length = 0;
  expect(find(secret) !== undefined).toBe(isRight);
  if (!isRight) expect(compared).toEqual([DIGESTS, DIGESTS]);
});

test.each(SHOWN)("a token of one use and %s", (_name, secret, isRight) => {
  compared.length = 0;
  expect(sameSecret(RIGHT, secret)).toBe(isRight);
  expect(compared).toEqual([DIGESTS]);
});
