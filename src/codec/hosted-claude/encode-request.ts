/** Writes Anthropic messages for a cloud that refuses a request over one field it does not know. */
import type { ChatRequest, Json, JsonObject, Message, Tool } from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import { SILENT_USER } from "../anthropic-messages/encode-messages.ts";
import { encodeRequest } from "../anthropic-messages/encode-request.ts";
import { MESSAGES } from "../anthropic-messages/wire.ts";
import { isShared } from "../shared/hosted-tools.ts";
import { instructionTexts } from "../shared/instructions.ts";
import { arrayOr, isObject, pick, restOf } from "../shared/json.ts";
import { formOf, loseOnce } from "../shared/vendor.ts";
import { withoutHostedChoice } from "../shared/tool-choice.ts";
import { isSearch } from "../shared/web-search.ts";

export interface HostedForm {
  /** Stands in the body as `anthropic_version`. */
  readonly version: string;
  /** Does the body say whether to stream? Else the address does. */
  readonly hasStream?: true;
  /** Does the body name betas? Else a header does, which is the provider's to write. */
  readonly hasBetas?: true;
  /** Does the cloud offer the maker's search of the web? */
  readonly hasSearch?: true;
}

/** By list and not by exception: "Extra inputs are not permitted" comes for each field added at the maker's. */
const FIELDS = [
  "max_tokens",
  "messages",
  "metadata",
  "output_config",
  "stop_sequences",
  "system",
  "temperature",
  "thinking",
  "tool_choice",
  "tools",
  "top_k",
  "top_p",
] as const;

/** Said in the URL, or known to be of no account. */
const ELSEWHERE: ReadonlySet<string> = new Set(["model", "stream", "anthropic_version", "anthropic_beta", "betas"]);

const SCOPE: ReadonlySet<string> = new Set(["scope"]);

/** Fields of a tool that the client runs; those that run at the vendor have others, which are left alone. */
const TOOL_FIELDS = ["type", "name", "description", "input_schema", "cache_control"] as const;

export function hostedRequestEncoder({ version, hasStream, hasBetas, hasSearch }: HostedForm) {
  const known: ReadonlySet<string> = new Set([...FIELDS, ...(hasStream ? ["stream"] : [])]);
  return (request: ChatRequest, target: EncodeTarget): JsonObject => {
    const lose = loseOnce(target.lose);
    const offered = onlyOffered(request, hasSearch === true, lose);
    const written = encodeRequest(inTurn(offered), { ...target, lose });
    // The usual tier is the only one, so that it is there for whoever asked for it in other words.
    const isUsual = (tier: Json) => tier === "auto" || formOf(request.vendor, MESSAGES) === undefined;
    for (const [field, value] of Object.entries(written)) {
      if (known.has(field) || ELSEWHERE.has(field) || (field === "service_tier" && isUsual(value))) continue;
      lose(field, "only the model's own maker takes this field");
    }
    for (const field of ["system", "messages", "tools"]) dropScopes(written[field]);
    const { tools } = written;
    const { betas = [] } = target.traits;
    return {
      anthropic_version: version,
      ...(betas.length === 0 || !hasBetas ? {} : { anthropic_beta: [...betas] }),
      ...pick(written, known),
      ...(Array.isArray(tools) ? { tools: tools.map((tool) => writeTool(tool, lose)) } : {}),
    };
  };
}

/** Marks are kept by each cloud for itself. */
function dropScopes(blocks: Json | undefined): void {
  for (const block of arrayOr(blocks).filter(isObject)) {
    const mark = block["cache_control"];
    if (isObject(mark) && mark["scope"] !== undefined) block["cache_control"] = restOf(mark, SCOPE);
    dropScopes(block["content"]);
  }
}

/** Without those of the maker's own tools that the cloud does not run. */
function onlyOffered(request: ChatRequest, hasSearch: boolean, lose: EncodeTarget["lose"]): ChatRequest {
  const missing = request.tools.filter((tool) => isShared(tool) && !(hasSearch && isSearch(tool)));
  for (const { name } of missing) lose(name, "the cloud does not offer this tool of the maker's");
  if (missing.length === 0) return request;
  const isOffered = (tool: Tool) => !missing.includes(tool);
  return { ...withoutHostedChoice(request, lose, isOffered), tools: request.tools.filter(isOffered) };
}

/**
 * The maker joins turns of one role and takes an assistant's as the first; elsewhere "roles must alternate". Requests of
 * other dialects are put in turn where they are written.
 */
function inTurn(request: ChatRequest): ChatRequest {
  const instructions = request.messages.filter(({ role }) => role === "system");
  const moved = instructions.flatMap(({ parts }) => parts.filter((part) => part.type === "text"));
  const system = instructionTexts([...request.system, ...moved]);
  if (formOf(request.vendor, MESSAGES) === undefined) return { ...request, system: instructionTexts(request.system) };
  const messages: Message[] = [];
  for (const message of request.messages) {
    const last = messages.at(-1);
    if (message.role === "system") continue;
    if (last?.role !== message.role) messages.push(message);
    else messages[messages.length - 1] = { ...last, parts: [...last.parts, ...message.parts] };
  }
  if (messages[0]?.role !== "user") messages.unshift({ role: "user", parts: [{ type: "text", text: SILENT_USER }] });
  return { ...request, system, messages };
}

function writeTool(tool: Json, lose: EncodeTarget["lose"]): Json {
  if (!isObject(tool) || (tool["type"] !== undefined && tool["type"] !== "custom")) return tool;
  const kept = pick(tool, TOOL_FIELDS);
  for (const field of Object.keys(tool)) {
    if (!Object.hasOwn(kept, field)) lose(`tools[].${field}`, "only the model's own maker takes this field");
  }
  return kept;
}
