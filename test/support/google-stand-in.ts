/** Google's documented OpenID endpoints, by the names of their hosts: discovery, consent, token, keys. */
import { createHash, randomBytes } from "node:crypto";
import { exportJWK, generateKeyPair, SignJWT } from "jose";

export interface GoogleAccount {
  readonly sub: string;
  readonly email: string;
  readonly email_verified: boolean;
  readonly name: string;
}

export interface GoogleStandIn {
  /** What answers for each host. */
  readonly sites: Readonly<Record<string, (request: Request) => Promise<Response>>>;
  account: GoogleAccount;
}

/** https://developers.google.com/identity/openid-connect/openid-connect */
export async function createGoogle(client: { readonly id: string; readonly secret: string }): Promise<GoogleStandIn> {
  const { privateKey, publicKey } = await generateKeyPair("RS256");
  const jwk = { ...(await exportJWK(publicKey)), kid: "google-1", alg: "RS256", use: "sig" };
  const codes = new Map<string, { readonly nonce: string; readonly challenge: string; readonly redirectUri: string }>();
  const issuer = "https://accounts.google.com";
  const refused = (error: string) => Response.json({ error }, { status: 400 });

  const token = async (request: Request): Promise<Response> => {
    const form = new URLSearchParams(await request.text());
    const [, basic = ""] = (request.headers.get("authorization") ?? "").split("Basic ");
    const [id, secret] = basic === "" ? [] : atob(basic).split(":").map(decodeURIComponent);
    if ((form.get("client_id") ?? id) !== client.id || (form.get("client_secret") ?? secret) !== client.secret) {
      return Response.json({ error: "invalid_client" }, { status: 401 });
    }
    const grant = codes.get(form.get("code") ?? "");
    codes.delete(form.get("code") ?? "");
    const challenge = createHash("sha256")
      .update(form.get("code_verifier") ?? "")
      .digest("base64url");
    const isGood =
      grant !== undefined && grant.challenge === challenge && grant.redirectUri === form.get("redirect_uri");
    if (form.get("grant_type") !== "authorization_code" || !isGood) return refused("invalid_grant");
    const idToken = await new SignJWT({ ...self.account, nonce: grant.nonce })
      .setProtectedHeader({ alg: "RS256", kid: "google-1" })
      .setIssuer(issuer)
      .setAudience(client.id)
      .setIssuedAt()
      .setExpirationTime("1h")
      .sign(privateKey);
    return Response.json({ access_token: "ya29.stand-in", expires_in: 3599, token_type: "Bearer", id_token: idToken });
  };

  const self: GoogleStandIn = {
    account: { sub: "108", email: "ada@example.com", email_verified: true, name: "Ada" },
    sites: {
      "accounts.google.com": async (request) => {
        const { pathname, searchParams } = new URL(request.url);
        if (pathname === "/.well-known/openid-configuration") {
          return Response.json({
            issuer,
            authorization_endpoint: `${issuer}/o/oauth2/v2/auth`,
            token_endpoint: "https://oauth2.googleapis.com/token",
            userinfo_endpoint: "https://openidconnect.googleapis.com/v1/userinfo",
            jwks_uri: "https://www.googleapis.com/oauth2/v3/certs",
            response_types_supported: ["code"],
            id_token_signing_alg_values_supported: ["RS256"],
            token_endpoint_auth_methods_supported: ["client_secret_post", "client_secret_basic"],
            code_challenge_methods_supported: ["plain", "S256"],
          });
        }
        if (pathname !== "/o/oauth2/v2/auth" || searchParams.get("client_id") !== client.id) {
          return refused("invalid_request");
        }
        const code = `4/${randomBytes(12).toString("hex")}`;
        const redirectUri = searchParams.get("redirect_uri")!;
        const challenge = searchParams.get("code_challenge") ?? "";
        codes.set(code, { nonce: searchParams.get("nonce") ?? "", challenge, redirectUri });
        const back = new URL(redirectUri);
        back.search = new URLSearchParams({ state: searchParams.get("state")!, code, scope: "email" }).toString();
        return new Response(null, { status: 302, headers: { location: back.href } });
      },
      "oauth2.googleapis.com": token,
      "www.googleapis.com": async () => Response.json({ keys: [jwk] }),
      "openidconnect.googleapis.com": async () => Response.json(self.account),
    },
  };
  return self;
}
