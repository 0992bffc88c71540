/** What another dialect cannot hear is named, wherever in the request it stands; nothing else is. */
import { describe, expect, test } from "bun:test";
import { bedrockConverse } from "../../src/codec/bedrock-converse/index.ts";
import { cohere } from "../../src/codec/cohere/index.ts";
import { vertexClaude } from "../../src/codec/hosted-claude/index.ts";
import { ollama } from "../../src/codec/ollama/index.ts";
import type { JsonObject } from "../../src/contract/chat.ts";
import type { Codec, Traits } from "../../src/contract/codec.ts";
import { caught, CODECS, type Dialect, dig, targetOf } from "./support.ts";

const UPSTREAMS = { ...CODECS, "bedrock-converse": bedrockConverse, "vertex-claude": vertexClaude, ollama, cohere };
type Upstream = keyof typeof UPSTREAMS;
const FIRST: Record<Dialect, JsonObject> = {
  "openai-chat": { model: "m", messages: [{ role: "user", content: "Hi" }] },
  "openai-responses": { model: "m", input: "Hi" },
  "anthropic-messages": { model: "m", max_tokens: 99, messages: [{ role: "user", content: "Hi" }] },
  gemini: { contents: [{ role: "user", parts: [{ text: "Hi" }] }] },
};

function send(from: Dialect, to: Upstream, extra: JsonObject, traits: Traits = {}) {
  const target = targetOf(traits);
  const codec: Codec = UPSTREAMS[to];
  const request = CODECS[from].ingress.decodeRequest({ ...FIRST[from], ...extra }, { model: "m" });
  return { sent: codec.egress!.encodeRequest(request, target), lost: target.lost };
}

const PIXEL = "iVBORw0KGgo=";
const chatImage = (detail?: string): JsonObject => ({
  messages: [
    {
      role: "user",
      content: [
        { type: "image_url", image_url: { url: `data:image/png;base64,${PIXEL}`, ...(detail ? { detail } : {}) } },
      ],
    },
  ],
});
const pdf = { type: "base64", media_type: "application/pdf", data: "JVBERi0=" };
const document = (more: JsonObject): JsonObject => ({
  messages: [{ role: "user", content: [{ type: "document", source: pdf, ...more }] }],
});
const tool = (more: JsonObject): JsonObject => ({
  tools: [{ name: "f", input_schema: { type: "object", properties: {} }, ...more }],
});
const chatTool = (more: JsonObject): JsonObject => ({
  tools: [
    {
      type: "function",
      function: { name: "f", parameters: { type: "object", properties: {}, additionalProperties: false }, ...more },
    },
  ],
});
const video: JsonObject = {
  contents: [
    {
      role: "user",
      parts: [
        {
          inlineData: { mimeType: "image/png", data: PIXEL },
          videoMetadata: { startOffset: "1s" },
          mediaResolution: { level: "LOW" },
        },
      ],
    },
  ],
};

const CASES: [name: string, from: Dialect, extra: JsonObject, to: Upstream[], lost: string[], traits?: Traits][] = [
  [
    "how closely an image is looked at",
    "openai-chat",
    chatImage("high"),
    ["anthropic-messages", "gemini", "bedrock-converse", "vertex-claude", "ollama", "cohere"],
    ["messages[].content[].detail"],
  ],
  [
    "a document's citations",
    "anthropic-messages",
    document({ citations: { enabled: true } }),
    ["openai-chat", "openai-responses", "gemini", "bedrock-converse"],
    ["messages[].content[].citations"],
  ],
  [
    "which part of a film is meant",
    "gemini",
    video,
    ["openai-chat", "openai-responses", "anthropic-messages"],
    ["messages[].content[].videoMetadata", "messages[].content[].mediaResolution"],
  ],
  [
    "a tool that is found later",
    "anthropic-messages",
    tool({ defer_loading: true, input_examples: [{ a: 1 }], allowed_callers: ["x"] }),
    ["openai-chat", "openai-responses", "gemini", "bedrock-converse"],
    ["tools[].defer_loading", "tools[].input_examples", "tools[].allowed_callers"],
  ],
  [
    "a field nobody knows yet",
    "openai-chat",
    { messages: [{ role: "user", content: "Hi", new_field: 1 }] },
    ["anthropic-messages", "gemini", "ollama"],
    ["messages[].new_field"],
  ],
  ["a strict tool", "openai-chat", chatTool({ strict: true }), ["gemini", "ollama"], ["strict"]],
  [
    "a summary of thoughts",
    "openai-responses",
    { reasoning: { effort: "low", summary: "auto" } },
    ["openai-chat"],
    ["reasoning.summary"],
  ],
  [
    "a switch without a level",
    "anthropic-messages",
    { thinking: { type: "disabled" } },
    ["openai-chat", "openai-responses"],
    ["thinking"],
  ],
  [
    "a choice when no tool is left",
    "openai-chat",
    { tools: [{ type: "web_search_preview" }], tool_choice: "required" },
    ["anthropic-messages", "bedrock-converse"],
    ["web_search_preview", "tool_choice"],
  ],
  [
    "arguments that are no JSON",
    "openai-chat",
    {
      messages: [
        { role: "user", content: "Hi" },
        { role: "assistant", tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{bad" } }] },
        { role: "tool", tool_call_id: "c", content: "ok" },
      ],
    },
    ["anthropic-messages", "gemini", "bedrock-converse", "ollama", "cohere"],
    ["messages[].tool_calls[].arguments"],
  ],
  [
    "a cache mark on nothing",
    "openai-chat",
    {
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "Hi" },
            { type: "text", text: " ", cache_control: { type: "ephemeral" } },
          ],
        },
      ],
    },
    ["bedrock-converse"],
    ["cache_control"],
    { family: "claude" },
  ],
  [
    "a cache mark inside a result",
    "anthropic-messages",
    {
      messages: [
        { role: "user", content: "Hi" },
        { role: "assistant", content: [{ type: "tool_use", id: "c", name: "f", input: {} }] },
        {
          role: "user",
          content: [
            {
              type: "tool_result",
              tool_use_id: "c",
              content: [{ type: "text", text: "ok", cache_control: { type: "ephemeral" } }],
            },
          ],
        },
      ],
    },
    ["bedrock-converse"],
    ["cache_control"],
    { family: "claude" },
  ],
  [
    "a limit of nothing, by which a cache is filled",
    "anthropic-messages",
    { max_tokens: 0 },
    ["openai-chat", "gemini", "bedrock-converse", "ollama", "cohere", "openai-responses"],
    ["max_tokens"],
  ],
  [
    "log probabilities where nobody tells them",
    "gemini",
    { generationConfig: { responseLogprobs: true, logprobs: 2 } },
    ["anthropic-messages", "vertex-claude", "bedrock-converse"],
    ["logprobs", "top_logprobs"],
  ],
];

describe("is named", () => {
  for (const [name, from, extra, targets, lost, traits] of CASES) {
    for (const to of targets)
      test(`${name}: ${from} to ${to}`, () => expect(send(from, to, extra, traits).lost).toEqual(lost));
  }
});

describe("is not named", () => {
  const silent: [name: string, from: Dialect, extra: JsonObject, to: Upstream][] = [
    ["what is switched off anyway", "anthropic-messages", document({ citations: { enabled: false } }), "openai-chat"],
    ["how closely, where that is left open", "openai-chat", chatImage("auto"), "anthropic-messages"],
    [
      "what a client returns of the vendor's answer",
      "openai-chat",
      {
        messages: [
          { role: "user", content: "Hi" },
          { role: "assistant", content: "Ho", annotations: [], audio: null, refusal: null },
          { role: "user", content: "Hi" },
        ],
      },
      "anthropic-messages",
    ],
    [
      "ids and states of items",
      "openai-responses",
      {
        input: [
          {
            type: "message",
            id: "msg_1",
            status: "completed",
            role: "assistant",
            content: [{ type: "output_text", text: "Ho", annotations: [], logprobs: [] }],
          },
          { role: "user", content: "Hi" },
        ],
      },
      "openai-chat",
    ],
    [
      "anything at all in the same dialect",
      "anthropic-messages",
      { ...tool({ defer_loading: true }), ...document({ citations: { enabled: true }, context: "About it." }) },
      "anthropic-messages",
    ],
  ];
  for (const [name, from, extra, to] of silent) test(name, () => expect(send(from, to, extra).lost).toEqual([]));
});

test("what is said about a document stands before it, and stays with it at home", () => {
  for (const to of ["openai-chat", "openai-responses", "gemini", "bedrock-converse"] as const) {
    const { sent, lost } = send("anthropic-messages", to, document({ context: "From the archive." }));
    const text = JSON.stringify(sent);
    expect(text.indexOf("From the archive.")).toBeGreaterThan(0);
    expect(text.indexOf("From the archive.")).toBeLessThan(text.indexOf("JVBERi0="));
    expect(lost).toEqual([]);
  }
  const { sent } = send("anthropic-messages", "vertex-claude", document({ context: "From the archive." }));
  expect(dig(sent, "messages", 0, "content")).toEqual([
    { type: "document", source: pdf, context: "From the archive." },
  ]);
});

test("earlier audio that only its maker could look up is refused, not dropped with the turn", () => {
  const messages = [
    { role: "user", content: "Hi" },
    { role: "assistant", content: null, audio: { id: "audio_1" } },
    { role: "user", content: "Hi" },
  ];
  for (const to of ["anthropic-messages", "gemini", "openai-responses"] as const) {
    expect(caught(() => send("openai-chat", to, { messages }))).toMatchObject({ code: "bad-request", status: 400 });
  }
});

test("OpenAI's two dialects know how closely an image is looked at", () => {
  for (const detail of ["low", "high", "auto"]) {
    const there = send("openai-chat", "openai-responses", chatImage(detail));
    expect(dig(there.sent, "input", 0, "content", 0, "detail")).toBe(detail);
    const input = [{ role: "user", content: [{ type: "input_image", image_url: "https://a.example/b.png", detail }] }];
    const back = send("openai-responses", "openai-chat", { input });
    expect(dig(back.sent, "messages", 0, "content", 0, "image_url")).toEqual({
      url: "https://a.example/b.png",
      detail,
    });
    expect([there.lost, back.lost]).toEqual([[], []]);
  }
});

describe("a tool that must be called, and a form of the answer that has no place but a tool", () => {
  const schema = { type: "object", properties: { a: { type: "string" } } };
  const body = { ...chatTool({}), response_format: { type: "json_schema", json_schema: { name: "x", schema } } };
  const choose = (to: Upstream, tool_choice: unknown) =>
    send("openai-chat", to, { ...body, tool_choice, parallel_tool_calls: false } as JsonObject, {
      structuredOutput: false,
      family: "claude",
    });

  test("cannot stand in each other's way: first the tool is called", () => {
    const named = { type: "function", function: { name: "f" } };
    for (const choice of [named, "required"]) {
      for (const to of ["vertex-claude", "bedrock-converse"] as const) {
        const { sent, lost } = choose(to, choice);
        expect(JSON.stringify(sent)).not.toContain("monorelay_structured_output");
        expect(lost.filter((field) => field !== "parallel_tool_calls")).toEqual([]);
      }
    }
    expect(choose("vertex-claude", named).sent["tool_choice"]).toEqual({
      type: "tool",
      name: "f",
      disable_parallel_tool_use: true,
    });
  });

  test("leave calls one at a time where both are offered", () => {
    expect(choose("vertex-claude", "auto").sent["tool_choice"]).toEqual({
      type: "any",
      disable_parallel_tool_use: true,
    });
  });
});

test("a limit of nothing is asked for at its maker's, and is one token elsewhere", () => {
  const limits: [to: Upstream, ...path: string[]][] = [
    ["openai-chat", "max_completion_tokens"],
    ["gemini", "generationConfig", "maxOutputTokens"],
    ["bedrock-converse", "inferenceConfig", "maxTokens"],
    ["ollama", "options", "num_predict"],
    ["cohere", "max_tokens"],
  ];
  for (const [to, ...path] of limits) {
    expect(dig(send("anthropic-messages", to, { max_tokens: 0 }).sent, ...path)).toBe(1);
  }
  expect(send("anthropic-messages", "anthropic-messages", { max_tokens: 0 }).sent["max_tokens"]).toBe(0);
});

test("who else may read Anthropic's cache is told to Anthropic, and to no cloud", () => {
  const cache_control = { type: "ephemeral", ttl: "1h", scope: "global" };
  const body = {
    system: [{ type: "text", text: "Be.", cache_control }],
    messages: [
      { role: "user", content: "Hi" },
      { role: "assistant", content: [{ type: "tool_use", id: "c", name: "f", input: {} }] },
      {
        role: "user",
        content: [{ type: "tool_result", tool_use_id: "c", content: [{ type: "text", text: "ok", cache_control }] }],
      },
    ],
    ...tool({ cache_control }),
  };
  const home = JSON.stringify(send("anthropic-messages", "anthropic-messages", body).sent);
  expect(home.split('"scope":"global"')).toHaveLength(4);
  const cloud = JSON.stringify(send("anthropic-messages", "vertex-claude", body).sent);
  expect(cloud).not.toContain("scope");
  expect(cloud.split('"ttl":"1h"')).toHaveLength(4);
});
