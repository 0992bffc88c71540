/** The dialect of Bedrock's Converse, one form for the models of all makers; only upstreams speak it. */
import type { Codec } from "../../contract/codec.ts";
import { awsEventStream } from "../../wire/aws-event-stream.ts";
import { decodeAwsError } from "../shared/aws-errors.ts";
import { upstreamCounting } from "../shared/counting.ts";
import { pick } from "../shared/json.ts";
import { factsByReading, watchByReading } from "../shared/one-sided.ts";
import { createStreamDecoder, decodeResponse } from "./decode-answer.ts";
import { encodeRequest } from "./encode-request.ts";
import { converseLayout } from "./layout.ts";
import { CONVERSE } from "./wire.ts";

export const bedrockConverse = {
  id: CONVERSE,
  framing: awsEventStream,
  egress: {
    encodeRequest,
    decodeResponse,
    streamDecoder: createStreamDecoder,
    decodeError: decodeAwsError,
    readFacts: factsByReading(decodeResponse),
    watcher: watchByReading(createStreamDecoder),
  },
  layout: converseLayout,
  /** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html */
  counting: upstreamCounting({
    path: "/count-tokens",
    field: "inputTokens",
    encodeRequest: (request, target) => ({
      input: { converse: pick(encodeRequest(request, target), ["messages", "system", "toolConfig"]) },
    }),
  }),
} as const satisfies Codec;
