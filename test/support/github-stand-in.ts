/** GitHub's documented endpoints on loopback, as an Enterprise Server has them: web flow, user, e-mails, organisations. */
import { createHash, randomBytes } from "node:crypto";

export interface GithubAccount {
  readonly id: number;
  readonly login: string;
  readonly emails: readonly { readonly email: string; readonly primary: boolean; readonly verified: boolean }[];
  readonly orgs?: readonly { readonly id: number; readonly login: string }[];
}

export interface GithubStandIn {
  readonly url: string;
  /** Who is asked; `undefined` says no. */
  account: GithubAccount | undefined;
  /** Codes and tokens that it gave out. */
  readonly issued: string[];
  stop(): Promise<void>;
}

interface Grant {
  readonly account: GithubAccount;
  readonly redirectUri: string;
  readonly challenge: string;
}

/** https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps */
export function startGithub(client: { readonly id: string; readonly secret: string }): GithubStandIn {
  const codes = new Map<string, Grant>();
  const tokens = new Map<string, GithubAccount>();
  const bad = (error: string) => Response.json({ error, error_description: "described", error_uri: "https://x" });
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const { pathname, searchParams } = new URL(request.url);
      if (pathname === "/login/oauth/authorize") {
        const back = new URL(searchParams.get("redirect_uri")!);
        back.searchParams.set("state", searchParams.get("state")!);
        const isAsItShould =
          searchParams.get("client_id") === client.id && searchParams.get("code_challenge_method") === "S256";
        if (self.account === undefined || !isAsItShould) {
          back.searchParams.set("error", isAsItShould ? "access_denied" : "application_suspended");
        } else {
          const code = randomBytes(10).toString("hex");
          self.issued.push(code);
          const challenge = searchParams.get("code_challenge") ?? "";
          codes.set(code, { account: self.account, redirectUri: searchParams.get("redirect_uri")!, challenge });
          back.searchParams.set("code", code);
        }
        return new Response(null, { status: 302, headers: { location: back.href } });
      }
      if (pathname === "/login/oauth/access_token" && request.method === "POST") {
        const form = new URLSearchParams(await request.text());
        if (form.get("client_id") !== client.id || form.get("client_secret") !== client.secret) {
          return bad("incorrect_client_credentials");
        }
        const code = form.get("code") ?? "";
        const grant = codes.get(code);
        codes.delete(code);
        if (grant === undefined) return bad("bad_verification_code");
        if (form.get("redirect_uri") !== grant.redirectUri) return bad("redirect_uri_mismatch");
        const verifier = createHash("sha256")
          .update(form.get("code_verifier") ?? "")
          .digest("base64url");
        if (verifier !== grant.challenge) return bad("bad_verification_code");
        const token = `gho-${randomBytes(10).toString("hex")}`;
        self.issued.push(token);
        tokens.set(token, grant.account);
        return Response.json({ access_token: token, token_type: "bearer", scope: "read:user,user:email" });
      }
      const account = tokens.get(request.headers.get("authorization")?.replace(/^Bearer /, "") ?? "");
      if (account === undefined) return Response.json({ message: "Bad credentials" }, { status: 401 });
      switch (pathname) {
        case "/api/v3/user":
          return Response.json({ id: account.id, login: account.login, email: "public@example.com", name: null });
        case "/api/v3/user/emails":
          return Response.json(account.emails);
        case "/api/v3/user/orgs":
          return Response.json(account.orgs ?? []);
      }
      return Response.json({ message: "Not Found" }, { status: 404 });
    },
  });
  const self: GithubStandIn = {
    url: `http://127.0.0.1:${server.port}`,
    account: undefined,
    issued: [],
    stop: () => server.stop(true),
  };
  return self;
}
