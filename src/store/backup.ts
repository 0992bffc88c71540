/** Copies both databases while they are in use, each as of one instant. */
import { rmSync } from "node:fs";
import { basename, join } from "node:path";
import { createSecretFile, ensurePrivateDirectory } from "../support/files.ts";
import type { OwnedDatabase } from "./database.ts";
import { explain } from "./errors.ts";
import type { RecordsFile } from "./records-file.ts";

export interface BackupSources {
  readonly accounts: OwnedDatabase;
  readonly accountsPath: string;
  readonly records: RecordsFile;
  readonly recordsPath: string;
}

/** Throws a `StoreError`, and then leaves no half copy behind. Blocks for as long as the copying takes. */
export function backupInto(directory: string, sources: BackupSources): void {
  const { accounts, records, accountsPath, recordsPath } = sources;
  const copies = [
    { path: join(directory, nameOf(accountsPath, "monorelay.db")), use: (path: string) => copy(accounts, path) },
    {
      path: join(directory, nameOf(recordsPath, "requests.db")),
      use: (path: string) => records.use((client) => copy(client, path)),
    },
  ];
  ensurePrivateDirectory(directory);
  try {
    for (const { path, use } of copies) {
      // There first, and empty: SQLite writes into such a file and leaves its mode alone.
      createSecretFile(path, "");
      use(path);
    }
  } catch (error) {
    for (const { path } of copies) rmSync(path, { force: true });
    throw explain(error, directory);
  }
}

function nameOf(path: string, inMemory: string): string {
  return path === ":memory:" ? inMemory : basename(path);
}

function copy(client: OwnedDatabase, path: string): void {
  client.rows("VACUUM INTO ?", path);
}
