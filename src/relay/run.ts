/** Runs one call from its start to its response, whatever happens on the way. */
import { requireAddress } from "../auth/key-networks.ts";
import { RelayError } from "../plugin/index.ts";
import { Call, type CallStart } from "./call.ts";
import { runChat } from "./chat.ts";
import { failureResponse } from "./failure-response.ts";
import { runCompact } from "./compact.ts";
import { runCompletions } from "./completions.ts";
import { runCountTokens } from "./count-tokens.ts";
import { runCredits } from "./credits.ts";
import { runEmbeddings } from "./embeddings.ts";
import { runGoogleUpload } from "./google-uploads.ts";
import { runRaw } from "./raw.ts";
import { runObject } from "./objects.ts";
import { runRealtime } from "./realtime.ts";
import { runRerank } from "./rerank.ts";
import type { RelayRoute } from "./route.ts";
import type { RelayServices } from "./services.ts";

const OVERLOAD_RETRY_MS = 1000;

/** Everything but chat, which sees to its failures itself: each promise between would cost it. */
const LANES: { readonly [Body in RelayRoute["body"]]?: (call: Call) => Promise<Response> } = {
  json: runRaw,
  multipart: runRaw,
  none: runRaw,
  compact: runCompact,
  completions: runCompletions,
  "count-tokens": runCountTokens,
  embeddings: runEmbeddings,
  "google-upload": runGoogleUpload,
  rerank: runRerank,
  credits: runCredits,
  realtime: runRealtime,
};

/** Never throws and never rejects: a failure becomes the dialect's error, and one record is written either way. */
export function runCall(services: RelayServices, start: CallStart): Promise<Response> {
  const { limits } = start.lease.snapshot.config;
  const isFull = services.active.size >= limits.maxConcurrency;
  const call = new Call(services, start);
  try {
    if (isFull) {
      throw new RelayError("unavailable", "The relay is at its limit of concurrent calls (limits.max_concurrency).", {
        wireCode: "overloaded",
        retryAfterMs: OVERLOAD_RETRY_MS,
      });
    }
    requireAddress(call.identity, start.clientAddress);
    if (!call.identity.scopes.has(call.route.scope)) {
      throw new RelayError("forbidden", `This credential lacks the scope "${call.route.scope}".`, {
        wireCode: "insufficient_scope",
      });
    }
  } catch (cause) {
    return Promise.resolve(failureResponse(call, cause));
  }
  const { object, body } = call.route;
  const lane = object === undefined || body === "google-upload" ? LANES[body] : runObject;
  return lane === undefined ? runChat(call) : guarded(call, lane);
}

async function guarded(call: Call, lane: (call: Call) => Promise<Response>): Promise<Response> {
  try {
    return await lane(call);
  } catch (cause) {
    return failureResponse(call, cause);
  }
}
