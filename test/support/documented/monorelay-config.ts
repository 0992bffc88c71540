/** Every key that MonoRelay's documentation and its example file show, with the values they show. */

/** `config.yml.example` and `configuration/*`; the provider of type `web_reverse` is apart, below. */
export const DOCUMENTED_CONFIG = `
server:
  host: "127.0.0.1"
  port: 8787
  access_key: "prisma-relay-change-me"
  access_key_enabled: true
  log_level: "INFO"
  cors_origins:
    - "*"
  public_host: ""
  jwt_secret: ""

providers:
  openrouter:
    enabled: true
    base_url: "https://openrouter.ai/api/v1"
    keys:
      - key: "sk-or-v1-your-openrouter-key"
        label: "main"
        weight: 1
      - key: "sk-or-v1-your-backup-key"
        label: "backup"
        weight: 1
        usage_window_limits:
          window_5h: 1000
          window_1d: 5000
          window_7d: 20000
    headers:
      HTTP-Referer: "https://your-site.com"
      X-Title: "Your App"
    cloaking:
      user_agent: "Mozilla/5.0"
      referer: "https://chat.example.com"
      origin: "https://chat.example.com"
      accept: "application/json"
      accept_language: "en-US,en;q=0.9"
      tls_fingerprint_profile: "chrome-120"
    rate_limit_cooldown: 60
    timeout: 120
    retry:
      enabled: true
      max_retries: 3
      retry_on_status: [429, 500, 502, 503, 504]
    models:
      include: []
      exclude: []
  nvidia:
    enabled: true
    base_url: "https://integrate.api.nvidia.com/v1"
    keys: [{ key: "nvapi-your-nvidia-key", label: "main", weight: 1 }]
    rate_limit_cooldown: 30
    timeout: 120
  openai:
    enabled: false
    base_url: "https://api.openai.com/v1"
    keys: [{ key: "sk-your-openai-key", label: "main", weight: 1 }]
  anthropic:
    enabled: false
    base_url: "https://api.anthropic.com"
    keys: [{ key: "sk-ant-your-anthropic-key", label: "main", weight: 1 }]

model_routing:
  enabled: true
  mode: "passthrough"
  aliases:
    "fast": "openai/gpt-4o-mini"
    "smart": "anthropic/claude-sonnet-4-20250514"
    "nvidia-fast": "meta/llama-4-maverick-17b-128e-instruct"
  provider_mapping:
    "gpt-*": "openrouter"
    "o1*": "openrouter"
    "meta/*": "nvidia"
  model_overrides: {}
  complexity:
    enabled: false
    simple: "openai/gpt-4o-mini"
    moderate: "openai/gpt-4o"
    complex: "anthropic/claude-sonnet-4-20250514"
  cascade:
    enabled: false
    models: ["openai/gpt-4o-mini", "openai/gpt-4o"]
    max_retries: 2
  payload_transformation:
    enabled: true
    rules:
      - models: ["gpt-4o-*"]
        inject_params: { metadata: { source: monorelay } }
        override_params: { temperature: 0.7 }
      - models: ["claude-*"]
        override_params: { thinking: { type: enabled, budget_tokens: 1024 } }

key_selection:
  strategy: "round-robin"

tool_calling:
  auto_downgrade: true
  unsupported_models:
    - "meta/llama-4-maverick-*"
    - "meta/llama-3.1-*"

logging:
  enabled: true
  db_path: "./data/requests.db"
  max_age_days: 30
  content_preview_length: 200

sso:
  enabled: false
  provider: "github"
  prismaauth_url: "http://localhost:8080"
  scopes: ["openid", "profile", "email"]

sync:
  enabled: false
`;

/** The one thing there that this relay does not do. */
export const WEB_REVERSE = `
  chatgpt_web:
    enabled: false
    provider_type: "web_reverse"
    keys: [{ key: "your-chatgpt-access-token", label: "main", weight: 1 }]
    rate_limit_cooldown: 120
    timeout: 120
    web_reverse:
      pow_difficulty: "00003a"
      conversation_only: false
`;
