/** Where a value comes from: the file, a variable, a flag, or its default. */
import type { Tree } from "./tree.ts";

export type Source =
  | { readonly kind: "default" }
  | { readonly kind: "file"; readonly line: number }
  | { readonly kind: "env"; readonly name: string }
  | { readonly kind: "flag"; readonly name: string };

const DEFAULT: Source = { kind: "default" };

export function collectSources(nodes: ReadonlyMap<string, Tree>): Map<string, Source> {
  const sources = new Map<string, Source>();
  for (const [path, { origin, keyAt }] of nodes) {
    if (origin.kind !== "file") sources.set(path, origin);
    else if (keyAt.line > 0) sources.set(path, { kind: "file", line: keyAt.line });
  }
  return sources;
}

export function sourceOf(sources: ReadonlyMap<string, Source>, path: string): Source {
  return sources.get(path) ?? DEFAULT;
}

/** `default`, `file:3`, `env MONORELAY_PORT`, `flag --port`. */
export function formatSource(source: Source): string {
  if (source.kind === "default") return "default";
  return source.kind === "file" ? `file:${source.line}` : `${source.kind} ${source.name}`;
}
