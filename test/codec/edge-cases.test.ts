/** The edge cases that relays get wrong, by their numbers in the design notes; those of streams have golden files too. */
import { describe, expect, test } from "bun:test";
import { collect } from "../../src/codec/fold.ts";
import { RELAY_SIGNATURE_PREFIX, sealReasoning } from "../../src/codec/shared/envelope.ts";
import type { ChatResponse, JsonObject } from "../../src/contract/chat.ts";
import {
  CODECS,
  caught,
  chunks,
  contextOf,
  delta,
  dig,
  eventsOf,
  framesOfText,
  namedEvents,
  translate,
  writeEvents,
} from "./support.ts";

const toMessages = (body: JsonObject, traits = {}) => translate(body, "openai-chat", "anthropic-messages", traits);
const toChat = (body: JsonObject, traits = {}) => translate(body, "anthropic-messages", "openai-chat", traits);
const user = (content: unknown = "Hi") => ({ role: "user", content }) as JsonObject;
const calls = (...list: [id: string, args: string][]): JsonObject => ({
  role: "assistant",
  content: null,
  tool_calls: list.map(([id, args]) => ({ id, type: "function", function: { name: "f", arguments: args } })),
});
const result = (id: string, content = "ok"): JsonObject => ({ role: "tool", tool_call_id: id, content });
const chat = (...messages: JsonObject[]): JsonObject => ({ model: "m", messages });
const messages = (...list: JsonObject[]): JsonObject => ({ model: "m", max_tokens: 100, messages: list });
const blocksOf = (sent: JsonObject, index: number) =>
  (sent["messages"] as JsonObject[])[index]?.["content"] as JsonObject[];

describe("messages and tools", () => {
  test("E23: an empty text beside calls is left out of what an Anthropic upstream gets", () => {
    const { sent } = toMessages(chat(user(), { ...calls(["a", "{}"]), content: "" }, result("a")));
    expect(blocksOf(sent, 1)).toEqual([{ type: "tool_use", id: "a", name: "f", input: {} }]);
  });

  test("E24: results of parallel calls go into one user turn, ahead of what the user says", () => {
    const { sent } = toMessages(chat(user(), calls(["a", "{}"], ["b", "{}"]), result("b"), result("a"), user("Go on")));
    expect(sent["messages"]).toHaveLength(3);
    expect(blocksOf(sent, 2)).toEqual([
      { type: "tool_result", tool_use_id: "a", content: "ok" },
      { type: "tool_result", tool_use_id: "b", content: "ok" },
      { type: "text", text: "Go on" },
    ]);
  });

  test("E24: towards chat, results become tool messages right behind their calls, the user's words after them", () => {
    const { sent } = toChat(
      messages(
        user(),
        { role: "assistant", content: [{ type: "tool_use", id: "a", name: "f", input: {} }] },
        {
          role: "user",
          content: [
            { type: "tool_result", tool_use_id: "a", content: "ok" },
            { type: "text", text: "Go on" },
          ],
        },
      ),
    );
    expect((sent["messages"] as JsonObject[]).map(({ role }) => role)).toEqual(["user", "assistant", "tool", "user"]);
  });

  test("E25: a call whose result was trimmed away gets an error result; the last turn's calls stay open", () => {
    const { sent, lost } = toMessages(chat(user(), calls(["a", "{}"]), user("Never mind"), calls(["b", "{}"])));
    expect(blocksOf(sent, 2)[0]).toMatchObject({ type: "tool_result", tool_use_id: "a", is_error: true });
    expect(blocksOf(sent, 2)[1]).toEqual({ type: "text", text: "Never mind" });
    expect(sent["messages"]).toHaveLength(4);
    expect(lost).toContain("messages");
  });

  test("E25: a result without its call becomes words of the user, and the last of two results counts", () => {
    const { sent } = toMessages(
      chat(user(), result("gone", "orphan"), calls(["a", "{}"]), result("a", "old"), result("a", "new")),
    );
    expect(JSON.stringify(blocksOf(sent, 0))).toContain("orphan");
    expect(blocksOf(sent, 2)).toEqual([{ type: "tool_result", tool_use_id: "a", content: "new" }]);
  });

  test("E26: ids of any shape become valid ones, the same for call and result, and never meet by accident", () => {
    const odd = ["functions.f:0", "functions.f:1", "a|b", "x".repeat(80)];
    const { sent } = toMessages(
      chat(user(), calls(...odd.map((id): [string, string] => [id, "{}"])), ...odd.map((id) => result(id))),
    );
    const called = blocksOf(sent, 1).map(({ id }) => String(id));
    const answered = blocksOf(sent, 2).map(({ tool_use_id }) => String(tool_use_id));
    expect(answered).toEqual(called);
    expect(new Set(called).size).toBe(odd.length);
    for (const id of called) expect(id).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
  });

  test("E26: an upstream that demands nine letters or digits gets them, for call and result alike", () => {
    const { sent } = translate(
      messages(
        user(),
        { role: "assistant", content: [{ type: "tool_use", id: "toolu_01", name: "f", input: {} }] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_01", content: "ok" }] },
      ),
      "anthropic-messages",
      "openai-chat",
      { shortToolIds: true },
    );
    const id = dig(sent, "messages", 1, "tool_calls", 0, "id");
    expect(id).toMatch(/^[A-Za-z0-9]{9}$/);
    expect(dig(sent, "messages", 2, "tool_call_id")).toBe(id);
  });

  test("E26: an id used again in a later turn is told apart, with its result", () => {
    const { sent } = toMessages(
      chat(user(), calls(["a", "{}"]), result("a", "1"), calls(["a", "{}"]), result("a", "2")),
    );
    const ids = [1, 2, 3, 4].flatMap((index) =>
      blocksOf(sent, index).map((block) => block["id"] ?? block["tool_use_id"]),
    );
    expect(ids).toEqual(["a", "a", "a_2", "a_2"]);
    expect(blocksOf(sent, 4)[0]).toMatchObject({ content: "2" });
  });

  test("E29: a freeform tool travels as a function with one text and comes back freeform", () => {
    const body = {
      ...chat(user()),
      tools: [
        {
          type: "custom",
          custom: {
            name: "patch",
            description: "Applies it.",
            format: { type: "grammar", grammar: { syntax: "lark", definition: "start: X" } },
          },
        },
      ],
    };
    const { sent } = toMessages(body);
    expect(dig(sent, "tools", 0, "input_schema", "required")).toEqual(["input"]);
    expect(dig(sent, "tools", 0, "description")).toContain("start: X");

    const request = CODECS["openai-chat"].ingress.decodeRequest(body);
    const answer = CODECS["anthropic-messages"].egress.decodeResponse({
      content: [{ type: "tool_use", id: "a", name: "patch", input: { input: "*** Begin\n" } }],
      stop_reason: "tool_use",
    });
    const written = CODECS["openai-chat"].ingress.encodeResponse(answer, contextOf(request));
    expect(dig(written, "choices", 0, "message", "tool_calls")).toEqual([
      { id: "a", type: "custom", custom: { name: "patch", input: "*** Begin\n" } },
    ]);
  });

  test("E29: the same inside a stream: whole, once, not in its wrapping", () => {
    const tools = [{ kind: "custom" as const, name: "patch" }];
    const events = eventsOf(
      "anthropic-messages",
      framesOfText(
        namedEvents(
          { type: "message_start", message: { id: "1" } },
          {
            type: "content_block_start",
            index: 0,
            content_block: { type: "tool_use", id: "a", name: "patch", input: {} },
          },
          {
            type: "content_block_delta",
            index: 0,
            delta: { type: "input_json_delta", partial_json: '{"input":"a\\n' },
          },
          { type: "content_block_delta", index: 0, delta: { type: "input_json_delta", partial_json: 'b"}' } },
          { type: "content_block_stop", index: 0 },
          { type: "message_delta", delta: { stop_reason: "tool_use" }, usage: {} },
          { type: "message_stop" },
        ),
      ),
    );
    const inputs = writeEvents("openai-chat", events, contextOf({ tools }))
      .slice(0, -1)
      .map(({ data }) => dig(JSON.parse(data), "choices", 0, "delta", "tool_calls", 0, "custom", "input"))
      .filter((input) => input !== undefined);
    expect(inputs).toEqual(["", "a\nb"]);
  });

  test("E32: arguments in the history that are no JSON neither crash nor vanish", () => {
    const { sent } = toMessages(
      chat(user(), calls(["a", '{"city": "Os'], ["b", "[1]"], ["c", ""]), result("a"), result("b"), result("c")),
    );
    expect(blocksOf(sent, 1).map(({ input }) => input)).toEqual([{ _raw: '{"city": "Os' }, { _raw: [1] }, {}]);
    expect(blocksOf(sent, 2)).toHaveLength(3);
  });

  test("E34: an empty list of tools, and a choice among none, are not sent on", () => {
    for (const sent of [
      toMessages({ ...chat(user()), tools: [], tool_choice: "auto" }).sent,
      translate({ ...chat(user()), tools: [], tool_choice: "auto" }, "openai-chat", "openai-chat").sent,
      toChat({ ...messages(user()), tools: [], tool_choice: { type: "auto" } }).sent,
    ]) {
      expect(sent).not.toHaveProperty("tools");
      expect(sent).not.toHaveProperty("tool_choice");
    }
  });

  test("E35: a forced tool wins over thinking, and the loss is told", () => {
    const tools = [{ type: "function", function: { name: "f" } }];
    const body = { ...chat(user()), tools, tool_choice: "required", reasoning_effort: "high" };
    const { sent, lost } = toMessages(body, { thinking: "budget" });
    expect(sent["tool_choice"]).toEqual({ type: "any" });
    expect(sent).not.toHaveProperty("thinking");
    expect(lost).toEqual(["reasoning_effort"]);
    // Adaptive thinking does not mind.
    expect(toMessages(body, { thinking: "adaptive" }).sent["thinking"]).toEqual({ type: "adaptive" });
  });
});

describe("reasoning", () => {
  const thought = { type: "thinking", thinking: "Hm.", signature: "c2ln" };
  const hidden = { type: "redacted_thinking", data: "aGlk" };
  const contentFor = (answer: ChatResponse) =>
    CODECS["anthropic-messages"].ingress.encodeResponse(answer, contextOf())["content"] as JsonObject[];
  const silent = { type: "thinking", thinking: "", signature: "b25seQ==" };

  test("E36: signatures, hidden thoughts and signature-only blocks return unchanged and in order", () => {
    const content = [thought, hidden, silent, { type: "text", text: "Hi" }];
    const body = messages(user(), { role: "assistant", content }, user());
    expect(blocksOf(translate(body, "anthropic-messages", "anthropic-messages").sent, 1)).toEqual(content);
  });

  test("E36: through a chat client that returns what it got, an Anthropic signature arrives where it came from", () => {
    const answer = CODECS["anthropic-messages"].egress.decodeResponse({
      content: [thought, hidden, { type: "text", text: "Hi" }],
    });
    const written = CODECS["openai-chat"].ingress.encodeResponse(answer, contextOf());
    const message = dig(written, "choices", 0, "message") as JsonObject;
    expect(message["reasoning_content"]).toBe("Hm.");
    const { sent } = toMessages(chat(user(), message, user()));
    expect(blocksOf(sent, 1)).toEqual([thought, hidden, { type: "text", text: "Hi" }]);
  });

  test("E37: thinking in the history never makes a chat upstream's request invalid", () => {
    const { sent, lost } = toChat(
      messages(user(), { role: "assistant", content: [thought, hidden, { type: "text", text: "Hi" }] }, user()),
    );
    expect((sent["messages"] as JsonObject[])[1]).toEqual({ role: "assistant", content: "Hi" });
    expect(lost).toEqual(["reasoning"]);
  });

  test("E39: an upstream that wants its reasoning back gets it", () => {
    const body = messages(
      user(),
      { role: "assistant", content: [thought, { type: "tool_use", id: "a", name: "f", input: {} }] },
      {
        role: "user",
        content: [{ type: "tool_result", tool_use_id: "a", content: "ok" }],
      },
    );
    // Its own, which it does not sign; a text that another vendor has signed is shown to that vendor alone.
    const unsigned = { ...thought, signature: sealReasoning({}) };
    const own = JSON.parse(JSON.stringify(body).replace(JSON.stringify(thought), JSON.stringify(unsigned)));
    const plain = toChat(own, { reasoningHistory: "reasoning_content" });
    expect(dig(plain.sent, "messages", 1, "reasoning_content")).toBe("Hm.");
    expect(plain.lost).toEqual([]);
    const foreign = toChat(body, { reasoningHistory: "reasoning_content" });
    expect(dig(foreign.sent, "messages", 1, "reasoning_content")).toBe("(not recorded)");
    expect(foreign.lost).toEqual(["reasoning"]);
    const detailed = toChat(body, { reasoningHistory: "reasoning_details" }).sent;
    expect(dig(detailed, "messages", 1, "reasoning_details")).toEqual([
      { type: "reasoning.text", text: "Hm.", signature: "c2ln", format: "anthropic-claude-v1", index: 0 },
    ]);
  });

  test("E40: reasoning nobody signed carries our envelope to the client and never goes to a checking upstream", () => {
    const answer = CODECS["openai-chat"].egress.decodeResponse({
      choices: [{ message: { content: "Hi", reasoning_content: "Hm." }, finish_reason: "stop" }],
    });
    const content = contentFor(answer);
    expect(content[0]).toMatchObject({ type: "thinking", thinking: "Hm." });
    expect(String(content[0]?.["signature"])).toStartWith(RELAY_SIGNATURE_PREFIX);

    const body = messages(user(), { role: "assistant", content }, user());
    const { sent, lost } = translate(body, "anthropic-messages", "anthropic-messages");
    expect(blocksOf(sent, 1)).toEqual([{ type: "text", text: "Hi" }]);
    expect(JSON.stringify(sent)).not.toContain(RELAY_SIGNATURE_PREFIX);
    expect(lost).toEqual(["reasoning"]);
  });

  test("E40: blank and foreign signatures are not sent to Anthropic either", () => {
    const details = [
      { type: "reasoning.text", text: "Hm.", signature: "Zm9yZWlnbg==", format: "google-gemini-v1", index: 0 },
    ];
    const { sent } = toMessages(chat(user(), { role: "assistant", content: "Hi", reasoning_details: details }, user()));
    expect(JSON.stringify(sent)).not.toContain("Zm9yZWlnbg==");
    for (const signature of ["", "  "]) {
      const blank = messages(
        user(),
        {
          role: "assistant",
          content: [
            { ...thought, signature },
            { type: "text", text: "Hi" },
          ],
        },
        user(),
      );
      expect(blocksOf(translate(blank, "anthropic-messages", "anthropic-messages").sent, 1)).toEqual([
        { type: "text", text: "Hi" },
      ]);
    }
  });

  test("E40: an envelope carries another maker's signature home to that maker", () => {
    const detail = { type: "reasoning.encrypted", data: "YmxvYg==", format: "openai-responses-v1", index: 0 };
    const answer = CODECS["openai-chat"].egress.decodeResponse({
      choices: [{ message: { content: "Hi", reasoning_details: [detail] }, finish_reason: "stop" }],
    });
    const content = contentFor(answer);
    const { sent } = toChat(messages(user(), { role: "assistant", content }, user()), {
      reasoningHistory: "reasoning_details",
    });
    expect(dig(sent, "messages", 1, "reasoning_details")).toEqual([detail]);
  });
});

describe("parameters", () => {
  test("E42: temperature and top_p together are one too many for an unknown model, none for one that takes none", () => {
    const body = { ...chat(user()), temperature: 0.5, top_p: 0.9, top_k: 4 };
    expect(toMessages(body)).toMatchObject({ sent: { temperature: 0.5, top_k: 4 }, lost: ["top_p"] });
    expect(toMessages({ ...body, temperature: 1 }).sent).not.toHaveProperty("temperature");
    expect(toMessages({ ...body, temperature: 1 })).toMatchObject({ sent: { top_p: 0.9 }, lost: [] });
    expect(toMessages({ ...body, top_p: 1 })).toMatchObject({ sent: { temperature: 0.5 }, lost: [] });
    expect(toMessages(body, { sampling: "all" })).toMatchObject({ sent: { temperature: 0.5, top_p: 0.9 }, lost: [] });
    const { sent, lost } = toMessages(body, { sampling: "none" });
    for (const field of ["temperature", "top_p", "top_k"]) expect(sent).not.toHaveProperty(field);
    expect(lost).toEqual(["temperature", "top_p", "top_k"]);
  });

  test("E42: a temperature above Anthropic's scale is lowered to its end, and that is told", () => {
    expect(toMessages({ ...chat(user()), temperature: 1.5 })).toMatchObject({
      sent: { temperature: 1 },
      lost: ["temperature"],
    });
  });

  test("E43: fields of one vendor do not reach another; each loss is told once", () => {
    const { sent, lost } = toChat({
      ...messages(
        user([
          { type: "text", text: "Hi", cache_control: { type: "ephemeral" } },
          { type: "text", text: "Ho", cache_control: { type: "ephemeral" } },
        ]),
      ),
      context_management: { edits: [] },
      anthropic_version: "2023-06-01",
    });
    expect(JSON.stringify(sent)).not.toMatch(/cache_control|context_management|anthropic_version/);
    expect(lost).toEqual(["context_management", "cache_control"]);
  });

  test("E44: a schema for strict output keeps its meaning and loses what Anthropic's strict mode refuses", () => {
    const schema = {
      type: "object",
      properties: {
        n: { type: "integer", minimum: 1, description: "A number" },
        s: { oneOf: [{ type: "string", maxLength: 5 }, { type: "null" }] },
      },
      required: ["n"],
    };
    const { sent } = toMessages({
      ...chat(user()),
      response_format: { type: "json_schema", json_schema: { name: "x", schema } },
    });
    expect(dig(sent, "output_config", "format")).toEqual({
      type: "json_schema",
      schema: {
        type: "object",
        properties: {
          n: { type: "integer", description: "A number (minimum: 1)" },
          s: { anyOf: [{ type: "string", description: "(maxLength: 5)" }, { type: "null" }] },
        },
        required: ["n"],
        additionalProperties: false,
      },
    });
  });

  test("E45: of too many cache marks the last four stay", () => {
    const marked = (text: string): JsonObject => ({ type: "text", text, cache_control: { type: "ephemeral" } });
    const { sent, lost } = toMessages({
      model: "m",
      messages: [
        { role: "system", content: [marked("a"), marked("b")] },
        user([marked("c"), marked("d"), marked("e")]),
      ],
      tools: [{ type: "function", function: { name: "f" }, cache_control: { type: "ephemeral" } }],
    });
    expect(JSON.stringify(sent).split('"cache_control"')).toHaveLength(5);
    expect((sent["system"] as JsonObject[]).map((block) => "cache_control" in block)).toEqual([false, true]);
    expect(lost).toEqual(["cache_control"]);
  });

  test("E45: the line that changes with every request of Claude Code is not shown to other vendors", () => {
    const line = "x-anthropic-billing-header: cc_version=2.1; cch=abc;";
    const system = [
      { type: "text", text: line },
      { type: "text", text: "Be good." },
    ];
    expect((toChat({ ...messages(user()), system }).sent["messages"] as JsonObject[])[0]).toEqual({
      role: "system",
      content: "Be good.",
    });
    expect(
      translate({ ...messages(user()), system }, "anthropic-messages", "anthropic-messages").sent["system"],
    ).toEqual(system);
  });

  test("E46: a limit nobody gave is the model's own, and thinking always leaves room for the answer", () => {
    expect(toMessages(chat(user())).sent["max_tokens"]).toBe(8192);
    expect(toMessages(chat(user()), { maxOutputTokens: 64_000 }).sent["max_tokens"]).toBe(64_000);
    for (const [limit, traits] of [
      [undefined, {}],
      [undefined, { maxOutputTokens: 16_000 }],
      [4000, {}],
      [2100, {}],
    ] as const) {
      const { sent } = toMessages(
        { ...chat(user()), reasoning_effort: "high", ...(limit ? { max_tokens: limit } : {}) },
        traits,
      );
      const budget = dig(sent, "thinking", "budget_tokens");
      expect(budget).toBeGreaterThanOrEqual(1024);
      expect(budget).toBeLessThan(Number(sent["max_tokens"]));
      if (limit !== undefined) expect(sent["max_tokens"]).toBe(limit);
    }
    expect(toMessages({ ...chat(user()), reasoning_effort: "high", max_tokens: 1500 })).toMatchObject({
      sent: { max_tokens: 1500 },
      lost: ["reasoning_effort"],
    });
  });

  test("E55: several answers are refused, not silently one", () => {
    const error = caught(() => toMessages({ ...chat(user()), n: 2 }));
    expect(error).toMatchObject({ code: "bad-request", status: 400, param: "n" });
    expect(toMessages({ ...chat(user()), n: 1 }).lost).toEqual([]);
  });

  test("E55: what cannot be dropped without changing the call is refused by name", () => {
    const audio: JsonObject = { type: "input_audio", input_audio: { data: "AAAA", format: "wav" } };
    const file: JsonObject = { type: "file", file: { file_id: "file-1" } };
    expect(
      caught(() => toMessages({ ...chat(user()), modalities: ["text", "audio"], audio: { voice: "alloy" } })).param,
    ).toBe("modalities");
    expect(caught(() => toMessages(chat(user([audio])))).message).toBe("This model cannot take audio.");
    expect(caught(() => toMessages(chat(user([file])))).code).toBe("bad-request");
    const foreign = messages(user([{ type: "image", source: { type: "file", file_id: "file_1" } }]));
    expect(caught(() => toChat(foreign)).code).toBe("bad-request");
    expect(toMessages({ ...chat(user()), modalities: ["text"] }).sent).not.toHaveProperty("modalities");
  });

  test("E55: advisory fields are dropped and named", () => {
    const { lost } = toMessages({
      ...chat(user()),
      seed: 1,
      frequency_penalty: 0.5,
      presence_penalty: 0,
      logprobs: true,
      top_logprobs: 2,
      logit_bias: { "1": 2 },
      store: true,
      prediction: { type: "content", content: "x" },
      metadata: { a: "b" },
      prompt_cache_key: "k",
    });
    expect(lost.toSorted()).toEqual([
      "frequency_penalty",
      "logit_bias",
      "logprobs",
      "metadata",
      "prediction",
      "prompt_cache_key",
      "seed",
      "store",
      "top_logprobs",
    ]);
  });
});

describe("usage and money", () => {
  const usageOf = (usage: JsonObject) =>
    CODECS["openai-chat"].egress.decodeResponse({
      choices: [{ message: { content: "x" }, finish_reason: "stop" }],
      usage,
    }).usage;

  test("E47: cached tokens are part of the input, counted once in every direction", () => {
    const usage = { input_tokens: 5, cache_read_input_tokens: 100, cache_creation_input_tokens: 20, output_tokens: 7 };
    const answer = CODECS["anthropic-messages"].egress.decodeResponse({ content: [], usage });
    expect(answer.usage).toEqual({ inputTokens: 125, outputTokens: 7, cacheReadTokens: 100, cacheWriteTokens: 20 });
    expect(CODECS["openai-chat"].ingress.encodeResponse(answer, contextOf())["usage"]).toMatchObject({
      prompt_tokens: 125,
      total_tokens: 132,
      prompt_tokens_details: { cached_tokens: 100, cache_write_tokens: 20 },
    });
    expect(CODECS["anthropic-messages"].ingress.encodeResponse(answer, contextOf())["usage"]).toMatchObject(usage);
  });

  test("E47: more cached than read never becomes a negative count", () => {
    const answer = CODECS["openai-chat"].egress.decodeResponse({
      choices: [{ message: { content: "x" } }],
      usage: { prompt_tokens: 10, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 50 } },
    });
    expect(CODECS["anthropic-messages"].ingress.encodeResponse(answer, contextOf())["usage"]).toMatchObject({
      input_tokens: 0,
    });
  });

  test("E48: thoughts are inside the output", () => {
    const usage = usageOf({
      prompt_tokens: 10,
      completion_tokens: 30,
      total_tokens: 40,
      completion_tokens_details: { reasoning_tokens: 20 },
    });
    expect(usage).toEqual({ inputTokens: 10, outputTokens: 30, reasoningTokens: 20 });
  });

  test("E49: where the total says that reasoning stands beside the completion, it is added", () => {
    const usage = usageOf({
      prompt_tokens: 10,
      completion_tokens: 30,
      total_tokens: 60,
      completion_tokens_details: { reasoning_tokens: 20 },
    });
    expect(usage).toEqual({ inputTokens: 10, outputTokens: 50, reasoningTokens: 20 });
  });

  test("the spellings of other vendors are read: DeepSeek, Moonshot, Mistral, Groq", () => {
    const base = { prompt_tokens: 10, completion_tokens: 1 };
    for (const field of ["prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens"]) {
      expect(usageOf({ ...base, [field]: 4 })).toEqual({ inputTokens: 10, outputTokens: 1, cacheReadTokens: 4 });
    }
    const stream = chunks(delta({ content: "x" }), delta({}, "stop", { x_groq: { usage: base } }), "[DONE]");
    expect(collect(eventsOf("openai-chat", framesOfText(stream))).usage).toEqual({ inputTokens: 10, outputTokens: 1 });
  });

  test("E50: counts inside a stream are snapshots: the last wins field by field and nothing is added up", () => {
    const stream = namedEvents(
      {
        type: "message_start",
        message: { id: "1", usage: { input_tokens: 10, cache_read_input_tokens: 5, output_tokens: 1 } },
      },
      { type: "message_delta", delta: {}, usage: { output_tokens: 4, cache_read_input_tokens: null } },
      { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { input_tokens: 12, output_tokens: 9 } },
      { type: "message_stop" },
    );
    expect(collect(eventsOf("anthropic-messages", framesOfText(stream))).usage).toEqual({
      inputTokens: 17,
      outputTokens: 9,
      cacheReadTokens: 5,
    });
  });

  test("what nobody reported stays unknown and is not zero", () => {
    const stream = chunks(delta({ content: "x" }), delta({}, "stop"), "[DONE]");
    expect(collect(eventsOf("openai-chat", framesOfText(stream))).usage).toEqual({});
  });
});
