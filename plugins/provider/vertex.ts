/** Gemini and Claude at Vertex AI. API: https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest */
import {
  type Codec,
  defineProvider,
  gemini,
  type Operation,
  type ProviderHost,
  RelayError,
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
import { readServiceAccount, readServiceAccountKey, type ServiceAccount, tokensOf } from "../shared/service-account.ts";

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
      Type.Secret({ description: "Key file (JSON) of a service account; else GOOGLE_APPLICATION_CREDENTIALS" }),
    ),
  }),
  async setup({ project, location, credentials, anthropicBeta }, host) {
    const base = (host.baseUrl === "" ? hostOf(location) : host.baseUrl).replace(/\/v1(?:beta1)?$/, "");
    // Lent for Google's own hosts alone: whoever may point an entry elsewhere must not be sent its tokens.
    const isOwnHost = /^https:\/\/[^/?#@]+\.googleapis\.com(?:[:/]|$)/.test(base);
    const json = credentials ?? (isOwnHost ? await keyFileOfEnvironment() : undefined);
    const standing = json === undefined ? undefined : accountOf(readServiceAccount(json), host);
    const ofEnvironment = process.env["GOOGLE_CLOUD_PROJECT"];
    if (standing !== undefined && (project ?? standing.projectId ?? ofEnvironment) === undefined) {
      throw new Error("it needs a project: the service account names none");
    }
    const accounts = new Map<string, Account>();

    const forKey = (secret: string): Account | undefined => {
      if (!secret.startsWith("{")) return secret === "" ? standing : undefined;
      let account = accounts.get(secret);
      if (account === undefined) accounts.set(secret, (account = accountOf(readServiceAccountKey(secret), host)));
      return account;
    };
    const projectOf = (account: Account | undefined): string | undefined =>
      project ?? account?.projectId ?? (account === undefined ? undefined : ofEnvironment);

    const sign = async (secret: string, waiter: { readonly signal: AbortSignal }): Promise<Record<string, string>> => {
      const account = forKey(secret);
      if (account !== undefined) return { authorization: `Bearer ${await account.token(waiter)}` };
      if (secret !== "") return { "x-goog-api-key": secret };
      throw new RelayError("unavailable", "The provider has no credentials.", { wireCode: "no_keys" });
    };

    return {
      operations: OPERATIONS,
      codecs: [gemini, vertexClaude],
      embeddingsIn,
      codecsFor: (model) => (isClaude(model) ? [vertexClaude] : [gemini]),
      traits: (model) => (isClaude(model) ? hostedClaudeTraits(model) : geminiTraits(model)),
      async request(call) {
        const owner = projectOf(forKey(call.secret));
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
      async listModels(secret, signal) {
        const owner = projectOf(forKey(secret));
        const headers = {
          ...(await sign(secret, { signal })),
          ...(owner === undefined ? {} : { "x-goog-user-project": owner }),
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

interface Account {
  readonly projectId: string | undefined;
  readonly token: ReturnType<typeof tokensOf>;
}

function accountOf(account: ServiceAccount, host: ProviderHost): Account {
  return { projectId: account.projectId, token: tokensOf(account, host) };
}

async function keyFileOfEnvironment(): Promise<string | undefined> {
  const path = process.env["GOOGLE_APPLICATION_CREDENTIALS"];
  if (!path) return undefined;
  try {
    return await Bun.file(path).text();
  } catch {
    throw new Error("the file that GOOGLE_APPLICATION_CREDENTIALS names cannot be read");
  }
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
