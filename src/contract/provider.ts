/** What an upstream provider promises: which dialects it speaks, and how to address and sign a call. */
import type { Static, TObject, TSchema } from "@sinclair/typebox";
import type { ChatEvent, ChatRequest } from "./chat.ts";
import type { Codec, Framing, Traits } from "./codec.ts";
import type { EmbeddingWords } from "./embeddings.ts";
import type { ProviderHost } from "./host.ts";
import type { ModelPrice } from "./prices.ts";
import type { Rerank } from "./rerank.ts";

/** What a call wants done. `chat` is translated where needed; everything else is passed on in the raw lane. */
export type Operation =
  | "chat"
  | "completions"
  | "embeddings"
  | "moderations"
  | "images"
  | "audio"
  | "rerank"
  | "count-tokens"
  | "files"
  | "batches"
  | "fine-tuning"
  | "assistants"
  | "responses"
  | "videos"
  | "credits"
  | "realtime";

export interface UpstreamCall {
  readonly operation: Operation;
  /** The dialect of `body`; for the raw lane that of the route's family. */
  readonly codec: Codec;
  readonly method: string;
  /**
   * The path behind the API root, e.g. `/embeddings`; in dialects that name the model in the path, what follows it, e.g.
   * `:countTokens`. Chat: empty, the plugin knows its own.
   */
  readonly path: string;
  /** Query of the client with the leading `?`, credentials removed; or empty. */
  readonly query: string;
  /** The upstream's own model name, after routing; empty where the operation has none. */
  readonly model: string;
  readonly stream: boolean;
  /** Final bytes, or a stream of an upload. The plugin passes it on as it is. */
  readonly body: Uint8Array<ArrayBuffer> | string | ReadableStream<Uint8Array> | Blob | null;
  /** The client's content type; `application/json` for chat. */
  readonly contentType: string;
  /** Headers of the client that may travel on (`anthropic-version`, `anthropic-beta`, `openai-beta`, ...), lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** One provider key, already chosen by the key pool; empty if the entry has none. Use it, do not keep it. */
  readonly secret: string;
  readonly signal: AbortSignal;
}

/** The cheap form of a request. The relay adds the entry's own `headers`, checks the address and sends it. */
export interface UpstreamRequest {
  readonly url: string;
  readonly method?: string;
  /** Lower-case names. */
  readonly headers: Record<string, string>;
  readonly body?: UpstreamCall["body"];
}

/** What an upstream said instead of an answer, before its body. */
export interface Refusal {
  readonly status: number;
  /** Value of a header by its lower-case name; `null` if absent. */
  header(name: string): string | null;
}

/** Money at an upstream, in USD. */
export interface Credits {
  /** Ever bought or given. */
  readonly granted: number;
  readonly used: number;
}

export interface Provider {
  /** Dialects in order of preference; the relay passes bytes through when the client's is here. */
  readonly codecs: readonly [Codec, ...Codec[]];
  /** Further dialects that an entry's `dialects` may switch on. */
  readonly optionalCodecs?: readonly Codec[];
  /**
   * Where models differ in what they speak: those of `codecs` in which chat calls of this model are made, in order of
   * preference. Called once per model and generation. Default: all of them.
   */
  codecsFor?: (model: string) => readonly [Codec, ...Codec[]];
  /**
   * Where vectors are asked for in a dialect of their own: the one for this model; `undefined`: it has none. Default: the
   * first of `rawCodecs`, else `codecs`, that has embeddings, the client's own before all.
   * @throws RelayError `bad-request` where it cannot be told for this model; clients see it when nobody else has vectors
   */
  embeddingsIn?: (model: string) => Codec | undefined;
  /** How it differs in requests for vectors from the dialect that it takes them in. */
  readonly embeddingWords?: EmbeddingWords;
  /** How it is asked to sort documents. Default: in the form that most servers share, as the client wrote it. */
  readonly rerank?: Rerank;
  /** Dialects whose other operations this upstream takes as well, though its chat speaks another. */
  readonly rawCodecs?: readonly Codec[];
  /** Operations of the raw lane this upstream has; the others answer 404. Default: none but chat. */
  readonly operations?: ReadonlySet<Operation>;
  /** When the envelope differs from the codec's own. */
  readonly framing?: Framing;
  /** Pure and quick. A standard `Request` is accepted too; the plain form costs less. */
  request(call: UpstreamCall): UpstreamRequest | Request | Promise<UpstreamRequest | Request>;
  /** Only for what `fetch` cannot do; must honour the signal. */
  send?(request: UpstreamRequest | Request, signal: AbortSignal): Promise<Response>;
  /**
   * A provider without an upstream: answers by itself, in the house language. When present, `request` is not called
   * for chat. It may throw a `RelayError` before the first event, and must stop when the signal aborts.
   */
  answer?(request: ChatRequest, signal: AbortSignal): AsyncIterable<ChatEvent>;
  /** The raw lane of a provider without an upstream. */
  respond?(call: UpstreamCall): Response | Promise<Response>;
  /**
   * For lent credentials: the upstream has answered 401 or 403 to a request that `request` had made. `true` = its
   * credential was lent, counts as run out from now on, and the relay shall ask for the request once more and send that.
   */
  renew?(refused: UpstreamRequest, answer: Refusal): boolean;
  /** Facts about a model of this upstream. Called once per model and generation. */
  traits?: (model: string) => Traits;
  /** Models offered without asking anybody (globs allowed), for entries whose `models.include` is empty. */
  readonly models?: readonly string[];
  /** Names of the upstream's models; ≤ 10 s. */
  listModels?(secret: string, signal: AbortSignal): Promise<string[]>;
  /** What is left of the money behind this key; ≤ 10 s. */
  credits?(secret: string, signal: AbortSignal): Promise<Credits>;
  dispose?(): void | Promise<void>;
}

export interface ProviderPlugin<Options extends TObject = TObject> {
  readonly kind: "provider";
  /** `[a-z0-9][a-z0-9-]{0,31}`; the value of `provider_type` in the configuration. */
  readonly id: string;
  /** Version of this contract the plugin was written for. Default 1. */
  readonly apiVersion?: number;
  readonly version?: string;
  readonly homepage?: string;
  /** Its slice of `config.yml`, validated before `setup`; camelCase here, snake_case there. */
  readonly options: Options;
  /** Where calls go unless the entry says `base_url`. Without one the plugin may know by itself, or object in `setup`. */
  readonly baseUrl?: string;
  /** Ids of the dialects it speaks, in order of preference; tells which endings of a `base_url` are superfluous. */
  readonly dialects?: readonly string[];
  /** Does an entry need at least one enabled key? Default `required`. */
  readonly keys?: "required" | "optional" | "none";
  /**
   * What the vendor asks for a model, by the upstream's name of it; `undefined` = not known, which is not nothing. Pure;
   * called once per model and generation. Operators override it (`prices.overrides`).
   */
  price?: (model: string) => ModelPrice | undefined;
  /** Local by nature: `base_url` may be a loopback or private address without being listed. */
  readonly local?: boolean;
  setup(options: Static<Options>, host: ProviderHost): Provider | Promise<Provider>;
}

/** What the relay handles once the option types no longer matter. */
export type AnyProviderPlugin = Omit<ProviderPlugin, "options" | "setup"> & {
  readonly options: TSchema;
  setup(options: never, host: ProviderHost): Provider | Promise<Provider>;
};
