/** Google's service accounts: a key file in, access tokens out. */
import { fetchToken, type LentToken, type ProviderHost, signAssertion } from "monorelay/plugin";

/** https://cloud.google.com/iam/docs/service-account-creds#key-types */
export interface ServiceAccount {
  readonly email: string;
  readonly privateKey: string;
  readonly keyId: string | undefined;
  readonly projectId: string | undefined;
  /** Where its assertions are exchanged. */
  readonly tokenUrl: string;
}

const TOKEN_URL = "https://oauth2.googleapis.com/token";
export const SCOPE = "https://www.googleapis.com/auth/cloud-platform";

/** Reads a key file. Throws a plain error that shows nothing of it. */
export function readServiceAccount(file: Readonly<Record<string, unknown>>): ServiceAccount {
  const text = (name: string): string | undefined => {
    const value = file[name];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const [email, privateKey] = [text("client_email"), text("private_key")];
  if (text("type") !== "service_account" || email === undefined || privateKey === undefined) {
    throw new Error("the credentials are not those of a service account (type, client_email, private_key)");
  }
  return {
    email,
    privateKey,
    keyId: text("private_key_id"),
    projectId: text("project_id"),
    tokenUrl: text("token_uri") ?? TOKEN_URL,
  };
}

export function issueForAccount(account: ServiceAccount, host: ProviderHost): () => Promise<LentToken> {
  const { email, privateKey, keyId, tokenUrl } = account;
  // It stands in the operator's own key file.
  host.allowOrigin(tokenUrl);
  return async () => {
    const assertion = await signAssertion({
      issuer: email,
      audience: tokenUrl,
      scope: SCOPE,
      privateKey,
      now: host.now(),
      ...(keyId === undefined ? {} : { keyId }),
    });
    const form = { grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion };
    return fetchToken({ url: tokenUrl, form, send: host.fetch, signal: host.signal });
  };
}
