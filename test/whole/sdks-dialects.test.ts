/** Every official SDK against every upstream dialect, through the compiled binary: 8 clients, 4 vendors, the same answers. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { GoogleGenAI } from "@google/genai";
import { ACCESS_KEY, missingBinary, type RunningBinary, startBinary } from "../support/binary.ts";
import { PIXEL, type SdkClient, sdkClients } from "../support/sdk-clients.ts";
import type { Upstream } from "../support/upstream.ts";
import { ANSWER, dialectOf, startVendors, type VendorDialect } from "../support/vendors.ts";

const UPSTREAMS: readonly (readonly [model: string, dialect: VendorDialect])[] = [
  ["gpt-chat", "openai-chat"],
  ["gpt-responses", "openai-responses"],
  ["claude-sonnet-4-6", "anthropic-messages"],
  ["gemini-2.5-flash", "gemini"],
];
/** Their names, for the tables; they are made anew for the relay of this run. */
const NAMES = sdkClients("http://127.0.0.1:9", ACCESS_KEY).map(({ name }) => name);

describe.skipIf(missingBinary !== undefined)(
  `official SDKs and all dialects${missingBinary === undefined ? "" : ` (${missingBinary})`}`,
  () => {
    let vendors: Upstream;
    let relay: RunningBinary;
    let clients: Map<string, SdkClient>;

    beforeAll(async () => {
      vendors = await startVendors();
      relay = await startBinary({
        config: `
providers:
  echo: { provider_type: echo }
  chat: { base_url: "${vendors.url}/v1", rate_limit_cooldown: 0, keys: [{ key: vendor-key-1 }], models: { include: [gpt-chat] } }
  responses: { base_url: "${vendors.url}/v1", dialects: [openai-responses], rate_limit_cooldown: 0, keys: [{ key: vendor-key-2 }], models: { include: [gpt-responses] } }
  messages: { provider_type: anthropic, base_url: "${vendors.url}", rate_limit_cooldown: 0, keys: [{ key: vendor-key-3 }], models: { include: ["claude-*"] } }
  gemini: { provider_type: gemini, base_url: "${vendors.url}", rate_limit_cooldown: 0, keys: [{ key: vendor-key-4 }], models: { include: ["gemini-*"] } }
model_routing: { failover: { enabled: false } }
`,
      });
      clients = new Map(sdkClients(relay.url, ACCESS_KEY).map((client) => [client.name, client]));
    });
    afterAll(async () => {
      expect(await relay.stop()).toBe(0);
      await vendors.stop();
    });

    describe.each(NAMES)("%s", (name) => {
      describe.each(UPSTREAMS)("asks %s, which speaks %s", (model, dialect) => {
        const client = () => clients.get(name)!;
        const usage = { inputTokens: ANSWER.inputTokens, outputTokens: ANSWER.outputTokens };
        const sent = () => {
          expect(vendors.received).toHaveLength(1);
          expect(dialectOf(vendors.received[0]!)).toBe(dialect);
          return vendors.received[0]!;
        };

        test.each([false, true])("a plain answer with its counts (streamed: %p)", async (stream) => {
          vendors.forget();
          const told = await client().ask({ model, text: "hello", stream });
          expect(told).toEqual({ text: ANSWER.text, calls: [], ...usage });
          expect(sent().text).toContain("hello");
        });

        test.each([false, true])("two calls at once, one without arguments (streamed: %p)", async (stream) => {
          vendors.forget();
          const told = await client().ask({ model, text: "hello", stream, tools: true });
          expect(told).toEqual({ text: ANSWER.text, calls: [...ANSWER.calls], ...usage });
          expect(sent().text).toContain("weather");
        });

        test("a picture arrives", async () => {
          vendors.forget();
          await client().ask({ model, text: "what is this", stream: false, picture: true });
          expect(sent().text).toContain(PIXEL);
        });

        test.each([400, 429])("a %d raises the SDK's own error, after one request", async (status) => {
          vendors.forget();
          const asked = client().ask({ model, text: `fail with ${status}`, stream: false });
          const error = await asked.then(
            (answer) => answer,
            (thrown) => thrown,
          );
          expect(client().statusOf(error)).toBe(status);
          expect(String(error.message)).toContain(status === 400 ? "That cannot be done." : "Too many requests.");
          expect(vendors.received).toHaveLength(1);
        });

        test("a stream that breaks off is a failure, never a short answer", async () => {
          vendors.forget();
          const asked = client().ask({ model, text: "break off", stream: true });
          const error = await asked.then(
            (answer) => new Error(`answered: ${JSON.stringify(answer)}`),
            (thrown) => thrown,
          );
          expect(String(error)).not.toContain("answered:");
          expect(client().isStreamFailure(error)).toBe(true);
          expect(vendors.received).toHaveLength(1);
        });
      });

      test("asks echo, which speaks whatever is asked", async () => {
        const client = clients.get(name)!;
        for (const stream of [false, true]) {
          const told = await client.ask({ model: "echo", text: "hello relay", stream });
          expect(told).toMatchObject({ text: "hello relay", calls: [] });
        }
        const error = await client.ask({ model: "no-such-model", text: "x", stream: false }).then(
          () => undefined,
          (thrown) => thrown,
        );
        expect(client.statusOf(error)).toBe(404);
      });
    });

    describe("@google/genai beyond answers", () => {
      const google = () => new GoogleGenAI({ apiKey: ACCESS_KEY, httpOptions: { baseUrl: relay.url } });

      test("lists models page by page, and finds one", async () => {
        const names: string[] = [];
        for await (const model of await google().models.list({ config: { pageSize: 2 } })) names.push(model.name ?? "");
        expect(names).toContain("models/gpt-chat");
        expect(new Set(names).size).toBe(names.length);
        expect((await google().models.get({ model: "gpt-chat" })).supportedActions).toContain("generateContent");
      });

      test("counts tokens and embeds, with echo", async () => {
        const count = await google().models.countTokens({ model: "echo", contents: "hello there" });
        expect(count.totalTokens).toBeGreaterThan(0);
        const { embeddings } = await google().models.embedContent({ model: "echo", contents: ["a", "b"] });
        expect(embeddings?.map(({ values }) => values)).toEqual([
          [1, 0, 0, 0, 0, 0, 0, 0],
          [1, 0, 0, 0, 0, 0, 0, 0],
        ]);
      });

      test.each(["v1", "v1alpha", "v1beta"])("speaks %s", async (apiVersion) => {
        const client = new GoogleGenAI({ apiKey: ACCESS_KEY, apiVersion, httpOptions: { baseUrl: relay.url } });
        expect((await client.models.generateContent({ model: "echo", contents: "hi" })).text).toBe("hi");
      });
    });
  },
);
