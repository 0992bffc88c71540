/** Definitions of tools that run at the vendor, which other vendors have as well: searches, code, MCP servers. */
import type { Json, JsonObject, McpServer, Tool } from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import type { HostedTool } from "../shared/hosted-tools.ts";
import { arrayOr, compact, isEmpty, isObject, objectOr, textOf } from "../shared/json.ts";
import { OPENAI_TOOL_NAME_CHARS_MAX, safeToolName } from "../shared/tool-names.ts";
import { readWebSearch, writeResponsesSearch } from "../shared/web-search.ts";

/** Also under the names of its earlier versions. */
const SEARCH = /^web_search(_|$)/;

/** What of the definition other dialects can say; nothing for one that would mean another thing there. */
export function readHostedTool(type: string, definition: JsonObject): HostedTool {
  if (SEARCH.test(type)) return { webSearch: readWebSearch(definition) };
  if (type === "code_interpreter") return isFreshContainer(definition["container"]) ? { runsCode: true } : {};
  const mcp = type === "mcp" ? readServer(definition) : undefined;
  return mcp === undefined ? {} : { mcp };
}

/** One without files, which lie at OpenAI. */
function isFreshContainer(container: Json | undefined): boolean {
  if (container === undefined || container === null) return true;
  const { type, file_ids: files } = objectOr(container);
  return type === "auto" && arrayOr(files).length === 0;
}

/**
 * A server by its address, whose tools are called without asking anybody: elsewhere nobody is asked. One that wants
 * headers beside a bearer token, or is chosen by what its tools do, cannot be named elsewhere.
 */
function readServer(definition: JsonObject): McpServer | undefined {
  const name = textOf(definition["server_label"]);
  const url = textOf(definition["server_url"]);
  const headers = Object.entries(objectOr(definition["headers"]));
  const bearers = headers.map(([header, value]) => bearerIn(header, value));
  const allowed = definition["allowed_tools"];
  if (name === undefined || url === undefined || definition["require_approval"] !== "never") return undefined;
  if (bearers.length > 1 || bearers.includes(undefined)) return undefined;
  if (isObject(allowed) && allowed["read_only"] !== undefined) return undefined;
  const names = Array.isArray(allowed) ? allowed : objectOr(allowed)["tool_names"];
  return compact<McpServer>({
    name,
    url,
    token: textOf(definition["authorization"]) ?? bearers[0],
    allowedTools: Array.isArray(names) ? names.filter((entry) => typeof entry === "string") : undefined,
  });
}

function bearerIn(header: string, value: Json): string | undefined {
  if (header.toLowerCase() !== "authorization") return undefined;
  return textOf(/^Bearer\s+(.+)$/i.exec(textOf(value) ?? "")?.[1]);
}

/** `undefined` for a tool that the dialect has no form for. */
export function writeHostedTool(tool: Tool, lose: EncodeTarget["lose"]): JsonObject | undefined {
  if (tool.webSearch !== undefined) return writeResponsesSearch(tool.webSearch, lose);
  if (tool.runsCode) return { type: "code_interpreter", container: { type: "auto" } };
  if (tool.mcp === undefined) return undefined;
  const { name, url, token, allowedTools } = tool.mcp;
  return compact<JsonObject>({
    type: "mcp",
    server_label: safeToolName(name, OPENAI_TOOL_NAME_CHARS_MAX),
    server_url: url,
    authorization: token,
    allowed_tools: allowedTools === undefined ? undefined : [...allowedTools],
    require_approval: "never",
  });
}

/** How a tool that is offered is chosen; of this dialect's own by its type. */
export function hostedReference(tool: Tool): JsonObject {
  const { type, server_label: label } = writeHostedTool(tool, () => {}) ?? { type: tool.name };
  return { type: type ?? tool.name, ...(label === undefined ? {} : { server_label: label }) };
}

export const WITH_SOURCES = "web_search_call.action.sources";
export const WITH_OUTPUTS = "code_interpreter_call.outputs";

/** What a client of another dialect is shown anyway and Responses tells only when asked. */
export function includesFor(tools: readonly Tool[]): string[] {
  return [
    ...(tools.some(({ webSearch }) => webSearch !== undefined) ? [WITH_SOURCES] : []),
    ...(tools.some(({ runsCode }) => runsCode) ? [WITH_OUTPUTS] : []),
  ];
}

/** A definition as an answer repeats it: without what opens the server's door. */
export function withoutSecrets(definition: JsonObject): JsonObject {
  if (definition["type"] !== "mcp") return definition;
  const { authorization: _token, headers, ...rest } = definition;
  const names = Object.keys(objectOr(headers));
  if (isEmpty(names)) return rest;
  return { ...rest, headers: Object.fromEntries(names.map((name) => [name, "<redacted>"])) };
}
