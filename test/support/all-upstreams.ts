/** One upstream of every kind there is, all on one loopback vendor: their models, their dialects, their configuration. */
import { generateKeyPairSync } from "node:crypto";
import { type RunningBinary, startBinary } from "./binary.ts";
import { LENT_TOKEN, TOKEN_PATH, type UpstreamDialect } from "./vendors.ts";

export interface UpstreamRow {
  readonly name: string;
  readonly model: string;
  readonly dialect: UpstreamDialect;
  /** What its `authorization` header looks like; empty where it signs in some other way. */
  readonly authorization: RegExp;
}

const PAIR = { id: "ASIAWHOLETEST0000001", secret: "whole-test-secret-access-key-0123" };
const SIGNED = new RegExp(`^AWS4-HMAC-SHA256 Credential=${PAIR.id}/\\d{8}/eu-west-3/bedrock/aws4_request`);
const LENT = new RegExp(`^Bearer ${LENT_TOKEN}$`);

export const UPSTREAMS: readonly UpstreamRow[] = [
  { name: "chat", model: "gpt-chat", dialect: "openai-chat", authorization: /^Bearer vendor-key-1$/ },
  { name: "responses", model: "gpt-responses", dialect: "openai-responses", authorization: /^Bearer vendor-key-2$/ },
  { name: "messages", model: "claude-sonnet-4-6", dialect: "anthropic-messages", authorization: /^$/ },
  { name: "gemini", model: "gemini-2.5-flash", dialect: "gemini", authorization: /^$/ },
  { name: "azure", model: "azure-gpt", dialect: "openai-chat", authorization: /^$/ },
  { name: "bedrock", model: "amazon.nova-lite-v1:0", dialect: "bedrock-converse", authorization: SIGNED },
  {
    ...{ name: "bedrock claude", model: "anthropic.claude-sonnet-4-5-20250929-v1:0" },
    ...{ dialect: "bedrock-invoke-claude", authorization: SIGNED },
  },
  { name: "vertex", model: "gemini-2.5-pro", dialect: "gemini", authorization: LENT },
  { name: "vertex claude", model: "claude-sonnet-4-9-20260801", dialect: "vertex-claude", authorization: LENT },
  { name: "ollama", model: "llama3.2", dialect: "ollama", authorization: /^$/ },
  { name: "cohere", model: "command-a-03-2025", dialect: "cohere", authorization: /^Bearer vendor-key-5$/ },
];

/** What must never be seen in an answer or a line of the log. */
export const VENDOR_SECRETS = [PAIR.secret, LENT_TOKEN, "PRIVATE KEY", "vendor-key", "whole-test-session"];

/** The binary with all of them, each at `vendor`; `more`: further sections of the configuration. */
export function startWithAllUpstreams(vendor: string, more: object = {}): Promise<RunningBinary> {
  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const account = JSON.stringify({
    ...{ type: "service_account", project_id: "whole", client_email: "robot@whole.example" },
    ...{ private_key: privateKey, token_uri: vendor + TOKEN_PATH },
  });
  const provider = (type: string, include: string[], rest: object = {}) => ({
    ...{ provider_type: type, base_url: vendor, rate_limit_cooldown: 0, models: { include } },
    ...rest,
  });
  const key = (value: string) => ({ keys: [{ key: value }] });
  const openai = { base_url: `${vendor}/v1` };
  return startBinary({
    files: { "account.json": account },
    env: {
      AWS_ACCESS_KEY_ID: PAIR.id,
      AWS_SECRET_ACCESS_KEY: PAIR.secret,
      AWS_SESSION_TOKEN: "whole-test-session-token",
      AWS_REGION: "eu-west-3",
    },
    config: JSON.stringify({
      providers: {
        echo: { provider_type: "echo" },
        chat: provider("openai", ["gpt-chat"], { ...openai, ...key("vendor-key-1") }),
        responses: provider("openai", ["gpt-responses"], {
          ...{ ...openai, ...key("vendor-key-2") },
          ...{ dialects: ["openai-responses"], hosted_tools: true },
        }),
        messages: provider("anthropic", ["claude-sonnet-4-6"], { ...key("vendor-key-3"), hosted_tools: true }),
        gemini: provider("gemini", ["gemini-2.5-flash"], key("vendor-key-4")),
        azure: provider("azure", ["azure-gpt"], {
          ...{ api_version: "2024-10-21", deployments: { "azure-gpt": "team-gpt" } },
          ...key("azure-vendor-key"),
        }),
        bedrock: provider("bedrock", ["amazon.*", "anthropic.*"]),
        vertex: provider("vertex", ["gemini-2.5-pro"], { credentials: account }),
        "vertex-claude": provider("vertex", ["claude-sonnet-4-9*"], {
          // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference of the configuration
          credentials: "${file:account.json}",
        }),
        local: provider("ollama", ["llama*"]),
        cohere: provider("cohere", ["command-*"], key("vendor-key-5")),
      },
      model_routing: { failover: { enabled: false } },
      ...more,
    }),
  });
}
