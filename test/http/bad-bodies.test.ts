/** Every management route that takes a body, given bodies it does not want: generated from the table of routes. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { TSchema } from "@sinclair/typebox";
import type { ApiRoute } from "../../src/http/api.ts";
import { apiRoutes } from "../../src/http/routes.ts";
import { ORIGIN } from "../auth/support.ts";
import { type AccountRelay, PASSWORD, startAccounts } from "../support/accounts.ts";

const ROUTES = apiRoutes(undefined as never, "/nonexistent").filter((route) => route.body !== undefined);
const CANARY = "canary-7f3a-canary";
/** Of every kind a JSON value can be; texts hold what people try. */
const VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  "",
  CANARY,
  `${CANARY}'; DROP TABLE users; --`,
  `../../${CANARY}`,
  `\u0000${CANARY}\u202e`,
  `${CANARY}${"é".repeat(3000)}`,
  [],
  [CANARY],
  [[[[[CANARY]]]]],
  {},
  { [`$${CANARY}`]: CANARY },
  { toString: CANARY, constructor: { prototype: { x: CANARY } } },
];

let house: AccountRelay;
let ownerId: number;
let owner: string;
beforeAll(async () => {
  house = await startAccounts();
  ownerId = (await house.person("olive")).id;
});
afterAll(() => house.stop());
/** Among the bodies are some that end sessions, and some that count as failed sign-ins. */
beforeEach(async () => {
  const user = await house.services.accounts.get(ownerId);
  owner = (await house.services.sessions.begin(user, "password", ORIGIN))!.accessToken;
});

/** One body per field and value, the other fields as they should be. */
function* bodiesFor(schema: TSchema): Generator<object> {
  const { properties = {} } = schema as { properties?: Record<string, TSchema> };
  const sound: Record<string, unknown> = {
    username: "nobody-here",
    password: PASSWORD,
    old_password: PASSWORD,
    new_password: "another good password",
    name: "x",
    email: "x@example.com",
    token: "x",
    confirm: "x",
    role: "member",
  };
  const whole = Object.fromEntries(
    Object.keys(properties).flatMap((name) => (name in sound ? [[name, sound[name]]] : [])),
  );
  for (const name of Object.keys(properties)) {
    for (const value of VALUES) yield { ...whole, [name]: value };
  }
}

const lineOf = ({ method, path }: ApiRoute) =>
  `${method} ${path
    .replace(":orgId", "org_nothing")
    .replace("/api/users/:id", "/api/users/999999")
    .replace(/\/:\w+/g, "/nothing")}`;

describe("R55 R58 ★ no body makes the relay fail, is echoed, or is taken in part", () => {
  test.each(ROUTES.map((route) => [`${route.method} ${route.path}`, route] as const))(
    "%s",
    async (_name, route) => {
      for (const body of bodiesFor(route.body!)) {
        const answer = await house.ask(lineOf(route), { as: owner, body });
        if (answer.status >= 500)
          throw new Error(`${answer.status} for ${JSON.stringify(body).slice(0, 300)}: ${house.relay.logLines.at(-1)}`);
        // What was taken may be shown; what was refused never is.
        if (answer.status >= 400) expect(answer.text).not.toContain(CANARY);
      }
    },
    60_000,
  );

  const texts: [name: string, body: string | Buffer, statuses: readonly number[]][] = [
    ["no JSON", "{", [400]],
    ["a text", '"x"', [400]],
    ["a list", "[]", [400]],
    ["null", "null", [400]],
    ["two documents", "{}{}", [400]],
    ["too deep", `{"name":${"[".repeat(100)}${"]".repeat(100)}}`, [400]],
    ["a hundred thousand brackets", `{"name":${"[".repeat(100_000)}`, [400]],
    ["a field given twice", '{"name":"a","name":"b"}', [400]],
    ["bad UTF-8", Buffer.from([...Buffer.from('{"name":"'), 0xc3, 0x28, ...Buffer.from('"}')]), [400]],
    ["an unknown field", '{"surprise":1}', [422]],
  ];
  test.each(texts)("%s", async (_name, body, statuses) => {
    for (const route of ROUTES) {
      const { status } = await house.ask(lineOf(route), { as: owner, body });
      expect([lineOf(route), statuses.includes(status) ? "as wanted" : status]).toEqual([lineOf(route), "as wanted"]);
    }
  });

  const places: [line: string, body: object, loc: string, msg: RegExp][] = [
    ["POST /api/keys", { name: "x", limits: { rpm: -1 } }, "limits.rpm", /greater or equal to 0/],
    [
      "POST /api/keys",
      { name: "x", limits: { budgets: [{ usd: 1, window: "year" }] } },
      "limits.budgets.0.window",
      /one of hour, day/,
    ],
    ["POST /api/keys", { name: "x", models: { allow: [1] } }, "models.allow.0", /string/],
    ["POST /api/keys", { name: "x", log_bodies: "all" }, "log_bodies", /one of off, preview, full/],
    ["POST /api/keys", { name: "x", expires_at: 7 }, "expires_at", /string/],
    ["POST /api/invites", { role: "boss" }, "role", /one of owner, admin, member/],
    ["POST /api/invites", { expires_in: 3600.5 }, "expires_in", /integer/],
  ];
  test.each(places)("%s %j: the place is %s", async (line, body, loc, msg) => {
    const answer = await house.ask(line, { as: owner, body });
    expect(answer.status).toBe(422);
    expect(answer.body.detail).toEqual([
      { loc: ["body", ...loc.split(".")], msg: expect.stringMatching(msg), type: "value_error" },
    ]);
  });

  test("nothing of it all has changed who the super admin is, nor what objects inherit", async () => {
    const { items } = await house.services.accounts.list({ role: "super_admin" });
    expect(items.map(({ username }) => username)).toEqual(["olive"]);
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });
});
