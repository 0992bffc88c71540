/** What the help of each command opens with: lines to copy. */
import type { Command } from "commander";

/** By the words of the command; `""` = the program itself. */
const EXAMPLES: Readonly<Record<string, readonly (readonly [line: string, says: string])[]>> = {
  "": [
    ["monorelay", "start with what is configured"],
    ["monorelay serve --port 9000", "start on another port"],
    ["monorelay config validate", "find every mistake in the configuration"],
    ["monorelay user create alice --generate", "make the first account, the super admin"],
  ],
  serve: [
    ["monorelay serve --port 9000", "listen on another port"],
    ["monorelay serve --host 0.0.0.0", "listen to everybody"],
    ["monorelay serve --env-file .env", "with further environment variables"],
  ],
  config: [
    ["monorelay config validate", "find every mistake at once"],
    ["monorelay config show --origin", "what rules, and where it comes from"],
  ],
  "config validate": [
    ["monorelay config validate", "the file that serve would take"],
    ["monorelay config validate next.yml --warnings-as-errors", "another one, strictly"],
  ],
  "config show": [
    ["monorelay config show", "what rules, secrets redacted"],
    ["monorelay config show --origin", "with file and line of each value"],
  ],
  "config schema": [
    ["monorelay config schema > config.schema.json", "for an editor"],
    ["monorelay config schema | head", "a look at it"],
  ],
  user: [
    ["monorelay user create alice --generate", "the first account is the super admin"],
    ["monorelay user set bob --role admin", "change an account"],
    ["monorelay user reset-password bob", "print a link that works once"],
  ],
  "user create": [
    ["monorelay user create alice", "ask for a password"],
    ["monorelay user create bob --role admin --generate", "make a password and print it"],
    ["monorelay user create ci --password-stdin < secret.txt", "take it from a file"],
  ],
  "user list": [
    ["monorelay user list", "roles, state, keys, last sign-in"],
    ["monorelay user list --json", "for a program"],
  ],
  "user set": [
    ["monorelay user set bob --role admin", "make an admin"],
    ["monorelay user set bob --inactive", "shut out, sessions and keys too"],
    ["monorelay user set bob --email bob@example.com", "change the address"],
  ],
  "user reset-password": [
    ["monorelay user reset-password bob", "print a link that works once, for 24 hours"],
    ["monorelay user reset-password bob --password-stdin --yes < secret.txt", "set the password"],
  ],
  key: [
    ["monorelay key create laptop", "print a new key, once"],
    ["monorelay key list", "prefixes, owners, limits, last use"],
    ["monorelay key revoke key_4fTq…", "end one at once and for good"],
  ],
  "key create": [
    ["export KEY=$(monorelay key create laptop)", "a key that may call every model"],
    ["monorelay key create ci --models 'gpt-*' --expires 90d", "some models, for a while"],
    ["monorelay key create app --user bob --budget 20/month --rpm 60", "somebody's, with limits"],
  ],
  "key import": [
    ["monorelay key import legacy-ci < key.txt", "people go on using the key they have"],
    ["monorelay key import legacy-app --user bob --models 'gpt-*' < key.txt", "somebody's, for some models"],
  ],
  "key list": [
    ["monorelay key list", "all that are not revoked"],
    ["monorelay key list --user bob --json", "those of one account, for a program"],
  ],
  "key revoke": [
    ["monorelay key revoke key_4fTq…", "asks before"],
    ["monorelay key revoke key_4fTq… --yes", "does not ask"],
  ],
  "key rotate": [
    ["monorelay key rotate key_4fTq…", "the old key lives on for a day"],
    ["monorelay key rotate key_4fTq… --grace 0", "the old key is over at once"],
  ],
  routes: [
    ["monorelay routes", "every path with who may call it"],
    ["monorelay routes --json", "for a program"],
  ],
  version: [
    ["monorelay version", "the version alone"],
    ["monorelay version --json", "with commit, target and runtime"],
  ],
};

/** Puts them before the help of every command that is there. */
export function addExamples(command: Command, words: readonly string[] = []): void {
  const lines = EXAMPLES[words.join(" ")];
  if (lines !== undefined) {
    const width = Math.max(...lines.map(([line]) => line.length));
    const shown = lines.map(([line, says]) => `  ${line.padEnd(width)}  ${says}`);
    command.addHelpText("before", `Examples:\n${shown.join("\n")}\n`);
  }
  for (const child of command.commands) addExamples(child, [...words, child.name()]);
}
