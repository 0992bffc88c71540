/** What a change of a key comes to: absent fields stay, `null` clears, and nothing goes beyond who changes it. */
import type { ApiKeysConfig } from "../config/types.ts";
import type { Identity } from "../contract/host.ts";
import type { ApiKey, ApiKeyPatch } from "../store/types.ts";
import { grantScopes } from "./grants.ts";
import { withinReach } from "./key-bounds.ts";
import { type KeyFields, NO_LIMITS, wholeLimits, wholeModels } from "./key-fields.ts";
import { boundedExpiry } from "./key-lifetime.ts";

/** `fields` have been checked. Throws 403 and 422. */
export function keyPatch(
  fields: KeyFields,
  key: ApiKey,
  now: number,
  rules: ApiKeysConfig,
  caller: Identity,
): ApiKeyPatch {
  const { name, scopes, models, defaultModel, providers, limits, ipAllow, logBodies, exposeRouting, metadata } = fields;
  const asked = {
    ...(models === undefined ? {} : { models: models === null ? wholeModels({}) : { ...key.models, ...models } }),
    ...(providers === undefined ? {} : { providers: providers ?? [] }),
    ...(limits === undefined
      ? {}
      : { limits: limits === null ? NO_LIMITS : wholeLimits({ ...key.limits, ...limits }) }),
    ...(ipAllow === undefined ? {} : { ipAllow: ipAllow ?? [] }),
    ...(logBodies === undefined ? {} : { logBodies }),
    ...(exposeRouting === undefined ? {} : { exposeRouting: exposeRouting ?? true }),
  };
  // Only what is being changed is held against the caller: the rest has been granted before.
  const bounded = withinReach(asked, caller);
  const reach = Object.fromEntries(Object.entries(bounded).filter(([field]) => field in asked));
  return {
    ...reach,
    ...(name === undefined ? {} : { name }),
    ...(scopes === undefined ? {} : { scopes: grantScopes(scopes, key.style, caller, rules.defaultScopes) }),
    ...(defaultModel === undefined ? {} : { defaultModel }),
    ...(metadata === undefined ? {} : { metadata: metadata ?? {} }),
    ...(fields.expiresAt === undefined ? {} : { expiresAt: boundedExpiry(fields.expiresAt, now, rules, caller) }),
  };
}
