/** Gemini and Claude at Vertex AI. API: https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest */
import {
  type Codec,
  defineProvider,
  gemini,
  type MaybePromise,
  type Operation,
  Type,
  type UpstreamCall,
  vertexClaude,
  vertexEmbedContent,
  vertexPredict,
} from "monorelay/plugin";
import { hostedClaudeTraits } from "../shared/claude.ts";
import { claudePrice } from "../shared/claude-prices.ts";
import { geminiTraits } from "../shared/gemini.ts";
import { geminiPrice } from "../shared/gemini-prices.ts";
import {
  accountOfKey,
  findGoogleAccount,
  type GoogleAccount,
  type GoogleSearch,
  readGoogleCredentials,
} from "../shared/google-credentials.ts";
import { isBearer } from "../shared/lent-token.ts";
import { noCredentials } from "../shared/no-credentials.ts";

const OPERATIONS = new Set<Operation>(["count-tokens", "embeddings"]);

const isClaude = (model: string): boolean => /^claude\b/.test(model);

/** The second generation of Gemini's vectors has a method of its own; all others are asked as models of any kind are. */
function embeddingsIn(model: string): Codec | undefined {
  if (isClaude(model)) return undefined;
  return /^gemini/.test(model) && model !== "gemini-embedding-001" ? vertexEmbedContent : vertexPredict;
}

/** Regions have hosts of their own, and so have the two continents. */
function hostOf(location: string): string {
  if (location === "global") return "https://aiplatform.googleapis.com";
  if (/^(us|eu)$/.test(location)) return `https://aiplatform.${location}.rep.googleapis.com`;
  return `https://${location}-aiplatform.googleapis.com`;
}

export default defineProvider({
  id: "vertex",
  dialects: ["gemini"],
  price: (model) => claudePrice(model) ?? geminiPrice(model),
  keys: "optional",
  options: Type.Object({
    project: Type.Optional(
      Type.String({ pattern: "^[a-z0-9.:-]+$", description: "Project; that of the service account while unset" }),
    ),
    location: Type.String({ default: "global", pattern: "^[a-z0-9-]+$", description: "Region, us, eu or global" }),
    anthropicBeta: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      description: "Betas that every call of Claude asks for; clients' own are not passed on, as many are refused here",
    }),
    credentials: Type.Optional(
      Type.Secret({
        description: "Credentials file (JSON) of any of Google's kinds; else those of Google's own tools",
      }),
    ),
    allowMetadata: Type.Boolean({
      default: false,
      description: "May the machine's metadata service be asked for tokens",
    }),
  }),
  async setup({ project, location, credentials, anthropicBeta, allowMetadata }, host) {
    const base = (host.baseUrl === "" ? hostOf(location) : host.baseUrl).replace(/\/v1(?:beta1)?$/, "");
    // Lent for Google's own hosts alone: whoever may point an entry elsewhere must not be sent its tokens.
    const isOwnHost = /^https:\/\/[^/?#@]+\.googleapis\.com(?:[:/]|$)/.test(base);
    const { account: standing, tried }: GoogleSearch =
      credentials !== undefined
        ? { account: readGoogleCredentials(credentials, allowMetadata, host), tried: [] }
        : isOwnHost
          ? await findGoogleAccount(allowMetadata, host)
          : { account: undefined, tried: ["what the surroundings lend is for Google's own hosts only"] };
    const ofEnvironment = process.env["GOOGLE_CLOUD_PROJECT"];
    if (standing !== undefined && (project ?? standing.project ?? ofEnvironment) === undefined) {
      throw new Error("it needs a project: the credentials name none");
    }
    const accounts = new Map<string, GoogleAccount>();

    const forKey = (secret: string): GoogleAccount | undefined => {
      if (!secret.startsWith("{")) return secret === "" ? standing : undefined;
      let account = accounts.get(secret);
      if (account === undefined) accounts.set(secret, (account = accountOfKey(secret, host)));
      return account;
    };
    const projectOf = (account: GoogleAccount | undefined, waiter: Waiter): MaybePromise<string | undefined> => {
      if (project !== undefined || account === undefined) return project;
      const own = account.project;
      // What a machine belongs to has to be asked for; what the environment says is at hand.
      if (typeof own === "function") return ofEnvironment ?? own(waiter);
      return own ?? ofEnvironment;
    };

    const sign = async (secret: string, waiter: Waiter): Promise<Record<string, string>> => {
      const account = forKey(secret);
      if (account === undefined) {
        if (secret !== "") return { "x-goog-api-key": secret };
        throw noCredentials(host, tried);
      }
      const { quotaProject } = account;
      const authorization = `Bearer ${await account.token(waiter)}`;
      return quotaProject === undefined ? { authorization } : { authorization, "x-goog-user-project": quotaProject };
    };

    return {
      operations: OPERATIONS,
      codecs: [gemini, vertexClaude],
      embeddingsIn,
      codecsFor: (model) => (isClaude(model) ? [vertexClaude] : [gemini]),
      traits: (model) =>
        isClaude(model) ? hostedClaudeTraits(model) : { ...geminiTraits(model), serviceTiers: false },
      async request(call) {
        const owner = await projectOf(forKey(call.secret), call);
        // Keys of the express mode have no project to name.
        const path = owner === undefined ? "" : `/projects/${owner}/locations/${location}`;
        return {
          url: `${base}/v1${path}/${modelPath(call)}${queryOf(call)}`,
          method: call.method,
          headers: {
            ...(await sign(call.secret, call)),
            ...(isClaude(call.model) && anthropicBeta.length > 0 ? { "anthropic-beta": anthropicBeta.join(",") } : {}),
            "content-type": call.contentType,
          },
          body: bodyOf(call),
        };
      },
      renew({ headers }, { status }) {
        if (status !== 401) return false;
        const candidates = standing === undefined ? accounts.values() : [standing, ...accounts.values()];
        return [...candidates].some(({ token }) => token.refused(isBearer(headers)));
      },
      async listModels(secret, signal) {
        const owner = await projectOf(forKey(secret), { signal });
        const headers = {
          ...(owner === undefined ? {} : { "x-goog-user-project": owner }),
          ...(await sign(secret, { signal })),
        };
        const response = await host.fetch(`${base}/v1beta1/publishers/google/models?pageSize=1000`, {
          headers,
          signal,
        });
        if (!response.ok) throw new Error(`the model list answered ${response.status}`);
        const { publisherModels = [] } = (await response.json()) as { publisherModels?: { name?: unknown }[] };
        return publisherModels.flatMap(({ name }) =>
          typeof name === "string" ? [name.replace(/^publishers\/google\/models\//, "")] : [],
        );
      },
    };
  },
});

interface Waiter {
  readonly signal: AbortSignal;
}

/** Versions of Claude stand behind an `@` here, where their maker writes a dash; either is understood. */
function modelPath({ operation, path, model, stream, codec }: UpstreamCall): string {
  const name = encodeURIComponent(model).replaceAll("%40", "@");
  if (operation !== "chat") {
    return codec.id === vertexClaude.id
      ? `publishers/anthropic/models/${path}`
      : `publishers/google/models/${name}${path}`;
  }
  if (codec.id === vertexClaude.id) {
    const versioned = name.replace(/-(\d{8})$/, "@$1");
    return `publishers/anthropic/models/${versioned}:${stream ? "streamRawPredict" : "rawPredict"}`;
  }
  return `publishers/google/models/${name}:${stream ? "streamGenerateContent" : "generateContent"}`;
}

/** Asked for a count, it takes a whole request as it is, where Google's other door wants it wrapped. */
function bodyOf({ operation, codec, body }: UpstreamCall): UpstreamCall["body"] {
  if (operation !== "count-tokens" || codec.id !== gemini.id || body === null) return body;
  if (typeof body !== "string" && !(body instanceof Uint8Array)) return body;
  const asked = JSON.parse(typeof body === "string" ? body : new TextDecoder().decode(body)) as {
    generateContentRequest?: { model?: string };
  };
  if (asked.generateContentRequest === undefined) return body;
  const { model: _model, ...whole } = asked.generateContentRequest;
  return JSON.stringify(whole);
}

/** Streams are asked for as events, whatever the client gets them as. */
function queryOf({ operation, stream, codec, query }: UpstreamCall): string {
  if (codec.id === vertexClaude.id) return "";
  if (operation !== "chat" || !stream) return query;
  return query === "" ? "?alt=sse" : `${query}&alt=sse`;
}
