/** The public door: everything a plugin may import, for built-ins and for files of your own alike. */
export { anthropicMessages } from "../codec/anthropic-messages/index.ts";
export { bedrockConverse } from "../codec/bedrock-converse/index.ts";
export { bedrockCohereEmbed, bedrockNovaEmbed, bedrockTitanEmbed } from "../codec/bedrock-embeddings/index.ts";
export { cohere } from "../codec/cohere/index.ts";
export { gemini } from "../codec/gemini/index.ts";
export type { GeminiTraits } from "../codec/gemini/wire.ts";
export { bedrockInvokeClaude, vertexClaude } from "../codec/hosted-claude/index.ts";
export { ollama } from "../codec/ollama/index.ts";
export { openaiChat } from "../codec/openai-chat/index.ts";
export { openaiCompletions } from "../codec/openai-completions/index.ts";
export { openaiResponses } from "../codec/openai-responses/index.ts";
export { cohereRerank, commonRerank, nimRerank, teiRerank, voyageRerank } from "../codec/rerank/index.ts";
export { vertexEmbedContent, vertexPredict } from "../codec/vertex-embeddings/index.ts";
export * from "../contract/index.ts";
export { awsEventStream } from "../wire/aws-event-stream.ts";
export { ndjson } from "../wire/ndjson.ts";
export { sse } from "../wire/sse.ts";
export { type AwsCredentials, type AwsRequest, signAws } from "./aws.ts";
export { API_VERSION, defineAuth, defineProvider } from "./define.ts";
export {
  type LocalContext,
  type LocalPiece,
  type LocalProvider,
  type LocalRequest,
  localProvider,
} from "./local-provider.ts";
export {
  askProvider,
  type CodeExchange,
  exchangeCode,
  type ProviderAnswer,
  type ProviderRequest,
  type TokenAnswer,
} from "./oauth.ts";
export { listOpenaiModels, OPENAI_OPERATIONS, type OpenaiCompatible, openaiCompatible } from "./openai-compatible.ts";
export { type OpenidConnect, openidConnect } from "./openid-connect.ts";
export { type Static, Type } from "./options.ts";
export {
  createTokenSource,
  fetchToken,
  type JwtClaims,
  type LentToken,
  signAssertion,
  type TokenRequest,
  type TokenSource,
  type TokenSourceOptions,
} from "./tokens.ts";
