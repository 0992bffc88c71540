/** The way out to an identity provider and back: every answer that belongs to no sign-in of this browser is refused. */
import { describe, expect, test } from "bun:test";
import { createOneTimeStore } from "../../src/auth/sign-in-store.ts";
import { CODE_MS, PENDING_MAX, PENDING_MS } from "../../src/auth/sign-in.ts";
import { RelayError } from "../../src/contract/errors.ts";
import { createManualClock } from "../../src/support/clock.ts";
import { COMPANY, GITHUB, challengeOf, openSignInHouse, REDIRECT, yamlOf } from "./sign-in-support.ts";
import { ORIGIN, refusal } from "./support.ts";

const ADA = { subject: "4711", displayName: "ada", verifiedEmail: "ada@example.com" };

describe("there and back", () => {
  test("the first to come is the super admin, and comes back as the same account", async () => {
    const house = await openSignInHouse();
    const first = await house.mustSignIn("github", ADA);
    expect(first.user).toMatchObject({
      username: "ada",
      email: "ada@example.com",
      role: "super_admin",
      sso: { provider: "github", subject: "4711" },
      hasPassword: false,
    });
    const again = await house.mustSignIn("github", { ...ADA, displayName: "renamed" });
    expect(again.user.id).toBe(first.user.id);
    expect(again.user.username).toBe("ada");
    expect(again.sessionId).not.toBe(first.sessionId);
    const identity = await house.services.sessions.find(again.accessToken);
    expect(identity).toMatchObject({ kind: "session", userId: first.user.id, reauthAt: house.clock.now() });
  });

  test("R60 R61 the plugin gets a challenge and a nonce, and on the way back what they were made of", async () => {
    const house = await openSignInHouse();
    await house.mustSignIn("company", ADA);
    const { begun, finished } = house.asked.get("company")!;
    expect(finished[0]!.codeVerifier).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(begun[0]!.codeChallenge).toBe(challengeOf(finished[0]!.codeVerifier));
    expect(finished[0]!.nonce).toBe(begun[0]!.nonce);
    expect(finished[0]!.redirectUri).toBe(`${REDIRECT}/company/callback`);
    const secrets = [begun[0]!.state, begun[0]!.nonce, finished[0]!.codeVerifier];
    expect(new Set(secrets).size).toBe(3);
    // 256 bits each.
    for (const secret of secrets) expect(Buffer.from(secret, "base64url").length).toBe(32);
  });

  test("where to go next is remembered, and is nothing of an unknown answer's", async () => {
    const house = await openSignInHouse();
    house.says("github", ADA);
    const begun = await house.begin("github", { returnTo: "/account" });
    expect(await house.answer("github", begun)).toMatchObject({ returnTo: "/account" });
    expect(await house.answer("github", begun)).toEqual({ returnTo: undefined, error: "state_invalid" });
  });
});

describe("R59 R69 answers that are refused before the provider hears of them", () => {
  const cases: readonly (readonly [string, object])[] = [
    ["another state", { state: "A".repeat(43) }],
    ["no state", { state: undefined }],
    ["another browser", { browser: "B".repeat(43) }],
    ["a browser without the cookie", { browser: undefined }],
    ["the callback of another provider", { providerId: "company" }],
    ["the callback that no provider here uses", { providerId: undefined }],
  ];
  test.each(cases)("%s", async (_name, changes) => {
    const house = await openSignInHouse();
    house.says("github", ADA);
    house.says("company", ADA);
    const begun = await house.begin("github");
    expect(await house.answer("github", begun, changes)).toEqual({ returnTo: undefined, error: "state_invalid" });
    for (const { finished } of house.asked.values()) expect(finished).toEqual([]);
    expect(await house.store.accounts.users.hasAny()).toBe(false);
  });

  test("an answer works once, whatever became of it", async () => {
    const house = await openSignInHouse();
    house.says("github", ADA);
    const begun = await house.begin("github");
    expect(await house.answer("github", begun, { browser: "somebody else's" })).toMatchObject({
      error: "state_invalid",
    });
    expect(await house.answer("github", begun)).toMatchObject({ error: "state_invalid" });
  });

  test("ten minutes are enough, and one millisecond more is too late", async () => {
    const house = await openSignInHouse();
    house.says("github", ADA);
    const [inTime, late] = [await house.begin("github"), await house.begin("github")];
    house.clock.advance(PENDING_MS - 1);
    expect(await house.answer("github", inTime)).toHaveProperty("code");
    house.clock.advance(1);
    expect(await house.answer("github", late)).toMatchObject({ error: "state_invalid" });
  });

  test("a provider that the configuration no longer has gets no code", async () => {
    const house = await openSignInHouse();
    house.says("github", ADA);
    const { state, browser } = await house.begin("github");
    const answer = { providerId: "github", code: "c", state, browser };
    expect(await house.signIn.flow.finish(new Map(), answer, ORIGIN)).toMatchObject({ error: "sso_disabled" });
    expect(house.asked.get("github")!.finished).toEqual([]);
  });

  test("the one provider of the shared callback is answered there and nowhere else", async () => {
    const house = await openSignInHouse(yamlOf([`${GITHUB}, callback: shared`, COMPANY]));
    house.says("github", ADA);
    house.says("company", ADA);
    expect(await house.answer("github", await house.begin("github"), { providerId: undefined })).toHaveProperty("code");
    expect(await house.answer("github", await house.begin("github"))).toMatchObject({ error: "state_invalid" });
    const other = await house.begin("company");
    expect(await house.answer("company", other, { providerId: undefined })).toMatchObject({ error: "state_invalid" });
  });
});

describe("what the provider says instead of a code", () => {
  test.each([
    ["access_denied", "access_denied"],
    ["server_error", "provider_error"],
    ["</script><img onerror=alert(1)>", "provider_error"],
  ])("error=%s becomes %s", async (error, word) => {
    const house = await openSignInHouse();
    const begun = await house.begin("github", { returnTo: "/account" });
    expect(await house.answer("github", begun, { code: undefined, error })).toEqual({
      returnTo: "/account",
      error: word,
    } as never);
    expect(house.asked.get("github")!.finished).toEqual([]);
  });

  test("neither a code nor an error is a refusal", async () => {
    const house = await openSignInHouse();
    const begun = await house.begin("github");
    expect(await house.answer("github", begun, { code: undefined })).toMatchObject({ error: "sign_in_refused" });
  });

  const failures: readonly (readonly [string, Error, string])[] = [
    ["refuses the code", new RelayError("unauthenticated", "x", { wireCode: "code_refused" }), "sign_in_refused"],
    ["sends a bad token", new RelayError("unauthenticated", "x", { wireCode: "id_token_invalid" }), "sign_in_refused"],
    ["does not want the person", new RelayError("forbidden", "x", { wireCode: "not_allowed" }), "not_allowed"],
    ["is away", new RelayError("upstream-unavailable", "x"), "provider_unavailable"],
    ["is slow", new RelayError("upstream-timeout", "x"), "provider_unavailable"],
    ["refuses us", new RelayError("upstream-credential", "x"), "provider_unavailable"],
    ["has a plugin with a fault", new TypeError("canary-of-a-plugin"), "provider_unavailable"],
  ];
  test.each(failures)("a provider that %s", async (_name, failure, word) => {
    const house = await openSignInHouse();
    const begun = await house.begin("github");
    house.says("github", failure);
    expect(await house.answer("github", begun)).toEqual({ returnTo: undefined, error: word } as never);
    expect(await house.store.accounts.users.hasAny()).toBe(false);
  });

  test("R69 a provider that fails at the beginning is 502, one that is slow 504; nothing is remembered", async () => {
    const house = await openSignInHouse();
    house.says("github", new RelayError("upstream-unavailable", "canary-in-a-cause"));
    expect(await refusal(() => house.begin("github"))).toBe("502 provider_unavailable");
    house.says("github", new RelayError("upstream-timeout", "x"));
    expect(await refusal(() => house.begin("github"))).toBe("504 provider_unavailable");
    house.says("github", new Error("fault"));
    const shown = await house.begin("github").catch((error: Error) => error.message);
    expect(shown).toBe("The identity provider is not available at the moment");
    expect(house.log.lines.filter((line) => line === "warn an identity provider cannot begin a sign-in").length).toBe(
      3,
    );
  });
});

describe("R65 the one-time code", () => {
  const ready = async () => {
    const house = await openSignInHouse();
    house.says("github", ADA);
    const begun = await house.begin("github");
    const finished = await house.answer("github", begun);
    if (!("code" in finished)) throw new Error(finished.error);
    const exchange = (code: string, browser: string | undefined) => house.signIn.flow.exchange(code, browser, ORIGIN);
    return { house, begun, code: finished.code, exchange };
  };

  test("works once", async () => {
    const { begun, code, exchange } = await ready();
    expect((await exchange(code, begun.browser)).user.username).toBe("ada");
    expect(await refusal(() => exchange(code, begun.browser))).toBe("400 code_invalid");
  });

  test("works in the browser that signed in, and nowhere else", async () => {
    for (const browser of [undefined, "C".repeat(43), ""]) {
      const { code, exchange } = await ready();
      expect(await refusal(() => exchange(code, browser))).toBe("400 code_invalid");
    }
  });

  test("works for sixty seconds", async () => {
    const early = await ready();
    early.house.clock.advance(CODE_MS - 1);
    expect((await early.exchange(early.code, early.begun.browser)).user.username).toBe("ada");
    const late = await ready();
    late.house.clock.advance(CODE_MS);
    expect(await refusal(() => late.exchange(late.code, late.begun.browser))).toBe("400 code_invalid");
  });

  test.each(["", "x", "A".repeat(43)])("is not %j", async (code) => {
    const { begun, exchange } = await ready();
    expect(await refusal(() => exchange(code, begun.browser))).toBe("400 code_invalid");
  });

  test("is worth nothing once the account is switched off, or its sessions were ended", async () => {
    const { house, begun, code, exchange } = await ready();
    const { items } = await house.store.accounts.users.list();
    const by = { actor: "system", userId: null, via: "test", ip: null, requestId: null };
    await house.store.accounts.sessions.revokeAll(items[0]!.id, by);
    expect(await refusal(() => exchange(code, begun.browser))).toBe("400 code_invalid");
  });
});

describe("R59 the store", () => {
  test("a flood of beginnings leaves the newest, and no more than the bound", async () => {
    const house = await openSignInHouse();
    house.says("github", ADA);
    const first = await house.begin("github");
    let last = first;
    for (let count = 0; count < PENDING_MAX; count++) last = await house.begin("github");
    expect(await house.answer("github", first)).toMatchObject({ error: "state_invalid" });
    expect(await house.answer("github", last)).toHaveProperty("code");
  });

  test("what is too old makes room by itself", () => {
    const clock = createManualClock();
    const store = createOneTimeStore<number>({ clock, ttlMs: 100, max: 3 });
    for (const [index, name] of ["a", "b", "c", "d"].entries()) store.put(name, index);
    expect(store.size).toBe(3);
    expect(store.take("a")).toBeUndefined();
    expect(store.take("d")).toBe(3);
    clock.advance(100);
    expect(store.take("b")).toBeUndefined();
    expect(store.size).toBe(0);
  });

  test("a wall clock set back makes nothing live longer", () => {
    const clock = createManualClock();
    const store = createOneTimeStore<number>({ clock, ttlMs: 100, max: 3 });
    store.put("a", 1);
    clock.advance(100);
    clock.setNow(0);
    expect(store.take("a")).toBeUndefined();
  });
});

test("no secret of a sign-in is logged, refused or not", async () => {
  const house = await openSignInHouse();
  await house.mustSignIn("github", ADA);
  const begunAgain = await house.begin("github");
  house.says("github", new RelayError("unauthenticated", "x", { cause: new Error("the reason") }));
  expect(await house.answer("github", begunAgain)).toMatchObject({ error: "sign_in_refused" });
  const logged = Bun.inspect([house.log.lines, house.log.fields], { depth: 9 });
  expect(logged).toContain("a sign-in was refused");
  expect(logged).toContain("the reason");
  const { begun, finished } = house.asked.get("github")!;
  for (const { state, nonce } of begun) {
    expect(logged).not.toContain(state);
    expect(logged).not.toContain(nonce);
  }
  for (const { code, codeVerifier } of finished) {
    expect(logged).not.toContain(code);
    expect(logged).not.toContain(codeVerifier);
  }
  expect(logged).not.toContain(begunAgain.browser);
});
