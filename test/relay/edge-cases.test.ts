/** Faults that other relays have had, where only the whole way of a call shows them: named after the list they are on. */
import { afterEach, describe, expect, test } from "bun:test";
import { type AccountDirectory, NO_ACCOUNTS } from "../../src/auth/directory.ts";
import { readJson } from "../support/json.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { type Script, sse, startUpstream, type Upstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

/** A key of an ordinary user that may only list models. */
const LISTER = "mr_may-only-list-models";
const accounts: AccountDirectory = {
  ...NO_ACCOUNTS,
  isApiKey: (secret) => secret === LISTER,
  findByApiKey: () => ({
    kind: "api-key",
    id: "key_1",
    name: "k",
    userId: 7,
    orgId: "org_a",
    apiKeyId: "1",
    role: "user",
    scopes: new Set(["models:read"]),
    via: "api-key",
  }),
};

async function start(script: Script, more = ""): Promise<{ up: Upstream; under: TestRelay }> {
  const up = await startUpstream(script);
  const under = await startRelay(
    `
providers:
  chat: { base_url: "${up.url}/v1", keys: [{ key: vendor-secret-key-1 }], models: { include: ["gpt-*"] } }
  claude: { provider_type: anthropic, base_url: "${up.url}", keys: [{ key: vendor-secret-key-2 }], models: { include: ["claude-*"] } }
${more}
`,
    accounts,
  );
  open.push(under, up);
  return { up, under };
}

const messages = [{ role: "user", content: "x" }];
const chunk = (content: string) => ({
  id: "c1",
  object: "chat.completion.chunk",
  created: 1,
  model: "m",
  choices: [{ index: 0, delta: { content }, finish_reason: null }],
});

describe("streams", () => {
  const half = sse(chunk("whole")).concat('data: {"id":"c1","choices":[{"index":0,"delta":{"content":"ha');
  const requests: [name: string, path: string, body: object][] = [
    ["as it is", "/v1/chat/completions", { model: "gpt-4o", messages }],
    ["for a messages client", "/v1/messages", { model: "gpt-4o", messages, max_tokens: 9 }],
    ["for a Responses client", "/v1/responses", { model: "gpt-4o", input: "x" }],
  ];
  test.each(requests)("E17: half an event and the error behind it never become one: %s", async (_name, path, body) => {
    for (const end of ["break", "clean"] as const) {
      const { under } = await start({ chunks: [half], end });
      const text = await (await under.post(path, { ...body, stream: true })).text();
      const events = text.split("\n\n").filter((event) => event !== "" && !event.startsWith(":"));
      const data = events.map((event) => JSON.parse(/^data: (.*)$/m.exec(event)![1]!));
      expect(text).toContain("whole");
      expect(text).not.toContain('"ha');
      const failures = data.filter(({ type, error }) => error !== undefined || type === "response.failed");
      expect(failures).toHaveLength(1);
      expect(data.at(-1)).toEqual(failures[0]);
      expect(text).not.toContain("[DONE]");
      expect(text).not.toContain("message_stop");
    }
  });

  test("E19: characters of several bytes survive every cut, as they are and translated", async () => {
    const words = "naïve 日本語 🙂🏽 \u{10ffff}";
    const bytes = new TextEncoder().encode(
      sse(chunk(words), { ...chunk(""), choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }, "[DONE]"),
    );
    const { up, under } = await start({});
    for (const size of [1, 2, 3, 5]) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
        bytes.slice(index * size, (index + 1) * size),
      );
      for (const [, path, body] of requests) {
        up.script({ chunks });
        const text = await (await under.post(path, { ...body, stream: true })).text();
        expect(text).toContain(JSON.stringify(words).slice(1, -1));
        expect(text).not.toContain("\ufffd");
      }
    }
  });
});

describe("security", () => {
  const ways: [path: string, body: object][] = [
    ["/v1/chat/completions", { model: "gpt-4o", messages }],
    ["/v1/chat/completions", { model: "gpt-4o", input: "x" }],
    ["/v1/chat/completions", { model: "gpt-4o", system: "s", max_tokens: 9, messages }],
    ["/v1/responses", { model: "gpt-4o", input: "x" }],
    ["/v1/responses", { model: "gpt-4o", input: "x", previous_response_id: "resp_1" }],
    ["/v1/messages", { model: "gpt-4o", max_tokens: 9, messages }],
    ["/v1/messages/beta", { model: "claude-x", max_tokens: 9, messages }],
    ["/v1/messages/count_tokens", { model: "claude-x", messages }],
    ["/v1beta/models/gpt-4o:generateContent", { contents: [{ parts: [{ text: "x" }] }] }],
    ["/v1beta/models/claude-x:countTokens", { contents: [{ parts: [{ text: "x" }] }] }],
    ["/v1beta/models/gpt-4o:embedContent", { content: { parts: [{ text: "x" }] } }],
    ["/v1/embeddings", { model: "gpt-4o", input: "x" }],
    ["/v1/completions", { model: "gpt-4o", prompt: "x" }],
    ["/v1/batches", { input_file_id: "file-1" }],
    ["/v1/messages/batches", { requests: [{ params: { model: "claude-x" } }] }],
    ["/v1/threads", {}],
  ];
  test.each(ways)("E52: no way round the check of what a credential may do: %s %j", async (path, body) => {
    const { up, under } = await start({ json: {} });
    const answer = await under.post(path, body, { authorization: `Bearer ${LISTER}` });
    expect(answer.status).toBe(403);
    expect(JSON.stringify(await readJson(answer))).toMatch(/lacks the scope/);
    expect(up.received).toEqual([]);
  });

  const leak =
    "Rate limit reached for gpt-4o in organization org-AbCdEf0123456789 (project proj_0123456789abcdef) with key " +
    "vendor-secret-key-1; Quota exceeded for consumer 'project_number:123456789012' at " +
    "arn:aws:bedrock:us-east-1:123456789012:model/x";
  test.each([
    [400, { error: { message: leak, type: "invalid_request_error" } }],
    [429, { error: { message: leak, type: "rate_limit_error", code: "rate_limit_exceeded" } }],
    [500, { error: { message: leak } }],
  ])("E53: an upstream's %d names neither key nor account to anybody", async (status, json) => {
    const { under } = await start({ status, json }, "model_routing: { failover: { enabled: false } }");
    for (const [path, body] of ways.slice(0, 6)) {
      const text = await (await under.post(path, body)).text();
      expect(text).not.toMatch(/org-AbCd|proj_0123|vendor-secret|123456789012/);
    }
    const log = under.logLines.join("\n");
    expect(log).not.toContain("vendor-secret-key-1");
  });

  test("E53: words that only look like accounts are left", async () => {
    const message = "Invalid user_message: project_description and user-provided organization names are too long.";
    const { under } = await start({ status: 400, json: { error: { message, type: "invalid_request_error" } } });
    expect(await (await under.post("/v1/chat/completions", ways[0]![1])).text()).toContain(message);
  });
});
