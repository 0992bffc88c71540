/** Keeping what only one dialect has: unknown fields, the form in which things were written, and what is lost abroad. */
import type { HostedCallPart, Json, JsonObject, OpaquePart, Vendor } from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import { RelayError } from "../../contract/errors.ts";
import { isEmpty, isObject, objectOr, textOf } from "./json.ts";

/**
 * Beside a dialect's own fields (`vendor["openai-chat"]`) its decoder notes in which form the neutral fields were
 * written (`vendor["openai-chat/form"]`): `max_tokens` or `max_completion_tokens`, a string or an array. The same
 * dialect's encoder writes them in that form again; for any other dialect nothing is lost by ignoring it.
 */
const FORM_SUFFIX = "/form";

/** Inside the form: what fields that were read hold beside that, by the name they have, e.g. `reasoning.context`. */
const UNREAD = "unread";

/** What `value` holds beside `known`, to stand in the form: said again in its own dialect, and named as lost in others. */
export function unreadIn(name: string, value: Json | undefined, known: readonly string[]): JsonObject {
  if (!isObject(value)) return {};
  const entries = Object.entries(value).filter(([field, entry]) => !known.includes(field) && !saysNothing(entry));
  return Object.fromEntries(entries.map(([field, entry]) => [`${name}.${field}`, entry]));
}

function saysNothing(value: Json): boolean {
  return value === null || value === false || value === "auto";
}

/** The same of a field whose value was not understood, as the house has no word for it (yet). */
export function unreadIf(name: string, value: Json | undefined, read: unknown): JsonObject {
  return value === undefined || saysNothing(value) || read !== undefined ? {} : { [name]: value };
}

/** `{ unread }` to spread into a form, or nothing. */
export function withUnread(...found: readonly JsonObject[]): JsonObject {
  const unread: JsonObject = Object.assign({}, ...found);
  return isEmpty(unread) ? {} : { [UNREAD]: unread };
}

/** Is this entry of a vendor's about the form things were written in? */
export function isForm(id: string): boolean {
  return id.endsWith(FORM_SUFFIX);
}

export function vendorOf(codecId: string, fields: JsonObject, form?: JsonObject): Vendor | undefined {
  const hasFields = !isEmpty(fields);
  if (!hasFields && form === undefined) return undefined;
  return { ...(hasFields ? { [codecId]: fields } : {}), ...(form ? { [codecId + FORM_SUFFIX]: form } : {}) };
}

/** `{ vendor }` to spread, or nothing. */
export function withVendor(codecId: string, fields: JsonObject, form?: JsonObject): { vendor?: Vendor } {
  const vendor = vendorOf(codecId, fields, form);
  return vendor ? { vendor } : {};
}

export function fieldsOf(vendor: Vendor | undefined, codecId: string): JsonObject {
  return vendor?.[codecId] ?? {};
}

/** `undefined` when the thing was not written in this dialect. */
export function formOf(vendor: Vendor | undefined, codecId: string): JsonObject | undefined {
  return vendor?.[codecId + FORM_SUFFIX];
}

/** Joins two, the second winning field by field. */
export function mergeVendor(a: Vendor | undefined, b: Vendor | undefined): Vendor | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const merged: { [id: string]: JsonObject } = { ...a };
  for (const [id, fields] of Object.entries(b)) merged[id] = { ...merged[id], ...fields };
  return merged;
}

/** Fields whose loss changes nothing worth telling: they steer the transport, or repeat a default. */
const HARMLESS: { readonly [codecId: string]: ReadonlySet<string> } = {
  "anthropic-messages": new Set(["anthropic_version", "anthropic_beta", "betas", "beta"]),
  "openai-chat": new Set(["usage"]),
  "openai-responses": new Set(["client_metadata"]),
};

/**
 * Fields that must not be dropped, because the caller would get something else than what was asked for. Each answers
 * whether this value is such a case.
 */
const CHANGES_MEANING: { readonly [codecId: string]: { readonly [field: string]: (value: unknown) => boolean } } = {
  "openai-chat": {
    modalities: (value) => Array.isArray(value) && value.some((kind) => kind !== "text"),
    audio: (value) => isObject(value),
  },
  gemini: {
    cachedContent: (value) => value !== null,
    responseModalities: (value) =>
      Array.isArray(value) && value.some((kind) => !/^(text|modality_unspecified)$/i.test(String(kind))),
  },
  "openai-responses": {
    previous_response_id: (value) => value !== null,
    conversation: (value) => value !== null,
    prompt: (value) => value !== null,
    background: (value) => value === true,
  },
};

/** Content that points at, or encloses, a part of the conversation which only its maker can look up. */
const STANDS_FOR_MORE: { readonly [codecId: string]: ReadonlySet<string> } = {
  "openai-responses": new Set(["item_reference", "compaction", "compaction_summary", "compaction_trigger"]),
};

/** Content whose meaning has been read elsewhere, so that leaving it out loses nothing. */
const READ_ELSEWHERE: { readonly [codecId: string]: ReadonlySet<string> } = {
  "openai-responses": new Set(["additional_tools"]),
};

/** The wire code of such a refusal, where the family has one of its own. */
const REFUSAL_CODES: { readonly [codecId: string]: string } = {
  "openai-responses": "previous_response_not_supported",
};

function refusal(codecId: string, field: string): RelayError {
  const wireCode = REFUSAL_CODES[codecId];
  return new RelayError("bad-request", `'${field}' is not supported by the upstream chosen for this model.`, {
    param: field,
    ...(wireCode === undefined ? {} : { wireCode }),
  });
}

/**
 * Reports every top-level field of other dialects as lost.
 * @throws RelayError `bad-request` when one of them changes the meaning of the call.
 */
export function loseForeignFields(vendor: Vendor | undefined, codecId: string, lose: EncodeTarget["lose"]): void {
  for (const [id, fields] of Object.entries(vendor ?? {})) {
    if (isForm(id)) {
      if (id === codecId + FORM_SUFFIX) continue;
      for (const field of Object.keys(objectOr(fields[UNREAD])))
        lose(field, "the upstream's dialect has no such setting");
      continue;
    }
    if (id === codecId) continue;
    for (const [field, value] of Object.entries(fields)) {
      if (CHANGES_MEANING[id]?.[field]?.(value)) throw refusal(id, field);
      if (value === false || HARMLESS[id]?.has(field)) continue;
      lose(field, "the upstream's dialect has no such field");
    }
  }
}

/**
 * Reports content of another dialect as lost.
 * @throws RelayError `bad-request` when the conversation would be another without it.
 */
export function loseForeignPart({ codecId, value }: OpaquePart, lose: EncodeTarget["lose"]): void {
  const type = textOf(value["type"]) ?? "messages";
  if (STANDS_FOR_MORE[codecId]?.has(type)) throw refusal(codecId, type);
  if (READ_ELSEWHERE[codecId]?.has(type)) return;
  lose(type, "the upstream's dialect has no such content");
}

/** Reports a tool at work at another vendor as lost: its sources and results mean nothing to this one. */
export function loseHosted({ raw }: HostedCallPart, lose: EncodeTarget["lose"]): void {
  lose(raw, "a call of another vendor's own tool cannot be sent to the upstream");
}

/** A `lose` that reports each field once, however many messages show it. */
export function loseOnce(lose: EncodeTarget["lose"]): EncodeTarget["lose"] {
  const seen = new Set<string>();
  return (field, reason) => {
    if (seen.has(field)) return;
    seen.add(field);
    lose(field, reason);
  };
}
