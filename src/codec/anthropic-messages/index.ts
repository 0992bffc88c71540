/** The dialect of Anthropic Messages. */
import type { Codec } from "../../contract/codec.ts";
import { sse } from "../../wire/sse.ts";
import { RELAY_SIGNATURE_PREFIX } from "../shared/envelope.ts";
import { fieldNames, holdsUrl } from "../shared/held-urls.ts";
import { messagesCounting } from "./count-tokens.ts";
import { decodeRequest } from "./decode-request.ts";
import { createStreamDecoder } from "./decode-stream.ts";
import { encodeRequest } from "./encode-request.ts";
import { createStreamEncoder } from "./encode-stream.ts";
import { decodeError, encodeError, encodeStreamError, readsError } from "./errors.ts";
import { messagesLayout } from "./layout.ts";
import { decodeResponse, encodeResponse } from "./response.ts";
import { holdsUnsignedThinking } from "./unsigned.ts";
import { createWatcher, readFacts } from "./watcher.ts";
import { headersFor } from "./hosted-tools.ts";
import { MESSAGES } from "./wire.ts";

const URLS = fieldNames("url");

export const anthropicMessages = {
  id: MESSAGES,
  framing: sse,
  ingress: {
    decodeRequest,
    encodeResponse,
    streamEncoder: createStreamEncoder,
    encodeError,
    encodeStreamError,
    readsError,
    ownMark: RELAY_SIGNATURE_PREFIX,
    answerHosted: ["web-search", "code", "mcp"],
    keepAlive: { event: "ping", data: '{"type":"ping"}' },
  },
  egress: {
    encodeRequest,
    headersFor,
    hosted: ["web-search", "code", "mcp"],
    decodeResponse,
    streamDecoder: createStreamDecoder,
    decodeError,
    readFacts,
    mustRewrite: (body, traitsOf, model) =>
      holdsUnsignedThinking(body, traitsOf, model) || (traitsOf(model).mediaUrls === false && holdsUrl(body, URLS)),
    answerMark: new TextEncoder().encode('"content"'),
    watcher: createWatcher,
  },
  counting: messagesCounting,
  layout: messagesLayout,
} as const satisfies Codec;
