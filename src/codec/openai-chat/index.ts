/** The dialect of OpenAI Chat Completions and of everybody who speaks it. */
import type { Codec } from "../../contract/codec.ts";
import { sse } from "../../wire/sse.ts";
import { readsUrl } from "./content.ts";
import { decodeRequest } from "./decode-request.ts";
import { createStreamDecoder } from "./decode-stream.ts";
import { openaiEmbeddings } from "./embeddings.ts";
import { encodeRequest } from "./encode-request.ts";
import { createStreamEncoder, END_MARK } from "./encode-stream.ts";
import { decodeError, encodeError, encodeStreamError, readsError } from "./errors.ts";
import { chatLayout } from "./layout.ts";
import { mustRewrite } from "./must-rewrite.ts";
import { decodeResponse, encodeResponse, imageOf } from "./response.ts";
import { skimFacts } from "./skim.ts";
import { createWatcher, readFacts } from "./watcher.ts";
import { CHAT } from "./wire.ts";

export const openaiChat = {
  id: CHAT,
  framing: sse,
  ingress: {
    decodeRequest,
    encodeResponse,
    streamEncoder: createStreamEncoder,
    encodeError,
    showsMedia: (part) => imageOf(part).length > 0,
    // By the pages that it cites, as the vendor does.
    answerHosted: ["web-search"],
    encodeStreamError,
    readsError,
    keepAlive: { data: "", comment: "keep-alive" },
    endMark: END_MARK,
  },
  egress: {
    encodeRequest,
    readsUrl,
    mustRewrite,
    decodeResponse,
    streamDecoder: createStreamDecoder,
    decodeError,
    readFacts,
    skimFacts,
    answerMark: new TextEncoder().encode('"choices"'),
    watcher: createWatcher,
  },
  embeddings: openaiEmbeddings,
  layout: chatLayout,
} as const satisfies Codec;
