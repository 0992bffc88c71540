/** Rules for every command, held against the whole tree of them. */
import { describe, expect, test } from "bun:test";
import type { Command } from "commander";
import { createProgram } from "../../src/cli/index.ts";

const program = createProgram({ providers: [], auth: [] }, false, () => {});

function* walk(command: Command, words: readonly string[] = []): Generator<readonly [words: string, command: Command]> {
  yield [words.join(" "), command];
  for (const child of command.commands) yield* walk(child, [...words, child.name()]);
}
/** Hidden ones are the words of later releases. */
const COMMANDS = [...walk(program)].filter(([, command]) => !(command as unknown as { _hidden: boolean })._hidden);

/** What `-h` prints. */
function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({
    writeOut: (piece) => {
      text += piece;
    },
  });
  command.outputHelp();
  return text;
}

describe.each(COMMANDS.map(([words, command]) => ({ words: `monorelay ${words}`.trim(), command })))(
  "$words",
  ({ words, command }) => {
    test("its help opens with two to four examples of itself", () => {
      const [head, ...rest] = helpOf(command).split("\n");
      expect(head).toBe("Examples:");
      const examples = rest.slice(0, rest.indexOf(""));
      expect([words, examples.length >= 2 && examples.length <= 4]).toEqual([words, true]);
      for (const line of examples) expect(line).toContain(words);
    });

    test("it says in one line what it does, and what each of its options does", () => {
      expect(command.description()).toMatch(/\S/);
      for (const option of command.options)
        expect([option.flags, option.description.length > 3]).toEqual([option.flags, true]);
    });

    test("no option takes a secret as its value", () => {
      const names = command.options.filter(({ required, optional }) => required || optional).map(({ long }) => long);
      expect(names.filter((name) => /password|secret|token|key/.test(name ?? ""))).toEqual([]);
    });

    test("it shows the options that every command takes", () => {
      expect(helpOf(command)).toContain("--json");
    });
  },
);

test("the tree is the one of the documentation, as far as it is there", () => {
  const names = COMMANDS.map(([words]) => words);
  for (const words of ["serve", "config validate", "user create", "user list", "user set", "user reset-password"]) {
    expect(names).toContain(words);
  }
  for (const words of ["key create", "key list", "key revoke", "key rotate", "version"]) expect(names).toContain(words);
});
