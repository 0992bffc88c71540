/** R78, R79: what a stranger learns of the house, and which doors are not there at all. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type AccountRelay, KEY, startAccounts } from "../support/accounts.ts";
import { lineOf, ROUTES } from "./route-lines.ts";

const PROVIDER = `providers: { one: { base_url: "http://127.0.0.1:9/v1", keys: [{ key: hidden-upstream-key }] } }`;
const SECRETS = [KEY, "hidden-upstream-key"];

let house: AccountRelay;
beforeAll(async () => {
  house = await startAccounts("", undefined, { providers: PROVIDER });
  await house.person("olive");
});
afterAll(() => house.stop());

describe("R79 quiet surfaces", () => {
  const ABSENT = [
    ..."/metrics /debug /debug/pprof /status /server-status /actuator/env /swagger /swagger/json /docs /redoc".split(
      " ",
    ),
    ..."/openapi.json /openapi.yaml /api /api/docs /api/openapi.json /api/routes /api/config /api/debug".split(" "),
    ..."/api/metrics /api/logs /api/version /v1 /.env /.git/config /config.yml /data /accounts.db /secrets.key".split(
      " ",
    ),
  ];
  test.each(ABSENT)("%s is not there for a stranger", async (path) => {
    for (const method of ["GET", "POST"]) {
      const answer = await house.ask(`${method} ${path}`);
      expect([401, 404]).toContain(answer.status);
      expect(answer.text).not.toMatch(/at .+:\d+|node_modules|\/src\//);
    }
  });

  const DETAILS: [detail: string, shown: string[]][] = [
    ["minimal", ["status"]],
    ["basic", ["generation", "providers", "status"]],
    ["full", ["generation", "providers", "status"]],
  ];
  test.each(DETAILS)("/health shows with health_detail %s just so much, and never a key", async (detail, shown) => {
    const it = await startAccounts(`server: { health_detail: ${detail} }`, undefined, { providers: PROVIDER });
    try {
      const { status, body, text } = await it.ask("GET /health");
      expect([status, Object.keys(body).toSorted()]).toEqual([200, shown]);
      expect(text.includes("base_url")).toBe(detail === "full");
      for (const secret of SECRETS) expect(text).not.toContain(secret);
    } finally {
      await it.stop();
    }
  });

  test("what is open to everybody holds no secret, and only the front page names a version", async () => {
    const open = ROUTES.filter(({ method, policy }) => method === "GET" && policy.type === "public");
    expect(open.length).toBeGreaterThan(5);
    for (const route of open) {
      const { text, headers } = await house.ask(`GET ${route.path.replace(/:\w+/g, "nothing")}`);
      for (const secret of SECRETS) expect(text).not.toContain(secret);
      expect([lineOf(route), /"version"/.test(text)]).toEqual([lineOf(route), route.path === "/"]);
      for (const name of ["server", "x-powered-by", "via"]) expect([name, headers.get(name)]).toEqual([name, null]);
    }
  });

  test("no route answers with a table for spreadsheets: there is no cell to escape", async () => {
    for (const { path } of ROUTES) expect(path).not.toMatch(/csv|export/);
  });
});

test("R78 nothing edits configuration or providers over HTTP yet; whoever adds a route of that kind needs If-Match", () => {
  const edits = ROUTES.filter(({ method, path }) => method !== "GET" && /^\/api\/(?:config|providers)/.test(path));
  expect(edits.map(lineOf)).toEqual([]);
});
