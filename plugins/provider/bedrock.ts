/** Amazon Bedrock. API: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html */
import {
  type AwsCredentials,
  bedrockConverse,
  bedrockInvokeClaude,
  defineProvider,
  RelayError,
  signAws,
  type Traits,
  Type,
  type UpstreamCall,
} from "monorelay/plugin";
import { hostedClaudeTraits } from "../shared/claude.ts";

const EVENT_STREAM = "application/vnd.amazon.eventstream";

/** Of Claude itself, in any region's spelling; what hides behind a profile of one's own is not told by its name. */
const CLAUDE = /(^|[./])anthropic\.claude/;

function traitsOf(model: string): Traits {
  if (CLAUDE.test(model)) return { ...hostedClaudeTraits(model), family: "claude" };
  if (/(^|[./])amazon\.nova-2/.test(model)) return { family: "nova", thinking: "adaptive" };
  if (/(^|[./])amazon\.nova/.test(model)) return { family: "nova", thinking: "none" };
  return {};
}

/** `ID:SECRET` or `ID:SECRET:SESSION` as a provider key; anything else is a key of Bedrock's own. */
const KEY_PAIR = /^(A[A-Z0-9]{15,127}):([^:\s]+)(?::([^:\s]+))?$/;

type Credential = { readonly bearer: string } | { readonly pair: AwsCredentials };

function asPair(
  id: string | undefined,
  secret: string | undefined,
  session: string | undefined,
): AwsCredentials | undefined {
  if (!id || !secret) return undefined;
  return { accessKeyId: id, secretAccessKey: secret, ...(session ? { sessionToken: session } : {}) };
}

/** What the surroundings lend a process at AWS, in the order of AWS's own tools. */
function credentialOfEnvironment(): Credential | undefined {
  const { env } = process;
  if (env["AWS_BEARER_TOKEN_BEDROCK"]) return { bearer: env["AWS_BEARER_TOKEN_BEDROCK"] };
  const pair = asPair(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"]);
  return pair === undefined ? undefined : { pair };
}

export default defineProvider({
  id: "bedrock",
  dialects: ["bedrock-converse"],
  keys: "optional",
  options: Type.Object({
    region: Type.Optional(
      Type.String({ pattern: "^[a-z]{2,4}(-[a-z]+)+-\\d+$", description: "AWS region; AWS_REGION, else us-east-1" }),
    ),
    accessKeyId: Type.Optional(Type.Secret({ description: "AWS access key, for signed calls" })),
    secretAccessKey: Type.Optional(Type.Secret({ description: "Secret of that access key" })),
    sessionToken: Type.Optional(Type.Secret({ description: "Session token, for keys lent by STS" })),
  }),
  setup(options, host) {
    const { accessKeyId, secretAccessKey, sessionToken } = options;
    if ((accessKeyId === undefined) !== (secretAccessKey === undefined)) {
      throw new Error("access_key_id and secret_access_key are set both or not at all");
    }
    const region = options.region ?? process.env["AWS_REGION"] ?? process.env["AWS_DEFAULT_REGION"] ?? "us-east-1";
    const base = host.baseUrl === "" ? `https://bedrock-runtime.${region}.amazonaws.com` : host.baseUrl;
    const own = asPair(accessKeyId, secretAccessKey, sessionToken);
    const standing: Credential | undefined = own === undefined ? credentialOfEnvironment() : { pair: own };
    /** Pairs given as keys, so that what was derived from one is found again. */
    const pairs = new Map<string, AwsCredentials>();

    const credentialOf = (secret: string): Credential => {
      const found = KEY_PAIR.exec(secret);
      if (found !== null) {
        let pair = pairs.get(secret);
        if (pair === undefined) pairs.set(secret, (pair = asPair(found[1], found[2], found[3])!));
        return { pair };
      }
      if (secret !== "") return { bearer: secret };
      if (standing !== undefined) return standing;
      throw new RelayError("unavailable", "The provider has no credentials.", { wireCode: "no_keys" });
    };

    const signed = async (
      secret: string,
      request: { url: string; method: string; body: string | Uint8Array<ArrayBuffer> | null },
    ): Promise<Record<string, string>> => {
      const credential = credentialOf(secret);
      if ("bearer" in credential) return { authorization: `Bearer ${credential.bearer}` };
      return signAws({ ...request, service: "bedrock", region, credentials: credential.pair, now: host.now() });
    };

    return {
      codecs: [bedrockConverse, bedrockInvokeClaude],
      // The maker's own form is the more faithful one: nothing of it has to be said in other words.
      codecsFor: (model) => (CLAUDE.test(model) ? [bedrockInvokeClaude, bedrockConverse] : [bedrockConverse]),
      traits: traitsOf,
      async request(call) {
        const body = bytesOf(call);
        const url = `${base}/model/${encodeURIComponent(call.model)}/${verbOf(call)}`;
        const headers = {
          accept: call.stream ? EVENT_STREAM : "application/json",
          "content-type": call.contentType,
          ...(await signed(call.secret, { url, method: call.method, body })),
        };
        return { url, method: call.method, headers, body };
      },
      async listModels(secret, signal) {
        // Models are told by another host, the one that also makes them.
        const url = `${base.replace("//bedrock-runtime.", "//bedrock.")}/foundation-models?byOutputModality=TEXT`;
        const headers = await signed(secret, { url, method: "GET", body: null });
        const response = await host.fetch(url, { headers, signal });
        if (!response.ok) throw new Error(`the model list answered ${response.status}`);
        const { modelSummaries = [] } = (await response.json()) as { modelSummaries?: { modelId?: unknown }[] };
        return modelSummaries.flatMap(({ modelId }) => (typeof modelId === "string" ? [modelId] : []));
      },
    };
  },
});

function verbOf({ codec, stream }: UpstreamCall): string {
  if (codec.id === bedrockInvokeClaude.id) return stream ? "invoke-with-response-stream" : "invoke";
  return stream ? "converse-stream" : "converse";
}

function bytesOf({ body }: UpstreamCall): string | Uint8Array<ArrayBuffer> {
  if (typeof body === "string" || body instanceof Uint8Array) return body;
  throw new RelayError("internal", "A body that is not known whole cannot be signed.");
}
