/** The sign-in through identity providers as one service over the others. */
import type { SettingsRepository } from "../store/types.ts";
import type { AuthServices } from "./services.ts";
import { createSignInFlow, type SignInFlow } from "./sign-in.ts";
import { SSO_TIES } from "../store/setting-names.ts";
import { createSignInAccounts, type LoginTies } from "./sign-in-account.ts";
import { createSignInLinks, type SignInLinks } from "./sign-in-links.ts";

export interface SignInServices {
  readonly flow: SignInFlow;
  readonly links: SignInLinks;
}

/** `settings`: where the meaning of bare names in `sso.admin_usernames` is kept. */
export function createSignInServices(
  auth: AuthServices,
  settings: Pick<SettingsRepository, "get" | "add">,
): SignInServices {
  const { parts, sessions, revocations, audit, newOrgId } = auth;
  const ties: LoginTies = {
    get: (login) => settings.get(settingOf(login)),
    add: (login, account) => settings.add(settingOf(login), account),
  };
  const people = createSignInAccounts({ ...parts, revocations, ties, newOrgId });
  return {
    flow: createSignInFlow({ ...parts, sessions, people, revocations }),
    links: createSignInLinks({ ...parts, audit, revocations }),
  };
}

function settingOf(login: string): string {
  return SSO_TIES + login;
}
