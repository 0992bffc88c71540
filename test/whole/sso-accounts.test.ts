/** Whose account a sign-in leads to, with the binary: addresses, GitHub's accounts, links, the first of all, and sso_only. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { ACCESS_KEY, missingBinary, type RunningBinary, startBinary } from "../support/binary.ts";
import { Browser } from "../support/browser.ts";
import { arrive, begin, exchange, goAndReturn, signIn, throughProvider } from "../support/sso.ts";
import { CLIENT, PASSWORD, SECRETS, type SsoWorld, startSsoWorld } from "../support/sso-world.ts";

let world: SsoWorld;
let relay: RunningBinary;
let company: SsoWorld["company"];
let github: SsoWorld["github"];
let odd: SsoWorld["odd"];
let me: SsoWorld["me"];
let register: SsoWorld["register"];
let configOf: SsoWorld["configOf"];

setDefaultTimeout(30_000);

describe.skipIf(missingBinary !== undefined)(`whose account it is (${missingBinary ?? "built"})`, () => {
  beforeAll(async () => {
    world = await startSsoWorld();
    ({ relay, company, github, odd, me, register, configOf } = world);
  });
  afterAll(() => world?.stop());

  describe("R66 addresses lead to no account", () => {
    test.each([
      ["verified", true],
      ["unverified", false],
      ["not vouched for", undefined],
    ])("%s", async (name, verified) => {
      const email = `${name.replaceAll(" ", "-")}@example.com`;
      const local = await register(`local-${name.slice(0, 3)}`, email);
      odd.spoil = ({ claims, sign }) =>
        sign({ ...claims, sub: `mail ${name}`.replaceAll(" ", "-"), email, email_verified: verified });
      const { user } = await signIn(relay.url, "odd");
      expect(user.id).not.toBe(local.user.id);
      expect(user.email).toBeNull();
      expect((await me(local.access_token)).body).toMatchObject({ email, sso_provider: null });
    });

    test("an unverified one opens no domain", async () => {
      for (const verified of [false, undefined]) {
        odd.spoil = ({ claims, sign }) =>
          sign({ ...claims, sub: "p-1", email: "p@example.com", email_verified: verified });
        expect((await goAndReturn(relay.url, "picky")).error).toBe("not_allowed");
      }
      odd.spoil = ({ claims, sign }) => sign({ ...claims, sub: "p-1", email: "p@example.com", email_verified: true });
      expect((await signIn(relay.url, "picky")).user.email).toBe("p@example.com");
    });
  });

  describe("GitHub", () => {
    const mail = (email: string, verified = true) => ({ email, primary: true, verified });

    test("R67 sign-up, and the same account under a new name; the old name leads nowhere", async () => {
      github.account = { id: 100, login: "octocat", emails: [mail("octo@example.org")] };
      const first = await signIn(relay.url, "github");
      expect(first.user).toMatchObject({ username: "octocat", email: "octo@example.org", is_admin: false });
      github.account = { id: 100, login: "octo-renamed", emails: [mail("octo@example.org")] };
      expect((await signIn(relay.url, "github")).user.id).toBe(first.user.id);
      github.account = { id: 200, login: "octocat", emails: [] };
      expect((await signIn(relay.url, "github")).user.id).not.toBe(first.user.id);
      expect((await me(first.access_token)).body).toMatchObject({ sso_provider: "github", sso_id: "100" });
    });

    test("an address that GitHub does not vouch for is none", async () => {
      github.account = { id: 300, login: "mallory", emails: [mail("ada@example.com", false)] };
      expect((await signIn(relay.url, "github")).user.email).toBeNull();
    });

    test("R68 the name that makes an admin is tied to the number that bore it first", async () => {
      github.account = { id: 400, login: "octo-admin", emails: [] };
      expect((await signIn(relay.url, "github")).user.is_admin).toBe(true);
      github.account = { id: 500, login: "Octo-Admin", emails: [] };
      expect((await signIn(relay.url, "github")).user.is_admin).toBe(false);
      odd.spoil = ({ claims, sign }) => sign({ ...claims, sub: "x-1", preferred_username: "octo-admin" });
      expect((await signIn(relay.url, "odd")).user.is_admin).toBe(false);
    });

    test("a code that was used, and a code of another sign-in", async () => {
      github.account = { id: 100, login: "octocat", emails: [] };
      const first = await begin(relay.url, "github");
      const code = new URL(await throughProvider(relay.url, first)).searchParams.get("code")!;
      const flow = await begin(relay.url, "github");
      const answer = new URL(await throughProvider(relay.url, flow));
      answer.searchParams.set("code", code);
      expect((await arrive(flow.browser, answer.href)).error).toBe("sign_in_refused");
    });

    test("members of an organisation only", async () => {
      github.account = { id: 100, login: "octocat", emails: [], orgs: [{ id: 1, login: "other" }] };
      expect((await goAndReturn(relay.url, "members")).error).toBe("not_allowed");
      github.account = { ...github.account, orgs: [{ id: 2, login: "Example" }] };
      expect((await signIn(relay.url, "members")).user.username).toBe("octocat-3");
    });

    test("who says no", async () => {
      github.account = undefined;
      expect((await goAndReturn(relay.url, "github")).error).toBe("access_denied");
    });
  });

  describe("linking", () => {
    const as = (token: string) => ({ authorization: `Bearer ${token}` });
    const linksOf = async (token: string) => {
      const answer = await fetch(`${relay.url}/api/auth/identities`, { headers: as(token) });
      return (await answer.json()) as { items: { id: number; provider: string; subject: string }[] };
    };

    test("needs somebody", async () => {
      for (const headers of [{}, as("nobody-at-all-0123456789")]) {
        const answer = await fetch(`${relay.url}/api/auth/sso/login?provider=github&link=true`, { headers });
        expect(answer.status).toBe(401);
      }
      const byKey = await fetch(`${relay.url}/api/auth/sso/login?provider=github&link=true`, {
        headers: as(ACCESS_KEY),
      });
      expect([byKey.status, await byKey.json()]).toMatchObject([403, { code: "session_required" }]);
    });

    test("adds an identity to the account that asked, and takes it away again", async () => {
      const alice = await register("alice");
      github.account = { id: 900, login: "alice-at-github", emails: [] };
      const link = { query: "&link=true", headers: as(alice.access_token) };
      expect((await signIn(relay.url, "github", link)).user.id).toBe(alice.user.id);
      expect((await signIn(relay.url, "github")).user.id).toBe(alice.user.id);
      const { items } = await linksOf(alice.access_token);
      const linked_at = expect.stringMatching(/^\d{4}-.*Z$/);
      expect(items).toEqual([
        { id: expect.any(Number), provider: "github", subject: "900", email: null, linked_at } as never,
      ]);

      const other = await register("alan");
      const taken = { query: "&link=true", headers: as(other.access_token) };
      expect((await goAndReturn(relay.url, "github", taken)).error).toBe("identity_taken");
      const url = `${relay.url}/api/auth/identities`;
      const remove = (id: number | string, token: string) =>
        fetch(`${url}/${id}`, { method: "DELETE", headers: as(token) });
      expect((await remove(items[0]!.id, other.access_token)).status).toBe(404);
      expect((await remove("x", alice.access_token)).status).toBe(404);
      expect((await remove(items[0]!.id, alice.access_token)).status).toBe(204);
      expect((await linksOf(alice.access_token)).items).toEqual([]);
      expect((await signIn(relay.url, "github")).user.id).not.toBe(alice.user.id);
    });

    test("leaves nobody without a way in", async () => {
      company.account = { sub: "c-9", preferred_username: "heidi" };
      const heidi = await signIn(relay.url, "company");
      const { items } = await linksOf(heidi.access_token);
      const answer = await fetch(`${relay.url}/api/auth/identities/${items[0]!.id}`, {
        method: "DELETE",
        headers: as(heidi.access_token),
      });
      expect([answer.status, await answer.json()]).toMatchObject([409, { code: "last_login_method" }]);
    });
  });

  test("R45 of twenty that come first at once, one is super admin", async () => {
    const other = await startBinary({ config: configOf() });
    try {
      const flows = await Promise.all(Array.from({ length: 20 }, () => begin(other.url, "github")));
      const answers: string[] = [];
      for (const [index, flow] of flows.entries()) {
        github.account = { id: 7000 + index, login: `racer${index}`, emails: [] };
        answers.push(await throughProvider(other.url, flow));
      }
      const outcomes = await Promise.all(flows.map(({ browser }, index) => arrive(browser, answers[index]!)));
      const tokens = await Promise.all(
        outcomes.map(async ({ code }, index) =>
          JSON.parse((await exchange(other.url, flows[index]!.browser, code!)).text),
        ),
      );
      expect(tokens.filter(({ user }) => user.is_super_admin).length).toBe(1);
      expect(tokens.filter(({ user }) => user.is_admin).length).toBe(1);
    } finally {
      await other.stop();
    }
  });

  test("R48 sso_only closes every other way in, on the server", async () => {
    const other = await startBinary({ config: configOf("sso_only: true") });
    try {
      const password = PASSWORD;
      const closed: readonly (readonly [string, object])[] = [
        ["register", { username: "bob", password }],
        ["login", { username: "bob", password }],
        ["reset-password", { token: "t", new_password: password }],
      ];
      for (const [path, body] of closed) {
        const answer = await new Browser().post(`${other.url}/api/auth/${path}`, body);
        expect([path, answer.status, JSON.parse(answer.text)]).toMatchObject([path, 403, { code: "sso_only" }]);
      }
      github.account = { id: 1, login: "octocat", emails: [] };
      const { access_token: token } = await signIn(other.url, "github");
      const headers = { authorization: `Bearer ${token}` };
      for (const [path, body] of [
        ["change-password", { old_password: password, new_password: `${password}2` }],
        ["reauth", { password }],
      ] as const) {
        const answer = await new Browser().post(`${other.url}/api/auth/${path}`, body, headers);
        expect([path, answer.status]).toEqual([path, 403]);
      }
      expect(await (await fetch(`${other.url}/api/auth/sso/status`)).json()).toMatchObject({ sso_only: true });
    } finally {
      await other.stop();
    }
  });

  test("R46 with a setup token set, nobody becomes the first account through a provider", async () => {
    const other = await startBinary({ config: configOf("", "auth: { setup_token: the-token-of-this-house }") });
    try {
      github.account = { id: 1, login: "octocat", emails: [] };
      expect((await goAndReturn(other.url, "github")).error).toBe("setup_token_required");
      expect(await (await fetch(`${other.url}/api/setup/status`)).json()).toMatchObject({ initialized: false });
    } finally {
      await other.stop();
    }
  });

  test("the single form of old files keeps the callback they have registered", async () => {
    const config = `sso: { enabled: true, provider: prismaauth, prismaauth_url: "${odd.issuer}", client_id: ${CLIENT}, client_secret: x }`;
    const other = await startBinary({ config });
    try {
      odd.spoil = ({ claims, sign }) => sign(claims);
      const flow = await begin(other.url, "prismaauth");
      const callback = new URL(flow.loginUrl).searchParams.get("redirect_uri");
      expect(callback).toBe(`${other.url}/api/auth/sso/callback`);
      expect((await signIn(other.url, "")).user.is_super_admin).toBe(true);
    } finally {
      await other.stop();
    }
  });

  test("off, there is nothing to sign in with", async () => {
    const other = await startBinary({ config: "sso: { enabled: false }" });
    try {
      const status = await (await fetch(`${other.url}/api/auth/sso/status`)).json();
      expect(status).toEqual({ enabled: false, provider: null, configured: false });
      const answer = await fetch(`${other.url}/api/auth/sso/login`);
      expect([answer.status, await answer.json()]).toMatchObject([400, { code: "sso_disabled" }]);
      expect(await (await fetch(`${other.url}/api/info`)).json()).not.toHaveProperty("sso_providers");
    } finally {
      await other.stop();
    }
  });

  test("a reload brings providers in and takes them away; a mistake changes nothing", async () => {
    const server = "server: { access_key_scopes: [inference, management] }\n";
    const other = await startBinary({ config: server });
    const sync = async (config: string) => {
      writeFileSync(other.configFile, server + config);
      const headers = { authorization: `Bearer ${ACCESS_KEY}`, "content-type": "application/json" };
      return (await fetch(`${other.url}/api/sync`, { method: "POST", headers, body: "{}" })).status;
    };
    const providers = async () => {
      const answer = await fetch(`${other.url}/api/auth/sso/status`);
      return ((await answer.json()) as { providers?: { id: string }[] }).providers?.map(({ id }) => id);
    };
    try {
      expect(await providers()).toBeUndefined();
      expect(await sync(configOf())).toBe(200);
      expect(await providers()).toEqual(["company", "github", "members", "odd", "picky", "dead"]);
      github.account = { id: 1, login: "octocat", emails: [] };
      const flow = await begin(other.url, "github");
      const answer = await throughProvider(other.url, flow);
      expect(
        await sync(
          `${configOf()}    - { id: more, type: google, client_id: x, client_secret: x, issuer: "https://x.example" }`,
        ),
      ).toBe(422);
      expect((await arrive(flow.browser, answer)).code).toBeString();

      const late = await begin(other.url, "github");
      const lateAnswer = await throughProvider(other.url, late);
      expect(await sync("sso: { enabled: false }")).toBe(200);
      expect((await arrive(late.browser, lateAnswer)).error).toBe("sso_disabled");
    } finally {
      await other.stop();
    }
  });

  test("I1 no secret of all this stands in the log", () => {
    const log = relay.stderr();
    expect(log).toContain("a sign-in was refused");
    for (const secret of [...Object.values(SECRETS), ...github.issued, ...company.issued]) {
      expect(log.includes(secret)).toBe(false);
    }
    expect(github.issued.length).toBeGreaterThan(10);
  });
});
