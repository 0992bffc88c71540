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
/** As with the first party: a short input would otherwise buy a long answer. */
const EMBEDDING_INPUTS_MAX = 2048;

/** Values and characters that one schema may be made to yield. */
const VALUES_MAX = 2000;
const DEPTH_MAX = 32;
const FORMATS: ReadonlyMap<string, string> = new Map([
  ["date", "1970-01-01"],
  ["date-time", "1970-01-01T00:00:00Z"],
  ["time", "00:00:00Z"],
  ["email", "echo@example.com"],
  ["uri", "https://example.com"],
  ["uuid", "00000000-0000-0000-0000-000000000000"],
  ["hostname", "example.com"],
  ["ipv4", "127.0.0.1"],
]);

/** Statuses that `echo-error-<status>` can be asked for, and the failure each stands for. */
const ERRORS: ReadonlyMap<string, FailureCode> = new Map([
  ["400", "upstream-rejected"],
  ["401", "unauthenticated"],
  ["404", "upstream-rejected"],
  ["413", "upstream-rejected"],
  ["429", "upstream-rate-limited"],
  ["500", "upstream-unavailable"],
  ["503", "upstream-unavailable"],
  ["529", "upstream-unavailable"],
]);

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
      yield JSON.stringify(
        smallest(request.responseFormat?.type === "json-schema" ? request.responseFormat.schema : {}),
      );
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
  const code = ERRORS.get(status);
  if (code === undefined) {
    return new RelayError("bad-request", `echo-error takes one of ${[...ERRORS.keys()].join(", ")}.`, {
      param: "model",
    });
  }
  return new RelayError(code, `Echo was asked to fail with ${status}.`, {
    status: Number(status),
    retry: "never",
    ...(status === "429" || status === "503" || status === "529" ? { retryAfterMs: 1000 } : {}),
  });
}

function silenceOf(text: string): number {
  const seconds = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || seconds > SILENT_SECONDS_MAX) {
    throw new RelayError("bad-request", `echo-silent takes 0 to ${SILENT_SECONDS_MAX} seconds.`, { param: "model" });
  }
  return seconds * 1000;
}

/**
 * The smallest instance of a JSON Schema: required properties only, first choices, minimum sizes. A pattern is met
 * only by an example of the schema's own. Schemas come from callers: what is made of one is bounded.
 */
function smallest(root: JsonObject): Json {
  let left = VALUES_MAX;

  const visit = (part: Json | undefined, depth: number): Json => {
    const schema = flatten(part);
    if (schema === undefined || depth > DEPTH_MAX) return null;
    const { type, items, prefixItems, properties, required, pattern } = schema;
    if (schema["const"] !== undefined) return schema["const"];
    const given = schema["enum"] ?? (pattern === undefined ? undefined : schema["examples"]);
    if (Array.isArray(given) && given[0] !== undefined) return given[0];
    switch (Array.isArray(type) ? type[0] : (type ?? (items === undefined ? "object" : "array"))) {
      case "string": {
        const length = sizeOf(schema["minLength"], left);
        left -= length;
        return FORMATS.get(String(schema["format"])) ?? "x".repeat(length);
      }
      case "integer":
      case "number":
        return smallestNumber(schema);
      case "boolean":
        return false;
      case "null":
        return null;
      case "array": {
        const first = Array.isArray(prefixItems) ? prefixItems : [];
        const size = sizeOf(schema["minItems"], left);
        const list: Json[] = [];
        while (list.length < size && left > 0) list.push(visit(first[list.length] ?? items, depth + 1));
        return list;
      }
      default: {
        const parts = isObject(properties) ? properties : {};
        const names = Array.isArray(required) ? required.map(String) : [];
        return Object.fromEntries(names.map((name) => [name, visit(parts[name], depth + 1)]));
      }
    }
  };

  /** One schema of a reference, of all in `allOf` and of the first in a choice. `undefined` = enough has been made. */
  const flatten = (part: Json | undefined): JsonObject | undefined => {
    left -= 1;
    if (left < 0) return undefined;
    const { $ref, allOf, anyOf, oneOf, ...own } = isObject(part) ? part : {};
    const others = [
      ...(typeof $ref === "string" ? [lookUp(root, $ref)] : []),
      ...(Array.isArray(allOf) ? allOf : []),
      ...[anyOf, oneOf].flatMap((choices) => (Array.isArray(choices) ? choices.slice(0, 1) : [])),
    ];
    return others.reduce<JsonObject | undefined>((whole, other) => {
      const flat = flatten(other);
      return whole && flat && merge(whole, flat);
    }, own);
  };

  return visit(root, 0);
}

function merge(left: JsonObject, right: JsonObject): JsonObject {
  const names = [left["required"], right["required"]].flatMap((list) => (Array.isArray(list) ? list : []));
  const properties = { ...(left["properties"] as JsonObject), ...(right["properties"] as JsonObject) };
  return { ...left, ...right, required: [...new Set(names)], properties };
}

/** Zero if it may be, else the nearest bound that fits. */
function smallestNumber(schema: JsonObject): number {
  const bound = (name: string): number | undefined => (typeof schema[name] === "number" ? schema[name] : undefined);
  const [min, max, above, below] = [
    bound("minimum"),
    bound("maximum"),
    bound("exclusiveMinimum"),
    bound("exclusiveMaximum"),
  ];
  const step = bound("multipleOf") ?? 1;
  const fits = (value: number): boolean =>
    value >= (min ?? value) &&
    value <= (max ?? value) &&
    (above === undefined || value > above) &&
    (below === undefined || value < below) &&
    (schema["type"] !== "integer" || Number.isInteger(value)) &&
    (schema["multipleOf"] === undefined || value % step === 0);
  const low = min ?? above ?? max ?? below ?? 0;
  const high = max ?? below ?? low;
  const candidates = [
    0,
    low,
    Math.ceil(low / step) * step,
    (Math.floor(low / step) + 1) * step,
    (low + high) / 2,
    (Math.ceil(high / step) - 1) * step,
  ];
  return candidates.find(fits) ?? 0;
}

function sizeOf(minimum: Json | undefined, limit: number): number {
  return typeof minimum === "number" ? Math.max(0, Math.min(Math.ceil(minimum), limit)) : 0;
}

function lookUp(root: JsonObject, reference: string): Json | undefined {
  let at: Json | undefined = root;
  for (const step of reference
    .replace(/^#\/?/, "")
    .split("/")
    .filter((step) => step !== "")) {
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
  if (call.operation === "count-tokens") return Response.json({ input_tokens: Math.ceil(Buffer.byteLength(text) / 4) });

  const input = body["input"] ?? "";
  const many = Array.isArray(input) && typeof input[0] !== "number" ? input : [input];
  if (many.length > EMBEDDING_INPUTS_MAX) {
    throw new RelayError("bad-request", `Echo embeds at most ${EMBEDDING_INPUTS_MAX} inputs at once.`, {
      param: "input",
    });
  }
  const vector = Array.from({ length: EMBEDDING_DIMENSIONS }, (_, index) => (index === 0 ? 1 : 0));
  const base64 = Buffer.from(new Float32Array(vector).buffer).toString("base64");
  const tokens = Math.ceil(Buffer.byteLength(JSON.stringify(input)) / 4);
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
