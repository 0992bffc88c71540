/** Every field of a request that its vendor's schema has arrives at every upstream, is refused, or is named as lost. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { bedrockConverse } from "../../src/codec/bedrock-converse/index.ts";
import { cohere } from "../../src/codec/cohere/index.ts";
import { bedrockInvokeClaude, vertexClaude } from "../../src/codec/hosted-claude/index.ts";
import { ollama } from "../../src/codec/ollama/index.ts";
import type { Json, JsonObject } from "../../src/contract/chat.ts";
import type { Codec } from "../../src/contract/codec.ts";
import { RelayError } from "../../src/contract/errors.ts";
import { CODECS, type Dialect, dig, KIT, KIT_MISSING, targetOf } from "./support.ts";

const UPSTREAMS = {
  ...CODECS,
  "bedrock-converse": bedrockConverse,
  "bedrock-invoke-claude": bedrockInvokeClaude,
  "vertex-claude": vertexClaude,
  ollama,
  cohere,
};

/** A value that asks for something else than the default, and what it needs beside it. */
type Sample = readonly [value: Json, beside?: JsonObject];

const schema = { type: "object", properties: { a: { type: "string" } }, required: ["a"], additionalProperties: false };
const chatTool = { type: "function", function: { name: "f", parameters: schema } };
const responsesTool = { type: "function", name: "f", parameters: schema, strict: true };
const claudeTool = { name: "f", input_schema: schema };
const geminiTool = { functionDeclarations: [{ name: "f", parametersJsonSchema: schema }] };

const OPENAI: { readonly [field: string]: Sample } = {
  metadata: [{ a: "b" }],
  moderation: [{ model: "omni-moderation-latest" }],
  prompt_cache_key: ["k"],
  prompt_cache_options: [{ mode: "explicit" }],
  prompt_cache_retention: ["24h"],
  safety_identifier: ["hash"],
  service_tier: ["flex"],
  temperature: [0.5],
  top_p: [0.5],
  user: ["kim"],
};

const SAMPLES: { readonly [From in Dialect]: { readonly [field: string]: Sample } } = {
  "openai-chat": {
    ...OPENAI,
    audio: [{ voice: "alloy", format: "wav" }],
    frequency_penalty: [0.5],
    function_call: [{ name: "f" }, { functions: [chatTool.function] }],
    functions: [[chatTool.function]],
    logit_bias: [{ "50": 5 }],
    logprobs: [true],
    max_completion_tokens: [50],
    max_tokens: [50],
    modalities: [["text", "audio"]],
    n: [2],
    parallel_tool_calls: [false, { tools: [chatTool] }],
    prediction: [{ type: "content", content: "Ho" }],
    presence_penalty: [0.5],
    reasoning_effort: ["low"],
    response_format: [{ type: "json_schema", json_schema: { name: "x", schema } }],
    seed: [5],
    stop: [["END"]],
    store: [true],
    tool_choice: ["required", { tools: [chatTool] }],
    tools: [[chatTool]],
    top_logprobs: [2, { logprobs: true }],
    verbosity: ["low"],
    web_search_options: [{}],
  },
  "openai-responses": {
    ...OPENAI,
    background: [true],
    context_management: [[{ type: "compaction", compact_threshold: 9000 }]],
    conversation: ["conv_1"],
    include: [["message.output_text.logprobs"]],
    instructions: ["Be."],
    max_output_tokens: [50],
    max_tool_calls: [3],
    parallel_tool_calls: [false, { tools: [responsesTool] }],
    previous_response_id: ["resp_1"],
    prompt: [{ id: "pmpt_1" }],
    reasoning: [{ effort: "low" }],
    store: [true],
    text: [{ format: { type: "json_schema", name: "x", schema } }],
    tool_choice: ["required", { tools: [responsesTool] }],
    tools: [[responsesTool]],
    top_logprobs: [2, { include: ["message.output_text.logprobs"] }],
    truncation: ["auto"],
  },
  "anthropic-messages": {
    cache_control: [{ type: "ephemeral" }],
    container: ["container_1"],
    diagnostics: [{ previous_message_id: "msg_1" }],
    inference_geo: ["us"],
    max_tokens: [50],
    metadata: [{ user_id: "kim" }],
    output_config: [{ effort: "low" }],
    service_tier: ["standard_only"],
    speed: ["fast"],
    stop_sequences: [["END"]],
    system: ["Be."],
    thinking: [{ type: "enabled", budget_tokens: 2000 }, { max_tokens: 9000 }],
    tool_choice: [{ type: "any" }, { tools: [claudeTool] }],
    tools: [[claudeTool]],
    user_profile_id: ["profile_1"],
    workspace_id: ["workspace_1"],
    // What the libraries' types have dropped, but clients still send.
    temperature: [0.5],
    top_k: [5],
    top_p: [0.5],
  },
  gemini: {
    cachedContent: ["cachedContents/1"],
    safetySettings: [[{ category: "HARM_CATEGORY_HARASSMENT", threshold: "BLOCK_NONE" }]],
    serviceTier: ["flex"],
    systemInstruction: [{ parts: [{ text: "Be." }] }],
    toolConfig: [{ functionCallingConfig: { mode: "ANY" } }, { tools: [geminiTool] }],
    tools: [[geminiTool]],
    "generationConfig.candidateCount": [2],
    "generationConfig.enableEnhancedCivicAnswers": [true],
    "generationConfig.frequencyPenalty": [0.5],
    "generationConfig.imageConfig": [{ aspectRatio: "1:1" }],
    "generationConfig.logprobs": [2, { generationConfig: { responseLogprobs: true } }],
    "generationConfig.maxOutputTokens": [50],
    "generationConfig.mediaResolution": ["MEDIA_RESOLUTION_LOW"],
    "generationConfig.presencePenalty": [0.5],
    "generationConfig.responseJsonSchema": [schema, { generationConfig: { responseMimeType: "application/json" } }],
    "generationConfig.responseJsonSchemaOrdered": [
      schema,
      { generationConfig: { responseMimeType: "application/json" } },
    ],
    "generationConfig.responseLogprobs": [true],
    "generationConfig.responseMimeType": ["application/json"],
    "generationConfig.responseModalities": [["AUDIO"]],
    "generationConfig.responseSchema": [
      { type: "OBJECT", properties: { a: { type: "STRING" } } },
      { generationConfig: { responseMimeType: "application/json" } },
    ],
    "generationConfig.seed": [5],
    "generationConfig.speechConfig": [{ languageCode: "de-DE" }],
    "generationConfig.stopSequences": [["END"]],
    "generationConfig.temperature": [0.5],
    "generationConfig.thinkingConfig": [{ thinkingBudget: 2000 }],
    "generationConfig.topK": [5],
    "generationConfig.topP": [0.5],
  },
};

const FIRST: { readonly [From in Dialect]: JsonObject } = {
  "openai-chat": { model: "m", messages: [{ role: "user", content: "Hi" }] },
  "openai-responses": { model: "m", input: "Hi" },
  "anthropic-messages": { model: "m", max_tokens: 99, messages: [{ role: "user", content: "Hi" }] },
  gemini: { model: "m", contents: [{ role: "user", parts: [{ text: "Hi" }] }] },
};

/** Where a call goes, what it says, and how its answer travels: what every other test is about. */
const ELSEWHERE = new Set(["model", "messages", "input", "contents", "stream", "stream_options", "generationConfig"]);

/** `<client> <field>`: what upstreams do anyway, so that there is nothing to write and nothing lost. */
const DONE_ANYWAY: { readonly [field: string]: readonly string[] } = {
  // The tier that is served where nobody asks for another.
  "anthropic-messages service_tier": ["gemini", "bedrock-converse", "ollama", "cohere"],
  // The relay itself ends answers there.
  "openai-chat stop": ["openai-responses"],
  "anthropic-messages stop_sequences": ["openai-responses"],
  "gemini generationConfig.stopSequences": ["openai-responses"],
};

function withField(from: Dialect, field: string, value: Json, beside: JsonObject = {}): JsonObject {
  const body = { ...FIRST[from], ...beside };
  const [group, name] = field.split(".");
  if (name === undefined) return { ...body, [field]: value };
  return { ...body, [group!]: { ...(body[group!] as JsonObject | undefined), [name]: value } };
}

function outcome(from: Dialect, to: keyof typeof UPSTREAMS, body: JsonObject) {
  const target = targetOf({ maxOutputTokens: 64_000 });
  const codec: Codec = UPSTREAMS[to];
  try {
    const sent = codec.egress!.encodeRequest(CODECS[from].ingress.decodeRequest(body), target);
    return { sent: JSON.stringify(sent), lost: target.lost.toSorted().join() };
  } catch (error) {
    if (RelayError.is(error) && error.status === 400) return "refused";
    throw error;
  }
}

for (const from of Object.keys(SAMPLES) as Dialect[]) {
  describe(`what a client of ${from} asks for`, () => {
    for (const [field, [value, beside]] of Object.entries(SAMPLES[from])) {
      test.each(Object.keys(UPSTREAMS) as (keyof typeof UPSTREAMS)[])(`${field} arrives, or is named: %s`, (to) => {
        const before = outcome(from, to, { ...FIRST[from], ...beside });
        const after = outcome(from, to, withField(from, field, value, beside));
        expect(before).not.toBe("refused");
        if (DONE_ANYWAY[`${from} ${field}`]?.includes(to)) expect(after).toEqual(before);
        else expect(after).not.toEqual(before);
        if (to === from) expect(after).toMatchObject({ lost: "" });
      });
    }
  });
}

/** Settings inside fields that are read, and words in them that nobody knows yet. */
const INSIDE: [from: Dialect, extra: JsonObject, lost: string][] = [
  ["openai-responses", { reasoning: { effort: "low", mode: "pro" } }, "reasoning.mode"],
  ["openai-responses", { reasoning: { context: "all_turns" } }, "reasoning.context"],
  ["openai-responses", { reasoning: { effort: "endless" } }, "reasoning.effort"],
  ["openai-responses", { text: { verbosity: "low", later: 1 } }, "text.later"],
  ["openai-responses", { text: { format: { type: "grammar" } } }, "text.format"],
  ["openai-chat", { reasoning_effort: "endless" }, "reasoning_effort"],
  ["openai-chat", { reasoning: { effort: "low", later: 1 } }, "reasoning.later"],
  ["openai-chat", { thinking: { type: "enabled", later: 1 } }, "thinking.later"],
  ["openai-chat", { response_format: { type: "grammar" } }, "response_format"],
  ["anthropic-messages", { output_config: { effort: "low", task_budget: { total: 9 } } }, "output_config.task_budget"],
  ["anthropic-messages", { output_config: { effort: "endless" } }, "output_config.effort"],
  ["anthropic-messages", { thinking: { type: "between_tools" } }, "thinking.type"],
  ["anthropic-messages", { thinking: { type: "adaptive", later: 1 } }, "thinking.later"],
  ["anthropic-messages", { metadata: { user_id: "kim", later: 1 } }, "metadata.later"],
  ["gemini", { generationConfig: { thinkingConfig: { thinkingBudget: 2000, later: 1 } } }, "thinkingConfig.later"],
];

describe.each(INSIDE)("%s %j", (from, extra, lost) => {
  test.each(Object.keys(CODECS) as Dialect[])("is said at home and named elsewhere: %s", (to) => {
    const target = targetOf({ maxOutputTokens: 64_000 });
    const request = CODECS[from].ingress.decodeRequest({ ...FIRST[from], ...extra });
    const sent = CODECS[to].egress.encodeRequest(request, target);
    if (to !== from) expect(target.lost).toContain(lost);
    else expect([sent, target.lost]).toMatchObject([extra, []]);
  });
});

test("what says nothing is not named", () => {
  const silent: [from: Dialect, extra: JsonObject][] = [
    ["openai-responses", { reasoning: { effort: null, context: "auto" }, text: { format: null } }],
    ["openai-chat", { reasoning_effort: null, response_format: null, thinking: null }],
    ["anthropic-messages", { thinking: { type: "enabled", budget_tokens: 2000, display: null }, metadata: {} }],
    ["gemini", { generationConfig: { thinkingConfig: { thinking_budget: 2000, include_thoughts: true } } }],
  ];
  for (const [from, extra] of silent) {
    for (const to of Object.keys(CODECS) as Dialect[]) {
      const target = targetOf({ maxOutputTokens: 64_000 });
      CODECS[to].egress.encodeRequest(CODECS[from].ingress.decodeRequest({ ...FIRST[from], ...extra }), target);
      expect([from, to, target.lost.filter((field) => field !== "reasoning.summary")]).toEqual([from, to, []]);
    }
  }
});

const SPECS = join(KIT, "specs");
const HAS_SPECS = existsSync(join(SPECS, "openai.openapi.min.json"));

describe.skipIf(!HAS_SPECS)(`every field of the vendor's schema has a sample here (${KIT_MISSING})`, () => {
  const read = (file: string): unknown => JSON.parse(readFileSync(join(SPECS, file), "utf8"));

  function fieldsOf(schemas: unknown, name: string): string[] {
    const found = dig(schemas, name);
    const parts = (dig(found, "allOf") as unknown[] | undefined) ?? [];
    const refs = parts.flatMap((part) => {
      const ref = dig(part, "$ref");
      return typeof ref === "string"
        ? fieldsOf(schemas, ref.split("/").at(-1)!)
        : Object.keys(dig(part, "properties") ?? {});
    });
    return [...Object.keys((dig(found, "properties") as object | undefined) ?? {}), ...refs];
  }

  const openai = () => dig(read("openai.openapi.min.json"), "components", "schemas");
  const CASES: [from: Dialect, fields: () => string[]][] = [
    ["openai-chat", () => fieldsOf(openai(), "CreateChatCompletionRequest")],
    ["openai-responses", () => fieldsOf(openai(), "CreateResponse")],
    [
      "anthropic-messages",
      () => fieldsOf(dig(read("anthropic.schema.json"), "definitions"), "MessageCreateParamsNonStreaming"),
    ],
    [
      "gemini",
      () => {
        const schemas = dig(read("gemini.schema.json"), "$defs");
        const config = fieldsOf(schemas, "GenerationConfig").map((field) => `generationConfig.${field}`);
        return [...fieldsOf(schemas, "GenerateContentRequest"), ...config];
      },
    ],
  ];

  test.each(CASES)("%s", (from, fields) => {
    const all = fields();
    expect(all.length).toBeGreaterThan(10);
    expect(all.filter((field) => !ELSEWHERE.has(field) && SAMPLES[from][field] === undefined)).toEqual([]);
  });
});
