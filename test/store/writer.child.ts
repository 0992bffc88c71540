/** Run by tests as a process to be killed: holds a data directory, or writes and says what is now on disk. */
import { openDataDirectory } from "../../src/store/data-dir.ts";
import { openStore } from "../../src/store/open.ts";
import { call, createMemoryLog, pathsIn, STARTED_AT } from "./samples.ts";

const [directory = "", task] = process.argv.slice(2);
const log = createMemoryLog();

if (task === "hold") {
  openDataDirectory(directory, log).announce({
    pid: process.pid,
    version: "0.0.0",
    url: null,
    socket: null,
    generation: 1,
    startedAt: STARTED_AT,
  });
  console.log("held");
  // Bounded, should nobody come to end it.
  setTimeout(() => {}, 30_000);
} else {
  const options = { busyTimeoutMs: 1000, synchronous: "full", log, redact: (text: string) => text } as const;
  console.log("begin");
  const store = await openStore({ ...pathsIn(directory), ...options });
  const first = Number((await store.settings.get("counter")) ?? 0) + 1;
  // Bounded, should nobody come to end it.
  for (let i = first; i < first + 100_000; i++) {
    await store.settings.set("counter", String(i));
    await store.settings.set(`setting-${i % 500}`, String(i));
    store.calls.append(call({ startedAt: STARTED_AT + i, requestId: `caller-${i}` }));
    store.calls.flush();
    console.log(i);
  }
}
