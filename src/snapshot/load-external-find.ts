/** Finds a listed plugin in the plugin folder, and refuses files that somebody else could change. */
import { accessSync, constants, readdirSync, realpathSync, type Stats, statSync } from "node:fs";
import { basename, dirname, join, relative, sep } from "node:path";
import { nearest } from "../support/nearest.ts";
import type { Fault } from "./load-external-fault.ts";

/** The folder of `plugins.dir`. */
export interface Folder {
  /** As configured, absolute. */
  readonly path: string;
  /** Links resolved. */
  readonly real: string;
}

export interface Entry {
  readonly name: string;
  /** As found in the folder; may be a link. */
  readonly path: string;
  /** Links resolved; inside the folder. */
  readonly real: string;
  /** Modules below it are the plugin's own: they are loaded afresh with it. */
  readonly root: string;
}

export type Finding = { readonly entry: Entry } | { readonly fault: Fault };

const NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;

/** `undefined` = there is no such folder. */
export function openFolder(path: string): Folder | undefined {
  try {
    const real = realpathSync(path);
    return statSync(real).isDirectory() ? { path, real } : undefined;
  } catch {
    return undefined;
  }
}

/** The name messages give a file: the last part of the folder's name and what follows, e.g. `plugins/corp/index.ts`. */
export function labelOf(folder: Folder, path: string): string {
  const base = [folder.real, folder.path].find((each) => path === each || isBelow(each, path));
  return base === undefined ? path : join(basename(folder.path), relative(base, path));
}

export function isBelow(folder: string, path: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/** Where a plugin of this name may be, in the order they are looked for. */
export function placesOf(dir: string, name: string): readonly [single: string, index: string] {
  return [join(dir, `${name}.ts`), join(dir, name, "index.ts")];
}

export function findEntry(folder: Folder, name: string): Finding {
  const [single, index] = placesOf(folder.path, name);
  const path = NAME.test(name) ? [single, index].find(isFile) : undefined;
  if (path === undefined) return { fault: notFound(folder, name) };
  const real = realpathSync(path);
  const fault = refuse(folder, real, labelOf(folder, path));
  if (fault !== undefined) return { fault };
  return { entry: { name, path, real, root: path === single ? folder.real : dirname(real) } };
}

/** The fault of every listed plugin while there is no folder. */
export function folderNotFound(dir: string, name: string): Fault {
  const file = join(basename(dir), `${name}.ts`);
  return {
    code: "PLUGIN_NOT_FOUND",
    file,
    what: "cannot be: its folder does not exist",
    advice: "Create the folder, or correct plugins.dir.",
  };
}

function notFound(folder: Folder, name: string): Fault {
  const [single, index] = placesOf(basename(folder.path), name);
  const suggestion = nearest(name.replace(/\.ts$/, ""), namesIn(folder.real));
  const isName = NAME.test(name);
  return {
    code: "PLUGIN_NOT_FOUND",
    file: isName ? single : JSON.stringify(name),
    what: isName ? `does not exist, nor does ${index}` : "is no name of a plugin, which is 1 to 32 of a-z, 0-9 and -",
    advice: isName
      ? "Create the file, or correct the name in plugins.list."
      : "Write the file's name without folder and .ts.",
    ...(suggestion === undefined ? {} : { suggestion }),
  };
}

/** What forbids to run this file (links resolved), or a folder on the way to it; `undefined` = nothing. */
export function refuse(folder: Folder, real: string, label: string): Fault | undefined {
  if (!isBelow(folder.real, real)) {
    const advice = `Put the file itself into ${basename(folder.path)}/.`;
    return {
      code: "PLUGIN_PERMISSIONS",
      file: label,
      what: "lies outside the plugin folder once links are followed",
      advice,
    };
  }
  for (let at = real; ; at = dirname(at)) {
    const complaint = complaintOf({ ...factsOf(at), user: process.geteuid?.() });
    const shown = at === real ? label : labelOf(folder, at);
    if (complaint !== undefined) {
      return {
        code: "PLUGIN_PERMISSIONS",
        file: shown,
        what: complaint.what,
        advice: `Run: ${complaint.command} ${shown}`,
      };
    }
    if (at === folder.real) return undefined;
  }
}

export interface Ownership extends Pick<Stats, "mode" | "uid" | "gid"> {
  /** Permission bits count for nothing on a file system mounted read-only (configuration volumes). */
  readonly isReadOnly: boolean;
  /** Whom the relay runs as; `undefined` where the system has no such numbers. */
  readonly user: number | undefined;
}

/** Who else could change a file with these facts, and the command against it; `undefined` = nobody. */
export function complaintOf({
  mode,
  uid,
  gid,
  isReadOnly,
  user,
}: Ownership): { what: string; command: string } | undefined {
  if (user === undefined) return undefined;
  const bits = (mode & 0o777).toString(8);
  if ((mode & 0o002) !== 0 && !isReadOnly) {
    return { what: `can be changed by every user of this machine (mode ${bits})`, command: "chmod go-w" };
  }
  // Where each user has a group of the same number, that group is the user, and its bit is commonly set.
  if ((mode & 0o020) !== 0 && gid !== uid && !isReadOnly) {
    return { what: `can be changed by everybody in group ${gid} (mode ${bits})`, command: "chmod g-w" };
  }
  if (uid !== 0 && uid !== user) {
    return {
      what: `belongs to user ${uid}, who is neither root nor user ${user}, as whom the relay runs`,
      command: `chown ${user}`,
    };
  }
  return undefined;
}

function factsOf(path: string): Omit<Ownership, "user"> {
  const { mode, uid, gid } = statSync(path);
  return { mode, uid, gid, isReadOnly: (mode & 0o022) !== 0 && isOnReadOnlyFileSystem(path) };
}

function isOnReadOnlyFileSystem(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EROFS";
  }
}

/** Names that could be listed, for suggestions. */
function namesIn(folder: string): string[] {
  const all = readdirSync(folder, { withFileTypes: true });
  return all.flatMap(({ name }) => {
    if (name.endsWith(".ts") && !name.endsWith(".d.ts")) return [name.slice(0, -".ts".length)];
    return isFile(join(folder, name, "index.ts")) ? [name] : [];
  });
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
