/** Access tokens as vendors write them: the token, and how long it is good. */
import { type LentToken, RelayError } from "monorelay/plugin";
import { lifetimeUntil, textOf } from "./ask.ts";

const FALLBACK_MS = 300_000;

/** `access_token` with `expires_in` (s from now) or `expires_on` (s since epoch); Google's second spelling as well. */
export function lentTokenIn(answer: Readonly<Record<string, unknown>>, now: number, whom: string): LentToken {
  const value = textOf(answer["access_token"]) ?? textOf(answer["accessToken"]);
  if (value === undefined) throw new RelayError("upstream-malformed", `${whom} gave no token.`);
  const seconds = Number(answer["expires_in"] ?? Number.NaN);
  if (seconds > 0) return { value, lifetimeMs: seconds * 1000 };
  const end = answer["expireTime"] ?? Number(answer["expires_on"] ?? Number.NaN);
  return { value, lifetimeMs: lifetimeUntil(end, now, FALLBACK_MS) };
}

/** Whether this is what a refused request bore. */
export function isBearer(headers: Readonly<Record<string, string>>): (token: string) => boolean {
  return (token) => headers["authorization"] === `Bearer ${token}`;
}
