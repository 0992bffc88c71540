/** R119: what in the environment could weaken the relay is refused or named at the start, and no value of it is repeated. */
import { describe, expect, test } from "bun:test";
import { checkSurroundings } from "../../src/cli/surroundings.ts";
import { CliError } from "../../src/cli/exit.ts";

describe("R119 ★ surroundings", () => {
  test("with the check of certificates switched off there is no start", () => {
    expect(() => checkSurroundings({ NODE_TLS_REJECT_UNAUTHORIZED: "0" })).toThrow(CliError);
    expect(checkSurroundings({ NODE_TLS_REJECT_UNAUTHORIZED: "1" })).toEqual([]);
  });

  test.each(["BUN_OPTIONS", "BUN_INSPECT", "NODE_OPTIONS", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"])(
    "%s is named: it changes what runs here, or whom it trusts",
    (name) => {
      const [line, ...more] = checkSurroundings({ [name]: "--preload /tmp/canary.ts" });
      expect([line, more]).toEqual([expect.stringContaining(name), []]);
      expect(line).not.toContain("canary");
      expect(checkSurroundings({ [name]: "" })).toEqual([]);
    },
  );

  test.each(["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"])(
    "%s is named: calls go through it; its user and password are not",
    (name) => {
      const [line, ...more] = checkSurroundings({ [name]: "http://user:canary@proxy.example:3128" });
      expect([line, more]).toEqual([expect.stringMatching(new RegExp(`${name}.*network\\.proxy`)), []]);
      expect(line).not.toContain("canary");
    },
  );
});
