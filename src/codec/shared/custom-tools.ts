/** Freeform ("custom") tools where only function tools exist: wrapped on the way out, unwrapped on the way back. */
import type { JsonObject, Tool } from "../../contract/chat.ts";
import { isObject, parseJson, textOf } from "./json.ts";

/** The one parameter that carries the freeform text. */
const INPUT = "input";

export function customToolSchema(): JsonObject {
  return {
    type: "object",
    properties: { [INPUT]: { type: "string", description: "The complete input of the tool, as plain text." } },
    required: [INPUT],
    additionalProperties: false,
  };
}

export interface Grammar {
  readonly definition: string;
  /** `lark` or `regex`. */
  readonly syntax?: string;
}

/** The grammar of a freeform tool: chat nests it (`format.grammar.definition`), responses do not. */
export function customToolGrammar(tool: Tool): Grammar | undefined {
  for (const fields of Object.values(tool.vendor ?? {})) {
    const format = fields["format"];
    if (!isObject(format)) continue;
    const grammar = isObject(format["grammar"]) ? format["grammar"] : format;
    const definition = textOf(grammar["definition"]);
    if (definition === undefined) continue;
    const syntax = textOf(grammar["syntax"]);
    return { definition, ...(syntax === undefined ? {} : { syntax }) };
  }
  return undefined;
}

/** The tool's description, with the grammar its input must follow: a function tool has no other place for it. */
export function customToolDescription(tool: Tool): string | undefined {
  const grammar = customToolGrammar(tool);
  if (grammar === undefined) return tool.description;
  const { definition, syntax } = grammar;
  const note = `The input must follow this grammar${syntax === undefined ? "" : ` (${syntax})`}:\n${definition}`;
  return tool.description === undefined ? note : `${tool.description}\n\n${note}`;
}

export function wrapCustomInput(text: string): string {
  return JSON.stringify({ [INPUT]: text });
}

/** The freeform text of a wrapped call; a model that forgot the wrapping meant the text itself. */
export function unwrapCustomInput(inputJson: string): string {
  const input = parseJson(inputJson);
  if (!isObject(input)) return typeof input === "string" ? input : inputJson;
  const text = input[INPUT];
  return typeof text === "string" ? text : inputJson;
}

/** Names of the freeform tools of a request. */
export function customToolNames(tools: readonly Tool[]): ReadonlySet<string> {
  return new Set(tools.filter((tool) => tool.kind === "custom").map((tool) => tool.name));
}
