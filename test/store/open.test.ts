/** Opening the store: the files it makes, how private they are, and what it refuses to touch. */

import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openFile } from "../../src/store/connection.ts";
import { ACCOUNTS_MIGRATIONS } from "../../src/store/migrate.ts";
import { call, createMemoryLog, keep, later, makeDirectory, open, pathsIn } from "./fixtures.ts";

const modeOf = (path: string) => statSync(path).mode & 0o7777;

describe("files", () => {
  test.each([0o000, 0o022, 0o077])("all are 0600 in a directory of 0700 under umask %o", async (mask) => {
    const before = process.umask(mask);
    later(() => process.umask(before));
    const directory = join(makeDirectory(), "data");
    const store = await open(pathsIn(directory));
    await store.settings.set("a", "1");
    keep(store, call());
    expect(modeOf(directory)).toBe(0o700);
    const names = readdirSync(directory).toSorted();
    expect(names).toEqual([
      "monorelay.db",
      "monorelay.db-shm",
      "monorelay.db-wal",
      "requests.db",
      "requests.db-shm",
      "requests.db-wal",
    ]);
    for (const name of names) expect([name, modeOf(join(directory, name))]).toEqual([name, 0o600]);
  });

  test("a wider file is made private again, and a warning says so", async () => {
    const paths = pathsIn(makeDirectory());
    await (await open(paths)).close();
    chmodSync(paths.accountsPath, 0o644);
    const log = createMemoryLog();
    await open({ ...paths, log });
    expect(modeOf(paths.accountsPath)).toBe(0o600);
    expect(log.lines).toEqual(["warn file was readable by others; its mode is now 0600"]);
    expect(log.fields).toEqual([{ path: paths.accountsPath, mode: "0644" }]);
  });

  test("after closing, no log remains beside the files and no descriptor in the process", async () => {
    const directory = makeDirectory();
    const store = await open(pathsIn(directory));
    await store.settings.set("a", "1");
    keep(store, call());
    await store.calls.list({ model: "x" });
    await store.close();
    expect(readdirSync(directory).toSorted()).toEqual(["monorelay.db", "requests.db"]);
    if (process.platform !== "linux") return;
    const open_ = readdirSync("/proc/self/fd").map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return "";
      }
    });
    expect(open_.filter((target) => target.startsWith(directory))).toEqual([]);
  });

  test("closing twice is closing once, and a call that ends later is only counted", async () => {
    const store = await open(pathsIn(makeDirectory()));
    await store.close();
    await store.close();
    store.calls.append(call());
    expect(store.calls.state).toMatchObject({ waiting: 0, dropped: 1 });
  });

  test("what was queued when the store closed is there when it opens again", async () => {
    const paths = pathsIn(makeDirectory());
    const store = await open(paths);
    store.calls.append(call({ requestId: "req_last" }));
    await store.close();
    expect(await (await open(paths)).calls.find("req_last")).toBeDefined();
  });

  test("sizes count the file and its log", async () => {
    const paths = pathsIn(makeDirectory());
    const store = await open(paths);
    const before = store.sizes();
    for (let i = 0; i < 500; i++) store.calls.append(call());
    store.calls.flush();
    expect(store.sizes().records).toBeGreaterThan(before.records);
    expect(store.sizes().accounts).toBe(before.accounts);
    store.checkpoint();
    expect(statSync(`${paths.recordsPath}-wal`).size).toBe(0);
    expect((await open()).sizes()).toEqual({ accounts: 0, records: 0 });
  });
});

test.each(["full", "normal"] as const)("every connection has the house's pragmas, synchronous=%s", (synchronous) => {
  const client = openFile({
    path: join(makeDirectory(), "monorelay.db"),
    busyTimeoutMs: 5000,
    log: createMemoryLog(),
    kind: {
      name: "accounts",
      applicationId: 7,
      migrations: ACCOUNTS_MIGRATIONS,
      synchronous,
      isPrecious: true,
      fullCheckBytesMax: 1e6,
    },
  });
  later(() => client.close());
  const read = (name: string) => Object.values(client.rows<Record<string, unknown>>(`PRAGMA ${name}`)[0]!)[0];
  expect(read("journal_mode")).toBe("wal");
  expect(read("synchronous")).toBe(synchronous === "full" ? 2 : 1);
  expect(read("foreign_keys")).toBe(1);
  expect(read("trusted_schema")).toBe(0);
  expect(read("secure_delete")).toBe(1);
  // The rest of the five seconds is waited for off the event loop.
  expect(read("busy_timeout")).toBe(20);
});

describe("refusals leave the file as it is", () => {
  async function refusal(paths: ReturnType<typeof pathsIn>, path: string) {
    const before = readFileSync(path);
    const error = await open(paths).then(
      () => undefined,
      (thrown) => thrown,
    );
    expect(readFileSync(path)).toEqual(before);
    return { code: error?.code, message: error?.message };
  }

  test.each(["accountsPath", "recordsPath"] as const)("%s written by a later release", async (which) => {
    const paths = pathsIn(makeDirectory());
    await (await open(paths)).close();
    const client = new Database(paths[which], { strict: true });
    const known = client.query<{ user_version: number }, []>("PRAGMA user_version").get()!.user_version;
    client.run("PRAGMA user_version = 99");
    client.close();
    expect(known).toBeGreaterThan(0);
    expect(await refusal(paths, paths[which])).toEqual({
      code: "newer",
      message:
        `${paths[which]} was written by a newer MonoRelay; start that version again, or restore a backup made before ` +
        `the upgrade (schema 99, this version knows ${known})`,
    });
  });

  test.each(["accountsPath", "recordsPath"] as const)("%s is the database of something else", async (which) => {
    const paths = pathsIn(makeDirectory());
    const client = new Database(paths[which], { create: true });
    client.run("CREATE TABLE bookmarks (url TEXT)");
    client.close();
    expect((await refusal(paths, paths[which])).code).toBe("foreign");
  });

  test.each(["accountsPath", "recordsPath"] as const)("%s is a directory, whose mode stays too", async (which) => {
    const paths = pathsIn(makeDirectory());
    mkdirSync(paths[which]);
    chmodSync(paths[which], 0o755);
    const opening = open(paths);
    await expect(opening).rejects.toMatchObject({ code: "foreign" });
    expect(modeOf(paths[which])).toBe(0o755);
  });

  test("the two paths swapped", async () => {
    const { accountsPath, recordsPath } = pathsIn(makeDirectory());
    await (await open({ accountsPath, recordsPath })).close();
    expect((await refusal({ accountsPath: recordsPath, recordsPath: accountsPath }, recordsPath)).code).toBe("foreign");
  });

  test("accounts that are known to have existed are missing", async () => {
    const paths = pathsIn(makeDirectory());
    const opening = open({ ...paths, mustExist: true });
    await expect(opening).rejects.toMatchObject({ code: "missing", message: expect.stringContaining("restore it") });
    expect(await Bun.file(paths.accountsPath).exists()).toBe(false);
  });

  test("accounts in a directory that cannot be one", async () => {
    const directory = makeDirectory();
    writeFileSync(join(directory, "file"), "");
    const opening = open({ ...pathsIn(directory), accountsPath: join(directory, "file", "monorelay.db") });
    await expect(opening).rejects.toMatchObject({ name: "StoreError" });
  });
});

test("records that another process locks at the start: calls go on, with an alarm, and arrive once the way is free", async () => {
  const paths = pathsIn(makeDirectory());
  await (await open(paths)).close();
  const other = new Database(paths.recordsPath);
  later(() => other.close());
  other.run("PRAGMA locking_mode = EXCLUSIVE");
  other.run("BEGIN EXCLUSIVE");
  const log = createMemoryLog();
  const store = await open({ ...paths, log, busyTimeoutMs: 0 });
  expect(log.lines).toEqual(["error call records cannot be kept for now; each write tries again"]);
  store.calls.append(call({ requestId: "req_waiting" }));
  expect(store.calls.flush()).toBe(1);
  expect(store.calls.state.failing).toContain("locked by another process");
  const listing = store.calls.list();
  await expect(listing).rejects.toMatchObject({ code: "busy" });
  other.close();
  expect(store.calls.flush()).toBe(0);
  expect(await store.calls.find("req_waiting")).toBeDefined();
  expect(store.calls.state).toEqual({ waiting: 0, dropped: 0, failing: null });
});
