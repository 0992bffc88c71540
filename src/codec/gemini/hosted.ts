/** Tools that run at the vendor as Gemini shows them: code and its outcome as parts, searches beside the answer. */
import type { HostedCallPart, JsonObject, WebSource } from "../../contract/chat.ts";
import { arrayOr, compact, isObject, objectOr, textOf } from "../shared/json.ts";
import { fieldsOf, formOf, withVendor } from "../shared/vendor.ts";
import { readSignature, sealSignature } from "./signatures.ts";
import { asList, camelFields, GEMINI } from "./wire.ts";

const OK = "OUTCOME_OK";
const FAILED = "OUTCOME_FAILED";
const TOO_LONG = "OUTCOME_DEADLINE_EXCEEDED";

/** May the next part be the outcome of this one? */
export function awaitsOutcome(part: JsonObject): boolean {
  return isObject(part["executableCode"] ?? part["executable_code"]);
}

/** Code and its outcome as one call; `undefined` when they are no such pair. */
export function readExecution(part: JsonObject, next: JsonObject | undefined): HostedCallPart | undefined {
  const code = camelFields(part)["executableCode"];
  const result = next === undefined ? undefined : camelFields(next)["codeExecutionResult"];
  if (!isObject(code) || !isObject(result) || next === undefined) return undefined;
  const { outcome } = result;
  return compact<HostedCallPart>({
    type: "hosted-call",
    id: textOf(code["id"]) ?? "",
    raw: "executableCode",
    work: {
      kind: "code",
      language: "python",
      code: textOf(code["code"]) ?? "",
      output: typeof result["output"] === "string" ? result["output"] : "",
      exitCode: outcome === FAILED ? 1 : 0,
    },
    error: outcome === TOO_LONG ? "execution_time_exceeded" : undefined,
    ...withVendor(GEMINI, { parts: [part, next] }, isOurs(part) ? { ours: true } : undefined),
  });
}

/** The searches of an answer, all of them as one: which page came of which query is not told. */
export function readGrounding(candidate: JsonObject): HostedCallPart | undefined {
  const metadata = camelFields(objectOr(candidate["groundingMetadata"]));
  const queries = asList(metadata["webSearchQueries"]).filter((query) => typeof query === "string");
  if (queries.length === 0) return undefined;
  const sources = arrayOr(metadata["groundingChunks"]).flatMap((chunk): WebSource[] => {
    const { uri, title } = objectOr(objectOr(chunk)["web"]);
    const url = textOf(uri);
    return url === undefined ? [] : [compact<WebSource>({ url, title: textOf(title) })];
  });
  return { type: "hosted-call", id: "", raw: "webSearchQueries", work: { kind: "web-search", queries, sources } };
}

function isOurs(part: JsonObject): boolean {
  return readSignature(camelFields(part)["thoughtSignature"]).isOurs;
}

/** The parts for Gemini itself, as it wrote them; `undefined` also for what we made of another vendor's call. */
export function partsForVendor(call: HostedCallPart): JsonObject[] | undefined {
  return formOf(call.vendor, GEMINI)?.["ours"] === true ? undefined : ownParts(call);
}

/** The parts as they were written in this dialect. */
function ownParts({ vendor }: Pick<HostedCallPart, "vendor">): JsonObject[] | undefined {
  const { parts } = fieldsOf(vendor, GEMINI);
  return parts === undefined ? undefined : arrayOr(parts).filter(isObject);
}

/** Code of another vendor's, in our wrapping, so that it never travels to Gemini as if it were from there; nothing for what is told beside the answer, or has no form. */
export function writeHosted(call: HostedCallPart): JsonObject[] {
  const own = ownParts(call);
  const { work, error } = call;
  if (own !== undefined) return own;
  if (work.kind !== "code") return [];
  const { language, code, output = "", exitCode = 0 } = work;
  const outcome = error === "execution_time_exceeded" ? TOO_LONG : error === undefined && exitCode === 0 ? OK : FAILED;
  return [
    {
      executableCode: { language: language === "python" ? "PYTHON" : "LANGUAGE_UNSPECIFIED", code },
      thoughtSignature: sealSignature({}),
    },
    { codeExecutionResult: { outcome, output } },
  ];
}
