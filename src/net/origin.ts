/** The connections to one origin that are free, and what is known about reaching it. */
import type { Connection } from "./connection.ts";
import type { Target } from "./request-head.ts";

export class Origin {
  readonly isTls: boolean;
  readonly hostname: string;
  readonly port: number;
  /** Connections that stand, free ones included. */
  open = 0;
  /** Somebody gave up while connecting, and nobody has got through since. */
  isSuspect = false;
  /** The last to become free is the first to be used: the others may grow old and be closed. */
  readonly #idle: Connection[] = [];

  constructor({ isTls, hostname, port }: Target) {
    this.isTls = isTls;
    this.hostname = hostname;
    this.port = port;
  }

  get idleCount(): number {
    return this.#idle.length;
  }

  take(): Connection | undefined {
    return this.#idle.pop();
  }

  put(connection: Connection): void {
    this.#idle.push(connection);
  }

  /** `true` when it was among the free ones. */
  remove(connection: Connection): boolean {
    const index = this.#idle.lastIndexOf(connection);
    if (index < 0) return false;
    this.#idle.splice(index, 1);
    return true;
  }

  /** Takes out those that have been free since before this instant, monotonic ms. */
  takeOlderThan(instant: number): Connection[] {
    let count = 0;
    while (count < this.#idle.length && this.#idle[count]!.idleSinceMs <= instant) count += 1;
    return this.#idle.splice(0, count);
  }
}
