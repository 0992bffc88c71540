/** Tools that run at a vendor and that several vendors have, whatever each calls them. */
import type { Tool } from "../../contract/chat.ts";

/** What of such a tool's definition is said in words that all dialects share. */
export type HostedTool = Pick<Tool, "webSearch" | "runsCode" | "mcp">;

/** Can a dialect that has such tools be told of this one? */
export function isShared({ webSearch, runsCode, mcp }: Tool): boolean {
  return webSearch !== undefined || runsCode === true || mcp !== undefined;
}
