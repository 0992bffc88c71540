/** Makes an operator's changes on a request body; every byte that no change touches stays as the client wrote it. */
import type { Json, JsonObject, ReadField, RequestLayout, Traits } from "../plugin/index.ts";
import type { Change } from "../routing/layers.ts";
import { scanTopLevel, type TopLevel } from "./scan.ts";

/** Names stand at the top as they are: for dialects of plugins that have no layout. */
const PLAIN: RequestLayout = {
  place(parameter, value) {
    const [first = "", ...inner] = parameter.split(".");
    return { path: [first, ...inner], value };
  },
};

export interface Placing {
  readonly traits?: Traits;
  /** Gets the names of parameters that have no place in this body. */
  readonly unplaced?: string[];
}

/** The top-level fields that become something else; `undefined` = removed. */
function changedFields(
  changes: readonly Change[],
  layout: RequestLayout,
  { traits, unplaced }: Placing,
  readBody: ReadField,
): Map<string, Json | undefined> {
  const changed = new Map<string, Json | undefined>();
  const read: ReadField = (field) => (changed.has(field) ? changed.get(field) : readBody(field));
  for (const change of changes) {
    if (change.type === "prompt") {
      const fields = layout.systemPrompt?.(change.text, change.isInstead, read) ?? {};
      for (const [field, value] of Object.entries(fields)) changed.set(field, value);
      continue;
    }
    const placed = layout.place(change.name, change.type === "remove" ? null : change.value, read, traits);
    if (placed === undefined) {
      if (change.type !== "remove" && unplaced?.includes(change.name) === false) unplaced.push(change.name);
      continue;
    }
    const [field, ...inner] = placed.path;
    const before = read(field);
    const isThere = valueAt(before, inner) !== undefined;
    if (change.type === "fill" ? isThere : change.type === "remove" && !isThere) continue;
    changed.set(field, withValueAt(before, inner, change.type === "remove" ? undefined : placed.value));
  }
  return changed;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Null says as little as absence. */
function valueAt(value: Json | undefined, path: readonly string[]): Json | undefined {
  let at = value;
  for (const step of path) at = isObject(at) && Object.hasOwn(at, step) ? at[step] : undefined;
  return at ?? undefined;
}

function withValueAt(value: Json | undefined, path: readonly string[], wanted: Json | undefined): Json | undefined {
  const [step, ...inner] = path;
  if (step === undefined) return wanted;
  const own = isObject(value) ? value : {};
  const next = withValueAt(Object.hasOwn(own, step) ? own[step] : undefined, inner, wanted);
  const others = Object.entries(own).filter(([name]) => name !== step);
  return Object.fromEntries(next === undefined ? others : [...others, [step, next]]);
}

/** A body that is already parsed, changed in place. */
export function amendBody(
  body: JsonObject,
  changes: readonly Change[],
  layout: RequestLayout | undefined,
  placing: Placing,
): void {
  for (const [field, value] of changedFields(changes, layout ?? PLAIN, placing, (name) => body[name])) {
    if (value === undefined) delete body[field];
    else body[field] = value;
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The same body with the changes made. */
export function amendTop(
  top: TopLevel,
  changes: readonly Change[],
  layout: RequestLayout,
  placing: Placing = {},
): TopLevel {
  const changed = changedFields(changes, layout, placing, (field) => top.value(field) as Json | undefined);
  if (changed.size === 0) return top;
  const text = (from: number, to: number): string => decoder.decode(top.bytes.subarray(from, to));
  const head = top.fields[0]?.nameStart ?? top.close;
  let body = text(0, head);
  let isFirst = true;
  for (const [index, field] of top.fields.entries()) {
    const isChanged = changed.has(field.name);
    const value = changed.get(field.name);
    changed.delete(field.name);
    if (isChanged && value === undefined) continue;
    if (!isFirst) body += text(top.fields[index - 1]!.end, field.nameStart);
    isFirst = false;
    body += isChanged ? text(field.nameStart, field.start) + JSON.stringify(value) : text(field.nameStart, field.end);
  }
  for (const [name, value] of changed) {
    if (value === undefined) continue;
    body += `${isFirst ? "" : ","}${JSON.stringify(name)}:${JSON.stringify(value)}`;
    isFirst = false;
  }
  const tail = top.fields.at(-1)?.end ?? top.close;
  return scanTopLevel(encoder.encode(body + text(tail, top.bytes.length)) as Uint8Array<ArrayBuffer>);
}
