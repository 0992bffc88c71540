/** Opens one SQLite file the way this house wants it, and refuses a file that is damaged, foreign or too new. */
import { closeSync, constants, fchmodSync, fsyncSync, linkSync, openSync, readSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { Logger } from "../contract/host.ts";
import { ensurePrivateDirectory, PRIVATE_FILE, syncDirectory, tightenFile } from "../support/files.ts";
import { OwnedDatabase } from "./database.ts";
import { explain, storeError } from "./errors.ts";
import { migrate, readVersion, type Schema } from "./migrate.ts";
import { findWalDamage } from "./wal.ts";

export interface FileKind extends Schema {
  /** For messages. */
  readonly name: string;
  readonly synchronous: "full" | "normal";
  /** A file that is built aside and put in place whole: an empty one is then damage, never a beginning. */
  readonly isPrecious: boolean;
  /** Files up to this size are checked page by page when opened, ~1.2 ms per MB. */
  readonly fullCheckBytesMax: number;
}

export interface OpenFileOptions {
  readonly path: string;
  readonly kind: FileKind;
  /** How long opening waits for another process, ms. */
  readonly busyTimeoutMs: number;
  readonly log: Logger;
}

const MEMORY = ":memory:";
/** Every statement of ours runs on the event loop: it may block for this long, the rest of a wait happens off it. */
const BLOCK_MS = 20;
/** A log left larger than this by a burst is cut when it restarts. */
const WAL_BYTES_KEPT = 16 * 1024 * 1024;
const SIDE_FILES = ["-wal", "-shm", "-journal"];

/** Throws a `StoreError`. Creates the file (0600) and its directory (0700) when they are missing. */
export function openFile(options: OpenFileOptions): OwnedDatabase {
  const { path } = options;
  try {
    if (path === MEMORY) return prepare(new OwnedDatabase(MEMORY, { strict: true }), options, true);
    ensurePrivateDirectory(dirname(path));
    if (statSync(path, { throwIfNoEntry: false }) === undefined) create(options);
    inspect(options);
    return prepare(new OwnedDatabase(path, { strict: true, readwrite: true, create: false }), options, false);
  } catch (error) {
    throw explain(error, path);
  }
}

/** Bytes of the file and its write-ahead log; 0 in memory. */
export function fileBytes(path: string): number {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) + walBytes(path);
}

export function walBytes(path: string): number {
  return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}

function create(options: OpenFileOptions): void {
  const { path, kind } = options;
  if (!kind.isPrecious) {
    makeEmpty(path);
    return;
  }
  const aside = `${path}.new`;
  for (const suffix of ["", ...SIDE_FILES]) rmSync(aside + suffix, { force: true });
  makeEmpty(aside);
  const client = new OwnedDatabase(aside, { strict: true, readwrite: true, create: false });
  try {
    // Nobody sees the file before it is complete, and until then a crash only costs the attempt.
    client.run("PRAGMA journal_mode = MEMORY");
    client.run("PRAGMA synchronous = OFF");
    migrate(client, path, kind);
  } finally {
    client.close();
  }
  const handle = openSync(aside, constants.O_RDWR);
  fsyncSync(handle);
  closeSync(handle);
  try {
    linkSync(aside, path);
  } catch (error) {
    // Another process was first; its file is as good.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(aside, { force: true });
  }
  syncDirectory(dirname(path));
}

function makeEmpty(path: string): void {
  const handle = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, PRIVATE_FILE);
  // SQLite gives the files it puts beside this one the same mode.
  fchmodSync(handle, PRIVATE_FILE);
  closeSync(handle);
}

/** Everything that can be told, and must be, before SQLite touches the file. */
function inspect({ path, kind, log }: OpenFileOptions): void {
  if (!statSync(path).isFile()) throw storeError("foreign", path, "it is not a file");
  for (const suffix of ["", ...SIDE_FILES]) {
    const found = tightenFile(path + suffix);
    if (found === undefined) continue;
    const mode = found.toString(8).padStart(4, "0");
    log.warn("file was readable by others; its mode is now 0600", { path: path + suffix, mode });
  }
  const { size } = statSync(path);
  if (size === 0 && !kind.isPrecious) return;
  if (size === 0) throw storeError("corrupt", path, "it is empty");
  const head = Buffer.alloc(16);
  const handle = openSync(path, constants.O_RDONLY);
  readSync(handle, head);
  closeSync(handle);
  if (head.toString("latin1") !== "SQLite format 3\0")
    throw storeError("corrupt", path, "it does not begin as a database");
  if (!kind.isPrecious) return;
  const damage = findWalDamage(`${path}-wal`);
  if (damage !== undefined) throw storeError("corrupt", path, damage);
}

function prepare(client: OwnedDatabase, options: OpenFileOptions, isMemory: boolean): OwnedDatabase {
  try {
    client.run(`PRAGMA busy_timeout = ${Math.round(options.busyTimeoutMs)}`);
    checkIdentity(client, options);
    setPragmas(client, options, isMemory);
    checkPages(client, options, isMemory);
    migrate(client, options.path, options.kind);
    client.run(`PRAGMA busy_timeout = ${BLOCK_MS}`);
    return client;
  } catch (error) {
    client.close();
    throw error;
  }
}

/** First of all, so that a file which is not ours, or of the future, stays as it is. */
function checkIdentity(client: OwnedDatabase, { path, kind }: OpenFileOptions): void {
  const id = readPragma(client, "application_id");
  const version = readVersion(client);
  if (version > kind.migrations.length) {
    throw storeError("newer", path, `schema ${version}, this version knows ${kind.migrations.length}`);
  }
  if (id === kind.applicationId) return;
  const isBlank = client.rows("SELECT 1 FROM sqlite_master LIMIT 1").length === 0;
  if (id !== 0 || version !== 0 || !isBlank) throw storeError("foreign", path, `${kind.name} are kept elsewhere`);
}

/** The defaults of the library differ in each of these; a build or file system that ignores one is refused. */
function setPragmas(client: OwnedDatabase, { path, kind }: OpenFileOptions, isMemory: boolean): void {
  const synchronous = kind.synchronous === "full" ? 2 : 1;
  const settings: readonly (readonly [name: string, value: string | number, readBack: string | number])[] = [
    // Takes effect in a new file only; lets pruning give pages back in small steps.
    ...(readVersion(client) === 0 ? ([["auto_vacuum", "INCREMENTAL", 2]] as const) : []),
    ["journal_mode", "WAL", isMemory ? "memory" : "wal"],
    ["synchronous", synchronous, synchronous],
    ["foreign_keys", "ON", 1],
    ["trusted_schema", "OFF", 0],
    ["secure_delete", "ON", 1],
    ["journal_size_limit", WAL_BYTES_KEPT, WAL_BYTES_KEPT],
  ];
  for (const [name, value, readBack] of settings) {
    client.run(`PRAGMA ${name} = ${value}`);
    const found = readPragma(client, name);
    if (found !== readBack) throw storeError("failed", path, `PRAGMA ${name} stays ${found} instead of ${readBack}`);
  }
}

function checkPages(client: OwnedDatabase, { path, kind }: OpenFileOptions, isMemory: boolean): void {
  if (isMemory) return;
  if (fileBytes(path) > kind.fullCheckBytesMax) {
    // Both ends of every table, which finds a cut file; damage in the middle shows when that is first read.
    const tables = client.rows<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'");
    for (const { name } of tables) client.rows(`SELECT min(rowid), max(rowid) FROM "${name}"`);
    return;
  }
  const [first] = client.rows<{ integrity_check: string }>("PRAGMA integrity_check(1)");
  if (first?.integrity_check !== "ok") throw storeError("corrupt", path, first?.integrity_check);
}

function readPragma(client: OwnedDatabase, name: string): unknown {
  return Object.values(client.rows<Record<string, unknown>>(`PRAGMA ${name}`)[0] ?? {})[0];
}
