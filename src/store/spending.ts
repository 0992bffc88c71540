/** What callers have spent: one row for each, always as a whole, so that writing it twice changes nothing. */
import { createAccountsFile } from "./accounts-file.ts";
import { spending } from "./schema-accounts.ts";
import type { AccountsOptions } from "./settings.ts";
import type { SpendingRepository } from "./types.ts";

export function createSpending(options: AccountsOptions): SpendingRepository {
  const { read, write } = createAccountsFile(options);
  return {
    load: () => read((db) => db.select().from(spending).all()),
    save: (rows) =>
      write((db) => {
        for (const row of rows) {
          const { subject: _key, ...set } = row;
          db.insert(spending).values(row).onConflictDoUpdate({ target: spending.subject, set }).run();
        }
      }),
  };
}
