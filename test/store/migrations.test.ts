/** Migrations: complete, in order, applied whole or not at all, and never forgotten by whoever changes a schema. */
import { describe, expect, test } from "bun:test";
import { cpSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join, relative } from "node:path";
import { OwnedDatabase } from "../../src/store/database.ts";
import { ACCOUNTS_MIGRATIONS, migrate, RECORDS_MIGRATIONS, readVersion } from "../../src/store/migrate.ts";
import { later, makeDirectory } from "./fixtures.ts";

const ROOT = join(import.meta.dir, "../..");
const FILES = [
  ["accounts", ACCOUNTS_MIGRATIONS],
  ["records", RECORDS_MIGRATIONS],
] as const;

const readTree = (directory: string) =>
  Object.fromEntries(
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .toSorted()
      .map((path) => [relative(directory, path), readFileSync(path, "utf8")]),
  );

describe.each(FILES)("the generated migrations of %s", (name, embedded) => {
  const directory = join(ROOT, "src/store/migrations", name);
  const journal: { entries: { idx: number; when: number; tag: string }[] } = JSON.parse(
    readFileSync(join(directory, "meta/_journal.json"), "utf8"),
  );

  test("are numbered without a gap, and each was made after the one before", () => {
    for (const [index, entry] of journal.entries.entries()) {
      expect([entry.idx, entry.tag.slice(0, 4)]).toEqual([index, String(index).padStart(4, "0")]);
      if (index > 0) expect(entry.when).toBeGreaterThan(journal.entries[index - 1]!.when);
    }
  });

  test("are all embedded, statement by statement, and no file lies beside the journal", () => {
    expect(embedded.map((migration) => migration.name)).toEqual(journal.entries.map((entry) => entry.tag));
    for (const { name: tag, statements } of embedded) {
      const text = readFileSync(join(directory, `${tag}.sql`), "utf8");
      expect(statements.join("\n")).toBe(
        text
          .split(/\s*--> statement-breakpoint\s*/)
          .join("\n")
          .trim(),
      );
      for (const statement of statements) expect(statement).not.toBe("");
    }
    const sql = readdirSync(directory).filter((file) => file.endsWith(".sql"));
    expect(sql.toSorted()).toEqual(journal.entries.map((entry) => `${entry.tag}.sql`));
  });

  test("agree with the schema: drizzle-kit has nothing to add", async () => {
    const copy = makeDirectory();
    for (const path of ["src/store", "package.json", "tsconfig.json"]) {
      cpSync(join(ROOT, path), join(copy, path), { recursive: true });
    }
    symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
    const before = readTree(join(copy, "src/store/migrations"));
    const kit = Bun.spawn(
      [join(ROOT, "node_modules/.bin/drizzle-kit"), "generate", "--config", `src/store/drizzle-${name}.ts`],
      {
        cwd: copy,
        stdout: "pipe",
        stderr: "pipe",
        timeout: 20_000,
      },
    );
    const said = (await new Response(kit.stdout).text()) + (await new Response(kit.stderr).text());
    expect([await kit.exited, said]).toEqual([0, expect.stringContaining("No schema changes")]);
    expect(readTree(join(copy, "src/store/migrations"))).toEqual(before);
  }, 30_000);
});

describe("applying", () => {
  const ONE = { name: "0000_one", statements: ["CREATE TABLE a (id INTEGER PRIMARY KEY)", "INSERT INTO a VALUES (1)"] };
  const TWO = {
    name: "0001_two",
    statements: ["CREATE TABLE b (id INTEGER PRIMARY KEY REFERENCES a)", "INSERT INTO b VALUES (1)"],
  };
  const schemaOf = (...migrations: (typeof ONE)[]) => ({ applicationId: 42, migrations });

  function setUp() {
    const client = new OwnedDatabase(":memory:", { strict: true });
    client.run("PRAGMA foreign_keys = ON");
    later(() => client.close());
    const tables = () => client.rows<{ name: string }>("SELECT name FROM sqlite_master").map((row) => row.name);
    return { client, tables };
  }

  test("a new file gets all, one that is behind gets the rest, a current one is not touched", () => {
    const { client, tables } = setUp();
    migrate(client, "x", schemaOf(ONE));
    expect([readVersion(client), tables()]).toEqual([1, ["a"]]);
    migrate(client, "x", schemaOf(ONE, TWO));
    expect([readVersion(client), tables()]).toEqual([2, ["a", "b"]]);
    migrate(client, "x", schemaOf(ONE, TWO));
    expect(client.rows("SELECT * FROM b")).toHaveLength(1);
    expect(client.rows("PRAGMA application_id")).toEqual([{ application_id: 42 }]);
  });

  test("a migration that fails halfway leaves the schema of before, whole", () => {
    const { client, tables } = setUp();
    const broken = { name: "0001_broken", statements: ["CREATE TABLE b (id)", "DELETE FROM a", "CREATE GARBAGE"] };
    expect(() => migrate(client, "x", schemaOf(ONE, broken, TWO))).toThrow(/GARBAGE/);
    expect([readVersion(client), tables()]).toEqual([1, ["a"]]);
    expect(client.rows("SELECT * FROM a")).toHaveLength(1);
  });

  test("rebuilding a table keeps the rows that refer to it", () => {
    const { client } = setUp();
    const child = {
      name: "0001_child",
      statements: ["CREATE TABLE b (a REFERENCES a ON DELETE CASCADE)", "INSERT INTO b VALUES (1)"],
    };
    const rebuild = {
      name: "0002_rebuild",
      statements: [
        "CREATE TABLE n (id INTEGER PRIMARY KEY, t)",
        "INSERT INTO n SELECT id, 0 FROM a",
        "DROP TABLE a",
        "ALTER TABLE n RENAME TO a",
      ],
    };
    migrate(client, "x", schemaOf(ONE, child, rebuild));
    expect(client.rows("SELECT * FROM b")).toHaveLength(1);
    expect(client.rows("PRAGMA foreign_keys")).toEqual([{ foreign_keys: 1 }]);
  });

  test("one that leaves a reference dangling is undone", () => {
    const { client, tables } = setUp();
    const dangling = {
      name: "0001_dangling",
      statements: ["CREATE TABLE b (a REFERENCES a)", "INSERT INTO b VALUES (99)"],
    };
    expect(() => migrate(client, "x.db", schemaOf(ONE, dangling))).toThrow(
      "0001_dangling leaves 1 dangling references",
    );
    expect([readVersion(client), tables()]).toEqual([1, ["a"]]);
  });

  test("a schema of the future is refused before anything happens", () => {
    const { client, tables } = setUp();
    migrate(client, "x", schemaOf(ONE, TWO));
    expect(() => migrate(client, "x.db", schemaOf(ONE))).toThrow("written by a newer MonoRelay");
    expect([readVersion(client), tables()]).toEqual([2, ["a", "b"]]);
  });
});
