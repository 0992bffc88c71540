/** Damaged files: found at the start or at first use; accounts are then refused, records replaced, neither in silence. */
import { describe, expect, test } from "bun:test";
import {
  closeSync,
  copyFileSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { Store } from "../../src/store/types.ts";
import { findWalDamage } from "../../src/store/wal.ts";
import { createManualClock } from "../../src/support/clock.ts";
import { call, createMemoryLog, keep, makeDirectory, open, pathsIn, STARTED_AT } from "./fixtures.ts";

type Damage = (path: string) => void;
const PAGE = 4096;

function overwrite(path: string, position: number, bytes: Uint8Array | string): void {
  const handle = openSync(path, "r+");
  const data = typeof bytes === "string" ? Buffer.from(bytes) : bytes;
  writeSync(handle, data, 0, data.length, position);
  closeSync(handle);
}
const garbage = (length: number) => new Uint8Array(length).fill(0xa5);

const DAMAGES: readonly (readonly [name: string, damage: Damage])[] = [
  ["the first byte", (path) => overwrite(path, 0, "X")],
  ["the magic", (path) => overwrite(path, 0, garbage(16))],
  ["the whole header", (path) => overwrite(path, 0, garbage(100))],
  ["zeroes for a header", (path) => overwrite(path, 0, new Uint8Array(100))],
  ["the page size", (path) => overwrite(path, 16, new Uint8Array([0x12, 0x34]))],
  ["the first page behind the header", (path) => overwrite(path, 100, garbage(PAGE - 100))],
  ["the schema's cells", (path) => overwrite(path, PAGE - 600, garbage(600))],
  ["the second page", (path) => overwrite(path, PAGE, garbage(PAGE))],
  ["the third page", (path) => overwrite(path, 2 * PAGE, garbage(PAGE))],
  ["the last page", (path) => overwrite(path, statSync(path).size - PAGE, garbage(PAGE))],
  ["everything behind the first page", (path) => overwrite(path, PAGE, garbage(statSync(path).size - PAGE))],
  ["half of it is gone", (path) => truncateSync(path, Math.ceil(statSync(path).size / 2 / PAGE) * PAGE)],
  ["the last page is gone", (path) => truncateSync(path, statSync(path).size - PAGE)],
  ["an odd number of bytes is left", (path) => truncateSync(path, PAGE + 17)],
  ["only the header is left", (path) => truncateSync(path, 100)],
  ["ten bytes are left", (path) => truncateSync(path, 10)],
  ["it is a text now", (path) => writeFileSync(path, "server:\n  port: 8080\n".repeat(500))],
  ["it is random", (path) => writeFileSync(path, crypto.getRandomValues(new Uint8Array(20_000)))],
];

/** Files of several pages each, cleanly closed. */
async function makeFiles() {
  const directory = makeDirectory();
  const paths = pathsIn(directory);
  const store = await open(paths);
  for (let i = 0; i < 40; i++) await store.settings.set(`setting-${i}`, "v".repeat(300));
  for (let i = 0; i < 300; i++) store.calls.append(call({ startedAt: STARTED_AT + i, requestId: `caller-${i}` }));
  await store.close();
  return { directory, ...paths };
}

describe("accounts are never made anew", () => {
  test.each([...DAMAGES, ["nothing is left", (path: string) => truncateSync(path, 0)] as const])(
    "%s",
    async (_, damage) => {
      const { directory, accountsPath, recordsPath } = await makeFiles();
      damage(accountsPath);
      const before = readFileSync(accountsPath);
      for (let start = 0; start < 2; start++) {
        const opening = open({ accountsPath, recordsPath });
        await expect(opening).rejects.toMatchObject({
          code: "corrupt",
          message: expect.stringContaining("is damaged; restore it from a backup"),
        });
      }
      expect(readFileSync(accountsPath)).toEqual(before);
      expect(readdirSync(directory).filter((name) => name.includes("corrupt"))).toEqual([]);
    },
  );
});

describe("records are moved aside and begun anew", () => {
  test.each(DAMAGES)("%s", async (_, damage) => {
    const { directory, accountsPath, recordsPath } = await makeFiles();
    damage(recordsPath);
    const damaged = readFileSync(recordsPath);
    const log = createMemoryLog();
    const clock = createManualClock(Date.parse("2026-05-06T07:08:09.123Z"));
    const store = await open({ accountsPath, recordsPath, log, clock });
    expect(log.lines).toEqual([
      "error requests.db is damaged; it is moved aside and a new one begun: earlier call records are lost",
    ]);
    const aside = `${recordsPath}.corrupt-20260506T070809Z`;
    expect(log.fields).toMatchObject([{ moved_to: aside }]);
    expect(readFileSync(aside)).toEqual(damaged);
    keep(store, call({ requestId: "req_new" }));
    expect((await store.calls.list()).items.map((item) => item.requestId)).toEqual(["req_new"]);
    expect(readdirSync(directory).filter((name) => name.includes("corrupt"))).toHaveLength(1);
    expect(await store.settings.get("setting-1")).toBeDefined();
  });

  test("an empty file is what a crash at the very beginning leaves, and is begun again without an alarm", async () => {
    const { accountsPath, recordsPath } = await makeFiles();
    truncateSync(recordsPath, 0);
    const log = createMemoryLog();
    const store = await open({ accountsPath, recordsPath, log });
    keep(store, call());
    expect(log.lines).toEqual([]);
  });

  test("three damaged copies are kept, the latest", async () => {
    const { directory, ...paths } = await makeFiles();
    for (let day = 1; day <= 5; day++) {
      writeFileSync(paths.recordsPath, `damage ${day}`);
      const clock = createManualClock(Date.parse(`2026-05-0${day}T00:00:00Z`));
      await (await open({ ...paths, clock })).close();
    }
    const copies = readdirSync(directory).filter((name) => name.includes("corrupt"));
    expect(copies.toSorted().map((name) => readFileSync(join(directory, name), "utf8"))).toEqual([
      "damage 3",
      "damage 4",
      "damage 5",
    ]);
  });
});

describe("damage that happens while the server runs", () => {
  /** Larger than SQLite's cache, so that old pages have to be read again. */
  async function fill(store: Store): Promise<void> {
    for (let i = 0; i < 9000; i++) {
      store.calls.append(call({ startedAt: STARTED_AT + i, error: "e".repeat(400), requestId: `caller-${i}` }));
    }
    store.calls.flush();
    store.checkpoint();
  }

  async function setUp() {
    const directory = makeDirectory();
    const paths = pathsIn(directory);
    const clock = createManualClock();
    const log = createMemoryLog();
    const store = await open({ ...paths, clock, log });
    await fill(store);
    const spoil = () => overwrite(paths.recordsPath, PAGE, garbage(statSync(paths.recordsPath).size - PAGE));
    const copies = () => readdirSync(directory).filter((name) => /corrupt-\w+$/.test(name)).length;
    return { ...paths, clock, log, store, spoil, copies };
  }

  test("is found when the pages are read; writing goes on in a new file", async () => {
    const { store, spoil, copies, log } = await setUp();
    spoil();
    expect(await store.calls.find("caller-3")).toBeUndefined();
    expect([copies(), log.lines.length]).toEqual([1, 1]);
    keep(store, call({ requestId: "req_new" }));
    expect(await store.calls.count()).toBe(1);
    expect(store.calls.state).toEqual({ waiting: 0, dropped: 0, failing: null });
  });

  test("a record that meets the damage is itself not lost", async () => {
    const { store, spoil, copies } = await setUp();
    spoil();
    for (let i = 0; i < 20; i++) keep(store, call({ startedAt: STARTED_AT + i * 400, requestId: `req_${i}` }));
    expect(copies()).toBe(1);
    expect(await store.calls.find("req_19")).toBeDefined();
  });

  test("a disk that spoils every file is not fed with new ones: once a minute at most", async () => {
    const { store, spoil, copies, clock } = await setUp();
    spoil();
    await store.calls.find("caller-3");
    await fill(store);
    spoil();
    const finding = store.calls.find("caller-3");
    await expect(finding).rejects.toMatchObject({ code: "corrupt" });
    expect(copies()).toBe(1);
    clock.advance(60_000);
    expect(await store.calls.find("caller-3")).toBeUndefined();
    expect(copies()).toBe(2);
  });
});

describe("the write-ahead log of the accounts", () => {
  /** As `kill -9` leaves it: five commits of several pages each, none of them in the file yet. */
  async function makeLog() {
    const directory = makeDirectory();
    const paths = pathsIn(directory);
    const store = await open(paths);
    for (let i = 0; i < 5; i++) await store.settings.set(`setting-${i}`, "v".repeat(9000));
    const copies = pathsIn(makeDirectory());
    for (const suffix of ["", "-wal"]) copyFileSync(paths.accountsPath + suffix, copies.accountsPath + suffix);
    return { ...copies, wal: `${copies.accountsPath}-wal` };
  }
  const FRAME = 24 + PAGE;
  const HEADER = 32;

  test("left by a crash, it is sound and read", async () => {
    const { wal, ...paths } = await makeLog();
    expect(statSync(wal).size).toBeGreaterThan(HEADER + 10 * FRAME);
    expect(findWalDamage(wal)).toBeUndefined();
    const store = await open(paths);
    expect(await store.settings.get("setting-4")).toHaveLength(9000);
  });

  test.each([
    ["its magic", (path: string) => overwrite(path, 0, garbage(4))],
    ["its header", (path: string) => overwrite(path, 8, garbage(8))],
    ["its salts", (path: string) => overwrite(path, 16, garbage(8))],
    ["the head of its first frame", (path: string) => overwrite(path, HEADER, garbage(24))],
    ["the page of its first frame", (path: string) => overwrite(path, HEADER + 24, garbage(PAGE))],
    ["one bit in the middle", (path: string) => overwrite(path, HEADER + 5 * FRAME + 1000, new Uint8Array([1]))],
    ["a checksum in the middle", (path: string) => overwrite(path, HEADER + 5 * FRAME + 16, garbage(8))],
    ["all of it", (path: string) => overwrite(path, 0, garbage(statSync(path).size))],
  ])("damage to %s is found: SQLite would drop acknowledged writes and say nothing", async (_, damage) => {
    const { wal, ...paths } = await makeLog();
    damage(wal);
    const before = readFileSync(wal);
    const opening = open(paths);
    await expect(opening).rejects.toMatchObject({
      code: "corrupt",
      message: expect.stringContaining("write-ahead log"),
    });
    expect(readFileSync(wal)).toEqual(before);
  });

  test.each([
    ["the last frame is torn", (path: string) => truncateSync(path, statSync(path).size - 1000)],
    ["the last frame is garbage", (path: string) => overwrite(path, statSync(path).size - PAGE, garbage(PAGE))],
    ["only a part of the header was written", (path: string) => truncateSync(path, 20)],
    ["it is empty", (path: string) => truncateSync(path, 0)],
  ])("%s: that is how a crash ends, and no damage", async (_, damage) => {
    const { wal, ...paths } = await makeLog();
    damage(wal);
    expect(findWalDamage(wal)).toBeUndefined();
    await open(paths);
  });

  test("frames of an earlier round behind those of this one are no damage", async () => {
    const paths = pathsIn(makeDirectory());
    const store = await open(paths);
    for (let i = 0; i < 30; i++) await store.settings.set(`setting-${i}`, "v".repeat(9000));
    const { OwnedDatabase } = await import("../../src/store/database.ts");
    const other = new OwnedDatabase(paths.accountsPath);
    other.rows("PRAGMA wal_checkpoint(RESTART)");
    other.close();
    await store.settings.set("setting-1", "short");
    expect(statSync(`${paths.accountsPath}-wal`).size).toBeGreaterThan(HEADER + 20 * FRAME);
    expect(findWalDamage(`${paths.accountsPath}-wal`)).toBeUndefined();
  });

  test("there may be none", () => {
    expect(findWalDamage(join(makeDirectory(), "nothing-wal"))).toBeUndefined();
  });
});
