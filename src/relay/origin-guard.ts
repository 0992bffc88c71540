/** Bounds the time to connect: fetch has no such limit, so a quiet origin is called on before a call is sent to it. */
import { RelayError } from "../contract/errors.ts";
import type { Clock } from "../support/clock.ts";

/** An origin that answered this recently is taken to be reachable. */
const TRUSTED_MS = 15_000;
const REMEMBERED_MAX = 4096;

export interface Origin {
  readonly hostname: string;
  readonly port: number;
}

/** Opens a connection and closes it again; rejects when that fails. */
export type Knock = (origin: Origin) => Promise<void>;

/** `undefined` for anything but http(s). */
export function originOf(url: string): Origin | undefined {
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== "http:" && protocol !== "https:") return undefined;
  const fallback = protocol === "https:" ? 443 : 80;
  return { hostname: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? fallback : Number(port) };
}

const knockByTcp: Knock = async ({ hostname, port }) => {
  // Resolves once connected and rejects otherwise; the handler is demanded all the same.
  const socket = await Bun.connect({ hostname, port, socket: { data: () => {}, connectError: () => {} } });
  socket.terminate();
};

export class OriginGuard {
  /** Base URL → when it last answered, monotonic ms. */
  readonly #answered = new Map<string, number>();
  readonly #clock: Clock;
  readonly #knock: Knock;

  constructor(clock: Clock, knock: Knock = knockByTcp) {
    this.#clock = clock;
    this.#knock = knock;
  }

  /** Nothing to wait for when the origin has just answered somebody. */
  isTrusted(baseUrl: string): boolean {
    const at = this.#answered.get(baseUrl);
    return at !== undefined && this.#clock.monotonic() - at < TRUSTED_MS;
  }

  /** Any answer of the origin, a failure included, shows that it can be reached. */
  trust(baseUrl: string): void {
    if (this.#answered.size >= REMEMBERED_MAX) this.#answered.clear();
    this.#answered.set(baseUrl, this.#clock.monotonic());
  }

  /** Throws `upstream-timeout` or `upstream-unavailable`. */
  async check(baseUrl: string, connectMs: number, signal: AbortSignal): Promise<void> {
    const origin = originOf(baseUrl);
    if (origin === undefined) return;
    const { promise: stopped, reject: stop } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => stop(new RelayError("upstream-timeout", "The upstream could not be reached in time.")),
      connectMs,
    );
    const leave = (): void => stop(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
    try {
      await Promise.race([this.#knock(origin), stopped]);
      this.trust(baseUrl);
    } catch (cause) {
      if (RelayError.is(cause) || signal.aborted) throw cause;
      throw new RelayError("upstream-unavailable", "The upstream could not be reached.", { cause });
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", leave);
    }
  }
}
