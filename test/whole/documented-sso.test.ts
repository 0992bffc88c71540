/** The `sso` blocks of MonoRelay's documentation, as they stand: loaded, and signed in through end to end with the binary. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { missingBinary, type RunningBinary, startBinary } from "../support/binary.ts";
import { Browser } from "../support/browser.ts";
import { type GithubStandIn, startGithub } from "../support/github-stand-in.ts";
import { createGoogle, type GoogleStandIn } from "../support/google-stand-in.ts";
import { startOpenidProvider } from "../support/openid-provider.ts";
import { type Outside, startOutside } from "../support/outside.ts";
import { arrive, exchange, throughProvider } from "../support/sso.ts";

setDefaultTimeout(30_000);

/** README, "configuration"; the two identifiers and secrets are its own. */
const README_BLOCK = `
sso:
  enabled: true
  provider: "github"  # github, google, prismaauth
  github_client_id: "your-github-client-id"
  github_client_secret: "your-github-client-secret"
  google_client_id: "your-google-client-id"
  google_client_secret: "your-google-client-secret"
`;
/** README, "how to enable SSO", and auth/sso for the other provider. */
const GITHUB_BLOCK = `
sso:
  enabled: true
  provider: "github"
  github_client_id: "your-github-client-id"
  github_client_secret: "your-github-client-secret"
`;
const GOOGLE_BLOCK = GITHUB_BLOCK.replaceAll("github", "google");
const PRISMAAUTH_BLOCK = (url: string) => `
sso:
  enabled: true
  provider: "prismaauth"
  prismaauth_url: "${url}"
  client_id: "your-client-id"
  client_secret: "your-client-secret"
  scopes: ["openid", "profile", "email"]
`;
const SECRETS = ["your-github-client-secret", "your-google-client-secret", "your-client-secret"];

describe.skipIf(missingBinary !== undefined)(
  `the documented sign-in providers${missingBinary === undefined ? "" : ` (${missingBinary})`}`,
  () => {
    let github: GithubStandIn;
    let google: GoogleStandIn;
    let outside: Outside;
    const relays: RunningBinary[] = [];

    beforeAll(async () => {
      github = startGithub({ id: "your-github-client-id", secret: "your-github-client-secret" });
      google = await createGoogle({ id: "your-google-client-id", secret: "your-google-client-secret" });
      /** github.com has its API under another name than an Enterprise Server has. */
      const at = (root: string) => (request: Request) => {
        const { pathname, search } = new URL(request.url);
        return fetch(`${github.url}${root}${pathname}${search}`, request);
      };
      outside = await startOutside({ "github.com": at(""), "api.github.com": at("/api/v3"), ...google.sites });
    });
    afterAll(async () => {
      for (const relay of relays) expect(await relay.stop()).toBe(0);
      await outside.stop();
      await github.stop();
    });

    const start = async (sso: string): Promise<RunningBinary> => {
      const config = `network: { proxy: "${outside.proxy}", ca_file: "${outside.caFile}" }\n${sso}`;
      const relay = await startBinary({ config });
      relays.push(relay);
      return relay;
    };
    // biome-ignore lint/suspicious/noExplicitAny: the expectations that follow are the type.
    const get = async (url: string, token?: string): Promise<any> =>
      (await fetch(url, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } })).json();

    /** `GET /api/auth/sso/login`, as the documentation has it, without naming a provider. */
    const begin = async (relay: RunningBinary) => {
      const browser = new Browser();
      const answer = await browser.visit(`${relay.url}/api/auth/sso/login`);
      expect(answer.status).toBe(200);
      const { login_url: loginUrl, state } = JSON.parse(answer.text) as { login_url: string; state: string };
      const { searchParams } = new URL(loginUrl);
      expect(searchParams.get("state")).toBe(state);
      expect(searchParams.get("redirect_uri")).toBe(`${relay.url}/api/auth/sso/callback`);
      return { browser, loginUrl, state };
    };
    /** From the provider's answer to tokens that call models. */
    const finish = async (relay: RunningBinary, browser: Browser, callback: string) => {
      const { code, error } = await arrive(browser, callback);
      expect(error).toBeUndefined();
      const answer = await exchange(relay.url, browser, code!);
      expect(answer.status).toBe(200);
      const token = JSON.parse(answer.text);
      const call = await fetch(`${relay.url}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${token.access_token}`, "content-type": "application/json" },
        body: JSON.stringify({ model: "echo", messages: [{ role: "user", content: "hello" }] }),
      });
      expect(call.status).toBe(200);
      return { ...token, me: await get(`${relay.url}/api/auth/me`, token.access_token) };
    };
    const location = async (answer: Response | Promise<Response>) => (await answer).headers.get("location")!;
    const throughGithub = (loginUrl: string) => {
      expect(loginUrl).toStartWith("https://github.com/login/oauth/authorize?");
      return location(fetch(loginUrl.replace("https://github.com", github.url), { redirect: "manual" }));
    };
    const throughGoogle = (loginUrl: string) => {
      expect(loginUrl).toStartWith("https://accounts.google.com/o/oauth2/v2/auth?");
      return location(google.sites["accounts.google.com"]!(new Request(loginUrl)));
    };

    test.each([
      ["README, with both providers' keys", README_BLOCK],
      ["README and auth/sso, GitHub alone", GITHUB_BLOCK],
    ])("GitHub: %s", async (_name, block) => {
      const relay = await start(block);
      expect(await get(`${relay.url}/api/auth/sso/status`)).toMatchObject({
        enabled: true,
        provider: "github",
        configured: true,
        sso_only: false,
        providers: [{ id: "github", type: "github" }],
      });
      const verified = { email: "octo@example.com", primary: true, verified: true };
      github.account = { id: 583231, login: "octocat", emails: [verified] };
      const { browser, loginUrl } = await begin(relay);
      const token = await finish(relay, browser, await throughGithub(loginUrl));
      expect(token).toMatchObject({
        token_type: "bearer",
        expires_in: 86_400,
        user: { id: 1, username: "octocat", email: "octo@example.com", is_admin: true, is_super_admin: true },
        me: { sso_provider: "github", sso_id: "583231" },
      });
      expect(outside.asked.slice(-3).sort()).toEqual([
        "api.github.com/user",
        "api.github.com/user/emails",
        "github.com/login/oauth/access_token",
      ]);
      expect(SECRETS.filter((secret) => relay.stderr().includes(secret))).toEqual([]);
    });

    test("GitHub: who is named in admin_usernames is admin, whoever registers first", async () => {
      const relay = await start(`${GITHUB_BLOCK}  admin_usernames: ["octocat"]\n`);
      github.account = { id: 1, login: "first", emails: [] };
      const one = await begin(relay);
      await finish(relay, one.browser, await throughGithub(one.loginUrl));
      github.account = { id: 583231, login: "octocat", emails: [] };
      const two = await begin(relay);
      const token = await finish(relay, two.browser, await throughGithub(two.loginUrl));
      expect(token.user).toMatchObject({ id: 2, username: "octocat", is_admin: true, is_super_admin: false });
    });

    test("Google: auth/sso, with google_* in the place of github_*", async () => {
      const relay = await start(GOOGLE_BLOCK);
      expect(await get(`${relay.url}/api/auth/sso/status`)).toMatchObject({ provider: "google", configured: true });
      const { browser, loginUrl } = await begin(relay);
      const { searchParams } = new URL(loginUrl);
      expect(searchParams.get("response_type")).toBe("code");
      expect(searchParams.get("scope")!.split(" ")).toContain("openid");
      const token = await finish(relay, browser, await throughGoogle(loginUrl));
      expect(token).toMatchObject({
        user: { id: 1, email: "ada@example.com", is_super_admin: true },
        me: { sso_provider: "google", sso_id: "108" },
      });
      expect(outside.asked).toContain("oauth2.googleapis.com/token");
      expect(relay.stderr()).not.toContain("your-google-client-secret");
    });

    test("PrismaAuth: an issuer of one's own", async () => {
      const provider = await startOpenidProvider();
      try {
        const relay = await startBinary({ config: PRISMAAUTH_BLOCK(provider.issuer) });
        relays.push(relay);
        const redirectUris = [`${relay.url}/api/auth/sso/callback`];
        await provider.open({ id: "your-client-id", secret: "your-client-secret", redirectUris });
        provider.account = { sub: "p-7", email: "p@example.com", email_verified: true, preferred_username: "prisma" };
        expect(await get(`${relay.url}/api/auth/sso/status`)).toMatchObject({ provider: "prismaauth" });
        const flow = await begin(relay);
        const token = await finish(relay, flow.browser, await throughProvider(relay.url, flow));
        expect(token).toMatchObject({
          user: { id: 1, username: "prisma", is_super_admin: true },
          me: { sso_provider: "prismaauth", sso_id: "p-7" },
        });
      } finally {
        await provider.stop();
      }
    });

    test("sso_only closes the other doors", async () => {
      const relay = await start(`${GITHUB_BLOCK}  sso_only: true\n`);
      expect(await get(`${relay.url}/api/auth/sso/status`)).toMatchObject({ enabled: true, sso_only: true });
      for (const door of ["register", "login"]) {
        const answer = await fetch(`${relay.url}/api/auth/${door}`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ username: "alice", password: "correct horse 7 battery" }),
        });
        expect([answer.status, await answer.json()]).toMatchObject([403, { code: "sso_only" }]);
      }
    });
  },
);
