/** Compiles the binary: `bun scripts/build.ts [--target bun-linux-arm64] [--outfile PATH] [--quiet]`. */
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { version } from "../package.json";

const root = dirname(import.meta.dir);
const args = process.argv.slice(2);
const argument = (name: string): string | undefined => {
  const at = args.indexOf(name);
  return at < 0 ? undefined : args[at + 1];
};

/** What `--target all` builds; the names of releases. */
const TARGETS: Readonly<Record<string, string>> = {
  "linux-x64": "bun-linux-x64",
  "linux-x64-musl": "bun-linux-x64-musl",
  "linux-arm64": "bun-linux-arm64",
  "darwin-arm64": "bun-darwin-arm64",
  "windows-x64": "bun-windows-x64",
};

const isQuiet = args.includes("--quiet");
const target = argument("--target");
if (target !== undefined && target !== "all" && !(target in TARGETS)) {
  console.error(`unknown target "${target}"; one of ${["all", ...Object.keys(TARGETS)].join(", ")}`);
  process.exit(2);
}
const commit = Bun.spawnSync(["git", "rev-parse", "--short=12", "HEAD"], { cwd: root, stderr: "ignore" });
const define = {
  BUILD_VERSION: JSON.stringify(version),
  BUILD_COMMIT: JSON.stringify(commit.success ? commit.stdout.toString().trim() : ""),
  "process.env.NODE_ENV": '"production"',
};

mkdirSync(join(root, "dist"), { recursive: true });
const wanted = target === undefined ? [undefined] : target === "all" ? Object.keys(TARGETS) : [target];
for (const name of wanted) build(name);

function build(name: string | undefined): void {
  const suffix = name === undefined ? "" : `-${name}`;
  const outfile = argument("--outfile") ?? join(root, "dist", `monorelay${suffix}`);
  const command = [
    process.execPath,
    "build",
    "--compile",
    // Half the start-up time. Never --minify: Elysia reads the text of its handlers.
    "--bytecode",
    "--format=esm",
    "--sourcemap",
    // Files that lie where the binary is started must not run in it.
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
    // A plugin's own node_modules resolve only with this one.
    "--compile-autoload-package-json",
    ...(name === undefined ? [] : [`--target=${TARGETS[name]}`]),
    ...Object.entries(define).flatMap(([key, value]) => ["--define", `${key}=${value}`]),
    join(root, "src/main.ts"),
    join(root, "src/plugin-worker.ts"),
    join(root, "src/checkpoint-worker.ts"),
    "--outfile",
    outfile,
  ];
  const result = Bun.spawnSync(command, { cwd: root, stdout: "pipe", stderr: "pipe" });
  if (!result.success) {
    process.stderr.write(result.stdout.toString() + result.stderr.toString());
    process.exit(1);
  }
  if (!isQuiet) console.log(outfile);
}
