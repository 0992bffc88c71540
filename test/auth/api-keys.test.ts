/** API keys as services: shown once, found by the whole, never more than their maker, over the moment they end. */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { keyPattern, mintKey } from "../../src/auth/key-text.ts";
import type { Caller } from "../../src/auth/caller.ts";
import type { CreateKeyRequest, CreateKeyOptions } from "../../src/auth/api-keys.ts";
import { systemRandom } from "../../src/auth/randomness.ts";
import { expandScopes } from "../../src/config/scopes.ts";
import type { Identity } from "../../src/contract/host.ts";
import { createManualClock } from "../../src/support/clock.ts";
import { makeDirectory, open, pathsIn } from "../store/fixtures.ts";
import { type House, openHouse, ORIGIN, operator, refusal } from "./support.ts";

type Request = Partial<CreateKeyRequest>;

const create = (
  { services }: House,
  by: Caller,
  request: Request = {},
  options: Partial<CreateKeyOptions> = {},
): ReturnType<House["services"]["apiKeys"]["create"]> =>
  services.apiKeys.create({ name: "key", ...request }, { style: "native", ...options }, by);

const find = async ({ services }: House, secret: string): Promise<Identity | undefined> =>
  services.apiKeys.find(secret);

/** A key as the caller of the next request. */
async function callerOf(house: House, by: Caller, request: Request = {}): Promise<Caller> {
  const { secret } = await create(house, by, request);
  return { identity: (await find(house, secret!))!, origin: ORIGIN };
}

describe("R18 the text of a key", () => {
  test("100,000 of them: of the form, all different, every character as often as any other", () => {
    const pattern = keyPattern("mr_");
    const seen = new Set<string>();
    const counts = new Map<string, number>();
    for (let index = 0; index < 100_000; index += 1) {
      const key = mintKey("mr_", systemRandom);
      seen.add(key);
      for (const character of key.slice(3, 35)) counts.set(character, (counts.get(character) ?? 0) + 1);
      if (index < 1000) expect(key.match(pattern)).toEqual([key]);
    }
    expect(seen.size).toBe(100_000);
    expect(counts.size).toBe(62);
    const mean = (100_000 * 32) / 62;
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0);
    // p = 0.001 at 61 degrees of freedom.
    expect(chiSquare).toBeLessThan(100.9);
  });

  test("one character wrong: refused by its checksum, without a look into the database", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const { secret } = await create(house, await alice.caller());
    for (let at = 3; at < secret!.length; at += 1) {
      const other = secret![at] === "a" ? "b" : "a";
      // Not a promise: nothing was looked up.
      expect(house.services.apiKeys.find(secret!.slice(0, at) + other + secret!.slice(at + 1))).toBeUndefined();
    }
    for (const bad of ["mr_", "mr_x", `${secret}x`, secret!.slice(0, -1), `${secret} `, secret!.toUpperCase()]) {
      expect(await find(house, bad)).toBeUndefined();
    }
    expect(await find(house, secret!)).toBeDefined();
  });

  test.each([
    ["native", "mr_"],
    ["relay", "rl_live_"],
    ["openrelay", "vl_"],
  ] as const)("in %s style it begins with %s", async (style, prefix) => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const { key, secret } = await create(house, await alice.caller(), {}, { style });
    expect(secret).toMatch(new RegExp(`^${prefix}[0-9A-Za-z]{38}$`));
    expect([key.prefix, key.last4]).toEqual([secret!.slice(0, 8), secret!.slice(-4)]);
    expect(await find(house, secret!)).toMatchObject({ id: key.publicId });
  });

  test("another prefix for new keys; those of the old one work as long as it is accepted", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const { secret: old } = await create(house, await alice.caller());
    await house.configure("api_keys: { prefix: acme_, accepted_prefixes: [mr_] }");
    const { secret } = await create(house, await alice.caller());
    expect(secret).toStartWith("acme_");
    expect([await find(house, secret!), await find(house, old!)].map((identity) => identity?.userId)).toEqual([1, 1]);
    expect(house.services.apiKeys.isKey(old!)).toBe(true);
    await house.configure("api_keys: { prefix: acme_ }");
    expect(house.services.apiKeys.isKey(old!)).toBe(false);
  });
});

test("R19, R21 the key is told once and lies nowhere: not in the file, not in a list, not in the trail", async () => {
  const paths = pathsIn(makeDirectory());
  const clock = createManualClock();
  const house = await openHouse({ store: await open({ ...paths, clock }), clock });
  const alice = await house.person("alice");
  const { key, secret } = await create(house, await alice.caller());
  await find(house, secret!);
  await house.services.stop();
  house.store.checkpoint();
  const { apiKeys, audit } = house.services;
  const shown = [
    key,
    await apiKeys.get(key.id, await alice.identity()),
    await apiKeys.list({}, {}, await alice.identity()),
    await apiKeys.update(key.id, { name: "other" }, await alice.caller()),
    await audit.list(),
    house.log.lines,
    house.log.fields,
    Buffer.from(await Bun.file(paths.accountsPath).arrayBuffer()).toString("latin1"),
  ];
  const plainHash = new Bun.CryptoHasher("sha256").update(secret!).digest("hex");
  const text = JSON.stringify(shown);
  expect(text).toContain(key.publicId);
  for (const canary of [secret!, secret!.slice(3, 35), plainHash]) expect(text).not.toContain(canary);
  const row = JSON.stringify(shown.slice(0, 4));
  expect(row).not.toMatch(/hash/i);
});

describe("finding", () => {
  test("R20 cold and warm, each key belongs to its own owner", async () => {
    const house = await openHouse();
    const people = [await house.person("alice"), await house.person("bob")];
    const made = await Promise.all(people.map(async (person) => create(house, await person.caller())));
    for (const round of ["cold", "warm"]) {
      const owners = await Promise.all(made.map(async ({ secret }) => (await find(house, secret!))?.userId));
      expect([round, ...owners]).toEqual([round, 1, 2]);
    }
    expect(house.services.apiKeys.find(made[0]!.secret!)).not.toBeInstanceOf(Promise);
  });

  test("R23 valid until its last millisecond, also when remembered", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const { secret } = await create(house, await alice.caller(), { expiresAt: house.clock.now() + 1000 });
    house.clock.setNow(house.clock.now() + 999);
    expect(await find(house, secret!)).toBeDefined();
    house.clock.setNow(house.clock.now() + 1);
    expect(await find(house, secret!)).toBeUndefined();
    expect(await find(house, secret!)).toBeUndefined();
  });

  test("R22 revoked: from the next look on, told to running calls, and for good", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const { key, secret } = await create(house, await alice.caller());
    expect(await find(house, secret!)).toBeDefined();
    expect(await house.services.apiKeys.revoke(key.publicId, await alice.caller())).toBe("revoked");
    expect(await find(house, secret!)).toBeUndefined();
    expect(house.revocations).toEqual([{ type: "ended", principalId: key.publicId }]);
    expect(await house.services.apiKeys.revoke(key.id, await alice.caller())).toBe("already");
    const update = async (fields: object) =>
      refusal(async () => house.services.apiKeys.update(key.id, fields, await alice.caller()));
    expect(await update({ expiresAt: null })).toBe("409 key_revoked");
    expect(await refusal(async () => house.services.apiKeys.rotate(key.id, 0, await alice.caller()))).toBe(
      "409 key_not_active",
    );
  });

  test("R22 revoked by another process: within a tenth of a second, and told to running calls within half a second", async () => {
    const paths = pathsIn(makeDirectory());
    const clock = createManualClock();
    const house = await openHouse({ store: await open({ ...paths, clock }), clock });
    const alice = await house.person("alice");
    const { key, secret } = await create(house, await alice.caller());
    const identity = (await find(house, secret!))!;
    const beside = house.beside(await open({ ...paths, clock }));
    await beside.apiKeys.revoke(key.id, operator);
    clock.advance(100);
    expect(await find(house, secret!)).toBeUndefined();
    expect(house.revocations).toEqual([]);
    clock.advance(400);
    expect(house.revocations).toEqual([{ type: "changed", principalId: null }]);
    expect(await house.services.renew(identity)).toBeUndefined();
  });

  test("R27 the owner switched off, deleted, or out of the organisation: the key is nobody's", async () => {
    const house = await openHouse();
    await house.person("super");
    const ends: ((id: number) => Promise<unknown>)[] = [
      (id) => house.services.accounts.update(id, { isActive: false }, operator),
      (id) => house.services.accounts.delete(id, operator),
      async (id) => house.services.orgs.removeMember((await house.store.accounts.orgs.findDefault())!.id, id, operator),
    ];
    // What a house admin's keys lose is no less than what a plain user's do.
    for (const [index, end] of [...ends, ...ends].entries()) {
      const person = await house.person(`user${index}`);
      if (index >= ends.length) await house.services.accounts.update(person.id, { isAdmin: true }, operator);
      const { key, secret } = await create(house, await person.caller());
      expect(await find(house, secret!)).toBeDefined();
      await end(person.id);
      expect(await find(house, secret!)).toBeUndefined();
      expect(house.revocations.some(({ principalId }) => principalId === key.publicId)).toBe(true);
    }
  });

  test("R16 R27 keys that the access key made end with it, from the next request on, and make no more", async () => {
    const house = await openHouse({ config: "server: { access_key_scopes: [account] }" });
    const root = await house.person("super");
    const service: Identity = {
      ...(await root.identity()),
      kind: "service",
      id: "access-key",
      userId: null,
      role: "service",
      scopes: expandScopes(["account"]),
    };
    const { secret } = await create(house, { identity: service, origin: ORIGIN }, { scopes: ["account"] });
    const own = await create(house, await root.caller());
    const child = (await find(house, secret!))!;
    expect(child).toMatchObject({ role: "service", userId: null });
    const grandchild = await create(house, { identity: child, origin: ORIGIN }, { scopes: ["chat:write"] });
    await house.configure("server: { access_key_enabled: false, access_key_scopes: [account] }");
    expect(await find(house, secret!)).toBeUndefined();
    expect(await find(house, grandchild.secret!)).toBeUndefined();
    expect(await house.services.renew(child)).toBeUndefined();
    house.clock.advance(2000);
    expect(await find(house, secret!)).toBeUndefined();
    expect(await find(house, own.secret!)).toBeDefined();
    await house.configure("server: { access_key_scopes: [account] }");
    expect(await find(house, secret!)).toBeDefined();
  });

  test("R27 a key holds no more than its owner may at this moment", async () => {
    const house = await openHouse();
    const root = await house.person("super");
    const bob = await house.person("bob");
    await house.services.accounts.update(bob.id, { isAdmin: true }, await root.caller());
    const { secret } = await create(house, await bob.caller(), { scopes: ["account", "management"] });
    expect((await find(house, secret!))?.scopes.has("users:write")).toBe(true);
    await house.services.accounts.update(bob.id, { isAdmin: false }, await root.caller());
    const fallen = (await find(house, secret!))!;
    expect([fallen.role, fallen.scopes.has("users:write"), fallen.scopes.has("chat:write")]).toEqual([
      "user",
      false,
      true,
    ]);
  });

  test("R16 the super admin's key is an admin at most", async () => {
    const house = await openHouse();
    const root = await house.person("super");
    const { secret } = await create(house, await root.caller(), { scopes: ["*"] });
    expect(await find(house, secret!)).toMatchObject({ kind: "api-key", role: "admin" });
  });

  test("what is written on it stands on its identity, and nothing where nothing is written", async () => {
    const house = await openHouse();
    const root = await house.person("super");
    const limits = { rpm: 5, tpm: 0, concurrency: 2, budgets: [{ usd: 1, window: "day" as const }] };
    const { key, secret } = await create(house, await root.caller(), {
      models: { allow: ["gpt-*"], deny: ["gpt-4*"] },
      providers: ["openai"],
      defaultModel: "gpt-5",
      limits,
      ipAllow: ["10.0.0.0/8"],
      logBodies: "off",
      exposeRouting: false,
      expiresAt: house.clock.now() + 60_000,
    });
    expect(await find(house, secret!)).toEqual({
      kind: "api-key",
      id: key.publicId,
      name: "key",
      userId: 1,
      orgId: key.orgId,
      apiKeyId: key.id,
      role: "admin",
      scopes: expandScopes(["inference"]),
      via: "api-key",
      orgRole: "owner",
      models: { allow: ["gpt-*"], deny: ["gpt-4*"] },
      providers: ["openai"],
      defaultModel: "gpt-5",
      limits,
      ipAllow: ["10.0.0.0/8"],
      logBodies: "off",
      exposeRouting: false,
      expiresAt: key.expiresAt!,
    });
    const plain = await create(house, await root.caller());
    expect(Object.keys((await find(house, plain.secret!))!).sort()).toEqual(
      ["apiKeyId", "id", "kind", "name", "orgId", "orgRole", "role", "scopes", "userId", "via"].sort(),
    );
  });
});

describe("R24 making a key never escalates", () => {
  test("scopes: what the caller holds, and no more", async () => {
    const house = await openHouse();
    const root = await house.person("super");
    const admin = await house.person("admin2");
    await house.services.accounts.update(admin.id, { isAdmin: true }, await root.caller());
    const user = await house.person("uma");
    const key = await callerOf(house, await user.caller(), { scopes: ["chat:write", "keys:write"] });
    const asks: [name: string, by: Caller, scopes: readonly string[] | undefined, expected: string][] = [
      ["a user: the account's", await user.caller(), ["account"], "none"],
      ["a user: a set of management", await user.caller(), ["management"], "403 insufficient_scope"],
      ["a user: one of management", await user.caller(), ["users:read"], "403 insufficient_scope"],
      ["a user: everything", await user.caller(), ["*"], "403 insufficient_scope"],
      ["an admin: management", await admin.caller(), ["management"], "none"],
      ["an admin: everything", await admin.caller(), ["*"], "403 insufficient_scope"],
      ["the super admin: everything", await root.caller(), ["*"], "none"],
      ["a key: what it has", key, ["chat:write"], "none"],
      ["a key: one that its owner has and it has not", key, ["embeddings:write"], "403 insufficient_scope"],
      ["a key: the default, which is more", key, undefined, "403 insufficient_scope"],
      ["none", await user.caller(), [], "422 validation_error"],
      ["an unknown one", await user.caller(), ["chat:write", "chat:wriet"], "422 validation_error"],
      ["a name that every object has", await user.caller(), ["constructor"], "422 validation_error"],
      ["one of another product", await user.caller(), ["clusters:read"], "422 validation_error"],
    ];
    for (const [name, by, scopes, expected] of asks) {
      const outcome = await refusal(() => create(house, by, scopes === undefined ? {} : { scopes }));
      expect([name, outcome]).toEqual([name, expected]);
    }
  });

  test("a key makes keys that end no later, reach no further and allow no more than itself", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const end = house.clock.now() + 60_000;
    const key = await callerOf(house, await alice.caller(), {
      scopes: ["keys:write", "chat:write"],
      expiresAt: end,
      models: { allow: ["gpt-4o*"], deny: ["gpt-4o-pro"] },
      providers: ["openai"],
      ipAllow: ["10.0.0.0/8"],
      limits: { rpm: 10, tpm: 0, concurrency: 0, budgets: [{ usd: 5, window: "day" }] },
    });
    const base: Request = { scopes: ["chat:write"] };
    const { key: made } = await create(house, key, base);
    expect(made).toMatchObject({
      expiresAt: end,
      models: { allow: ["gpt-4o*"], deny: ["gpt-4o-pro"] },
      providers: ["openai"],
      ipAllow: ["10.0.0.0/8"],
      limits: { rpm: 10, budgets: [{ usd: 5, window: "day" }] },
      userId: 1,
    });
    const asks: [request: Request, expected: string][] = [
      [{ expiresAt: end }, "none"],
      [{ expiresAt: end + 1 }, "422 validation_error"],
      [{ expiresAt: null }, "422 validation_error"],
      [{ models: { allow: ["gpt-4o-mini"] } }, "none"],
      [{ models: { allow: ["gpt-5"] } }, "403 forbidden"],
      [{ models: { allow: ["*"] } }, "403 forbidden"],
      [{ models: { allow: [] } }, "403 forbidden"],
      [{ providers: [] }, "403 forbidden"],
      [{ providers: ["openai", "groq"] }, "403 forbidden"],
      [{ ipAllow: ["10.1.0.0/16"] }, "none"],
      [{ ipAllow: ["10.0.0.0/7"] }, "403 forbidden"],
      [{ ipAllow: ["0.0.0.0/0"] }, "403 forbidden"],
      [{ ipAllow: ["::ffff:10.0.0.1"] }, "403 forbidden"],
      [{ limits: { rpm: 5, budgets: [{ usd: 5, window: "day" }] } }, "none"],
      [{ limits: { rpm: 0, budgets: [{ usd: 5, window: "day" }] } }, "403 forbidden"],
      [{ limits: { rpm: 11, budgets: [{ usd: 5, window: "day" }] } }, "403 forbidden"],
      [{ limits: { rpm: 5 } }, "403 forbidden"],
      [{ limits: { rpm: 5, budgets: [{ usd: 6, window: "day" }] } }, "403 forbidden"],
    ];
    for (const [request, expected] of asks) {
      const outcome = await refusal(() => create(house, key, { ...base, ...request }));
      expect([request, outcome]).toEqual([request, expected]);
    }
    const denied = await create(house, key, { ...base, models: { allow: ["gpt-4o-mini"] } });
    expect(denied.key.models.deny).toEqual(["gpt-4o-pro"]);
  });

  test.each<[limits: object]>([
    [{ rpm: 5 }],
    [{ tpm: 5000 }],
    [{ concurrency: 1 }],
    [{ budgets: [{ usd: 20, window: "month" }] }],
  ])("R24 a key with limits %p gets hold of no other key's: those it makes are counted with it", async (limits) => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const key = await callerOf(house, await alice.caller(), { scopes: ["keys:write", "chat:write"], limits });
    for (const style of ["native", "relay", "openrelay"] as const) {
      const child = await create(house, key, { scopes: ["chat:write"], limits }, { style });
      const identity = await house.services.directory.findByApiKey(child.secret!);
      expect(identity?.makers?.map(({ countsAs }) => countsAs)).toEqual([key.identity.apiKeyId!]);
    }
    const twin = await create(house, await alice.caller(), { scopes: ["chat:write"], limits });
    expect(await refusal(() => house.services.apiKeys.rotate(twin.key.id, 0, key))).toBe("403 key_limited");
    expect(await refusal(() => house.services.apiKeys.rotate(key.identity.apiKeyId!, 0, key))).toBe("none");
    expect(await find(house, twin.secret!)).toBeDefined();
  });

  test("R24 nor does a key that it has made, also when somebody has taken that one's own limits away", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const by = await alice.caller();
    const request = { scopes: ["keys:write", "chat:write"], limits: { rpm: 5 } } as Request;
    const key = await callerOf(house, by, request);
    const twin = await create(house, by, { ...request, scopes: ["chat:write"] });
    const child = await callerOf(house, key, request);
    await house.services.apiKeys.update(child.identity.apiKeyId!, { limits: null }, by);
    const freed = (await house.services.renew(child.identity))!;
    expect([freed.limits, freed.makers?.length]).toEqual([undefined, 1]);
    const asFreed = { identity: freed, origin: ORIGIN };
    expect(await refusal(() => house.services.apiKeys.rotate(twin.key.id, 0, asFreed))).toBe("403 key_limited");
  });

  test("a key with limits does not loosen them", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const limits = { rpm: 10, budgets: [{ usd: 5, window: "day" }] };
    const key = await callerOf(house, await alice.caller(), { scopes: ["keys:write"], limits } as Request);
    const asks: [limits: object | null, expected: string][] = [
      [null, "403 forbidden"],
      [{ rpm: 0 }, "403 forbidden"],
      [{ rpm: 11 }, "403 forbidden"],
      [{ budgets: [] }, "403 forbidden"],
      [{ budgets: [{ usd: 6, window: "day" }] }, "403 forbidden"],
      [{ budgets: [{ usd: 5, window: "week" }] }, "403 forbidden"],
      [{ rpm: 10, budgets: [{ usd: 5, window: "day" }] }, "none"],
      [{ rpm: 9 }, "none"],
    ];
    for (const [asked, expected] of asks) {
      const fields = { limits: asked } as Request;
      const outcome = await refusal(() => house.services.apiKeys.update(key.identity.apiKeyId!, fields, key));
      expect([asked, outcome]).toEqual([asked, expected]);
    }
  });

  test("a key changes, ends and renews no key of its owner that can do more than itself", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const by = await alice.caller();
    const { apiKeys } = house.services;
    const key = await callerOf(house, by, { scopes: ["keys:write", "chat:write"], models: { allow: ["a", "b"] } });
    const more = await create(house, by, { scopes: ["account"], models: { allow: ["a"] } });
    const wider = await create(house, by, { scopes: ["chat:write"] });
    const less = await create(house, by, { scopes: ["chat:write"], models: { allow: ["a"] } });
    const rows = [
      [more, "403 insufficient_scope"],
      [wider, "403 forbidden"],
      [less, "none"],
    ] as const;
    for (const [{ key: other }, expected] of rows) {
      const outcomes = [
        await refusal(() => apiKeys.update(other.id, { name: "renamed" }, key)),
        await refusal(() => apiKeys.rotate(other.id, 1000, key)),
        await refusal(() => apiKeys.revoke(other.id, key)),
      ];
      expect(outcomes).toEqual([expected, expected, expected]);
    }
    for (const { secret } of [more, wider]) expect(await find(house, secret!)).toMatchObject({ name: "key" });
    expect(await refusal(() => apiKeys.revoke(key.identity.apiKeyId!, key))).toBe("none");
  });

  test("a key cannot lift itself by changing itself", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const end = house.clock.now() + 60_000;
    const key = await callerOf(house, await alice.caller(), {
      scopes: ["keys:read", "keys:write"],
      expiresAt: end,
      ipAllow: ["10.0.0.0/8"],
      models: { allow: ["a"] },
    });
    const id = key.identity.apiKeyId!;
    const change = (fields: object) => refusal(() => house.services.apiKeys.update(id, fields, key));
    expect(await change({ scopes: ["account"] })).toBe("403 insufficient_scope");
    expect(await change({ scopes: ["*"] })).toBe("403 insufficient_scope");
    expect(await change({ expiresAt: end + 1 })).toBe("422 validation_error");
    expect(await change({ expiresAt: null })).toBe("422 validation_error");
    expect(await change({ ipAllow: [] })).toBe("403 forbidden");
    expect(await change({ ipAllow: null })).toBe("403 forbidden");
    expect(await change({ models: null })).toBe("403 forbidden");
    expect(await change({ scopes: ["keys:read"], name: "less" })).toBe("none");
    expect(await refusal(() => house.services.apiKeys.update(id, { name: "again" }, key))).toBe("none");
  });

  test("a key that is handed out by rotating holds no more than who rotates", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const strong = await create(house, await alice.caller(), { scopes: ["account"] });
    const weak = await callerOf(house, await alice.caller(), { scopes: ["keys:write"] });
    expect(await refusal(() => house.services.apiKeys.rotate(strong.key.id, 0, weak))).toBe("403 insufficient_scope");
  });

  test("R24 only its owner rotates a key: the successor acts as him, and lives on without whoever made it", async () => {
    const house = await openHouse();
    const root = await house.person("super");
    const admin = await house.person("admin2");
    const other = await house.person("admin3");
    const carol = await house.person("carol");
    const { accounts, apiKeys, orgs } = house.services;
    for (const { id } of [admin, other]) await accounts.update(id, { isAdmin: true }, await root.caller());
    const { id: team } = await orgs.create("Team", await root.caller());
    await orgs.addMember(team, { userId: carol.id }, "admin", await root.caller());
    await orgs.addMember(team, { userId: other.id }, "member", await root.caller());
    const key = await create(house, await other.caller(), { orgId: team, scopes: ["chat:write"] });
    const adminKey = await callerOf(house, await admin.caller(), { scopes: ["management", "account"] });
    const carolInTeam = { identity: await orgs.enter(await carol.identity(), team), origin: ORIGIN };
    const callers: [who: string, caller: Caller, expected: string][] = [
      ["an admin of the house", await admin.caller(), "403 key_owner_required"],
      ["the super admin", await root.caller(), "403 key_owner_required"],
      ["the organisation's admin", await carol.caller(), "403 key_owner_required"],
      ["the same, acting there", carolInTeam, "403 key_owner_required"],
      ["another admin's key", adminKey, "404 not_found"],
    ];
    for (const [who, caller, expected] of callers) {
      expect([who, await refusal(() => apiKeys.rotate(key.key.id, 0, caller))]).toEqual([who, expected]);
    }
    expect(await find(house, key.secret!)).toBeDefined();
    expect((await apiKeys.rotate(key.key.id, 0, await other.caller())).key.userId).toBe(other.id);
    // Whoever manages an organisation ends its keys all the same.
    const again = await create(house, await other.caller(), { orgId: team, scopes: ["chat:write"] });
    expect(await refusal(() => apiKeys.revoke(again.key.id, carolInTeam))).toBe("none");
  });

  test("nobody but the super admin touches the super admin's keys", async () => {
    const house = await openHouse();
    const root = await house.person("super");
    const admin = await house.person("admin2");
    await house.services.accounts.update(admin.id, { isAdmin: true }, await root.caller());
    const { key } = await create(house, await root.caller());
    const by = await admin.caller();
    for (const act of [
      () => house.services.apiKeys.revoke(key.id, by),
      () => house.services.apiKeys.update(key.id, { name: "mine" }, by),
      () => house.services.apiKeys.rotate(key.id, 0, by),
    ]) {
      expect(await refusal(act)).toBe("403 super_admin_protected");
    }
    expect(await house.services.apiKeys.revoke(key.id, operator)).toBe("revoked");
  });

  test("users make none where the house says so; lifetimes and numbers are bounded", async () => {
    const config = "api_keys: { user_created: false, max_expiry: 1h, default_expiry: 10m, max_per_user: 2 }";
    const house = await openHouse({ config });
    const root = await house.person("super");
    const user = await house.person("uma");
    expect(await refusal(async () => create(house, await user.caller()))).toBe("403 key_creation_disabled");
    const now = house.clock.now();
    expect((await create(house, await root.caller())).key.expiresAt).toBe(now + 600_000);
    const late = { expiresAt: now + 3_600_001 };
    expect(await refusal(async () => create(house, await root.caller(), late))).toBe("422 validation_error");
    expect(await refusal(async () => create(house, await root.caller(), { expiresAt: null }))).toBe(
      "422 validation_error",
    );
    await create(house, await root.caller(), { expiresAt: now + 3_600_000 });
    expect(await refusal(async () => create(house, await root.caller()))).toBe("409 too_many_keys");
  });

  test.each<[name: string, request: Request]>([
    ["R31 65 characters of name", { name: "x".repeat(65) }],
    ["R31 a control character", { name: "a\u0007b" }],
    ["R31 a line break", { name: "a\nb" }],
    ["R31 a text turned round", { name: "a\u202eb" }],
    ["a blank name", { name: "  " }],
    ["R23 an end in the past", { expiresAt: 1 }],
    ["an address that is none", { ipAllow: ["10.0.0.300"] }],
    ["a network that is too long", { ipAllow: ["10.0.0.0/33"] }],
    ["a negative limit", { limits: { rpm: -1 } }],
    ["half a request", { limits: { rpm: 0.5 } }],
    ["a budget of nothing", { limits: { budgets: [{ usd: 0, window: "day" }] } }],
    ["an empty pattern", { models: { allow: [""] } }],
    ["too many patterns", { models: { allow: Array.from({ length: 201 }, () => "x") } }],
    ["a long note", { metadata: { note: "x".repeat(5000) } }],
  ])("%s: 422", async (_name, request) => {
    const house = await openHouse();
    const alice = await house.person("alice");
    expect(await refusal(async () => create(house, await alice.caller(), request))).toBe("422 validation_error");
    expect((await house.services.apiKeys.list({}, {}, await alice.identity())).items).toEqual([]);
  });
});

describe("R26 others' keys are not there", () => {
  test("for users, keys and members of other organisations; owners see their organisation, admins all", async () => {
    const house = await openHouse();
    const root = await house.person("super");
    const alice = await house.person("alice");
    const bob = await house.person("bob");
    const { id: team } = await house.services.orgs.create("Team", await root.caller());
    await house.services.orgs.addMember(team, { userId: alice.id }, "admin", await root.caller());
    await house.services.orgs.addMember(team, { userId: bob.id }, "member", await root.caller());
    const own = await create(house, await bob.caller(), { name: "own" });
    const inTeam = await create(house, await bob.caller(), { name: "team", orgId: team });
    const bobKey = await callerOf(house, await bob.caller(), { name: "reader", scopes: ["keys:read", "keys:write"] });

    const sees = async (identity: Identity) => {
      const { items } = await house.services.apiKeys.list({}, {}, identity);
      return items
        .map(({ name }) => name)
        .sort()
        .join(" ");
    };
    expect(await sees(await bob.identity())).toBe("own reader team");
    expect(await sees(bobKey.identity)).toBe("own reader");
    expect(await sees(await root.identity())).toBe("own reader team");
    expect(await sees(await alice.identity())).toBe("");
    const { items } = await house.services.apiKeys.list({ orgId: team }, {}, await alice.identity());
    expect(items.map(({ name }) => name)).toEqual(["team"]);

    const get = async (id: string, identity: Identity) => refusal(() => house.services.apiKeys.get(id, identity));
    expect(await get(own.key.id, await alice.identity())).toBe("404 not_found");
    expect(await get(inTeam.key.id, await alice.identity())).toBe("none");
    expect(await get(inTeam.key.id, bobKey.identity)).toBe("404 not_found");
    for (const act of [
      async () => house.services.apiKeys.revoke(own.key.id, await alice.caller()),
      async () => house.services.apiKeys.update(own.key.id, { name: "x" }, await alice.caller()),
      async () => house.services.apiKeys.rotate(own.key.id, 0, await alice.caller()),
      async () => house.services.apiKeys.list({ orgId: "org_nowhere" }, {}, await alice.identity()),
      async () => create(house, await alice.caller(), { orgId: "org_nowhere" }),
      async () => create(house, bobKey, { orgId: team, scopes: ["keys:read"] }),
    ]) {
      expect(await refusal(act)).toBe("404 not_found");
    }
    // Asking for somebody else's keys by name finds none.
    expect((await house.services.apiKeys.list({ userId: bob.id }, {}, await alice.identity())).items).toEqual([]);
  });
});

describe("rotating", () => {
  test("a new key with the same rights; the old one lives on for the grace", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const { key, secret } = await create(house, await alice.caller(), {
      models: { allow: ["a"] },
      ipAllow: ["10.0.0.1"],
    });
    const next = await house.services.apiKeys.rotate(key.id, 5000, await alice.caller());
    expect(next.key).toMatchObject({
      replaces: key.id,
      models: { allow: ["a"] },
      ipAllow: ["10.0.0.1"],
      scopes: key.scopes,
    });
    expect(next.secret).not.toBe(secret);
    house.clock.advance(4999);
    expect(await find(house, secret!)).toBeDefined();
    house.clock.advance(1);
    expect(await find(house, secret!)).toBeUndefined();
    expect(await find(house, next.secret!)).toBeDefined();
  });
});

describe("R24 the number of live keys", () => {
  test("bounds rotations with a grace as it bounds new keys; one that ends at once needs no room", async () => {
    const house = await openHouse({ config: "api_keys: { max_per_user: 3 }" });
    const alice = await house.person("alice");
    const by = await alice.caller();
    const { apiKeys } = house.services;
    let { key: latest } = await create(house, by);
    for (let turn = 0; turn < 20; turn += 1) ({ key: latest } = await apiKeys.rotate(latest.id, 604_800_000, by));
    const live = async () => (await apiKeys.list({ status: "active" }, {}, by.identity)).items.length;
    expect(await live()).toBe(2);
    await create(house, by);
    expect(await refusal(() => create(house, by))).toBe("409 too_many_keys");
    ({ key: latest } = await apiKeys.rotate(latest.id, 1000, by));
    const spare = (await apiKeys.list({ status: "active" }, {}, by.identity)).items.find(({ replaces }) => !replaces)!;
    expect(await refusal(() => apiKeys.rotate(spare.id, 1000, by))).toBe("409 too_many_keys");
    expect(await refusal(() => apiKeys.rotate(spare.id, 0, by))).toBe("none");
    expect(await live()).toBe(3);
  });

  test("what a rotation ends is over for calls under way too", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const by = await alice.caller();
    const first = await create(house, by);
    const second = await house.services.apiKeys.rotate(first.key.id, 60_000, by);
    expect(await find(house, first.secret!)).toBeDefined();
    await house.services.apiKeys.rotate(second.key.id, 60_000, by);
    expect(await find(house, first.secret!)).toBeUndefined();
    expect(house.revocations).toContainEqual({ type: "ended", principalId: first.key.publicId });
    expect(await find(house, second.secret!)).toBeDefined();
  });
});

describe("keys brought from elsewhere", () => {
  test("are found by their whole text, though it says nothing; and the first of them is known at once", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const text = "sk-somebody-elses-key-0123456789";
    expect(house.services.apiKeys.hasImported()).toBe(false);
    const made = await create(house, await alice.caller(), {}, { style: "imported", text });
    expect(made.secret).toBe(text);
    expect(house.services.apiKeys.hasImported()).toBe(true);
    expect(await find(house, text)).toMatchObject({ id: made.key.publicId });
    expect(await find(house, `${text}0`)).toBeUndefined();
  });

  test.each([
    ["too short", "sk-1234"],
    ["of other characters", "a key with spaces in it"],
    ["of the form of a token", "head.payload.signature"],
    ["beginning like ours", `mr_${"x".repeat(38)}`],
    ["of one letter", "x".repeat(100)],
    ["of too few bits", "passwordpassword"],
    ["of digits, too few", "0123456789".repeat(3)],
    ["out of published examples", "prisma-relay-change-me"],
    ["the access key itself", "the-access-key-of-this-very-house"],
    ["the access key before", "the-access-key-of-yesterday-0123"],
  ])("%s: 422", async (_name, text) => {
    const house = await openHouse({
      config: `server: { access_key: the-access-key-of-this-very-house, previous_access_key: the-access-key-of-yesterday-0123, previous_access_key_until: 2099-01-01T00:00:00Z }`,
    });
    const alice = await house.person("alice");
    const made = async () => create(house, await alice.caller(), {}, { style: "imported", text });
    expect(await refusal(made)).toBe("422 validation_error");
  });
});

test("a key that is here already is taken in once, and a revoked one never again; lists show little of it", async () => {
  const house = await openHouse();
  const [alice, bob] = [await house.person("alice"), await house.person("bob")];
  const text = "sk-somebody-elses-key-0123456789";
  const take = async (by: typeof alice) => create(house, await by.caller(), {}, { style: "imported", text });
  const { key } = await take(alice);
  expect([key.prefix, key.last4, key.style, key.userId]).toEqual(["sk-s", "6789", "imported", alice.id]);
  expect(await refusal(() => take(alice))).toBe("409 key_known");
  expect(await refusal(() => take(bob))).toBe("409 key_known");
  await house.services.apiKeys.revoke(key.id, await alice.caller());
  expect(await find(house, text)).toBeUndefined();
  expect(await refusal(() => take(bob))).toBe("409 key_known");
});

describe("Relay and OpenRelay styles", () => {
  test("take scopes as their clients write them", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const by = await alice.caller();
    expect((await create(house, by, { scopes: [] }, { style: "relay" })).key.scopes).toEqual(["account"]);
    expect((await create(house, by, {}, { style: "relay" })).key.scopes).toEqual(["account"]);
    const foreign = await create(house, by, { scopes: ["clusters:read", "chat:write"] }, { style: "openrelay" });
    expect(foreign.key.scopes).toEqual(["clusters:read", "chat:write"]);
    expect([...(await find(house, foreign.secret!))!.scopes]).toEqual(["chat:write"]);
  });
});

test("an idempotency key: the same request gets the key it made, without the secret; another is a conflict", async () => {
  const house = await openHouse();
  const alice = await house.person("alice");
  const bob = await house.person("bob");
  const options = { idempotencyKey: "once" };
  const first = await create(house, await alice.caller(), { name: "a" }, options);
  const again = await create(house, await alice.caller(), { name: "a" }, options);
  expect([again.key.id, again.secret]).toEqual([first.key.id, undefined]);
  expect(await refusal(async () => create(house, await alice.caller(), { name: "b" }, options))).toBe(
    "409 idempotency_key_reused",
  );
  // Nobody else's request is answered with it.
  const other = await create(house, await bob.caller(), { name: "a" }, options);
  expect([other.key.id === first.key.id, typeof other.secret]).toEqual([false, "string"]);
});

describe("R28 when a key was last used", () => {
  test("ten thousand uses in ten seconds are written at most twice, never while somebody waits", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const { key, secret } = await create(house, await alice.caller());
    let writes = 0;
    const { touch } = house.store.accounts.apiKeys;
    const accounts = { ...house.store.accounts, apiKeys: { ...house.store.accounts.apiKeys, touch: counted } };
    async function counted(uses: Parameters<typeof touch>[0]) {
      writes += 1;
      await touch(uses);
    }
    const services = house.beside({ ...house.store, accounts });
    for (let use = 0; use < 10_000; use += 1) {
      const found = services.apiKeys.find(secret!);
      if (found instanceof Promise) await found;
      if (use % 100 === 0) {
        house.clock.advance(100);
        await Promise.resolve();
      }
    }
    expect(writes).toBeLessThanOrEqual(2);
    const last = house.clock.now();
    services.apiKeys.find(secret!);
    await services.apiKeys.flush();
    expect((await house.services.apiKeys.get(key.id, await alice.identity())).lastUsedAt).toBe(last);
  });

  test("another process that holds the database for itself fails no request: keys are found, uses are written later", async () => {
    const paths = pathsIn(makeDirectory());
    const clock = createManualClock();
    const house = await openHouse({ store: await open({ ...paths, clock, busyTimeoutMs: 50 }), clock });
    const alice = await house.person("alice");
    const keys = [await create(house, await alice.caller()), await create(house, await alice.caller())];
    await find(house, keys[0]!.secret!);
    const other = new Database(paths.accountsPath);
    other.run("BEGIN EXCLUSIVE");
    for (const { secret } of keys) expect(await find(house, secret!)).toBeDefined();
    clock.advance(1000);
    for (const { secret } of keys) expect(await find(house, secret!)).toBeDefined();
    other.run("ROLLBACK");
    other.close();
    await house.services.apiKeys.flush();
    for (const { key } of keys) {
      expect((await house.services.apiKeys.get(key.id, await alice.identity())).lastUsedAt).toBe(clock.now());
    }
  });

  test("a database that cannot be written fails no request", async () => {
    const house = await openHouse();
    const alice = await house.person("alice");
    const { secret } = await create(house, await alice.caller());
    const broken = { ...house.store.accounts.apiKeys, touch: () => Promise.reject(new Error("disk full")) };
    const services = house.beside({ ...house.store, accounts: { ...house.store.accounts, apiKeys: broken } });
    expect(await services.apiKeys.find(secret!)).toBeDefined();
    house.clock.advance(1000);
    await Bun.sleep(0);
    expect(await services.apiKeys.find(secret!)).toBeDefined();
    expect(house.log.lines).toContain("warn when API keys were last used cannot be written");
  });
});
