/** Writes the conversation of a request as Responses items. */
import type {
  JsonObject,
  MediaPart,
  Message,
  Part,
  TextPart,
  ToolCallPart,
  ToolResultPart,
} from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import { badRequest } from "../shared/check.ts";
import { isMarked, loseMark, withMark, writeBreakpoint } from "../shared/cache-mark.ts";
import { instructionTexts } from "../shared/instructions.ts";
import { isObject, textOf } from "../shared/json.ts";
import { OPENAI_TOOL_NAME_CHARS_MAX, safeToolId, safeToolName } from "../shared/tool-names.ts";
import { pairToolResults } from "../shared/turns.ts";
import { fieldsOf, formOf, loseForeignPart, loseHosted } from "../shared/vendor.ts";
import { writeMedia, writeText } from "./content.ts";
import { itemForVendor } from "./hosted.ts";
import { isInside, writeReasoningItem } from "./reasoning.ts";
import { RESPONSES } from "./wire.ts";

export interface ItemContext {
  readonly target: EncodeTarget;
  readonly lose: EncodeTarget["lose"];
  /** The client wrote responses itself: repeat what it wrote, repair nothing. */
  readonly isNative: boolean;
}

export interface WrittenInput {
  readonly instructions?: string;
  readonly items: JsonObject[];
}

export function writeInput(
  system: readonly TextPart[],
  messages: readonly Message[],
  context: ItemContext,
): WrittenInput {
  const writer = new ItemWriter(context);
  const instructions = writer.instructions(system);
  const ordered = context.isNative ? messages : pairToolResults(messages, (what) => context.lose("messages", what));
  for (const message of ordered) writer.message(message);
  return { items: writer.items, ...(instructions === undefined ? {} : { instructions }) };
}

/** The client's own string, if that is all it sent. */
export function inputString(messages: readonly Message[]): string | undefined {
  const [only] = messages;
  if (only === undefined || messages.length > 1 || formOf(only.vendor, RESPONSES)?.["input"] !== "string") {
    return undefined;
  }
  return only.parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

class ItemWriter {
  readonly items: JsonObject[] = [];
  readonly #context: ItemContext;
  /** Calls of freeform tools, whose outputs are called otherwise. */
  readonly #customIds = new Set<string>();
  /** The content of the assistant's message at hand. */
  #open: JsonObject[] | undefined;

  constructor(context: ItemContext) {
    this.#context = context;
  }

  /** Foreign instructions become one text; those of the client's own stay where it put them. */
  instructions(system: readonly TextPart[]): string | undefined {
    const { isNative, target } = this.#context;
    if (!isNative) {
      const texts = instructionTexts(system).filter((part) => part.text.trim() !== "");
      const content = texts.map((part) => ({ ...writeText(part, "input_text"), ...this.#mark(part) }));
      if (content.some(isMarked)) {
        // The field for instructions is a text, which takes no mark.
        this.items.push({ type: "message", role: target.traits.systemRole ?? "developer", content });
        return undefined;
      }
      return texts.length === 0 ? undefined : texts.map((part) => part.text).join("\n\n");
    }
    let instructions: string | undefined;
    let content: JsonObject[] = [];
    for (const part of system) {
      const form = formOf(part.vendor, RESPONSES);
      if (form?.["instructions"] === true) {
        instructions = part.text;
        continue;
      }
      if (isObject(form?.["start"])) {
        content = [];
        this.items.push({ ...form["start"], content: form["list"] === true ? content : part.text });
      }
      content.push(writeText(part, "input_text"));
    }
    return instructions;
  }

  message(message: Message): void {
    this.#open = undefined;
    if (message.name !== undefined) {
      this.#context.lose("messages[].name", "the upstream's dialect has no names of speakers");
    }
    if (message.role === "assistant") for (const part of message.parts) this.#assistantPart(part);
    else this.#otherMessage(message);
  }

  #assistantPart(part: Part): void {
    if (!this.#context.isNative) loseMark(part.cache, this.#context.lose);
    const start = formOf(part.vendor, RESPONSES)?.["start"];
    if (isObject(start)) this.#openOwnMessage(part, start);
    switch (part.type) {
      case "text":
        if (part.text !== "" || this.#context.isNative) this.#say(writeText(part, "output_text"));
        break;
      case "refusal":
        this.#say({ type: "refusal", refusal: part.text, ...fieldsOf(part.vendor, RESPONSES) });
        break;
      case "tool-call":
        this.#open = undefined;
        this.items.push(this.#call(part));
        break;
      case "reasoning":
        this.#reasoning(part);
        break;
      case "opaque":
        this.#opaque(part);
        break;
      case "hosted-call":
        this.#hosted(part);
        break;
      case "media":
        if (this.#context.isNative) this.#say(this.#media(part));
        else this.#context.lose("messages", "an answer cannot hold media");
    }
  }

  #openOwnMessage(part: Part, start: JsonObject): void {
    const isList = formOf(part.vendor, RESPONSES)?.["list"] === true;
    const text = part.type === "text" ? part.text : "";
    this.#open = [];
    this.items.push({ ...start, content: isList ? this.#open : text });
  }

  #say(content: JsonObject): void {
    if (this.#open === undefined) {
      this.#open = [];
      this.items.push({ type: "message", role: "assistant", content: this.#open });
    }
    this.#open.push(content);
  }

  /** Without an `id`: the vendor makes its own, and the call is known by its `call_id`. */
  #call(call: ToolCallPart): JsonObject {
    const { isNative } = this.#context;
    const form = formOf(call.vendor, RESPONSES);
    const id = isNative ? call.id : safeToolId(call.id);
    const namespace = textOf(form?.["namespace"]);
    const flat = isNative ? call.name : safeToolName(call.name, OPENAI_TOOL_NAME_CHARS_MAX);
    const base = {
      call_id: id,
      ...(namespace === undefined ? {} : { namespace }),
      name: namespace === undefined ? flat : (textOf(form?.["name"]) ?? flat),
      ...fieldsOf(call.vendor, RESPONSES),
    };
    if (call.custom) {
      this.#customIds.add(call.id);
      return { type: "custom_tool_call", ...base, input: call.inputJson };
    }
    return { type: "function_call", ...base, arguments: call.inputJson };
  }

  #reasoning(part: Extract<Part, { type: "reasoning" }>): void {
    if (isInside(part)) return;
    const item = writeReasoningItem(part);
    if (item === undefined) {
      this.#context.lose("reasoning", "the upstream takes only reasoning that models of its own have encrypted");
      return;
    }
    this.#open = undefined;
    this.items.push(item);
  }

  #opaque(part: Extract<Part, { type: "opaque" }>): void {
    if (part.codecId !== RESPONSES) loseForeignPart(part, this.#context.lose);
    else if (formOf(part.vendor, RESPONSES)?.["item"] !== true) this.#say(part.value);
    else {
      this.#open = undefined;
      this.items.push(part.value);
    }
  }

  #hosted(part: Extract<Part, { type: "hosted-call" }>): void {
    const item = itemForVendor(part);
    if (item === undefined) return loseHosted(part, this.#context.lose);
    this.#open = undefined;
    this.items.push(item);
  }

  /** What a user or an instruction says, behind the outputs of tools that stand in the same message. */
  #otherMessage(message: Message): void {
    const { isNative, target } = this.#context;
    const form = formOf(message.vendor, RESPONSES);
    const content: JsonObject[] = [];
    for (const part of message.parts) {
      if (part.type === "tool-result") this.items.push(this.#output(part));
      else if (part.type === "opaque" && formOf(part.vendor, RESPONSES)?.["item"] === true) this.#opaque(part);
      else content.push(...this.#inputPart(part));
    }
    if (isObject(form?.["start"])) {
      const text = message.parts.map((part) => (part.type === "text" ? part.text : "")).join("");
      this.items.push({ ...form["start"], content: form["list"] === true ? content : text });
    } else if (content.length > 0) {
      const role = message.role === "user" ? "user" : (target.traits.systemRole ?? "developer");
      this.items.push({ type: "message", role, content });
    } else if (isNative && form?.["input"] === "string") {
      this.items.push({ type: "message", role: "user", content: "" });
    }
  }

  #inputPart(part: Part): JsonObject[] {
    return withMark(this.#unmarked(part), this.#mark(part));
  }

  #unmarked(part: Part): JsonObject[] {
    switch (part.type) {
      case "text":
        return part.text === "" && !this.#context.isNative ? [] : [writeText(part, "input_text")];
      case "refusal":
        return [{ type: "input_text", text: part.text }];
      case "media":
        return [this.#media(part)];
      case "opaque":
        if (part.codecId === RESPONSES) return [part.value];
        loseForeignPart(part, this.#context.lose);
        return [];
      default:
        return [];
    }
  }

  #media(part: MediaPart): JsonObject {
    if (this.#context.target.traits.mediaUrls === false && part.source.type === "url") {
      throw badRequest("The upstream chosen for this model takes no media by URL; send the bytes.", "input");
    }
    const written = writeMedia(part);
    if (written === undefined) throw badRequest(`This kind of ${part.kind} cannot be sent to the upstream.`, "input");
    return written;
  }

  #output(result: ToolResultPart): JsonObject {
    const { isNative, lose } = this.#context;
    if (result.isError) lose("is_error", "the upstream's dialect has no mark for a failed tool");
    const form = formOf(result.vendor, RESPONSES);
    const parts = result.parts.flatMap((part) => this.#inputPart(part));
    const content = withMark(parts, this.#mark(result));
    const isText = content.every((part) => part["type"] === "input_text" && !isMarked(part));
    const isList = form === undefined ? !isText : form["list"] === true;
    const kind = this.#customIds.has(result.id) ? "custom_tool_call_output" : "function_call_output";
    return {
      type: textOf(form?.["type"]) ?? kind,
      call_id: isNative ? result.id : safeToolId(result.id),
      output: isList ? content : content.map((part) => textOf(part["text"]) ?? "").join(form === undefined ? "\n" : ""),
      ...fieldsOf(result.vendor, RESPONSES),
    };
  }

  /** What somebody else than the model says may be marked. */
  #mark({ cache }: Part): JsonObject {
    const { isNative, target, lose } = this.#context;
    return isNative ? {} : writeBreakpoint(cache, { traits: target.traits, lose });
  }
}
