/** Accounts and keys as the tests of their repositories write them. */
import type { Actor, NewApiKey, NewSession, NewUser, User } from "../../src/store/types.ts";

/** Who makes the change; `user:7` acts as account 7. */
export function actor(id = "system"): Actor {
  const userId = id.startsWith("user:") ? Number(id.slice(5)) : null;
  return { actor: id, userId, via: "test", ip: null, requestId: "req_test" };
}

export function newUser(username: string, own: Partial<NewUser> = {}): NewUser {
  return {
    username,
    usernameKey: username.toLowerCase(),
    email: null,
    passwordHash: "$hash",
    admission: { type: "rule", registration: "open" },
    newOrgId: "org_default",
    ...own,
  };
}

export function newKey(name: string, own: Partial<NewApiKey> = {}): NewApiKey {
  return {
    id: `uuid-${name}`,
    publicId: `key_${name}`,
    name,
    prefix: "mr_abcde",
    last4: "wxyz",
    hash: `hash of ${name}`,
    orgId: "org_default",
    userId: 1,
    style: "native",
    scopes: ["inference"],
    models: { allow: [], deny: [] },
    defaultModel: null,
    providers: [],
    limits: { rpm: 0, tpm: 0, concurrency: 0, budgets: [] },
    ipAllow: [],
    logBodies: null,
    exposeRouting: true,
    metadata: {},
    createdBy: "user:1",
    expiresAt: null,
    replaces: null,
    ...own,
  };
}

export function newSession(id: string, user: Pick<User, "id" | "epoch">, own: Partial<NewSession> = {}): NewSession {
  return {
    id,
    userId: user.id,
    epoch: user.epoch,
    method: "password",
    ip: null,
    userAgent: null,
    expiresAt: Number.MAX_SAFE_INTEGER,
    idleExpiresAt: Number.MAX_SAFE_INTEGER,
    refreshHash: `refresh of ${id}`,
    ...own,
  };
}
