/** Small values in monorelay.db, and the mark of a finished first start. */

import { eq, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/bun-sqlite";
import type { OwnedDatabase } from "./database.ts";
import { explain } from "./errors.ts";
import { type Patience, whenFree } from "./retry.ts";
import { meta, settings } from "./schema-accounts.ts";
import type { InitialisedMark, SettingsRepository } from "./types.ts";

export interface AccountsOptions extends Patience {
  readonly client: OwnedDatabase;
  readonly path: string;
}

const INITIALISED = "initialised_at";

export function createSettings(options: AccountsOptions): SettingsRepository {
  const { clock } = options;
  const db = drizzle(options.client);
  const run = <T>(work: () => T) => attempt(options, work);
  return {
    get: (key) => run(() => db.select().from(settings).where(eq(settings.key, key)).get()?.value),
    set: (key, value) =>
      run(() => {
        const updatedAt = clock.now();
        const insert = db.insert(settings).values({ key, value, updatedAt });
        insert.onConflictDoUpdate({ target: settings.key, set: { value, updatedAt } }).run();
      }),
    add: (key, value) =>
      run(() => {
        const insert = db.insert(settings).values({ key, value, updatedAt: clock.now() });
        return insert.onConflictDoNothing().returning({ key: settings.key }).all().length === 1;
      }),
    delete: (key) =>
      run(() => db.delete(settings).where(eq(settings.key, key)).returning({ key: settings.key }).all().length === 1),
  };
}

export function createInitialisedMark(options: AccountsOptions): InitialisedMark {
  const db = drizzle(options.client);
  return {
    at: () =>
      attempt(options, () => {
        const row = db.select({ at: sql<number>`CAST(${meta.value} AS INTEGER)` }).from(meta);
        return row.where(eq(meta.key, INITIALISED)).get()?.at ?? null;
      }),
    set: (at) =>
      attempt(options, () => {
        const insert = db.insert(meta).values({ key: INITIALISED, value: String(Math.floor(at)) });
        insert.onConflictDoNothing().run();
      }),
  };
}

/** Whatever goes wrong comes out as a `StoreError`: one that was not stored is never taken for one that was. */
async function attempt<T>(options: AccountsOptions, work: () => T): Promise<T> {
  try {
    return await whenFree(options, () => options.client.scoped(work));
  } catch (error) {
    throw explain(error, options.path);
  }
}
