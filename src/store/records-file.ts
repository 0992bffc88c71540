/** The records database: opened again when it was out of reach, and replaced by an empty one when it turns out damaged. */

import { readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Logger } from "../contract/host.ts";
import type { Clock } from "../support/clock.ts";
import type { Checkpointer } from "./checkpointer.ts";
import { openFile, walBytes } from "./connection.ts";
import type { OwnedDatabase } from "./database.ts";
import { classify, storeError } from "./errors.ts";
import { RECORDS_MIGRATIONS } from "./migrate.ts";

/** Damaged copies kept for a look; they hold personal data, so older ones go. */
const COPIES_KEPT = 3;
/** A disk that spoils every file must not be fed with new ones all day. */
const REPLACE_MS_MIN = 60_000;
/** Beyond it nothing more is written until the log can be emptied; only a long reader outside keeps it from that. */
const WAL_BYTES_MAX = 64 * 1024 * 1024;
/** Some 4 MB; reading what lies in the log costs a little more than reading the file. */
const ROWS_IN_LOG = 8192;
/** The library's own. */
const AUTOCHECKPOINT_PAGES = 1000;

export interface RecordsFileOptions {
  readonly path: string;
  readonly busyTimeoutMs: number;
  readonly log: Logger;
  readonly clock: Clock;
  /** Does the moving of the log into the file; without one the write that fills the log does it. */
  readonly checkpointer?: Checkpointer | undefined;
}

export interface RecordsFile {
  /** Runs the work; if that shows the file to be damaged, moves it aside, makes a new one and runs it once more. */
  use<T>(work: (client: OwnedDatabase) => T): T;
  /** Throws when the write-ahead log has outgrown its bound and cannot be emptied. */
  boundLog(): void;
  /** To be told of what was written: when it is enough, the log is moved into the file, beside the event loop. */
  noteWritten(rows: number): void;
  close(): void;
}

/**
 * Calls must go on whatever becomes of their records: only a file that is not ours, or of a later release, is an error
 * here. One that cannot be opened yet is tried again at every use.
 */
export function openRecordsFile(options: RecordsFileOptions): RecordsFile {
  const { path, log, clock } = options;
  let replacedAt = Number.NEGATIVE_INFINITY;
  let isClosed = false;
  let client: OwnedDatabase | undefined;
  let { checkpointer } = options;
  let inLog = 0;
  let isMoving = false;

  const open = (busyTimeoutMs = 0): OwnedDatabase => {
    if (isClosed) throw storeError("failed", path, "it is closed");
    if (client === undefined) {
      client = openFile({ ...options, busyTimeoutMs, kind: RECORDS });
      if (checkpointer !== undefined) client.run("PRAGMA wal_autocheckpoint = 0");
    }
    return client;
  };

  /** Makes way for a new file, or throws the error if this one is damaged no more than any other would be. */
  const moveAway = (error: unknown): void => {
    const isTooSoon = clock.monotonic() - replacedAt < REPLACE_MS_MIN;
    if (classify(error) !== "corrupt" || path === ":memory:" || isTooSoon) throw error;
    replacedAt = clock.monotonic();
    client?.close();
    client = undefined;
    log.error("requests.db is damaged; it is moved aside and a new one begun: earlier call records are lost", {
      moved_to: moveAside(path, new Date(clock.now())),
      error,
    });
  };

  const move = async (by: Checkpointer): Promise<void> => {
    isMoving = true;
    const before = inLog;
    try {
      if (await by.run()) inLog -= before;
    } catch (error) {
      checkpointer = undefined;
      if (isClosed) return;
      log.warn("call records: the log is moved into the file by the writes again", { path, error });
      client?.run(`PRAGMA wal_autocheckpoint = ${AUTOCHECKPOINT_PAGES}`);
    } finally {
      isMoving = false;
    }
  };

  const use = <T>(work: (client: OwnedDatabase) => T): T => {
    try {
      return work(open());
    } catch (error) {
      moveAway(error);
    }
    return work(open());
  };

  try {
    open(options.busyTimeoutMs);
  } catch (error) {
    const failure = classify(error);
    if (failure === "newer" || failure === "foreign") throw error;
    if (failure === "corrupt") use(() => {});
    else log.error("call records cannot be kept for now; each write tries again", { error });
  }
  return {
    use,
    boundLog() {
      if (walBytes(path) <= WAL_BYTES_MAX) return;
      open().rows("PRAGMA wal_checkpoint(TRUNCATE)");
      if (walBytes(path) > WAL_BYTES_MAX) throw storeError("busy", path, "its write-ahead log is full");
    },
    noteWritten(rows) {
      inLog += rows;
      if (inLog >= ROWS_IN_LOG && checkpointer !== undefined && !isMoving) void move(checkpointer);
    },
    close() {
      isClosed = true;
      client?.close();
      client = undefined;
    },
  };
}

/** `MRrq`; see https://sqlite.org/pragma.html#pragma_application_id */
const RECORDS = {
  name: "call records",
  applicationId: 0x4d527271,
  migrations: RECORDS_MIGRATIONS,
  synchronous: "normal",
  isPrecious: false,
  fullCheckBytesMax: 4 * 1024 * 1024,
} as const;

/** Renames the file and its log to `<path>.corrupt-<time>`; returns the new name. */
function moveAside(path: string, at: Date): string {
  const stamp = at.toISOString().replace(/[-:]|\.\d+/g, "");
  const aside = `${path}.corrupt-${stamp}`;
  renameSync(path, aside);
  if (statSync(`${path}-wal`, { throwIfNoEntry: false })) renameSync(`${path}-wal`, `${aside}-wal`);
  rmSync(`${path}-shm`, { force: true });

  const directory = dirname(path);
  const prefix = `${basename(path)}.corrupt-`;
  const copies = readdirSync(directory).filter((name) => name.startsWith(prefix) && !name.endsWith("-wal"));
  for (const name of copies.toSorted().slice(0, -COPIES_KEPT)) {
    rmSync(join(directory, name), { force: true });
    rmSync(join(directory, `${name}-wal`), { force: true });
  }
  return aside;
}
