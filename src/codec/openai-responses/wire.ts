/** The fixed words of OpenAI Responses. */
import type { Finish, FinishReason, JsonObject } from "../../contract/chat.ts";
import { RELAY_SIGNATURE_PREFIX } from "../shared/envelope.ts";
import { objectOr, textOf } from "../shared/json.ts";

/** API: https://platform.openai.com/docs/api-reference/responses */
export const RESPONSES = "openai-responses";

/** Fewest output tokens that may be asked for. */
export const OUTPUT_TOKENS_MIN = 16;

/** Without it a model that keeps its thoughts to itself returns nothing that could be sent back to it. */
export const INCLUDE_ENCRYPTED = "reasoning.encrypted_content";

/** Without it the tokens of the answer's words come without how likely they were. */
export const INCLUDE_LOGPROBS = "message.output_text.logprobs";

/** How ids of items begin; the vendor refuses items whose id begins otherwise. */
export const ID_PREFIXES = {
  message: "msg_",
  reasoning: "rs_",
  function_call: "fc_",
  custom_tool_call: "ctc_",
  image_generation_call: "ig_",
  // Marked, so that another vendor's call never travels to OpenAI as if it were from there.
  web_search_call: `ws_${RELAY_SIGNATURE_PREFIX}`,
  code_interpreter_call: `ci_${RELAY_SIGNATURE_PREFIX}`,
  mcp_call: `mcp_${RELAY_SIGNATURE_PREFIX}`,
  other: "item_",
} as const;

/** `incomplete_details.reason` and what it means. */
const INCOMPLETE: { readonly [word: string]: FinishReason } = {
  max_output_tokens: "length",
  max_tokens: "length",
  length: "length",
  content_filter: "content-filter",
};

/** Statuses of an answer that is not (or not any more) being made. */
const UNFINISHED: ReadonlySet<string> = new Set(["in_progress", "queued", "cancelled"]);

/**
 * Why an answer ended, from its `status` and `incomplete_details`. An unknown status counts as complete, since
 * compatible servers spell it differently.
 */
export function readFinish(response: JsonObject, said: { calls: boolean; refusal: boolean }): Finish {
  const status = textOf(response["status"]);
  if (status === "incomplete") {
    const raw = textOf(objectOr(response["incomplete_details"])["reason"]) ?? status;
    return { reason: (Object.hasOwn(INCOMPLETE, raw) ? INCOMPLETE[raw] : undefined) ?? "other", raw };
  }
  const raw = status === undefined ? {} : { raw: status };
  if (status !== undefined && UNFINISHED.has(status)) return { reason: "other", ...raw };
  if (said.calls) return { reason: "tool-calls", ...raw };
  return { reason: said.refusal ? "refusal" : "stop", ...raw };
}

export interface Ending {
  readonly status: "completed" | "incomplete" | "failed";
  readonly incomplete_details: { reason: "max_output_tokens" | "content_filter" } | null;
}

const COMPLETED: Ending = { status: "completed", incomplete_details: null };
const CUT: Ending = { status: "incomplete", incomplete_details: { reason: "max_output_tokens" } };
const FILTERED: Ending = { status: "incomplete", incomplete_details: { reason: "content_filter" } };

/** A refusal that was put in words is a complete answer; one without words must not look like an empty success. */
export function writeFinish({ reason }: Finish, hasRefusalText: boolean): Ending {
  switch (reason) {
    case "length":
    case "context":
      return CUT;
    case "content-filter":
      return FILTERED;
    case "refusal":
      return hasRefusalText ? COMPLETED : FILTERED;
    case "pause":
      return { status: "incomplete", incomplete_details: null };
    case "error":
      return { status: "failed", incomplete_details: null };
    default:
      return COMPLETED;
  }
}
