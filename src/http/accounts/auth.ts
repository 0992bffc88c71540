/** Setting up, registering, signing in and out: the routes of `http-api` section 7 that need no credential. */
import { Type } from "@sinclair/typebox";
import { refuseIfSsoOnly } from "../../auth/caller.ts";
import { invalid, problem } from "../../auth/refusals.ts";
import { type ApiRoute, noContent } from "../api.ts";
import { endedCookies, refreshCookie, refuseForeignOrigin } from "../cookies.ts";
import type { HttpServices } from "../services.ts";
import { requireCaptcha } from "./captcha.ts";
import { Body, Nullable, Password, Text } from "./fields.ts";
import { tokenAnswer } from "./tokens.ts";

const Register = Body({
  username: Text(),
  email: Type.Optional(Nullable(Text())),
  password: Password,
  invite_code: Type.Optional(Text()),
  setup_token: Type.Optional(Text()),
  turnstile_token: Type.Optional(Text(4096)),
  cookie: Type.Optional(Type.Boolean()),
});
const Login = Body({
  username: Text(),
  password: Password,
  turnstile_token: Type.Optional(Text(4096)),
  cookie: Type.Optional(Type.Boolean()),
});
const Refresh = Body({ refresh_token: Type.Optional(Nullable(Text())) });
const Logout = Body({ refresh_token: Type.Optional(Nullable(Text())), all: Type.Optional(Type.Boolean()) });
const ResetPassword = Body({ token: Text(), new_password: Password });

const open = { type: "public" } as const;
const noPasswords: NonNullable<ApiRoute["closed"]> = ({ config }) => refuseIfSsoOnly(config);

export function authRoutes(services: Pick<HttpServices, "auth" | "fetchOutside" | "relay">): ApiRoute[] {
  return [
    {
      method: "GET",
      path: "/api/setup/status",
      policy: open,
      async handler() {
        const { initialized, needsSetup, registration, setupTokenRequired, ssoOnly } =
          await services.auth.setup.status();
        return {
          initialized,
          needs_setup: needsSetup,
          registration,
          setup_token_required: setupTokenRequired,
          sso_only: ssoOnly,
        };
      },
    },
    {
      method: "POST",
      path: "/api/auth/register",
      policy: open,
      closed: noPasswords,
      body: Register,
      async handler(context) {
        refuseForeignOrigin(context.request.headers, context.snapshot.config);
        const body = context.body as typeof Register.static;
        await requireCaptcha(services, body.turnstile_token, context);
        const tokens = await services.auth.registration.register(
          {
            username: body.username,
            password: body.password,
            ...(body.email === undefined ? {} : { email: body.email }),
            ...(body.invite_code === undefined ? {} : { inviteCode: body.invite_code }),
            ...(body.setup_token === undefined ? {} : { setupToken: body.setup_token }),
          },
          context.origin,
        );
        return tokenAnswer(tokens, body.cookie === true, context);
      },
    },
    {
      method: "POST",
      path: "/api/auth/login",
      policy: open,
      closed: noPasswords,
      body: Login,
      async handler(context) {
        refuseForeignOrigin(context.request.headers, context.snapshot.config);
        const { username, password, cookie, turnstile_token: solved } = context.body as typeof Login.static;
        await requireCaptcha(services, solved, context);
        const tokens = await services.auth.login.login({ username, password }, context.origin);
        return tokenAnswer(tokens, cookie === true, context);
      },
    },
    {
      method: "POST",
      path: "/api/auth/refresh",
      policy: open,
      body: Refresh,
      async handler(context) {
        const { headers } = context.request;
        refuseForeignOrigin(headers, context.snapshot.config);
        const { refresh_token: given } = context.body as typeof Refresh.static;
        const token = given ?? refreshCookie(headers, context.snapshot.config);
        if (token === undefined) throw invalid(problem("refresh_token", "is required", "missing"));
        const tokens = await services.auth.sessions.refresh(token, context.origin);
        return tokenAnswer(tokens, given == null, context);
      },
    },
    {
      method: "POST",
      path: "/api/auth/logout",
      policy: open,
      body: Logout,
      async handler({ request, snapshot, body, origin, identify }) {
        refuseForeignOrigin(request.headers, snapshot.config);
        const { refresh_token: given, all = false } = body as typeof Logout.static;
        const refreshToken = given ?? refreshCookie(request.headers, snapshot.config);
        const identity = await whoever(identify);
        await services.auth.sessions.logout(
          {
            all,
            ...(identity === undefined ? {} : { identity }),
            ...(refreshToken === undefined ? {} : { refreshToken }),
          },
          origin,
        );
        const answer = noContent({ "clear-site-data": '"cache", "cookies", "storage"' });
        for (const field of endedCookies()) answer.headers.append("set-cookie", field);
        return answer;
      },
    },
    {
      method: "POST",
      path: "/api/auth/reset-password",
      policy: open,
      closed: noPasswords,
      body: ResetPassword,
      async handler({ request, snapshot, body, origin }) {
        refuseForeignOrigin(request.headers, snapshot.config);
        const { token, new_password: newPassword } = body as typeof ResetPassword.static;
        await services.auth.accounts.resetPassword({ token, newPassword }, origin);
        return { success: true };
      },
    },
  ];
}

/** Signing out is never refused: a credential that is no good ends nothing. */
async function whoever<T>(identify: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await identify();
  } catch {
    return undefined;
  }
}
