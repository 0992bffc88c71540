/** Tools that ran at the vendor, seen by clients of other dialects, and what becomes of them in histories. */
import { describe, expect, test } from "bun:test";
import { collect, replay } from "../../src/codec/fold.ts";
import type { ChatResponse, HostedCallPart, JsonObject, Part } from "../../src/contract/chat.ts";
import {
  CODECS,
  contextOf,
  type Dialect,
  dig,
  eventsOf,
  frameProblems,
  framesOfText,
  namedEvents,
  targetOf,
  translate,
  writeEvents,
} from "./support.ts";

type Teller = Exclude<Dialect, "openai-chat">;
const MARK = "monorelay.v1.";
const PAGE = { url: "https://a.example/", title: "A" };
const FOUND = { type: "web_search_result", ...PAGE, encrypted_content: "ZW5j", page_age: "1 day" };

const use = (name: string, input: JsonObject): JsonObject => ({
  type: "server_tool_use",
  id: "srvtoolu_1",
  name,
  input,
});
const result = (type: string, content: JsonObject | JsonObject[]): JsonObject => ({
  type,
  tool_use_id: "srvtoolu_1",
  content,
});
const ran = (kind: string, stdout: string, stderr = "", return_code = 0): JsonObject => ({
  ...{ type: kind, stdout, stderr, return_code, content: [] },
});
const MCP_USE = { type: "mcp_tool_use", id: "mcptoolu_1", name: "ask", server_name: "wiki", input: { q: "x" } };
const MCP_RESULT = { type: "mcp_tool_result", tool_use_id: "mcptoolu_1", is_error: false };

/** What the vendor wrote: blocks, items, parts of a content, or what stands beside one. */
interface Told {
  readonly from: Teller;
  readonly wrote: readonly JsonObject[];
  readonly beside?: JsonObject;
  readonly work: HostedCallPart["work"];
  readonly error?: string;
}

const search = (
  sources?: readonly { url: string; title?: string }[],
  ...queries: string[]
): HostedCallPart["work"] => ({
  kind: "web-search",
  queries: queries.length === 0 ? ["x"] : queries,
  ...(sources === undefined ? {} : { sources }),
});
const code = (output: string | undefined, exitCode?: number): HostedCallPart["work"] => ({
  ...{ kind: "code", language: "python", code: "print(1)" },
  ...(output === undefined ? {} : { output }),
  ...(exitCode === undefined ? {} : { exitCode }),
});
const asked = (output?: string): HostedCallPart["work"] => ({
  ...{ kind: "mcp", server: "wiki", name: "ask", inputJson: '{"q":"x"}' },
  ...(output === undefined ? {} : { output }),
});

const item = (type: string, fields: JsonObject, status = "completed"): JsonObject => ({
  id: "i_1",
  type,
  status,
  ...fields,
});
const mcpItem = (fields: JsonObject, status?: string) =>
  item("mcp_call", { server_label: "wiki", name: "ask", arguments: '{"q":"x"}', ...fields }, status);

const TOLD: Record<string, Told> = {
  "a search of Anthropic's": {
    from: "anthropic-messages",
    wrote: [use("web_search", { query: "x" }), result("web_search_tool_result", [FOUND])],
    work: search([PAGE]),
  },
  "a search of Anthropic's that failed": {
    from: "anthropic-messages",
    wrote: [
      use("web_search", { query: "x" }),
      result("web_search_tool_result", { type: "web_search_tool_result_error", error_code: "max_uses_exceeded" }),
    ],
    work: search(undefined),
    error: "max_uses_exceeded",
  },
  "a search of OpenAI's": {
    from: "openai-responses",
    wrote: [item("web_search_call", { action: { type: "search", query: "x", queries: ["x", "y"] } })],
    work: search(undefined, "x", "y"),
  },
  "a search of OpenAI's with its sources": {
    from: "openai-responses",
    wrote: [
      item("web_search_call", { action: { type: "search", query: "x", sources: [{ type: "url", url: PAGE.url }] } }),
    ],
    work: search([{ url: PAGE.url }]),
  },
  "a search of OpenAI's that failed": {
    from: "openai-responses",
    wrote: [item("web_search_call", { action: { type: "search", query: "x" } }, "failed")],
    work: search(undefined),
    error: "failed",
  },
  "searches of Google's": {
    from: "gemini",
    wrote: [],
    beside: {
      groundingMetadata: {
        webSearchQueries: ["x", "y"],
        groundingChunks: [{ web: { uri: PAGE.url, title: PAGE.title } }],
      },
    },
    work: search([PAGE], "x", "y"),
  },
  "code at Anthropic": {
    from: "anthropic-messages",
    wrote: [
      use("code_execution", { code: "print(1)" }),
      result("code_execution_tool_result", ran("code_execution_result", "1\n")),
    ],
    work: code("1\n", 0),
  },
  "a shell at Anthropic": {
    from: "anthropic-messages",
    wrote: [
      use("bash_code_execution", { command: "ls" }),
      result("bash_code_execution_tool_result", ran("bash_code_execution_result", "", "no\n", 2)),
    ],
    work: { kind: "code", language: "shell", code: "ls", output: "no\n", exitCode: 2 },
  },
  "code at OpenAI": {
    from: "openai-responses",
    wrote: [
      item("code_interpreter_call", {
        code: "print(1)",
        container_id: "cntr_1",
        outputs: [{ type: "logs", logs: "1\n" }],
      }),
    ],
    work: code("1\n"),
  },
  "code at OpenAI whose output nobody asked for": {
    from: "openai-responses",
    wrote: [item("code_interpreter_call", { code: "print(1)", container_id: "cntr_1", outputs: null })],
    work: code(undefined),
  },
  "code at Google": {
    from: "gemini",
    wrote: [
      { executableCode: { language: "PYTHON", code: "print(1)" }, thoughtSignature: "c2ln" },
      { codeExecutionResult: { outcome: "OUTCOME_FAILED", output: "no\n" } },
    ],
    work: code("no\n", 1),
  },
  "a server's tool at Anthropic": {
    from: "anthropic-messages",
    wrote: [MCP_USE, { ...MCP_RESULT, content: [{ type: "text", text: "y", citations: null }] }],
    work: asked("y"),
  },
  "a server's tool at OpenAI": {
    from: "openai-responses",
    wrote: [mcpItem({ output: "y", error: null })],
    work: asked("y"),
  },
  "a server's tool at OpenAI that failed": {
    from: "openai-responses",
    wrote: [
      mcpItem(
        { output: null, error: { type: "mcp_tool_execution_error", content: [{ type: "text", text: "broken" }] } },
        "failed",
      ),
    ],
    work: asked(),
    error: "broken",
  },
};

function bodyOf({ from, wrote, beside }: Pick<Told, "from" | "wrote" | "beside">): JsonObject {
  switch (from) {
    case "anthropic-messages":
      return { content: [...wrote, { type: "text", text: "So." }], stop_reason: "end_turn", usage: {} };
    case "openai-responses":
      return {
        status: "completed",
        output: [...wrote, { type: "message", content: [{ type: "output_text", text: "So.", annotations: [] }] }],
      };
    case "gemini":
      return {
        candidates: [
          { content: { role: "model", parts: [...wrote, { text: "So." }] }, finishReason: "STOP", ...beside },
        ],
      };
  }
}

/** The same as the vendor streams it. */
function streamOf(told: Pick<Told, "from" | "wrote" | "beside">): string {
  const { from, wrote, beside } = told;
  if (from === "gemini") {
    const parts = [...wrote, { text: "So." }];
    return parts
      .map((part, index) => {
        const last = index === parts.length - 1 ? { finishReason: "STOP", ...beside } : {};
        return `data: ${JSON.stringify({ candidates: [{ content: { role: "model", parts: [part] }, ...last }] })}\r\n\r\n`;
      })
      .join("");
  }
  if (from === "openai-responses") {
    const { output } = bodyOf(told) as { output: JsonObject[] };
    return namedEvents(
      { type: "response.created", response: {} },
      ...output.flatMap((value, output_index) => [
        { type: "response.output_item.added", output_index, item: { ...value, status: "in_progress", content: [] } },
        { type: `response.${value["type"]}.searching`, output_index, item_id: value["id"] ?? "msg_1" },
        { type: "response.output_item.done", output_index, item: value },
      ]),
      { type: "response.completed", response: { status: "completed", output } },
    );
  }
  const { content } = bodyOf(told) as { content: JsonObject[] };
  const blocks = content.flatMap((block, index) => {
    const { input, ...rest } = block;
    const json = JSON.stringify(input ?? null);
    const pieces = input === undefined ? [] : [json.slice(0, 4), json.slice(4)];
    return [
      { type: "content_block_start", index, content_block: input === undefined ? block : { ...rest, input: {} } },
      ...pieces.map((partial_json) => ({
        type: "content_block_delta",
        index,
        delta: { type: "input_json_delta", partial_json },
      })),
      { type: "content_block_stop", index },
    ];
  });
  return namedEvents(
    { type: "message_start", message: {} },
    ...blocks,
    { type: "message_delta", delta: { stop_reason: "end_turn" } },
    { type: "message_stop" },
  );
}

function read(told: Pick<Told, "from" | "wrote" | "beside">): ChatResponse {
  return CODECS[told.from].egress.decodeResponse(bodyOf(told));
}

function callsIn(parts: readonly Part[]): Pick<HostedCallPart, "work" | "error">[] {
  return parts
    .filter((part) => part.type === "hosted-call")
    .map(({ work, error }) => ({ work, ...(error === undefined ? {} : { error }) }));
}

describe("a call is read as what it is, whole and from a stream", () => {
  test.each(Object.entries(TOLD))("%s", (_name, told) => {
    const expected = [{ work: told.work, ...(told.error === undefined ? {} : { error: told.error }) }];
    const streamed = collect(eventsOf(told.from, framesOfText(streamOf(told))));
    for (const { parts } of [read(told), streamed]) {
      expect(callsIn(parts)).toEqual(expected);
      expect(parts.filter((part) => part.type === "opaque")).toEqual([]);
      expect(parts.some((part) => part.type === "text" && part.text === "So.")).toBe(true);
    }
  });
});

describe("in its own dialect it comes out as it went in", () => {
  test.each(Object.entries(TOLD))("%s", (_name, told) => {
    const written = CODECS[told.from].ingress.encodeResponse(read(told), contextOf());
    const body = JSON.stringify(written);
    for (const value of [...told.wrote, ...Object.values(told.beside ?? {})]) {
      expect(body).toContain(JSON.stringify(value));
    }
    const streamed = collect(eventsOf(told.from, framesOfText(streamOf(told))));
    const frames = writeEvents(told.from, replay(streamed));
    expect(frameProblems(told.from, frames)).toEqual([]);
    const again = collect(eventsOf(told.from, frames));
    expect(again.parts.filter((part) => part.type === "hosted-call")).toEqual(
      streamed.parts.filter((part) => part.type === "hosted-call"),
    );
  });
});

/** What of the answer the client gets beside the text. */
function shown(to: Dialect, response: ChatResponse, extra: JsonObject = {}): unknown {
  const request =
    to === "openai-responses" ? CODECS[to].ingress.decodeRequest({ model: "m", input: "Hi", ...extra }) : {};
  const body = CODECS[to].ingress.encodeResponse(response, contextOf(request));
  switch (to) {
    case "anthropic-messages":
      return (body["content"] as JsonObject[]).filter(({ type }) => type !== "text");
    case "openai-responses":
      return (body["output"] as JsonObject[]).filter(({ type }) => type !== "message");
    case "gemini": {
      const parts = dig(body, "candidates", 0, "content", "parts") as JsonObject[];
      const grounding = dig(body, "candidates", 0, "groundingMetadata");
      return [...parts.filter(({ text }) => text === undefined), ...(grounding === undefined ? [] : [grounding])];
    }
    case "openai-chat":
      return dig(body, "choices", 0, "message");
  }
}

const ID = expect.stringMatching(/^srvtoolu_monorelay\.v1\.[a-f0-9]{24}$/);
const pairOf = (name: string, input: JsonObject, type: string, content: unknown) => [
  { type: "server_tool_use", id: ID, name, input },
  { type, tool_use_id: ID, content },
];
const searched = (query: string, ...pages: JsonObject[]) =>
  pairOf("web_search", { query }, "web_search_tool_result", pages);
const page = (url: string, title: string) => ({
  ...{ type: "web_search_result", url, title, encrypted_content: MARK, page_age: null },
});
const itemOf = (type: string, prefix: string, fields: JsonObject, status = "completed") => ({
  id: expect.stringMatching(new RegExp(`^${prefix}_monorelay\\.v1\\.[a-f0-9]{40}$`)),
  ...{ type, status, ...fields },
});
const SEALED = expect.stringMatching(/^bW9ub3JlbGF5LnYx/);
const chunks = [{ web: { uri: PAGE.url, title: "A" } }];

const SHOWN: [told: string, to: Dialect, expected: unknown][] = [
  [
    "a search of Anthropic's",
    "openai-responses",
    [itemOf("web_search_call", "ws", { action: { type: "search", query: "x", queries: ["x"] } })],
  ],
  ["a search of Anthropic's", "gemini", [{ groundingChunks: chunks, webSearchQueries: ["x"] }]],
  [
    "a search of Anthropic's that failed",
    "openai-responses",
    [itemOf("web_search_call", "ws", { action: { type: "search", query: "x", queries: ["x"] } }, "failed")],
  ],
  ["a search of OpenAI's", "anthropic-messages", [...searched("x"), ...searched("y")]],
  ["a search of OpenAI's", "gemini", [{ webSearchQueries: ["x", "y"] }]],
  ["a search of OpenAI's with its sources", "anthropic-messages", searched("x", page(PAGE.url, PAGE.url))],
  [
    "a search of OpenAI's that failed",
    "anthropic-messages",
    pairOf("web_search", { query: "x" }, "web_search_tool_result", {
      type: "web_search_tool_result_error",
      error_code: "unavailable",
    }),
  ],
  ["searches of Google's", "anthropic-messages", [...searched("x"), ...searched("y", page(PAGE.url, "A"))]],
  [
    "searches of Google's",
    "openai-responses",
    [itemOf("web_search_call", "ws", { action: { type: "search", query: "x", queries: ["x", "y"] } })],
  ],
  [
    "code at Anthropic",
    "openai-responses",
    [itemOf("code_interpreter_call", "ci", { code: "print(1)", container_id: "", outputs: null })],
  ],
  [
    "code at Anthropic",
    "gemini",
    [
      { executableCode: { language: "PYTHON", code: "print(1)" }, thoughtSignature: SEALED },
      { codeExecutionResult: { outcome: "OUTCOME_OK", output: "1\n" } },
    ],
  ],
  [
    "a shell at Anthropic",
    "gemini",
    [
      { executableCode: { language: "LANGUAGE_UNSPECIFIED", code: "ls" }, thoughtSignature: SEALED },
      { codeExecutionResult: { outcome: "OUTCOME_FAILED", output: "no\n" } },
    ],
  ],
  [
    "code at OpenAI",
    "anthropic-messages",
    pairOf("code_execution", { code: "print(1)" }, "code_execution_tool_result", ran("code_execution_result", "1\n")),
  ],
  [
    "code at Google",
    "anthropic-messages",
    pairOf(
      "code_execution",
      { code: "print(1)" },
      "code_execution_tool_result",
      ran("code_execution_result", "", "no\n", 1),
    ),
  ],
  [
    "a server's tool at Anthropic",
    "openai-responses",
    [
      itemOf("mcp_call", "mcp", {
        ...{ server_label: "wiki", name: "ask", arguments: '{"q":"x"}' },
        ...{ output: "y", error: null, approval_request_id: null },
      }),
    ],
  ],
  ["a server's tool at Anthropic", "gemini", []],
  [
    "a server's tool at OpenAI that failed",
    "anthropic-messages",
    [
      { ...MCP_USE, id: expect.stringMatching(/^mcptoolu_/) },
      {
        ...{ type: "mcp_tool_result", tool_use_id: expect.stringMatching(/^mcptoolu_/), is_error: true },
        content: [{ type: "text", text: "broken", citations: null }],
      },
    ],
  ],
];

describe("a client of another dialect sees it in the words of its own", () => {
  test.each(SHOWN)("%s, told in %s", (name, to, expected) => {
    const told = TOLD[name]!;
    const response = read(told);
    expect(shown(to, response)).toEqual(expected as never);
    // Put together from a stream the answer is the same, to the last id.
    const frames = writeEvents(to, replay(response));
    expect(frameProblems(to, frames)).toEqual([]);
    expect(shown(to, collect(eventsOf(to, frames)))).toEqual(shown(to, response) as never);
  });

  test.each(Object.keys(TOLD))("of %s a client of chat hears nothing, as from OpenAI", (name) => {
    const { annotations: _sources, ...message } = shown("openai-chat", read(TOLD[name]!)) as JsonObject;
    expect(message).toEqual({ role: "assistant", content: "So.", refusal: null });
  });

  test("sources and outputs are shown by Responses to those who ask for them", () => {
    const include = ["web_search_call.action.sources", "code_interpreter_call.outputs"];
    const found = shown("openai-responses", read(TOLD["a search of Anthropic's"]!), { include });
    expect(dig(found, 0, "action", "sources")).toEqual([{ type: "url", url: PAGE.url }]);
    const printed = shown("openai-responses", read(TOLD["code at Anthropic"]!), { include });
    expect(dig(printed, 0, "outputs")).toEqual([{ type: "logs", logs: "1\n" }]);
  });

  test("searches are counted for a client of Anthropic's, and not a second time where Anthropic has counted", () => {
    const of = (name: string) =>
      dig(CODECS["anthropic-messages"].ingress.encodeResponse(read(TOLD[name]!), contextOf()), "usage");
    expect(of("a search of OpenAI's")).toMatchObject({
      server_tool_use: { web_search_requests: 2, web_fetch_requests: 0 },
    });
    expect(of("code at OpenAI")).not.toHaveProperty("server_tool_use");
    expect(of("a search of Anthropic's")).not.toHaveProperty("server_tool_use");
  });
});

describe("the events of a Responses stream are the vendor's", () => {
  const added = "output_item.added";
  const done = "output_item.done";
  const SEQUENCES: [name: string, events: string[]][] = [
    [
      "a search of Anthropic's",
      [added, "web_search_call.in_progress", "web_search_call.searching", "web_search_call.completed", done],
    ],
    ["a search of Anthropic's that failed", [added, "web_search_call.in_progress", "web_search_call.searching", done]],
    [
      "code at Google",
      [
        ...[added, "code_interpreter_call.in_progress"],
        ...["code_interpreter_call_code.delta", "code_interpreter_call_code.done"],
        ...["code_interpreter_call.interpreting", "code_interpreter_call.completed", done],
      ],
    ],
    [
      "a server's tool at Anthropic",
      [
        ...[added, "mcp_call.in_progress", "mcp_call_arguments.delta", "mcp_call_arguments.done"],
        ...["mcp_call.completed", done],
      ],
    ],
    [
      "a server's tool at OpenAI that failed",
      [
        ...[added, "mcp_call.in_progress", "mcp_call_arguments.delta", "mcp_call_arguments.done"],
        ...["mcp_call.failed", done],
      ],
    ],
  ];
  test.each(SEQUENCES)("%s", (name, expected) => {
    const frames = writeEvents("openai-responses", replay(read(TOLD[name]!)));
    const types = frames.map(({ event = "" }) => event.replace("response.", ""));
    const start = types.indexOf(added);
    expect(types.slice(start, start + expected.length)).toEqual(expected);
    const begun = JSON.parse(frames[start]!.data) as JsonObject;
    const ended = JSON.parse(frames[start + expected.length - 1]!.data) as JsonObject;
    expect(dig(begun, "item", "status")).toBe("in_progress");
    expect(dig(ended, "item", "id")).toBe(dig(begun, "item", "id"));
  });
});

describe("what is no call and its result stays the vendor's own affair", () => {
  const opaque = (parts: readonly Part[]) => parts.filter((part) => part.type === "opaque").map(({ value }) => value);
  const ALONE: [name: string, from: Teller, wrote: JsonObject[]][] = [
    ["a call that waits for its result in the next answer", "anthropic-messages", [use("web_search", { query: "x" })]],
    [
      "a page fetched",
      "anthropic-messages",
      [use("web_fetch", { url: "u" }), result("web_fetch_tool_result", { type: "web_fetch_result" })],
    ],
    [
      "a result of another call",
      "anthropic-messages",
      [use("web_search", { query: "x" }), { ...result("web_search_tool_result", []), tool_use_id: "srvtoolu_2" }],
    ],
    ["a page opened", "openai-responses", [item("web_search_call", { action: { type: "open_page", url: "u" } })]],
    [
      "a list of a server's tools",
      "openai-responses",
      [{ id: "l", type: "mcp_list_tools", server_label: "s", tools: [] }],
    ],
    ["code without an outcome", "gemini", [{ executableCode: { language: "PYTHON", code: "1" } }]],
  ];
  test.each(ALONE)("%s", (_name, from, wrote) => {
    const streamed = collect(eventsOf(from, framesOfText(streamOf({ from, wrote }))));
    for (const { parts } of [read({ from, wrote }), streamed]) {
      expect(opaque(parts)).toEqual(wrote);
      expect(callsIn(parts)).toEqual([]);
    }
  });

  test("calls side by side, their results behind the last of them, are one each", () => {
    const [first, found] = TOLD["a search of Anthropic's"]!.wrote as [JsonObject, JsonObject];
    const second = { ...first, id: "srvtoolu_2", input: { query: "y" } };
    const later = { ...found, tool_use_id: "srvtoolu_2", content: [] };
    const told = { from: "anthropic-messages" as const, wrote: [first, second, found, later] };
    const works = [{ work: search([PAGE]) }, { work: search([], "y") }];
    for (const { parts } of [read(told), collect(eventsOf(told.from, framesOfText(streamOf(told))))]) {
      expect(callsIn(parts)).toEqual(works);
      expect(opaque(parts)).toEqual([]);
    }
    // A history is left in its order.
    const { sent } = translate(history(told.from, told.wrote), told.from, told.from);
    expect(dig(sent, "messages", 1, "content")).toEqual([...told.wrote, { type: "text", text: "So." }]);
  });

  test("a search that code made is shown, the code around it is not torn apart", () => {
    const around = { ...use("code_execution", { code: "search()" }), id: "srvtoolu_0" };
    const outcome = {
      ...result("code_execution_tool_result", ran("code_execution_result", "")),
      tool_use_id: "srvtoolu_0",
    };
    const caller = { type: "code_execution_20260120", tool_id: "srvtoolu_0" };
    const wrote = [around, ...TOLD["a search of Anthropic's"]!.wrote.map((block) => ({ ...block, caller })), outcome];
    const { parts } = read({ from: "anthropic-messages", wrote });
    expect(parts.map(({ type }) => type)).toEqual(["opaque", "hosted-call", "opaque", "text"]);
    const again = CODECS["anthropic-messages"].ingress.encodeResponse(
      read({ from: "anthropic-messages", wrote }),
      contextOf(),
    );
    expect((again["content"] as JsonObject[]).slice(0, 4)).toEqual(wrote);
  });
});

function history(from: Teller, wrote: readonly JsonObject[]): JsonObject {
  switch (from) {
    case "anthropic-messages":
      return {
        ...{ model: "m", max_tokens: 99 },
        messages: [
          { role: "user", content: "Is it?" },
          { role: "assistant", content: [...wrote, { type: "text", text: "So." }] },
          { role: "user", content: "Sure?" },
        ],
      };
    case "openai-responses":
      return {
        model: "m",
        input: [
          { role: "user", content: "Is it?" },
          ...wrote,
          { role: "assistant", content: "So." },
          { role: "user", content: "Sure?" },
        ],
      };
    case "gemini":
      return {
        model: "m",
        contents: [
          { role: "user", parts: [{ text: "Is it?" }] },
          { role: "model", parts: [...wrote, { text: "So." }] },
          { role: "user", parts: [{ text: "Sure?" }] },
        ],
      };
  }
}

describe("in a history", () => {
  const STAYING = Object.entries(TOLD).filter(([, { wrote }]) => wrote.length > 0);
  const DIALECTS: Dialect[] = ["openai-chat", "anthropic-messages", "openai-responses", "gemini"];

  test.each(STAYING)("%s goes back to its own dialect as it was", (_name, { from, wrote }) => {
    const body = history(from, wrote);
    const { sent, lost } = translate(body, from, from);
    const place = from === "gemini" ? "contents" : from === "openai-responses" ? "input" : "messages";
    expect(sent[place]).toEqual(body[place]!);
    expect(lost).toEqual([]);
  });

  test.each(STAYING)("%s is left out elsewhere, and named", (_name, { from, wrote }) => {
    const [first] = wrote;
    const word = from === "gemini" ? "executableCode" : String(first!["type"]);
    for (const to of DIALECTS.filter((dialect) => dialect !== from)) {
      const { sent, lost } = translate(history(from, wrote), from, to);
      expect(lost).toEqual([word]);
      expect(JSON.stringify(sent)).not.toMatch(/server_tool_use|web_search|_call"|executableCode|mcp_tool|print\(1\)/);
      expect(JSON.stringify(sent)).toContain("So.");
    }
  });

  const FOREIGN: [told: string, shownIn: Teller, word: string][] = [
    ["a search of OpenAI's", "anthropic-messages", "server_tool_use"],
    ["a search of OpenAI's with its sources", "anthropic-messages", "server_tool_use"],
    ["code at Google", "anthropic-messages", "server_tool_use"],
    ["a server's tool at OpenAI", "anthropic-messages", "mcp_tool_use"],
    ["a search of Anthropic's", "openai-responses", "web_search_call"],
    ["code at Anthropic", "openai-responses", "code_interpreter_call"],
    ["a server's tool at Anthropic", "openai-responses", "mcp_call"],
    ["code at OpenAI", "gemini", "executableCode"],
  ];
  test.each(FOREIGN)("%s, shown in %s, never reaches that vendor as if it were its own", (name, to, word) => {
    const answer = shown(to, read(TOLD[name]!)) as JsonObject[];
    // By its mark a call is known that must not be passed through.
    expect(JSON.stringify(answer)).toContain(CODECS[to].ingress.ownMark);
    const { sent, lost } = translate(history(to, answer), to, to);
    expect(JSON.stringify(sent)).not.toMatch(/_use"|_result"|_call"|executableCode|codeExecutionResult|monorelay/);
    expect(JSON.stringify(sent)).toContain("So.");
    expect(lost).toEqual([word]);
  });

  test("a call never reaches Anthropic without its result", () => {
    const { sent } = translate(
      history("openai-responses", [mcpItem({ output: "y" })]),
      "openai-responses",
      "anthropic-messages",
    );
    expect(JSON.stringify(sent)).not.toMatch(/_use"|_result"/);
  });

  test("dialects of upstreams alone leave it out as well", () => {
    const target = targetOf();
    const request = CODECS["anthropic-messages"].ingress.decodeRequest(
      history("anthropic-messages", TOLD["a search of Anthropic's"]!.wrote),
    );
    const sent = CODECS["openai-chat"].egress.encodeRequest(request, target);
    expect(sent["messages"]).toContainEqual({ role: "assistant", content: "So." });
    expect(target.lost).toEqual(["server_tool_use"]);
  });
});
