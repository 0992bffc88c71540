/** A small OpenID provider that does what a real one would not: it spoils the token of the next sign-in as a test says. */
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";

export type Spoil = (token: {
  /** A good token's claims. */
  readonly claims: JWTPayload;
  readonly key: CryptoKey;
  readonly issuer: string;
  sign(claims: JWTPayload): Promise<string>;
}) => Promise<string> | string;

export interface SpoiledProvider {
  readonly issuer: string;
  spoil: Spoil;
  userinfo: object | undefined;
  /** Instead of its own answer at the token endpoint. */
  tokenAnswer: (() => Response | Promise<Response>) | undefined;
  /** Said of itself instead of the truth. */
  metadata: Record<string, unknown>;
  /** What comes back with the code, beside the state. */
  answer: Record<string, string>;
  stop(): Promise<void>;
}

export async function startSpoiledProvider(clientId: string): Promise<SpoiledProvider> {
  const { privateKey, publicKey } = await generateKeyPair("RS256", { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: "one", alg: "RS256", use: "sig" };
  let nonce = "";
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const url = new URL(request.url);
      switch (url.pathname) {
        case "/.well-known/openid-configuration":
          return Response.json({
            issuer: self.issuer,
            authorization_endpoint: `${self.issuer}/auth`,
            token_endpoint: `${self.issuer}/token`,
            jwks_uri: `${self.issuer}/jwks`,
            userinfo_endpoint: `${self.issuer}/me`,
            id_token_signing_alg_values_supported: ["RS256"],
            ...self.metadata,
          });
        case "/jwks":
          return Response.json({ keys: [jwk] });
        case "/auth": {
          nonce = url.searchParams.get("nonce") ?? "";
          const back = new URL(url.searchParams.get("redirect_uri")!);
          back.searchParams.set("state", url.searchParams.get("state")!);
          for (const [name, value] of Object.entries(self.answer)) back.searchParams.set(name, value);
          return new Response(null, { status: 302, headers: { location: back.href } });
        }
        case "/token": {
          if (self.tokenAnswer !== undefined) return self.tokenAnswer();
          const iat = Math.floor(Date.now() / 1000);
          const claims = { iss: self.issuer, aud: clientId, sub: "spoiled", iat, exp: iat + 300, nonce };
          const sign = (each: JWTPayload) =>
            new SignJWT(each).setProtectedHeader({ alg: "RS256", kid: "one" }).sign(privateKey);
          const token = await self.spoil({ claims, key: privateKey as CryptoKey, issuer: self.issuer, sign });
          return Response.json({ access_token: "access-of-spoiled", token_type: "Bearer", id_token: token });
        }
        case "/me":
          return self.userinfo === undefined ? new Response(null, { status: 403 }) : Response.json(self.userinfo);
      }
      return new Response(null, { status: 404 });
    },
  });
  const self: SpoiledProvider = {
    issuer: `http://127.0.0.1:${server.port}`,
    spoil: ({ claims, sign }) => sign(claims),
    userinfo: undefined,
    tokenAnswer: undefined,
    metadata: {},
    answer: { code: "c0de" },
    stop: () => server.stop(true),
  };
  return self;
}
