/** R107, R116: whatever an upstream says, no secret of it comes out: to the client, into the log, into the database. */
import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "../../src/store/open.ts";
import { createRedactor } from "../../src/support/redact.ts";
import { createMemoryLog, pathsIn } from "../store/samples.ts";
import { CANARIES } from "../support/canaries.ts";
import { startRelay } from "../support/relay.ts";
import { type Reply, sse, startUpstream } from "../support/upstream.ts";

const open: { stop(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.stop();
});

const ASKED = { model: "gpt-4o", messages: [{ role: "user", content: "x" }] };
const FIRST = { id: "c", object: "chat.completion.chunk", choices: [{ index: 0, delta: { content: "word" } }] };
const error = (message: string) => ({ error: { message, type: "invalid_request_error", code: null } });

/** Ways in which an upstream gives away what it was shown, or what it knows. */
const LEAKS: readonly (readonly [name: string, reply: (secret: string) => Reply, isStreamed?: true])[] = [
  ["a refused request", (secret) => ({ status: 400, json: error(`Bad request with key ${secret}.`) })],
  ["a refused key", (secret) => ({ status: 401, json: error(`Incorrect API key provided: ${secret}.`) })],
  ["a limit", (secret) => ({ status: 429, json: error(`Rate limit for ${secret} reached`) })],
  ["a failure", (secret) => ({ status: 500, json: error(`panic near token=${secret}`) })],
  ["a page", (secret) => ({ status: 502, text: `<html>${secret}</html>`, headers: { "content-type": "text/html" } })],
  ["JSON in JSON", (secret) => ({ status: 400, json: error(JSON.stringify({ api_key: secret })) })],
  [
    "a header",
    (secret) => ({ status: 400, json: error("no"), headers: { "x-request-id": secret, "x-debug": secret } }),
  ],
  ["no JSON at all", (secret) => ({ text: `not JSON ${secret}`, headers: { "content-type": "application/json" } })],
  ["an error inside a stream", (secret) => ({ chunks: [sse(FIRST), sse(error(`key ${secret}`))] }), true],
];

describe("R116 ★ R107 twelve kinds of secrets, nine ways out", () => {
  test("there are twelve at least", () => expect(CANARIES.length).toBeGreaterThanOrEqual(12));

  const kinds = CANARIES.flatMap(([kind, secret]): [kind: string, secret: string, key: string][] => [
    [`${kind}, the provider's own`, secret, secret],
    [`${kind}, known by nothing but its shape`, secret, "unrelated-secret-1"],
  ]);
  test.each(kinds)("%s", async (_name, secret, key) => {
    const directory = mkdtempSync(join(tmpdir(), "monorelay-redaction-"));
    open.push({ stop: () => rmSync(directory, { recursive: true, force: true }) });
    const store = await openStore({
      ...pathsIn(directory),
      busyTimeoutMs: 1000,
      synchronous: "full",
      log: createMemoryLog(),
      redact: (text) => createRedactor().redact(text),
    });
    const upstream = await startUpstream({ json: {} });
    open.push(upstream);
    const under = await startRelay(
      `providers: { one: { base_url: "${upstream.url}/v1", keys: [{ key: ${JSON.stringify(key)} }], models: { include: [gpt-4o] } } }`,
    );
    open.push(under);
    let calls = 0;
    for (const [name, reply, isStreamed] of LEAKS) {
      upstream.script(reply(secret));
      const response = await under.post("/v1/chat/completions", { ...ASKED, ...(isStreamed ? { stream: true } : {}) });
      const said = `${JSON.stringify([...response.headers])}${await response.text()}`;
      expect([name, said.includes("CANARY")]).toEqual([name, false]);
      calls += 1;
      const records = await under.recorded(calls);
      store.calls.append(records.at(-1)!);
    }
    expect(under.logLines.filter((line) => line.includes("CANARY"))).toEqual([]);
    expect(store.calls.flush()).toBe(0);
    expect((await store.calls.list()).items.length).toBe(calls);
    await store.close();
    const files = readdirSync(directory).map((name) => readFileSync(join(directory, name), "latin1"));
    expect(files.filter((text) => text.includes("CANARY")).length).toBe(0);
  });
});
