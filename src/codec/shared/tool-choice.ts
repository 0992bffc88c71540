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
    !tools.some((tool) => tool.name === name && tool.kind === "provider" && !isOffered(tool));
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
  return { ...request, tools: tools.filter(({ name }) => names.includes(name)), toolChoice: { type: mode } };
}
