/** Holds a call against its caller's limits, after it is known where it goes and before anything is sent there. */
import { isLimited as isLimitedBy } from "../limits/plan.ts";
import { costOf } from "../limits/prices.ts";
import { unpriced } from "../limits/refusals.ts";
import type { Operation } from "../plugin/index.ts";
import type { Resolution, Target } from "../routing/resolve.ts";
import type { Call } from "./call.ts";
import { inputTokensOf, type Size, sizeOfChat } from "./request-size.ts";
import type { TopLevel } from "./scan.ts";

const NOTHING: Size = { inputTokens: 0, outputTokens: 0 };

/** What comes of these is paid for later and elsewhere: their requests count, their cost nobody here can know. */
const COST_UNKNOWN: ReadonlySet<Operation> = new Set<Operation>(["batches", "fine-tuning", "assistants", "videos"]);

/** Most callers have no limits, and pay for no more than this question. */
export function isLimited({ identity, snapshot }: Call): boolean {
  return isLimitedBy(identity, snapshot.generalLimits);
}

/** A call that writes an answer. Throws `rate-limited`, `quota-exceeded` or `forbidden`. */
export function admitChat(call: Call, resolution: Resolution, top: TopLevel): Resolution {
  const [first] = resolution.targets;
  return admit(call, resolution, sizeOfChat(call, top, first?.entry.traits(first.model).maxOutputTokens));
}

/** A call of another kind: its body is read, what comes back is not counted ahead. `images`: to be made. */
export function admitOther(
  call: Call,
  resolution: Resolution,
  body: Uint8Array | undefined,
  outputTokens = 0,
): Resolution {
  const inputTokens = body === undefined ? 0 : inputTokensOf(body);
  return admit(call, resolution, { inputTokens, outputTokens });
}

/** A session says what it uses as it goes; it begins when its caller's limits leave anything at all. */
export function admitSession(call: Call, resolution: Resolution): Resolution {
  return admit(call, resolution, { inputTokens: 1, outputTokens: 0 });
}

/** A call about something that lies with an upstream: a request, and of most no more than that is known. */
export function admitRequest(call: Call, size: Size = NOTHING): void {
  if (!isLimited(call)) return;
  const plan = call.services.limiter.planOf(call.identity, call.snapshot.generalLimits);
  call.plan = plan;
  const { operation, method, object } = call.route;
  const isUnpriced = object?.isPaid === true || (COST_UNKNOWN.has(operation) && method === "POST");
  if (isUnpriced && plan.hasBudget && isBlocked(call)) throw unpriced();
  call.size = size;
  call.admission = call.services.limiter.admit(plan, { tokens: size.inputTokens + size.outputTokens, microUsd: 0 });
}

/** Of these, what the caller's budget may be spent on. */
export function payable(call: Call, targets: readonly Target[]): readonly Target[] {
  if (call.plan === undefined || !call.plan.hasBudget || !isBlocked(call)) return targets;
  return targets.filter(({ entry, model }) => entry.price(model) !== undefined);
}

function admit(call: Call, resolution: Resolution, size: Size): Resolution {
  if (!isLimited(call)) return resolution;
  const { limiter } = call.services;
  const plan = limiter.planOf(call.identity, call.snapshot.generalLimits);
  call.plan = plan;
  if (plan.rules.length === 0) return resolution;
  const targets = payable(call, resolution.targets);
  if (targets.length === 0) throw unpriced();
  call.size = size;
  const { inputTokens, outputTokens } = size;
  const microUsd = plan.hasBudget ? dearest(call, targets, size) : 0;
  call.admission = limiter.admit(plan, { tokens: inputTokens + outputTokens, microUsd });
  return targets.length === resolution.targets.length ? resolution : { ...resolution, targets };
}

/** Any of them may be the one that answers. */
function dearest(call: Call, targets: readonly Target[], usage: Size): number {
  let most = 0;
  for (const { entry, model } of targets) {
    const price = entry.price(model);
    if (price !== undefined) most = Math.max(most, costOf(price, usage, call.images));
  }
  return most;
}

function isBlocked({ snapshot }: Call): boolean {
  return snapshot.config.prices.onUnknown === "block";
}
