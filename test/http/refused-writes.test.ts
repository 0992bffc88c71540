/** R76: an administrative change that the policy of its route refuses leaves a line in the audit trail, and no more than one a minute. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createRefusedWrites } from "../../src/http/refused-writes.ts";
import { apiRoutes } from "../../src/http/routes.ts";
import { RelayError } from "../../src/plugin/index.ts";
import { ORIGIN } from "../auth/support.ts";
import { keyHolder } from "../support/directory.ts";
import { type AccountRelay, KEY, type SignedIn, startAccounts } from "../support/accounts.ts";

const ROUTES = apiRoutes(undefined as never, "/nonexistent");
const isAdministrative = (type: string) => type === "admin" || type === "super" || type === "org";
const WRITES = ROUTES.filter(({ method, policy }) => method !== "GET" && isAdministrative(policy.type));

let house: AccountRelay;
let user: SignedIn;
let narrow: string;
beforeAll(async () => {
  house = await startAccounts();
  await house.person("olive");
  user = await house.person("ursula");
  narrow = await house.key(user, ["credits:read"]);
});
afterAll(() => house.stop());

const linesFor = async (target: string) =>
  (await house.services.audit.list({ action: "request.refused", target }, { limit: 200 })).items;
const pathOf = (path: string) => path.replace(/:\w+/g, "1");

describe("R76 refused by policy", () => {
  test.each(WRITES.map((route) => [`${route.method} ${route.path}`, route] as const))("%s", async (line, route) => {
    const ask = (as?: string) =>
      house.ask(`${route.method} ${pathOf(route.path)}`, {
        ...(as === undefined ? {} : { as }),
        body: { surprise: 1 },
      });
    expect((await ask()).status).toBe(401);
    expect((await ask("no-key-of-anybody-0123456789")).status).toBe(401);
    expect(await linesFor(line)).toEqual([]);

    expect((await ask(narrow)).status).toBe(403);
    const [written, ...more] = await linesFor(line);
    expect(more).toEqual([]);
    expect(written).toMatchObject({
      actor: expect.stringMatching(/^key_/),
      via: "api-key",
      outcome: expect.stringMatching(/^(admin_required|super_admin_required|insufficient_scope)$/),
      before: null,
      after: null,
      requestId: expect.stringMatching(/^req_/),
    });
    for (let again = 0; again < 20; again += 1) await ask(narrow);
    expect(await linesFor(line)).toHaveLength(1);
    // Somebody else is somebody else.
    if (route.policy.type !== "org") {
      expect((await ask(KEY)).status).toBe(403);
      expect((await linesFor(line)).map(({ actor }) => actor)).toEqual(["access-key", written!.actor]);
    }
  });

  test("what only reads leaves none, and neither does what is let in", async () => {
    const count = async () =>
      (await house.services.audit.list({ action: "request.refused" }, { limit: 200 })).items.length;
    const before = await count();
    expect((await house.ask("GET /api/users", { as: user })).status).toBe(403);
    expect((await house.ask("GET /api/audit", { as: user })).status).toBe(403);
    expect((await house.ask("POST /api/keys", { as: user, body: {} })).status).toBe(422);
    expect(await count()).toBe(before);
  });

  test("a minute later it is worth a line again", async () => {
    const line = "POST /api/users";
    const before = (await linesFor(line)).length;
    house.clock.advance(59_999);
    await house.ask(line, { as: narrow, body: {} });
    expect(await linesFor(line)).toHaveLength(before);
    house.clock.advance(1);
    await house.ask(line, { as: narrow, body: {} });
    expect(await linesFor(line)).toHaveLength(before + 1);
  });

  test("what a service refuses, too, is written once a minute for each kind, so that nobody fills the trail by asking", async () => {
    const lines = async () =>
      (await house.services.audit.list({ action: "api_key.create" }, { limit: 200 })).items
        .filter(({ actor, outcome }) => actor === `user:${user.id}` && outcome !== "ok")
        .map(({ outcome }) => outcome);
    expect(await lines()).toEqual([]);
    const ask = (body: object) => house.ask("POST /api/keys", { as: user, body: { name: "x", ...body } });
    for (let again = 0; again < 50; again += 1) expect((await ask({ scopes: ["*"] })).status).toBe(403);
    expect(await lines()).toEqual(["insufficient_scope"]);
    house.clock.advance(60_000);
    expect((await ask({ scopes: ["*"] })).status).toBe(403);
    expect(await lines()).toHaveLength(2);
  });

  test("other failures than a refusal are none of this, and ten thousand callers cost no more memory", async () => {
    const written: string[] = [];
    const audit = {
      refused: async (_caller: unknown, _action: string, target: string | null) => void written.push(target!),
    };
    const refused = createRefusedWrites(audit, { now: () => 0 });
    const route = { method: "POST", path: "/x", policy: { type: "super" } } as const;
    const no = new RelayError("forbidden", "no");
    for (const cause of [new RelayError("unauthenticated", "no"), new Error("broken"), null]) {
      await refused(route, keyHolder("a"), ORIGIN, cause);
    }
    await refused(route, undefined, ORIGIN, no);
    expect(written).toEqual([]);
    for (let index = 0; index < 10_001; index += 1) await refused(route, keyHolder(`k${index}`), ORIGIN, no);
    expect(written).toHaveLength(10_001);
    await refused(route, keyHolder("k10000"), ORIGIN, no);
    expect(written).toHaveLength(10_001);
  });
});
