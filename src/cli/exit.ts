/** Exit codes and the error that carries one, `cli-and-operations.md` section 3. */
import { RelayError } from "../contract/errors.ts";

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

/** What the account services said no with; `undefined` for any other error. */
export function refusalOf(error: unknown): CliError | undefined {
  if (!RelayError.is(error)) return undefined;
  const code = error.wireCode ?? error.code;
  const lines = error.details?.map(({ loc, msg }) => `${loc.slice(1).join(".")} ${msg}`) ?? [error.message];
  return new CliError(exitOf(error), code, lines.join("\n"));
}

function exitOf({ status, wireCode }: RelayError): number {
  // Rules about accounts that hold for everybody, not a lack of rights.
  if (status === 409 || wireCode === "own_account" || wireCode === "super_admin_protected") return EXIT.conflict;
  if (status === 401 || status === 403) return EXIT.denied;
  if (status === 404) return EXIT.notFound;
  return status === 400 || status === 422 ? EXIT.usage : EXIT.failed;
}
