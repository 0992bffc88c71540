/** Log probabilities beside a choice: those of its words belong to them, others stay where the upstream put them. */
import type { Json, JsonObject, TokenLogprob } from "../../contract/chat.ts";
import { arrayOr, isObject, textOf } from "../shared/json.ts";
import { readLogprobs, writeLogprobs } from "../shared/logprobs.ts";
import { plainReasoning } from "./reasoning.ts";
import { CHAT } from "./wire.ts";

export interface SplitLogprobs {
  readonly content: TokenLogprob[] | undefined;
  readonly refusal: TokenLogprob[] | undefined;
  /** What is kept for this dialect alone: other lists (of thoughts, say), other forms. */
  readonly rest: JsonObject;
}

/** @param areWords the tokens are of the answer's words, not of thoughts or calls, which some servers list as well */
export function splitLogprobs(logprobs: JsonObject, areWords: boolean): SplitLogprobs {
  const content = areWords ? readAll(logprobs["content"]) : undefined;
  const refusal = readAll(logprobs["refusal"]);
  const rest = { ...logprobs };
  if (content !== undefined) rest["content"] = null;
  if (refusal !== undefined) rest["refusal"] = null;
  return { content, refusal, rest };
}

/** A list in which something cannot be read stays as it is: clients of this dialect may know what it means. */
function readAll(list: Json | undefined): TokenLogprob[] | undefined {
  const read = readLogprobs(list, CHAT);
  return read?.length === arrayOr(list).length ? read : undefined;
}

/** Does this piece of a message hold nothing but words, or nothing at all? */
export function saysOnlyWords(message: JsonObject): boolean {
  const hasWords = textOf(message["content"]) !== undefined || arrayOr(message["content"]).length > 0;
  const hasCalls = arrayOr(message["tool_calls"]).length > 0 || isObject(message["function_call"]);
  return hasWords || !(hasCalls || plainReasoning(message) !== undefined);
}

/** A choice's `logprobs`, as far as there are any; else what the upstream said. */
export function choiceLogprobs(
  own: JsonObject | undefined,
  content: readonly TokenLogprob[],
  refusal: readonly TokenLogprob[],
): JsonObject | null {
  if (content.length === 0 && refusal.length === 0) return own ?? null;
  return {
    ...(own ?? { content: null, refusal: null }),
    ...(content.length === 0 ? {} : { content: [...arrayOr(own?.["content"]), ...writeLogprobs(content, CHAT)] }),
    ...(refusal.length === 0 ? {} : { refusal: writeLogprobs(refusal, CHAT) }),
  };
}
