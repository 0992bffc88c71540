/** The records' write-ahead log is moved into the file beside the event loop, and by the writes where that fails. */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync, renameSync, statSync, writeFileSync } from "node:fs";
import { type Checkpointer, checkpointOnce, createThreadCheckpointer } from "../../src/store/checkpointer.ts";
import { createCalls } from "../../src/store/calls.ts";
import { openRecordsFile } from "../../src/store/records-file.ts";
import { createManualClock } from "../../src/support/clock.ts";
import { call, createMemoryLog, keep, later, makeDirectory, open, pathsIn, STARTED_AT } from "./fixtures.ts";

const MANY = 8192;

function setUp(checkpointer: Checkpointer) {
  const path = pathsIn(makeDirectory()).recordsPath;
  const clock = createManualClock();
  const log = createMemoryLog();
  const file = openRecordsFile({ path, busyTimeoutMs: 1000, log, clock, checkpointer });
  const patience = { busyTimeoutMs: 1000, clock, sleep: async () => {} };
  const calls = createCalls({ ...patience, file, path, log, redact: (text) => text, schedule: clock.schedule });
  later(() => file.close());
  let next = 0;
  const write = (count: number) => {
    for (let i = 0; i < count; i += 1) calls.append(call({ startedAt: STARTED_AT + next++ }));
    expect(calls.flush()).toBe(0);
  };
  const autocheckpoint = () =>
    file.use((client) => client.rows<{ wal_autocheckpoint: number }>("PRAGMA wal_autocheckpoint")[0]);
  return { path, log, file, calls, write, autocheckpoint };
}

/** Checkpoints that end when the test says so. */
function stub() {
  const asked: PromiseWithResolvers<boolean>[] = [];
  const checkpointer: Checkpointer = {
    run() {
      const one = Promise.withResolvers<boolean>();
      asked.push(one);
      return one.promise;
    },
    stop: async () => {},
  };
  return { asked, checkpointer };
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("when enough has been written", () => {
  test("one checkpoint is asked for, and the next when as much again has been written", async () => {
    const { asked, checkpointer } = stub();
    const { write, autocheckpoint } = setUp(checkpointer);
    expect(autocheckpoint()).toEqual({ wal_autocheckpoint: 0 });
    write(MANY - 1);
    expect(asked).toHaveLength(0);
    write(1);
    write(MANY);
    expect(asked).toHaveLength(1);
    asked[0]!.resolve(true);
    await settled();
    write(1);
    expect(asked).toHaveLength(2);
  });

  test("a log that could not be moved whole is tried again with the next write", async () => {
    const { asked, checkpointer } = stub();
    const { write } = setUp(checkpointer);
    write(MANY);
    asked[0]!.resolve(false);
    await settled();
    expect(asked).toHaveLength(1);
    write(1);
    expect(asked).toHaveLength(2);
  });

  test("where it fails the writes do it again, and one line says so", async () => {
    const { asked, checkpointer } = stub();
    const { write, autocheckpoint, log, calls } = setUp(checkpointer);
    write(MANY);
    asked[0]!.reject(new Error("no thread"));
    await settled();
    expect(log.lines).toEqual(["warn call records: the log is moved into the file by the writes again"]);
    expect(autocheckpoint()).toEqual({ wal_autocheckpoint: 1000 });
    write(MANY);
    write(MANY);
    expect(asked).toHaveLength(1);
    expect(await calls.count()).toBe(3 * MANY);
  });
});

describe("the thread", () => {
  test("moves the log into the file, so that the next write begins it anew", async () => {
    const paths = pathsIn(makeDirectory());
    let checkpointer: Checkpointer | undefined;
    const store = await open({
      ...paths,
      checkpointer: (path) => {
        checkpointer = createThreadCheckpointer(path);
        return checkpointer;
      },
    });
    const records = Array.from({ length: MANY }, (_, i) => call({ startedAt: STARTED_AT + i }));
    const before = statSync(paths.recordsPath).size;
    keep(store, ...records);
    expect(await checkpointer!.run()).toBe(true);
    expect(statSync(paths.recordsPath).size).toBeGreaterThan(before + MANY * 50);
    const walBytes = statSync(`${paths.recordsPath}-wal`).size;
    keep(store, call());
    expect(statSync(`${paths.recordsPath}-wal`).size).toBe(walBytes);
    expect(await store.calls.count()).toBe(MANY + 1);
    await store.close();
    // Nobody else has it open any more.
    expect(existsSync(`${paths.recordsPath}-wal`)).toBe(false);
  });

  test("says so when a reader keeps a part of the log", async () => {
    const paths = pathsIn(makeDirectory());
    const store = await open(paths);
    keep(store, call());
    const reader = new Database(paths.recordsPath, { readonly: true });
    later(() => reader.close());
    reader.run("BEGIN");
    reader.query("SELECT count(*) FROM calls").get();
    keep(store, call());
    expect(checkpointOnce(paths.recordsPath)).toBe(false);
    reader.run("COMMIT");
    expect(checkpointOnce(paths.recordsPath)).toBe(true);
  });

  test("rejects for a file that is not there, makes none, and goes on with the next", async () => {
    const directory = makeDirectory();
    const path = `${directory}/requests.db`;
    const checkpointer = createThreadCheckpointer(path);
    expect(checkpointer.run()).rejects.toThrow("unable to open");
    await checkpointer.run().catch(() => {});
    expect(existsSync(path)).toBe(false);
    const client = new Database(path, { create: true });
    client.run("PRAGMA journal_mode = WAL");
    client.run("CREATE TABLE t (x)");
    expect(await checkpointer.run()).toBe(true);
    client.close();
    await checkpointer.stop();
  });

  test("leaves the log that lies at the name of a file that was replaced", () => {
    const path = `${makeDirectory()}/requests.db`;
    const client = new Database(path, { create: true });
    client.run("PRAGMA journal_mode = WAL");
    client.run("CREATE TABLE t (x)");
    client.close();
    renameSync(path, `${path}.moved`);
    const other = new Database(path, { create: true });
    other.run("PRAGMA journal_mode = WAL");
    other.close();
    writeFileSync(`${path}-wal`, "");
    checkpointOnce(path);
    expect(existsSync(`${path}-wal`)).toBe(true);
  });
});
