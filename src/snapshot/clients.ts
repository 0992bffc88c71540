/** The ways out of the house, kept over reloads: one for each proxy and each set of trusted roots. */
import type { Client, NetRequest, Sending } from "../net/answer.ts";
import { createClient } from "../net/client.ts";
import { createFetchClient } from "../net/fetch-client.ts";
import { chooseProxy, DIRECT, type ProxyChoice } from "../net/proxy.ts";
import { targetOf } from "../net/request-head.ts";
import { isClosedAddress, isReachableAddress } from "../net/public-addresses.ts";
import type { OpenWay, WayOut } from "../net/way-out.ts";
import type { Clock } from "../support/clock.ts";

/** Which addresses may be connected to. */
export interface AddressRule {
  /** Loopback and private ones; others that are not public need a listing always. */
  readonly isPrivateAllowed: boolean;
  /** Networks that are permitted in any case. */
  readonly listed: readonly string[];
}

const ANY: AddressRule = { isPrivateAllowed: true, listed: ["0.0.0.0/0", "::/0"] };

function judgeOf({ isPrivateAllowed, listed }: AddressRule): WayOut["mayReach"] {
  return (address) => (isPrivateAllowed ? !isClosedAddress(address, listed) : isReachableAddress(address, listed));
}

/** A way out that no generation has used for a while is not worth counting: there are as many as proxies in use. */
export class Clients {
  readonly #ways = new Map<string, OpenWay>();

  /** `environment`: where `HTTP_PROXY` and its like stand. */
  constructor(
    private readonly clock: Clock,
    private readonly environment: Readonly<Record<string, string | undefined>> = {},
  ) {}

  /**
   * `proxy`: a URL, `none` = connect directly whatever the environment says, `null` = as the environment says.
   * `extraRoots`: certificates in PEM that are trusted beside the system's.
   */
  get(proxy: string | null, extraRoots: string | null, rule: AddressRule = ANY): OpenWay {
    const rules = `${rule.isPrivateAllowed} ${rule.listed.join()}`;
    const name = `${proxy ?? "environment"}\n${rules}\n${extraRoots ?? ""}`;
    let way = this.#ways.get(name);
    if (way === undefined) {
      const proxyFor = chooseProxy(proxy, this.environment);
      const plain: WayOut = { proxyFor, roots: extraRoots, mayReach: judgeOf(rule) };
      way = { ...plain, client: this.#clientOf(proxy, plain) };
      this.#ways.set(name, way);
    }
    return way;
  }

  close(): void {
    for (const { client } of this.#ways.values()) client.close();
    this.#ways.clear();
  }

  #clientOf(proxy: string | null, { proxyFor, roots, mayReach }: WayOut): Client {
    const own = createClient({
      clock: this.clock,
      mayReach,
      ...(proxyFor === DIRECT ? {} : { proxyFor }),
      ...(roots === null ? {} : { tls: { ca: roots } }),
    });
    const isSimple = proxyFor === DIRECT || proxy?.startsWith("socks5:") === true;
    return isSimple ? own : new ProxiedClient(own, createFetchClient({ proxyFor, roots }), proxyFor);
  }
}

/** Web proxies take http as such, which the runtime's own client knows; everything else is ours. */
class ProxiedClient implements Client {
  constructor(
    private readonly own: Client,
    private readonly runtimes: Client,
    private readonly proxyFor: ProxyChoice,
  ) {}

  send(request: NetRequest): Sending {
    const target = targetOf(request.url);
    const isForwarded = !target.isTls && this.proxyFor(target)?.scheme.startsWith("http") === true;
    return (isForwarded ? this.runtimes : this.own).send(request);
  }

  close(): void {
    this.own.close();
    this.runtimes.close();
  }
}
