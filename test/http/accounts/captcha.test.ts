/** The captcha before registering and signing in: it fails closed, and nothing else waits for it. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { type AccountRelay, PASSWORD, startAccounts } from "../../support/accounts.ts";

const SECRET = "canary-captcha-secret-0001";
const CONFIG = `server: { turnstile_enabled: true, turnstile_site_key: site-key, turnstile_secret_key: ${SECRET} }`;

let house: AccountRelay;
let asked: { readonly url: string; readonly form: URLSearchParams }[] = [];
let answer: () => Promise<Response> | Response;
beforeAll(async () => {
  house = await startAccounts(CONFIG, async (url, { body }) => {
    asked.push({ url, form: body as URLSearchParams });
    return answer();
  });
});
afterAll(() => house.stop());
beforeEach(() => {
  asked = [];
  answer = () => Response.json({ success: true });
});
const login = (own: object = {}) =>
  house.ask("POST /api/auth/login", { body: { username: "alice", password: PASSWORD, ...own } });

test("a solved one lets in, and the service is told secret, token and address", async () => {
  const made = await house.ask("POST /api/auth/register", {
    body: { username: "alice", password: PASSWORD, turnstile_token: "solved-1" },
  });
  expect(made.status).toBe(200);
  expect((await login({ turnstile_token: "solved-2" })).status).toBe(200);
  expect(asked.map(({ form }) => Object.fromEntries(form))).toEqual([
    { secret: SECRET, response: "solved-1", remoteip: "127.0.0.1" },
    { secret: SECRET, response: "solved-2", remoteip: "127.0.0.1" },
  ]);
  expect(asked.every(({ url }) => url.startsWith("https://"))).toBe(true);
});

test("without a token nobody is asked, and nobody comes in", async () => {
  for (const own of [{}, { turnstile_token: "" }]) {
    const refused = await login(own);
    expect([refused.status, refused.body.code]).toEqual([400, "turnstile_failed"]);
  }
  expect(asked).toEqual([]);
});

const down: [name: string, answer: () => Promise<Response> | Response][] = [
  ["says no", () => Response.json({ success: false, "error-codes": ["invalid-input-response"] })],
  ["says something like yes", () => Response.json({ success: "true" })],
  ["answers with a page", () => new Response("<html>", { headers: { "content-type": "text/html" } })],
  ["answers null", () => new Response("null")],
  ["fails", () => new Response('{"success":true}', { status: 500 })],
  ["sends elsewhere", () => new Response(null, { status: 302, headers: { location: "https://evil.example" } })],
  ["answers without an end", () => new Response(`{"success":true,"x":"${"x".repeat(20_000)}"}`)],
  ["is down", () => Promise.reject(new Error(`connect failed ${SECRET}`))],
  ["is late", () => Promise.reject(new DOMException("timed out", "TimeoutError"))],
];
test.each(down)("R57 it fails closed when the service %s, and the rest goes on", async (_name, reply) => {
  answer = reply;
  const refused = await login({ turnstile_token: "solved" });
  expect([refused.status, refused.body.code]).toEqual([400, "turnstile_failed"]);
  expect((await house.ask("GET /health")).status).toBe(200);
  expect(asked).toHaveLength(1);
  expect(house.answers.join() + refused.text).not.toContain(SECRET);
});

test("a wrong password behind a solved captcha is a wrong password", async () => {
  const refused = await login({ turnstile_token: "solved", password: "not the password" });
  expect([refused.status, refused.body.code]).toEqual([401, "invalid_credentials"]);
});

const CLOSED = `
server:
  public_host: "https://relay.example"
  turnstile_enabled: true
  turnstile_site_key: site-key
  turnstile_secret_key: ${SECRET}
sso:
  enabled: true
  sso_only: true
  providers: [{ id: github, type: github, client_id: abc, client_secret: secret-of-the-provider }]
`;

test("R48 where passwords are closed nothing is checked: neither the body nor the captcha", async () => {
  const closed = await startAccounts(CLOSED, async (url) => {
    asked.push({ url, form: new URLSearchParams() });
    return answer();
  });
  try {
    for (const path of ["/api/auth/login", "/api/auth/register", "/api/auth/reset-password"]) {
      for (const body of [
        {},
        { surprise: 1 },
        "no json",
        { username: "alice", password: PASSWORD, turnstile_token: "s" },
      ]) {
        const refused = await closed.ask(`POST ${path}`, { body });
        expect([path, body, refused.status, refused.body.code]).toEqual([path, body, 403, "sso_only"]);
      }
    }
    expect(asked).toEqual([]);
  } finally {
    await closed.stop();
  }
});
