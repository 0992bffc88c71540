/** Three identity providers and the binary that signs people in through them. */
import { type RunningBinary, startBinary } from "./binary.ts";
import { Browser } from "./browser.ts";
import { type GithubStandIn, startGithub } from "./github-stand-in.ts";
import { type OpenidProvider, startOpenidProvider } from "./openid-provider.ts";
import { type SpoiledProvider, startSpoiledProvider } from "./spoiled-provider.ts";

export const SECRETS = {
  company: "canary-company-secret/+=1",
  github: "canary-github-secret-2",
  odd: "canary-odd-secret-3",
} as const;
export const CLIENT = "relay-client";
export const PASSWORD = "correct horse 7 battery";

export interface SsoWorld {
  readonly relay: RunningBinary;
  readonly company: OpenidProvider;
  readonly github: GithubStandIn;
  readonly odd: SpoiledProvider;
  /** `beside`: a line below `sso`; `other`: lines of the top level. */
  configOf(beside?: string, other?: string): string;
  /** The company's provider gets a new signing key. */
  rotateKey(): Promise<void>;
  me(token: string): Promise<{ readonly status: number; readonly body: Record<string, unknown> }>;
  register(username: string, email?: string): Promise<Registered>;
  stop(): Promise<void>;
}

export interface Registered {
  readonly access_token: string;
  readonly user: { readonly id: number };
}

export async function startSsoWorld(): Promise<SsoWorld> {
  const company = await startOpenidProvider();
  const github = startGithub({ id: CLIENT, secret: SECRETS.github });
  const odd = await startSpoiledProvider(CLIENT);
  const configOf = (beside = "", other = ""): string => `
sso:
  enabled: true
  ${beside}
  admin_usernames: [Octo-Admin]
  providers:
    - { id: company, type: oidc, label: Company, issuer: "${company.issuer}", client_id: ${CLIENT},
        client_secret: "${SECRETS.company}", scopes: [profile, email, groups], admin_groups: [relay-admins] }
    - { id: github, type: github, issuer: "${github.url}", client_id: ${CLIENT}, client_secret: ${SECRETS.github} }
    - { id: members, type: github, issuer: "${github.url}", client_id: ${CLIENT}, client_secret: ${SECRETS.github},
        allowed_orgs: [example] }
    - { id: odd, type: prismaauth, issuer: "${odd.issuer}", client_id: ${CLIENT}, client_secret: ${SECRETS.odd} }
    - { id: picky, type: oidc, issuer: "${odd.issuer}", client_id: ${CLIENT}, client_secret: ${SECRETS.odd},
        allowed_domains: [example.com] }
    - { id: dead, type: oidc, issuer: "http://127.0.0.1:9", client_id: ${CLIENT}, client_secret: ${SECRETS.odd} }
    - { id: asleep, type: oidc, issuer: "http://127.0.0.1:9", client_id: x, client_secret: x, enabled: false }
${other}`;
  const relay = await startBinary({ config: configOf() });
  const rotateKey = () => {
    const redirectUris = [`${relay.url}/api/auth/sso/company/callback`];
    return company.open({ id: CLIENT, secret: SECRETS.company, redirectUris });
  };
  await rotateKey();
  return {
    relay,
    company,
    github,
    odd,
    configOf,
    rotateKey,
    async me(token) {
      const answer = await fetch(`${relay.url}/api/auth/me`, { headers: { authorization: `Bearer ${token}` } });
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
    },
    async register(username, email) {
      const body = { username, email, password: PASSWORD };
      const answer = await new Browser().post(`${relay.url}/api/auth/register`, body);
      if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
      return JSON.parse(answer.text) as Registered;
    },
    async stop() {
      await relay.stop();
      await Promise.all([company.stop(), github.stop(), odd.stop()]);
    },
  };
}
