/** What the vendors' own tools do before an answer, in the words of the three that have such tools. */

/** A search, a piece of code and a tool of an MCP server, which Gemini has not. */
export const HOSTED = {
  query: "rain in Paris",
  url: "https://weather.example/paris",
  title: "Paris today",
  code: "print(7 * 3)",
  output: "21\n",
  server: "wiki",
  tool: "ask",
  input: { q: "Paris" },
  told: "A city.",
} as const;

export const HOSTED_BLOCKS: readonly object[] = [
  { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { query: HOSTED.query } },
  {
    ...{ type: "web_search_tool_result", tool_use_id: "srvtoolu_1" },
    content: [
      ...[
        { type: "web_search_result", url: HOSTED.url, title: HOSTED.title, encrypted_content: "ZW5j", page_age: null },
      ],
    ],
  },
  { type: "server_tool_use", id: "srvtoolu_2", name: "code_execution", input: { code: HOSTED.code } },
  {
    ...{ type: "code_execution_tool_result", tool_use_id: "srvtoolu_2" },
    content: { type: "code_execution_result", stdout: HOSTED.output, stderr: "", return_code: 0, content: [] },
  },
  {
    ...{ type: "mcp_tool_use", id: "mcptoolu_1", name: HOSTED.tool },
    ...{ server_name: HOSTED.server, input: HOSTED.input },
  },
  {
    ...{ type: "mcp_tool_result", tool_use_id: "mcptoolu_1", is_error: false },
    content: [{ type: "text", text: HOSTED.told, citations: null }],
  },
];

export const HOSTED_ITEMS = [
  {
    ...{ id: "ws_1", type: "web_search_call", status: "completed" },
    action: {
      ...{ type: "search", query: HOSTED.query, queries: [HOSTED.query] },
      sources: [{ type: "url", url: HOSTED.url }],
    },
  },
  {
    ...{ id: "ci_1", type: "code_interpreter_call", status: "completed", container_id: "cntr_1", code: HOSTED.code },
    outputs: [{ type: "logs", logs: HOSTED.output }],
  },
  {
    ...{ id: "mcp_1", type: "mcp_call", status: "completed", server_label: HOSTED.server, name: HOSTED.tool },
    ...{ arguments: JSON.stringify(HOSTED.input), output: HOSTED.told, error: null, approval_request_id: null },
  },
] as const;

export const HOSTED_PARTS: readonly object[] = [
  { executableCode: { language: "PYTHON", code: HOSTED.code } },
  { codeExecutionResult: { outcome: "OUTCOME_OK", output: HOSTED.output } },
];
/** Stands beside the finish reason. */
export const GROUNDING = {
  groundingMetadata: {
    groundingChunks: [{ web: { uri: HOSTED.url, title: HOSTED.title } }],
    webSearchQueries: [HOSTED.query],
  },
};
