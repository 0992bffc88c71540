/** Tiers of service: asked for in each vendor's words, and told as the upstream told them. */
import { describe, expect, test } from "bun:test";
import { bedrockConverse } from "../../src/codec/bedrock-converse/index.ts";
import { cohere } from "../../src/codec/cohere/index.ts";
import { collect, replay } from "../../src/codec/fold.ts";
import { vertexClaude } from "../../src/codec/hosted-claude/index.ts";
import { ollama } from "../../src/codec/ollama/index.ts";
import type { ChatResponse, Json, JsonObject } from "../../src/contract/chat.ts";
import type { Codec, Traits } from "../../src/contract/codec.ts";
import {
  chunks,
  CODECS,
  contextOf,
  DIALECTS,
  type Dialect,
  delta,
  dig,
  eventsOf,
  framesOfText,
  namedEvents,
  targetOf,
  writeEvents,
} from "./support.ts";

const UPSTREAMS = { ...CODECS, "bedrock-converse": bedrockConverse, "vertex-claude": vertexClaude, ollama, cohere };
type Upstream = keyof typeof UPSTREAMS;

function asked(from: Dialect, tier: string): JsonObject {
  switch (from) {
    case "openai-responses":
      return { model: "m", input: "Hi", service_tier: tier };
    case "gemini":
      return { model: "m", contents: [{ role: "user", parts: [{ text: "Hi" }] }], serviceTier: tier };
    default:
      return { model: "m", max_tokens: 99, messages: [{ role: "user", content: "Hi" }], service_tier: tier };
  }
}

function send(from: Dialect, tier: string, to: Upstream, traits: Traits = {}) {
  const target = targetOf(traits);
  const codec: Codec = UPSTREAMS[to];
  const sent = codec.egress!.encodeRequest(CODECS[from].ingress.decodeRequest(asked(from, tier)), target);
  const written = sent["service_tier"] ?? sent["serviceTier"];
  return { written, lost: target.lost.filter((field) => field === "service_tier") };
}

const LOST = Symbol("lost");
/** What is written; nothing; or what is lost by name. */
const ASKED: [from: Dialect, tier: string, to: Upstream, written: Json | undefined | typeof LOST][] = [
  ["openai-chat", "flex", "openai-responses", "flex"],
  ["openai-responses", "priority", "openai-chat", "priority"],
  ["openai-responses", "ultrafast", "openai-chat", LOST],
  ["openai-responses", "auto", "openai-chat", undefined],
  ["openai-chat", "default", "openai-responses", "default"],
  ["openai-chat", "default", "anthropic-messages", "standard_only"],
  ["openai-chat", "auto", "anthropic-messages", undefined],
  ["openai-chat", "priority", "anthropic-messages", LOST],
  ["openai-chat", "flex", "gemini", "flex"],
  ["openai-chat", "priority", "gemini", "priority"],
  ["openai-chat", "default", "gemini", undefined],
  ["openai-chat", "scale", "gemini", LOST],
  ["openai-chat", "flex", "bedrock-converse", { type: "flex" }],
  ["openai-responses", "priority", "bedrock-converse", { type: "priority" }],
  ["openai-chat", "default", "bedrock-converse", undefined],
  ["openai-chat", "scale", "bedrock-converse", LOST],
  ["openai-chat", "flex", "cohere", LOST],
  ["openai-chat", "flex", "ollama", LOST],
  ["openai-chat", "auto", "ollama", undefined],
  ["openai-chat", "default", "vertex-claude", undefined],
  ["openai-chat", "flex", "vertex-claude", LOST],
  ["anthropic-messages", "standard_only", "vertex-claude", LOST],
  ["anthropic-messages", "standard_only", "openai-chat", "default"],
  ["anthropic-messages", "auto", "openai-responses", undefined],
  ["anthropic-messages", "standard_only", "anthropic-messages", "standard_only"],
  ["gemini", "standard", "openai-chat", "default"],
  ["gemini", "STANDARD", "gemini", "STANDARD"],
  ["gemini", "flex", "openai-responses", "flex"],
  ["gemini", "priority", "anthropic-messages", LOST],
  ["gemini", "unspecified", "openai-chat", undefined],
];

describe("asked for", () => {
  test.each(ASKED)("%s %s to %s", (from, tier, to, written) => {
    const isLost = written === LOST;
    expect(send(from, tier, to)).toEqual({
      written: isLost ? undefined : (written as Json | undefined),
      lost: isLost ? ["service_tier"] : [],
    } as ReturnType<typeof send>);
  });

  test("servers that imitate chat have the usual tier, and are not asked for it", () => {
    const traits: Traits = { vendorFields: false };
    expect(send("anthropic-messages", "standard_only", "openai-chat", traits)).toEqual({
      written: undefined,
      lost: [],
    });
    expect(send("openai-responses", "flex", "openai-chat", traits)).toEqual({ written: "flex", lost: [] });
    expect(send("openai-chat", "default", "openai-chat", traits)).toEqual({ written: "default", lost: [] });
  });

  test("Google's cloud has no such field", () => {
    const traits = { serviceTiers: false } as Traits;
    expect(send("openai-chat", "flex", "gemini", traits)).toEqual({ written: undefined, lost: ["service_tier"] });
  });
});

/** Whole answers that say by which tier they were served. */
const ANSWERS: { readonly [Name in Dialect | "bedrock-converse"]: (tier?: string) => JsonObject } = {
  "openai-chat": (tier) => ({
    id: "c",
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", content: "Ho" }, finish_reason: "stop" }],
    usage: { prompt_tokens: 1, completion_tokens: 1 },
    ...(tier === undefined ? {} : { service_tier: tier }),
  }),
  "openai-responses": (tier) => ({
    id: "r",
    model: "m",
    status: "completed",
    output: [{ type: "message", role: "assistant", content: [{ type: "output_text", text: "Ho" }] }],
    usage: { input_tokens: 1, output_tokens: 1 },
    ...(tier === undefined ? {} : { service_tier: tier }),
  }),
  "anthropic-messages": (tier) => ({
    id: "m",
    model: "m",
    content: [{ type: "text", text: "Ho" }],
    stop_reason: "end_turn",
    usage: { input_tokens: 1, output_tokens: 1, ...(tier === undefined ? {} : { service_tier: tier }) },
  }),
  gemini: (tier) => ({
    candidates: [{ content: { parts: [{ text: "Ho" }] }, finishReason: "STOP" }],
    usageMetadata: {
      promptTokenCount: 1,
      candidatesTokenCount: 1,
      ...(tier === undefined ? {} : { serviceTier: tier }),
    },
  }),
  "bedrock-converse": (tier) => ({
    output: { message: { role: "assistant", content: [{ text: "Ho" }] } },
    stopReason: "end_turn",
    usage: { inputTokens: 1, outputTokens: 1 },
    ...(tier === undefined ? {} : { serviceTier: { type: tier } }),
  }),
};

const decode = (from: keyof typeof ANSWERS, tier?: string): ChatResponse => {
  const codec: Codec = UPSTREAMS[from];
  return codec.egress!.decodeResponse(ANSWERS[from](tier));
};

/** Where each dialect's answers say it. */
function shown(to: Dialect, body: JsonObject): unknown {
  if (to === "gemini") return dig(body, "usageMetadata", "serviceTier");
  return to === "anthropic-messages" ? dig(body, "usage", "service_tier") : body["service_tier"];
}

const TOLD: [from: keyof typeof ANSWERS, tier: string | undefined, shown: Record<Dialect, unknown>][] = [
  [
    "openai-chat",
    "flex",
    { "openai-chat": "flex", "openai-responses": "flex", "anthropic-messages": null, gemini: "flex" },
  ],
  [
    "openai-responses",
    "priority",
    { "openai-chat": "priority", "openai-responses": "priority", "anthropic-messages": "priority", gemini: "priority" },
  ],
  [
    "openai-chat",
    "default",
    { "openai-chat": "default", "openai-responses": "default", "anthropic-messages": "standard", gemini: "standard" },
  ],
  [
    "openai-chat",
    undefined,
    { "openai-chat": undefined, "openai-responses": "default", "anthropic-messages": null, gemini: undefined },
  ],
  [
    "anthropic-messages",
    "priority",
    { "openai-chat": "priority", "openai-responses": "priority", "anthropic-messages": "priority", gemini: "priority" },
  ],
  [
    "anthropic-messages",
    "batch",
    { "openai-chat": undefined, "openai-responses": "default", "anthropic-messages": "batch", gemini: undefined },
  ],
  [
    "gemini",
    "standard",
    { "openai-chat": "default", "openai-responses": "default", "anthropic-messages": "standard", gemini: "standard" },
  ],
  [
    "bedrock-converse",
    "flex",
    { "openai-chat": "flex", "openai-responses": "flex", "anthropic-messages": null, gemini: "flex" },
  ],
];

describe("told", () => {
  for (const [from, tier, expected] of TOLD) {
    test.each(DIALECTS)(`${from} ${tier ?? "nothing"} to %s`, (to) => {
      const whole = CODECS[to].ingress.encodeResponse(decode(from, tier), contextOf());
      expect(shown(to, whole)).toEqual(expected[to]);
    });
  }

  test("a server's own word in chat for the ordinary tier is the ordinary tier elsewhere", () => {
    const answer = decode("openai-chat", "on_demand");
    expect(CODECS["openai-responses"].ingress.encodeResponse(answer, contextOf())["service_tier"]).toBe("default");
    expect(CODECS["openai-chat"].ingress.encodeResponse(answer, contextOf())["service_tier"]).toBe("on_demand");
  });

  test("an answer told as events keeps it", () => {
    for (const from of ["openai-chat", "anthropic-messages", "gemini"] as const) {
      expect(collect(replay(decode(from, "priority"))).serviceTier).toBe("priority");
    }
  });
});

describe("in streams", () => {
  const chat = framesOfText(
    chunks(
      delta({ content: "Ho" }, null, { service_tier: "flex" }),
      delta({}, "stop", { service_tier: "flex" }),
      "[DONE]",
    ),
  );

  test("Responses shows what was asked for until it is known what served", () => {
    const context = contextOf({ serviceTier: "priority" });
    const tiers = writeEvents("openai-responses", eventsOf("openai-chat", chat), context)
      .map(({ data }) => dig(JSON.parse(data), "response", "service_tier"))
      .filter((tier) => tier !== undefined);
    expect(tiers).toEqual(["priority", "priority", "flex"]);
  });

  test("nobody said and nobody asked: open at first, the ordinary one at the end, as the vendor has it", () => {
    const plain = framesOfText(chunks(delta({ content: "Ho" }), delta({}, "stop"), "[DONE]"));
    const frames = writeEvents("openai-responses", eventsOf("openai-chat", plain));
    const tiers = frames.map(({ data }) => dig(JSON.parse(data), "response", "service_tier"));
    expect(tiers.filter((tier) => tier !== undefined)).toEqual(["auto", "auto", "default"]);
  });

  test("chat tells it behind the words, Gemini with the counts", () => {
    const anthropic = framesOfText(
      namedEvents(
        { type: "message_start", message: ANSWERS["anthropic-messages"]("priority") },
        { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
        { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Ho" } },
        { type: "content_block_stop", index: 0 },
        { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 1 } },
        { type: "message_stop" },
      ),
    );
    const events = eventsOf("anthropic-messages", anthropic);
    const bodies = writeEvents("openai-chat", events).map(({ data }) => (data === "[DONE]" ? {} : JSON.parse(data)));
    const finish = bodies.findIndex((body) => dig(body, "choices", 0, "finish_reason") === "stop");
    expect(bodies.map((body) => body.service_tier).slice(0, finish)).toEqual(Array(finish).fill(undefined));
    expect(bodies[finish].service_tier).toBe("priority");
    const last = JSON.parse(writeEvents("gemini", events).at(-1)!.data);
    expect(shown("gemini", last)).toBe("priority");
  });

  test("messages tell it at their start, if it is known by then", () => {
    const [first] = writeEvents(
      "anthropic-messages",
      eventsOf(
        "openai-chat",
        framesOfText(chunks(delta({ content: "Ho" }, null, { service_tier: "default" }), delta({}, "stop"), "[DONE]")),
      ),
    );
    expect(dig(JSON.parse(first!.data), "message", "usage", "service_tier")).toBe("standard");
  });

  test("chat's own stream tells it as it came, once in each chunk", () => {
    for (const { data } of writeEvents("openai-chat", eventsOf("openai-chat", chat))) {
      if (data !== "[DONE]") expect(data.split('"service_tier":"flex"')).toHaveLength(2);
    }
  });
});
