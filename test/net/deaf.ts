/** A port on which nobody answers, as if the packets got lost: connecting to it neither succeeds nor fails. */
import { existsSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";

/** Why this cannot be had here; `undefined` when it can. */
export const DEAF_IS_MISSING = existsSync("/proc/net/tcp") ? undefined : "needs /proc/net/tcp";

/** More than a listener's queue holds. */
const FILL_MAX = 5000;
const SYN_SENT = "02";

export interface Deaf extends AsyncDisposable {
  readonly port: number;
  /** Connections to the port that are being tried right now. */
  trying(): number;
  /** Resolves when so many are being tried. */
  untilTrying(count: number): Promise<void>;
}

export async function startDeaf(): Promise<Deaf> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "deaf.child.ts")], { stdout: "pipe" });
  const { value } = await child.stdout.getReader().read();
  const port = Number(new TextDecoder().decode(value));
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const trying = () =>
    readFileSync("/proc/net/tcp", "utf8")
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , remote, state]) => remote?.endsWith(suffix) === true && state === SYN_SENT).length;
  const untilTrying = async (count: number) => {
    // The system does not say when; it takes microseconds.
    for (let looks = 0; trying() !== count; looks += 1) {
      if (looks > 1000) throw new Error(`${trying()} connections are being tried, not ${count}`);
      await Bun.sleep(2);
    }
  };

  const fillers: Socket[] = [];
  while (fillers.length < FILL_MAX && trying() === 0) {
    for (let i = 0; i < 50; i += 1) fillers.push(connect({ port, host: "127.0.0.1" }).on("error", () => {}));
    await Bun.sleep(2);
  }
  // Those that fill the queue stay; those that did not get in must not be counted.
  for (const filler of fillers) if (filler.connecting) filler.destroy();
  await untilTrying(0);
  return {
    port,
    trying,
    untilTrying,
    async [Symbol.asyncDispose]() {
      for (const filler of fillers) filler.destroy();
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}
