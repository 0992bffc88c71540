/** R3–R6, R8, R12: what is no credential is told so in one way, costs no look-up, and is written down nowhere. */
import { afterAll, beforeAll, beforeEach, describe, expect, spyOn, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { ORIGIN } from "../auth/support.ts";
import { type AccountRelay, KEY, type SignedIn, startAccounts } from "../support/accounts.ts";
import { rawRequest, rawStatus } from "../support/raw.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";
import { lineOf, mayOf, pathOf, ROUTES, scopeOf } from "./route-lines.ts";

const CANARY = "canary-of-nobody-0123456789";
const ANSWER = {
  id: "chatcmpl-1",
  object: "chat.completion",
  model: "gemini-x",
  choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "hi" } }],
};

let upstream: Upstream;
let house: AccountRelay;
let user: SignedIn;
let orgId: string;
let key: string;
/** Calls to the repositories of accounts, since the test began. */
let lookUps = 0;
beforeAll(async () => {
  upstream = await startUpstream({ json: ANSWER });
  const provider = `{ base_url: "${upstream.url}/v1", keys: [{ key: upstream-key-1 }], models: { include: [gemini-x] } }`;
  house = await startAccounts("", undefined, { providers: `providers: { one: ${provider} }` });
  await house.person("olive");
  user = await house.person("ursula");
  orgId = (await user.identity()).orgId!;
  key = await house.key(user, ["account"]);
  const { apiKeys, sessions, users, orgs } = house.services.parts.accounts;
  for (const repository of [apiKeys, sessions, users, orgs] as unknown as Record<string, unknown>[]) {
    for (const [name, work] of Object.entries(repository)) {
      if (typeof work !== "function") continue;
      repository[name] = (...args: unknown[]) => {
        lookUps += 1;
        return work(...args);
      };
    }
  }
});
afterAll(async () => {
  await house.stop();
  await upstream.stop();
});
beforeEach(() => {
  lookUps = 0;
  upstream.forget();
});

const raw = (line: string, ...headers: string[]) =>
  rawStatus(Number(new URL(house.relay.url).port), rawRequest(line, headers));
const me = (headers: Record<string, string>) => house.ask("GET /v1/me", { headers });

test("the counter counts: a key that is new to the house is looked up", async () => {
  expect((await me({ authorization: `Bearer ${await house.key(user, ["account"])}` })).status).toBe(200);
  expect(lookUps).toBeGreaterThan(0);
});

describe("R3 a field sent twice", () => {
  const other = `${CANARY}-2`;
  test.each(["Authorization", "X-API-Key", "X-Access-Key", "X-Goog-Api-Key"])(
    "%s: 400, whatever both say",
    async (name) => {
      const field = (value: string) => `${name}: ${name === "Authorization" ? "Bearer " : ""}${value}`;
      for (const pair of [
        [key, key],
        [KEY, KEY],
        [key, KEY],
        [key, other],
        [other, key],
        [other, other],
      ]) {
        for (const line of ["GET /v1/me", "GET /api/auth/me", "POST /v1/chat/completions", "GET /v1beta/models"]) {
          expect([line, await raw(line, ...pair.map(field))]).toEqual([line, 400]);
        }
      }
      expect([lookUps, upstream.received.length]).toEqual([0, 0]);
    },
  );
});

describe("R4 scheme, one or more spaces, token", () => {
  test.each([(k: string) => `Bearer ${k}`, (k: string) => `bearer ${k}`, (k: string) => `BEARER  ${k}`])(
    "%s is one",
    async (of) => {
      expect((await me({ authorization: of(key) })).status).toBe(200);
    },
  );

  const shapes: [name: string, of: (k: string) => string][] = [
    ["the scheme alone", () => "Bearer"],
    ["the scheme and a space", () => "Bearer "],
    ["a tab between", (k) => `Bearer\t${k}`],
    ["nothing between", (k) => `Bearer${k}`],
    ["another scheme", (k) => `Token ${k}`],
    ["Basic", (k) => `Basic ${btoa(`user:${k}`)}`],
    ["no scheme", (k) => k],
    ["two tokens", (k) => `Bearer ${k} ${k}`],
  ];
  test.each(shapes)("%s is none", async (_name, of) => {
    const { status, headers } = await me({ authorization: of(key) });
    expect([status, headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    expect(lookUps).toBe(0);
  });
});

describe("R5 characters that no credential has", () => {
  const values: [name: string, value: string][] = [
    ["an injection", `' OR '1'='1 ${CANARY}`],
    ["another", `'; DROP TABLE users; -- ${CANARY}`],
    ["an encoded NUL", `%00${CANARY}`],
    ["byte 0xE9", `${CANARY}\u00e9`],
    ["UTF-8", Buffer.from(`${CANARY}é`).toString("latin1")],
    ["U+200B", Buffer.from(`${CANARY}\u200b`).toString("latin1")],
    ["an emoji", Buffer.from(`${CANARY}🔑`).toString("latin1")],
    ["markup", `<script>${CANARY}</script>`],
    ["braces", `{{${CANARY}}}`],
  ];
  test.each(values)("%s: 401 without a look-up, and no trace", async (_name, value) => {
    for (const header of [`Authorization: Bearer ${value}`, `X-API-Key: ${value}`, `X-Goog-Api-Key: ${value}`]) {
      const port = Number(new URL(house.relay.url).port);
      const bytes = rawRequest("GET /v1/me", [header]);
      expect(await rawStatus(port, Buffer.from(bytes, "latin1") as unknown as string)).toBe(401);
    }
    expect(lookUps).toBe(0);
    expect(house.relay.logLines.join("\n")).not.toContain(CANARY);
  });
});

describe("R6 lengths", () => {
  test("credentials up to 4,096 bytes are compared by their hash; longer ones are not even hashed", async () => {
    const hashed = spyOn(Bun.SHA256, "hash");
    try {
      for (const [length, isHashed] of [
        [4095, true],
        [4096, true],
        [4097, false],
        [15_000, false],
      ] as const) {
        const credential = "a".repeat(length);
        for (const headers of [{ authorization: `Bearer ${credential}` }, { "x-api-key": credential }]) {
          hashed.mockClear();
          expect((await me(headers as Record<string, string>)).status).toBe(401);
          expect([length, hashed.mock.calls.some(([text]) => text === credential)]).toEqual([length, isHashed]);
        }
      }
    } finally {
      hashed.mockRestore();
    }
    expect(lookUps).toBe(0);
  });

  test("17,000 bytes of headers, a megabyte of them and more than 200 fields are 431; so is a URL over 16 KiB", async () => {
    expect(await raw("GET /v1/me", `Authorization: Bearer ${"a".repeat(17_000)}`)).toBe(431);
    expect(await raw("GET /v1/me", `Authorization: Bearer ${"a".repeat(1 << 20)}`)).toBe(431);
    expect(await raw("GET /v1/me", ...Array.from({ length: 201 }, (_, index) => `X-Field-${index}: 1`))).toBe(431);
    expect(await raw(`GET /v1/me?${"a".repeat(16 * 1024 + 1)}`)).toBe(431);
    expect(lookUps).toBe(0);
  });
});

describe("R8 no credential in a URL", () => {
  const GET = ROUTES.filter(({ method, policy, openBy }) => method === "GET" && policy.type !== "public" && !openBy);
  const isGemini = (path: string) => /^\/v1(?:beta|alpha)\//.test(path);

  test.each(GET.map((route) => [lineOf(route), route] as const))("%s", async (_line, route) => {
    for (const name of ["key", "access_token", "api_key", "token", "authorization"]) {
      if (name === "key" && isGemini(route.path)) continue;
      for (const value of [key, KEY, user.token]) {
        const answer = await house.ask(`GET ${pathOf(route, orgId)}?${name}=${value}`);
        expect([name, answer.status]).toEqual([name, 401]);
      }
    }
  });

  test("Gemini's ?key= opens its routes, and goes neither upstream nor into a log", async () => {
    const body = { contents: [{ role: "user", parts: [{ text: "hello" }] }] };
    const made = await house.key(user, ["chat:write"]);
    const answer = await house.ask(`POST /v1beta/models/gemini-x:generateContent?key=${made}`, { body });
    expect([answer.status, upstream.received.length]).toEqual([200, 1]);
    expect(JSON.stringify(upstream.received)).not.toContain(made);
    for (const each of [made, key, KEY, user.token]) expect(house.relay.logLines.join("\n")).not.toContain(each);
  });
});

describe("R12 401 and 403", () => {
  const FAMILIES = [
    ["openai", "POST /v1/chat/completions"],
    ["anthropic", "POST /v1/messages"],
    ["gemini", "POST /v1beta/models/gemini-x:generateContent"],
    ["native", "GET /api/keys"],
    ["relay", "GET /api/v1/auth/api-keys"],
    ["openrelay", "GET /v1/me"],
  ] as const;

  test.each(FAMILIES)("%s: unknown, revoked and expired are the same bytes, under no-store", async (_family, line) => {
    const caller = { identity: await user.identity(), origin: ORIGIN };
    const make = async (more: object = {}) => {
      const made = await house.services.apiKeys.create(
        { name: "x", scopes: ["account"], ...more },
        { style: "native" },
        caller,
      );
      return { id: made.key.id, secret: made.secret! };
    };
    const revoked = await make();
    await house.services.apiKeys.revoke(revoked.id, caller);
    const expired = await make({ expiresAt: house.clock.now() + 1000 });
    house.clock.advance(1000);
    const wrongSum = `${key.slice(0, -1)}${key.endsWith("a") ? "b" : "a"}`;
    const said = new Set<string>();
    for (const as of [revoked.secret, expired.secret, wrongSum, CANARY]) {
      const answer = await house.ask(line, {
        as,
        headers: { "x-request-id": "one" },
        ...(line.startsWith("POST") ? { body: {} } : {}),
      });
      expect([answer.status, answer.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
      expect(answer.headers.get("cache-control")).toBe("no-store");
      said.add(answer.text);
    }
    expect(said.size).toBe(1);
  });

  test("known and not allowed is 403, never 401", async () => {
    const narrow = await house.key(user, ["credits:read"]);
    for (const route of ROUTES.filter(
      (each) => scopeOf(mayOf(each)) !== undefined && scopeOf(mayOf(each)) !== "credits:read",
    )) {
      const more = route.method === "GET" || route.method === "DELETE" ? {} : { body: {} };
      const answer = await house.ask(`${route.method} ${pathOf(route, orgId)}`, { as: narrow, ...more });
      expect([lineOf(route), answer.status]).toEqual([lineOf(route), 403]);
      expect(answer.headers.has("www-authenticate")).toBe(false);
    }
  });

  test("the vendors' SDKs raise their AuthenticationError", async () => {
    const messages = [{ role: "user" as const, content: "hello" }];
    const openai = new OpenAI({ baseURL: `${house.relay.url}/v1`, apiKey: CANARY, maxRetries: 0 });
    const call = openai.chat.completions.create({ model: "gpt-4o", messages });
    expect(await call.catch((error: unknown) => error)).toBeInstanceOf(OpenAI.AuthenticationError);
    const anthropic = new Anthropic({ baseURL: house.relay.url, apiKey: CANARY, maxRetries: 0 });
    const message = anthropic.messages.create({ model: "claude", max_tokens: 1, messages });
    expect(await message.catch((error: unknown) => error)).toBeInstanceOf(Anthropic.AuthenticationError);
  });
});
