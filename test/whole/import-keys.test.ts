/** `monorelay key import` through the compiled binary: people keep their key and change the base URL alone. */
import { afterEach, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { missingBinary, type RunningBinary, runBinary, startBinary } from "../support/binary.ts";

const SECRET = "sk-legacy-CANARY3dEf6hIj9kLmN0pQrS";
let relay: RunningBinary | undefined;
afterEach(async () => {
  if (relay?.process.exitCode === null) await relay.stop("SIGKILL");
  relay = undefined;
});

async function start() {
  const started = await startBinary({ config: "providers: { echo: { provider_type: echo } }\n" });
  relay = started;
  const env = { MONORELAY_DATA_DIR: join(started.dir, "data"), HOME: started.dir };
  const run = (args: string[], stdin?: string) =>
    runBinary(args, { env, cwd: started.dir, ...(stdin === undefined ? {} : { stdin }) });
  await run(["user", "create", "alice", "--generate"]);
  const call = (secret: string, header = "x-api-key", model = "echo") =>
    fetch(`${started.url}/v1/chat/completions`, {
      method: "POST",
      headers: {
        [header]: header === "authorization" ? `Bearer ${secret}` : secret,
        "content-type": "application/json",
      },
      body: JSON.stringify({ model, messages: [{ role: "user", content: "x" }] }),
    });
  return { relay: started, run, call };
}

describe.skipIf(missingBinary !== undefined)(
  `key import${missingBinary === undefined ? "" : ` (${missingBinary})`}`,
  () => {
    test("a key from standard input works at the running relay, in every carrier, with the rules it was given", async () => {
      const { relay: running, run, call } = await start();
      expect((await call(SECRET)).status).toBe(401);
      const done = await run(["key", "import", "legacy", "--models", "echo", "--json"], `${SECRET}\n`);
      expect([done.code, done.stderr]).toEqual([0, expect.not.stringContaining("CANARY")]);
      const taken = JSON.parse(done.stdout);
      expect(taken).toMatchObject({ name: "legacy", style: "imported", prefix: "sk-l", last4: "pQrS", user_id: 1 });
      expect("key" in taken).toBe(false);
      // Another process has made it: the relay notices by itself.
      while ((await call(SECRET)).status === 401) await Bun.sleep(20);
      for (const header of ["authorization", "x-api-key", "x-access-key", "x-goog-api-key"]) {
        expect([header, (await call(SECRET, header)).status]).toEqual([header, 200]);
      }
      expect((await call(SECRET, "x-api-key", "echo-slow")).status).toBe(403);
      for (const wrong of [`${SECRET}x`, SECRET.slice(0, -1), SECRET.toLowerCase()]) {
        expect((await call(wrong)).status).toBe(401);
      }

      const list = await run(["key", "list"]);
      expect(list.stdout).toContain("sk-l…pQrS");
      expect((await run(["key", "revoke", taken.public_id, "--yes"])).code).toBe(0);
      while ((await call(SECRET)).status !== 401) await Bun.sleep(20);
      const again = await run(["key", "import", "legacy"], SECRET);
      expect([again.code, again.stderr]).toEqual([7, expect.stringContaining("known here already")]);

      // I1: it stands nowhere, whole or in parts, but in the hands of whoever has it.
      const seen = [done.stdout, done.stderr, list.stdout, again.stdout, again.stderr, running.stderr()];
      for (const name of readdirSync(join(running.dir, "data"))) {
        if (/\.db|\.db-wal|\.json/.test(name)) seen.push(readFileSync(join(running.dir, "data", name), "latin1"));
      }
      expect(seen.filter((text) => text.includes("CANARY"))).toEqual([]);
    }, 30_000);

    test.each([
      ["nothing", "", 2],
      ["a weak one", "password-password\n", 2],
      ["one with spaces", "a key with spaces in it, long enough", 2],
      ["two of them", `${SECRET}\n${SECRET}2\n`, 2],
    ])(
      "%s on standard input is refused, and not repeated",
      async (_name, stdin, code) => {
        const { run } = await start();
        const done = await run(["key", "import", "bad"], stdin);
        expect([done.code === 0, done.stderr.includes("CANARY"), done.stderr.includes("password-")]).toEqual([
          false,
          false,
          false,
        ]);
        expect(done.code).toBe(code);
        expect(JSON.parse((await run(["key", "list", "--json"])).stdout).items).toEqual([]);
      },
      20_000,
    );

    test("a key as an argument is no way, and over --url there is none", async () => {
      const { relay: running, run } = await start();
      const argued = await run(["key", "import", "legacy", SECRET], "");
      expect([argued.code, argued.stderr.includes("CANARY")]).toEqual([2, false]);
      const env = { HOME: running.dir, MONORELAY_TOKEN: "any" };
      const over = await runBinary(["key", "import", "legacy", "--url", running.url], { env, stdin: SECRET });
      expect([over.code, over.stderr]).toEqual([2, expect.stringContaining("data directory")]);
      expect(over.stderr).not.toContain("CANARY");
    }, 20_000);
  },
);
