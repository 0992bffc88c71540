/** Request ids and UUIDs: their shape, their order, and that they depend on nothing but the given sources. */
import { describe, expect, test } from "bun:test";
import { createIds } from "../../src/support/ids.ts";

const counting = (bytes: Uint8Array) => {
  for (let i = 0; i < bytes.length; i++) bytes[i] = i;
};

describe("request ids", () => {
  test("are `req_` and 24 letters or digits, which every header and path takes unescaped", () => {
    const ids = createIds();
    for (let i = 0; i < 1000; i++) expect(ids.request()).toMatch(/^req_[0-9A-Za-z]{24}$/);
  });

  test("do not repeat, across many refills of the pool", () => {
    const ids = createIds();
    const seen = new Set(Array.from({ length: 20_000 }, () => ids.request()));
    expect(seen.size).toBe(20_000);
  });

  test("sort by the millisecond they were made in, also over a carry of the last digit", () => {
    let now = 1_750_000_000_000;
    const ids = createIds({ now: () => now, fillRandom: counting });
    const made = Array.from({ length: 200 }, () => {
      now += 17;
      return ids.request();
    });
    expect(made.toSorted()).toEqual(made);
  });

  test("are the same again for the same clock and bytes", () => {
    const make = () => createIds({ now: () => 1_750_000_000_000, fillRandom: counting }).request();
    expect(make()).toBe(make());
    expect(make()).toBe("req_0UoCbelc0123456789ABCDEF");
  });

  test("ask the generator once for many", () => {
    let fills = 0;
    const ids = createIds({ now: () => 1, fillRandom: () => void fills++ });
    for (let i = 0; i < 256; i++) ids.request();
    expect(fills).toBe(1);
    ids.request();
    expect(fills).toBe(2);
  });
});

describe("UUIDs", () => {
  test("are version 7, variant 2, with the time in front", () => {
    const ids = createIds({ now: () => 0x0123456789ab, fillRandom: (bytes) => bytes.fill(0xff) });
    expect(ids.uuid()).toBe("01234567-89ab-7fff-bfff-ffffffffffff");
  });

  test("do not repeat", () => {
    const ids = createIds();
    expect(new Set(Array.from({ length: 5000 }, () => ids.uuid())).size).toBe(5000);
  });
});
