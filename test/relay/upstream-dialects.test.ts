/** Calls to upstreams that speak a dialect of their own: whole, streamed in their own envelope, and failing. */
import { afterEach, describe, expect, test } from "bun:test";
import { startRelay, type TestRelay } from "../support/relay.ts";
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
