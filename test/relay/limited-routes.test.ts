/** No way to an upstream leads past the caller's limits: the second request of a minute is refused on every route, before anybody is asked. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startRelay, KEY, type TestRelay } from "../support/relay.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

const user = [{ role: "user", content: "x" }];
const contents = [{ parts: [{ text: "x" }] }];

/** Of forms, `@` stands for a file. */
const ROUTES: readonly (readonly [path: string, body: object | undefined, form?: Record<string, string>])[] = [
  ["/v1/chat/completions", { model: "gpt-4o", messages: user }],
  ["/v1/responses", { model: "gpt-4o", input: "x" }],
  ["/v1/completions", { model: "gpt-4o", prompt: "x" }],
  ["/v1/embeddings", { model: "gpt-4o", input: "x" }],
  ["/v1/embeddings", { model: "amazon.titan-embed-text-v2:0", input: ["x", "y"] }],
  ["/v1/moderations", { model: "gpt-4o", input: "x" }],
  ["/v1/rerank", { model: "gpt-4o", query: "x", documents: ["y"] }],
  ["/v1/images/generations", { model: "gpt-4o", prompt: "x" }],
  ["/v1/images/edits", undefined, { model: "gpt-4o", image: "@" }],
  ["/v1/audio/speech", { model: "gpt-4o", input: "x" }],
  ["/v1/audio/transcriptions", undefined, { file: "@", model: "gpt-4o" }],
  ["/v1/messages", { model: "claude-x", max_tokens: 5, messages: user }],
  ["/v1/messages/beta", { model: "claude-x", max_tokens: 5, messages: user }],
  ["/v1/files", undefined, { purpose: "batch", file: "@" }],
  ["/v1/assistants", { model: "gpt-4o" }],
  ["/v1/threads", {}],
  ["/v1beta/models/gemini-x:generateContent", { contents }],
  ["/v1beta/models/gemini-x:streamGenerateContent", { contents }],
  ["/v1beta/models/gemini-x:embedContent", { content: contents[0] }],
];

describe("the second request of a minute", () => {
  let up: Upstream;
  let under: TestRelay;
  beforeAll(async () => {
    up = await startUpstream({ status: 400, json: { error: { message: "no", type: "invalid_request_error" } } });
    under = await startRelay(`
providers:
  one: { base_url: "${up.url}/v1", keys: [{ key: k1-secret }], models: { include: ["gpt-*"] }, dialects: [openai-chat, openai-responses] }
  claude: { provider_type: anthropic, base_url: "${up.url}", keys: [{ key: k2-secret }], models: { include: ["claude-*"] } }
  google: { provider_type: gemini, base_url: "${up.url}", keys: [{ key: k3-secret }], models: { include: ["gemini-*"] } }
  aws: { provider_type: bedrock, base_url: "${up.url}", keys: [{ key: k4-secret }], models: { include: ["amazon.*"] } }
limits: { access_key: { rpm: 1 } }
`);
  });
  afterAll(async () => {
    await under.stop();
    await up.stop();
  });

  function ask(path: string, body: object | undefined, form: Record<string, string> = {}): Promise<Response> {
    if (body !== undefined) return under.post(path, body);
    const data = new FormData();
    for (const [name, value] of Object.entries(form)) data.set(name, value === "@" ? new File(["x"], "a") : value);
    return fetch(under.url + path, { method: "POST", headers: { authorization: `Bearer ${KEY}` }, body: data });
  }

  test.each(ROUTES.map((route) => [route[0], route] as const))(
    "to %s is refused",
    async (_path, [path, body, form]) => {
      under.tick(180_000);
      up.forget();
      const first = await ask(path, body, form);
      expect(first.status).not.toBe(429);
      const asked = up.received.length;
      expect(asked).toBeGreaterThan(0);
      const second = await ask(path, body, form);
      expect([second.status, second.headers.get("retry-after")]).toEqual([429, expect.any(String)]);
      expect(up.received).toHaveLength(asked);
    },
  );
});
