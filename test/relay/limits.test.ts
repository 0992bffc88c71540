/** Limits of callers on the way of a call: what is refused reaches nobody, and what is used is counted, however it ends. */
import { afterEach, describe, expect, test } from "bun:test";
import type { CallerLimits, Identity } from "../../src/contract/host.ts";
import { GEMINI_ROUTES, RELAY_ROUTES } from "../../src/http/relay-routes.ts";
import { standingOf } from "../../src/limits/standing.ts";
import type { FieldKind } from "../../src/relay/route.ts";
import { limitsOf } from "../limits/desk.ts";
import { directoryOf, keyHolder } from "../support/directory.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { type Reply, type Script, sse, startUpstream, type Upstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

const USAGE = { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 };
const completion = (usage: object | undefined = USAGE): Reply => ({
  json: {
    id: "c1",
    object: "chat.completion",
    created: 1,
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", content: "hello" }, finish_reason: "stop" }],
    ...(usage === undefined ? {} : { usage }),
  },
});
const delta = (content: string) => ({
  id: "c1",
  object: "chat.completion.chunk",
  created: 1,
  model: "m",
  choices: [{ index: 0, delta: { content }, finish_reason: null }],
});
const hanging: Reply = {
  headers: { "content-type": "text/event-stream" },
  chunks: [sse(delta("hello"), delta(" there"))],
  end: "hang",
};

interface House {
  readonly under: TestRelay;
  readonly up: Upstream;
  /** Change what is written on the key. */
  limit(limits: Partial<CallerLimits>): void;
  ask(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  chat(more?: object): Promise<Response>;
  used(): Readonly<Record<string, number>>;
}

const PRICES = "prices: { overrides: { m: { input: 1, output: 10, image: 0.02 } } }";

/** One provider of OpenAI's kind, one of Anthropic's, a key of the given limits. */
async function house(limits: Partial<CallerLimits>, script: Script | Script[], more = PRICES): Promise<House> {
  const up = await startUpstream(...(Array.isArray(script) ? script : [script]));
  const keys: Record<string, Identity> = {};
  const limit = (own: Partial<CallerLimits>): void => {
    keys["mr_one"] = keyHolder("one", { limits: limitsOf(own) });
  };
  limit(limits);
  keys["mr_free"] = keyHolder("free", { userId: 9 });
  const under = await startRelay(
    `
providers:
  one: { provider_type: openai, base_url: "${up.url}/v1", dialects: [openai-chat, openai-responses], keys: [{ key: up-secret-1 }] }
${more}
`,
    directoryOf(keys),
  );
  open.push(under, up);
  // 0 stands for "never" where calls note instants, and a process is never that young.
  under.clock.advance(1000);
  const ask = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    under.post(path, body, { authorization: "Bearer mr_one", ...headers });
  return {
    under,
    up,
    limit,
    ask,
    chat: (own = {}) => ask("/v1/chat/completions", { model: "m", messages: [{ role: "user", content: "x" }], ...own }),
    used() {
      const { limiter } = under.services;
      const standings = standingOf(limiter, limiter.planOf(keys["mr_one"]!, undefined), 0);
      return Object.fromEntries(standings.map(({ name, used }) => [name, used]));
    },
  };
}

describe("R29 what is refused", () => {
  test("of a hundred parallel calls at a limit of ten exactly ten pass, and ten reach the upstream", async () => {
    const it = await house({ rpm: 10 }, completion());
    const answers = await Promise.all(Array.from({ length: 100 }, () => it.chat()));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(10);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(90);
    expect(it.up.received).toHaveLength(10);
  });

  test("of parallel calls at a limit of concurrency only so many run; the others may come when one ends", async () => {
    const gate = Promise.withResolvers<void>();
    const it = await house({ concurrency: 10 }, { ...completion(), before: () => gate.promise });
    const answers = Array.from({ length: 100 }, () => it.chat());
    await it.under.recorded(90);
    expect(it.used()).toEqual({ concurrency: 10 });
    gate.resolve();
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(10);
    expect(it.up.received).toHaveLength(10);
    expect(it.used()).toEqual({ concurrency: 0 });
    expect((await it.chat()).status).toBe(200);
  });

  const FULL = { messages: [{ role: "user", content: "x" }], max_tokens: 10 };
  const DIALECTS: readonly (readonly [path: string, body: object, refusal: object])[] = [
    [
      "/v1/chat/completions",
      { model: "m", ...FULL },
      {
        error: {
          message: "The limit of this key is reached: 1 requests per minute (rpm). It resets in 60 s.",
          type: "rate_limit_error",
          param: null,
          code: "rate_limit_exceeded",
        },
      },
    ],
    ["/v1/responses", { model: "m", input: "x" }, { error: { type: "rate_limit_error", code: "rate_limit_exceeded" } }],
    [
      "/v1/messages",
      { model: "m", ...FULL },
      { type: "error", error: { type: "rate_limit_error", message: expect.stringContaining("(rpm)") } },
    ],
    [
      "/v1beta/models/m:generateContent",
      { contents: [{ parts: [{ text: "x" }] }] },
      {
        error: {
          code: 429,
          status: "RESOURCE_EXHAUSTED",
          details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "60s" }],
        },
      },
    ],
    ["/v1/embeddings", { model: "m", input: "x" }, { error: { type: "rate_limit_error" } }],
    ["/v1/moderations", { model: "m", input: "x" }, { error: { type: "rate_limit_error" } }],
    ["/v1/rerank", { model: "m", query: "x", documents: ["y"] }, { error: { type: "rate_limit_error" } }],
    ["/v1/images/generations", { model: "m", prompt: "x" }, { error: { type: "rate_limit_error" } }],
    ["/v1/audio/speech", { model: "m", input: "x", voice: "v" }, { error: { type: "rate_limit_error" } }],
    ["/v1/completions", { model: "m", prompt: "x" }, { error: { type: "rate_limit_error" } }],
    ["/v1/assistants", { model: "m" }, { error: { type: "rate_limit_error" } }],
  ];
  for (const [path, body, refusal] of DIALECTS) {
    test(`${path} says so in its own words, with a time to come back, and asks nobody`, async () => {
      const it = await house({ rpm: 1 }, completion());
      await it.chat();
      it.up.forget();
      const response = await it.ask(path, body);
      expect(response.status).toBe(429);
      expect(response.headers.get("retry-after")).toBe("60");
      expect(response.headers.get("retry-after-ms")).toBe("60000");
      expect(response.headers.get("x-should-retry")).toBeNull();
      expect(await response.json()).toMatchObject(refusal);
      expect(it.up.received).toEqual([]);
      expect(it.under.records.at(-1)).toMatchObject({ status: 429, failure: "rate-limited", costMicroUsd: null });
    });
  }

  test("no route of the table that asks an upstream is left out", async () => {
    const it = await house({ rpm: 1 }, completion());
    await it.chat();
    it.up.forget();
    const SAMPLES: Readonly<Record<FieldKind, unknown>> = {
      string: "m",
      number: 5,
      boolean: true,
      array: ["x"],
      "filled array": ["x"],
      object: {},
      "string or array": "x",
      any: "x",
    };
    for (const route of [...RELAY_ROUTES, ...GEMINI_ROUTES.values()]) {
      if (route.operation === "count-tokens") continue;
      const fields = Object.entries(route.required).map(([name, kind]) => [name, SAMPLES[kind]]);
      const form = new FormData();
      form.set("model", "m");
      form.set("file", new Blob(["x"]), "a.mp3");
      const isForm = route.body === "multipart";
      const response = await fetch(it.under.url + route.path.replace("{model}", "m"), {
        method: "POST",
        headers: { authorization: "Bearer mr_one", ...(isForm ? {} : { "content-type": "application/json" }) },
        body: isForm ? form : JSON.stringify(Object.fromEntries(fields)),
      });
      expect([route.path, response.status]).toEqual([route.path, 429]);
      await response.text();
    }
    expect(it.up.received).toEqual([]);
  });

  test("a form is counted like any other call", async () => {
    const it = await house({ rpm: 1 }, { json: { text: "hello" } });
    const send = () => {
      const form = new FormData();
      form.set("model", "m");
      form.set("file", new Blob(["sound"]), "a.mp3");
      return fetch(`${it.under.url}/v1/audio/transcriptions`, {
        method: "POST",
        headers: { authorization: "Bearer mr_one" },
        body: form,
      });
    };
    expect((await send()).status).toBe(200);
    expect((await send()).status).toBe(429);
    expect(it.up.received).toHaveLength(1);
  });

  test("counting tokens and listing models is free, also for who has used everything up", async () => {
    const it = await house({ rpm: 1 }, completion(), `${PRICES}\nmodel_routing: { count_tokens: estimate }`);
    await it.chat();
    const counted = await it.ask("/v1/messages/count_tokens", {
      model: "m",
      messages: [{ role: "user", content: "x" }],
    });
    expect(counted.status).toBe(200);
    const models = await fetch(`${it.under.url}/v1/models`, { headers: { authorization: "Bearer mr_one" } });
    expect(models.status).toBe(200);
    expect(it.used()).toEqual({ rpm: 1 });
  });

  test("what is wrong with a request is said before any limit, and counts for none", async () => {
    const it = await house({ rpm: 1 }, completion());
    expect((await it.chat({ messages: [] })).status).toBe(400);
    expect((await it.ask("/v1/chat/completions", "{")).status).toBe(400);
    expect((await it.chat({ model: "m@nobody" })).status).toBe(404);
    expect((await it.chat()).status).toBe(200);
  });

  test("a caller without limits is not held up by another's", async () => {
    const it = await house({ rpm: 1 }, completion());
    await it.chat();
    expect((await it.chat()).status).toBe(429);
    const free = await it.ask(
      "/v1/chat/completions",
      { model: "m", messages: [{ role: "user", content: "x" }] },
      {
        authorization: "Bearer mr_free",
      },
    );
    expect(free.status).toBe(200);
    expect([...free.headers.keys()].filter((name) => name.includes("ratelimit"))).toEqual([]);
  });

  test("a changed limit rules from the next call on", async () => {
    const it = await house({ rpm: 2 }, completion());
    await it.chat();
    it.limit({ rpm: 1 });
    expect((await it.chat()).status).toBe(429);
    it.limit({ rpm: 2 });
    expect((await it.chat()).status).toBe(200);
  });
});

describe("R29 budgets", () => {
  const tiny = { budgets: [{ usd: 0.0003, window: "month" as const }] };

  test("a used-up budget is told once and for all: no time to come back, no invitation to repeat", async () => {
    // 100 tokens in at 1, 20 out at 10: 300 micro-USD.
    const it = await house(tiny, completion());
    const first = await it.chat({ max_tokens: 20 });
    expect(first.status).toBe(200);
    expect(first.headers.get("x-relay-cost")).toBe("0.0003");
    const second = await it.chat({ max_tokens: 1 });
    expect(second.status).toBe(429);
    expect(second.headers.get("retry-after")).toBeNull();
    expect(second.headers.get("retry-after-ms")).toBeNull();
    expect(second.headers.get("x-should-retry")).toBe("false");
    expect(await second.json()).toMatchObject({
      error: {
        type: "insufficient_quota",
        code: "insufficient_quota",
        message: expect.stringContaining("budget:month"),
      },
    });
    expect(it.up.received).toHaveLength(1);
  });

  test("Anthropic's and Google's clients are told in their words", async () => {
    const it = await house(tiny, completion());
    await it.chat({ max_tokens: 20 });
    const messages = await it.ask("/v1/messages", {
      model: "m",
      messages: [{ role: "user", content: "x" }],
      max_tokens: 5,
    });
    expect(messages.status).toBe(429);
    expect(messages.headers.get("x-should-retry")).toBe("false");
    expect(await messages.json()).toMatchObject({ type: "error", error: { type: "rate_limit_error" } });
    const google = await it.ask("/v1beta/models/m:generateContent", { contents: [{ parts: [{ text: "x" }] }] });
    expect(google.status).toBe(429);
    expect(await google.json()).toMatchObject({
      error: { status: "RESOURCE_EXHAUSTED", details: [{ "@type": "type.googleapis.com/google.rpc.QuotaFailure" }] },
    });
  });

  test("a call that might cost more than is left is refused before it is made", async () => {
    const it = await house({ budgets: [{ usd: 0.01, window: "day" }] }, completion());
    // Nothing is named, so 4096 tokens at 10 micro-USD are reserved.
    const response = await it.chat();
    expect(response.status).toBe(429);
    expect(await response.text()).toContain("a lower maximum of tokens makes it cheaper");
    expect(it.up.received).toEqual([]);
    expect((await it.chat({ max_completion_tokens: 500 })).status).toBe(200);
  });

  test("parallel calls do not spend the same money twice", async () => {
    const it = await house({ budgets: [{ usd: 0.003, window: "total" }] }, completion());
    const answers = await Promise.all(Array.from({ length: 50 }, () => it.chat({ max_tokens: 20, n: 2 })));
    const passed = answers.filter(({ status }) => status === 200).length;
    expect(passed).toBeGreaterThan(3);
    expect(passed).toBeLessThanOrEqual(10);
    expect(it.up.received).toHaveLength(passed);
    expect(it.used()["budget:total"]).toBeCloseTo((passed * 300) / 1_000_000, 9);
  });

  test("pictures cost by the piece", async () => {
    const it = await house({ budgets: [{ usd: 1, window: "total" }] }, { json: { created: 1, data: [] } });
    const response = await it.ask("/v1/images/generations", { model: "m", prompt: "x", n: 3 });
    expect(response.status).toBe(200);
    expect(it.under.records[0]).toMatchObject({ costMicroUsd: 60_008, priceVersion: "config" });
  });

  test("what nobody has a price for costs nobody knows what", async () => {
    const it = await house({ budgets: [{ usd: 0.000001, window: "total" }] }, completion(), "");
    expect((await it.chat()).status).toBe(200);
    expect(it.under.records[0]).toMatchObject({ costMicroUsd: null, priceVersion: null, inputTokens: 100 });
  });

  test("with on_unknown: block it is closed to keys with a budget, and to no others", async () => {
    const it = await house({ budgets: [{ usd: 1, window: "total" }] }, completion(), "prices: { on_unknown: block }");
    for (const [path, body] of [
      ["/v1/chat/completions", { model: "m", messages: [{ role: "user", content: "x" }] }],
      ["/v1/assistants", { model: "m" }],
    ] as const) {
      const response = await it.ask(path, body);
      expect(response.status).toBe(403);
      expect(await response.json()).toMatchObject({ error: { type: "permission_error", code: "price_unknown" } });
    }
    expect(it.up.received).toEqual([]);
    it.limit({ rpm: 5 });
    expect((await it.chat()).status).toBe(200);
  });

  test("a key with a budget is told of that budget, not of the upstream's", async () => {
    const it = await house({ budgets: [{ usd: 5, window: "month" }] }, completion());
    await it.chat({ max_tokens: 20 });
    const response = await fetch(`${it.under.url}/v1/credits`, { headers: { authorization: "Bearer mr_one" } });
    expect(await response.json()).toEqual({
      object: "credit_summary",
      provider: null,
      currency: "USD",
      total_credits: 5,
      total_usage: 0.0003,
      total_granted: 5,
      total_used: 0.0003,
      total_available: 4.9997,
    });
    expect(it.up.received).toHaveLength(1);
  });
});

describe("R29 what is counted", () => {
  const roomy = { tpm: 100_000, concurrency: 5, budgets: [{ usd: 1, window: "total" as const }] };

  test("while a call runs all that it may use is reserved, and then what it has used counts", async () => {
    const gate = Promise.withResolvers<void>();
    const it = await house(roomy, { ...completion(), before: () => gate.promise });
    const answer = it.chat({ max_tokens: 1000 });
    while (it.up.received.length === 0) await Bun.sleep(1);
    const { tpm, concurrency } = it.used();
    expect(tpm).toBeGreaterThan(1000);
    expect(tpm).toBeLessThan(1100);
    expect(concurrency).toBe(1);
    gate.resolve();
    expect((await answer).status).toBe(200);
    expect(it.used()).toEqual({ tpm: 120, concurrency: 0, "budget:total": 0.0003 });
  });

  test("an absurd maximum is taken for what models can write at most", async () => {
    const it = await house({ tpm: 1_000_000, budgets: [{ usd: 2, window: "total" }] }, completion());
    expect((await it.chat({ max_tokens: 1e12 })).status).toBe(200);
    expect(it.used()).toEqual({ tpm: 120, "budget:total": 0.0003 });
  });

  test("a client that leaves in the middle of its stream is charged for what it was sent; its place is free", async () => {
    const it = await house(roomy, hanging);
    const leaving = new AbortController();
    const response = await fetch(`${it.under.url}/v1/chat/completions`, {
      method: "POST",
      signal: leaving.signal,
      headers: { "content-type": "application/json", authorization: "Bearer mr_one" },
      body: JSON.stringify({ model: "m", stream: true, messages: [{ role: "user", content: "x" }] }),
    });
    const reader = response.body!.getReader();
    await reader.read();
    expect(it.used()["concurrency"]).toBe(1);
    leaving.abort();
    await reader.cancel().catch(() => {});
    const [record] = await it.under.recorded(1);
    expect(record).toMatchObject({ status: 499, failure: "client-closed", priceVersion: "config" });
    const { tpm, concurrency, "budget:total": spent } = it.used();
    expect(concurrency).toBe(0);
    // The prompt, and a guess of what has been written; far from what was reserved.
    expect(tpm).toBeGreaterThan(15);
    expect(tpm).toBeLessThan(200);
    expect(record!.costMicroUsd).toBeGreaterThan(0);
    expect(spent).toBe(record!.costMicroUsd! / 1_000_000);
  });

  test("a client that leaves before the answer has had its prompt read; its place is free at the watch's next look", async () => {
    const it = await house(roomy, { ...completion(), before: () => new Promise(() => {}) });
    const leaving = new AbortController();
    const answer = fetch(`${it.under.url}/v1/chat/completions`, {
      method: "POST",
      signal: leaving.signal,
      headers: { "content-type": "application/json", authorization: "Bearer mr_one" },
      body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "x" }] }),
    }).catch(() => undefined);
    while (it.up.received.length === 0) await Bun.sleep(1);
    leaving.abort();
    await answer;
    // The server hears of it when the socket does; the watch then looks within its interval.
    while (it.under.records.length === 0) {
      it.under.tick(250);
      await Bun.sleep(1);
    }
    expect(it.under.records[0]).toMatchObject({ status: 499 });
    const { tpm, concurrency } = it.used();
    expect(concurrency).toBe(0);
    expect(tpm).toBeGreaterThan(10);
    expect(tpm).toBeLessThan(30);
  });

  test("an upstream that fails has given nothing, so nothing is charged but the request", async () => {
    const it = await house({ ...roomy, rpm: 5 }, { status: 500, json: { error: { message: "no" } } });
    expect((await it.chat()).status).toBe(502);
    expect(it.used()).toEqual({ rpm: 1, tpm: 0, concurrency: 0, "budget:total": 0 });
    expect(it.under.records[0]).toMatchObject({ costMicroUsd: null });
  });

  test("an upstream that breaks off its stream is charged for what came", async () => {
    const it = await house(roomy, {
      headers: { "content-type": "text/event-stream" },
      chunks: [sse(delta("hello"), delta(" there"))],
      end: "break",
    });
    const response = await it.chat({ stream: true });
    await response.text();
    const [record] = await it.under.recorded(1);
    expect(record!.failure).toStartWith("upstream-");
    expect(record!.costMicroUsd).toBeGreaterThan(0);
    expect(it.used()["concurrency"]).toBe(0);
  });

  test("an upstream that tells no usage is taken at its answer's length", async () => {
    const it = await house(roomy, { json: { ...(completion(undefined).json as object), usage: undefined } });
    expect((await it.chat()).status).toBe(200);
    const { tpm } = it.used();
    expect(tpm).toBeGreaterThan(40);
    expect(tpm).toBeLessThan(100);
  });

  test("an upstream that tells nonsense gives nothing away and breaks nothing", async () => {
    const usage = { prompt_tokens: -1e9, completion_tokens: 1e300, total_tokens: 0 };
    const it = await house({ tpm: 100_000 }, [completion(usage), completion()]);
    expect((await it.chat()).status).toBe(200);
    expect(it.used()["tpm"]).toBeGreaterThan(100_000);
    expect((await it.chat()).status).toBe(429);
    it.under.tick(62_000);
    expect(it.used()["tpm"]).toBe(0);
    expect((await it.chat()).status).toBe(200);
    expect(it.used()["tpm"]).toBe(120);
  });

  test("a stream that ends well is charged for what it says", async () => {
    const last = { ...delta(""), choices: [], usage: USAGE };
    const stop = { ...delta(""), choices: [{ index: 0, delta: {}, finish_reason: "stop" }] };
    const it = await house(roomy, {
      headers: { "content-type": "text/event-stream" },
      chunks: [sse(delta("hello"), stop, last, "[DONE]")],
    });
    const response = await it.chat({ stream: true });
    expect(response.headers.get("x-relay-cost")).toBeNull();
    await response.text();
    await it.under.recorded(1);
    expect(it.used()).toEqual({ tpm: 120, concurrency: 0, "budget:total": 0.0003 });
  });

  test("a large picture in the body is not taken for a long text", async () => {
    const it = await house({ tpm: 20_000 }, completion());
    const url = `data:image/png;base64,${"A".repeat(400_000)}`;
    const content = [{ type: "image_url", image_url: { url } }];
    expect((await it.chat({ max_tokens: 100, messages: [{ role: "user", content }] })).status).toBe(200);
    expect((await it.chat({ max_tokens: 100, messages: [{ role: "user", content }] })).status).toBe(200);
  });
});

describe("R29 what answers say of limits", () => {
  test("OpenAI's clients read requests and tokens, of the caller and never of the upstream", async () => {
    const it = await house(
      { rpm: 10, tpm: 50_000 },
      { ...completion(), headers: { "content-type": "application/json", "x-ratelimit-remaining-requests": "7777" } },
    );
    const { headers } = await it.chat({ max_tokens: 1000 });
    expect(headers.get("x-ratelimit-limit-requests")).toBe("10");
    expect(headers.get("x-ratelimit-remaining-requests")).toBe("9");
    expect(headers.get("x-ratelimit-reset-requests")).toBe("1m1s");
    expect(headers.get("x-ratelimit-limit-tokens")).toBe("50000");
    expect(Number(headers.get("x-ratelimit-remaining-tokens"))).toBeGreaterThan(48_900);
    expect(headers.get("x-ratelimit-reset-tokens")).toBe("1m1s");
    it.under.tick(60_500);
    expect((await it.chat({ stream: true, max_tokens: 5 })).headers.get("x-ratelimit-limit-requests")).toBe("10");
  });

  test("a refusal says how things stand too", async () => {
    const it = await house({ rpm: 1 }, completion());
    await it.chat();
    it.under.tick(20_000);
    const { headers } = await it.chat();
    expect(headers.get("x-ratelimit-remaining-requests")).toBe("0");
    expect(headers.get("x-ratelimit-reset-requests")).toBe("41s");
    expect(headers.get("retry-after")).toBe("41");
    expect(headers.get("retry-after-ms")).toBe("41000");
  });

  test("Anthropic's clients read instants", async () => {
    const it = await house({ rpm: 10, tpm: 50_000 }, completion());
    const { headers } = await it.ask("/v1/messages", {
      model: "m",
      messages: [{ role: "user", content: "x" }],
      max_tokens: 1000,
    });
    expect(headers.get("anthropic-ratelimit-requests-limit")).toBe("10");
    expect(headers.get("anthropic-ratelimit-requests-remaining")).toBe("9");
    expect(headers.get("anthropic-ratelimit-tokens-limit")).toBe("50000");
    const reset = Date.parse(headers.get("anthropic-ratelimit-requests-reset")!);
    expect(reset - it.under.clock.now()).toBe(61_000);
    expect(headers.get("x-ratelimit-limit-requests")).toBeNull();
  });

  test("Gemini has no such headers", async () => {
    const it = await house({ rpm: 10, tpm: 50_000 }, completion());
    const { headers } = await it.ask("/v1beta/models/m:generateContent", { contents: [{ parts: [{ text: "x" }] }] });
    expect([...headers.keys()].filter((name) => name.includes("ratelimit"))).toEqual([]);
  });

  test("a limit that only counts calls at once has no headers of requests", async () => {
    const it = await house({ concurrency: 3 }, completion());
    const { headers } = await it.chat();
    expect([...headers.keys()].filter((name) => name.includes("ratelimit"))).toEqual([]);
  });
});
