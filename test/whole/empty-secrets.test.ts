/** R7 through the compiled binary: whatever is left empty in file or environment, nobody gets in by showing nothing. */
import { afterEach, describe, expect, test } from "bun:test";
import { apiRoutes, describeRoutes } from "../../src/http/routes.ts";
import { missingBinary, type RunningBinary, startBinary } from "../support/binary.ts";
import { rawRequest, rawStatus } from "../support/raw.ts";

const ROUTES = describeRoutes(apiRoutes(undefined as never, "/nonexistent"));
const PROTECTED = ROUTES.filter(({ policy, openBy }) => policy.type !== "public" && openBy === undefined);
const plain = (path: string) => path.replace(/\/:\w+/g, "/1").replace(/\{\w+\}/g, "x");

const STARTS: readonly (readonly [name: string, options: Parameters<typeof startBinary>[0]])[] = [
  ["no file", {}],
  ["an empty file", { config: "" }],
  ["an empty mapping", { config: "{}" }],
  ["access_key is an empty text", { config: 'server: { access_key: "" }' }],
  ["access_key has no value", { config: "server:\n  access_key:\n" }],
  ["access_key is blank", { config: 'server: { access_key: "   " }' }],
  ["the variable is empty", { env: { MONORELAY_SERVER__ACCESS_KEY: "" } }],
  ["the variable is blank", { env: { MONORELAY_SERVER__ACCESS_KEY: "  " } }],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference of the configuration looks like a template
  ["the file names an empty variable", { config: 'server: { access_key: "${KEY}" }', env: { KEY: "" } }],
];
const NOTHING: readonly (readonly [name: string, headers: readonly string[]])[] = [
  ["no header", []],
  ["an empty Authorization", ["Authorization:"]],
  ["a scheme and a blank", ["Authorization: Bearer "]],
  ["an empty X-Access-Key", ["X-Access-Key:"]],
];

let relay: RunningBinary | undefined;
afterEach(async () => {
  if (relay?.process.exitCode === null) await relay.stop("SIGKILL");
  relay = undefined;
});

describe.skipIf(missingBinary !== undefined)(
  `R7 ★ empty never matches${missingBinary === undefined ? "" : ` (${missingBinary})`}`,
  () => {
    test.each(STARTS)("%s: 401 on every protected route; the key that was printed opens", async (_name, options) => {
      relay = await startBinary({ ...options, withoutKey: true });
      for (const { method, path } of PROTECTED) {
        for (const [shown, headers] of NOTHING) {
          const status = await rawStatus(relay.port, rawRequest(`${method} ${plain(path)}`, headers));
          expect([method, path, shown, status]).toEqual([method, path, shown, 401]);
        }
      }
      const [, key] = /access key \(shown once[^)]*\): (\S{43})/.exec(relay.stderr()) ?? [];
      expect(key).toBeDefined();
      const status = await rawStatus(relay.port, rawRequest("GET /v1/me", [`X-Access-Key: ${key}`]));
      expect(status).toBe(200);
    });

    test.each([
      ["an identity provider without a secret", "client_id: x, client_secret: "],
      ["with an empty one", 'client_id: x, client_secret: ""'],
      ["with a blank one", 'client_id: x, client_secret: "  "'],
    ])("%s does not start, and the message names the field", async (_name, fields) => {
      const start = startBinary({
        config: `sso: { enabled: true, providers: [{ id: gh, type: github, ${fields} }] }\n`,
      });
      const message = await start.then(
        async (started) => {
          await started.stop("SIGKILL");
          return "it started";
        },
        (error: Error) => error.message,
      );
      expect(message).toContain("sso.providers[0].client_secret: must be set");
    });
  },
);
