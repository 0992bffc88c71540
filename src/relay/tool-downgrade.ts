/** Takes tools out of a request for a model that cannot use them, without losing what was said with them. */
import type { ChatRequest, Message, Part, TextPart, Tool } from "../plugin/index.ts";

/** What a model without tools would stumble over, by the name of its field: tools on offer, or their use further up. */
export function toolsIn({ tools, messages }: ChatRequest): string | undefined {
  if (tools.length > 0) return "tools";
  return messages.some(usesTools) ? "tool_calls" : undefined;
}

function usesTools({ parts }: Message): boolean {
  return parts.some(({ type }) => type === "tool-call" || type === "tool-result");
}

/** `isDescribed`: the model is told in words what it could ask for. */
export function withoutTools(request: ChatRequest, isDescribed: boolean): ChatRequest {
  const { toolChoice: _choice, parallelToolCalls: _parallel, ...rest } = request;
  const described = isDescribed ? describe(request.tools) : [];
  return {
    ...rest,
    system: [...described, ...request.system],
    tools: [],
    messages: request.messages.map(withoutCalls),
  };
}

/** Calls and results of earlier turns become words: models without tools know no such parts. */
function withoutCalls(message: Message): Message {
  if (!usesTools(message)) return message;
  return { role: message.role, parts: message.parts.flatMap(inWords) };
}

function inWords(part: Part): Part[] {
  if (part.type === "tool-call") return [text(`[called ${part.name} with ${part.inputJson}]`)];
  if (part.type !== "tool-result") return [part];
  const name = part.name === undefined ? "" : ` of ${part.name}`;
  const said = part.parts.map((inner) => (inner.type === "text" ? inner.text : "")).join("");
  const media = part.parts.filter(({ type }) => type === "media");
  return [text(`[${part.isError ? "error" : "result"}${name}: ${said}]`), ...media];
}

function describe(tools: readonly Tool[]): TextPart[] {
  const functions = tools.filter(({ kind }) => kind !== "provider");
  if (functions.length === 0) return [];
  const lines = functions.map(
    ({ name, description = "", schema = {} }) =>
      `- ${name}: ${description} Input (JSON Schema): ${JSON.stringify(schema)}`,
  );
  return [
    text(
      "These tools exist. To use one, answer with nothing but a JSON object of the form " +
        `{"tool": "<name>", "input": {...}}; its result will follow as the next message.\n${lines.join("\n")}`,
    ),
  ];
}

function text(value: string): TextPart {
  return { type: "text", text: value };
}
