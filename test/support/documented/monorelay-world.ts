/** A relay with the configuration of MonoRelay's documentation, in front of upstreams that answer all that it documents. */
import { type RunningBinary, startBinary } from "../binary.ts";
import { Desk } from "../documented.ts";
import { type Received, type Reply, startUpstream, type Upstream } from "../upstream.ts";
import { startVendors } from "../vendors.ts";
import { ACCESS, ACCESS_WORDS, HOSTS } from "./monorelay-words.ts";

/** What those upstreams answer that have no dialect of ours. */
function media({ path }: Received): Reply {
  const made = { created: 1_716_000_000 };
  switch (path) {
    case "/v1/completions":
      return {
        json: {
          id: "cmpl-1",
          object: "text_completion",
          model: "gpt-3.5-turbo-instruct",
          ...made,
          choices: [{ text: " there was", index: 0, logprobs: null, finish_reason: "length" }],
          usage: { prompt_tokens: 4, completion_tokens: 2, total_tokens: 6 },
        },
      };
    case "/v1/embeddings":
      return {
        json: {
          object: "list",
          model: "text-embedding-3-small",
          data: [0, 1].map((index) => ({ object: "embedding", index, embedding: [0.5, -0.25] })),
          usage: { prompt_tokens: 2, total_tokens: 2 },
        },
      };
    case "/v1/moderations":
      return { json: { id: "modr-1", model: "omni-moderation-latest", results: [{ flagged: false }] } };
    case "/v1/images/generations":
    case "/v1/images/variations":
    case "/v1/images/edits":
      return { json: { ...made, data: [{ url: "https://images.example/1.png" }] } };
    case "/v1/audio/transcriptions":
    case "/v1/audio/translations":
      return { json: { text: "a word" } };
    case "/v1/credits":
      return { json: { data: { total_credits: 10, total_usage: 2.5 } } };
    default:
      return { status: 404, json: { error: { message: `nothing at ${path}` } } };
  }
}

/** The documented form of the file; only addresses are the test's. */
export const configOf = (vendors: string, others: string) => `
server:
  host: "127.0.0.1"
  access_key: "${ACCESS}"
  access_key_enabled: true
  log_level: "INFO"
  cors_origins:
    - "*"
  public_host: ""

providers:
  openrouter:
    enabled: true
    provider_type: openrouter
    base_url: "${others}/v1"
    keys:
      - key: "sk-or-v1-documented"
        label: "main"
        weight: 1
    headers:
      HTTP-Referer: "https://github.com/Excurs1ons/MonoRelay"
      X-Title: "MonoRelay"
    rate_limit_cooldown: 60
    timeout: 120
    models:
      include: ["gpt-3.5-turbo-instruct", "text-embedding-*", "omni-*", "dall-e-*", "whisper-*"]
      exclude: []
  openai:
    enabled: true
    base_url: "${vendors}/v1"
    keys:
      - key: "sk-documented"
        label: "main"
    rate_limit_cooldown: 0
    models:
      include: ["gpt-4o"]
  anthropic:
    enabled: true
    provider_type: anthropic
    base_url: "${vendors}"
    keys:
      - key: "sk-ant-documented"
    models:
      include: ["claude-opus-4-5"]

model_routing:
  enabled: true
  mode: "passthrough"
`;

export interface DocumentedWorld {
  readonly relay: RunningBinary;
  readonly desk: Desk;
  /** Chat, responses and messages. */
  readonly vendors: Upstream;
  /** Everything else. */
  readonly others: Upstream;
  /** At another relay with the same upstreams; `change` turns the configuration into its own. */
  beside(change: (config: string) => string): Promise<Desk>;
  /** The exit codes of the relays. */
  stop(): Promise<readonly number[]>;
}

export async function startDocumentedWorld(): Promise<DocumentedWorld> {
  const vendors = await startVendors();
  const others = await startUpstream(media);
  const config = configOf(vendors.url, others.url);
  const relays: RunningBinary[] = [];
  const start = async (text: string) => {
    const relay = await startBinary({ withoutKey: true, config: text });
    relays.push(relay);
    const desk = new Desk(relay, HOSTS);
    for (const word of ACCESS_WORDS) desk.set({ [word]: ACCESS });
    return desk;
  };
  const desk = await start(config);
  desk.file("picture.png", new Uint8Array([137, 80, 78, 71]));
  desk.file("speech.mp3", new Uint8Array([73, 68, 51]));
  return {
    relay: desk.relay,
    desk,
    vendors,
    others,
    beside: (change) => start(change(config)),
    async stop() {
      const codes = await Promise.all(relays.map((each) => each.stop()));
      await Promise.all([vendors.stop(), others.stop()]);
      return codes;
    },
  };
}
