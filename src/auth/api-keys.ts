/** API keys: made within the bounds of whoever makes them, shown once, found by the digest of the whole, over at once. */
import type { Identity, Logger } from "../contract/host.ts";
import type {
  AccountRepositories,
  ApiKey,
  ApiKeyFilter,
  ApiKeyStanding,
  KeyStyle,
  NewApiKey,
  Page,
  PageRequest,
} from "../store/types.ts";
import type { Clock, Schedule } from "../support/clock.ts";
import type { AuditTrail } from "./audit.ts";
import { type AccountsConfig, actorOf, type Caller } from "./caller.ts";
import { grantScopes } from "./grants.ts";
import { withinReach } from "./key-bounds.ts";
import { checkKeyFields, type KeyFields, NO_LIMITS, wholeLimits, wholeModels } from "./key-fields.ts";
import { checkImportedKey, shownPartsOfImported } from "./imported-key.ts";
import { boundedExpiry, rotatedExpiry } from "./key-lifetime.ts";
import { requireMastery, requireOwnership } from "./key-mastery.ts";
import { keyPatch } from "./key-patch.ts";
import { createKeyLookup, type KeyLookup } from "./key-lookup.ts";
import { prefixFor } from "./key-prefixes.ts";
import { mintKey, shownParts } from "./key-text.ts";
import { createKeyView } from "./key-view.ts";
import { type FillRandom, randomBase62 } from "./randomness.ts";
import { conflict, forbidden, notFound } from "./refusals.ts";
import type { Revocations } from "./revocations.ts";

export interface ApiKeysOptions {
  readonly accounts: AccountRepositories;
  readonly config: () => AccountsConfig;
  /** Kept apart from the database: who has that alone cannot even try keys out. */
  readonly pepper: Uint8Array;
  readonly audit: AuditTrail;
  readonly revocations: Revocations;
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly newUuid: () => string;
  readonly fillRandom: FillRandom;
  readonly log: Logger;
}

export interface CreateKeyRequest extends KeyFields {
  readonly name: string;
  /** Absent: the caller's. */
  readonly orgId?: string;
}

export interface CreateKeyOptions {
  readonly style: KeyStyle;
  readonly idempotencyKey?: string;
  /** `imported` only: the key that people have already. */
  readonly text?: string;
}

/** `secret` is shown this once; a replayed request has none. */
export interface MadeKey {
  readonly key: ApiKey;
  readonly secret?: string;
}

/** Each throws a `RelayError` with the status and code of `http-api` §11; keys that the caller may not see are 404. */
export interface ApiKeys extends Omit<KeyLookup, "identify" | "isOwn"> {
  create(request: CreateKeyRequest, options: CreateKeyOptions, caller: Caller): Promise<MadeKey>;
  /** By UUID or public id. */
  get(id: string, caller: Identity): Promise<ApiKey>;
  list(filter: ApiKeyFilter, page: PageRequest, caller: Identity): Promise<Page<ApiKey>>;
  update(id: string, fields: KeyFields, caller: Caller): Promise<ApiKey>;
  /** For good. `already`: it had been before. */
  revoke(id: string, caller: Caller): Promise<"revoked" | "already">;
  /** `graceMs`: how long the old one lives on beside the new one. The one that the old one replaced ends now. */
  rotate(id: string, graceMs: number, caller: Caller): Promise<MadeKey>;
}

/** As `http-api` §11.1 shows it. */
export function statusOf(key: Pick<ApiKey, "revokedAt" | "expiresAt">, now: number): "active" | "expired" | "revoked" {
  if (key.revokedAt !== null) return "revoked";
  return key.expiresAt !== null && now >= key.expiresAt ? "expired" : "active";
}

const IDEMPOTENT_MS = 24 * 3_600_000;
const PUBLIC_ID_LENGTH = 20;

function tooManyKeys(max: number): Error {
  return conflict("too_many_keys", `There may be ${max} live keys; revoke one first`);
}

function lineTooLong(): Error {
  return conflict("key_line_too_long", "This key descends from too many others; make a new one in a session");
}

export function createApiKeys(options: ApiKeysOptions): ApiKeys {
  const { accounts, config, pepper, audit, revocations, clock, schedule, newUuid, fillRandom, log } = options;
  const view = createKeyView(accounts.orgs);
  const digest = (secret: string): string => new Bun.CryptoHasher("sha256", pepper).update(secret).digest("hex");
  const lookup = createKeyLookup({ accounts, config, digest, revocations, clock, schedule, log });
  const { identify, isOwn, ...found } = lookup;

  /** The key, if this caller may see it; 404 otherwise. */
  const seen = async (id: string, caller: Identity): Promise<ApiKeyStanding> => {
    const standing = await accounts.apiKeys.find(id);
    if (standing === undefined || !(await view.sees(standing.key, caller))) throw notFound();
    return standing;
  };
  const resolveOrg = async (asked: string | undefined, identity: Identity): Promise<string> => {
    const orgId = asked ?? identity.orgId ?? (await accounts.orgs.findDefault())?.id;
    if (orgId === undefined) throw conflict("setup_required", "The first account has to be made before any key");
    if (orgId === identity.orgId) return orgId;
    if (identity.kind === "api-key") throw notFound();
    if (identity.userId === null) {
      if ((await accounts.orgs.find(orgId)) === undefined) throw notFound();
      return orgId;
    }
    if ((await view.roleIn(orgId, identity)) === undefined) throw notFound();
    return orgId;
  };
  const secretOf = ({ style, text }: CreateKeyOptions): string =>
    style === "imported"
      ? checkImportedKey(text, isOwn, config().server)
      : mintKey(prefixFor(style, config().apiKeys), fillRandom);

  return {
    create: (request, { style, idempotencyKey, text }, caller) =>
      audit.refusing(caller, "api_key.create", null, async () => {
        const { identity } = caller;
        const { apiKeys } = config();
        const now = Math.floor(clock.now());
        if (identity.role === "user" && !apiKeys.userCreated) {
          throw forbidden("key_creation_disabled", "Only admins make API keys here (api_keys.user_created)");
        }
        checkKeyFields(request, style, now);
        const scopes = grantScopes(request.scopes, style, identity, apiKeys.defaultScopes);
        const isNative = style === "native";
        const { models, providers, limits, ipAllow } = request;
        const reach = withinReach(
          {
            models: models == null ? undefined : wholeModels(models),
            providers: providers ?? undefined,
            limits: limits == null ? undefined : wholeLimits(limits),
            ipAllow: ipAllow ?? undefined,
            logBodies: request.logBodies ?? undefined,
            exposeRouting: request.exposeRouting ?? undefined,
          },
          identity,
        );
        const secret = secretOf({ style, ...(text === undefined ? {} : { text }) });
        const key: NewApiKey = {
          id: newUuid(),
          publicId: `key_${randomBase62(PUBLIC_ID_LENGTH, fillRandom)}`,
          name: request.name,
          ...(style === "imported" ? shownPartsOfImported(secret) : shownParts(secret)),
          hash: digest(secret),
          orgId: await resolveOrg(request.orgId, identity),
          userId: identity.userId,
          style,
          scopes,
          models: reach.models ?? (isNative ? apiKeys.defaultModels : wholeModels({})),
          defaultModel: (request.defaultModel === undefined ? identity.defaultModel : request.defaultModel) ?? null,
          providers: reach.providers ?? [],
          limits: reach.limits ?? (isNative ? apiKeys.defaultLimits : NO_LIMITS),
          ipAllow: reach.ipAllow ?? [],
          logBodies: reach.logBodies ?? null,
          exposeRouting: reach.exposeRouting ?? true,
          metadata: request.metadata ?? {},
          createdBy: identity.id,
          expiresAt: boundedExpiry(request.expiresAt, now, apiKeys, identity),
          replaces: null,
        };
        const idempotency =
          idempotencyKey === undefined
            ? null
            : {
                key: digest(`idempotency ${identity.id} ${idempotencyKey}`),
                digest: digest(JSON.stringify([style, request])),
                withinMs: IDEMPOTENT_MS,
              };
        const rules = { liveMax: apiKeys.maxPerUser, idempotency };
        const outcome = await accounts.apiKeys.create(key, rules, actorOf(caller));
        switch (outcome.type) {
          case "created":
            // Of the first imported key the look-up has to be told.
            if (style === "imported") await found.start();
            return { key: outcome.key, secret };
          case "replayed":
            return { key: outcome.key };
          case "conflict":
            throw conflict("idempotency_key_reused", "This Idempotency-Key came with another request before");
          case "too-many":
            throw tooManyKeys(apiKeys.maxPerUser);
          case "known":
            throw conflict("key_known", "This key is known here already, perhaps as a revoked one");
          case "line-too-long":
            throw lineTooLong();
          case "org-not-found":
            throw notFound();
          case "owner-refused":
            throw forbidden("forbidden", "The account behind this credential is not active");
        }
      }),

    get: async (id, caller) => (await seen(id, caller)).key,

    list: async (filter, page, caller) => accounts.apiKeys.list(await view.narrow(filter, caller), page),

    update: (id, fields, caller) =>
      audit.refusing(caller, "api_key.update", id, async () => {
        const standing = await seen(id, caller.identity);
        const { key } = standing;
        requireMastery(standing, identify(standing)?.scopes, caller.identity);
        const now = Math.floor(clock.now());
        if (statusOf(key, now) === "revoked") throw conflict("key_revoked", "A revoked key stays as it is");
        checkKeyFields(fields, key.style, now);
        const patch = keyPatch(fields, key, now, config().apiKeys, caller.identity);
        const { maxPerUser: liveMax } = config().apiKeys;
        const updated = await accounts.apiKeys.update(key.id, patch, liveMax, actorOf(caller));
        if (updated === "too-many") throw tooManyKeys(liveMax);
        if (updated === undefined) throw conflict("key_revoked", "A revoked key stays as it is");
        revocations.emit({ type: "changed", principalId: updated.publicId });
        return updated;
      }),

    revoke: (id, caller) =>
      audit.refusing(caller, "api_key.revoke", id, async () => {
        const standing = await seen(id, caller.identity);
        requireMastery(standing, identify(standing)?.scopes, caller.identity);
        const outcome = await accounts.apiKeys.revoke(standing.key.id, actorOf(caller));
        if (outcome === "not-found") throw notFound();
        revocations.emit({ type: "ended", principalId: standing.key.publicId });
        return outcome;
      }),

    rotate: (id, graceMs, caller) =>
      audit.refusing(caller, "api_key.rotate", id, async () => {
        const standing = await seen(id, caller.identity);
        requireMastery(standing, identify(standing)?.scopes, caller.identity);
        requireOwnership(standing, identify(standing)?.scopes, caller.identity);
        const { key } = standing;
        const now = Math.floor(clock.now());
        const secret = secretOf({ style: key.style === "imported" ? "native" : key.style });
        const { createdAt: _created, lastUsedAt: _used, revokedAt: _revoked, countsAs: _line, ...kept } = key;
        const successor: NewApiKey = {
          ...kept,
          id: newUuid(),
          publicId: `key_${randomBase62(PUBLIC_ID_LENGTH, fillRandom)}`,
          ...shownParts(secret),
          hash: digest(secret),
          style: key.style === "imported" ? "native" : key.style,
          createdBy: caller.identity.id,
          expiresAt: rotatedExpiry(key, now, config().apiKeys, caller.identity),
          replaces: key.id,
        };
        const { maxPerUser: liveMax } = config().apiKeys;
        const outcome = await accounts.apiKeys.rotate(key.id, successor, { graceMs, liveMax }, actorOf(caller));
        switch (outcome.type) {
          case "not-active":
            throw conflict("key_not_active", "Only a live key can be rotated");
          case "has-successor":
            throw conflict("key_rotated", "The key has been rotated; rotate the one that replaces it");
          case "too-many":
            throw tooManyKeys(liveMax);
          case "line-too-long":
            throw lineTooLong();
        }
        revocations.emit({ type: "changed", principalId: key.publicId });
        for (const principalId of outcome.ended) revocations.emit({ type: "ended", principalId });
        return { key: outcome.key, secret };
      }),

    ...found,
  };
}
