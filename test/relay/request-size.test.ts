/** How many tokens a request may use, as its bytes let one guess: for reservations, which are settled later. */
import { describe, expect, test } from "bun:test";
import { anthropicMessages, type Codec, gemini, openaiChat, openaiResponses } from "../../src/plugin/index.ts";
import type { Call } from "../../src/relay/call.ts";
import { inputTokensOf, sizeOfChat } from "../../src/relay/request-size.ts";
import { scanTopLevel } from "../../src/relay/scan.ts";

const bytes = (text: string) => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;
const callOf = (codec: Codec): Call =>
  ({ route: { codec }, snapshot: { config: { limits: { reserveOutputTokens: 4096 } } } }) as unknown as Call;
const outputOf = (codec: Codec, body: object, modelMax?: number): number =>
  sizeOfChat(callOf(codec), scanTopLevel(bytes(JSON.stringify(body))), modelMax).outputTokens;

describe("the output that a request asks for", () => {
  const CASES: readonly (readonly [what: string, codec: Codec, body: object, tokens: number])[] = [
    ["chat, the older name", openaiChat, { max_tokens: 7 }, 7],
    ["chat, the newer name", openaiChat, { max_completion_tokens: 8 }, 8],
    ["chat, several answers", openaiChat, { max_tokens: 7, n: 3 }, 21],
    ["chat, an absurd number of answers", openaiChat, { max_tokens: 1, n: 1e9 }, 128],
    ["responses", openaiResponses, { max_output_tokens: 9 }, 9],
    ["messages", anthropicMessages, { max_tokens: 10 }, 10],
    ["gemini", gemini, { generationConfig: { maxOutputTokens: 11, candidateCount: 2 } }, 22],
    ["gemini, the other spelling", gemini, { generation_config: { maxOutputTokens: 11 } }, 11],
    ["nothing named", openaiChat, {}, 4096],
    ["null", openaiChat, { max_tokens: null }, 4096],
    ["nothing above zero", openaiChat, { max_tokens: -5 }, 4096],
    ["more than any model writes", openaiChat, { max_tokens: 1e15 }, 131_072],
  ];
  for (const [what, codec, body, tokens] of CASES) {
    test(`${what}: ${tokens}`, () => expect(outputOf(codec, body)).toBe(tokens));
  }

  test("never more than the model can write", () => {
    expect(outputOf(anthropicMessages, { max_tokens: 100_000 }, 8192)).toBe(8192);
    expect(outputOf(openaiChat, {}, 1000)).toBe(1000);
  });
});

describe("the input that a request holds", () => {
  test("a token for each four bytes, at least one", () => {
    expect(inputTokensOf(bytes(""))).toBe(1);
    expect(inputTokensOf(bytes("x".repeat(10)))).toBe(3);
    expect(inputTokensOf(bytes("x".repeat(400_000)))).toBe(100_000);
  });

  const picture = "A".repeat(1_000_000);
  const media: readonly (readonly [string, object])[] = [
    ["a data URL", { image_url: { url: `data:image/png;base64,${picture}` } }],
    ["Anthropic's source", { source: { type: "base64", media_type: "image/png", data: picture } }],
    ["Gemini's inline data", { inlineData: { mimeType: "image/png", data: picture } }],
  ];
  for (const [what, part] of media) {
    test(`${what} counts as a picture, not as text`, () => {
      const tokens = inputTokensOf(bytes(JSON.stringify({ messages: [{ content: [part, part] }] })));
      expect(tokens).toBeGreaterThan(3000);
      expect(tokens).toBeLessThan(3200);
    });
  }

  test("a body that ends in the middle of a picture is counted all the same", () => {
    expect(inputTokensOf(bytes(`{"data":"${picture}`))).toBe(1503);
  });
});
