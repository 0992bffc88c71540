/** What the client's own vendor refuses never reaches another one, and stays the upstream's to judge in its own dialect. */
import { afterEach, expect, test } from "bun:test";
import { startRelay } from "../support/relay.ts";
import { startUpstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

const words = [{ role: "user", content: "hello" }];

async function start() {
  const up = await startUpstream({ status: 400, json: { error: { message: "Judged upstream." } } });
  open.push(up);
  const under = await startRelay(`
providers:
  chat: { base_url: "${up.url}/v1", keys: [{ key: vendor-key-1 }], models: { include: [speaker] } }
  claude: { provider_type: anthropic, base_url: "${up.url}", keys: [{ key: vendor-key-2 }], models: { include: [thinker] } }
`);
  open.push(under);
  return { up, under };
}

const CASES: [client: string, path: string, body: object, error: object][] = [
  [
    "chat",
    "/v1/chat/completions",
    { model: "thinker", messages: words, top_p: 7 },
    { error: { type: "invalid_request_error", param: "top_p" } },
  ],
  [
    "Responses",
    "/v1/responses",
    { model: "thinker", input: "hello", temperature: -1 },
    { error: { type: "invalid_request_error", param: "temperature" } },
  ],
  [
    "messages",
    "/v1/messages",
    { model: "speaker", max_tokens: 9, messages: words, temperature: 1.5 },
    { type: "error", error: { type: "invalid_request_error" } },
  ],
  [
    "Gemini",
    "/v1beta/models/speaker:generateContent",
    { contents: [{ role: "user", parts: [{ text: "hello" }] }], generationConfig: { temperature: 3 } },
    { error: { code: 400, status: "INVALID_ARGUMENT" } },
  ],
];

test.each(CASES)("%s: refused in the client's dialect, and nobody is asked", async (_client, path, body, error) => {
  const { up, under } = await start();
  const answer = await under.post(path, body);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject(error);
  expect(up.received).toHaveLength(0);
});

test("in the upstream's own dialect it is the upstream's to judge", async () => {
  const { up, under } = await start();
  const answer = await under.post("/v1/chat/completions", { model: "speaker", messages: words, top_p: 7 });
  expect([answer.status, up.received.length]).toEqual([400, 1]);
  expect(await answer.text()).toContain("Judged upstream.");
});
