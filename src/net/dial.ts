/** Connects to an origin for one exchange: name, TCP, TLS, all within one limit, given up at any stage. */
import { connect as connectByNode, isIP, type Socket as NodeSocket } from "node:net";
import { NetError } from "./errors.ts";
import type { Carrier, Exchange } from "./exchange.ts";
import { failureOf } from "./failure.ts";
import type { Origin } from "./origin.ts";
import type { ProxyChoice } from "./proxy.ts";
import { HANDLERS, type Socket, type SocketUser } from "./socket.ts";
import { StreamSocket } from "./stream-socket.ts";
import { Tunnel } from "./tunnel.ts";

/** Addresses of a name in the order in which to try them. */
export type Lookup = (hostname: string) => Promise<readonly string[]>;

export interface DialOwner {
  readonly lookup: Lookup | undefined;
  /** Roots that are trusted, in PEM; `undefined` = the runtime's. */
  readonly roots: readonly string[] | undefined;
  /** `undefined` = always directly. */
  readonly proxyFor: ProxyChoice | undefined;
  /** Whether an address may be connected to; `undefined` = any may. */
  readonly mayReach: ((address: string) => boolean) | undefined;
  /** The connection stands; the socket is the owner's now. */
  connected(dial: Dial, socket: Socket): void;
  /** Given up or failed; the exchange knows. */
  ended(dial: Dial): void;
}

/** The one protocol we speak, behind its length, as the TLS extension has it (RFC 7301). */
const ALPN = "\x08http/1.1";

export class Dial implements Carrier, SocketUser {
  readonly origin: Origin;
  readonly exchange: Exchange;
  /** Monotonic ms. */
  readonly deadlineMs: number;
  readonly #owner: DialOwner;
  #isOver = false;
  #isConnecting = false;
  #socket: Socket | null = null;
  #knock: NodeSocket | null = null;
  #tunnel: Tunnel | null = null;

  constructor(owner: DialOwner, origin: Origin, exchange: Exchange, deadlineMs: number) {
    this.#owner = owner;
    this.origin = origin;
    this.exchange = exchange;
    this.deadlineMs = deadlineMs;
    exchange.carrier = this;
  }

  /** Never rejects: what goes wrong, the exchange hears. */
  async run(): Promise<void> {
    try {
      const { lookup } = this.#owner;
      const { hostname } = this.origin;
      const addresses = lookup === undefined || isIP(hostname) !== 0 ? [hostname] : await this.#resolve(lookup);
      for (const [index, address] of addresses.entries()) {
        if (this.#isOver) return;
        try {
          return await this.#connect(address);
        } catch (error) {
          if (index === addresses.length - 1) throw error;
        }
      }
    } catch (error) {
      this.#fail(failureOf(error));
    }
  }

  /** The limit has passed. */
  expire(): void {
    this.#giveUp();
    this.exchange.fail(new NetError("connect-timeout", "The upstream could not be reached in time."));
  }

  drop(): void {
    this.#giveUp();
  }

  resume(): void {}

  opened(socket: Socket): void {
    this.origin.isSuspect = false;
    this.#isConnecting = false;
    if (this.#isOver) return socket.terminate();
    this.#socket = socket;
    // Nothing of the request has been said yet; which of its addresses a name led to is known only now.
    if (this.#owner.mayReach?.(socket.remoteAddress) === false) {
      return this.#fail(new NetError("address", "The address of the upstream is one that is not allowed."));
    }
    if (!this.origin.isTls) this.#hand(socket);
  }

  shaken(socket: Socket, isTrusted: boolean, error: Error | null): void {
    if (this.#isOver) return;
    if (isTrusted && error === null && socket.authorized) return this.#hand(socket);
    this.#fail(new NetError("tls", "The certificate of the upstream is not to be trusted.", error ?? undefined));
  }

  receive(): void {
    this.#fail(new NetError("malformed", "The upstream spoke before it was asked."));
  }

  drained(): void {}

  failed(error: Error): void {
    this.#fail(this.origin.isTls ? new NetError("tls", "TLS with the upstream failed.", error) : failureOf(error));
  }

  closed(error: Error | undefined): void {
    if (this.origin.isTls) return this.#fail(new NetError("tls", "The upstream broke off the TLS handshake.", error));
    this.#fail(new NetError(error === undefined ? "closed" : "reset", "The connection to the upstream broke.", error));
  }

  async #resolve(lookup: Lookup): Promise<readonly string[]> {
    try {
      const addresses = await lookup(this.origin.hostname);
      if (addresses.length > 0) return addresses;
    } catch (cause) {
      throw new NetError("dns", "The name of the upstream could not be resolved.", cause);
    }
    throw new NetError("dns", "The name of the upstream has no address.");
  }

  async #connect(address: string): Promise<void> {
    const { origin } = this;
    const proxy = this.#owner.proxyFor?.(origin) ?? null;
    if (proxy !== null) {
      this.#tunnel = new Tunnel({ proxy, to: origin, address, roots: this.#owner.roots });
      const stream = await this.#tunnel.stream;
      return this.#isOver ? void stream.destroy() : this.#hand(new StreamSocket(stream, this));
    }
    if (origin.isSuspect) await this.#tryOut(address);
    if (this.#isOver) return;
    this.#isConnecting = true;
    try {
      await Bun.connect<SocketUser>({
        hostname: address,
        port: origin.port,
        data: this,
        socket: HANDLERS,
        ...(origin.isTls ? { tls: this.#tlsOptions() } : {}),
      });
    } finally {
      this.#isConnecting = false;
    }
  }

  #tlsOptions(): Bun.TLSOptions {
    const { hostname } = this.origin;
    const { roots } = this.#owner;
    return {
      // By default an environment variable decides.
      rejectUnauthorized: true,
      // Servers are named by names only (RFC 6066 §3); an empty one leaves the check to the address.
      serverName: isIP(hostname) === 0 ? hostname.replace(/\.$/, "") : "",
      ALPNProtocols: ALPN,
      ...(roots === undefined ? {} : { ca: [...roots] }),
    };
  }

  /**
   * The runtime's fast sockets cannot be closed while they connect, so where somebody has waited in vain before, a slow
   * one that can goes first. Without it, every call to an origin that does not answer would leave a socket behind for
   * the minutes that the system goes on trying.
   */
  #tryOut(address: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const knock = connectByNode({ host: address, port: this.origin.port });
      this.#knock = knock;
      knock.on("error", reject);
      knock.once("connect", () => knock.destroy());
      knock.once("close", () => {
        this.#knock = null;
        resolve();
      });
    });
  }

  #hand(socket: Socket): void {
    this.#isOver = true;
    this.#owner.connected(this, socket);
  }

  #fail(error: NetError): void {
    if (this.#isOver) return;
    this.#end();
    this.exchange.fail(error);
  }

  #giveUp(): void {
    if (this.#isOver) return;
    if (this.#isConnecting) this.origin.isSuspect = true;
    this.#end();
  }

  #end(): void {
    this.#isOver = true;
    this.#knock?.destroy();
    this.#tunnel?.abort();
    this.#socket?.terminate();
    this.#owner.ended(this);
  }
}
