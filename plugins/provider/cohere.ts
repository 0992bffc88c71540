/** Cohere. API: https://docs.cohere.com/reference/chat */
import {
  cohere,
  cohereRerank,
  defineProvider,
  type Operation,
  openaiChat,
  type Traits,
  type UpstreamCall,
} from "monorelay/plugin";
import { priceList } from "../shared/price-list.ts";

const OPERATIONS = new Set<Operation>(["embeddings", "rerank"]);

/** Only its reasoning models know of thinking. */
const THINKING: Traits = { thinking: "budget" };
const PLAIN: Traits = { thinking: "none" };

/** Operators copy the root with or without one of its versions. */
const VERSIONS = /\/(?:v1|v2|compatibility\/v1)$/;

export default defineProvider({
  id: "cohere",
  baseUrl: "https://api.cohere.com",
  dialects: ["cohere"],
  price: priceList("2026-06", [
    ["command-a", 2.5, 10],
    ["command-r-plus", 2.5, 10],
    ["command-r", 0.15, 0.6],
    ["command-r7b", 0.0375, 0.15],
    ["embed-v4.0", 0.12],
  ]),
  setup(_options, host) {
    const base = host.baseUrl.replace(VERSIONS, "");
    return {
      codecs: [cohere],
      // The family of the paths that clients call it by.
      rawCodecs: [openaiChat],
      rerank: cohereRerank,
      embeddingsIn: () => cohere,
      operations: OPERATIONS,
      traits: (model) => (model.includes("reasoning") ? THINKING : PLAIN),
      request: (call) => ({
        url: base + pathOf(call) + call.query,
        method: call.method,
        headers: {
          authorization: `Bearer ${call.secret}`,
          ...(call.body === null ? {} : { "content-type": call.contentType }),
        },
        body: call.body,
      }),
      async listModels(secret, signal) {
        const headers = { authorization: `Bearer ${secret}` };
        const response = await host.fetch(`${base}/v1/models?page_size=1000`, { headers, signal });
        if (!response.ok) throw new Error(`the model list answered ${response.status}`);
        const { models = [] } = (await response.json()) as { models?: Listed[] };
        return models.flatMap(({ name, endpoints = ["chat"] }) =>
          typeof name === "string" && endpoints.some((each) => OFFERED.has(each)) ? [name] : [],
        );
      },
    };
  },
});

interface Listed {
  readonly name?: unknown;
  readonly endpoints?: readonly string[];
}

const OFFERED: ReadonlySet<string> = new Set(["chat", "embed", "rerank"]);

function pathOf({ operation, path }: UpstreamCall): string {
  return operation === "chat" ? "/v2/chat" : `/v2${path}`;
}
