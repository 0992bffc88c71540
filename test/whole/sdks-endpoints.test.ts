/** The official `openai` SDK on everything but chat, through the compiled binary: sound, pictures, things, vectors. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import OpenAI, { toFile } from "openai";
import { ACCESS_KEY, missingBinary, type RunningBinary, startBinary } from "../support/binary.ts";
import { PIXEL } from "../support/sdks/index.ts";
import { events, type Received, sse, startUpstream, type Upstream } from "../support/upstream.ts";

const SOUND = new Uint8Array(300_000).map((_, index) => (index * 13) & 255);

async function formOf({ bytes, headers }: Received): Promise<FormData> {
  const type = { "content-type": headers.get("content-type")! };
  return new Response(bytes as Uint8Array<ArrayBuffer>, { headers: type }).formData() as Promise<FormData>;
}

describe.skipIf(missingBinary !== undefined)(
  `the openai SDK beside chat${missingBinary === undefined ? "" : ` (${missingBinary})`}`,
  () => {
    let up: Upstream;
    let relay: RunningBinary;
    let openai: OpenAI;

    beforeAll(async () => {
      up = await startUpstream();
      relay = await startBinary({
        config: JSON.stringify({
          providers: {
            one: {
              base_url: `${up.url}/v1`,
              keys: [
                { key: "upstream-key-1", label: "a" },
                { key: "upstream-key-2", label: "b" },
              ],
              dialects: ["openai-chat", "openai-responses"],
            },
            aws: {
              provider_type: "bedrock",
              base_url: up.url,
              keys: [{ key: "bedrock-key-1" }],
              models: { include: ["amazon.*", "cohere.*"] },
            },
          },
        }),
      });
      openai = new OpenAI({ baseURL: `${relay.url}/v1`, apiKey: ACCESS_KEY, maxRetries: 0 });
    });
    afterAll(async () => {
      expect(await relay.stop()).toBe(0);
      await up.stop();
    });
    beforeEach(() => up.forget());

    const asked = () => up.received.map(({ method, path }) => `${method} ${path}`);
    const keyOf = ({ headers }: Received) => headers.get("authorization");

    const raisedBy = (call: PromiseLike<unknown>): PromiseLike<unknown> =>
      call.then(
        () => undefined,
        (error) => error,
      );

    describe("sound", () => {
      const file = () => toFile(SOUND, "a.wav");
      const words = { task: "transcribe", language: "english", duration: 1.5, text: "hello", words: [] };
      const speakers = { text: "hello", duration: 1.5, segments: [{ speaker: "A", text: "hello", start: 0, end: 1 }] };
      const whole: [format: "json" | "verbose_json" | "diarized_json", answer: object][] = [
        ["json", { text: "hello", usage: { type: "tokens", input_tokens: 3, output_tokens: 2, total_tokens: 5 } }],
        ["verbose_json", words],
        ["diarized_json", speakers],
      ];
      test.each(whole)("is written down as %s", async (response_format, json) => {
        up.script({ json });
        const told = await openai.audio.transcriptions.create({
          ...{ model: "gpt-4o-transcribe", file: await file(), response_format },
          timestamp_granularities: ["word"],
        });
        expect(told as object).toEqual(json);
        expect(asked()).toEqual(["POST /v1/audio/transcriptions"]);
        const form = await formOf(up.received[0]!);
        expect([form.get("model"), form.get("response_format"), form.getAll("timestamp_granularities[]")]).toEqual([
          "gpt-4o-transcribe",
          response_format,
          ["word"],
        ]);
        expect(new Uint8Array(await (form.get("file") as File).arrayBuffer())).toEqual(SOUND);
      });

      test.each([
        ["text", "text/plain; charset=utf-8", "hello\n"],
        ["srt", "text/plain; charset=utf-8", "1\n00:00:00,000 --> 00:00:01,000\nhello\n\n"],
        ["vtt", "text/plain; charset=utf-8", "WEBVTT\n\n00:00.000 --> 00:01.000\nhello\n\n"],
      ] as const)("is written down as %s, to the byte", async (response_format, type, text) => {
        up.script({ text, headers: { "content-type": type } });
        const request = { model: "whisper-1", file: await file(), response_format } as const;
        const answer = await openai.audio.transcriptions.create(request as never).asResponse();
        expect(answer.headers.get("content-type")).toBe(type);
        expect(await answer.text()).toBe(text);
      });

      test("is written down while it is heard", async () => {
        const held = Promise.withResolvers<void>();
        up.script({
          chunks: [
            events({ type: "transcript.text.delta", delta: "hel" } as never),
            () => held.promise,
            events(
              { type: "transcript.text.delta", delta: "lo" } as never,
              { type: "transcript.text.done", text: "hello" } as never,
            ),
          ],
        });
        const stream = await openai.audio.transcriptions.create({
          ...{ model: "gpt-4o-transcribe", file: await file() },
          stream: true,
        });
        const seen: string[] = [];
        for await (const event of stream) {
          seen.push(event.type === "transcript.text.delta" ? event.delta : event.type);
          held.resolve();
        }
        expect(seen).toEqual(["hel", "lo", "transcript.text.done"]);
      });

      test("is translated", async () => {
        up.script({ json: { text: "hello" } });
        const told = await openai.audio.translations.create({ model: "whisper-1", file: await file() });
        expect(told.text).toBe("hello");
        expect(asked()).toEqual(["POST /v1/audio/translations"]);
      });

      test("is spoken: bytes as they come", async () => {
        const held = Promise.withResolvers<void>();
        up.script({
          chunks: [SOUND.subarray(0, 1000), () => held.promise, SOUND.subarray(1000)],
          headers: { "content-type": "audio/mpeg" },
        });
        const spoken = await openai.audio.speech.create({ model: "tts-1", voice: "alloy", input: "hi" });
        expect(spoken.headers.get("content-type")).toBe("audio/mpeg");
        const reader = spoken.body!.getReader();
        const pieces = [(await reader.read()).value!];
        expect(pieces[0]!.length).toBe(1000);
        held.resolve();
        for (let next = await reader.read(); !next.done; next = await reader.read()) pieces.push(next.value);
        expect(Buffer.compare(Buffer.concat(pieces), SOUND)).toBe(0);
      });

      test("is spoken as events, where they are asked for", async () => {
        const frames = events(
          { type: "speech.audio.delta", audio: "aGk=" } as never,
          { type: "speech.audio.done", usage: { input_tokens: 1, output_tokens: 2, total_tokens: 3 } } as never,
        );
        up.script({ chunks: [frames.slice(0, 30), frames.slice(30)] });
        const spoken = await openai.audio.speech.create({
          ...{ model: "gpt-4o-mini-tts", voice: "alloy", input: "hi" },
          stream_format: "sse",
        });
        expect(spoken.headers.get("content-type")).toStartWith("text/event-stream");
        expect(await spoken.text()).toBe(frames);
        expect(JSON.parse(up.received[0]!.text)).toMatchObject({ stream_format: "sse" });
      });

      test("that the upstream refuses raises the SDK's own error", async () => {
        const refusal = {
          message: "Audio file is too short.",
          type: "invalid_request_error",
          param: "file",
          code: null,
        };
        up.script({ status: 400, json: { error: refusal } });
        const failed = await raisedBy(openai.audio.transcriptions.create({ model: "whisper-1", file: await file() }));
        expect(failed).toBeInstanceOf(OpenAI.BadRequestError);
        expect((failed as Error).message).toContain("too short");
      });
    });

    describe("pictures", () => {
      const answer = {
        created: 1,
        data: [{ b64_json: PIXEL }],
        usage: { input_tokens: 5, output_tokens: 9, total_tokens: 14 },
      };
      const picture = () => toFile(Buffer.from(PIXEL, "base64"), "a.png", { type: "image/png" });

      test("are made", async () => {
        up.script({ json: answer });
        const made = await openai.images.generate({ model: "gpt-image-1", prompt: "a dot", n: 1 });
        expect(made as object).toMatchObject(answer);
        expect(JSON.parse(up.received[0]!.text)).toEqual({ model: "gpt-image-1", prompt: "a dot", n: 1 });
      });

      test("are made before one's eyes", async () => {
        const held = Promise.withResolvers<void>();
        const partial = { type: "image_generation.partial_image", partial_image_index: 0, b64_json: PIXEL.repeat(400) };
        up.script({
          chunks: [
            events(partial).slice(0, 2000),
            events(partial).slice(2000),
            () => held.promise,
            events({ type: "image_generation.completed", b64_json: PIXEL, usage: answer.usage } as never),
          ],
        });
        const stream = await openai.images.generate({
          ...{ model: "gpt-image-1", prompt: "a dot", partial_images: 1 },
          stream: true,
        });
        const seen: [string, number][] = [];
        for await (const event of stream) {
          seen.push([event.type, event.b64_json.length]);
          held.resolve();
        }
        expect(seen).toEqual([
          ["image_generation.partial_image", PIXEL.length * 400],
          ["image_generation.completed", PIXEL.length],
        ]);
      });

      test("are changed: several at once, with a mask, streamed or not", async () => {
        up.script({ json: answer });
        const images = [await picture(), await picture()];
        const request = { model: "gpt-image-1", prompt: "bluer", image: images, mask: await picture() };
        expect((await openai.images.edit(request)) as object).toMatchObject(answer);
        const form = await formOf(up.received[0]!);
        expect([form.getAll("image[]").length, form.get("prompt"), (form.get("mask") as File).size]).toEqual([
          2,
          "bluer",
          Buffer.from(PIXEL, "base64").length,
        ]);
        up.script({ chunks: [events({ type: "image_edit.completed", b64_json: PIXEL } as never)] });
        const stream = await openai.images.edit({ ...request, stream: true });
        for await (const event of stream) expect(event.type).toBe("image_edit.completed");
      });

      test("are varied", async () => {
        up.script({ json: answer });
        const varied = await openai.images.createVariation({ model: "dall-e-2", image: await picture() });
        expect(varied.data![0]!.b64_json).toBe(PIXEL);
        expect(asked()).toEqual(["POST /v1/images/variations"]);
      });
    });

    describe("vectors and judgements", () => {
      test("in base64, as the SDK asks unasked, one request a text where the vendor takes one", async () => {
        up.script(({ text }) => ({
          json: { embedding: [JSON.parse(text).inputText.length, 0.5], inputTextTokenCount: 2 },
        }));
        const input = ["a", "bb", "ccc"];
        const { data, usage } = await openai.embeddings.create({ model: "amazon.titan-embed-text-v2:0", input });
        expect(data.map(({ embedding }) => embedding)).toEqual([
          [1, 0.5],
          [2, 0.5],
          [3, 0.5],
        ]);
        expect(usage).toEqual({ prompt_tokens: 6, total_tokens: 6 });
        expect(new Set(asked())).toEqual(new Set(["POST /model/amazon.titan-embed-text-v2%3A0/invoke"]));
        expect(up.received).toHaveLength(3);
      });

      test("token ids for a vendor that cannot read them raise the SDK's own error", async () => {
        const failed = openai.embeddings.create({ model: "cohere.embed-english-v3", input: [[1, 2]] });
        expect(await raisedBy(failed)).toBeInstanceOf(OpenAI.BadRequestError);
        expect(up.received).toEqual([]);
      });

      test("moderations need no model", async () => {
        up.script({ json: { id: "modr_1", model: "omni-moderation-latest", results: [{ flagged: false }] } });
        const judged = await openai.moderations.create({ input: "hello" });
        expect(judged.results[0]!.flagged).toBe(false);
        expect(JSON.parse(up.received[0]!.text)).toEqual({ input: "hello", model: "omni-moderation-latest" });
      });
    });

    describe("things that lie with the upstream", () => {
      test("files, their contents, batches of them, and what comes of it: all under one key", async () => {
        up.script(({ method, path }) => {
          if (path.endsWith("/content"))
            return { text: '{"custom_id":"1"}\n', headers: { "content-type": "application/jsonl" } };
          if (method === "DELETE") return { json: { id: "file-in", object: "file", deleted: true } };
          if (path.endsWith("/files")) return { json: { id: "file-in", object: "file", bytes: 5 } };
          if (path.includes("/batches")) {
            const output = method === "GET" ? { output_file_id: "file-out" } : {};
            return { json: { id: "batch_1", object: "batch", input_file_id: "file-in", ...output } };
          }
          return { json: { id: path.split("/").at(-1), object: "file" } };
        });
        const file = await openai.files.create({
          file: await toFile(Buffer.from("lines\n"), "a.jsonl"),
          purpose: "batch",
        });
        const batch = await openai.batches.create({
          input_file_id: file.id,
          endpoint: "/v1/responses",
          completion_window: "24h",
        });
        expect((await openai.batches.retrieve(batch.id)).output_file_id).toBe("file-out");
        expect(await (await openai.files.content("file-out")).text()).toBe('{"custom_id":"1"}\n');
        expect((await openai.files.retrieve(file.id)).id).toBe("file-in");
        expect((await openai.files.delete(file.id)).deleted).toBe(true);
        expect(await raisedBy(openai.files.retrieve(file.id))).toBeInstanceOf(OpenAI.NotFoundError);
        expect(new Set(up.received.map(keyOf)).size).toBe(1);
      });

      test("an upload in parts", async () => {
        up.script(({ path }) => ({
          json: path.endsWith("/parts")
            ? { id: "part_1", object: "upload.part" }
            : {
                id: "upload_1",
                object: "upload",
                ...(path.endsWith("/complete") ? { file: { id: "file-up", object: "file" } } : {}),
              },
        }));
        const { id } = await openai.uploads.create({
          filename: "a",
          bytes: 5,
          mime_type: "text/plain",
          purpose: "batch",
        });
        const part = await openai.uploads.parts.create(id, { data: await toFile(Buffer.from("lines"), "p") });
        const whole = await openai.uploads.complete(id, { part_ids: [part.id] });
        expect(whole.file!.id).toBe("file-up");
        expect((await openai.files.retrieve("file-up")).id).toBe("upload_1");
        expect(new Set(up.received.map(keyOf)).size).toBe(1);
      });

      test("stored answers: read, walked through, cancelled, deleted, and then gone", async () => {
        const response = {
          ...{ id: "resp_sdk_1", object: "response", created_at: 1, status: "completed", model: "gpt-5", output: [] },
          usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
        };
        up.script(({ path }) => ({
          json: path.endsWith("/input_items")
            ? { object: "list", data: [{ id: "i1", type: "message" }], has_more: false }
            : response,
        }));
        const { id } = await openai.responses.create({ model: "gpt-5", input: "hi" });
        expect((await openai.responses.retrieve(id)).id).toBe(id);
        const items = await openai.responses.inputItems.list(id);
        expect(items.data.map((item) => item.id)).toEqual(["i1"]);
        await openai.responses.cancel(id);
        await openai.responses.delete(id);
        expect(asked()).toEqual([
          "POST /v1/responses",
          `GET /v1/responses/${id}`,
          `GET /v1/responses/${id}/input_items`,
          `POST /v1/responses/${id}/cancel`,
          `DELETE /v1/responses/${id}`,
        ]);
        expect(new Set(up.received.map(keyOf)).size).toBe(1);
        expect(await raisedBy(openai.responses.retrieve(id))).toBeInstanceOf(OpenAI.NotFoundError);
      });

      test("a thread made with its run, streamed, is the client's from the first event", async () => {
        const run = { id: "run_sdk_1", object: "thread.run", thread_id: "thread_sdk_1", status: "queued" };
        up.script(({ method, path, text }) => {
          if (method === "POST" && path.endsWith("/assistants"))
            return { json: { id: "asst_sdk_1", object: "assistant" } };
          if (!text.includes('"stream":true'))
            return { json: { object: "list", data: [], has_more: false, id: "thread_sdk_1" } };
          const event = (name: string, data: object) => `event: ${name}\n${sse(data)}`;
          return {
            chunks: [
              event("thread.created", { id: "thread_sdk_1", object: "thread" }),
              event("thread.run.created", run),
              event("thread.run.completed", { ...run, status: "completed" }),
              "event: done\ndata: [DONE]\n\n",
            ],
          };
        });
        const assistant = await openai.beta.assistants.create({ model: "gpt-4o" });
        const stream = await openai.beta.threads.createAndRun({ assistant_id: assistant.id, stream: true });
        const seen: string[] = [];
        for await (const { event } of stream) {
          seen.push(event);
          if (event === "thread.created") await openai.beta.threads.messages.list("thread_sdk_1");
        }
        expect(seen).toEqual(["thread.created", "thread.run.created", "thread.run.completed"]);
        expect(asked()).toContain("GET /v1/threads/thread_sdk_1/messages");
        expect(new Set(up.received.map(keyOf)).size).toBe(1);
        expect(await raisedBy(openai.beta.threads.retrieve("thread_of_others"))).toBeInstanceOf(OpenAI.NotFoundError);
      });

      test("fine-tuning and vector stores follow their files", async () => {
        up.script(({ path }) => ({
          json: {
            id: path.includes("fine_tuning") ? "ftjob-1" : path.includes("vector") ? "vs_1" : "file-ft",
            object: "x",
          },
        }));
        const file = await openai.files.create({ file: await toFile(Buffer.from("x"), "a"), purpose: "fine-tune" });
        const job = await openai.fineTuning.jobs.create({ model: "gpt-4o", training_file: file.id });
        await openai.fineTuning.jobs.retrieve(job.id);
        await openai.fineTuning.jobs.cancel(job.id);
        const store = await openai.vectorStores.create({ file_ids: [file.id] });
        await openai.vectorStores.files.retrieve(file.id, { vector_store_id: store.id });
        expect(asked().slice(1)).toEqual([
          "POST /v1/fine_tuning/jobs",
          "GET /v1/fine_tuning/jobs/ftjob-1",
          "POST /v1/fine_tuning/jobs/ftjob-1/cancel",
          "POST /v1/vector_stores",
          "GET /v1/vector_stores/vs_1/files/file-ft",
        ]);
        expect(new Set(up.received.map(keyOf)).size).toBe(1);
      });
    });
  },
);
