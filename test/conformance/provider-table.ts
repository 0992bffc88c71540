/** Every built-in provider in each of its ways to address and sign, as a row: what it is configured with, what its vendor must see. */
import { generateKeyPairSync } from "node:crypto";
import { builtinProviders } from "../../plugins/index.ts";
import type { AnyProviderPlugin } from "../../src/plugin/index.ts";

/** The dialect whose fixtures the vendor answers with. */
export type VendorDialect =
  | "openai-chat"
  | "anthropic-messages"
  | "gemini"
  | "bedrock-converse"
  | "bedrock-invoke-claude"
  | "vertex-claude"
  | "ollama"
  | "cohere";

export interface ProviderRow {
  readonly name: string;
  /** Lines of the provider's entry, below `base_url`; values are JSON. */
  readonly entry: Readonly<Record<string, unknown>>;
  /** Below the vendor's root; slashes at its end must not matter. */
  readonly root: string;
  readonly model: string;
  readonly dialect: VendorDialect;
  /** Path and query of a whole and of a streamed chat call. */
  readonly whole: string;
  readonly streamed: string;
  /** The headers that carry the credential, and no other does. */
  readonly credential: Readonly<Record<string, string | RegExp>>;
  /** Further headers of the plugin's own. */
  readonly headers?: readonly string[];
  /** Nothing of these may be seen anywhere but in `credential` and at `tokens`. */
  readonly secrets: readonly string[];
  /** Where the vendor lends tokens, and the token it lends. */
  readonly tokens?: { readonly path: string; readonly value: string };
  /** Headers of the client that the vendor is meant to see. */
  readonly forwards?: readonly string[];
}

const KEY = "row-key-0123456789abcdef";
const PAIR = { id: "ASIAROWEXAMPLE000001", secret: "wJalrXUtnFEMIsecretEXAMPLEKEY" };
const SIGNATURE = (region: string) =>
  new RegExp(
    `^AWS4-HMAC-SHA256 Credential=${PAIR.id}/\\d{8}/${region}/bedrock/aws4_request, SignedHeaders=host;x-amz-date(;x-amz-security-token)?, Signature=[0-9a-f]{64}$`,
  );

const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});
/** A middle line of the key: what would be recognised if any of it leaked. */
const PRIVATE_LINE = privateKey.split("\n")[5]!;

const serviceAccount = (root: string): string =>
  JSON.stringify({
    type: "service_account",
    project_id: "row-project",
    private_key_id: "k1",
    private_key: privateKey,
    client_email: "robot@row-project.iam.example",
    token_uri: `${root}/token`,
  });

const GOOGLE_TOKEN = { path: "/token", value: "ya29.c.row-minted-token-0123456789" };
const ENTRA_TOKEN = { path: "/row-tenant/oauth2/v2.0/token", value: "eyJhbGciOiJub25lIn0.eyJyb3ciOjF9.c2lnbmF0dXJl" };

/** Those that serve OpenAI's paths with a Bearer key all look the same. */
const USUAL: readonly ProviderRow[] = (builtinProviders as readonly AnyProviderPlugin[])
  .filter(({ id, dialects }) => dialects?.[0] === "openai-chat" && id !== "azure")
  .map(({ id }) => ({
    name: id,
    entry: { provider_type: id, keys: [{ key: KEY }] },
    root: "/v1",
    model: "some-model",
    dialect: "openai-chat",
    whole: "/v1/chat/completions",
    streamed: "/v1/chat/completions",
    credential: { authorization: `Bearer ${KEY}` },
    secrets: [KEY],
    forwards: ["anthropic-version", "anthropic-beta", "openai-beta", "idempotency-key"],
  }));

/** @param root address of the vendor, for what must point at it beside `base_url` */
export function providerRows(root: string): readonly ProviderRow[] {
  const claude = "anthropic.claude-sonnet-4-5-20250929-v1:0";
  const claudePath = `/model/${encodeURIComponent(claude)}`;
  const google = "/v1/projects/row-project/locations/global/publishers";
  const account = serviceAccount(root);
  const azure = { provider_type: "azure", keys: [{ key: KEY }] };
  const azureBase = { root: "", model: "gpt-4o", dialect: "openai-chat", forwards: ["openai-beta"] } as const;
  const bedrock = { root: "", headers: ["accept"] } as const;
  const session = "row-session-token-0123456789";
  const converse = { model: "amazon.nova-pro-v1:0", dialect: "bedrock-converse" } as const;
  const novaPath = "/model/amazon.nova-pro-v1%3A0";
  return [
    ...USUAL,
    {
      name: "anthropic",
      entry: { provider_type: "anthropic", keys: [{ key: KEY }] },
      root: "",
      model: "claude-sonnet-4-5",
      dialect: "anthropic-messages",
      whole: "/v1/messages",
      streamed: "/v1/messages",
      credential: { "x-api-key": KEY },
      headers: ["anthropic-version"],
      secrets: [KEY],
    },
    {
      name: "gemini",
      entry: { provider_type: "gemini", keys: [{ key: KEY }] },
      root: "",
      model: "gemini-2.5-pro",
      dialect: "gemini",
      whole: "/v1beta/models/gemini-2.5-pro:generateContent",
      streamed: "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
      credential: { "x-goog-api-key": KEY },
      secrets: [KEY],
    },
    {
      ...azureBase,
      name: "azure, /openai/v1",
      entry: azure,
      whole: "/openai/v1/chat/completions",
      streamed: "/openai/v1/chat/completions",
      credential: { "api-key": KEY },
      secrets: [KEY],
    },
    {
      ...azureBase,
      name: "azure, /openai/v1 in its root, preview",
      root: "/openai/v1",
      entry: { ...azure, api_version: "preview" },
      whole: "/openai/v1/chat/completions?api-version=preview",
      streamed: "/openai/v1/chat/completions?api-version=preview",
      credential: { "api-key": KEY },
      secrets: [KEY],
    },
    {
      ...azureBase,
      name: "azure, deployments",
      entry: { ...azure, api_version: "2024-10-21", deployments: { "gpt-4o": "my gpt/4o" } },
      whole: "/openai/deployments/my%20gpt%2F4o/chat/completions?api-version=2024-10-21",
      streamed: "/openai/deployments/my%20gpt%2F4o/chat/completions?api-version=2024-10-21",
      credential: { "api-key": KEY },
      secrets: [KEY],
    },
    {
      ...azureBase,
      name: "azure, Entra",
      entry: {
        ...{ provider_type: "azure", auth: "entra", tenant_id: "row-tenant", client_id: "row-client" },
        ...{ client_secret: "row-client-secret-0123456789", authority: `${root}/` },
      },
      whole: "/openai/v1/chat/completions",
      streamed: "/openai/v1/chat/completions",
      credential: { authorization: `Bearer ${ENTRA_TOKEN.value}` },
      secrets: ["row-client-secret-0123456789", ENTRA_TOKEN.value],
      tokens: ENTRA_TOKEN,
    },
    {
      ...bedrock,
      ...converse,
      name: "bedrock, Converse, a key of its own",
      entry: { provider_type: "bedrock", keys: [{ key: KEY }] },
      whole: `${novaPath}/converse`,
      streamed: `${novaPath}/converse-stream`,
      credential: { authorization: `Bearer ${KEY}` },
      secrets: [KEY],
    },
    {
      ...bedrock,
      ...converse,
      name: "bedrock, Converse, signed with lent keys",
      entry: {
        ...{ provider_type: "bedrock", region: "eu-central-1", access_key_id: PAIR.id },
        ...{ secret_access_key: PAIR.secret, session_token: session },
      },
      whole: `${novaPath}/converse`,
      streamed: `${novaPath}/converse-stream`,
      credential: {
        authorization: SIGNATURE("eu-central-1"),
        "x-amz-date": /^\d{8}T\d{6}Z$/,
        "x-amz-security-token": session,
      },
      secrets: [PAIR.secret, session],
    },
    {
      ...bedrock,
      name: "bedrock, Claude, signed with a pair given as key",
      entry: { provider_type: "bedrock", keys: [{ key: `${PAIR.id}:${PAIR.secret}` }] },
      model: claude,
      dialect: "bedrock-invoke-claude",
      whole: `${claudePath}/invoke`,
      streamed: `${claudePath}/invoke-with-response-stream`,
      credential: { authorization: SIGNATURE("us-east-1"), "x-amz-date": /^\d{8}T\d{6}Z$/ },
      secrets: [PAIR.secret],
    },
    {
      ...bedrock,
      name: "bedrock, Claude through Converse",
      entry: { provider_type: "bedrock", keys: [{ key: KEY }], dialects: ["bedrock-converse"] },
      model: claude,
      dialect: "bedrock-converse",
      whole: `${claudePath}/converse`,
      streamed: `${claudePath}/converse-stream`,
      credential: { authorization: `Bearer ${KEY}` },
      secrets: [KEY],
    },
    {
      name: "vertex, Gemini",
      entry: { provider_type: "vertex", credentials: account },
      root: "",
      model: "gemini-2.5-pro",
      dialect: "gemini",
      whole: `${google}/google/models/gemini-2.5-pro:generateContent`,
      streamed: `${google}/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse`,
      credential: { authorization: `Bearer ${GOOGLE_TOKEN.value}` },
      secrets: [PRIVATE_LINE, GOOGLE_TOKEN.value],
      tokens: GOOGLE_TOKEN,
    },
    {
      name: "vertex, Claude, the account given as key",
      entry: { provider_type: "vertex", project: "other-project", location: "us-east5", keys: [{ key: account }] },
      root: "/v1",
      model: "claude-sonnet-4-5@20250929",
      dialect: "vertex-claude",
      whole:
        "/v1/projects/other-project/locations/us-east5/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict",
      streamed:
        "/v1/projects/other-project/locations/us-east5/publishers/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict",
      credential: { authorization: `Bearer ${GOOGLE_TOKEN.value}` },
      secrets: [PRIVATE_LINE, GOOGLE_TOKEN.value],
      tokens: GOOGLE_TOKEN,
    },
    {
      name: "vertex, express",
      entry: { provider_type: "vertex", keys: [{ key: KEY }] },
      root: "",
      model: "gemini-2.5-flash",
      dialect: "gemini",
      whole: "/v1/publishers/google/models/gemini-2.5-flash:generateContent",
      streamed: "/v1/publishers/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
      credential: { "x-goog-api-key": KEY },
      secrets: [KEY],
    },
    {
      name: "ollama",
      entry: { provider_type: "ollama" },
      root: "",
      model: "llama3.2",
      dialect: "ollama",
      whole: "/api/chat",
      streamed: "/api/chat",
      credential: {},
      secrets: [],
    },
    {
      name: "ollama, hosted",
      entry: { provider_type: "ollama", keys: [{ key: KEY }] },
      root: "/v1",
      model: "gpt-oss:120b",
      dialect: "ollama",
      whole: "/api/chat",
      streamed: "/api/chat",
      credential: { authorization: `Bearer ${KEY}` },
      secrets: [KEY],
    },
    {
      name: "cohere",
      entry: { provider_type: "cohere", keys: [{ key: KEY }] },
      root: "/v2",
      model: "command-a-03-2025",
      dialect: "cohere",
      whole: "/v2/chat",
      streamed: "/v2/chat",
      credential: { authorization: `Bearer ${KEY}` },
      secrets: [KEY],
    },
  ];
}
