/** R22, R38, R39, R40 under load, through the compiled binary: ten streams, a socket and a steady caller lose their credential. */
import { afterEach, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { missingBinary, type RunningBinary, startBinary } from "../support/binary.ts";
import { readJson } from "../support/json.ts";

const PASSWORD = "correct horse 7 battery";
const STREAMS = 10;
/** A call every so many ms. */
const PACE_MS = 10;
const open: { stop(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.stop();
});

async function start(config = "", env: Record<string, string> = {}): Promise<RunningBinary> {
  const relay = await startBinary({ config, env });
  open.push({ stop: () => (relay.process.exitCode === null ? relay.stop("SIGKILL") : undefined) });
  return relay;
}

/** Begins every answer, says one word, and no more. */
function startVendor(): string {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch(request, self) {
      if (request.headers.has("upgrade"))
        return self.upgrade(request) ? undefined : new Response(null, { status: 400 });
      const chunk = { id: "c", object: "chat.completion.chunk", choices: [{ index: 0, delta: { content: "word" } }] };
      const text = new TextEncoder().encode(`data: ${JSON.stringify(chunk)}\n\n`);
      const body = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(text) });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    },
    websocket: { open: (socket) => void socket.send('{"type":"session.created"}'), message() {} },
  });
  open.push({ stop: () => server.stop(true) });
  return `http://127.0.0.1:${server.port}/v1`;
}

const bearer = (secret: string) => ({ authorization: `Bearer ${secret}`, "content-type": "application/json" });
const send = (relay: RunningBinary, method: string, path: string, secret: string, body?: object) =>
  fetch(relay.url + path, {
    method,
    headers: bearer(secret),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
async function register(relay: RunningBinary, username: string) {
  return readJson(await send(relay, "POST", "/api/auth/register", "", { username, password: PASSWORD }));
}

/** Asks at a steady pace, however long the answers take, until told to stop. */
function poll(ask: () => Promise<Response>) {
  const seen: { readonly at: number; readonly status: number }[] = [];
  const pending: Promise<unknown>[] = [];
  const timer = setInterval(() => {
    const at = performance.now();
    pending.push(ask().then(({ status }) => seen.push({ at, status })));
  }, PACE_MS);
  return {
    seen,
    async stop() {
      clearInterval(timer);
      await Promise.all(pending);
      return seen;
    },
  };
}

describe.skipIf(missingBinary !== undefined)(
  `a credential that ends under load${missingBinary === undefined ? "" : ` (${missingBinary})`}`,
  () => {
    const ways: [name: string, line: (ids: { user: number; key: string }) => [string, string, object?]][] = [
      ["R22 ★ the key is revoked", ({ key }) => ["DELETE", `/api/keys/${key}`]],
      ["R38 ★ its owner is switched off", ({ user }) => ["PATCH", `/api/users/${user}`, { is_active: false }]],
      ["R38 ★ its owner is deleted", ({ user }) => ["DELETE", `/api/users/${user}`]],
    ];
    test.each(ways)(
      "%s: from the next request on, and ten streams and a socket end within five seconds",
      async (_name, line) => {
        const relay = await start(
          `providers: { one: { base_url: "${startVendor()}", keys: [{ key: secret-of-one }], models: { include: [gpt-4o, gpt-realtime] } } }`,
        );
        const root = await register(relay, "olive");
        const person = await register(relay, "ursula");
        const made = await readJson(await send(relay, "POST", "/api/keys", person.access_token, { name: "k" }));
        const streams = await Promise.all(
          Array.from({ length: STREAMS }, () =>
            send(relay, "POST", "/v1/chat/completions", made.key, {
              model: "gpt-4o",
              stream: true,
              messages: [{ role: "user", content: "x" }],
            }),
          ),
        );
        expect(streams.map(({ status }) => status)).toEqual(Array.from({ length: STREAMS }, () => 200));
        const texts = streams.map((response) => response.text());
        const socket = new WebSocket(`${relay.url.replace("http", "ws")}/v1/realtime?model=gpt-realtime`, {
          headers: bearer(made.key),
        } as never);
        const hello = Promise.withResolvers<void>();
        const closed = Promise.withResolvers<number>();
        socket.onmessage = () => hello.resolve();
        socket.onclose = ({ code }) => closed.resolve(code);
        await hello.promise;
        const caller = poll(() => send(relay, "GET", "/v1/me", made.key));
        while (caller.seen.length < 20) await Bun.sleep(PACE_MS);

        const [method, path, body] = line({ user: person.user.id, key: made.id });
        expect((await send(relay, method, path, root.access_token, body)).status).toBeLessThan(300);
        const endedAt = performance.now();
        expect((await send(relay, "GET", "/v1/me", made.key)).status).toBe(401);
        for (const text of await Promise.all(texts)) {
          expect(text.match(/"code":"credential_revoked"/g)).toHaveLength(1);
          expect(text).not.toContain("[DONE]");
        }
        expect(await closed.promise).toBe(1008);
        expect(performance.now() - endedAt).toBeLessThan(5000);
        // A busy machine may not have let him ask since.
        while (caller.seen.filter(({ at }) => at > endedAt).length < 20) await Bun.sleep(PACE_MS);
        const seen = await caller.stop();
        expect(seen.filter(({ at }) => at > endedAt).map(({ status }) => status)).not.toContain(200);
        expect(new Set(seen.map(({ status }) => status))).toEqual(new Set([200, 401]));
      },
      20_000,
    );

    test("R39 ★ an admin who asks on and on is one no longer from the request after his demotion", async () => {
      const relay = await start();
      const root = await register(relay, "olive");
      const person = await register(relay, "boris");
      const role = (is_admin: boolean) =>
        send(relay, "PATCH", `/api/users/${person.user.id}`, root.access_token, { is_admin });
      expect((await role(true)).status).toBe(200);
      const caller = poll(() => send(relay, "GET", "/api/users", person.access_token));
      while (caller.seen.length < 20) await Bun.sleep(PACE_MS);
      expect((await role(false)).status).toBe(200);
      const demotedAt = performance.now();
      const soFar = caller.seen.length;
      while (caller.seen.length < soFar + 20) await Bun.sleep(PACE_MS);
      const seen = await caller.stop();
      expect(new Set(seen.filter(({ at }) => at > demotedAt).map(({ status }) => status))).toEqual(new Set([403]));
      expect(seen[0]!.status).toBe(200);
    }, 20_000);

    test("R40 ★ killed between the rotation and its answer, the client recovers with the token it has", async () => {
      const first = await start();
      const data = join(first.dir, "data");
      const { refresh_token: token } = await register(first, "olive");
      const refresh = async (relay: RunningBinary, refresh_token: string) => {
        const response = await send(relay, "POST", "/api/auth/refresh", "", { refresh_token });
        return { status: response.status, body: await readJson(response) };
      };
      const lost = await refresh(first, token);
      first.process.kill("SIGKILL");
      await first.process.exited;
      try {
        const second = await start("", { MONORELAY_DATA_DIR: data });
        const again = await refresh(second, token);
        expect([again.status, again.body.refresh_token]).toEqual([200, lost.body.refresh_token]);
        const next = await refresh(second, again.body.refresh_token);
        expect(next.status).toBe(200);
        // The first one is a replay now: everything of this session ends.
        expect((await refresh(second, token)).status).toBe(401);
        expect((await refresh(second, next.body.refresh_token)).status).toBe(401);
        expect((await send(second, "GET", "/api/auth/me", next.body.access_token)).status).toBe(401);
      } finally {
        rmSync(first.dir, { recursive: true, force: true });
      }
    }, 20_000);
  },
);
