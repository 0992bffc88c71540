/** Tools of the vendors' own through the compiled binary: what the official SDKs show of them, and what they send back. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type AnthropicProvider, createAnthropic } from "@ai-sdk/anthropic";
import { createGoogle } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import Anthropic from "@anthropic-ai/sdk";
import { type Content, GoogleGenAI } from "@google/genai";
import { generateText, type LanguageModel, streamText, type ToolSet } from "ai";
import OpenAI from "openai";
import { startWithAllUpstreams } from "../support/all-upstreams.ts";
import { ACCESS_KEY, missingBinary, type RunningBinary } from "../support/binary.ts";
import type { Upstream } from "../support/upstream.ts";
import { ANSWER, startVendors } from "../support/vendors.ts";
import { HOSTED } from "../support/voices/hosted.ts";

// It warns of every model it does not know, and two of three are not its provider's.
(globalThis as { AI_SDK_LOG_WARNINGS?: boolean }).AI_SDK_LOG_WARNINGS = false;

const WORDS = "use your own tools";
/** The upstreams whose vendors have such tools. */
const MODELS = [
  ["OpenAI", "gpt-responses"],
  ["Anthropic", "claude-sonnet-4-6"],
  ["Google", "gemini-2.5-flash"],
] as const;
const WAYS = MODELS.flatMap(([vendor, model]) => [false, true].map((stream) => [vendor, model, stream] as const));
/** What stands for a tool at work in each upstream's requests. */
const TRACES = /"type":"(server_tool_use|\w+_tool_result|\w+_call|mcp_tool_use)"|"executableCode"/;

describe.skipIf(missingBinary !== undefined)(
  `tools of the vendors' own${missingBinary === undefined ? "" : ` (${missingBinary})`}`,
  () => {
    let vendors: Upstream;
    let relay: RunningBinary;
    let openai: OpenAI;
    let anthropic: Anthropic;
    let google: GoogleGenAI;

    beforeAll(async () => {
      vendors = await startVendors();
      relay = await startWithAllUpstreams(vendors.url);
      openai = new OpenAI({ baseURL: `${relay.url}/v1`, apiKey: ACCESS_KEY, maxRetries: 0 });
      anthropic = new Anthropic({ baseURL: relay.url, apiKey: ACCESS_KEY, maxRetries: 0 });
      google = new GoogleGenAI({ apiKey: ACCESS_KEY, httpOptions: { baseUrl: relay.url } });
    });
    afterAll(async () => {
      expect(await relay.stop()).toBe(0);
      await vendors.stop();
    });

    const responses = async (model: string, stream: boolean, input: OpenAI.Responses.ResponseInput) => {
      const request = {
        ...{ model, input, store: false },
        tools: [
          { type: "web_search" as const },
          { type: "code_interpreter" as const, container: { type: "auto" as const } },
        ],
      };
      return stream ? openai.responses.stream(request).finalResponse() : openai.responses.create(request);
    };
    const messages = async (model: string, stream: boolean, turns: Anthropic.MessageParam[]) => {
      const request: Anthropic.MessageCreateParamsNonStreaming = {
        ...{ model, max_tokens: 4096, messages: turns },
        tools: [
          { type: "web_search_20250305", name: "web_search" },
          { type: "code_execution_20250825", name: "code_execution" },
        ],
      };
      return stream ? anthropic.messages.stream(request).finalMessage() : anthropic.messages.create(request);
    };
    const generate = async (model: string, stream: boolean, contents: Content[]) => {
      const request = { model, contents, config: { tools: [{ googleSearch: {} }, { codeExecution: {} }] } };
      if (!stream) return [await google.models.generateContent(request)];
      const chunks = [];
      for await (const chunk of await google.models.generateContentStream(request)) chunks.push(chunk);
      return chunks;
    };

    describe.each(WAYS)("of %s, %s, streamed: %p", (vendor, model, stream) => {
      test("the SDK openai shows them as items of the answer", async () => {
        const { output, output_text } = await responses(model, stream, [{ role: "user", content: WORDS }]);
        expect(output_text).toBe(ANSWER.text);
        const searches = output.flatMap((item) => (item.type === "web_search_call" ? [item] : []));
        expect(searches.map(({ status, action }) => [status, action.type])).toEqual([["completed", "search"]]);
        expect(searches[0]!.action).toMatchObject({ query: HOSTED.query });
        const code = output.flatMap((item) => (item.type === "code_interpreter_call" ? [item.code] : []));
        expect(code).toEqual([HOSTED.code]);
        const calls = output.flatMap((item) => (item.type === "mcp_call" ? [[item.name, item.output]] : []));
        expect(calls).toEqual(vendor === "Google" ? [] : [[HOSTED.tool, HOSTED.told]]);
      });

      test("the SDK of Anthropic shows them as blocks in pairs", async () => {
        const { content } = await messages(model, stream, [{ role: "user", content: WORDS }]);
        const uses = content.flatMap((block) => (block.type === "server_tool_use" ? [block] : []));
        const inputs = new Map<string, unknown>(uses.map(({ name, input }) => [name, input]));
        expect(Object.fromEntries(inputs)).toEqual({
          web_search: { query: HOSTED.query },
          code_execution: { code: HOSTED.code },
        });
        const answered = content.flatMap((block) => ("tool_use_id" in block ? [block.tool_use_id] : []));
        for (const { id } of uses) expect(answered).toContain(id);
        const found = content.find((block) => block.type === "web_search_tool_result")!.content;
        expect(Array.isArray(found) ? found.map(({ url }) => url) : found).toEqual([HOSTED.url]);
        const ran = content.find((block) => block.type === "code_execution_tool_result")!.content;
        expect(ran).toMatchObject({ stdout: HOSTED.output, return_code: 0 });
      });

      test("the SDK of Google shows the search beside the answer and code as its parts", async () => {
        const chunks = await generate(model, stream, [{ role: "user", parts: [{ text: WORDS }] }]);
        const candidates = chunks.flatMap((chunk) => chunk.candidates ?? []);
        const grounding = candidates.flatMap(({ groundingMetadata }) => groundingMetadata ?? []);
        expect(grounding.flatMap(({ webSearchQueries }) => webSearchQueries ?? [])).toEqual([HOSTED.query]);
        expect(grounding.flatMap(({ groundingChunks }) => groundingChunks ?? []).map(({ web }) => web?.uri)).toEqual([
          HOSTED.url,
        ]);
        const parts = candidates.flatMap(({ content }) => content?.parts ?? []);
        expect(parts.flatMap(({ executableCode }) => executableCode?.code ?? [])).toEqual([HOSTED.code]);
        expect(parts.flatMap(({ codeExecutionResult }) => codeExecutionResult?.output ?? [])).toEqual([HOSTED.output]);
      });

      /** What Vercel's SDK calls a tool that somebody else has run. */
      const executed = async (of: LanguageModel, tools: ToolSet) => {
        const request = { model: of, prompt: WORDS, tools, maxRetries: 0 };
        const steps = stream ? await streamText(request).steps : (await generateText(request)).steps;
        const { toolCalls, toolResults, text } = steps.at(-1)!;
        expect(text).toBe(ANSWER.text);
        for (const { providerExecuted } of toolCalls) expect(providerExecuted).toBe(true);
        expect(toolResults.map(({ toolCallId }) => toolCallId)).toEqual(toolCalls.map(({ toolCallId }) => toolCallId));
        return toolCalls.map(({ toolName }) => toolName);
      };

      test("Vercel's ai with @ai-sdk/openai takes them for tools that its provider ran", async () => {
        const via = createOpenAI({ baseURL: `${relay.url}/v1`, apiKey: ACCESS_KEY });
        const tools = { web_search: via.tools.webSearch({}), code_interpreter: via.tools.codeInterpreter({}) };
        const names = await executed(via(model), tools);
        const search = vendor === "Google" ? ["code_interpreter", "web_search"] : ["web_search", "code_interpreter"];
        expect(names).toEqual([...search, ...(vendor === "Google" ? [] : [`mcp.${HOSTED.tool}`])]);
      });

      test("Vercel's ai with @ai-sdk/anthropic takes them for tools that its provider ran", async () => {
        const via: AnthropicProvider = createAnthropic({ baseURL: `${relay.url}/v1`, apiKey: ACCESS_KEY });
        const tools = {
          web_search: via.tools.webSearch_20250305({}),
          code_execution: via.tools.codeExecution_20250825({}),
        };
        const names = await executed(via(model), tools);
        const search = vendor === "Google" ? ["code_execution", "web_search"] : ["web_search", "code_execution"];
        expect(names).toEqual([...search, ...(vendor === "Google" ? [] : [HOSTED.tool])]);
      });

      test("Vercel's ai with @ai-sdk/google takes code for a tool that its provider ran, and pages for sources", async () => {
        const via = createGoogle({ baseURL: `${relay.url}/v1beta`, apiKey: ACCESS_KEY });
        const tools = { google_search: via.tools.googleSearch({}), code_execution: via.tools.codeExecution({}) };
        expect(await executed(via(model), tools)).toEqual(["code_execution"]);
      });
    });

    describe.each(MODELS)(
      "what a client was shown of another vendor's tools and sends back to %s",
      (_vendor, model) => {
        const others = MODELS.filter(([, other]) => other !== model).map(([, other]) => other);
        const second = () => {
          const [, next] = vendors.received;
          expect(vendors.received).toHaveLength(2);
          return next!.text;
        };

        test.each(others)(`reaches it neither in halves nor as its own, from %s (openai)`, async (other) => {
          vendors.forget();
          const { output } = await responses(other, false, [{ role: "user", content: WORDS }]);
          const input = [{ role: "user", content: WORDS }, ...output, { role: "user", content: "And now?" }];
          const again = await responses(model, false, input as OpenAI.Responses.ResponseInput);
          expect(again.output_text).toBe(ANSWER.text);
          expect(second()).not.toMatch(TRACES);
        });

        test.each(others)(`reaches it neither in halves nor as its own, from %s (@anthropic-ai/sdk)`, async (other) => {
          vendors.forget();
          const { content } = await messages(other, false, [{ role: "user", content: WORDS }]);
          await messages(model, false, [
            { role: "user", content: WORDS },
            { role: "assistant", content: content as Anthropic.ContentBlockParam[] },
            { role: "user", content: "And now?" },
          ]);
          expect(second()).not.toContain("monorelay");
          expect(second()).not.toContain("web_search_tool_result");
          if (model !== "claude-sonnet-4-6") expect(second()).not.toMatch(TRACES);
        });
      },
    );
  },
);
