/** Claude away from home: the maker's own body, without what other clouds refuse. */
import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../src/contract/chat.ts";
import { caught } from "./support.ts";
import { readEvents, translateTo, UPSTREAM_CODECS } from "./upstream-support.ts";

const HOSTED = { structuredOutput: false, mediaUrls: false, systemInMessages: false } as const;
const VERSIONS = { "bedrock-invoke-claude": "bedrock-2023-05-31", "vertex-claude": "vertex-2023-10-16" } as const;

describe.each(Object.keys(VERSIONS) as (keyof typeof VERSIONS)[])("%s", (dialect) => {
  const send = (extra: JsonObject = {}) =>
    translateTo(
      dialect,
      { model: "m", max_tokens: 9, messages: [{ role: "user", content: "Hi" }], ...extra },
      "anthropic-messages",
      HOSTED,
    );

  test("what the client wrote arrives as it was written; the model is in the address, the version in the body", () => {
    const body: JsonObject = {
      ...{ max_tokens: 9, system: "Be.", stop_sequences: ["x"], metadata: { user_id: "u" } },
      messages: [
        { role: "user", content: [{ type: "text", text: "Hi", cache_control: { type: "ephemeral", ttl: "1h" } }] },
        { role: "assistant", content: [{ type: "thinking", thinking: "Hm.", signature: "c2ln" }] },
        { role: "user", content: "Go" },
      ],
      tools: [{ name: "f", input_schema: { type: "object" }, cache_control: { type: "ephemeral" } }],
      tool_choice: { type: "auto" },
    };
    const { sent, lost } = send({ ...body, stream: true });
    expect(sent).toEqual({
      anthropic_version: VERSIONS[dialect],
      ...body,
      ...(dialect === "vertex-claude" ? { stream: true } : {}),
    });
    expect(lost).toEqual([]);
  });

  test("E45: the line that changes with every conversation of Claude Code is for the maker's bills, not for prefix caches", () => {
    const system = [
      { type: "text", text: "x-anthropic-billing-header: cc_version=2.1; cc_entrypoint=cli;" },
      { type: "text", text: "Be good.", cache_control: { type: "ephemeral" } },
    ];
    const { sent, lost } = send({ system });
    expect(sent["system"]).toEqual([system[1] as JsonObject]);
    expect(lost).toEqual([]);
  });

  test("turns alternate and the user is first, which the maker does not ask for", () => {
    const { sent, lost } = send({
      system: "Be.",
      messages: [
        { role: "assistant", content: "a" },
        { role: "user", content: "b" },
        { role: "system", content: "Quick." },
        { role: "user", content: [{ type: "text", text: "c", cache_control: { type: "ephemeral" } }] },
        { role: "assistant", content: "d" },
        { role: "assistant", content: "e" },
        { role: "user", content: "f" },
      ],
    });
    const text = (value: string) => ({ type: "text", text: value });
    expect(sent["system"]).toEqual([text("Be."), text("Quick.")]);
    expect(sent["messages"]).toEqual([
      { role: "user", content: "." },
      { role: "assistant", content: "a" },
      { role: "user", content: [text("b"), { ...text("c"), cache_control: { type: "ephemeral" } }] },
      { role: "assistant", content: [text("d"), text("e")] },
      { role: "user", content: "f" },
    ]);
    expect(lost).toEqual([]);
  });

  test("E43: fields and betas added at the maker's are left out and named", () => {
    const { sent, lost } = send({
      ...{ context_management: { edits: [] }, container: "c", betas: ["b"], service_tier: "standard_only" },
      tools: [
        {
          ...{ name: "f", input_schema: { type: "object" }, strict: true },
          ...{ defer_loading: true, eager_input_streaming: true, input_examples: [{}] },
        },
      ],
    });
    expect(Object.keys(sent).toSorted()).toEqual(
      ["anthropic_version", "max_tokens", "messages", "tools"]
        .concat(dialect === "vertex-claude" ? ["stream"] : [])
        .toSorted(),
    );
    expect(sent["tools"]).toEqual([{ name: "f", input_schema: { type: "object" } }]);
    expect(lost.toSorted()).toEqual([
      "container",
      "context_management",
      "service_tier",
      "tools[].defer_loading",
      "tools[].eager_input_streaming",
      "tools[].input_examples",
      "tools[].strict",
    ]);
  });

  test("a chat client's schema becomes a tool, since the maker's field is not known there", () => {
    const schema = { type: "object", properties: { n: { type: "integer" } } };
    const { sent } = translateTo(
      dialect,
      {
        ...{ model: "m", messages: [{ role: "user", content: "Hi" }] },
        response_format: { type: "json_schema", json_schema: { name: "a", schema } },
      },
      "openai-chat",
      HOSTED,
    );
    expect(sent).not.toHaveProperty("output_config");
    expect(sent["tools"]).toHaveLength(1);
    expect(sent["tool_choice"]).toMatchObject({ type: "tool" });
  });

  test("an address is refused: only bytes are read there", () => {
    const image = { type: "image", source: { type: "url", url: "https://example.com/a.png" } };
    expect(caught(() => send({ messages: [{ role: "user", content: [image] }] }))).toMatchObject({
      code: "bad-request",
    });
  });
});

test("betas the operator chose stand in Bedrock's body, whatever the client asked for", () => {
  const body = { model: "m", max_tokens: 9, messages: [{ role: "user", content: "Hi" }], anthropic_beta: ["client"] };
  const sent = (dialect: keyof typeof VERSIONS, betas: string[]) =>
    translateTo(dialect, body, "anthropic-messages", { ...HOSTED, betas }).sent["anthropic_beta"];
  expect(sent("bedrock-invoke-claude", ["one", "two"])).toEqual(["one", "two"]);
  expect(sent("bedrock-invoke-claude", [])).toBeUndefined();
  expect(sent("vertex-claude", ["one"])).toBeUndefined();
});

describe("chunks of Bedrock", () => {
  const chunk = (event: JsonObject) => ({
    event: "chunk",
    data: JSON.stringify({ bytes: Buffer.from(JSON.stringify(event)).toString("base64"), p: "abc" }),
  });
  const start = chunk({ type: "message_start", message: { id: "msg_1", model: "m", usage: { input_tokens: 3 } } });

  test("a failure of the envelope, of the event, or of the chunk ends the stream once", () => {
    const failures = [
      { event: "exception", data: '{"type":"throttlingException","message":"slow down"}' },
      chunk({ type: "error", error: { type: "overloaded_error", message: "busy" } }),
      { event: "chunk", data: '{"p":"abc"}' },
    ];
    for (const failure of failures) {
      const events = readEvents("bedrock-invoke-claude", [start, failure, failure]);
      expect(events.filter(({ type }) => type === "error")).toHaveLength(1);
      expect(events.at(-1)?.type).toBe("error");
    }
  });

  test("frames of other names are nobody's business", () => {
    expect(readEvents("bedrock-invoke-claude", [{ event: "news", data: "{}" }, start])[0]?.type).toBe("response-start");
  });

  test("a refusal under a 200 is a refusal", () => {
    const { egress } = UPSTREAM_CODECS["bedrock-invoke-claude"];
    expect(caught(() => egress.decodeResponse({ message: "no such model" })).message).toBe("no such model");
    expect(caught(() => egress.decodeResponse({ __type: "com.amazon#ThrottlingException" })).code).toBe(
      "upstream-rate-limited",
    );
  });
});
