/** Google's service accounts: a key file in, access tokens out. */
import { createTokenSource, fetchToken, type ProviderHost, RelayError, signAssertion } from "monorelay/plugin";

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
const SCOPE = "https://www.googleapis.com/auth/cloud-platform";

/** Reads the JSON of a key file. Throws a plain error that shows nothing of it. */
export function readServiceAccount(json: string): ServiceAccount {
  let file: Record<string, unknown>;
  try {
    file = (JSON.parse(json) ?? {}) as Record<string, unknown>;
  } catch {
    throw new Error("the credentials are not JSON"); // the parser's message would quote them
  }
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

/** The tokens of one account. */
export function tokensOf({ email, privateKey, keyId, tokenUrl }: ServiceAccount, host: ProviderHost) {
  // It stands in the operator's own key file.
  host.allowOrigin(tokenUrl);
  return createTokenSource({
    now: host.now,
    async issue() {
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
    },
  });
}

/** The same for a key file given as a provider key: what is wrong with it is wrong with that key alone. */
export function readServiceAccountKey(json: string): ServiceAccount {
  try {
    return readServiceAccount(json);
  } catch (cause) {
    throw new RelayError("upstream-credential", "The provider's key is no service account.", { cause });
  }
}
