/** The account services as one: from the first registration to a key that is found, and gone once it is revoked. */
import { expect, test } from "bun:test";
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
