/** The HTTP/1.1 client for calls to upstreams: kept connections, no hidden limits, everything on the main thread. */
import { type Clock, type Schedule, systemSchedule } from "../support/clock.ts";
import { HEAD_BYTES_MAX } from "../wire/http1.ts";
import type { Client, NetRequest, Sending } from "./answer.ts";
import { Connection, type ConnectionOwner } from "./connection.ts";
import { Dial, type DialOwner, type Lookup } from "./dial.ts";
import { NetError } from "./errors.ts";
import { Exchange } from "./exchange.ts";
import { Origin } from "./origin.ts";
import type { ProxyChoice } from "./proxy.ts";
import { type Target, targetOf } from "./request-head.ts";
import { rootsWith } from "./roots.ts";
import type { Socket } from "./socket.ts";

/** A connection nobody uses is closed after this long, ms. */
const IDLE_MS = 60_000;
const IDLE_PER_ORIGIN_MAX = 512;
/** Far beyond what one process can serve: a fault elsewhere shall not eat all sockets of the machine. */
export const CONNECTIONS_MAX = 65_536;
/** How often limits are looked at: one may take effect this much late. Nobody looks while nothing waits. */
const TICK_MS = 250;
/** URLs taken apart before; calls mostly go to a few. */
const TARGETS_MAX = 1024;

export interface ClientOptions {
  readonly clock: Clock;
  /** Default: timers of the runtime. */
  readonly schedule?: Schedule;
  /** `ca`: certificates in PEM, trusted beside those of the runtime. */
  readonly tls?: { readonly ca?: string };
  /** How long a connection is kept while nobody uses it, ms. Default 60,000. */
  readonly idleMs?: number;
  /** Default 512. */
  readonly maxIdlePerOrigin?: number;
  /** Most bytes of the head of an answer. Default 64 KiB. */
  readonly headerBytesMax?: number;
  /** Decides which addresses a name has. Default: the runtime resolves, remembers for a while and tries all of them. */
  readonly lookup?: Lookup;
  /** Through which proxy an origin is reached. Default: none. */
  readonly proxyFor?: ProxyChoice;
  /** Whether an address may be connected to. Default: any may. */
  readonly mayReach?: ((address: string) => boolean) | undefined;
}

export interface ClientStats {
  /** Connections that stand, free ones included. */
  readonly open: number;
  /** Connections that are free. */
  readonly idle: number;
  /** Calls that found a free connection, since the start. */
  readonly reused: number;
}

export interface DirectClient extends Client {
  readonly stats: ClientStats;
}

export function createClient(options: ClientOptions): DirectClient {
  return new HttpClient(options);
}

class HttpClient implements DirectClient, ConnectionOwner, DialOwner {
  readonly clock: Clock;
  readonly lookup: Lookup | undefined;
  readonly roots: readonly string[] | undefined;
  readonly proxyFor: ProxyChoice | undefined;
  readonly mayReach: ((address: string) => boolean) | undefined;
  readonly #schedule: Schedule;
  readonly #idleMs: number;
  readonly #maxIdle: number;
  readonly #headBytesMax: number;
  readonly #targets = new Map<string, { readonly target: Target; readonly origin: Origin }>();
  readonly #origins = new Map<string, Origin>();
  readonly #dials = new Set<Dial>();
  #open = 0;
  #idle = 0;
  #reused = 0;
  #isClosed = false;
  #cancelTick: (() => void) | null = null;

  constructor(options: ClientOptions) {
    this.clock = options.clock;
    this.lookup = options.lookup;
    this.proxyFor = options.proxyFor;
    this.mayReach = options.mayReach;
    this.#schedule = options.schedule ?? systemSchedule;
    this.#idleMs = options.idleMs ?? IDLE_MS;
    this.#maxIdle = options.maxIdlePerOrigin ?? IDLE_PER_ORIGIN_MAX;
    this.#headBytesMax = options.headerBytesMax ?? HEAD_BYTES_MAX;
    this.roots = options.tls?.ca === undefined ? undefined : rootsWith(options.tls.ca);
  }

  get stats(): ClientStats {
    return { open: this.#open, idle: this.#idle, reused: this.#reused };
  }

  /** Throws a `TypeError` for a URL, a method or a header that is not one. */
  send(request: NetRequest): Sending {
    const { target, origin } = this.#targets.get(request.url) ?? this.#remember(request.url);
    const exchange = new Exchange(request, target);
    // A body that can be sent only once must not meet a connection that has died meanwhile.
    const isStream = request.body instanceof ReadableStream;
    if (isStream && (request.body as ReadableStream).locked)
      throw new TypeError("The body of a request is already read.");
    const free = isStream ? undefined : origin.take();
    if (free === undefined) {
      this.#dial(origin, exchange);
    } else {
      this.#idle -= 1;
      this.#reused += 1;
      free.start(exchange);
    }
    return exchange;
  }

  close(): void {
    this.#isClosed = true;
    for (const origin of this.#origins.values()) this.#retireOlderThan(origin, Number.POSITIVE_INFINITY);
  }

  keep(connection: Connection): void {
    const { origin } = connection;
    if (this.#isClosed || origin.idleCount >= this.#maxIdle) return connection.retire();
    connection.idleSinceMs = this.clock.monotonic();
    origin.put(connection);
    this.#idle += 1;
    this.#watch();
  }

  forget(connection: Connection): void {
    const { origin } = connection;
    this.#open -= 1;
    origin.open -= 1;
    if (origin.remove(connection)) this.#idle -= 1;
  }

  sendAgain(exchange: Exchange): void {
    exchange.isRetried = true;
    this.#dial(this.#origins.get(exchange.target.origin)!, exchange);
  }

  connected(dial: Dial, socket: Socket): void {
    const { origin, exchange } = dial;
    this.#dials.delete(dial);
    this.#open += 1;
    origin.open += 1;
    const connection = new Connection(this, origin, socket, this.#headBytesMax);
    socket.data = connection;
    connection.start(exchange);
  }

  ended(dial: Dial): void {
    this.#dials.delete(dial);
  }

  #dial(origin: Origin, exchange: Exchange): void {
    if (this.#open + this.#dials.size >= CONNECTIONS_MAX) {
      return exchange.fail(new NetError("unreachable", "There are too many connections."));
    }
    const dial = new Dial(this, origin, exchange, this.clock.monotonic() + exchange.connectMs);
    this.#dials.add(dial);
    this.#watch();
    void dial.run();
  }

  #remember(url: string): { readonly target: Target; readonly origin: Origin } {
    const target = targetOf(url);
    if (this.#targets.size >= TARGETS_MAX) this.#targets.clear();
    let origin = this.#origins.get(target.origin);
    if (origin === undefined) {
      origin = new Origin(target);
      this.#origins.set(target.origin, origin);
    }
    const entry = { target, origin };
    this.#targets.set(url, entry);
    return entry;
  }

  #watch(): void {
    this.#cancelTick ??= this.#schedule(TICK_MS, () => this.#tick());
  }

  #tick(): void {
    this.#cancelTick = null;
    const now = this.clock.monotonic();
    for (const dial of this.#dials) if (dial.deadlineMs <= now) dial.expire();
    if (this.#idle > 0) {
      for (const origin of this.#origins.values()) this.#retireOlderThan(origin, now - this.#idleMs);
    }
    if (this.#idle > 0 || this.#dials.size > 0) this.#watch();
  }

  #retireOlderThan(origin: Origin, instant: number): void {
    const connections = origin.takeOlderThan(instant);
    this.#idle -= connections.length;
    for (const connection of connections) connection.retire();
  }
}
