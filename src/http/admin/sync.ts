/** `POST /api/sync`: take the configuration on disk, or say everything that is wrong with it. */
import { Type } from "@sinclair/typebox";
import { RelayError } from "../../plugin/index.ts";
import type { ApiRoute } from "../api.ts";
import { json } from "../api.ts";
import { callerOf } from "../caller.ts";
import type { HttpServices } from "../services.ts";

const Body = Type.Object(
  {
    source: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    dry_run: Type.Optional(Type.Boolean()),
    force: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);

const LINE = { action: "config.sync", target: "disk" } as const;

export function syncRoutes(services: HttpServices): ApiRoute[] {
  return [
    {
      method: "POST",
      path: "/api/sync",
      policy: { type: "admin", scope: "sync:write" },
      body: Body,
      async handler(context) {
        const { body } = context;
        const caller = callerOf(context);
        const { source = "disk", dry_run: isDryRun = false } = body as typeof Body.static;
        if (source !== "disk") {
          throw new RelayError("not-found", `There is no remote of this name; "disk" reads the configuration file.`, {
            wireCode: "not_configured",
            status: 400,
          });
        }
        const answer = await services.sync({ trigger: "api", isDryRun });
        if (answer.type === "applied") {
          const { generation, changed } = answer;
          // Asked for by nobody in particular, as when the file is watched, it is a line of the log alone.
          if (!isDryRun) {
            await services.auth.audit.record(caller, { ...LINE, after: { generation, changed } });
          }
          return { generation: answer.generation, changed: answer.changed, warnings: answer.warnings };
        }
        const invalid = new RelayError("bad-request", "The configuration is not valid.", {
          wireCode: "config_invalid",
          status: 422,
        });
        if (!isDryRun) await services.auth.audit.refused(caller, LINE.action, LINE.target, invalid);
        const detail = answer.errors.map(({ path, message, code, line, column }) => ({
          loc: path === "" ? [] : path.split("."),
          msg: message,
          type: code,
          line,
          column,
        }));
        return json({ detail, code: invalid.wireCode, generation: answer.generation }, invalid.status);
      },
    },
  ];
}
