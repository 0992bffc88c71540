/** Composition root: the only file that sees both `src/` and `plugins/`. */
import { isServing, applyRuntimeSettings } from "./cli/runtime-settings.ts";
import { IS_COMPILED } from "./support/build-info.ts";

const args = process.argv.slice(2);
// First of all: it starts the process anew, and everything done before would be done twice.
if (isServing(args)) applyRuntimeSettings(args, IS_COMPILED);

process.umask(0o077);
const [{ run }, { builtinAuth, builtinProviders }] = await Promise.all([
  import("./cli/index.ts"),
  import("../plugins/index.ts"),
]);
process.exitCode = await run(args, { providers: builtinProviders, auth: builtinAuth });
// Timers of plugins must not keep a finished command alive.
// A slow reader has not taken all of it yet; one that has left is not waited for.
await new Promise<void>((resolve) => process.stdout.end(() => resolve()));
process.exit();
