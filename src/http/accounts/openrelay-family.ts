/** The routes that clients of OpenRelay call, `http-api` section 11.3: camelCase, bare arrays, organisations in the path. */
import { Type } from "@sinclair/typebox";
import { forbidden, invalid, notFound, problem } from "../../auth/refusals.ts";
import type { Identity } from "../../plugin/index.ts";
import { type ApiContext, type ApiRoute, noContent } from "../api.ts";
import { callerOf } from "../caller.ts";
import { allPages } from "../query.ts";
import type { HttpServices } from "../services.ts";
import { Body, Nullable, Text } from "./fields.ts";
import { defaultOrg, homeOrg } from "./home-org.ts";
import { expiry } from "./key-body.ts";
import { openrelayKeyView, shownScopes } from "./key-views.ts";
import { inviteUrl } from "./links.ts";
import { instant } from "./views.ts";

/** A hundred years. */
const EXPIRES_IN_S_MAX = 3_153_600_000;

const CreateKey = Body({
  name: Text(),
  scopes: Type.Optional(Nullable(Type.Array(Text()))),
  expiresAt: Type.Optional(Nullable(Text())),
  expiresInSeconds: Type.Optional(Nullable(Type.Integer({ maximum: EXPIRES_IN_S_MAX }))),
});
const AddMember = Body({ email: Text(), role: Type.Union([Type.Literal("admin"), Type.Literal("member")]) });

const TYPES: Readonly<Record<Identity["kind"], string>> = {
  session: "user",
  "api-key": "api_key",
  service: "access_key",
};

/** What that product sells beside its API, none of which is here. */
const NO_FEATURES = { batch: false, publicEndpoint: false };

const keysRead = { type: "any", scope: "keys:read" } as const;
const keysWrite = { type: "any", scope: "keys:write" } as const;

export function openrelayFamilyRoutes(services: Pick<HttpServices, "auth" | "boundPort">): ApiRoute[] {
  /** The organisation in the path with the identity that acts in it. Throws 403 for one that is not the caller's. */
  const enter = async (context: ApiContext): Promise<Identity> => {
    const { identity } = callerOf(context);
    const id = context.params["orgId"]!;
    if (identity.kind === "session") return services.auth.orgs.enter(identity, id);
    if ((await homeOrg(services.auth, identity)) !== id) throw forbidden("forbidden", "Forbidden");
    return identity;
  };
  const orgsOf = async (identity: Identity) => {
    const own = await defaultOrg(services.auth.parts, identity);
    if (own !== undefined) return [{ id: own.id, name: own.name, role: null }];
    const orgs = await allPages((page) => services.auth.orgs.list(identity, false, page));
    return orgs.map(({ id, name, role }) => ({ id, name, role }));
  };
  return [
    {
      method: "GET",
      path: "/v1/me",
      policy: { type: "any" },
      async handler(context) {
        const { identity } = callerOf(context);
        const { id, name, userId } = identity;
        const email = userId === null ? null : (await services.auth.accounts.get(userId)).email;
        return {
          id,
          type: TYPES[identity.kind],
          orgId: (await homeOrg(services.auth, identity)) ?? null,
          name,
          email,
          role: identity.orgRole ?? null,
          scopes: [...identity.scopes],
        };
      },
    },
    {
      // Beside the section: what newer ones of those clients ask first, since there a key may not ask for `/v1/me`.
      method: "GET",
      path: "/v1/whoami",
      policy: { type: "any" },
      async handler(context) {
        const { identity } = callerOf(context);
        const organizationId = (await homeOrg(services.auth, identity)) ?? "";
        const orgs = await orgsOf(identity);
        const acting = orgs.find(({ id }) => id === organizationId);
        const where = { organizationId, ...(acting === undefined ? {} : { organizationName: acting.name }) };
        if (identity.kind !== "session") return { principalType: "api_key", ...where, scopes: [...identity.scopes] };
        const { id, email } = await services.auth.accounts.get(identity.userId!);
        return {
          principalType: "user",
          ...where,
          userId: String(id),
          ...(email === null ? {} : { email }),
          ...(acting === undefined ? {} : { role: acting.role }),
          availableOrgs: orgs.map((org) => ({
            organizationId: org.id,
            name: org.name,
            role: org.role,
            features: NO_FEATURES,
          })),
        };
      },
    },
    {
      method: "GET",
      path: "/v1/orgs",
      policy: { type: "any" },
      handler: (context) => orgsOf(callerOf(context).identity),
    },
    {
      method: "POST",
      path: "/v1/orgs/:orgId/api-keys/create",
      policy: keysWrite,
      body: CreateKey,
      async handler(context) {
        const identity = await enter(context);
        const { name, scopes } = context.body as typeof CreateKey.static;
        const expiresAt = expiryOf(context.body as typeof CreateKey.static, services.auth.parts.clock.now());
        const { key, secret } = await services.auth.apiKeys.create(
          {
            name,
            orgId: context.params["orgId"]!,
            ...(scopes == null ? {} : { scopes }),
            ...(expiresAt === undefined ? {} : { expiresAt }),
          },
          { style: "openrelay" },
          { ...callerOf(context), identity },
        );
        return {
          id: key.publicId,
          key: secret,
          keyPrefix: key.prefix,
          name: key.name,
          scopes: shownScopes(key.scopes),
          createdAt: instant(key.createdAt),
          organizationId: key.orgId,
        };
      },
    },
    {
      method: "GET",
      path: "/v1/orgs/:orgId/api-keys",
      policy: keysRead,
      async handler(context) {
        const identity = await enter(context);
        const filter = { orgId: context.params["orgId"]! };
        const keys = await allPages((page) => services.auth.apiKeys.list(filter, page, identity));
        return keys.map(openrelayKeyView);
      },
    },
    {
      method: "DELETE",
      path: "/v1/orgs/:orgId/api-keys/:id",
      policy: keysWrite,
      async handler(context) {
        const identity = await enter(context);
        const key = await services.auth.apiKeys.get(context.params["id"]!, identity);
        if (key.orgId !== context.params["orgId"]) throw notFound();
        await services.auth.apiKeys.revoke(key.id, { ...callerOf(context), identity });
        return noContent();
      },
    },
    {
      method: "POST",
      path: "/v1/orgs/:orgId/members/add",
      policy: { type: "org", scope: "orgs:write" },
      body: AddMember,
      async handler(context) {
        const identity = await enter(context);
        const { email, role } = context.body as typeof AddMember.static;
        const added = await services.auth.orgs.addOrInvite(context.params["orgId"]!, email, role, {
          ...callerOf(context),
          identity,
        });
        const now = services.auth.parts.clock.now();
        if (added.type === "invited") {
          const invited = memberView({ userId: null, email, role, invitedAt: now, joinedAt: null });
          // Beside the section: nothing is mailed from here, so whoever invites passes the link on.
          return { ...invited, inviteUrl: inviteUrl(context.snapshot, services, added.code) };
        }
        const { member } = added;
        return memberView({ ...member, email, invitedAt: null });
      },
    },
  ];
}

/** ms since epoch; `null` = never; absent = what the configuration says. Throws 422 for both fields at once. */
function expiryOf(body: typeof CreateKey.static, now: number): number | null | undefined {
  const { expiresAt, expiresInSeconds: seconds } = body;
  if (seconds === undefined) return expiresAt === undefined ? undefined : expiry("expiresAt", expiresAt);
  if (expiresAt !== undefined) throw invalid(problem("expiresInSeconds", "cannot stand beside expiresAt"));
  // Those clients write "never" as nothing or less.
  return seconds === null || seconds <= 0 ? null : Math.floor(now) + seconds * 1000;
}

function memberView(member: {
  readonly userId: number | null;
  readonly role: string;
  readonly email: string;
  readonly invitedAt: number | null;
  readonly joinedAt: number | null;
}) {
  return {
    userId: member.userId,
    role: member.role,
    email: member.email,
    // Nobody is asked for them here.
    fullName: null,
    avatarUrl: null,
    invitedAt: member.invitedAt === null ? null : instant(member.invitedAt),
    joinedAt: member.joinedAt === null ? null : instant(member.joinedAt),
  };
}
