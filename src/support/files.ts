/** Files as the data directory needs them: replaced whole or not at all, private whatever the umask, durable. */
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

export const PRIVATE_FILE = 0o600;
export const PRIVATE_DIRECTORY = 0o700;

/**
 * Replaces `path` by `data`: readers see the old file or the new one, also after a crash. A symbolic link stays one;
 * the file it names is replaced. Throws the system's error, and then the old file is untouched.
 */
export function writeFileAtomic(path: string, data: string | Uint8Array, mode: number = PRIVATE_FILE): void {
  const target = followLinks(path);
  const directory = dirname(target);
  const temporary = temporaryBeside(target);
  try {
    writeNewFile(temporary, data, mode);
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncDirectory(directory);
}

/**
 * Creates a file that must not exist yet (0600): two processes can never both believe they made the secret, and a
 * crash never leaves half of one. Throws `EEXIST` when somebody was first; then nothing has changed.
 */
export function createSecretFile(path: string, data: string | Uint8Array): void {
  const temporary = temporaryBeside(path);
  try {
    writeNewFile(temporary, data, PRIVATE_FILE);
    linkSync(temporary, path);
  } finally {
    rmSync(temporary, { force: true });
  }
  syncDirectory(dirname(path));
}

/** Makes the directory and its missing parents, each 0700. One that already exists keeps its mode. */
export function ensurePrivateDirectory(path: string): void {
  const missing: string[] = [];
  for (let at = resolve(path); readMode(at) === undefined; at = dirname(at)) missing.unshift(at);
  for (const directory of missing) {
    mkdirSync(directory, { recursive: true, mode: PRIVATE_DIRECTORY });
    // The umask may have taken bits away from the owner too.
    chmodSync(directory, PRIVATE_DIRECTORY);
  }
}

/** Sets the mode a private file must have; returns the wider mode found, `undefined` if it was tight or is absent. */
export function tightenFile(path: string, mode: number = PRIVATE_FILE): number | undefined {
  const found = readMode(path);
  if (found === undefined || (found & ~mode) === 0) return undefined;
  chmodSync(path, mode);
  return found;
}

/** Permission bits of a file or directory, `undefined` if there is none. */
export function readMode(path: string): number | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? undefined : stats.mode & 0o7777;
}

/** Makes a rename or creation in this directory survive a power cut. */
export function syncDirectory(path: string): void {
  const handle = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function writeNewFile(path: string, data: string | Uint8Array, mode: number): void {
  const bytes = typeof data === "string" ? Buffer.from(data) : data;
  const handle = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, mode);
  try {
    fchmodSync(handle, mode);
    for (let written = 0; written < bytes.length; ) written += writeSync(handle, bytes, written);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function temporaryBeside(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
}

function followLinks(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return path;
    throw error;
  }
}
