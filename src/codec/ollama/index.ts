/** The dialect of Ollama's own chat path; only upstreams speak it. */
import type { Codec } from "../../contract/codec.ts";
import { ndjson } from "../../wire/ndjson.ts";
import { factsByReading, watchByReading } from "../shared/one-sided.ts";
import { decodeErrorResponse } from "../shared/upstream-error.ts";
import { createStreamDecoder, decodeResponse } from "./decode-answer.ts";
import { encodeRequest } from "./encode-request.ts";
import { ollamaLayout } from "./layout.ts";

/** API: https://github.com/ollama/ollama/blob/main/docs/api.md */
export const ollama = {
  id: "ollama",
  framing: ndjson,
  egress: {
    encodeRequest,
    decodeResponse,
    streamDecoder: createStreamDecoder,
    decodeError: decodeErrorResponse,
    readFacts: factsByReading(decodeResponse),
    watcher: watchByReading(createStreamDecoder),
  },
  layout: ollamaLayout,
} as const satisfies Codec;
