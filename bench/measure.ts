/** One measurement: load on one target for a few seconds, and what the target spent on it. */
import { join } from "node:path";
import { cpuMicroseconds, type Memory, memoryOf } from "./cpu.ts";
import type { StreamLoad, StreamOutcome } from "./load.ts";
import type { Cores, Target } from "./proxies.ts";

/** Names of figures with their values; the unit is the end of the name. */
export type Figures = Readonly<Record<string, number>>;

export interface WholeLoad {
  readonly path: string;
  readonly bodyFile: string;
  readonly connections: number;
  readonly seconds: number;
  /** How long each connection waits before its next call, ms; 0 = as fast as the target can. */
  readonly thinkMs: number;
}

interface WrkOutcome {
  readonly requests: number;
  readonly seconds: number;
  readonly failures: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** Requests answered whole, one after the other on each connection. */
export async function measureWhole(target: Target, load: WholeLoad, cores: Cores): Promise<Figures> {
  const headers = Object.entries(target.headers).map(([name, value]) => `${name}: ${value}`);
  const command = [
    ...["taskset", "-c", cores.others, "wrk", "-t1", `-c${load.connections}`, `-d${load.seconds}s`, "--timeout", "10s"],
    ...["-s", join(import.meta.dir, "wrk.lua"), `http://127.0.0.1:${target.port}${load.path}`],
    ...["--", load.bodyFile, ...headers],
  ];
  const before = cpuOf(target);
  const said = await run(command, load.seconds + 20, { THINK_MS: String(load.thinkMs) });
  const cpu = cpuOf(target) - before;
  const line = /^OUTCOME (.*)$/m.exec(said)?.[1];
  if (line === undefined) throw new Error(`wrk against ${target.name} said nothing of use:\n${said}`);
  const outcome: WrkOutcome = JSON.parse(line);
  if (outcome.failures > 0 || outcome.requests === 0) {
    throw new Error(`${outcome.failures} of ${outcome.requests} requests to ${target.name} failed`);
  }
  return {
    requests_per_s: outcome.requests / outcome.seconds,
    ...(target.pid === undefined ? {} : { cpu_us_per_request: cpu / outcome.requests }),
    p50_us: outcome.p50Us,
    p99_us: outcome.p99Us,
  };
}

/** Streams side by side. `duringMs`: when to look at the memory, counted from the start. */
export async function measureStreams(
  target: Target,
  load: Omit<StreamLoad, "port" | "headers">,
  cores: Cores,
  duringMs?: number,
): Promise<Figures> {
  const full: StreamLoad = { ...load, port: target.port, headers: target.headers };
  const limit = load.seconds + 120;
  const command = [
    "taskset",
    "-c",
    cores.others,
    process.execPath,
    join(import.meta.dir, "load.ts"),
    JSON.stringify(full),
  ];
  const before = cpuOf(target);
  const running = run(command, limit);
  let memory: Memory | undefined;
  if (duringMs !== undefined && target.pid !== undefined) {
    await Promise.race([Bun.sleep(duringMs), running]);
    memory = memoryOf(target.pid);
  }
  const outcome: StreamOutcome = JSON.parse(await running);
  const cpu = cpuOf(target) - before;
  if (outcome.failures > 0 || outcome.streams === 0) {
    throw new Error(`${outcome.failures} streams of ${target.name} failed, e.g. ${outcome.example}`);
  }
  return {
    streams_per_s: (outcome.streams * 1000) / outcome.wallMs,
    ...(target.pid === undefined
      ? {}
      : {
          cpu_us_per_stream: cpu / outcome.streams,
          cpu_us_per_chunk: cpu / outcome.streams / load.chunksMin,
        }),
    first_byte_p50_ms: outcome.firstByteMs.p50,
    first_byte_p99_ms: outcome.firstByteMs.p99,
    stream_ms: outcome.streamMs,
    ...(memory === undefined ? {} : { rss_mb: memory.rss / 1e6, anonymous_mb: memory.anonymous / 1e6 }),
  };
}

/** Loads end by themselves within seconds; this is for whoever cannot wait. */
export function stopLoads(): void {
  for (const child of loads) child.kill("SIGKILL");
}

const loads = new Set<Bun.Subprocess>();

function cpuOf(target: Target): number {
  return target.pid === undefined ? 0 : cpuMicroseconds(target.pid);
}

/** Runs a command to its end, at most so many seconds, and returns what it printed. */
async function run(command: readonly string[], secondsMax: number, env: Record<string, string> = {}): Promise<string> {
  const child = Bun.spawn([...command], {
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, ...env },
    timeout: secondsMax * 1000,
    killSignal: "SIGKILL",
  });
  loads.add(child);
  const [output, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  const code = await child.exited;
  loads.delete(child);
  if (code !== 0) throw new Error(`${command[3]} ended with ${code}: ${errors.slice(0, 1000)}${output.slice(0, 1000)}`);
  return output;
}
