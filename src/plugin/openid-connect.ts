/** The four-line helper for OpenID providers: everything is found by discovery, only the issuer and the client differ. */
import type { Json, JsonObject } from "../contract/chat.ts";
import type { AnyAuthPlugin, Profile, SignIn } from "../contract/auth.ts";
import { RelayError } from "../contract/errors.ts";
import type { Host } from "../contract/host.ts";
import { defineAuth } from "./define.ts";
import { askProvider, exchangeCode, isObject } from "./oauth.ts";
import { createDiscovery, type OpenidMetadata } from "./openid-discovery.ts";
import { createKeySource, type IdTokenClaims, verifyIdToken } from "./openid-token.ts";
import { Type } from "./options.ts";

export interface OpenidConnect {
  readonly id: string;
  /** Text of the button. */
  readonly label: string;
  /** Where everybody's provider is the same one; absent = the operator names it. */
  readonly issuer?: string;
  /** Default: `openid profile email`. */
  readonly scopes?: readonly string[];
}

const client = {
  clientId: Type.String({ minLength: 1, description: "Client id at the identity provider" }),
  clientSecret: Type.Secret({ minLength: 1, description: "Client secret at the identity provider" }),
  scopes: Type.Optional(Type.Array(Type.String(), { description: "Scopes to ask for beside openid" })),
  adminGroups: Type.Array(Type.String(), { default: [], description: "Groups whose members are admins" }),
};
const WITH_ISSUER = Type.Object({ ...client, issuer: Type.String({ description: "Issuer URL" }) });
const WITHOUT_ISSUER = Type.Object(client);

/** Claims that an account may be named after, the likeliest to be a short name first. */
const NAMES = ["preferred_username", "nickname", "name"] as const;

/** Characters of a JWT; a hint that is none is left out. */
const JWT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/**
 * A sign-in with an OpenID provider: authorization code, PKCE, nonce, a verified ID token, and userinfo where the token
 * leaves something out.
 *
 * @example
 * export default openidConnect({ id: "corp-id", label: "Corp", issuer: "https://id.corp.example" });
 */
export function openidConnect({ id, label, issuer, scopes }: OpenidConnect): AnyAuthPlugin {
  const fixed = { label, scopes: scopes ?? ["openid", "profile", "email"] };
  return issuer === undefined
    ? defineAuth({
        id,
        options: WITH_ISSUER,
        setup: (options, host) => ({ signIn: createOpenidSignIn({ ...fixed, ...options }, host) }),
      })
    : defineAuth({
        id,
        options: WITHOUT_ISSUER,
        setup: (options, host) => ({ signIn: createOpenidSignIn({ ...fixed, ...options, issuer }, host) }),
      });
}

interface OpenidClient {
  readonly label: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scopes: readonly string[];
  readonly adminGroups: readonly string[];
}

function createOpenidSignIn(own: OpenidClient, host: Host): SignIn {
  const { clientId, clientSecret } = own;
  host.allowOrigin(own.issuer);
  const discovery = createDiscovery(host, own.issuer);
  const keyFor = createKeySource(host.now, discovery.keys);
  const scope = [...new Set(["openid", ...own.scopes])].join(" ");

  return {
    label: own.label,
    async begin({ redirectUri, state, codeChallenge, nonce }) {
      const { authorizationEndpoint } = await discovery.metadata();
      return withQuery(authorizationEndpoint, {
        response_type: "code",
        client_id: clientId,
        redirect_uri: redirectUri,
        scope,
        state,
        nonce,
        code_challenge: codeChallenge,
        code_challenge_method: "S256",
      });
    },
    async finish({ code, redirectUri, codeVerifier, nonce, issuer, signal }) {
      const metadata = await discovery.metadata();
      // RFC 9207: a code that another provider has issued must not be taken to this one.
      if (issuer === undefined ? metadata.sendsIssuer : issuer !== metadata.issuer) {
        throw new RelayError("unauthenticated", "The answer comes from another provider.", {
          wireCode: "issuer_mismatch",
        });
      }
      const { tokenEndpoint, clientAuth } = metadata;
      const exchange = { tokenEndpoint, clientId, clientSecret, clientAuth, code, redirectUri, codeVerifier, signal };
      const answer = await exchangeCode(host, exchange);
      const idToken = answer["id_token"];
      if (typeof idToken !== "string") throw new RelayError("upstream-malformed", "The provider sent no ID token.");
      const rules = { issuer: metadata.issuer, clientId, nonce, algorithms: metadata.idTokenAlgorithms };
      const claims = await verifyIdToken(idToken, keyFor, { ...rules, now: host.now() });
      if (isEnough(claims, own.adminGroups.length > 0)) return profileOf(claims, undefined);
      return profileOf(claims, await readUserinfo(host, metadata, claims, answer.access_token, signal));
    },
    async logoutUrl({ redirectUri, idToken }) {
      const { endSessionEndpoint } = await discovery.metadata();
      if (endSessionEndpoint === undefined) return undefined;
      return withQuery(endSessionEndpoint, {
        client_id: clientId,
        post_logout_redirect_uri: redirectUri,
        ...(idToken !== undefined && JWT.test(idToken) ? { id_token_hint: idToken } : {}),
      });
    },
  };
}

function withQuery(endpoint: URL, fields: Readonly<Record<string, string>>): URL {
  const url = new URL(endpoint);
  for (const [name, value] of Object.entries(fields)) url.searchParams.set(name, value);
  return url;
}

/** Whether the token says all that matters here. */
function isEnough(claims: IdTokenClaims, needsGroups: boolean): boolean {
  const hasName = NAMES.some((name) => text(claims[name]) !== undefined);
  return hasName && claims["email"] !== undefined && (!needsGroups || claims["groups"] !== undefined);
}

/** Asked only when the token says too little; what it says must be about the same person (section 5.3.2). */
async function readUserinfo(
  host: Host,
  { userinfoEndpoint }: OpenidMetadata,
  claims: IdTokenClaims,
  accessToken: string,
  signal: AbortSignal,
): Promise<JsonObject | undefined> {
  if (userinfoEndpoint === undefined) return undefined;
  const headers = { authorization: `Bearer ${accessToken}` };
  const { status, body } = await askProvider(host, userinfoEndpoint, { headers, signal });
  // A client that may not ask still has a valid ID token.
  if (status !== 200) return undefined;
  if (!isObject(body)) throw new RelayError("upstream-malformed", "The provider's user information is no object.");
  if (body["sub"] !== claims.sub) {
    throw new RelayError("unauthenticated", "The user information is about somebody else.", {
      wireCode: "id_token_invalid",
    });
  }
  return body;
}

function profileOf(claims: IdTokenClaims, userinfo: JsonObject | undefined): Profile {
  // An address and the word that vouches for it come from the same place.
  const emailSource = claims["email"] === undefined ? userinfo : claims;
  const email = emailSource?.["email"];
  const isVerified = emailSource?.["email_verified"] === true || emailSource?.["email_verified"] === "true";
  const names = NAMES.flatMap((name) => [text(claims[name]), text(userinfo?.[name])]);
  const displayName = names.find((value) => value !== undefined);
  const groups = claims["groups"] ?? userinfo?.["groups"];
  return {
    subject: claims.sub,
    ...(typeof email === "string" && isVerified ? { verifiedEmail: email } : {}),
    ...(displayName === undefined ? {} : { displayName }),
    ...(Array.isArray(groups) ? { groups: groups.filter((group) => typeof group === "string") } : {}),
  };
}

function text(value: Json | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
