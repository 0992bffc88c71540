/** What a flood of sign-ins does to calls: `bun bench/login-flood.ts [--repeat N] [--seconds S] [--relay-bin PATH]`. */
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { chatBody, oneMessage, WHOLE_MODEL } from "./payloads.ts";
import { median } from "./report.ts";
import { Processes, startRelay, startUpstream, type Target } from "./proxies.ts";

/** R51 of the security requirements. */
const LOGINS = 200;
/** Calls at a steady pace, however long the answers take: a slow answer does not slow down the load. */
const PACE_MS = 10;

const { values: options } = parseArgs({
  options: {
    repeat: { type: "string", default: "5" },
    seconds: { type: "string", default: "5" },
    "relay-bin": { type: "string", default: join(import.meta.dir, "../dist/monorelay") },
  },
});

interface Outcome {
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

async function callAtPace({ port, headers }: Target, seconds: number): Promise<Outcome> {
  const body = chatBody(WHOLE_MODEL, oneMessage(520), false);
  const times: number[] = [];
  const pending: Promise<void>[] = [];
  const call = async () => {
    const began = performance.now();
    const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body,
    });
    await response.arrayBuffer();
    if (response.status !== 200) throw new Error(`a call was answered with ${response.status}`);
    times.push(performance.now() - began);
  };
  const began = performance.now();
  for (let made = 0; made * PACE_MS < seconds * 1000; made += 1) {
    await Bun.sleep(Math.max(0, began + made * PACE_MS - performance.now()));
    pending.push(call());
  }
  await Promise.all(pending);
  const sorted = times.toSorted((left, right) => left - right);
  return { p50: at(sorted, 0.5), p99: at(sorted, 0.99), most: sorted.at(-1)! };
}

/** Wave after wave of sign-ins that all come at once, until told to stop; how they were answered, by status. */
async function flood({ port }: Target, isOver: () => boolean): Promise<Map<number, number>> {
  const answers = new Map<number, number>();
  const login = async (index: number) => {
    const response = await fetch(`http://127.0.0.1:${port}/api/auth/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ username: `nobody-${index}`, password: "not the right one" }),
    });
    await response.arrayBuffer();
    answers.set(response.status, (answers.get(response.status) ?? 0) + 1);
  };
  for (let wave = 0; !isOver(); wave += 1) {
    await Promise.all(Array.from({ length: LOGINS }, (_, index) => login(wave * LOGINS + index)));
  }
  return answers;
}

async function main(): Promise<void> {
  const [seconds, repeat] = [Number(options.seconds), Number(options.repeat)];
  if (!(seconds > 0 && seconds <= 600 && repeat >= 1 && repeat <= 100)) {
    throw new Error("--seconds must be from 1 to 600, --repeat from 1 to 100");
  }
  // Otherwise most of the flood would be turned away before any hash: here is measured what the hashes do.
  process.env["MONORELAY_AUTH__THROTTLE__NETWORK"] = "100000000";
  const processes = new Processes();
  const directory = mkdtempSync(join(tmpdir(), "monorelay-flood-"));
  const cores = { proxy: "0", others: availableParallelism() >= 2 ? "1" : "0" };
  try {
    const upstream = await startUpstream(processes, cores);
    const relay = await startRelay(processes, cores, directory, upstream, resolve(options["relay-bin"]));
    const quiet: Outcome[] = [];
    const busy: Outcome[] = [];
    const answers = new Map<number, number>();
    // They take turns, so that a busy neighbour of this machine hurts them alike; the first turn warms up.
    for (let turn = 0; turn <= repeat; turn += 1) {
      const alone = await callAtPace(relay, seconds);
      let isOver = false;
      const running = flood(relay, () => isOver);
      const beside = await callAtPace(relay, seconds);
      isOver = true;
      const answered = await running;
      if (turn === 0) continue;
      quiet.push(alone);
      busy.push(beside);
      for (const [status, count] of answered) answers.set(status, (answers.get(status) ?? 0) + count);
    }
    const medianOf = (outcomes: readonly Outcome[], figure: keyof Outcome) =>
      median(outcomes.map((outcome) => outcome[figure]));
    const row = (name: string, outcomes: readonly Outcome[]) =>
      `| ${name} | ${(["p50", "p99", "most"] as const).map((figure) => medianOf(outcomes, figure).toFixed(1)).join(" | ")} |`;
    console.log(
      [
        `one call every ${PACE_MS} ms; relay and its hashes on core ${cores.proxy}, load and upstream on core ${cores.others}`,
        "",
        "| /v1/chat/completions | p50 ms | p99 ms | max ms |",
        "|---|---|---|---|",
        row("alone", quiet),
        row(`beside ${LOGINS} sign-ins at once, again and again`, busy),
        "",
        `sign-ins: ${[...answers].map(([status, count]) => `${count} × ${status}`).join(", ")}`,
        `p99 rose by ${(medianOf(busy, "p99") - medianOf(quiet, "p99")).toFixed(1)} ms (bar: 50)`,
      ].join("\n"),
    );
  } finally {
    await processes.stopAll();
    rmSync(directory, { recursive: true, force: true });
  }
}

await main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
