/** The secrets of the data directory: made once, readable by their owner alone, and never in the database. */
import { hkdfSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { StoreError } from "../store/errors.ts";
import { createSecretFile, PRIVATE_FILE, readMode } from "../support/files.ts";
import { type FillRandom, randomToken } from "./randomness.ts";

const SECRET_BYTES_MIN = 32;

/**
 * Reads the secret, or makes it (256 bits, 0600, never over an existing file). Throws a `StoreError` that says what to
 * do: when it cannot be read or saved, is open to others, or is too short to be one.
 */
export function readOrMakeSecret(path: string, fill: FillRandom): string {
  return readSecret(path) ?? makeSecret(path, fill);
}

/** `undefined`: there is none. Throws as `readOrMakeSecret` does. */
export function readSecret(path: string): string | undefined {
  const mode = readMode(path);
  if (mode === undefined) return undefined;
  if ((mode & ~PRIVATE_FILE) !== 0) {
    const found = mode.toString(8).padStart(4, "0");
    throw new StoreError(
      "failed",
      path,
      `${path} is open to others (mode ${found}): whoever read it can act as anybody. Delete it to have a new one made, or chmod 600 it if nobody did`,
    );
  }
  let secret: string;
  try {
    secret = readFileSync(path, "utf8").trim();
  } catch (error) {
    throw new StoreError("readonly", path, `${path} cannot be read; check its owner and mode`, error);
  }
  if (Buffer.byteLength(secret) < SECRET_BYTES_MIN) {
    throw new StoreError(
      "corrupt",
      path,
      `${path} holds less than ${SECRET_BYTES_MIN} bytes and is no secret; restore it from a backup, or delete it`,
    );
  }
  return secret;
}

function makeSecret(path: string, fill: FillRandom): string {
  const secret = randomToken(fill);
  try {
    createSecretFile(path, `${secret}\n`);
    return secret;
  } catch (error) {
    // Another process was first; its secret is the one.
    const other = (error as NodeJS.ErrnoException).code === "EEXIST" ? readSecret(path) : undefined;
    if (other !== undefined) return other;
    throw new StoreError(
      "readonly",
      path,
      `${path} cannot be written, and without it every session would end with the process; check the owner and mode of its directory, and how it is mounted`,
      error,
    );
  }
}

/** 256 bits for one purpose (RFC 5869); who knows one purpose's key learns nothing about another's. */
export function deriveKey(secret: string, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, "monorelay", purpose, 32));
}
