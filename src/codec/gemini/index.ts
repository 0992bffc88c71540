/** The dialect of Gemini's generateContent, at Google AI and at Vertex. */
import type { Codec } from "../../contract/codec.ts";
import { decodeRequest } from "./decode-request.ts";
import { isForeignFile } from "./encode-answer.ts";
import { isReadableAddress } from "./content.ts";
import { geminiCounting } from "./count-tokens.ts";
import { createStreamDecoder } from "./decode-stream.ts";
import { geminiEmbeddings } from "./embeddings.ts";
import { encodeRequest } from "./encode-request.ts";
import { createStreamEncoder } from "./encode-stream.ts";
import { decodeError, encodeError, encodeStreamError, readsError } from "./errors.ts";
import { geminiSse } from "./framing.ts";
import { geminiLayout } from "./layout.ts";
import { decodeResponse, encodeResponse } from "./response.ts";
import { OWN_SIGNATURE_MARK } from "./signatures.ts";
import { createWatcher, readFacts } from "./watcher.ts";
import { GEMINI } from "./wire.ts";

export const gemini = {
  id: GEMINI,
  framing: geminiSse,
  ingress: {
    decodeRequest,
    encodeResponse,
    streamEncoder: createStreamEncoder,
    encodeError,
    showsMedia: (part) => !isForeignFile(part),
    answerHosted: ["web-search", "code"],
    encodeStreamError,
    readsError,
    ownMark: OWN_SIGNATURE_MARK,
    keepAlive: { data: "", comment: "keep-alive" },
  },
  egress: {
    encodeRequest,
    hosted: ["web-search", "code"],
    decodeResponse,
    streamDecoder: createStreamDecoder,
    decodeError,
    readFacts,
    answerMark: new TextEncoder().encode('"candidates"'),
    watcher: createWatcher,
    readsUrl: (url, _kind, { mediaUrls }) => mediaUrls !== false || isReadableAddress(url),
    // A picture stands beside the finish reason.
    endTexts: ['"finishReason"', '"promptFeedback"', '"error"'],
  },
  counting: geminiCounting,
  embeddings: geminiEmbeddings,
  layout: geminiLayout,
  goesOnFrom: ["cachedContent", "cached_content"],
} as const satisfies Codec;
