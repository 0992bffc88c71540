/** R47 Accounts that were there and are gone are a loss: nobody may claim the relay anew, except after a clearing. */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { claimMarkIn } from "../../src/store/claim-mark.ts";
import { StoreError } from "../../src/store/errors.ts";
import type { Store } from "../../src/store/types.ts";
import { makeDirectory, open, pathsIn } from "./fixtures.ts";
import { actor, newUser } from "./people.ts";

async function openIn(directory: string): Promise<Store> {
  return open({ ...pathsIn(directory), claimMark: claimMarkIn(directory) });
}

async function claimed(): Promise<string> {
  const directory = makeDirectory();
  const store = await openIn(directory);
  expect(existsSync(claimMarkIn(directory))).toBe(false);
  await store.accounts.users.create(newUser("alice"), actor());
  expect(statSync(claimMarkIn(directory)).mode & 0o777).toBe(0o600);
  await store.close();
  return directory;
}

async function refusalOf(directory: string): Promise<string> {
  try {
    await openIn(directory);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return error.code;
  }
  return "opened";
}

function removeDatabase(directory: string): void {
  for (const name of readdirSync(directory)) if (name.startsWith("monorelay.db")) rmSync(join(directory, name));
}

describe("R47 a lost database does not reopen setup", () => {
  test.each<[name: string, lose: (directory: string) => void, code: string]>([
    ["deleted", removeDatabase, "missing"],
    [
      "emptied to nothing",
      (directory) => {
        removeDatabase(directory);
        writeFileSync(join(directory, "monorelay.db"), "");
      },
      "corrupt",
    ],
    ["cut off", (directory) => truncateSync(join(directory, "monorelay.db"), 4096), "corrupt"],
    [
      "without its people",
      (directory) => {
        const database = new Database(join(directory, "monorelay.db"));
        database.run("DELETE FROM users");
        database.close();
      },
      "missing",
    ],
    [
      "without its people and its own memory of them",
      (directory) => {
        const database = new Database(join(directory, "monorelay.db"));
        database.run("DELETE FROM users");
        database.run("DELETE FROM meta");
        database.close();
      },
      "missing",
    ],
  ])("%s: no start", async (_name, lose, code) => {
    const directory = await claimed();
    lose(directory);
    expect(await refusalOf(directory)).toBe(code);
    // Asked again, it says the same: the refusal has not made a new database the old one.
    expect(await refusalOf(directory)).toBe(code);
  });

  test("cleared at the super admin's word: it opens, and asks the first one for a token", async () => {
    const directory = await claimed();
    const store = await openIn(directory);
    await store.accounts.reset.clear({ users: true, keys: true }, ["digest"], actor());
    await store.close();
    const again = await openIn(directory);
    expect(await again.accounts.users.hasAny()).toBe(false);
    expect(await again.accounts.tokens.checkSetup(undefined)).toEqual({ isRequired: true, isValid: false });
  });

  test("untouched: it opens, and a mark that is missing is made up for", async () => {
    const directory = await claimed();
    rmSync(claimMarkIn(directory));
    const store = await openIn(directory);
    expect(await store.accounts.users.hasAny()).toBe(true);
    expect(existsSync(claimMarkIn(directory))).toBe(true);
  });

  test("before the first account there is nothing to lose", async () => {
    const directory = makeDirectory();
    await (await openIn(directory)).close();
    removeDatabase(directory);
    expect(await refusalOf(directory)).toBe("opened");
  });
});
