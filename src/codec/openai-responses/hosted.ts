/** Tools that run at the vendor as Responses shows them: one item for each call, with what came of it. */
import type { HostedCallPart, HostedWork, Json, JsonObject, WebSource } from "../../contract/chat.ts";
import { RELAY_SIGNATURE_PREFIX } from "../shared/envelope.ts";
import { arrayOr, compact, isObject, objectOr, textOf } from "../shared/json.ts";
import { inputJsonOf } from "../shared/tool-input.ts";
import { fieldsOf, formOf, withVendor } from "../shared/vendor.ts";
import { WITH_OUTPUTS, WITH_SOURCES } from "./hosted-tools.ts";
import { RESPONSES } from "./wire.ts";

/** `undefined` for other items, and for a look at one page, which no other vendor counts as a search. */
export function readHosted(item: JsonObject): HostedCallPart | undefined {
  const raw = textOf(item["type"]);
  const work = readWork(item);
  if (raw === undefined || work === undefined) return undefined;
  const { error } = item;
  const hasFailed = item["status"] === "failed" || (error !== undefined && error !== null);
  return compact<HostedCallPart>({
    type: "hosted-call",
    id: textOf(item["id"]) ?? "",
    raw,
    work,
    error: hasFailed ? (errorText(error) ?? "failed") : undefined,
    ...withVendor(RESPONSES, { item }, isOurs(item) ? { ours: true } : undefined),
  });
}

function readWork(item: JsonObject): HostedWork | undefined {
  switch (item["type"]) {
    case "web_search_call":
      return readSearch(objectOr(item["action"]));
    case "code_interpreter_call": {
      const { outputs } = item;
      const logs = arrayOr(outputs).flatMap((output) => textOf(objectOr(output)["logs"]) ?? []);
      return compact<Extract<HostedWork, { kind: "code" }>>({
        kind: "code",
        language: "python",
        code: textOf(item["code"]) ?? "",
        output: Array.isArray(outputs) ? logs.join("\n") : undefined,
      });
    }
    case "mcp_call":
      return compact<Extract<HostedWork, { kind: "mcp" }>>({
        kind: "mcp",
        server: textOf(item["server_label"]) ?? "",
        name: textOf(item["name"]) ?? "",
        inputJson: inputJsonOf(item["arguments"]),
        output: typeof item["output"] === "string" ? item["output"] : undefined,
      });
    default:
      return undefined;
  }
}

function readSearch(action: JsonObject): HostedWork | undefined {
  if (action["type"] !== "search") return undefined;
  const several = arrayOr(action["queries"]).filter((query) => typeof query === "string");
  const { sources } = action;
  return {
    kind: "web-search",
    queries: several.length > 0 ? several : [textOf(action["query"]) ?? ""],
    ...(Array.isArray(sources) ? { sources: sources.flatMap(readSource) } : {}),
  };
}

function readSource(entry: Json): WebSource[] {
  const { url, title } = objectOr(entry);
  const address = textOf(url);
  return address === undefined ? [] : [compact<WebSource>({ url: address, title: textOf(title) })];
}

/** A message as servers write it, or one of the forms of the vendor's own errors. */
function errorText(error: Json | undefined): string | undefined {
  if (typeof error === "string") return textOf(error);
  const { message, content } = objectOr(error);
  const texts = arrayOr(content).flatMap((entry) => textOf(objectOr(entry)["text"]) ?? []);
  return textOf(message) ?? textOf(texts.join("\n"));
}

/** Of another vendor's call OpenAI has neither a record nor the container. */
function isOurs({ id }: JsonObject): boolean {
  return textOf(id)?.includes(RELAY_SIGNATURE_PREFIX) === true;
}

/** The item for the vendor itself, as it wrote it; `undefined` also for what we made of another vendor's call. */
export function itemForVendor(call: HostedCallPart): JsonObject | undefined {
  return formOf(call.vendor, RESPONSES)?.["ours"] === true ? undefined : ownItem(call);
}

/** The item as it was written in this dialect. */
export function ownItem({ vendor }: Pick<HostedCallPart, "vendor">): JsonObject | undefined {
  const { item } = fieldsOf(vendor, RESPONSES);
  return isObject(item) ? item : undefined;
}

type HostedType = "web_search_call" | "code_interpreter_call" | "mcp_call";

export const HOSTED_TYPES: { readonly [Kind in HostedWork["kind"]]: HostedType } = {
  "web-search": "web_search_call",
  code: "code_interpreter_call",
  mcp: "mcp_call",
};

/**
 * The item of a call that another vendor ran.
 * @param form of the request, which says what of it is wanted
 */
export function writeHosted({ work, error }: HostedCallPart, id: string, form: JsonObject | undefined): JsonObject {
  const included = arrayOr(form?.["include"]);
  const status = error === undefined ? "completed" : "failed";
  const base = { id, type: HOSTED_TYPES[work.kind], status };
  switch (work.kind) {
    case "web-search": {
      const { queries, sources = [] } = work;
      const found = sources.map(({ url }) => ({ type: "url", url }));
      const shown = included.includes(WITH_SOURCES) ? { sources: found } : {};
      return { ...base, action: { type: "search", query: queries[0] ?? "", queries: [...queries], ...shown } };
    }
    case "code": {
      const { code, output } = work;
      const outputs =
        output === undefined || !included.includes(WITH_OUTPUTS) ? null : [{ type: "logs", logs: output }];
      // The container is the other vendor's, and so is its name.
      return { ...base, code, container_id: "", outputs };
    }
    case "mcp": {
      const { server, name, inputJson, output } = work;
      const text = output === undefined || output === "" ? (error ?? "") : output;
      const failed = { type: "mcp_tool_execution_error", content: [{ type: "text", text }] };
      return {
        ...base,
        server_label: server,
        name,
        arguments: inputJson,
        output: error === undefined ? (output ?? null) : null,
        error: error === undefined ? null : failed,
        approval_request_id: null,
      };
    }
  }
}

/** As the item looks when the call begins. */
export function begunHosted(item: JsonObject): JsonObject {
  switch (item["type"]) {
    case "code_interpreter_call":
      return { ...item, status: "in_progress", code: "", outputs: null };
    case "mcp_call":
      return { ...item, status: "in_progress", arguments: "", output: null, error: null };
    default:
      return { ...item, status: "in_progress" };
  }
}

/** The events between the item's two: their types and what they say beside its place. */
export function hostedEvents(item: JsonObject): [type: string, fields: JsonObject][] {
  const type = textOf(item["type"]) ?? "";
  const of = (what: string): string => `response.${type}${what}`;
  const end: [string, JsonObject][] = item["status"] === "failed" ? [] : [[of(".completed"), {}]];
  switch (type) {
    case "web_search_call":
      return [[of(".in_progress"), {}], [of(".searching"), {}], ...end];
    case "code_interpreter_call": {
      const code = textOf(item["code"]) ?? "";
      const written: [string, JsonObject][] = code === "" ? [] : [[of("_code.delta"), { delta: code }]];
      return [[of(".in_progress"), {}], ...written, [of("_code.done"), { code }], [of(".interpreting"), {}], ...end];
    }
    case "mcp_call": {
      const input = textOf(item["arguments"]) ?? "{}";
      const failed: [string, JsonObject][] = [[of(".failed"), {}]];
      return [
        [of(".in_progress"), {}],
        [of("_arguments.delta"), { delta: input }],
        [of("_arguments.done"), { arguments: input }],
        ...(end.length === 0 ? failed : end),
      ];
    }
    default:
      return [];
  }
}
