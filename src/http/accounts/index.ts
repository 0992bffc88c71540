/** Everything about accounts, credentials and organisations over HTTP. */
import type { ApiRoute } from "../api.ts";
import type { HttpServices } from "../services.ts";
import { auditRoutes } from "./audit.ts";
import { authRoutes } from "./auth.ts";
import { inviteRoutes } from "./invites.ts";
import { keyUsageRoutes } from "./key-usage.ts";
import { keyRoutes } from "./keys.ts";
import { meRoutes } from "./me.ts";
import { openrelayFamilyRoutes } from "./openrelay-family.ts";
import { orgRoutes } from "./orgs.ts";
import { relayFamilyRoutes } from "./relay-family.ts";
import { resetRoutes } from "./reset.ts";
import { ssoRoutes } from "./sso.ts";
import { userRoutes } from "./users.ts";

/** Only the table is made here: the services are asked when a request comes. */
export function accountRoutes(services: HttpServices): ApiRoute[] {
  return [
    ...authRoutes(services),
    ...ssoRoutes(services),
    ...meRoutes(services),
    ...userRoutes(services),
    ...orgRoutes(services),
    ...inviteRoutes(services),
    ...keyRoutes(services),
    ...keyUsageRoutes(services),
    ...relayFamilyRoutes(services),
    ...openrelayFamilyRoutes(services),
    ...auditRoutes(services),
    ...resetRoutes(services),
  ];
}
