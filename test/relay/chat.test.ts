/** Chat calls end to end in one process: lanes, failover, streams, records, and what must not happen. */
import { afterEach, describe, expect, test } from "bun:test";
import { readJson } from "../support/json.ts";
import { KEY, startRelay, type TestRelay } from "../support/relay.ts";
import { sse, startUpstream, type Upstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

async function upstream(...script: Parameters<typeof startUpstream>): Promise<Upstream> {
  const started = await startUpstream(...script);
  open.push(started);
  return started;
}
async function relay(config: string): Promise<TestRelay> {
  const started = await startRelay(config);
  open.push(started);
  return started;
}

const chatAnswer = {
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "gpt-4o-2024",
  choices: [{ index: 0, message: { role: "assistant", content: "hi", refusal: null }, finish_reason: "stop" }],
  usage: { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 },
  unknown_field: { kept: true },
};
const ask = { model: "gpt-4o", messages: [{ role: "user", content: "hello" }] };
const chunk = (delta: object, finish: string | null = null) => ({
  id: "c1",
  object: "chat.completion.chunk",
  created: 1,
  model: "gpt-4o",
  choices: [{ index: 0, delta, finish_reason: finish }],
});
const usageChunk = {
  id: "c1",
  object: "chat.completion.chunk",
  created: 1,
  model: "gpt-4o",
  choices: [],
  usage: { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 },
};

/** Reads a stream to its end, opening the gate once the first bytes are here: what breaks later breaks a stream that has begun. */
async function readThrough(response: Response, gate: { resolve: () => void }): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of response.body!) {
    text += decoder.decode(piece, { stream: true });
    gate.resolve();
  }
  return text;
}

const openai = (url: string, more = "") => `
providers:
  one: { provider_type: openai, base_url: "${url}/v1", keys: [{ key: up-secret-1 }]${more} }
`;

describe("pass-through, whole", () => {
  test("the answer's bytes are the upstream's own, and one record says what it cost", async () => {
    const text = JSON.stringify(chatAnswer, null, 3);
    const up = await upstream({
      text,
      headers: { "content-type": "application/json", "x-request-id": "up-1", "set-cookie": "a=b", server: "x" },
    });
    const under = await relay(openai(up.url));
    const response = await under.post("/v1/chat/completions", ask);
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(text);
    expect(response.headers.get("set-cookie")).toBeNull();
    expect(response.headers.get("server")).toBeNull();
    expect(response.headers.get("x-relay-lane")).toBe("pass-through");
    expect(response.headers.get("x-upstream-request-id")).toBe("up-1");
    expect(response.headers.get("x-request-id")).toBe(response.headers.get("request-id"));
    const [record] = await under.recorded(1);
    expect(record).toMatchObject({
      lane: "pass-through",
      provider: "one",
      model: "gpt-4o",
      requestedModel: "gpt-4o",
      status: 200,
      failure: null,
      inputTokens: 7,
      outputTokens: 2,
      attempts: 1,
      streaming: false,
      principal: "access-key",
      upstreamId: "up-1",
    });
    expect(under.records).toHaveLength(1);
  });

  test("the request arrives byte for byte, but for the model's name", async () => {
    const up = await upstream({ json: chatAnswer });
    const under = await relay(`${openai(up.url)}
model_routing: { aliases: { fast: gpt-4o } }`);
    const body =
      '{ "messages":[ {"role":"user","content":"h\\u00e9 \\/"} ],\n "x-new": {"b":1,"a":[1.0]}, "model" : "fast" }';
    await under.post("/v1/chat/completions", body);
    expect(up.received[0]!.text).toBe(body.replace('"fast"', '"gpt-4o"'));
    expect(up.received[0]!.path).toBe("/v1/chat/completions");
    expect(up.received[0]!.headers.get("authorization")).toBe("Bearer up-secret-1");
  });

  test("no credential, cookie or forwarding header of the client reaches the upstream", async () => {
    const up = await upstream({ json: chatAnswer });
    const under = await relay(openai(up.url));
    await under.post("/v1/chat/completions", ask, {
      cookie: "session=canary-cookie",
      "x-api-key": KEY,
      "x-forwarded-for": "canary-forwarded",
      forwarded: "for=canary-forwarded",
      "x-custom": "canary-custom",
      "proxy-authorization": "canary-proxy",
      "openai-beta": "assistants=v2",
    });
    const seen = JSON.stringify([...up.received[0]!.headers]);
    expect(seen).not.toContain("canary");
    expect(seen).not.toContain(KEY);
    expect(up.received[0]!.headers.get("openai-beta")).toBe("assistants=v2");
  });
});

describe("pass-through, streamed", () => {
  test("events arrive as they were sent; usage asked for on our account stays here", async () => {
    const frames = sse(chunk({ role: "assistant", content: "" }), chunk({ content: "hi" }), chunk({}, "stop"));
    const up = await upstream({ chunks: [frames, sse(usageChunk), "data: [DONE]\n\n"] });
    const under = await relay(openai(up.url));
    const response = await under.post("/v1/chat/completions", { ...ask, stream: true });
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    expect(response.headers.get("x-accel-buffering")).toBe("no");
    expect(await response.text()).toBe(`${frames}data: [DONE]\n\n`);
    expect(JSON.parse(up.received[0]!.text)).toEqual({ ...ask, stream: true, stream_options: { include_usage: true } });
    const [record] = await under.recorded(1);
    expect(record).toMatchObject({
      inputTokens: 5,
      outputTokens: 3,
      finishReason: "stop",
      streaming: true,
      status: 200,
      failure: null,
    });
  });

  test("a client that asks for usage gets it, and its body is not touched", async () => {
    const frames = sse(chunk({ content: "hi" }), chunk({}, "stop"), usageChunk, "[DONE]");
    const up = await upstream({ chunks: [frames] });
    const under = await relay(openai(up.url));
    const body = JSON.stringify({ ...ask, stream: true, stream_options: { include_usage: true } });
    const response = await under.post("/v1/chat/completions", body);
    expect(await response.text()).toBe(frames);
    expect(up.received[0]!.text).toBe(body);
  });

  test("events are whole however the upstream cuts its bytes", async () => {
    const frames = sse(chunk({ content: "héé 😀" }), chunk({}, "stop"), "[DONE]");
    const bytes = new TextEncoder().encode(frames);
    const up = await upstream({ chunks: Array.from(bytes, (byte) => Uint8Array.of(byte)) });
    const under = await relay(openai(up.url));
    const response = await under.post("/v1/chat/completions", { ...ask, stream: true });
    const decoder = new TextDecoder();
    let all = "";
    for await (const piece of response.body!) {
      const text = decoder.decode(piece, { stream: true });
      expect(text.endsWith("\n\n")).toBe(true);
      all += text;
    }
    expect(all).toBe(frames);
  });

  test("a stream that breaks ends in the dialect's error, after the last whole event, without [DONE]", async () => {
    const first = sse(chunk({ content: "hi" }));
    const gate = Promise.withResolvers<void>();
    const up = await upstream({ chunks: [first, () => gate.promise, 'data: {"half'], end: "break" });
    const under = await relay(openai(up.url));
    const text = await readThrough(await under.post("/v1/chat/completions", { ...ask, stream: true }), gate);
    expect(text.startsWith(first)).toBe(true);
    const rest = text.slice(first.length);
    expect(rest).not.toContain("half");
    expect(rest).not.toContain("[DONE]");
    const error = JSON.parse(rest.replace(/^data: /, "")).error;
    expect(error.type).toBe("upstream_error");
    const [record] = await under.recorded(1);
    expect(record!.failure).toBe("upstream-malformed");
  });

  test("a stream that just stops is a failure; one with a finish but no [DONE] gets its [DONE]", async () => {
    const up = await upstream(
      { chunks: [sse(chunk({ content: "hi" }))] },
      { chunks: [sse(chunk({ content: "hi" }), chunk({}, "stop"))] },
    );
    const under = await relay(openai(up.url));
    const cut = await (await under.post("/v1/chat/completions", { ...ask, stream: true })).text();
    expect(cut).toContain('"error"');
    expect(cut).not.toContain("[DONE]");
    const done = await (await under.post("/v1/chat/completions", { ...ask, stream: true })).text();
    expect(done.endsWith("data: [DONE]\n\n")).toBe(true);
    expect(done).not.toContain('"error"');
    expect(under.records.map(({ failure }) => failure)).toEqual(["upstream-malformed", null]);
  });

  test("an error as the first event of a 200 is an error status, and the next provider is asked", async () => {
    const bad = await upstream({ chunks: [sse({ error: { message: "overloaded", type: "overloaded_error" } })] });
    const good = await upstream({ chunks: [sse(chunk({ content: "ok" }), chunk({}, "stop"), "[DONE]")] });
    const under = await relay(`
providers:
  bad: { base_url: "${bad.url}/v1", keys: [{ key: bad-secret }] }
  good: { base_url: "${good.url}/v1", keys: [{ key: good-secret }] }
`);
    const response = await under.post("/v1/chat/completions", { ...ask, stream: true });
    expect(response.headers.get("x-relay-provider")).toBe("good");
    expect(response.headers.get("x-relay-attempts")).toBe("2");
    expect(await response.text()).toContain("ok");
  });

  test("no failover once a byte has left", async () => {
    const gate = Promise.withResolvers<void>();
    const bad = await upstream({ chunks: [sse(chunk({ content: "hi" })), () => gate.promise], end: "break" });
    const good = await upstream({ chunks: [sse(chunk({ content: "never" }), "[DONE]")] });
    const under = await relay(`
providers:
  bad: { base_url: "${bad.url}/v1", keys: [{ key: bad-secret }] }
  good: { base_url: "${good.url}/v1", keys: [{ key: good-secret }] }
`);
    const text = await readThrough(await under.post("/v1/chat/completions", { ...ask, stream: true }), gate);
    expect(text).toContain("hi");
    expect(text).not.toContain("never");
    expect(good.received).toHaveLength(0);
  });

  test("a departed client ends the upstream call, and the record says so", async () => {
    const up = await upstream({ chunks: [sse(chunk({ content: "hi" }))], end: "hang" });
    const under = await relay(openai(up.url));
    const leaving = new AbortController();
    const response = await fetch(`${under.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
      body: JSON.stringify({ ...ask, stream: true }),
      signal: leaving.signal,
    });
    await response.body!.getReader().read();
    leaving.abort();
    await up.received[0]!.aborted;
    const [record] = await under.recorded(1);
    expect(record).toMatchObject({ failure: "client-closed", status: 499 });
    expect(under.services.active.size).toBe(0);
  });

  test("a client that leaves before the first byte ends the upstream call too", async () => {
    const arrived = Promise.withResolvers<void>();
    const up = await upstream({
      before: () => {
        arrived.resolve();
        return new Promise(() => {});
      },
    });
    const under = await relay(openai(up.url));
    const leaving = new AbortController();
    const asked = fetch(`${under.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
      body: JSON.stringify(ask),
      signal: leaving.signal,
    }).catch(() => {});
    await arrived.promise;
    leaving.abort();
    await asked;
    const gone = Promise.withResolvers<void>();
    up.received[0]!.aborted.then(gone.resolve);
    while (under.records.length === 0) {
      under.tick(500);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await gone.promise;
    expect(under.records[0]).toMatchObject({ failure: "client-closed", status: 499 });
  });

  test("a silent upstream is kept alive towards the client, and cut at the idle limit", async () => {
    const up = await upstream({ chunks: [sse(chunk({ content: "hi" }))], end: "hang" });
    const under = await relay(`${openai(up.url)}
timeouts: { idle: 60, sse_keepalive: 10 }`);
    const response = await under.post("/v1/chat/completions", { ...ask, stream: true });
    const reader = response.body!.getReader();
    const decoder = new TextDecoder();
    await reader.read();
    under.tick(10_000);
    expect(decoder.decode((await reader.read()).value)).toBe(": keep-alive\n\n");
    under.tick(60_000);
    const last = decoder.decode((await reader.read()).value);
    expect(last).toContain('"error"');
    expect((await reader.read()).done).toBe(true);
    const [record] = await under.recorded(1);
    expect(record!.failure).toBe("upstream-timeout");
  });
});

describe("translate", () => {
  const messagesAsk = { model: "gpt-4o", max_tokens: 50, messages: [{ role: "user", content: "hello" }] };

  test("a messages client is answered from a chat upstream, streamed, with its own end", async () => {
    const up = await upstream({
      chunks: [
        sse(
          chunk({ role: "assistant", content: "" }),
          chunk({ content: "hi" }),
          chunk({}, "stop"),
          usageChunk,
          "[DONE]",
        ),
      ],
    });
    const under = await relay(openai(up.url));
    const response = await under.post("/v1/messages", { ...messagesAsk, stream: true });
    const text = await response.text();
    expect(response.headers.get("x-relay-lane")).toBe("translate");
    expect(text).toContain("event: message_start");
    expect(text).toContain('"text":"hi"');
    expect(text.trimEnd().endsWith('data: {"type":"message_stop"}')).toBe(true);
    expect(text).not.toContain("[DONE]");
    const [record] = await under.recorded(1);
    expect(record).toMatchObject({
      inputTokens: 5,
      outputTokens: 3,
      finishReason: "stop",
      dialect: "anthropic-messages",
    });
  });

  test("what the upstream cannot take is named, or refused, as configured", async () => {
    const up = await upstream({
      json: {
        id: "msg_1",
        type: "message",
        role: "assistant",
        model: "claude",
        content: [{ type: "text", text: "ok" }],
        stop_reason: "end_turn",
        stop_sequence: null,
        usage: { input_tokens: 1, output_tokens: 1 },
      },
    });
    const config = `
providers:
  one: { provider_type: anthropic, base_url: "${up.url}", keys: [{ key: up-secret-1 }] }
`;
    const under = await relay(config);
    const response = await under.post("/v1/chat/completions", { ...ask, seed: 7 });
    expect(response.headers.get("x-relay-dropped-params")).toBe("seed");
    expect(under.records[0]!.droppedParams).toEqual(["seed"]);
    expect(up.received[0]!.headers.get("x-api-key")).toBe("up-secret-1");

    up.forget();
    const strict = await relay(`${config}\nmodel_routing: { unsupported_params: reject }`);
    const refused = await strict.post("/v1/chat/completions", { ...ask, seed: 7 });
    expect(refused.status).toBe(400);
    expect((await readJson(refused)).error.param).toBe("seed");
    expect(up.received).toHaveLength(0);
  });

  test("a broken chat upstream ends a messages stream in an error event, never in message_stop", async () => {
    const gate = Promise.withResolvers<void>();
    const up = await upstream({ chunks: [sse(chunk({ content: "hi" })), () => gate.promise], end: "break" });
    const under = await relay(openai(up.url));
    const text = await readThrough(await under.post("/v1/messages", { ...messagesAsk, stream: true }), gate);
    expect(text).toContain("event: error");
    expect(text).not.toContain("message_stop");
  });

  test("an upstream that streams though it was asked for a whole answer is collected, and the reverse is replayed", async () => {
    const whole = await upstream(
      { chunks: [sse(chunk({ content: "hi" }), chunk({}, "stop"), "[DONE]")] },
      { json: chatAnswer },
    );
    const under = await relay(openai(whole.url));
    const collected = await readJson(await under.post("/v1/chat/completions", ask));
    expect(collected.choices[0].message.content).toBe("hi");
    const replayed = await (await under.post("/v1/chat/completions", { ...ask, stream: true })).text();
    expect(replayed).toContain('"content":"hi"');
    expect(replayed.endsWith("data: [DONE]\n\n")).toBe(true);
  });
});

describe("failures before the first byte", () => {
  const rows: [
    name: string,
    status: number,
    body: unknown,
    expected: { status: number; type: string; next: boolean },
  ][] = [
    [
      "400 stops: the next one would say the same",
      400,
      { error: { message: "bad", type: "invalid_request_error" } },
      { status: 400, type: "invalid_request_error", next: false },
    ],
    [
      "401 is our key's fault: the next key is asked, the caller never sees 401",
      401,
      { error: { message: "Incorrect API key provided: up-secret-1" } },
      { status: 502, type: "upstream_error", next: true },
    ],
    ["403 likewise", 403, { error: { message: "no" } }, { status: 502, type: "upstream_error", next: true }],
    [
      "404 stops",
      404,
      { error: { message: "no such model", type: "invalid_request_error", code: "model_not_found" } },
      { status: 404, type: "invalid_request_error", next: false },
    ],
    [
      "429 moves on",
      429,
      { error: { message: "slow down", type: "requests" } },
      { status: 429, type: "rate_limit_error", next: true },
    ],
    ["500 moves on", 500, { error: { message: "boom" } }, { status: 502, type: "upstream_error", next: true }],
    ["503 moves on", 503, { error: { message: "busy" } }, { status: 503, type: "upstream_error", next: true }],
    ["529 moves on", 529, { error: { message: "busy" } }, { status: 503, type: "upstream_error", next: true }],
    ["302 is not followed", 302, {}, { status: 502, type: "upstream_error", next: true }],
  ];
  test.each(rows)("%s", async (_name, status, body, expected) => {
    const up = await upstream({ status, json: body, headers: status === 302 ? { location: "/elsewhere" } : {} });
    const under = await relay(`
providers:
  one: { base_url: "${up.url}/v1", keys: [{ key: up-secret-1 }, { key: up-secret-2, label: b }] }
`);
    const response = await under.post("/v1/chat/completions", ask);
    expect(response.status).toBe(expected.status);
    const text = await response.text();
    expect(JSON.parse(text).error.type).toBe(expected.type);
    expect(text).not.toContain("up-secret");
    expect(up.received).toHaveLength(expected.next ? 2 : 1);
    expect(up.received.every(({ path }) => path === "/v1/chat/completions")).toBe(true);
    expect(response.headers.get("x-should-retry")).toBe(expected.next ? "false" : null);
    const [record] = await under.recorded(1);
    expect(record).toMatchObject({ status: expected.status, attempts: expected.next ? 2 : 1 });
    expect(under.records).toHaveLength(1);
    expect(JSON.stringify([under.records, under.logLines])).not.toContain("up-secret");
  });

  test("a refusal in the client's own dialect is passed on byte for byte, without our key", async () => {
    const text =
      '{ "error": {"message":"key up-secret-1 cannot do that","type":"invalid_request_error","param":"n","code":null,"extra":1} }';
    const up = await upstream({ status: 422, text, headers: { "content-type": "application/json" } });
    const under = await relay(openai(up.url));
    const response = await under.post("/v1/chat/completions", ask);
    expect(response.status).toBe(422);
    expect(await response.text()).toBe(text.replace("up-secret-1", "[redacted]"));
  });

  test("a key that is limited rests as long as the upstream said, then works again", async () => {
    const up = await upstream(
      { status: 429, json: { error: { message: "slow" } }, headers: { "retry-after": "30" } },
      { json: chatAnswer },
    );
    const under = await relay(openai(up.url));
    const first = await under.post("/v1/chat/completions", ask);
    expect(first.status).toBe(429);
    expect(first.headers.get("retry-after")).toBe("30");
    const second = await under.post("/v1/chat/completions", ask);
    expect(second.status).toBe(503);
    expect((await readJson(second)).error.code).toBe("no_keys");
    expect(second.headers.get("retry-after")).toBe("30");
    expect(up.received).toHaveLength(1);
    under.tick(30_000);
    expect((await under.post("/v1/chat/completions", ask)).status).toBe(200);
  });

  test("an unreachable upstream is 502, and the next provider answers if there is one", async () => {
    const up = await upstream({ json: chatAnswer });
    const closed = await upstream({ json: {} });
    await closed.stop();
    const under = await relay(`
providers:
  gone: { base_url: "${closed.url}/v1", keys: [{ key: k1-secret }] }
  here: { base_url: "${up.url}/v1", keys: [{ key: k2-secret }], models: { include: [gpt-4o] } }
  last: { base_url: "${up.url}/v1", keys: [{ key: k3-secret }] }
`);
    const direct = await under.post("/v1/chat/completions", { ...ask, model: "x@gone" });
    expect(direct.status).toBe(502);
    const other = await under.post("/v1/chat/completions", { ...ask, model: "anything" });
    expect(other.headers.get("x-relay-provider")).toBe("last");
  });

  test("an answer that is no answer moves on", async () => {
    for (const reply of [
      { text: "<html>oops</html>", headers: { "content-type": "text/html" } },
      { text: "" },
      { json: {} },
      { json: [] },
    ]) {
      const up = await upstream(reply, { json: chatAnswer });
      const under = await relay(`
providers:
  one: { base_url: "${up.url}/v1", keys: [{ key: k1-secret }, { key: k2-secret, label: b }] }
`);
      const response = await under.post("/v1/chat/completions", ask);
      expect(response.status).toBe(200);
      expect(up.received).toHaveLength(2);
    }
  });

  test("a silent upstream is left at the first-token limit", async () => {
    const arrived = Promise.withResolvers<void>();
    const up = await upstream({
      before: () => {
        arrived.resolve();
        return new Promise(() => {});
      },
    });
    const under = await relay(`${openai(up.url, ", timeouts: { first_token: 5 }")}`);
    const asked = under.post("/v1/chat/completions", ask);
    await arrived.promise;
    under.tick(5_000);
    const response = await asked;
    expect(response.status).toBe(504);
    await up.received[0]!.aborted;
  });
});

describe("bad input is refused in the caller's dialect, and nothing upstream is called", () => {
  const rows: [name: string, path: string, body: string, status: number, check: RegExp][] = [
    ["broken JSON", "/v1/chat/completions", '{"model":"gpt-4o","messages":[', 400, /"code":"invalid_json"/],
    ["broken JSON, messages", "/v1/messages", "{", 400, /^\{"type":"error","error":\{"type":"invalid_request_error"/],
    ["no body", "/v1/chat/completions", "", 400, /no body/],
    ["an array", "/v1/chat/completions", "[]", 400, /not a JSON object/],
    ["model of a wrong type", "/v1/chat/completions", '{"model":5,"messages":[{}]}', 400, /"param":"model"/],
    ["no model", "/v1/chat/completions", '{"messages":[{"role":"user","content":"x"}]}', 400, /"param":"model"/],
    [
      "messages of a wrong type",
      "/v1/chat/completions",
      '{"model":"gpt-4o","messages":"hi"}',
      400,
      /"param":"messages"/,
    ],
    ["no messages", "/v1/chat/completions", '{"model":"gpt-4o","messages":[]}', 400, /"param":"messages"/],
    [
      "stream of a wrong type",
      "/v1/chat/completions",
      '{"model":"gpt-4o","messages":[{}],"stream":"yes"}',
      400,
      /"param":"stream"/,
    ],
    ["max_tokens missing", "/v1/messages", '{"model":"gpt-4o","messages":[{}]}', 400, /max_tokens/],
    ["two models", "/v1/chat/completions", '{"model":"gpt-4o","model":"other","messages":[{}]}', 400, /given twice/],
    [
      "unknown model",
      "/v1/chat/completions",
      '{"model":"gpt-4p","messages":[{}]}',
      404,
      /model_not_found.*|Did you mean/,
    ],
    ["unknown provider", "/v1/chat/completions", '{"model":"gpt-4o@nope","messages":[{}]}', 404, /no provider/],
  ];
  test.each(rows)("%s", async (_name, path, body, status, check) => {
    const up = await upstream({ json: chatAnswer });
    const under = await relay(`
providers:
  one: { base_url: "${up.url}/v1", keys: [{ key: k1-secret }], models: { include: [gpt-4o] } }
`);
    const response = await under.post(path, body);
    expect(response.status).toBe(status);
    const text = await response.text();
    expect(text).toMatch(check);
    expect(text).not.toMatch(/\bat \w+.*:\d+:\d+/);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(up.received).toHaveLength(0);
    expect(under.records).toHaveLength(1);
  });

  test("bytes that are not UTF-8", async () => {
    const up = await upstream({ json: chatAnswer });
    const under = await relay(openai(up.url));
    const body = new TextEncoder().encode('{"model":"gpt-4o","messages":[{"role":"user","content":"xx"}]}');
    body[52] = 0xff;
    const response = await fetch(`${under.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
      body,
    });
    expect(response.status).toBe(400);
    expect(up.received).toHaveLength(0);
  });
});
