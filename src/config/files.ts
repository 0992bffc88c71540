/** What the configuration asks of the file system, small enough to be played in tests. */
import { accessSync, constants, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, sep } from "node:path";

export interface FileFacts {
  readonly isFile: boolean;
  readonly bytes: number;
  /** User id of the owner. */
  readonly owner: number;
  /** Permission bits. */
  readonly mode: number;
}

export interface Files {
  /** Links followed; `null` = nothing there, or not to be seen. */
  facts(path: string): FileFacts | null;
  isWritable(path: string): boolean;
  /** Links resolved; `null` = nothing there. */
  realPath(path: string): string | null;
  /** `null` = cannot be read. */
  read(path: string): Uint8Array | null;
}

function attempt<T>(action: () => T): T | null {
  try {
    return action();
  } catch {
    return null;
  }
}

export const FILE_SYSTEM: Files = {
  facts: (path) =>
    attempt(() => {
      const stats = statSync(path);
      return { isFile: stats.isFile(), bytes: stats.size, owner: stats.uid, mode: stats.mode & 0o777 };
    }),
  isWritable: (path) =>
    attempt(() => {
      accessSync(path, constants.W_OK);
      return true;
    }) ?? false,
  realPath: (path) => attempt(() => realpathSync(path)),
  read: (path) => attempt(() => readFileSync(path)),
};

/** Whether a path that may not exist yet lies in `folder` once every link on its way is followed. */
export function isWithin(files: Files, folder: string, path: string): boolean {
  const realFolder = files.realPath(folder) ?? folder;
  const rest: string[] = [];
  let existing = path;
  let real = files.realPath(existing);
  while (real === null && dirname(existing) !== existing) {
    rest.unshift(basename(existing));
    existing = dirname(existing);
    real = files.realPath(existing);
  }
  const resolved = join(real ?? existing, ...rest);
  return resolved === realFolder || resolved.startsWith(realFolder.endsWith(sep) ? realFolder : realFolder + sep);
}
