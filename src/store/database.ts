/** A SQLite connection that really ends when it is closed, because it knows every statement that was made on it. */
import { Database, type SQLQueryBindings, type Statement } from "bun:sqlite";

type Finalizable = { finalize(): void };

/**
 * Drizzle makes a statement for each query and leaves it to the garbage collector; until that comes, a closed
 * connection stays half open. When it ends at last, it deletes the write-ahead log by name: by then perhaps that of the
 * file which took the old one's place.
 */
export class OwnedDatabase extends Database {
  readonly #kept: Finalizable[] = [];
  #scope: Finalizable[] | undefined;

  override prepare<Row, Bindings extends SQLQueryBindings | SQLQueryBindings[]>(
    text: string,
    bindings?: Bindings,
    // biome-ignore lint/suspicious/noExplicitAny: the library says so, and TypeScript wants the same condition.
  ): Statement<Row, Bindings extends any[] ? Bindings : [Bindings]> {
    const statement = super.prepare<Row, Bindings>(text, bindings);
    (this.#scope ?? this.#kept).push(statement);
    return statement;
  }

  /** Runs synchronous work whose statements end with it. Not for transactions: those keep statements of their own. */
  scoped<T>(work: () => T): T {
    const outer = this.#scope;
    const own: Finalizable[] = [];
    this.#scope = own;
    try {
      return work();
    } finally {
      this.#scope = outer;
      for (const statement of own) statement.finalize();
    }
  }

  /** All rows of a statement that is used this once. */
  rows<Row>(text: string, ...bindings: SQLQueryBindings[]): Row[] {
    return this.scoped(() => this.prepare<Row, SQLQueryBindings[]>(text).all(...bindings));
  }

  /** Throws rather than stay half open. */
  override close(): void {
    for (const statement of this.#kept.splice(0)) statement.finalize();
    super.close(true);
  }
}
