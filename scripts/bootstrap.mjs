// Sets up everything on a machine that has only Node's npm, then starts the relay (`start`) or runs all tests (`test`).
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const wanted = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).packageManager.split("@")[1];
const [task, ...rest] = process.argv.slice(2);

function say(line) {
  process.stderr.write(`${line}\n`);
}

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: ["inherit", "inherit", "inherit"], ...options });
  if (result.error) {
    say(`${command}: ${result.error.message}`);
    return 1;
  }
  return result.status ?? 1;
}

function versionOf(command) {
  const result = spawnSync(command, ["--version"], { encoding: "utf8" });
  return result.status === 0 ? result.stdout.trim() : undefined;
}

/** The pinned bun: the one on PATH if it is that version, else one installed beside the sources. */
function findBun() {
  if (versionOf("bun") === wanted) return "bun";
  const home = join(root, ".tools");
  const local = join(home, "node_modules", "bun", "bin", "bun.exe");
  if (existsSync(local) && versionOf(local) === wanted) return local;
  say(`Installing bun ${wanted} into .tools (once) ...`);
  const quiet = { stdio: ["ignore", "ignore", "inherit"] };
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  // Without install scripts, which a newer npm does not run unasked; bun's own is called by name.
  const args = ["install", "--prefix", home, "--no-save", "--no-package-lock", "--ignore-scripts", "--loglevel=error"];
  if (run(npm, [...args, `bun@${wanted}`], quiet) !== 0) process.exit(1);
  if (run(process.execPath, [join(home, "node_modules", "bun", "install.js")], quiet) !== 0) process.exit(1);
  if (versionOf(local) !== wanted) {
    say(`bun ${wanted} could not be installed; see https://bun.sh/docs/installation and put it on PATH.`);
    process.exit(1);
  }
  return local;
}

const bun = findBun();
if (bun !== "bun") process.env.PATH = join(root, ".tools", "node_modules", ".bin") + delimiter + process.env.PATH;
process.env.MONORELAY_BUN = bun;
const installed = spawnSync(bun, ["install", "--frozen-lockfile"], { cwd: root, encoding: "utf8" });
if (installed.status !== 0) {
  say(installed.stdout + installed.stderr);
  process.exit(1);
}

if (task === "start") {
  if (run(bun, ["scripts/build.ts", "--quiet"]) !== 0) process.exit(1);
  process.exit(run(join(root, "dist", process.platform === "win32" ? "monorelay.exe" : "monorelay"), rest));
} else if (task === "test") {
  process.exit(run(bun, ["scripts/test.ts", ...rest]));
} else {
  say("usage: node scripts/bootstrap.mjs start|test [arguments]");
  process.exit(2);
}
