/** Bodies that make and change API keys, and what the key service calls their fields. */
import { Type } from "@sinclair/typebox";
import { parseInstant } from "../../auth/instant.ts";
import type { KeyFields } from "../../auth/key-fields.ts";
import { invalid, problem } from "../../auth/refusals.ts";
import type { JsonObject } from "../../plugin/index.ts";
import { Body, Nullable, Text } from "./fields.ts";

const LIST_MAX = 1000;
const Texts = Type.Array(Text(), { maxItems: LIST_MAX });

export const KeyLimits = Body({
  rpm: Type.Optional(Type.Integer({ minimum: 0 })),
  tpm: Type.Optional(Type.Integer({ minimum: 0 })),
  concurrency: Type.Optional(Type.Integer({ minimum: 0 })),
  budgets: Type.Optional(
    Type.Array(
      Body({
        usd: Type.Number(),
        window: Type.Union((["hour", "day", "week", "month", "total"] as const).map((name) => Type.Literal(name))),
      }),
      { maxItems: LIST_MAX },
    ),
  ),
});

const FIELDS = {
  scopes: Type.Optional(Texts),
  models: Type.Optional(Nullable(Body({ allow: Type.Optional(Texts), deny: Type.Optional(Texts) }))),
  default_model: Type.Optional(Nullable(Text())),
  providers: Type.Optional(Nullable(Texts)),
  limits: Type.Optional(Nullable(KeyLimits)),
  ip_allow: Type.Optional(Nullable(Texts)),
  log_bodies: Type.Optional(Nullable(Type.Union([Type.Literal("off"), Type.Literal("preview"), Type.Literal("full")]))),
  expose_routing: Type.Optional(Nullable(Type.Boolean())),
  metadata: Type.Optional(Nullable(Type.Record(Type.String(), Type.Unknown()))),
  expires_at: Type.Optional(Nullable(Text())),
};

export const CreateKey = Body({ name: Text(), ...FIELDS, org_id: Type.Optional(Text()) });
export const PatchKey = Body({ name: Type.Optional(Text()), ...FIELDS });

/** Absent fields stay absent: they mean "as it is", or the default. */
export function keyFields(body: typeof PatchKey.static): KeyFields {
  const { name, scopes, models, providers, limits } = body;
  const fields: { -readonly [Field in keyof KeyFields]: KeyFields[Field] } = {};
  if (name !== undefined) fields.name = name;
  if (scopes !== undefined) fields.scopes = scopes;
  if (models !== undefined) fields.models = models;
  if (providers !== undefined) fields.providers = providers;
  if (limits !== undefined) fields.limits = limits;
  if (body.default_model !== undefined) fields.defaultModel = body.default_model;
  if (body.ip_allow !== undefined) fields.ipAllow = body.ip_allow;
  if (body.log_bodies !== undefined) fields.logBodies = body.log_bodies;
  if (body.expose_routing !== undefined) fields.exposeRouting = body.expose_routing;
  if (body.metadata !== undefined) fields.metadata = body.metadata as JsonObject | null;
  if (body.expires_at !== undefined) fields.expiresAt = expiry("expires_at", body.expires_at);
  return fields;
}

/** ms since epoch; `null` = never. Throws 422 for what is no RFC 3339 instant with an offset. */
export function expiry(field: string, text: string | null): number | null {
  if (text === null) return null;
  const at = parseInstant(text);
  if (at === undefined) throw invalid(problem(field, "must be an RFC 3339 instant with an offset"));
  return at;
}
