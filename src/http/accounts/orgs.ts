/** Organisations and their members, `http-api` section 10. The role in the organisation is judged by its service. */
import { Type } from "@sinclair/typebox";
import { invalid, problem } from "../../auth/refusals.ts";
import { type ApiContext, type ApiRoute, json, noContent } from "../api.ts";
import { callerOf } from "../caller.ts";
import { flag, listPage } from "../query.ts";
import type { HttpServices } from "../services.ts";
import { Body, Nullable, Role, Text } from "./fields.ts";
import { KeyLimits } from "./key-body.ts";
import { userId } from "./users.ts";
import { memberView, orgView } from "./views.ts";

const Create = Body({ name: Text() });
const Patch = Body({ name: Type.Optional(Text()), limits: Type.Optional(Nullable(KeyLimits)) });
const AddMember = Body({
  user_id: Type.Optional(Type.Integer({ minimum: 1 })),
  email: Type.Optional(Text()),
  role: Type.Optional(Role),
});
const SetRole = Body({ role: Role });

const inOrg = (scope: "orgs:read" | "orgs:write") => ({ type: "org", scope }) as const;

export function orgRoutes(services: Pick<HttpServices, "auth">): ApiRoute[] {
  const orgId = ({ params }: ApiContext): string => params["id"]!;
  return [
    {
      method: "GET",
      path: "/api/orgs",
      policy: { type: "any", scope: "orgs:read" },
      handler: (context) =>
        listPage(
          context.query,
          (page) => services.auth.orgs.list(callerOf(context).identity, flag(context.query, "all"), page),
          orgView,
        ),
    },
    {
      method: "POST",
      path: "/api/orgs",
      policy: { type: "admin", scope: "orgs:write" },
      body: Create,
      async handler(context) {
        const { name } = context.body as typeof Create.static;
        return json(orgView(await services.auth.orgs.create(name, callerOf(context))), 201);
      },
    },
    {
      method: "GET",
      path: "/api/orgs/:id",
      policy: inOrg("orgs:read"),
      handler: async (context) => orgView(await services.auth.orgs.get(orgId(context), callerOf(context).identity)),
    },
    {
      method: "PATCH",
      path: "/api/orgs/:id",
      policy: inOrg("orgs:write"),
      body: Patch,
      async handler(context) {
        const patch = context.body as typeof Patch.static;
        return orgView(await services.auth.orgs.update(orgId(context), patch, callerOf(context)));
      },
    },
    {
      method: "DELETE",
      path: "/api/orgs/:id",
      policy: inOrg("orgs:write"),
      async handler(context) {
        await services.auth.orgs.delete(orgId(context), callerOf(context));
        return noContent();
      },
    },
    {
      method: "GET",
      path: "/api/orgs/:id/members",
      policy: inOrg("orgs:read"),
      handler: (context) =>
        listPage(
          context.query,
          (page) => services.auth.orgs.members(orgId(context), callerOf(context).identity, page),
          memberView,
        ),
    },
    {
      method: "POST",
      path: "/api/orgs/:id/members",
      policy: inOrg("orgs:write"),
      body: AddMember,
      async handler(context) {
        const { user_id: id, email, role = "member" } = context.body as typeof AddMember.static;
        if ((id === undefined) === (email === undefined)) {
          throw invalid(problem("user_id", "exactly one of user_id and email is required"));
        }
        const who = id === undefined ? { email: email! } : { userId: id };
        const member = await services.auth.orgs.addMember(orgId(context), who, role, callerOf(context));
        return json(memberView(member), 201);
      },
    },
    {
      method: "PATCH",
      path: "/api/orgs/:id/members/:user_id",
      policy: inOrg("orgs:write"),
      body: SetRole,
      async handler(context) {
        const { role } = context.body as typeof SetRole.static;
        const id = userId(context, "user_id");
        return memberView(await services.auth.orgs.setRole(orgId(context), id, role, callerOf(context)));
      },
    },
    {
      method: "DELETE",
      path: "/api/orgs/:id/members/:user_id",
      policy: inOrg("orgs:write"),
      async handler(context) {
        await services.auth.orgs.removeMember(orgId(context), userId(context, "user_id"), callerOf(context));
        return noContent();
      },
    },
  ];
}
