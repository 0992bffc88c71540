/** Asks a person: for a password without showing it, for a yes; and reads secrets from standard input. */
import { CliError, EXIT } from "./exit.ts";
import type { GlobalOptions } from "./index.ts";

/** Whether there is somebody to ask. */
export function canAsk({ input }: GlobalOptions): boolean {
  return process.stdin.isTTY === true && input !== false && (process.env["CI"] ?? "") === "";
}

/** All of standard input without its last line end. Throws exit 2 when there is nothing. */
export async function readSecretInput(flag: string): Promise<string> {
  const text = (await Bun.stdin.text()).replace(/\r?\n$/, "");
  if (text === "") throw new CliError(EXIT.usage, "empty_input", `${flag}: standard input is empty.`);
  return text;
}

/** Nothing of what is typed appears. Ctrl-C ends the process as it would anywhere. */
export async function askSecret(question: string): Promise<string> {
  const { stdin } = process;
  const { promise, resolve } = Promise.withResolvers<string>();
  let text = "";
  const take = (piece: string): void => {
    for (const character of piece) {
      if (character === "\u0003") process.exit(130);
      if (character === "\r" || character === "\n" || character === "\u0004") return resolve(text);
      text = character === "\u007f" || character === "\b" ? [...text].slice(0, -1).join("") : text + character;
    }
  };
  // Not as a stream to iterate over: that would end with the first answer, and there is a second one to ask for.
  stdin.setRawMode(true);
  stdin.setEncoding("utf8");
  stdin.on("data", take);
  stdin.resume();
  // Only now: what is typed at the sight of it must not be shown any more.
  process.stderr.write(question);
  try {
    return await promise;
  } finally {
    stdin.off("data", take);
    stdin.pause();
    stdin.setRawMode(false);
    process.stderr.write("\n");
  }
}

/** For what cannot be taken back. `--yes` answers; with nobody to ask, exit 2 names it. */
export async function confirm(question: string, options: GlobalOptions): Promise<void> {
  if (options.yes === true) return;
  if (!canAsk(options)) {
    throw new CliError(EXIT.usage, "not_confirmed", `${question} Nobody is there to ask.`, "Add --yes to go on.");
  }
  process.stderr.write(`${question} [y/N] `);
  for await (const line of console) {
    if (/^y(es)?$/i.test(line.trim())) return;
    break;
  }
  throw new CliError(EXIT.failed, "not_confirmed", "Nothing was changed.");
}
