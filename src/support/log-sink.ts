/** Where log lines go: stderr, gathered per turn of the event loop, bounded when nobody reads. */
import { fstatSync } from "node:fs";
import type { StderrKind } from "./log.ts";

/** A reader that stopped must cost neither the process nor its memory. */
const PENDING_BYTES_MAX = 1024 * 1024;
const STDERR = 2;
/** One line per call is written together with those of the next calls. */
const ROUTINE_WAIT_MS = 20;
/** Unless there is already this much. */
const ROUTINE_LENGTH_MAX = 16 * 1024;

export interface LogSink {
  /** Takes a complete line; never waits, never throws. A routine one may wait a moment for company. */
  write(line: string, isRoutine?: boolean): void;
  /** Hands everything gathered to the system; resolves when it is written or `timeoutMs` have passed. */
  flush(timeoutMs: number): Promise<void>;
  /** Lines given up because the reader did not keep pace. */
  readonly dropped: number;
}

export interface LogSinkOptions {
  /** Calls back when the text has left the process. */
  readonly send: (text: string, sent: () => void) => void;
  /** Runs its argument later in this turn of the event loop or early in the next. */
  readonly defer: (task: () => void) => void;
  /** Runs its argument after this many ms. */
  readonly delay: (task: () => void, ms: number) => void;
  readonly pendingBytesMax: number;
}

const system: LogSinkOptions = {
  send: (text, sent) => {
    process.stderr.write(text, sent);
  },
  defer: (task) => {
    setImmediate(task);
  },
  delay: (task, ms) => {
    setTimeout(task, ms);
  },
  pendingBytesMax: PENDING_BYTES_MAX,
};

/** One system call for many lines instead of one each; when too much is on its way, new lines are counted and dropped. */
export function createLogSink({ send, defer, delay, pendingBytesMax }: LogSinkOptions = system): LogSink {
  let gathered: string[] = [];
  let gatheredLength = 0;
  let onTheWay = 0;
  let isDeferred = false;
  let isDelayed = false;
  let dropped = 0;
  let reported = 0;
  let idle: (() => void)[] = [];

  const release = () => {
    isDeferred = false;
    if (gathered.length === 0) return;
    if (dropped > reported) {
      gathered.push(`monorelay: ${dropped - reported} log lines dropped: the reader of stderr is too slow\n`);
      reported = dropped;
    }
    const length = gatheredLength;
    const text = gathered.join("");
    gathered = [];
    gatheredLength = 0;
    onTheWay += length;
    send(text, () => {
      onTheWay -= length;
      if (onTheWay > 0 || gathered.length > 0) return;
      for (const resolve of idle) resolve();
      idle = [];
    });
  };

  const releaseRoutine = () => {
    isDelayed = false;
    release();
  };

  return {
    get dropped() {
      return dropped;
    },
    write(line, isRoutine = false) {
      if (onTheWay + gatheredLength + line.length > pendingBytesMax) {
        dropped += 1;
        return;
      }
      gathered.push(line);
      gatheredLength += line.length;
      if (isDeferred) return;
      if (isRoutine && gatheredLength < ROUTINE_LENGTH_MAX) {
        if (isDelayed) return;
        isDelayed = true;
        delay(releaseRoutine, ROUTINE_WAIT_MS);
        return;
      }
      isDeferred = true;
      defer(release);
    },
    flush(timeoutMs) {
      release();
      if (onTheWay === 0) return Promise.resolve();
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        idle.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    },
  };
}

/** Looks at stderr once. The journal announces its socket in `JOURNAL_STREAM` as `device:inode`. */
export function inspectStderr(env: Readonly<Record<string, string | undefined>> = process.env): StderrKind {
  const isTerminal = process.stderr.isTTY === true;
  let isJournal = false;
  const announced = env["JOURNAL_STREAM"];
  if (announced !== undefined) {
    const { dev, ino } = fstatSync(STDERR);
    isJournal = announced === `${dev}:${ino}`;
  }
  return { isTerminal, isJournal, hasColor: isTerminal && !env["NO_COLOR"] && env["TERM"] !== "dumb" };
}
