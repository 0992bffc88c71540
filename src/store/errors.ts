/** What can be wrong with a database file, told in sentences that say what to do. */

export type StoreFailure =
  /** The file is damaged. */
  | "corrupt"
  /** It was written by a later release. */
  | "newer"
  /** It is a database, but not this one. */
  | "foreign"
  | "missing"
  /** Somebody else holds it. */
  | "busy"
  | "full"
  /** It or its directory cannot be written. */
  | "readonly"
  | "failed";

export class StoreError extends Error {
  readonly code: StoreFailure;
  readonly path: string;

  constructor(code: StoreFailure, path: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "StoreError";
    this.code = code;
    this.path = path;
  }
}

/** By the longest prefix of SQLite's extended result names (https://sqlite.org/rescode.html). */
const BY_CODE: readonly (readonly [prefix: string, failure: StoreFailure])[] = [
  ["SQLITE_CORRUPT", "corrupt"],
  ["SQLITE_NOTADB", "corrupt"],
  ["SQLITE_IOERR_SHORT_READ", "corrupt"],
  ["SQLITE_BUSY", "busy"],
  ["SQLITE_LOCKED", "busy"],
  ["SQLITE_FULL", "full"],
  ["SQLITE_READONLY", "readonly"],
  ["SQLITE_CANTOPEN", "readonly"],
  ["SQLITE_PERM", "readonly"],
  ["SQLITE_IOERR", "failed"],
  ["SQLITE_NOMEM", "failed"],
];

/** The kind of trouble with the file, or `undefined` when the error is about the statement or its values. */
export function classify(error: unknown): StoreFailure | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof StoreError) return at.code;
    const code = "code" in at && typeof at.code === "string" ? at.code : "";
    const row = BY_CODE.find(([prefix]) => code.startsWith(prefix));
    if (row !== undefined) return row[1];
  }
  return undefined;
}

export function isKeyConflict(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ("code" in at && at.code === "SQLITE_CONSTRAINT_PRIMARYKEY") return true;
  }
  return false;
}

const ADVICE: Readonly<Record<StoreFailure, string>> = {
  corrupt: "is damaged; restore it from a backup",
  newer: "was written by a newer MonoRelay; start that version again, or restore a backup made before the upgrade",
  foreign: "is not a database of this kind; check the configured path",
  missing: "is missing; restore it from a backup",
  busy: "is locked by another process; end that process or its transaction",
  full: "cannot grow: the disk or quota is full; free some space",
  readonly: "cannot be written; check the owner and mode of the file and its directory, and how it is mounted",
  failed: "cannot be used: the system reported an input/output error; check the disk",
};

/** Whatever was thrown as a `StoreError` whose message names the file, the trouble and the way out. */
export function explain(error: unknown, path: string): StoreError {
  if (error instanceof StoreError) return error;
  const code = classify(error);
  const trouble = code === undefined ? "refused a statement; this is a fault of MonoRelay" : ADVICE[code];
  return new StoreError(code ?? "failed", path, `${path} ${trouble}`, error);
}

export function storeError(code: StoreFailure, path: string, detail?: string): StoreError {
  return new StoreError(code, path, `${path} ${ADVICE[code]}${detail === undefined ? "" : ` (${detail})`}`);
}
