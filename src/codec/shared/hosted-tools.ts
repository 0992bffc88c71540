/** Tools that run at a vendor and that several vendors have, whatever each calls them. */
import type { ChatRequest, HostedWork, Tool } from "../../contract/chat.ts";
import type { Traits } from "../../contract/codec.ts";

/** What of such a tool's definition is said in words that all dialects share. */
export type HostedTool = Pick<Tool, "webSearch" | "runsCode" | "mcp">;

/** Can a dialect that has such tools be told of this one? */
export function isShared({ webSearch, runsCode, mcp }: Tool): boolean {
  return webSearch !== undefined || runsCode === true || mcp !== undefined;
}

/** `undefined` for tools that the client runs, and for those that one vendor alone has. */
export function kindOf({ webSearch, runsCode, mcp }: Tool): HostedWork["kind"] | undefined {
  if (webSearch !== undefined) return "web-search";
  if (runsCode) return "code";
  return mcp === undefined ? undefined : "mcp";
}

/** A client's of another dialect, as an upstream can be told that may not have all tools of the dialect. */
export function asServed(request: ChatRequest, { hosted }: Traits): ChatRequest {
  if (hosted === undefined || !request.tools.some(isShared)) return request;
  return { ...request, tools: request.tools.map((tool) => (isServed(tool, hosted) ? tool : asUnknown(tool))) };
}

function isServed(tool: Tool, hosted: readonly HostedWork["kind"][]): boolean {
  const kind = kindOf(tool);
  return kind === undefined || hosted.includes(kind);
}

function asUnknown({ webSearch: _search, runsCode: _code, mcp: _server, ...tool }: Tool): Tool {
  return tool;
}
