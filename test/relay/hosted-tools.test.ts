/** Tools that run at a vendor, through the relay: betas beside a translated body, and tokens of MCP servers kept quiet. */
import { afterEach, expect, test } from "bun:test";
import { startRelay } from "../support/relay.ts";
import { type Reply, startUpstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

async function start(reply: Reply, more = "") {
  const up = await startUpstream(reply);
  open.push(up);
  const under = await startRelay(`
providers:
  claude: { base_url: "${up.url}", provider_type: anthropic, hosted_tools: true, keys: [{ key: vendor-key-1 }], models: { include: [claude-a] }${more} }
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

const BETAS = ', headers: { anthropic-beta: "context-1m-2025-08-07, mcp-client-2025-11-20" }';
test.each([
  ["that the body needs", "/v1/responses", ASKED, {}, "mcp-client-2025-11-20,context-1m-2025-08-07"],
  [
    "that a client asks for",
    "/v1/messages",
    { model: "claude-a", max_tokens: 9, messages: [{ role: "user", content: "Hi" }] },
    { "anthropic-beta": "files-api-2025-04-14" },
    "files-api-2025-04-14,context-1m-2025-08-07,mcp-client-2025-11-20",
  ],
  [
    "without others",
    "/v1/responses",
    { model: "claude-a", input: "Hi" },
    {},
    "context-1m-2025-08-07, mcp-client-2025-11-20",
  ],
])("an operator's betas join those %s", async (_name, path, body, headers, betas) => {
  const { up, under } = await start({ json: ANSWER }, BETAS);
  expect((await under.post(path, body, headers)).status).toBe(200);
  expect(up.received.map((received) => received.headers.get("anthropic-beta"))).toEqual([betas]);
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

const PATH_SECRET = "4f9a-secret-in-the-path";
const QUERY_SECRET = "sec%3Dret";
const ADDRESS = `https://mcp.example/${PATH_SECRET}/sse?key=${QUERY_SECRET}`;
const inAddress = { ...ASKED, tools: [{ ...server, server_url: ADDRESS, authorization: "" }] };
const escaped = JSON.stringify(ASKED).replaceAll('"mcp', '"\\u006dcp');
const batch = { requests: [{ custom_id: "a", params: NATIVE }] };

test.each([
  ["whose server's address is the secret", "/v1/responses", JSON.stringify(inAddress)],
  ["that writes the type in escapes", "/v1/responses", escaped],
  ["that counts its tokens", "/v1/messages/count_tokens", JSON.stringify(NATIVE)],
  ["that is a batch", "/v1/messages/batches", JSON.stringify(batch)],
])("an upstream repeats the token to nobody in the refusal of a call %s", async (_name, path, text) => {
  const message = `"${TOKEN}" at ${ADDRESS}, also written ${decodeURIComponent(QUERY_SECRET)}, is not accepted`;
  const { under } = await start({
    status: 400,
    json: { type: "error", error: { type: "invalid_request_error", message } },
  });
  const answer = await under.post(path, text);
  expect(answer.status).toBe(400);
  const [record] = await under.recorded(1);
  const told = [await answer.text(), JSON.stringify(record), under.logLines.join("\n")].join("\n");
  expect(record!.error).toContain("is not accepted");
  for (const secret of path === "/v1/responses" && text.includes(PATH_SECRET)
    ? [PATH_SECRET, QUERY_SECRET, "sec=ret"]
    : [TOKEN])
    expect(told).not.toContain(secret);
});

test.each([
  ["translated", "/v1/responses", { ...ASKED, stream: true }],
  ["passed on", "/v1/messages", { ...NATIVE, stream: true }],
])(
  "a stream %s that breaks with the token in its words puts it into no log and no record",
  async (name, path, body) => {
    const event = (data: { type: string; [key: string]: unknown }) =>
      `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
    const message = { ...ANSWER, content: [], stop_reason: null };
    const { under } = await start({
      chunks: [
        event({ type: "message_start", message }),
        event({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }),
        event({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "So." } }),
        event({ type: "error", error: { type: "api_error", message: `the server refused ${TOKEN}` } }),
      ],
    });
    const answer = await under.post(path, body);
    const text = await answer.text();
    expect(answer.status).toBe(200);
    expect(text).toContain("the server refused");
    const [record] = await under.recorded(1);
    expect(record!.error).toBe("the server refused [redacted]");
    expect(JSON.stringify(record) + under.logLines.join("\n")).not.toContain(TOKEN);
    // What is passed on are the upstream's own bytes, read only by whoever sent the token.
    expect(text.includes(TOKEN)).toBe(name === "passed on");
  },
);

function inHeader() {
  const { authorization, ...rest } = server;
  return { ...ASKED, tools: [{ ...rest, headers: { Authorization: `Bearer ${authorization}` } }] };
}

test("nothing is asked for beside a body that needs nothing", async () => {
  const { up, under } = await start({ json: ANSWER });
  await (await under.post("/v1/responses", { model: "claude-a", input: "Hi" })).text();
  expect(up.received[0]!.headers.has("anthropic-beta")).toBe(false);
});

const SPEAKS_BOTH = "dialects: [openai-chat, openai-responses], hosted_tools: true";
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
    "a search where both are spoken, and nobody says that there is one",
    "gpt-b",
    "dialects: [openai-chat, openai-responses]",
    [search],
    "/v1/chat/completions",
    ["web_search"],
  ],
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
