/** Several answers to one request through the compiled binary: the official SDKs of both dialects that have them. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";
import { ACCESS_KEY, missingBinary, type RunningBinary, startBinary } from "../support/binary.ts";
import { type Received, type Reply, sse, startUpstream, type Upstream } from "../support/upstream.ts";

const TEXTS = ["Hello", "Good day"];

/** Both answers, piece by piece and mixed. */
function answer({ path, text }: Received): Reply {
  const isGemini = path.includes(":");
  const isStream = path.includes("stream") || /"stream":\s*true/.test(text);
  const pieces = TEXTS.flatMap((said, index) => [
    { at: 0, index, said: said.slice(0, 3) },
    { at: 1, index, said: said.slice(3) },
  ]).toSorted((a, b) => a.at - b.at);
  if (isGemini) {
    const candidate = (index: number, said: string, isLast: boolean) => ({
      content: { role: "model", parts: [{ text: said }] },
      ...(isLast ? { finishReason: "STOP" } : {}),
      index,
    });
    if (!isStream) return { json: { candidates: TEXTS.map((said, index) => candidate(index, said, true)) } };
    return { chunks: pieces.map(({ at, index, said }) => sse({ candidates: [candidate(index, said, at === 1)] })) };
  }
  const head = { id: "c", created: 1, model: "gpt-chat" };
  if (!isStream) {
    const choices = TEXTS.map((content, index) => ({
      index,
      message: { role: "assistant", content },
      finish_reason: "stop",
    }));
    return { json: { ...head, object: "chat.completion", choices } };
  }
  const chunk = (index: number, delta: object, finish: string | null) =>
    sse({ ...head, object: "chat.completion.chunk", choices: [{ index, delta, finish_reason: finish }] });
  return {
    chunks: [
      ...TEXTS.map((_text, index) => chunk(index, { role: "assistant", content: "" }, null)),
      ...pieces.map(({ index, said }) => chunk(index, { content: said }, null)),
      ...TEXTS.map((_text, index) => chunk(index, {}, "stop")),
      sse("[DONE]"),
    ],
  };
}

describe.skipIf(missingBinary !== undefined)(
  `several answers at once${missingBinary === undefined ? "" : ` (${missingBinary})`}`,
  () => {
    let relay: RunningBinary;
    let upstream: Upstream;
    let openai: OpenAI;
    let google: GoogleGenAI;

    beforeAll(async () => {
      upstream = await startUpstream(answer);
      relay = await startBinary({
        config: `
providers:
  echo: { provider_type: echo }
  chat: { base_url: "${upstream.url}/v1", keys: [{ key: vendor-key-1 }], models: { include: [gpt-chat] } }
  gemini: { provider_type: gemini, base_url: "${upstream.url}", keys: [{ key: vendor-key-2 }], models: { include: [gemini-one] } }
  claude: { provider_type: anthropic, base_url: "${upstream.url}", keys: [{ key: vendor-key-3 }], models: { include: [claude-one] } }
`,
      });
      openai = new OpenAI({ baseURL: `${relay.url}/v1`, apiKey: ACCESS_KEY, maxRetries: 0 });
      google = new GoogleGenAI({ apiKey: ACCESS_KEY, httpOptions: { baseUrl: relay.url } });
    });
    beforeEach(() => upstream.forget());
    afterAll(async () => {
      expect(await relay.stop()).toBe(0);
      await upstream.stop();
    });

    const messages = [{ role: "user" as const, content: "Hi" }];

    describe.each(["gpt-chat", "gemini-one"])("of %s", (model) => {
      const isAsked = () => {
        expect(upstream.received).toHaveLength(1);
        expect(upstream.received[0]!.text).toMatch(/"(n|candidateCount)": ?2/);
      };

      test("reach the SDK openai, whole and streamed", async () => {
        const whole = await openai.chat.completions.create({ model, messages, n: 2 });
        expect(whole.choices.map(({ message }) => message.content)).toEqual(TEXTS);
        isAsked();
        upstream.forget();
        const streamed = await openai.chat.completions.stream({ model, messages, n: 2 }).finalChatCompletion();
        expect(streamed.choices.map(({ message, finish_reason }) => [message.content, finish_reason])).toEqual(
          TEXTS.map((text) => [text, "stop"]),
        );
        isAsked();
      });

      test("reach the SDK @google/genai, whole and streamed", async () => {
        const request = { model, contents: "Hi", config: { candidateCount: 2 } };
        const whole = await google.models.generateContent(request);
        expect(whole.candidates?.map(({ content }) => content?.parts?.[0]?.text)).toEqual(TEXTS);
        isAsked();
        upstream.forget();
        const said = ["", ""];
        for await (const { candidates } of await google.models.generateContentStream(request)) {
          for (const { index, content } of candidates ?? []) {
            for (const { text } of content?.parts ?? []) said[index ?? 0] += text ?? "";
          }
        }
        expect(said).toEqual(TEXTS);
        isAsked();
      });
    });

    test.each(["claude-one", "echo"])("are refused of %s, which gives one, and nobody is asked", async (model) => {
      for (const stream of [false, true]) {
        const asking = openai.chat.completions.create({ model, messages, n: 2, stream });
        const error = await asking.then(
          () => undefined,
          (thrown) => thrown,
        );
        expect(error).toBeInstanceOf(OpenAI.BadRequestError);
        expect(error.param).toBe("n");
      }
      expect(upstream.received).toEqual([]);
    });
  },
);
