/** Calls whose upstream counts nothing: one guess for client and record, marked as one, and never where the upstream told. */
import { afterEach, describe, expect, test } from "bun:test";
import { readJson } from "../support/json.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { type Reply, startUpstream, type Upstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

async function start(...replies: Reply[]): Promise<{ up: Upstream; under: TestRelay }> {
  const up = await startUpstream(...replies);
  open.push(up);
  const under = await startRelay(`
providers:
  chat: { base_url: "${up.url}/v1", keys: [{ key: vendor-key-1 }], models: { include: [gpt-chat] } }
  local: { provider_type: ollama, base_url: "${up.url}", models: { include: [llama3] } }
`);
  open.push(under);
  under.tick(1);
  return { up, under };
}

/** 40 characters: 10 tokens, as guessed. */
const WORDS = "Forty characters, counted by four, here.";
const OUTPUT = 10;

const messages = [{ role: "user", content: "hello" }];
const chunk = (delta: object, finish: string | null = null, more: object = {}) =>
  `data: ${JSON.stringify({ id: "c1", model: "gpt", choices: [{ index: 0, delta, finish_reason: finish }], ...more })}\n\n`;
const stream = (more: object = {}): Reply => ({
  headers: { "content-type": "text/event-stream" },
  chunks: [chunk({ role: "assistant", content: WORDS }), chunk({}, "stop", more), "data: [DONE]\n\n"],
});
const whole = (more: object = {}): Reply => ({
  json: {
    id: "c1",
    model: "gpt",
    choices: [{ message: { role: "assistant", content: WORDS }, finish_reason: "stop" }],
    ...more,
  },
});
const TOLD = { usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 } };

interface Client {
  readonly path: (isStreamed: boolean) => string;
  readonly body: object;
  /** What the answer, or the stream's last event with counts, says of input and output. */
  readonly counts: (last: never) => [input: number, output: number];
}

const CLIENTS: { readonly [name: string]: Client } = {
  messages: {
    path: () => "/v1/messages",
    body: { model: "gpt-chat", max_tokens: 99, messages },
    counts: ({ usage }: { usage: Record<string, number> }) => [usage["input_tokens"]!, usage["output_tokens"]!],
  },
  responses: {
    path: () => "/v1/responses",
    body: { model: "gpt-chat", input: "hello" },
    counts: (last: { response?: unknown; usage?: unknown }) => {
      const { usage } = (last.response ?? last) as { usage: Record<string, number> };
      return [usage["input_tokens"]!, usage["output_tokens"]!];
    },
  },
  gemini: {
    path: (isStreamed) => `/v1beta/models/gpt-chat:${isStreamed ? "streamGenerateContent?alt=sse" : "generateContent"}`,
    body: { contents: [{ role: "user", parts: [{ text: "hello" }] }] },
    counts: ({ usageMetadata }: { usageMetadata: Record<string, number> }) => [
      usageMetadata["promptTokenCount"]!,
      usageMetadata["candidatesTokenCount"]!,
    ],
  },
};

function lastWithCounts(text: string): never {
  const events = text
    .split(/\r?\n/)
    .filter((line) => line.startsWith("data: {"))
    .map((line) => line.slice("data: ".length));
  return JSON.parse(events.findLast((data) => /"(usage|usageMetadata)":\{/.test(data))!) as never;
}

describe.each(Object.entries(CLIENTS))(
  "a %s client of an upstream that counts nothing",
  (_name, { path, body, counts }) => {
    test.each([false, true])("is given the guess that stands in the record; streamed: %p", async (isStreamed) => {
      const { under } = await start(isStreamed ? stream() : whole());
      const asked = isStreamed && !path(true).includes(":") ? { ...body, stream: true } : body;
      const answer = await under.post(path(isStreamed), asked);
      expect(answer.status).toBe(200);
      const input = Math.ceil(JSON.stringify(asked).length / 4);
      const last = isStreamed ? lastWithCounts(await answer.text()) : ((await readJson(answer)) as never);
      expect(counts(last)).toEqual([input, OUTPUT]);
      expect((await under.recorded(1))[0]).toMatchObject({
        lane: "translate",
        inputTokens: input,
        outputTokens: OUTPUT,
        usageEstimated: true,
      });
    });

    test("is given the upstream's own counts where it tells them, and nothing is called a guess", async () => {
      const { under } = await start(whole(TOLD));
      expect(counts((await readJson(await under.post(path(false), body))) as never)).toEqual([3, 4]);
      expect((await under.recorded(1))[0]).toMatchObject({ inputTokens: 3, outputTokens: 4, usageEstimated: false });
    });
  },
);

describe("a chat client", () => {
  const ask = { model: "gpt-chat", messages };

  test("of an upstream that counts nothing gets its bytes as they are; the record has a guess", async () => {
    const { under } = await start(stream(), whole());
    const streamed = await under.post("/v1/chat/completions", { ...ask, stream: true });
    expect(await streamed.text()).toBe((stream().chunks as string[]).join(""));
    const answer = await readJson(await under.post("/v1/chat/completions", ask));
    expect(answer).toEqual(whole().json);
    const records = await under.recorded(2);
    for (const record of records) {
      expect(record).toMatchObject({ lane: "pass-through", usageEstimated: true });
      expect(record.inputTokens).toBeGreaterThan(0);
      expect(record.outputTokens).toBeGreaterThan(0);
    }
    expect(records[1]!.inputTokens).toBe(Math.ceil(JSON.stringify(ask).length / 4));
  });

  test("of Ollama with a cached prompt is not told that it cost nothing", async () => {
    const line = { model: "llama3", message: { role: "assistant", content: WORDS }, done: true, done_reason: "stop" };
    const { under } = await start({ json: { ...line, eval_count: 12 } });
    const body = { model: "llama3", messages };
    const { usage } = await readJson(await under.post("/v1/chat/completions", body));
    const input = Math.ceil(JSON.stringify(body).length / 4);
    expect(usage).toMatchObject({ prompt_tokens: input, completion_tokens: 12, total_tokens: input + 12 });
    expect((await under.recorded(1))[0]).toMatchObject({ inputTokens: input, outputTokens: 12, usageEstimated: true });
  });

  test("that asked for counts in its stream gets the guess, where its stream is written here", async () => {
    const line = (done: boolean) =>
      `${JSON.stringify({ model: "llama3", message: { role: "assistant", content: done ? "" : WORDS }, done })}\n`;
    const { under } = await start({
      headers: { "content-type": "application/x-ndjson" },
      chunks: [line(false), line(true)],
    });
    const body = { model: "llama3", messages, stream: true, stream_options: { include_usage: true } };
    const text = await (await under.post("/v1/chat/completions", body)).text();
    expect(lastWithCounts(text)).toMatchObject({
      usage: { prompt_tokens: Math.ceil(JSON.stringify(body).length / 4), completion_tokens: OUTPUT },
    });
  });
});

describe("a call that is over too soon", () => {
  test("has used what was said until then, if it was cut inside its stream", async () => {
    const { chunks, ...head } = stream();
    const { under } = await start({ ...head, chunks: chunks!.slice(0, 1), end: "break" });
    const answer = await under.post("/v1/messages", { model: "gpt-chat", max_tokens: 9, stream: true, messages });
    expect(await answer.text()).toContain("event: error");
    expect((await under.recorded(1))[0]).toMatchObject({ outputTokens: OUTPUT, usageEstimated: true });
  });

  test("has used nothing that is known, if the upstream never answered", async () => {
    const { under } = await start({ status: 500, json: { error: { message: "broken" } } });
    await under.post("/v1/chat/completions", { model: "gpt-chat", messages });
    expect((await under.recorded(1))[0]).toMatchObject({
      inputTokens: null,
      outputTokens: null,
      costMicroUsd: null,
      usageEstimated: false,
    });
  });

  test("of another kind is not guessed at", async () => {
    const { under } = await start({ json: { object: "list", data: [{ embedding: [0.5], index: 0 }] } });
    await under.post("/v1/embeddings", { model: "gpt-chat", input: "hello" });
    expect((await under.recorded(1))[0]).toMatchObject({ inputTokens: null, usageEstimated: false });
  });
});
