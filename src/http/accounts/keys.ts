/** API keys in the house's own style, `http-api` section 11.1. */
import { Type } from "@sinclair/typebox";
import type { MadeKey } from "../../auth/api-keys.ts";
import { isGrantable } from "../../auth/grants.ts";
import { SCOPE_SETS, type Scope } from "../../config/scopes.ts";
import { RelayError } from "../../plugin/index.ts";
import type { ApiKeyFilter } from "../../store/types.ts";
import { type ApiRoute, json, noContent } from "../api.ts";
import { callerOf } from "../caller.ts";
import { listPage, oneOf, shortText, wholeNumber } from "../query.ts";
import type { HttpServices } from "../services.ts";
import { Body } from "./fields.ts";
import { CreateKey, keyFields, PatchKey } from "./key-body.ts";
import { keyView } from "./key-views.ts";
import { SCOPE_WORDS } from "./scope-words.ts";

const GRACE_S_MAX = 604_800;
const GRACE_S = 86_400;
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;
const USER_ID_MAX = 1e15;

const Rotate = Body({ grace_seconds: Type.Optional(Type.Integer({ minimum: 0, maximum: GRACE_S_MAX })) });

const read = { type: "any", scope: "keys:read" } as const;
const write = { type: "any", scope: "keys:write" } as const;

export function keyRoutes(services: Pick<HttpServices, "auth" | "relay">): ApiRoute[] {
  const view = (key: MadeKey["key"]) => keyView(key, services.relay.clock.now());
  /** The only answer that holds a key. */
  const made = ({ key, secret }: MadeKey): Response =>
    secret === undefined
      ? json(view(key), 200, { "idempotent-replay": "true" })
      : json({ ...view(key), key: secret }, 201);
  return [
    {
      method: "GET",
      path: "/api/keys",
      policy: read,
      handler(context) {
        const { query } = context;
        const status = oneOf(query, "status", ["active", "expired", "revoked", "all"]) ?? "active";
        const orgId = shortText(query, "org_id");
        const userId = wholeNumber(query, "user_id", 1, USER_ID_MAX);
        const filter: ApiKeyFilter = {
          ...(status === "all" ? {} : { status }),
          ...(orgId === undefined ? {} : { orgId }),
          ...(userId === undefined ? {} : { userId }),
        };
        return listPage(query, (page) => services.auth.apiKeys.list(filter, page, callerOf(context).identity), view);
      },
    },
    {
      method: "POST",
      path: "/api/keys",
      policy: write,
      body: CreateKey,
      async handler(context) {
        const { org_id: orgId, ...body } = context.body as typeof CreateKey.static;
        const idempotencyKey = context.request.headers.get("idempotency-key");
        if (idempotencyKey !== null && !IDEMPOTENCY_KEY.test(idempotencyKey)) {
          throw new RelayError("bad-request", "The Idempotency-Key must be 1 to 255 visible ASCII characters.");
        }
        const request = { ...keyFields(body), name: body.name, ...(orgId === undefined ? {} : { orgId }) };
        return made(
          await services.auth.apiKeys.create(
            request,
            { style: "native", ...(idempotencyKey === null ? {} : { idempotencyKey }) },
            callerOf(context),
          ),
        );
      },
    },
    {
      method: "GET",
      path: "/api/keys/scopes",
      policy: { type: "any" },
      handler(context) {
        const { identity } = callerOf(context);
        const scopes = (Object.keys(SCOPE_WORDS) as Scope[]).map((name) => ({
          name,
          description: SCOPE_WORDS[name],
          grantable: isGrantable(name, identity),
        }));
        return { sets: SCOPE_SETS, scopes };
      },
    },
    {
      method: "GET",
      path: "/api/keys/:id",
      policy: read,
      handler: async (context) =>
        view(await services.auth.apiKeys.get(context.params["id"]!, callerOf(context).identity)),
    },
    {
      method: "PATCH",
      path: "/api/keys/:id",
      policy: write,
      body: PatchKey,
      async handler(context) {
        const fields = keyFields(context.body as typeof PatchKey.static);
        return view(await services.auth.apiKeys.update(context.params["id"]!, fields, callerOf(context)));
      },
    },
    {
      method: "DELETE",
      path: "/api/keys/:id",
      policy: write,
      async handler(context) {
        await services.auth.apiKeys.revoke(context.params["id"]!, callerOf(context));
        return noContent();
      },
    },
    {
      method: "POST",
      path: "/api/keys/:id/rotate",
      policy: write,
      body: Rotate,
      async handler(context) {
        const { grace_seconds: graceS = GRACE_S } = context.body as typeof Rotate.static;
        return made(await services.auth.apiKeys.rotate(context.params["id"]!, graceS * 1000, callerOf(context)));
      },
    },
  ];
}
