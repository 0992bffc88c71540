/** Limits through the compiled binary: parallel calls, clients that vanish, reloads, restarts and a `kill -9`. */
import { Database } from "bun:sqlite";
import { afterEach, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ACCESS_KEY, missingBinary, type RunningBinary, startBinary } from "../support/binary.ts";
import { readJson } from "../support/json.ts";

const running: RunningBinary[] = [];
afterEach(async () => {
  for (const relay of running.splice(0)) await relay.stop("SIGKILL");
});

async function start(config: string, env: Record<string, string> = {}): Promise<RunningBinary> {
  const relay = await startBinary({ config, env });
  running.push(relay);
  return relay;
}

/** 1,000 micro-USD for each token, and no echo that writes more than a handful. */
const PRICES = `prices: { overrides: { "echo*": { input: 1000, output: 1000 } } }`;

function chat(relay: RunningBinary, key: string, own: object = {}): Promise<Response> {
  return fetch(`${relay.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "echo", max_tokens: 20, messages: [{ role: "user", content: "hello" }], ...own }),
  });
}

async function makeKey(relay: RunningBinary, limits: object): Promise<{ key: string; id: string }> {
  const json = { "content-type": "application/json" };
  const account = { username: "ada", password: "correct horse 7 battery" };
  const registered = await fetch(`${relay.url}/api/auth/register`, {
    method: "POST",
    headers: json,
    body: JSON.stringify(account),
  });
  const { access_token: token } = await readJson(registered);
  const made = await fetch(`${relay.url}/api/keys`, {
    method: "POST",
    headers: { ...json, authorization: `Bearer ${token}` },
    body: JSON.stringify({ name: "k", scopes: ["account"], limits }),
  });
  expect(made.status).toBe(201);
  return readJson(made);
}

async function used(relay: RunningBinary, key: string): Promise<Readonly<Record<string, number>>> {
  const { usage } = await readJson(
    await fetch(`${relay.url}/api/keys/current`, { headers: { authorization: `Bearer ${key}` } }),
  );
  return Object.fromEntries(usage.limits.map((limit: { name: string; used: number }) => [limit.name, limit.used]));
}

/** Asks until the answer is the one waited for. */
async function until<T>(ask: () => Promise<T>, isIt: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (isIt(answer)) return answer;
    await Bun.sleep(5);
  }
}

async function generation(relay: RunningBinary): Promise<number> {
  return (await readJson(await fetch(`${relay.url}/health`))).generation;
}

describe.skipIf(missingBinary !== undefined)(`R29 limits in the binary ${missingBinary ?? ""}`, () => {
  test("of a hundred parallel calls at a limit of ten exactly ten pass, and a reload gives no new ones", async () => {
    const limited = (rpm: number) => `limits: { access_key: { rpm: ${rpm} } }\n`;
    const relay = await start(limited(10));
    const answers = await Promise.all(Array.from({ length: 100 }, () => chat(relay, ACCESS_KEY)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(10);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(90);

    const before = await generation(relay);
    writeFileSync(relay.configFile, limited(12));
    await until(
      () => generation(relay),
      (now) => now > before,
    );
    // Two more than before, because ten are remembered.
    const more = await Promise.all(Array.from({ length: 20 }, () => chat(relay, ACCESS_KEY)));
    expect(more.filter(({ status }) => status === 200)).toHaveLength(2);
  });

  test("a client killed in the middle of its stream is charged, and its place is free within a second", async () => {
    const relay = await start(PRICES);
    const { key } = await makeKey(relay, { concurrency: 1, tpm: 100_000, budgets: [{ usd: 1000, window: "month" }] });
    const child = Bun.spawn(
      [
        "curl",
        "-sN",
        `${relay.url}/v1/chat/completions`,
        "-H",
        `authorization: Bearer ${key}`,
        "-H",
        "content-type: application/json",
        "-d",
        JSON.stringify({
          model: "echo-slow",
          stream: true,
          messages: [{ role: "user", content: "word ".repeat(500) }],
        }),
      ],
      { stdout: "pipe", stderr: "ignore" },
    );
    await child.stdout.getReader().read();
    expect((await chat(relay, key)).status).toBe(429);
    expect((await used(relay, key))["concurrency"]).toBe(1);
    child.kill("SIGKILL");
    await child.exited;
    const killedAt = performance.now();
    const after = await until(
      () => used(relay, key),
      (now) => now["concurrency"] === 0,
    );
    expect(performance.now() - killedAt).toBeLessThan(1000);
    // At least the prompt of some 600 tokens; far from the 4,096 more that were reserved.
    const settled =
      after["tpm"]! > 4000
        ? await until(
            () => used(relay, key),
            (now) => now["tpm"]! < 4000,
          )
        : after;
    expect(settled["tpm"]).toBeGreaterThan(600);
    expect(settled["budget:month"]).toBeCloseTo(settled["tpm"]! / 1000, 6);
    expect((await chat(relay, key)).status).toBe(200);
  });

  test("a price list of the operator's own is fetched at the start, and again when the configuration names another", async () => {
    const asked: string[] = [];
    using lists = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch(request) {
        const { pathname } = new URL(request.url);
        asked.push(pathname);
        const input = pathname === "/one.json" ? 1_000_000 : 2_000_000;
        return Response.json({ as_of: "2026-11", models: { echo: { input, output: 0 } } });
      },
    });
    const follow = (name: string) => `prices: { refresh_url: "http://127.0.0.1:${lists.port}/${name}.json" }\n`;
    const relay = await start(follow("one"));
    const cost = async () => (await chat(relay, ACCESS_KEY)).headers.get("x-relay-cost");
    const first = Number(await until(cost, (now) => now !== null && now !== "0"));
    expect(first).toBeGreaterThan(0);
    writeFileSync(relay.configFile, follow("two"));
    await until(cost, (now) => Number(now) === first * 2);
    expect(asked).toEqual(["/one.json", "/two.json"]);
  });

  test("what was spent survives a kill -9, and rules after the next start", async () => {
    const first = await start(PRICES);
    const { key, id } = await makeKey(first, { budgets: [{ usd: 0.06, window: "month" }] });
    expect((await chat(first, key, { max_tokens: 5 })).status).toBe(200);
    const path = join(first.dir, "data/monorelay.db");
    const stored = async () => {
      using file = new Database(path, { readonly: true });
      return file.query<{ month: number }, [string]>("SELECT month FROM spending WHERE subject = ?").get(`key:${id}`);
    };
    // What is reserved for a call is never written down, only what it has cost.
    const { month } = (await until(stored, (row) => row !== null))!;
    expect(month).toBeGreaterThan(0);
    first.process.kill("SIGKILL");
    await first.process.exited;

    const second = await start(PRICES, { MONORELAY_DATA_DIR: join(first.dir, "data") });
    expect((await used(second, key))["budget:month"]).toBe(month / 1_000_000);
    const refused = await chat(second, key, { max_tokens: 40 });
    expect(refused.status).toBe(429);
    expect(refused.headers.get("x-should-retry")).toBe("false");
    expect((await readJson(refused)).error.code).toBe("insufficient_quota");
  });
});
