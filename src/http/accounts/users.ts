/** Administering accounts, `http-api` section 9. Who may touch whom is judged with the change itself. */
import { Type } from "@sinclair/typebox";
import { notFound } from "../../auth/refusals.ts";
import type { UserPatch, UserRole } from "../../store/types.ts";
import { type ApiContext, type ApiRoute, done, json } from "../api.ts";
import { callerOf } from "../caller.ts";
import { oneOf, readPage, shortText } from "../query.ts";
import type { HttpServices } from "../services.ts";
import { Body, Nullable, Password, Text } from "./fields.ts";
import { resetUrl } from "./links.ts";
import { instant, userView } from "./views.ts";

const Create = Body({
  username: Text(),
  email: Type.Optional(Nullable(Text())),
  password: Type.Optional(Password),
  is_admin: Type.Optional(Type.Boolean()),
});
const Patch = Body({
  is_active: Type.Optional(Type.Boolean()),
  is_admin: Type.Optional(Type.Boolean()),
  email: Type.Optional(Nullable(Text())),
});
const Transfer = Body({ confirm: Text() });

const read = { type: "admin", scope: "users:read" } as const;
const write = { type: "admin", scope: "users:write" } as const;
const ROLES: readonly UserRole[] = ["super_admin", "admin", "user"];

export function userRoutes(services: Pick<HttpServices, "auth" | "boundPort">): ApiRoute[] {
  const update = async (context: ApiContext) => {
    const body = context.body as typeof Patch.static;
    const patch: UserPatch = {
      ...(body.is_active === undefined ? {} : { isActive: body.is_active }),
      ...(body.is_admin === undefined ? {} : { isAdmin: body.is_admin }),
      ...(body.email === undefined ? {} : { email: body.email }),
    };
    return userView(await services.auth.accounts.update(userId(context), patch, callerOf(context)));
  };
  return [
    {
      method: "GET",
      path: "/api/users",
      policy: read,
      async handler({ query }) {
        const search = shortText(query, "search");
        const status = oneOf(query, "status", ["active", "inactive"]);
        const role = oneOf(query, "role", ROLES);
        const filter = {
          ...(search === undefined ? {} : { search }),
          ...(status === undefined ? {} : { isActive: status === "active" }),
          ...(role === undefined ? {} : { role }),
        };
        const { items, nextCursor } = await readPage(query, (page) => services.auth.accounts.list(filter, page));
        return { users: items.map(userView), next_cursor: nextCursor };
      },
    },
    {
      method: "POST",
      path: "/api/users",
      policy: write,
      body: Create,
      async handler(context) {
        const { username, email, password, is_admin: isAdmin } = context.body as typeof Create.static;
        const { user, reset } = await services.auth.accounts.create(
          {
            username,
            ...(email === undefined ? {} : { email }),
            ...(password === undefined ? {} : { password }),
            ...(isAdmin === undefined ? {} : { isAdmin }),
          },
          callerOf(context),
        );
        const link = reset === undefined ? {} : { reset_url: resetUrl(context.snapshot, services, reset.token) };
        return json({ ...userView(user), ...link }, 201);
      },
    },
    {
      method: "GET",
      path: "/api/users/:id",
      policy: read,
      handler: async (context) => userView(await services.auth.accounts.get(userId(context))),
    },
    { method: "PUT", path: "/api/users/:id", policy: write, body: Patch, handler: update },
    { method: "PATCH", path: "/api/users/:id", policy: write, body: Patch, handler: update },
    {
      method: "DELETE",
      path: "/api/users/:id",
      policy: write,
      async handler(context) {
        await services.auth.accounts.delete(userId(context), callerOf(context));
        return { success: true };
      },
    },
    {
      method: "POST",
      path: "/api/users/:id/password-reset",
      policy: write,
      async handler(context) {
        const { token, expiresAt } = await services.auth.accounts.createReset(userId(context), callerOf(context));
        return { reset_url: resetUrl(context.snapshot, services, token), expires_at: instant(expiresAt) };
      },
    },
    {
      method: "POST",
      path: "/api/users/:id/logout",
      policy: write,
      async handler(context) {
        await services.auth.accounts.logout(userId(context), callerOf(context));
        return done("All sessions of the account have ended");
      },
    },
    {
      method: "POST",
      path: "/api/users/:id/transfer-ownership",
      policy: { type: "super" },
      body: Transfer,
      async handler(context) {
        const { confirm } = context.body as typeof Transfer.static;
        return userView(await services.auth.accounts.transferOwnership(userId(context), confirm, callerOf(context)));
      },
    },
  ];
}

/** What is no number is nobody's id. */
export function userId({ params }: Pick<ApiContext, "params">, name = "id"): number {
  const text = params[name] ?? "";
  if (!/^[1-9]\d{0,14}$/.test(text)) throw notFound();
  return Number(text);
}
