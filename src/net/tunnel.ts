/** A way through a proxy to one address: CONNECT (RFC 9110 §9.3.6) or SOCKS 5 (RFC 1928, RFC 1929), then TLS with the origin. */
import { connect, isIP } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { NetError } from "./errors.ts";
import { failureOf } from "./failure.ts";
import type { Destination, ProxyServer } from "./proxy.ts";

/** Of a proxy's answer to CONNECT. */
const HEAD_BYTES_MAX = 16 * 1024;

export interface TunnelOptions {
  readonly proxy: ProxyServer;
  /** `hostname` is who answers there: the name in its certificate. */
  readonly to: Destination;
  /** What the proxy is asked to connect to: an address, or a name that it resolves itself. */
  readonly address: string;
  /** Trusted by the proxy's and the origin's certificates alike, in PEM; `undefined` = the runtime's. */
  readonly roots: readonly string[] | undefined;
}

export class Tunnel {
  /** The connection to the origin, its certificate checked. Rejects with a `NetError`. */
  readonly stream: Promise<Duplex>;
  #top: Duplex | undefined;
  #isOver = false;

  constructor(private readonly options: TunnelOptions) {
    this.stream = this.#open().catch((cause: unknown) => {
      this.#top?.destroy();
      throw failureOf(cause);
    });
    this.stream.catch(() => {});
  }

  abort(): void {
    this.#isOver = true;
    this.#top?.destroy();
  }

  async #open(): Promise<Duplex> {
    const { proxy, to } = this.options;
    let stream: Duplex = connect({ host: proxy.hostname, port: proxy.port, noDelay: true });
    await this.#until(stream, "connect", "The proxy could not be reached.");
    if (proxy.scheme === "https") stream = await this.#secure(stream, proxy.hostname, "the proxy");
    const reader = new Reader(stream);
    if (proxy.scheme === "socks5") await this.#passSocks(stream, reader);
    else await this.#passConnect(stream, reader);
    reader.release();
    if (to.isTls) stream = await this.#secure(stream, to.hostname, "the upstream");
    return stream;
  }

  async #until(stream: Duplex, event: "connect" | "secureConnect", failure: string): Promise<void> {
    if (this.#isOver) stream.destroy();
    this.#top = stream;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const ended = (): void => reject(new NetError("closed", failure));
    stream.once("error", reject).once("close", ended).once(event, resolve);
    try {
      await promise;
    } catch (cause) {
      throw event === "connect" ? new NetError("proxy", failure, cause) : new NetError("tls", failure, cause);
    } finally {
      stream.off("error", reject).off("close", ended).off(event, resolve);
      // An error nobody listens to would end the process.
      stream.on("error", () => {});
    }
  }

  async #secure(below: Duplex, hostname: string, whose: string): Promise<Duplex> {
    const { roots } = this.options;
    const isName = isIP(hostname) === 0;
    const stream = connectTls({
      socket: below,
      host: hostname,
      // Servers are named by names only (RFC 6066 §3).
      ...(isName ? { servername: hostname.replace(/\.$/, "") } : {}),
      rejectUnauthorized: true,
      ALPNProtocols: ["http/1.1"],
      ...(roots === undefined ? {} : { ca: [...roots] }),
    });
    await this.#until(stream, "secureConnect", `The certificate of ${whose} is not to be trusted, or TLS failed.`);
    return stream;
  }

  async #passConnect(stream: Duplex, reader: Reader): Promise<void> {
    const { proxy, to, address } = this.options;
    const place = `${address.includes(":") ? `[${address}]` : address}:${to.port}`;
    const pass =
      proxy.user === "" && proxy.password === ""
        ? ""
        : `proxy-authorization: Basic ${Buffer.from(`${proxy.user}:${proxy.password}`).toString("base64")}\r\n`;
    stream.write(`CONNECT ${place} HTTP/1.1\r\nhost: ${place}\r\n${pass}\r\n`);
    const head = (await reader.through("\r\n\r\n", HEAD_BYTES_MAX)).toString("latin1");
    const status = /^HTTP\/1\.[01] (\d{3})(?: |\r)/.exec(head)?.[1];
    if (status?.startsWith("2") !== true) throw refusal(`it answered ${status ?? "something else than HTTP"}`);
  }

  async #passSocks(stream: Duplex, reader: Reader): Promise<void> {
    const { proxy, to, address } = this.options;
    const hasPass = proxy.user !== "" || proxy.password !== "";
    stream.write(Buffer.from(hasPass ? [5, 2, 0, 2] : [5, 1, 0]));
    const [, method] = await reader.take(2);
    if (method === 2 && hasPass) {
      stream.write(Buffer.concat([Buffer.from([1]), counted(proxy.user), counted(proxy.password)]));
      const [, verdict] = await reader.take(2);
      if (verdict !== 0) throw refusal("it refused user and password");
    } else if (method !== 0) {
      throw refusal("it wants another way of signing in");
    }
    stream.write(
      Buffer.concat([Buffer.from([5, 1, 0]), socksAddress(address), Buffer.from([to.port >> 8, to.port & 255])]),
    );
    const [, code, , kind] = await reader.take(4);
    if (code !== 0) throw refusal(`it answered with SOCKS code ${code}`);
    const length = kind === 1 ? 4 : kind === 4 ? 16 : (await reader.take(1))[0]!;
    await reader.take(length + 2);
  }
}

function refusal(reason: string): NetError {
  return new NetError("proxy", "The proxy did not open a way to the upstream.", new Error(reason));
}

function counted(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length > 255) throw refusal("SOCKS takes names and passwords of 255 bytes at most");
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

/** Names are sent as they are: the proxy may know more of them than we do. */
function socksAddress(address: string): Buffer {
  const version = isIP(address);
  if (version === 0) return Buffer.concat([Buffer.from([3]), counted(address)]);
  if (version === 4) return Buffer.from([1, ...address.split(".").map(Number)]);
  // A URL writes every address in its shortest form, without dots.
  const [head = "", tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const groups = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => "0"), ...right];
  return Buffer.from([
    4,
    ...groups.map((group) => Number.parseInt(group, 16)).flatMap((value) => [value >> 8, value & 255]),
  ]);
}

/** What the proxy says before the way is open, piece by piece; not a byte more is taken out of the stream. */
class Reader {
  #received: Buffer = Buffer.alloc(0);
  #wake: (() => void) | undefined;
  #failure: unknown;

  constructor(private readonly stream: Duplex) {
    stream.on("data", this.#receive).on("close", this.#close).on("error", this.#fail);
  }

  async take(length: number): Promise<Buffer> {
    while (this.#received.length < length) await this.#more();
    const taken = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(length);
    return taken;
  }

  async through(mark: string, max: number): Promise<Buffer> {
    for (;;) {
      const at = this.#received.indexOf(mark);
      if (at >= 0) return this.take(at + mark.length);
      if (this.#received.length > max) throw refusal("it answered at too great a length");
      await this.#more();
    }
  }

  /** The stream is the origin's from here on. */
  release(): void {
    this.stream.off("data", this.#receive).off("close", this.#close).off("error", this.#fail);
    if (this.#received.length > 0) throw new NetError("malformed", "The upstream spoke before it was asked.");
  }

  #more(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    return new Promise((resolve, reject) => {
      this.#wake = () => (this.#failure === undefined ? resolve() : reject(this.#failure));
    });
  }

  readonly #receive = (bytes: Buffer): void => {
    this.#received = Buffer.concat([this.#received, bytes]);
    this.#wake?.();
  };

  readonly #close = (): void => this.#fail(refusal("it closed the connection"));

  readonly #fail = (cause: unknown): void => {
    this.#failure ??= cause;
    this.#wake?.();
  };
}
