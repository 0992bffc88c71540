/** Stop sequences towards Responses, which has none: the answer ends there all the same, and the upstream is told to stop. */
import { afterEach, describe, expect, test } from "bun:test";
import { readJson } from "../support/json.ts";
import { startRelay } from "../support/relay.ts";
import { type Reply, startUpstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

async function start(reply: Reply) {
  const up = await startUpstream(reply);
  open.push(up);
  const under = await startRelay(
    `providers: { it: { base_url: "${up.url}/v1", dialects: [openai-responses], keys: [{ key: vendor-key-1 }] } }`,
  );
  open.push(under);
  under.tick(1);
  return { up, under };
}

const item = (text: string) => ({
  type: "message",
  id: "msg_1",
  status: "completed",
  role: "assistant",
  content: [{ type: "output_text", text, annotations: [] }],
});
const response = (text: string, status = "completed") => ({
  id: "resp_1",
  object: "response",
  created_at: 1,
  model: "gpt",
  status,
  output: status === "completed" ? [item(text)] : [],
  usage: status === "completed" ? { input_tokens: 5, output_tokens: 9, total_tokens: 14 } : null,
});
const event = (body: { type: string }) => `event: ${body.type}\ndata: ${JSON.stringify(body)}\n\n`;
const delta = (text: string) =>
  event({
    type: "response.output_text.delta",
    output_index: 0,
    content_index: 0,
    item_id: "msg_1",
    delta: text,
  } as never);

const ask = {
  messages: { path: "/v1/messages", body: { model: "gpt", max_tokens: 99, stop_sequences: ["END"] } },
  chat: { path: "/v1/chat/completions", body: { model: "gpt", stop: "END" } },
};
const messages = [{ role: "user", content: "Count." }];

describe("an answer of Responses", () => {
  test("ends at the client's sequence, which the upstream is not sent", async () => {
    const { up, under } = await start({ json: response("one END two") });
    const answer = await under.post(ask.messages.path, { ...ask.messages.body, messages });
    expect(answer.headers.get("x-relay-dropped-params")).toBeNull();
    expect(await readJson(answer)).toMatchObject({
      content: [{ type: "text", text: "one " }],
      stop_reason: "stop_sequence",
      stop_sequence: "END",
      usage: { input_tokens: 5, output_tokens: 9 },
    });
    expect(up.received[0]!.text).not.toContain("END");
    expect((await under.recorded(1))[0]).toMatchObject({ status: 200, outputTokens: 9, usageEstimated: false });
  });

  test("ends at once while it streams, and the upstream is left", async () => {
    const begin = [
      event({ type: "response.created", response: response("", "in_progress") } as never),
      event({ type: "response.output_item.added", output_index: 0, item: { ...item(""), content: [] } } as never),
    ];
    const { up, under } = await start({
      headers: { "content-type": "text/event-stream" },
      chunks: [...begin, delta("one E"), delta("ND two"), delta(" three")],
      end: "hang",
    });
    const answer = await under.post(ask.chat.path, { ...ask.chat.body, messages, stream: true });
    const text = await answer.text();
    const said = [...text.matchAll(/"content":"([^"]*)"/g)].map(([, words]) => words).join("");
    expect(said).toBe("one ");
    expect(text).toContain('"finish_reason":"stop"');
    expect(text).toEndWith("data: [DONE]\n\n");
    await up.received[0]!.aborted;
    expect((await under.recorded(1))[0]).toMatchObject({ status: 200, failure: null, usageEstimated: true });
  });

  test("without the sequence is told whole", async () => {
    const { under } = await start({ json: response("one EN two") });
    const answer = await under.post(ask.messages.path, { ...ask.messages.body, messages });
    expect(await readJson(answer)).toMatchObject({ content: [{ text: "one EN two" }], stop_reason: "end_turn" });
  });
});
