/** Ids longer than 2^53 in what tools are given and return: every digit arrives, in every pair of dialects. */
import { describe, expect, test } from "bun:test";
import { bedrockConverse } from "../../src/codec/bedrock-converse/index.ts";
import { cohere } from "../../src/codec/cohere/index.ts";
import { vertexClaude } from "../../src/codec/hosted-claude/index.ts";
import { ollama } from "../../src/codec/ollama/index.ts";
import { parseExact } from "../../src/codec/shared/exact-json.ts";
import type { JsonObject } from "../../src/contract/chat.ts";
import type { Codec } from "../../src/contract/codec.ts";
import { CODECS, contextOf, DIALECTS, targetOf } from "./support.ts";

const ID = "1234567890123456789";
const ARGS = `{"id":${ID},"of":[-${ID},1.5,7]}`;
/** As it stands inside a string. */
const QUOTED = JSON.stringify(ARGS);

/** Bodies as text, since no literal of a test could hold the number. */
const REQUESTS: Record<keyof typeof CODECS, string> = {
  "openai-chat": `{"model":"m","messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":${QUOTED}}}]},{"role":"tool","tool_call_id":"c","content":"ok"}]}`,
  "openai-responses": `{"model":"m","input":[{"role":"user","content":"Hi"},{"type":"function_call","call_id":"c","name":"f","arguments":${QUOTED}},{"type":"function_call_output","call_id":"c","output":"ok"}]}`,
  "anthropic-messages": `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":${ARGS}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":"ok"}]}]}`,
  gemini: `{"contents":[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"functionCall":{"name":"f","args":${ARGS}}}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"id":${ID}}}}]}]}`,
};
const ANSWERS: Record<string, string> = {
  "openai-chat": `{"choices":[{"message":{"content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":${QUOTED}}}]},"finish_reason":"tool_calls"}]}`,
  "openai-responses": `{"status":"completed","output":[{"type":"function_call","call_id":"c","name":"f","arguments":${QUOTED}}]}`,
  "anthropic-messages": `{"content":[{"type":"tool_use","id":"c","name":"f","input":${ARGS}}],"stop_reason":"tool_use"}`,
  gemini: `{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":${ARGS}}}]},"finishReason":"STOP"}]}`,
  "bedrock-converse": `{"output":{"message":{"content":[{"toolUse":{"toolUseId":"c","name":"f","input":${ARGS}}}]}},"stopReason":"tool_use"}`,
  ollama: `{"message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":${ARGS}}}]},"done":true}`,
  cohere: `{"message":{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":${QUOTED}}}]},"finish_reason":"TOOL_CALL"}`,
};
const UPSTREAMS: Record<string, Codec> = {
  ...CODECS,
  "bedrock-converse": bedrockConverse,
  "vertex-claude": vertexClaude,
  ollama,
  cohere,
};
/** All digits, whether the arguments stand as JSON or inside a string. */
const expectDigits = (body: JsonObject) => {
  const text = JSON.stringify(body).replaceAll("\\", "");
  expect(text).toContain(`"id":${ID}`);
  expect(text).toContain(`[-${ID},1.5,7]`);
};

describe("arguments in the history keep their digits", () => {
  for (const from of DIALECTS) {
    for (const [to, codec] of Object.entries(UPSTREAMS)) {
      test(`${from} to ${to}`, () => {
        const request = CODECS[from].ingress.decodeRequest(parseExact(REQUESTS[from]) as JsonObject, { model: "m" });
        expectDigits(codec.egress!.encodeRequest(request, targetOf({ mediaUrls: false })));
      });
    }
  }
});

describe("arguments of an answer keep their digits", () => {
  for (const [from, text] of Object.entries(ANSWERS)) {
    for (const to of DIALECTS) {
      test(`${from} to ${to}`, () => {
        const response = UPSTREAMS[from]!.egress!.decodeResponse(parseExact(text) as JsonObject);
        expectDigits(CODECS[to].ingress.encodeResponse(response, contextOf()));
      });
    }
  }

  for (const from of ["gemini", "ollama"]) {
    test(`${from}, whose streams give them as an object`, () => {
      const decode = UPSTREAMS[from]!.egress!.streamDecoder();
      const events = [{ data: ANSWERS[from]! }, null].flatMap((frame) => decode(frame));
      for (const to of DIALECTS) {
        const write = CODECS[to].ingress.streamEncoder(contextOf());
        const frames = events.flatMap((event) => write(event)).map(({ data }) => data);
        expect(frames.join("").replaceAll("\\", "")).toContain(`"id":${ID}`);
      }
    });
  }
});

test("what a tool returned as JSON keeps its digits at Gemini", () => {
  const body = parseExact(
    REQUESTS["openai-chat"].replace('"content":"ok"', `"content":"{\\"id\\":${ID}}"`),
  ) as JsonObject;
  const sent = CODECS.gemini.egress.encodeRequest(CODECS["openai-chat"].ingress.decodeRequest(body), targetOf());
  expect(JSON.stringify(sent)).toContain(`"response":{"id":${ID}}`);
});

test("numbers elsewhere are numbers, however long", () => {
  const body = parseExact(`{"seed":${ID},"input":${ID},"tools":[{"parameters":{"maximum":${ID}}}],"args":{"a":${ID}}}`);
  expect(body).toMatchObject({ seed: Number(ID), input: Number(ID), tools: [{ parameters: { maximum: Number(ID) } }] });
  expect(JSON.stringify(body)).toContain(`"args":{"a":${ID}}`);
  expect(() => parseExact(`{"a":${ID}`)).toThrow(SyntaxError);
});
