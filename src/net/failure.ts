/** What the system and the runtime say about a connection, in the words of this room. */
import { NetError, type NetFailure } from "./errors.ts";

type Verdict = readonly [failure: NetFailure, message: string];

/** By code, or else name, of an error. https://man7.org/linux/man-pages/man2/connect.2.html and what the runtime adds. */
const VERDICTS: readonly (readonly [RegExp, Verdict])[] = [
  [/^ABORT|AbortError/, ["aborted", "The call was given up."]],
  [/REFUSED/i, ["refused", "The upstream refused the connection."]],
  [/NOTFOUND|EAI_|DNS/, ["dns", "The name of the upstream could not be resolved."]],
  [/CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO/, ["tls", "The upstream is not to be trusted, or TLS with it failed."]],
  [/ECONNRESET|EPIPE|EPROTO/, ["reset", "The connection to the upstream broke."]],
  [/ConnectionClosed/, ["closed", "The upstream closed the connection before its answer was complete."]],
  [/InvalidHTTP|Zlib/i, ["malformed", "The upstream's answer is malformed."]],
];
const UNREACHABLE: Verdict = ["unreachable", "The upstream could not be reached, or broke the connection."];

export function failureOf(cause: unknown): NetError {
  if (cause instanceof NetError) return cause;
  const { code, name } = (cause ?? {}) as { code?: unknown; name?: unknown };
  const word = typeof code === "string" ? code : String(name ?? "");
  const [failure, message] = VERDICTS.find(([pattern]) => pattern.test(word))?.[1] ?? UNREACHABLE;
  return new NetError(failure, message, cause);
}
