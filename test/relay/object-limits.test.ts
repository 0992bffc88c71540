/** What callers with limits hand to vendors to be worked off later, or kept: counted as far as it can be known, closed to budgets where it cannot. */
import { afterEach, describe, expect, test } from "bun:test";
import type { CallerLimits } from "../../src/contract/host.ts";
import { standingOf } from "../../src/limits/standing.ts";
import { limitsOf } from "../limits/desk.ts";
import { directoryOf, keyHolder } from "../support/directory.ts";
import { readJson } from "../support/json.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { type Reply, type Script, sse, startUpstream, type Upstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

const SCOPES = new Set([
  "chat:write",
  "batches:write",
  "files:read",
  "files:write",
  "images:write",
  "fine_tuning:write",
] as const);
const PRICES = "overrides: { m: { input: 1, output: 10 }, claude-x: { input: 1, output: 10 }, gemini-x: { input: 2 } }";

interface House {
  readonly under: TestRelay;
  readonly up: Upstream;
  ask(path: string, body?: unknown): Promise<Response>;
  used(): Readonly<Record<string, number>>;
}

async function house(limits: Partial<CallerLimits>, script: Script, prices = PRICES): Promise<House> {
  const up = await startUpstream(script);
  const key = keyHolder("one", { limits: limitsOf(limits), scopes: SCOPES });
  const under = await startRelay(
    `
providers:
  one: { base_url: "${up.url}/v1", dialects: [openai-chat, openai-responses], keys: [{ id: k1, key: up-secret-1 }], models: { include: [m, "m-*"] } }
  claude: { provider_type: anthropic, base_url: "${up.url}", keys: [{ key: up-secret-2 }], models: { include: ["claude-*"] } }
  google: { provider_type: gemini, base_url: "${up.url}", keys: [{ key: up-secret-3 }], models: { include: ["gemini-*"] } }
prices: { ${prices} }
`,
    directoryOf({ mr_one: key }),
  );
  open.push(under, up);
  under.clock.advance(1000);
  const own = { provider: "one", keyId: "k1", orgId: "org_home", userId: 7, principal: "key_one" };
  await under.services.objects.add([
    { ...own, id: "vs_own", kind: "vector-store" },
    { ...own, id: "file-own", kind: "file" },
  ]);
  const headers = { authorization: "Bearer mr_one" };
  return {
    under,
    up,
    ask: (path, body) =>
      body === undefined ? fetch(under.url + path, { headers }) : under.post(path, body as object, headers),
    used() {
      const { limiter } = under.services;
      const standings = standingOf(limiter, limiter.planOf(key, undefined), 0);
      return Object.fromEntries(standings.map(({ name, used }) => [name, used]));
    },
  };
}

const total = (usd: number) => ({ budgets: [{ usd, window: "total" as const }] });

describe("an answer of Responses that is made in the background", () => {
  const body = { model: "m", input: "x", background: true, max_output_tokens: 500 };
  const QUEUED = { id: "resp_1", object: "response", status: "queued", model: "m", output: [], usage: null };
  const USAGE = { input_tokens: 100, output_tokens: 50, total_tokens: 150 };
  const DONE = { ...QUEUED, status: "completed", usage: USAGE };
  const NONE = { input_tokens: 0, output_tokens: 0, total_tokens: 0 };

  test.each([
    ["nothing", QUEUED],
    ["zeros", { ...QUEUED, usage: NONE }],
  ])("is charged once, with all that was reserved, when its first words say %s of usage", async (_name, queued) => {
    const it = await house({ tpm: 10_000, ...total(1) }, ({ method }) => ({ json: method === "GET" ? DONE : queued }));
    expect((await it.ask("/v1/responses", body)).status).toBe(200);
    const [record] = await it.under.recorded(1);
    expect(record).toMatchObject({ outputTokens: 500, usageEstimated: true, priceVersion: "config" });
    const charged = it.used();
    expect(charged["tpm"]).toBe(500 + record!.inputTokens!);
    expect(charged["budget:total"]).toBe((5000 + record!.inputTokens!) / 1_000_000);
    expect(await readJson(await it.ask("/v1/responses/resp_1"))).toEqual(DONE);
    expect(it.used()).toEqual(charged);
  });

  test("whose stream is left before its end is charged with all that was reserved, too", async () => {
    const created = { type: "response.created", sequence_number: 0, response: { ...QUEUED, status: "in_progress" } };
    const it = await house({ tpm: 10_000 }, {
      chunks: [`event: response.created\n${sse(created)}`],
      end: "hang",
    } satisfies Reply);
    const leaving = new AbortController();
    const response = await fetch(`${it.under.url}/v1/responses`, {
      method: "POST",
      signal: leaving.signal,
      headers: { "content-type": "application/json", authorization: "Bearer mr_one" },
      body: JSON.stringify({ ...body, stream: true }),
    });
    const reader = response.body!.getReader();
    await reader.read();
    leaving.abort();
    await reader.cancel().catch(() => {});
    const [record] = await it.under.recorded(1);
    expect(record).toMatchObject({ failure: "client-closed", outputTokens: 500, usageEstimated: true });
    expect(it.used()["tpm"]).toBe(500 + record!.inputTokens!);
  });

  test("that is done when it is answered is charged with what it used, as is any that is not", async () => {
    for (const background of [true, false]) {
      const it = await house({ tpm: 10_000, ...total(1) }, { json: DONE });
      await it.ask("/v1/responses", { ...body, background });
      expect(it.used()).toEqual({ tpm: 150, "budget:total": 0.0006 });
      expect(it.under.records[0]).toMatchObject({ outputTokens: 50, usageEstimated: false });
    }
  });

  test("is not begun where less is left than it might cost", async () => {
    const it = await house(total(0.001), { json: QUEUED });
    expect((await it.ask("/v1/responses", body)).status).toBe(429);
    expect(it.up.received).toEqual([]);
  });

  test("that the upstream refuses is not charged", async () => {
    const it = await house({ tpm: 10_000, ...total(1) }, { status: 400, json: { error: { message: "no" } } });
    expect((await it.ask("/v1/responses", body)).status).toBe(400);
    expect(it.used()).toEqual({ tpm: 0, "budget:total": 0 });
  });
});

describe("a batch whose requests stand in it", () => {
  const claude = (...maxima: number[]) => ({
    requests: maxima.map((max_tokens, index) => ({
      custom_id: `r${index}`,
      params: { model: "claude-x", max_tokens, messages: [{ role: "user", content: "x" }] },
    })),
  });
  const google = (...maxima: (number | undefined)[]) => ({
    batch: {
      inputConfig: {
        requests: {
          requests: maxima.map((maxOutputTokens) => ({
            request: { contents: [{ parts: [{ text: "x" }] }], generationConfig: { maxOutputTokens } },
          })),
        },
      },
    },
  });
  const GOOGLE = "/v1beta/models/gemini-x:batchGenerateContent";
  const made: Script = ({ path }) => ({
    json: path.startsWith("/v1beta") ? { name: "batches/b" } : { id: "msgbatch_b" },
  });

  const CASES: readonly (readonly [path: string, body: object, output: number])[] = [
    ["/v1/messages/batches", claude(9999, 1), 10_000],
    [GOOGLE, google(200, 300), 500],
    // What names no maximum is taken for `limits.reserve_output_tokens`.
    [GOOGLE, google(200, undefined), 200 + 4096],
    [
      GOOGLE,
      {
        batch: {
          input_config: { requests: { requests: { request: { generation_config: { max_output_tokens: 7 } } } } },
        },
      },
      7,
    ],
  ];
  test.each(CASES)("counts as the tokens that it may use: %s %j", async (path, body, output) => {
    const it = await house({ tpm: 100_000, ...total(1) }, made);
    expect((await it.ask(path, body)).status).toBe(200);
    const [record] = await it.under.recorded(1);
    const inputTokens = Math.ceil(JSON.stringify(body).length / 4);
    expect(record).toMatchObject({ inputTokens, outputTokens: output, usageEstimated: true, costMicroUsd: null });
    expect(it.used()).toEqual({ tpm: inputTokens + output, "budget:total": 0 });
  });

  test.each([
    ["/v1/messages/batches", claude(9999)],
    [GOOGLE, google(9999)],
  ])("waits for a minute with room: %s", async (path, body) => {
    const it = await house({ tpm: 10 }, made);
    expect((await it.ask(path, body)).status).toBe(200);
    expect((await it.ask(path, body)).status).toBe(429);
    expect(
      (await it.ask("/v1/chat/completions", { model: "m", messages: [{ role: "user", content: "x" }] })).status,
    ).toBe(429);
    expect(it.up.received).toHaveLength(1);
  });

  test("that is refused by the vendor has used nothing", async () => {
    const it = await house({ tpm: 100_000 }, { status: 400, json: { error: { message: "no" } } });
    expect((await it.ask("/v1/messages/batches", claude(9999))).status).toBe(400);
    expect(it.used()).toEqual({ tpm: 0 });
  });

  test("goes up byte for byte, and a caller without limits has nothing guessed", async () => {
    const it = await house({}, made);
    await it.under.post("/v1/messages/batches", claude(5));
    await it.under.post(GOOGLE, google(5));
    expect(it.up.received.map(({ text }) => text)).toEqual([JSON.stringify(claude(5)), JSON.stringify(google(5))]);
    expect(it.under.records).toMatchObject([{ outputTokens: null }, { outputTokens: null }]);
  });
});

describe("a prompt that Gemini keeps", () => {
  const CACHE = "/v1beta/cachedContents";
  const body = { model: "models/gemini-x", contents: [{ parts: [{ text: "word ".repeat(1800) }] }] };
  const MADE = { name: "cachedContents/c", usageMetadata: { totalTokenCount: 2000 } };

  test("costs what its tokens cost as a prompt", async () => {
    const it = await house({ tpm: 100_000, ...total(1) }, { json: MADE }, `on_unknown: block, ${PRICES}`);
    expect((await it.ask(CACHE, body)).status).toBe(200);
    expect(await it.under.recorded(1)).toMatchObject([
      { inputTokens: 2000, costMicroUsd: 4000, usageEstimated: false },
    ]);
    expect(it.used()).toEqual({ tpm: 2000, "budget:total": 0.004 });
  });

  test("is counted by its bytes where Gemini does not say how long it is", async () => {
    const it = await house({ tpm: 100_000, ...total(1) }, { json: { name: MADE.name } });
    await it.ask(CACHE, body);
    const [record] = await it.under.recorded(1);
    expect(record).toMatchObject({ usageEstimated: true, outputTokens: 0 });
    expect(record!.inputTokens).toBe(Math.ceil(JSON.stringify(body).length / 4));
    expect(it.used()["tpm"]).toBe(record!.inputTokens!);
  });

  test("is refused where less is left, and where its model has no price", async () => {
    const poor = await house(total(0.001), { json: MADE });
    expect((await poor.ask(CACHE, body)).status).toBe(429);
    const unpriced = await house(total(1), { json: MADE }, "on_unknown: block, source: none");
    const refused = await unpriced.ask(CACHE, body);
    expect([refused.status, await readJson(refused)]).toMatchObject([403, { error: { status: "PERMISSION_DENIED" } }]);
    expect([...poor.up.received, ...unpriced.up.received]).toEqual([]);
  });
});

describe("what vendors ask money for in ways that nobody here knows", () => {
  const PAID: readonly (readonly [path: string, body: object])[] = [
    ["/v1/containers", { name: "c" }],
    ["/v1/vector_stores", { name: "s" }],
    ["/v1/vector_stores/vs_own/files", { file_id: "file-outside" }],
    ["/v1/vector_stores/vs_own/search", { query: "x" }],
    ["/v1/batches", { input_file_id: "file-own" }],
    [
      "/v1/messages/batches",
      { requests: [{ custom_id: "a", params: { model: "claude-x", max_tokens: 1, messages: [] } }] },
    ],
    ["/v1beta/models/gemini-x:batchGenerateContent", { batch: {} }],
    ["/v1/evals", { name: "e" }],
    ["/v1/videos", { model: "m", prompt: "x" }],
  ];
  test.each(PAID)("is closed to budgets that block the unknown: %s", async (path, body) => {
    const it = await house(total(1), { json: { id: "made" } }, `on_unknown: block, ${PRICES}`);
    const refused = await it.ask(path, body);
    expect(refused.status).toBe(403);
    expect(it.up.received).toEqual([]);
    const free = await house({ rpm: 5 }, { json: { id: "made" } }, `on_unknown: block, ${PRICES}`);
    expect((await free.ask(path, body)).status).toBe(200);
  });

  test("looking at it and changing its name is not", async () => {
    const it = await house(total(1), { json: { id: "vs_own" } }, `on_unknown: block, ${PRICES}`);
    expect((await it.ask("/v1/vector_stores/vs_own")).status).toBe(200);
    expect((await it.ask("/v1/vector_stores/vs_own/files")).status).toBe(200);
    expect((await it.ask("/v1/vector_stores/vs_own", { name: "n" })).status).toBe(200);
  });
});
