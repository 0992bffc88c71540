/** Ollama through its own paths. API: https://github.com/ollama/ollama/blob/main/docs/api.md */
import { defineProvider, type Operation, ollama, openaiChat, type Traits, Type } from "monorelay/plugin";

/** What it offers beside chat, on paths it shares with OpenAI. */
const OPERATIONS = new Set<Operation>(["completions", "embeddings"]);

/** The only family that is told how hard to think; all others either think or do not. */
const LEVELS = { thinking: "adaptive" } as const;
const SWITCH = { thinking: "budget" } as const;

/** Operators copy either of the two roots. */
const ROOTS = /\/(?:v1|api)$/;

export default defineProvider({
  id: "ollama",
  baseUrl: "http://127.0.0.1:11434",
  dialects: ["ollama"],
  keys: "optional",
  local: true,
  options: Type.Object({
    numCtx: Type.Optional(Type.Integer({ minimum: 1, description: "Context each model is loaded with, in tokens" })),
    keepAlive: Type.Optional(
      Type.Union([Type.String({ pattern: "^-?\\d+(ms|s|m|h)?$" }), Type.Integer()], {
        description: "How long a model stays loaded after a call: 5m, seconds, or -1 for ever",
      }),
    ),
  }),
  setup({ numCtx, keepAlive }, host) {
    const loading: Traits = {
      ...(numCtx === undefined ? {} : { contextTokens: numCtx }),
      ...(keepAlive === undefined ? {} : { keepLoaded: keepAlive }),
    };
    const base = host.baseUrl.replace(ROOTS, "");
    const signed = (secret: string): Record<string, string> =>
      secret === "" ? {} : { authorization: `Bearer ${secret}` };
    return {
      codecs: [ollama],
      rawCodecs: [openaiChat],
      operations: OPERATIONS,
      traits: (model) => ({ ...(/(^|\/)gpt-oss\b/.test(model) ? LEVELS : SWITCH), ...loading }),
      request: (call) => ({
        url: base + (call.operation === "chat" ? "/api/chat" : `/v1${call.path}${call.query}`),
        method: call.method,
        headers: {
          ...signed(call.secret),
          ...(call.body === null ? {} : { "content-type": call.contentType }),
        },
        body: call.body,
      }),
      async listModels(secret, signal) {
        const response = await host.fetch(`${base}/api/tags`, { headers: signed(secret), signal });
        if (!response.ok) throw new Error(`the model list answered ${response.status}`);
        const { models = [] } = (await response.json()) as { models?: { name?: unknown }[] };
        return models.flatMap(({ name }) => (typeof name === "string" ? [name] : []));
      },
    };
  },
});
