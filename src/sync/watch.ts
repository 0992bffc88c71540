/** Watches files through their directories, so that editors which save by renaming are noticed too. */
import { type FSWatcher, watch } from "node:fs";
import { basename, dirname } from "node:path";

/** Editors write in several steps; the content counts once it has been quiet for this long. */
export const DEBOUNCE_MS = 250;

export interface FileWatcher {
  /** Replaces what is watched; unchanged directories keep their watcher. */
  setFiles(files: readonly string[]): void;
  close(): void;
}

/** `changed` is called once per burst. Directories that cannot be watched are reported and left out. */
export function watchFiles(changed: () => void, failed: (directory: string, error: unknown) => void): FileWatcher {
  const watchers = new Map<string, FSWatcher>();
  let names = new Map<string, Set<string>>();
  let timer: Timer | undefined;

  const notice = (): void => {
    clearTimeout(timer);
    timer = setTimeout(changed, DEBOUNCE_MS);
    timer.unref();
  };

  return {
    setFiles(files) {
      names = new Map();
      for (const file of files) {
        const directory = dirname(file);
        const known = names.get(directory) ?? new Set<string>();
        known.add(basename(file));
        names.set(directory, known);
      }
      for (const [directory, watcher] of watchers) {
        if (names.has(directory)) continue;
        watcher.close();
        watchers.delete(directory);
      }
      for (const directory of names.keys()) {
        if (watchers.has(directory)) continue;
        try {
          const watcher = watch(directory, (_event, file) => {
            // Mounted configuration volumes swap a link named ..data; no file of ours is named then.
            const known = names.get(directory);
            if (file === null || known?.has(file) === true || file.startsWith("..")) notice();
          });
          watcher.on("error", (error) => failed(directory, error));
          watcher.unref();
          watchers.set(directory, watcher);
        } catch (error) {
          failed(directory, error);
        }
      }
    },
    close() {
      clearTimeout(timer);
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}
