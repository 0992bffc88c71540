/** Reads the credential of a request once, from every header it may stand in, so that nobody else has to. */
import type { Credentials } from "../contract/auth.ts";
import { RelayError } from "../contract/errors.ts";

/** Longer values are refused without being hashed or looked up. */
export const CREDENTIAL_LENGTH_MAX = 4096;

const CHARACTERS = /^[A-Za-z0-9._~+/=-]+$/;
const EDGES = /^[ \t]+|[ \t]+$/g;

/** What came with a request. `conflict`: several values that differ; whether they mean the same caller the chain finds out. */
export type Found =
  /** Nothing that any header of ours carries; a plugin may still know the caller by a header of its own. */
  | { readonly type: "none"; readonly credentials: Credentials }
  | { readonly type: "one"; readonly credentials: Credentials }
  | { readonly type: "several"; readonly credentials: readonly Credentials[] }
  /** Something was shown that can be no credential: 401 without a look-up. */
  | { readonly type: "unusable" };

export interface CarrierRules {
  /** `?key=` counts (Gemini routes only). */
  readonly queryKey?: string | undefined;
  /** A session cookie of a same-origin request. */
  readonly session?: string | undefined;
  readonly remoteAddress: string;
}

const UNUSABLE: Found = { type: "unusable" };

/** Throws `bad-request` (`malformed_credential`) when a credential header was sent twice. */
export function readCredentials(headers: Headers, rules: CarrierRules): Found {
  const authorization = trimmed(headers.get("authorization"));
  const fromBearer = authorization === "" ? "" : bearerToken(authorization);
  const fromAccess = trimmed(headers.get("x-access-key"));
  const fromApi = trimmed(headers.get("x-api-key"));
  const fromGoogle = trimmed(headers.get("x-goog-api-key"));
  const fromQuery = rules.queryKey ?? "";
  const { remoteAddress } = rules;

  // The common case: one credential, in one place.
  const one = fromBearer || fromAccess || fromApi || fromGoogle || fromQuery;
  const isSingle =
    (fromBearer === "" || fromBearer === one) &&
    (fromAccess === "" || fromAccess === one) &&
    (fromApi === "" || fromApi === one) &&
    (fromGoogle === "" || fromGoogle === one) &&
    (fromQuery === "" || fromQuery === one);
  if (isSingle) {
    if (one !== "")
      return isUsable(one) ? { type: "one", credentials: { bearer: one, remoteAddress, headers } } : UNUSABLE;
    if (rules.session !== undefined && rules.session !== "") {
      return { type: "one", credentials: { session: rules.session, remoteAddress, headers } };
    }
    return { type: "none", credentials: { remoteAddress, headers } };
  }
  return several([fromBearer, fromAccess, fromApi, fromGoogle, fromQuery], remoteAddress, headers);
}

function several(found: readonly (string | undefined)[], remoteAddress: string, headers: Headers): Found {
  const values = new Set(found);
  values.delete("");
  const all = [...values] as string[];
  if (!all.every(isUsable)) return UNUSABLE;
  return { type: "several", credentials: all.map((bearer) => ({ bearer, remoteAddress, headers })) };
}

/** What is no credential at all, e.g. another scheme, is `undefined`. */
function isUsable(value: string | undefined): value is string {
  return value !== undefined && value.length <= CREDENTIAL_LENGTH_MAX && CHARACTERS.test(value);
}

/** Without blanks around it; empty if absent. */
function trimmed(header: string | null): string {
  if (header === null) return "";
  const first = header.charCodeAt(0);
  const last = header.charCodeAt(header.length - 1);
  const isTrim = first !== 0x20 && first !== 0x09 && last !== 0x20 && last !== 0x09;
  const value = isTrim ? header : header.replace(EDGES, "");
  rejectRepeated(value);
  return value;
}

/** The server joins repeated header lines with a comma, and no credential contains one. */
function rejectRepeated(value: string): void {
  if (!value.includes(",")) return;
  throw new RelayError("bad-request", "A credential header was sent more than once.", {
    wireCode: "malformed_credential",
  });
}

/** RFC 9110 section 11.1: the scheme in any case, one or more spaces, the token. */
function bearerToken(text: string): string | undefined {
  if (text.length < 8 || text.charCodeAt(6) !== 0x20) return undefined;
  const isBearer = text.startsWith("Bearer") || text.slice(0, 6).toLowerCase() === "bearer";
  if (!isBearer) return undefined;
  let from = 7;
  while (text.charCodeAt(from) === 0x20) from += 1;
  return text.slice(from);
}
