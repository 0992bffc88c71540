/** One sync: read, check everything, build, swap; whatever asked for it, and never two at once. */
import { createHash } from "node:crypto";
import type { Config, Problem } from "../config/types.ts";
import type { Snapshot, SnapshotHolder } from "../snapshot/snapshot.ts";
import type { Logger } from "../contract/host.ts";

export interface SyncOptions {
  readonly trigger: "api" | "signal" | "file" | "cli";
  /** Check and build, then throw the result away. */
  readonly isDryRun?: boolean;
}

export type SyncAnswer =
  | {
      readonly type: "applied";
      readonly generation: number;
      /** Paths that differ from before; empty = nothing new, nothing swapped. */
      readonly changed: readonly string[];
      readonly warnings: readonly string[];
    }
  | { readonly type: "rejected"; readonly generation: number; readonly errors: readonly Problem[] };

/** What a sync needs of the composition root. */
export interface SyncParts {
  readonly holder: SnapshotHolder;
  readonly log: Logger;
  /** Reads and checks; `identity` changes whenever the text or a plugin file does. */
  readonly read: () => Promise<ReadResult>;
  /** Sets everything up; throws an error with `problems` when a plugin fails. */
  readonly build: (read: ReadResult & { config: Config }, generation: number) => Promise<Snapshot>;
  readonly differ: (
    before: Config,
    after: Config,
  ) => { readonly changed: readonly string[]; readonly restart: readonly string[] };
  /** Told after each swap, e.g. to set the log level. */
  readonly applied: (snapshot: Snapshot) => void;
  /** Told after each attempt, for metrics and the status route. */
  readonly finished: (answer: SyncAnswer) => void;
}

export interface ReadResult {
  readonly config: Config | null;
  readonly errors: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** Digest of everything that was read: configuration text, environment, plugin files. */
  readonly identity: string;
}

export function digestOf(parts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest("hex");
}

/** Calls queue; each sees the world as the one before left it. */
export function createSync(parts: SyncParts, firstIdentity: string): (options: SyncOptions) => Promise<SyncAnswer> {
  let identity = firstIdentity;
  let queue: Promise<unknown> = Promise.resolve();

  const run = async ({ trigger, isDryRun = false }: SyncOptions): Promise<SyncAnswer> => {
    const current = parts.holder.current;
    const read = await parts.read();
    if (read.config === null) return rejected(current, read.errors);
    const { config } = read;
    const { changed, restart } = parts.differ(current.config, config);
    const warnings = [
      ...read.warnings.map(({ path, message }) => `${path}: ${message}`),
      ...restart.map((path) => `${path}: takes effect after a restart`),
    ];
    if (read.identity === identity && changed.length === 0) {
      return { type: "applied", generation: current.generation, changed: [], warnings };
    }
    let next: Snapshot;
    try {
      next = await parts.build({ ...read, config }, current.generation + 1);
    } catch (cause) {
      const { problems } = cause as { problems?: readonly Problem[] };
      if (problems === undefined) throw cause;
      return rejected(current, problems);
    }
    if (isDryRun) {
      await next.dispose();
      return { type: "applied", generation: current.generation, changed, warnings };
    }
    identity = read.identity;
    parts.holder.swap(next);
    parts.applied(next);
    parts.log.info("configuration reloaded", { generation: next.generation, trigger, changed: changed.join(" ") });
    return { type: "applied", generation: next.generation, changed, warnings };
  };

  const rejected = (current: Snapshot, errors: readonly Problem[]): SyncAnswer => {
    for (const { path, line, column, message } of errors) {
      parts.log.error("the configuration was not taken; the running one stays", {
        path,
        line,
        col: column,
        problem: message,
      });
    }
    return { type: "rejected", generation: current.generation, errors };
  };

  return (options) => {
    const turn = queue.then(() => run(options));
    queue = turn.catch(() => {});
    return turn.then((answer) => {
      parts.finished(answer);
      return answer;
    });
  };
}
