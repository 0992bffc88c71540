/** R53 over HTTP: whose failures count together is decided by what the connection is, not by what a request says of itself. */
import { afterEach, describe, expect, test } from "bun:test";
import type { Hasher } from "../../../src/auth/password.ts";
import { quickHasher } from "../../auth/support.ts";
import { type AccountRelay, PASSWORD, startAccounts } from "../../support/accounts.ts";

const ACCOUNT_MAX = 10;
const NETWORK_MAX = 50;
const HOUR_MS = 3_600_000;

let house: AccountRelay;
let checks = 0;
afterEach(() => house.stop());
async function start(config = ""): Promise<void> {
  const hasher: Hasher = {
    hash: quickHasher.hash,
    verify(password, hash) {
      checks += 1;
      return quickHasher.verify(password, hash);
    },
  };
  house = await startAccounts(config, undefined, { hasher });
  await house.person("frank");
  checks = 0;
}
const login = (username: string, headers: Record<string, string> = {}, password = "wrong password") =>
  house.ask("POST /api/auth/login", { body: { username, password }, headers });

describe("R53 ★ guessing", () => {
  const disguises: [name: string, of: (index: number) => { username?: string; headers?: Record<string, string> }][] = [
    ["a new X-Forwarded-For each time", (index) => ({ headers: { "x-forwarded-for": `203.0.113.${index}` } })],
    ["a list of them", (index) => ({ headers: { "x-forwarded-for": `198.51.100.${index}, 203.0.113.${index}` } })],
    [
      "other headers of proxies",
      (index) => ({ headers: { forwarded: `for=203.0.113.${index}`, "x-real-ip": `::${index}` } }),
    ],
    ["the name in other letters", (index) => ({ username: ["frank", "FRANK", "Frank", "fRANK"][index % 4]! })],
    ["another client", (index) => ({ headers: { "user-agent": `client ${index}` } })],
  ];
  test.each(disguises)("%s changes nothing: the eleventh failure has to wait", async (_name, of) => {
    await start();
    for (let index = 0; index < ACCOUNT_MAX; index += 1) {
      const { username = "frank", headers = {} } = of(index);
      expect([index, (await login(username, headers)).status]).toEqual([index, 401]);
    }
    const { username = "frank", headers = {} } = of(ACCOUNT_MAX);
    const answer = await login(username, headers, PASSWORD);
    expect([answer.status, Number(answer.headers.get("retry-after")) > 0]).toEqual([429, true]);
    expect(checks).toBe(ACCOUNT_MAX);
  });

  test("fields that no sign-in has are refused, and buy no further guess", async () => {
    await start();
    for (let index = 0; index < 30; index += 1) {
      const body = { username: "frank", password: "wrong password", [`extra_${index}`]: index };
      expect((await house.ask("POST /api/auth/login", { body })).status).toBe(422);
    }
    expect(checks).toBe(0);
  });

  test("of ten thousand passwords in an hour no more than a hundred are checked, and then the owner gets in", async () => {
    await start();
    for (let index = 0; index < 10_000; index += 1) {
      await login("frank", {}, `guess ${index}`);
      house.clock.advance(HOUR_MS / 10_000);
    }
    expect(checks).toBeLessThanOrEqual(100);
    house.clock.advance(15 * 60_000);
    expect((await login("frank", {}, PASSWORD)).status).toBe(200);
  }, 30_000);

  test("a hundred at once do not slip through", async () => {
    await start();
    await Promise.all(Array.from({ length: 100 }, (_, index) => login("frank", {}, `guess ${index}`)));
    expect(checks).toBeLessThanOrEqual(ACCOUNT_MAX);
  });

  const spray = async (headersOf: (index: number) => Record<string, string>): Promise<number> => {
    for (let index = 0; index < NETWORK_MAX; index += 1) await login(`nobody-${index}`, headersOf(index));
    return (await login("nobody-more", headersOf(NETWORK_MAX))).status;
  };

  test("many names from one address are one network's failures, whatever X-Forwarded-For says", async () => {
    await start();
    expect(await spray((index) => ({ "x-forwarded-for": `203.0.113.${index}` }))).toBe(429);
  });

  test("behind a listed proxy its word counts: clients are told apart, and what they wrote before it is not believed", async () => {
    await start("server: { trusted_proxies: [127.0.0.1] }");
    expect(await spray((index) => ({ "x-forwarded-for": `203.0.113.${index}` }))).toBe(401);
    expect(await spray((index) => ({ "x-forwarded-for": `203.0.113.${index}, 198.51.100.7` }))).toBe(429);
  });

  test("another last half of an IPv6 address is no other network, in whatever spelling", async () => {
    await start("server: { trusted_proxies: [127.0.0.1] }");
    const suffixes = (index: number) =>
      index % 2 === 0 ? `2001:db8:1:2::${index.toString(16)}` : `2001:0DB8:0001:0002:${index}:1:1:1`;
    expect(await spray((index) => ({ "x-forwarded-for": suffixes(index) }))).toBe(429);
    expect((await login("nobody-else", { "x-forwarded-for": "2001:db8:1:3::1" })).status).toBe(401);
  });
});

describe("R53 registering without end", () => {
  const register = (index: number, more: object = {}, headers: Record<string, string> = {}) =>
    house.ask("POST /api/auth/register", {
      body: { username: `newcomer-${index}`, password: PASSWORD, ...more },
      headers,
    });

  test("after fifty accounts a network has to wait, whatever its X-Forwarded-For; those there sign in all the same", async () => {
    await start();
    let made = 1;
    while (made <= NETWORK_MAX && (await register(made)).status === 200) made += 1;
    // Frank came from here, too.
    expect(made).toBe(NETWORK_MAX);
    const refused = await register(100, {}, { "x-forwarded-for": "203.0.113.9" });
    expect([refused.status, refused.body.code, Number(refused.headers.get("retry-after")) > 0]).toEqual([
      429,
      "rate_limited",
      true,
    ]);
    expect(await house.store.accounts.users.findForSignIn({ usernameKey: "newcomer-100" })).toBeUndefined();
    expect((await login("frank", {}, PASSWORD)).status).toBe(200);
  });

  test("an invitation is leave: it is taken then as well", async () => {
    await start();
    const { body } = await house.ask("POST /api/auth/login", { body: { username: "frank", password: PASSWORD } });
    const invite = await house.ask("POST /api/invites", { as: body.access_token, body: {} });
    for (let index = 0; index <= NETWORK_MAX; index += 1) await register(index);
    expect((await register(100)).status).toBe(429);
    expect((await register(100, { invite_code: invite.body.code })).status).toBe(200);
  });

  test("what is refused for its form counts as nothing", async () => {
    await start();
    for (let index = 0; index < 2 * NETWORK_MAX; index += 1) {
      expect((await register(index, { password: "short" })).status).toBe(422);
    }
    expect((await register(1)).status).toBe(200);
  });
});
