/** Settings: what was acknowledged is there, and another process in the way is waited for, not run into. */

import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { createManualClock } from "../../src/support/clock.ts";
import { later, makeDirectory, open, pathsIn } from "./fixtures.ts";

describe("values", () => {
  test("what is set can be read, replaced and deleted", async () => {
    const { settings } = await open();
    expect(await settings.get("a")).toBeUndefined();
    await settings.set("a", "one");
    await settings.set("a", "two");
    await settings.set("b", "");
    expect(await settings.get("a")).toBe("two");
    expect(await settings.get("b")).toBe("");
    expect(await settings.delete("a")).toBe(true);
    expect(await settings.delete("a")).toBe(false);
    expect(await settings.get("a")).toBeUndefined();
  });

  test("of many who add at once, one wins and the others learn it", async () => {
    const { settings } = await open();
    const won = await Promise.all(Array.from({ length: 20 }, (_, i) => settings.add("access_key", `digest ${i}`)));
    expect(won.filter(Boolean)).toHaveLength(1);
    expect(await settings.get("access_key")).toBe(`digest ${won.indexOf(true)}`);
  });

  test.each(["'; DROP TABLE settings; --", "%", "\u0000", "ключ", "a".repeat(10_000)])(
    "key and value %p",
    async (text) => {
      const { settings } = await open();
      await settings.set(text, text);
      expect(await settings.get(text)).toBe(text);
    },
  );

  test("they outlive the process", async () => {
    const paths = pathsIn(makeDirectory());
    const store = await open(paths);
    await store.settings.set("a", "1");
    await store.close();
    expect(await (await open(paths)).settings.get("a")).toBe("1");
  });
});

test("the mark of the first start keeps its first instant", async () => {
  const { initialised } = await open();
  expect(await initialised.at()).toBeNull();
  await initialised.set(1_750_000_000_123.7);
  await initialised.set(1_800_000_000_000);
  expect(await initialised.at()).toBe(1_750_000_000_123);
});

describe("another process holds the file", () => {
  async function heldStore(busyTimeoutMs: number, releaseAfterMs: number) {
    const paths = pathsIn(makeDirectory());
    const clock = createManualClock();
    const pauses: number[] = [];
    const holder = { release: () => {} };
    const store = await open({
      ...paths,
      busyTimeoutMs,
      clock,
      sleep: async (ms) => {
        pauses.push(ms);
        clock.advance(ms);
        if (clock.monotonic() >= releaseAfterMs) holder.release();
      },
    });
    const other = new Database(paths.accountsPath);
    other.run("BEGIN IMMEDIATE");
    holder.release = () => {
      if (other.inTransaction) other.run("ROLLBACK");
    };
    later(() => other.close());
    return { store, pauses };
  }

  test("a write waits off the event loop until it is free", async () => {
    const { store, pauses } = await heldStore(5000, 300);
    await store.settings.set("a", "1");
    expect(await store.settings.get("a")).toBe("1");
    expect(pauses).toEqual([5, 10, 20, 40, 80, 100, 100]);
  });

  test("reading does not wait", async () => {
    const { store, pauses } = await heldStore(5000, 300);
    expect(await store.settings.get("a")).toBeUndefined();
    expect(pauses).toEqual([]);
  });

  test("when patience ends, the caller is told, and nothing was stored", async () => {
    const { store } = await heldStore(200, Number.POSITIVE_INFINITY);
    const writing = store.settings.set("a", "1");
    await expect(writing).rejects.toMatchObject({
      code: "busy",
      message: expect.stringContaining("locked by another process"),
    });
    expect(await store.settings.get("a")).toBeUndefined();
  });
});
