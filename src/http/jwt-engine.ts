/** Signs and verifies access tokens by `@elysiajs/jwt`; what a token must say is decided where they are used. */
import { jwt } from "@elysiajs/jwt";
import { type JwtEngine, type JwtKey, keysOf, TOKEN_TYPE } from "../auth/jwt-engine.ts";

/**
 * The plugin's own defaults accept tokens of any algorithm, issuer, audience, age and type, and without an end; so it
 * is only ever called with options that pin all of them. It puts the time of the system clock into `iat`.
 */
export function createElysiaJwtEngine({ id, algorithm, secret }: JwtKey): JwtEngine {
  const { signing, verifying } = keysOf(algorithm, secret);
  const header = { name: "tokens", alg: algorithm, typ: TOKEN_TYPE, kid: id } as const;
  const signer = jwt({ ...header, secret: signing }).decorator.tokens;
  const verifier = jwt({ ...header, secret: verifying }).decorator.tokens;
  return {
    sign: ({ iat: _now, ...claims }) => signer.sign({ ...claims, iat: true }),
    verify: (token, options) => verifier.verify(token, options),
  };
}
