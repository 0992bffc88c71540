/** Calls to upstreams that speak a dialect of their own: whole, streamed in their own envelope, and failing. */
import { afterEach, describe, expect, test } from "bun:test";
import { NO_ACCOUNTS } from "../../src/auth/directory.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { PIXEL } from "../support/sdks/index.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

let relay: TestRelay;
let upstream: Upstream;
afterEach(async () => {
  await relay.stop();
  await upstream.stop();
});

const user = [{ role: "user", content: "Hi" }];
const dataOf = (text: string) =>
  text
    .split("\n\n")
    .filter((event) => event.startsWith("data: {"))
    .map((event) => JSON.parse(event.slice("data: ".length)));

describe("ollama", () => {
  const line = (message: object, rest: object = {}): string =>
    `${JSON.stringify({ model: "llama3", created_at: "2026-03-01T10:00:00Z", message: { role: "assistant", ...message }, done: false, ...rest })}\n`;
  const start = async () => {
    upstream = await startUpstream();
    relay = await startRelay(`providers: { local: { provider_type: ollama, base_url: "${upstream.url}/" } }`);
  };
  const headers = { "content-type": "application/x-ndjson" };

  test("a stream of lines becomes a stream of chunks", async () => {
    await start();
    const last = line({ content: "" }, { done: true, done_reason: "stop", prompt_eval_count: 5, eval_count: 2 });
    upstream.script({
      headers,
      chunks: [
        line({ content: "Hel" }).slice(0, 30),
        line({ content: "Hel" }).slice(30),
        line({ content: "lo" }),
        last,
      ],
    });
    const request = { model: "llama3", messages: user, stream: true, stream_options: { include_usage: true } };
    const answer = await relay.post("/v1/chat/completions", request);
    expect(answer.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(answer.headers.get("x-relay-lane")).toBe("translate");
    const text = await answer.text();
    const chunks = dataOf(text);
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("")).toBe("Hello");
    expect(chunks.at(-1).usage).toMatchObject({ prompt_tokens: 5, completion_tokens: 2 });
    expect(text).toEndWith("data: [DONE]\n\n");
    expect(upstream.received).toHaveLength(1);
    expect(upstream.received[0]).toMatchObject({ method: "POST", path: "/api/chat" });
    expect(JSON.parse(upstream.received[0]!.text)).toEqual({ model: "llama3", messages: user, stream: true });
    expect((await relay.recorded(1))[0]).toMatchObject({ status: 200, provider: "local", lane: "translate" });
  });

  test("a stream that breaks off ends in the client's error form", async () => {
    await start();
    upstream.script({ headers, chunks: [line({ content: "Hel" })] });
    const answer = await relay.post("/v1/chat/completions", { model: "llama3", messages: user, stream: true });
    const text = await answer.text();
    expect(dataOf(text).at(-1)).toHaveProperty("error.message");
    expect(text).not.toContain("[DONE]");
  });

  test("a whole answer that came as lines is put together", async () => {
    await start();
    const last = line({ content: "lo" }, { done: true, done_reason: "length" });
    upstream.script({ headers, chunks: [line({ content: "Hel" }), last] });
    const answer = await relay.post("/v1/messages", { model: "llama3", max_tokens: 9, messages: user });
    expect(await answer.json()).toMatchObject({
      content: [{ type: "text", text: "Hello" }],
      stop_reason: "max_tokens",
    });
    expect(JSON.parse(upstream.received[0]!.text)).toMatchObject({ stream: false, options: { num_predict: 9 } });
  });

  test("an unknown model is told in the client's words", async () => {
    await start();
    upstream.script({ status: 404, json: { error: 'model "llama3" not found, try pulling it first' } });
    const answer = await relay.post("/v1/chat/completions", { model: "llama3", messages: user });
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ error: { message: expect.stringContaining("try pulling it first") } });
    expect(upstream.received).toHaveLength(1);
  });

  test("embeddings go to the path it shares with OpenAI, and nothing of another vendor goes with them", async () => {
    await start();
    upstream.script({ json: { object: "list", data: [], model: "e", usage: { prompt_tokens: 1, total_tokens: 1 } } });
    const extra = { "anthropic-beta": "x", "openai-beta": "y" };
    const answer = await relay.post("/v1/embeddings", { model: "e", input: "x" }, extra);
    expect(answer.status).toBe(200);
    expect(upstream.received[0]!.path).toBe("/v1/embeddings");
    expect([...upstream.received[0]!.headers.keys()].filter((name) => /beta|authorization|api-key/.test(name))).toEqual(
      [],
    );
  });

  test("rerank, which it has not, is answered 404 without asking it", async () => {
    await start();
    const answer = await relay.post("/v1/rerank", { model: "e", query: "x", documents: ["y"] });
    expect(answer.status).toBe(404);
    expect(upstream.received).toHaveLength(0);
  });
});

describe("token counts", () => {
  const ask = { system: "Be brief.", messages: user };
  const start = async (entry: object) => {
    upstream = await startUpstream();
    relay = await startRelay(JSON.stringify({ providers: { cloud: { base_url: upstream.url, ...entry } } }));
  };
  const count = (model: string) => relay.post("/v1/messages/count_tokens", { model, ...ask });
  const sent = () => {
    expect(upstream.received).toHaveLength(1);
    const [{ path, query, text } = { path: "", query: "", text: "{}" }] = upstream.received;
    return { path: path + query, body: JSON.parse(text) as unknown };
  };

  test("at Bedrock, for the model behind a profile", async () => {
    await start({ provider_type: "bedrock", keys: [{ key: "a-bedrock-key" }] });
    upstream.script({ json: { inputTokens: 42 } });
    const answer = await count("us.anthropic.claude-sonnet-4-5-20250929-v1:0");
    expect(await answer.json()).toEqual({ input_tokens: 42 });
    expect(sent()).toEqual({
      path: "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/count-tokens",
      body: {
        input: {
          converse: { system: [{ text: "Be brief." }], messages: [{ role: "user", content: [{ text: "Hi" }] }] },
        },
      },
    });
  });

  test("at Vertex, where Claude is counted by a model of its own", async () => {
    await start({ provider_type: "vertex", project: "p", keys: [{ key: "an-express-key" }] });
    upstream.script({ json: { input_tokens: 42 } });
    expect(await (await count("claude-sonnet-4-5-20250929")).json()).toEqual({ input_tokens: 42 });
    expect(sent()).toEqual({
      path: "/v1/projects/p/locations/global/publishers/anthropic/models/count-tokens:rawPredict",
      body: { model: "claude-sonnet-4-5@20250929", system: "Be brief.", messages: user },
    });
  });

  test("at Vertex, where Gemini wants a whole request unwrapped", async () => {
    await start({ provider_type: "vertex", keys: [{ key: "an-express-key" }] });
    upstream.script({ json: { totalTokens: 42 } });
    expect(await (await count("gemini-2.5-flash")).json()).toEqual({ input_tokens: 42 });
    expect(sent()).toEqual({
      path: "/v1/publishers/google/models/gemini-2.5-flash:countTokens",
      body: {
        contents: [{ role: "user", parts: [{ text: "Hi" }] }],
        systemInstruction: { parts: [{ text: "Be brief." }] },
      },
    });
  });

  test("nowhere else: Ollama and Cohere are not asked", async () => {
    await start({ provider_type: "ollama" });
    expect((await count("llama3")).status).toBe(404);
    expect(upstream.received).toHaveLength(0);
  });
});

describe("azure", () => {
  const filter = { hate: { filtered: false, severity: "safe" } };
  const first = {
    choices: [],
    prompt_filter_results: [{ prompt_index: 0, content_filter_results: filter }],
    model: "",
    id: "",
  };
  const chunk = (delta: object, finish: string | null = null): object => ({
    ...{ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "gpt-4o" },
    choices: [{ index: 0, delta, finish_reason: finish, content_filter_results: filter }],
  });
  const start = async () => {
    upstream = await startUpstream();
    const entry = { provider_type: "azure", base_url: upstream.url, keys: [{ key: "an-azure-key" }] };
    relay = await startRelay(JSON.stringify({ providers: { cloud: entry } }));
  };
  const stream = [first, chunk({ role: "assistant", content: "Hi" }), chunk({}, "stop")]
    .map((value) => `data: ${JSON.stringify(value)}\n\n`)
    .concat("data: [DONE]\n\n");

  test("E56: the filter's first chunk reaches a chat client as it is, and harms no other client", async () => {
    await start();
    upstream.script({ chunks: stream });
    const own = await relay.post("/v1/chat/completions", { model: "gpt-4o", messages: user, stream: true });
    expect(own.headers.get("x-relay-lane")).toBe("pass-through");
    expect(await own.text()).toBe(stream.join(""));
    const other = await relay.post("/v1/messages", { model: "gpt-4o", max_tokens: 9, messages: user, stream: true });
    const text = await other.text();
    expect(text.match(/"type":"message_start"/g)).toHaveLength(1);
    expect(text).toContain('"text":"Hi"');
    expect(text).not.toContain("prompt_filter_results");
    expect(text).toContain("message_stop");
  });

  test("a prompt that the filter stops is refused in the client's words, and nobody else is asked", async () => {
    await start();
    const error = {
      ...{ message: "The response was filtered.", type: null, param: "prompt", code: "content_filter", status: 400 },
      innererror: { code: "ResponsibleAIPolicyViolation", content_filter_result: filter },
    };
    upstream.script({ status: 400, json: { error } });
    const own = await relay.post("/v1/chat/completions", { model: "gpt-4o", messages: user });
    expect([own.status, await own.json()]).toMatchObject([400, { error: { code: "content_filter", param: "prompt" } }]);
    const other = await relay.post("/v1/messages", { model: "gpt-4o", max_tokens: 9, messages: user });
    expect([other.status, await other.json()]).toMatchObject([
      400,
      { type: "error", error: { type: "invalid_request_error", message: "The response was filtered." } },
    ]);
    expect(upstream.received).toHaveLength(2);
  });

  test("a client of Responses is passed through to the same resource", async () => {
    await start();
    upstream.script({ status: 400, json: { error: { message: "no", code: "x" } } });
    await relay.post("/v1/responses", { model: "gpt-4o", input: "Hi", store: false });
    expect(upstream.received.map(({ path }) => path)).toEqual(["/openai/v1/responses"]);
    expect(upstream.received[0]!.headers.get("api-key")).toBe("an-azure-key");
  });
});

describe("what an upstream cannot be told", () => {
  const ask = { model: "llama3", messages: user, logit_bias: { 1: 5 }, user: "someone", seed: 7 };
  const start = async (rest: object = {}) => {
    const reply = { model: "llama3", message: { role: "assistant", content: "Hi" }, done: true, done_reason: "stop" };
    upstream = await startUpstream({ json: reply });
    const local = { provider_type: "ollama", base_url: upstream.url };
    relay = await startRelay(JSON.stringify({ providers: { local }, ...rest }));
  };

  test("is named in a header and in the record", async () => {
    await start();
    const answer = await relay.post("/v1/chat/completions", ask);
    expect(answer.headers.get("x-relay-dropped-params")).toBe("logit_bias, user");
    const [record] = await relay.recorded(1);
    expect(record).toMatchObject({ status: 200, droppedParams: ["logit_bias", "user"] });
    expect(JSON.parse(upstream.received[0]!.text)).toMatchObject({ options: { seed: 7 } });
  });

  test("is refused where the operator wants it so, and the upstream is not asked", async () => {
    await start({ model_routing: { unsupported_params: "reject" } });
    const answer = await relay.post("/v1/chat/completions", ask);
    expect([answer.status, await answer.json()]).toMatchObject([
      400,
      { error: { param: "logit_bias", code: "unsupported_parameter" } },
    ]);
    expect(upstream.received).toHaveLength(0);
  });
});

describe("a picture by its address", () => {
  const claude = "anthropic.claude-sonnet-4-5-20250929-v1:0";
  test.each([
    ["ollama", "llava", { message: { role: "assistant", content: "A dot." }, done: true }],
    [
      "bedrock",
      "amazon.nova-pro-v1:0",
      { output: { message: { content: [{ text: "A dot." }] } }, stopReason: "end_turn" },
    ],
    ["bedrock", claude, { content: [{ type: "text", text: "A dot." }], stop_reason: "end_turn" }],
  ])("reaches %s (%s) as bytes", async (type, model, json) => {
    upstream = await startUpstream(({ path }) =>
      path === "/dot.png" ? { chunks: [Buffer.from(PIXEL, "base64")] } : { json },
    );
    const cloud = { provider_type: type, base_url: upstream.url, keys: [{ key: "a-vendor-key" }] };
    const config = { providers: { cloud }, network: { allow_private_networks: ["127.0.0.0/8"] } };
    relay = await startRelay(JSON.stringify(config), NO_ACCOUNTS, undefined, async () => ["127.0.0.1"]);
    const url = `http://media.example:${upstream.port}/dot.png`;
    const content = [
      { type: "text", text: "What is it?" },
      { type: "image_url", image_url: { url } },
    ];
    const answer = await relay.post("/v1/chat/completions", { model, messages: [{ role: "user", content }] });
    expect([answer.status, await answer.json()]).toMatchObject([
      200,
      { choices: [{ message: { content: "A dot." } }] },
    ]);
    const [asked] = upstream.received.filter(({ method }) => method === "POST");
    expect(asked!.text).toContain(PIXEL);
    expect(asked!.text).not.toContain("media.example");
  });
});
