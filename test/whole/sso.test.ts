/** Signing in through identity providers with the binary: a real OpenID provider, one that spoils tokens, and GitHub's endpoints. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHmac } from "node:crypto";
import { UnsecuredJWT } from "jose";
import { ACCESS_KEY, missingBinary, type RunningBinary } from "../support/binary.ts";
import { Browser } from "../support/browser.ts";
import type { Spoil } from "../support/spoiled-provider.ts";
import { arrive, begin, exchange, goAndReturn, signIn, throughProvider } from "../support/sso.ts";
import { CLIENT, SECRETS, type SsoWorld, startSsoWorld } from "../support/sso-world.ts";

let world: SsoWorld;
let relay: RunningBinary;
let company: SsoWorld["company"];
let odd: SsoWorld["odd"];
let me: SsoWorld["me"];

setDefaultTimeout(30_000);

const usersOf = async (token: string) => {
  const answer = await fetch(`${relay.url}/api/users?limit=200`, { headers: { authorization: `Bearer ${token}` } });
  return ((await answer.json()) as { users: { id: number; username: string }[] }).users;
};

describe.skipIf(missingBinary !== undefined)(`sign-in with the binary (${missingBinary ?? "built"})`, () => {
  let owner: string;

  beforeAll(async () => {
    world = await startSsoWorld();
    ({ relay, company, odd, me } = world);
  });
  afterAll(() => world?.stop());

  test("the status names the providers in their order, without the disabled one, and so does /api/info", async () => {
    const status = await (await fetch(`${relay.url}/api/auth/sso/status`)).json();
    const providers = [
      { id: "company", type: "oidc", label: "Company" },
      { id: "github", type: "github", label: "github" },
      { id: "members", type: "github", label: "members" },
      { id: "odd", type: "prismaauth", label: "odd" },
      { id: "picky", type: "oidc", label: "picky" },
      { id: "dead", type: "oidc", label: "dead" },
    ];
    const expected = { enabled: true, provider: "company", configured: true, sso_only: false, providers };
    expect(status).toEqual(expected);
    expect(await (await fetch(`${relay.url}/api/info`)).json()).toMatchObject({ sso_providers: providers });
  });

  describe("a real OpenID provider", () => {
    test("the first sign-up is the super admin, and the tokens work", async () => {
      company.account = { sub: "c-1", email: "ada@example.com", email_verified: true, preferred_username: "Ada L." };
      const token = await signIn(relay.url, "company");
      expect(token).toEqual({
        access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
        token_type: "bearer",
        expires_in: 86_400,
        refresh_token: expect.any(String),
        user: { id: 1, username: "ada-l", email: "ada@example.com", is_admin: true, is_super_admin: true },
      });
      owner = token.access_token;
      expect((await me(owner)).body).toMatchObject({ sso_provider: "company", sso_id: "c-1", is_super_admin: true });
      const call = await fetch(`${relay.url}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${owner}`, "content-type": "application/json" },
        body: JSON.stringify({ model: "echo", messages: [{ role: "user", content: "hello" }] }),
      });
      expect(call.status).toBe(200);
    });

    test("the second sign-in is the same account, whatever it calls itself now", async () => {
      company.account = { sub: "c-1", email: "new@example.com", email_verified: true, preferred_username: "someone" };
      expect((await signIn(relay.url, "company")).user).toMatchObject({ id: 1, username: "ada-l" });
    });

    test("another subject is another account, an admin while in the group", async () => {
      company.account = { sub: "c-2", groups: ["staff", "relay-admins"], preferred_username: "grace" };
      const boss = await signIn(relay.url, "company");
      expect(boss.user).toMatchObject({ username: "grace", is_admin: true, is_super_admin: false });
      company.account = { sub: "c-2", groups: ["staff"], preferred_username: "grace" };
      expect((await signIn(relay.url, "company")).user).toMatchObject({ id: boss.user.id, is_admin: false });
      // The earlier session is of the same person, with the rights of today.
      expect((await me(boss.access_token)).body).toMatchObject({ is_admin: false });
    });

    test("a new signing key is found while people sign in", async () => {
      await world.rotateKey();
      company.account = { sub: "c-1" };
      expect((await signIn(relay.url, "company")).user.id).toBe(1);
    });

    test("who says no at the provider is told so, and nothing else", async () => {
      company.account = undefined;
      const outcome = await goAndReturn(relay.url, "company", { query: "&redirect_uri=/account/sign-in" });
      expect(outcome).toMatchObject({ page: "/account/sign-in", error: "access_denied", code: undefined });
    });

    test("R81 a browser that asks for it gets its session in cookies, out of reach for scripts", async () => {
      company.account = { sub: "c-1" };
      const { browser, code } = await goAndReturn(relay.url, "company");
      expect(browser.field("mr_sso")).toMatch(/^mr_sso=[\w-]{43}; Path=\/; Max-Age=60; HttpOnly; SameSite=Lax$/);
      const answer = await exchange(relay.url, browser, code!, { cookie: true });
      expect(JSON.parse(answer.text)).toMatchObject({ access_token: null, refresh_token: null, user: { id: 1 } });
      expect(browser.field("mr_session")).toContain("HttpOnly; SameSite=Strict");
      expect(browser.field("mr_sso")).toBeUndefined();
      const own = { "sec-fetch-site": "same-origin" };
      const shown = await browser.visit(`${relay.url}/api/auth/me`, { headers: own });
      expect(JSON.parse(shown.text)).toMatchObject({ id: 1 });

      const out = await browser.post(`${relay.url}/api/auth/sso/logout`, {}, own);
      expect(out.status).toBe(200);
      const { logout_url: url } = JSON.parse(out.text) as { logout_url: string };
      expect(url).toStartWith(`${company.issuer}/session/end?`);
      expect(new URL(url).searchParams.get("post_logout_redirect_uri")).toBe(`${relay.url}/login`);
      expect(browser.field("mr_session")).toBeUndefined();
      expect((await me(owner)).status).toBe(200);
    });
  });

  describe("refused, before any provider is asked for a token", () => {
    const callback = (query: string, provider = "company") => `${relay.url}/api/auth/sso/${provider}/callback?${query}`;
    const tokensAsked = () => company.asked.filter((path) => path === "/token").length;

    test("R59 another state, no state, a state twice", async () => {
      company.account = { sub: "c-1" };
      const before = tokensAsked();
      const flow = await begin(relay.url, "company");
      const good = new URL(await throughProvider(relay.url, flow));
      const iss = encodeURIComponent(company.issuer);
      for (const query of [
        `code=${good.searchParams.get("code")}&iss=${iss}&state=${"A".repeat(43)}`,
        `code=${good.searchParams.get("code")}&iss=${iss}`,
        `${good.searchParams}&state=${flow.state}`,
        "",
      ]) {
        const outcome = await arrive(flow.browser, callback(query));
        expect(outcome).toEqual({ page: "/login", code: undefined, error: "state_invalid" });
      }
      expect(tokensAsked()).toBe(before);
      // What was sent beside it has harmed nobody: the right answer still arrives.
      expect((await arrive(flow.browser, good.href)).code).toBeString();
    });

    test("R59 another browser, also one that is signing in itself", async () => {
      company.account = { sub: "c-1" };
      const before = tokensAsked();
      for (const victim of [new Browser(), (await begin(relay.url, "company")).browser]) {
        const flow = await begin(relay.url, "company");
        const answer = await throughProvider(relay.url, flow);
        expect((await arrive(victim, answer)).error).toBe("state_invalid");
        // It was good once.
        expect((await arrive(flow.browser, answer)).error).toBe("state_invalid");
      }
      expect(tokensAsked()).toBe(before);
    });

    test("an answer that is delivered twice", async () => {
      company.account = { sub: "c-1" };
      const flow = await begin(relay.url, "company");
      const answer = await throughProvider(relay.url, flow);
      expect((await arrive(flow.browser, answer)).code).toBeString();
      expect((await arrive(flow.browser, answer)).error).toBe("state_invalid");
    });

    test("R69 the answer of one provider at the callback of another", async () => {
      company.account = { sub: "c-1" };
      const before = tokensAsked();
      const flow = await begin(relay.url, "company");
      const { search } = new URL(await throughProvider(relay.url, flow));
      expect((await arrive(flow.browser, callback(search.slice(1), "odd"))).error).toBe("state_invalid");
      const shared = await begin(relay.url, "company");
      const other = new URL(await throughProvider(relay.url, shared)).search;
      expect((await arrive(shared.browser, `${relay.url}/api/auth/sso/callback${other}`)).error).toBe("state_invalid");
      expect(tokensAsked()).toBe(before);
    });

    test("R69 a code with the name of another issuer, or with none although one was promised", async () => {
      company.account = { sub: "c-1" };
      const before = tokensAsked();
      for (const iss of [odd.issuer, undefined]) {
        const flow = await begin(relay.url, "company");
        const answer = new URL(await throughProvider(relay.url, flow));
        if (iss === undefined) answer.searchParams.delete("iss");
        else answer.searchParams.set("iss", iss);
        expect((await arrive(flow.browser, answer.href)).error).toBe("sign_in_refused");
      }
      expect(tokensAsked()).toBe(before);
    });

    test("R65 nothing that comes in goes out", async () => {
      const attack = "</script><img onerror=alert(1)>";
      const browser = new Browser();
      for (const query of [
        new URLSearchParams({ error: attack, error_description: attack, state: "'-alert(1)-'" }),
        new URLSearchParams({ code: attack, state: attack, redirect_uri: "https://evil.example" }),
      ]) {
        const { status, headers, text } = await browser.visit(callback(String(query)));
        expect([status, headers.get("location"), text]).toEqual([303, "/login#sso_error=state_invalid", ""]);
        expect(headers.get("referrer-policy")).toBe("no-referrer");
        expect(headers.get("cache-control")).toBe("no-store");
      }
    });
  });

  test("a code of the provider works for one sign-in: neither again nor for another", async () => {
    company.account = { sub: "c-1" };
    const first = await begin(relay.url, "company");
    const code = new URL(await throughProvider(relay.url, first)).searchParams.get("code")!;
    const stolen = async () => {
      const flow = await begin(relay.url, "company");
      const answer = new URL(await throughProvider(relay.url, flow));
      answer.searchParams.set("code", code);
      return arrive(flow.browser, answer.href);
    };
    // PKCE: whoever did not begin this sign-in has not its verifier.
    expect((await stolen()).error).toBe("sign_in_refused");
    expect((await stolen()).error).toBe("sign_in_refused");
  });

  describe("R61 R62 tokens that are refused", () => {
    const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const cases: readonly (readonly [string, Spoil])[] = [
      ["alg none", ({ claims }) => new UnsecuredJWT(claims).encode()],
      ["alg nOnE", ({ claims }) => `${base64({ alg: "nOnE", kid: "one" })}.${base64(claims)}.`],
      [
        "HS256 with the client secret",
        ({ claims }) => {
          const head = `${base64({ alg: "HS256", kid: "one" })}.${base64(claims)}`;
          return `${head}.${createHmac("sha256", SECRETS.odd).update(head).digest("base64url")}`;
        },
      ],
      ["a foreign audience", ({ claims, sign }) => sign({ ...claims, aud: "another-client" })],
      ["a second audience", ({ claims, sign }) => sign({ ...claims, aud: [CLIENT, "another-client"] })],
      ["a foreign party", ({ claims, sign }) => sign({ ...claims, azp: "another-client" })],
      ["a wrong issuer", ({ claims, sign }) => sign({ ...claims, iss: "https://evil.example" })],
      ["a wrong nonce", ({ claims, sign }) => sign({ ...claims, nonce: "another" })],
      [
        "no nonce",
        ({ claims, sign }) => {
          const { nonce: _, ...rest } = claims;
          return sign(rest);
        },
      ],
      ["its end long past", ({ claims, sign }) => sign({ ...claims, exp: claims.iat! - 3600 })],
      [
        "its beginning in an hour",
        ({ claims, sign }) => sign({ ...claims, iat: claims.iat! + 3600, exp: claims.iat! + 7200 }),
      ],
      [
        "no subject",
        ({ claims, sign }) => {
          const { sub: _, ...rest } = claims;
          return sign(rest);
        },
      ],
      [
        "another payload under its signature",
        async ({ claims, sign }) => {
          const [head, , signature] = (await sign(claims)).split(".");
          return `${head}.${base64({ ...claims, sub: "c-1" })}.${signature}`;
        },
      ],
    ];
    test.each(cases)("%s", async (_name, spoil) => {
      const before = (await usersOf(owner)).length;
      odd.spoil = spoil;
      const outcome = await goAndReturn(relay.url, "odd");
      expect(outcome).toMatchObject({ page: "/login", code: undefined, error: "sign_in_refused" });
      expect((await usersOf(owner)).length).toBe(before);
    });

    test("user information about somebody else", async () => {
      odd.spoil = ({ claims, sign }) => sign(claims);
      odd.userinfo = { sub: "another", email: "a@example.com", email_verified: true };
      expect((await goAndReturn(relay.url, "odd")).error).toBe("sign_in_refused");
      odd.userinfo = undefined;
    });

    test("and an unspoiled one is not", async () => {
      odd.spoil = ({ claims, sign }) => sign(claims);
      expect((await signIn(relay.url, "odd")).user.is_admin).toBe(false);
    });
  });

  describe("R69 a provider that is not well", () => {
    test("one that is not there is 502, and calls go on", async () => {
      const answer = await fetch(`${relay.url}/api/auth/sso/login?provider=dead`);
      expect(answer.status).toBe(502);
      expect(await answer.json()).toMatchObject({ code: "provider_unavailable" });
      expect(answer.headers.getSetCookie()).toEqual([]);
      const models = await fetch(`${relay.url}/v1/models`, { headers: { authorization: `Bearer ${ACCESS_KEY}` } });
      expect(models.status).toBe(200);
    });

    test.each([
      ["an error", () => new Response("", { status: 500 })],
      ["ten megabytes", () => new Response(`{"x":"${"y".repeat(10_000_000)}"}`)],
      ["a page", () => new Response("<html>")],
      ["a way elsewhere", () => Response.redirect("http://169.254.169.254/latest/meta-data", 302)],
      ["a refusal of the client", () => Response.json({ error: "invalid_client" }, { status: 401 })],
    ])("%s in the place of a token is told apart from a refusal", async (_name, answer) => {
      odd.tokenAnswer = answer;
      expect((await goAndReturn(relay.url, "odd")).error).toBe("provider_unavailable");
      odd.tokenAnswer = undefined;
    });
  });

  describe("the one-time code", () => {
    const ready = async () => {
      company.account = { sub: "c-1" };
      const { browser, code } = await goAndReturn(relay.url, "company");
      return { browser, code: code! };
    };

    test("works once, in its browser", async () => {
      const { browser, code } = await ready();
      const stolen = await exchange(relay.url, new Browser(), code);
      expect([stolen.status, JSON.parse(stolen.text)]).toMatchObject([400, { code: "code_invalid" }]);
      expect((await exchange(relay.url, browser, code)).status).toBe(400);
      const second = await ready();
      expect((await exchange(relay.url, second.browser, second.code)).status).toBe(200);
      expect((await exchange(relay.url, second.browser, second.code)).status).toBe(400);
    });

    test("R56 is taken as JSON from our own pages alone", async () => {
      const { browser, code } = await ready();
      const url = `${relay.url}/api/auth/sso/exchange`;
      const body = JSON.stringify({ code });
      const plain = await browser.visit(url, { method: "POST", body, headers: { "content-type": "text/plain" } });
      expect(plain.status).toBe(415);
      const foreign = await browser.post(url, { code }, { origin: "https://evil.example" });
      expect(foreign.status).toBe(403);
      const unknown = await browser.post(url, { code, is_admin: true });
      expect(unknown.status).toBe(422);
      expect((await exchange(relay.url, browser, code)).status).toBe(200);
    });
  });

  describe("where it goes", () => {
    test("R63 the way back is the configuration's, whatever the request calls us", async () => {
      const headers = { host: "evil.example", "x-forwarded-host": "evil.example", "x-forwarded-proto": "https" };
      const answer = await fetch(`${relay.url}/api/auth/sso/login?provider=company`, { headers });
      const { login_url: url } = (await answer.json()) as { login_url: string };
      const own = `${relay.url}/api/auth/sso/company/callback`;
      expect(new URL(url).searchParams.get("redirect_uri")).toBe(own);
      expect(url).not.toContain("evil.example");
      expect(answer.headers.getSetCookie()[0]).toMatch(
        /^__Host-mr_sso=[\w-]{43}; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax; Secure$/,
      );
    });

    test("R60 the provider gets an S256 challenge, a state and a nonce, and no secret", async () => {
      const { loginUrl, state } = await begin(relay.url, "company");
      const { searchParams } = new URL(loginUrl);
      expect(searchParams.get("code_challenge_method")).toBe("S256");
      expect(searchParams.get("code_challenge")).toMatch(/^[\w-]{43}$/);
      expect(searchParams.get("state")).toBe(state);
      expect(searchParams.get("nonce")).toMatch(/^[\w-]{43}$/);
      expect(loginUrl).not.toContain("canary");
    });

    test.each([
      "//e",
      "/\\e",
      "https:e",
      "/%2f/e",
      "javascript:alert(1)",
      "/a\r\nset-cookie:x",
      "http://user@e",
      "https://evil.example/",
      "e",
      "/a//b",
      "/../e",
      "/a/..",
      "/.well-known",
      "/a#sso_code=x",
      "/a?next=//e",
      "/api/auth/me",
      "/V1/models",
      `/${"a".repeat(600)}`,
    ])("R64 %j is no page of ours", async (page) => {
      const query = new URLSearchParams({ provider: "company", redirect_uri: page });
      const answer = await fetch(`${relay.url}/api/auth/sso/login?${query}`);
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ code: "invalid_redirect_uri" });
      expect(answer.headers.getSetCookie()).toEqual([]);
    });

    test.each(["/", "/login", "/keys/", "/account/sign-in?tab=links&x=1"])("%j is", async (page) => {
      company.account = { sub: "c-1" };
      const query = `&redirect_uri=${encodeURIComponent(page)}`;
      expect(await goAndReturn(relay.url, "company", { query })).toMatchObject({ page, error: undefined });
    });

    test.each(["nobody", "asleep", "../company", "__proto__"])("there is no provider %j", async (provider) => {
      const answer = await fetch(`${relay.url}/api/auth/sso/login?provider=${provider}`);
      expect([answer.status, await answer.json()]).toMatchObject([400, { code: "sso_unknown_provider" }]);
    });

    test("without a name it is the first one", async () => {
      expect((await begin(relay.url, "")).loginUrl).toStartWith(`${company.issuer}/auth?`);
    });
  });

  test("R69 one that is slow is given five seconds, and calls go on", async () => {
    const { promise: never, resolve } = Promise.withResolvers<Response>();
    odd.tokenAnswer = () => never;
    const outcome = goAndReturn(relay.url, "odd");
    const headers = { authorization: `Bearer ${ACCESS_KEY}` };
    expect((await fetch(`${relay.url}/v1/models`, { headers })).status).toBe(200);
    const before = performance.now();
    expect((await outcome).error).toBe("provider_unavailable");
    expect(performance.now() - before).toBeWithin(3000, 9000);
    resolve(new Response());
    odd.tokenAnswer = undefined;
  });

  test("I1 no secret of all this stands in the log", async () => {
    const log = relay.stderr();
    expect(log).toContain("a sign-in was refused");
    for (const secret of [...Object.values(SECRETS), "access-of-spoiled", ...company.issued]) {
      expect(log.includes(secret)).toBe(false);
    }
    expect(company.issued.length).toBeGreaterThan(10);
  });
});
