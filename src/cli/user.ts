/** `monorelay user`: makes, lists and changes accounts. */
import type { Command } from "commander";
import { randomBase62, systemRandom } from "../auth/randomness.ts";
import { withDesk } from "./accounts.ts";
import type { UserChange, UserView } from "./desk.ts";
import { CliError, EXIT } from "./exit.ts";
import type { Builtins, GlobalOptions } from "./index.ts";
import { askSecret, canAsk, confirm, readSecretInput } from "./prompt.ts";
import { printJson, renderList, say, timeText } from "./output.ts";

interface PasswordOptions extends GlobalOptions {
  readonly passwordStdin?: boolean;
}
interface CreateOptions extends PasswordOptions {
  readonly email?: string;
  readonly role?: "user" | "admin";
  readonly generate?: boolean;
}
interface SetOptions extends GlobalOptions {
  readonly role?: "user" | "admin";
  readonly active?: boolean;
  readonly inactive?: boolean;
  readonly email?: string;
}
interface ResetOptions extends PasswordOptions {
  readonly link?: boolean;
}

/** 142 bits. */
const GENERATED_LENGTH = 24;

export function addUserCommands(program: Command, builtins: Builtins, ended: (code: number) => void): void {
  const globals = () => program.opts<GlobalOptions>();
  const user = program.command("user").description("make, list and change accounts");
  user
    .command("create <name>")
    .description("make an account; the first one ever is the super admin")
    .option("--email <address>", "e-mail address")
    .option("--role <role>", "user or admin", roleOption)
    .option("--password-stdin", "read the password from standard input")
    .option("--generate", "make a password and print it")
    .action(async (name: string, options: CreateOptions) =>
      ended(await userCreate(name, { ...globals(), ...options }, builtins)),
    );
  user
    .command("list")
    .description("list accounts")
    .action(async () => ended(await userList(globals(), builtins)));
  user
    .command("set <name>")
    .description("change an account")
    .option("--role <role>", "user or admin", roleOption)
    .option("--active", "let it in again")
    .option("--inactive", "shut it out: its sessions end, its keys stop working")
    .option("--email <address>", "e-mail address; an empty one takes it away")
    .action(async (name: string, options: SetOptions) =>
      ended(await userSet(name, { ...globals(), ...options }, builtins)),
    );
  user
    .command("reset-password <name>")
    .description("print a link to set a new password, or set one; ends all sessions of the account")
    .option("--link", "print a link that works once, for 24 hours (default)")
    .option("--password-stdin", "read the new password from standard input")
    .action(async (name: string, options: ResetOptions) =>
      ended(await userResetPassword(name, { ...globals(), ...options }, builtins)),
    );
}

function roleOption(text: string): "user" | "admin" {
  if (text === "user" || text === "admin") return text;
  throw new CliError(EXIT.usage, "bad_option", "--role must be user or admin.");
}

async function userCreate(name: string, options: CreateOptions, builtins: Builtins): Promise<number> {
  const password = await newPassword(options);
  return withDesk(options, builtins, async (desk) => {
    const user = await desk.createUser({
      username: name,
      password,
      ...(options.email === undefined ? {} : { email: options.email }),
      ...(options.role === undefined ? {} : { is_admin: options.role === "admin" }),
    });
    const isShown = options.generate === true;
    if (options.json === true) printJson({ ...user, ...(isShown ? { password } : {}) });
    else if (isShown) process.stdout.write(`${password}\n`);
    say(options, `${user.username}: made, ${roleText(user)}${isShown ? "; password shown once" : ""}`);
    return EXIT.done;
  });
}

async function newPassword(options: CreateOptions): Promise<string> {
  if (options.generate === true && options.passwordStdin === true) {
    throw new CliError(EXIT.usage, "bad_option", "--generate and --password-stdin exclude each other.");
  }
  if (options.generate === true) return randomBase62(GENERATED_LENGTH, systemRandom);
  if (options.passwordStdin === true) return readSecretInput("--password-stdin");
  return askPassword(options, "Give --generate or --password-stdin.");
}

async function askPassword(options: GlobalOptions, hint: string): Promise<string> {
  if (!canAsk(options)) throw new CliError(EXIT.usage, "missing_password", "A password is needed.", hint);
  const password = await askSecret("Password: ");
  if ((await askSecret("Once more: ")) === password) return password;
  throw new CliError(EXIT.usage, "password_mismatch", "The two passwords differ; nothing was changed.");
}

async function userList(options: GlobalOptions, builtins: Builtins): Promise<number> {
  return withDesk(options, builtins, async (desk) => {
    const users = await desk.users();
    if (options.json === true) {
      printJson({ users, next_cursor: null });
      return EXIT.done;
    }
    const keys = await desk.keys(undefined);
    const isForPerson = process.stdout.isTTY === true;
    const now = Date.now();
    const liveKeysOf = (id: number) =>
      keys.filter(({ user_id: owner, status }) => owner === id && status === "active").length;
    const columns = [
      { title: "ID", value: ({ id }: UserView) => id },
      { title: "NAME", value: ({ username }: UserView) => username },
      { title: "EMAIL", value: ({ email }: UserView) => email },
      { title: "ROLE", value: roleText },
      { title: "STATE", value: ({ is_active: isActive }: UserView) => (isActive ? "active" : "inactive") },
      { title: "KEYS", value: ({ id }: UserView) => liveKeysOf(id) },
      { title: "LAST_LOGIN", value: (user: UserView) => timeText(user.last_login, now, isForPerson) },
    ];
    process.stdout.write(renderList(columns, users, isForPerson));
    return EXIT.done;
  });
}

async function userSet(name: string, options: SetOptions, builtins: Builtins): Promise<number> {
  if (options.active === true && options.inactive === true) {
    throw new CliError(EXIT.usage, "bad_option", "--active and --inactive exclude each other.");
  }
  const change: UserChange = {
    ...(options.role === undefined ? {} : { is_admin: options.role === "admin" }),
    ...(options.active === true ? { is_active: true } : {}),
    ...(options.inactive === true ? { is_active: false } : {}),
    ...(options.email === undefined ? {} : { email: options.email === "" ? null : options.email }),
  };
  if (Object.keys(change).length === 0) {
    const hint = "Give --role, --active, --inactive or --email.";
    throw new CliError(EXIT.usage, "nothing_to_do", "There is nothing to change.", hint);
  }
  return withDesk(options, builtins, async (desk) => {
    const { id } = await desk.findUser(name);
    const user = await desk.updateUser(id, change);
    if (options.json === true) printJson(user);
    say(options, `${user.username}: ${roleText(user)}, ${user.is_active ? "active" : "inactive"}`);
    return EXIT.done;
  });
}

async function userResetPassword(name: string, options: ResetOptions, builtins: Builtins): Promise<number> {
  if (options.link === true && options.passwordStdin === true) {
    throw new CliError(EXIT.usage, "bad_option", "--link and --password-stdin exclude each other.");
  }
  const password = options.passwordStdin === true ? await readSecretInput("--password-stdin") : undefined;
  await confirm(`All sessions of ${name} will end.`, options);
  return withDesk(options, builtins, async (desk) => {
    const { id, username } = await desk.findUser(name);
    if (password === undefined) {
      const link = await desk.resetLink(id);
      if (options.json === true) printJson(link);
      else process.stdout.write(`${link.reset_url}\n`);
      say(options, `${username}: the link works once, for 24 hours`);
    } else {
      await desk.setPassword(id, password);
      if (options.json === true) printJson({ success: true });
      say(options, `${username}: the password is set, all sessions have ended`);
    }
    return EXIT.done;
  });
}

function roleText({ is_admin: isAdmin, is_super_admin: isSuperAdmin }: UserView): string {
  return isSuperAdmin ? "super admin" : isAdmin ? "admin" : "user";
}
