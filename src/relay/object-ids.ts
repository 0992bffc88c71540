/** Which objects an upstream's answer names: what was made, and what came to lie beside it. */
import type { JsonObject } from "../plugin/index.ts";

export interface NamedObject {
  readonly id: string;
  readonly kind: string;
}

/** Google's names begin with those of their collections. */
const NAME = /^(?:cachedContents|batches|files)\/[A-Za-z0-9_-]{1,256}$/;
const ID = /^(?:(?:cachedContents|batches|files)\/)?[A-Za-z0-9_-]{1,256}$|^uploads\/[A-Za-z0-9_-]{1,1024}$/;

interface Link {
  readonly field: string;
  readonly kind: string;
  /** Of a text, of each text of a list, or of an object's `id`. */
  readonly form: "id" | "ids" | "object";
}

/** What vendors name beside a thing of some kind. Of any other kind such a field is somebody's text. */
const LINKED: { readonly [kind: string]: readonly Link[] | undefined } = {
  batch: [
    { field: "output_file_id", kind: "file", form: "id" },
    { field: "error_file_id", kind: "file", form: "id" },
  ],
  "fine-tuning-job": [{ field: "result_files", kind: "file", form: "ids" }],
  run: [{ field: "thread_id", kind: "thread", form: "id" }],
  upload: [{ field: "file", kind: "file", form: "object" }],
};

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
  for (const { field, kind: its, form } of LINKED[kind] ?? []) {
    const value = body[field];
    if (form === "id") add(value, its);
    else if (form === "ids") for (const id of Array.isArray(value) ? value : []) add(id, its);
    else if (typeof value === "object" && value !== null && !Array.isArray(value)) add(value["id"], its);
  }
  return named;
}
