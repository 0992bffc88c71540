/** Anthropic. API: https://docs.anthropic.com/en/api/messages */
import { anthropicMessages, defineProvider, listOpenaiModels, type Operation } from "monorelay/plugin";
import { claudeTraits } from "../shared/claude.ts";
import { claudePrice } from "../shared/claude-prices.ts";

const DEFAULT_VERSION = "2023-06-01";

/** What its paths offer beside chat. */
const OPERATIONS = new Set<Operation>(["count-tokens", "batches", "files"]);

export default defineProvider({
  id: "anthropic",
  baseUrl: "https://api.anthropic.com",
  dialects: ["anthropic-messages"],
  price: claudePrice,
  setup: (_options, host) => ({
    codecs: [anthropicMessages],
    operations: OPERATIONS,
    traits: claudeTraits,
    request: (call) => ({
      url: `${host.baseUrl}/v1${call.operation === "chat" ? "/messages" : call.path}${call.query}`,
      method: call.method,
      headers: {
        "anthropic-version": DEFAULT_VERSION,
        ...call.headers,
        "x-api-key": call.secret,
        ...(call.body === null ? {} : { "content-type": call.contentType }),
      },
      body: call.body,
    }),
    listModels: (secret, signal) =>
      listOpenaiModels(
        `${host.baseUrl}/v1/models?limit=1000`,
        { "x-api-key": secret, "anthropic-version": DEFAULT_VERSION },
        host.fetch,
        signal,
      ),
  }),
});
