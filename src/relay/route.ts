/** What the relay knows about a route before it has looked at the request. */
import type { Scope } from "../config/scopes.ts";
import type { Codec, Operation } from "../plugin/index.ts";

/** How a route deals with a thing that lies with an upstream. */
export interface ObjectUse {
  /** e.g. `file`, `batch`; what is made or listed. */
  readonly kind: string;
  /** `use`: the id in the path decides where the call goes. */
  readonly action: "create" | "list" | "use";
  /** Fields of the body that name objects: what is made must lie beside them. */
  readonly refersBy?: readonly string[];
  /** The body holds whole requests, which may name models. */
  readonly isBatchOfRequests?: true;
  /**
   * Models may be named where no key's list of models can be held against them: anywhere in the body, or in what it
   * refers to. `unless-named`: only if the body names none itself.
   */
  readonly mayAskAnyModel?: "always" | "unless-named";
  /** Pages of a list are named by tokens that only the vendor can read, not by the last thing on them. */
  readonly isPagedByToken?: true;
  /** What is asked of the one object makes another of its kind. */
  readonly makesAnother?: true;
  /** The vendor asks money for what this begins, and nobody here can know how much. */
  readonly isPaid?: true;
  /** The body is a prompt, which its model reads, to be part of later ones. */
  readonly keepsPrompt?: true;
  /** The answer is what somebody has written, whatever it looks like; it names nothing. */
  readonly tellsContent?: true;
  /** The vendor is going to give it up. */
  readonly isDeprecated?: true;
}

/** A body of another dialect is known by a field that the route's own dialect does not have. */
export interface OtherShape {
  readonly field: string;
  /** A field that would say otherwise. */
  readonly unless?: string;
  readonly route: RelayRoute;
}

export interface RelayRoute {
  /** The path as documented, e.g. `/v1/chat/completions`; shown in records and metrics. */
  readonly path: string;
  readonly method: string;
  readonly operation: Operation;
  /** The dialect its clients speak: body, answer and errors. */
  readonly codec: Codec;
  /** What an identity must hold. */
  readonly scope: Scope;
  /**
   * `chat`, `completions`, `embeddings`, `rerank`, `count-tokens`: as they are or translated. `compact`: as it is, for
   * upstreams of its dialect. `google-upload`: bytes in Google's protocol. `json`, `multipart`: raw, with the body in that form. `none`: raw, without a body.
   */
  readonly body:
    | "chat"
    | "completions"
    | "embeddings"
    | "rerank"
    | "count-tokens"
    | "compact"
    | "google-upload"
    | "credits"
    | "realtime"
    | "json"
    | "multipart"
    | "none";
  /** Raw lane: the path below the provider's API root (where the model stands in the path: what follows it); default: `path` without `/v1`. */
  readonly upstreamPath?: string;
  /** The route is about a thing that lies with an upstream; its `body` is passed on as it is. */
  readonly object?: ObjectUse;
  /** Bodies of other dialects that come here all the same. */
  readonly alsoTakes?: readonly OtherShape[];
  /** A field of the body, a text or a list of them, that is to be a header towards the upstream. */
  readonly headerField?: { readonly field: string; readonly header: string };
  /** The same call for an upstream that only chats. */
  readonly asChat?: RelayRoute;
  /** The path alone says that the answer is a stream. */
  readonly streams?: true;
  /** Raw lane: the model that the vendor takes where a request names none. */
  readonly usualModel?: string;
  /** Fields that only other models than that take. */
  readonly unusualWith?: readonly string[];
  /** Forms may come as JSON. */
  readonly alsoJson?: true;
  /** Top-level fields that must be there, and what their text must begin with. */
  readonly required: Readonly<Record<string, FieldKind>>;
  /** Top-level fields that may be there, and what their text must begin with; `null` is always allowed. */
  readonly optional: Readonly<Record<string, FieldKind>>;
}

export type FieldKind =
  | "string"
  | "number"
  | "boolean"
  | "array"
  | "filled array"
  | "object"
  | "string or array"
  | "any";
