/** The whole table of management routes, and every route of the relay with who may call it. */
import { accountRoutes } from "./accounts/index.ts";
import { syncRoutes } from "./admin/sync.ts";
import type { ApiRoute } from "./api.ts";
import { healthRoutes } from "./health.ts";
import type { Policy } from "./policy.ts";
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
}

/** Every method and path that is served, in the order of their tables. */
export function describeRoutes(routes: readonly ApiRoute[]): readonly RouteLine[] {
  return [
    ...[...RELAY_ROUTES, ...GEMINI_ROUTES.values(), ...OBJECT_ROUTES, CREDITS_ROUTE, REALTIME_ROUTE].map(
      ({ method, path, scope }): RouteLine => ({ method, path, policy: { type: "any", scope }, kind: "relay" }),
    ),
    ...["/v1/models", "/v1/models/:id"].map(
      // Without a credential too, while `server.public_models` is on; one that is shown has to be good.
      (path): RouteLine => ({ method: "GET", path, policy: { type: "any", scope: "models:read" }, kind: "models" }),
    ),
    ...["/v1beta/models", "/v1beta/models/:id", "/v1/anthropic/models"].map(
      (path): RouteLine => ({ method: "GET", path, policy: { type: "any", scope: "models:read" }, kind: "relay" }),
    ),
    ...routes.map(({ method, path, policy }): RouteLine => ({ method, path, policy, kind: "management" })),
  ];
}
