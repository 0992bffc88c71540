/** A house with identity providers that answer what a test tells them, and a browser that keeps its cookie. */
import { createHash } from "node:crypto";
import type { Begun, Finished, SignInEntry, SignIns } from "../../src/auth/sign-in.ts";
import { createSignInServices, type SignInServices } from "../../src/auth/sign-in-services.ts";
import type { IssuedTokens } from "../../src/auth/session.ts";
import type { Caller } from "../../src/auth/caller.ts";
import type { Profile, SignIn } from "../../src/contract/auth.ts";
import { type House, openHouse, ORIGIN } from "./support.ts";

export const REDIRECT = "https://relay.example.com/api/auth/sso";

/** What a provider was asked to begin and to finish. */
export interface Asked {
  readonly begun: Parameters<SignIn["begin"]>[0][];
  readonly finished: Parameters<SignIn["finish"]>[0][];
}

export interface SignInHouse extends House {
  readonly signIn: SignInServices;
  readonly entries: SignIns;
  /** By provider. */
  readonly asked: ReadonlyMap<string, Asked>;
  /** What `provider` says of whoever comes next: a profile, or a failure to throw. */
  says(provider: string, answer: Profile | Error): void;
  begin(provider: string, options?: { readonly returnTo?: string; readonly link?: Caller }): Promise<Begun>;
  /** The provider's answer, in the browser that began. */
  answer(provider: string, begun: Begun, changes?: object): Promise<Finished>;
  /** All of it; the word of refusal, or the tokens. */
  signInAs(provider: string, profile: Profile, link?: Caller): Promise<string | IssuedTokens>;
  /** The same for somebody who must get in. */
  mustSignIn(provider: string, profile: Profile, link?: Caller): Promise<IssuedTokens>;
}

/** `sso`: what stands below `sso.providers`, and beside it. */
export function yamlOf(providers: readonly string[], beside = "", other = ""): string {
  const list = providers.map((each) => `    - { ${each}, client_id: relay, client_secret: not-a-secret }`).join("\n");
  return `sso:\n  enabled: true\n${beside === "" ? "" : `  ${beside}\n`}  providers:\n${list}\n${other}`;
}

export const GITHUB = "id: github, type: github";
export const COMPANY = 'id: company, type: oidc, issuer: "https://id.example.com"';

export async function openSignInHouse(yaml = yamlOf([GITHUB, COMPANY])): Promise<SignInHouse> {
  const house = await openHouse({ config: yaml });
  const { config } = house.services.parts;
  const answers = new Map<string, Profile | Error>();
  const asked = new Map<string, Asked>();
  const entries = new Map<string, SignInEntry>();
  const signIn = createSignInServices(house.services, house.store.settings);

  const entryOf = (id: string): SignInEntry => {
    const entry = config().sso.providers.find((each) => each.id === id);
    if (entry === undefined) throw new Error(`no provider ${id}`);
    const heard = asked.get(id) ?? { begun: [], finished: [] };
    asked.set(id, heard);
    const provider: SignIn = {
      label: id,
      begin(login) {
        heard.begun.push(login);
        const answer = answers.get(id);
        if (answer instanceof Error) throw answer;
        return new URL(`https://id.example.com/authorize?state=${login.state}`);
      },
      async finish(login) {
        heard.finished.push(login);
        const answer = answers.get(id);
        if (answer === undefined || answer instanceof Error) throw answer ?? new Error("nothing to say");
        return answer;
      },
    };
    const made = { config: entry, signIn: provider };
    entries.set(id, made);
    return made;
  };
  for (const { id } of config().sso.providers) entryOf(id);

  const begin: SignInHouse["begin"] = (provider, { returnTo, link } = {}) =>
    signIn.flow.begin(entryOf(provider), {
      redirectUri: `${REDIRECT}/${provider}/callback`,
      returnTo,
      ...(link === undefined ? {} : { link }),
    });
  const answer: SignInHouse["answer"] = (providerId, { state, browser }, changes = {}) =>
    signIn.flow.finish(entries, { providerId, code: "code-of-the-provider", state, browser, ...changes }, ORIGIN);
  const signInAs: SignInHouse["signInAs"] = async (provider, profile, link) => {
    answers.set(provider, profile);
    const begun = await begin(provider, link === undefined ? {} : { link });
    const finished = await answer(provider, begun);
    return "error" in finished ? finished.error : signIn.flow.exchange(finished.code, begun.browser, ORIGIN);
  };
  return {
    ...house,
    signIn,
    entries,
    asked,
    says: (provider, said) => {
      answers.set(provider, said);
    },
    begin,
    answer,
    signInAs,
    async mustSignIn(provider, profile, link) {
      const outcome = await signInAs(provider, profile, link);
      if (typeof outcome === "string") throw new Error(`refused: ${outcome}`);
      return outcome;
    },
  };
}

export function challengeOf(verifier: string): string {
  return createHash("sha256").update(verifier).digest("base64url");
}
