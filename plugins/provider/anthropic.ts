/** Anthropic. API: https://docs.anthropic.com/en/api/messages */
import { anthropicMessages, defineProvider, listOpenaiModels, type Operation, type Traits } from "monorelay/plugin";

const DEFAULT_VERSION = "2023-06-01";

/** What the messages paths offer beside chat. */
const OPERATIONS = new Set<Operation>(["count-tokens", "batches"]);

/**
 * Facts by model family, first match wins; seen in the vendor's model table and its 400 answers, 2026-08.
 * Newer families take thinking by effort and refuse the sampling parameters; older ones take a budget.
 */
const FAMILIES: readonly (readonly [pattern: RegExp, traits: Traits])[] = [
  [/claude-3-5|claude-3\.5/, { maxOutputTokens: 8192, thinking: "none", sampling: "all" }],
  [/claude-3-7/, { maxOutputTokens: 64_000, thinking: "budget", sampling: "all" }],
  [/claude-3/, { maxOutputTokens: 4096, thinking: "none", sampling: "all" }],
  [/claude-opus-4(-1|-0|-20|$)/, { maxOutputTokens: 32_000, thinking: "budget", sampling: "one" }],
  [/claude-opus-4-5/, { maxOutputTokens: 64_000, thinking: "budget", sampling: "one", structuredOutput: true }],
  [/claude-opus-4-6/, { maxOutputTokens: 128_000, thinking: "adaptive", sampling: "one", structuredOutput: true }],
  [/claude-sonnet-4-6/, { maxOutputTokens: 64_000, thinking: "adaptive", sampling: "one", structuredOutput: true }],
  [
    /claude-(sonnet|haiku)-4-5/,
    { maxOutputTokens: 64_000, thinking: "budget", sampling: "one", structuredOutput: true },
  ],
  [/claude-(sonnet|haiku)-4/, { maxOutputTokens: 64_000, thinking: "budget", sampling: "one" }],
  [
    /claude/,
    {
      maxOutputTokens: 64_000,
      thinking: "adaptive",
      sampling: "none",
      structuredOutput: true,
      systemInMessages: true,
    },
  ],
];

/** A model that no family names: nothing is cut down to a limit that may not be its own. */
const UNKNOWN: Traits = { thinking: "budget", sampling: "all", structuredOutput: true };

export default defineProvider({
  id: "anthropic",
  baseUrl: "https://api.anthropic.com",
  dialects: ["anthropic-messages"],
  setup: (_options, host) => ({
    codecs: [anthropicMessages],
    operations: OPERATIONS,
    traits: (model) => FAMILIES.find(([pattern]) => pattern.test(model))?.[1] ?? UNKNOWN,
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
