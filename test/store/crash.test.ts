/** `kill -9` at any moment: what was acknowledged is there, the files are sound, and nobody has to help. */
import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { OwnedDatabase } from "../../src/store/database.ts";
import { createMemoryLog, later, makeDirectory, open, pathsIn } from "./fixtures.ts";

const ROUNDS = 5;

/** Starts the writer, kills it once it has said so many lines, and returns all it said. */
async function writeAndKill(directory: string, lines: number, extraMs: number): Promise<string[]> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "writer.child.ts"), directory, "write"], {
    stdout: "pipe",
    stderr: "inherit",
    timeout: 20_000,
  });
  later(() => child.kill(9));
  let text = "";
  const decoder = new TextDecoder();
  let isDoomed = false;
  for await (const chunk of child.stdout) {
    text += decoder.decode(chunk, { stream: true });
    if (isDoomed || text.split("\n").length <= lines) continue;
    isDoomed = true;
    setTimeout(() => child.kill(9), extraMs);
  }
  await child.exited;
  const said = text.split("\n").slice(0, -1);
  expect(said.length).toBeGreaterThanOrEqual(lines);
  return said;
}

async function expectSound(directory: string) {
  const paths = pathsIn(directory);
  const log = createMemoryLog();
  const store = await open({ ...paths, log });
  expect(log.lines).toEqual([]);
  for (const path of [paths.accountsPath, paths.recordsPath]) {
    const client = new OwnedDatabase(path, { readonly: true });
    expect(client.rows<{ integrity_check: string }>("PRAGMA integrity_check")).toEqual([{ integrity_check: "ok" }]);
    client.close();
  }
  return store;
}

function readRequestIds(path: string): Set<string> {
  const client = new OwnedDatabase(path, { readonly: true });
  const rows = client.rows<{ id: string }>("SELECT request_id AS id FROM calls");
  client.close();
  return new Set(rows.map((row) => row.id));
}

test(`${ROUNDS} rounds: no acknowledged write is lost, none comes from nowhere`, async () => {
  const directory = makeDirectory();
  const acknowledged = new Set<string>();
  for (let round = 0; round < ROUNDS; round++) {
    const said = await writeAndKill(directory, 40 + round * 37, round * 3.7);
    for (const line of said.slice(1)) acknowledged.add(`caller-${line}`);
    const last = Number(said.at(-1));
    const store = await expectSound(directory);
    // One write may have been on its way.
    expect(Number(await store.settings.get("counter"))).toBeWithin(last, last + 2);
    const stored = readRequestIds(pathsIn(directory).recordsPath);
    expect([...acknowledged.difference(stored)]).toEqual([]);
    expect(stored.size).toBeWithin(acknowledged.size, acknowledged.size + round + 2);
    await store.close();
  }
}, 60_000);

describe("killed while the files are first made", () => {
  test(`${ROUNDS} rounds: the next start makes them, or finds them whole`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const directory = makeDirectory();
      await writeAndKill(directory, 1, round * 1.5);
      const store = await expectSound(directory);
      await store.settings.set("a", "1");
      await store.close();
      expect(readdirSync(directory).toSorted()).toEqual(["monorelay.db", "requests.db"]);
    }
  }, 60_000);
});
