/** The dialect of OpenAI Responses. */
import type { Codec } from "../../contract/codec.ts";
import { sse } from "../../wire/sse.ts";
import { RELAY_SIGNATURE_PREFIX } from "../shared/envelope.ts";
import { fieldNames, holdsUrl } from "../shared/held-urls.ts";
import { responsesCounting } from "./count-tokens.ts";
import { decodeRequest } from "./decode-request.ts";
import { createStreamDecoder } from "./decode-stream.ts";
import { encodeRequest } from "./encode-request.ts";
import { createStreamEncoder, encodeResponse } from "./encode-stream.ts";
import { decodeError, encodeError, encodeStreamError, readsError } from "./errors.ts";
import { responsesLayout } from "./layout.ts";
import { decodeResponse } from "./response.ts";
import { createWatcher, readFacts } from "./watcher.ts";
import { RESPONSES } from "./wire.ts";

const MEDIA = fieldNames("image_url", "file_url");

export const openaiResponses = {
  id: RESPONSES,
  framing: sse,
  ingress: {
    decodeRequest,
    encodeResponse,
    streamEncoder: createStreamEncoder,
    encodeError,
    showsMedia: ({ kind, source }) => kind === "image" && source.type === "base64",
    answerHosted: ["web-search", "code", "mcp"],
    encodeStreamError,
    readsError,
    ownMark: RELAY_SIGNATURE_PREFIX,
    // An event, not a comment: Codex's idle timer passes over comments.
    keepAlive: { event: "keepalive", data: '{"type":"keepalive"}' },
  },
  egress: {
    encodeRequest,
    lacksStop: true,
    hosted: ["web-search", "code", "mcp"],
    mustRewrite: (body, traitsOf, model) => traitsOf(model).mediaUrls === false && holdsUrl(body, MEDIA),
    decodeResponse,
    streamDecoder: createStreamDecoder,
    decodeError,
    readFacts,
    answerMark: new TextEncoder().encode('"output"'),
    watcher: createWatcher,
    // The last event repeats the whole answer, and with it instructions and tools.
    endTexts: ["response.completed", "response.incomplete", "response.failed"],
  },
  counting: responsesCounting,
  layout: responsesLayout,
  keepsAnswers: true,
  goesOnFrom: ["previous_response_id", "conversation"],
} as const satisfies Codec;
