/** A refusal of an upstream that speaks the client's dialect: as it came where clients can read it, else in their form. */
import { afterEach, describe, expect, test } from "bun:test";
import { startRelay } from "../support/relay.ts";
import { startUpstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

const words = [{ role: "user", content: "hello" }];
const CLIENTS = {
  chat: ["/v1/chat/completions", { model: "gpt-chat", messages: words }],
  responses: ["/v1/responses", { model: "gpt-responses", input: "hello" }],
  messages: ["/v1/messages", { model: "claude-haiku-4-5", max_tokens: 9, messages: words }],
  gemini: [
    "/v1beta/models/gemini-2.5-flash:generateContent",
    { contents: [{ role: "user", parts: [{ text: "hello" }] }] },
  ],
  embeddings: ["/v1/embeddings", { model: "gpt-chat", input: "hello" }],
} as const;
type Client = keyof typeof CLIENTS;

async function refused(client: Client, status: number, text: string) {
  const up = await startUpstream({ status, text, headers: { "content-type": "application/json" } });
  open.push(up);
  const under = await startRelay(`
providers:
  chat: { base_url: "${up.url}/v1", keys: [{ key: vendor-key-1 }], models: { include: [gpt-chat] } }
  responses: { base_url: "${up.url}/v1", dialects: [openai-responses], keys: [{ key: vendor-key-2 }], models: { include: [gpt-responses] } }
  messages: { provider_type: anthropic, base_url: "${up.url}", keys: [{ key: vendor-key-3 }], models: { include: ["claude-*"] } }
  gemini: { provider_type: gemini, base_url: "${up.url}", keys: [{ key: vendor-key-4 }], models: { include: ["gemini-*"] } }
`);
  open.push(under);
  const [path, body] = CLIENTS[client];
  const answer = await under.post(path, body);
  expect([answer.status, up.received.length]).toEqual([status, 1]);
  return answer.text();
}

const OWN: readonly (readonly [Client, string])[] = [
  ["chat", '{ "error":{"message":"m","extra":[1.0]} }'],
  ["responses", '{ "error":{"message":"m","type":"invalid_request_error","param":null,"code":null} }'],
  ["messages", '{"type":"error", "error":{"type":"invalid_request_error","message":"m"},"request_id":"r"}'],
  ["gemini", '{"error": {"code":400,"message":"m","status":"INVALID_ARGUMENT","details":[{"a":1}]}}'],
  ["embeddings", '{ "error":{"message":"m","extra":[1.0]} }'],
];

/** Seen at compatible servers, and what they say in all of them. */
const FOREIGN: readonly (readonly [status: number, text: string, says: string])[] = [
  [422, '{"detail":[{"loc":["body","n"],"msg":"Extra inputs are not permitted"}]}', "Extra inputs are not permitted"],
  [400, '{"error":"only text is taken","code":"x"}', "only text is taken"],
  [404, '[{"error":{"code":404,"message":"no such thing","status":"NOT_FOUND"}}]', "no such thing"],
  [400, '{"message":"said outside"}', "said outside"],
  [400, '{"error":{"message":""}}', ""],
  [400, '{"error":{"message":"cut o', ""],
  [400, "null", ""],
];

/** What the clients' libraries look for. */
const READABLE: { readonly [Name in Client]: (body: never) => unknown } = {
  chat: ({ error }: { error: { message: string } }) => error.message,
  responses: ({ error }: { error: { message: string } }) => error.message,
  embeddings: ({ error }: { error: { message: string } }) => error.message,
  messages: ({ type, error }: { type: string; error: { type: string; message: string } }) =>
    type === "error" && typeof error.type === "string" && error.message,
  gemini: ({ error }: { error: { code: number; status: string; message: string } }) =>
    typeof error.code === "number" && typeof error.status === "string" && error.message,
};

describe("an upstream's refusal", () => {
  test.each(OWN)("in the form of %s reaches its client byte for byte", async (client, text) => {
    expect(await refused(client, 400, text)).toBe(text);
  });

  for (const client of Object.keys(CLIENTS) as Client[]) {
    test.each(FOREIGN)(
      `in a form that ${client} clients cannot read is told in theirs: %i %s`,
      async (status, text, says) => {
        const body = await refused(client, status, text);
        expect(body).not.toBe(text);
        const message = READABLE[client](JSON.parse(body) as never);
        expect(message).toBeString();
        expect(message).not.toBe("");
        expect(message).toContain(says);
      },
    );
  }

  test("in the form of another family is told in the client's", async () => {
    expect(JSON.parse(await refused("messages", 400, '{"error":{"message":"m"}}'))).toMatchObject({
      type: "error",
      error: { type: "invalid_request_error", message: "m" },
    });
    expect(JSON.parse(await refused("gemini", 400, '{"error":{"message":"m"}}'))).toMatchObject({
      error: { code: 400, status: "INVALID_ARGUMENT", message: "m" },
    });
  });
});
