/** When to come back: what a client is told after a failure that passes by itself, in the words its dialect has for it. */
import { afterEach, describe, expect, test } from "bun:test";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { type Reply, startUpstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

async function start(reply: Reply, keys = 1): Promise<TestRelay> {
  const up = await startUpstream(reply);
  open.push(up);
  const list = Array.from({ length: keys }, (_, index) => ({ key: `hint-upstream-key-${index}` }));
  const provider = { base_url: `${up.url}/v1`, keys: list, rate_limit_cooldown: 20, models: { include: ["gpt-*"] } };
  const under = await startRelay(JSON.stringify({ providers: { one: provider } }));
  open.push(under);
  return under;
}

const messages = [{ role: "user", content: "hello" }];
const ASKED = {
  chat: ["/v1/chat/completions", { model: "gpt-9", messages }],
  responses: ["/v1/responses", { model: "gpt-9", input: "hello" }],
  messages: ["/v1/messages", { model: "gpt-9", max_tokens: 9, messages }],
  gemini: ["/v1beta/models/gpt-9:generateContent", { contents: [{ role: "user", parts: [{ text: "hello" }] }] }],
} as const;
function ask(under: TestRelay, client: keyof typeof ASKED): Promise<Response> {
  const [path, body] = ASKED[client];
  return under.post(path, body);
}

describe("W3: a rate limit", () => {
  const limited: Reply = { status: 429, json: { error: { message: "slow down" } } };

  test.each(["chat", "responses", "messages", "gemini"] as const)(
    "without the upstream's word is over when the key has rested: %s",
    async (client) => {
      const answer = await ask(await start(limited), client);
      expect(answer.status).toBe(429);
      expect([answer.headers.get("retry-after"), answer.headers.get("retry-after-ms")]).toEqual(["20", "20000"]);
      // Asked once only: an SDK may well repeat it, later.
      expect(answer.headers.get("x-should-retry")).toBeNull();
    },
  );

  test("M3: Gemini's clients find the time in the details", async () => {
    const gemini = (await (await ask(await start(limited), "gemini")).json()) as { error: { details: object[] } };
    expect(gemini.error.details).toContainEqual({
      "@type": "type.googleapis.com/google.rpc.RetryInfo",
      retryDelay: "20s",
    });
  });

  test.each([
    ["5", "5"],
    ["900", "60"],
    ["0", "1"],
  ])("the upstream's own %s s is kept, as far as clients listen: %s s", async (said, told) => {
    const under = await start({ ...limited, headers: { "retry-after": said } });
    expect((await ask(under, "chat")).headers.get("retry-after")).toBe(told);
  });

  test("of all keys: the relay has repeated it itself, and nobody else need", async () => {
    const answer = await ask(await start(limited, 2), "messages");
    expect(answer.headers.get("retry-after")).toBe("20");
    expect(answer.headers.get("x-should-retry")).toBe("false");
  });
});

describe("W3: other failures", () => {
  test.each([503, 529])("%d passes soon", async (status) => {
    const answer = await ask(await start({ status, json: { error: { message: "busy" } } }), "chat");
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"]);
  });

  test.each([400, 404, 422, 500, 502])("%d tells no time: nobody knows of one", async (status) => {
    const answer = await ask(await start({ status, json: { error: { message: "no" } } }), "chat");
    expect(answer.headers.get("retry-after")).toBeNull();
    expect(answer.headers.get("retry-after-ms")).toBeNull();
  });
});
