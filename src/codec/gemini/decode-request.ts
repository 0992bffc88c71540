/** Reads a generateContent request as Gemini would, refusing what Gemini refuses. */
import type { ChatRequest, Json, JsonObject, Message, Part, ReasoningPart, TextPart } from "../../contract/chat.ts";
import type { RequestHints } from "../../contract/codec.ts";
import { badRequest } from "../shared/check.ts";
import { compact, isEmpty, isObject, objectOr, pick, restOf, textOf } from "../shared/json.ts";
import { readServedTier } from "../shared/service-tier.ts";
import { sha256Hex } from "../shared/tool-names.ts";
import { formOf, unreadIn, vendorOf, withUnread, withVendor } from "../shared/vendor.ts";
import { readPart } from "./content.ts";
import { complain, configExtras, readConfig, readToolChoice, readTools } from "./fields.ts";
import { readExecution } from "./hosted.ts";
import { asList, camelFields, GEMINI } from "./wire.ts";

const KNOWN_FIELDS: ReadonlySet<string> = new Set([
  "model",
  "contents",
  "systemInstruction",
  "tools",
  "toolConfig",
  "generationConfig",
  "serviceTier",
]);

const THINKING_FIELDS = ["includeThoughts", "thinkingBudget", "thinkingLevel"].flatMap((name) => [
  name,
  name.replace(/[A-Z]/, (letter) => `_${letter.toLowerCase()}`),
]);

/** Model and stream stand in the URL. */
export function decodeRequest(body: JsonObject, hints: RequestHints = {}): ChatRequest {
  const fields = camelFields(body);
  const model = (hints.model ?? textOf(fields["model"]))?.replace(/^models\//, "");
  if (!model) throw badRequest("The request names no model.", "model");
  const contents = asList(fields["contents"]);
  if (contents.length === 0) throw badRequest("contents is not specified.", "contents");
  const config = camelFields(objectOr(fields["generationConfig"]));
  const toolConfig = camelFields(objectOr(fields["toolConfig"]));
  const extras = configExtras(config);
  const { functionCallingConfig: calling, ...otherToolConfig } = toolConfig;
  const instruction = readInstruction(fields["systemInstruction"]);

  return compact<ChatRequest>({
    model,
    stream: hints.stream ?? false,
    system: instruction.texts,
    messages: readContents(contents),
    tools: readTools(fields["tools"]),
    toolChoice: readToolChoice(calling),
    ...readConfig(config),
    serviceTier: readServedTier(fields["serviceTier"]),
    includeUsage: true,
    vendor: vendorOf(
      GEMINI,
      {
        ...restOf(fields, KNOWN_FIELDS),
        ...extras.fields,
        ...(isEmpty(otherToolConfig) ? {} : { toolConfig: otherToolConfig }),
      },
      {
        ...extras.form,
        ...withUnread(unreadIn("thinkingConfig", config["thinkingConfig"], THINKING_FIELDS)),
        ...pick(fields, ["serviceTier"]),
        ...instruction.form,
        ...(isObject(fields["generationConfig"]) ? { configFields: Object.keys(extras.fields) } : {}),
        ...(isObject(calling) ? { functionCallingConfig: calling } : {}),
      },
    ),
  });
}

/** A content, a bare text, or a list of parts. Gemini reads the texts as one, so that is what they are elsewhere. */
function readInstruction(value: Json | undefined): { texts: TextPart[]; form: JsonObject } {
  if (value === undefined || value === null) return { texts: [], form: {} };
  if (typeof value === "string") return { texts: value === "" ? [] : [{ type: "text", text: value }], form: {} };
  const content = Array.isArray(value) ? { parts: value } : value;
  if (!isObject(content)) throw badRequest(complain("systemInstruction", "object"), "systemInstruction");
  const parts = asList(content["parts"] ?? (typeof content["text"] === "string" ? content : undefined));
  const text = textOfParts(parts);
  const written = { ...(content["role"] === undefined ? {} : pick(content, ["role"])), parts };
  return { texts: text === "" ? [] : [{ type: "text", text }], form: { systemInstruction: written } };
}

/** The words of an instruction's parts as one text. */
export function textOfParts(parts: Json | undefined): string {
  return asList(parts)
    .map((part) => (typeof part === "string" ? part : (textOf(objectOr(part)["text"]) ?? "")))
    .join("");
}

function readParts(value: Json | undefined, param: string, idOf: (part: JsonObject, index: number) => string): Part[] {
  const parts: Part[] = [];
  const values = asList(value);
  for (let index = 0; index < values.length; index += 1) {
    const part = values[index]!;
    const place = `${param}.parts[${index}]`;
    const next = values[index + 1];
    if (typeof part === "string") parts.push({ type: "text", text: part });
    else if (!isObject(part)) throw badRequest(complain(place, "object"), place);
    else {
      const execution = readExecution(part, isObject(next) ? next : undefined);
      parts.push(execution ?? readPart(part, idOf(camelFields(part), index)));
      if (execution !== undefined) index += 1;
    }
  }
  return parts;
}

const ROLES: { readonly [role: string]: Message["role"] } = {
  user: "user",
  function: "user",
  model: "assistant",
  assistant: "assistant",
  system: "system",
};

const CONTENT_FIELDS = new Set(["role", "parts"]);

function readContents(contents: readonly Json[]): Message[] {
  const calls = new OpenCalls();
  return contents.map((value, index) => {
    const param = `contents[${index}]`;
    const content: Json = typeof value === "string" ? { parts: [{ text: value }] } : value;
    if (!isObject(content)) throw badRequest(complain(param, "object"), param);
    const written = content["role"];
    const name = textOf(written) ?? "user";
    const role = Object.hasOwn(ROLES, name) ? ROLES[name] : undefined;
    if (role === undefined) throw badRequest("Please use a valid role: user, model.", `${param}.role`);
    calls.beginContent(index, role);
    const parts = joinThoughts(readParts(content["parts"], param, (part, position) => calls.idOf(part, position)));
    const rest = restOf(camelFields(content), CONTENT_FIELDS);
    // How the role was written, where that is not what we would write.
    const usual = role === "assistant" ? "model" : "user";
    return { role, parts, ...withVendor(GEMINI, rest, written === usual ? undefined : { role: written ?? null }) };
  });
}

interface OpenCall {
  readonly id: string;
  readonly name: string | undefined;
  readonly turn: number;
}

/**
 * Gives calls without an id one that depends on nothing but their place, and finds for each response the call it
 * answers: by id, else the first open call of that name in the turn before, else the first open one there.
 */
class OpenCalls {
  #open: OpenCall[] = [];
  #contentIndex = 0;
  #turn = 0;
  #role: Message["role"] = "user";

  beginContent(index: number, role: Message["role"]): void {
    this.#contentIndex = index;
    if (role === "assistant" && this.#role !== "assistant") this.#turn += 1;
    this.#role = role;
  }

  idOf(part: JsonObject, position: number): string {
    const call = part["functionCall"];
    const response = part["functionResponse"];
    if (isObject(call)) return this.#called(textOf(call["id"]), textOf(call["name"]), position);
    if (isObject(response)) return this.#answered(textOf(response["id"]), textOf(response["name"]), position);
    return "";
  }

  #called(given: string | undefined, name: string | undefined, position: number): string {
    const id = given ?? this.#mint(name, position);
    this.#open.push({ id, name, turn: this.#turn });
    return id;
  }

  #answered(given: string | undefined, name: string | undefined, position: number): string {
    const inTurn = this.#open.filter(({ turn }) => turn === this.#turn);
    const call =
      this.#open.find(({ id }) => id === given) ??
      inTurn.find((open) => open.name === name) ??
      inTurn[0] ??
      this.#open.find((open) => open.name === name);
    if (call === undefined) return given ?? this.#mint(name, position);
    this.#open = this.#open.filter((open) => open !== call);
    return call.id;
  }

  #mint(name: string | undefined, position: number): string {
    return `call_${sha256Hex(`${this.#contentIndex}.${position}.${name ?? ""}`).slice(0, 16)}`;
  }
}

/**
 * A stream of ours gives thoughts in pieces and their signature, in a wrapping, behind the last: put together again
 * they are what their maker signed.
 */
function joinThoughts(parts: readonly Part[]): Part[] {
  const joined: Part[] = [];
  for (const part of parts) {
    const isSeal = part.type === "reasoning" && part.text === "" && !part.redacted && isOurs(part);
    if (!isSeal) {
      joined.push(part);
      continue;
    }
    let text = "";
    for (let last = joined.at(-1); last?.type === "reasoning" && isBare(last); last = joined.at(-1)) {
      text = last.text + text;
      joined.pop();
    }
    joined.push({ ...part, text });
  }
  return joined;
}

function isOurs(part: Part): boolean {
  return formOf(part.vendor, GEMINI)?.["ours"] === true;
}

function isBare(part: ReasoningPart): boolean {
  return part.signature === undefined && !isOurs(part);
}
