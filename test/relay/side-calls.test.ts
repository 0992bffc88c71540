/** Embeddings and token counts end to end in one process: native, translated, guessed, refused; and what must not happen. */
import { afterEach, describe, expect, test } from "bun:test";
import { readJson } from "../support/json.ts";
import { KEY, startRelay, type TestRelay } from "../support/relay.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

async function start(
  script: Parameters<typeof startUpstream>[0],
  more = "",
): Promise<{ up: Upstream; under: TestRelay }> {
  const up = await startUpstream(script);
  open.push(up);
  const under = await startRelay(`
providers:
  echo: { provider_type: echo }
  chat: { base_url: "${up.url}/v1", keys: [{ key: vendor-key-1 }], models: { include: ["text-*", gpt-chat] } }
  responses: { base_url: "${up.url}/v1", dialects: [openai-responses], keys: [{ key: vendor-key-2 }], models: { include: [gpt-responses] } }
  messages: { provider_type: anthropic, base_url: "${up.url}", keys: [{ key: vendor-key-3 }], models: { include: ["claude-*"] } }
  gemini: { provider_type: gemini, base_url: "${up.url}", keys: [{ key: vendor-key-4 }], models: { include: ["gemini-*"] } }
${more}
`);
  open.push(under);
  return { up, under };
}

const openaiAnswer = {
  object: "list",
  data: [
    { object: "embedding", index: 0, embedding: [0.5, -1] },
    { object: "embedding", index: 1, embedding: [2, 0] },
  ],
  model: "text-embedding-3-small",
  usage: { prompt_tokens: 5, total_tokens: 5 },
  x_new: true,
};
const geminiAnswer = { embeddings: [{ values: [0.5, -1] }, { values: [2, 0] }] };

describe("embeddings", () => {
  test("between the same dialects, body and answer travel as they are", async () => {
    const text = JSON.stringify(openaiAnswer, null, 2);
    const { up, under } = await start({ text, headers: { "content-type": "application/json" } });
    const body = '{ "input":["a","b"], "x_new": 1.0, "model":"text-embedding-3-small" }';
    const answer = await under.post("/v1/embeddings", body);
    expect(await answer.text()).toBe(text);
    expect(up.received[0]!.text).toBe(body);
    expect(up.received[0]!.path).toBe("/v1/embeddings");
    expect((await under.recorded(1))[0]).toMatchObject({
      lane: "raw",
      operation: "embeddings",
      inputTokens: 5,
      status: 200,
    });
  });

  test("bytes asked for are given, also where the upstream knows only numbers; and the other way round", async () => {
    const { under } = await start({ json: openaiAnswer });
    const ask = { model: "text-embedding-3-small", input: ["a", "b"] };
    const bytes = await readJson(await under.post("/v1/embeddings", { ...ask, encoding_format: "base64" }));
    expect(bytes).toMatchObject({ data: [{ embedding: "AAAAPwAAgL8=" }, { embedding: "AAAAQAAAAAA=" }] });

    const packed = { ...openaiAnswer, data: [{ object: "embedding", index: 0, embedding: "AAAAPwAAgL8=" }] };
    const other = await start({ json: packed });
    const numbers = await readJson(await other.under.post("/v1/embeddings", { ...ask, input: "a" }));
    expect(numbers).toMatchObject({ data: [{ embedding: [0.5, -1] }] });
  });

  test("an OpenAI client gets its vectors from Gemini, in its order, with a count", async () => {
    const { up, under } = await start({ json: geminiAnswer });
    const answer = await under.post("/v1/embeddings", {
      model: "gemini-embedding-001",
      input: ["a", "b"],
      dimensions: 2,
      user: "u",
    });
    expect(await readJson(answer)).toEqual({
      object: "list",
      data: openaiAnswer.data,
      model: "gemini-embedding-001",
      usage: { prompt_tokens: 2, total_tokens: 2 },
    });
    expect(answer.headers.get("x-relay-dropped-params")).toBe("user");
    expect(up.received[0]!.path).toBe("/v1beta/models/gemini-embedding-001:batchEmbedContents");
    expect(up.received[0]!.headers.get("x-goog-api-key")).toBe("vendor-key-4");
    // Nobody counted: the guess in the answer is not written down as a fact.
    expect((await under.recorded(1))[0]).toMatchObject({ lane: "translate", inputTokens: null });
  });

  test("a Gemini client gets its vectors from an OpenAI upstream, one or many", async () => {
    const { up, under } = await start({ json: openaiAnswer });
    const content = (text: string) => ({ content: { parts: [{ text }] } });
    const many = await under.post("/v1beta/models/text-embedding-3-small:batchEmbedContents", {
      requests: [content("a"), content("b")],
    });
    expect(await readJson(many)).toEqual(geminiAnswer);
    expect(JSON.parse(up.received[0]!.text)).toEqual({
      model: "text-embedding-3-small",
      input: ["a", "b"],
      encoding_format: "float",
    });
    const one = await under.post("/v1beta/models/text-embedding-3-small:embedContent", content("a"));
    // Two vectors for one text is no answer.
    expect(one.status).toBe(502);
  });

  test("a Gemini client's own upstream gets its bytes; under another name, the name in them changes too", async () => {
    const { up, under } = await start(
      { json: geminiAnswer },
      "model_routing: { aliases: { small: gemini-embedding-001 } }",
    );
    const body =
      '{ "requests" : [{"model":"models/gemini-embedding-001","content":{"parts":[{"text":"a"}]},"x":1.0}] }';
    await under.post("/v1beta/models/gemini-embedding-001:batchEmbedContents", body);
    await under.post("/v1beta/models/small:batchEmbedContents", body.replace("gemini-embedding-001", "small"));
    expect(up.received[0]!.text).toBe(body);
    expect(JSON.parse(up.received[1]!.text)).toEqual(JSON.parse(body));
    expect(up.received[1]!.path).toBe("/v1beta/models/gemini-embedding-001:batchEmbedContents");
  });

  test("echo gives vectors to both", async () => {
    const { up, under } = await start({ status: 500 });
    const openai = await readJson(await under.post("/v1/embeddings", { model: "echo", input: "a" }));
    expect(openai).toMatchObject({ data: [{ embedding: [1, 0, 0, 0, 0, 0, 0, 0] }] });
    const google = await under.post("/v1beta/models/echo:embedContent", { content: { parts: [{ text: "a" }] } });
    expect(await readJson(google)).toEqual({ embedding: { values: [1, 0, 0, 0, 0, 0, 0, 0] } });
    expect(up.received).toEqual([]);
  });

  test.each([
    ["token ids for Gemini", "gemini-embedding-001", { input: [1, 2] }, 400],
    ["a model that only chats", "claude-sonnet-4-6", { input: "a" }, 404],
    ["nothing to embed", "text-embedding-3-small", {}, 400],
  ])("%s: refused, and nobody is asked", async (_name, model, body, status) => {
    const { up, under } = await start({ json: openaiAnswer });
    const answer = await under.post("/v1/embeddings", { model, ...body });
    expect(answer.status).toBe(status);
    expect(await readJson(answer)).toMatchObject({ error: { type: "invalid_request_error" } });
    expect(up.received).toEqual([]);
  });
});

describe("counting tokens", () => {
  const ask = { messages: [{ role: "user", content: "hello there" }] };
  const contents = [{ role: "user", parts: [{ text: "hello there" }] }];

  test("Anthropic's own count comes as it is", async () => {
    const { up, under } = await start({ json: { input_tokens: 14, x_new: 1 } });
    const body = { model: "claude-sonnet-4-6", ...ask, x: 1 };
    const answer = await under.post("/v1/messages/count_tokens?beta=true", body, { "anthropic-beta": "b-1" });
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(await readJson(answer)).toEqual({ input_tokens: 14, x_new: 1 });
    expect(up.received[0]).toMatchObject({ path: "/v1/messages/count_tokens", query: "?beta=true" });
    expect(JSON.parse(up.received[0]!.text)).toEqual(body);
    expect(up.received[0]!.headers.get("anthropic-beta")).toBe("b-1");
    expect((await under.recorded(1))[0]).toMatchObject({ operation: "count-tokens", lane: "raw", inputTokens: null });
  });

  test("an Anthropic client's request is counted by Gemini and by Responses, each asked in its own words", async () => {
    const { up, under } = await start({ json: { totalTokens: 7, input_tokens: 9, object: "response.input_tokens" } });
    const tools = [{ name: "now", input_schema: { type: "object" } }];
    const google = await under.post("/v1/messages/count_tokens", {
      model: "gemini-2.5-flash",
      ...ask,
      system: "s",
      tools,
    });
    expect(await readJson(google)).toEqual({ input_tokens: 7 });
    expect(up.received[0]!.path).toBe("/v1beta/models/gemini-2.5-flash:countTokens");
    expect(JSON.parse(up.received[0]!.text)).toMatchObject({
      generateContentRequest: {
        model: "models/gemini-2.5-flash",
        contents,
        systemInstruction: { parts: [{ text: "s" }] },
      },
    });
    const responses = await under.post("/v1/messages/count_tokens", { model: "gpt-responses", ...ask });
    expect(await readJson(responses)).toEqual({ input_tokens: 9 });
    expect(up.received[1]!.path).toBe("/v1/responses/input_tokens");
    expect(JSON.parse(up.received[1]!.text)).not.toHaveProperty("max_output_tokens");
  });

  test("a Gemini client's request is counted by Gemini as it is, by Anthropic translated", async () => {
    const { up, under } = await start({ json: { totalTokens: 7, input_tokens: 9 } });
    const own = await under.post("/v1beta/models/gemini-2.5-flash:countTokens", { contents });
    expect(await readJson(own)).toMatchObject({ totalTokens: 7 });
    expect(up.received[0]!.text).toBe(JSON.stringify({ contents }));
    const other = await under.post("/v1beta/models/claude-sonnet-4-6:countTokens", {
      generateContentRequest: { contents },
    });
    expect(await readJson(other)).toEqual({ totalTokens: 9 });
    expect(JSON.parse(up.received[1]!.text)).toEqual({
      model: "claude-sonnet-4-6",
      messages: [{ role: "user", content: "hello there" }],
    });
  });

  test("echo counts for both", async () => {
    const { under } = await start({ status: 500 });
    expect(await readJson(await under.post("/v1/messages/count_tokens", { model: "echo", ...ask }))).toEqual({
      input_tokens: expect.any(Number),
    });
    expect(await readJson(await under.post("/v1beta/models/echo:countTokens", { contents }))).toEqual({
      totalTokens: expect.any(Number),
    });
  });

  test.each([
    ["an upstream that only chats", "gpt-chat", { json: { input_tokens: 3 } }, 404, "not_found_error", 0],
    ["an upstream without the path", "claude-sonnet-4-6", { status: 404, json: {} }, 404, "not_found_error", 1],
    ["a count of nothing", "claude-sonnet-4-6", { json: { input_tokens: 0 } }, 502, "api_error", 1],
  ])("%s: an error, never 0", async (_name, model, reply, status, type, asked) => {
    const { up, under } = await start(reply);
    const answer = await under.post("/v1/messages/count_tokens", { model, ...ask });
    expect([answer.status, await readJson(answer)]).toMatchObject([status, { type: "error", error: { type } }]);
    expect(up.received).toHaveLength(asked);
  });

  test("by configuration a guess stands in, and says that it is one", async () => {
    const { up, under } = await start({ status: 404, json: {} }, "model_routing: { count_tokens: estimate }");
    for (const model of ["gpt-chat", "claude-sonnet-4-6"]) {
      const answer = await under.post("/v1/messages/count_tokens", {
        model,
        messages: [{ role: "user", content: "x".repeat(400) }],
      });
      expect(answer.headers.get("x-relay-estimated")).toBe("true");
      expect(answer.headers.get("content-type")).toBe("application/json");
      expect(await readJson(answer)).toEqual({ input_tokens: 104 });
    }
    expect(up.received).toHaveLength(1);
  });

  test("a picture counts as one, not as the text that its bytes are written in", async () => {
    const { under } = await start({ status: 404, json: {} }, "model_routing: { count_tokens: estimate }");
    const image = { type: "image", source: { type: "base64", media_type: "image/png", data: "A".repeat(400_000) } };
    const answer = await under.post("/v1/messages/count_tokens", {
      model: "gpt-chat",
      messages: [{ role: "user", content: [image] }],
    });
    expect(await readJson(answer)).toEqual({ input_tokens: 1504 });
  });

  test("what goes wrong here is not held against the key", async () => {
    const { up, under } = await start((received) =>
      received.path.endsWith("count_tokens")
        ? { status: 429, json: { type: "error", error: { type: "rate_limit_error", message: "slow" } } }
        : {
            json: {
              id: "m",
              type: "message",
              role: "assistant",
              model: "c",
              content: [],
              stop_reason: "end_turn",
              usage: {},
            },
          },
    );
    const model = "claude-sonnet-4-6";
    expect((await under.post("/v1/messages/count_tokens", { model, ...ask })).status).toBe(429);
    expect((await under.post("/v1/messages", { model, max_tokens: 5, ...ask })).status).toBe(200);
    expect(up.received).toHaveLength(2);
  });

  test("a request that is wrong in itself is refused in the upstream's words", async () => {
    const { under } = await start({
      status: 400,
      json: { type: "error", error: { type: "invalid_request_error", message: "tools: no" } },
    });
    const answer = await under.post("/v1/messages/count_tokens", { model: "claude-sonnet-4-6", ...ask });
    expect([answer.status, await readJson(answer)]).toMatchObject([400, { error: { message: "tools: no" } }]);
  });
});

describe("credits", () => {
  test("are those of the first provider that tells, asked once a minute and with its own key", async () => {
    const up = await startUpstream({ json: { data: { total_credits: 20, total_usage: 5.5 } } });
    open.push(up);
    const under = await startRelay(`
providers:
  echo: { provider_type: echo }
  router: { provider_type: openrouter, base_url: "${up.url}/api/v1", keys: [{ key: vendor-key-1 }] }
`);
    open.push(under);
    const ask = () => fetch(`${under.url}/v1/credits`, { headers: { authorization: `Bearer ${KEY}` } });
    const expected = {
      object: "credit_summary",
      provider: "router",
      currency: "USD",
      total_credits: 20,
      total_usage: 5.5,
      total_granted: 20,
      total_used: 5.5,
      total_available: 14.5,
    };
    expect(await readJson(await ask())).toEqual(expected);
    expect(await readJson(await ask())).toEqual(expected);
    expect(up.received.map(({ path }) => path)).toEqual(["/api/v1/credits"]);
    expect(up.received[0]!.headers.get("authorization")).toBe("Bearer vendor-key-1");
    under.clock.advance(60_000);
    up.script({ status: 401, json: { error: { message: "vendor-key-1 is bad" } } });
    const failed = await ask();
    expect(failed.status).toBe(502);
    expect(await failed.text()).not.toContain("vendor-key-1");
    expect((await under.recorded(3)).map(({ operation }) => operation)).toEqual(["credits", "credits", "credits"]);
  });

  test("nobody tells: 501, which says that asking again is no use", async () => {
    const { up, under } = await start({ status: 500 });
    const answer = await fetch(`${under.url}/v1/credits`, { headers: { authorization: `Bearer ${KEY}` } });
    expect([answer.status, await readJson(answer)]).toMatchObject([501, { error: { code: "not_supported" } }]);
    expect((await fetch(`${under.url}/v1/credits`)).status).toBe(401);
    expect(up.received).toEqual([]);
  });
});
