/** Clearing all data at the super admin's word, `http-api` section 24: a copy first, then everything that was named. */
import { join } from "node:path";
import { Type } from "@sinclair/typebox";
import { requireFresh } from "../../auth/caller.ts";
import { invalid, problem } from "../../auth/refusals.ts";
import type { ApiRoute } from "../api.ts";
import { callerOf } from "../caller.ts";
import type { HttpServices } from "../services.ts";
import { Body, Text } from "./fields.ts";

const PHRASE = "RESET ALL DATA";
const PARTS = ["stats", "logs", "keys", "users"] as const;

const Reset = Body({
  confirm: Text(),
  scope: Type.Optional(Type.Array(Type.Union(PARTS.map((name) => Type.Literal(name))), { minItems: 1, maxItems: 8 })),
});

type Needed = Pick<HttpServices, "auth" | "backupDir" | "ids" | "relay" | "showSetupToken" | "store">;

export function resetRoutes(services: Needed): ApiRoute[] {
  return [
    {
      method: "POST",
      path: "/api/admin/clear-data",
      policy: { type: "super" },
      body: Reset,
      async handler(context) {
        const caller = callerOf(context);
        const { confirm, scope = PARTS } = context.body as typeof Reset.static;
        const now = services.relay.clock.now();
        requireFresh(caller, context.snapshot.config.auth.reauthTtlMs, now);
        if (confirm !== PHRASE) throw invalid(problem("confirm", `must be exactly ${PHRASE}`));

        const stamp = new Date(now).toISOString().replace(/[-:]|\.\d+/g, "");
        const backup = join(services.backupDir, `reset-${stamp}-${services.ids.request().slice(-6)}`);
        await services.store.backup(backup);

        const parts = new Set<(typeof PARTS)[number]>(scope);
        const cleared: Record<string, number> = {};
        // Words of calls, whatever else stays.
        services.relay.kept.clear();
        if (parts.has("logs")) {
          cleared["logs"] = await services.store.calls.prune(endOf(now));
          await services.auth.audit.record(caller, { action: "calls.clear", target: null, before: { ...cleared } });
        }
        // Totals are counted from the log; there is nothing of their own to clear yet.
        if (parts.has("stats")) cleared["stats"] = 0;
        if (parts.has("keys") || parts.has("users")) {
          const what = { users: parts.has("users"), keys: parts.has("keys") };
          if (what.users) services.relay.limiter.spending.clear();
          const { users, keys, setupToken } = await services.auth.accounts.clear(what, caller);
          cleared["keys"] = keys;
          if (what.users) cleared["users"] = users;
          if (setupToken !== undefined) services.showSetupToken(setupToken);
        }
        return { status: "ok", message: "The data has been cleared", backup, cleared };
      },
    },
  ];
}

/** Behind every call that has begun, also where a clock has been set back since. */
function endOf(now: number): number {
  return now + 366 * 86_400_000;
}
