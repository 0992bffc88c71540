/** The four-line provider: any service that serves OpenAI's paths under one base URL with a Bearer key. */
import type {
  AnyProviderPlugin,
  Codec,
  Credits,
  EmbeddingWords,
  JsonObject,
  ModelPrice,
  Operation,
  Provider,
  Rerank,
  Traits,
  UpstreamCall,
} from "../contract/index.ts";
import { anthropicMessages } from "../codec/anthropic-messages/index.ts";
import { openaiChat } from "../codec/openai-chat/index.ts";
import { openaiResponses } from "../codec/openai-responses/index.ts";
import { defineProvider } from "./define.ts";

/** Where each dialect lives below an OpenAI-style base URL. */
const CHAT_PATHS: Readonly<Record<string, string>> = {
  "openai-chat": "/chat/completions",
  "openai-responses": "/responses",
  "anthropic-messages": "/messages",
};

/** What the raw lane may ask of such a service; one that lacks a path answers 404 itself. */
export const OPENAI_OPERATIONS: ReadonlySet<Operation> = new Set<Operation>([
  "completions",
  "embeddings",
  "moderations",
  "images",
  "audio",
  "rerank",
  "count-tokens",
  "files",
  "batches",
  "fine-tuning",
  "assistants",
  "responses",
  "videos",
  "realtime",
]);

/** What imitations of the first party lack, as it does itself in the second case. */
const USUAL: Traits = { allowedTools: false, fileUrls: false, vendorFields: false };

type Codecs = readonly [Codec, ...Codec[]];

export interface OpenaiCompatible {
  /** `[a-z0-9][a-z0-9-]{0,31}`; the `provider_type` operators write. */
  id: string;
  /** Up to and including `/v1` or its like. Left out: each entry must say `base_url`. */
  baseUrl?: string;
  /**
   * Dialects the service speaks, in order of preference; by address, where only some hosts speak them all. An entry's
   * `dialects` may choose among `openai-chat`, `openai-responses` and `anthropic-messages`, whatever stands here.
   */
  codecs: Codecs | ((baseUrl: string) => Codecs);
  /** How this service differs from the usual imitation of the first party, for all its models or by model. */
  traits?: Traits | ((model: string, baseUrl: string) => Traits);
  operations?: readonly Operation[];
  /** How its requests for vectors differ from those of the first party. */
  embeddingWords?: EmbeddingWords;
  /** How documents are sorted there, where not in the form that most servers share. */
  rerank?: Rerank;
  /** Addresses of its own for some calls; `undefined`: the usual one, `baseUrl` with the path behind it. */
  urlOf?: (call: UpstreamCall, baseUrl: string) => string | undefined;
  keys?: "required" | "optional" | "none";
  /** Usually runs on the operator's own machine. */
  local?: boolean;
  /** Where it tells what is left of the money, below `baseUrl`, and how to read it. */
  credits?: { path: string; read(body: JsonObject): Credits };
  /** What it asks for a model; `undefined` = not known. */
  price?: (model: string) => ModelPrice | undefined;
  /** Sent with each call, lower case. */
  headers?: Readonly<Record<string, string>>;
}

/**
 * Makes a provider of a service that serves OpenAI's paths.
 *
 * @example
 * export default openaiCompatible({ id: "example", baseUrl: "https://api.example.com/v1", codecs: [openaiChat] });
 */
export function openaiCompatible(service: OpenaiCompatible): AnyProviderPlugin {
  const operations = service.operations === undefined ? OPENAI_OPERATIONS : new Set(service.operations);
  const traitsOf = (model: string, base: string): Traits => ({
    ...USUAL,
    ...(typeof service.traits === "function" ? service.traits(model, base) : service.traits),
  });
  const codecsAt = (base: string): Codecs =>
    typeof service.codecs === "function" ? service.codecs(base) : service.codecs;
  return defineProvider({
    id: service.id,
    ...(service.baseUrl === undefined ? {} : { baseUrl: service.baseUrl }),
    ...(service.keys === undefined ? {} : { keys: service.keys }),
    ...(service.local === undefined ? {} : { local: service.local }),
    ...(service.price === undefined ? {} : { price: service.price }),
    dialects: codecsAt(service.baseUrl ?? "").map(({ id }) => id),
    setup(_options, host) {
      const base = host.baseUrl;
      if (base === "") throw new Error("it needs a base_url");
      return {
        codecs: codecsAt(base),
        optionalCodecs: [openaiChat, openaiResponses, anthropicMessages],
        operations,
        ...(service.rerank === undefined ? {} : { rerank: service.rerank }),
        ...(service.embeddingWords === undefined ? {} : { embeddingWords: service.embeddingWords }),
        traits: (model) => traitsOf(model, base),
        request(call) {
          const path = call.operation === "chat" ? (CHAT_PATHS[call.codec.id] ?? "/chat/completions") : call.path;
          const url = service.urlOf?.(call, base) ?? base + path + call.query;
          return { url, method: call.method, headers: headersOf(call), body: call.body };
        },
        ...(service.credits === undefined ? {} : { credits: creditsAt(base, service.credits, host.fetch) }),
        listModels: (secret, signal) => listOpenaiModels(`${base}/models`, bearer(secret), host.fetch, signal),
      };
    },
  });

  function headersOf(call: UpstreamCall): Record<string, string> {
    const headers: Record<string, string> = { ...call.headers, ...service.headers };
    if (call.secret !== "") headers["authorization"] = `Bearer ${call.secret}`;
    if (call.body !== null) headers["content-type"] = call.contentType;
    return headers;
  }
}

function creditsAt(
  base: string,
  { path, read }: NonNullable<OpenaiCompatible["credits"]>,
  get: (input: string, init: RequestInit) => Promise<Response>,
): NonNullable<Provider["credits"]> {
  return async (secret, signal) => {
    const response = await get(base + path, { headers: bearer(secret), signal });
    if (!response.ok) throw new Error(`the credits answered ${response.status}`);
    return read((await response.json()) as JsonObject);
  };
}

function bearer(secret: string): Record<string, string> {
  return secret === "" ? {} : { authorization: `Bearer ${secret}` };
}

/** Reads `{ data: [{ id }] }`, the shape that OpenAI and Anthropic share. */
export async function listOpenaiModels(
  url: string,
  headers: Record<string, string>,
  get: (input: string, init: RequestInit) => Promise<Response>,
  signal: AbortSignal,
): Promise<string[]> {
  const response = await get(url, { headers, signal });
  if (!response.ok) throw new Error(`the model list answered ${response.status}`);
  const body = (await response.json()) as { data?: { id?: unknown }[] };
  return (body.data ?? []).flatMap((model) => (typeof model.id === "string" ? [model.id] : []));
}
