/** Code and MCP servers asked of a vendor: said in another's words where it has the same, else named as lost. */
import { describe, expect, test } from "bun:test";
import { bedrockConverse } from "../../src/codec/bedrock-converse/index.ts";
import { cohere } from "../../src/codec/cohere/index.ts";
import { bedrockInvokeClaude, vertexClaude } from "../../src/codec/hosted-claude/index.ts";
import type { JsonObject } from "../../src/contract/chat.ts";
import type { Codec } from "../../src/contract/codec.ts";
import { CODECS, contextOf, type Dialect, targetOf } from "./support.ts";

const UPSTREAMS = {
  ...CODECS,
  "bedrock-invoke-claude": bedrockInvokeClaude,
  "vertex-claude": vertexClaude,
  "bedrock-converse": bedrockConverse,
  cohere,
};
type Upstream = keyof typeof UPSTREAMS;
const TOKEN = "mcp-token-that-nobody-else-may-see";
const url = "https://mcp.example/sse";

function asked(from: Dialect, extra: JsonObject): JsonObject {
  const bodies: Record<Dialect, JsonObject> = {
    "anthropic-messages": { max_tokens: 99, messages: [{ role: "user", content: "Hi" }] },
    "openai-responses": { input: "Hi" },
    "openai-chat": { messages: [{ role: "user", content: "Hi" }] },
    gemini: { contents: [{ role: "user", parts: [{ text: "Hi" }] }] },
  };
  return { model: "m", ...bodies[from], ...extra };
}

function send(from: Dialect, to: Upstream, extra: JsonObject) {
  const target = targetOf();
  const codec: Codec = UPSTREAMS[to];
  const body = codec.egress!.encodeRequest(
    CODECS[from].ingress.decodeRequest(asked(from, extra), { model: "m" }),
    target,
  );
  return { body, lost: target.lost, headers: codec.egress!.headersFor?.(body) ?? {} };
}

const INTERPRETER = { type: "code_interpreter", container: { type: "auto" } };
const EXECUTION = { type: "code_execution_20250825", name: "code_execution" };
const CODE: [from: Dialect, tool: JsonObject, to: Upstream, tools: unknown, lost: string[]][] = [
  ["openai-responses", INTERPRETER, "anthropic-messages", [EXECUTION], []],
  ["openai-responses", INTERPRETER, "gemini", [{ codeExecution: {} }], []],
  ["openai-responses", INTERPRETER, "openai-chat", undefined, ["code_interpreter"]],
  ["openai-responses", INTERPRETER, "bedrock-invoke-claude", undefined, ["code_interpreter"]],
  ["openai-responses", INTERPRETER, "vertex-claude", undefined, ["code_interpreter"]],
  ["anthropic-messages", EXECUTION, "openai-responses", [INTERPRETER], []],
  ["anthropic-messages", EXECUTION, "gemini", [{ codeExecution: {} }], []],
  ["anthropic-messages", EXECUTION, "vertex-claude", undefined, ["code_execution"]],
  ["gemini", { codeExecution: {} }, "openai-responses", [INTERPRETER], []],
  ["gemini", { codeExecution: {} }, "anthropic-messages", [EXECUTION], []],
  ["gemini", { codeExecution: {} }, "openai-chat", undefined, ["codeExecution"]],
];

describe("code that the vendor runs", () => {
  test.each(CODE)("%s %j to %s", (from, tool, to, tools, lost) => {
    const sent = send(from, to, { tools: [tool] });
    expect(sent.body["tools"]).toEqual(tools as never);
    expect(sent.lost).toEqual(lost);
  });

  test.each([
    ["in a container of the vendor's", "cntr_1"],
    ["with files of the vendor's", { type: "auto", file_ids: ["file_1"] }],
  ])("%s is not run elsewhere without it", (_name, container) => {
    const sent = send("openai-responses", "anthropic-messages", { tools: [{ type: "code_interpreter", container }] });
    expect(sent.body).not.toHaveProperty("tools");
    expect(sent.lost).toEqual(["code_interpreter"]);
  });

  test("at Gemini only where no function stands beside it", () => {
    const tools = [INTERPRETER, { type: "function", name: "f", parameters: null }];
    const sent = send("openai-responses", "gemini", { tools });
    expect(JSON.stringify(sent.body)).not.toContain("codeExecution");
    expect(sent.lost).toEqual(["code_interpreter"]);
  });

  test("at Responses its output is asked for, as are the pages of a search", () => {
    const tools = [EXECUTION, { type: "web_search_20250305", name: "web_search" }];
    const { body } = send("anthropic-messages", "openai-responses", { tools });
    expect(body["include"]).toEqual(["web_search_call.action.sources", "code_interpreter_call.outputs"]);
  });
});

const responsesServer = (fields: JsonObject = {}): JsonObject => ({
  ...{ type: "mcp", server_label: "wiki", server_url: url, require_approval: "never", ...fields },
});
const messagesServer = (fields: JsonObject = {}): JsonObject => ({ type: "url", url, name: "wiki", ...fields });
const toolset = (fields: JsonObject = {}): JsonObject => ({ type: "mcp_toolset", mcp_server_name: "wiki", ...fields });
const onlyAsk = { default_config: { enabled: false }, configs: { ask: { enabled: true } } };

describe("an MCP server", () => {
  const OUT: [name: string, tool: JsonObject, server: JsonObject, tools: JsonObject][] = [
    ["open to all", responsesServer(), messagesServer(), toolset()],
    [
      "with a token",
      responsesServer({ authorization: TOKEN }),
      messagesServer({ authorization_token: TOKEN }),
      toolset(),
    ],
    [
      "with a token in its header",
      responsesServer({ headers: { Authorization: `Bearer ${TOKEN}` } }),
      messagesServer({ authorization_token: TOKEN }),
      toolset(),
    ],
    [
      "of which one tool may be called",
      responsesServer({ allowed_tools: ["ask"] }),
      messagesServer(),
      toolset(onlyAsk),
    ],
    [
      "of which one tool may be called, by a filter",
      responsesServer({ allowed_tools: { tool_names: ["ask"] } }),
      messagesServer(),
      toolset(onlyAsk),
    ],
  ];
  test.each(OUT)("%s, from Responses to Anthropic", (_name, tool, server, tools) => {
    const sent = send("openai-responses", "anthropic-messages", { tools: [tool] });
    expect(sent.body).toMatchObject({ mcp_servers: [server], tools: [tools] });
    expect(sent.headers).toEqual({ "anthropic-beta": "mcp-client-2025-11-20" });
    expect(sent.lost).toEqual([]);
  });

  const NOT: [name: string, tool: JsonObject][] = [
    ["whose calls want an approval", responsesServer({ require_approval: "always" })],
    ["whose calls want an approval by default", { type: "mcp", server_label: "wiki", server_url: url }],
    ["some of whose calls want an approval", responsesServer({ require_approval: { never: { tool_names: ["ask"] } } })],
    ["that wants other headers", responsesServer({ headers: { "x-key": TOKEN } })],
    ["that wants more headers", responsesServer({ headers: { authorization: `Bearer ${TOKEN}`, "x-key": "1" } })],
    ["whose tools are chosen by what they do", responsesServer({ allowed_tools: { read_only: true } })],
    ["that is a connector of the vendor's", { type: "mcp", server_label: "d", connector_id: "connector_dropbox" }],
  ];
  test.each(NOT)("%s is not offered elsewhere, but named", (_name, tool) => {
    for (const to of ["anthropic-messages", "gemini", "openai-chat"] as const) {
      const sent = send("openai-responses", to, { tools: [tool] });
      expect(sent.lost).toEqual(["mcp"]);
      expect(JSON.stringify(sent.body)).not.toMatch(/mcp|connector/);
      expect(sent.headers).toEqual({});
    }
  });

  const IN: [name: string, body: JsonObject, tool: JsonObject][] = [
    ["in its first form", { mcp_servers: [messagesServer()] }, responsesServer()],
    [
      "in its first form, with some tools",
      {
        mcp_servers: [
          messagesServer({ authorization_token: TOKEN, tool_configuration: { enabled: true, allowed_tools: ["ask"] } }),
        ],
      },
      responsesServer({ authorization: TOKEN, allowed_tools: ["ask"] }),
    ],
    ["with a toolset", { mcp_servers: [messagesServer()], tools: [toolset()] }, responsesServer()],
    [
      "with some tools of a toolset",
      { mcp_servers: [messagesServer()], tools: [toolset(onlyAsk)] },
      responsesServer({ allowed_tools: ["ask"] }),
    ],
  ];
  test.each(IN)("%s, from Anthropic to Responses", (_name, body, tool) => {
    const sent = send("anthropic-messages", "openai-responses", body);
    expect(sent.body["tools"]).toEqual([tool]);
    expect(sent.body).not.toHaveProperty("mcp_servers");
    expect(sent.lost).toEqual([]);
  });

  test.each(IN)("%s, stays as it was in its own dialect, and asks for no header by itself", (_name, body) => {
    const sent = send("anthropic-messages", "anthropic-messages", body);
    expect(sent.body["mcp_servers"]).toEqual(body["mcp_servers"]!);
    expect(sent.body["tools"]).toEqual(body["tools"] as never);
    expect(sent.lost).toEqual([]);
  });

  test.each([
    [
      "of which some tools are forbidden",
      { tools: [toolset({ configs: { drop: { enabled: false } } })] },
      "mcp_toolset",
    ],
    [
      "that is switched off",
      { mcp_servers: [messagesServer({ tool_configuration: { enabled: false } })] },
      "mcp_servers",
    ],
  ])("%s is named as lost rather than opened wider", (_name, extra, lost) => {
    const sent = send("anthropic-messages", "openai-responses", { mcp_servers: [messagesServer()], ...extra });
    expect(sent.body).not.toHaveProperty("tools");
    expect(sent.lost).toEqual([lost]);
  });

  test.each(["openai-chat", "gemini", "bedrock-converse", "bedrock-invoke-claude", "vertex-claude"] as const)(
    "is named as lost towards %s, and its token goes nowhere",
    (to) => {
      const body = { mcp_servers: [messagesServer({ authorization_token: TOKEN })] };
      const sent = send("anthropic-messages", to, body);
      expect(sent.lost).toEqual(["mcp_servers"]);
      expect(JSON.stringify(sent.body)).not.toContain(TOKEN);
    },
  );
});

test("where only tokens are counted a server is left out, for nothing counts it without its beta", () => {
  const request = CODECS["openai-responses"].ingress.decodeRequest(
    asked("openai-responses", { tools: [responsesServer({ authorization: TOKEN }), INTERPRETER] }),
  );
  const body = CODECS["anthropic-messages"].counting.encodeRequest(request, targetOf());
  expect(body["tools"]).toEqual([EXECUTION]);
  expect(JSON.stringify(body)).not.toContain("mcp");
});

const FUNCTION = { name: "f", input_schema: { type: "object", properties: {} } };
const SEARCH = { type: "web_search_20250305", name: "web_search" };
const CHOSEN: [from: Dialect, choice: JsonObject, to: Upstream, sent: unknown, lost: string[]][] = [
  ["anthropic-messages", { type: "tool", name: "web_search" }, "openai-responses", { type: "web_search" }, []],
  ["anthropic-messages", { type: "tool", name: "web_search" }, "openai-chat", undefined, ["tool_choice", "web_search"]],
  ["anthropic-messages", { type: "tool", name: "web_search" }, "gemini", undefined, ["tool_choice", "web_search"]],
  ["anthropic-messages", { type: "tool", name: "web_search" }, "cohere", undefined, ["tool_choice", "web_search"]],
  [
    "anthropic-messages",
    { type: "tool", name: "web_search" },
    "bedrock-converse",
    undefined,
    ["tool_choice", "web_search"],
  ],
  [
    ...(["anthropic-messages", { type: "tool", name: "web_search" }, "bedrock-invoke-claude"] as const),
    ...([undefined, ["web_search", "tool_choice"]] as const),
  ] as never,
  ["openai-responses", { type: "web_search" }, "anthropic-messages", { type: "tool", name: "web_search" }, []],
  [
    "openai-responses",
    { type: "code_interpreter" },
    "anthropic-messages",
    { type: "tool", name: "code_execution" },
    [],
  ],
  ["openai-responses", { type: "web_search" }, "openai-responses", { type: "web_search" }, []],
  [
    "openai-responses",
    { type: "code_interpreter" },
    "openai-chat",
    undefined,
    ["tool_choice", "web_search", "code_interpreter"],
  ],
];

describe("a tool of the vendor's that must be used", () => {
  test.each(CHOSEN)("%s %j to %s", (from, tool_choice, to, expected, lost) => {
    const tools =
      from === "anthropic-messages"
        ? [SEARCH, FUNCTION]
        : [{ type: "web_search" }, INTERPRETER, { type: "function", name: "f", parameters: {} }];
    const sent = send(from, to, { tools, tool_choice });
    const choice = sent.body["tool_choice"] ?? (sent.body["toolConfig"] as JsonObject | undefined)?.["toolChoice"];
    expect(choice).toEqual(expected as never);
    expect(sent.lost).toEqual(lost);
  });

  test("among others stands by its type at Responses, and by its name at Anthropic's", () => {
    const allowed = [{ type: "function", name: "f" }, { type: "web_search" }];
    const tools = [{ type: "web_search" }, INTERPRETER, { type: "function", name: "f", parameters: {} }];
    const tool_choice = { type: "allowed_tools", mode: "required", tools: allowed };
    const { body } = send("openai-responses", "anthropic-messages", { tools, tool_choice });
    expect((body["tools"] as JsonObject[]).map(({ name }) => name)).toEqual(["web_search", "f"]);
    expect(send("openai-responses", "openai-responses", { tools, tool_choice }).body["tool_choice"]).toEqual(
      tool_choice,
    );
  });

  test("that the upstream has not is never chosen there", () => {
    const tools = [{ type: "web_fetch_20250910", name: "web_fetch" }, FUNCTION];
    const sent = send("anthropic-messages", "openai-responses", {
      tools,
      tool_choice: { type: "tool", name: "web_fetch" },
    });
    expect(sent.body).not.toHaveProperty("tool_choice");
    expect(sent.lost).toEqual(["tool_choice", "web_fetch"]);
  });
});

test("an answer repeats a server without what opens its door", () => {
  const tools = [responsesServer({ authorization: TOKEN, headers: { "x-key": TOKEN } })];
  const request = CODECS["openai-responses"].ingress.decodeRequest(asked("openai-responses", { tools }));
  const answer = { id: "", model: "", parts: [], finish: { reason: "stop" as const }, usage: {} };
  const body = CODECS["openai-responses"].ingress.encodeResponse(answer, contextOf(request));
  expect(body["tools"]).toEqual([responsesServer({ headers: { "x-key": "<redacted>" } })]);
});

test("code and servers together ask Anthropic for both betas", () => {
  const { headers } = send("openai-responses", "anthropic-messages", { tools: [INTERPRETER, responsesServer()] });
  expect(headers).toEqual({ "anthropic-beta": "mcp-client-2025-11-20,code-execution-2025-08-25" });
});
