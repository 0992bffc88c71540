/** API keys as clients of Relay know them, `http-api` section 11.2: those of the caller's own organisation. */
import { Type } from "@sinclair/typebox";
import { notFound } from "../../auth/refusals.ts";
import { type ApiContext, type ApiRoute, json, noContent } from "../api.ts";
import { callerOf } from "../caller.ts";
import { allPages } from "../query.ts";
import type { HttpServices } from "../services.ts";
import { Body, Nullable, Text } from "./fields.ts";
import { expiry } from "./key-body.ts";
import { relayKeyView } from "./key-views.ts";
import { homeOrg } from "./home-org.ts";

const PATH = "/api/v1/auth/api-keys";

const Create = Body({
  name: Text(),
  expires_at: Type.Optional(Nullable(Text())),
  scopes: Type.Optional(Nullable(Type.Array(Text()))),
});

export function relayFamilyRoutes(services: Pick<HttpServices, "auth">): ApiRoute[] {
  const orgOf = async (context: ApiContext): Promise<string> => {
    const id = await homeOrg(services.auth, callerOf(context).identity);
    if (id === undefined) throw notFound();
    return id;
  };
  return [
    {
      method: "POST",
      path: PATH,
      policy: { type: "any", scope: "keys:write" },
      body: Create,
      async handler(context) {
        const { name, scopes, expires_at: expiresAt } = context.body as typeof Create.static;
        const { key, secret } = await services.auth.apiKeys.create(
          {
            name,
            // Its clients in Python send what is left out as null.
            ...(scopes == null ? {} : { scopes }),
            ...(expiresAt === undefined ? {} : { expiresAt: expiry("expires_at", expiresAt) }),
          },
          { style: "relay" },
          callerOf(context),
        );
        const { id, name: shownName, key_prefix, ...rest } = relayKeyView(key);
        return json({ id, name: shownName, key_prefix, key: secret, ...rest }, 201);
      },
    },
    {
      method: "GET",
      path: PATH,
      policy: { type: "any", scope: "keys:read" },
      async handler(context) {
        const { identity } = callerOf(context);
        const orgId = await homeOrg(services.auth, identity);
        // Before the first account there is no organisation, and so no key.
        if (orgId === undefined) return [];
        const filter = { orgId, status: "not-revoked" } as const;
        const keys = await allPages((page) => services.auth.apiKeys.list(filter, page, identity));
        return keys.map(relayKeyView);
      },
    },
    {
      method: "DELETE",
      path: `${PATH}/:id`,
      policy: { type: "any", scope: "keys:write" },
      async handler(context) {
        const caller = callerOf(context);
        const key = await services.auth.apiKeys.get(context.params["id"]!, caller.identity);
        if (key.orgId !== (await orgOf(context))) throw notFound();
        if ((await services.auth.apiKeys.revoke(key.id, caller)) === "already") throw notFound();
        return noContent();
      },
    },
  ];
}
