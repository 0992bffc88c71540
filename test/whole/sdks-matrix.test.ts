/** Every official SDK against every kind of upstream, through the compiled binary: each question of each cell. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { builtinProviders } from "../../plugins/index.ts";
import type { AnyProviderPlugin } from "../../src/plugin/index.ts";
import { startWithAllUpstreams, UPSTREAMS, type UpstreamRow, VENDOR_SECRETS } from "../support/all-upstreams.ts";
import { ACCESS_KEY, missingBinary, type RunningBinary } from "../support/binary.ts";
import { PIXEL, SDKS, type SdkClient, type SdkName, sdkClients } from "../support/sdks/index.ts";
import type { Received, Upstream } from "../support/upstream.ts";
import { ANSWER, dialectOf, RESULTS, SIGNATURE, startVendors, TOKEN_PATH } from "../support/vendors.ts";
import { hear, usersWords } from "../support/voices/hearing.ts";

/** Thoughts are no part of what this provider reads. */
const THOUGHTLESS: ReadonlySet<SdkName> = new Set(["ai with @ai-sdk/openai, chat"]);
/** This one sends the assistant's turn back without what came beside its text: chat has no place for it. */
const UNSIGNED: ReadonlySet<SdkName> = new Set(["ai with @ai-sdk/openai, chat"]);
/** Where thoughts, or calls, are signed and want their signature back. */
const SIGNS: ReadonlySet<UpstreamRow["dialect"]> = new Set([
  "openai-responses",
  "anthropic-messages",
  "gemini",
  "bedrock-converse",
  "bedrock-invoke-claude",
  "vertex-claude",
]);

/** Who can ask how likely tokens were, and which upstreams tell. */
const ASKS_LOGPROBS: ReadonlySet<SdkName> = new Set([
  "openai, chat",
  "openai, responses",
  "@google/genai",
  "ai with @ai-sdk/openai, responses",
  "ai with @ai-sdk/openai, chat",
]);
const TELLS_LOGPROBS: ReadonlySet<UpstreamRow["dialect"]> = new Set([
  "openai-chat",
  "openai-responses",
  "gemini",
  "ollama",
  "cohere",
]);

/** What a status of the upstream becomes for the client, `http-api.md` section 2.2. */
const STATUSES: readonly (readonly [upstream: number, client: number])[] = [
  [400, 400],
  [401, 502],
  [403, 502],
  [404, 404],
  [422, 422],
  [429, 429],
  [500, 502],
  [503, 503],
  [529, 503],
];

/** What was asked, by cell: a row that loses a question, or a question that loses a row, is seen at the end. */
const asked = new Map<string, Set<string>>();

test("every dialect and every kind of provider that talks is among the upstreams", () => {
  const plugins = builtinProviders as readonly AnyProviderPlugin[];
  const ids = plugins
    .filter(({ id, dialects }) => id !== "echo" && dialects?.[0] !== "openai-chat")
    .map(({ id }) => id);
  const names = UPSTREAMS.map(({ name }) => name);
  const rowOf: Readonly<Record<string, string>> = { anthropic: "messages" };
  expect(ids.filter((id) => !names.includes(rowOf[id] ?? id))).toEqual([]);
  const dialects = plugins.flatMap((plugin) => plugin.dialects ?? []);
  const shown = new Set<string>(UPSTREAMS.map(({ dialect }) => dialect));
  expect(dialects.filter((dialect) => !shown.has(dialect) && dialect !== "openai-completions")).toEqual([]);
});

describe.skipIf(missingBinary !== undefined)(
  `official SDKs and all upstreams${missingBinary === undefined ? "" : ` (${missingBinary})`}`,
  () => {
    let vendors: Upstream;
    let relay: RunningBinary;
    let clients: Readonly<Record<SdkName, SdkClient>>;

    beforeAll(async () => {
      vendors = await startVendors();
      relay = await startWithAllUpstreams(vendors.url);
      clients = sdkClients(relay.url, ACCESS_KEY);
    });
    afterAll(async () => {
      const log = relay.stderr();
      expect(await relay.stop()).toBe(0);
      for (const secret of [...VENDOR_SECRETS, ACCESS_KEY]) expect(log).not.toContain(secret);
      await vendors.stop();
    });

    describe.each(SDKS)("%s", (name) => {
      describe.each(UPSTREAMS.map((row) => [row.name, row] as const))("asks %s", (_row, row) => {
        const { model, dialect, authorization } = row;
        const client = () => clients[name];
        const usage = { inputTokens: ANSWER.inputTokens, outputTokens: ANSWER.outputTokens };
        const sent = (count = 1): Received[] => {
          const calls = vendors.received.filter(({ path }) => path !== TOKEN_PATH);
          expect(calls.map(dialectOf)).toEqual(Array(count).fill(dialect));
          for (const call of calls) {
            expect(call.headers.get("authorization") ?? "").toMatch(authorization);
            expect(JSON.stringify([...call.headers]) + call.text).not.toContain(ACCESS_KEY);
          }
          return calls;
        };
        const failureOf = (promise: Promise<unknown>): Promise<Error> =>
          promise.then(
            (answer) => new Error(`answered: ${JSON.stringify(answer)}`),
            (thrown) => thrown,
          );
        const cell = (question: string, run: () => Promise<void>): void => {
          const key = `${name} × ${row.name}`;
          asked.set(key, (asked.get(key) ?? new Set()).add(question));
          test(question, async () => {
            vendors.forget();
            await run();
          });
        };

        for (const stream of [false, true]) {
          const way = stream ? "streamed" : "whole";

          cell(`text, ${way}`, async () => {
            const told = await client().ask({ model, text: "hello", stream });
            expect(told).toEqual({ text: ANSWER.text, calls: [], thoughts: "", ...usage });
            expect(sent()[0]!.text).toContain("hello");
          });

          cell(`two calls at once, one without arguments, ${way}`, async () => {
            const told = await client().ask({ model, text: "hello", stream, hasTools: true });
            expect(told).toEqual({ text: ANSWER.text, calls: [...ANSWER.calls], thoughts: "", ...usage });
            expect(sent()[0]!.text).toContain("weather");
          });

          cell(`both results are told and answered, ${way}`, async () => {
            const told = await client().ask({ model, text: "hello", stream, hasTools: true, results: RESULTS });
            expect([told.text, told.calls]).toEqual([ANSWER.after, []]);
            const { calls, results } = hear(sent(2)[1]!);
            expect(calls.map(([, called, input]) => [called, input])).toEqual([...ANSWER.calls] as never);
            // Gemini's results are objects, and elsewhere the JSON of one is a result like any other.
            expect(results).toEqual(
              calls.map(([id], index) => [id, expect.stringContaining(RESULTS[index]!)]) as never,
            );
            expect(new Set(results.map(([id]) => id)).size).toBe(2);
          });

          cell(`an object by its schema, ${way}`, async () => {
            const told = await client().ask({ model, text: "as an object", stream, wantsObject: true });
            expect(JSON.parse(told.text)).toEqual(ANSWER.json);
            expect(told.calls).toEqual([]);
            expect(sent()[0]!.text).toContain("degrees");
          });

          cell(`thoughts beside the text, ${way}`, async () => {
            const told = await client().ask({ model, text: "think first", stream, wantsThoughts: true });
            const thoughts = THOUGHTLESS.has(name) ? "" : ANSWER.reasoning;
            expect([told.text, told.thoughts]).toEqual([ANSWER.text, thoughts]);
            sent();
          });

          cell(`how likely each token was, ${way}`, async () => {
            const told = await client().ask({ model, text: "hello", stream, wantsLogprobs: true });
            const pieces = ["Let me", " look."].map((piece, at) => [piece, ANSWER.logprobs[at]]);
            expect(told.text).toBe(ANSWER.text);
            expect(told.logprobs).toEqual(
              ASKS_LOGPROBS.has(name) && TELLS_LOGPROBS.has(dialect) ? (pieces as never) : undefined,
            );
            sent();
          });

          cell(`what was signed goes home with the results, ${way}`, async () => {
            const question = { model, text: "think first", stream, hasTools: true, wantsThoughts: true };
            const told = await client().ask({ ...question, results: RESULTS });
            expect(told.text).toBe(ANSWER.after);
            const isCarried = SIGNS.has(dialect) && !UNSIGNED.has(name);
            expect(sent(2)[1]!.text.includes(SIGNATURE)).toBe(isCarried);
          });
        }

        cell("instructions arrive, once and not as the user's words", async () => {
          const told = await client().ask({ model, text: "hello", stream: false, system: "be as brief as a heron" });
          expect(told.text).toBe(ANSWER.text);
          const [, ...after] = sent()[0]!.text.split("be as brief as a heron");
          expect(after).toHaveLength(1);
          expect(usersWords(sent()[0]!)).not.toContain("heron");
        });

        cell("a picture arrives", async () => {
          await client().ask({ model, text: "what is this", stream: false, hasPicture: true });
          expect(sent()[0]!.text).toContain(PIXEL);
        });

        for (const [upstream, status] of STATUSES) {
          cell(`a ${upstream} raises the SDK's own error`, async () => {
            const error = await failureOf(client().ask({ model, text: `fail with ${upstream}`, stream: false }));
            expect(String(error)).not.toContain("answered:");
            expect(error).toBeInstanceOf(client().classOf(status));
            expect(client().statusOf(error)).toBe(status);
            if (upstream === 400) expect(error.message).toContain("That cannot be done.");
            if (upstream === 429) expect(error.message).toContain("Too many requests.");
            for (const secret of VENDOR_SECRETS) expect(error.message).not.toContain(secret);
            sent();
          });
        }

        cell("a stream that breaks off is a failure, never a short answer", async () => {
          const error = await failureOf(client().ask({ model, text: "break off", stream: true }));
          expect(String(error)).not.toContain("answered:");
          expect(client().isStreamFailure(error)).toBe(true);
          sent();
        });

        cell("a caller that has had enough ends the upstream's work too", async () => {
          const leaving = new AbortController();
          const error = await failureOf(
            client().ask({
              ...{ model, text: "hang on", stream: true, signal: leaving.signal },
              onText: () => leaving.abort(),
            }),
          );
          expect(client().isAbort(error)).toBe(true);
          await sent()[0]!.aborted;
        });
      });
    });

    describe.each(SDKS)("%s", (name) => {
      test("a key that nobody knows is the SDK's own 401, and no upstream is asked", async () => {
        vendors.forget();
        const stranger = sdkClients(relay.url, "not-the-key-0123456789")[name];
        for (const stream of [false, true]) {
          const error = await stranger.ask({ model: "gpt-chat", text: "hello", stream }).then(
            () => undefined,
            (thrown) => thrown,
          );
          expect(error).toBeInstanceOf(stranger.classOf(401));
          expect(stranger.statusOf(error)).toBe(401);
        }
        expect(vendors.received).toEqual([]);
      });

      test("asks echo, which speaks whatever is asked, and learns of a model that is not there", async () => {
        for (const stream of [false, true]) {
          const told = await clients[name].ask({ model: "echo", text: "hello relay", stream });
          expect(told).toMatchObject({ text: "hello relay", calls: [] });
        }
        const asking = clients[name].ask({ model: "no-such-model", text: "x", stream: false });
        const error = await asking.then(
          () => undefined,
          (thrown) => thrown,
        );
        expect(clients[name].statusOf(error)).toBe(404);
      });
    });

    test("deployments, projects and regions stand in the address, keys where the vendor wants them", async () => {
      vendors.forget();
      await clients["openai, chat"].ask({ model: "azure-gpt", text: "hello", stream: false });
      await clients["@google/genai"].ask({ model: "gemini-2.5-pro", text: "hello", stream: true });
      await clients["@anthropic-ai/sdk"].ask({ model: "claude-sonnet-4-9-20260801", text: "hello", stream: false });
      await clients["openai, chat"].ask({ model: "amazon.nova-lite-v1:0", text: "hello", stream: false });
      const [azure, gemini, claude, bedrock] = vendors.received.filter(({ path }) => path !== TOKEN_PATH);
      const publishers = "/v1/projects/whole/locations/global/publishers";
      expect([azure, gemini, claude].map((call) => call!.path + call!.query)).toEqual([
        "/openai/deployments/team-gpt/chat/completions?api-version=2024-10-21",
        `${publishers}/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse`,
        `${publishers}/anthropic/models/claude-sonnet-4-9@20260801:rawPredict`,
      ]);
      expect(azure!.headers.get("api-key")).toBe("azure-vendor-key");
      expect(bedrock!.headers.get("x-amz-security-token")).toBe("whole-test-session-token");
    });

    test("no cell is missing, and every cell was asked every question", () => {
      const cells = SDKS.flatMap((name) => UPSTREAMS.map((row) => `${name} × ${row.name}`));
      expect([...asked.keys()].toSorted()).toEqual(cells.toSorted());
      const [questions] = asked.values();
      for (const [, each] of asked) expect([...each]).toEqual([...questions!]);
      expect(questions!.size).toBe(27);
    });
  },
);
