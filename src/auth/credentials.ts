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
  const values: string[] = [];
  let isUnusable = false;
  const add = (value: string): void => {
    if (value.length > CREDENTIAL_LENGTH_MAX || !CHARACTERS.test(value)) isUnusable = true;
    else if (!values.includes(value)) values.push(value);
  };

  const authorization = headers.get("authorization");
  if (authorization !== null) {
    const text = authorization.replace(EDGES, "");
    if (text !== "") {
      rejectRepeated(text);
      const token = bearerToken(text);
      if (token === undefined) isUnusable = true;
      else add(token);
    }
  }
  addRaw(headers.get("x-access-key"), add);
  addRaw(headers.get("x-api-key"), add);
  addRaw(headers.get("x-goog-api-key"), add);
  if (rules.queryKey !== undefined && rules.queryKey !== "") add(rules.queryKey);

  if (isUnusable) return UNUSABLE;
  const { remoteAddress } = rules;
  if (values.length === 1) return { type: "one", credentials: { bearer: values[0]!, remoteAddress, headers } };
  if (values.length > 1) {
    return { type: "several", credentials: values.map((bearer) => ({ bearer, remoteAddress, headers })) };
  }
  if (rules.session !== undefined && rules.session !== "") {
    return { type: "one", credentials: { session: rules.session, remoteAddress, headers } };
  }
  return { type: "none", credentials: { remoteAddress, headers } };
}

function addRaw(header: string | null, add: (value: string) => void): void {
  if (header === null) return;
  const value = header.replace(EDGES, "");
  if (value === "") return;
  rejectRepeated(value);
  add(value);
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
  return isBearer ? text.slice(7).replace(/^ +/, "") : undefined;
}
