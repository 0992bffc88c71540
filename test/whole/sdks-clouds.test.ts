/** The official SDKs against the upstreams that no client speaks like, through the compiled binary. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { ACCESS_KEY, missingBinary, type RunningBinary, startBinary } from "../support/binary.ts";
import {
  type CloudDialect,
  cloudDialectOf,
  LENT_TOKEN,
  startCloudVendors,
  TOKEN_PATH,
} from "../support/cloud-vendors.ts";
import { type SdkClient, sdkClients } from "../support/sdk-clients.ts";
import type { Received, Upstream } from "../support/upstream.ts";
import { ANSWER, startVendors } from "../support/vendors.ts";

const PAIR = { id: "ASIAWHOLETEST0000001", secret: "whole-test-secret-access-key-0123" };

/** `null`: a dialect of clients at another vendor's door, so that the call passes through. */
const UPSTREAMS: readonly (readonly [model: string, dialect: CloudDialect | null, credential: RegExp])[] = [
  ["amazon.nova-lite-v1:0", "bedrock-converse", /^AWS4-HMAC-SHA256 Credential=ASIAWHOLETEST0000001\//],
  ["anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock-invoke-claude", /^AWS4-HMAC-SHA256 /],
  ["claude-sonnet-4-9-20260801", "vertex-claude", new RegExp(`^Bearer ${LENT_TOKEN}$`)],
  ["llama3.2", "ollama", /^$/],
  ["command-a-03-2025", "cohere", /^Bearer cohere-vendor-key$/],
  ["azure-gpt", null, /^$/],
  ["gemini-2.5-flash", null, new RegExp(`^Bearer ${LENT_TOKEN}$`)],
];
const NAMES = sdkClients("http://127.0.0.1:9", ACCESS_KEY).map(({ name }) => name);

describe.skipIf(missingBinary !== undefined)(
  `official SDKs and the clouds${missingBinary === undefined ? "" : ` (${missingBinary})`}`,
  () => {
    let clouds: Upstream;
    let vendors: Upstream;
    let relay: RunningBinary;
    let clients: Map<string, SdkClient>;

    beforeAll(async () => {
      clouds = await startCloudVendors();
      vendors = await startVendors();
      const { privateKey } = generateKeyPairSync("rsa", {
        modulusLength: 2048,
        publicKeyEncoding: { type: "spki", format: "pem" },
        privateKeyEncoding: { type: "pkcs8", format: "pem" },
      });
      const account = JSON.stringify({
        ...{ type: "service_account", project_id: "whole", client_email: "robot@whole.example" },
        ...{ private_key: privateKey, token_uri: clouds.url + TOKEN_PATH },
      });
      const rest = { rate_limit_cooldown: 0 };
      relay = await startBinary({
        files: { "account.json": account },
        env: {
          AWS_ACCESS_KEY_ID: PAIR.id,
          AWS_SECRET_ACCESS_KEY: PAIR.secret,
          AWS_SESSION_TOKEN: "whole-test-session-token",
          AWS_REGION: "eu-west-3",
        },
        config: JSON.stringify({
          providers: {
            bedrock: {
              ...rest,
              provider_type: "bedrock",
              base_url: clouds.url,
              models: { include: ["amazon.*", "anthropic.*"] },
            },
            vertex: {
              ...{ ...rest, provider_type: "vertex", base_url: clouds.url, models: { include: ["claude-*"] } },
              // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference of the configuration
              credentials: "${file:account.json}",
            },
            "vertex-gemini": {
              ...{ ...rest, provider_type: "vertex", base_url: vendors.url, models: { include: ["gemini-*"] } },
              credentials: account,
            },
            local: { ...rest, provider_type: "ollama", base_url: clouds.url, models: { include: ["llama*"] } },
            cohere: {
              ...{ ...rest, provider_type: "cohere", base_url: clouds.url, models: { include: ["command-*"] } },
              keys: [{ key: "cohere-vendor-key" }],
            },
            azure: {
              ...{ ...rest, provider_type: "azure", base_url: vendors.url, api_version: "2024-10-21" },
              ...{ deployments: { "azure-gpt": "team-gpt" }, keys: [{ key: "azure-vendor-key" }] },
            },
          },
          model_routing: { failover: { enabled: false } },
        }),
      });
      clients = new Map(sdkClients(relay.url, ACCESS_KEY).map((client) => [client.name, client]));
    });
    afterAll(async () => {
      const log = relay.stderr();
      expect(await relay.stop()).toBe(0);
      for (const secret of [PAIR.secret, LENT_TOKEN, "PRIVATE KEY", "vendor-key", "whole-test-session"]) {
        expect(log).not.toContain(secret);
      }
      await clouds.stop();
      await vendors.stop();
    });

    const forget = (): void => {
      clouds.forget();
      vendors.forget();
    };
    const asked = (): Received[] => [...clouds.received.filter(({ path }) => path !== TOKEN_PATH), ...vendors.received];

    describe.each(NAMES)("%s", (name) => {
      describe.each(UPSTREAMS)("asks %s", (model, dialect, credential) => {
        const client = () => clients.get(name)!;
        const usage = { inputTokens: ANSWER.inputTokens, outputTokens: ANSWER.outputTokens };
        const sent = () => {
          expect(asked()).toHaveLength(1);
          const [only] = asked();
          if (dialect !== null) expect(cloudDialectOf(only!)).toBe(dialect);
          if (dialect === "vertex-claude") expect(only!.path).toContain("/claude-sonnet-4-9@20260801:");
          expect(only!.headers.get("authorization") ?? "").toMatch(credential);
          expect(JSON.stringify([...only!.headers]) + only!.text).not.toContain(ACCESS_KEY);
          return only!;
        };

        test.each([false, true])("a plain answer with its counts (streamed: %p)", async (stream) => {
          forget();
          const told = await client().ask({ model, text: "hello", stream });
          expect(told).toEqual({ text: ANSWER.text, calls: [], ...usage });
          expect(sent().text).toContain("hello");
        });

        test.each([false, true])("two calls at once, one without arguments (streamed: %p)", async (stream) => {
          forget();
          const told = await client().ask({ model, text: "hello", stream, tools: true });
          expect(told).toEqual({ text: ANSWER.text, calls: [...ANSWER.calls], ...usage });
          expect(sent().text).toContain("weather");
        });

        test.each([400, 429])("a %d raises the SDK's own error, after one request", async (status) => {
          forget();
          const error = await client()
            .ask({ model, text: `fail with ${status}`, stream: false })
            .then(
              (answer) => new Error(`answered: ${JSON.stringify(answer)}`),
              (thrown) => thrown,
            );
          expect(client().statusOf(error)).toBe(status);
          expect(String(error.message)).toContain(status === 400 ? "That cannot be done." : "Too many requests.");
          sent();
        });

        test("a stream that breaks off is a failure, never a short answer", async () => {
          forget();
          const error = await client()
            .ask({ model, text: "break off", stream: true })
            .then(
              (answer) => new Error(`answered: ${JSON.stringify(answer)}`),
              (thrown) => thrown,
            );
          expect(String(error)).not.toContain("answered:");
          expect(client().isStreamFailure(error)).toBe(true);
          sent();
        });
      });
    });

    test("deployments and projects stand in the address", async () => {
      forget();
      await clients.get("openai, chat")!.ask({ model: "azure-gpt", text: "hello", stream: false });
      await clients.get("@google/genai")!.ask({ model: "gemini-2.5-flash", text: "hello", stream: true });
      expect(asked().map(({ path, query }) => path + query)).toEqual([
        "/openai/deployments/team-gpt/chat/completions?api-version=2024-10-21",
        "/v1/projects/whole/locations/global/publishers/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
      ]);
      expect(asked()[0]!.headers.get("api-key")).toBe("azure-vendor-key");
      const signed = "Credential=ASIAWHOLETEST0000001/";
      forget();
      await clients.get("openai, chat")!.ask({ model: "amazon.nova-lite-v1:0", text: "hello", stream: false });
      expect(asked()[0]!.headers.get("authorization")).toContain(signed);
      expect(asked()[0]!.headers.get("authorization")).toContain("/eu-west-3/bedrock/aws4_request");
      expect(asked()[0]!.headers.get("x-amz-security-token")).toBe("whole-test-session-token");
    });
  },
);
