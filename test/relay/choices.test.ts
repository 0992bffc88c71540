/** A client of Gemini that asks for one of some words gets the bare word from an upstream that only knows JSON. */
import { afterEach, expect, test } from "bun:test";
import { startRelay } from "../support/relay.ts";
import { type Reply, sse, startUpstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

async function ask(reply: Reply, method: string) {
  const up = await startUpstream(reply);
  open.push(up);
  const under = await startRelay(`
providers:
  chat: { base_url: "${up.url}/v1", keys: [{ key: vendor-key-1 }], models: { include: [chooser] } }
`);
  open.push(under);
  const generationConfig = {
    responseMimeType: "text/x.enum",
    responseSchema: { type: "STRING", enum: ["red", "green"] },
  };
  const contents = [{ role: "user", parts: [{ text: "Which colour?" }] }];
  const answer = await under.post(`/v1beta/models/chooser:${method}`, { contents, generationConfig });
  expect([answer.status, answer.headers.get("x-relay-dropped-params")]).toEqual([200, null]);
  const sent = JSON.parse(up.received[0]!.text);
  expect(sent.response_format.json_schema.schema.properties.monorelay_value).toEqual({
    type: "string",
    enum: ["red", "green"],
  });
  return answer.text();
}

const wordsOf = (text: string) => [...text.matchAll(/"text":"((?:[^"\\]|\\.)*)"/g)].map(([, word]) => word).join("");

test("whole", async () => {
  const message = { role: "assistant", content: '{"monorelay_value":"green"}' };
  const json = { id: "c", model: "chooser", choices: [{ index: 0, message, finish_reason: "stop" }] };
  expect(wordsOf(await ask({ json }, "generateContent"))).toBe("green");
});

test("streamed", async () => {
  const chunk = (delta: object, finish_reason: string | null = null) => ({
    id: "c",
    model: "chooser",
    choices: [{ index: 0, delta, finish_reason }],
  });
  const chunks = [
    sse(chunk({ content: '{"monorelay_' }), chunk({ content: 'value": "gr' }), chunk({ content: 'een"}' })),
    sse(chunk({}, "stop"), "[DONE]"),
  ];
  const answer = await ask(
    { headers: { "content-type": "text/event-stream" }, chunks },
    "streamGenerateContent?alt=sse",
  );
  expect(wordsOf(answer)).toBe("green");
  expect(answer).not.toContain("monorelay_value");
});
