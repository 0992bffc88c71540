/** Which proxy a request goes through: as configured, else as the environment says, else none. */
import { isIP } from "node:net";
import { isInNetworks } from "../support/addresses.ts";

export interface ProxyServer {
  readonly scheme: "http" | "https" | "socks5";
  /** As configured, user and password included. */
  readonly url: string;
  /** Without the brackets of an IPv6 address. */
  readonly hostname: string;
  readonly port: number;
  /** Empty = none. */
  readonly user: string;
  readonly password: string;
}

/** Where a request leads; `hostname` without brackets. */
export interface Destination {
  readonly isTls: boolean;
  readonly hostname: string;
  readonly port: number;
}

/** `null` = directly. */
export type ProxyChoice = (to: Destination) => ProxyServer | null;

type Environment = Readonly<Record<string, string | undefined>>;

export const DIRECT: ProxyChoice = () => null;

const PORTS = { http: 80, https: 443, socks5: 1080 } as const;

/** `url`: as the configuration has checked it. Throws a `TypeError`, which does not repeat it, for anything else. */
export function proxyOf(url: string): ProxyServer {
  const parsed = URL.parse(url);
  const scheme = parsed?.protocol.slice(0, -1);
  if (parsed === null || parsed.hostname === "" || (scheme !== "http" && scheme !== "https" && scheme !== "socks5")) {
    throw new TypeError("The URL of a proxy is malformed.");
  }
  return {
    scheme,
    url,
    hostname: parsed.hostname.replace(/^\[|\]$/g, ""),
    port: parsed.port === "" ? PORTS[scheme] : Number(parsed.port),
    user: plainOf(parsed.username),
    password: plainOf(parsed.password),
  };
}

/** A percent sign that is none is meant as it stands. */
function plainOf(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}

/**
 * `configured`: a URL = always this one; `none` = directly whatever the environment says; `null` = by `HTTP_PROXY`,
 * `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in small letters first, as curl and the runtime read them. There a value
 * that is no http or https proxy counts as not set.
 */
export function chooseProxy(configured: string | null, environment: Environment): ProxyChoice {
  if (configured === "none") return DIRECT;
  if (configured !== null) {
    const proxy = proxyOf(configured);
    return () => proxy;
  }
  const variable = (name: string): string => environment[name.toLowerCase()] || environment[name] || "";
  const named = (name: string): ProxyServer | null => httpProxyOf(variable(name)) ?? httpProxyOf(variable("ALL_PROXY"));
  const [plain, secure] = [named("HTTP_PROXY"), named("HTTPS_PROXY")];
  if (plain === null && secure === null) return DIRECT;
  const spared = variable("NO_PROXY")
    .split(/[\s,]+/)
    .filter((entry) => entry !== "");
  return (to) => (spared.some((entry) => isSparing(entry, to)) ? null : to.isTls ? secure : plain);
}

function httpProxyOf(value: string): ProxyServer | null {
  if (value === "") return null;
  try {
    const proxy = proxyOf(value.includes("://") ? value : `http://${value}`);
    return proxy.scheme === "socks5" ? null : proxy;
  } catch {
    return null;
  }
}

/** `*`, a domain, which stands for those below it too, an address, a network, or any of them with a port. */
function isSparing(entry: string, { hostname, port }: Destination): boolean {
  if (entry === "*") return true;
  const host = hostname.toLowerCase().replace(/\.$/, "");
  const [, bracketed, ofBracketed] = /^\[([^\]]+)\](?::(\d+))?$/.exec(entry) ?? [];
  const [, plain, ofPlain] = (bracketed === undefined && /^([^:]+):(\d+)$/.exec(entry)) || [];
  const wantedPort = ofBracketed ?? ofPlain;
  if (wantedPort !== undefined && Number(wantedPort) !== port) return false;
  const wanted = (bracketed ?? plain ?? entry).toLowerCase();
  if (isIP(host) !== 0) return isInNetworks(host, [wanted]);
  const domain = wanted.replace(/^\*?\./, "");
  return domain !== "" && (host === domain || host.endsWith(`.${domain}`));
}
