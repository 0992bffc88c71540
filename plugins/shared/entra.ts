/** Tokens of Entra: for an application's secret, for a workload's token file, for the identity of the machine. */
import { createTokenSource, fetchToken, type ProviderHost, type TokenSource } from "monorelay/plugin";
import { askJson } from "./ask.ts";
import { readTokenFile } from "./aws-keys.ts";
import { lentTokenIn } from "./lent-token.ts";

export interface EntraOptions {
  readonly tenantId?: string;
  readonly clientId?: string;
  readonly clientSecret?: string;
  readonly authority?: string;
  readonly scope: string;
  readonly allowMetadata: boolean;
}

const AUTHORITY = "https://login.microsoftonline.com";

/** Hosts of the models themselves, in all of Azure's clouds. */
const OWN_HOST =
  /^https:\/\/[^/?#@]+\.(?:(?:openai|cognitiveservices|services\.ai)\.azure\.(?:com|us|cn)|api\.cognitive\.microsoft\.com)(?:[:/]|$)/;

/**
 * In the order of Azure's own tools. What is not configured comes from the environment, which lends for Azure's own
 * hosts alone: whoever may point an entry elsewhere must not be sent what it never held.
 *
 * @throws Error in plain words when there is nobody to lend a token
 */
export function entraTokens(options: EntraOptions, host: ProviderHost): TokenSource {
  const isOwnHost = OWN_HOST.test(host.baseUrl);
  const lent = (name: string): string | undefined => (isOwnHost && process.env[name]) || undefined;
  const tenant = options.tenantId ?? lent("AZURE_TENANT_ID");
  const client = options.clientId ?? lent("AZURE_CLIENT_ID");
  const secret = options.clientSecret ?? lent("AZURE_CLIENT_SECRET");
  const file = lent("AZURE_FEDERATED_TOKEN_FILE");
  const authority = (options.authority ?? process.env["AZURE_AUTHORITY_HOST"] ?? AUTHORITY).replace(/\/+$/, "");
  if (tenant !== undefined && client !== undefined && (secret !== undefined || file !== undefined)) {
    const url = `${authority}/${tenant}/oauth2/v2.0/token`;
    host.allowOrigin(url);
    const common = { grant_type: "client_credentials", client_id: client, scope: options.scope };
    const proof = async (): Promise<Record<string, string>> =>
      secret !== undefined
        ? { client_secret: secret }
        : {
            client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            // Read each time: it is renewed there.
            client_assertion: await readTokenFile(file!, "AZURE_FEDERATED_TOKEN_FILE"),
          };
    return createTokenSource({
      now: host.now,
      issue: async () =>
        fetchToken({ url, form: { ...common, ...(await proof()) }, send: host.fetch, signal: host.signal }),
    });
  }
  const missing = [
    tenant === undefined && "tenant_id or AZURE_TENANT_ID",
    client === undefined && "client_id or AZURE_CLIENT_ID",
    secret === undefined && "client_secret, AZURE_CLIENT_SECRET or AZURE_FEDERATED_TOKEN_FILE",
  ].filter((name) => name !== false);
  const why = isOwnHost ? "" : "; the environment and the machine lend for Azure's own hosts only";
  if (options.clientSecret !== undefined || !options.allowMetadata || !isOwnHost) {
    const metadata = options.allowMetadata ? "" : "; the machine's identity is not asked for: allow_metadata is off";
    throw new Error(`auth: entra misses ${missing.join(", ")}${metadata}${why}`);
  }
  return tokensOfMachine(options.scope.replace(/\/\.default$/, ""), options.clientId ?? client, host);
}

/** https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token */
function tokensOfMachine(resource: string, client: string | undefined, host: ProviderHost): TokenSource {
  const { env } = process;
  const [endpoint, pass] = [env["IDENTITY_ENDPOINT"], env["IDENTITY_HEADER"]];
  const isService = Boolean(endpoint && pass);
  const root = (env["AZURE_POD_IDENTITY_AUTHORITY_HOST"] || "http://169.254.169.254").replace(/\/+$/, "");
  const query = new URLSearchParams({
    ...{ "api-version": isService ? "2019-08-01" : "2018-02-01", resource },
    ...(client === undefined ? {} : { client_id: client }),
  });
  const url = `${isService ? endpoint : `${root}/metadata/identity/oauth2/token`}?${query}`;
  const headers: Record<string, string> = isService ? { "x-identity-header": pass! } : { metadata: "true" };
  const whom = "Azure's managed identity";
  return createTokenSource({
    now: host.now,
    async issue() {
      return lentTokenIn(
        await askJson({ whom, send: host.metadata, url, headers, signal: host.signal }),
        host.now(),
        whom,
      );
    },
  });
}
