/** Moves a write-ahead log into its file beside the event loop: each such move waits for the disk twice. */
import { constants, Database } from "bun:sqlite";
import { threadUrl } from "../support/threads.ts";

/** One at a time; whoever asks waits for the one before. */
export interface Checkpointer {
  /** Resolves to whether nothing is left in the log; rejects when it cannot be done there. */
  run(): Promise<boolean>;
  /** Resolves when nothing is at work any more. */
  stop(): Promise<void>;
}

/** What the thread says to each path it is sent. */
export type CheckpointReply = { readonly isWhole: boolean } | { readonly failure: string };

/** A disk that takes longer is not worth waiting for at the end; the next start finds the log as it is. */
const STOP_MAX_MS = 5000;

const WORKER_URL = threadUrl("checkpoint-worker.ts");

/** In the thread: what can be moved without waiting for writers or readers. `true`: all of it. */
export function checkpointOnce(path: string): boolean {
  const client = new Database(path, { readwrite: true, create: false });
  try {
    // Should the file have been replaced meanwhile, the log that lies at this name by now is not ours to remove.
    client.fileControl(constants.SQLITE_FCNTL_PERSIST_WAL, 1);
    const statement = client.prepare<{ busy: number; log: number; checkpointed: number }, []>(
      "PRAGMA wal_checkpoint(PASSIVE)",
    );
    const state = statement.get();
    statement.finalize();
    return state !== null && state.busy === 0 && state.log === state.checkpointed;
  } finally {
    client.close(true);
  }
}

/** The thread starts with the first checkpoint: a relay with little to write never has one. */
export function createThreadCheckpointer(path: string): Checkpointer {
  let worker: Worker | undefined;
  let atWork: Promise<boolean> | undefined;

  const start = (): Worker => {
    const thread = new Worker(WORKER_URL, { smol: true, name: "checkpoints" });
    thread.unref();
    return thread;
  };

  const ask = async (): Promise<boolean> => {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    worker ??= start();
    const thread = worker;
    const fail = (reason: string): void => {
      worker = undefined;
      thread.terminate();
      reject(new Error(`the thread for checkpoints failed: ${reason}`));
    };
    const ended = (): void => fail("it ended");
    thread.addEventListener("close", ended);
    thread.onerror = ({ message }) => fail(message);
    thread.onmessage = ({ data }: MessageEvent<CheckpointReply>) => {
      if ("failure" in data) reject(new Error(data.failure));
      else resolve(data.isWhole);
    };
    thread.postMessage(path);
    try {
      return await promise;
    } finally {
      thread.removeEventListener("close", ended);
    }
  };

  return {
    run() {
      atWork ??= ask().finally(() => {
        atWork = undefined;
      });
      return atWork;
    },
    async stop() {
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, STOP_MAX_MS);
      await Promise.race([late, atWork?.catch(() => {})]);
      clearTimeout(timer);
      worker?.terminate();
      worker = undefined;
    },
  };
}
