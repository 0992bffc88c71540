/** R7: an empty secret is no secret. Nothing matches it, whichever way it is left empty and whichever way it is shown. */
import { afterEach, describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { apiRoutes, describeRoutes } from "../../src/http/routes.ts";
import { type AccountRelay, PASSWORD, startAccounts } from "../support/accounts.ts";
import { rawRequest, rawStatus } from "../support/raw.ts";

const ROUTES = describeRoutes(apiRoutes(undefined as never, "/nonexistent"));
const PROTECTED = ROUTES.filter(({ policy, openBy }) => policy.type !== "public" && openBy === undefined);
const plain = (path: string) => path.replace(/\/:\w+/g, "/1").replace(/\{\w+\}/g, "x");

/** Every way to say nothing. The test's relay makes no access key of its own where the configuration names none. */
const EMPTY_KEYS: readonly (readonly [name: string, yaml: string])[] = [
  ["access_key is an empty text", 'server: { access_key: "" }'],
  ["access_key has no value", "server:\n  access_key:\n"],
  ["access_key is blank", 'server: { access_key: "   " }'],
  ["access_key is null", "server: { access_key: null }"],
  ["access_key is empty and on", 'server: { access_key: "", access_key_enabled: true }'],
];

/** Every way to show nothing, and what an empty text might have been turned into. */
const NOTHING: readonly (readonly [name: string, headers: readonly string[]])[] = [
  ["no header", []],
  ["an empty Authorization", ["Authorization:"]],
  ["a scheme alone", ["Authorization: Bearer"]],
  ["a scheme and a blank", ["Authorization: Bearer "]],
  ["a scheme and a tab", ["Authorization: Bearer \t"]],
  ["quotes around nothing", ['Authorization: Bearer ""']],
  ["an empty X-Access-Key", ["X-Access-Key:"]],
  ["a blank X-Access-Key", ["X-Access-Key:    "]],
  ["an empty X-API-Key", ["X-API-Key:"]],
  ["an empty x-goog-api-key", ["x-goog-api-key:"]],
  ["an empty cookie", ["Cookie: mr_session=; __Host-mr_session="]],
  ["everything, empty", ["Authorization: Bearer ", "X-Access-Key:", "X-API-Key:", "x-goog-api-key:"]],
  ["the word null", ["Authorization: Bearer null"]],
  ["the word undefined", ["X-Access-Key: undefined"]],
];

let house: AccountRelay | undefined;
afterEach(async () => {
  await house?.stop();
  house = undefined;
});
const start = async (yaml: string) => {
  house = await startAccounts(yaml);
  return Number(new URL(house.relay.url).port);
};

describe("R7 ★ empty never matches", () => {
  test.each(EMPTY_KEYS)(
    "%s: every protected route is 401 to whoever shows nothing",
    async (_name, yaml) => {
      const port = await start(yaml);
      for (const { method, path } of PROTECTED) {
        for (const [shown, headers] of NOTHING) {
          const status = await rawStatus(port, rawRequest(`${method} ${plain(path)}`, headers));
          expect([method, path, shown, status]).toEqual([method, path, shown, 401]);
        }
      }
      // Nobody got as far as a call, so none has left a record.
      expect(house!.relay.records).toEqual([]);
    },
    30_000,
  );

  test("Gemini's key in the query is none when it is empty", async () => {
    const port = await start('server: { access_key: "" }');
    for (const query of ["?key=", "?key", "?key=%20", "?key=&key="]) {
      const status = await rawStatus(port, rawRequest(`GET /v1beta/models${query}`, []));
      expect([query, status]).toEqual([query, 401]);
    }
  });

  test("the switch rules over a key that is there: with access_key_enabled off it opens nothing", async () => {
    const key = "a-good-access-key-0123456789";
    const port = await start(`server: { access_key: ${key}, access_key_enabled: false }`);
    for (const { method, path } of PROTECTED) {
      const status = await rawStatus(port, rawRequest(`${method} ${plain(path)}`, [`Authorization: Bearer ${key}`]));
      expect([method, path, status]).toEqual([method, path, 401]);
    }
  });

  const EMPTY_SECRETS = ['server: { jwt_secret: "" }', "server:\n  jwt_secret:\n", 'server: { jwt_secret: "   " }', ""];
  test.each(EMPTY_SECRETS)(
    "jwt_secret, configured as %j: no token signed with nothing is one of ours",
    async (yaml) => {
      await start(yaml);
      const person = await house!.person("olive");
      const [head = "", claims = ""] = person.token.split(".");
      const { kid: _known, ...header } = JSON.parse(Buffer.from(head, "base64url").toString());
      for (const secret of ["", " ", "   ", "null", "undefined", "\0".repeat(32), " ".repeat(32)]) {
        for (const first of [head, Buffer.from(JSON.stringify(header)).toString("base64url")]) {
          const signature = createHmac("sha256", secret).update(`${first}.${claims}`).digest("base64url");
          const answer = await house!.ask("GET /api/auth/me", { as: `${first}.${claims}.${signature}` });
          expect([secret, answer.status]).toEqual([secret, 401]);
        }
      }
      expect((await house!.ask("GET /api/auth/me", { as: person.token })).status).toBe(200);
    },
  );

  test("a setup token that is left empty is none, and an empty one is never the right one", async () => {
    await start("auth: { setup_token: a-setup-token-of-some-length }");
    for (const token of ["", " ", null, "null", 0, false]) {
      const body = { username: "mallory", password: PASSWORD, setup_token: token };
      const answer = await house!.ask("POST /api/auth/register", { body });
      expect([token, [403, 422].includes(answer.status)]).toEqual([token, true]);
    }
    expect(await house!.store.accounts.users.hasAny()).toBe(false);
    await house!.stop();
    for (const yaml of ['auth: { setup_token: "" }', 'auth: { setup_token: "  " }', "auth:\n  setup_token:\n"]) {
      await start(yaml);
      expect((await house!.ask("GET /api/setup/status")).body.setup_token_required).toBe(false);
      await house!.stop();
    }
    house = undefined;
  });

  test("an empty password, refresh token, reset token, invitation or sign-in code lets nobody in", async () => {
    await start("");
    const olive = await house!.person("olive");
    const made = await house!.ask("POST /api/users", { as: olive, body: { username: "passwordless" } });
    expect(made.status).toBe(201);
    for (const nothing of ["", " ", "\u0000"]) {
      const rows: [line: string, body: object][] = [
        ["POST /api/auth/login", { username: "passwordless", password: nothing }],
        ["POST /api/auth/login", { username: "olive", password: nothing }],
        ["POST /api/auth/refresh", { refresh_token: nothing }],
        ["POST /api/auth/reset-password", { token: nothing, new_password: PASSWORD }],
        ["POST /api/auth/sso/exchange", { code: nothing }],
      ];
      for (const [line, body] of rows) {
        const answer = await house!.ask(line, { body });
        expect([line, nothing, answer.status >= 400 && answer.status < 500]).toEqual([line, nothing, true]);
        expect(answer.text).not.toContain("access_token");
      }
    }
  });
});
