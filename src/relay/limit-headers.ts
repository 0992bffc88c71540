/** What answers tell a caller of its own limits and of what the call cost. */
import { inUsd } from "../limits/refusals.ts";
import { type Tightest, tightest } from "../limits/standing.ts";
import { costSoFar } from "./booking.ts";
import type { Call } from "./call.ts";

type Headers = Readonly<Record<string, string>>;

const NONE: Headers = Object.freeze({});

/** In the form of the client's dialect; Gemini's has none. */
export function limitHeaders(call: Call): Headers {
  const { plan, services } = call;
  if (plan === undefined) return NONE;
  const write = FORMS[call.route.codec.id] ?? openai;
  const headers: Record<string, string> = {};
  for (const [name, what] of [
    ["rpm", "requests"],
    ["tpm", "tokens"],
  ] as const) {
    const standing = tightest(services.limiter, plan, name);
    if (standing !== undefined) write(headers, what, standing, services.clock.now());
  }
  return headers;
}

/** Of a whole answer, where it is known by then. */
export function costHeader(call: Call): string | undefined {
  if (!call.snapshot.config.server.relayHeaders) return undefined;
  const cost = costSoFar(call);
  return cost === undefined ? undefined : inUsd(cost);
}

type Write = (headers: Record<string, string>, what: string, standing: Tightest, now: number) => void;

const openai: Write = (headers, what, { limit, remaining, resetMs }) => {
  headers[`x-ratelimit-limit-${what}`] = String(limit);
  headers[`x-ratelimit-remaining-${what}`] = String(remaining);
  headers[`x-ratelimit-reset-${what}`] = duration(resetMs);
};

const anthropic: Write = (headers, what, { limit, remaining, resetMs }, now) => {
  headers[`anthropic-ratelimit-${what}-limit`] = String(limit);
  headers[`anthropic-ratelimit-${what}-remaining`] = String(remaining);
  headers[`anthropic-ratelimit-${what}-reset`] = new Date(Math.ceil(now + resetMs)).toISOString();
};

const FORMS: Readonly<Record<string, Write>> = { "anthropic-messages": anthropic, gemini: () => {} };

/** As OpenAI writes them: `20ms`, `42s`, `1m1s`. */
function duration(ms: number): string {
  if (ms < 1000) return `${Math.ceil(ms)}ms`;
  const seconds = Math.ceil(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
