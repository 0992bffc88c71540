/** Asks the auth plugins in the configured order who a caller is. */
import type { Auth, AuthOutcome, Credentials } from "../contract/auth.ts";
import { RelayError } from "../contract/errors.ts";
import type { Identity } from "../contract/host.ts";
import type { Found } from "./credentials.ts";

export interface ChainLink {
  readonly id: string;
  readonly auth: Auth;
}

/** `reason` is for the log; towards the caller every refusal is the same. */
export type ChainAnswer =
  | { readonly type: "accept"; readonly identity: Identity }
  | { readonly type: "refuse"; readonly reason: string };

/** A plugin that has not answered by then is broken; the caller gets 503, not 401. */
export const AUTHENTICATE_MAX_MS = 5000;

/**
 * `skip` moves on, `accept` and `reject` stop. Nobody accepting is a refusal. A throw or time-out is a technical
 * failure: `unavailable`, and no other plugin is asked. Answers without a promise when all plugins do.
 */
export function authenticate(chain: readonly ChainLink[], found: Found): ChainAnswer | Promise<ChainAnswer> {
  switch (found.type) {
    case "unusable":
      return refuse("not a credential");
    case "none":
    case "one":
      return askFrom(chain, 0, found.credentials);
    case "several":
      return allTheSame(chain, found.credentials);
  }
}

/** Different values are allowed only if they all mean the same principal. */
async function allTheSame(chain: readonly ChainLink[], all: readonly Credentials[]): Promise<ChainAnswer> {
  let first: ChainAnswer | undefined;
  for (const credentials of all) {
    const answer = await askFrom(chain, 0, credentials);
    if (answer.type === "refuse") return answer;
    if (first === undefined) first = answer;
    else if (first.type === "accept" && !isSame(first.identity, answer.identity)) {
      return refuse("conflicting credentials");
    }
  }
  return first ?? refuse("no credential");
}

/** Ids alone do not tell: those of custom plugins are free text. */
function isSame(one: Identity, other: Identity): boolean {
  return one.kind === other.kind && one.id === other.id;
}

function askFrom(
  chain: readonly ChainLink[],
  from: number,
  credentials: Credentials,
): ChainAnswer | Promise<ChainAnswer> {
  for (let index = from; index < chain.length; index += 1) {
    const link = chain[index]!;
    if (link.auth.authenticate === undefined) continue;
    let outcome: AuthOutcome | Promise<AuthOutcome>;
    try {
      outcome = link.auth.authenticate(credentials);
    } catch (cause) {
      throw technical(link, cause);
    }
    // In a function of its own: a closure here would cost its scope with every link asked.
    if (outcome instanceof Promise) return askLater(chain, index, credentials, outcome);
    const answer = judge(link, outcome);
    if (answer !== undefined) return answer;
  }
  return refuse("no auth plugin knows this credential");
}

async function askLater(
  chain: readonly ChainLink[],
  index: number,
  credentials: Credentials,
  outcome: Promise<AuthOutcome>,
): Promise<ChainAnswer> {
  const link = chain[index]!;
  return judge(link, await withinTime(link, outcome)) ?? askFrom(chain, index + 1, credentials);
}

function judge(link: ChainLink, outcome: AuthOutcome): ChainAnswer | undefined {
  switch (outcome?.type) {
    case "skip":
      return undefined;
    case "accept":
      return outcome;
    case "reject":
      return refuse(`${link.id}: ${outcome.reason}`);
    default:
      throw technical(link, new Error("the plugin answered neither skip, accept nor reject"));
  }
}

function refuse(reason: string): ChainAnswer {
  return { type: "refuse", reason };
}

function technical(link: ChainLink, cause: unknown): RelayError {
  if (RelayError.is(cause) && cause.code === "unavailable") return cause;
  return new RelayError("unavailable", "Authentication is not available at the moment.", {
    cause: new Error(`auth plugin ${link.id} failed`, { cause }),
    retryAfterMs: 1000,
  });
}

async function withinTime(link: ChainLink, outcome: Promise<AuthOutcome>): Promise<AuthOutcome> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${AUTHENTICATE_MAX_MS} ms`)), AUTHENTICATE_MAX_MS);
  try {
    return await Promise.race([outcome, promise]);
  } catch (cause) {
    throw technical(link, cause);
  } finally {
    clearTimeout(timer);
  }
}
