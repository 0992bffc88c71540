/** The whole schema of `config.yml`: the one place that knows every key, its type, default and meaning. */
import { apiKeys, auth } from "./accounts.ts";
import { field, object, section, type ValueOf } from "./kit.ts";
import { providers } from "./providers.ts";
import { cache, logging, prices, telemetry } from "./records.ts";
import { keySelection, modelRouting, toolCalling } from "./routing.ts";
import { choice } from "./scalars.ts";
import { server } from "./server.ts";
import { sso } from "./sso.ts";
import { database, plugins, secrets, sync } from "./storage.ts";
import { limits, network, timeouts } from "./traffic.ts";

export const SCHEMA = object({
  version: field(choice([1]), 1, "Version of this file's format."),
  server: section(server, "Listener, access key and what is public."),
  auth: section(auth, "Who is let in."),
  api_keys: section(apiKeys, "Keys that the relay issues."),
  providers: field(providers, {}, "Upstreams, in order of preference; while empty, `echo` answers."),
  model_routing: section(modelRouting, "From the name of a model to a provider."),
  key_selection: section(keySelection, "Which key of a provider is used."),
  tool_calling: section(toolCalling, "Models that cannot use tools."),
  timeouts: section(timeouts, "How long to wait for upstreams."),
  limits: section(limits, "What one call and one caller may use."),
  network: section(network, "How upstreams are reached."),
  cache: section(cache, "Answers kept and given again."),
  prices: section(prices, "What calls cost."),
  logging: section(logging, "What is kept about calls."),
  telemetry: section(telemetry, "Metrics and traces."),
  sso: section(sso, "Sign-in through identity providers."),
  sync: section(sync, "Copies of this file elsewhere."),
  plugins: section(plugins, "Code of your own."),
  database: section(database, "Where accounts are kept."),
  secrets: section(secrets, "How secrets are sealed and where they are read."),
});

/** What the schema makes of a file, before keys that speak for each other are put together. */
export type Settings = ValueOf<typeof SCHEMA>;
