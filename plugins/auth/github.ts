/** Sign in with GitHub. Docs: https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps */
import { askProvider, defineAuth, exchangeCode, type Host, type Json, RelayError, Type } from "monorelay/plugin";

const names = (description: string) => Type.Array(Type.String(), { default: [], description });

interface Email {
  readonly email: string;
  readonly primary: boolean;
  readonly verified: boolean;
}
interface Org {
  readonly id: number;
  readonly login: string;
}

export default defineAuth({
  id: "github",
  options: Type.Object({
    clientId: Type.String({ minLength: 1, description: "Client id of the OAuth app" }),
    clientSecret: Type.Secret({ minLength: 1, description: "Client secret of the OAuth app" }),
    issuer: Type.Optional(
      Type.String({ description: "Address of a GitHub Enterprise Server; github.com while unset" }),
    ),
    scopes: Type.Optional(Type.Array(Type.String(), { description: "Scopes to ask for" })),
    allowedOrgs: names("Organisations that may sign in, by numeric id or name; empty is all"),
    adminGroups: names("Organisations whose members are admins, by numeric id or name"),
  }),
  setup({ clientId, clientSecret, issuer, scopes, allowedOrgs, adminGroups }, host) {
    const site = issuer === undefined ? "https://github.com" : issuer.replace(/\/$/, "");
    // An Enterprise Server has its API below its own address.
    const api = issuer === undefined ? "https://api.github.com" : `${site}/api/v3`;
    const needsOrgs = allowedOrgs.length + adminGroups.length > 0;
    const scope = (scopes ?? ["read:user", "user:email", ...(needsOrgs ? ["read:org"] : [])]).join(" ");
    return {
      signIn: {
        label: "GitHub",
        begin({ redirectUri, state, codeChallenge }) {
          const url = new URL(`${site}/login/oauth/authorize`);
          const challenge = { code_challenge: codeChallenge, code_challenge_method: "S256" };
          const query = { client_id: clientId, redirect_uri: redirectUri, scope, state, ...challenge };
          url.search = new URLSearchParams(query).toString();
          return url;
        },
        async finish({ code, redirectUri, codeVerifier, signal }) {
          const tokenEndpoint = `${site}/login/oauth/access_token`;
          const own = { tokenEndpoint, clientId, clientSecret, clientAuth: "post" } as const;
          const token = await exchangeCode(host, { ...own, code, redirectUri, codeVerifier, signal });
          const read = (path: string) => readApi(host, `${api}${path}`, token.access_token, signal);
          const [user, emails, orgs] = await Promise.all([
            read("/user"),
            read("/user/emails"),
            needsOrgs ? read("/user/orgs?per_page=100") : [],
          ]);
          const { id, login } = readUser(user);
          const member = listOf<Org>(orgs).filter((org) => typeof org.login === "string");
          // A name can pass to somebody else; of an entry that is a number, only the id counts.
          const isIn = (org: string) =>
            member.some((each) =>
              /^\d+$/.test(org) ? String(each.id) === org : each.login.toLowerCase() === org.toLowerCase(),
            );
          if (allowedOrgs.length > 0 && !allowedOrgs.some(isIn)) {
            const reason = "The account belongs to none of the organisations that may sign in.";
            throw new RelayError("forbidden", reason, { wireCode: "not_allowed" });
          }
          const mail = listOf<Email>(emails).find(({ primary, verified }) => primary === true && verified === true);
          return {
            subject: String(id),
            displayName: login,
            login,
            ...(typeof mail?.email === "string" ? { verifiedEmail: mail.email } : {}),
            ...(needsOrgs ? { groups: adminGroups.filter(isIn) } : {}),
          };
        },
      },
    };
  },
});

async function readApi(host: Host, url: string, token: string, signal: AbortSignal): Promise<Json> {
  const headers = {
    authorization: `Bearer ${token}`,
    accept: "application/vnd.github+json",
    "x-github-api-version": "2022-11-28",
  };
  const { status, body } = await askProvider(host, url, { headers, signal });
  if (status === 200) return body;
  throw new RelayError("upstream-unavailable", `GitHub answered ${status} to a question about the account.`);
}

/** Accounts are known by their number; a name may be given up and taken by somebody else. */
function readUser(user: Json): { readonly id: number; readonly login: string } {
  const { id, login } = (user ?? {}) as { id?: unknown; login?: unknown };
  if (typeof id === "number" && Number.isSafeInteger(id) && id > 0 && typeof login === "string") return { id, login };
  throw new RelayError("upstream-malformed", "GitHub named no account.");
}

function listOf<Item extends object>(value: Json): Item[] {
  return Array.isArray(value)
    ? value.filter((item) => typeof item === "object" && item !== null).map((item) => item as unknown as Item)
    : [];
}
