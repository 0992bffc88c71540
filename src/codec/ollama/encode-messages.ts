/** Writes a conversation as Ollama's messages: content is text, images stand beside it. */
import type { JsonObject, MediaPart, Part, ToolCallPart, ToolResultPart } from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import { loseMark } from "../shared/cache-mark.ts";
import { badRequest } from "../shared/check.ts";
import { type Conversation, callNames } from "../shared/conversation.ts";
import { wrapCustomInput } from "../shared/custom-tools.ts";
import { inputObject } from "../shared/input-object.ts";
import { decodeBase64Text, isTextual, mediaTypeOf } from "../shared/media.ts";
import { OPENAI_TOOL_NAME_CHARS_MAX, safeToolName } from "../shared/tool-names.ts";
import { loseForeignPart, loseHosted } from "../shared/vendor.ts";

type Lose = EncodeTarget["lose"];

export function writeMessages({ system, turns }: Conversation, lose: Lose): JsonObject[] {
  const names = callNames(turns);
  const written: JsonObject[] = [];
  for (const { cache } of system) loseMark(cache, lose);
  if (system.length > 0) written.push({ role: "system", content: system.map(({ text }) => text).join("\n\n") });
  for (const { role, parts } of turns) {
    if (role === "assistant") written.push(...writeAssistant(parts, lose));
    else written.push(...writeUser(parts, names, lose));
  }
  return written;
}

function writeAssistant(parts: readonly Part[], lose: Lose): JsonObject[] {
  const said = new Said(lose);
  const calls: ToolCallPart[] = [];
  for (const part of parts) {
    if (part.type === "tool-call") calls.push(part);
    else if (part.type === "media") lose("messages", "only the user can send media");
    else said.add(part);
  }
  if (said.texts.length === 0 && calls.length === 0) return [];
  return [
    {
      role: "assistant",
      content: said.texts.join(""),
      ...(calls.length === 0 ? {} : { tool_calls: calls.map((call) => writeCall(call, lose)) }),
    },
  ];
}

/** Arguments are an object; calls and results meet by their order, and by the tool's name. */
function writeCall(call: ToolCallPart, lose: Lose): JsonObject {
  return {
    function: {
      name: safeToolName(call.name, OPENAI_TOOL_NAME_CHARS_MAX),
      arguments: inputObject(call.custom ? wrapCustomInput(call.inputJson) : call.inputJson, lose),
    },
  };
}

function writeUser(parts: readonly Part[], names: ReadonlyMap<string, string>, lose: Lose): JsonObject[] {
  const said = new Said(lose);
  const results: JsonObject[] = [];
  for (const part of parts) {
    if (part.type === "tool-result") results.push(writeResult(part, part.name ?? names.get(part.id), said, lose));
    else said.add(part);
  }
  return said.isEmpty ? results : [...results, { role: "user", ...said.write() }];
}

/** What a tool returned as text; its images are shown by the user, who alone can show any. */
function writeResult(result: ToolResultPart, name: string | undefined, user: Said, lose: Lose): JsonObject {
  const own = new Said(lose);
  const media = result.parts.filter((part) => part.type === "media");
  for (const part of result.parts) if (part.type !== "media") own.add(part);
  if (media.length > 0) {
    user.texts.push(`Attached by the tool ${name ?? "above"}:`);
    for (const part of media) user.add(part);
  }
  const text = own.texts.join("\n");
  return {
    role: "tool",
    content: result.isError ? `Error: ${text}` : text,
    ...(name === undefined ? {} : { tool_name: safeToolName(name, OPENAI_TOOL_NAME_CHARS_MAX) }),
  };
}

/** Texts and images of one message. */
class Said {
  readonly texts: string[] = [];
  readonly images: string[] = [];

  constructor(private readonly lose: Lose) {}

  get isEmpty(): boolean {
    return this.texts.length === 0 && this.images.length === 0;
  }

  add(part: Part): void {
    loseMark(part.cache, this.lose);
    switch (part.type) {
      case "text":
      case "refusal":
        if (part.text !== "") this.texts.push(part.text);
        break;
      case "reasoning":
        this.lose("reasoning", "earlier reasoning is not sent back to an upstream that may not have made it");
        break;
      case "media":
        this.#media(part);
        break;
      case "hosted-call":
        loseHosted(part, this.lose);
        break;
      case "opaque":
        loseForeignPart(part, this.lose);
    }
  }

  write(): JsonObject {
    const content = this.texts.join("\n\n");
    return this.images.length === 0 ? { content } : { content, images: this.images };
  }

  #media(part: MediaPart): void {
    const { source, kind } = part;
    const mediaType = mediaTypeOf(part);
    if (source.type === "text") {
      this.texts.push(part.filename === undefined ? source.text : `${part.filename}\n\n${source.text}`);
    } else if (source.type === "url") {
      throw badRequest("The upstream chosen for this model takes no media by URL; send the bytes.", "messages");
    } else if (source.type === "file") {
      throw badRequest("A file uploaded to another vendor cannot be used with this model.", "messages");
    } else if (kind === "image" || mediaType?.startsWith("image/") === true) {
      this.images.push(source.data);
    } else if (mediaType !== undefined && isTextual(mediaType)) {
      this.texts.push(decodeBase64Text(source.data));
    } else {
      throw badRequest(`The upstream chosen for this model cannot take ${mediaType ?? kind}.`, "messages");
    }
  }
}
