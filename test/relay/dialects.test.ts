/** Responses and Gemini clients end to end in one process: what a path says, what arrives upstream, how streams end. */
import { afterEach, describe, expect, test } from "bun:test";
import { readJson } from "../support/json.ts";
import { KEY, startRelay, type TestRelay } from "../support/relay.ts";
import type { Upstream } from "../support/upstream.ts";
import { startUpstream } from "../support/upstream.ts";
import { ANSWER, startVendors } from "../support/vendors.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

/** One provider per dialect, all at one upstream. */
async function start(more = "", upstream?: Upstream): Promise<{ up: Upstream; under: TestRelay }> {
  const up = upstream ?? (await startVendors());
  open.push(up);
  const under = await startRelay(`
providers:
  chat: { base_url: "${up.url}/v1", keys: [{ key: vendor-key-1 }], models: { include: [gpt-chat] } }
  responses: { base_url: "${up.url}/v1", dialects: [openai-responses], keys: [{ key: vendor-key-2 }], models: { include: [gpt-responses] } }
  messages: { provider_type: anthropic, base_url: "${up.url}", keys: [{ key: vendor-key-3 }], models: { include: ["claude-*"] } }
  gemini: { provider_type: gemini, base_url: "${up.url}", keys: [{ key: vendor-key-4 }], models: { include: ["gemini-*"] } }
${more === "" ? "model_routing: { aliases: { fast: gemini-2.5-flash } }" : more}
`);
  open.push(under);
  return { up, under };
}

const contents = [{ role: "user", parts: [{ text: "hello" }] }];
const GENERATE = "/v1beta/models/gemini-2.5-flash:generateContent";
const STREAM = "/v1beta/models/gemini-2.5-flash:streamGenerateContent";

describe("a Gemini client", () => {
  test("its body arrives byte for byte, whatever stands in it; only the path names the upstream's model", async () => {
    const { up, under } = await start();
    const body = '{ "contents" : [{"parts":[{"text":"h\\u00e9"}]}],\n "x_new":{"b":1,"a":[1.0]} }';
    const answer = await under.post("/v1beta/models/fast:generateContent?$unknown=1&key=&alt=json", body);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("x-relay-lane")).toBe("pass-through");
    const [got] = up.received;
    expect(got!.text).toBe(body);
    expect(got!.path).toBe("/v1beta/models/gemini-2.5-flash:generateContent");
    expect(got!.query).toBe("?$unknown=1");
    expect(got!.headers.get("x-goog-api-key")).toBe("vendor-key-4");
    expect(got!.headers.get("authorization")).toBeNull();
    expect((await under.recorded(1))[0]).toMatchObject({
      route: "/v1beta/models/{model}:generateContent",
      dialect: "gemini",
      requestedModel: "fast",
      model: "gemini-2.5-flash",
      inputTokens: 20,
      outputTokens: 10,
      finishReason: "stop",
    });
  });

  test.each([true, false])(
    "an answer that is a list reaches it as one, though OpenAI gives only objects (streamed: %s)",
    async (streamed) => {
      const wrapped = '{"monorelay_value":["a","b"]}';
      const chunk = (delta: object, finish: string | null = null) =>
        `data: ${JSON.stringify({ id: "c", model: "gpt-chat", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
      const cut = [wrapped.slice(0, 9), wrapped.slice(9, 23), wrapped.slice(23)];
      const whole = {
        id: "c",
        model: "gpt-chat",
        choices: [{ index: 0, message: { role: "assistant", content: wrapped }, finish_reason: "stop" }],
      };
      const reply = streamed
        ? {
            headers: { "content-type": "text/event-stream" },
            chunks: [...cut.map((content) => chunk({ content })), chunk({}, "stop"), "data: [DONE]\n\n"],
          }
        : { json: whole };
      const { up, under } = await start("", await startUpstream(reply));
      const schema = { type: "ARRAY", items: { type: "STRING" } };
      const body = { contents, generationConfig: { responseMimeType: "application/json", responseSchema: schema } };
      const answer = await under.post(
        `/v1beta/models/gpt-chat:${streamed ? "streamGenerateContent" : "generateContent"}`,
        body,
      );
      expect(JSON.parse(up.received[0]!.text).response_format.json_schema.schema).toMatchObject({
        type: "object",
        properties: { monorelay_value: { type: "array", items: { type: "string" } } },
      });
      const answers = [await answer.json()].flat() as { candidates: { content: { parts: { text: string }[] } }[] }[];
      const said = answers.flatMap(({ candidates }) => candidates[0]!.content.parts.map(({ text }) => text)).join("");
      expect(said).toBe('["a","b"]');
      expect(up.received).toHaveLength(1);
    },
  );

  test.each(["/v1", "/v1beta", "/v1alpha"])("is served below %s", async (root) => {
    const { under } = await start();
    const answer = await under.post(`${root}/models/gpt-chat:generateContent`, { contents });
    const body = await readJson(answer);
    expect(body).toMatchObject({ candidates: [{ content: { parts: [{ text: ANSWER.text }] }, finishReason: "STOP" }] });
  });

  test("names of models may hold slashes, colons and signs written as codes", async () => {
    const { up, under } = await start(`model_routing: { provider_mapping: { "*": gemini } }`);
    await under.post("/v1beta/models/vendor%2Fa:b%20c:generateContent", { contents });
    expect(up.received[0]!.path).toBe("/v1beta/models/vendor/a%3Ab%20c:generateContent");
    expect((await under.recorded(1))[0]!.requestedModel).toBe("vendor/a:b c");
  });

  const sse = (text: string) => text.split("\r\n\r\n").filter((event) => event !== "");

  test.each(["gemini-2.5-flash", "gpt-chat", "claude-sonnet-4-6", "gpt-responses"])(
    "asked for events, %s streams them, with no mark at the end",
    async (model) => {
      const { under } = await start();
      const answer = await under.post(`/v1beta/models/${model}:streamGenerateContent?alt=sse`, { contents });
      expect(answer.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
      const text = await answer.text();
      expect(text).toEndWith("\r\n\r\n");
      expect(text).not.toContain("[DONE]");
      const chunks = sse(text).map((event) => JSON.parse(event.replace(/^data: /, "")));
      expect(
        chunks
          .flatMap((chunk) => chunk.candidates[0].content.parts.map((part: { text: string }) => part.text))
          .join(""),
      ).toBe(ANSWER.text);
      expect(chunks.at(-1).candidates[0].finishReason).toBe("STOP");
    },
  );

  test.each(["gemini-2.5-flash", "gpt-chat"])("not asked for events, %s streams one JSON array", async (model) => {
    const { up, under } = await start();
    const answer = await under.post(`/v1beta/models/${model}:streamGenerateContent`, { contents });
    expect(answer.headers.get("content-type")).toContain("application/json");
    const chunks = (await answer.json()) as { candidates: { finishReason?: string }[] }[];
    expect(chunks.length).toBeGreaterThan(1);
    expect(chunks.at(-1)!.candidates[0]!.finishReason).toBe("STOP");
    if (model.startsWith("gemini")) expect(up.received[0]!.query).toBe("?alt=sse");
  });

  test("an array whose upstream breaks off is closed behind the error", async () => {
    const { under } = await start();
    const body = { contents: [{ parts: [{ text: "break off" }] }] };
    const answer = await under.post(STREAM, body);
    const chunks = (await answer.json()) as { error?: { code: number; status: string } }[];
    expect(chunks.at(-1)!.error).toMatchObject({ code: 502, status: "UNAVAILABLE" });
    expect(chunks[0]!.error).toBeUndefined();
    expect((await under.recorded(1))[0]).toMatchObject({ status: 502, failure: "upstream-malformed" });
  });

  test("the chunks of an array are the upstream's own, also when its last holds a picture", async () => {
    const picture = "A".repeat(200_000);
    const last = {
      candidates: [
        { content: { parts: [{ inlineData: { mimeType: "image/png", data: picture } }] }, finishReason: "STOP" },
      ],
      usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 2, totalTokenCount: 3 },
      x_new: true,
    };
    const chunks = [
      `data: {"candidates":[{"content":{"parts":[{"text":"a"}]}}]}\r\n\r\n`,
      `data: ${JSON.stringify(last)}\r\n\r\n`,
    ];
    const { under } = await start("", await startUpstream({ chunks }));
    for (const [query, read] of [
      ["", (text: string) => JSON.parse(text)[1]],
      ["?alt=sse", (text: string) => JSON.parse(sse(text)[1]!.slice("data: ".length))],
    ] as const) {
      expect(read(await (await under.post(STREAM + query, { contents })).text())).toEqual(last);
    }
    for (const record of await under.recorded(2))
      expect(record).toMatchObject({ finishReason: "stop", outputTokens: 2, failure: null });
  });

  test("the credential may stand in the query, and is neither passed on nor logged", async () => {
    const { up, under } = await start();
    const headers = { "content-type": "application/json" };
    const ask = (query: string, more = {}) =>
      fetch(`${under.url}${GENERATE}${query}`, {
        method: "POST",
        headers: { ...headers, ...more },
        body: JSON.stringify({ contents }),
      });
    expect((await ask(`?key=${KEY}`)).status).toBe(200);
    expect((await ask(`?key=${KEY}&a=b`, { "x-goog-api-key": KEY })).status).toBe(200);
    expect(up.received.map(({ query }) => query)).toEqual(["", "?a=b"]);
    expect(under.logLines.join("\n")).not.toContain(KEY);

    const refused = await ask("?key=not-the-key");
    expect(refused.status).toBe(401);
    expect(await refused.text()).toBe('{"error":{"code":401,"message":"Unauthorized","status":"UNAUTHENTICATED"}}');
    expect((await ask(`?key=${KEY}x`, { "x-goog-api-key": KEY })).status).toBe(401);
    expect(up.received).toHaveLength(2);
  });

  test("a key in the query opens no other family", async () => {
    const { up, under } = await start();
    const answer = await fetch(`${under.url}/v1/chat/completions?key=${KEY}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "gpt-chat", messages: [{ role: "user", content: "x" }] }),
    });
    expect(answer.status).toBe(401);
    expect(up.received).toEqual([]);
  });

  const bad: [name: string, path: string, body: unknown, status: number, word: string][] = [
    ["no contents", GENERATE, {}, 400, "INVALID_ARGUMENT"],
    ["a body that is no JSON", GENERATE, "{", 400, "INVALID_ARGUMENT"],
    ["an unknown model", "/v1beta/models/nobody:generateContent", { contents }, 404, "NOT_FOUND"],
    ["an unknown verb", "/v1beta/models/gemini-2.5-flash:dance", { contents }, 404, "NOT_FOUND"],
    ["a name that is no text", "/v1beta/models/%ff:generateContent", { contents }, 400, "INVALID_ARGUMENT"],
    ["a path of no kind", "/v1beta/nothing", { contents }, 404, "NOT_FOUND"],
  ];
  test.each(bad)("%s is refused in its own words, and nobody is asked", async (_name, path, body, status, word) => {
    const { up, under } = await start();
    const answer = await under.post(path, body);
    expect(answer.status).toBe(status);
    expect(await readJson(answer)).toMatchObject({
      error: { code: status, status: word, message: expect.any(String) },
    });
    expect(answer.headers.get("x-request-id")).toMatch(/^req_/);
    expect(up.received).toEqual([]);
  });

  test("a wrong method is answered with the right one", async () => {
    const { under } = await start();
    const answer = await fetch(under.url + GENERATE, { headers: { authorization: `Bearer ${KEY}` } });
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, "POST"]);
  });

  test("browsers are answered below all three roots", async () => {
    const { under } = await start();
    const headers = {
      origin: "https://app.example",
      "access-control-request-method": "POST",
      "access-control-request-headers": "x-goog-api-key",
    };
    for (const root of ["v1", "v1beta", "v1alpha"]) {
      const answer = await fetch(`${under.url}/${root}/models/x:generateContent`, { method: "OPTIONS", headers });
      expect(answer.headers.get("access-control-allow-origin")).toBe("*");
      expect(answer.headers.get("access-control-allow-headers")).toContain("x-goog-api-key");
    }
    const answer = await under.post(GENERATE, { contents }, { origin: "https://app.example" });
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
  });
});

describe("one path, three shapes", () => {
  test("chat's path answers in the shape of the body it got", async () => {
    const { up, under } = await start();
    const ask = [{ role: "user", content: "x" }];
    const chat = await readJson(await under.post("/v1/chat/completions", { model: "gpt-chat", messages: ask }));
    expect(chat.object).toBe("chat.completion");
    const response = await readJson(await under.post("/v1/chat/completions", { model: "gpt-chat", input: ask }));
    expect(response).toMatchObject({ object: "response", status: "completed" });
    const body = { model: "claude-sonnet-4-6", max_tokens: 9, system: [{ type: "text", text: "s" }], messages: ask };
    const message = await under.post("/v1/chat/completions", body);
    expect(await readJson(message)).toMatchObject({ type: "message", stop_reason: "end_turn" });
    expect(message.headers.get("x-relay-lane")).toBe("pass-through");
    expect(up.received.at(-1)!.text).toBe(JSON.stringify(body));
    const bad = await under.post("/v1/chat/completions", { ...body, max_tokens: undefined });
    expect(await readJson(bad)).toMatchObject({ type: "error", error: { type: "invalid_request_error" } });
    for (const record of await under.recorded(4)) expect(record.route).toBe("/v1/chat/completions");
  });
});

describe("completions", () => {
  test("go as they are to an upstream that has them", async () => {
    const text = '{"id":"cmpl-1","object":"text_completion","choices":[]}';
    const { up, under } = await start(
      "",
      await startUpstream({ text, headers: { "content-type": "application/json" } }),
    );
    const body = '{ "model":"gpt-chat", "prompt":["a","b"], "echo":true, "x":1.0 }';
    expect(await (await under.post("/v1/completions", body)).text()).toBe(text);
    expect([up.received[0]!.path, up.received[0]!.text]).toEqual(["/v1/completions", body]);
  });

  test.each(["claude-sonnet-4-6", "gemini-2.5-flash", "gpt-responses"])(
    "a plain prompt is answered by %s, which only chats, whole and streamed",
    async (model) => {
      const { under } = await start();
      const whole = await readJson(
        await under.post("/v1/completions", { model, prompt: "hello", max_tokens: 50, n: 1 }),
      );
      expect(whole).toMatchObject({
        object: "text_completion",
        choices: [{ text: ANSWER.text, index: 0, logprobs: null, finish_reason: "stop" }],
        usage: { prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 },
      });
      const ask = { model, prompt: ["hello"], stream: true, stream_options: { include_usage: true } };
      const text = await (await under.post("/v1/completions", ask)).text();
      expect(text).toEndWith("data: [DONE]\n\n");
      const chunks = text
        .split("\n\n")
        .filter((event) => event.startsWith("data: {"))
        .map((event) => JSON.parse(event.slice("data: ".length)));
      expect(chunks.map(({ choices }) => choices[0]?.text ?? "").join("")).toBe(ANSWER.text);
      expect(chunks.flatMap(({ choices }) => choices[0]?.finish_reason ?? [])).toEqual(["stop"]);
      expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 30 } });
      for (const record of await under.recorded(2)) {
        expect(record).toMatchObject({
          operation: "completions",
          route: "/v1/completions",
          lane: "translate",
          status: 200,
        });
      }
    },
  );

  test.each([
    ["several prompts", { prompt: ["a", "b"] }, "prompt"],
    ["token ids", { prompt: [1, 2] }, "prompt"],
    ["a suffix", { prompt: "a", suffix: "z" }, "suffix"],
    ["the prompt again", { prompt: "a", echo: true }, "echo"],
    ["probabilities", { prompt: "a", logprobs: 0 }, "logprobs"],
    ["the best of several", { prompt: "a", best_of: 2 }, "best_of"],
    ["several answers", { prompt: "a", n: 2 }, "n"],
  ])("%s: not what a chat can answer, so it is refused by name", async (_name, body, param) => {
    const { up, under } = await start();
    const answer = await under.post("/v1/completions", { model: "claude-sonnet-4-6", ...body });
    expect([answer.status, await readJson(answer)]).toMatchObject([400, { error: { param } }]);
    expect(up.received).toEqual([]);
  });
});

describe("keep-alives", () => {
  const ways: [name: string, path: string, body: object, expected: string][] = [
    [
      "Responses: an event, as comments do not count with its clients",
      "/v1/responses",
      { model: "MODEL", input: "x", stream: true },
      'event: keepalive\ndata: {"type":"keepalive"}\n\n',
    ],
    ["Gemini: a comment", "/v1beta/models/MODEL:streamGenerateContent?alt=sse", { contents }, ": keep-alive\r\n\r\n"],
    ["Gemini's array: white space", "/v1beta/models/MODEL:streamGenerateContent", { contents }, "\n"],
    [
      "messages: a ping",
      "/v1/messages",
      { model: "MODEL", max_tokens: 9, stream: true, messages: [{ role: "user", content: "x" }] },
      'event: ping\ndata: {"type":"ping"}\n\n',
    ],
  ];
  test.each(ways)("%s, in a silence of the upstream and between its events", async (_name, path, body, expected) => {
    const first = `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n`;
    const { under } = await start(
      "timeouts: { idle: 60, sse_keepalive: 10 }",
      await startUpstream({ chunks: [first], end: "hang" }),
    );
    const asked = JSON.parse(JSON.stringify(body).replace("MODEL", "gpt-chat"));
    const answer = await under.post(path.replace("MODEL", "gpt-chat"), asked);
    const reader = answer.body!.getReader();
    const decoder = new TextDecoder();
    let text = "";
    while (!text.includes("hi")) text += decoder.decode((await reader.read()).value, { stream: true });
    under.tick(10_000);
    expect(decoder.decode((await reader.read()).value)).toBe(expected);
    await reader.cancel();
  });
});

describe("messages with betas in the body", () => {
  test.each([
    ["a text", "b-1", undefined, "b-1"],
    ["a list", ["b-1", "b-2"], undefined, "b-1,b-2"],
    ["beside the header", ["b-2"], "b-1", "b-1,b-2"],
    ["nothing", undefined, "b-1", "b-1"],
  ])("%s: they become the header and leave the body", async (_name, beta, header, expected) => {
    const { up, under } = await start();
    const body = { model: "claude-sonnet-4-6", max_tokens: 9, messages: [{ role: "user", content: "x" }] };
    const headers: Record<string, string> = header === undefined ? {} : { "anthropic-beta": header };
    const answer = await under.post("/v1/messages/beta", { ...body, beta }, headers);
    expect(answer.status).toBe(200);
    expect(up.received[0]!.path).toBe("/v1/messages");
    expect(up.received[0]!.text).toBe(JSON.stringify(body));
    expect(up.received[0]!.headers.get("anthropic-beta")).toBe(expected);
  });

  test("what could break out of a header is no header", async () => {
    const { up, under } = await start();
    const body = { model: "claude-sonnet-4-6", max_tokens: 9, messages: [{ role: "user", content: "x" }] };
    await under.post("/v1/messages/beta", { ...body, beta: "a\r\nx-evil: 1" });
    expect(up.received[0]!.headers.get("anthropic-beta")).toBeNull();
    expect(up.received[0]!.headers.get("x-evil")).toBeNull();
  });
});

describe("an Anthropic client", () => {
  const thought = { type: "thinking", thinking: "Hm." };
  const ask = (signature: string, model: string) => ({
    model,
    max_tokens: 9,
    messages: [
      { role: "user", content: "Hi" },
      {
        role: "assistant",
        content: [
          { ...thought, signature },
          { type: "text", text: "Hello" },
        ],
      },
      { role: "user", content: "More" },
    ],
  });

  test("that returns thinking which nobody signed is not refused for it by Anthropic", async () => {
    const { up, under } = await start();
    const answer = await under.post("/v1/messages", ask("", "claude-sonnet-4-6"));
    expect(answer.status).toBe(200);
    expect(answer.headers.get("x-relay-dropped-params")).toBe("reasoning");
    expect(up.received[0]!.text).not.toContain("thinking");
    expect(up.received).toHaveLength(1);
  });

  test("that returns signed thinking is passed through, and so is any thinking to a server that signs none", async () => {
    const up = await startVendors();
    const { under } = await start(
      `  glm: { provider_type: anthropic, base_url: "${up.url}", keys: [{ key: vendor-key-5 }], models: { include: [glm-4.6] } }`,
      up,
    );
    for (const body of [ask("c2ln", "claude-sonnet-4-6"), ask("", "glm-4.6")].map((b) => JSON.stringify(b))) {
      const answer = await under.post("/v1/messages", body);
      expect(answer.headers.get("x-relay-lane")).toBe("pass-through");
      expect(up.received.at(-1)!.text).toBe(body);
    }
  });
});

describe("a Responses client", () => {
  test("its body arrives byte for byte, but for the model's name", async () => {
    const { up, under } = await start("model_routing: { aliases: { fast: gpt-responses } }");
    const body =
      '{ "input":"h\\u00e9", "store":true,\n "previous_response_id":"resp_1", "x":{"b":1.0}, "model" : "fast" }';
    const answer = await under.post("/v1/responses", body);
    expect(answer.headers.get("x-relay-lane")).toBe("pass-through");
    expect(up.received[0]!.text).toBe(body.replace('"fast"', '"gpt-responses"'));
    expect(up.received[0]!.path).toBe("/v1/responses");
  });

  test("the last event of a stream may be larger than all that is kept of others", async () => {
    const output = [
      {
        id: "msg_1",
        type: "message",
        role: "assistant",
        status: "completed",
        content: [{ type: "output_text", text: "x".repeat(300_000), annotations: [] }],
      },
    ];
    const response = {
      id: "resp_1",
      object: "response",
      status: "completed",
      model: "m",
      output,
      usage: { input_tokens: 3, output_tokens: 4, total_tokens: 7 },
      tools: [],
    };
    const event = (body: { type: string }) => `event: ${body.type}\ndata: ${JSON.stringify(body)}\n\n`;
    const text = [
      event({ type: "response.created", response: { ...response, status: "in_progress", output: [] } } as never),
      event({ type: "response.output_item.added", output_index: 0, item: { ...output[0], content: [] } } as never),
      event({ type: "response.completed", response } as never),
    ].join("");
    const cut = [text.slice(0, 900), text.slice(900, 250_000), text.slice(250_000)];
    const { under } = await start("", await startUpstream({ chunks: cut }));
    const answer = await under.post("/v1/responses", { model: "gpt-responses", input: "x", stream: true });
    expect(await answer.text()).toBe(text);
    expect((await under.recorded(1))[0]).toMatchObject({ status: 200, failure: null, inputTokens: 3, outputTokens: 4 });
  });

  test("what only its own vendor could look up is refused elsewhere, and nobody is asked", async () => {
    const { up, under } = await start();
    for (const model of ["gpt-chat", "claude-sonnet-4-6", "gemini-2.5-flash"]) {
      for (const more of [{ previous_response_id: "resp_1" }, { conversation: "conv_1" }, { background: true }]) {
        const answer = await under.post("/v1/responses", { model, input: "x", ...more });
        expect(answer.status).toBe(400);
        expect(await readJson(answer)).toMatchObject({
          error: { code: "previous_response_not_supported", param: Object.keys(more)[0]! },
        });
      }
    }
    expect(up.received).toEqual([]);
  });

  test.each(["gpt-chat", "claude-sonnet-4-6", "gemini-2.5-flash"])(
    "a stream that %s breaks off ends with response.failed, once, with its number in the row",
    async (model) => {
      const { under } = await start();
      const answer = await under.post("/v1/responses", { model, input: "break off", stream: true });
      const events = (await answer.text())
        .split("\n\n")
        .flatMap((event) => /^data: (.*)$/m.exec(event)?.[1] ?? [])
        .map((data) => JSON.parse(data));
      expect(events.map(({ type }) => type).filter((type) => /failed|completed|^error$/.test(type))).toEqual([
        "response.failed",
      ]);
      const { response, sequence_number } = events.at(-1);
      expect(response.error).toMatchObject({ code: "server_error", message: expect.any(String) });
      // It is the response that began, with what was said, and its number follows the others.
      expect(response.id).toBe(events[0].response.id);
      expect(response.created_at).toBe(events[0].response.created_at);
      expect(response.model).toBe(events[0].response.model);
      expect(sequence_number).toBe(events.length - 1);
      const said = events.filter(({ type }) => type.endsWith("text.delta")).map(({ delta }) => delta);
      expect(JSON.stringify(response.output)).toContain(said.join(""));
      expect(events.filter(({ type }) => type === "response.output_item.done")).toHaveLength(response.output.length);
    },
  );

  test("fields that the upstream cannot be told are named, in header and record", async () => {
    const { under } = await start();
    const answer = await under.post("/v1/chat/completions", {
      model: "claude-sonnet-4-6",
      messages: [{ role: "user", content: "x" }],
      seed: 7,
      logit_bias: { "1": 1 },
    });
    expect(answer.headers.get("x-relay-dropped-params")?.split(", ").toSorted()).toEqual(["logit_bias", "seed"]);
    expect((await under.recorded(1))[0]!.droppedParams?.toSorted()).toEqual(["logit_bias", "seed"]);
  });
});
