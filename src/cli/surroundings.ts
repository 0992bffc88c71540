/** What in the environment could weaken the relay: refused, or named at start. */
import { CliError, EXIT } from "./exit.ts";

/** Change what this process runs or whom it trusts. */
const NAMED = ["BUN_OPTIONS", "BUN_INSPECT", "NODE_OPTIONS", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"] as const;

const PROXIES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] as const;

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws where starting would be dangerous; returns the lines to warn with otherwise. */
export function checkSurroundings(env: Environment): string[] {
  if (env["NODE_TLS_REJECT_UNAUTHORIZED"] === "0") {
    throw new CliError(
      EXIT.usage,
      "unsafe_environment",
      "NODE_TLS_REJECT_UNAUTHORIZED=0 switches off the check of every upstream's certificate; keys would go to anybody.",
      "Unset it. For a private certificate authority set network.ca_file.",
    );
  }
  if (env["LISTEN_FDS"] !== undefined && env["LISTEN_FDS"] !== "0") {
    throw new CliError(
      EXIT.usage,
      "socket_activation",
      "Sockets handed over by systemd (LISTEN_FDS) cannot be used by this server.",
      "Let it listen by itself, or put systemd-socket-proxyd in front.",
    );
  }
  const isSet = (name: string): boolean => (env[name] ?? "") !== "";
  return [
    ...NAMED.filter(isSet).map((name) => `${name} is set and changes how this process runs`),
    // Never its value: a proxy's password stands in it.
    ...PROXIES.filter(isSet).map(
      (name) => `${name} is set: calls go through it where network.proxy does not say otherwise`,
    ),
  ];
}
