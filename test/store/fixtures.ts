/** What the tests of the store share: directories and stores that are cleared away after each test. */
import { afterEach } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore, type StoreOptions } from "../../src/store/open.ts";
import type { CallRecord, Store } from "../../src/store/types.ts";
import { createMemoryLog } from "./samples.ts";

export { call, createMemoryLog, pathsIn, STARTED_AT } from "./samples.ts";

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** Runs after the test, the latest first. */
export function later(cleanUp: () => unknown): void {
  cleanUps.push(cleanUp);
}

export function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "store-"));
  later(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Opens a store that is closed after the test. */
export async function open(options: Partial<StoreOptions> = {}): Promise<Store> {
  const store = await openStore({
    accountsPath: ":memory:",
    recordsPath: ":memory:",
    busyTimeoutMs: 1000,
    synchronous: "full",
    log: createMemoryLog(),
    redact: (text) => text,
    ...options,
  });
  later(() => store.close());
  return store;
}

/** Appends and writes at once. */
export function keep(store: Store, ...records: CallRecord[]): void {
  for (const record of records) store.calls.append(record);
  const waiting = store.calls.flush();
  if (waiting > 0) throw new Error(`${waiting} records were not written: ${store.calls.state.failing}`);
}
