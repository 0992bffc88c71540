/** A key belongs to one organisation: whatever lies in another is not there for it, whoever its owner is. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ORIGIN } from "../auth/support.ts";
import { type AccountRelay, type SignedIn, startAccounts } from "../support/accounts.ts";
import { findRelayRoute } from "../../src/http/relay-paths.ts";
import { lineOf, mayOf, pathOf, ROUTES, scopeOf } from "./route-lines.ts";

let house: AccountRelay;
let owner: SignedIn;
let boss: SignedIn;
let user: SignedIn;
let orgId: string;
let principal: string;
let stray: { readonly orgId: string; readonly key: string; with(scope: string): Promise<string> };
/** What lies in the organisation of everybody. */
const home = { keyId: "", publicId: "", objectId: "file-of-this-organisation" };

beforeAll(async () => {
  house = await startAccounts("api_keys: { max_per_user: 1000 }");
  owner = await house.person("olive");
  boss = await house.person("boris");
  user = await house.person("ursula");
  await house.promote(boss, owner);
  orgId = (await owner.identity()).orgId!;
  const caller = { identity: await boss.identity(), origin: ORIGIN };
  const other = await house.services.orgs.create("Elsewhere", caller);
  const entered = await house.services.orgs.enter(await boss.identity(), other.id);
  const strayWith = async (scope: string): Promise<string> => {
    const { secret } = await house.services.apiKeys.create(
      { name: "foreign", scopes: [scope], orgId: other.id },
      { style: "native" },
      { identity: entered, origin: ORIGIN },
    );
    return secret!;
  };
  stray = { orgId: other.id, key: await strayWith("account"), with: strayWith };
  // Its owner is the owner of those keys: nothing but the organisation tells them apart.
  const { key } = await house.services.apiKeys.create(
    { name: "at home", scopes: ["account"] },
    { style: "native" },
    caller,
  );
  Object.assign(home, { keyId: key.id, publicId: key.publicId });
  principal = key.publicId;
  await haveThings("thing");
});
afterAll(() => house.stop());

/**
 * What lies with upstreams is known by its kind as well. Of one that no list asks for unless a route does: the lists of
 * this house, which has no upstreams, are empty.
 */
async function haveThings(kind: string): Promise<void> {
  const object = { kind, provider: "gone", keyId: "key_1", orgId, userId: boss.id, principal };
  for (const id of objectIds()) {
    await house.store.objects.remove(id);
    await house.store.objects.add([{ ...object, id }]);
  }
}

/** Google's names begin with those of their collections. */
function objectIds(): string[] {
  return [home.objectId, ...["cachedContents", "batches", "files"].map((of) => `${of}/${home.objectId}`)];
}

/** Bodies with which the owner of the organisation would get what he asks for. */
const FITTING: Readonly<Record<string, unknown>> = {
  "PATCH /api/orgs/:id": { name: "Taken over" },
  "POST /api/orgs/:id/members": { email: "somebody@example.org" },
  "PATCH /api/orgs/:id/members/:user_id": { role: "admin" },
  "PATCH /api/keys/:id": { name: "mine" },
  "POST /v1/orgs/:orgId/api-keys/create": { name: "mine" },
  "POST /v1/orgs/:orgId/members/add": { email: "somebody@example.org", role: "admin" },
};

/** The organisation, its members and its keys as they are now. */
const everything = async () => {
  const { orgs, apiKeys } = house.store.accounts;
  const { items: keys } = await apiKeys.list({ orgId }, { limit: 200 });
  return {
    org: await orgs.find(orgId),
    members: (await orgs.members(orgId, { limit: 200 })).items,
    keys: keys.map(({ id, name, scopes, revokedAt, expiresAt }) => ({ id, name, scopes, revokedAt, expiresAt })),
    objects: await Promise.all(objectIds().map((id) => house.store.objects.find(id))),
  };
};

function kindAt(method: string, path: string): string {
  const found = findRelayRoute(path, method, "", new Headers());
  return (found !== undefined && "route" in found ? found.route.object?.kind : undefined) ?? "thing";
}

describe("R26 a key of another organisation", () => {
  const named = ROUTES.filter(({ path, kind }) =>
    kind === "management" ? /\/orgs\/:|\/(?:api-)?keys\/:/.test(path) : kind === "relay" && path.includes("{id}"),
  );
  test.each(named.map((route) => [lineOf(route), route] as const))(
    "finds nothing of this one: %s",
    async (_line, route) => {
      const scope = scopeOf(mayOf(route))!;
      const path = pathOf(route, orgId)
        .replace("999999", String(user.id))
        .replace(/(\/orgs\/.+\/api-keys\/|\/v1\/auth\/api-keys\/)nothing[\w-]*/, `$1${home.publicId}`)
        .replace(/(\/api\/keys\/)nothing[\w-]*/, `$1${home.keyId}`)
        .replace(/^(\/v1(?:beta)?\/[\w/]+?\/)nothing/, `$1${home.objectId}`);
      const sent = route.path.endsWith("/parts")
        ? { body: "--x--", headers: { "content-type": "multipart/form-data; boundary=x" } }
        : route.method === "GET" || route.method === "DELETE"
          ? {}
          : { body: FITTING[lineOf(route)] ?? {} };
      await haveThings(kindAt(route.method, path));
      const before = await everything();
      const line = `${route.method} ${path}`;
      const answer = await house.ask(line, { as: await stray.with(scope), ...sent });
      expect([line, answer.status]).toEqual([line, route.path.startsWith("/v1/orgs") ? 403 : 404]);
      expect(await everything()).toEqual(before);
      for (const id of [home.keyId, home.publicId]) expect(answer.text).not.toContain(id);
      // The very same request is understood where the organisation is the right one.
      if (route.kind !== "relay") return;
      const own = await house.ask(line, { as: await house.key(boss, [scope]), ...sent });
      expect([line, own.status, own.text]).toEqual([line, 503, expect.stringContaining("keeps this object")]);
    },
  );

  test("is told the same in each family, wherever an organisation can be named", async () => {
    const { body } = await house.ask("GET /api/keys?status=all", { as: owner });
    const key = body.items.find(({ org_id }: { org_id: string }) => org_id === orgId);
    const rows: [line: string, status: number, body?: unknown][] = [
      [`GET /api/keys/${key.id}`, 404],
      [`PATCH /api/keys/${key.id}`, 404, { name: "mine" }],
      [`DELETE /api/keys/${key.id}`, 404],
      [`POST /api/keys/${key.id}/rotate`, 404, {}],
      [`GET /api/keys/${key.id}/usage`, 404],
      [`GET /api/keys?org_id=${orgId}`, 404],
      ["POST /api/keys", 404, { name: "x", org_id: orgId }],
      [`DELETE /api/v1/auth/api-keys/${key.id}`, 404],
      [`GET /api/orgs/${orgId}`, 404],
      [`GET /api/orgs/${orgId}/members`, 404],
      [`GET /v1/orgs/${orgId}/api-keys`, 403],
      [`DELETE /v1/orgs/${orgId}/api-keys/${key.public_id}`, 403],
      [`POST /v1/orgs/${orgId}/api-keys/create`, 403, { name: "x" }],
      ["GET /v1/orgs/org_nothing/api-keys", 403],
    ];
    for (const [line, status, sent] of rows) {
      const answer = await house.ask(line, { as: stray.key, ...(sent === undefined ? {} : { body: sent }) });
      expect([line, answer.status]).toEqual([line, status]);
    }
    const own = await house.ask("GET /v1/orgs", { as: stray.key });
    expect(own.body.map(({ id }: { id: string }) => id)).toEqual([stray.orgId]);
  });
});
