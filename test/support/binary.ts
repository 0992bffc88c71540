/** The compiled binary in a process of its own, with a data directory of its own; what users run. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const BINARY = join(import.meta.dir, "../../dist/monorelay");
/** Why tests in `test/whole/` cannot run, or `undefined`. */
export const missingBinary = existsSync(BINARY) ? undefined : "dist/monorelay is not built (bun run build)";

export const ACCESS_KEY = "whole-test-access-key-0123456789";
/** A start that takes longer than this has failed. */
const START_MAX_MS = 10_000;

export interface RunningBinary {
  readonly url: string;
  readonly port: number;
  readonly dir: string;
  readonly configFile: string;
  readonly process: Bun.Subprocess<"ignore", "pipe", "pipe">;
  /** Everything written to stderr so far. */
  stderr(): string;
  /** Sends SIGTERM (or another signal) and waits for the end; returns the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number>;
}

export interface StartOptions {
  /** YAML; `undefined` = no configuration file. `server.port` and the access key are set by the environment. */
  readonly config?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Files beside the configuration, e.g. plugins. */
  readonly files?: Readonly<Record<string, string>>;
  /** Without an access key in the environment. */
  readonly withoutKey?: boolean;
}

/** Starts the binary in an empty directory and waits until it is ready. */
export async function startBinary(options: StartOptions = {}): Promise<RunningBinary> {
  const dir = mkdtempSync(join(tmpdir(), "monorelay-whole-"));
  const configFile = join(dir, "config.yml");
  if (options.config !== undefined) writeFileSync(configFile, options.config, { mode: 0o600 });
  for (const [name, text] of Object.entries(options.files ?? {})) {
    const path = join(dir, name);
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, text, { mode: 0o600 });
  }
  const child = Bun.spawn([BINARY, "--port", "0", ...(options.args ?? [])], {
    cwd: dir,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      HOME: dir,
      PATH: process.env["PATH"] ?? "",
      MONORELAY_DATA_DIR: join(dir, "data"),
      ...(options.withoutKey === true ? {} : { MONORELAY_SERVER__ACCESS_KEY: ACCESS_KEY }),
      ...options.env,
    },
  });
  let text = "";
  const ready = Promise.withResolvers<number>();
  void (async () => {
    const decoder = new TextDecoder();
    for await (const piece of child.stderr) {
      text += decoder.decode(piece, { stream: true });
      const url = /"msg":"ready".*"url":"[a-z]+:\/\/[^"]*:(\d+)"/.exec(text);
      if (url !== null) ready.resolve(Number(url[1]));
    }
    ready.reject(new Error(`the binary ended before it was ready:\n${text}`));
  })();
  ready.promise.catch(() => {});
  const timer = setTimeout(
    () => ready.reject(new Error(`not ready within ${START_MAX_MS} ms:\n${text}`)),
    START_MAX_MS,
  );
  let port: number;
  try {
    port = await ready.promise;
  } catch (error) {
    child.kill("SIGKILL");
    await child.exited;
    rmSync(dir, { recursive: true, force: true });
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    dir,
    configFile,
    process: child,
    stderr: () => text,
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      const code = await child.exited;
      rmSync(dir, { recursive: true, force: true });
      return code;
    },
  };
}

/** Runs a command of the binary to its end. */
export async function runBinary(
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string>; stdin?: string } = {},
) {
  const child = Bun.spawn([BINARY, ...args], {
    cwd: options.cwd ?? tmpdir(),
    stdin: options.stdin === undefined ? "ignore" : new TextEncoder().encode(options.stdin),
    stdout: "pipe",
    stderr: "pipe",
    env: { HOME: tmpdir(), PATH: process.env["PATH"] ?? "", ...options.env },
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { stdout, stderr, code };
}
