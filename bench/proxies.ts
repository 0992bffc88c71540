/** Starts what is measured: the relay as built, nginx as the yardstick, and the upstream behind both. */
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { treeOf } from "./cpu.ts";
import { TRANSLATED_PREFIX } from "./payloads.ts";

/** Where a request goes and how it must look. */
export interface Target {
  readonly name: "direct" | "nginx" | "nginx as shipped" | "relay";
  readonly port: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The relay's: the same calls by somebody whom it has to look up. */
  readonly apiKeyHeaders?: Readonly<Record<string, string>>;
  /** Of the process whose CPU time and memory count; `undefined` for the upstream itself. */
  readonly pid?: number;
}

export interface Cores {
  /** Of the proxy under test alone. */
  readonly proxy: string;
  /** Of load and upstream. */
  readonly others: string;
}

/** Nothing that was started here outlives this by much, whatever else goes wrong. */
const LIFETIME_SECONDS = 3600;
/** Runs a command and ends it when stdin closes: that happens even if the one who started it is killed. */
const GUARD =
  'exec 3<&0; "$@" </dev/null & command=$!; { cat <&3 >/dev/null; kill $command 2>/dev/null; } & { wait $command; } 2>/dev/null';
const START_MS_MAX = 10_000;
const STOP_MS_MAX = 4000;
const ACCESS_KEY = "bench-access-key-0123456789abcdef0123456789abcdef";

export class Processes {
  readonly #started: Bun.Subprocess<"pipe">[] = [];

  /** Runs a command pinned to a core. */
  start(command: readonly string[], core: string, output: string | "pipe"): Bun.Subprocess<"pipe"> {
    const bounded = ["timeout", "-k", "2", String(LIFETIME_SECONDS), "taskset", "-c", core, ...command];
    const child = Bun.spawn(["sh", "-c", GUARD, "guard", ...bounded], {
      stdin: "pipe",
      stdout: output === "pipe" ? "pipe" : Bun.file(`${output}.out`),
      stderr: output === "pipe" ? "inherit" : Bun.file(`${output}.err`),
      // As it is now: without this, children get the environment that this process began with.
      env: { ...process.env },
    });
    this.#started.push(child);
    return child;
  }

  async stopAll(): Promise<void> {
    for (const child of this.#started.splice(0).reverse()) {
      await child.stdin.end();
      const isOver = await Promise.race([child.exited.then(() => true), Bun.sleep(STOP_MS_MAX).then(() => false)]);
      if (!isOver) for (const pid of treeOf(child.pid).reverse()) kill(pid);
    }
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone since its parent was asked.
  }
}

export async function startUpstream(processes: Processes, cores: Cores): Promise<Target> {
  const child = processes.start([process.execPath, join(import.meta.dir, "upstream.ts")], cores.others, "pipe");
  const { value } = await (child.stdout as ReadableStream<Uint8Array>).getReader().read();
  const port = Number(new TextDecoder().decode(value));
  if (!(port > 0)) throw new Error("the upstream did not start");
  return { name: "direct", port, headers: {} };
}

export async function startNginx(
  processes: Processes,
  cores: Cores,
  directory: string,
  upstream: Target,
  isAsShipped = false,
): Promise<Target> {
  const port = await freePort();
  const name = isAsShipped ? "nginx as shipped" : "nginx";
  const own = join(directory, name.replaceAll(" ", "-"));
  mkdirSync(own, { recursive: true });
  const config = join(own, "nginx.conf");
  writeFileSync(config, nginxConfig(own, port, upstream.port, isAsShipped));
  const child = processes.start(
    ["nginx", "-p", own, "-e", join(own, "error.log"), "-c", config],
    cores.proxy,
    join(own, "process"),
  );
  const target: Target = { name, port, headers: {}, pid: child.pid };
  await untilReady(target, child, join(own, "error.log"));
  return target;
}

export async function startRelay(
  processes: Processes,
  cores: Cores,
  directory: string,
  upstream: Target,
  binary: string,
): Promise<Target> {
  const port = await freePort();
  const own = join(directory, "relay");
  mkdirSync(own, { recursive: true });
  const config = join(own, "config.yml");
  writeFileSync(config, relayConfig(port, upstream.port), { mode: 0o600 });
  const command = [binary, "serve", "--config", config, "--data-dir", join(own, "data"), "--no-watch"];
  const child = processes.start(command, cores.proxy, join(own, "process"));
  const target: Target = { name: "relay", port, headers: { authorization: `Bearer ${ACCESS_KEY}` }, pid: child.pid };
  await untilReady(target, child, join(own, "process.err"));
  return { ...target, apiKeyHeaders: { authorization: `Bearer ${await makeApiKey(port)}` } };
}

/** The first account of the relay, and a key of it. */
async function makeApiKey(port: number): Promise<string> {
  const post = async (path: string, body: object, token?: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as { access_token: string; key: string };
  };
  const account = { username: "bench", password: `of nobody's concern ${crypto.randomUUID()}` };
  const { access_token: token } = await post("/api/auth/register", account);
  return (await post("/api/keys", { name: "bench" }, token)).key;
}

/**
 * A plain proxy at its best: one worker, upstream connections kept, nothing buffered or logged. As shipped, bodies over
 * 16 KB go through a file.
 */
function nginxConfig(directory: string, port: number, upstreamPort: number, isAsShipped: boolean): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  return `daemon off;
${process.getuid?.() === 0 ? "user root;" : ""}
master_process on;
worker_processes 1;
pid ${join(directory, "nginx.pid")};
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${join(directory, name)};`).join(" ")}
  client_max_body_size 16m;
  ${isAsShipped ? "" : "client_body_buffer_size 2m;"}
  keepalive_requests 100000000;
  keepalive_timeout 300s;
  upstream bench { server 127.0.0.1:${upstreamPort}; keepalive 2048; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://bench;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 300s;
    }
  }
}
`;
}

/** As an operator would run it: access key, call log and call records on. */
/** All defaults, but without a log line per call, as nginx here writes none; the record of each call is written. */
function relayConfig(port: number, upstreamPort: number): string {
  return `version: 1
server:
  host: 127.0.0.1
  port: ${port}
  access_key: ${ACCESS_KEY}
  log_level: WARNING
logging:
  enabled: true
providers:
  plain:
    provider_type: openai
    base_url: http://127.0.0.1:${upstreamPort}/v1
    keys: [{ key: bench-provider-key }]
    models: { include: ["bench-*"] }
  other:
    provider_type: anthropic
    base_url: http://127.0.0.1:${upstreamPort}
    keys: [{ key: bench-provider-key }]
    models: { include: ["${TRANSLATED_PREFIX}bench-*"] }
`;
}

async function untilReady(target: Target, child: Bun.Subprocess, log: string): Promise<void> {
  const deadline = performance.now() + START_MS_MAX;
  while (performance.now() < deadline && child.exitCode === null) {
    try {
      // Any answer will do: nginx passes this on to the upstream, which knows no such path.
      await (await fetch(`http://127.0.0.1:${target.port}/health`)).arrayBuffer();
      return;
    } catch {
      await Bun.sleep(20);
    }
  }
  const said = (await Bun.file(log).exists()) ? await Bun.file(log).text() : "";
  const how =
    child.exitCode === null ? `did not answer within ${START_MS_MAX / 1000} s` : `ended with ${child.exitCode}`;
  throw new Error(`${target.name} ${how}\n${said.slice(0, 2000)}`);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

/** Writes a body where wrk can read it. */
export function writeBody(directory: string, name: string, body: string): string {
  const path = join(directory, "bodies", `${name}.json`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, body);
  return path;
}
