/** Accounts and keys through the compiled binary: the README's own lines, other products' clients, and the commands. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import { ACCESS_KEY, missingBinary, type RunningBinary, runBinary, startBinary } from "../support/binary.ts";
import { readJson } from "../support/json.ts";
import { missingPython, runPython } from "../support/python-sdks.ts";

const README = readFileSync(join(import.meta.dir, "../../README.md"), "utf8");
const CHAPTER = /\n## Accounts and keys\n([\s\S]*?)\n## /.exec(README)?.[1] ?? "";
const LINES = Array.from(CHAPTER.matchAll(/^(curl|monorelay) .*$/gm), ([line]) => line);
const PASSWORD = "correct horse battery";

const running: RunningBinary[] = [];
afterEach(async () => {
  for (const relay of running.splice(0)) if (relay.process.exitCode === null) await relay.stop("SIGKILL");
});
async function start(options?: Parameters<typeof startBinary>[0]): Promise<RunningBinary> {
  const relay = await startBinary(options);
  running.push(relay);
  return relay;
}

/** Words of a shell line: quotes, escapes and variables as far as the README uses them. */
function wordsOf(line: string, variables: Readonly<Record<string, string>>): string[] {
  const expand = (text: string) =>
    text.replace(/\$([A-Z]+)/g, (_match, name: string) => {
      const value = variables[name];
      if (value === undefined) throw new Error(`the line uses $${name}, and nothing has set it: ${line}`);
      return value;
    });
  return Array.from(line.matchAll(/(?:[^\s'"\\]+|'[^']*'|"(?:[^"\\]|\\.)*")+/g), ([word]) =>
    word.replace(/'([^']*)'|"((?:[^"\\]|\\.)*)"|([^'"]+)/g, (_match, raw?: string, quoted?: string, bare?: string) =>
      raw !== undefined ? raw : expand((quoted ?? bare ?? "").replace(/\\(["\\$])/g, "$1")),
    ),
  );
}

/** What curl would send for this line. */
async function curl(line: string, relay: RunningBinary, variables: Readonly<Record<string, string>>) {
  const [, ...words] = wordsOf(line, variables);
  let [url, method, body]: (string | undefined)[] = [];
  const headers: Record<string, string> = {};
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at]!;
    if (word === "-X") method = words[++at];
    else if (word === "-d") body = words[++at];
    else if (word === "-H") {
      const [name = "", ...rest] = words[++at]!.split(": ");
      headers[name] = rest.join(": ");
    } else url = word;
  }
  const response = await fetch(url!.replace("http://127.0.0.1:8787", relay.url), {
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers,
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  return { status: response.status, text, body: text === "" ? undefined : JSON.parse(text) };
}

const chat = (relay: RunningBinary, key: string) =>
  fetch(`${relay.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "echo", messages: [{ role: "user", content: "hello" }] }),
  });

/** Asks again until the answer is the expected one; bounded by the test's own time limit. */
async function until(check: () => Promise<boolean>): Promise<void> {
  while (!(await check())) await Bun.sleep(20);
}

describe.skipIf(missingBinary !== undefined)(
  `accounts of the binary${missingBinary === undefined ? "" : ` (${missingBinary})`}`,
  () => {
    test("every line of the README's chapter runs as it stands, and answers with what it promises", async () => {
      const relay = await start();
      const env = { MONORELAY_DATA_DIR: join(relay.dir, "data"), HOME: relay.dir };
      const variables: Record<string, string> = {};
      const seen: string[] = [];
      for (const line of LINES) {
        if (line.startsWith("monorelay ")) {
          const [command = "", file] = line.split(" < ");
          // Whatever that file of the reader's is called, it holds a key of somebody else's making.
          const input = file === undefined ? {} : { stdin: "sk-legacy-Ab3dEf6hIj9kLmN0pQrS\n" };
          const done = await runBinary(wordsOf(command, variables).slice(1), { env, ...input });
          expect([line, done.code]).toEqual([line, 0]);
          expect(done.stderr).not.toMatch(/error|\.ts:\d+/i);
          seen.push(line);
          continue;
        }
        const answer = await curl(line, relay, variables);
        expect([line, answer.status < 300, answer.text]).toEqual([line, true, answer.text]);
        seen.push(line);
        const { body } = answer;
        if (line.includes("/api/auth/")) {
          if (body?.access_token !== undefined) {
            Object.assign(variables, { TOKEN: body.access_token, REFRESH: body.refresh_token });
            expect(body).toMatchObject({
              token_type: "bearer",
              expires_in: 86_400,
              user: { username: "alice", is_super_admin: true },
            });
          } else expect(body.principal).toMatchObject({ kind: "session", role: "super_admin" });
        } else if (line.includes("/api/keys ")) {
          variables["KEY"] = body.key;
          expect(body.key).toMatch(/^mr_/);
        } else if (line.includes("/v1/me")) {
          variables["ORG"] = body.orgId;
          expect(body.type).toBe("api_key");
        } else if (line.includes("-X POST")) {
          variables["ID"] = body.id;
          expect(body.key).toMatch(/^(rl_live_|vl_)/);
          expect((await chat(relay, body.key)).status).toBe(200);
        } else if (line.includes("-X DELETE")) expect([answer.status, answer.text]).toEqual([204, ""]);
        else if (line.includes("/chat/")) expect(body.choices[0].message.content).toBe("hello");
        else expect(Array.isArray(body)).toBe(true);
      }
      expect(seen.length).toBeGreaterThanOrEqual(18);
    }, 30_000);

    test("the OpenAI SDK calls models with the access key, with a signed-in person's token, and with keys of all styles", async () => {
      const relay = await start();
      const json = { "content-type": "application/json" };
      const post = async (path: string, body: object, token?: string) =>
        readJson(
          await fetch(relay.url + path, {
            method: "POST",
            headers: { ...json, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
            body: JSON.stringify(body),
          }),
        );
      const token = (await post("/api/auth/register", { username: "alice", password: PASSWORD })).access_token;
      const { orgId } = await readJson(
        await fetch(`${relay.url}/v1/me`, { headers: { authorization: `Bearer ${token}` } }),
      );
      const keys = [
        ACCESS_KEY,
        token,
        (await post("/api/keys", { name: "one" }, token)).key,
        (await post("/api/v1/auth/api-keys", { name: "two" }, token)).key,
        (await post(`/v1/orgs/${orgId}/api-keys/create`, { name: "three", scopes: ["chat:write"] }, token)).key,
      ];
      for (const apiKey of keys) {
        const client = new OpenAI({ baseURL: `${relay.url}/v1`, apiKey, maxRetries: 0 });
        const whole = await client.chat.completions.create({
          model: "echo",
          messages: [{ role: "user", content: "hello" }],
        });
        expect(whole.choices[0]?.message.content).toBe("hello");
        let streamed = "";
        const stream = await client.chat.completions.create({
          model: "echo",
          messages: [{ role: "user", content: "hello" }],
          stream: true,
        });
        for await (const chunk of stream) streamed += chunk.choices[0]?.delta.content ?? "";
        expect(streamed).toBe("hello");
      }
      const narrow = new OpenAI({ baseURL: `${relay.url}/v1`, apiKey: keys[4]!, maxRetries: 0 });
      const refused = await narrow.embeddings.create({ model: "echo", input: "x" }).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(OpenAI.PermissionDeniedError);
      const [key = ""] = keys.slice(2);
      const forged = key.slice(0, -1) + (key.endsWith("0") ? "1" : "0");
      const stranger = new OpenAI({ baseURL: `${relay.url}/v1`, apiKey: forged, maxRetries: 0 });
      const unknown = await stranger.models.list().catch((error: unknown) => error);
      expect(unknown).toBeInstanceOf(OpenAI.AuthenticationError);
    }, 30_000);

    test.skipIf(missingPython !== undefined)(
      `the README's Python lines run as they stand, with access key, token and API key${missingPython === undefined ? "" : ` (${missingPython})`}`,
      async () => {
        const relay = await start();
        const json = { "content-type": "application/json" };
        const register = await fetch(`${relay.url}/api/auth/register`, {
          method: "POST",
          headers: json,
          body: JSON.stringify({ username: "alice", password: PASSWORD }),
        });
        const { access_token: token } = await readJson(register);
        const key = await fetch(`${relay.url}/api/keys`, {
          method: "POST",
          headers: { ...json, authorization: `Bearer ${token}` },
          body: '{"name":"python"}',
        });
        const lines = /```python\n([\s\S]*?)```/.exec(CHAPTER)![1]!.replace("http://127.0.0.1:8787", relay.url);
        const env = { ACCESS_KEY, TOKEN: token, KEY: (await readJson(key)).key };
        expect(await runPython(lines, { cwd: relay.dir, env })).toBe("hello\nhello\nhello\n");
      },
      30_000,
    );

    test("R45 ★ registering in parallel and from the command line at once makes one super admin", async () => {
      const relay = await start();
      const env = { MONORELAY_DATA_DIR: join(relay.dir, "data"), HOME: relay.dir };
      const overHttp = Array.from({ length: 12 }, (_, index) =>
        fetch(`${relay.url}/api/auth/register`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ username: `web-${index}`, password: PASSWORD }),
        }).then((response) => response.text()),
      );
      const byCommand = ["cli-1", "cli-2"].map((name) => runBinary(["user", "create", name, "--generate"], { env }));
      await Promise.all([...overHttp, ...byCommand]);
      const { stdout } = await runBinary(["user", "list", "--json"], { env });
      const { users } = JSON.parse(stdout);
      expect(users.length).toBeGreaterThan(2);
      expect(users.filter(({ is_super_admin }: { is_super_admin: boolean }) => is_super_admin)).toHaveLength(1);
    }, 30_000);

    test("accounts and keys survive a restart; a session too; the setup token is shown by the log alone", async () => {
      const relay = await start({ config: 'auth: { setup_token: "auto" }\n' });
      const token = /set-?up token[^:]*: (\S+)/i.exec(relay.stderr())?.[1] ?? /mrs_\S+/.exec(relay.stderr())?.[0];
      expect(token).toBeDefined();
      const register = (setup_token?: string) =>
        fetch(`${relay.url}/api/auth/register`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ username: "alice", password: PASSWORD, setup_token }),
        });
      expect((await register()).status).toBe(403);
      const made = await readJson(await register(token));
      expect(made.user.is_super_admin).toBe(true);
      relay.process.kill("SIGTERM");
      expect(await relay.process.exited).toBe(0);

      const again = await start({ env: { MONORELAY_DATA_DIR: join(relay.dir, "data") } });
      const me = await fetch(`${again.url}/api/auth/me`, { headers: { authorization: `Bearer ${made.access_token}` } });
      expect((await readJson(me)).username).toBe("alice");
      expect(again.stderr()).not.toMatch(/set-?up token/i);
      for (const text of [relay.stderr(), again.stderr()]) {
        expect(text).not.toContain(made.access_token);
        expect(text).not.toContain(made.refresh_token);
        expect(text).not.toContain(PASSWORD);
      }
    }, 30_000);
  },
);

describe.skipIf(missingBinary !== undefined)(
  `monorelay user and key${missingBinary === undefined ? "" : ` (${missingBinary})`}`,
  () => {
    let dir: string;
    let env: Record<string, string>;
    beforeAll(() => {
      dir = mkdtempSync(join(tmpdir(), "monorelay-cli-"));
      env = { MONORELAY_DATA_DIR: join(dir, "data"), HOME: dir };
    });
    afterAll(() => rmSync(dir, { recursive: true, force: true }));
    const cli = (args: string, stdin?: string) =>
      runBinary(args.split(" "), { env, cwd: dir, ...(stdin === undefined ? {} : { stdin }) });

    test("without a server: stdout holds the result and nothing else, stderr what is said about it", async () => {
      const none = await cli("key create early");
      expect([none.code, none.stdout]).toEqual([7, ""]);
      expect(none.stderr).toContain("monorelay user create");

      const first = await cli("user create alice --generate");
      expect([first.code, first.stdout]).toEqual([0, expect.stringMatching(/^[0-9A-Za-z]{24}\n$/)]);
      expect(first.stderr).toContain("super admin");
      const second = await cli(
        "user create bob --email bob@example.com --role admin --password-stdin",
        `${PASSWORD}\n`,
      );
      expect([second.code, second.stdout]).toEqual([0, ""]);

      const list = await cli("user list");
      expect(
        list.stdout
          .split("\n")
          .slice(0, 3)
          .map((line) => line.split("\t").slice(0, 5)),
      ).toEqual([
        ["ID", "NAME", "EMAIL", "ROLE", "STATE"],
        ["2", "bob", "bob@example.com", "admin", "active"],
        ["1", "alice", "", "super admin", "active"],
      ]);
      expect([list.code, list.stderr]).toEqual([0, ""]);

      const key = await cli("key create laptop --models gpt-*,claude-* --budget 20/month --expires 90d --rpm 60");
      expect([key.code, key.stdout]).toEqual([0, expect.stringMatching(/^mr_[0-9A-Za-z]{38}\n$/)]);
      const keys = JSON.parse((await cli("key list --json")).stdout);
      expect(keys.items[0]).toMatchObject({
        name: "laptop",
        user_id: 1,
        created_by: "cli",
        scopes: ["inference"],
        models: { allow: ["gpt-*", "claude-*"], deny: [] },
        limits: { rpm: 60, budgets: [{ usd: 20, window: "month" }] },
      });
      expect(JSON.stringify(keys)).not.toContain(key.stdout.trim());
    }, 30_000);

    const wrong: [args: string, code: number, said: RegExp][] = [
      ["user create carol", 2, /--generate or --password-stdin/],
      ["user create carol --password-stdin", 2, /standard input is empty/],
      ["user create carol --generate --password-stdin", 2, /exclude/],
      ["user create carol --generate --role king", 2, /--role/],
      ["user create carol --password hunter2", 2, /unknown option/],
      ["user create c --generate", 2, /username must be/],
      ["user create ALICE --generate", 7, /taken/],
      ["user create", 2, /missing required argument/],
      ["user set nobody --role admin", 5, /no account "nobody"/],
      ["user set alice --inactive", 7, /super admin/],
      ["user set alice --role user", 7, /super admin/],
      ["user set bob", 2, /nothing to change/],
      ["user set bob --active --inactive", 2, /exclude/],
      ["user reset-password bob", 2, /--yes/],
      ["user frobnicate", 2, /unknown command|too many arguments/],
      ["key create x --scopes nope", 2, /scopes/],
      ["key create x --user bob --scopes *", 4, /lacks the scope/],
      ["key create x --expires yesterday", 2, /--expires/],
      ["key create x --key hunter2", 2, /unknown option/],
      ["key create x y", 2, /too many arguments/],
      ["key revoke key_nothing --yes", 5, /Not found/],
      ["key revoke key_nothing", 2, /--yes/],
      ["key rotate key_nothing --grace 9d", 2, /--grace/],
    ];
    test.each(wrong)(
      "%s: exit %d",
      async (args, code, said) => {
        const done = await cli(args, args.includes("stdin") ? "" : undefined);
        expect([done.code, done.stdout]).toEqual([code, ""]);
        expect(done.stderr).toMatch(said);
        expect(done.stderr).not.toMatch(/hunter2|\.ts:\d+/);
      },
      20_000,
    );

    test("with --json errors are one document on stderr", async () => {
      const done = await cli("user set nobody --role admin --json");
      expect(JSON.parse(done.stderr)).toEqual({
        error: {
          code: "not_found",
          message: expect.stringContaining("nobody"),
          hint: null,
          docs: null,
          request_id: null,
        },
      });
    });

    test("help opens with examples, knows every option that takes a value, and offers no flag for a secret", async () => {
      for (const [args, example] of [
        ["user -h", "monorelay user create alice --generate"],
        ["key -h", "monorelay key create laptop"],
        ["key create -h", "--models"],
        ["user reset-password -h", "--link"],
      ] as const) {
        const done = await cli(args);
        expect([args, done.code]).toEqual([args, 0]);
        expect(done.stdout).toContain(example);
        expect(done.stdout).not.toMatch(/--(?:password|key|secret|token) </);
      }
      expect((await cli("user -h")).stdout).toStartWith("Examples:\n  monorelay user");
      const usage = await cli("key create x --nope --json");
      expect([usage.code, JSON.parse(usage.stderr).error.code]).toEqual([2, "usage"]);
    }, 20_000);

    test("over --url with the token of the environment: the same commands, the same results, nothing of the data directory", async () => {
      const relay = await start();
      const made = await fetch(`${relay.url}/api/auth/register`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ username: "alice", password: PASSWORD }),
      });
      const { access_token: token } = await readJson(made);
      const away = { HOME: dir, MONORELAY_DATA_DIR: join(dir, "elsewhere"), MONORELAY_TOKEN: token };
      const run = (args: string, own: Record<string, string> = away) =>
        runBinary(`${args} --url ${relay.url}`.split(" "), { env: own, cwd: dir });
      expect((await run("user create bob --generate")).stdout).toMatch(/^[0-9A-Za-z]{24}\n$/);
      expect((await run("user list")).stdout.split("\n").map((line) => line.split("\t")[1])).toEqual([
        "NAME",
        "bob",
        "alice",
        undefined,
      ]);
      const key = (await run("key create laptop")).stdout.trim();
      expect((await chat(relay, key)).status).toBe(200);
      const [{ public_id: id }] = JSON.parse((await run("key list --json")).stdout).items;
      expect((await run(`key revoke ${id} --yes`)).code).toBe(0);
      expect((await chat(relay, key)).status).toBe(401);
      expect((await run("user list", { HOME: dir })).code).toBe(4);
      expect((await run("user list", { ...away, MONORELAY_TOKEN: key })).code).toBe(4);
      expect(readdirSync(dir)).not.toContain("elsewhere");
    }, 60_000);

    test("beside a running server: what is made works at once, what is ended is over within two seconds", async () => {
      const relay = await start();
      const beside = { MONORELAY_DATA_DIR: join(relay.dir, "data"), HOME: relay.dir };
      const run = (args: string, stdin?: string) =>
        runBinary(args.split(" "), { env: beside, cwd: relay.dir, ...(stdin === undefined ? {} : { stdin }) });
      const login = (password: string) =>
        fetch(`${relay.url}/api/auth/login`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ username: "alice", password }),
        });
      const password = (await run("user create alice --generate")).stdout.trim();
      expect((await login(password)).status).toBe(200);
      const key = (await run("key create laptop")).stdout.trim();
      expect((await chat(relay, key)).status).toBe(200);
      const { id, public_id } = JSON.parse((await run("key list --json")).stdout).items[0];

      const rotated = (await run(`key rotate ${public_id} --grace 0`)).stdout.trim();
      const rotatedAt = Date.now();
      await until(async () => (await chat(relay, key)).status === 401);
      expect(Date.now() - rotatedAt).toBeLessThan(2000);
      expect((await chat(relay, rotated)).status).toBe(200);

      const [{ public_id: next }] = JSON.parse((await run("key list --json")).stdout).items;
      expect(next).not.toBe(id);
      expect((await run(`key revoke ${next} --yes`)).code).toBe(0);
      const revokedAt = Date.now();
      await until(async () => (await chat(relay, rotated)).status === 401);
      expect(Date.now() - revokedAt).toBeLessThan(2000);
      expect((await run(`key revoke ${next} --yes`)).code).toBe(0);

      const { access_token: token } = await readJson(await login(password));
      const me = () => fetch(`${relay.url}/api/auth/me`, { headers: { authorization: `Bearer ${token}` } });
      expect((await me()).status).toBe(200);
      const link = (await run("user reset-password alice --yes")).stdout.trim();
      expect(link).toStartWith(`${relay.url}/login#reset=`);
      await until(async () => (await me()).status === 401);
      const reset = await fetch(`${relay.url}/api/auth/reset-password`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ token: link.split("#reset=")[1], new_password: "a good new password" }),
      });
      expect(reset.status).toBe(200);
      expect((await login("a good new password")).status).toBe(200);
      expect((await run("user reset-password alice --yes --password-stdin", PASSWORD)).code).toBe(0);
      expect((await login(PASSWORD)).status).toBe(200);

      for (const secret of [password, key, rotated, PASSWORD, link.split("#reset=")[1]!]) {
        expect(relay.stderr()).not.toContain(secret);
      }
      for (const name of readdirSync(join(relay.dir, "data"))) {
        const path = join(relay.dir, "data", name);
        if (!statSync(path).isFile()) continue;
        const bytes = readFileSync(path);
        for (const secret of [password, key, rotated, PASSWORD])
          expect([name, bytes.includes(secret)]).toEqual([name, false]);
      }
    }, 60_000);
  },
);
