/** OpenAI's models at Azure. API: https://learn.microsoft.com/azure/ai-foundry/openai/reference */
import {
  defineProvider,
  listOpenaiModels,
  type Operation,
  openaiChat,
  openaiResponses,
  RelayError,
  type Traits,
  Type,
  type UpstreamCall,
} from "monorelay/plugin";
import { entraTokens } from "../shared/entra.ts";
import { isBearer } from "../shared/lent-token.ts";
import { openaiTraits } from "../shared/openai.ts";
import { openaiPrice } from "../shared/openai-prices.ts";

/** Below a deployment; all other paths belong to the whole resource. */
const OF_A_DEPLOYMENT: ReadonlySet<Operation> = new Set(["chat", "completions", "embeddings", "images", "audio"]);
const OPERATIONS: ReadonlySet<Operation> = new Set([
  ...OF_A_DEPLOYMENT,
  "files",
  "batches",
  "fine-tuning",
  "assistants",
  "responses",
  "videos",
]);

/** Operators copy the resource's address with or without one of its paths. */
const PATHS = /\/openai(?:\/v1)?$/;

/** Versions before these knew neither the newer name of the limit nor counts inside streams. */
const LIMIT_RENAMED = "2024-09-01";
const COUNTS_STREAMED = "2024-09-01";

export default defineProvider({
  id: "azure",
  dialects: ["openai-chat"],
  price: openaiPrice,
  keys: "optional",
  options: Type.Object({
    apiVersion: Type.Optional(
      Type.String({
        pattern: "^(v1|preview|latest|\\d{4}-\\d{2}-\\d{2}(-preview)?)$",
        description:
          "A dated version uses the deployment paths; without one, and with v1 or preview, /openai/v1 is used",
      }),
    ),
    deployments: Type.Record(Type.String(), Type.String(), {
      default: {},
      description: "Deployment of each model, where their names differ; needs a dated api_version",
    }),
    auth: Type.Union([Type.Literal("key"), Type.Literal("entra")], {
      default: "key",
      description: "key: a key of the resource; entra: a token, for client_secret or as Azure's own tools find one",
    }),
    tenantId: Type.Optional(Type.String({ pattern: "^[A-Za-z0-9.-]+$", description: "Entra tenant" })),
    clientId: Type.Optional(Type.String({ minLength: 1, description: "Entra application" })),
    clientSecret: Type.Optional(Type.Secret({ description: "Secret of that application" })),
    authority: Type.Optional(
      Type.String({ pattern: "^https?://[^?#]+$", description: "Where Entra tokens come from; Entra's public cloud" }),
    ),
    scope: Type.String({
      default: "https://cognitiveservices.azure.com/.default",
      description: "What Entra tokens are asked for",
    }),
    allowMetadata: Type.Boolean({
      default: false,
      description: "May the machine's identity service be asked for tokens",
    }),
  }),
  setup(options, host) {
    if (host.baseUrl === "") throw new Error("it needs a base_url: the endpoint of the resource");
    const { apiVersion, deployments } = options;
    const isDated = apiVersion !== undefined && /^\d/.test(apiVersion);
    if (!isDated && Object.keys(deployments).length > 0) {
      throw new Error("deployments need a dated api_version; under /openai/v1 use model_routing.model_overrides");
    }
    const root = `${host.baseUrl.replace(PATHS, "")}/openai`;
    const token = options.auth === "entra" ? entraTokens(options, host) : undefined;
    const credential = async (secret: string, waiter: { readonly signal: AbortSignal }): Promise<Fields> =>
      token === undefined ? sign(secret) : { authorization: `Bearer ${await token(waiter)}` };
    const version = apiVersion === undefined ? "" : `api-version=${apiVersion}`;

    const urlOf = ({ operation, codec, path, query, model }: UpstreamCall): string => {
      const below = operation !== "chat" ? path : codec.id === openaiResponses.id ? "/responses" : "/chat/completions";
      const joined = version === "" ? query : `${query === "" ? "?" : `${query}&`}${version}`;
      if (!isDated) return `${root}/v1${below}${joined}`;
      if (!OF_A_DEPLOYMENT.has(operation) || below === "/responses") return `${root}${below}${joined}`;
      const deployment = Object.hasOwn(deployments, model) ? deployments[model]! : model;
      return `${root}/deployments/${encodeURIComponent(deployment)}${below}${joined}`;
    };
    const ofAll: Traits = {
      fileUrls: false,
      maxTokensField: isDated && apiVersion < LIMIT_RENAMED ? "max_tokens" : "max_completion_tokens",
      ...(isDated ? { vendorFields: false } : {}), // they came with the undated paths
      ...(isDated && apiVersion < COUNTS_STREAMED ? { streamUsage: false } : {}),
    };
    const models = Object.keys(deployments);
    return {
      codecs: isDated ? [openaiChat] : [openaiChat, openaiResponses],
      optionalCodecs: [openaiResponses],
      operations: OPERATIONS,
      // Deployments are mostly named after their models.
      traits: (model) => ({ ...openaiTraits(model), ...ofAll }),
      ...(models.length === 0 ? {} : { models }),
      async request(call) {
        const headers = await credential(call.secret, call);
        if (call.body !== null) headers["content-type"] = call.contentType;
        const beta = call.headers["openai-beta"];
        if (beta !== undefined) headers["openai-beta"] = beta;
        return { url: urlOf(call), method: call.method, headers, body: call.body };
      },
      ...(token === undefined
        ? {}
        : { renew: ({ headers }, { status }) => status === 401 && token.refused(isBearer(headers)) }),
      async listModels(secret, signal) {
        if (models.length > 0) return models;
        const url = `${root}${isDated ? "" : "/v1"}/models${version === "" ? "" : `?${version}`}`;
        return listOpenaiModels(url, await credential(secret, { signal }), host.fetch, signal);
      },
    };
  },
});

type Fields = Record<string, string>;

/** The one header that lets a call in. */
function sign(secret: string): Fields {
  if (secret !== "") return { "api-key": secret };
  throw new RelayError("unavailable", "The provider has no usable key.", { wireCode: "no_keys" });
}
