/** Google's Gemini by its own API. API: https://ai.google.dev/api */
import { defineProvider, gemini, type Operation, Type, type UpstreamCall } from "monorelay/plugin";
import { geminiTraits } from "../shared/gemini.ts";
import { geminiPrice } from "../shared/gemini-prices.ts";

/** What it offers beside answers. */
const OPERATIONS = new Set<Operation>(["count-tokens", "embeddings", "files", "batches"]);

export default defineProvider({
  id: "gemini",
  baseUrl: "https://generativelanguage.googleapis.com",
  dialects: ["gemini"],
  price: geminiPrice,
  options: Type.Object({
    apiVersion: Type.String({ default: "v1beta", pattern: "^v[0-9][a-z0-9]*$", description: "Version in the path" }),
  }),
  setup({ apiVersion }, host) {
    const root = `${host.baseUrl}/${apiVersion}`;
    // What lies there has a path of its own; everything else is a verb of a model.
    const urlOf = (call: UpstreamCall): string => {
      const { path, model } = call;
      if (path.startsWith("/upload/")) return `${host.baseUrl}/upload/${apiVersion}${path.slice("/upload".length)}`;
      return path.startsWith("/") ? root + path : `${root}/${modelPath(model)}${verbOf(call)}`;
    };
    return {
      codecs: [gemini],
      operations: OPERATIONS,
      // By address it reads its own files and what its maker hosts, which the dialect knows.
      traits: (model) => ({ ...geminiTraits(model), mediaUrls: false }),
      request: (call) => ({
        url: urlOf(call) + queryOf(call),
        method: call.method,
        headers: {
          ...call.headers,
          "x-goog-api-key": call.secret,
          ...(call.body === null ? {} : { "content-type": call.contentType }),
        },
        body: call.body,
      }),
      async listModels(secret, signal) {
        const response = await host.fetch(`${root}/models?pageSize=1000`, {
          headers: { "x-goog-api-key": secret },
          signal,
        });
        if (!response.ok) throw new Error(`the model list answered ${response.status}`);
        const { models = [] } = (await response.json()) as { models?: { name?: unknown }[] };
        return models.flatMap(({ name }) => (typeof name === "string" ? [name.replace(/^models\//, "")] : []));
      },
    };
  },
});

/** Tuned models have a collection of their own, which their names begin with. */
function modelPath(model: string): string {
  const name = /^(models|tunedModels)\//.test(model) ? model : `models/${model}`;
  return name.split("/").map(encodeURIComponent).join("/");
}

function verbOf({ operation, stream, path }: UpstreamCall): string {
  if (operation !== "chat") return path;
  return stream ? ":streamGenerateContent" : ":generateContent";
}

/** Streams are always asked for as events, in whichever form the client wants them. */
function queryOf({ operation, stream, query }: UpstreamCall): string {
  if (operation !== "chat" || !stream) return query;
  return query === "" ? "?alt=sse" : `${query}&alt=sse`;
}
