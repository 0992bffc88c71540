/** Asks the captcha service whether a person was at the form. No answer, a late one or a strange one is a no. */
import { badRequest } from "../../auth/refusals.ts";
import type { ApiContext } from "../api.ts";
import type { HttpServices } from "../services.ts";

/** Documented at https://developers.cloudflare.com/turnstile/get-started/server-side-validation/ */
const VERIFY_URL = "https://challenges.cloudflare.com/turnstile/v0/siteverify";
/** A service that is down must not hold up who wants to sign in for longer than this. */
const ANSWER_MAX_MS = 3000;
const ANSWER_BYTES_MAX = 16 * 1024;

type Needed = Pick<HttpServices, "fetchOutside" | "relay">;

/** Throws 400 `turnstile_failed` unless `server.turnstile_enabled` is off or the token is good. */
export async function requireCaptcha(
  { fetchOutside, relay }: Needed,
  token: string | undefined,
  { snapshot, origin }: Pick<ApiContext, "snapshot" | "origin">,
): Promise<void> {
  const { turnstileEnabled, turnstileSecretKey } = snapshot.config.server;
  if (!turnstileEnabled) return;
  const failed = badRequest("turnstile_failed", "The captcha was not solved; try again");
  if (turnstileSecretKey === null || token === undefined || token === "") throw failed;
  const form = new URLSearchParams({ secret: turnstileSecretKey, response: token });
  if (origin.address !== "") form.set("remoteip", origin.address);
  try {
    const response = await fetchOutside(VERIFY_URL, {
      method: "POST",
      body: form,
      signal: AbortSignal.timeout(ANSWER_MAX_MS),
    });
    const text = response.ok ? await response.text() : "";
    if (text.length <= ANSWER_BYTES_MAX && isSuccess(text)) return;
  } catch (error) {
    relay.log.warn("the captcha service did not answer; nobody can sign in with a password until it does", { error });
  }
  throw failed;
}

function isSuccess(text: string): boolean {
  try {
    return (JSON.parse(text) as { success?: unknown } | null)?.success === true;
  } catch {
    return false;
  }
}
