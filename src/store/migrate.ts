/** Brings a database file to the schema this program knows, one migration per transaction, and never back. */
import type { OwnedDatabase } from "./database.ts";
import { storeError } from "./errors.ts";
import { readMigrations } from "./migrations.macro.ts" with { type: "macro" };
import type { Migration } from "./migrations.macro.ts";

export const ACCOUNTS_MIGRATIONS: readonly Migration[] = readMigrations("accounts");
export const RECORDS_MIGRATIONS: readonly Migration[] = readMigrations("records");

export interface Schema {
  /** Marks the file as ours and of one kind, in SQLite's field of that name. */
  readonly applicationId: number;
  readonly migrations: readonly Migration[];
}

/**
 * The schema's version is the number of migrations applied, kept in `user_version`: one field of the file's first page,
 * changed by the same transaction as the tables. Throws `newer` before anything is touched.
 */
export function migrate(client: OwnedDatabase, path: string, { applicationId, migrations }: Schema): void {
  const version = readVersion(client);
  if (version > migrations.length) {
    throw storeError("newer", path, `schema ${version}, this version knows ${migrations.length}`);
  }
  if (version === migrations.length) return;
  // Rebuilding a table drops the old one; with foreign keys on, that would delete whatever refers to it.
  client.run("PRAGMA foreign_keys = OFF");
  for (let at = version; at < migrations.length; at++) {
    const run = client.transaction(() => {
      if (at === 0) client.run(`PRAGMA application_id = ${applicationId}`);
      apply(client, path, migrations[at]!, at);
    });
    run.immediate();
  }
  client.run("PRAGMA foreign_keys = ON");
}

export function readVersion(client: OwnedDatabase): number {
  return client.rows<{ user_version: number }>("PRAGMA user_version")[0]!.user_version;
}

function apply(client: OwnedDatabase, path: string, migration: Migration, at: number): void {
  // Another process may have been faster since the version was read.
  if (readVersion(client) > at) return;
  for (const statement of migration.statements) client.run(statement);
  const broken = client.rows("PRAGMA foreign_key_check").length;
  if (broken > 0) throw storeError("failed", path, `migration ${migration.name} leaves ${broken} dangling references`);
  client.run(`PRAGMA user_version = ${at + 1}`);
}
