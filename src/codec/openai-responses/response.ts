/** Reads whole Responses answers, item by item. */
import type { ChatResponse, JsonObject, MediaPart, Part, PartTail, TextPart } from "../../contract/chat.ts";
import type { RelayError } from "../../contract/errors.ts";
import { arrayOr, compact, isEmpty, isObject, numberOf, objectOr, restOf, textOf } from "../shared/json.ts";
import { readLogprobs } from "../shared/logprobs.ts";
import { sniffMediaType } from "../shared/media.ts";
import { servedBy } from "../shared/service-tier.ts";
import { readToolInput } from "../shared/tool-input.ts";
import { classifyError, malformed, readErrorFacts } from "../shared/upstream-error.ts";
import { fieldsOf, mergeVendor, vendorOf, withVendor } from "../shared/vendor.ts";
import { readAnnotations } from "./content.ts";
import { readHosted } from "./hosted.ts";
import { readReasoning } from "./reasoning.ts";
import { readCall } from "./tools.ts";
import { readUsage } from "./usage.ts";
import { RESPONSES, readFinish } from "./wire.ts";

/** Names of fields that the relay writes itself into every answer; everything beside them is kept as the upstream's. */
export const BODY_FIELDS: ReadonlySet<string> = new Set([
  "id",
  "object",
  "created_at",
  "completed_at",
  "status",
  "background",
  "error",
  "incomplete_details",
  "instructions",
  "max_output_tokens",
  "max_tool_calls",
  "model",
  "output",
  "output_text",
  "parallel_tool_calls",
  "previous_response_id",
  "prompt_cache_key",
  "reasoning",
  "safety_identifier",
  "store",
  "temperature",
  "text",
  "tool_choice",
  "tools",
  "top_p",
  "truncation",
  "usage",
  "user",
  "metadata",
]);

/** The error of a body that carries one, whatever its HTTP status; `undefined` for an answer. */
export function disguisedError(body: JsonObject): RelayError | undefined {
  const { error, status } = body;
  if (isObject(error) || textOf(error) !== undefined) return classifyError(readErrorFacts({ error }));
  if (status === "failed") return classifyError(readErrorFacts({}));
  return body["object"] === "error" ? classifyError(readErrorFacts(body)) : undefined;
}

/** What is known of a text only when it is complete: its sources, and what else the upstream said of it. */
export function textTail(part: JsonObject): PartTail {
  const raw = arrayOr(part["annotations"]);
  const logprobs = arrayOr(part["logprobs"]);
  const read = readLogprobs(part["logprobs"], RESPONSES);
  const annotations = readAnnotations(raw);
  const vendor = vendorOf(RESPONSES, {
    ...(raw.length === 0 ? {} : { annotations: raw }),
    ...(logprobs.length === 0 ? {} : { logprobs }),
  });
  return compact<PartTail>({ annotations: annotations.length === 0 ? undefined : annotations, logprobs: read, vendor });
}

/** Marks the last text of a message, behind which the next message begins. */
export function messageEnd(item: JsonObject): PartTail {
  const phase = textOf(item["phase"]);
  return withVendor(RESPONSES, phase === undefined ? {} : { phase }, { end: true });
}

/** One content part of a message; none for an empty text or what has no name here. */
export function readContentPart(part: JsonObject): (TextPart | Extract<Part, { type: "refusal" }>)[] {
  const text = textOf(part["text"]);
  switch (part["type"]) {
    case "output_text":
    case "text":
      return text === undefined ? [] : [{ type: "text", text, ...textTail(part) }];
    case "refusal": {
      const refusal = textOf(part["refusal"]);
      return refusal === undefined ? [] : [{ type: "refusal", text: refusal }];
    }
    default:
      return [];
  }
}

const IMAGE_FIELDS = new Set(["type", "id", "status", "result"]);

/** A picture the model made; `undefined` while there is none. */
export function readImage(item: JsonObject): MediaPart | undefined {
  const data = textOf(item["result"]);
  if (data === undefined) return undefined;
  const format = textOf(item["output_format"]);
  return {
    type: "media",
    kind: "image",
    source: { type: "base64", data },
    mediaType: format === undefined ? (sniffMediaType(data) ?? "image/png") : `image/${format}`,
    ...withVendor(RESPONSES, restOf(item, IMAGE_FIELDS)),
  };
}

/** One item of the output as parts. Items without a name in the house are carried whole. */
export function readItem(item: JsonObject): Part[] {
  switch (item["type"]) {
    case "message": {
      const parts: Part[] = arrayOr(item["content"]).filter(isObject).flatMap(readContentPart);
      const last = parts.at(-1);
      if (last === undefined) return [];
      const vendor = mergeVendor(last.vendor, messageEnd(item).vendor);
      return [...parts.slice(0, -1), vendor === undefined ? last : { ...last, vendor }];
    }
    case "reasoning":
      return readReasoning(item);
    case "function_call": {
      const call = readCall(item, true);
      if (call.name === "") throw malformed("The upstream called a tool without naming it.");
      return [{ ...call, inputJson: readToolInput(call.inputJson) }];
    }
    case "custom_tool_call": {
      const call = readCall(item, true);
      if (call.name === "") throw malformed("The upstream called a tool without naming it.");
      return [call];
    }
    case "image_generation_call":
      return [readImage(item) ?? { type: "opaque", codecId: RESPONSES, value: item }];
    default:
      return [readHosted(item) ?? { type: "opaque", codecId: RESPONSES, value: item }];
  }
}

/** What the upstream said beside its output. */
export function answerExtras(body: JsonObject): ChatResponse["vendor"] {
  const { usage } = body;
  return vendorOf(RESPONSES, { ...restOf(body, BODY_FIELDS), ...(isObject(usage) ? { usage } : {}) });
}

/** The upstream's own extras of an answer. */
export function ownExtras(vendor: ChatResponse["vendor"]): { body: JsonObject; usage: JsonObject } {
  const { usage, ...body } = fieldsOf(vendor, RESPONSES);
  return { body, usage: objectOr(usage) };
}

export function decodeResponse(body: JsonObject): ChatResponse {
  const error = disguisedError(body);
  if (error !== undefined) throw error;
  if (!Array.isArray(body["output"])) throw malformed("The upstream's answer holds no output.");
  const parts = body["output"].filter(isObject).flatMap(readItem);
  const vendor = answerExtras(body);
  return compact<ChatResponse>({
    id: textOf(body["id"]) ?? "",
    model: textOf(body["model"]) ?? "",
    createdAt: numberOf(body["created_at"]),
    parts,
    finish: readFinish(body, {
      calls: parts.some((part) => part.type === "tool-call"),
      refusal: parts.some((part) => part.type === "refusal"),
    }),
    usage: readUsage(body["usage"]) ?? {},
    ...servedBy(body["service_tier"]),
    vendor: vendor === undefined || isEmpty(vendor) ? undefined : vendor,
  });
}
