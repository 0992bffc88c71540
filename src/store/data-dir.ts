/** The data directory: one server at a time, and where a client finds the one that runs. */
import { readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "../contract/host.ts";
import {
  createSecretFile,
  ensurePrivateDirectory,
  PRIVATE_DIRECTORY,
  readMode,
  tightenFile,
  writeFileAtomic,
} from "../support/files.ts";
import { OwnedDatabase } from "./database.ts";
import { classify, explain, StoreError } from "./errors.ts";

/** What `server.json` says about the running server. */
export interface ServerInfo {
  readonly pid: number;
  readonly version: string;
  /** Where it answers; `null` if only on its socket. */
  readonly url: string | null;
  /** Path of the Unix socket, `null` if it has none. */
  readonly socket: string | null;
  readonly generation: number;
  /** ms since epoch. */
  readonly startedAt: number;
}

export interface DataDirectory {
  /** Replaces `server.json`. */
  announce(info: ServerInfo): void;
  /** Removes `server.json` and lets the next server in. Idempotent. */
  release(): void;
}

const LOCK = "server.lock";
const INFO = "server.json";
/** Whoever only asks whether the lock is held keeps it for less than this. */
const LOCK_WAIT_MS = 100;
/** A connection that nobody refers to any more is closed by the garbage collector, and its lock is gone. */
const heldLocks = new Set<OwnedDatabase>();

/**
 * Makes the directory if need be and takes it for this process. Throws a `StoreError`: `busy` names the process that
 * has it.
 *
 * The lock is SQLite's own on an empty database: a POSIX record lock, which the kernel drops with the process however
 * that ends, so there is never a stale one to judge by a process id that may long belong to somebody else. Two things
 * follow: nothing else in this process may open and close `server.lock`, and the directory must not lie on a network
 * file system without locks.
 */
export function openDataDirectory(directory: string, log: Logger): DataDirectory {
  const lockPath = join(directory, LOCK);
  const infoPath = join(directory, INFO);
  const lock = takeLock(directory, lockPath, log);
  heldLocks.add(lock);
  // Left behind by a server that was killed; until the new one listens there is nothing to announce.
  rmSync(infoPath, { force: true });
  let isReleased = false;
  return {
    announce(info) {
      writeFileAtomic(infoPath, `${JSON.stringify(info)}\n`);
    },
    release() {
      if (isReleased) return;
      isReleased = true;
      rmSync(infoPath, { force: true });
      heldLocks.delete(lock);
      lock.close();
    },
  };
}

/** The server that runs on this directory now; `undefined` if none does, whatever a left-over file says. */
export function findServer(directory: string): ServerInfo | undefined {
  return isLocked(join(directory, LOCK)) ? readInfo(join(directory, INFO)) : undefined;
}

function takeLock(directory: string, path: string, log: Logger): OwnedDatabase {
  try {
    ensurePrivateDirectory(directory);
    const mode = readMode(directory) ?? PRIVATE_DIRECTORY;
    if ((mode & ~PRIVATE_DIRECTORY) !== 0) {
      log.warn("the data directory is open to others; chmod 700 it", { path: directory, mode: mode.toString(8) });
    }
    makeLockFile(path);
    const client = new OwnedDatabase(path, { strict: true, create: true, readwrite: true });
    try {
      client.run(`PRAGMA busy_timeout = ${LOCK_WAIT_MS}`);
      // Nothing is ever written, so no journal need lie beside the lock.
      client.run("PRAGMA journal_mode = MEMORY");
      client.run("BEGIN EXCLUSIVE");
    } catch (error) {
      client.close();
      throw error;
    }
    return client;
  } catch (error) {
    if (classify(error) !== "busy") throw explain(error, path);
    const pid = readInfo(join(directory, INFO))?.pid;
    const holder = `another monorelay${pid === undefined ? "" : ` (pid ${pid})`}`;
    const sentence = `${directory} is in use by ${holder}; stop that one, or give this one its own --data-dir`;
    throw new StoreError("busy", path, sentence, error);
  }
}

/** Before SQLite does, which would leave the mode to the umask. */
function makeLockFile(path: string): void {
  if (tightenFile(path) !== undefined || readMode(path) !== undefined) return;
  try {
    createSecretFile(path, "");
  } catch (error) {
    // Another process that starts at this moment was first; the lock decides which of the two goes on.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

function isLocked(path: string): boolean {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return false;
  const client = new OwnedDatabase(path, { strict: true, readonly: true });
  try {
    client.rows("SELECT 1 FROM sqlite_master");
    return false;
  } catch (error) {
    if (classify(error) === "busy") return true;
    throw explain(error, path);
  } finally {
    client.close();
  }
}

function readInfo(path: string): ServerInfo | undefined {
  try {
    const info: ServerInfo = JSON.parse(readFileSync(path, "utf8"));
    return Number.isInteger(info?.pid) && Number.isInteger(info.generation) ? info : undefined;
  } catch {
    // Missing while the server starts; never half written.
    return undefined;
  }
}
