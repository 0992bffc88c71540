/** What is handed to vendors to be worked off or kept, with requests in it: which models those name, and what they use. */
import { type Json, type JsonObject, RelayError, type Usage } from "../plugin/index.ts";
import type { Call } from "./call.ts";
import { positive, type Size, inputTokensOf, OUTPUT_TOKENS_MAX } from "./request-size.ts";
import type { TopLevel } from "./scan.ts";

/** Google reads its fields in both spellings, the later one wherever both are given: both are looked at. */
const INPUT = ["inputConfig", "input_config"];
const FILE = ["fileName", "file_name"];
const GENERATION = ["generationConfig", "generation_config"];
const GEMINI_MAX = ["maxOutputTokens", "max_output_tokens"];
const COLLECTION = /^models\//;

export function anyModel(): RelayError {
  return new RelayError("forbidden", "A key that is bound to models cannot use this: what it asks may name any.", {
    wireCode: "model_not_allowed",
  });
}

/** Of a batch of Anthropic's: the model of the first request, and of all of them. */
export function modelOfBatch(top: TopLevel): string {
  const models = claudeRequests(top.value("requests") as Json).map(({ model }) => model);
  const [first] = models;
  if (typeof first !== "string" || first === "") {
    throw new RelayError("bad-request", "requests.0.params.model: Field required", { param: "requests" });
  }
  if (models.some((model) => model !== first)) {
    throw new RelayError("bad-request", "All requests of a batch must be for the same model here.", {
      param: "requests",
    });
  }
  return first;
}

/** For a caller bound to models. Throws `forbidden` where a batch of Google's may ask another one than its path names. */
export function checkBatch({ route }: Call, top: TopLevel | undefined, model: string | undefined): void {
  if (route.object!.isBatchOfRequests !== true || route.codec.id !== "gemini" || top === undefined) return;
  const batch = objectOf(top.parse()["batch"]);
  for (const input of fieldsOf(batch, INPUT)) {
    if (FILE.some((name) => (objectOf(input)[name] ?? null) !== null)) throw anyModel();
  }
  for (const named of [batch, ...geminiRequests(batch)]) {
    const { model: its = null } = named;
    if (its === null) continue;
    if (typeof its !== "string" || its.replace(COLLECTION, "") !== model) throw anyModel();
  }
}

/** The body with all of its requests for this model; written anew, so that no field is in it twice. */
export function renamed({ route }: Call, top: TopLevel, model: string): string {
  const body = top.parse() as JsonObject;
  if (route.codec.id !== "gemini") {
    for (const params of claudeRequests(body["requests"])) params["model"] = model;
    return JSON.stringify(body);
  }
  const batch = objectOf(body["batch"]);
  for (const named of [batch, ...geminiRequests(batch)]) {
    if (named["model"] !== undefined) named["model"] = `models/${model}`;
  }
  return JSON.stringify(body);
}

/** What all of its requests may use. Of those that lie in a file nobody here knows. */
export function sizeOfBatch({ route, snapshot }: Call, top: TopLevel): Size {
  const body = top.parse() as JsonObject;
  const maxima =
    route.codec.id === "gemini"
      ? geminiRequests(objectOf(body["batch"])).map((request) =>
          fieldsOf(request, GENERATION).flatMap((generation) => fieldsOf(objectOf(generation), GEMINI_MAX)),
        )
      : claudeRequests(body["requests"]).map((params) => fieldsOf(params, ["max_tokens"]));
  let outputTokens = 0;
  for (const [max] of maxima) {
    outputTokens += Math.min(positive(max) ?? snapshot.config.limits.reserveOutputTokens, OUTPUT_TOKENS_MAX);
  }
  return { inputTokens: inputTokensOf(top.bytes), outputTokens };
}

/** What Gemini tells of a prompt that it keeps. */
export function usageOfPrompt(made: JsonObject): Usage | undefined {
  const { totalTokenCount } = objectOf(made["usageMetadata"]);
  return typeof totalTokenCount === "number" ? { inputTokens: totalTokenCount, outputTokens: 0 } : undefined;
}

function claudeRequests(requests: Json | undefined): JsonObject[] {
  return listOf(requests).map((request) => objectOf(objectOf(request)["params"]));
}

function geminiRequests(batch: JsonObject): JsonObject[] {
  return fieldsOf(batch, INPUT)
    .flatMap((input) => listOf(objectOf(objectOf(input)["requests"])["requests"]))
    .map((entry) => objectOf(objectOf(entry)["request"]));
}

function fieldsOf(object: JsonObject, names: readonly string[]): Json[] {
  return names.flatMap((name) => object[name] ?? []);
}

/** Google takes one thing for a list of one. */
function listOf(value: Json | undefined): readonly Json[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

/** The object itself, so that what is set in it is set in the body. */
function objectOf(value: Json | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}
