/** The sign-in through identity providers as one service over the others. */
import type { SettingsRepository } from "../store/types.ts";
import type { AuthServices } from "./services.ts";
import { createSignInFlow, type SignInFlow } from "./sign-in.ts";
import { SSO_ISSUERS, SSO_TIES } from "../store/setting-names.ts";
import { createSignInAccounts, type Ties } from "./sign-in-account.ts";
import { createSignInLinks, type SignInLinks } from "./sign-in-links.ts";

export interface SignInServices {
  readonly flow: SignInFlow;
  readonly links: SignInLinks;
}

/** `settings`: where the meaning of bare names in `sso.admin_usernames` and of providers' ids is kept. */
export function createSignInServices(
  auth: AuthServices,
  settings: Pick<SettingsRepository, "get" | "add">,
): SignInServices {
  const { parts, sessions, revocations, audit, newOrgId } = auth;
  const tiesUnder = (prefix: string): Ties => ({
    get: (name) => settings.get(prefix + name),
    add: (name, meaning) => settings.add(prefix + name, meaning),
  });
  const ties = tiesUnder(SSO_TIES);
  const people = createSignInAccounts({ ...parts, revocations, ties, issuers: tiesUnder(SSO_ISSUERS), newOrgId });
  return {
    flow: createSignInFlow({ ...parts, sessions, people, revocations }),
    links: createSignInLinks({ ...parts, audit, revocations }),
  };
}
