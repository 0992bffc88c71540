/** Measures the relay beside nginx: `bun bench/run.ts [--quick] [--only NAME] [--repeat N] [--json FILE]`. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, cpus, release, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { CASES, type Case, type Settings } from "./cases.ts";
import { type Figures, stopLoads } from "./measure.ts";
import { Processes, startNginx, startRelay, startUpstream, type Target } from "./proxies.ts";
import { collect, type Report, type Row, tableOf } from "./report.ts";

const HELP = `usage: bun bench/run.ts [options]

  --quick            every case once and short: does it work at all? (half a minute)
  --only NAME        only this case; may be given several times: ${CASES.map(({ name }) => name).join(" ")}
  --repeat N         measurements of each target per case, taken in turns (default 5)
  --seconds S        length of one measurement (default 3)
  --relay-bin PATH   the relay (default dist/monorelay); without one, nginx is measured alone
  --json FILE        write every value measured
`;

/** The runtime compiles what runs often, twice; in a second it has not seen enough. */
const WARM_UP_SECONDS = 5;

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
    repeat: { type: "string", default: "" },
    seconds: { type: "string", default: "" },
    "relay-bin": { type: "string", default: join(import.meta.dir, "../dist/monorelay") },
    json: { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  },
});

interface Plan {
  readonly cases: readonly Case[];
  readonly repeat: number;
  readonly seconds: number;
}

function planOf(): Plan {
  const unknown = options.only.filter((name) => !CASES.some((each) => each.name === name));
  if (unknown.length > 0) throw new Error(`no such case: ${unknown.join(", ")}\n\n${HELP}`);
  const number = (text: string, fallback: number) => (text === "" ? fallback : Number(text));
  const repeat = number(options.repeat, options.quick ? 1 : 5);
  const seconds = number(options.seconds, options.quick ? 1 : 3);
  if (!(repeat >= 1 && repeat <= 100 && seconds > 0 && seconds <= 600)) throw new Error(HELP);
  const isWanted = ({ name, isSingle }: Case) => {
    if (options.only.length > 0) return options.only.includes(name);
    return !(options.quick && isSingle);
  };
  return { cases: CASES.filter(isWanted), repeat, seconds };
}

async function main(): Promise<void> {
  const plan = planOf();
  const processes = new Processes();
  const directory = mkdtempSync(join(tmpdir(), "monorelay-bench-"));
  const isPinned = availableParallelism() >= 2;
  const cores = { proxy: "0", others: isPinned ? "1" : "0" };
  const stop = async () => {
    stopLoads();
    await processes.stopAll();
    rmSync(directory, { recursive: true, force: true });
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => void stop().finally(() => process.exit(130)));
  try {
    const upstream = await startUpstream(processes, cores);
    const targets: Target[] = [
      upstream,
      await startNginx(processes, cores, directory, upstream),
      await startNginx(processes, cores, directory, upstream, true),
    ];
    const binary = resolve(options["relay-bin"]);
    if (existsSync(binary)) targets.push(await startRelay(processes, cores, directory, upstream, binary));
    else console.log(`There is no ${binary}: nginx is measured alone. Build it first: bun run build\n`);

    const report = { machine: describeMachine(isPinned), versions: versionsOf(binary) };
    console.log(
      `${report.machine}\n${Object.entries(report.versions)
        .map(([name, text]) => `${name} ${text}`)
        .join(", ")}\n`,
    );
    const rows: Row[] = [];
    for (const each of plan.cases)
      rows.push(...(await measureCase(each, targets, plan, { cores, directory, seconds: plan.seconds })));
    if (options.json !== undefined)
      await Bun.write(options.json, `${JSON.stringify({ ...report, rows } satisfies Report, null, 2)}\n`);
  } finally {
    await stop();
  }
}

/** The targets take turns, so that a busy neighbour of this machine hurts them alike. */
async function measureCase(each: Case, targets: readonly Target[], plan: Plan, settings: Settings): Promise<Row[]> {
  console.log(`### ${each.name}: ${each.about}`);
  const entrants = targets
    .filter((target) => each.targets.includes(target.name))
    .flatMap((target) => [
      { target, name: target.name as string, isTranslated: false, runs: [] as Figures[] },
      ...(target.name === "relay" && each.hasTranslated
        ? [{ target, name: "relay, translated", isTranslated: true, runs: [] as Figures[] }]
        : []),
      ...(target.apiKeyHeaders !== undefined && each.hasApiKey === true
        ? [
            {
              target: { ...target, headers: target.apiKeyHeaders },
              name: "relay, API key",
              isTranslated: false,
              runs: [] as Figures[],
            },
          ]
        : []),
    ]);
  if (!each.isSingle && !options.quick) {
    const short = { ...settings, seconds: options.quick ? settings.seconds : WARM_UP_SECONDS, isWarmUp: true };
    for (const { target, isTranslated } of entrants) await each.measure(target, short, isTranslated);
  }
  for (let turn = 0; turn < (each.isSingle ? 1 : plan.repeat); turn++) {
    for (const { target, isTranslated, runs } of entrants)
      runs.push(await each.measure(target, settings, isTranslated));
  }
  const rows = entrants.map(({ name, runs }) => collect(each.name, name, runs));
  console.log(`\n${tableOf(rows, each.shown)}\n`);
  return rows;
}

function describeMachine(isPinned: boolean): string {
  const pinning = isPinned ? "proxy on core 0, load and upstream on core 1" : "everything on one core";
  return `${cpus()[0]?.model.trim() ?? "unknown processor"}, ${availableParallelism()} cores, Linux ${release()}; ${pinning}`;
}

function versionsOf(binary: string): Record<string, string> {
  const nginx = Bun.spawnSync(["nginx", "-v"]).stderr.toString();
  const relay = existsSync(binary) ? Bun.spawnSync([binary, "version"]).stdout.toString() : "";
  return {
    bun: Bun.version,
    nginx: /nginx\/(\S+)/.exec(nginx)?.[1] ?? "?",
    kernel: readFileSync("/proc/sys/kernel/osrelease", "utf8").trim(),
    ...(relay === "" ? {} : { relay: relay.split("\n")[0]!.trim() }),
  };
}

if (options.help) {
  console.log(HELP);
} else {
  await main().catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
