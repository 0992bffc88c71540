/** R14, R17 through the compiled binary: which access key starts nothing, and how soon another word about it counts. */
import { afterEach, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { missingBinary, type RunningBinary, startBinary } from "../support/binary.ts";
import { readJson } from "../support/json.ts";

const OLD = "old-access-key-0123456789abcdefghij";
const NEW = "new-access-key-0123456789abcdefghij";
const GRACE_MS = 1000;

const open: RunningBinary[] = [];
afterEach(async () => {
  for (const relay of open.splice(0)) await relay.stop("SIGKILL");
});
async function start(config: string): Promise<RunningBinary> {
  const relay = await startBinary({ config, args: ["--no-watch"], withoutKey: true });
  open.push(relay);
  return relay;
}
const status = async (relay: RunningBinary, key: string) =>
  (await fetch(`${relay.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status;

/** Both keys are asked for on and on while the file changes; what each was told, by ms since the reload was asked for. */
async function acrossReload(before: string, after: string) {
  const relay = await start(before);
  const told: { readonly key: string; readonly at: number; readonly status: number }[] = [];
  let from = Number.POSITIVE_INFINITY;
  let isOver = false;
  const asking = [OLD, NEW].map(async (key) => {
    while (!isOver) {
      const at = performance.now() - from;
      told.push({ key, at, status: await status(relay, key) });
    }
  });
  writeFileSync(relay.configFile, after, { mode: 0o600 });
  from = performance.now();
  relay.process.kill("SIGHUP");
  while ((await readJson(await fetch(`${relay.url}/health`))).generation !== 2) await Bun.sleep(5);
  while (performance.now() - from < GRACE_MS + 300) await Bun.sleep(20);
  isOver = true;
  await Promise.all(asking);
  const late = (key: string) => [
    ...new Set(told.filter((each) => each.key === key && each.at > GRACE_MS).map((each) => each.status)),
  ];
  const count = told.filter(({ at }) => at > GRACE_MS).length;
  return { relay, late, count };
}

describe.skipIf(missingBinary !== undefined)(
  `the access key${missingBinary === undefined ? "" : ` (${missingBinary})`}`,
  () => {
    test("R17 a new one rules a second after the reload: the old one is let in no more, the new one always", async () => {
      const { late, count } = await acrossReload(
        `server: { access_key: ${OLD} }\n`,
        `server: { access_key: ${NEW} }\n`,
      );
      expect([late(OLD), late(NEW), count > 20]).toEqual([[401], [200], true]);
    }, 20_000);

    test("R17 switched off, neither is let in", async () => {
      const off = `server: { access_key: ${OLD}, access_key_enabled: false }\n`;
      const { late } = await acrossReload(`server: { access_key: ${OLD} }\n`, off);
      expect([late(OLD), late(NEW)]).toEqual([[401], [401]]);
    }, 20_000);

    test("R17 the one before it works until its day, and not after", async () => {
      const both = (day: string) =>
        `server: { access_key: ${NEW}, previous_access_key: ${OLD}, previous_access_key_until: ${day} }\n`;
      const { late, relay } = await acrossReload(`server: { access_key: ${OLD} }\n`, both("2999-01-01"));
      expect([late(OLD), late(NEW)]).toEqual([[200], [200]]);
      writeFileSync(relay.configFile, both("2020-01-01"), { mode: 0o600 });
      relay.process.kill("SIGHUP");
      while ((await readJson(await fetch(`${relay.url}/health`))).generation !== 3) await Bun.sleep(5);
      expect([await status(relay, OLD), await status(relay, NEW)]).toEqual([401, 200]);
    }, 20_000);

    test.each(["prisma-relay-change-me", "change-me", "sk-1234", "short"])(
      "R14 on a public address %s starts nothing, and the field is named",
      async (sample) => {
        const config = `server: { host: 0.0.0.0, access_key: ${sample} }\nauth: { registration: closed }\n`;
        const said = await start(config).then(
          () => "started",
          (error: unknown) => String(error),
        );
        expect(said).toContain("server.access_key");
        expect(said).not.toBe("started");
      },
    );
  },
);
