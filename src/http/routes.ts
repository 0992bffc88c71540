/** The whole table of management routes, and every route of the relay with who may call it. */
import { accountRoutes } from "./accounts/index.ts";
import { syncRoutes } from "./admin/sync.ts";
import type { ApiRoute } from "./api.ts";
import { healthRoutes } from "./health.ts";
import type { Policy } from "./policy.ts";
import { GEMINI_MAKERS, GEMINI_OBJECT_ROUTES, GEMINI_UPLOAD_ROUTE } from "./gemini-object-routes.ts";
import { OBJECT_ROUTES } from "./object-routes.ts";
import { CREDITS_ROUTE, GEMINI_ROUTES, REALTIME_ROUTE, RELAY_ROUTES } from "./relay-routes.ts";
import type { HttpServices } from "./services.ts";

export function apiRoutes(services: HttpServices, dataDir: string): ApiRoute[] {
  return [...healthRoutes(services, dataDir), ...syncRoutes(services), ...accountRoutes(services)];
}

export interface RouteLine {
  readonly method: string;
  readonly path: string;
  readonly policy: Policy;
  /** `relay`: a call that goes to a provider and leaves a record. */
  readonly kind: "relay" | "models" | "management";
  /** While this key of the configuration says so, nobody is asked; a credential that is shown has to be good all the same. */
  readonly openBy?: string;
}

const OPEN = "server.public_models";
const MODEL_LISTS: readonly { readonly path: string; readonly openBy?: string }[] = [
  { path: "/v1/models", openBy: OPEN },
  { path: "/v1/models/:id", openBy: OPEN },
  { path: "/v1/anthropic/models" },
  ...["/v1beta", "/v1alpha"].flatMap((root) => [{ path: `${root}/models` }, { path: `${root}/models/:id` }]),
];

/** Every method and path that is served, in the order of their tables. */
export function describeRoutes(routes: readonly ApiRoute[]): readonly RouteLine[] {
  return [
    ...[
      ...RELAY_ROUTES,
      ...GEMINI_ROUTES.values(),
      ...OBJECT_ROUTES,
      ...GEMINI_MAKERS.values(),
      GEMINI_UPLOAD_ROUTE,
      ...GEMINI_OBJECT_ROUTES,
      CREDITS_ROUTE,
      REALTIME_ROUTE,
    ].map(({ method, path, scope }): RouteLine => ({ method, path, policy: { type: "any", scope }, kind: "relay" })),
    ...MODEL_LISTS.map(
      ({ path, openBy }): RouteLine => ({
        method: "GET",
        path,
        policy: { type: "any", scope: "models:read" },
        kind: "models",
        ...(openBy === undefined ? {} : { openBy }),
      }),
    ),
    ...routes.map(({ method, path, policy }): RouteLine => ({ method, path, policy, kind: "management" })),
  ];
}
