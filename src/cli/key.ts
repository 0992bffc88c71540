/** `monorelay key`: makes, lists, revokes and rotates API keys in the data directory. */
import type { Command } from "commander";
import type { Caller } from "../auth/caller.ts";
import { linkedIdentity } from "../auth/identity.ts";
import { conflict } from "../auth/refusals.ts";
import { keyView } from "../http/accounts/key-views.ts";
import { allPages } from "../http/query.ts";
import type { ApiKey } from "../store/types.ts";
import { type OpenAccounts, operator, withAccounts } from "./accounts.ts";
import { EXIT } from "./exit.ts";
import type { Builtins, GlobalOptions } from "./index.ts";
import { type KeyOptions, readGrace, readKeyOptions } from "./key-options.ts";
import { confirm } from "./prompt.ts";
import { printJson, renderList, say, timeText } from "./output.ts";
import { findUser } from "./user.ts";

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
  const key = program.command("key").description("make, list, revoke and rotate API keys");
  key.addHelpText(
    "before",
    `Examples:
  monorelay key create laptop                  print a new key, once
  monorelay key create ci --models 'gpt-*' --budget 20/month --expires 90d
  monorelay key list
  monorelay key rotate key_4fT…  --grace 24h   a new key; the old one lives on for a day
`,
  );
  key
    .command("create <name>")
    .description("make an API key and print it; it is stored as a hash and never shown again")
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
    .option("--cidr <networks>", "addresses and networks it may be used from, separated by commas")
    .action(async (name: string, options: CreateOptions) =>
      ended(await keyCreate(name, { ...globals(), ...options }, builtins)),
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

async function keyCreate(name: string, options: CreateOptions, builtins: Builtins): Promise<number> {
  const fields = readKeyOptions(options, Date.now());
  return withAccounts(options, builtins, async ({ services }) => {
    const caller = await inPlaceOf(services, options.user);
    const { key, secret } = await services.apiKeys.create({ ...fields, name }, { style: "native" }, caller);
    show(key, secret, options);
    say(options, `${key.name} (${key.publicId}): shown once, stored as a hash`);
    return EXIT.done;
  });
}

/** Whoever owns the data directory makes a key for somebody: within what that account may do. */
async function inPlaceOf(services: OpenAccounts["services"], name: string | undefined): Promise<Caller> {
  const { users, orgs } = services.parts.accounts;
  const user = name === undefined ? await superAdmin(services) : await findUser(services, name);
  const home = await orgs.homeOf(user.id);
  const { orgRole: _role, ...person } = linkedIdentity((await users.find(user.id)) ?? user, home ?? null);
  const { id, name: shown, via } = operator.identity;
  // `api_keys.user_created` is a rule for users; scopes stay those of the account.
  const role = person.role === "user" ? "admin" : person.role;
  return { identity: { ...person, id, name: shown, via, role }, origin: operator.origin };
}

async function superAdmin({ accounts }: OpenAccounts["services"]) {
  const [user] = (await accounts.list({ role: "super_admin" }, { limit: 1 })).items;
  if (user !== undefined) return user;
  throw conflict("setup_required", "There is no account yet. Make one first: monorelay user create NAME");
}

async function keyList(options: ListOptions, builtins: Builtins): Promise<number> {
  return withAccounts(options, builtins, async ({ services }) => {
    const users = new Map((await allPages((page) => services.accounts.list({}, page))).map((user) => [user.id, user]));
    const owner = options.user === undefined ? undefined : (await findUser(services, options.user)).id;
    const filter = { status: "not-revoked", ...(owner === undefined ? {} : { userId: owner }) } as const;
    const keys = await allPages((page) => services.apiKeys.list(filter, page, operator.identity));
    const now = Date.now();
    if (options.json === true) {
      printJson({ items: keys.map((key) => keyView(key, now)), next_cursor: null });
      return EXIT.done;
    }
    const isForPerson = process.stdout.isTTY === true;
    const columns = [
      { title: "ID", value: ({ publicId }: ApiKey) => publicId },
      { title: "NAME", value: ({ name }: ApiKey) => name },
      { title: "KEY", value: ({ prefix, last4 }: ApiKey) => `${prefix}…${last4}` },
      {
        title: "OWNER",
        value: ({ userId }: ApiKey) => (userId === null ? null : (users.get(userId)?.username ?? null)),
      },
      { title: "MODELS", value: ({ models }: ApiKey) => models.allow.join(",") || "all" },
      { title: "LIMITS", value: limitsText },
      { title: "EXPIRES", value: ({ expiresAt }: ApiKey) => timeText(expiresAt, now, isForPerson) },
      { title: "LAST_USED", value: ({ lastUsedAt }: ApiKey) => timeText(lastUsedAt, now, isForPerson) },
    ];
    process.stdout.write(renderList(columns, keys, isForPerson));
    return EXIT.done;
  });
}

function limitsText({ limits }: ApiKey): string {
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
  return withAccounts(options, builtins, async ({ services }) => {
    const outcome = await services.apiKeys.revoke(id, operator);
    if (options.json === true) printJson({ status: "revoked", already: outcome === "already" });
    say(options, outcome === "already" ? `${id}: had been revoked before` : `${id}: revoked`);
    return EXIT.done;
  });
}

async function keyRotate(id: string, options: RotateOptions, builtins: Builtins): Promise<number> {
  const graceMs = readGrace(options.grace);
  return withAccounts(options, builtins, async ({ services }) => {
    const { key, secret } = await services.apiKeys.rotate(id, graceMs, operator);
    show(key, secret, options);
    say(options, `${key.name} (${key.publicId}): shown once; the old key lives on for ${options.grace}`);
    return EXIT.done;
  });
}

function show(key: ApiKey, secret: string | undefined, { json }: GlobalOptions): void {
  if (json === true) printJson({ ...keyView(key, Date.now()), key: secret });
  else process.stdout.write(`${secret}\n`);
}
