/** The map of upstream objects: whose they are stays known, and is not taken over. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { UpstreamObject } from "../../src/store/types.ts";
import { createManualClock } from "../../src/support/clock.ts";
import { makeDirectory, open } from "./fixtures.ts";

const object = (id: string, more: Partial<UpstreamObject> = {}): UpstreamObject => ({
  id,
  kind: "file",
  provider: "one",
  keyId: "key_1",
  orgId: "org_a",
  userId: 7,
  principal: "key_x",
  ...more,
});

describe("upstream objects", () => {
  test("are found again after a restart, as they were put in", async () => {
    const directory = makeDirectory();
    const paths = { accountsPath: join(directory, "a.db"), recordsPath: join(directory, "r.db") };
    const first = await open(paths);
    await first.objects.add([object("file-1"), object("file-2", { orgId: null, userId: null })]);
    await first.close();
    const second = await open(paths);
    expect(await second.objects.find("file-1")).toEqual(object("file-1"));
    expect(await second.objects.find("file-2")).toEqual(object("file-2", { orgId: null, userId: null }));
    expect(await second.objects.find("file-3")).toBeUndefined();
    expect(second.objects.isEmpty).toBe(false);
  });

  test("whoever names a known id later does not become its owner", async () => {
    const { objects } = await open();
    await objects.add([object("file-1")]);
    await objects.add([object("file-1", { orgId: "org_b", provider: "two" }), object("file-2", { orgId: "org_b" })]);
    expect(await objects.find("file-1")).toEqual(object("file-1"));
    expect((await objects.find("file-2"))?.orgId).toBe("org_b");
  });

  test("are listed by kind and owner, the newest first, and callers without an organisation are one of their own", async () => {
    const clock = createManualClock();
    const { objects } = await open({ clock });
    for (const [id, more] of [
      ["a", {}],
      ["b", { orgId: "org_b" }],
      ["c", { kind: "batch" }],
      ["d", { orgId: null }],
      ["e", {}],
    ] as const) {
      clock.advance(1);
      await objects.add([object(id, more)]);
    }
    const ids = async (kind: string, orgId: string | null, max = 10) =>
      (await objects.list(kind, { orgId }, max)).map(({ id }) => id);
    expect(await ids("file", "org_a")).toEqual(["e", "a"]);
    expect(await ids("file", "org_a", 1)).toEqual(["e"]);
    expect(await ids("file", null)).toEqual(["d"]);
    expect(await ids("batch", "org_a")).toEqual(["c"]);
    expect(await ids("thread", "org_a")).toEqual([]);
  });

  test("are listed for one account, or for one caller without an account, of an organisation", async () => {
    const { objects } = await open();
    await objects.add([
      object("mine"),
      object("mine elsewhere", { orgId: "org_b" }),
      object("by another key of mine", { principal: "key_y" }),
      object("hers", { userId: 8 }),
      object("nobody's", { userId: null, principal: "access-key" }),
    ]);
    const ids = async (owner: Parameters<typeof objects.list>[1]) =>
      (await objects.list("file", owner, 10)).map(({ id }) => id).toSorted();
    expect(await ids({ orgId: "org_a", userId: 7 })).toEqual(["by another key of mine", "mine"]);
    expect(await ids({ orgId: "org_a", principal: "access-key" })).toEqual(["nobody's"]);
    expect(await ids({ orgId: "org_b", userId: 8 })).toEqual([]);
  });

  test("are forgotten one by one, or by kind and age", async () => {
    const clock = createManualClock(1000);
    const { objects } = await open({ clock });
    await objects.add([object("a"), object("r1", { kind: "response" })]);
    clock.advance(500);
    await objects.add([object("r2", { kind: "response" })]);
    await objects.remove("a");
    await objects.remove("never-there");
    expect(await objects.find("a")).toBeUndefined();
    expect(await objects.prune("response", 1500)).toBe(1);
    expect([await objects.find("r1"), (await objects.find("r2"))?.id]).toEqual([undefined, "r2"]);
  });

  test("nothing to add is nothing to write", async () => {
    const { objects } = await open();
    await objects.add([]);
    expect(await objects.list("file", { orgId: null }, 1)).toEqual([]);
  });

  test("many are found at once, and whether there are any is known without asking", async () => {
    const { objects } = await open();
    expect(objects.isEmpty).toBe(true);
    const ids = Array.from({ length: 1200 }, (_, index) => `file-${index}`);
    await objects.add([object("file-0"), object("file-1199", { orgId: "org_b" })]);
    expect(objects.isEmpty).toBe(false);
    expect((await objects.findAll(ids)).map(({ id }) => id)).toEqual(["file-0", "file-1199"]);
    expect(await objects.findAll([])).toEqual([]);
  });
});
