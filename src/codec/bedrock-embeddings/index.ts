/** The dialects in which Bedrock's models are asked for vectors: each maker's own body for InvokeModel. */
import type { Codec } from "../../contract/codec.ts";
import type { Embeddings } from "../../contract/embeddings.ts";
import { awsEventStream } from "../../wire/aws-event-stream.ts";
import { invokedCohereEmbeddings } from "../cohere/embeddings.ts";
import { decodeAwsError } from "../shared/aws-errors.ts";
import { novaEmbeddings } from "./nova.ts";
import { titanEmbeddings } from "./titan.ts";

function invoked(maker: string, embeddings: Embeddings): Codec {
  return { id: `bedrock-${maker}-embed`, framing: awsEventStream, embeddings, decodeError: decodeAwsError };
}

export const bedrockTitanEmbed = invoked("titan", titanEmbeddings);
export const bedrockNovaEmbed = invoked("nova", novaEmbeddings);
export const bedrockCohereEmbed = invoked("cohere", invokedCohereEmbeddings);
