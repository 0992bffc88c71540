/** Finds the config file and the data directory: flags, variables, then the usual places. */
import { dirname, join, resolve } from "node:path";
import type { Files } from "./files.ts";
import type { Problem } from "./types.ts";

export interface Whereabouts {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `--config`. */
  readonly config?: string;
  /** `--data-dir`. */
  readonly dataDir?: string;
  /** Absolute working directory. */
  readonly cwd: string;
  /** Effective user. */
  readonly userId: number;
  readonly processId: number;
  readonly files: Files;
}

export interface Located {
  /** What to read; `null` = there is none, and everything has its default. Absolute. */
  readonly configFile: string | null;
  /** Folder that relative paths in it start from. Absolute. */
  readonly baseDir: string;
  /** Where the operator's own file lies, though edits made in the dashboard are read instead of it. */
  readonly replacedFile: string | null;
  /** Absolute; may not exist yet. */
  readonly dataDir: string;
  readonly errors: readonly Problem[];
  readonly warnings: readonly Problem[];
}

const SYSTEM_CONFIG = "/etc/monorelay/config.yml";
const SYSTEM_DATA = "/var/lib/monorelay";
const FILE_NAME = "config.yml";
const WRITABLE_BY_OTHERS = 0o022;

export function locate(where: Whereabouts): Located {
  const errors: Problem[] = [];
  const warnings: Problem[] = [];
  const found = findConfig(where, errors, warnings);
  const dataDir = findDataDir(where, found);
  const kept = join(dataDir, FILE_NAME);
  const located = { dataDir, errors, warnings, replacedFile: null };
  const baseDir = found === null ? dataDir : dirname(found);
  if (found === kept || !isFile(where, kept)) return { ...located, configFile: found, baseDir };
  if (found === null) return { ...located, configFile: kept, baseDir };
  if (!where.files.isWritable(found)) return { ...located, configFile: kept, baseDir, replacedFile: found };
  warnings.push(problem("conflict", `${kept} is ignored, because ${found} can be written; remove one of the two`));
  return { ...located, configFile: found, baseDir };
}

function findConfig(where: Whereabouts, errors: Problem[], warnings: Problem[]): string | null {
  const { env, cwd } = where;
  const named: readonly (readonly [string, string | undefined])[] = [
    ["--config", where.config],
    ["MONORELAY_CONFIG", env["MONORELAY_CONFIG"]],
  ];
  for (const [name, path] of named) {
    if (path === undefined || path === "") continue;
    const file = resolve(cwd, path);
    if (!isFile(where, file)) errors.push(problem("missing", `there is no file ${file}, named by ${name}`));
    return file;
  }
  const local = join(cwd, FILE_NAME);
  const facts = where.files.facts(local);
  if (facts?.isFile === true && !isUnderSystemd(where)) {
    const objection =
      facts.owner !== where.userId
        ? "it belongs to another user"
        : (facts.mode & WRITABLE_BY_OTHERS) !== 0
          ? "others can write it (chmod go-w)"
          : null;
    if (objection === null) return local;
    warnings.push(
      problem("bad_value", `${local} is not used, because ${objection}; name it with --config to use it all the same`),
    );
  }
  const home = xdgDir(env, "XDG_CONFIG_HOME", ".config");
  const candidates = [...(home === null ? [] : [join(home, "monorelay", FILE_NAME)]), SYSTEM_CONFIG];
  return candidates.find((file) => isFile(where, file)) ?? null;
}

function findDataDir(where: Whereabouts, configFile: string | null): string {
  const { env, cwd } = where;
  const named = where.dataDir || env["MONORELAY_DATA_DIR"];
  if (named) return resolve(cwd, named);
  // systemd gives a list when the unit names several.
  const state = env["STATE_DIRECTORY"]?.split(":")[0];
  if (state) return resolve(cwd, state);
  if (configFile?.startsWith("/etc/") === true) return SYSTEM_DATA;
  const home = xdgDir(env, "XDG_DATA_HOME", ".local/share");
  return home === null ? SYSTEM_DATA : join(home, "monorelay");
}

/** Relative values are ignored, as the XDG base directory specification demands. */
function xdgDir(env: Whereabouts["env"], name: string, fallback: string): string | null {
  const value = env[name];
  if (value?.startsWith("/") === true) return value;
  const home = env["HOME"];
  return home?.startsWith("/") === true ? join(home, fallback) : null;
}

/** A service has no working directory of its own. Desktop sessions hand `INVOCATION_ID` down to terminals. */
function isUnderSystemd({ env, processId }: Whereabouts): boolean {
  if (env["NOTIFY_SOCKET"]) return true;
  const mainProcess = env["SYSTEMD_EXEC_PID"];
  return mainProcess ? mainProcess === String(processId) : Boolean(env["INVOCATION_ID"]);
}

function isFile(where: Whereabouts, path: string): boolean {
  return where.files.facts(path)?.isFile === true;
}

function problem(code: Problem["code"], message: string): Problem {
  return { path: "", line: 0, column: 0, code, message, suggestion: null };
}
