/** Exit codes and the error that carries one, `cli-and-operations.md` section 3. */

export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  config: 3,
  denied: 4,
  notFound: 5,
  unreachable: 6,
  conflict: 7,
  finding: 8,
} as const;

/** Ends a command. `message` is one or more complete lines for stderr; `hint` says what to do. */
export class CliError extends Error {
  constructor(
    readonly exitCode: number,
    readonly code: string,
    message: string,
    readonly hint?: string,
  ) {
    super(message);
    this.name = "CliError";
  }
}
