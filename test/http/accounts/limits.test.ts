/** Limits as they are written and read over HTTP: on keys, on organisations, in the configuration. */
import { afterEach, describe, expect, test } from "bun:test";
import { type AccountRelay, KEY, PASSWORD, type SignedIn, startAccounts } from "../../support/accounts.ts";

let house: AccountRelay;
afterEach(() => house.stop());

const PRICES = 'prices: { overrides: { "echo*": { input: 1000, output: 1000 } } }';

async function begin(config = ""): Promise<{ owner: SignedIn; user: SignedIn; orgId: string }> {
  house = await startAccounts(`${PRICES}\n${config}`);
  // 0 stands for "never" where calls note instants, and a process is never that young.
  house.clock.advance(1000);
  const owner = await house.person("olive");
  const user = await house.person("ursula");
  return { owner, user, orgId: (await owner.identity()).orgId! };
}

const chat = (as: string | SignedIn) =>
  house.ask("POST /v1/chat/completions", {
    as,
    body: { model: "echo", max_tokens: 5, messages: [{ role: "user", content: "hi" }] },
  });
const statuses = async (as: string | SignedIn, count: number): Promise<number[]> => {
  const all: number[] = [];
  for (let at = 0; at < count; at += 1) all.push((await chat(as)).status);
  return all;
};
const makeKey = async (as: SignedIn, own: object = {}) => {
  const { body, status } = await house.ask("POST /api/keys", { as, body: { name: "k", scopes: ["account"], ...own } });
  expect(status).toBe(201);
  return body as { id: string; key: string; limits: object };
};

describe("R29 limits over HTTP", () => {
  test("usage tells each limit of a key: how much is used, what is left, when it begins anew", async () => {
    const { user } = await begin();
    const budgets = [
      { usd: 1, window: "month" },
      { usd: 2, window: "total" },
    ];
    const { key, id } = await makeKey(user, { limits: { rpm: 9, tpm: 5000, concurrency: 3, budgets } });
    expect((await chat(key)).status).toBe(200);
    const { body } = await house.ask(`GET /api/keys/${id}/usage`, { as: user });
    const [rpm, tpm, concurrency, month, total] = body.limits;
    const minute = new Date(house.clock.now() + 61_000).toISOString();
    expect(rpm).toEqual({ name: "rpm", limit: 9, used: 1, remaining: 8, reset_at: minute });
    expect(tpm).toMatchObject({ name: "tpm", limit: 5000, reset_at: minute });
    expect(tpm.used + tpm.remaining).toBe(5000);
    expect(concurrency).toEqual({ name: "concurrency", limit: 3, used: 0, remaining: 3, reset_at: null });
    expect(month).toMatchObject({ name: "budget:month", limit: 1, used: tpm.used / 1000 });
    expect(month.reset_at).toBe("2025-07-01T00:00:00.000Z");
    expect(total).toMatchObject({ name: "budget:total", used: tpm.used / 1000, reset_at: null });
  });

  test("a limit changed through the API rules from the next call on, either way", async () => {
    const { user } = await begin();
    const { key, id } = await makeKey(user, { limits: { rpm: 2 } });
    expect(await statuses(key, 3)).toEqual([200, 200, 429]);
    await house.ask(`PATCH /api/keys/${id}`, { as: user, body: { limits: { rpm: 3 } } });
    expect(await statuses(key, 2)).toEqual([200, 429]);
    await house.ask(`PATCH /api/keys/${id}`, { as: user, body: { limits: null } });
    expect(await statuses(key, 3)).toEqual([200, 200, 200]);
  });

  test("a budget that is given later knows what was spent before", async () => {
    const { user } = await begin();
    const { key, id } = await makeKey(user);
    expect(await statuses(key, 2)).toEqual([200, 200]);
    await house.ask(`PATCH /api/keys/${id}`, {
      as: user,
      body: { limits: { budgets: [{ usd: 0.01, window: "day" }] } },
    });
    expect(await statuses(key, 1)).toEqual([429]);
  });

  test("a rotation renews no limit: old and new key are counted as one", async () => {
    const { user } = await begin();
    const { key, id } = await makeKey(user, { limits: { rpm: 3, budgets: [{ usd: 1, window: "total" }] } });
    expect(await statuses(key, 2)).toEqual([200, 200]);
    const first = await house.ask(`POST /api/keys/${id}/rotate`, { as: user, body: { grace_seconds: 60 } });
    const second = await house.ask(`POST /api/keys/${first.body.id}/rotate`, { as: user, body: {} });
    expect(await statuses(second.body.key, 2)).toEqual([200, 429]);
    expect(await statuses(first.body.key, 1)).toEqual([429]);
    // A second rotation ends what was left of the first one's grace.
    expect(await statuses(key, 1)).toEqual([401]);
    const usage = async (of: string) => (await house.ask(`GET /api/keys/${of}/usage`, { as: user })).body.limits;
    expect(await usage(second.body.id)).toEqual(await usage(id));
  });

  test("a key with limits cannot make itself more of them by making other keys", async () => {
    const { user } = await begin();
    const maker = await makeKey(user, { limits: { rpm: 4, budgets: [{ usd: 1, window: "total" }] } });
    const asMaker = (key: string) =>
      house.ask("POST /api/keys", {
        as: key,
        body: {
          name: "child",
          scopes: ["inference", "keys:write"],
          limits: { rpm: 2, budgets: [{ usd: 1, window: "total" }] },
        },
      });
    const [one, two] = [(await asMaker(maker.key)).body, (await asMaker(maker.key)).body];
    expect(await statuses(one.key, 3)).toEqual([200, 200, 429]);
    expect(await statuses(maker.key, 1)).toEqual([200]);
    expect(await statuses(two.key, 2)).toEqual([200, 429]);
    expect((await chat(two.key)).body.error.message).toContain("the key that made this one");
    // Nor by a detour over a child of a child, or a rotation.
    const grandchild = (await asMaker(one.key)).body;
    const rotated = await house.ask(`POST /api/keys/${one.id}/rotate`, { as: user, body: {} });
    for (const key of [grandchild.key, rotated.body.key, maker.key]) expect(await statuses(key, 1)).toEqual([429]);
    const { body } = await house.ask(`GET /api/keys/${maker.id}/usage`, { as: user });
    expect(body.limits[0]).toMatchObject({ name: "rpm", used: 4 });
  });

  test("keys made without limits have those of api_keys.default_limits", async () => {
    const { user } = await begin("api_keys: { default_limits: { rpm: 1 } }");
    const { key, limits } = await makeKey(user);
    expect(limits).toEqual({ rpm: 1, tpm: 0, concurrency: 0, budgets: [] });
    expect(await statuses(key, 2)).toEqual([200, 429]);
    expect(await statuses((await makeKey(user, { limits: { rpm: 2 } })).key, 3)).toEqual([200, 200, 429]);
  });

  test("limits.user counts a person's keys and sessions together", async () => {
    const { owner, user } = await begin("limits: { user: { rpm: 3 } }");
    const one = await makeKey(user);
    const two = await makeKey(user);
    expect(await statuses(one.key, 1)).toEqual([200]);
    expect(await statuses(two.key, 1)).toEqual([200]);
    expect(await statuses(user, 2)).toEqual([200, 429]);
    expect(await statuses(one.key, 1)).toEqual([429]);
    expect(await statuses(owner, 1)).toEqual([200]);
    // Signing in again makes nobody another person.
    const again = await house.ask("POST /api/auth/login", { body: { username: "ursula", password: PASSWORD } });
    expect(await statuses(again.body.access_token, 1)).toEqual([429]);
  });

  test("limits of an organisation hold for all in it, the access key included; only admins set them", async () => {
    const { owner, user, orgId } = await begin();
    const set = (as: SignedIn, limits: object) => house.ask(`PATCH /api/orgs/${orgId}`, { as, body: { limits } });
    expect((await set(user, { rpm: 100 })).status).toBe(403);
    expect((await set(owner, { rpm: 3 })).status).toBe(200);
    const { key } = await makeKey(user);
    expect(await statuses(key, 1)).toEqual([200]);
    expect(await statuses(KEY, 1)).toEqual([200]);
    expect(await statuses(owner, 1)).toEqual([200]);
    for (const caller of [key, KEY, owner, user]) expect(await statuses(caller, 1)).toEqual([429]);
    expect((await chat(KEY)).body.error.message).toContain("this organisation");
  });

  test("limits.org holds for each organisation by itself, limits.access_key for the access key alone", async () => {
    const { owner, user } = await begin("limits: { org: { rpm: 2 }, access_key: { rpm: 1 } }");
    expect(await statuses(KEY, 2)).toEqual([200, 429]);
    expect(await statuses(user, 2)).toEqual([200, 429]);
    const { body } = await house.ask("POST /api/orgs", { as: owner, body: { name: "Elsewhere" } });
    const there = await house.ask("POST /v1/chat/completions", {
      as: owner,
      headers: { "x-relay-org": body.id },
      body: { model: "echo", messages: [{ role: "user", content: "hi" }] },
    });
    expect(there.status).toBe(200);
  });

  test("clearing all accounts clears what they have spent, and what was said to them", async () => {
    const { owner } = await begin("limits: { access_key: { budgets: [{ usd: 0.03, window: total }] } }");
    expect((await statuses(KEY, 6)).includes(429)).toBe(true);
    await house.relay.services.limiter.spending.flush();
    expect(await house.store.spending.load()).not.toEqual([]);
    const { kept } = house.relay.services;
    kept.keep("org_1:access-key", "resp_1", ["what was said"]);
    const cleared = await house.ask("POST /api/admin/clear-data", {
      as: owner,
      body: { confirm: "RESET ALL DATA", scope: ["users"] },
    });
    expect(cleared.status).toBe(200);
    expect(await house.store.spending.load()).toEqual([]);
    expect([kept.held, kept.find("org_1:access-key", "resp_1")]).toEqual([0, undefined]);
    expect(await statuses(KEY, 1)).toEqual([200]);
  });
});
