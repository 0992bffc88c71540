/** What an answer holds and the client's dialect cannot say is named, in the record and where the header can still tell. */
import { afterEach, expect, test } from "bun:test";
import { startRelay } from "../support/relay.ts";
import { PIXEL } from "../support/sdks/index.ts";
import { type Reply, startUpstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

async function start(reply: Reply) {
  const up = await startUpstream(reply);
  open.push(up);
  const under = await startRelay(`
providers:
  gemini: { base_url: "${up.url}", provider_type: gemini, keys: [{ key: vendor-key-1 }], models: { include: [painter] } }
  claude: { base_url: "${up.url}", provider_type: anthropic, keys: [{ key: vendor-key-2 }], models: { include: [seeker] } }
`);
  open.push(under);
  under.tick(1);
  return under;
}

const PICTURE = {
  candidates: [
    {
      index: 0,
      finishReason: "STOP",
      content: { role: "model", parts: [{ text: "Here." }, { inlineData: { mimeType: "image/png", data: PIXEL } }] },
    },
  ],
  usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 4, totalTokenCount: 7 },
  modelVersion: "painter",
  responseId: "r1",
};
const FOUND = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "seeker",
  content: [
    { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { query: "x" } },
    { type: "text", text: "Found." },
  ],
  stop_reason: "end_turn",
  stop_sequence: null,
  usage: { input_tokens: 3, output_tokens: 4 },
};
const RUN = {
  ...FOUND,
  content: [
    { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { query: "x" } },
    { type: "web_search_tool_result", tool_use_id: "srvtoolu_1", content: [] },
    { type: "server_tool_use", id: "srvtoolu_2", name: "code_execution", input: { code: "1" } },
    {
      ...{ type: "code_execution_tool_result", tool_use_id: "srvtoolu_2" },
      content: { type: "code_execution_result", stdout: "1", stderr: "", return_code: 0, content: [] },
    },
    { type: "text", text: "Found." },
  ],
};
const messages = [{ role: "user", content: "hello" }];
const MESSAGES = { path: "/v1/messages", body: { model: "painter", max_tokens: 99, messages } };
const CHAT = { path: "/v1/chat/completions", body: { model: "painter", messages } };
const SEEKING = { path: "/v1/chat/completions", body: { model: "seeker", messages } };
const GEMINI = {
  path: "/v1beta/models/seeker:generateContent",
  body: { contents: [{ role: "user", parts: [{ text: "hello" }] }] },
};

test.each([
  ["a picture to a client of messages", MESSAGES, { json: PICTURE }, ["answer.image"]],
  ["a picture to a client of chat, which shows it", CHAT, { json: PICTURE }, null],
  [
    "a search that still waits for its result to a client of Gemini",
    GEMINI,
    { json: FOUND },
    ["answer.server_tool_use"],
  ],
  ["a search and code to a client of Gemini, which shows both", GEMINI, { json: RUN }, null],
  [
    "the same to a client of chat, which shows a search by what it cites",
    SEEKING,
    { json: RUN },
    ["answer.server_tool_use"],
  ],
])("%s", async (_name, { path, body }, reply, named) => {
  const under = await start(reply as Reply);
  const answer = await under.post(path, body);
  expect(answer.status).toBe(200);
  expect(await answer.text()).toMatch(/Here\.|Found\./);
  expect(answer.headers.get("x-relay-dropped-params")).toBe(named === null ? null : named.join(", "));
  expect((await under.recorded(1))[0]!.droppedParams).toEqual(named);
});

const [{ content: said, ...candidate }] = PICTURE.candidates as [(typeof PICTURE.candidates)[0]];
const ONLY_PICTURE = { ...PICTURE, candidates: [{ ...candidate, content: { ...said, parts: said.parts.slice(1) } }] };

test("a picture and nothing else is told of in words, whole and streamed, and named all the same", async () => {
  const whole = await start({ json: ONLY_PICTURE });
  const answer = await whole.post("/v1/messages", MESSAGES.body);
  expect(answer.headers.get("x-relay-dropped-params")).toBe("answer.image");
  const { content, stop_reason } = (await answer.json()) as { content: object[]; stop_reason: string };
  const text = "[The model answered with a picture, which cannot be shown here.]";
  expect([content, stop_reason]).toEqual([[{ type: "text", text }], "end_turn"]);
  const data = `data: ${JSON.stringify(ONLY_PICTURE)}\r\n\r\n`;
  const streamed = await start({ headers: { "content-type": "text/event-stream" }, chunks: [data] });
  const events = await (await streamed.post("/v1/messages", { ...MESSAGES.body, stream: true })).text();
  expect(events.split(JSON.stringify(text))).toHaveLength(2);
  expect(events).not.toContain(PIXEL);
  expect((await streamed.recorded(1))[0]!.droppedParams).toEqual(["answer.image"]);
});

test("a picture and nothing else is shown to a client of chat, without a word", async () => {
  const under = await start({ json: ONLY_PICTURE });
  const answer = await under.post("/v1/chat/completions", CHAT.body);
  expect(answer.headers.get("x-relay-dropped-params")).toBeNull();
  const { choices } = (await answer.json()) as { choices: { message: { content: null; images: object[] } }[] };
  expect([choices[0]!.message.content, choices[0]!.message.images.length]).toEqual([null, 1]);
});

test("in a stream the record alone can tell", async () => {
  const data = `data: ${JSON.stringify(PICTURE)}\r\n\r\n`;
  const under = await start({ headers: { "content-type": "text/event-stream" }, chunks: [data] });
  const answer = await under.post("/v1/messages", { ...MESSAGES.body, stream: true });
  expect(await answer.text()).toContain('"Here."');
  expect((await under.recorded(1))[0]!.droppedParams).toEqual(["answer.image"]);
});
