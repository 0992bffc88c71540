/** Requests to the services that lend credentials: JSON back, or a failure that shows nothing of either side. */
import { RelayError } from "monorelay/plugin";

type Send = (url: string, init: RequestInit) => Promise<Response>;

export interface Question extends RequestInit {
  readonly url: string;
  /** Who is asked, as the beginning of a sentence. */
  readonly whom: string;
  /** `host.fetch` or `host.metadata`. */
  readonly send: Send;
}

/** @throws RelayError `upstream-credential` when it refuses, `upstream-unavailable` when nobody answers */
export async function askText({ url, whom, send, ...init }: Question): Promise<string> {
  let response: Response;
  let text: string;
  try {
    response = await send(url, init);
    text = await response.text();
  } catch (cause) {
    throw new RelayError("upstream-unavailable", `${whom} could not be reached.`, { cause });
  }
  if (response.status >= 400 && response.status < 500 && response.status !== 429) {
    throw new RelayError("upstream-credential", `${whom} refused to lend credentials (${response.status}).`);
  }
  if (!response.ok)
    throw new RelayError("upstream-unavailable", `${whom} failed.`, {
      cause: new Error(`it answered ${response.status}`),
    });
  return text;
}

/** @throws RelayError as `askText` does, and `upstream-malformed` for what is no JSON object */
export async function askJson(question: Question): Promise<Record<string, unknown>> {
  const text = await askText(question);
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    // The parser's message would quote the answer.
  }
  if (typeof answer === "object" && answer !== null) return answer as Record<string, unknown>;
  throw new RelayError("upstream-malformed", `${question.whom} answered with no JSON.`);
}

export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** How long something is good, ms; `end`: seconds since epoch, or a date in words. */
export function lifetimeUntil(end: unknown, now: number, fallbackMs: number): number {
  const at = typeof end === "number" ? end * 1000 : typeof end === "string" ? Date.parse(end) : Number.NaN;
  return Number.isFinite(at) && at > now ? at - now : fallbackMs;
}
