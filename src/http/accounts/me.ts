/** The caller's own account and sessions: the routes of `http-api` section 7 that need somebody. */
import { Type } from "@sinclair/typebox";
import { refuseIfSsoOnly } from "../../auth/caller.ts";
import type { Identity } from "../../plugin/index.ts";
import { type ApiRoute, noContent } from "../api.ts";
import { callerOf } from "../caller.ts";
import { listPage } from "../query.ts";
import type { HttpServices } from "../services.ts";
import { Body, Nullable, Password, Text } from "./fields.ts";
import { instant, NO_USER, sessionView, userView } from "./views.ts";

const Me = Body({ email: Type.Optional(Nullable(Text())) });
const ChangePassword = Body({ old_password: Password, new_password: Password });
const Reauth = Body({ password: Password });

const user = { type: "user" } as const;

export function meRoutes(services: Pick<HttpServices, "auth">): ApiRoute[] {
  return [
    {
      method: "GET",
      path: "/api/auth/me",
      policy: { type: "any" },
      async handler(context) {
        const { identity } = callerOf(context);
        const account = identity.userId === null ? undefined : await services.auth.accounts.get(identity.userId);
        return { ...(account === undefined ? NO_USER : userView(account)), principal: principalView(identity) };
      },
    },
    {
      method: "PATCH",
      path: "/api/auth/me",
      policy: user,
      body: Me,
      async handler(context) {
        const caller = callerOf(context);
        const patch = context.body as typeof Me.static;
        const account = await services.auth.accounts.updateOwn(patch, caller);
        return { ...userView(account), principal: principalView(caller.identity) };
      },
    },
    {
      method: "POST",
      path: "/api/auth/change-password",
      policy: user,
      closed: ({ config }) => refuseIfSsoOnly(config),
      body: ChangePassword,
      async handler(context) {
        const { old_password: oldPassword, new_password: newPassword } = context.body as typeof ChangePassword.static;
        await services.auth.login.changePassword({ oldPassword, newPassword }, callerOf(context));
        return { success: true };
      },
    },
    {
      method: "POST",
      path: "/api/auth/reauth",
      policy: user,
      closed: ({ config }) => refuseIfSsoOnly(config),
      body: Reauth,
      async handler(context) {
        const { password } = context.body as typeof Reauth.static;
        return { reauth_until: instant(await services.auth.login.reauthenticate(password, callerOf(context))) };
      },
    },
    {
      method: "GET",
      path: "/api/auth/sessions",
      policy: user,
      handler: (context) =>
        listPage(context.query, (page) => services.auth.sessions.list(callerOf(context), page), sessionView),
    },
    {
      method: "DELETE",
      path: "/api/auth/sessions/:id",
      policy: user,
      async handler(context) {
        await services.auth.sessions.revoke(context.params["id"]!, callerOf(context));
        return noContent();
      },
    },
  ];
}

const KINDS: Readonly<Record<Identity["kind"], string>> = {
  session: "session",
  "api-key": "api_key",
  service: "access_key",
};

/** `role` is `null` for who has none: the access key. */
const ROLES: Readonly<Record<Identity["role"], string | null>> = {
  "super-admin": "super_admin",
  admin: "admin",
  user: "user",
  service: null,
};

export function kindOf({ kind }: Identity): string {
  return KINDS[kind];
}

function principalView(identity: Identity) {
  return {
    kind: kindOf(identity),
    id: identity.id,
    name: identity.name,
    org_id: identity.orgId,
    role: ROLES[identity.role],
    scopes: [...identity.scopes],
  };
}
