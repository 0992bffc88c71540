/** The data directory: one server at a time, also after a crash, and clients find the one that runs. */
import { describe, expect, test } from "bun:test";
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findServer, openDataDirectory, type ServerInfo } from "../../src/store/data-dir.ts";
import { createMemoryLog, later, makeDirectory, STARTED_AT } from "./fixtures.ts";

const INFO: ServerInfo = {
  pid: 4711,
  version: "0.1.0",
  url: "http://127.0.0.1:8080",
  socket: null,
  generation: 3,
  startedAt: STARTED_AT,
};

function hold(directory: string) {
  const held = openDataDirectory(directory, createMemoryLog());
  later(() => held.release());
  return held;
}

/** Another process that takes the directory and keeps it until it is killed. */
async function spawnHolder(directory: string) {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "writer.child.ts"), directory, "hold"], {
    stdout: "pipe",
    stderr: "pipe",
    timeout: 20_000,
  });
  later(() => child.kill(9));
  const { value } = await child.stdout.getReader().read();
  return { child, said: new TextDecoder().decode(value).trim() };
}

describe("one at a time", () => {
  test("a second server in the same process is refused, and the first is untouched", () => {
    const directory = makeDirectory();
    hold(directory).announce(INFO);
    expect(() => openDataDirectory(directory, createMemoryLog())).toThrow(
      `${directory} is in use by another monorelay (pid 4711); stop that one, or give this one its own --data-dir`,
    );
    expect(findServer(directory)).toEqual(INFO);
  });

  test("a second process is refused while the first lives, and let in the moment it is killed", async () => {
    const directory = makeDirectory();
    const { child, said } = await spawnHolder(directory);
    expect(said).toBe("held");
    expect(() => openDataDirectory(directory, createMemoryLog())).toThrow(`(pid ${child.pid})`);
    expect(findServer(directory)?.pid).toBe(child.pid);
    child.kill(9);
    await child.exited;
    expect(findServer(directory)).toBeUndefined();
    hold(directory);
  }, 20_000);

  test("the process that comes second hears it too", async () => {
    const directory = makeDirectory();
    hold(directory);
    const { child } = await spawnHolder(directory);
    expect(await child.exited).not.toBe(0);
    expect(await new Response(child.stderr).text()).toContain("is in use by another monorelay");
  }, 20_000);

  test("who throws away the handle keeps the directory nevertheless", () => {
    const directory = makeDirectory();
    openDataDirectory(directory, createMemoryLog());
    Bun.gc(true);
    expect(() => openDataDirectory(directory, createMemoryLog())).toThrow("in use");
  });

  test("released, it is free; releasing twice takes nothing from the next", () => {
    const directory = makeDirectory();
    const first = hold(directory);
    first.release();
    const second = hold(directory);
    second.announce(INFO);
    first.release();
    expect(findServer(directory)).toEqual(INFO);
    expect(() => openDataDirectory(directory, createMemoryLog())).toThrow("in use");
  });

  test("asking whether a server runs does not lock one out, nor make a file", () => {
    const directory = makeDirectory();
    expect(findServer(directory)).toBeUndefined();
    expect(readdirSync(directory)).toEqual([]);
    hold(directory).release();
    for (let i = 0; i < 50; i++) expect(findServer(directory)).toBeUndefined();
    hold(directory);
  });
});

describe("server.json", () => {
  test("says what was announced last, and goes with the server", () => {
    const directory = makeDirectory();
    const held = hold(directory);
    expect(findServer(directory)).toBeUndefined();
    held.announce(INFO);
    held.announce({ ...INFO, generation: 4 });
    expect(findServer(directory)).toEqual({ ...INFO, generation: 4 });
    expect(JSON.parse(readFileSync(join(directory, "server.json"), "utf8"))).toEqual({ ...INFO, generation: 4 });
    held.release();
    expect(readdirSync(directory)).toEqual(["server.lock"]);
  });

  test("left by a server that was killed, it is not believed, and gone with the next start", () => {
    const directory = makeDirectory();
    hold(directory).release();
    writeFileSync(join(directory, "server.json"), JSON.stringify(INFO));
    expect(findServer(directory)).toBeUndefined();
    hold(directory);
    expect(readdirSync(directory)).toEqual(["server.lock"]);
  });

  test.each(["", "{", "null", "[]", '{"pid":"1","generation":1}'])(
    "spoilt to %p while a server runs: nobody is found",
    (text) => {
      const directory = makeDirectory();
      hold(directory);
      writeFileSync(join(directory, "server.json"), text);
      expect(findServer(directory)).toBeUndefined();
      expect(() => openDataDirectory(directory, createMemoryLog())).toThrow("in use by another monorelay; stop");
    },
  );
});

describe("modes", () => {
  test.each([0o000, 0o022, 0o077])("the directory is 0700 and its files 0600 under umask %o", (mask) => {
    const before = process.umask(mask);
    later(() => process.umask(before));
    const directory = join(makeDirectory(), "data");
    hold(directory).announce(INFO);
    expect(statSync(directory).mode & 0o7777).toBe(0o700);
    for (const name of readdirSync(directory)) {
      expect([name, statSync(join(directory, name)).mode & 0o7777]).toEqual([name, 0o600]);
    }
  });

  test("a directory open to others is used, with a warning", () => {
    const directory = makeDirectory();
    chmodSync(directory, 0o755);
    const log = createMemoryLog();
    const held = openDataDirectory(directory, log);
    later(() => held.release());
    expect(log.lines).toEqual(["warn the data directory is open to others; chmod 700 it"]);
    expect(log.fields).toEqual([{ path: directory, mode: "755" }]);
  });
});
