/** Tools that run at the vendor as Anthropic shows them: one block that calls, and behind it one with what came of it. */
import type { HostedCallPart, HostedWork, Json, JsonObject, WebSource } from "../../contract/chat.ts";
import { RELAY_SIGNATURE_PREFIX } from "../shared/envelope.ts";
import { inputObject } from "../shared/input-object.ts";
import { arrayOr, compact, isObject, numberOf, objectOr, textOf } from "../shared/json.ts";
import { inputJsonOf } from "../shared/tool-input.ts";
import { sha256Hex } from "../shared/tool-names.ts";
import { fieldsOf, formOf, withVendor } from "../shared/vendor.ts";
import { MESSAGES } from "./wire.ts";

/** The block that answers a call, by the called tool. Of an MCP server's tools the name is its own. */
const RESULTS: { readonly [name: string]: string } = {
  web_search: "web_search_tool_result",
  code_execution: "code_execution_tool_result",
  bash_code_execution: "bash_code_execution_tool_result",
};

function resultTypeOf({ type, name }: JsonObject): string | undefined {
  if (type === "mcp_tool_use") return "mcp_tool_result";
  const tool = textOf(name);
  if (type !== "server_tool_use" || tool === undefined) return undefined;
  return Object.hasOwn(RESULTS, tool) ? RESULTS[tool] : undefined;
}

function isResultOf(call: JsonObject, block: JsonObject): boolean {
  return block["type"] === resultTypeOf(call) && block["tool_use_id"] === call["id"];
}

/**
 * Puts calls of an answer together with what came of them. Several may run side by side, their results behind the last
 * of them. What code at the vendor calls stands inside the call of that code, which is then left as it is.
 */
export class HostedPairs {
  #open: JsonObject[] = [];

  /** The next of the answer's blocks; what is known now: calls, and blocks that belong to none. */
  add(block: JsonObject): (HostedCallPart | JsonObject)[] {
    if (resultTypeOf(block) !== undefined) {
      const caller = objectOr(block["caller"])["type"] ?? "direct";
      const released = caller === "direct" ? [] : this.end();
      this.#open.push(block);
      return released;
    }
    const at = this.#open.findIndex((call) => isResultOf(call, block));
    const [call] = at < 0 ? [] : this.#open.splice(at, 1);
    const part = call === undefined ? undefined : readHosted(call, block);
    return part === undefined ? [...this.end(), block] : [part];
  }

  /** Calls whose results do not come any more. */
  end(): JsonObject[] {
    const left = this.#open;
    this.#open = [];
    return left;
  }
}

/** Both blocks as one call; `undefined` when they are no such pair, as where one of them still waits for the other. */
export function readHosted(call: JsonObject, result: JsonObject | undefined): HostedCallPart | undefined {
  const raw = textOf(call["type"]);
  if (raw === undefined || result === undefined || resultTypeOf(call) === undefined) return undefined;
  if (!isResultOf(call, result)) return undefined;
  const content = result["content"];
  const work = readWork(call, result);
  return compact<HostedCallPart>({
    type: "hosted-call",
    id: textOf(call["id"]) ?? "",
    raw,
    work,
    error: result["is_error"] === true ? "failed" : textOf(objectOr(content)["error_code"]),
    ...withVendor(MESSAGES, { blocks: [call, result] }, isOurs(call) ? { ours: true } : undefined),
  });
}

function readWork(call: JsonObject, { content }: JsonObject): HostedWork {
  const input = objectOr(call["input"]);
  if (call["type"] === "mcp_tool_use") {
    return {
      kind: "mcp",
      server: textOf(call["server_name"]) ?? "",
      name: textOf(call["name"]) ?? "",
      inputJson: inputJsonOf(call["input"]),
      output: textsOf(content),
    };
  }
  if (call["name"] === "web_search") {
    const sources = Array.isArray(content) ? { sources: content.flatMap(readSource) } : {};
    return { kind: "web-search", queries: [textOf(input["query"]) ?? ""], ...sources };
  }
  const isShell = call["name"] === "bash_code_execution";
  const { stdout, stderr, return_code: exitCode } = objectOr(content);
  const told = [stdout, stderr].flatMap((text) => (typeof text === "string" ? [text] : []));
  return compact<Extract<HostedWork, { kind: "code" }>>({
    kind: "code",
    language: isShell ? "shell" : "python",
    code: textOf(input[isShell ? "command" : "code"]) ?? "",
    output: told.length === 0 ? undefined : told.filter((text) => text !== "").join("\n"),
    exitCode: numberOf(exitCode),
  });
}

function readSource(entry: Json): WebSource[] {
  const { url, title } = objectOr(entry);
  const address = textOf(url);
  return address === undefined ? [] : [compact<WebSource>({ url: address, title: textOf(title) })];
}

function textsOf(content: Json | undefined): string {
  if (typeof content === "string") return content;
  return arrayOr(content)
    .map((entry) => textOf(objectOr(entry)["text"]) ?? "")
    .join("\n");
}

/** Of another vendor's call Anthropic has neither the pages nor the container. */
function isOurs({ id }: JsonObject): boolean {
  return textOf(id)?.includes(RELAY_SIGNATURE_PREFIX) === true;
}

/** The blocks for Anthropic itself, as it wrote them; `undefined` also for what we made of another vendor's call. */
export function blocksForVendor(call: HostedCallPart): JsonObject[] | undefined {
  return formOf(call.vendor, MESSAGES)?.["ours"] === true ? undefined : ownBlocks(call);
}

/** The blocks as they were written in this dialect. */
function ownBlocks({ vendor }: HostedCallPart): JsonObject[] | undefined {
  const { blocks } = fieldsOf(vendor, MESSAGES);
  return blocks === undefined ? undefined : arrayOr(blocks).filter(isObject);
}

const SEARCH_ERRORS: ReadonlySet<string> = new Set([
  "invalid_tool_input",
  "unavailable",
  "max_uses_exceeded",
  "too_many_requests",
  "query_too_long",
  "request_too_large",
]);
const CODE_ERRORS: ReadonlySet<string> = new Set([
  "invalid_tool_input",
  "unavailable",
  "too_many_requests",
  "execution_time_exceeded",
]);

/** Writes calls for a client, Anthropic's own as they were. */
export class HostedWriter {
  /** Searches that an upstream of another dialect made: Anthropic counts them beside the tokens. */
  searches = 0;
  readonly #seed: string;
  #count = 0;

  constructor(seed: string) {
    this.#seed = seed;
  }

  write(call: HostedCallPart): JsonObject[] {
    const own = ownBlocks(call);
    if (own !== undefined) return own.map((block) => ({ ...block }));
    const { work, error } = call;
    switch (work.kind) {
      case "web-search":
        return this.#search(work, error);
      case "code":
        return this.#code(work, error);
      case "mcp": {
        const { server: server_name, name, inputJson, output = "" } = work;
        const id = this.#id("mcptoolu_");
        return [
          { type: "mcp_tool_use", id, name, server_name, input: inputObject(inputJson) },
          {
            type: "mcp_tool_result",
            tool_use_id: id,
            is_error: error !== undefined,
            content: [{ type: "text", text: output === "" ? (error ?? "") : output, citations: null }],
          },
        ];
      }
    }
  }

  /** What the counts of an answer say of such calls, where nobody of this dialect has counted them. */
  usage(counted: JsonObject): JsonObject {
    if (this.searches === 0 || isObject(counted["server_tool_use"])) return {};
    return { server_tool_use: { web_search_requests: this.searches, web_fetch_requests: 0 } };
  }

  /** One call for each query, for there each has one; which page came from which is not known, so the last has all. */
  #search({ queries, sources = [] }: Extract<HostedWork, { kind: "web-search" }>, error?: string): JsonObject[] {
    return queries.flatMap((query, index): JsonObject[] => {
      this.searches += 1;
      const found = index === queries.length - 1 ? sources : [];
      const content =
        error === undefined ? found.map(writeSource) : failure("web_search_tool_result_error", error, SEARCH_ERRORS);
      return this.#pair("web_search", { query }, content);
    });
  }

  #code(work: Extract<HostedWork, { kind: "code" }>, error?: string): JsonObject[] {
    const { language, code, output = "", exitCode = 0 } = work;
    const name = language === "shell" ? "bash_code_execution" : "code_execution";
    const kind = `${name}_result`;
    const hasFailed = exitCode !== 0;
    const content =
      error === undefined
        ? {
            type: kind,
            stdout: hasFailed ? "" : output,
            stderr: hasFailed ? output : "",
            return_code: exitCode,
            content: [],
          }
        : failure(`${name}_tool_result_error`, error, CODE_ERRORS);
    return this.#pair(name, language === "shell" ? { command: code } : { code }, content);
  }

  #pair(name: string, input: JsonObject, content: Json): JsonObject[] {
    const id = this.#id("srvtoolu_");
    return [
      { type: "server_tool_use", id, name, input },
      { type: RESULTS[name] ?? "", tool_use_id: id, content },
    ];
  }

  /** Marked, so that the call never travels to Anthropic as if it were from there. */
  #id(prefix: string): string {
    this.#count += 1;
    return prefix + RELAY_SIGNATURE_PREFIX + sha256Hex(`${this.#seed}:hosted:${this.#count}`).slice(0, 24);
  }
}

function writeSource({ url, title }: WebSource): JsonObject {
  return {
    type: "web_search_result",
    url,
    title: title ?? url,
    encrypted_content: RELAY_SIGNATURE_PREFIX,
    page_age: null,
  };
}

function failure(type: string, error: string, codes: ReadonlySet<string>): JsonObject {
  return { type, error_code: codes.has(error) ? error : "unavailable" };
}
