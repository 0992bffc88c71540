/** The response object around an answer's output: every field clients demand, and the settings of the request again. */
import type { ChatRequest, Json, JsonObject } from "../../contract/chat.ts";
import { compact, isObject, objectOr } from "../shared/json.ts";
import { fieldsOf, formOf } from "../shared/vendor.ts";
import { writeFormat, writeReasoningSettings } from "./fields.ts";
import { withoutSecrets } from "./hosted-tools.ts";
import { isAdditional, isWritable, writeForeignTool, writeOwnTools, writeToolChoice } from "./tools.ts";
import { RESPONSES } from "./wire.ts";

/**
 * An answer that has just begun: `in_progress`, without output. What the vendor would fill in with its defaults is
 * null where the relay cannot know them. The tier is the one asked for, until it is known which one served. Nothing is
 * stored here, whatever was asked for.
 */
export function responseObject(request: ChatRequest, id: string, createdAt: number, model: string): JsonObject {
  const form = formOf(request.vendor, RESPONSES);
  const fields = fieldsOf(request.vendor, RESPONSES);
  return {
    id,
    object: "response",
    created_at: createdAt,
    status: "in_progress",
    background: false,
    error: null,
    incomplete_details: null,
    instructions: form?.["instructions"] ?? null,
    max_output_tokens: request.maxOutputTokens ?? null,
    max_tool_calls: fields["max_tool_calls"] ?? null,
    model,
    output: [],
    parallel_tool_calls: request.parallelToolCalls ?? true,
    previous_response_id: fields["previous_response_id"] ?? null,
    prompt_cache_key: request.promptCacheKey ?? null,
    reasoning: echoReasoning(request, form),
    safety_identifier: request.safetyIdentifier ?? null,
    service_tier: request.serviceTier ?? "auto",
    store: false,
    temperature: request.temperature ?? null,
    text: echoText(request, form),
    tool_choice: echoChoice(request, form),
    tools: echoTools(request, form),
    ...(request.topLogprobs === undefined ? {} : { top_logprobs: request.topLogprobs }),
    top_p: request.topP ?? null,
    truncation: fields["truncation"] ?? "disabled",
    usage: null,
    ...(request.user === undefined ? {} : { user: request.user }),
    metadata: request.metadata ?? {},
  };
}

function echoReasoning(request: ChatRequest, form: JsonObject | undefined): JsonObject {
  const written = form?.["reasoning"];
  const settings = isObject(written) ? written : writeReasoningSettings(request.reasoning);
  return { effort: null, summary: null, ...settings };
}

function echoText({ responseFormat, verbosity }: ChatRequest, form: JsonObject | undefined): JsonObject {
  const written = objectOr(form?.["text"]);
  const format = written["format"] ?? (responseFormat === undefined ? { type: "text" } : writeFormat(responseFormat));
  return compact<JsonObject>({ verbosity, ...written, format });
}

function echoChoice({ toolChoice, tools }: ChatRequest, form: JsonObject | undefined): Json {
  const written = form?.["tool_choice"];
  if (written !== undefined) return written;
  return toolChoice === undefined ? "auto" : writeToolChoice(toolChoice, tools);
}

/** With what the vendor adds to a function that leaves it out. */
function echoTools({ tools }: ChatRequest, form: JsonObject | undefined): JsonObject[] {
  const listed = tools.filter((tool) => isWritable(tool) && !isAdditional(tool));
  const written = form === undefined ? listed.map((tool) => writeForeignTool(tool, () => {})) : writeOwnTools(listed);
  return written
    .map(withoutSecrets)
    .map((tool) =>
      tool["type"] === "function"
        ? { ...tool, parameters: tool["parameters"] ?? {}, strict: tool["strict"] ?? true }
        : tool,
    );
}
