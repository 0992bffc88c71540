/** Secrets that callers write into bodies, for servers of tools which a vendor is to ask: kept out of what is recorded. */
import { isObject } from "../codec/shared/json.ts";
import { bufferOf } from "../wire/part.ts";
import type { RelayError } from "../plugin/index.ts";
import type { TopLevel } from "./scan.ts";

/** In every body that names such a server, in either dialect that has them. */
const MARK = '"mcp';
/** Shorter ones would take ordinary words out of a message. */
const SECRET_CHARS_MIN = 4;

/** Takes them out of an upstream's words, should it repeat them in a refusal. Looks closer only where there are any. */
export function hideBodySecrets(error: RelayError, top: TopLevel): RelayError {
  if (error.message === "" || !bufferOf(top.bytes).includes(MARK)) return error;
  for (const secret of secretsIn(top)) error.message = error.message.replaceAll(secret, "[redacted]");
  return error;
}

function secretsIn(top: TopLevel): string[] {
  const places = [top.value("tools"), top.value("mcp_servers")];
  return places
    .flatMap((list) => (Array.isArray(list) ? list.filter(isObject) : []))
    .flatMap(({ authorization, authorization_token, headers }) => [
      authorization,
      authorization_token,
      ...(isObject(headers) ? Object.values(headers) : []),
    ])
    .flatMap((value) => (typeof value === "string" ? [value, value.replace(/^\w+\s+/, "")] : []))
    .filter((secret) => secret.length >= SECRET_CHARS_MIN);
}
