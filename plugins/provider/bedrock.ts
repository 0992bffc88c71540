/** Amazon Bedrock. API: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html */
import {
  type AwsCredentials,
  bedrockCohereEmbed,
  bedrockConverse,
  bedrockInvokeClaude,
  bedrockNovaEmbed,
  bedrockTitanEmbed,
  type Codec,
  defineProvider,
  type Operation,
  RelayError,
  signAws,
  type Traits,
  Type,
  type UpstreamCall,
} from "monorelay/plugin";
import { findAwsAccess } from "../shared/aws-credentials.ts";
import { domainOf, pairOf } from "../shared/aws-keys.ts";
import { noCredentials } from "../shared/no-credentials.ts";
import { hostedClaudeTraits } from "../shared/claude.ts";
import { claudePrice } from "../shared/claude-prices.ts";

const OPERATIONS = new Set<Operation>(["count-tokens", "embeddings"]);

const EVENT_STREAM = "application/vnd.amazon.eventstream";

/** Of Claude itself, in any region's spelling; what hides behind a profile of one's own is not told by its name. */
const CLAUDE = /(^|[./])anthropic\.claude/;

/** Every maker has a body of its own for vectors. */
const EMBEDDINGS: readonly (readonly [model: RegExp, codec: Codec])[] = [
  [/(^|[./])amazon\.titan-embed/, bedrockTitanEmbed],
  [/(^|[./])amazon\.nova-.*embed/, bedrockNovaEmbed],
  [/(^|[./])cohere\.embed/, bedrockCohereEmbed],
];

/** A profile of one's own; those that the house offers have the model's name in theirs. */
const OPAQUE =
  /^arn:[^/]*:(?:application-inference-profile|provisioned-model|imported-model|custom-model-deployment)\//;

function embeddingsIn(model: string): Codec | undefined {
  const found = EMBEDDINGS.find(([pattern]) => pattern.test(model))?.[1];
  if (found !== undefined || !OPAQUE.test(model)) return found;
  throw new RelayError(
    "bad-request",
    "Whose vectors this ARN stands for is not told by it: the provider's entry has to name its model in `inference_profiles`.",
    { param: "model" },
  );
}

function traitsOf(model: string, betas: readonly string[]): Traits {
  if (CLAUDE.test(model)) return { ...hostedClaudeTraits(model), family: "claude", betas };
  if (/(^|[./])amazon\.nova-2/.test(model)) return { family: "nova", thinking: "adaptive", mediaUrls: false };
  if (/(^|[./])amazon\.nova/.test(model)) return { family: "nova", thinking: "none", mediaUrls: false };
  return { mediaUrls: false };
}

/** How AWS says that it is not the permission but the credential that is wrong. */
const RUN_OUT = /^(?:ExpiredToken|UnrecognizedClient|InvalidClientTokenId)/;

type AwsCredential = { readonly bearer: string } | { readonly pair: AwsCredentials };

/** `ID:SECRET` or `ID:SECRET:SESSION` as a provider key; anything else is a key of Bedrock's own. */
const KEY_PAIR = /^(A[A-Z0-9]{15,127}):([^:\s]+)(?::([^:\s]+))?$/;

export default defineProvider({
  id: "bedrock",
  dialects: ["bedrock-converse"],
  price: claudePrice,
  keys: "optional",
  options: Type.Object({
    region: Type.Optional(
      Type.String({
        pattern: "^[a-z]{2,4}(-[a-z]+)+-\\d+$",
        description: "AWS region; else AWS_REGION, that of the profile, us-east-1",
      }),
    ),
    accessKeyId: Type.Optional(Type.Secret({ description: "AWS access key, for signed calls" })),
    secretAccessKey: Type.Optional(Type.Secret({ description: "Secret of that access key" })),
    sessionToken: Type.Optional(Type.Secret({ description: "Session token, for keys lent by STS" })),
    profile: Type.Optional(
      Type.String({ minLength: 1, description: "Profile in AWS's own files: keys, a role, or a sign-in by SSO" }),
    ),
    anthropicBeta: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      description: "Betas that every call of Claude asks for; clients' own are not passed on, as many are refused here",
    }),
    inferenceProfiles: Type.Optional(
      Type.Record(Type.String(), Type.String({ minLength: 1 }), {
        description: "What is called for a model instead of its name: an inference profile's ARN or id",
      }),
    ),
    roleArn: Type.Optional(
      Type.String({
        pattern: "^arn:[a-z-]+:iam::\\d+:role/.+$",
        description: "Role that the keys take on for the calls",
      }),
    ),
    allowMetadata: Type.Boolean({
      default: false,
      description: "May the container's or the instance's metadata service be asked for keys",
    }),
  }),
  async setup(options, host) {
    if ((options.accessKeyId === undefined) !== (options.secretAccessKey === undefined)) {
      throw new Error("access_key_id and secret_access_key are set both or not at all");
    }
    const baseUrlOf = (region: string): string =>
      host.baseUrl === "" ? `https://bedrock-runtime.${region}.${domainOf(region)}` : host.baseUrl;
    const { region, bearer, keys, tried } = await findAwsAccess(options, host, baseUrlOf);
    const base = baseUrlOf(region);
    /** Pairs given as keys, so that what was derived from one is found again. */
    const pairs = new Map<string, AwsCredentials>();

    const credentialOf = (
      secret: string,
      waiter: { readonly signal: AbortSignal },
    ): AwsCredential | Promise<AwsCredential> => {
      const found = KEY_PAIR.exec(secret);
      if (found !== null) {
        let pair = pairs.get(secret);
        if (pair === undefined) pairs.set(secret, (pair = pairOf(found[1], found[2], found[3])!));
        return { pair };
      }
      if (secret !== "") return { bearer: secret };
      if (bearer !== undefined) return { bearer };
      if (keys === undefined) throw noCredentials(host, tried);
      const pair = keys.get(waiter);
      return pair instanceof Promise ? pair.then((lent) => ({ pair: lent })) : { pair };
    };

    const signed = async (
      secret: string,
      waiter: { readonly signal: AbortSignal },
      request: { url: string; method: string; body: string | Uint8Array<ArrayBuffer> | null },
    ): Promise<Record<string, string>> => {
      const credential = await credentialOf(secret, waiter);
      if ("bearer" in credential) return { authorization: `Bearer ${credential.bearer}` };
      return signAws({ ...request, service: "bedrock", region, credentials: credential.pair, now: host.now() });
    };

    const profiles = new Map(Object.entries(options.inferenceProfiles ?? {}));
    /** Only models themselves count tokens, no profiles. */
    const calledFor = ({ operation, model }: UpstreamCall): string => {
      if (operation === "count-tokens") return model.replace(REGIONS, "");
      return profiles.get(model) ?? model;
    };

    return {
      operations: OPERATIONS,
      codecs: [bedrockConverse, bedrockInvokeClaude],
      // The maker's own form is the more faithful one: nothing of it has to be said in other words.
      codecsFor: (model) => (CLAUDE.test(model) ? [bedrockInvokeClaude, bedrockConverse] : [bedrockConverse]),
      embeddingsIn,
      traits: (model) => traitsOf(model, options.anthropicBeta),
      async request(call) {
        const body = bytesOf(call);
        const url = `${base}/model/${encodeURIComponent(calledFor(call))}${verbOf(call)}`;
        const headers = {
          accept: call.stream ? EVENT_STREAM : "application/json",
          "content-type": call.contentType,
          ...(await signed(call.secret, call, { url, method: call.method, body })),
        };
        return { url, method: call.method, headers, body };
      },
      renew({ headers }, answer) {
        if (!RUN_OUT.test(answer.header("x-amzn-errortype") ?? "")) return false;
        const signature = headers["authorization"] ?? "";
        return keys?.lent?.refused(({ accessKeyId }) => signature.includes(`Credential=${accessKeyId}/`)) === true;
      },
      async listModels(secret, signal) {
        // Models are told by another host, the one that also makes them.
        const url = `${base.replace("//bedrock-runtime.", "//bedrock.")}/foundation-models`;
        const headers = await signed(secret, { signal }, { url, method: "GET", body: null });
        const response = await host.fetch(url, { headers, signal });
        if (!response.ok) throw new Error(`the model list answered ${response.status}`);
        const { modelSummaries = [] } = (await response.json()) as { modelSummaries?: ModelSummary[] };
        return modelSummaries.flatMap(({ modelId, outputModalities = ["TEXT"] }) =>
          typeof modelId === "string" && outputModalities.some((kind) => OFFERED.has(kind)) ? [modelId] : [],
        );
      },
    };
  },
});

interface ModelSummary {
  readonly modelId?: unknown;
  readonly outputModalities?: readonly string[];
}

/** What comes out of the models that can be asked through this provider. */
const OFFERED: ReadonlySet<string> = new Set(["TEXT", "EMBEDDING"]);

function verbOf({ operation, codec, stream, path }: UpstreamCall): string {
  if (operation !== "chat") return path;
  if (codec.id === bedrockInvokeClaude.id) return stream ? "/invoke-with-response-stream" : "/invoke";
  return stream ? "/converse-stream" : "/converse";
}

/** How profiles that spread calls over regions begin. */
const REGIONS = /^(?:us|us-gov|eu|apac|jp|au|ca|global)\./;

function bytesOf({ body }: UpstreamCall): string | Uint8Array<ArrayBuffer> {
  if (typeof body === "string" || body instanceof Uint8Array) return body;
  throw new RelayError("internal", "A body that is not known whole cannot be signed.");
}
