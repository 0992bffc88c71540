/** Which objects an upstream's answer names: what was made, and what came to lie beside it. */
import type { JsonObject } from "../plugin/index.ts";

export interface NamedObject {
  readonly id: string;
  readonly kind: string;
}

/** Google's names begin with those of their collections. */
const NAME = /^(?:cachedContents|batches|files)\/[A-Za-z0-9_-]{1,256}$/;
const ID = /^(?:(?:cachedContents|batches|files)\/)?[A-Za-z0-9_-]{1,256}$|^uploads\/[A-Za-z0-9_-]{1,1024}$/;

/** Fields that name an object of another kind than the answer's own. */
const LINKED: readonly (readonly [field: string, kind: string])[] = [
  ["output_file_id", "file"],
  ["error_file_id", "file"],
  ["thread_id", "thread"],
];

export function isObjectId(value: unknown): value is string {
  return typeof value === "string" && ID.test(value);
}

/** `kind`: of the object that the answer is about. */
export function objectsIn(body: JsonObject, kind: string): NamedObject[] {
  // Elsewhere a name is what the caller has chosen.
  if (kind.startsWith("gemini-")) {
    const { file } = body;
    const { name } = typeof file === "object" && file !== null && !Array.isArray(file) ? file : body;
    return typeof name === "string" && NAME.test(name) ? [{ id: name, kind }] : [];
  }
  const named: NamedObject[] = [];
  const add = (id: unknown, its: string): void => {
    if (isObjectId(id)) named.push({ id, kind: its });
  };
  add(body["id"], kind);
  for (const [field, its] of LINKED) add(body[field], its);
  for (const id of Array.isArray(body["result_files"]) ? body["result_files"] : []) add(id, "file");
  const { file } = body;
  if (typeof file === "object" && file !== null && !Array.isArray(file)) add(file["id"], "file");
  return named;
}
