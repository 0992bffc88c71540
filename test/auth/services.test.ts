/** The account services as one: from the first registration to a key that is found, and gone once it is revoked. */
import { expect, test } from "bun:test";
import { createAccessKeyLookup } from "../../src/auth/access-key.ts";
import { ORIGIN, openHouse, PASSWORD } from "./support.ts";

test("registers, signs in, makes a key, and finds both credentials", async () => {
  const { services } = await openHouse();
  const issued = await services.registration.register({ username: "alice", password: PASSWORD }, ORIGIN);
  expect(issued.user).toMatchObject({ username: "alice", role: "super_admin", isActive: true });

  const session = await services.directory.findBySession(issued.accessToken);
  expect(session).toMatchObject({ kind: "session", id: "user:1", role: "super-admin", orgRole: "owner" });

  const again = await services.login.login({ username: "Alice", password: PASSWORD }, ORIGIN);
  expect(again.sessionId).not.toBe(issued.sessionId);

  const caller = { identity: session!, origin: ORIGIN };
  const { key, secret } = await services.apiKeys.create({ name: "laptop" }, { style: "native" }, caller);
  const identity = await services.directory.findByApiKey(secret!);
  expect(identity).toMatchObject({ kind: "api-key", id: key.publicId, apiKeyId: key.id, userId: 1, role: "admin" });
  expect([...identity!.scopes]).toContain("chat:write");
  expect([...identity!.scopes]).not.toContain("keys:read");

  await services.apiKeys.revoke(key.id, caller);
  expect(await services.directory.findByApiKey(secret!)).toBeUndefined();
  expect(await services.directory.findBySession(issued.accessToken)).toBeDefined();
});

test("the access key belongs to the default organisation, from the first account on", async () => {
  const { services, store, person } = await openHouse();
  const { defaultOrgId, defaultOrgLimits } = services.directory;
  expect(defaultOrgId()).toBeNull();
  const settings = {
    accessKey: "the-access-key",
    accessKeyEnabled: true,
    accessKeyScopes: ["inference"],
    previousAccessKey: null,
    previousAccessKeyUntil: null,
  };
  const find = createAccessKeyLookup(settings, null, () => 0, defaultOrgId, defaultOrgLimits);
  const before = find("the-access-key");
  expect(before).toMatchObject({ id: "access-key", orgId: null });
  await person("alice");
  const org = await store.accounts.orgs.findDefault();
  expect(find("the-access-key")).toEqual({ ...before!, orgId: org!.id });
  expect(find("the-access-key")).toBe(find("the-access-key")!);
  expect(find("another key")).toBeUndefined();

  const limits = { rpm: 5, tpm: 0, concurrency: 0, budgets: [] };
  const by = { actor: "cli", userId: null, via: "cli", ip: null, requestId: null };
  await store.accounts.orgs.update(org!.id, { limits }, by);
  services.revocations.emit({ type: "changed", principalId: null });
  while (defaultOrgLimits() === null) await Promise.resolve();
  expect(find("the-access-key")).toEqual({ ...before!, orgId: org!.id, orgLimits: limits });

  const later = await openHouse({ store });
  expect(later.services.directory.defaultOrgId()).toBe(org!.id);
});
