/** The organisation that a credential acts in. */
import type { AuthServices } from "../../auth/services.ts";
import type { Identity } from "../../plugin/index.ts";
import type { Org } from "../../store/types.ts";

/** The static access key belongs to the default one. `undefined`: there is no account yet, and so no organisation. */
export async function homeOrg({ parts }: Pick<AuthServices, "parts">, identity: Identity): Promise<string | undefined> {
  return identity.orgId ?? (await defaultOrg(parts, identity))?.id;
}

/** For who is bound to none by himself. */
export async function defaultOrg({ accounts }: AuthServices["parts"], { kind }: Identity): Promise<Org | undefined> {
  return kind === "service" ? accounts.orgs.findDefault() : undefined;
}
