/** What can go wrong between us and an upstream before anybody looks at the content. */

export type NetFailure =
  | "refused"
  | "unreachable"
  | "dns"
  | "tls"
  | "proxy"
  | "address"
  | "connect-timeout"
  | "reset"
  | "closed"
  | "malformed"
  | "too-large"
  | "aborted";

/** `message` names no address, header or key; what the system said is in `cause`. */
export class NetError extends Error {
  readonly code: NetFailure;

  constructor(code: NetFailure, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "NetError";
    this.code = code;
  }
}
