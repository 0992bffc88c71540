/** The dialect of Cohere's chat, version 2; only upstreams speak it. */
import type { Codec } from "../../contract/codec.ts";
import { sse } from "../../wire/sse.ts";
import { factsByReading, watchByReading } from "../shared/one-sided.ts";
import { decodeErrorResponse } from "../shared/upstream-error.ts";
import { createStreamDecoder, decodeResponse } from "./decode-answer.ts";
import { cohereEmbeddings } from "./embeddings.ts";
import { encodeRequest } from "./encode-request.ts";
import { cohereLayout } from "./layout.ts";

/** API: https://docs.cohere.com/reference/chat */
export const cohere = {
  id: "cohere",
  framing: sse,
  egress: {
    encodeRequest,
    decodeResponse,
    streamDecoder: createStreamDecoder,
    decodeError: decodeErrorResponse,
    readFacts: factsByReading(decodeResponse),
    watcher: watchByReading(createStreamDecoder),
  },
  embeddings: cohereEmbeddings,
  layout: cohereLayout,
} as const satisfies Codec;
