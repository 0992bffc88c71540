/** R36, R37 through the compiled binary: what a new secret means for those who are signed in, with and without a restart. */
import { afterEach, describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { missingBinary, type RunningBinary, startBinary } from "../support/binary.ts";
import { readJson } from "../support/json.ts";

const OLD = "the old secret of this relay, 0123456789";
const NEW = "the new secret of this relay, 0123456789";
const PASSWORD = "correct horse 7 battery";
const configOf = (secret: string) => `server: { jwt_secret: "${secret}" }\n`;

const open: RunningBinary[] = [];
const directories: string[] = [];
afterEach(async () => {
  for (const relay of open.splice(0)) if (relay.process.exitCode === null) await relay.stop("SIGKILL");
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});
async function start(secret: string, dataDir?: string): Promise<RunningBinary> {
  const env = dataDir === undefined ? {} : { MONORELAY_DATA_DIR: dataDir };
  const relay = await startBinary({ config: configOf(secret), args: ["--no-watch"], env });
  open.push(relay);
  return relay;
}

const send = (relay: RunningBinary, path: string, body: object) =>
  fetch(relay.url + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
const me = async (relay: RunningBinary, token: string) =>
  (await fetch(`${relay.url}/api/auth/me`, { headers: { authorization: `Bearer ${token}` } })).status;
const kid = (token: string) => JSON.parse(Buffer.from(token.split(".")[0]!, "base64url").toString()).kid;
/** The same claims, signed by whoever knows a secret. */
function forged(token: string, secret: string): string {
  const text = token.slice(0, token.lastIndexOf("."));
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}
async function reload(relay: RunningBinary, secret: string): Promise<void> {
  writeFileSync(relay.configFile, configOf(secret), { mode: 0o600 });
  relay.process.kill("SIGHUP");
  while ((await readJson(await fetch(`${relay.url}/health`))).generation !== 2) await Bun.sleep(10);
}

describe.skipIf(missingBinary !== undefined)(
  `a new jwt_secret${missingBinary === undefined ? "" : ` (${missingBinary})`}`,
  () => {
    test("R37 taken by a reload it signs from then on, and logs nobody out", async () => {
      const relay = await start(OLD);
      const before = await readJson(await send(relay, "/api/auth/register", { username: "olive", password: PASSWORD }));
      await reload(relay, NEW);
      expect(await me(relay, before.access_token)).toBe(200);
      const after = await readJson(await send(relay, "/api/auth/login", { username: "olive", password: PASSWORD }));
      expect(await me(relay, after.access_token)).toBe(200);
      expect(kid(after.access_token)).not.toBe(kid(before.access_token));
      // Each secret is good for its own tokens alone.
      expect(await me(relay, forged(after.access_token, OLD))).toBe(401);
      expect(await me(relay, forged(before.access_token, NEW))).toBe(401);
    }, 20_000);

    test("R37 taken by a restart it voids every access token at once; who has a refresh token comes back by it", async () => {
      const first = await start(OLD);
      const dataDir = join(first.dir, "data");
      directories.push(first.dir);
      const before = await readJson(await send(first, "/api/auth/register", { username: "olive", password: PASSWORD }));
      expect(await me(first, before.access_token)).toBe(200);
      first.process.kill("SIGTERM");
      await first.process.exited;

      const second = await start(NEW, dataDir);
      for (const token of [before.access_token, forged(before.access_token, OLD), forged(before.access_token, NEW)]) {
        expect(await me(second, token)).toBe(401);
      }
      const renewed = await send(second, "/api/auth/refresh", { refresh_token: before.refresh_token });
      expect(renewed.status).toBe(200);
      const { access_token: token } = await readJson(renewed);
      expect(await me(second, token)).toBe(200);
      // Whoever still knows the old secret cannot make one of it.
      expect(await me(second, forged(token, OLD))).toBe(401);
    }, 20_000);

    test("R36 one that is too short does not start, and a reload to it changes nothing", async () => {
      const relay = await start(OLD);
      const { access_token: token } = await readJson(
        await send(relay, "/api/auth/register", { username: "olive", password: PASSWORD }),
      );
      writeFileSync(relay.configFile, configOf("too short"), { mode: 0o600 });
      relay.process.kill("SIGHUP");
      while (!relay.stderr().includes("server.jwt_secret")) await Bun.sleep(10);
      expect(await me(relay, token)).toBe(200);
      expect(relay.stderr()).not.toContain('too short"');
    }, 20_000);
  },
);
