/** What only the environment at the start can tell the runtime: how many requests at once, how memory is kept. */

const VARIABLE = "BUN_CONFIG_MAX_HTTP_REQUESTS";
/** The highest the runtime takes; the relay's own limit is `limits.max_concurrency`. */
const CAP = "65535";

/**
 * How long freed memory is kept before the system gets it back, ms. With the allocator's own 10 ms every burst of calls
 * gives back and asks again for the same pages: 2 µs of each call.
 */
const PURGE_VARIABLE = "MIMALLOC_PURGE_DELAY";
const PURGE_DELAY_MS = "5000";

/**
 * From this size on the heap is collected in earnest, bytes. At the runtime's own 32 MiB a busy relay collects every
 * thousand calls, and each collection costs what its live part costs: 2.5 µs of each call, for 30 MiB less.
 */
const HEAP_VARIABLE = "BUN_JSC_largeHeapSize";
const HEAP_BYTES = String(64 * 1024 * 1024);

/**
 * Collecting beside the running program takes more time in all than pausing it: 1.5 µs of each call. With a heap of this
 * size a pause is some milliseconds, which calls of seconds do not notice.
 */
const COLLECTOR_VARIABLE = "BUN_JSC_useConcurrentGC";
const COLLECTOR = "0";

/**
 * Replaces this process by itself with the variables set; the process id stays. Returns where that is not needed or not
 * possible. `userArgs`: the arguments behind the program's own name.
 */
export function applyRuntimeSettings(userArgs: readonly string[], isCompiled: boolean): void {
  const wanted = {
    [VARIABLE]: CAP,
    [PURGE_VARIABLE]: PURGE_DELAY_MS,
    [HEAP_VARIABLE]: HEAP_BYTES,
    [COLLECTOR_VARIABLE]: COLLECTOR,
  };
  // What the operator has set stays; with all of it set, this is the process that was meant.
  if (Object.keys(wanted).every((name) => process.env[name] !== undefined) || process.execve === undefined) return;
  const args = isCompiled ? [process.execPath, ...userArgs] : [process.execPath, process.argv[1] ?? "", ...userArgs];
  try {
    process.execve(process.execPath, args, { ...wanted, ...process.env } as NodeJS.ProcessEnv);
  } catch {
    // No such call on this platform: the cap stays, and start-up warns of it.
  }
}

/** Options whose value is the next argument; it must not be taken for a command. */
const WITH_VALUE = /^(?:--config|--data-dir|--url|--host|--port|-p|--unix|--log-level|--log-format|--env-file)$/;

/** Will these arguments start the server? Asked before anything that could parse them properly is loaded. */
export function isServing(args: readonly string[]): boolean {
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at]!;
    if (/^(?:-h|--help|--version)$/.test(arg)) return false;
    if (WITH_VALUE.test(arg)) at += 1;
    else if (!arg.startsWith("-")) return arg === "serve";
  }
  return true;
}

/** How many upstream requests can run at once in this process. */
export function requestCap(): number {
  const text = process.env[VARIABLE];
  return text === undefined ? 256 : Number(text);
}
