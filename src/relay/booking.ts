/** What a call has used and cost when it is over: as the upstream told, else as far as it can be guessed. */
import { costOf, countOf } from "../limits/prices.ts";
import type { ModelCost, Operation, RelayError, Usage } from "../plugin/index.ts";
import type { Call } from "./call.ts";
import { finalUsage, isAnswering } from "./estimated-usage.ts";

export interface Booking {
  /** As it goes into the record. */
  readonly usage: Usage | undefined;
  /** `null` = nobody knows. */
  readonly costMicroUsd: number | null;
  readonly priceVersion: string | null;
}

/** Calls about the relay's own matters; nothing is counted for them. */
const FREE: ReadonlySet<Operation> = new Set<Operation>(["count-tokens", "credits"]);
/** Counts the call against its caller's limits and budgets, once. `failure`: why it ended, if not well. */
export function book(call: Call, failure: RelayError | undefined): Booking {
  const { admission, identity, services } = call;
  const isUsed = wasUsed(call, failure);
  const usage = isUsed ? usageOf(call, failure !== undefined) : undefined;
  const price = isUsed ? call.entry?.price(call.model) : undefined;
  const isKnown = price !== undefined && (usage !== undefined || isPricedByPiece(call, price));
  const cost = isKnown ? costOf(price, usage ?? {}, call.images) : null;
  if (admission === undefined) services.limiter.spend(identity, cost ?? 0);
  else admission.settle(identity, tokensOf(usage), cost ?? 0);
  return {
    usage: usage ?? call.usage,
    costMicroUsd: cost,
    priceVersion: isKnown ? price.version : null,
  };
}

/** Of a session that goes on; the reason why it must not, if its caller has limits and one of them is reached. */
export function chargeSoFar({ admission, identity, entry, model }: Call, usage: Usage): RelayError | undefined {
  if (admission === undefined) return undefined;
  const price = entry?.price(model);
  return admission.charge(identity, tokensOf(usage), price === undefined ? 0 : costOf(price, usage));
}

/** For the headers of a whole answer whose usage is known by then; `undefined` = it is not. */
export function costSoFar(call: Call): number | undefined {
  const { usage, entry } = call;
  if (usage === undefined || call.streaming || isFree(call)) return undefined;
  const price = entry?.price(call.model);
  return price === undefined ? undefined : costOf(price, usage, call.images);
}

export function tokensOf(usage: Usage | undefined): number {
  return countOf(usage?.inputTokens) + countOf(usage?.outputTokens);
}

/** Of things that lie with an upstream, answers tell usage that is old news, or none: only requests are counted. */
function isFree({ route }: Call): boolean {
  return FREE.has(route.operation) || route.object !== undefined;
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
  const { usage, size } = call;
  // Of other calls, guesses are made only for those whom they may stop.
  if (size === undefined) return usage;
  if (usage?.inputTokens !== undefined && usage.outputTokens !== undefined) return usage;
  call.isUsageEstimated = true;
  return { ...usage, inputTokens: usage?.inputTokens ?? size.inputTokens, outputTokens: usage?.outputTokens ?? 0 };
}
