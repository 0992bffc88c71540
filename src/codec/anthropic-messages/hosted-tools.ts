/** Definitions of tools that run at the vendor, which other vendors have as well: searches, code, MCP servers. */
import type { Json, JsonObject, McpServer, Tool } from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import type { HostedTool } from "../shared/hosted-tools.ts";
import { arrayOr, compact, isEmpty, isObject, objectOr, textOf } from "../shared/json.ts";
import { formOf, withVendor } from "../shared/vendor.ts";
import { readWebSearch, writeAnthropicSearch } from "../shared/web-search.ts";
import { MESSAGES } from "./wire.ts";

/**
 * Needed for `mcp_servers` together with toolsets.
 * https://docs.claude.com/en/docs/agents-and-tools/mcp-connector
 */
const MCP_BETA = "mcp-client-2025-11-20";
/** The version that all models since Claude 3.5 take; where it is no beta any more nobody minds the word. */
const CODE_TOOL = "code_execution_20250825";
const CODE_BETA = "code-execution-2025-08-25";

/**
 * What of the definition other dialects can say; nothing for one that would mean another thing there.
 * @param servers the request's `mcp_servers`, of which toolsets choose
 */
export function readHostedTool(type: string, definition: JsonObject, servers: Json | undefined): HostedTool {
  if (type.startsWith("web_search_")) return { webSearch: readWebSearch(definition) };
  if (type.startsWith("code_execution_")) return { runsCode: true };
  if (type !== "mcp_toolset") return {};
  const server = objectsIn(servers).find(({ name }) => name === definition["mcp_server_name"]);
  const allowed = allowedBy(definition);
  const mcp = server === undefined || allowed === undefined ? undefined : readServer(server, allowed);
  return mcp === undefined ? {} : { mcp };
}

/** Servers that no toolset names, as the feature's first version has them: tools of their own. */
export function serversAsTools(servers: Json | undefined, tools: readonly Json[]): Tool[] {
  const named = new Set(tools.map((tool) => objectOr(tool)["mcp_server_name"]));
  return objectsIn(servers)
    .filter(({ name }) => !named.has(name))
    .map((server): Tool => {
      const { enabled, allowed_tools: listed } = objectOr(server["tool_configuration"]);
      const allowed = Array.isArray(listed) ? { names: listed.filter((entry) => typeof entry === "string") } : {};
      const mcp = enabled === false ? undefined : readServer(server, allowed);
      const base: Tool = { kind: "provider", name: "mcp_servers", ...withVendor(MESSAGES, {}, { server: true }) };
      return mcp === undefined ? base : { ...base, mcp };
    });
}

/** Stands in `mcp_servers`, which are written as they came. */
export function isServer({ vendor }: Tool): boolean {
  return formOf(vendor, MESSAGES)?.["server"] === true;
}

function objectsIn(value: Json | undefined): JsonObject[] {
  return arrayOr(value).filter(isObject);
}

function readServer(server: JsonObject, { names }: { names?: string[] }): McpServer | undefined {
  const name = textOf(server["name"]);
  const url = textOf(server["url"]);
  if (server["type"] !== "url" || name === undefined || url === undefined) return undefined;
  return compact<McpServer>({ name, url, token: textOf(server["authorization_token"]), allowedTools: names });
}

/** All tools, or the named ones; `undefined` where only some are forbidden, for which others have no word. */
function allowedBy(toolset: JsonObject): { names?: string[] } | undefined {
  const isOn = objectOr(toolset["default_config"])["enabled"] !== false;
  const configs = Object.entries(objectOr(toolset["configs"]));
  const on = configs.filter(([, config]) => (objectOr(config)["enabled"] ?? isOn) === true).map(([name]) => name);
  if (!isOn) return { names: on };
  return on.length === configs.length ? {} : undefined;
}

/** `undefined` for a tool that the dialect has no form for. */
export function writeHostedTool(tool: Tool, lose: EncodeTarget["lose"]): JsonObject | undefined {
  if (tool.webSearch !== undefined) return writeAnthropicSearch(tool.webSearch, lose);
  if (tool.runsCode) return { type: CODE_TOOL, name: "code_execution" };
  if (tool.mcp === undefined) return undefined;
  const { name, allowedTools } = tool.mcp;
  if (allowedTools === undefined) return { type: "mcp_toolset", mcp_server_name: name };
  return {
    type: "mcp_toolset",
    mcp_server_name: name,
    default_config: { enabled: false },
    configs: Object.fromEntries(allowedTools.map((tool) => [tool, { enabled: true }])),
  };
}

/** The servers of other dialects' tools. */
export function writeServers(tools: readonly Tool[]): JsonObject {
  const servers = tools.flatMap(({ mcp }): JsonObject[] => {
    if (mcp === undefined) return [];
    const { name, url, token } = mcp;
    return [compact<JsonObject>({ type: "url", url, name, authorization_token: token })];
  });
  return servers.length === 0 ? {} : { mcp_servers: servers };
}

/** The betas without which a body with such tools is refused. */
export function headersFor(body: JsonObject): Record<string, string> {
  const betas = [
    ...(arrayOr(body["mcp_servers"]).length > 0 ? [MCP_BETA] : []),
    ...(arrayOr(body["tools"]).some((tool) => objectOr(tool)["type"] === CODE_TOOL) ? [CODE_BETA] : []),
  ];
  return isEmpty(betas) ? {} : { "anthropic-beta": betas.join(",") };
}
