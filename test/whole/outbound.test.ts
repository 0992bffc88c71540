/** R89 through the compiled binary: a discovery document may not send the relay to places of the machine it runs on. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { missingBinary, type RunningBinary, startBinary } from "../support/binary.ts";
import { type SpoiledProvider, startSpoiledProvider } from "../support/spoiled-provider.ts";
import { goAndReturn } from "../support/sso.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

const CLIENT = "relay-client";
const NAMED = ["token_endpoint", "jwks_uri", "userinfo_endpoint"] as const;

describe.skipIf(missingBinary !== undefined)(
  `R89 ★ addresses that a provider names${missingBinary === undefined ? "" : ` (${missingBinary})`}`,
  () => {
    let inside: Upstream;
    let honest: SpoiledProvider;
    const spoiled = new Map<string, SpoiledProvider>();
    const running: RunningBinary[] = [];
    beforeAll(async () => {
      inside = await startUpstream({ json: { keys: [], access_token: "x", id_token: "x" } });
      honest = await startSpoiledProvider(CLIENT);
      for (const name of NAMED) {
        const provider = await startSpoiledProvider(CLIENT);
        provider.metadata = { [name]: `${inside.url}/admin` };
        spoiled.set(name, provider);
      }
      honest.userinfo = { sub: "spoiled" };
    });
    afterAll(async () => {
      for (const relay of running) if (relay.process.exitCode === null) await relay.stop("SIGKILL");
      for (const provider of [honest, ...spoiled.values()]) await provider?.stop();
      await inside?.stop();
    });
    const start = async (network: string): Promise<RunningBinary> => {
      const entries = [["honest", honest] as const, ...spoiled].map(
        ([id, { issuer }]) =>
          `    - { id: ${id.replaceAll("_", "-")}, type: oidc, issuer: "${issuer}", client_id: ${CLIENT}, client_secret: client-secret-of-it }`,
      );
      const relay = await startBinary({
        config: `${network}\nsso:\n  enabled: true\n  providers:\n${entries.join("\n")}\n`,
      });
      running.push(relay);
      return relay;
    };

    test("an issuer on loopback works when the configuration names it, with endpoints at its own origin", async () => {
      const relay = await start("");
      const { error } = await goAndReturn(relay.url, "honest");
      expect(error).toBeUndefined();
    });

    test.each(NAMED)("a %s elsewhere on this machine is not asked, and the log says what to do", async (name) => {
      const relay = running[0]!;
      inside.forget();
      const { error } = await goAndReturn(relay.url, name.replaceAll("_", "-"));
      expect(error).toBe("provider_unavailable");
      expect(inside.received).toEqual([]);
      // The line is written a moment later; if it never is, the test's own limit ends it.
      while (!relay.stderr().includes("network.allow_private_networks")) await Bun.sleep(5);
      const models = await fetch(`${relay.url}/livez`);
      expect(models.status).toBe(200);
    });

    test("with the network listed, it is asked", async () => {
      const relay = await start("network: { allow_private_networks: [127.0.0.0/8] }");
      inside.forget();
      for (const name of NAMED) await goAndReturn(relay.url, name.replaceAll("_", "-"));
      expect(new Set(inside.received.map(({ method, path }) => `${method} ${path}`))).toEqual(
        new Set(["POST /admin", "GET /admin"]),
      );
    });
  },
);
