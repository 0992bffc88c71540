/** What may be called, and what becomes of it where nothing can be. */
import type { ChatRequest } from "../../contract/chat.ts";
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

/** Says a choice among some tools by offering no others. */
export function onlyAllowed(request: ChatRequest, lose: EncodeTarget["lose"]): ChatRequest {
  const { toolChoice, tools } = request;
  if (toolChoice?.type !== "allowed") return request;
  lose("tool_choice.allowed_tools", "the other tools were left out instead");
  const { names, mode } = toolChoice;
  return { ...request, tools: tools.filter(({ name }) => names.includes(name)), toolChoice: { type: mode } };
}
