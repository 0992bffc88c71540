/** What operators wish of request bodies: parameters by layer, system prompts, models without tools; in every dialect and lane. */
import { afterEach, describe, expect, test } from "bun:test";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";
import { startVendors } from "../support/vendors.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

/** `more`: sections; `own`: further keys of every provider. */
async function start(more: string, own = ""): Promise<{ up: Upstream; under: TestRelay }> {
  const up = await startVendors();
  open.push(up);
  const under = await startRelay(`
providers:
  chat: { base_url: "${up.url}/v1", keys: [{ key: vendor-key-1 }], models: { include: [gpt-chat] }${own} }
  responses: { base_url: "${up.url}/v1", dialects: [openai-responses], keys: [{ key: vendor-key-2 }], models: { include: [gpt-responses] }${own} }
  messages: { provider_type: anthropic, base_url: "${up.url}", keys: [{ key: vendor-key-3 }], models: { include: ["claude-*"] }${own} }
  gemini: { provider_type: gemini, base_url: "${up.url}", keys: [{ key: vendor-key-4 }], models: { include: ["gemini-*"] }${own} }
${more}
`);
  open.push(under);
  return { up, under };
}

const CHAT = "/v1/chat/completions";
const GENERATE = "/v1beta/models/gemini-2.5-flash:generateContent";
const messages = [{ role: "user", content: "hello" }];
const contents = [{ role: "user", parts: [{ text: "hello" }] }];

/** The same request in each dialect, to the upstream of that dialect. */
const REQUESTS = {
  chat: [CHAT, { model: "gpt-chat", messages }],
  responses: ["/v1/responses", { model: "gpt-responses", input: "hello" }],
  messages: ["/v1/messages", { model: "claude-haiku-4-5", max_tokens: 9, messages }],
  gemini: [GENERATE, { contents }],
} as const;

async function sent(up: Upstream, under: TestRelay, name: keyof typeof REQUESTS, more: object = {}) {
  const [path, body] = REQUESTS[name];
  up.forget();
  const answer = await under.post(path, { ...body, ...more });
  expect([answer.status, up.received.length]).toEqual([200, 1]);
  return { body: JSON.parse(up.received[0]!.text), answer, text: up.received[0]!.text };
}

describe("parameters", () => {
  test("later layers win: client, by model, rules, global, provider, provider by model", async () => {
    const layer = (value: number) => `{ seed: ${value}, a${value}: ${value}, z: ${value} }`;
    const { up, under } = await start(
      `
model_routing:
  model_params: [{ model_pattern: "nobody*", params: { x: 1 } }, { model_pattern: "gpt-*", params: ${layer(1)} }, { model_pattern: "*", params: { never: 1 } }]
  payload_transformation: { enabled: true, rules: [{ models: ["gpt-*"], override_params: ${layer(2)} }, { models: ["claude*"], override_params: { never: 1 } }] }
  global_params: { enabled: true, mode: override, params: ${layer(3)} }
`,
      `, params: ${layer(4)}, model_params: [{ model_pattern: "gpt-chat", params: ${layer(5)} }]`,
    );
    const { body } = await sent(up, under, "chat", { seed: 0, z: 0 });
    expect(body).toEqual({ ...REQUESTS.chat[1], seed: 5, z: 5, a1: 1, a2: 2, a3: 3, a4: 4, a5: 5 });
  });

  test.each(["messages", "gemini"] as const)("what only OpenAI knows is named, and not sent to: %s", async (name) => {
    const params =
      "{ safety_identifier: h, prompt_cache_key: k, prompt_cache_options: { mode: explicit }, store: true }";
    const { up, under } = await start(`model_routing: { model_params: [{ model_pattern: "*", params: ${params} }] }`);
    const { body, answer } = await sent(up, under, name);
    expect(body).toEqual(REQUESTS[name][1]);
    expect(answer.headers.get("x-relay-dropped-params")?.split(", ").toSorted()).toEqual([
      "prompt_cache_key",
      "prompt_cache_options",
      "safety_identifier",
      "store",
    ]);
    const { body: chat } = await sent(up, under, "chat");
    expect(chat).toMatchObject({ safety_identifier: "h", prompt_cache_key: "k", store: true });
  });

  test("a tier of service stands where each vendor has it", async () => {
    const { up, under } = await start(
      `model_routing: { model_params: [{ model_pattern: "*", params: { service_tier: priority } }] }`,
    );
    for (const name of ["chat", "responses"] as const) {
      expect((await sent(up, under, name)).body.service_tier).toBe("priority");
    }
    const { body } = await sent(up, under, "gemini");
    expect(body).toEqual({ ...REQUESTS.gemini[1], serviceTier: "priority" });
  });

  test("everything that no wish touches arrives as it was written", async () => {
    const { up, under } = await start(
      `model_routing: { model_params: [{ model_pattern: "*", params: { temperature: 0.5, added: { a: 1 } } }] }`,
    );
    const body = `{ "model":"gpt-chat",\n "temperature" : 1.0, "x" : [1.0, {"b":1,"a":2}] , "messages":[{"role":"user","content":"h\\u00e9"}] }`;
    await under.post(CHAT, body);
    expect(up.received[0]!.text).toBe(
      body.replace('"temperature" : 1.0', '"temperature" : 0.5').replace("}] }", '}],"added":{"a":1} }'),
    );
  });

  test("filling gaps leaves what the caller said, under either name and however deep", async () => {
    const { up, under } = await start(
      "model_routing: { global_params: { enabled: true, mode: default, params: { max_tokens: 5, temperature: 0.5, seed: 7 } } }",
    );
    expect((await sent(up, under, "chat", { max_completion_tokens: 3, temperature: 0 })).body).toEqual({
      ...REQUESTS.chat[1],
      max_completion_tokens: 3,
      temperature: 0,
      seed: 7,
    });
    expect((await sent(up, under, "chat", { temperature: null })).body.temperature).toBe(0.5);
    expect((await sent(up, under, "gemini", { generation_config: { temperature: 0 } })).body.generation_config).toEqual(
      {
        temperature: 0,
        maxOutputTokens: 5,
        seed: 7,
      },
    );
  });

  test("each dialect gets them where it keeps them, and not what it would refuse", async () => {
    const { up, under } = await start(
      "model_routing: { global_params: { enabled: true, mode: override, params: { max_tokens: 5, temperature: 0.5, stop: END, seed: 7, logit_bias: {}, own_field: 1 } } }",
    );
    expect((await sent(up, under, "chat")).body).toMatchObject({
      max_tokens: 5,
      temperature: 0.5,
      stop: "END",
      seed: 7,
    });
    const { model: _1, input: _2, ...responses } = (await sent(up, under, "responses")).body;
    expect(responses).toEqual({ max_output_tokens: 5, temperature: 0.5, own_field: 1 });
    const { model: _3, messages: _4, ...claude } = (await sent(up, under, "messages")).body;
    expect(claude).toEqual({ max_tokens: 5, temperature: 0.5, stop_sequences: ["END"], own_field: 1 });
    expect((await sent(up, under, "gemini")).body).toEqual({
      contents,
      generationConfig: { maxOutputTokens: 5, temperature: 0.5, stopSequences: ["END"], seed: 7 },
      own_field: 1,
    });
  });

  test("a client of another dialect gets the same: general wishes before translation, the provider's own after it", async () => {
    const { up, under } = await start(
      "model_routing: { global_params: { enabled: true, mode: override, params: { temperature: 0.5 } } }",
      ", params: { max_tokens: 5, own_field: { b: 1 } }",
    );
    const answer = await under.post(CHAT, { model: "gemini-2.5-flash", messages, max_tokens: 100 });
    expect(answer.headers.get("x-relay-lane")).toBe("translate");
    expect(JSON.parse(up.received[0]!.text)).toMatchObject({
      generationConfig: { temperature: 0.5, maxOutputTokens: 5 },
      own_field: { b: 1 },
    });
    await under.post(GENERATE.replace("gemini-2.5-flash", "gpt-chat"), { contents });
    expect(JSON.parse(up.received[1]!.text)).toMatchObject({ temperature: 0.5, max_tokens: 5, own_field: { b: 1 } });
  });

  test("rules add where absent, set, and delete; dots lead inside", async () => {
    const { up, under } = await start(`
model_routing:
  payload_transformation:
    enabled: true
    rules:
      - models: ["gpt-*"]
        inject_params: { seed: 1, user: me }
        override_params: { provider.order: [a], "provider.only.deep": 1 }
        remove_params: [temperature, metadata.secret, nothing.there]
`);
    const { body } = await sent(up, under, "chat", {
      temperature: 1,
      user: "you",
      provider: { sort: "price" },
      metadata: { secret: 1, kept: 2 },
    });
    expect(body).toEqual({
      ...REQUESTS.chat[1],
      user: "you",
      seed: 1,
      provider: { sort: "price", order: ["a"], only: { deep: 1 } },
      metadata: { kept: 2 },
    });
  });

  test("a field called __proto__ stays a field", async () => {
    const { up, under } = await start(
      `model_routing: { model_params: [{ model_pattern: "*", params: { "a.b": 1 } }] }`,
    );
    const { text } = await sent(up, under, "chat", JSON.parse('{"a":{"__proto__":{"polluted":true}}}'));
    expect(text).toContain('"a":{"__proto__":{"polluted":true},"b":1}');
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test("what routing decides is not theirs to change", async () => {
    const { up, under } = await start("", ", params: { model: other, stream: true, seed: 1 }");
    const { body } = await sent(up, under, "chat");
    expect(body).toEqual({ ...REQUESTS.chat[1], seed: 1 });
  });

  test("a rule may be written for the caller's name or the upstream's, and for no other", async () => {
    const { up, under } = await start(`
model_routing:
  aliases: { fast: gpt-chat }
  model_params: [{ model_pattern: fast, params: { seed: 1 } }]
  payload_transformation: { enabled: true, rules: [{ models: [gpt-chat], inject_params: { top_p: 0.5 } }, { models: [other], inject_params: { never: 1 } }] }
`);
    expect((await sent(up, under, "chat", { model: "fast" })).body).toMatchObject({
      model: "gpt-chat",
      seed: 1,
      top_p: 0.5,
    });
    const { body } = await sent(up, under, "chat");
    expect(body).toEqual({ ...REQUESTS.chat[1], top_p: 0.5 });
  });

  test("switched off, they do nothing", async () => {
    const { up, under } = await start(
      "model_routing: { global_params: { enabled: false, params: { seed: 1 } }, payload_transformation: { enabled: false, rules: [{ models: ['*'], inject_params: { seed: 1 } }] } }",
    );
    expect((await sent(up, under, "chat")).text).toBe(JSON.stringify(REQUESTS.chat[1]));
  });
});

describe("parameters of a provider whose upstream has a dialect of its own", () => {
  const answers = {
    ollama: { model: "m", message: { role: "assistant", content: "Hi" }, done: true, done_reason: "stop" },
    cohere: { finish_reason: "COMPLETE", message: { role: "assistant", content: [{ type: "text", text: "Hi" }] } },
    converse: { output: { message: { role: "assistant", content: [{ text: "Hi" }] } }, stopReason: "end_turn" },
    claude: { type: "message", role: "assistant", content: [{ type: "text", text: "Hi" }], stop_reason: "end_turn" },
  };
  const PARAMS = `{
    temperature: 0.2, top_p: 0.9, top_k: 3, max_tokens: 7, stop: X, seed: 5, presence_penalty: 0.1, user: me,
    response_format: { type: json_object }, reasoning_effort: low, parallel_tool_calls: false, own_field: { b: 1 }
  }`;

  async function asked(type: string, model: string, answer: keyof typeof answers, params = PARAMS) {
    const up = await startUpstream({ json: answers[answer] });
    open.push(up);
    const under = await startRelay(`
providers: { it: { provider_type: ${type}, base_url: "${up.url}", keys: [{ key: vendor-key-1 }], params: ${params} } }
`);
    open.push(under);
    const response = await under.post(CHAT, { model, messages });
    expect([response.status, up.received.length]).toEqual([200, 1]);
    const { messages: _messages, stream: _stream, model: _model, ...body } = JSON.parse(up.received[0]!.text);
    const dropped = response.headers
      .get("x-relay-dropped-params")
      ?.split(",")
      .map((name) => name.trim());
    expect((await under.recorded(1))[0]!.droppedParams).toEqual(dropped ?? null);
    return { body, dropped };
  }

  test("stand among Ollama's options", async () => {
    const { body, dropped } = await asked("ollama", "llama3", "ollama");
    expect(body).toEqual({
      options: {
        temperature: 0.2,
        top_p: 0.9,
        top_k: 3,
        num_predict: 7,
        stop: ["X"],
        seed: 5,
        presence_penalty: 0.1,
      },
      own_field: { b: 1 },
    });
    expect(dropped).toEqual(["user", "response_format", "reasoning_effort", "parallel_tool_calls"]);
  });

  test("Ollama's own options, too, and how long the model stays loaded", async () => {
    const params = "{ num_ctx: 8192, repeat_penalty: 1.1, keep_alive: 5m, options.min_p: 0.1, reasoning_effort: low }";
    const { body, dropped } = await asked("ollama", "gpt-oss", "ollama", params);
    expect(body).toEqual({
      options: { num_ctx: 8192, repeat_penalty: 1.1, min_p: 0.1 },
      keep_alive: "5m",
      think: "low",
    });
    expect(dropped).toBeUndefined();
  });

  test("have Cohere's names", async () => {
    const { body, dropped } = await asked("cohere", "command-a", "cohere");
    expect(body).toEqual({
      temperature: 0.2,
      p: 0.9,
      k: 3,
      max_tokens: 7,
      stop_sequences: ["X"],
      seed: 5,
      presence_penalty: 0.1,
      own_field: { b: 1 },
    });
    expect(dropped).toEqual(["user", "response_format", "reasoning_effort", "parallel_tool_calls"]);
  });

  test("stand in Converse's inference settings, and top-k where the model's maker keeps it", async () => {
    const inferenceConfig = { temperature: 0.2, topP: 0.9, maxTokens: 7, stopSequences: ["X"] };
    const nova = await asked("bedrock", "amazon.nova-pro-v1:0", "converse");
    expect(nova.body).toEqual({
      inferenceConfig,
      additionalModelRequestFields: { inferenceConfig: { topK: 3 } },
      own_field: { b: 1 },
    });
    expect(nova.dropped).toEqual([
      ...["seed", "presence_penalty", "user", "response_format", "reasoning_effort", "parallel_tool_calls"],
    ]);
    const mistral = await asked("bedrock", "mistral.mistral-large-2407-v1:0", "converse");
    expect(mistral.body).toMatchObject({ inferenceConfig, additionalModelRequestFields: { top_k: 3 } });
  });

  test("have their maker's names at Claude in other clouds", async () => {
    const { body, dropped } = await asked("bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", "claude");
    expect(body).toEqual({
      anthropic_version: "bedrock-2023-05-31",
      temperature: 0.2,
      top_p: 0.9,
      top_k: 3,
      max_tokens: 7,
      stop_sequences: ["X"],
      metadata: { user_id: "me" },
      own_field: { b: 1 },
    });
    expect(dropped).toEqual([
      ...["seed", "presence_penalty", "response_format", "reasoning_effort", "parallel_tool_calls"],
    ]);
  });
});

describe("parameters without a place", () => {
  const layers = (params: string) => `model_routing: { global_params: { enabled: true, params: ${params} } }`;

  test("are named, in the answer and in the record, whichever layer wants them", async () => {
    const { up, under } = await start(
      layers("{ seed: 7, temperature: 0.5 }"),
      ", params: { response_format: {}, n: 1 }",
    );
    const { body, answer } = await sent(up, under, "responses");
    expect(body).toEqual({ ...REQUESTS.responses[1], temperature: 0.5 });
    expect(answer.headers.get("x-relay-lane")).toBe("pass-through");
    expect(answer.headers.get("x-relay-dropped-params")).toBe("seed, response_format, n");
    expect((await under.recorded(1))[0]!.droppedParams).toEqual(["seed", "response_format", "n"]);
  });

  test("are no fault of the caller's, who is not refused for them", async () => {
    const { up, under } = await start(`model_routing:
  unsupported_params: reject
  global_params: { enabled: true, params: { seed: 7 } }`);
    expect((await sent(up, under, "messages")).answer.headers.get("x-relay-dropped-params")).toBe("seed");
  });

  test("what a rule removes is not missed where it cannot be", async () => {
    const { up, under } = await start(
      `model_routing: { payload_transformation: { enabled: true, rules: [{ models: ["*"], remove_params: [seed] }] } }`,
    );
    expect((await sent(up, under, "messages")).answer.headers.get("x-relay-dropped-params")).toBeNull();
  });

  test("a level of thinking is not put to a Claude that knows only budgets", async () => {
    const { up, under } = await start(layers("{ reasoning_effort: high }"));
    const budget = await sent(up, under, "messages");
    expect(budget.body.output_config).toBeUndefined();
    expect(budget.answer.headers.get("x-relay-dropped-params")).toBe("reasoning_effort");
    const level = await sent(up, under, "messages", { model: "claude-opus-4-7" });
    expect(level.body.output_config).toEqual({ effort: "high" });
    expect(level.answer.headers.get("x-relay-dropped-params")).toBeNull();
  });
});

describe("system prompts", () => {
  const before = "model_routing: { global_params: { enabled: true, mode: default, system_prompt: Be kind. } }";
  const instead = before.replace("default", "override");

  test("stand before the caller's own, in the form that the caller chose", async () => {
    const { up, under } = await start(before);
    const own = { role: "system", content: "own" };
    expect((await sent(up, under, "chat", { messages: [own, ...messages] })).body.messages).toEqual([
      { role: "system", content: "Be kind." },
      own,
      ...messages,
    ]);
    expect((await sent(up, under, "responses", { instructions: "own" })).body.instructions).toBe("Be kind.\n\nown");
    expect((await sent(up, under, "responses")).body.instructions).toBe("Be kind.");
    expect((await sent(up, under, "messages", { system: "own" })).body.system).toBe("Be kind.\n\nown");
    const block = { type: "text", text: "own", cache_control: { type: "ephemeral" } };
    expect((await sent(up, under, "messages", { system: [block] })).body.system).toEqual([
      { type: "text", text: "Be kind." },
      block,
    ]);
    const parts = [{ text: "own" }];
    expect((await sent(up, under, "gemini", { system_instruction: { parts } })).body).toEqual({
      contents,
      system_instruction: { parts: [{ text: "Be kind.\n\n" }, ...parts] },
    });
    expect((await sent(up, under, "gemini")).body.systemInstruction).toEqual({ parts: [{ text: "Be kind." }] });
  });

  test("or instead of it, wherever it stood", async () => {
    const { up, under } = await start(instead);
    const own = [{ role: "developer", content: "own" }, ...messages, { role: "system", content: "own" }];
    expect((await sent(up, under, "chat", { messages: own })).body.messages).toEqual([
      { role: "system", content: "Be kind." },
      ...messages,
    ]);
    expect((await sent(up, under, "responses", { instructions: "own", input: own })).body).toMatchObject({
      instructions: "Be kind.",
      input: messages,
    });
    expect((await sent(up, under, "messages", { system: [{ type: "text", text: "own" }] })).body.system).toBe(
      "Be kind.",
    );
    expect((await sent(up, under, "gemini", { systemInstruction: "own" })).body.systemInstruction).toEqual({
      parts: [{ text: "Be kind." }],
    });
  });

  test("the provider's stands before all others, also for clients of another dialect", async () => {
    const { up, under } = await start(before, ", system_prompt: Be brief.");
    expect((await sent(up, under, "messages", { system: "own" })).body.system).toBe("Be brief.\n\nBe kind.\n\nown");
    await under.post(CHAT, { model: "claude-haiku-4-5", messages: [{ role: "system", content: "own" }, ...messages] });
    const { system } = JSON.parse(up.received.at(-1)!.text);
    expect(JSON.stringify(system)).toMatch(/Be brief.*Be kind.*own/);
  });
});

describe("models without tools", () => {
  const tools = [
    { type: "function", function: { name: "now", description: "The time", parameters: { type: "object" } } },
  ];
  const history = [
    ...messages,
    {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "c1", type: "function", function: { name: "now", arguments: "{}" } }],
    },
    { role: "tool", tool_call_id: "c1", content: "noon" },
    { role: "user", content: "thanks" },
  ];

  test("get no tools, and are told in words what was said with them", async () => {
    const { up, under } = await start('tool_calling: { unsupported_models: ["gpt-*"] }');
    const { body, answer } = await sent(up, under, "chat", { tools, tool_choice: "auto", messages: history, seed: 3 });
    expect(body).toEqual({
      model: "gpt-chat",
      seed: 3,
      messages: [
        ...messages,
        { role: "assistant", content: "[called now with {}]" },
        { role: "user", content: "[result of now: noon]" },
        { role: "user", content: "thanks" },
      ],
      stream: false,
    });
    expect(JSON.stringify(body)).not.toContain("tool_calls");
    expect(answer.headers.get("x-relay-dropped-params")).toBe("tools");
    expect((await under.recorded(1))[0]!.droppedParams).toEqual(["tools"]);
  });

  test("are told so, too, when no tools are offered any more", async () => {
    const { up, under } = await start('tool_calling: { unsupported_models: ["gpt-*"] }');
    const { body, answer } = await sent(up, under, "chat", { messages: history });
    expect(body.messages).toEqual([
      ...messages,
      { role: "assistant", content: "[called now with {}]" },
      { role: "user", content: "[result of now: noon]" },
      { role: "user", content: "thanks" },
    ]);
    expect(answer.headers.get("x-relay-dropped-params")).toBe("tool_calls");
  });

  test("in every dialect, and towards every other", async () => {
    const { up, under } = await start('tool_calling: { unsupported_models: ["*"] }');
    const own = {
      chat: { tools },
      responses: {
        tools: [{ type: "function", name: "now", parameters: null, strict: false }],
        tool_choice: "required",
      },
      messages: { tools: [{ name: "now", input_schema: { type: "object" } }], tool_choice: { type: "any" } },
      gemini: {
        tools: [{ functionDeclarations: [{ name: "now" }] }],
        toolConfig: { functionCallingConfig: { mode: "ANY" } },
      },
    };
    for (const name of ["chat", "responses", "messages", "gemini"] as const) {
      const { text } = await sent(up, under, name, own[name]);
      expect(text).not.toMatch(/tool|functionDeclarations|"now"/i);
    }
    for (const model of ["gpt-responses", "claude-haiku-4-5", "gemini-2.5-flash"]) {
      const answer = await under.post(CHAT, { model, messages, tools, tool_choice: "required" });
      expect(answer.status).toBe(200);
      expect(up.received.at(-1)!.text).not.toMatch(/tool|functionDeclarations|"now"/i);
      expect(answer.headers.get("x-relay-dropped-params")).toContain("tools");
    }
  });

  test("described in words where that is wanted", async () => {
    const { up, under } = await start('tool_calling: { unsupported_models: ["gpt-*"], emulate: true }');
    const { body } = await sent(up, under, "chat", { tools });
    expect(body.tools).toBeUndefined();
    expect(body.messages[0]).toMatchObject({ role: "system", content: expect.stringContaining("now: The time") });
  });

  test.each([
    ["no tools are offered or were used", 'tool_calling: { unsupported_models: ["*"] }', {}],
    ["the model is not named", "tool_calling: { unsupported_models: [llama2] }", { tools }],
    ["it is switched off", 'tool_calling: { auto_downgrade: false, unsupported_models: ["*"] }', { tools }],
  ])("nothing changes when %s", async (_name, config, more) => {
    const { up, under } = await start(config);
    const { text, answer } = await sent(up, under, "chat", more);
    expect(text).toBe(JSON.stringify({ ...REQUESTS.chat[1], ...more }));
    expect(answer.headers.get("x-relay-lane")).toBe("pass-through");
  });
});
