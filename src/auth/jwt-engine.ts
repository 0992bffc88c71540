/** Signs and verifies JSON Web Tokens with one key; everything about claims and headers is decided elsewhere. */
import { createPrivateKey, createPublicKey } from "node:crypto";
import { type JWTVerifyOptions, jwtVerify, SignJWT } from "jose";
import { deriveKey } from "./key-files.ts";

export type JwtAlgorithm = "HS256" | "EdDSA";

export interface JwtKey {
  /** Names the key in the header; says nothing about it. */
  readonly id: string;
  readonly algorithm: JwtAlgorithm;
  /** At least 32 bytes; for EdDSA the private key is derived from it. */
  readonly secret: string;
}

/** Everything an access token says (RFC 9068); instants in seconds. */
export interface AccessClaims {
  readonly iss: string;
  readonly aud: string;
  readonly sub: string;
  readonly iat: number;
  readonly exp: number;
  readonly jti: string;
  readonly sid: string;
}

export interface JwtEngine {
  /** Puts `typ`, `alg` and `kid` into the header, and nothing else. */
  sign(claims: AccessClaims): Promise<string>;
  /** The payload of a token with a good signature that obeys the options; `false` or a rejection for any other. */
  verify(token: string, options: JWTVerifyOptions): Promise<object | false>;
}

export const TOKEN_TYPE = "at+jwt";

/** PKCS #8 of an Ed25519 private key up to its 32 bytes (RFC 8410 section 7). */
const ED25519_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

export function createJoseEngine({ id, algorithm, secret }: JwtKey): JwtEngine {
  const { signing, verifying } = keysOf(algorithm, secret);
  return {
    sign: (claims) =>
      new SignJWT({ ...claims }).setProtectedHeader({ alg: algorithm, typ: TOKEN_TYPE, kid: id }).sign(signing),
    verify: async (token, options) => (await jwtVerify(token, verifying, options)).payload,
  };
}

/** For EdDSA a pair, derived from the secret; for HS256 twice the same. */
export function keysOf(algorithm: JwtAlgorithm, secret: string) {
  if (algorithm === "HS256") {
    const key = new TextEncoder().encode(secret);
    return { signing: key, verifying: key };
  }
  const der = Buffer.concat([ED25519_PREFIX, deriveKey(secret, "access token Ed25519")]);
  const signing = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  return { signing, verifying: createPublicKey(signing) };
}
