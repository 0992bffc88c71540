/** Invitations, `http-api` section 10. */
import { Type } from "@sinclair/typebox";
import { type ApiRoute, json, noContent } from "../api.ts";
import { callerOf } from "../caller.ts";
import { listPage } from "../query.ts";
import type { HttpServices } from "../services.ts";
import { Body, Nullable, Role, Text } from "./fields.ts";
import { inviteUrl } from "./links.ts";
import { instant, inviteView } from "./views.ts";

const Create = Body({
  email: Type.Optional(Nullable(Text())),
  org_id: Type.Optional(Nullable(Text())),
  role: Type.Optional(Role),
  expires_in: Type.Optional(Type.Integer()),
});

const policy = { type: "admin", scope: "users:write" } as const;

export function inviteRoutes(services: Pick<HttpServices, "auth" | "boundPort">): ApiRoute[] {
  return [
    {
      method: "GET",
      path: "/api/invites",
      policy,
      handler: ({ query }) => listPage(query, (page) => services.auth.invites.list(page), inviteView),
    },
    {
      method: "POST",
      path: "/api/invites",
      policy,
      body: Create,
      async handler(context) {
        const { email, org_id: orgId, role, expires_in: expiresInS } = context.body as typeof Create.static;
        const { invite, code } = await services.auth.invites.create(
          {
            ...(email === undefined ? {} : { email }),
            ...(orgId === undefined ? {} : { orgId }),
            ...(role === undefined ? {} : { role }),
            ...(expiresInS === undefined ? {} : { expiresInS }),
          },
          callerOf(context),
        );
        const url = inviteUrl(context.snapshot, services, code);
        return json({ id: invite.id, code, url, expires_at: instant(invite.expiresAt) }, 201);
      },
    },
    {
      method: "DELETE",
      path: "/api/invites/:id",
      policy,
      async handler(context) {
        await services.auth.invites.revoke(context.params["id"]!, callerOf(context));
        return noContent();
      },
    },
  ];
}
