/** What changed between two configurations, by path, and which of it waits for a restart. */
import type { Catalog } from "./catalog.ts";
import { encodeConfig, type PlainMap } from "./encode.ts";
import { SCHEMA } from "./schema/index.ts";
import type { Field, Spec } from "./schema/kit.ts";
import { keyPath, type PlainValue } from "./tree.ts";
import type { Config } from "./types.ts";

export interface ConfigDiff {
  /** Single keys; lists, such as a provider's `keys`, as one. An entry that came or went is one path. */
  readonly changed: readonly string[];
  /** The changed paths that keep their running value until the next start. */
  readonly restartRequired: readonly string[];
}

export function diffConfigs(before: Config, after: Config): ConfigDiff {
  const catalog: Catalog = new Map();
  const changed: string[] = [];
  const restartRequired: string[] = [];
  compare(SCHEMA, encodeConfig(before, catalog), encodeConfig(after, catalog), "", (path, isRestart) => {
    changed.push(path);
    if (isRestart) restartRequired.push(path);
  });
  return { changed, restartRequired };
}

/** Paths of all keys that rule after a restart only. */
export function restartPaths(): string[] {
  const paths: string[] = [];
  const visit = (fields: Readonly<Record<string, Field>>, path: string): void => {
    for (const [key, field] of Object.entries(fields)) {
      const where = keyPath(path, key);
      if (field.restart !== false) paths.push(where);
      if (field.spec.kind === "object") visit(field.spec.fields, where);
    }
  };
  visit(SCHEMA.fields, "");
  return paths;
}

type Report = (path: string, isRestart: boolean) => void;

function compare(
  spec: Spec | undefined,
  before: PlainValue | undefined,
  after: PlainValue | undefined,
  path: string,
  report: Report,
): void {
  // As text, because the order of keys may count further down.
  if (JSON.stringify(before) === JSON.stringify(after)) return;
  const canDescend = spec?.kind === "object" || spec?.kind === "map" || spec?.kind === "deferred";
  if (!canDescend || !isMap(before) || !isMap(after)) {
    if (!Bun.deepEquals(before, after)) report(path, false);
    return;
  }

  // Where file order counts, another order is a change of the whole.
  const isOrdered = spec.kind === "map" && spec.form.kind !== "record";
  const [shared, sharedAfter] = [
    Object.keys(before).filter((key) => key in after),
    Object.keys(after).filter((key) => key in before),
  ];
  if (isOrdered && shared.join("\n") !== sharedAfter.join("\n")) report(path, false);

  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const field = spec.kind === "object" ? spec.fields[key] : undefined;
    const below = spec.kind === "map" ? spec.value : spec.kind === "deferred" ? OPTIONS : field?.spec;
    const where = keyPath(path, key);
    if (field?.restart === "presence" && (before[key] === undefined) !== (after[key] === undefined))
      report(where, true);
    else
      compare(below, before[key], after[key], where, field?.restart === true ? (inner) => report(inner, true) : report);
  }
}

/** Options of a plugin: one path per option. */
const OPTIONS: Spec = { kind: "deferred", suffix: "" };

function isMap(value: PlainValue | undefined): value is PlainMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
