/** The compiled binary's life: start, reload, drain, refusal to start twice, and what it leaves behind. */
import { afterEach, describe, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { mkdtempSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ACCESS_KEY, BINARY, missingBinary, type RunningBinary, runBinary, startBinary } from "../support/binary.ts";
import { readJson } from "../support/json.ts";
import { sse, startUpstream, type Upstream } from "../support/upstream.ts";

const running: RunningBinary[] = [];
const upstreams: Upstream[] = [];
afterEach(async () => {
  for (const relay of running.splice(0)) if (relay.process.exitCode === null) await relay.stop("SIGKILL");
  for (const upstream of upstreams.splice(0)) await upstream.stop();
});

async function start(options?: Parameters<typeof startBinary>[0]): Promise<RunningBinary> {
  const relay = await startBinary(options);
  running.push(relay);
  return relay;
}
async function upstream(...script: Parameters<typeof startUpstream>): Promise<Upstream> {
  const started = await startUpstream(...script);
  upstreams.push(started);
  return started;
}

const chat = (relay: RunningBinary, body: object, key = ACCESS_KEY) =>
  fetch(`${relay.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "echo", messages: [{ role: "user", content: "hello" }], ...body }),
  });

/** Asks again until the answer is the expected one; bounded by the test's own time limit. */
async function until(check: () => Promise<boolean>): Promise<void> {
  while (!(await check())) await Bun.sleep(20);
}

const manage = "server: { access_key_scopes: [inference, management] }\n";

describe.skipIf(missingBinary !== undefined)(
  `the binary's life${missingBinary === undefined ? "" : ` (${missingBinary})`}`,
  () => {
    test("R14 an empty directory is enough: the key is shown once, works, and survives a restart unseen", async () => {
      const first = await start({ withoutKey: true });
      const key = /access key \(shown once, may call models\): (\S+)/.exec(first.stderr())?.[1];
      expect(key).toMatch(/^[\w-]{43}$/);
      expect((await chat(first, {}, key)).status).toBe(200);
      expect((await chat(first, {}, `${key}x`)).status).toBe(401);
      const data = join(first.dir, "data");
      const copies = readdirSync(data).filter((name) => readFileSync(join(data, name)).includes(key!));
      expect(copies).toEqual([]);
      for (const name of readdirSync(data)) expect([name, statSync(join(data, name)).mode & 0o077]).toEqual([name, 0]);
      expect(statSync(data).mode & 0o077).toBe(0);

      first.process.kill("SIGTERM");
      expect(await first.process.exited).toBe(0);
      const again = Bun.spawn([BINARY, "--port", "0"], {
        cwd: first.dir,
        stdio: ["ignore", "ignore", "pipe"],
        env: { HOME: first.dir, MONORELAY_DATA_DIR: data },
      });
      let text = "";
      for await (const piece of again.stderr) {
        text += new TextDecoder().decode(piece);
        if (text.includes('"msg":"ready"')) break;
      }
      const url = /"url":"([^"]+)"/.exec(text)![1]!;
      expect(text).not.toContain(key!);
      const response = await fetch(`${url}/v1/chat/completions`, {
        method: "POST",
        headers: { "x-api-key": key!, "content-type": "application/json" },
        body: JSON.stringify({ model: "echo", messages: [{ role: "user", content: "x" }] }),
      });
      expect(response.status).toBe(200);
      again.kill("SIGTERM");
      await again.exited;
    });

    test("R119 ★ a stray .env, bunfig.toml, package.json, tsconfig.json or node_modules where it starts changes nothing", async () => {
      const relay = await start({
        files: {
          ".env": "MONORELAY_SERVER__ACCESS_KEY=from-a-stray-env-file\nNODE_TLS_REJECT_UNAUTHORIZED=0\n",
          "bunfig.toml": 'preload = ["./preload.ts"]\n',
          "preload.ts": 'console.error("PRELOADED"); process.exit(9);',
          "package.json": '{"name":"stray","type":"commonjs","imports":{"#*":"./preload.ts"},"main":"preload.ts"}',
          "node_modules/elysia/index.js": 'console.error("PRELOADED"); process.exit(9);',
          "node_modules/elysia/package.json": '{"name":"elysia","main":"index.js"}',
          "node_modules/drizzle-orm/index.js": 'console.error("PRELOADED"); process.exit(9);',
          "tsconfig.json": '{"compilerOptions":{"paths":{"*":["./nowhere"]}}}',
        },
      });
      expect(relay.stderr()).not.toContain("PRELOADED");
      expect((await chat(relay, {})).status).toBe(200);
      expect((await chat(relay, {}, "from-a-stray-env-file")).status).toBe(401);
    });

    test("more than 256 upstream calls run at once", async () => {
      const gate = Promise.withResolvers<void>();
      const up = await upstream({
        before: () => gate.promise,
        json: {
          id: "x",
          object: "chat.completion",
          choices: [{ index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" }],
        },
      });
      const relay = await start({
        config: `providers: { one: { base_url: "${up.url}/v1", keys: [{ key: upstream-key }] } }`,
      });
      // This process's own fetch has the very cap that the relay must not have.
      const body = JSON.stringify({ model: "m", messages: [{ role: "user", content: "x" }] });
      const headers = { authorization: `Bearer ${ACCESS_KEY}`, "content-type": "application/json" };
      const asked = Array.from({ length: 300 }, () => {
        const { promise, resolve, reject } = Promise.withResolvers<number>();
        const asking = request(
          { host: "127.0.0.1", port: relay.port, path: "/v1/chat/completions", method: "POST", headers, agent: false },
          (response) => {
            response.resume();
            response.on("end", () => resolve(response.statusCode ?? 0));
          },
        );
        asking.on("error", reject);
        asking.end(body);
        return promise;
      });
      await until(async () => up.received.length === 300);
      gate.resolve();
      expect(new Set(await Promise.all(asked))).toEqual(new Set([200]));
    }, 30_000);

    test("a saved configuration is taken, a broken one changes nothing and says why", async () => {
      const relay = await start({ config: `${manage}model_routing: { aliases: { one: echo } }\n` });
      const save = (text: string) => {
        // As editors do it: a new file takes the old one's name.
        writeFileSync(`${relay.configFile}.new`, text, { mode: 0o600 });
        renameSync(`${relay.configFile}.new`, relay.configFile);
      };
      expect((await chat(relay, { model: "one" })).status).toBe(200);
      expect((await chat(relay, { model: "two" })).status).toBe(404);

      save(`${manage}model_routing: { aliases: { one: echo, two: echo } }\n`);
      await until(async () => (await chat(relay, { model: "two" })).status === 200);

      save(`${manage}model_routing: { aliases: { one: echo, two: echo }, typo: 1 }\n`);
      await until(async () => relay.stderr().includes("model_routing.typo"));
      expect((await chat(relay, { model: "two" })).status).toBe(200);

      save(`${manage}model_routing: { aliases: { three: echo } }\n`);
      await until(async () => (await chat(relay, { model: "three" })).status === 200);
      expect((await chat(relay, { model: "two" })).status).toBe(404);
    }, 20_000);

    test("POST /api/sync and SIGHUP take the file too; problems come with their places", async () => {
      const relay = await start({ config: manage, args: ["--no-watch"] });
      const sync = (body: object = {}, key = ACCESS_KEY) =>
        fetch(`${relay.url}/api/sync`, {
          method: "POST",
          headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
          body: JSON.stringify(body),
        });
      expect(await readJson(await sync())).toEqual({ generation: 1, changed: [], warnings: [] });

      writeFileSync(relay.configFile, `${manage}timeouts: { idle: 30 }\n`);
      const dry = await readJson(await sync({ dry_run: true }));
      expect(dry).toEqual({ generation: 1, changed: ["timeouts.idle"], warnings: [] });
      expect(await readJson(await sync())).toEqual({ generation: 2, changed: ["timeouts.idle"], warnings: [] });

      writeFileSync(relay.configFile, `${manage}timeouts: { idle: 30, nope: 1 }\nserver2: 1\n`);
      const bad = await sync();
      expect(bad.status).toBe(422);
      const answer = await readJson(bad);
      expect(answer).toMatchObject({ code: "config_invalid", generation: 2 });
      expect(answer.detail).toHaveLength(2);
      expect(answer.detail[0]).toMatchObject({ loc: ["timeouts", "nope"], line: 2 });

      writeFileSync(relay.configFile, `${manage}timeouts: { idle: 31 }\n`);
      relay.process.kill("SIGHUP");
      await until(async () => (await readJson(await fetch(`${relay.url}/health`))).generation === 3);

      expect((await sync({}, "wrong-key-0123456789")).status).toBe(401);
      expect((await fetch(`${relay.url}/api/sync`, { method: "POST" })).status).toBe(401);
      expect((await fetch(`${relay.url}/api/sync`)).status).toBe(405);
      expect((await sync({ surprise: 1 })).status).toBe(422);
    }, 20_000);

    test("the access key alone may not manage", async () => {
      const relay = await start();
      const response = await fetch(`${relay.url}/api/sync`, {
        method: "POST",
        headers: { authorization: `Bearer ${ACCESS_KEY}` },
      });
      expect(response.status).toBe(403);
      expect((await readJson(response)).code).toBe("insufficient_scope");
    });

    test("SIGTERM lets running streams end, refuses new connections, and exits 0", async () => {
      const gate = Promise.withResolvers<void>();
      const part = (content: string, finish: string | null = null) =>
        sse({
          id: "c",
          object: "chat.completion.chunk",
          created: 1,
          model: "m",
          choices: [{ index: 0, delta: { content }, finish_reason: finish }],
        });
      const up = await upstream({
        chunks: [part("a"), () => gate.promise, part("b"), part("", "stop"), "data: [DONE]\n\n"],
      });
      const relay = await start({
        config: `providers: { one: { base_url: "${up.url}/v1", keys: [{ key: upstream-key }] } }`,
      });
      const response = await chat(relay, { model: "m", stream: true });
      const reader = response.body!.getReader();
      await reader.read();
      relay.process.kill("SIGTERM");
      await until(async () => {
        try {
          await fetch(`${relay.url}/livez`, { keepalive: false });
          return false;
        } catch {
          return true;
        }
      });
      expect(relay.process.exitCode).toBeNull();
      gate.resolve();
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        rest += new TextDecoder().decode(value);
      }
      expect(rest).toContain('"content":"b"');
      expect(rest.endsWith("data: [DONE]\n\n")).toBe(true);
      expect(await relay.process.exited).toBe(0);
      const rows = new Database(join(relay.dir, "data/requests.db"), { readonly: true })
        .query("SELECT count(*) AS n FROM calls")
        .get() as { n: number };
      expect(rows.n).toBe(1);
    }, 20_000);

    test("a stream that outlives the grace ends with one error event, exit 0 all the same", async () => {
      const up = await upstream({
        chunks: [
          sse({
            id: "c",
            object: "chat.completion.chunk",
            created: 1,
            model: "m",
            choices: [{ index: 0, delta: { content: "a" }, finish_reason: null }],
          }),
        ],
        end: "hang",
      });
      const relay = await start({
        config: `server: { shutdown_grace: 1 }\nproviders: { one: { base_url: "${up.url}/v1", keys: [{ key: upstream-key }] } }`,
      });
      const response = await chat(relay, { model: "m", stream: true });
      const reader = response.body!.getReader();
      await reader.read();
      relay.process.kill("SIGTERM");
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        rest += new TextDecoder().decode(value);
      }
      expect(JSON.parse(rest.replace(/^data: /, "")).error.code).toBe("shutting_down");
      expect(rest).not.toContain("[DONE]");
      expect(await relay.process.exited).toBe(0);
    }, 20_000);

    test("the second SIGTERM means now", async () => {
      const up = await upstream({ before: () => new Promise(() => {}) });
      const relay = await start({
        config: `providers: { one: { base_url: "${up.url}/v1", keys: [{ key: upstream-key }] } }`,
      });
      const asked = chat(relay, { model: "m" }).catch(() => undefined);
      await until(async () => up.received.length === 1);
      relay.process.kill("SIGTERM");
      await until(async () => relay.stderr().includes('"msg":"stopping"'));
      relay.process.kill("SIGTERM");
      expect(await relay.process.exited).toBe(143);
      await asked;
    }, 20_000);

    test("R120 ★ a second start on the same port or data directory is refused, and the first is untouched", async () => {
      const first = await start();
      // Nothing is said of an address, so it is this machine's own.
      expect(first.stderr()).toContain(`"url":"http://127.0.0.1:${first.port}"`);
      const samePort = await runBinary(["--port", String(first.port)], {
        env: { MONORELAY_DATA_DIR: mkdtempSync(join(tmpdir(), "monorelay-other-")) },
      });
      expect(samePort.code).toBe(1);
      expect(samePort.stderr).toContain("is in use");
      const sameData = await runBinary(["--port", "0"], { env: { MONORELAY_DATA_DIR: join(first.dir, "data") } });
      expect(sameData.code).toBe(7);
      expect(sameData.stderr).toContain(first.url);
      expect((await chat(first, {})).status).toBe(200);
    }, 20_000);

    test("exit codes: usage 2, configuration 3; every problem at once, nothing started", async () => {
      const dir = mkdtempSync(join(tmpdir(), "monorelay-bad-"));
      writeFileSync(join(dir, "config.yml"), 'server: { port: "80", hots: x }\nprovidres: {}\n', { mode: 0o600 });
      const env = { MONORELAY_DATA_DIR: join(dir, "data") };
      const started = await runBinary([], { cwd: dir, env });
      expect(started.code).toBe(3);
      expect(started.stderr.split("\n").filter((line) => line.includes("config.yml:"))).toHaveLength(3);
      expect(started.stderr).toContain('did you mean "host"?');
      expect(readdirSync(dir)).toEqual(["config.yml"]);

      const checked = await runBinary(["config", "validate", "--json"], { cwd: dir, env });
      expect(checked.code).toBe(3);
      expect(JSON.parse(checked.stdout).errors).toHaveLength(3);
      expect(
        (await runBinary(["config", "validate", "-"], { cwd: dir, env, stdin: "server: { port: 80 }\n" })).code,
      ).toBe(0);
      expect((await runBinary(["serv"], { env })).code).toBe(2);
      expect((await runBinary(["--nope"], { env })).code).toBe(2);
      expect((await runBinary(["--config", "/nonexistent/config.yml"], { env })).code).toBe(3);
      expect((await runBinary([], { env: { ...env, NODE_TLS_REJECT_UNAUTHORIZED: "0" } })).code).toBe(2);
      expect((await runBinary(["--version"], { env })).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    }, 20_000);

    test("a plugin file named in the configuration answers through the same door", async () => {
      const relay = await start({
        config: `
plugins: { list: [shout] }
providers: { loud: { provider_type: shout, suffix: "?!" } }
`,
        files: {
          "plugins/shout.ts": `/** Answers in capitals. */
import { localProvider, Type } from "monorelay/plugin";
export default localProvider({
  id: "shout",
  options: Type.Object({ suffix: Type.String({ default: "!", description: "Ends each answer" }) }),
  models: ["shout-1"],
  async *answer(request, { options }) {
    for (const word of request.lastUserText.split(" ")) yield \`\${word.toUpperCase()} \`;
    yield options.suffix;
  },
});
`,
        },
      });
      const answer = await readJson(
        await chat(relay, { model: "shout-1", messages: [{ role: "user", content: "hello you" }] }),
      );
      expect(answer.choices[0].message.content).toBe("HELLO YOU ?!");
    });

    test("requests no HTTP library would send: answered below 500 or refused, and the relay lives on", async () => {
      const relay = await start();
      const raw = async (bytes: string): Promise<string> => {
        const { promise, resolve } = Promise.withResolvers<string>();
        let text = "";
        const socket = await Bun.connect({
          hostname: "127.0.0.1",
          port: relay.port,
          socket: {
            data: (_socket, data) => {
              text += data.toString();
            },
            close: () => resolve(text),
            error: () => resolve(text),
          },
        });
        socket.write(bytes);
        setTimeout(() => socket.end(), 400);
        return promise;
      };
      const head = (extra: string) =>
        `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${ACCESS_KEY}\r\nContent-Type: application/json\r\n${extra}\r\n`;
      const rows: [name: string, bytes: string, status: RegExp][] = [
        ["100 MB declared", head("Content-Length: 104857600\r\n"), /^HTTP\/1.1 413/],
        ["1 MB of headers", head(`X-Big: ${"x".repeat(1_000_000)}\r\nContent-Length: 2\r\n`), /^HTTP\/1.1 431/],
        ["half a request", head("Content-Length: 500\r\n") + '{"model":', /^$|^HTTP\/1.1 4/],
        [
          "two Authorization lines",
          head("Authorization: Bearer other-key-000000\r\nContent-Length: 2\r\n") + "{}",
          /^HTTP\/1.1 400/,
        ],
        [
          "no credential and a large body",
          "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n",
          /^HTTP\/1.1 401/,
        ],
        ["two lengths", head("Content-Length: 2\r\nContent-Length: 3\r\n") + "{}", /^HTTP\/1.1 400/],
        [
          "length and chunked",
          head("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n",
          /^HTTP\/1.1 400/,
        ],
        ["a malformed Host", "GET /v1/models HTTP/1.1\r\nHost: x/public?\r\n\r\n", /^HTTP\/1.1 400/],
        ["an empty Host", "GET /v1/models HTTP/1.1\r\nHost:\r\n\r\n", /^HTTP\/1.1 400/],
        ["no HTTP at all", "\x16\x03\x01\x02\x00garbage\r\n\r\n", /^$|^HTTP\/1.1 400/],
        [
          "another content type",
          `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${ACCESS_KEY}\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}`,
          /^HTTP\/1.1 415/,
        ],
        [
          "another method",
          "PUT /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
          /^HTTP\/1.1 405/,
        ],
      ];
      for (const [name, bytes, status] of rows) {
        const answer = await raw(bytes);
        expect([name, answer.split("\r\n")[0]]).toEqual([name, expect.stringMatching(status)]);
        expect(answer).not.toMatch(/\.ts:\d+/);
      }
      expect((await chat(relay, {})).status).toBe(200);
      expect(relay.process.exitCode).toBeNull();
    }, 30_000);
  },
);
