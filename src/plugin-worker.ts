/** The throw-away thread that imports one plugin file before the relay does, and says how it went. */
import { describeThrown } from "./snapshot/load-external-thrown.ts";
import type { TrialMessage } from "./snapshot/load-external-trial.ts";
import { serveDoor } from "./snapshot/virtual-door.ts";

declare const self: Worker;

const say = (message: TrialMessage): void => self.postMessage(message);
const fail = (thrown: unknown): void => say({ type: "failed", thrown: describeThrown(thrown) });

process.on("unhandledRejection", fail);
process.on("uncaughtException", fail);
// What the file prints, it prints again when the relay imports it.
for (const method of ["log", "info", "debug", "warn", "error"] as const) console[method] = () => {};

serveDoor();
self.onmessage = async ({ data: entry }: MessageEvent<string>) => {
  try {
    await import(entry);
  } catch (thrown) {
    fail(thrown);
    return;
  }
  // A promise that was left to reject is only noticed after the turn in which it did.
  setTimeout(() => say({ type: "imported" }), 0);
};
say({ type: "ready" });
