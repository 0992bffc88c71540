/** Whole chat answers, both ways. */
import type {
  Alternative,
  Annotation,
  ChatResponse,
  Finish,
  Json,
  JsonObject,
  Part,
  ReasoningPart,
  ToolCallPart,
} from "../../contract/chat.ts";
import type { AnswerContext } from "../../contract/codec.ts";
import { createCallWriter } from "../shared/answer-calls.ts";
import { arrayOr, compact, isObject, numberOf, objectOr, restOf, textOf } from "../shared/json.ts";
import { sourceOfUrl, toDataUrl } from "../shared/media.ts";
import { servedBy } from "../shared/service-tier.ts";
import { inputJsonOf, readToolInput } from "../shared/tool-input.ts";
import { brokenOff, classifyError, malformed, readErrorFacts } from "../shared/upstream-error.ts";
import { readChatUsage, writeChatUsage } from "../shared/usage.ts";
import { fieldsOf, vendorOf, withVendor } from "../shared/vendor.ts";
import { readContent } from "./content.ts";
import { isLegacy } from "./fields.ts";
import { choiceLogprobs, splitLogprobs } from "./logprobs.ts";
import { needsDetail, partToDetail, plainReasoning, readReasoning, reasoningText } from "./reasoning.ts";
import { CHAT, readFinishReason, writeFinishReason } from "./wire.ts";
import { citationFields, readCitations } from "../shared/openai-citations.ts";

/** Names of the answer's own fields; everything beside them is kept as the upstream's. */
export const BODY_FIELDS: ReadonlySet<string> = new Set([
  "id",
  "object",
  "created",
  "model",
  "choices",
  "usage",
  "error",
  "obfuscation",
]);
const CHOICE_FIELDS = new Set(["index", "message", "delta", "finish_reason"]);
export const MESSAGE_FIELDS: ReadonlySet<string> = new Set([
  "role",
  "content",
  "refusal",
  "reasoning_content",
  "reasoning",
  "reasoning_details",
  "tool_calls",
  "function_call",
  "annotations",
  "images",
]);

/** What a choice says beside its message: `logprobs`, filter results, the vendor's own finish word. */
export function choiceExtras(choice: JsonObject): JsonObject {
  return restOf(choice, CHOICE_FIELDS);
}

/** Is there a word, a thought or a call in this choice of a stream? */
export function saysSomething({ delta }: JsonObject): boolean {
  if (!isObject(delta)) return false;
  const { content, tool_calls: calls } = delta;
  const hasContent = textOf(content) !== undefined || arrayOr(content).length > 0;
  return hasContent || arrayOr(calls).length > 0 || plainReasoning(delta) !== undefined;
}

/** The error of a body that carries one, whatever its status; `undefined` for an answer. */
export function disguisedError(body: JsonObject) {
  const hasError = isObject(body["error"]) || textOf(body["error"]) !== undefined || body["object"] === "error";
  return hasError ? classifyError(readErrorFacts(body)) : undefined;
}

export function usageOf(body: JsonObject) {
  return readChatUsage(body["usage"]) ?? readChatUsage(objectOr(body["x_groq"])["usage"]);
}

export function readAnnotations(value: Json | undefined): Annotation[] {
  return readCitations(value, (entry) => objectOr(objectOr(entry)["url_citation"]));
}

/** Each to the text it is about, with its place in that; places are told in the content as a whole. */
function placeAnnotations(annotations: readonly Annotation[], parts: readonly Part[]): void {
  const texts = parts.filter((part) => part.type === "text");
  for (const annotation of annotations) {
    let start = 0;
    let meant = texts.at(-1);
    for (const text of texts) {
      meant = text;
      if (text === texts.at(-1) || (annotation.startIndex ?? Number.POSITIVE_INFINITY) < start + text.text.length)
        break;
      start += text.text.length;
    }
    if (meant !== undefined) meant.annotations = [...(meant.annotations ?? []), placedIn(annotation, start)];
  }
}

/** @param start where in the content the text begins that the annotation is given to */
export function placedIn(annotation: Annotation, start: number): Annotation {
  const { startIndex, endIndex, ...rest } = annotation;
  // What lies before that text is no place in it.
  if (startIndex === undefined || endIndex === undefined || startIndex < start) return start === 0 ? annotation : rest;
  return { ...rest, startIndex: startIndex - start, endIndex: endIndex - start };
}

/** @param start in the content, where the text of `chars` begins that the annotation is about */
export function writeAnnotation(annotation: Annotation, start: number, chars: number): JsonObject {
  return { type: "url_citation", url_citation: citationFields(annotation, start, start + chars) };
}

/** Generated pictures stand beside the content (OpenRouter's form). */
export function readImages(value: Json | undefined): Part[] {
  return arrayOr(value).flatMap((entry): Part[] => {
    const image = objectOr(entry)["image_url"];
    const url = textOf(image) ?? textOf(objectOr(image)["url"]);
    return url === undefined ? [] : [{ type: "media", kind: "image", ...sourceOfUrl(url) }];
  });
}

export function readCalls(message: JsonObject): ToolCallPart[] {
  const calls = arrayOr(message["tool_calls"]).filter(isObject);
  const legacy = message["function_call"];
  return [...calls, ...(isObject(legacy) ? [{ function: legacy }] : [])].flatMap((call): ToolCallPart[] => {
    const id = textOf(call["id"]) ?? "";
    if (isObject(call["custom"])) {
      const { name, input } = call["custom"];
      return [{ type: "tool-call", id, name: textOf(name) ?? "", inputJson: textOf(input) ?? "", custom: true }];
    }
    const definition = objectOr(call["function"]);
    const name = textOf(definition["name"]) ?? "";
    const inputJson = readToolInput(inputJsonOf(definition["arguments"]));
    if (name === "" && inputJson === "{}") return []; // a phantom beside the real call (Snowflake)
    if (name === "") throw malformed("The upstream called a tool without naming it.");
    return [{ type: "tool-call", id, name, inputJson, ...callExtras(call) }];
  });
}

/** Gemini's signature of a call, as its compatible endpoint writes it, and the fields that carried it. */
export function callExtras(call: JsonObject): Pick<ToolCallPart, "signature" | "vendor"> {
  const extra = call["extra_content"];
  if (!isObject(extra)) return {};
  const value = textOf(objectOr(extra["google"])["thought_signature"]);
  return {
    ...(value === undefined ? {} : { signature: { origin: "gemini", value } }),
    ...withVendor(CHAT, { extra_content: extra }),
  };
}

/** What a call carries beside its input: the upstream's own fields, Gemini's signature where its endpoint puts it. */
export function writtenCallExtras({ signature, vendor }: Pick<ToolCallPart, "signature" | "vendor">): JsonObject {
  const own = fieldsOf(vendor, CHAT);
  if (signature?.origin !== "gemini" || own["extra_content"] !== undefined) return own;
  return { ...own, extra_content: { google: { thought_signature: signature.value } } };
}

export function decodeResponse(body: JsonObject): ChatResponse {
  const error = disguisedError(body);
  const choices = arrayOr(body["choices"]).filter(isObject);
  if (error !== undefined) throw error;
  const [choice, ...others] = choices.sort((a, b) => (numberOf(a["index"]) ?? 0) - (numberOf(b["index"]) ?? 0));
  if (choice === undefined) throw malformed("The upstream's answer holds no message.");
  const { extras, messageExtras, ...answer } = readChoice(choice);
  // One that says nothing spoils nothing but itself.
  const alternatives = others.filter((other) => isObject(other["message"])).map(alternativeOf);
  return compact<ChatResponse>({
    id: textOf(body["id"]) ?? "",
    model: textOf(body["model"]) ?? "",
    createdAt: numberOf(body["created"]),
    ...answer,
    others: alternatives.length === 0 ? undefined : alternatives,
    usage: usageOf(body) ?? {},
    ...servedBy(body["service_tier"]),
    vendor: vendorOf(CHAT, {
      ...restOf(body, BODY_FIELDS),
      ...(isObject(body["usage"]) ? { usage: body["usage"] } : {}),
      ...(Object.keys(extras).length > 0 ? { choice: extras } : {}),
      ...(Object.keys(messageExtras).length > 0 ? { message: messageExtras } : {}),
      ...(others.length > 0 ? { choices: others } : {}),
    }),
  });
}

function alternativeOf(choice: JsonObject): Alternative {
  const { parts, finish } = readChoice(choice);
  return { parts, finish };
}

/** One answer, and what its choice and its message say beside it. */
function readChoice(choice: JsonObject): Alternative & { extras: JsonObject; messageExtras: JsonObject } {
  const message = choice["message"];
  if (!isObject(message)) throw malformed("The upstream's answer holds no message.");
  const calls = readCalls(message);
  const parts = [...readReasoning(message), ...readContent(message["content"], "content")];
  placeAnnotations(readAnnotations(message["annotations"]), parts);
  const refusal = textOf(message["refusal"]);
  const extras = choiceExtras(choice);
  const { logprobs } = extras;
  const words = parts.find((part) => part.type === "text");
  const given = isObject(logprobs) ? splitLogprobs(logprobs, words !== undefined) : undefined;
  if (given !== undefined) extras["logprobs"] = given.rest;
  if (words !== undefined && given?.content !== undefined) words.logprobs = given.content;
  if (refusal !== undefined) {
    parts.push({ type: "refusal", text: refusal, ...(given?.refusal && { logprobs: given.refusal }) });
  }
  parts.push(...readImages(message["images"]), ...calls);

  const word = textOf(choice["finish_reason"]);
  return {
    parts: parts.filter((part) => part.type !== "text" || part.text !== ""),
    finish: {
      reason: readFinishReason(word, { calls: calls.length > 0, refusal: refusal !== undefined }),
      ...(word === undefined ? {} : { raw: word }),
    },
    extras,
    messageExtras: restOf(message, MESSAGE_FIELDS),
  };
}

/** The upstream's own extras of an answer, sorted into where they stand. */
export function ownExtras(vendor: ChatResponse["vendor"]) {
  const { usage, choice, message, choices, ...body } = fieldsOf(vendor, CHAT);
  return {
    body,
    usage: objectOr(usage),
    choice: objectOr(choice),
    message: objectOr(message),
    choices: arrayOr(choices).filter(isObject),
  };
}

/** Of a stream that was asked for whole there are pieces. */
function isPiece({ delta }: JsonObject): boolean {
  return delta !== undefined;
}

type CallWriter = ReturnType<typeof callWriter>;

export function callWriter(context: AnswerContext) {
  return createCallWriter(context, "call_");
}

export function encodeResponse(response: ChatResponse, context: AnswerContext): JsonObject {
  const failure = brokenOff(response.finish);
  if (failure !== undefined) throw failure;
  const extras = ownExtras(response.vendor);
  const usage = writeChatUsage(response.usage, extras.usage);
  const calls = callWriter(context);
  const first = writeChoice(response, 0, calls, context, extras);
  return {
    id: response.id || `chatcmpl-${context.seed}`,
    object: "chat.completion",
    created: response.createdAt ?? context.createdAt,
    model: response.model || context.request.model,
    choices: [
      first,
      ...otherChoices(
        response.others,
        extras.choices.filter((other) => !isPiece(other)),
        calls,
        context,
      ),
    ],
    ...(usage === undefined ? {} : { usage }),
    ...(response.serviceTier === undefined ? {} : { service_tier: response.serviceTier }),
    ...extras.body,
  };
}

/** @param own as their upstream wrote them, if that was chat */
export function otherChoices(
  others: readonly Alternative[] = [],
  own: readonly JsonObject[],
  calls: CallWriter,
  context: AnswerContext,
): readonly JsonObject[] {
  return own.length > 0 ? own : others.map((other, at) => writeChoice(other, at + 1, calls, context));
}

function writeChoice(
  { parts, finish }: Alternative,
  index: number,
  calls: CallWriter,
  context: AnswerContext,
  { choice, message }: { readonly choice: JsonObject; readonly message: JsonObject } = { choice: {}, message: {} },
): JsonObject {
  return {
    logprobs: null,
    ...choice,
    ...writeLogprobs(parts, choice["logprobs"]),
    index,
    message: { ...message, ...writeMessage(parts, calls, context) },
    finish_reason: finishWord(finish, context),
  };
}

function writeLogprobs(parts: readonly Part[], own: Json | undefined): JsonObject {
  const of = (type: "text" | "refusal") => parts.flatMap((part) => (part.type === type ? (part.logprobs ?? []) : []));
  return { logprobs: choiceLogprobs(isObject(own) ? own : undefined, of("text"), of("refusal")) };
}

function finishWord(finish: Finish, { request }: AnswerContext): string {
  return finish.reason === "tool-calls" && isLegacy(request) ? "function_call" : writeFinishReason(finish);
}

function writeMessage(parts: readonly Part[], calls: CallWriter, context: AnswerContext): JsonObject {
  const texts = parts.filter((part) => part.type === "text");
  const own = parts.filter((part) => part.type === "opaque").filter((part) => part.codecId === CHAT);
  const refusals = parts.filter((part) => part.type === "refusal");
  const toolCalls = parts.filter((part) => part.type === "tool-call").map((call) => writeCall(call, calls));
  const images = parts.flatMap(imageOf);
  let start = 0;
  const annotations = texts.flatMap(({ text: { length }, annotations: sources = [] }) => {
    const written = sources.map((source) => writeAnnotation(source, start, length));
    start += length;
    return written;
  });
  const text = texts.length === 0 ? null : texts.map((part) => part.text).join("");
  const list = (): JsonObject[] =>
    parts.flatMap((part): JsonObject[] => {
      if (part.type === "text") return [{ type: "text", text: part.text }];
      return part.type === "opaque" && part.codecId === CHAT ? [part.value] : [];
    });
  const legacy = isLegacy(context.request) ? toolCalls[0]?.["function"] : undefined;
  return {
    role: "assistant",
    content: own.length > 0 ? list() : text,
    refusal: refusals.map((part) => part.text).join("") || null,
    ...writeReasoning(parts.filter((part) => part.type === "reasoning")),
    ...(annotations.length === 0 ? {} : { annotations }),
    ...(images.length === 0 ? {} : { images }),
    ...(legacy !== undefined ? { function_call: legacy } : toolCalls.length > 0 ? { tool_calls: toolCalls } : {}),
  };
}

function writeReasoning(parts: readonly ReasoningPart[]): JsonObject {
  const text = reasoningText(parts);
  return {
    ...(text === "" ? {} : { reasoning_content: text }),
    ...(parts.some(needsDetail) ? { reasoning_details: parts.map(partToDetail) } : {}),
  };
}

function writeCall(call: ToolCallPart, writer: CallWriter): JsonObject {
  const id = writer.id(call.id);
  const name = writer.name(call.name);
  const extras = writtenCallExtras(call);
  if (writer.isCustom(call)) {
    return { id, type: "custom", custom: { name, input: writer.customInput(call, call.inputJson) }, ...extras };
  }
  return { id, type: "function", function: { name, arguments: call.inputJson }, ...extras };
}

export function imageOf(part: Part): JsonObject[] {
  if (part.type !== "media" || part.kind !== "image") return [];
  const { source } = part;
  if (source.type === "file" || source.type === "text") return [];
  const url = source.type === "url" ? source.url : toDataUrl(part.mediaType, source.data);
  return [{ type: "image_url", image_url: { url } }];
}
