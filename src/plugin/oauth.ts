/** What every OAuth sign-in does alike: bounded requests to the identity provider, and the code's exchange for a token. */
import type { Json, JsonObject } from "../contract/chat.ts";
import { RelayError } from "../contract/errors.ts";
import type { Host } from "../contract/host.ts";

/** Longer answers of an identity provider are refused unread. */
export const PROVIDER_BODY_BYTES_MAX = 1024 * 1024;
/** One request to an identity provider; somebody waits in front of a browser. */
export const PROVIDER_REQUEST_MAX_MS = 5000;

/** OAuth error codes are short words; anything else an answer claims to be one is not repeated. */
const ERROR_WORD = /^[a-z_]{1,64}$/;

export interface ProviderRequest {
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly form?: URLSearchParams;
  readonly signal: AbortSignal;
}

export interface ProviderAnswer {
  readonly status: number;
  readonly body: Json;
}

/**
 * Asks an identity provider for JSON: ≤ 5 s, ≤ 1 MiB, no redirects. Answers with status 200 to 499 (`body` is
 * null for a refusal that is no JSON); throws
 * `upstream-timeout`, `upstream-unavailable` (no connection, 3xx, 5xx) or `upstream-malformed` (no JSON, too long).
 *
 * @example
 * async function profile(host: Host, token: string, signal: AbortSignal) {
 *   const headers = { authorization: `Bearer ${token}` };
 *   const { status, body } = await askProvider(host, "https://id.example.com/me", { headers, signal });
 *   return status === 200 ? body : undefined;
 * }
 */
export async function askProvider(
  host: Pick<Host, "fetch">,
  url: string | URL,
  { method = "GET", headers = {}, form, signal }: ProviderRequest,
): Promise<ProviderAnswer> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(PROVIDER_REQUEST_MAX_MS)]);
  try {
    const response = await host.fetch(url, {
      method,
      headers: { accept: "application/json", "user-agent": "monorelay", ...headers },
      ...(form === undefined ? {} : { body: form }),
      signal: deadline,
      redirect: "manual",
    });
    const { status } = response;
    if (status < 200 || (status >= 300 && status < 400) || status >= 500) {
      await response.body?.cancel();
      throw new RelayError("upstream-unavailable", `The identity provider answered ${status}.`);
    }
    return { status, body: parse(await readBounded(response), status) };
  } catch (cause) {
    if (RelayError.is(cause)) throw cause;
    if (deadline.aborted)
      throw new RelayError("upstream-timeout", "The identity provider did not answer in time.", { cause });
    throw new RelayError("upstream-unavailable", "The identity provider cannot be reached.", { cause });
  }
}

async function readBounded(response: Response): Promise<string> {
  const declared = Number(response.headers.get("content-length") ?? 0);
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  while (reader !== undefined) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > PROVIDER_BODY_BYTES_MAX || declared > PROVIDER_BODY_BYTES_MAX) {
      await reader.cancel();
      throw new RelayError("upstream-malformed", "The identity provider's answer is too long.");
    }
    parts.push(value);
  }
  return Buffer.concat(parts).toString("utf8");
}

function parse(text: string, status: number): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    // A refusal says enough by its status.
    if (status >= 400) return null;
    // The parser's message quotes the text, which may be a token.
    throw new RelayError("upstream-malformed", "The identity provider's answer is no JSON.");
  }
}

export interface CodeExchange {
  readonly tokenEndpoint: string | URL;
  readonly clientId: string;
  readonly clientSecret: string;
  /** How the client shows its secret (RFC 6749 section 2.3.1): in a header, or among the fields. */
  readonly clientAuth: "basic" | "post";
  readonly code: string;
  readonly redirectUri: string;
  readonly codeVerifier: string;
  readonly signal: AbortSignal;
}

/** What came with the token; `access_token` is there and is a string. */
export type TokenAnswer = JsonObject & { readonly access_token: string };

/**
 * Exchanges an authorization code (RFC 6749 section 4.1.3, RFC 7636). Throws `unauthenticated` when the provider
 * refuses the code, `upstream-credential` when it refuses us, and what `askProvider` throws.
 *
 * @example
 * async function tokenOf(host: Host, client: { id: string; secret: string }, login: Parameters<SignIn["finish"]>[0]) {
 *   const { code, redirectUri, codeVerifier, signal } = login;
 *   const tokenEndpoint = "https://id.example.com/token";
 *   const own = { clientId: client.id, clientSecret: client.secret, clientAuth: "basic" } as const;
 *   return (await exchangeCode(host, { tokenEndpoint, ...own, code, redirectUri, codeVerifier, signal })).access_token;
 * }
 */
export async function exchangeCode(host: Pick<Host, "fetch">, exchange: CodeExchange): Promise<TokenAnswer> {
  const { clientId, clientSecret, clientAuth, code, redirectUri, codeVerifier, signal } = exchange;
  const form = new URLSearchParams({
    grant_type: "authorization_code",
    code,
    redirect_uri: redirectUri,
    code_verifier: codeVerifier,
  });
  const headers: Record<string, string> = {};
  if (clientAuth === "basic") {
    const pair = `${formEncode(clientId)}:${formEncode(clientSecret)}`;
    headers["authorization"] = `Basic ${Buffer.from(pair).toString("base64")}`;
  } else {
    form.set("client_id", clientId);
    form.set("client_secret", clientSecret);
  }
  const { status, body } = await askProvider(host, exchange.tokenEndpoint, { method: "POST", headers, form, signal });
  const answer = isObject(body) ? body : {};
  // GitHub answers 200 for a bad code too; the failure is in the body.
  if (status >= 400 || answer["error"] !== undefined) throw refusal(status, answer["error"]);
  if (typeof answer["access_token"] !== "string" || answer["access_token"] === "") {
    throw new RelayError("upstream-malformed", "The identity provider sent no access token.");
  }
  return answer as TokenAnswer;
}

function refusal(status: number, error: Json | undefined): RelayError {
  const word = typeof error === "string" && ERROR_WORD.test(error) ? error : `status ${status}`;
  const isOurs = ["invalid_client", "unauthorized_client", "incorrect_client_credentials"].includes(word);
  return isOurs
    ? new RelayError("upstream-credential", `The identity provider refuses the client credentials (${word}).`)
    : new RelayError("unauthenticated", `The identity provider refused the code (${word}).`, {
        wireCode: "code_refused",
      });
}

/** `application/x-www-form-urlencoded`, as RFC 6749 section 2.3.1 wants it inside of the header. */
function formEncode(text: string): string {
  return new URLSearchParams({ v: text }).toString().slice(2);
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
