/** Answers without an upstream: to try the relay out, and to test clients against every kind of answer. */
import {
  type FailureCode,
  type Json,
  type JsonObject,
  type LocalContext,
  type LocalPiece,
  type LocalRequest,
  localProvider,
  RelayError,
  Type,
  type UpstreamCall,
} from "monorelay/plugin";

const SLOW_WORD_MS = 300;
const SILENT_SECONDS_MAX = 900;
/** Deltas that `echo-cut` sends before the connection breaks. */
const CUT_AFTER = 3;
const EMBEDDING_DIMENSIONS = 8;

/** Statuses that `echo-error-<status>` can be asked for, and the failure each stands for. */
const ERRORS: Readonly<Record<string, FailureCode>> = {
  400: "upstream-rejected",
  401: "unauthenticated",
  404: "upstream-rejected",
  413: "upstream-rejected",
  429: "upstream-rate-limited",
  500: "upstream-unavailable",
  503: "upstream-unavailable",
  529: "upstream-unavailable",
};

const options = Type.Object({
  delay: Type.Number({ default: 0, minimum: 0, description: "Milliseconds to wait before each answer begins" }),
});
type Options = typeof options.static;

export default localProvider({
  id: "echo",
  options,
  models: [
    "echo",
    "echo-slow",
    "echo-tools",
    "echo-reasoning",
    "echo-json",
    "echo-cut",
    "echo-error-*",
    "echo-silent-*",
  ],
  operations: ["embeddings", "count-tokens"],
  answer,
  respond: (call, context) => respond(call, context),
});

async function* answer(request: LocalRequest, context: LocalContext<Options>): AsyncGenerator<LocalPiece> {
  const { model } = request;
  if (context.options.delay > 0) await context.sleep(context.options.delay);
  if (model.startsWith("echo-error-")) throw failureOf(model.slice("echo-error-".length));
  if (model.startsWith("echo-silent-")) await context.sleep(silenceOf(model.slice("echo-silent-".length)));

  const words = request.lastUserText.match(/\S+\s*|^\s+/g) ?? [];
  switch (model) {
    case "echo-slow":
      for (const [index, word] of words.entries()) {
        if (index > 0) await context.sleep(SLOW_WORD_MS);
        yield word;
      }
      return;
    case "echo-cut":
      for (const word of [...words, "one ", "two ", "three "].slice(0, CUT_AFTER)) yield word;
      throw new RelayError("upstream-malformed", "The upstream broke off its answer.");
    case "echo-reasoning":
      yield { type: "reasoning", text: `The user said ${JSON.stringify(request.lastUserText)}; I repeat it.` };
      break;
    case "echo-json":
      yield JSON.stringify(smallest(request.responseFormat?.type === "json-schema" ? request.responseFormat.schema : {}));
      return;
    case "echo-tools": {
      const offered = request.tools.filter((tool) => tool.kind === "function");
      for (const [index, tool] of offered.entries()) {
        yield { type: "tool-call", id: `call_echo_${index}`, name: tool.name, input: smallest(tool.schema ?? {}) };
      }
      if (offered.length > 0) return;
      break;
    }
  }
  for (const word of words) yield word;
}

function failureOf(status: string): RelayError {
  const code = ERRORS[status];
  if (code === undefined) {
    return new RelayError("bad-request", `echo-error takes one of ${Object.keys(ERRORS).join(", ")}.`, { param: "model" });
  }
  return new RelayError(code, `Echo was asked to fail with ${status}.`, {
    status: Number(status),
    retry: "never",
    ...(status === "429" || status === "503" || status === "529" ? { retryAfterMs: 1000 } : {}),
  });
}

function silenceOf(text: string): number {
  const seconds = Number(text);
  if (!Number.isFinite(seconds) || seconds < 0 || seconds > SILENT_SECONDS_MAX) {
    throw new RelayError("bad-request", `echo-silent takes 0 to ${SILENT_SECONDS_MAX} seconds.`, { param: "model" });
  }
  return seconds * 1000;
}

/** The smallest instance of a JSON Schema: required properties only, first choices, minimum sizes. */
function smallest(schema: JsonObject, root: JsonObject = schema, depth = 0): Json {
  if (depth > 32) return null;
  const dive = (inner: Json | undefined): Json => smallest(isObject(inner) ? inner : {}, root, depth + 1);
  if (typeof schema["$ref"] === "string") return dive(lookUp(root, schema["$ref"]));
  if (schema["const"] !== undefined) return schema["const"];
  if (Array.isArray(schema["enum"]) && schema["enum"].length > 0) return schema["enum"][0] ?? null;
  for (const key of ["anyOf", "oneOf", "allOf"]) {
    const choices = schema[key];
    if (Array.isArray(choices) && choices.length > 0) return dive(choices[0]);
  }
  const type = Array.isArray(schema["type"]) ? schema["type"][0] : schema["type"];
  switch (type) {
    case "string":
      return "x".repeat(typeof schema["minLength"] === "number" ? schema["minLength"] : 0);
    case "integer":
    case "number":
      return typeof schema["minimum"] === "number" ? schema["minimum"] : 0;
    case "boolean":
      return false;
    case "null":
      return null;
    case "array": {
      const count = typeof schema["minItems"] === "number" ? schema["minItems"] : 0;
      return Array.from({ length: count }, () => dive(schema["items"]));
    }
    default: {
      const properties = isObject(schema["properties"]) ? schema["properties"] : {};
      const required = Array.isArray(schema["required"]) ? schema["required"] : [];
      return Object.fromEntries(required.map((name) => [String(name), dive(properties[String(name)])]));
    }
  }
}

function lookUp(root: JsonObject, reference: string): Json | undefined {
  let at: Json | undefined = root;
  for (const step of reference.replace(/^#\/?/, "").split("/").filter((step) => step !== "")) {
    at = isObject(at) ? at[step.replaceAll("~1", "/").replaceAll("~0", "~")] : undefined;
  }
  return at;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Embeddings: one fixed vector per input. Token counts: bytes / 4. */
async function respond(call: UpstreamCall, context: LocalContext<Options>): Promise<Response> {
  if (context.options.delay > 0) await context.sleep(context.options.delay);
  const text = call.body === null ? "{}" : await new Response(call.body as Bun.BodyInit).text();
  const body = JSON.parse(text) as JsonObject;
  if (call.operation === "count-tokens") return Response.json({ input_tokens: Math.ceil(text.length / 4) });

  const input = body["input"] ?? "";
  const many = Array.isArray(input) && typeof input[0] !== "number" ? input : [input];
  const vector = Array.from({ length: EMBEDDING_DIMENSIONS }, (_, index) => (index === 0 ? 1 : 0));
  const base64 = Buffer.from(new Float32Array(vector).buffer).toString("base64");
  const tokens = Math.ceil(JSON.stringify(input).length / 4);
  return Response.json({
    object: "list",
    data: many.map((_, index) => ({
      object: "embedding",
      index,
      embedding: body["encoding_format"] === "base64" ? base64 : vector,
    })),
    model: call.model,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  });
}
