/** The command line: which words there are, and what each of them starts. */
import { Command, CommanderError, Option } from "commander";
import type { AnyAuthPlugin, AnyProviderPlugin } from "../plugin/index.ts";
import { COMMIT, VERSION } from "../support/build-info.ts";
import { editDistance } from "../support/nearest.ts";
import { configSchema, configShow, configValidate } from "./config.ts";
import { addExamples } from "./examples.ts";
import { CliError, EXIT, refusalOf } from "./exit.ts";
import { addKeyCommands } from "./key.ts";
import { printRoutes } from "./routes.ts";
import { serve } from "./serve.ts";
import { addUserCommands } from "./user.ts";

export interface Builtins {
  readonly providers: readonly AnyProviderPlugin[];
  readonly auth: readonly AnyAuthPlugin[];
}

/** Words of later releases: typing one says so instead of "unknown command". */
const LATER = [
  "init",
  "reload",
  "status",
  "doctor",
  "route",
  "connect",
  "plugin",
  "service",
  "import",
  "backup",
  "restore",
  "upgrade",
  "completion",
];

export interface GlobalOptions {
  readonly config?: string;
  readonly dataDir?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  /** Of a relay that commands about accounts and keys act on, instead of the data directory. */
  readonly url?: string;
  /** `false`: nobody is asked anything. */
  readonly input?: boolean;
  /** Answers what would be asked. */
  readonly yes?: boolean;
}

/** Runs one command; resolves with the exit code. `serve` resolves when the server has stopped. */
export async function run(args: readonly string[], builtins: Builtins): Promise<number> {
  let code: number = EXIT.done;
  const wantsJson = args.includes("--json");
  const program = createProgram(builtins, wantsJson, (exitCode) => {
    code = exitCode;
  });
  try {
    await program.parseAsync([...args], { from: "user" });
    return code;
  } catch (error) {
    return report(error, wantsJson);
  }
}

/** The tree of all commands; `ended` takes the exit code of the one that ran. */
export function createProgram(builtins: Builtins, wantsJson: boolean, ended: (code: number) => void): Command {
  const program = new Command("monorelay")
    .description("Self-hosted relay for LLM APIs: one base URL and one key for every model.")
    .exitOverride()
    .showSuggestionAfterError(true)
    .allowExcessArguments(false)
    .configureOutput({ outputError: (text, write) => (wantsJson ? undefined : write(withoutArguments(text))) })
    .configureHelp({ showGlobalOptions: true })
    .option("--config <path>", "configuration file (default: ./config.yml, then the user's, then /etc/monorelay)")
    .option("--data-dir <path>", "where databases and generated secrets live")
    .option("--url <url>", "act on the relay at this URL, with the token in MONORELAY_TOKEN (user, key)")
    .option("--json", "print data as one JSON document")
    .option("-q, --quiet", "say nothing but errors")
    .option("--no-input", "ask nobody anything")
    .option("--yes", "go on where a question would be asked")
    .option("--no-color", "no colours (there are none yet, and scripts may say so)")
    .helpOption("-h, --help", "show this help")
    .version(VERSION, "--version", "print the version");
  program
    .command("serve", { isDefault: true })
    .description("run the relay in the foreground")
    .option("--host <address>", "address to listen on")
    .option("-p, --port <number>", "port to listen on; 0 = any free one")
    .option("--unix <path>", "listen on a Unix socket too")
    .addOption(
      new Option("--log-level <level>", "least important lines to show").choices(["DEBUG", "INFO", "WARNING", "ERROR"]),
    )
    .addOption(new Option("--log-format <format>", "how log lines look").choices(["auto", "pretty", "logfmt", "json"]))
    .option("--no-watch", "do not reload when the configuration file changes")
    .option("--no-plugins", "load no external plugins")
    .option("--env-file <path>", "read further environment variables from this file")
    .action(async (options, command: Command) => {
      const [word] = command.args;
      if (word !== undefined) throw unknownCommand(word, program);
      ended(await serve({ ...program.opts(), ...options }, builtins));
    })
    .allowExcessArguments(true);

  const config = program.command("config").description("check and show the configuration");
  config
    .command("validate [file]")
    .description("check a configuration exactly as serve would; - reads standard input")
    .option("--warnings-as-errors", "exit 3 for warnings too")
    .action(async (file: string | undefined, options) => {
      ended(await configValidate(file, { ...program.opts(), ...options }, builtins));
    });
  config
    .command("show")
    .description("print the effective configuration, secrets redacted")
    .option("--origin", "say where each value comes from")
    .action(async (options) => {
      ended(await configShow({ ...program.opts(), ...options }, builtins));
    });
  config
    .command("schema")
    .description("print the JSON Schema of config.yml")
    .action(async () => {
      ended(await configSchema(builtins));
    });

  addUserCommands(program, builtins, ended);
  addKeyCommands(program, builtins, ended);

  program
    .command("routes")
    .description("print every route and who may call it")
    .action(async () => {
      ended(await printRoutes(program.opts()));
    });

  program
    .command("version")
    .description("print the version and what it was built from")
    .action(() => {
      const facts = {
        version: VERSION,
        commit: COMMIT,
        bun: Bun.version,
        target: `${process.platform}-${process.arch}`,
        config_schema: 1,
        plugin_api: [1],
      };
      process.stdout.write(wantsJson ? `${JSON.stringify(facts)}\n` : `${VERSION}\n`);
    });

  for (const name of LATER) {
    program
      .command(name, { hidden: true })
      .allowUnknownOption(true)
      .allowExcessArguments(true)
      .helpOption(false)
      .action(() => {
        throw new CliError(EXIT.usage, "later", `monorelay ${name} comes in a later release.`);
      });
  }

  addExamples(program);
  return program;
}

/** The default command must not swallow a misspelt first word. */
function unknownCommand(word: string, program: Command): CliError {
  const names = program.commands.map((command) => command.name());
  const near = names
    .map((name) => ({ name, distance: editDistance(word, name) }))
    .sort((a, b) => a.distance - b.distance)[0];
  const hint = near !== undefined && near.distance <= 3 ? `Did you mean "${near.name}"?` : "See monorelay --help.";
  return new CliError(EXIT.usage, "unknown_command", `monorelay has no command "${word.slice(0, 64)}".`, hint);
}

/** What was too much on the line may be a secret in the wrong place: how much it was says enough. */
function withoutArguments(message: string): string {
  return message.replace(/(too many arguments.* but got \d+)[\s\S]*/, "$1.\n");
}

function report(error: unknown, wantsJson: boolean): number {
  if (error instanceof CommanderError) {
    // commander has printed its message already unless JSON is wanted, and calls help and version errors too.
    if (error.exitCode !== 0 && wantsJson) {
      printError(new CliError(EXIT.usage, "usage", withoutArguments(error.message.replace(/^error: /, ""))));
    }
    return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  }
  const known =
    error instanceof CliError ? error : (refusalOf(error) ?? new CliError(EXIT.failed, "failed", describe(error)));
  if (wantsJson) {
    printError(known);
  } else {
    process.stderr.write(`${known.message}\n${known.hint === undefined ? "" : `${known.hint}\n`}`);
  }
  return known.exitCode;
}

function printError({ code, message, hint }: CliError): void {
  const shown = { code, message, hint: hint ?? null, docs: null, request_id: null };
  process.stderr.write(`${JSON.stringify({ error: shown })}\n`);
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
