/** Tools that run at a vendor, through the relay: betas beside a translated body, and tokens of MCP servers kept quiet. */
import { afterEach, expect, test } from "bun:test";
import { startRelay } from "../support/relay.ts";
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
  claude: { base_url: "${up.url}", provider_type: anthropic, keys: [{ key: vendor-key-1 }], models: { include: [claude-a] } }
`);
  open.push(under);
  under.tick(1);
  return { up, under };
}

const TOKEN = "mcp-token-that-nobody-else-may-see";
const server = {
  ...{ type: "mcp", server_label: "wiki", server_url: "https://mcp.example/sse", require_approval: "never" },
  authorization: TOKEN,
};
const ASKED = { model: "claude-a", input: "Hi", tools: [server] };
const ANSWER = {
  ...{
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "claude-a",
    stop_reason: "end_turn",
    stop_sequence: null,
  },
  content: [
    { type: "mcp_tool_use", id: "mcptoolu_1", name: "ask", server_name: "wiki", input: { q: "x" } },
    { type: "mcp_tool_result", tool_use_id: "mcptoolu_1", is_error: false, content: [{ type: "text", text: "y" }] },
    { type: "text", text: "So." },
  ],
  usage: { input_tokens: 3, output_tokens: 4 },
};

test("a server of a Responses client is asked by Claude, which gets its token and the beta that it wants", async () => {
  const { up, under } = await start({ json: ANSWER });
  const answer = await under.post("/v1/responses", ASKED);
  const text = await answer.text();
  expect(answer.status).toBe(200);
  const [received] = up.received;
  expect(received!.headers.get("anthropic-beta")).toBe("mcp-client-2025-11-20");
  expect(JSON.parse(received!.text)).toMatchObject({
    mcp_servers: [{ name: "wiki", authorization_token: TOKEN }],
    tools: [{ type: "mcp_toolset", mcp_server_name: "wiki" }],
  });
  expect(JSON.parse(text).output[0]).toMatchObject({ type: "mcp_call", server_label: "wiki", output: "y" });
  expect(text).not.toContain(TOKEN);
  const [record] = await under.recorded(1);
  expect(record!.droppedParams).toBeNull();
  expect(JSON.stringify(record) + under.logLines.join("\n")).not.toContain(TOKEN);
  expect(up.received).toHaveLength(1);
});

const NATIVE = {
  ...{ model: "claude-a", max_tokens: 99, messages: [{ role: "user", content: "Hi" }] },
  mcp_servers: [{ type: "url", name: "wiki", url: "https://mcp.example/sse", authorization_token: TOKEN }],
};
test.each([
  ["translated", "/v1/responses", ASKED],
  ["translated, with the token in a header", "/v1/responses", inHeader()],
  ["passed on", "/v1/messages", NATIVE],
])("an upstream that repeats the token of a call %s puts it into no log and no record", async (_name, path, body) => {
  const message = `mcp_servers.0.authorization_token: "${TOKEN}" is not accepted`;
  const error = { type: "error", error: { type: "invalid_request_error", message } };
  const { under } = await start({ status: 400, json: error });
  const answer = await under.post(path, body);
  expect(answer.status).toBe(400);
  await answer.text();
  const [record] = await under.recorded(1);
  expect(record!.error).toBe('mcp_servers.0.authorization_token: "[redacted]" is not accepted');
  expect(under.logLines.join("\n")).not.toContain(TOKEN);
});

function inHeader() {
  const { authorization, ...rest } = server;
  return { ...ASKED, tools: [{ ...rest, headers: { Authorization: `Bearer ${authorization}` } }] };
}

test("nothing is asked for beside a body that needs nothing", async () => {
  const { up, under } = await start({ json: ANSWER });
  await (await under.post("/v1/responses", { model: "claude-a", input: "Hi" })).text();
  expect(up.received[0]!.headers.has("anthropic-beta")).toBe(false);
});

const SPEAKS_BOTH = "dialects: [openai-chat, openai-responses]";
const CHAT_ANSWER = {
  ...{ id: "c", object: "chat.completion", created: 1, model: "gpt-a" },
  choices: [{ index: 0, message: { role: "assistant", content: "So." }, finish_reason: "stop" }],
};
const RESPONSES_ANSWER = {
  ...{ id: "resp_1", object: "response", created_at: 1, model: "gpt-a", status: "completed" },
  output: [
    {
      ...{ id: "msg_1", type: "message", role: "assistant", status: "completed" },
      content: [{ type: "output_text", text: "So.", annotations: [] }],
    },
  ],
};
const search = { type: "web_search_20250305", name: "web_search" };
const weather = { name: "weather", input_schema: { type: "object", properties: {} } };
test.each([
  ["a search where both are spoken", "gpt-a", SPEAKS_BOTH, [search, weather], "/v1/responses", null],
  ["a function where both are spoken", "gpt-a", SPEAKS_BOTH, [weather], "/v1/chat/completions", null],
  [
    "a search where only chat is spoken",
    "gpt-a",
    "dialects: [openai-chat]",
    [search],
    "/v1/chat/completions",
    ["web_search"],
  ],
  [
    "a search of a model that searches in chat",
    "gpt-5-search-api",
    SPEAKS_BOTH,
    [search],
    "/v1/chat/completions",
    null,
  ],
])("a client of Anthropic asks OpenAI for %s", async (_name, model, dialects, tools, path, lost) => {
  const up = await startUpstream((received) => ({
    json: received.path.endsWith("responses") ? RESPONSES_ANSWER : CHAT_ANSWER,
  }));
  open.push(up);
  const under = await startRelay(`
providers:
  gpt: { base_url: "${up.url}/v1", provider_type: openai, ${dialects}, keys: [{ key: vendor-key-1 }], models: { include: ["gpt-*"] } }
`);
  open.push(under);
  under.tick(1);
  const answer = await under.post("/v1/messages", {
    model,
    max_tokens: 99,
    messages: [{ role: "user", content: "Hi" }],
    tools,
  });
  expect(await answer.json()).toMatchObject({ type: "message", content: [{ type: "text", text: "So." }] });
  expect(up.received.map((received) => received.path)).toEqual([path]);
  const sent = up.received[0]!.text;
  expect(/"web_search"|web_search_options/.test(sent)).toBe(tools.includes(search) && lost === null);
  expect((await under.recorded(1))[0]!.droppedParams).toEqual(lost);
});
