/** Anthropic Messages as other clouds serve them: the maker's own body, but for what they keep elsewhere or refuse. */
import type { Codec } from "../../contract/codec.ts";
import type { RequestLayout } from "../../contract/layout.ts";
import { awsEventStream } from "../../wire/aws-event-stream.ts";
import { sse } from "../../wire/sse.ts";
import { createStreamDecoder } from "../anthropic-messages/decode-stream.ts";
import { decodeError } from "../anthropic-messages/errors.ts";
import { MESSAGES_PLACES } from "../anthropic-messages/layout.ts";
import { decodeResponse } from "../anthropic-messages/response.ts";
import { decodeAwsError } from "../shared/aws-errors.ts";
import { upstreamCounting } from "../shared/counting.ts";
import { pick } from "../shared/json.ts";
import { placeBy } from "../shared/layout.ts";
import { factsByReading, watchByReading } from "../shared/one-sided.ts";
import { createChunkDecoder, decodeInvokeResponse } from "./decode-invoke.ts";
import { hostedRequestEncoder } from "./encode-request.ts";

const hostedLayout: RequestLayout = { place: placeBy({ ...MESSAGES_PLACES, service_tier: null }) };

/**
 * Claude through Bedrock's InvokeModel. Model and stream go into the URL; events come as Base64 inside an AWS event
 * stream. https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html
 */
export const bedrockInvokeClaude = {
  id: "bedrock-invoke-claude",
  framing: awsEventStream,
  egress: {
    encodeRequest: hostedRequestEncoder({ version: "bedrock-2023-05-31", hasBetas: true }),
    decodeResponse: decodeInvokeResponse,
    streamDecoder: createChunkDecoder,
    decodeError: decodeAwsError,
    readFacts: factsByReading(decodeInvokeResponse),
    watcher: watchByReading(createChunkDecoder),
  },
  layout: hostedLayout,
} as const satisfies Codec;

const encodeForVertex = hostedRequestEncoder({ version: "vertex-2023-10-16", hasStream: true, hasSearch: true });

/**
 * Claude at Vertex AI. The model goes into the URL; events are the maker's own.
 * https://docs.claude.com/en/api/claude-on-vertex-ai
 */
export const vertexClaude = {
  id: "vertex-claude",
  framing: sse,
  egress: {
    encodeRequest: encodeForVertex,
    hosted: ["web-search"],
    decodeResponse,
    streamDecoder: createStreamDecoder,
    decodeError,
    readFacts: factsByReading(decodeResponse),
    watcher: watchByReading(createStreamDecoder),
  },
  layout: hostedLayout,
  /** Asked of a model of its own, so that this one is named in the body. https://docs.claude.com/en/api/claude-on-vertex-ai */
  counting: upstreamCounting({
    path: "count-tokens:rawPredict",
    field: "input_tokens",
    encodeRequest: (request, target) => ({
      ...pick(encodeForVertex(request, target), ["messages", "system", "tools", "tool_choice", "thinking"]),
      // A version stands behind an `@` here, where the maker writes a dash.
      model: target.model.replace(/-(\d{8})$/, "@$1"),
    }),
  }),
} as const satisfies Codec;
