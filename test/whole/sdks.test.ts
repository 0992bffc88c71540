/** The official SDKs, unmodified, against the compiled binary: only base URL and key differ from the vendor's. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { ACCESS_KEY, missingBinary, type RunningBinary, startBinary } from "../support/binary.ts";
import { events, sse, startUpstream, type Upstream } from "../support/upstream.ts";

const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

describe.skipIf(missingBinary !== undefined)(
  `official SDKs${missingBinary === undefined ? "" : ` (${missingBinary})`}`,
  () => {
    let relay: RunningBinary;
    let chatUpstream: Upstream;
    let messagesUpstream: Upstream;
    let openai: OpenAI;
    let anthropic: Anthropic;

    beforeAll(async () => {
      chatUpstream = await startUpstream();
      messagesUpstream = await startUpstream();
      relay = await startBinary({
        config: `
providers:
  echo: { provider_type: echo }
  chat: { base_url: "${chatUpstream.url}/v1", keys: [{ key: chat-upstream-key }], models: { include: ["gpt-*", "text-embedding-*", "whisper-*", "tts-*"] } }
  claude: { provider_type: anthropic, base_url: "${messagesUpstream.url}", keys: [{ key: claude-upstream-key }], models: { include: ["claude-*"] } }
model_routing: { failover: { enabled: false } }
`,
      });
      openai = new OpenAI({ baseURL: `${relay.url}/v1`, apiKey: ACCESS_KEY });
      anthropic = new Anthropic({ baseURL: relay.url, apiKey: ACCESS_KEY });
    });
    afterAll(async () => {
      expect(await relay.stop()).toBe(0);
      await chatUpstream.stop();
      await messagesUpstream.stop();
    });

    const tools: OpenAI.ChatCompletionTool[] = [
      {
        type: "function",
        function: {
          name: "weather",
          parameters: { type: "object", properties: { city: { type: "string", enum: ["Paris"] } }, required: ["city"] },
        },
      },
      { type: "function", function: { name: "now" } },
    ];
    const anthropicTools: Anthropic.Tool[] = [
      {
        name: "weather",
        input_schema: { type: "object", properties: { city: { type: "string", enum: ["Paris"] } }, required: ["city"] },
      },
      { name: "now", input_schema: { type: "object" } },
    ];

    describe("openai, answered by echo", () => {
      test("a plain answer with its request id and usage", async () => {
        const answer = await openai.chat.completions.create({
          model: "echo",
          messages: [{ role: "user", content: "hello relay" }],
        });
        expect(answer.choices[0]!.message.content).toBe("hello relay");
        expect(answer.choices[0]!.finish_reason).toBe("stop");
        expect(answer.usage!.total_tokens).toBeGreaterThan(0);
        expect(answer._request_id).toMatch(/^req_/);
      });

      test("a streamed answer with usage", async () => {
        const stream = openai.chat.completions.stream({
          model: "echo",
          messages: [{ role: "user", content: "one two three" }],
          stream_options: { include_usage: true },
        });
        let pieces = 0;
        stream.on("content", () => pieces++);
        const answer = await stream.finalChatCompletion();
        expect(answer.choices[0]!.message.content).toBe("one two three");
        expect(pieces).toBe(3);
        expect(answer.usage!.completion_tokens).toBe(4);
      });

      test.each([false, true])("two parallel tools, one without arguments (streamed: %p)", async (stream) => {
        const request = { model: "echo-tools", messages: [{ role: "user" as const, content: "x" }], tools };
        const answer = stream
          ? await openai.chat.completions.stream(request).finalChatCompletion()
          : await openai.chat.completions.create(request);
        const calls = answer.choices[0]!.message.tool_calls!;
        expect(answer.choices[0]!.finish_reason).toBe("tool_calls");
        expect(
          calls.map((call) => call.type === "function" && [call.function.name, JSON.parse(call.function.arguments)]),
        ).toEqual([
          ["weather", { city: "Paris" }],
          ["now", {}],
        ]);
        expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
      });

      test("structured output", async () => {
        const answer = await openai.chat.completions.create({
          model: "echo-json",
          messages: [{ role: "user", content: "x" }],
          response_format: {
            type: "json_schema",
            json_schema: {
              name: "a",
              schema: { type: "object", properties: { n: { type: "integer", minimum: 3 } }, required: ["n"] },
            },
          },
        });
        expect(JSON.parse(answer.choices[0]!.message.content!)).toEqual({ n: 3 });
      });

      test("embeddings, in base64 as the SDK asks by default", async () => {
        const answer = await openai.embeddings.create({ model: "echo", input: ["a", "b"] });
        expect(answer.data.map(({ embedding }) => embedding)).toEqual([
          [1, 0, 0, 0, 0, 0, 0, 0],
          [1, 0, 0, 0, 0, 0, 0, 0],
        ]);
      });

      const errors: [model: string, type: new (...args: never[]) => Error][] = [
        ["echo-error-400", OpenAI.BadRequestError],
        ["echo-error-401", OpenAI.AuthenticationError],
        ["echo-error-404", OpenAI.NotFoundError],
        ["echo-error-429", OpenAI.RateLimitError],
        ["echo-error-500", OpenAI.InternalServerError],
        ["echo-error-503", OpenAI.InternalServerError],
        ["no-such-model", OpenAI.NotFoundError],
      ];
      test.each(errors)("%s raises its own class", async (model, type) => {
        const asked = openai.chat.completions.create(
          { model, messages: [{ role: "user", content: "x" }] },
          { maxRetries: 0 },
        );
        const error = await asked.then(
          () => undefined,
          (thrown) => thrown,
        );
        expect(error).toBeInstanceOf(type);
        expect(error.requestID).toMatch(/^req_/);
        expect(typeof error.message).toBe("string");
      });

      test("a wrong key raises AuthenticationError", async () => {
        const stranger = new OpenAI({ baseURL: `${relay.url}/v1`, apiKey: "not-the-key-0123456789" });
        const asked = stranger.chat.completions.create({ model: "echo", messages: [{ role: "user", content: "x" }] });
        expect(
          await asked.then(
            () => undefined,
            (error) => error,
          ),
        ).toBeInstanceOf(OpenAI.AuthenticationError);
      });

      test("a stream that is cut raises, after what had arrived", async () => {
        const stream = await openai.chat.completions.create({
          model: "echo-cut",
          stream: true,
          messages: [{ role: "user", content: "a b c d e" }],
        });
        let text = "";
        const read = async () => {
          for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
        };
        expect(
          await read().then(
            () => undefined,
            (error) => error,
          ),
        ).toBeInstanceOf(OpenAI.APIError);
        expect(text).toBe("a b c ");
      });

      test("models are listed and found", async () => {
        const ids: string[] = [];
        for await (const model of openai.models.list()) ids.push(model.id);
        expect(ids).toContain("echo");
        expect((await openai.models.retrieve("echo")).id).toBe("echo");
      });
    });

    describe("anthropic, answered by echo", () => {
      test("a plain and a streamed answer", async () => {
        const request = {
          model: "echo",
          max_tokens: 64,
          messages: [{ role: "user" as const, content: "hello relay" }],
        };
        const whole = await anthropic.messages.create(request);
        expect(whole.content).toEqual([expect.objectContaining({ type: "text", text: "hello relay" })]);
        const streamed = await anthropic.messages.stream(request).finalMessage();
        expect(streamed.content).toEqual([expect.objectContaining({ type: "text", text: "hello relay" })]);
        expect(streamed.stop_reason).toBe("end_turn");
        expect(streamed.usage.output_tokens).toBe(whole.usage.output_tokens);
      });

      test.each([false, true])("two parallel tools, one without arguments (streamed: %p)", async (stream) => {
        const request = {
          model: "echo-tools",
          max_tokens: 64,
          messages: [{ role: "user" as const, content: "x" }],
          tools: anthropicTools,
        };
        const answer = stream
          ? await anthropic.messages.stream(request).finalMessage()
          : await anthropic.messages.create(request);
        expect(answer.stop_reason).toBe("tool_use");
        const calls = answer.content.filter((block) => block.type === "tool_use");
        expect(calls.map(({ name, input }) => [name, input])).toEqual([
          ["weather", { city: "Paris" }],
          ["now", {}],
        ]);
      });

      test("reasoning becomes a thinking block, and may be sent back", async () => {
        const first = await anthropic.messages.create({
          model: "echo-reasoning",
          max_tokens: 64,
          messages: [{ role: "user", content: "why" }],
        });
        expect(first.content.map(({ type }) => type)).toEqual(["thinking", "text"]);
        const second = await anthropic.messages.create({
          model: "echo",
          max_tokens: 64,
          messages: [
            { role: "user", content: "why" },
            { role: "assistant", content: first.content },
            { role: "user", content: "again" },
          ],
        });
        expect(second.content).toEqual([expect.objectContaining({ text: "again" })]);
      });

      test("tokens are counted, models are paged", async () => {
        const count = await anthropic.messages.countTokens({
          model: "echo",
          messages: [{ role: "user", content: "hello" }],
        });
        expect(count.input_tokens).toBeGreaterThan(0);
        const ids: string[] = [];
        for await (const model of anthropic.models.list({ limit: 2 })) ids.push(model.id);
        expect(ids).toContain("echo");
        expect(ids.length).toBeGreaterThan(2);
      });

      const errors: [model: string, type: new (...args: never[]) => Error][] = [
        ["echo-error-400", Anthropic.BadRequestError],
        ["echo-error-401", Anthropic.AuthenticationError],
        ["echo-error-404", Anthropic.NotFoundError],
        ["echo-error-429", Anthropic.RateLimitError],
        ["echo-error-529", Anthropic.InternalServerError],
        ["no-such-model", Anthropic.NotFoundError],
      ];
      test.each(errors)("%s raises its own class", async (model, type) => {
        const asked = anthropic.messages.create(
          { model, max_tokens: 8, messages: [{ role: "user", content: "x" }] },
          { maxRetries: 0 },
        );
        const error = await asked.then(
          () => undefined,
          (thrown) => thrown,
        );
        expect(error).toBeInstanceOf(type);
        expect(error.requestID).toMatch(/^req_/);
      });

      test("a stream that is cut raises", async () => {
        const asked = anthropic.messages
          .stream({ model: "echo-cut", max_tokens: 8, messages: [{ role: "user", content: "a b c d" }] })
          .finalMessage();
        expect(
          await asked.then(
            () => undefined,
            (error) => error,
          ),
        ).toBeInstanceOf(Anthropic.APIError);
      });
    });

    const chatWhole = {
      id: "chatcmpl-9",
      object: "chat.completion",
      created: 1700000000,
      model: "gpt-4o",
      choices: [
        {
          index: 0,
          logprobs: null,
          finish_reason: "tool_calls",
          message: {
            role: "assistant",
            content: "Let me look.",
            refusal: null,
            tool_calls: [
              { id: "call_a", type: "function", function: { name: "weather", arguments: '{"city":"Paris"}' } },
              { id: "call_b", type: "function", function: { name: "now", arguments: "" } },
            ],
          },
        },
      ],
      usage: { prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 },
    };
    const chatChunk = (delta: object, finish: string | null = null) => ({
      id: "chatcmpl-9",
      object: "chat.completion.chunk",
      created: 1700000000,
      model: "gpt-4o",
      choices: [{ index: 0, delta, finish_reason: finish }],
    });
    const chatStream = sse(
      chatChunk({ role: "assistant", content: "" }),
      chatChunk({ content: "Let me look." }),
      chatChunk({
        tool_calls: [{ index: 0, id: "call_a", type: "function", function: { name: "weather", arguments: "" } }],
      }),
      chatChunk({ tool_calls: [{ index: 0, function: { arguments: '{"city":' } }] }),
      chatChunk({ tool_calls: [{ index: 0, function: { arguments: '"Paris"}' } }] }),
      chatChunk({
        tool_calls: [{ index: 1, id: "call_b", type: "function", function: { name: "now", arguments: "" } }],
      }),
      chatChunk({}, "tool_calls"),
      {
        id: "chatcmpl-9",
        object: "chat.completion.chunk",
        created: 1700000000,
        model: "gpt-4o",
        choices: [],
        usage: { prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 },
      },
      "[DONE]",
    );
    const claudeWhole = {
      id: "msg_9",
      type: "message",
      role: "assistant",
      model: "claude-sonnet-4-5",
      content: [
        { type: "text", text: "Let me look." },
        { type: "tool_use", id: "toolu_a", name: "weather", input: { city: "Paris" } },
        { type: "tool_use", id: "toolu_b", name: "now", input: {} },
      ],
      stop_reason: "tool_use",
      stop_sequence: null,
      usage: { input_tokens: 20, output_tokens: 10 },
    };
    const claudeStream = events(
      {
        type: "message_start",
        message: { ...claudeWhole, content: [], stop_reason: null, usage: { input_tokens: 20, output_tokens: 1 } },
      } as never,
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } } as never,
      { type: "ping" },
      { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Let me look." } } as never,
      { type: "content_block_stop", index: 0 } as never,
      {
        type: "content_block_start",
        index: 1,
        content_block: { type: "tool_use", id: "toolu_a", name: "weather", input: {} },
      } as never,
      { type: "content_block_delta", index: 1, delta: { type: "input_json_delta", partial_json: "" } } as never,
      {
        type: "content_block_delta",
        index: 1,
        delta: { type: "input_json_delta", partial_json: '{"city":"Paris"}' },
      } as never,
      { type: "content_block_stop", index: 1 } as never,
      {
        type: "content_block_start",
        index: 2,
        content_block: { type: "tool_use", id: "toolu_b", name: "now", input: {} },
      } as never,
      { type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: "" } } as never,
      { type: "content_block_stop", index: 2 } as never,
      {
        type: "message_delta",
        delta: { stop_reason: "tool_use", stop_sequence: null },
        usage: { output_tokens: 10 },
      } as never,
      { type: "message_stop" },
    );

    describe.each([
      ["gpt-4o", "a chat upstream"],
      ["claude-sonnet-4-5", "a messages upstream"],
    ])("%s: %s", (model) => {
      const isChat = model.startsWith("gpt");
      const reply = (stream: boolean) =>
        isChat
          ? stream
            ? { chunks: [chatStream] }
            : { json: chatWhole }
          : stream
            ? { chunks: [claudeStream] }
            : { json: claudeWhole };
      const upstream = () => (isChat ? chatUpstream : messagesUpstream);
      const calls = [
        ["weather", { city: "Paris" }],
        ["now", {}],
      ];

      test.each([false, true])("openai: text, two parallel tools, usage (streamed: %p)", async (stream) => {
        upstream().script(reply(stream));
        const request = { model, messages: [{ role: "user" as const, content: "x" }], tools };
        const answer = stream
          ? await openai.chat.completions
              .stream({ ...request, stream_options: { include_usage: true } })
              .finalChatCompletion()
          : await openai.chat.completions.create(request);
        const { message, finish_reason } = answer.choices[0]!;
        expect(message.content).toBe("Let me look.");
        expect(finish_reason).toBe("tool_calls");
        expect(
          message.tool_calls!.map(
            (call) => call.type === "function" && [call.function.name, JSON.parse(call.function.arguments || "{}")],
          ),
        ).toEqual(calls as never);
        expect(answer.usage).toMatchObject({ prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 });
      });

      test.each([false, true])("anthropic: text, two parallel tools, usage (streamed: %p)", async (stream) => {
        upstream().script(reply(stream));
        const request = {
          model,
          max_tokens: 64,
          messages: [{ role: "user" as const, content: "x" }],
          tools: anthropicTools,
        };
        const answer = stream
          ? await anthropic.messages.stream(request).finalMessage()
          : await anthropic.messages.create(request);
        expect(answer.stop_reason).toBe("tool_use");
        expect(
          answer.content.map((block) =>
            block.type === "text" ? block.text : block.type === "tool_use" ? [block.name, block.input] : block.type,
          ),
        ).toEqual(["Let me look.", ...calls] as never);
        expect(answer.usage).toMatchObject({ input_tokens: 20, output_tokens: 10 });
      });

      test("an image and tool results arrive in the upstream's own form", async () => {
        upstream().script(reply(false));
        upstream().forget();
        await openai.chat.completions.create({
          model,
          messages: [
            {
              role: "user",
              content: [
                { type: "text", text: "what" },
                { type: "image_url", image_url: { url: `data:image/png;base64,${PIXEL}` } },
              ],
            },
            {
              role: "assistant",
              content: null,
              tool_calls: [
                { id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":"Paris"}' } },
                { id: "call_2", type: "function", function: { name: "now", arguments: "{}" } },
              ],
            },
            { role: "tool", tool_call_id: "call_1", content: "sunny" },
            { role: "tool", tool_call_id: "call_2", content: "noon" },
            { role: "user", content: "and?" },
          ],
          tools,
        });
        const sent = JSON.parse(upstream().received[0]!.text);
        expect(JSON.stringify(sent)).toContain(PIXEL);
        if (isChat) {
          expect(sent.messages).toHaveLength(5);
        } else {
          expect(sent.messages.map(({ role }: { role: string }) => role)).toEqual(["user", "assistant", "user"]);
          expect(sent.messages[2].content.map(({ type }: { type: string }) => type)).toEqual([
            "tool_result",
            "tool_result",
            "text",
          ]);
          expect(sent.messages[0].content[1]).toMatchObject({
            type: "image",
            source: { type: "base64", media_type: "image/png" },
          });
        }
      });

      test("an upstream's 400 keeps its words and raises BadRequestError in both SDKs", async () => {
        const body = isChat
          ? {
              error: {
                message: "This model's maximum context length is 10 tokens",
                type: "invalid_request_error",
                param: "messages",
                code: "context_length_exceeded",
              },
            }
          : {
              type: "error",
              error: { type: "invalid_request_error", message: "prompt is too long: 11 tokens > 10 maximum" },
            };
        upstream().script({ status: 400, json: body });
        const viaOpenai = await openai.chat.completions
          .create({ model, messages: [{ role: "user", content: "x" }] }, { maxRetries: 0 })
          .then(
            () => undefined,
            (error) => error,
          );
        expect(viaOpenai).toBeInstanceOf(OpenAI.BadRequestError);
        expect(viaOpenai.code).toBe("context_length_exceeded");
        const viaAnthropic = await anthropic.messages
          .create({ model, max_tokens: 8, messages: [{ role: "user", content: "x" }] }, { maxRetries: 0 })
          .then(
            () => undefined,
            (error) => error,
          );
        expect(viaAnthropic).toBeInstanceOf(Anthropic.BadRequestError);
        expect(viaAnthropic.message).toContain("prompt is too long");
      });
    });

    describe("raw lane", () => {
      test("audio: a file upload arrives whole, its answer comes back as sent", async () => {
        chatUpstream.script({ text: "1\n00:00 hello", headers: { "content-type": "text/plain" } });
        chatUpstream.forget();
        const audio = new Uint8Array(300_000).map((_, index) => index % 251);
        const answer = await openai.audio.transcriptions.create({
          model: "whisper-1",
          file: new File([audio], "a.wav"),
          response_format: "srt",
        });
        expect(String(answer)).toContain("hello");
        const got = chatUpstream.received[0]!;
        expect(got.path).toBe("/v1/audio/transcriptions");
        const form = await new Response(got.bytes as Uint8Array<ArrayBuffer>, {
          headers: { "content-type": got.headers.get("content-type")! },
        }).formData();
        expect(form.get("model")).toBe("whisper-1");
        expect(new Uint8Array(await (form.get("file") as File).arrayBuffer())).toEqual(audio);
      });

      test("speech: binary comes back as bytes", async () => {
        const bytes = new Uint8Array(5000).map((_, index) => (index * 13) & 255);
        chatUpstream.script({ chunks: [bytes], headers: { "content-type": "audio/mpeg" } });
        const speech = await openai.audio.speech.create({ model: "tts-1", voice: "alloy", input: "hi" });
        expect(speech.headers.get("content-type")).toBe("audio/mpeg");
        expect(new Uint8Array(await speech.arrayBuffer())).toEqual(bytes);
      });
    });
  },
);
