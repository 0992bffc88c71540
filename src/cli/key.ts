/** `monorelay key`: makes, imports, lists, revokes and rotates API keys. */
import type { Command } from "commander";
import { withDesk } from "./accounts.ts";
import { RelayError } from "../contract/errors.ts";
import type { Desk, KeyView, MadeKeyView } from "./desk.ts";
import { EXIT } from "./exit.ts";
import type { Builtins, GlobalOptions } from "./index.ts";
import { type KeyOptions, readGrace, readKeyOptions } from "./key-options.ts";
import { askSecret, canAsk, confirm, readSecretInput } from "./prompt.ts";
import { printJson, renderList, say, timeText } from "./output.ts";

interface CreateOptions extends GlobalOptions, KeyOptions {
  readonly user?: string;
}
interface ListOptions extends GlobalOptions {
  readonly user?: string;
}
interface RotateOptions extends GlobalOptions {
  readonly grace: string;
}

export function addKeyCommands(program: Command, builtins: Builtins, ended: (code: number) => void): void {
  const globals = () => program.opts<GlobalOptions>();
  const key = program.command("key").description("make, import, list, revoke and rotate API keys");
  withKeyOptions(key.command("create <name>"))
    .description("make an API key and print it; it is stored as a hash and never shown again")
    .action(async (name: string, options: CreateOptions) =>
      ended(await keyCreate(name, { ...globals(), ...options }, builtins)),
    );
  withKeyOptions(key.command("import <name>"))
    .description("take in a key that people have already, from standard input; it is stored as a hash")
    .action(async (name: string, options: CreateOptions) =>
      ended(await keyImport(name, { ...globals(), ...options }, builtins)),
    );
  key
    .command("list")
    .description("list API keys, revoked ones left out")
    .option("--user <name>", "only those of this account")
    .action(async (options: ListOptions) => ended(await keyList({ ...globals(), ...options }, builtins)));
  key
    .command("revoke <id>")
    .description("end an API key at once and for good")
    .action(async (id: string) => ended(await keyRevoke(id, globals(), builtins)));
  key
    .command("rotate <id>")
    .description("print a new key in the place of an old one, which lives on for a while")
    .option("--grace <duration>", "how long the old key lives on", "24h")
    .action(async (id: string, options: RotateOptions) =>
      ended(await keyRotate(id, { ...globals(), ...options }, builtins)),
    );
}

function withKeyOptions(command: Command): Command {
  return command
    .option("--user <name>", "whose key it is (default: the super admin's)")
    .option("--models <globs>", "models it may call, separated by commas")
    .option("--scopes <scopes>", "what it may do, separated by commas (default: api_keys.default_scopes)")
    .option("--expires <when>", "90d, never, or an instant")
    .option("--rpm <count>", "requests per minute")
    .option("--tpm <count>", "tokens per minute")
    .option("--concurrency <count>", "requests at once")
    .option("--budget <usd/window>", "20/month; may be given several times", (text: string, all: string[] = []) => [
      ...all,
      text,
    ])
    .option("--cidr <networks>", "addresses and networks it may be used from, separated by commas");
}

async function keyCreate(name: string, options: CreateOptions, builtins: Builtins): Promise<number> {
  const body = readKeyOptions(options, Date.now());
  return withDesk(options, builtins, async (desk) => {
    const made = await desk.createKey({ ...body, name }, options.user);
    show(made, options);
    say(options, `${made.name} (${made.public_id}): shown once, stored as a hash`);
    return EXIT.done;
  });
}

async function keyImport(name: string, options: CreateOptions, builtins: Builtins): Promise<number> {
  const body = readKeyOptions(options, Date.now());
  return withDesk(options, builtins, async (desk) => {
    const secret = canAsk(options) ? await askSecret("Key: ") : await readSecretInput("key import");
    const taken = await desk.importKey({ ...body, name }, secret, options.user);
    if (options.json === true) printJson(taken);
    say(options, `${taken.name} (${taken.public_id}, ${taken.prefix}…${taken.last4}): taken in, stored as a hash`);
    return EXIT.done;
  });
}

async function keyList(options: ListOptions, builtins: Builtins): Promise<number> {
  return withDesk(options, builtins, async (desk) => {
    const owner = options.user === undefined ? undefined : (await desk.findUser(options.user)).id;
    const keys = await desk.keys(owner);
    if (options.json === true) {
      printJson({ items: keys, next_cursor: null });
      return EXIT.done;
    }
    const names = await namesAt(desk);
    const now = Date.now();
    const isForPerson = process.stdout.isTTY === true;
    const columns = [
      { title: "ID", value: ({ public_id: id }: KeyView) => id },
      { title: "NAME", value: ({ name }: KeyView) => name },
      { title: "KEY", value: ({ prefix, last4 }: KeyView) => `${prefix}…${last4}` },
      { title: "OWNER", value: ({ user_id: id }: KeyView) => (id === null ? null : (names.get(id) ?? null)) },
      { title: "MODELS", value: ({ models }: KeyView) => models.allow.join(",") || "all" },
      { title: "LIMITS", value: limitsText },
      { title: "EXPIRES", value: (key: KeyView) => timeText(key.expires_at, now, isForPerson) },
      { title: "LAST_USED", value: (key: KeyView) => timeText(key.last_used_at, now, isForPerson) },
    ];
    process.stdout.write(renderList(columns, keys, isForPerson));
    return EXIT.done;
  });
}

/** Over a URL one may see keys without being allowed to see accounts. */
async function namesAt(desk: Desk): Promise<ReadonlyMap<number, string>> {
  try {
    return new Map((await desk.users()).map(({ id, username }) => [id, username]));
  } catch (error) {
    if (RelayError.is(error) && error.status === 403) return new Map();
    throw error;
  }
}

function limitsText({ limits }: KeyView): string {
  const { rpm, tpm, concurrency, budgets } = limits;
  const parts = [
    rpm > 0 ? `${rpm} rpm` : "",
    tpm > 0 ? `${tpm} tpm` : "",
    concurrency > 0 ? `${concurrency} at once` : "",
    ...budgets.map(({ usd, window }) => `${usd}/${window}`),
  ];
  return parts.filter((part) => part !== "").join(", ") || "none";
}

async function keyRevoke(id: string, options: GlobalOptions, builtins: Builtins): Promise<number> {
  await confirm(`${id} will stop working for good.`, options);
  return withDesk(options, builtins, async (desk) => {
    await desk.revokeKey(id);
    if (options.json === true) printJson({ status: "revoked" });
    say(options, `${id}: revoked`);
    return EXIT.done;
  });
}

async function keyRotate(id: string, options: RotateOptions, builtins: Builtins): Promise<number> {
  const graceMs = readGrace(options.grace);
  return withDesk(options, builtins, async (desk) => {
    const made = await desk.rotateKey(id, graceMs);
    show(made, options);
    say(options, `${made.name} (${made.public_id}): shown once; the old key lives on for ${options.grace}`);
    return EXIT.done;
  });
}

function show(made: MadeKeyView, { json }: GlobalOptions): void {
  if (json === true) printJson(made);
  else process.stdout.write(`${made.key}\n`);
}
