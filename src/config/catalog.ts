/** What the configuration has to know of the plugins at hand: which there are, and which options they take. */
import type { TSchema } from "@sinclair/typebox";
import type { Problem } from "./types.ts";

export interface CatalogEntry {
  readonly kind: "provider" | "auth";
  /** A TypeBox object with camelCase names; a string with `secret: true` is shown nowhere. */
  readonly options: TSchema;
  /** Provider: where calls go unless the entry says `base_url`. */
  readonly baseUrl?: string;
  /** Provider: does an entry need an enabled key? Default `required`. */
  readonly keys?: "required" | "optional" | "none";
  /** Provider: usually runs on the operator's own machine. */
  readonly local?: boolean;
  /** Provider: ids of its dialects in order of preference; tells which endings of `base_url` it adds itself. */
  readonly codecs?: readonly string[];
}

/** By plugin id. */
export type Catalog = ReadonlyMap<string, CatalogEntry>;

/** The part of `plugins` that says what to load. */
export interface PluginSelection {
  /** Absolute. */
  readonly dir: string;
  readonly list: readonly { readonly name: string; readonly sha256: string | null; readonly enabled: boolean }[];
  readonly requireHash: boolean;
}

/**
 * Finds the plugins of a configuration. Called once per load, after parsing and before checking. Problems without a
 * line get that of their path.
 */
export type ResolvePlugins = (selection: PluginSelection) => Promise<{
  readonly catalog: Catalog;
  readonly problems: readonly Problem[];
  readonly warnings?: readonly Problem[];
}>;

/** An OpenAI-compatible service by its vendor-neutral name; the plugin that speaks to it. */
export const API_ALIAS = { written: "api", plugin: "openai" } as const;

/** What answers while no provider is configured. */
export const FALLBACK_PROVIDER = "echo";
