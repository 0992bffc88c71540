/** An OpenID provider without a network: metadata, keys, tokens and user information as a test wants them. */
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { createFakeHost } from "../plugins/fake-host.ts";
import type { Host } from "../../src/plugin/index.ts";

export const ISSUER = "https://id.example.com";
export const CLIENT = { clientId: "relay", clientSecret: "the-client's/secret+1" };
export const NONCE = "nonce-of-this-sign-in";
export const REDIRECT = "https://relay.example.com/api/auth/sso/company/callback";

export interface Key {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly jwk: object;
}

export async function makeKey(kid: string, alg = "RS256"): Promise<Key> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return {
    kid,
    alg,
    privateKey: privateKey as CryptoKey,
    jwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" },
  };
}

export interface Request {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly form: URLSearchParams;
}

export interface IdentityProvider {
  readonly host: Host;
  /** ms since epoch. */
  now: number;
  readonly requests: Request[];
  /** Changes to the metadata; `undefined` removes. */
  metadata: Record<string, unknown>;
  keys: Key[];
  /** Claims of the next token, beside those it must have; `undefined` removes. */
  claims: JWTPayload;
  userinfo: Record<string, unknown> | undefined;
  /** Instead of the token of the claims. */
  idToken: ((claims: JWTPayload) => Promise<string | undefined>) | undefined;
  /** Answers in the place of the provider; `undefined` lets it answer. */
  instead: ((url: URL) => Response | Promise<Response> | undefined) | undefined;
  pathsAsked(): string[];
}

/** Made once: a good RSA key takes its time. */
let firstKey: Promise<Key> | undefined;

export async function startIdentityProvider(): Promise<IdentityProvider> {
  const first = await (firstKey ??= makeKey("one"));
  const provider: IdentityProvider = {
    host: undefined as never,
    now: 1_750_000_000_000,
    requests: [],
    metadata: {},
    keys: [first],
    claims: {},
    userinfo: undefined,
    idToken: undefined,
    instead: undefined,
    pathsAsked: () => provider.requests.map(({ url }) => new URL(url).pathname),
  };
  const answer = async (url: URL): Promise<Response> => {
    const scripted = await provider.instead?.(url);
    if (scripted !== undefined) return scripted;
    switch (url.pathname) {
      case "/.well-known/openid-configuration":
        return Response.json({
          issuer: ISSUER,
          authorization_endpoint: `${ISSUER}/authorize?tenant=a`,
          token_endpoint: `${ISSUER}/token`,
          jwks_uri: `${ISSUER}/jwks`,
          userinfo_endpoint: `${ISSUER}/me`,
          end_session_endpoint: `${ISSUER}/logout`,
          id_token_signing_alg_values_supported: ["RS256", "HS256", "none"],
          ...provider.metadata,
        });
      case "/jwks":
        return Response.json({ keys: provider.keys.map(({ jwk }) => jwk) });
      case "/token": {
        const claims = claimsOf(provider);
        const token = await (provider.idToken ?? ((each) => sign(each, provider.keys[0]!)))(claims);
        return Response.json({ access_token: "access-1", token_type: "Bearer", id_token: token });
      }
      case "/me":
        return provider.userinfo === undefined ? new Response("", { status: 403 }) : Response.json(provider.userinfo);
    }
    return Response.json({ error: "not_found" }, { status: 404 });
  };
  const { fetch: _, ...rest } = createFakeHost();
  const host: Host = {
    ...rest,
    now: () => provider.now,
    async fetch(input, init) {
      init?.signal?.throwIfAborted();
      const request = new Request(String(input), init as RequestInit);
      provider.requests.push({
        method: request.method,
        url: request.url,
        headers: request.headers,
        form: new URLSearchParams(request.method === "POST" ? await request.text() : ""),
      });
      return answer(new URL(request.url));
    },
  };
  return Object.assign(provider, { host });
}

/** What a good token says, with the test's changes. */
export function claimsOf({ now, claims }: Pick<IdentityProvider, "now" | "claims">): JWTPayload {
  const seconds = now / 1000;
  const good = { iss: ISSUER, aud: CLIENT.clientId, sub: "sub-1", iat: seconds, exp: seconds + 300, nonce: NONCE };
  const all = { ...good, ...claims };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

export function sign(claims: JWTPayload, key: Key, header: object = {}): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: key.alg, kid: key.kid, ...header }).sign(key.privateKey);
}
