/** What may be called, and what becomes of it where nothing can be. */
import type { ChatRequest, Tool } from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";

/** Must the model call a tool? */
export function isForced({ toolChoice, tools }: ChatRequest): boolean {
  if (tools.length === 0 || toolChoice === undefined) return false;
  if (toolChoice.type === "allowed") return toolChoice.mode === "required";
  return toolChoice.type === "required" || toolChoice.type === "tool";
}

/** Names a choice that is left out because none of the request's tools could be sent. */
export function loseChoice(request: ChatRequest, lose: EncodeTarget["lose"]): void {
  if (isForced(request)) lose("tool_choice", "none of the tools can be offered to the upstream");
}

/**
 * What a choice calls a tool. The tools of a server are chosen together, by a name that no function can have, as several
 * servers may stand side by side.
 */
export function chosenName({ name, mcp }: Tool): string {
  return mcp === undefined ? name : `mcp:${mcp.name}`;
}

/** Is this tool meant by one of these names? Where a function and a tool of the vendor's share a name, the function is. */
export function isChosen(tool: Tool, names: readonly string[], tools: readonly Tool[]): boolean {
  if (!names.includes(chosenName(tool))) return false;
  return tool.kind !== "provider" || !hasFunction(tools, tool.name);
}

function hasFunction(tools: readonly Tool[], name: string): boolean {
  return tools.some((tool) => tool.kind !== "provider" && tool.name === name);
}

/**
 * Without a choice of a tool that runs at the vendor and that the upstream cannot be told to use: the model decides then.
 * @param isOffered which of them can be chosen; by default none
 */
export function withoutHostedChoice(
  request: ChatRequest,
  lose: EncodeTarget["lose"],
  isOffered: (tool: Tool) => boolean = () => false,
): ChatRequest {
  const { toolChoice: choice, tools, ...rest } = request;
  const isClients = (name: string) =>
    !tools.some((tool) => tool.kind === "provider" && isChosen(tool, [name], tools) && !isOffered(tool));
  const names = choice?.type === "tool" ? [choice.name] : choice?.type === "allowed" ? choice.names : [];
  const left = names.filter(isClients);
  if (choice === undefined || left.length === names.length) return request;
  if (choice.type === "allowed" && left.length > 0) return { ...request, toolChoice: { ...choice, names: left } };
  loseHostedChoice(lose);
  return { ...rest, tools };
}

export function loseHostedChoice(lose: EncodeTarget["lose"]): void {
  lose("tool_choice", "the upstream cannot be told to use this tool of its own");
}

/** Says a choice among some tools by offering no others. */
export function onlyAllowed(request: ChatRequest, lose: EncodeTarget["lose"]): ChatRequest {
  const { toolChoice, tools } = request;
  if (toolChoice?.type !== "allowed") return request;
  lose("tool_choice.allowed_tools", "the other tools were left out instead");
  const { names, mode } = toolChoice;
  return { ...request, tools: tools.filter((tool) => isChosen(tool, names, tools)), toolChoice: { type: mode } };
}
