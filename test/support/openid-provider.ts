/** A real OpenID provider on loopback (the package `oidc-provider`): it insists on PKCE and says who answers. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { exportJWK, generateKeyPair } from "jose";
import type { Configuration } from "oidc-provider";

export interface Account {
  readonly sub: string;
  readonly email?: string;
  readonly email_verified?: boolean;
  readonly preferred_username?: string;
  readonly groups?: readonly string[];
}

export interface OpenidProvider {
  readonly issuer: string;
  /** Who sits in front of the browser; `undefined` cancels. */
  account: Account | undefined;
  /** Codes and tokens that it gave out. */
  readonly issued: string[];
  /** Paths that it was asked for. */
  readonly asked: string[];
  /** Names the client; to be called once its address is known, and again to change the signing key. */
  open(client: {
    readonly id: string;
    readonly secret: string;
    readonly redirectUris: readonly string[];
  }): Promise<void>;
  stop(): Promise<void>;
}

/** It warns of the runtime, and of a memory that forgets: neither matters here. */
async function quietly<T>(work: () => T | Promise<T>): Promise<T> {
  const { warn, info } = console;
  Object.assign(console, { warn: () => {}, info: () => {} });
  try {
    return await work();
  } finally {
    Object.assign(console, { warn, info });
  }
}

export async function startOpenidProvider(): Promise<OpenidProvider> {
  const { Provider } = await quietly(() => import("oidc-provider"));
  let handle: ((request: IncomingMessage, response: ServerResponse) => unknown) | undefined;
  let keys = 0;
  const accounts = new Map<string, Account>();
  const server = createServer((request, response) => {
    const path = request.url?.split("?")[0] ?? "";
    asked.push(path);
    if (handle === undefined) response.writeHead(503).end();
    else handle(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const asked: string[] = [];
  const self: OpenidProvider = {
    issuer: `http://127.0.0.1:${port}`,
    account: undefined,
    issued: [],
    asked,
    async open({ id, secret, redirectUris }) {
      const { privateKey } = await generateKeyPair("RS256", { extractable: true });
      keys += 1;
      const jwk = { ...(await exportJWK(privateKey)), kid: `key-${keys}`, alg: "RS256", use: "sig" };
      const made = settings(id, secret, redirectUris, jwk, accounts);
      const provider = await quietly(() => new Provider(self.issuer, made));
      provider.on("authorization.success", (_context, out) => self.issued.push(String(out?.["code"])));
      provider.on("grant.success", ({ body }) => {
        const { access_token: access, id_token: idToken } = body as Record<string, string>;
        self.issued.push(access!, idToken!);
      });
      const answer = provider.callback();
      handle = async (request, response) => {
        if (!request.url!.startsWith("/interaction/")) return answer(request, response);
        const { account } = self;
        if (account !== undefined) accounts.set(account.sub, account);
        const result =
          account === undefined ? { error: "access_denied" } : { login: { accountId: account.sub, remember: false } };
        await provider.interactionFinished(request, response, result);
      };
    },
    async stop() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return self;
}

function settings(
  clientId: string,
  secret: string,
  redirectUris: readonly string[],
  jwk: object,
  accounts: ReadonlyMap<string, Account>,
): Configuration {
  const hour = 3600;
  return {
    clients: [{ client_id: clientId, client_secret: secret, redirect_uris: [...redirectUris] }],
    jwks: { keys: [jwk as never] },
    pkce: { required: () => true },
    cookies: { keys: ["cookies of a test"] },
    scopes: ["openid", "profile", "email", "groups"],
    claims: {
      openid: ["sub"],
      email: ["email", "email_verified"],
      profile: ["name", "preferred_username"],
      groups: ["groups"],
    },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    findAccount: (_context, id) => ({ accountId: id, claims: async () => ({ ...accounts.get(id), sub: id }) }),
    // Consent is given; what is tested begins behind it.
    loadExistingGrant: async (context) => {
      const { oidc } = context;
      const grant = new oidc.provider.Grant({ clientId: oidc.client!.clientId, accountId: oidc.session!.accountId! });
      grant.addOIDCScope("openid profile email groups");
      await grant.save();
      return grant;
    },
    ttl: { AccessToken: hour, AuthorizationCode: 60, Grant: hour, IdToken: hour, Interaction: hour, Session: hour },
  };
}
