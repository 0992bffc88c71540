/** What the throttle has to remember over a restart. */
import { desc, inArray } from "drizzle-orm";
import type { AccountsFile } from "./accounts-file.ts";
import { throttle } from "./schema-accounts.ts";
import type { ThrottleRepository } from "./types.ts";

/** Keys in one statement; SQLite takes 32,766 values, but a long statement holds up the event loop. */
const KEYS_MAX = 500;

export function createThrottleStore(file: AccountsFile): ThrottleRepository {
  return {
    load: (max) => file.read((db) => db.select().from(throttle).orderBy(desc(throttle.updatedAt)).limit(max).all()),
    async save(entries) {
      for (let at = 0; at < entries.length; at += KEYS_MAX) {
        await file.write((db) => {
          for (const entry of entries.slice(at, at + KEYS_MAX)) {
            const { level, updatedAt, blockedUntil } = entry;
            db.insert(throttle)
              .values({ ...entry })
              .onConflictDoUpdate({ target: throttle.key, set: { level, updatedAt, blockedUntil } })
              .run();
          }
        });
      }
    },
    async remove(keys) {
      for (let at = 0; at < keys.length; at += KEYS_MAX) {
        const some = keys.slice(at, at + KEYS_MAX);
        await file.write((db) => db.delete(throttle).where(inArray(throttle.key, some)).run());
      }
    },
  };
}
