/** The vendors' own web search, which several have under other names: read from each, written for each. */
import type { Json, JsonObject, Tool, WebSearch } from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import { arrayOr, compact, isEmpty, numberOf, objectOr, pick, textOf } from "./json.ts";

const PLACE = ["city", "region", "country", "timezone"] as const;

/** From a definition of Anthropic's or of Responses', whose fields do not get in each other's way. */
export function readWebSearch(definition: JsonObject): WebSearch {
  const place = pick(objectOr(definition["user_location"]), PLACE);
  return compact<WebSearch>({
    maxUses: numberOf(definition["max_uses"]),
    allowedDomains: domains(definition["allowed_domains"] ?? objectOr(definition["filters"])["allowed_domains"]),
    blockedDomains: domains(definition["blocked_domains"] ?? objectOr(definition["filters"])["blocked_domains"]),
    userLocation: isEmpty(place) ? undefined : place,
    contextSize: textOf(definition["search_context_size"]),
  });
}

function domains(value: Json | undefined): string[] | undefined {
  const list = arrayOr(value).filter((entry) => typeof entry === "string");
  return list.length === 0 ? undefined : list;
}

/** Chat's `web_search_options`. */
export function readSearchOptions(options: JsonObject): WebSearch {
  const place = pick(objectOr(objectOr(options["user_location"])["approximate"]), PLACE);
  return compact<WebSearch>({
    userLocation: isEmpty(place) ? undefined : place,
    contextSize: textOf(options["search_context_size"]),
  });
}

export function writeSearchOptions(search: WebSearch, lose: EncodeTarget["lose"]): JsonObject {
  const { userLocation, contextSize } = search;
  loseBounds(search, ["maxUses", "allowedDomains", "blockedDomains"], lose);
  return compact<JsonObject>({
    search_context_size: contextSize,
    user_location: userLocation === undefined ? undefined : { type: "approximate", approximate: userLocation },
  });
}

/** https://docs.claude.com/en/docs/agents-and-tools/tool-use/web-search-tool */
export function writeAnthropicSearch(search: WebSearch, lose: EncodeTarget["lose"]): JsonObject {
  const { maxUses, allowedDomains, blockedDomains, userLocation } = search;
  loseBounds(search, ["contextSize"], lose);
  return compact<JsonObject>({
    type: "web_search_20250305",
    name: "web_search",
    max_uses: maxUses,
    // One of the two is all that is taken.
    allowed_domains: allowedDomains === undefined ? undefined : [...allowedDomains],
    blocked_domains: allowedDomains !== undefined || blockedDomains === undefined ? undefined : [...blockedDomains],
    user_location: userLocation === undefined ? undefined : { type: "approximate", ...userLocation },
  });
}

/** https://platform.openai.com/docs/guides/tools-web-search */
export function writeResponsesSearch(search: WebSearch, lose: EncodeTarget["lose"]): JsonObject {
  const { allowedDomains, userLocation, contextSize } = search;
  loseBounds(search, ["maxUses", "blockedDomains"], lose);
  return compact<JsonObject>({
    type: "web_search",
    filters: allowedDomains === undefined ? undefined : { allowed_domains: [...allowedDomains] },
    user_location: userLocation === undefined ? undefined : { type: "approximate", ...userLocation },
    search_context_size: contextSize,
  });
}

const NAMES = {
  maxUses: "max_uses",
  allowedDomains: "allowed_domains",
  blockedDomains: "blocked_domains",
  userLocation: "user_location",
  contextSize: "search_context_size",
} as const satisfies { readonly [Bound in keyof WebSearch]-?: string };

/** Names what the search is asked for and the upstream's has no word for. */
export function loseBounds(search: WebSearch, bounds: readonly (keyof WebSearch)[], lose: EncodeTarget["lose"]): void {
  for (const bound of bounds) {
    if (search[bound] !== undefined) lose(`tools[].${NAMES[bound]}`, "the upstream's search has no such field");
  }
}

/** All of them, for a search that takes none. */
export const SEARCH_BOUNDS = Object.keys(NAMES) as readonly (keyof WebSearch)[];

export function isSearch(tool: Tool): tool is Tool & { webSearch: WebSearch } {
  return tool.kind === "provider" && tool.webSearch !== undefined;
}
