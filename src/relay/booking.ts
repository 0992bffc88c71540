/** What a call has used and cost when it is over: as the upstream told, else as far as it can be guessed. */
import { costOf, countOf } from "../limits/prices.ts";
import type { ModelCost, Operation, RelayError, Usage } from "../plugin/index.ts";
import type { Call } from "./call.ts";
import { finalUsage, inputGuess, isAnswering } from "./estimated-usage.ts";

export interface Booking {
  /** `null` = nobody knows. */
  readonly costMicroUsd: number | null;
  readonly priceVersion: string | null;
}

const UNKNOWN: Booking = { costMicroUsd: null, priceVersion: null };

/** Calls about the relay's own matters; nothing is counted for them. */
const FREE: ReadonlySet<Operation> = new Set<Operation>(["count-tokens", "credits"]);

/** Counts the call against its caller's limits and budgets, once. `failure`: why it ended, if not well. */
export function book(call: Call, failure: RelayError | undefined): Booking {
  const { admission, identity, services } = call;
  const isUsed = wasUsed(call, failure);
  const usage = isUsed ? usageOf(call, failure !== undefined) : undefined;
  const price = isUsed ? priceOf(call) : undefined;
  const isKnown = price !== undefined && (usage !== undefined || isPricedByPiece(call, price));
  const cost = isKnown ? costOf(price, usage ?? {}, call.images) : null;
  if (admission === undefined) services.limiter.spend(identity, cost ?? 0);
  else admission.settle(identity, tokensOf(usage), cost ?? 0);
  // What was guessed goes into the record, too.
  call.usage = usage ?? call.usage;
  return isKnown ? { costMicroUsd: cost, priceVersion: price.version } : UNKNOWN;
}

/** Of a session that goes on; the reason why it must not, if its caller has limits and one of them is reached. */
export function chargeSoFar({ admission, identity, entry, model }: Call, usage: Usage): RelayError | undefined {
  if (admission === undefined) return undefined;
  const price = entry?.price(model);
  return admission.charge(identity, tokensOf(usage), price === undefined ? 0 : costOf(price, usage));
}

/** For the headers of a whole answer whose usage is known by then; `undefined` = it is not. */
export function costSoFar(call: Call): number | undefined {
  const { usage } = call;
  if (usage === undefined || call.streaming || isFree(call)) return undefined;
  const price = priceOf(call);
  return price === undefined ? undefined : costOf(price, usage, call.images);
}

/** Batches have prices of their own, and of what they use nobody here is told. */
function priceOf({ entry, model, route }: Call): ModelCost | undefined {
  return route.object?.isBatchOfRequests === true ? undefined : entry?.price(model);
}

export function tokensOf(usage: Usage | undefined): number {
  return countOf(usage?.inputTokens) + countOf(usage?.outputTokens);
}

/**
 * Of things that lie with an upstream, answers tell usage that is old news, or none: only requests are counted, but for
 * what a vendor is handed to be read.
 */
function isFree({ route, size }: Call): boolean {
  const { object } = route;
  if (object === undefined) return FREE.has(route.operation);
  if (object.isBatchOfRequests === true) return size === undefined;
  return object.keepsPrompt !== true;
}

/** Who left before the answer has still had the prompt read; an upstream that failed instead has given nothing. */
function wasUsed(call: Call, failure: RelayError | undefined): boolean {
  if (isFree(call)) return false;
  return call.firstByteMs !== 0 || (call.attempts > 0 && failure?.code === "client-closed");
}

function isPricedByPiece({ images }: Call, price: ModelCost): boolean {
  return price.request > 0 || price.image * images > 0;
}

/** `undefined`: nobody knows. */
function usageOf(call: Call, isCut: boolean): Usage | undefined {
  if (isAnswering(call)) return finalUsage(call, isCut);
  const { usage, size, route } = call;
  if (route.object !== undefined) return usageOfObject(call);
  // Of other calls, guesses are made only for those whom they may stop.
  if (size === undefined) return usage;
  if (usage?.inputTokens !== undefined && usage.outputTokens !== undefined) return usage;
  call.isUsageEstimated = true;
  return { ...usage, inputTokens: usage?.inputTokens ?? size.inputTokens, outputTokens: usage?.outputTokens ?? 0 };
}

/** Of a batch what it may use at most, since its results are fetched later; of a kept prompt what was read of it. */
function usageOfObject(call: Call): Usage {
  if (call.route.object!.isBatchOfRequests !== true && call.usage?.inputTokens !== undefined) return call.usage;
  call.isUsageEstimated = true;
  if (call.route.object!.isBatchOfRequests === true) return { ...call.size };
  return { inputTokens: inputGuess(call), outputTokens: 0 };
}
