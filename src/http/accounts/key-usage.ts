/** What one API key has used, `http-api` section 11.1, and the key that a caller shows itself with. */
import { MICRO_USD } from "../../limits/limiter.ts";
import { keySubject } from "../../limits/plan.ts";
import { standingOf } from "../../limits/standing.ts";
import type { ApiKey } from "../../store/types.ts";
import type { ApiRoute } from "../api.ts";
import { callerOf } from "../caller.ts";
import { instantOf, invalidQuery, oneOf } from "../query.ts";
import type { HttpServices } from "../services.ts";
import { keyView } from "./key-views.ts";
import { instant, instantOrNull } from "./views.ts";

const BUCKETS_MS = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;
const BUCKETS_MAX = 2000;
const RANGE_MS = 7 * BUCKETS_MS.day;

type Needed = Pick<HttpServices, "auth" | "relay" | "store">;

export function keyUsageRoutes(services: Needed): ApiRoute[] {
  return [
    {
      method: "GET",
      path: "/api/keys/current",
      policy: { type: "api-key" },
      async handler(context) {
        const { identity } = callerOf(context);
        const key = await services.auth.apiKeys.get(identity.id, identity);
        return {
          ...keyView(key, services.relay.clock.now()),
          usage: await usageView(services, key, context.query),
        };
      },
    },
    {
      method: "GET",
      path: "/api/keys/:id/usage",
      policy: { type: "any", scope: "keys:read" },
      async handler(context) {
        const key = await services.auth.apiKeys.get(context.params["id"]!, callerOf(context).identity);
        return usageView(services, key, context.query);
      },
    },
  ];
}

async function usageView({ relay, store }: Needed, key: ApiKey, query: URLSearchParams) {
  const bucket = oneOf(query, "bucket", ["minute", "hour", "day"]) ?? "day";
  const to = instantOf(query, "to") ?? relay.clock.now();
  const from = instantOf(query, "from") ?? to - RANGE_MS;
  if (from > to) throw invalidQuery("from", "must not be later than to");
  if ((to - from) / BUCKETS_MS[bucket] > BUCKETS_MAX) {
    throw invalidQuery("bucket", `must be wide enough for at most ${BUCKETS_MAX} of them`);
  }
  const used = await store.calls.usage({ apiKeyId: key.id, from, to }, BUCKETS_MS[bucket]);
  const sums = (of: Omit<typeof used, "series">) => ({
    requests: of.requests,
    errors: of.errors,
    input_tokens: of.inputTokens,
    output_tokens: of.outputTokens,
    // Unknown is null, never 0.
    cost_usd: of.costMicroUsd === null ? null : of.costMicroUsd / MICRO_USD,
  });
  return {
    ...sums(used),
    limits: limitsOf(relay, key),
    series: used.series.map((each) => ({ at: instant(each.at), ...sums(each) })),
  };
}

/** Those written on the key; what its owner and organisation may use beside it is theirs to see. */
function limitsOf({ limiter, clock }: Needed["relay"], { limits, countsAs }: ApiKey) {
  const standings = standingOf(limiter, limiter.planOfKey(keySubject(countsAs), limits), clock.now());
  return standings.map(({ name, limit, used, remaining, resetAt }) => ({
    name,
    limit,
    used,
    remaining,
    reset_at: instantOrNull(resetAt),
  }));
}
