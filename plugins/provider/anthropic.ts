/** Anthropic. API: https://docs.anthropic.com/en/api/messages */
import { anthropicMessages, defineProvider, listOpenaiModels, type Operation, Type } from "monorelay/plugin";
import { claudeTraits } from "../shared/claude.ts";
import { claudePrice } from "../shared/claude-prices.ts";

const DEFAULT_VERSION = "2023-06-01";

/** What its paths offer beside chat. */
const OPERATIONS = new Set<Operation>(["count-tokens", "batches", "files"]);

const isFirstParty = (baseUrl: string): boolean => new URL(baseUrl).origin === "https://api.anthropic.com";

export default defineProvider({
  id: "anthropic",
  baseUrl: "https://api.anthropic.com",
  dialects: ["anthropic-messages"],
  price: claudePrice,
  options: Type.Object({
    hostedTools: Type.Optional(
      Type.Boolean({
        description: "Is it Anthropic behind another address, with its own search, code and MCP servers?",
      }),
    ),
  }),
  setup: ({ hostedTools }, host) => ({
    codecs: [anthropicMessages],
    operations: OPERATIONS,
    traits: (model) =>
      (hostedTools ?? isFirstParty(host.baseUrl)) ? claudeTraits(model) : { ...claudeTraits(model), hosted: [] },
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
