/** A body takes as long as its sender likes: who has lost his rights meanwhile changes nothing with it, on any route. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Value } from "@sinclair/typebox/value";
import type { Caller } from "../../../src/auth/caller.ts";
import type { ApiRoute } from "../../../src/http/api.ts";
import { apiRoutes } from "../../../src/http/routes.ts";
import { ORIGIN } from "../../auth/support.ts";
import { type AccountRelay, PASSWORD, type SignedIn, startAccounts } from "../../support/accounts.ts";
import { beginSlowly } from "../../support/slow-body.ts";

/** Every route that waits for a body of somebody it has let in; no handler runs here. */
const WRITES = apiRoutes(undefined as never, "/nonexistent").filter(
  ({ policy, method, ignoresBody }) => policy.type !== "public" && method !== "GET" && ignoresBody !== true,
);
const lineOf = ({ method, path }: ApiRoute) => `${method} ${path}`;

let house: AccountRelay;
let owner: SignedIn;
let orgId: string;
let count = 0;

beforeAll(async () => {
  house = await startAccounts();
  owner = await house.person("olive");
  orgId = (await owner.identity()).orgId!;
});
afterAll(() => house.stop());

const asOwner = async (): Promise<Caller> => ({ identity: await owner.identity(), origin: ORIGIN });
const keyOf = async (token: string): Promise<string> =>
  (await house.ask("POST /api/keys", { as: token, body: { name: "a key", scopes: ["account"] } })).body.key;
const revoke = async (key: string): Promise<void> => {
  const identity = await house.services.apiKeys.find(key);
  await house.services.apiKeys.revoke(identity!.id, await asOwner());
};
/** Made by the super admin: registrations from one network are soon too many. */
const newAdmin = async (): Promise<{ readonly id: number; readonly token: string }> => {
  count += 1;
  const username = `admin-${count}`;
  const input = { username, password: PASSWORD, isAdmin: true };
  const { user } = await house.services.accounts.create(input, await asOwner());
  return { id: user.id, token: await signInAgain(username) };
};
/** Ids that name somebody or something, so that what refuses is not the path. */
const pathOf = (path: string): string =>
  path
    .replace("/api/orgs/:id", `/api/orgs/${orgId}`)
    .replace(":orgId", orgId)
    .replace(/^\/api\/users\/:id/, `/api/users/${owner.id}`)
    .replace(":user_id", String(owner.id))
    .replace(/\/:\w+/g, "/nothing");
const begin = (line: string, credential: string, body: unknown) =>
  beginSlowly(house.relay.url, line, credential, body, () => house.ask("GET /livez"));
const beginOn = ({ method, path, body }: ApiRoute, credential: string) =>
  begin(`${method} ${pathOf(path)}`, credential, body === undefined ? {} : Value.Create(body));

describe("R22 R38 R42 a credential that ends while the body of its request is on its way", () => {
  const ROWS = WRITES.map((route) => [lineOf(route), route] as const);

  test("the table is that of all writing routes", () => {
    expect(ROWS.length).toBeGreaterThan(25);
  });

  test.each(ROWS)("a session that was signed out: %s is 401", async (_line, route) => {
    const person = route.policy.type === "super" ? undefined : await newAdmin();
    // Of the super admin there is one only: his other session is the one that ends.
    const session = person?.token ?? (await signInAgain("olive"));
    const slow = await beginOn(route, session);
    await house.ask("POST /api/auth/logout", { as: session });
    expect((await slow.finish()).status).toBe(401);
  });

  test.each(ROWS.filter(([, { policy }]) => policy.type !== "user" && policy.type !== "super"))(
    "a revoked key: %s is 401",
    async (_line, route) => {
      const key = await house.key(owner, ["*"]);
      const slow = await beginOn(route, key);
      await revoke(key);
      expect((await slow.finish()).status).toBe(401);
    },
  );

  test.each(ROWS.filter(([, { policy }]) => policy.type === "admin"))(
    "an admin who was demoted: %s is 403",
    async (_line, route) => {
      const admin = await newAdmin();
      const slow = await beginOn(route, admin.token);
      await house.services.accounts.update(admin.id, { isAdmin: false }, await asOwner());
      const { status, text } = await slow.finish();
      expect([status, text.includes("admin_required")]).toEqual([403, true]);
    },
  );

  test.each(ROWS)("an account that was switched off: %s is 401", async (_line, route) => {
    if (route.policy.type === "super") return expect(route.policy).toEqual({ type: "super" });
    const admin = await newAdmin();
    const slow = await beginOn(route, admin.token);
    await house.services.accounts.update(admin.id, { isActive: false }, await asOwner());
    expect((await slow.finish()).status).toBe(401);
  });
});

describe("R22 R39 and nothing has come of it", () => {
  const keyNames = async () =>
    (await house.services.apiKeys.list({}, { limit: 100 }, await owner.identity())).items.map(({ name }) => name);

  test.each([
    ["POST /api/keys", { name: "left behind" }],
    ["POST /api/v1/auth/api-keys", { name: "left behind" }],
    ["POST /v1/orgs/{org}/api-keys/create", { name: "left behind" }],
  ])("a revoked key makes no key by %s", async (line, body) => {
    const admin = await newAdmin();
    const key = await keyOf(admin.token);
    const slow = await begin(line.replace("{org}", orgId), key, body);
    await revoke(key);
    expect((await slow.finish()).status).toBe(401);
    expect(await keyNames()).not.toContain("left behind");
  });

  test("a demoted admin makes no admin and no invitation", async () => {
    const admin = await newAdmin();
    const user = await begin("POST /api/users", admin.token, {
      username: "left-behind",
      password: PASSWORD,
      is_admin: true,
    });
    const invite = await begin("POST /api/invites", admin.token, { email: "left@behind.example" });
    await house.services.accounts.update(admin.id, { isAdmin: false }, await asOwner());
    expect([(await user.finish()).status, (await invite.finish()).status]).toEqual([403, 403]);
    expect(await house.services.accounts.findByName("left-behind")).toBeUndefined();
    expect((await house.services.invites.list()).items.map(({ email }) => email)).not.toContain("left@behind.example");
  });

  test("a session that ended with all others changes no address", async () => {
    const admin = await newAdmin();
    const slow = await begin("PATCH /api/auth/me", admin.token, { email: "thief@example.org" });
    await house.services.accounts.logout(admin.id, await asOwner());
    expect((await slow.finish()).status).toBe(401);
    expect((await house.services.accounts.get(admin.id)).email).toBeNull();
  });

  test("a super admin of yesterday clears nothing", async () => {
    const own = await startAccounts();
    const old = await own.person("olive");
    const heir = await own.person("henry");
    const slow = await beginSlowly(
      own.relay.url,
      "POST /api/admin/clear-data",
      old.token,
      { confirm: "RESET ALL DATA" },
      () => own.ask("GET /livez"),
    );
    await own.ask(`POST /api/users/${heir.id}/transfer-ownership`, { as: old, body: { confirm: "henry" } });
    const { status, text } = await slow.finish();
    expect([status, text.includes("super_admin_required")]).toEqual([403, true]);
    expect((await own.services.accounts.list()).items.length).toBe(2);
    await own.stop();
  });

  test("who has kept all rights is served as ever", async () => {
    const slow = await begin("POST /api/keys", owner.token, { name: "patience" });
    expect((await slow.finish()).status).toBe(201);
    expect(await keyNames()).toContain("patience");
  });
});

async function signInAgain(username: string): Promise<string> {
  const { body } = await house.ask("POST /api/auth/login", { body: { username, password: PASSWORD } });
  return body.access_token;
}
