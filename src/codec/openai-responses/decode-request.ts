/** Reads a Responses request as OpenAI would, refusing what OpenAI refuses. */
import type { ChatRequest, JsonObject } from "../../contract/chat.ts";
import type { RequestHints } from "../../contract/codec.ts";
import { badRequest, fieldReader } from "../shared/check.ts";
import { compact, objectOr, pick, restOf, textOf } from "../shared/json.ts";
import { checkOpenaiRanges } from "../shared/openai-ranges.ts";
import { PROMPT_CACHE_FIELDS, readPromptCache } from "../shared/prompt-cache.ts";
import { unreadIf, unreadIn, vendorOf, withUnread } from "../shared/vendor.ts";
import { missing } from "./content.ts";
import { readInput } from "./decode-items.ts";
import { isHostedChoice, readFormat, readReasoningSettings, specialIncludes } from "./fields.ts";
import { readToolChoice, readTools } from "./tools.ts";
import { INCLUDE_LOGPROBS, RESPONSES } from "./wire.ts";

/** Remembered as written, for upstreams of the same dialect and for the echo in the answer. */
const FORM_FIELDS = ["instructions", "text", "reasoning", "tool_choice", "include", "stream_options"] as const;

const KNOWN_FIELDS: ReadonlySet<string> = new Set([
  ...FORM_FIELDS,
  "model",
  "input",
  "stream",
  "tools",
  "parallel_tool_calls",
  "max_output_tokens",
  "temperature",
  "top_p",
  "user",
  "safety_identifier",
  "metadata",
  "service_tier",
  "prompt_cache_key",
  "top_logprobs",
  ...PROMPT_CACHE_FIELDS,
]);

/** A conversation may lie at the vendor instead of in the input. */
const INPUT_STANDS_ELSEWHERE = ["previous_response_id", "conversation", "prompt"] as const;

export function decodeRequest(body: JsonObject, hints: RequestHints = {}): ChatRequest {
  const read = fieldReader(
    body,
    (param, expected, got) => `Invalid type for '${param}': expected ${expected}, but got ${got} instead.`,
  );
  checkOpenaiRanges(body);
  const model = read("model", "string") || hints.model;
  if (!model) throw missing("model");
  const { input } = body;
  const isElsewhere = INPUT_STANDS_ELSEWHERE.some((field) => body[field] !== undefined && body[field] !== null);
  if (input === undefined || input === null) {
    if (!isElsewhere) throw missing("input");
  } else if (typeof input !== "string" && !Array.isArray(input)) {
    throw badRequest("Invalid type for 'input': expected a string or an array of items.", "input");
  } else if (input.length === 0 && Array.isArray(input) && !isElsewhere) {
    throw badRequest("Invalid 'input': empty array. Expected an array with minimum length 1.", "input");
  }

  const { system, messages, tools: declared } = readInput(read("instructions", "string"), input);
  const tools = [...readTools(read("tools", "array") ?? [], "tools"), ...declared];
  const choice = body["tool_choice"];
  const toolChoice = readToolChoice(choice, tools);
  const text = read("text", "object");
  const responseFormat = readFormat(text);
  const include = read("include", "array");
  const reasoning = readReasoningSettings(read("reasoning", "object"));
  const special = specialIncludes(include);

  return compact<ChatRequest>({
    model,
    stream: read("stream", "boolean") ?? hints.stream ?? false,
    system,
    messages,
    tools,
    toolChoice,
    parallelToolCalls: read("parallel_tool_calls", "boolean"),
    maxOutputTokens: read("max_output_tokens", "integer"),
    temperature: read("temperature", "number"),
    topP: read("top_p", "number"),
    logprobs: include?.includes(INCLUDE_LOGPROBS) ? true : undefined,
    topLogprobs: read("top_logprobs", "integer"),
    responseFormat,
    verbosity: textOf(text?.["verbosity"]),
    reasoning,
    user: read("user", "string"),
    safetyIdentifier: read("safety_identifier", "string"),
    metadata: read("metadata", "object"),
    serviceTier: read("service_tier", "string"),
    promptCacheKey: read("prompt_cache_key", "string"),
    promptCache: readPromptCache(body),
    includeUsage: true,
    vendor: vendorOf(
      RESPONSES,
      {
        ...restOf(body, KNOWN_FIELDS),
        // What other dialects cannot be told is named as lost there.
        ...(isHostedChoice(choice, toolChoice) && choice !== undefined ? { tool_choice: choice } : {}),
        ...(special.length === 0 ? {} : { include: special }),
      },
      {
        ...pick(body, FORM_FIELDS),
        ...withUnread(
          unreadIn("reasoning", body["reasoning"], ["effort", "summary", "generate_summary"]),
          unreadIn("text", text, ["format", "verbosity"]),
          unreadIf("text.format", text?.["format"], responseFormat),
          unreadIf("reasoning.effort", objectOr(body["reasoning"])["effort"], reasoning?.effort),
        ),
        ...(input === undefined || input === null ? { input: "none" } : {}),
      },
    ),
  });
}
