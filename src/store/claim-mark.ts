/** A file beside the database that says there have been accounts: a database that lost them must not be claimed anew. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createSecretFile } from "../support/files.ts";
import { StoreError } from "./errors.ts";

const NAME = "accounts.claimed";

export function claimMarkIn(dataDir: string): string {
  return join(dataDir, NAME);
}

export function isMarked(path: string): boolean {
  return existsSync(path);
}

/** Idempotent. Throws when it cannot be written. */
export function markClaimed(path: string): void {
  if (existsSync(path)) return;
  try {
    createSecretFile(
      path,
      "There are accounts in this data directory. Without this file, a lost database goes unnoticed.\n",
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/** With the accounts gone, whoever came first would be the new super admin. */
export function accountsLost(databasePath: string, markPath: string): StoreError {
  return new StoreError(
    "missing",
    databasePath,
    `${databasePath} holds no accounts any more, though there have been some; restore it from a backup, or delete ${markPath} to begin anew`,
  );
}
