/** Writes the conversation of a request as chat messages. */
import type {
  JsonObject,
  MediaPart,
  Message,
  Part,
  ReasoningPart,
  TextPart,
  ToolCallPart,
  ToolResultPart,
} from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import { badRequest } from "../shared/check.ts";
import { isMarked, loseMark, withMark, writeBreakpoint } from "../shared/cache-mark.ts";
import { repairConversation } from "../shared/conversation.ts";
import { wrapCustomInput } from "../shared/custom-tools.ts";
import { instructionTexts } from "../shared/instructions.ts";
import { isObject, objectOr, pick, textOf } from "../shared/json.ts";
import { OPENAI_TOOL_NAME_CHARS_MAX, safeToolId, safeToolName, shortToolId } from "../shared/tool-names.ts";
import { pairToolResults } from "../shared/turns.ts";
import { fieldsOf, formOf, loseForeignPart, loseHosted } from "../shared/vendor.ts";
import { readsUrl, writeCache, writeMedia, writeText } from "./content.ts";
import { standInFor, writeReasoning } from "./encode-reasoning.ts";
import { CHAT } from "./wire.ts";

export interface MessageContext {
  readonly target: EncodeTarget;
  readonly lose: EncodeTarget["lose"];
  /** The client wrote chat itself: repeat what it wrote, repair nothing. */
  readonly isNative: boolean;
}

/** Instructions: as the client divided them, else joined into one message, which strict chat templates demand. */
function writeInstructions(system: readonly TextPart[], context: MessageContext): JsonObject[] {
  const { target, isNative } = context;
  const role = target.traits.systemRole;
  if (!isNative) {
    const texts = instructionTexts(system).filter((part) => part.text.trim() !== "");
    if (texts.length === 0) return [];
    const content = texts.map((part) => ({ ...writeText(part), ...markOf(part, context) }));
    const joined = texts.map((part) => part.text).join("\n\n");
    return [{ role: role ?? "system", content: content.some(isMarked) ? content : joined }];
  }
  const groups: TextPart[][] = [];
  for (const part of system) {
    const group = groups.at(-1);
    if (group === undefined || formOf(part.vendor, CHAT)?.["start"] !== undefined) groups.push([part]);
    else group.push(part);
  }
  return groups.map((group) => {
    const start = objectOr(formOf(group[0]?.vendor, CHAT)?.["start"]);
    return {
      ...start,
      role: role ?? textOf(start["role"]) ?? "system",
      content: asContent(group.map(writeText), isList(group[0])),
    };
  });
}

/** Was the content written as a list, where a string would have done? */
function isList(written: { vendor?: Message["vendor"] } | undefined): boolean {
  return formOf(written?.vendor, CHAT)?.["list"] === true;
}

function isEmptyText(message: Message): boolean {
  return formOf(message.vendor, CHAT)?.["empty"] === true;
}

/** One plain text as a string, anything else as parts. */
function asContent(content: readonly JsonObject[], asList: boolean): JsonObject[] | string {
  const [only] = content;
  if (asList) return [...content];
  if (only === undefined) return "";
  return content.length === 1 && isPlainText(only) ? (textOf(only["text"]) ?? "") : [...content];
}

function isPlainText(part: JsonObject): boolean {
  return part["type"] === "text" && Object.keys(part).length === 2;
}

export function writeMessages(
  system: readonly TextPart[],
  messages: readonly Message[],
  context: MessageContext,
): JsonObject[] {
  if (context.target.traits.strictTurns && !context.isNative) return writeStrictly(system, messages, context);
  const ordered = context.isNative ? messages : pairToolResults(messages, (what) => context.lose("messages", what));
  const written = writeInstructions(system, context);
  for (const message of ordered) {
    if (message.role === "system") written.push(...writeSystemMessage(message, context));
    else if (message.role === "assistant") written.push(...writeAssistant(message, context));
    else written.push(...writeUser(message, context));
  }
  return written;
}

function writeStrictly(
  system: readonly TextPart[],
  messages: readonly Message[],
  context: MessageContext,
): JsonObject[] {
  const repaired = repairConversation({ system, messages }, context.lose);
  return [
    ...writeInstructions(repaired.system, context),
    ...repaired.turns.flatMap(({ role, parts }) =>
      role === "assistant"
        ? writeAssistant({ role, parts: [...parts] }, context)
        : writeUser({ role, parts: [...parts] }, context),
    ),
  ];
}

function writeSystemMessage(message: Message, context: MessageContext): JsonObject[] {
  const texts = instructionTexts(message.parts.filter((part) => part.type === "text"));
  if (texts.length < message.parts.length) context.lose("messages", "an instruction held something else than text");
  if (texts.length === 0 && !context.isNative) return [];
  const form = formOf(message.vendor, CHAT);
  const role = context.target.traits.systemRole ?? textOf(form?.["role"]) ?? "system";
  return [
    {
      role,
      content: asContent(
        texts.flatMap((part) => writeUserPart(part, context)),
        isList(message),
      ),
      ...messageExtras(message),
    },
  ];
}

function messageExtras(message: Message): JsonObject {
  const form = formOf(message.vendor, CHAT);
  return {
    ...(message.name === undefined ? {} : { name: message.name }),
    ...fieldsOf(message.vendor, CHAT),
    ...(form === undefined ? {} : pick(form, ["cache_control", "prompt_cache_breakpoint"])),
  };
}

function toolId(id: string, { target, isNative }: MessageContext): string {
  if (target.traits.shortToolIds) return shortToolId(id);
  return isNative ? id : safeToolId(id);
}

function writeUser(message: Message, context: MessageContext): JsonObject[] {
  const results = message.parts.filter((part) => part.type === "tool-result");
  const others = message.parts.filter((part) => part.type !== "tool-result");
  const moved: JsonObject[] = [];
  const written = results.map((result) => writeResult(result, moved, context));
  const content = [...moved, ...others.flatMap((part) => writeUserPart(part, context))];
  if (content.length === 0 && (results.length > 0 || !context.isNative)) return written;
  return [...written, { role: "user", content: asContent(content, isList(message)), ...messageExtras(message) }];
}

/** What somebody else than the model says may be marked. */
function writeUserPart(part: Part, context: MessageContext): JsonObject[] {
  const written = writePart(part, context);
  return context.isNative || part.cache === undefined ? written : withMark(written, markOf(part, context));
}

function markOf({ cache }: Pick<Part, "cache">, { target: { traits }, lose }: MessageContext): JsonObject {
  return writeBreakpoint(cache, { traits, lose });
}

function writePart(part: Part, context: MessageContext): JsonObject[] {
  switch (part.type) {
    case "text":
      return part.text === "" && !context.isNative ? [] : [writeText(part)];
    case "refusal":
      return [{ type: "text", text: part.text }];
    case "media": {
      if (context.target.traits.mediaUrls === false && part.source.type === "url") {
        throw badRequest("The upstream chosen for this model takes no media by URL; send the bytes.", "messages");
      }
      if (
        !context.isNative &&
        part.source.type === "url" &&
        !readsUrl(part.source.url, part.kind, context.target.traits)
      ) {
        throw badRequest(
          `The upstream chosen for this model takes no ${part.kind} by URL; send the bytes.`,
          "messages",
        );
      }
      const media = writeMedia(part);
      if (media === undefined)
        throw badRequest(`This kind of ${part.kind} cannot be sent to the upstream.`, "messages");
      return [media];
    }
    case "hosted-call":
      loseHosted(part, context.lose);
      return [];
    case "opaque":
      if (part.codecId === CHAT) return [part.value];
      loseForeignPart(part, context.lose);
      return [];
    default:
      return [];
  }
}

/** A result as its tool message; media that may not stand there go to `moved`, after a line that says whose they are. */
function writeResult(result: ToolResultPart, moved: JsonObject[], context: MessageContext): JsonObject {
  const form = formOf(result.vendor, CHAT);
  const keepsMedia = context.target.traits.toolMedia ?? (context.isNative && form !== undefined);
  const content: JsonObject[] = [];
  const media: MediaPart[] = [];
  for (const part of result.parts) {
    if (part.type === "media" && !keepsMedia) {
      media.push(part);
      continue;
    }
    content.push(...writeUserPart(part, context));
  }
  const id = toolId(result.id, context);
  for (const part of media) {
    const written = writeUserPart(part, context);
    const isText = written.length === 1 && written[0]?.["type"] === "text";
    if (isText) content.push(...written);
    else moved.push({ type: "text", text: `Attached by tool call ${id}:` }, ...written);
  }
  if (result.isError) context.lose("is_error", "chat has no mark for a failed tool");
  const mark = context.isNative ? {} : markOf(result, context);
  const extras = { ...fieldsOf(result.vendor, CHAT), ...writeCache(result) };
  const value = resultContent(withMark(content, mark), media.length > 0, context.isNative && isList(result));
  if (form?.["legacy"] === true) return { role: "function", name: result.name ?? "", content: value, ...extras };
  const name = form?.["named"] === true && result.name !== undefined ? { name: result.name } : {};
  return { role: "tool", tool_call_id: id, ...name, content: value, ...extras };
}

/** Chat's tool messages hold text, so several texts become one; a list of the client's own stays a list. */
function resultContent(content: readonly JsonObject[], hasMoved: boolean, asList: boolean): JsonObject[] | string {
  if (content.length === 0 && hasMoved) return "The attachment follows in the next message.";
  const isJoined = content.every((part) => part["type"] === "text" && !isMarked(part));
  if (asList || !isJoined) return asContent(content, asList);
  return content.map((part) => textOf(part["text"]) ?? "").join("\n");
}

function writeAssistant(message: Message, context: MessageContext): JsonObject[] {
  const { isNative } = context;
  const reasoning: ReasoningPart[] = [];
  const content: JsonObject[] = [];
  const calls: ToolCallPart[] = [];
  let refusal: string | undefined;
  for (const part of message.parts) {
    if (part.type === "reasoning") {
      const original = formOf(part.vendor, CHAT)?.["part"];
      if (isNative && isObject(original)) content.push(original);
      else reasoning.push(part);
    } else if (part.type === "tool-call") calls.push(part);
    else if (part.type === "refusal" && isNative) refusal = (refusal ?? "") + part.text;
    else if (part.type === "media" && !isNative) context.lose("messages", "an answer cannot hold media");
    else {
      if (!isNative) loseMark(part.cache, context.lose);
      content.push(...writePart(part, context));
    }
  }
  const reasoned = { ...standInFor(calls, context), ...writeReasoning(reasoning, context) };
  const toolCalls = calls.filter((call) => formOf(call.vendor, CHAT)?.["legacy"] !== true);
  const legacy = calls.find((call) => formOf(call.vendor, CHAT)?.["legacy"] === true);
  const isSaidOtherwise = calls.length > 0 || refusal !== undefined;
  const isSilent = content.length === 0 && !isSaidOtherwise;
  if (isSilent && !isNative && Object.keys(reasoned).length === 0) return [];
  return [
    {
      role: "assistant",
      content: isList(message) ? content : assistantContent(content, isSaidOtherwise && !isEmptyText(message)),
      ...reasoned,
      ...(refusal === undefined ? {} : { refusal }),
      ...(toolCalls.length === 0 ? {} : { tool_calls: toolCalls.map((call) => writeToolCall(call, context)) }),
      ...(legacy === undefined ? {} : { function_call: { name: legacy.name, arguments: legacy.inputJson } }),
      ...messageExtras(message),
    },
  ];
}

/** Texts are joined without a separator: another byte between them would miss the upstream's prefix cache. */
function assistantContent(content: readonly JsonObject[], mayBeNull: boolean): JsonObject[] | string | null {
  if (content.length === 0) return mayBeNull ? null : "";
  return content.every(isPlainText) ? content.map((part) => textOf(part["text"]) ?? "").join("") : [...content];
}

function writeToolCall(call: ToolCallPart, context: MessageContext): JsonObject {
  if (!context.isNative) loseMark(call.cache, context.lose);
  const extras = { ...fieldsOf(call.vendor, CHAT), ...writeCache(call) };
  const id = toolId(call.id, context);
  if (call.custom && context.isNative) {
    return { id, type: "custom", custom: { name: call.name, input: call.inputJson }, ...extras };
  }
  const name = context.isNative ? call.name : safeToolName(call.name, OPENAI_TOOL_NAME_CHARS_MAX);
  const input = call.custom ? wrapCustomInput(call.inputJson) : call.inputJson;
  return { id, type: "function", function: { name, arguments: input }, ...extras };
}
