/** Token counts at upstreams whose dialect no client speaks. */
import type { ChatRequest, JsonObject } from "../../contract/chat.ts";
import type { EncodeTarget, TokenCounting } from "../../contract/codec.ts";
import { RelayError } from "../../contract/errors.ts";
import { numberOf } from "./json.ts";
import { malformed } from "./upstream-error.ts";

export interface UpstreamCounting {
  /** What follows the model's name in the address. */
  readonly path: string;
  encodeRequest(request: ChatRequest, target: EncodeTarget): JsonObject;
  /** The answer's field that holds the count. */
  readonly field: string;
}

export function upstreamCounting({ path, encodeRequest, field }: UpstreamCounting): TokenCounting {
  const noClients = (): never => {
    throw new RelayError("internal", "No client speaks this dialect.");
  };
  return {
    path,
    encodeRequest,
    decodeCount(body) {
      const count = numberOf(body[field]);
      if (count === undefined) throw malformed("The upstream's answer holds no count.");
      return count;
    },
    decodeRequest: noClients,
    encodeCount: noClients,
  };
}
