/** What a person sees when the relay is ready, and the warning before a stranger is first. */
import { expect, test } from "bun:test";
import { renderBanner } from "../../src/cli/banner.ts";
import { warnOfOpenSetup } from "../../src/cli/greet.ts";

const facts = {
  version: "1.2.3",
  readyMs: 41.6,
  url: "http://127.0.0.1:8787",
  dataDir: "/data",
  configPath: null,
  accessKey: null,
  isFirstRun: false,
  providers: 1,
  models: 2,
  generation: 1,
  hasEcho: true,
  unusedKeys: [],
};

test("the first run tells how to make the first account; later ones do not", () => {
  expect(renderBanner({ ...facts, isFirstRun: true })).toContain("monorelay user create NAME");
  expect(renderBanner(facts)).not.toContain("user create");
});

test("the access key and a line to try it with stand in the banner of the start that made it alone", () => {
  const first = renderBanner({ ...facts, accessKey: "the-access-key" });
  expect(first.match(/the-access-key/g)).toHaveLength(2);
  expect(renderBanner(facts)).not.toContain("Access key");
});

const hosts: [host: string, isFirstRun: boolean, hasSetupToken: boolean, warns: boolean][] = [
  ["127.0.0.1", true, false, false],
  ["localhost", true, false, false],
  ["0.0.0.0", true, false, true],
  ["192.0.2.1", true, false, true],
  ["0.0.0.0", true, true, false],
  ["0.0.0.0", false, false, false],
];
test.each(hosts)(
  "R46 bound to %s, first run %p, setup token %p: warns %p",
  (host, isFirstRun, hasSetupToken, warns) => {
    const said: string[] = [];
    warnOfOpenSetup({ warn: (message) => said.push(message) }, { host, isFirstRun, hasSetupToken });
    expect(said.map((message) => message.includes("auth.setup_token"))).toEqual(warns ? [true] : []);
  },
);
