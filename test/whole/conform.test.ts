/** Every answer through the compiled binary, of whatever upstream, whole or streamed, good or bad, is one by its dialect's schema. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { startWithAllUpstreams, UPSTREAMS } from "../support/all-upstreams.ts";
import { ACCESS_KEY, missingBinary, type RunningBinary, startBinary } from "../support/binary.ts";
import { freePort } from "../support/free-port.ts";
import type { Upstream } from "../support/upstream.ts";
import { RESULTS, startVendors } from "../support/vendors.ts";

const ROOT = join(import.meta.dir, "../..");
const KIT = join(ROOT, "../shared/conformance");
const missing =
  missingBinary ??
  (existsSync(join(KIT, "conform.ts")) ? undefined : "the conformance kit is not beside the repository");

/**
 * Recorded answers that break their own vendor's schema; asked for in their own dialect they are passed on byte for
 * byte, and only then are they let through.
 */
const RECORDED_SO: Readonly<Record<string, string>> = {
  "anthropic-messages-anthropic-anthropic-completion-error-0": "an error without request_id",
  "anthropic-messages-anthropic-anthropic-completion-thinking-tool-result-0": "usage without its newer counts",
  "anthropic-messages-anthropic-test-anthropic-mcp-servers-stream-0": "a block of a beta that the schema does not know",
  "anthropic-messages-vertex-simple-0": "Vertex tells no service tier",
  "anthropic-messages-vertex-simple-object-streaming-0": "Vertex tells no service tier",
  "anthropic-messages-vertex-tool-0": "Vertex tells no service tier",
  "gemini-vertex-afc-streaming-tests-chat-stream-afc-enabled-vertex-ai-chat-stream-0": "Vertex counts what is billed",
  "gemini-vertex-afc-streaming-tests-generatecontentstream-afc-disabled-vertex-ai-afc-d-0":
    "Vertex counts what is billed",
  "gemini-vertex-afc-streaming-tests-generatecontentstream-afc-enabled-vertex-ai-afc-en-0":
    "Vertex counts what is billed",
  "openai-chat-azure-azure-chat-completion-streamed-0": "Azure's filter results come in chunks of their own",
  "openai-chat-azure-thinking-streaming-0": "Azure's filter results come in chunks of their own",
  "openai-chat-gemini-test-compatible-api-with-tool-calls-without-id-0": "a message without content beside calls",
  "openai-chat-groq-multi-tool-1": "Groq's own service tier",
  "openai-chat-groq-multi-tool-streaming-0": "Groq's own service tier",
  "openai-chat-groq-test-groq-native-output-0": "Groq's own service tier",
  "openai-chat-groq-test-image-as-binary-content-tool-response-0": "Groq's own service tier, and no content",
  "openai-chat-groq-test-tool-use-failed-error-with-text-0": "an error without param",
  "openai-chat-huggingface-test-image-url-input-0": "null where a field would be left out",
  "openai-chat-huggingface-tool-1": "Groq's own service tier, behind Hugging Face",
  "openai-chat-mistral-chat-basic-chat-functionality-mistral-mistral-small-latest-successfull-0":
    "null where calls would be left out",
  "openai-chat-perplexity-chat-real-error-scenarios-perplexity-sonar-handles-context-length-exce-0":
    "an error whose code is a number",
  "openai-chat-xai-simple-object-streaming-0": "chunks without finish_reason",
  "openai-chat-zai-multi-tool-streaming-1": "chunks without finish_reason",
  "openai-responses-openrouter-test-openai-responses-raw-cot-stream-openrouter-0": "texts without logprobs",
};

/** Answers of our own that are right as they are. */
const OWN: Readonly<Record<string, { readonly clients: readonly string[]; readonly reason: string }>> = {
  "no key": { clients: ["openai.chat", "openai.responses", "anthropic.messages"], reason: "one documented body, 401" },
  "a wrong key": { clients: ["openai.chat", "openai.responses", "anthropic.messages"], reason: "the same body" },
  "a path beside it": { clients: ["anthropic.messages"], reason: "an unknown path below /v1 is of no dialect" },
};

/** The vendor's documentation names `request_too_large` for 413, its schema's list of types does not. */
const isTooLarge = ({ client, status, found }: Outcome["violations"][number]): boolean =>
  client === "anthropic.messages" &&
  status === 413 &&
  found.length === 1 &&
  found[0]!.startsWith("/error/type must be");

interface Outcome {
  readonly checked: number;
  readonly failedInside: number;
  readonly violations: readonly {
    readonly client: string;
    readonly name: string;
    readonly status: number;
    readonly found: readonly string[];
    readonly isRecorded: boolean;
  }[];
}

async function conform(task: object): Promise<Outcome> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "conform.child.ts"), JSON.stringify(task)], {
    stdout: "pipe",
    stderr: "pipe",
    // The kit leaves it to its user to have the schema checker installed.
    env: { ...process.env, NODE_PATH: join(ROOT, "node_modules") },
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  expect([code, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout) as Outcome;
}

describe.skipIf(missing !== undefined)(`schemas${missing === undefined ? "" : ` (${missing})`}`, () => {
  let vendors: Upstream;
  let relay: RunningBinary;
  let replaying: RunningBinary;
  // Fixed, because the kit's upstream and the relay's configuration have to agree before either runs.
  const replayPort = freePort();

  beforeAll(async () => {
    vendors = await startVendors();
    relay = await startWithAllUpstreams(vendors.url);
    const upstream = `http://127.0.0.1:${replayPort}`;
    const entry = (type: string, include: string, rest: object = {}) => ({
      ...{
        provider_type: type,
        base_url: upstream,
        keys: [{ key: "kit-upstream-key" }],
        models: { include: [include] },
      },
      ...rest,
    });
    const openai = { base_url: `${upstream}/v1` };
    replaying = await startBinary({
      config: JSON.stringify({
        providers: {
          chat: entry("openai", "openai-chat-*", openai),
          responses: entry("openai", "openai-responses-*", { ...openai, dialects: ["openai-responses"] }),
          messages: entry("anthropic", "anthropic-*"),
          gemini: entry("gemini", "gemini-*"),
          bedrock: entry("bedrock", "bedrock-*"),
        },
        model_routing: { failover: { enabled: false } },
      }),
    });
  });
  afterAll(async () => {
    expect(await relay.stop()).toBe(0);
    expect(await replaying.stop()).toBe(0);
    await vendors.stop();
  });

  test("recorded answers of five dialects, in all four of the clients'", async () => {
    const formats = ["openai.chat", "openai.responses", "anthropic.messages", "gemini", "bedrock.converse"];
    const { url } = replaying;
    const { checked, violations } = await conform({ kit: KIT, relay: url, key: ACCESS_KEY, replayPort, formats });
    expect(checked).toBeGreaterThan(850);
    const own = ({ name }: Outcome["violations"][number]): string => name.replace(/, verbatim$/, "");
    const unexpected = violations.filter(
      (found) => !(found.isRecorded && found.name.endsWith(", verbatim") && Object.hasOwn(RECORDED_SO, own(found))),
    );
    expect(unexpected).toEqual([]);
    // A name that is no exception any more is taken out.
    expect(violations.map(own).toSorted()).toEqual(Object.keys(RECORDED_SO).toSorted());
  }, 120_000);

  test("answers of every kind of upstream, their refusals and broken streams, and what the relay refuses itself", async () => {
    const echoes = [
      "",
      "-tools",
      "-reasoning",
      "-json",
      "-cut",
      "-error-400",
      "-error-429",
      "-error-500",
      "-error-529",
    ];
    const { checked, failedInside, violations } = await conform({
      ...{ kit: KIT, relay: relay.url, key: ACCESS_KEY },
      models: [...UPSTREAMS.map(({ model }) => model), ...echoes.map((end) => `echo${end}`), "no-such-model"],
      words: [
        ...[
          "hello",
          "",
          "think first",
          "as an object",
          RESULTS[0],
          "stop early",
          "decline",
          "break off",
          "use your own tools",
        ],
        ...[400, 401, 403, 404, 413, 422, 429, 500, 503, 529].map((status) => `fail with ${status}`),
      ],
    });
    expect(checked).toBeGreaterThan(5000);
    expect(failedInside).toBeGreaterThan(80);
    const isOwn = ({ name, client }: Outcome["violations"][number]): boolean =>
      OWN[name]?.clients.includes(client) === true;
    expect(violations.filter((found) => !isOwn(found) && !isTooLarge(found))).toEqual([]);
    expect(violations.filter(isOwn)).toHaveLength(Object.values(OWN).flatMap(({ clients }) => clients).length);
  }, 120_000);
});
