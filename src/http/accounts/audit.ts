/** The audit trail, read only, `http-api` section 23. */
import type { ApiRoute } from "../api.ts";
import { instantOf, listPage, shortText } from "../query.ts";
import type { HttpServices } from "../services.ts";
import { auditView } from "./views.ts";

export function auditRoutes(services: Pick<HttpServices, "auth">): ApiRoute[] {
  return [
    {
      method: "GET",
      path: "/api/audit",
      policy: { type: "admin", scope: "audit:read" },
      handler({ query }) {
        const filter = {
          ...present("actor", shortText(query, "actor")),
          ...present("action", shortText(query, "action")),
          ...present("target", shortText(query, "target")),
          ...present("from", instantOf(query, "date_from")),
          ...present("to", instantOf(query, "date_to")),
        };
        return listPage(query, (page) => services.auth.audit.list(filter, page), auditView);
      },
    },
  ];
}

function present<Name extends string, Value>(name: Name, value: Value | undefined): { [key in Name]?: Value } {
  return (value === undefined ? {} : { [name]: value }) as { [key in Name]?: Value };
}
