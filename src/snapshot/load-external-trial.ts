/** Imports a plugin file in a throw-away thread first: an endless loop, an exit or a crash there costs the relay nothing. */
import { threadUrl } from "../support/threads.ts";
import { describePrinted, type Thrown } from "./load-external-thrown.ts";

/** What the thread says: `ready` once, then how the import went, once. */
export type TrialMessage =
  | { readonly type: "ready" }
  | { readonly type: "imported" }
  | { readonly type: "failed"; readonly thrown: Thrown };

export type TrialOutcome =
  | { readonly type: "imported" }
  | { readonly type: "failed"; readonly thrown: Thrown }
  /** Not done within the time limit. */
  | { readonly type: "late" }
  /** The file ended the thread, as it would have ended the relay. */
  | { readonly type: "exited" };

/** A thread starts within milliseconds; on a machine that is out of breath this is no fault of the plugin. */
const START_MAX_MS = 30_000;

const WORKER_URL = threadUrl("plugin-worker.ts");

/** `entry`: absolute path. The time limit counts from the moment the thread is ready. Throws if no thread can be had. */
export async function tryImport(entry: string, importMaxMs: number): Promise<TrialOutcome> {
  const { promise, resolve, reject } = Promise.withResolvers<TrialOutcome>();
  const worker = new Worker(WORKER_URL, { smol: true, name: "plugin trial" });
  let isReady = false;
  let timer = setTimeout(() => reject(new Error("the thread for trying plugins did not start")), START_MAX_MS);
  worker.onmessage = ({ data }: MessageEvent<TrialMessage>) => {
    if (data.type !== "ready") return resolve(data);
    isReady = true;
    clearTimeout(timer);
    timer = setTimeout(() => resolve({ type: "late" }), importMaxMs);
    worker.postMessage(entry);
  };
  worker.onerror = ({ message }) => {
    if (isReady) resolve({ type: "failed", thrown: describePrinted(message) });
    else reject(new Error(`the thread for trying plugins failed: ${message}`));
  };
  worker.addEventListener("close", () => resolve({ type: "exited" }));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    worker.terminate();
  }
}
