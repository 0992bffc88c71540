/** The routes of sign-in through providers with a clock moved by hand: what expires, what a proof is good for, which cookie counts. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type AccountRelay, startAccounts } from "../support/accounts.ts";
import { Browser } from "../support/browser.ts";
import { type GithubStandIn, startGithub } from "../support/github-stand-in.ts";
import { arrive, begin, exchange, goAndReturn, signIn, throughProvider } from "../support/sso.ts";

const CLIENT = { id: "relay-client", secret: "canary-of-the-client" };

let github: GithubStandIn;
let house: AccountRelay;
let url: string;

beforeAll(async () => {
  github = startGithub(CLIENT);
  const entry = `id: github, type: github, client_id: ${CLIENT.id}, client_secret: ${CLIENT.secret}`;
  house = await startAccounts(`sso: { enabled: true, providers: [{ ${entry}, issuer: "${github.url}" }] }\n`);
  url = house.relay.url;
  await house.person("olive");
});
afterAll(async () => {
  await house.stop();
  await github.stop();
});

const account = (id: number) => ({ id, login: `account-${id}`, emails: [] });
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

describe("R59 time", () => {
  test("an answer counts for ten minutes and not a moment longer, and asks no provider when it is too late", async () => {
    github.account = account(1);
    const [early, late] = [await begin(url, "github"), await begin(url, "github")];
    const answers = [await throughProvider(url, early), await throughProvider(url, late)];
    house.clock.advance(10 * 60_000 - 1);
    expect((await arrive(early.browser, answers[0]!)).code).toBeString();
    const issued = github.issued.length;
    house.clock.advance(1);
    expect((await arrive(late.browser, answers[1]!)).error).toBe("state_invalid");
    expect(github.issued.length).toBe(issued);
  });

  test("a one-time code counts for sixty seconds and not a moment longer", async () => {
    github.account = account(1);
    const [early, late] = [await goAndReturn(url, "github"), await goAndReturn(url, "github")];
    house.clock.advance(60_000 - 1);
    expect((await exchange(url, early.browser, early.code!)).status).toBe(200);
    house.clock.advance(1);
    const answer = await exchange(url, late.browser, late.code!);
    expect([answer.status, JSON.parse(answer.text)]).toMatchObject([400, { code: "code_invalid" }]);
    expect(answer.text).not.toContain("access_token");
  });

  test("R43 links are made, shown and taken away on a fresh proof only; a sign-in is one", async () => {
    github.account = account(2);
    const { access_token: token } = await signIn(url, "github");
    const asked: readonly (readonly [string, string])[] = [
      ["GET", "/api/auth/sso/login?provider=github&link=true"],
      ["GET", "/api/auth/identities"],
      ["DELETE", "/api/auth/identities/0"],
    ];
    const statuses = async () => {
      const answers = asked.map(([method, path]) => fetch(url + path, { method, headers: bearer(token) }));
      return Promise.all(answers.map(async (answer) => (await answer).status));
    };
    house.clock.advance(5 * 60_000 - 1);
    expect(await statuses()).toEqual([200, 200, 404]);
    house.clock.advance(1);
    expect(await statuses()).toEqual([403, 403, 403]);
  });
});

describe("R81 the cookie", () => {
  const cookieOf = async (host: string) => {
    const answer = await fetch(`${url}/api/auth/sso/login`, { headers: { host } });
    return answer.headers.getSetCookie();
  };

  test("has a name that no neighbour can set, but on this machine without https", async () => {
    const rest = "Path=/; Max-Age=600; HttpOnly; SameSite=Lax";
    expect(await cookieOf("relay.example.com")).toEqual([
      expect.stringMatching(new RegExp(`^__Host-mr_sso=[\\w-]{43}; ${rest}; Secure$`)),
    ]);
    expect(await cookieOf("localhost:8787")).toEqual([
      expect.stringMatching(new RegExp(`^mr_sso=[\\w-]{43}; ${rest}$`)),
    ]);
  });

  test("under its plain name does not count where the other could be had", async () => {
    github.account = account(1);
    const flow = await begin(url, "github");
    const answer = await throughProvider(url, flow);
    const cookie = flow.browser.field("mr_sso")!.split(";")[0]!;
    const elsewhere = await fetch(answer, { redirect: "manual", headers: { host: "relay.example.com", cookie } });
    expect(elsewhere.headers.get("location")).toBe("/login#sso_error=state_invalid");
  });

  test("put there twice by two hands is none", async () => {
    github.account = account(1);
    const flow = await begin(url, "github");
    const answer = await throughProvider(url, flow);
    const cookie = `mr_sso=${"A".repeat(43)}; ${flow.browser.field("mr_sso")!.split(";")[0]!}`;
    const outcome = await fetch(answer, { redirect: "manual", headers: { cookie } });
    expect(outcome.headers.get("location")).toBe("/login#sso_error=state_invalid");
  });
});

test("R56 no page of another site begins a sign-in", async () => {
  for (const headers of [{ origin: "https://evil.example" }, { "sec-fetch-site": "cross-site" }]) {
    const answer = await fetch(`${url}/api/auth/sso/login`, { headers });
    expect(answer.status).toBe(403);
    expect(answer.headers.getSetCookie()).toEqual([]);
  }
});

test("POST is no way to begin or to come back", async () => {
  for (const path of ["login", "callback", "github/callback", "status"]) {
    const answer = await new Browser().post(`${url}/api/auth/sso/${path}`, {});
    expect([path, answer.status]).toEqual([path, 405]);
  }
});

test("a sign-in leaves its lines in the audit trail, a link too, and no secret in any", async () => {
  github.account = account(7);
  const { user } = await signIn(url, "github");
  const { items } = await house.store.accounts.audit.list({ target: `user:${user.id}` });
  expect(items.map(({ action, via, actor }) => [action, via, actor])).toContainEqual([
    "user.create",
    "sso:github",
    `user:${user.id}`,
  ]);
  const shown = JSON.stringify((await house.store.accounts.audit.list()).items);
  for (const secret of [CLIENT.secret, ...github.issued]) expect(shown).not.toContain(secret);
});
