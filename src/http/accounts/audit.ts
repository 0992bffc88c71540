/** The audit trail, read only, `http-api` section 23. */
import { parseInstant } from "../../auth/instant.ts";
import type { ApiRoute } from "../api.ts";
import { invalidQuery, listPage, shortText } from "../query.ts";
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

function instantOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  const at = parseInstant(text);
  if (at === undefined) throw invalidQuery(name, "must be an RFC 3339 instant with an offset");
  return at;
}

function present<Name extends string, Value>(name: Name, value: Value | undefined): { [key in Name]?: Value } {
  return (value === undefined ? {} : { [name]: value }) as { [key in Name]?: Value };
}
