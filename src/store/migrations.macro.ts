/** Reads the generated migrations while the program is bundled, so that the binary carries them as plain values. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface Migration {
  readonly name: string;
  readonly statements: readonly string[];
}

interface Journal {
  readonly entries: readonly { readonly tag: string }[];
}

/** In the order of drizzle-kit's journal. */
export function readMigrations(file: "accounts" | "records"): Migration[] {
  const directory = join(import.meta.dir, "migrations", file);
  const journal: Journal = JSON.parse(readFileSync(join(directory, "meta", "_journal.json"), "utf8"));
  return journal.entries.map(({ tag }) => ({
    name: tag,
    statements: readFileSync(join(directory, `${tag}.sql`), "utf8")
      .split("--> statement-breakpoint")
      .map((statement) => statement.trim()),
  }));
}
