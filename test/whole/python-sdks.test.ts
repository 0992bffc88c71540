/** The official Python SDKs against every upstream dialect, through the compiled binary: only base URL and key are ours. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { ACCESS_KEY, missingBinary, type RunningBinary, startBinary } from "../support/binary.ts";
import { readJson } from "../support/json.ts";
import {
  missingPython,
  type PythonClient,
  type PythonFailure,
  type PythonSdks,
  runPython,
  startPythonSdks,
} from "../support/python-sdks.ts";
import { PIXEL } from "../support/sdks/index.ts";
import { type Received, type Reply, startUpstream, type Upstream } from "../support/upstream.ts";
import { ANSWER, dialectOf, startVendors, type UpstreamDialect } from "../support/vendors.ts";

const UPSTREAMS: readonly (readonly [model: string, dialect: UpstreamDialect])[] = [
  ["gpt-chat", "openai-chat"],
  ["gpt-responses", "openai-responses"],
  ["claude-sonnet-4-6", "anthropic-messages"],
  ["gemini-2.5-flash", "gemini"],
];
const CLIENTS: readonly (readonly [client: PythonClient, family: string])[] = [
  ["openai, chat", "openai"],
  ["openai, responses", "openai"],
  ["anthropic", "anthropic"],
  ["google-genai", "google-genai"],
];
/** Asks again until it holds; bounded by the test's own time limit. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await Bun.sleep(20);
}
const missing = missingBinary ?? missingPython;
/** The import of three SDKs is a second's work. */
setDefaultTimeout(20_000);

/** Vectors that have the same value in four bytes as in eight. */
const VECTORS = [
  [0.5, -0.25, 1],
  [0, 2, -8],
];
/** An upstream that knows embeddings as floats only, and says so in its answer whatever it was asked. */
const floatsOnly = (): Reply => ({
  json: {
    object: "list",
    model: "text-embedding-3-small",
    data: VECTORS.map((embedding, index) => ({ object: "embedding", index, embedding })),
    usage: { prompt_tokens: 5, total_tokens: 5 },
  },
});

/** An upstream that takes forms, and gives back the file of the last one. */
function keepsFiles(): (received: Received) => Promise<Reply> {
  let file: Uint8Array<ArrayBuffer> | undefined;
  return async ({ method, path, bytes, headers }) => {
    if (method === "DELETE") return { json: { id: "file-1", object: "file", deleted: true } };
    if (path.endsWith("/content")) return { chunks: [file!], headers: { "content-type": "application/octet-stream" } };
    const type = { "content-type": headers.get("content-type")! };
    const form = await new Response(bytes as Uint8Array<ArrayBuffer>, { headers: type }).formData();
    const sent = form.get("file");
    if (sent instanceof File) file = new Uint8Array(await sent.arrayBuffer());
    if (path.endsWith("/transcriptions")) return { json: { text: "a word" } };
    if (path.endsWith("/edits")) return { json: { created: 1, data: [{ url: "https://x.example/1" }] } };
    return { json: { id: "file-1", object: "file", bytes: file!.length, filename: "c.jsonl", purpose: "batch" } };
  };
}

describe.skipIf(missing !== undefined)(
  `the official Python SDKs${missing === undefined ? "" : ` (${missing})`}`,
  () => {
    let vendors: Upstream;
    let embedder: Upstream;
    let uploader: Upstream;
    let relay: RunningBinary;
    let python: PythonSdks;

    beforeAll(async () => {
      vendors = await startVendors();
      embedder = await startUpstream(floatsOnly);
      uploader = await startUpstream(keepsFiles());
      relay = await startBinary({
        config: `
providers:
  echo: { provider_type: echo }
  # Apart, because a 429 lets a provider's key rest.
  refusing: { provider_type: echo, models: { include: ["none"] } }
  stubborn: { base_url: "${vendors.url}/v1", keys: [{ key: vendor-key-6 }], models: { include: [gpt-stubborn] }, retry: { enabled: true, max_retries: 1, backoff_factor: 0.1 } }
  chat: { base_url: "${vendors.url}/v1", rate_limit_cooldown: 0, keys: [{ key: vendor-key-1 }], models: { include: [gpt-chat] } }
  responses: { base_url: "${vendors.url}/v1", dialects: [openai-responses], rate_limit_cooldown: 0, keys: [{ key: vendor-key-2 }], models: { include: [gpt-responses] } }
  messages: { provider_type: anthropic, base_url: "${vendors.url}", rate_limit_cooldown: 0, keys: [{ key: vendor-key-3 }], models: { include: ["claude-*"] } }
  gemini: { provider_type: gemini, base_url: "${vendors.url}", rate_limit_cooldown: 0, keys: [{ key: vendor-key-4 }], models: { include: ["gemini-*"] } }
  uploader: { base_url: "${uploader.url}/v1", keys: [{ key: vendor-key-7 }], models: { include: [whisper-1, dall-e-2] } }
  embedder: { base_url: "${embedder.url}/v1", keys: [{ key: vendor-key-5 }], models: { include: ["text-embedding-*"] } }
timeouts: { sse_keepalive: 5 }
model_routing: { failover: { enabled: false }, stateful: { provider: uploader } }
`,
      });
      python = startPythonSdks(relay.url, ACCESS_KEY);
    });
    afterAll(async () => {
      await python.stop();
      expect(await relay.stop()).toBe(0);
      await vendors.stop();
      await embedder.stop();
      await uploader.stop();
    });

    const failureOf = async (asked: Promise<unknown>): Promise<PythonFailure["told"]> =>
      asked.then(
        (answer) => {
          throw new Error(`answered: ${JSON.stringify(answer)}`);
        },
        (error: PythonFailure) => error.told,
      );

    describe.each(CLIENTS)("%s", (client, family) => {
      describe.each(UPSTREAMS)("asks %s, which speaks %s", (model, dialect) => {
        const usage = { inputTokens: ANSWER.inputTokens, outputTokens: ANSWER.outputTokens };
        const sent = (count = 1) => {
          expect(vendors.received).toHaveLength(count);
          const last = vendors.received.at(-1)!;
          expect(dialectOf(last)).toBe(dialect);
          return last.text;
        };

        test.each([false, true])("a plain answer with its counts (streamed: %p)", async (stream) => {
          vendors.forget();
          const told = await python.ask(client, { model, text: "hello", stream, system: "be brief" });
          expect(told).toEqual({ text: ANSWER.text, calls: [], ...usage });
          expect(sent()).toContain("hello");
          expect(sent()).toContain("be brief");
        });

        test.each([false, true])("two calls at once, one without arguments (streamed: %p)", async (stream) => {
          vendors.forget();
          const told = await python.ask(client, { model, text: "hello", stream, tools: true });
          expect(told).toEqual({ text: ANSWER.text, calls: [...ANSWER.calls], ...usage });
          expect(sent()).toContain("weather");
        });

        test("the results of its calls arrive with the calls", async () => {
          vendors.forget();
          await python.ask(client, { model, text: "hello", stream: false, tools: true, results: true });
          const again = sent(2);
          for (const word of ["result of weather", "result of now", "Paris"]) expect(again).toContain(word);
        });

        test("a picture and a schema arrive", async () => {
          vendors.forget();
          const schema = { type: "object", properties: { seen: { type: "string" } }, required: ["seen"] };
          await python.ask(client, { model, text: "what is this", stream: false, picture: true });
          expect(sent().replaceAll("-", "+").replaceAll("_", "/")).toContain(PIXEL);
          await python.ask(client, {
            model,
            text: "as JSON",
            stream: false,
            schema: { ...schema, additionalProperties: false },
          });
          expect(sent(2)).toContain('"seen"');
        });

        test.each([400, 429])("a %d raises the SDK's own error, after one request", async (status) => {
          vendors.forget();
          const failure = await failureOf(python.ask(client, { model, text: `fail with ${status}`, stream: false }));
          expect([failure.family, failure.status]).toEqual([family, status]);
          expect(failure.message).toContain(status === 400 ? "That cannot be done." : "Too many requests.");
          expect(vendors.received).toHaveLength(1);
        });

        test("a stream that breaks off is a failure, never a short answer", async () => {
          vendors.forget();
          const failure = await failureOf(python.ask(client, { model, text: "break off", stream: true }));
          // The helper for responses takes the failed end for an end, and says only that it was not the good one.
          expect([family, ...(client === "openai, responses" ? ["none"] : [])]).toContain(failure.family);
          expect(vendors.received).toHaveLength(1);
        });
      });

      const errors: [model: string, status: number][] = [
        ["echo-error-400@refusing", 400],
        ["no-such-model", 404],
        ["echo-error-429@refusing", 429],
        ["echo-error-503@refusing", 503],
      ];
      test.each(errors)("O2 N3: %s is %d in its own class", async (model, status) => {
        const failure = await failureOf(python.ask(client, { model, text: "x", stream: false }));
        expect([failure.family, failure.status]).toEqual([family, status]);
        if (family !== "google-genai") expect(failure.requestId).toMatch(/^req_/);
        // W3: what may be asked again says when.
        if (status === 429) expect(Number(failure.retryAfterMs)).toBeWithin(1000, 60_001);
        else if (status < 500) expect(failure.retryAfterMs).toBeNull();
      });

      test("a wrong key is its authentication error", async () => {
        const failure = await failureOf(
          python.ask(client, { model: "echo", text: "x", stream: false, key: "wrong-key-0123456789" }),
        );
        expect([failure.family, failure.status]).toEqual([family, 401]);
        if (family !== "google-genai") expect(failure.class).toBe("AuthenticationError");
      });
    });

    describe("openai", () => {
      test("the access token of a sign-in is as good as the access key", async () => {
        const answer = await fetch(`${relay.url}/api/auth/register`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ username: "alice", password: "correct horse 7 battery" }),
        });
        const { access_token: key } = await readJson(answer);
        for (const stream of [false, true]) {
          const told = await python.ask("openai, chat", { model: "echo", text: "hello relay", stream, key });
          expect(told.text).toBe("hello relay");
        }
        const { ids } = await python.do<{ ids: string[] }>("openai models", { model: "echo", key });
        expect(ids).toContain("echo");
      });

      test("models are listed, and one is found", async () => {
        const { ids, one } = await python.do<{ ids: string[]; one: object }>("openai models", { model: "gpt-chat" });
        expect(ids).toContain("gpt-chat");
        expect(one).toMatchObject({ id: "gpt-chat", object: "model", owned_by: "chat" });
      });

      test.each([
        ["text-embedding-3-small", VECTORS],
        ["echo", [1, 2].map(() => [1, 0, 0, 0, 0, 0, 0, 0])],
      ])("O3: %s has the same vectors by default, as floats and as base64", async (model, vectors) => {
        const got = await python.do<object>("embeddings", { model, input: ["a", "b"] });
        expect(got).toEqual({ byDefault: vectors, asFloat: vectors, fromBase64: vectors });
      });

      test("W9: usage is asked of the upstream, but the client gets the chunk with it only if it asked", async () => {
        vendors.forget();
        const before = relay.stderr().length;
        const question = { model: "gpt-chat", text: "hello" };
        const chunks = await python.do<{ choices: unknown[]; usage?: unknown }[]>("raw chat stream", question);
        expect(JSON.parse(vendors.received[0]!.text).stream_options).toEqual({ include_usage: true });
        expect(chunks.filter(({ choices }) => choices.length === 0)).toEqual([]);
        expect(chunks.some(({ usage }) => usage != null)).toBe(false);
        const line = () =>
          relay
            .stderr()
            .slice(before)
            .split("\n")
            .find((each) => each.includes('"model":"gpt-chat"'));
        await until(() => line() !== undefined);
        expect(JSON.parse(line()!)).toMatchObject({ in: ANSWER.inputTokens, out: ANSWER.outputTokens });
      });

      const repeats: [model: string, upstreamRequests: number, why: string][] = [
        ["gpt-stubborn", 2, "the relay has repeated it and says so"],
        ["gpt-chat", 3, "the relay has not, so the SDK does, twice"],
      ];
      test.each(repeats)("O1: a 500 of %s is asked for %d times: %s", async (model, count) => {
        vendors.forget();
        const failure = await failureOf(
          python.ask("openai, chat", { model, text: "fail with 500", stream: false, retries: 2 }),
        );
        expect(failure.status).toBe(502);
        expect(vendors.received).toHaveLength(count);
      });
    });

    test.each(["openai", "anthropic", "google-genai"])("%s: its asynchronous half", async (family) => {
      const got = await python.do("asynchronous", { family, model: "echo", text: "hello there" });
      expect(got).toEqual(["hello there", "hello there", true]);
    });

    test("answers become objects of the caller's own class, in chat, responses and Gemini", async () => {
      expect(await python.do<number[]>("parsed", { model: "echo-json", text: "count" })).toEqual([0, 0, 0]);
    });

    test("base URL and key may come from the environment alone; what names an account at the vendor stays here", async () => {
      vendors.forget();
      const env = {
        OPENAI_BASE_URL: `${relay.url}/v1`,
        OPENAI_API_KEY: ACCESS_KEY,
        OPENAI_ORG_ID: "org-of-the-vendor",
        OPENAI_PROJECT_ID: "proj-of-the-vendor",
        ANTHROPIC_BASE_URL: relay.url,
        ANTHROPIC_AUTH_TOKEN: ACCESS_KEY,
        GOOGLE_GEMINI_BASE_URL: relay.url,
        GEMINI_API_KEY: ACCESS_KEY,
      };
      const source = `
import anthropic, openai
from google import genai

turns = [{"role": "user", "content": "hello"}]
print(openai.OpenAI().chat.completions.create(model="gpt-chat", messages=turns).choices[0].message.content)
print(anthropic.Anthropic().messages.create(model="claude-sonnet-4-6", max_tokens=9, messages=turns).content[0].text)
client = genai.Client()
print(client.models.generate_content(model="gemini-2.5-flash", contents="hello").text)
`;
      expect(await runPython(source, { cwd: relay.dir, env })).toBe(`${ANSWER.text}\n`.repeat(3));
      expect(vendors.received).toHaveLength(3);
      for (const { headers } of vendors.received) {
        expect(JSON.stringify([...headers])).not.toMatch(/of-the-vendor|whole-test-access-key/);
      }
    });

    test("O6: files go up and come down as they are", async () => {
      const bytes = new Uint8Array(200_000).map((_, index) => (index * 31) & 255);
      uploader.forget();
      const got = await python.do<object>("uploads", { file: Buffer.from(bytes).toString("base64") });
      expect(got).toEqual({
        heard: "a word",
        edited: "https://x.example/1",
        stored: "file-1",
        same: true,
        deleted: true,
      });
      const forms = uploader.received.filter(({ method }) => method === "POST");
      expect(forms.map(({ path }) => path)).toEqual(["/v1/audio/transcriptions", "/v1/images/edits", "/v1/files"]);
      for (const { bytes: sent } of forms) expect(Buffer.from(sent).includes(bytes)).toBe(true);
    });

    test("W10: anthropic's betas arrive upstream", async () => {
      vendors.forget();
      const asked = { model: "claude-sonnet-4-6", text: "hello", betas: ["files-api-2025-04-14"] };
      expect(await python.do<string>("beta message", asked)).toBe(ANSWER.text);
      expect(vendors.received.map(({ headers }) => headers.get("anthropic-beta"))).toEqual(["files-api-2025-04-14"]);
    });

    describe("the others", () => {
      test("N1 N5: anthropic counts tokens and pages models", async () => {
        const got = await python.do<{ ids: string[]; one: object; counted: number }>("anthropic models", {
          model: "echo",
        });
        expect(got.ids).toContain("gpt-chat");
        expect(new Set(got.ids).size).toBe(got.ids.length);
        expect(got.one).toMatchObject({ id: "echo", type: "model" });
        expect(got.counted).toBeGreaterThan(0);
      });

      test.each(["v1beta", "v1", "v1alpha"])("G1: google-genai speaks %s", async (version) => {
        const asked = { model: "echo", text: "hi", stream: false };
        expect(await python.do<object>("google-genai", { ...asked, version })).toMatchObject({ text: "hi" });
      });

      test("G1: google-genai lists, finds, counts and embeds", async () => {
        const got = await python.do<{ ids: string[]; one: string; counted: number; vectors: number[][] }>(
          "google-genai models",
          { model: "echo" },
        );
        expect(got.ids).toContain("models/gpt-chat");
        expect(got.one).toBe("models/echo");
        expect(got.counted).toBeGreaterThan(0);
        expect(got.vectors).toEqual([1, 2].map(() => [1, 0, 0, 0, 0, 0, 0, 0]));
      });
    });

    test("W6: six silent seconds end in the answer, for all of them", async () => {
      const asked = { model: "echo-silent-6", text: "patience", stream: true };
      const told = await Promise.all(CLIENTS.map(([client]) => python.ask(client, asked)));
      expect(told.map(({ text }) => text)).toEqual(CLIENTS.map(() => "patience"));
    });

    test.each(["raw chat stream", "raw message stream", "raw generate stream"])(
      "W14: leaving in the middle frees the upstream (%s)",
      async (kind) => {
        const before = relay.stderr().length;
        const words = "word ".repeat(100);
        const seen = await python.do<unknown[]>(kind, { model: "echo-slow", text: words, leave_after: 2 });
        expect(seen).toHaveLength(2);
        await until(() => relay.stderr().slice(before).includes('"failure":"client-closed"'));
      },
    );
  },
);
