/** From whom a key descends, by rotation and by being made: its limits and those of its makers hold for the whole line. */
import { type SQL, sql } from "drizzle-orm";
import type { AccountsDb } from "./accounts-file.ts";
import { apiKeys } from "./schema-accounts.ts";

/** Keys above one; a line that could not be followed to its end would lose the limits that stand there. */
const LINE_MAX = 1000;

/** Id of the first key of a line of rotations. */
export const COUNTS_AS = sql<string>`CASE WHEN ${apiKeys.replaces} IS NULL THEN ${apiKeys.id} ELSE (
  WITH RECURSIVE line (id, replaces, age) AS (
    SELECT ${apiKeys.id}, ${apiKeys.replaces}, 0
    UNION ALL SELECT older.id, older.replaces, line.age + 1 FROM api_keys older JOIN line ON older.id = line.replaces
  )
  SELECT id FROM line ORDER BY age DESC LIMIT 1
) END`;

/**
 * From a key to the one it replaces, from the first of a line to the key that made it, up to the last. `step` numbers
 * them, so that of each maker the first of its line is the next one up that replaces nothing.
 */
export const MAKERS = sql<string>`CASE WHEN ${apiKeys.replaces} IS NULL AND substr(${apiKeys.createdBy}, 1, 4) <> 'key_' THEN '[]' ELSE (
  WITH RECURSIVE line (id, replaces, created_by, limits, is_maker, step) AS (
    SELECT ${apiKeys.id}, ${apiKeys.replaces}, ${apiKeys.createdBy}, NULL, 0, 0
    UNION ALL SELECT up.id, up.replaces, up.created_by, up.limits, line.replaces IS NULL, line.step + 1
    FROM line JOIN api_keys up
      ON up.id = line.replaces OR (line.replaces IS NULL AND up.public_id = line.created_by)
    WHERE line.step < ${LINE_MAX}
  )
  SELECT json_group_array(json_object('limits', json(maker.limits), 'countsAs', (
    SELECT id FROM line WHERE line.step >= maker.step AND line.replaces IS NULL ORDER BY line.step LIMIT 1
  ))) FROM line maker WHERE maker.is_maker
) END`;

/**
 * How many keys stand above the one that `where` finds, as far as a line can be followed, and whether one of them made
 * another: then it must be followed to its end.
 */
export function lineAbove(db: AccountsDb, where: SQL): { readonly isFull: boolean; readonly hasMaker: boolean } {
  const [row] = db.all<{ steps: number | null; makers: number | null }>(sql`
  WITH RECURSIVE line (replaces, created_by, is_maker, step) AS (
    SELECT ${apiKeys.replaces}, ${apiKeys.createdBy}, 0, 0 FROM ${apiKeys} WHERE ${where}
    UNION ALL SELECT up.replaces, up.created_by, line.replaces IS NULL, line.step + 1
    FROM line JOIN api_keys up
      ON up.id = line.replaces OR (line.replaces IS NULL AND up.public_id = line.created_by)
    WHERE line.step < ${LINE_MAX}
  )
  SELECT max(step) AS steps, max(is_maker) AS makers FROM line`);
  return { isFull: (row?.steps ?? 0) + 1 >= LINE_MAX, hasMaker: row?.makers === 1 };
}
