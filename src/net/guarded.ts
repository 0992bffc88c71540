/** Fetches what strangers name: public addresses only, checked where the connection is made, at every redirect anew. */
import { lookup as resolve } from "node:dns/promises";
import { isIP } from "node:net";
import type { Clock } from "../support/clock.ts";
import type { Answer, Client, Sending } from "./answer.ts";
import { createClient } from "./client.ts";
import type { Lookup } from "./dial.ts";
import { isReachableAddress } from "./public-addresses.ts";
import { DIRECT } from "./proxy.ts";
import type { WayOut } from "./way-out.ts";

const REDIRECTS_MAX = 3;
const CONNECT_MAX_MS = 5000;
const URL_CHARS_MAX = 8192;

export interface GuardedOptions {
  /** Networks that are none the less permitted. */
  readonly allowed: readonly string[];
  /** A proxy is asked for the checked address, never for a name, and with CONNECT also for http. */
  readonly way: WayOut;
  readonly bytesMax: number;
  /** For everything: names, connections, redirects and the body. */
  readonly totalMs: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface GuardedFetcher {
  /** The body of a 200 answer. Rejects for everything else; why is for the log, not for whoever named the URL. */
  get(url: string, options: GuardedOptions): Promise<Uint8Array<ArrayBuffer>>;
}

/** `names`: all addresses of a name; default: the system's resolver. */
export function createGuardedFetcher(clock: Clock, names: Lookup = allAddresses): GuardedFetcher {
  const clients = new WeakMap<WayOut, WeakMap<readonly string[], Client>>();
  const clientFor = ({ allowed, way }: GuardedOptions): Client => {
    let ofWay = clients.get(way);
    if (ofWay === undefined) clients.set(way, (ofWay = new WeakMap()));
    let client = ofWay.get(allowed);
    if (client === undefined) {
      const lookup: Lookup = async (hostname) => checked(await names(hostname), allowed);
      client = createClient({
        clock,
        lookup,
        // No connection is kept: the next call may come from somebody else.
        maxIdlePerOrigin: 0,
        ...(way.proxyFor === DIRECT ? {} : { proxyFor: way.proxyFor }),
        ...(way.roots === null ? {} : { tls: { ca: way.roots } }),
      });
      ofWay.set(allowed, client);
    }
    return client;
  };
  return { get: (url, options) => new Fetch(clientFor(options), options).run(url) };
}

async function allAddresses(hostname: string): Promise<readonly string[]> {
  return (await resolve(hostname, { all: true })).map(({ address }) => address);
}

/** One bad address spoils the name: nobody honest mixes them. */
function checked(addresses: readonly string[], allowed: readonly string[]): readonly string[] {
  if (addresses.some((address) => !isReachableAddress(address, allowed))) throw new Error("the address is not public");
  return addresses;
}

class Fetch {
  #sending: Sending | undefined;
  #ended: Error | undefined;

  constructor(
    private readonly client: Client,
    private readonly options: GuardedOptions,
  ) {}

  async run(first: string): Promise<Uint8Array<ArrayBuffer>> {
    const { signal, totalMs } = this.options;
    const end = (reason: string) => () => {
      this.#ended = new Error(reason);
      this.#sending?.abort();
    };
    const timer = setTimeout(end("it took too long"), totalMs);
    const leave = end("the caller has left");
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await this.#follow(first);
    } catch (cause) {
      throw this.#ended ?? cause;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", leave);
    }
  }

  async #follow(first: string): Promise<Uint8Array<ArrayBuffer>> {
    let url = this.#checkedUrl(first);
    for (let redirects = 0; ; redirects += 1) {
      const answer = await this.#ask(url);
      if (answer.status === 200) return await answer.bytes(this.options.bytesMax);
      const location = answer.header("location");
      answer.abort();
      if (answer.status < 300 || answer.status > 399 || location === null) {
        throw new Error(`it was answered with ${answer.status}`);
      }
      if (redirects === REDIRECTS_MAX) throw new Error("it redirects too often");
      url = this.#checkedUrl(new URL(location, url).href);
    }
  }

  async #ask(url: URL): Promise<Answer> {
    if (this.#ended !== undefined) throw this.#ended;
    this.#sending = this.client.send({
      method: "GET",
      url: url.href,
      headers: { ...this.options.headers, "accept-encoding": "identity" },
      body: null,
      connectMs: CONNECT_MAX_MS,
    });
    const answer = await this.#sending.answer;
    if ((answer.length ?? 0) > this.options.bytesMax) {
      answer.abort();
      throw new Error("it is too large");
    }
    return answer;
  }

  /** Names are checked when they are resolved; addresses written out are not resolved at all. */
  #checkedUrl(text: string): URL {
    if (text.length > URL_CHARS_MAX) throw new Error("the URL is too long");
    const url = new URL(text);
    if (url.protocol !== "http:" && url.protocol !== "https:") throw new Error(`${url.protocol} is not fetched`);
    if (url.username !== "" || url.password !== "") throw new Error("the URL holds a credential");
    url.hash = "";
    const host = url.hostname.replace(/^\[|\]$/g, "");
    if (isIP(host) !== 0 && !isReachableAddress(host, this.options.allowed))
      throw new Error("the address is not public");
    return url;
  }
}
