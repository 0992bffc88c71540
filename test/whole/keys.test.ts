/** API keys and sessions through the compiled binary, with streams open while their credential ends. */
import { afterEach, describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { missingBinary, type RunningBinary, runBinary, startBinary } from "../support/binary.ts";
import { readJson } from "../support/json.ts";

const running: RunningBinary[] = [];
afterEach(async () => {
  for (const relay of running.splice(0)) if (relay.process.exitCode === null) await relay.stop("SIGKILL");
});

async function start(options?: Parameters<typeof startBinary>[0]): Promise<RunningBinary> {
  const relay = await startBinary(options);
  running.push(relay);
  return relay;
}

const PASSWORD = "correct horse 7 battery";

function call(relay: RunningBinary, key: string, own: object = {}): Promise<Response> {
  return fetch(`${relay.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "echo", messages: [{ role: "user", content: "hello" }], ...own }),
  });
}

async function api(
  relay: RunningBinary,
  method: string,
  path: string,
  token: string,
  body?: object,
): Promise<Response> {
  return fetch(relay.url + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function register(relay: RunningBinary, username: string): Promise<{ token: string; id: number }> {
  const response = await api(relay, "POST", "/api/auth/register", "", { username, password: PASSWORD });
  const { access_token: token, user } = await readJson(response);
  return { token, id: user.id };
}

async function makeKey(relay: RunningBinary, token: string, own: object = {}): Promise<{ id: string; key: string }> {
  const response = await api(relay, "POST", "/api/keys", token, { name: "k", ...own });
  expect(response.status).toBe(201);
  return readJson(response);
}

/** A stream that has begun, three words a second; resolves with all of its text once it is over. */
async function openStream(relay: RunningBinary, key: string, words = 200): Promise<{ ended: Promise<string> }> {
  const messages = [{ role: "user", content: "word ".repeat(words) }];
  const response = await call(relay, key, { model: "echo-slow", stream: true, messages });
  expect(response.status).toBe(200);
  const reader = response.body!.getReader();
  const decoder = new TextDecoder();
  let text = decoder.decode((await reader.read()).value, { stream: true });
  const rest = async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text;
      text += decoder.decode(value, { stream: true });
    }
  };
  const ended = rest();
  ended.catch(() => {});
  return { ended };
}

const REVOKED = '"code":"credential_revoked"';

describe.skipIf(missingBinary !== undefined)(
  `keys and sessions of the binary${missingBinary === undefined ? "" : ` (${missingBinary})`}`,
  () => {
    test("R22, R38, R39 ★ whatever ends a credential ends its streams and its next request, and no other's", async () => {
      const relay = await start();
      const root = await register(relay, "alice");
      const spared = await makeKey(relay, root.token);
      const other = await openStream(relay, spared.key, 60);
      const ways: [name: string, end: (token: string, id: number, keyId: string) => Promise<unknown>][] = [
        ["the key is revoked", (token, _id, keyId) => api(relay, "DELETE", `/api/keys/${keyId}`, token)],
        [
          "its owner is switched off",
          (_token, id) => api(relay, "PATCH", `/api/users/${id}`, root.token, { is_active: false }),
        ],
        ["its owner is deleted", (_token, id) => api(relay, "DELETE", `/api/users/${id}`, root.token)],
        [
          "the key loses the scope",
          (token, _id, keyId) => api(relay, "PATCH", `/api/keys/${keyId}`, token, { scopes: ["models:read"] }),
        ],
        [
          "another process revokes it",
          (_token, _id, keyId) =>
            runBinary(["key", "revoke", keyId, "--yes"], {
              cwd: relay.dir,
              env: { MONORELAY_DATA_DIR: join(relay.dir, "data") },
            }),
        ],
      ];
      for (const [index, [name, end]] of ways.entries()) {
        const person = await register(relay, `person${index}`);
        const { id, key } = await makeKey(relay, person.token);
        const stream = await openStream(relay, key);
        await end(person.token, person.id, id);
        const since = performance.now();
        const text = await stream.ended;
        expect([name, performance.now() - since < 5000, text.includes(REVOKED), text.includes("[DONE]")]).toEqual([
          name,
          true,
          true,
          false,
        ]);
        const next = await call(relay, key);
        expect([name, next.status]).toEqual([name, name.includes("scope") ? 403 : 401]);
      }
      expect((await other.ended).includes("[DONE]")).toBe(true);
    }, 60_000);

    test("R27, R42 ★ a session's stream ends with the session", async () => {
      const relay = await start();
      const { token } = await register(relay, "alice");
      const stream = await openStream(relay, token);
      await api(relay, "POST", "/api/auth/logout", token);
      expect(await stream.ended).toContain(REVOKED);
      const next = await call(relay, token);
      expect([next.status, await next.text()]).toEqual([
        401,
        '{"error":{"message":"Unauthorized","type":"auth_error"}}',
      ]);
    }, 30_000);

    test("a key's networks, models and expiry act on calls, each refused in the caller's own words", async () => {
      const relay = await start();
      const { token } = await register(relay, "alice");
      const elsewhere = await makeKey(relay, token, { ip_allow: ["192.0.2.0/24"] });
      expect((await readJson(await call(relay, elsewhere.key))).error.code).toBe("ip_not_allowed");
      const narrow = await makeKey(relay, token, { models: { allow: ["echo"] } });
      expect((await call(relay, narrow.key)).status).toBe(200);
      expect((await readJson(await call(relay, narrow.key, { model: "echo-slow" }))).error.code).toBe(
        "model_not_allowed",
      );
      const soon = await makeKey(relay, token, { expires_at: new Date(Date.now() + 1500).toISOString() });
      expect((await call(relay, soon.key)).status).toBe(200);
      await Bun.sleep(1600);
      expect((await call(relay, soon.key)).status).toBe(401);
    });

    test("R19, R41 ★ no credential lies in the data directory or the log", async () => {
      const relay = await start();
      const { token } = await register(relay, "alice");
      const { key } = await makeKey(relay, token);
      await call(relay, key);
      await call(relay, `${key}x`);
      relay.process.kill("SIGTERM");
      expect(await relay.process.exited).toBe(0);
      const data = join(relay.dir, "data");
      const texts = readdirSync(data).map((name) => readFileSync(join(data, name)).toString("latin1"));
      for (const secret of [key, key.slice(3, 35), token, PASSWORD]) {
        expect([...texts, relay.stderr()].filter((text) => text.includes(secret))).toEqual([]);
      }
    });

    const losses: [name: string, lose: (database: string) => void, says: string][] = [
      ["deleted", (database) => rmSync(database), "restore it from a backup"],
      ["emptied", (database) => writeFileSync(database, ""), "restore it from a backup"],
      ["cut off", (database) => truncateSync(database, 4096), "restore it from a backup"],
      ["overwritten", (database) => writeFileSync(database, "no database at all ".repeat(1000)), "backup"],
    ];
    test.each(losses)("R47 ★ accounts that were %s: no start, and it says what to do", async (_name, lose, says) => {
      const relay = await start();
      await register(relay, "alice");
      const data = join(relay.dir, "data");
      relay.process.kill("SIGTERM");
      await relay.process.exited;
      const copy = join(relay.dir, "copy");
      mkdirSync(copy, { mode: 0o700 });
      for (const name of readdirSync(data)) {
        if (!/^monorelay\.db-/.test(name)) copyFileSync(join(data, name), join(copy, name));
      }
      lose(join(copy, "monorelay.db"));
      const again = await runBinary(["serve", "--port", "0"], { cwd: relay.dir, env: { MONORELAY_DATA_DIR: copy } });
      expect(again.code).not.toBe(0);
      expect(again.stderr).toContain(says);
      // Never up, so nobody could register.
      expect(again.stderr).not.toContain('"ready"');
      rmSync(relay.dir, { recursive: true });
    });
  },
);
