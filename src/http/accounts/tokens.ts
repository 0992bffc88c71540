/** Answers a sign-in: the tokens in the body, or in cookies for a browser that asked for them. */
import type { IssuedTokens } from "../../auth/session.ts";
import { type ApiContext, json } from "../api.ts";
import { sessionCookies } from "../cookies.ts";
import { tokenView } from "./views.ts";

export function tokenAnswer(
  tokens: IssuedTokens,
  isInCookies: boolean,
  { request, snapshot }: Pick<ApiContext, "request" | "snapshot">,
): Response {
  const answer = json(tokenView(tokens, isInCookies));
  if (isInCookies) {
    for (const field of sessionCookies(tokens, request.headers, snapshot.config)) {
      answer.headers.append("set-cookie", field);
    }
  }
  return answer;
}
