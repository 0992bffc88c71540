/** An answer in JSON that had to come through a tool is JSON for its client, whatever the model says beside it. */
import { afterEach, expect, test } from "bun:test";
import { startRelay } from "../support/relay.ts";
import { events, type Reply, startUpstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

async function start(reply: Reply) {
  const up = await startUpstream(reply);
  open.push(up);
  const under = await startRelay(`
providers:
  claude: { base_url: "${up.url}", provider_type: anthropic, keys: [{ key: vendor-key-1 }], models: { include: [former] } }
`);
  open.push(under);
  under.tick(1);
  return under;
}

/** It refers to itself, which only a tool's schema may. */
const schema = {
  type: "object",
  properties: { next: { $ref: "#/$defs/node" } },
  $defs: { node: { type: "object", properties: { next: { $ref: "#/$defs/node" } } } },
};
const body = {
  model: "former",
  messages: [{ role: "user", content: "hello" }],
  response_format: { type: "json_schema", json_schema: { name: "x", schema } },
};
const CALL = { type: "tool_use", id: "toolu_1", name: "monorelay_structured_output", input: { next: {} } };
const WHOLE = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "former",
  content: [{ type: "text", text: "Here you are:" }, CALL],
  stop_reason: "tool_use",
  stop_sequence: null,
  usage: { input_tokens: 3, output_tokens: 4 },
};

const STREAM: { type: string; [field: string]: unknown }[] = [
  { type: "message_start", message: { ...WHOLE, content: [], stop_reason: null } },
  { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
  { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Here you are:" } },
  { type: "content_block_stop", index: 0 },
  { type: "content_block_start", index: 1, content_block: { ...CALL, input: {} } },
  { type: "content_block_delta", index: 1, delta: { type: "input_json_delta", partial_json: '{"next":{}}' } },
  { type: "content_block_stop", index: 1 },
  { type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 4 } },
  { type: "message_stop" },
];

test("whole: the words are left out and named", async () => {
  const under = await start({ json: WHOLE });
  const answer = await under.post("/v1/chat/completions", body);
  const { choices } = (await answer.json()) as { choices: { message: { content: string }; finish_reason: string }[] };
  expect(JSON.parse(choices[0]!.message.content)).toEqual({ next: {} });
  expect(choices[0]!.finish_reason).toBe("stop");
  expect(answer.headers.get("x-relay-dropped-params")).toBe("answer.text");
  expect((await under.recorded(1))[0]!.droppedParams).toEqual(["answer.text"]);
});

test("streamed: they never reach the client, and the record names them", async () => {
  const under = await start({
    headers: { "content-type": "text/event-stream" },
    chunks: [events(...STREAM)],
  });
  const said = await (await under.post("/v1/chat/completions", { ...body, stream: true })).text();
  const chunks = [...said.matchAll(/^data: (\{.*)$/gm)].map(([, json]) => JSON.parse(json!));
  const content = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
  expect(JSON.parse(content)).toEqual({ next: {} });
  expect(said).not.toContain("Here you are");
  expect((await under.recorded(1))[0]!.droppedParams).toEqual(["answer.text"]);
});
