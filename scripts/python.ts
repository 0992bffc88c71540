/** Puts the Python SDKs that tests drive into `.tools/python`, once per content of `test/python/requirements.txt`. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const root = dirname(import.meta.dir);
const tools = join(root, ".tools");
const REQUIREMENTS = join(root, "test/python/requirements.txt");
/** Says what a finished environment was made of; it is written last. */
const STAMP = "made-of";
/** Why there is none, for the names of the tests that are skipped then. */
const MISSING = join(tools, "python-missing");
/** The oldest Python that the pinned packages run on. */
const MINOR_MIN = 11;
const INSTALL_MS_MAX = 240_000;

export type PythonTools = { readonly python: string } | { readonly missing: string };

/** What is there now, without making anything. */
export function pythonTools(): PythonTools {
  const home = join(tools, "python");
  const stamp = join(home, STAMP);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === digest()) return { python: interpreterOf(home) };
  const reason = existsSync(MISSING) ? readFileSync(MISSING, "utf8") : "not installed: bun scripts/python.ts";
  return { missing: `the Python SDKs are missing: ${reason}` };
}

/** Makes it if it is not there. A machine without Python, or without a package index, gets the reason instead. */
export function preparePython(): PythonTools {
  const found = pythonTools();
  if ("python" in found) return found;
  mkdirSync(tools, { recursive: true });
  const reason = install();
  if (reason === undefined) rmSync(MISSING, { force: true });
  else writeFileSync(MISSING, reason);
  return pythonTools();
}

/** Returns why it could not be. */
function install(): string | undefined {
  const system = Bun.which("python3") ?? Bun.which("python");
  if (system === null) return "no python3 on PATH";
  const version = Bun.spawnSync([system, "-c", "import sys; print(*sys.version_info[:2])"]).stdout.toString();
  const [major, minor] = version.trim().split(" ").map(Number);
  if (major !== 3 || minor === undefined || minor < MINOR_MIN) return `python3 is older than 3.${MINOR_MIN}`;

  const home = join(tools, "python");
  rmSync(home, { recursive: true, force: true });
  const steps: readonly (readonly [what: string, command: readonly string[]])[] = [
    ["no virtual environment (python3 -m venv)", [system, "-m", "venv", home]],
    [
      "the packages could not be installed",
      [
        ...[interpreterOf(home), "-m", "pip", "install", "--quiet", "--no-input", "--no-compile", "--retries=3"],
        ...["--only-binary=:all:", "--require-hashes", `--requirement=${REQUIREMENTS}`],
      ],
    ],
  ];
  for (const [what, command] of steps) {
    const done = Bun.spawnSync([...command], { stdout: "pipe", stderr: "pipe", timeout: INSTALL_MS_MAX });
    if (done.success) continue;
    rmSync(home, { recursive: true, force: true });
    process.stderr.write(done.stderr.toString());
    return what;
  }
  const stamp = join(home, STAMP);
  writeFileSync(`${stamp}.new`, digest());
  renameSync(`${stamp}.new`, stamp);
  return undefined;
}

function interpreterOf(home: string): string {
  return process.platform === "win32" ? join(home, "Scripts", "python.exe") : join(home, "bin", "python");
}

function digest(): string {
  return new Bun.CryptoHasher("sha256").update(readFileSync(REQUIREMENTS)).digest("hex");
}

if (import.meta.main) {
  const tools = preparePython();
  console.log("python" in tools ? tools.python : tools.missing);
}
