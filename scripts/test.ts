/** Runs every check there is and ends with the plain line "N passed, N failed": `bun scripts/test.ts [bun test arguments]`. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { preparePython } from "./python.ts";

const root = dirname(import.meta.dir);
const extra = process.argv.slice(2);
const bun = process.execPath;

interface Count {
  passed: number;
  failed: number;
  skipped: number;
}
const TAIL_LINES = 30;
/** A test that hangs ends then. It says nothing of speed: on a busy machine the runtime's own 5 s are passed by work. */
const TEST_MS_MAX = 20_000;
const total: Count = { passed: 0, failed: 0, skipped: 0 };
/** What failed, told once more at the very end: the log before it is long. */
const broken: string[] = [];

/** A check that either holds or does not. */
function step(name: string, command: string[]): void {
  const result = Bun.spawnSync(command, { cwd: root, stdout: "pipe", stderr: "pipe" });
  console.log(`${result.success ? "ok  " : "FAIL"} ${name}`);
  if (!result.success) console.log(result.stdout.toString() + result.stderr.toString());
  total[result.success ? "passed" : "failed"] += 1;
  if (!result.success) broken.push(`FAIL ${name}\n${tail(result.stdout.toString() + result.stderr.toString())}`);
}

/** The last lines, for the summary. */
function tail(text: string): string {
  return text.trimEnd().split("\n").slice(-TAIL_LINES).join("\n");
}

async function runTests(args: string[]): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "monorelay-test-"));
  const report = join(directory, "junit.xml");
  const command = [
    bun,
    "test",
    "--only-failures",
    `--timeout=${TEST_MS_MAX}`,
    ...args,
    "--reporter=junit",
    `--reporter-outfile=${report}`,
  ];
  // What a test that was cut off leaves behind goes with the run.
  const env = { ...process.env, TMPDIR: directory };
  const child = Bun.spawn(command, { cwd: root, env, stdio: ["ignore", "inherit", "inherit"] });
  const code = await child.exited;
  const count = readReport(report);
  rmSync(directory, { recursive: true, force: true });
  // A run that broke before it could count is a failure, whatever it counted.
  if (count.failed === 0 && code !== 0) count.failed = 1;
  if (count.passed + count.failed === 0) count.failed = 1;
  for (const key of ["passed", "failed", "skipped"] as const) total[key] += count[key];
}

function readReport(path: string): Count {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
  const head = /<testsuites\b[^>]*>/.exec(text)?.[0] ?? "";
  const read = (name: string): number => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const failed = read("failures") + read("errors");
  for (const name of failedNames(text)) broken.push(`FAIL ${name}`);
  const skipped = read("skipped");
  return { passed: Math.max(0, read("tests") - failed - skipped), failed, skipped };
}

/** Names of the test cases that hold a failure. */
function failedNames(report: string): string[] {
  const cases = report.matchAll(/<testcase\b([^>]*[^/])>([\s\S]*?)<\/testcase>/g);
  return [...cases]
    .filter(([, , body]) => /<(failure|error)\b/.test(body!))
    .map(([, attributes]) => ["file", "classname", "name"].map((each) => attribute(attributes!, each)).join(" > "));
}

function attribute(attributes: string, name: string): string {
  return new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "";
}

if (extra.length === 0) {
  step("the sources have the right types", [bun, "x", "tsc", "-p", "."]);
  step("the sources are formatted and free of lint", [bun, "x", "biome", "ci", "--colors=off", "."]);
  step("the lock file names no registry", ["sh", "-c", "! grep -nE '\"https?://' bun.lock"]);
  step("the binary compiles", [bun, "scripts/build.ts", "--quiet"]);
  const python = preparePython();
  console.log("python" in python ? "ok   the Python SDKs are there" : `skip ${python.missing}`);
}
await runTests(extra.length === 0 ? ["--isolate"] : extra);

if (broken.length > 0) console.log(`\n${broken.join("\n\n")}`);
if (total.skipped > 0) console.log(`${total.skipped} skipped, each with its reason in its name`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed === 0 ? 0 : 1);
