/** Who asks for a change and from where, as the services and the audit trail want to know it. */
import { expandScopes } from "../config/scopes.ts";
import type { Config } from "../config/types.ts";
import type { RelayError } from "../contract/errors.ts";
import type { Identity } from "../contract/host.ts";
import type { Actor } from "../store/types.ts";
import { forbidden } from "./refusals.ts";
import { isWholeAdmin } from "./roles.ts";

/** What the services read of the configuration; asked for each time, so that a reload rules at once. */
export type AccountsConfig = Pick<Config, "auth" | "apiKeys" | "sso"> & {
  readonly server: Pick<
    Config["server"],
    "jwtSecret" | "publicHost" | "accessKey" | "previousAccessKey" | "accessKeyEnabled" | "accessKeyScopes" | "host"
  >;
};

/** Where a request comes from. */
export interface Origin {
  /** Of the client, whole: for counting failures, never kept. Empty = not over the network. */
  readonly address: string;
  /** As far as the configuration lets it be kept. */
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly requestId: string | null;
}

export interface Caller {
  readonly identity: Identity;
  readonly origin: Origin;
}

export const NOWHERE: Origin = { address: "", ip: null, userAgent: null, requestId: null };

/** Whoever owns the data directory and acts on it from the command line: above the roles, but nobody's account. */
export const OPERATOR: Identity = Object.freeze({
  kind: "service",
  id: "cli",
  name: "command line",
  userId: null,
  orgId: null,
  apiKeyId: null,
  role: "super-admin",
  scopes: expandScopes(["*"]),
  via: "cli",
});

export function actorOf({ identity, origin }: Caller): Actor {
  const { ip, requestId } = origin;
  const { id: actor, userId, sessionId, apiKeyId, via } = identity;
  return {
    actor,
    userId,
    ...(sessionId === undefined ? {} : { sessionId }),
    ...(apiKeyId === null ? {} : { apiKeyId }),
    ...(isWholeAdmin(identity) ? {} : { isPartial: true }),
    via,
    ip,
    requestId,
  };
}

/** Somebody who has not signed in, or signs in just now. */
export function anonymousActor({ ip, requestId }: Origin, via: string): Actor {
  return { actor: "anonymous", userId: null, via, ip, requestId };
}

/** A signed-in person; keys and the command line have no account of their own to change. */
export function requireSession({ identity }: Caller): { readonly userId: number; readonly sessionId: string } {
  const { kind, userId, sessionId } = identity;
  if (kind !== "session" || userId === null || sessionId === undefined) {
    throw forbidden("session_required", "Sign in to use this");
  }
  return { userId, sessionId };
}

/** Throws 403 for a credential that could gain scopes by what it asks for: an admin's account. */
export function requireWholeAdmin({ identity }: Caller): void {
  if (!isWholeAdmin(identity)) throw beyondPartial();
}

export function beyondPartial(): RelayError {
  const message = "Admins are made and changed in a session, or by a credential with every management scope";
  return forbidden("insufficient_scope", message);
}

/** Throws `reauth_required` unless the person has proved who he is a short while ago. */
export function requireFresh({ identity }: Caller, reauthTtlMs: number, now: number): void {
  const { reauthAt } = identity;
  if (reauthAt === undefined || now - reauthAt >= reauthTtlMs) {
    throw forbidden("reauth_required", "Confirm your password or sign in again first");
  }
}

/** Password sign-in, registration and reset are closed, and so are sessions that began that way. */
export function isSsoOnly({ sso }: AccountsConfig): boolean {
  return sso.enabled && sso.ssoOnly;
}

export function refuseIfSsoOnly(config: AccountsConfig): void {
  if (isSsoOnly(config)) throw forbidden("sso_only", "Sign in through the identity provider");
}
