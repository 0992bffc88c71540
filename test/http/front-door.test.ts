/** Requests that try to get past the credential: spellings of hosts and paths, carriers, bodies nobody asked for. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { apiRoutes, describeRoutes } from "../../src/http/routes.ts";
import { type AccountRelay, KEY, PASSWORD, type SignedIn, startAccounts } from "../support/accounts.ts";
import { rawStatus } from "../support/raw.ts";

const ROUTES = describeRoutes(apiRoutes(undefined as never, "/nonexistent"));
const PROTECTED = ROUTES.filter(({ policy, openBy }) => policy.type !== "public" && openBy === undefined);
const OLIVE = { username: "olive", password: PASSWORD };
const plain = (path: string) => path.replace(/\/:\w+/g, "/1").replace(/\{\w+\}/g, "x");

let house: AccountRelay;
let user: SignedIn;
beforeAll(async () => {
  house = await startAccounts();
  await house.person("olive");
  user = await house.person("ursula");
});
afterAll(() => house.stop());

const raw = (bytes: string) => rawStatus(Number(new URL(house.relay.url).port), bytes);

describe("R10 ★ policy belongs to the route", () => {
  const hosts: [name: string, lines: string][] = [
    ["one letter", "Host: x\r\n"],
    ["three letters", "Host: abc\r\n"],
    ["a short name", "Host: a.b\r\n"],
    ["empty", "Host:\r\n"],
    ["two", "Host: localhost\r\nHost: other\r\n"],
    ["a path in it", "Host: x/health?\r\n"],
    ["a fragment in it", "Host: x#\r\n"],
    ["a user in it", "Host: x@y\r\n"],
    ["an IPv6 address", "Host: [::1]\r\n"],
    [
      "headers that rewrite",
      "Host: localhost\r\nX-Original-URL: /health\r\nX-Rewrite-URL: /health\r\nX-Forwarded-Prefix: /health\r\n",
    ],
    ["a method in a header", "Host: localhost\r\nX-HTTP-Method-Override: OPTIONS\r\n"],
    ["a credential with an underscore", `Host: localhost\r\nX_Api_Key: ${KEY}\r\n`],
  ];
  test.each(hosts)(
    "a Host that is %s opens no protected route",
    async (_name, lines) => {
      for (const { method, path } of PROTECTED) {
        const status = await raw(`${method} ${plain(path)} HTTP/1.1\r\n${lines}Content-Length: 0\r\n\r\n`);
        expect([method, path, status, status >= 200 && status < 300]).toEqual([method, path, status, false]);
        expect([400, 401]).toContain(status);
      }
    },
    30_000,
  );

  test("with server.allowed_hosts set, any other name is 421 on every route, and names of our own are not", async () => {
    const closed = await startAccounts("server: { allowed_hosts: [relay.example] }");
    try {
      const port = Number(new URL(closed.relay.url).port);
      const status = (line: string, host: string) =>
        rawStatus(port, `${line} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\n\r\n`);
      for (const { method, path } of PROTECTED) {
        const line = `${method} ${plain(path)}`;
        for (const host of ["x", "evil.example", "relay.example.evil.example", "sub.relay.example"]) {
          expect([line, host, await status(line, host)]).toEqual([line, host, 421]);
        }
        for (const host of ["relay.example", "RELAY.example:8443", "localhost", "127.0.0.1", "[::1]:80"]) {
          expect([line, host, await status(line, host)]).toEqual([line, host, 401]);
        }
      }
      const said = await closed.ask("GET /api/users", { headers: { host: "evil.example" } });
      expect([said.status, said.text]).toEqual([421, expect.stringContaining("server.allowed_hosts")]);
      expect(said.text).not.toContain("evil.example");
    } finally {
      await closed.stop();
    }
  }, 30_000);

  /** There a key in the query is a credential like any other. */
  const isGemini = (path: string) => /^\/(v1beta|v1alpha)\/|^\/v1\/models\/.*:/.test(path);
  const spellings: [name: string, of: (path: string) => string][] = [
    ["doubled slashes", (path) => `/${path}`],
    ["a slash at the end", (path) => `${path}/`],
    ["a dot segment", (path) => `/.${path}`],
    ["a way through a public path", (path) => `/health/..${path}`],
    ["encoded dots", (path) => `/health/%2e%2e${path}`],
    ["an encoded slash", (path) => path.replace(/\/(?=[^/]*$)/, "%2f")],
    ["an encoded letter", (path) => path.replace("/api", "/%61pi").replace("/v1", "/%761")],
    ["upper case", (path) => path.toUpperCase()],
    ["a parameter", (path) => `${path};x`],
    ["an encoded NUL", (path) => `${path}%00`],
    ["an extension", (path) => `${path}.json`],
    ["a bare question mark", (path) => `${path}?`],
    ["a backslash", (path) => path.replace("/", "\\")],
    ["the absolute form", (path) => `http://localhost${path}`],
    ["a doubled version", (path) => path.replace(/^\/v1/, "/v1/v1")],
    [
      "a key in the query",
      (path) => `${path}?${isGemini(path) ? "" : `key=${KEY}&`}api_key=${KEY}&access_token=${KEY}`,
    ],
  ];
  test.each(spellings)(
    "a path with %s opens no protected route",
    async (_name, of) => {
      for (const { method, path } of PROTECTED) {
        const status = await raw(
          `${method} ${of(plain(path))} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`,
        );
        expect([method, path, status, status >= 200 && status < 300]).toEqual([method, path, status, false]);
        expect(status).toBeLessThan(500);
      }
    },
    30_000,
  );

  test("other methods answer 401, 404 or 405 or nothing at all, and OPTIONS tells a stranger nothing", async () => {
    for (const { path } of PROTECTED) {
      for (const method of ["HEAD", "OPTIONS", "TRACE", "PROPFIND", "get"]) {
        const status = await raw(`${method} ${plain(path)} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`);
        // A preflight below /v1 is answered before anybody is asked who he is, and says nothing.
        const isPreflight = method === "OPTIONS" && path.startsWith("/v1");
        expect([method, path, isPreflight ? 204 : [0, 400, 401, 404, 405].includes(status)]).toEqual([
          method,
          path,
          isPreflight ? 204 : true,
        ]);
      }
    }
  }, 30_000);
});

describe("R10 ★ a path that has to be resolved", () => {
  const ask = (target: string, lines: string) =>
    raw(`GET ${target} HTTP/1.1\r\n${lines}Authorization: Bearer ${user.token}\r\nContent-Length: 0\r\n\r\n`);
  const spelt = ["/api/./users", "/api/auth/../users", "/v1/../api/users", "/api/%2e/users", "/api/x/%2E%2e/users"];

  test.each([...spelt, "/api\\users"])("%s is the route it leads to, with the policy of that one", async (target) => {
    expect(await ask(target, "Host: localhost\r\n")).toBe(403);
    expect(await ask(target.replace("users", "auth/me"), "Host: localhost\r\n")).toBe(200);
    expect(await raw(`GET ${target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`)).toBe(401);
  });

  test.each([...spelt, "/api\\users"])("%s is refused where nobody has resolved it", async (target) => {
    expect(await ask(target, "Host: localhost:99999\r\n")).toBe(400);
  });

  test.each(["/api/auth%2fme", "/api/auth%2Fme", "/nowhere%2fat-all", "/api/auth%5cme", "/api/auth/me%00"])(
    "%s is refused, whether or not there is such a path",
    async (target) => {
      expect(await ask(target, "Host: localhost\r\n")).toBe(400);
    },
  );
});

describe("R84 answers that a browser does nothing else with", () => {
  const HEADERS = {
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
  };
  const rows: [name: string, line: string, as: "user" | undefined, status: number][] = [
    ["an answer", "GET /api/auth/me", "user", 200],
    ["an answer to nobody", "GET /api/setup/status", undefined, 200],
    ["the front page", "GET /", undefined, 200],
    ["a missing credential", "GET /api/auth/me", undefined, 401],
    ["a refusal", "GET /api/users", "user", 403],
    ["a path that is none", "GET /api/nothing", "user", 404],
    ["a path that is none at all", "GET /nothing", undefined, 404],
    ["a wrong method", "PUT /api/auth/me", "user", 405],
    ["a body that is wrong", "POST /api/auth/login", undefined, 422],
    ["a redirect", "GET /api/auth/sso/callback", undefined, 303],
    ["an empty answer", "POST /api/auth/logout", undefined, 204],
    ["a list of models", "GET /v1/models", "user", 200],
    ["a refused call", "POST /v1/chat/completions", undefined, 401],
  ];
  test.each(rows)("%s", async (_name, line, as, status) => {
    const { headers, ...answer } = await house.ask(line, {
      ...(as === undefined ? {} : { as: user }),
      ...(line.startsWith("POST /api/auth/login") ? { body: {} } : {}),
    });
    expect([line, answer.status]).toEqual([line, status]);
    for (const [name, value] of Object.entries(HEADERS)) expect([name, headers.get(name)]).toEqual([name, value]);
    if (line.includes(" /api/")) expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.has("strict-transport-security")).toBe(false);
  });

  test("on https they say that it stays https", async () => {
    const secure = await startAccounts('server: { public_host: "https://relay.example.com" }');
    try {
      for (const line of ["GET /", "GET /api/auth/me", "GET /nothing"]) {
        expect((await secure.ask(line)).headers.get("strict-transport-security")).toBe("max-age=31536000");
      }
    } finally {
      await secure.stop();
    }
  });
});

describe("RFC 9110 section 9.3.2", () => {
  test.each(["/api/auth/me", "/api/setup/status", "/", "/health", "/v1/models", "/api/users", "/api/nothing"])(
    "HEAD %s says what GET says, its length too, and no body",
    async (path) => {
      const got = await house.ask(`GET ${path}`, { as: user });
      const head = await house.ask(`HEAD ${path}`, { as: user });
      expect([head.status, head.text]).toEqual([got.status, ""]);
      expect(Number(got.headers.get("content-length"))).toBe(Buffer.byteLength(got.text));
      for (const name of ["content-length", "content-type", "cache-control"]) {
        expect([name, head.headers.get(name)]).toEqual([name, got.headers.get(name)]);
      }
    },
  );
});

describe("R55 a route that takes no body", () => {
  const bare = apiRoutes(undefined as never, "/nonexistent").filter(
    ({ method, body, ignoresBody }) => method !== "GET" && body === undefined && ignoresBody === undefined,
  );
  test.each(bare.map(({ method, path }) => `${method} ${path}`))("%s takes an empty one and no other", async (line) => {
    const owner = { as: (await house.ask("POST /api/auth/login", { body: OLIVE })).body.access_token };
    const ask = (body?: string | object) =>
      house.ask(line.replace(/:\w+/g, "999999"), { ...owner, ...(body && { body }) });
    const junk = await ask({ junk: "sk-canary" });
    expect([junk.status, junk.text.includes("sk-canary")]).toEqual([422, false]);
    expect((await ask(JSON.stringify({ junk: "x".repeat(3 << 20) }))).status).toBe(413);
    const without = await ask();
    expect((await ask({})).status).toBe(without.status);
    expect([413, 415, 422].includes(without.status)).toBe(false);
  });
});

describe("R2 the carrier changes nothing", () => {
  test("same status on every route, with and without the scope, whichever header carries the key", async () => {
    const broad = await house.key(user, ["account"]);
    const narrow = await house.key(user, ["credits:read"]);
    const carry: Record<string, (key: string) => Record<string, string>> = {
      bearer: (key) => ({ authorization: `Bearer ${key}` }),
      "lower case": (key) => ({ authorization: `bearer  ${key}` }),
      "x-api-key": (key) => ({ "X-API-Key": key }),
      "x-access-key": (key) => ({ "x-access-key": ` ${key}\t` }),
      "x-goog-api-key": (key) => ({ "x-goog-api-key": key }),
      both: (key) => ({ authorization: `Bearer ${key}`, "x-api-key": key }),
    };
    for (const { method, path, kind } of ROUTES) {
      for (const key of [broad, narrow]) {
        const statuses: Record<string, number> = {};
        for (const [name, headers] of Object.entries(carry)) {
          const hasBody = method !== "GET" && method !== "DELETE";
          const answer = await house.ask(`${method} ${plain(path).replace("{model}", "x")}`, {
            headers: headers(key),
            ...(hasBody ? { body: { surprise: true } } : {}),
          });
          statuses[name] = answer.status;
        }
        expect([method, path, kind, new Set(Object.values(statuses)).size]).toEqual([method, path, kind, 1]);
      }
    }
  }, 30_000);
});

describe("what stands before everything else", () => {
  test("R13 ★ a stranger's body is not read: 401 at once, whatever length it claims", async () => {
    for (const path of ["/api/keys", "/v1/orgs/1/api-keys/create", "/api/users", "/api/admin/clear-data"]) {
      const began = performance.now();
      const status = await raw(
        `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{`,
      );
      expect([path, status]).toEqual([path, 401]);
      expect(performance.now() - began).toBeLessThan(1000);
    }
  });

  test("a body over limits.max_admin_body is 413 in the family's words", async () => {
    const body = JSON.stringify({ name: "x".repeat(2_000_000) });
    const native = await house.ask("POST /api/keys", { as: user, body });
    expect([native.status, native.body.code]).toEqual([413, "request_too_large"]);
    const org = (await user.identity()).orgId;
    const openrelay = await house.ask(`POST /v1/orgs/${org}/api-keys/create`, { as: user, body });
    expect([openrelay.status, openrelay.body.code]).toEqual([413, "request_too_large"]);
    const relay = await house.ask("POST /api/v1/auth/api-keys", { as: user, body });
    expect([relay.status, Object.keys(relay.body)]).toEqual([413, ["detail"]]);
  });

  test("R100 the limit holds for a body of unknown length too, before anybody is known, and without keeping it", async () => {
    const piece = `${"x".repeat(64 * 1024)}`;
    const chunk = `${piece.length.toString(16)}\r\n${piece}\r\n`;
    const head = (path: string) =>
      `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
    // Twenty pieces make more than the limit of a megabyte; the end never comes.
    for (const path of ["/api/auth/login", "/api/auth/register", "/api/auth/logout"]) {
      expect([path, await raw(head(path) + chunk.repeat(20))]).toEqual([path, 413]);
    }
  });

  test("a compressed body is taken if limits.request_encodings names its encoding, else 415", async () => {
    const body = Buffer.from(Bun.gzipSync(Buffer.from('{"name":"zipped"}')));
    const send = (encoding: string) =>
      house.ask("POST /api/keys", {
        as: user,
        body,
        headers: { "content-encoding": encoding, "content-type": "application/json" },
      });
    expect((await send("gzip")).body.name).toBe("zipped");
    expect((await send("zebra")).status).toBe(415);
    const bomb = Buffer.from(Bun.gzipSync(Buffer.alloc(50_000_000, 0x20)));
    const huge = await house.ask("POST /api/keys", {
      as: user,
      body: bomb,
      headers: { "content-encoding": "gzip", "content-type": "application/json" },
    });
    expect(huge.status).toBe(413);
    const broken = await house.ask("POST /api/keys", {
      as: user,
      body: Buffer.from("no gzip at all"),
      headers: { "content-encoding": "gzip", "content-type": "application/json" },
    });
    expect(broken.status).toBe(400);
    const closed = await startAccounts("limits: { request_encodings: [br] }");
    try {
      const owner = await closed.person("olive");
      const refused = await closed.ask("POST /api/keys", {
        as: owner,
        body,
        headers: { "content-encoding": "gzip", "content-type": "application/json" },
      });
      expect(refused.status).toBe(415);
    } finally {
      await closed.stop();
    }
  });

  test("unknown paths and wrong methods are told in their family's words, without asking who it is", async () => {
    const rows: [line: string, status: number, body: object][] = [
      ["GET /api/nothing", 404, { detail: "Not found", code: "not_found" }],
      ["GET /v1/orgs/x/nothing", 404, { error: "Not found", code: "not_found" }],
      ["GET /api/v1/auth/api-keys/x/y", 404, { detail: "API key not found" }],
      ["DELETE /api/users", 405, { detail: expect.any(String), code: "method_not_allowed" }],
      ["PUT /v1/me", 405, { error: expect.any(String), code: "method_not_allowed" }],
    ];
    for (const [line, status, body] of rows) {
      const answer = await house.ask(line);
      expect([line, answer.status, answer.body]).toEqual([line, status, body]);
    }
    expect((await house.ask("DELETE /api/users")).headers.get("allow")).toBe("GET, POST, HEAD");
  });

  test("R83 no page of another origin reads an answer of /api, nor is its origin ever echoed", async () => {
    for (const origin of ["https://evil.example", "null", `${house.relay.url}.evil.example`]) {
      for (const line of ["GET /api/auth/me", "OPTIONS /api/auth/me", "GET /api/setup/status"]) {
        const { headers } = await house.ask(line, { as: user, headers: { origin } });
        expect([line, headers.get("access-control-allow-origin")]).toEqual([line, null]);
        expect(headers.get("access-control-allow-credentials")).toBeNull();
      }
    }
  });
});
