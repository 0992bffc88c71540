/** Reporting the request fields for which a dialect has no words at all. */
import type { ChatRequest } from "../../contract/chat.ts";
import type { EncodeTarget } from "../../contract/codec.ts";
import { badRequest } from "./check.ts";

/** What is served where nobody asks for a tier. */
export function isUsualTier(tier: string | undefined): boolean {
  return tier === undefined || tier === "auto" || tier === "default";
}

/** Fields that may be missing in a dialect without the answer becoming another one, by the name clients know. */
const ADVISORY = {
  top_k: ({ topK }) => topK,
  frequency_penalty: ({ frequencyPenalty }) => frequencyPenalty || undefined,
  presence_penalty: ({ presencePenalty }) => presencePenalty || undefined,
  seed: ({ seed }) => seed,
  logprobs: ({ logprobs }) => logprobs || undefined,
  top_logprobs: ({ topLogprobs }) => topLogprobs || undefined,
  logit_bias: ({ logitBias }) => logitBias,
  verbosity: ({ verbosity }) => verbosity,
  user: ({ user }) => user,
  safety_identifier: ({ safetyIdentifier }) => safetyIdentifier,
  metadata: ({ metadata }) => metadata,
  service_tier: ({ serviceTier }) => (isUsualTier(serviceTier) ? undefined : serviceTier),
  prompt_cache_key: ({ promptCacheKey }) => promptCacheKey,
} as const satisfies Record<string, (request: ChatRequest) => unknown>;

export type AdvisoryField = keyof typeof ADVISORY;

/** Reports all of them that are set, but for those the dialect can say. */
export function loseAdvisory(
  request: ChatRequest,
  lose: EncodeTarget["lose"],
  sayable: readonly AdvisoryField[] = [],
): void {
  for (const [field, read] of Object.entries(ADVISORY)) {
    if (sayable.includes(field as AdvisoryField)) continue;
    if (read(request) !== undefined) lose(field, "the upstream's dialect has no such field");
  }
}

/** A limit of nothing, by which Anthropic's clients fill its cache, is one that others refuse. */
export function withAnswer(request: ChatRequest, lose: EncodeTarget["lose"]): ChatRequest {
  if (request.maxOutputTokens !== 0) return request;
  lose("max_tokens", "raised to 1, the upstream's least");
  return { ...request, maxOutputTokens: 1 };
}

/** The request, without the question that this upstream refuses. */
export function withLogprobs(
  request: ChatRequest,
  { traits, lose }: Pick<EncodeTarget, "traits" | "lose">,
): ChatRequest {
  if (traits.logprobs !== false || !request.logprobs) return request;
  lose("logprobs", "the upstream refuses to tell them");
  if (request.topLogprobs) lose("top_logprobs", "the upstream refuses to tell them");
  const { logprobs: _asked, topLogprobs: _many, ...rest } = request;
  return rest;
}

/** One answer per request is all there is. */
export function refuseSeveral({ n }: ChatRequest): void {
  if ((n ?? 1) > 1) {
    throw badRequest("Several answers at once ('n') are not supported by the upstream chosen for this model.", "n");
  }
}

/** Whom the call is for, in dialects with one name for it: as the client says, else whom it is watched for. */
export function endUser(
  { user, safetyIdentifier }: Pick<ChatRequest, "user" | "safetyIdentifier">,
  lose: EncodeTarget["lose"],
): string | undefined {
  if (user === undefined) return safetyIdentifier;
  if (safetyIdentifier !== undefined) lose("safety_identifier", "the upstream has one name for whom a call is for");
  return user;
}
