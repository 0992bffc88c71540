/** `POST /api/sync`: take the configuration on disk, or say everything that is wrong with it. */
import { Type } from "@sinclair/typebox";
import { RelayError } from "../../plugin/index.ts";
import type { ApiRoute } from "../api.ts";
import { json } from "../api.ts";
import type { HttpServices } from "../services.ts";

const Body = Type.Object(
  {
    source: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    dry_run: Type.Optional(Type.Boolean()),
    force: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);

export function syncRoutes(services: HttpServices): ApiRoute[] {
  return [
    {
      method: "POST",
      path: "/api/sync",
      policy: { type: "admin", scope: "sync:write" },
      body: Body,
      async handler({ body }) {
        const { source = "disk", dry_run: isDryRun = false } = body as typeof Body.static;
        if (source !== "disk") {
          throw new RelayError("not-found", `There is no remote of this name; "disk" reads the configuration file.`, {
            wireCode: "not_configured",
            status: 400,
          });
        }
        const answer = await services.sync({ trigger: "api", isDryRun });
        if (answer.type === "applied") {
          return { generation: answer.generation, changed: answer.changed, warnings: answer.warnings };
        }
        const detail = answer.errors.map(({ path, message, code, line, column }) => ({
          loc: path === "" ? [] : path.split("."),
          msg: message,
          type: code,
          line,
          column,
        }));
        return json({ detail, code: "config_invalid", generation: answer.generation }, 422);
      },
    },
  ];
}
