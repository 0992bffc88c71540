/** What may be asked of a translated answer by its id: itself, what it was said to, to be forgotten; no vendor is asked. */
import { sha256Hex } from "../codec/shared/tool-names.ts";
import { type Json, type JsonObject, RelayError } from "../plugin/index.ts";
import type { Call } from "./call.ts";
import { forgetAnswer, type KeptAnswer } from "./kept-answers.ts";
import { answerOwn } from "./whole.ts";

const LIMIT_DEFAULT = 20;
const LIMIT_MAX = 100;
/** The vendor's own ids are about as long. */
const ID_HASH_CHARS = 40;

/** API: https://platform.openai.com/docs/api-reference/responses */
export function useKept(call: Call, id: string, answer: KeptAnswer): Response {
  const { method, path } = call.route;
  if (path.endsWith("/input_items")) return answerOwn(call, inputItems(call, id, answer));
  if (path.endsWith("/cancel")) {
    throw new RelayError("bad-request", "Cannot cancel a response that was not made in the background.");
  }
  if (method === "DELETE") {
    forgetAnswer(call, id, answer);
    return answerOwn(call, { id, object: "response", deleted: true });
  }
  if (new URLSearchParams(call.query).get("stream") === "true") {
    throw new RelayError("bad-request", "Only a response that is made in the background can be streamed again.", {
      param: "stream",
    });
  }
  return answerOwn(call, answer.response);
}

/** The newest first unless asked for otherwise, as the vendor lists them. */
function inputItems(call: Call, id: string, { input }: KeptAnswer): JsonObject {
  const parameters = new URLSearchParams(call.query);
  const items = input.map((item, index) => withId(item as JsonObject, `${id} ${index}`));
  if (parameters.get("order") !== "asc") items.reverse();
  const after = parameters.get("after");
  const from = after === null ? 0 : items.findIndex((item) => item["id"] === after) + 1;
  const limit = limitIn(parameters.get("limit"));
  const data = items.slice(from, from + limit);
  return {
    object: "list",
    data,
    first_id: data[0]?.["id"] ?? null,
    last_id: data.at(-1)?.["id"] ?? null,
    has_more: from + limit < items.length,
  };
}

function limitIn(text: string | null): number {
  if (text === null) return LIMIT_DEFAULT;
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX) {
    throw new RelayError("bad-request", `"limit" must be a whole number from 1 to ${LIMIT_MAX}.`, { param: "limit" });
  }
  return limit;
}

/** As clients expect items: messages have a type and parts, and everything has an id, the same each time. */
function withId(item: JsonObject, seed: string): JsonObject {
  const hash = sha256Hex(seed).slice(0, ID_HASH_CHARS);
  const { type = "message", role, content } = item;
  const prefix = type === "message" ? "msg" : "item";
  const isText = typeof content === "string";
  const kind = role === "assistant" ? "output_text" : "input_text";
  const parts: Json | undefined = isText ? [{ type: kind, text: content }] : content;
  return {
    id: `${prefix}_${hash}`,
    type,
    ...item,
    ...(parts === undefined ? {} : { content: parts }),
  };
}
