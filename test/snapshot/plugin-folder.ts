/** A folder of plugin files that lives as long as one test. */
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { PluginListEntry } from "../../src/config/types.ts";
import type { Logger } from "../../src/plugin/index.ts";
import { type LoadedExternal, type LoadRequest, loadExternal } from "../../src/snapshot/load-external.ts";

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export class PluginFolder {
  /** Holds `plugins/`, and what must stay outside of it. */
  readonly base = realpathSync(mkdtempSync(join(tmpdir(), "monorelay-plugins-")));
  readonly dir = join(this.base, "plugins");
  readonly log: LogLine[] = [];

  constructor() {
    mkdirSync(this.dir, { mode: 0o755 });
  }

  /** `path` is relative to the plugin folder. */
  write(path: string, text: string): string {
    const file = join(this.dir, path);
    mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
    writeFileSync(file, text);
    chmodSync(file, 0o644);
    return file;
  }

  /** Loads plugins by name, or as full list entries. */
  load(list: readonly (string | Partial<PluginListEntry>)[], rest: Partial<LoadRequest> = {}): Promise<LoadedExternal> {
    const entries = list.map((each) => ({
      name: "",
      sha256: null,
      enabled: true,
      ...(typeof each === "string" ? { name: each } : each),
    }));
    const { log } = this;
    return loadExternal({
      dir: this.dir,
      list: entries,
      requireHash: false,
      builtinIds: [],
      log: recorder(log),
      ...rest,
    });
  }

  remove(): void {
    rmSync(this.base, { recursive: true, force: true });
  }
}

function recorder(lines: LogLine[]): Logger {
  const at =
    (level: string) =>
    (message: string, fields: object = {}): void => {
      lines.push({ level, message, fields: fields as LogLine["fields"] });
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
