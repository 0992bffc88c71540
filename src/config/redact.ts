/** What may be shown of a configuration: everything but secrets, which appear as `redacted:<last4>:<fingerprint>`. */
import type * as Yaml from "yaml";
import { mask } from "../support/secret.ts";
import type { Catalog } from "./catalog.ts";
import { encodeConfig, type PlainMap } from "./encode.ts";
import { formatSource, type Source, sourceOf } from "./source.ts";
import { itemPath, keyPath } from "./tree.ts";
import type { Config } from "./types.ts";

export interface RedactInput {
  readonly config: Config;
  readonly catalog: Catalog;
  /** Texts with `${…}` are shown as they were written: they tell where a secret is, not what. */
  readonly references: ReadonlyMap<string, string>;
  /** Keys the fingerprints, so that nobody can search for a secret by guessing. */
  readonly fingerprintKey: string | Uint8Array;
}

/** The effective configuration in the form of the file. */
export function redactConfig({ config, catalog, references, fingerprintKey }: RedactInput): PlainMap {
  return encodeConfig(config, catalog, (path, value, secrets) => {
    const reference = references.get(path);
    if (reference !== undefined) return reference;
    if (typeof value !== "string") return value;
    return secrets.reduce((text, secret) => text.replaceAll(secret, mask(secret, fingerprintKey)), value);
  });
}

/** Every secret value in it, once: what no log line and no answer may contain. */
export function secretValues(config: Config, catalog: Catalog = new Map()): string[] {
  const found = new Set<string>();
  encodeConfig(config, catalog, (_path, value, secrets) => {
    for (const secret of secrets) found.add(secret);
    return value;
  });
  return [...found];
}

/** As YAML; with `sources`, each value is followed by where it comes from. */
export async function renderYaml(document: PlainMap, sources?: ReadonlyMap<string, Source>): Promise<string> {
  const yaml = await import("yaml");
  const rendered = new yaml.Document(document, { aliasDuplicateObjects: false });
  if (sources !== undefined) {
    yaml.visit(rendered, {
      Scalar(key, node, ancestors) {
        if (key !== "key") node.comment = ` ${formatSource(sourceOf(sources, pathOf(yaml, key, ancestors)))}`;
      },
    });
  }
  return rendered.toString({ lineWidth: 0 });
}

/** The way from the root down to a scalar; `key` is its index if it stands in a list. */
function pathOf(yaml: typeof Yaml, key: unknown, ancestors: readonly unknown[]): string {
  let path = "";
  for (const [index, ancestor] of ancestors.entries()) {
    if (yaml.isPair(ancestor)) path = keyPath(path, String(ancestor.key));
    if (!yaml.isSeq(ancestor)) continue;
    const below = ancestors[index + 1];
    path = itemPath(path, below === undefined ? Number(key) : ancestor.items.indexOf(below));
  }
  return path;
}
