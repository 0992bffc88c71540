/** Log probabilities of tokens as Gemini tells them: two lists beside a candidate. */
import type { Json, JsonObject, TokenLogprob } from "../../contract/chat.ts";
import { isObject, numberOf, objectOr, pick } from "../shared/json.ts";
import { fieldsOf, withVendor } from "../shared/vendor.ts";
import { asList, camelFields, GEMINI } from "./wire.ts";

/** `undefined` when it tells of no token. */
export function readLogprobsResult(value: Json | undefined): TokenLogprob[] | undefined {
  if (!isObject(value)) return undefined;
  const { chosenCandidates: chosen, topCandidates } = camelFields(value);
  const tops = asList(topCandidates).map((step) => asList(objectOr(step)["candidates"]).flatMap(readToken));
  const read = asList(chosen).flatMap((candidate, step) =>
    readToken(candidate).map((token) => (tops[step] === undefined ? token : { ...token, top: tops[step] })),
  );
  return read.length === 0 ? undefined : read;
}

function readToken(value: Json): TokenLogprob[] {
  const candidate = isObject(value) ? camelFields(value) : {};
  const { token } = candidate;
  // The format leaves out what is zero: a token that was certain.
  const logprob = numberOf(candidate["logProbability"]) ?? 0;
  if (typeof token !== "string") return [];
  return [{ token, logprob, ...withVendor(GEMINI, pick(candidate, ["tokenId"])) }];
}

/** What stands beside a candidate whose text these tokens are. */
export function besideCandidate(logprobs: readonly TokenLogprob[]): JsonObject {
  if (logprobs.length === 0) return {};
  const hasTops = logprobs.some(({ top = [] }) => top.length > 0);
  const topCandidates = logprobs.map(({ top = [] }) => ({ candidates: top.map(writeToken) }));
  return { logprobsResult: { ...(hasTops ? { topCandidates } : {}), chosenCandidates: logprobs.map(writeToken) } };
}

function writeToken(entry: TokenLogprob): JsonObject {
  return { token: entry.token, ...fieldsOf(entry.vendor, GEMINI), logProbability: entry.logprob };
}

/** The mean of a whole answer's tokens. */
export function meanLogprob(logprobs: readonly TokenLogprob[]): JsonObject {
  if (logprobs.length === 0) return {};
  return { avgLogprobs: logprobs.reduce((total, { logprob }) => total + logprob, 0) / logprobs.length };
}
