/** What the relay knows about a route before it has looked at the request. */
import type { Scope } from "../config/scopes.ts";
import type { Codec, Operation } from "../plugin/index.ts";

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
   * `chat`, `embeddings`, `count-tokens`: as they are or translated. `json`, `multipart`: raw, with the body in that
   * form. `none`: raw, without a body.
   */
  readonly body: "chat" | "embeddings" | "count-tokens" | "json" | "multipart" | "none";
  /** Raw lane: the path below the provider's API root (where the model stands in the path: what follows it); default: `path` without `/v1`. */
  readonly upstreamPath?: string;
  /** The path alone says that the answer is a stream. */
  readonly streams?: true;
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
