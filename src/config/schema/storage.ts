/** Schema of `sync`, `plugins`, `database` and `secrets`. */
import { pluginId } from "./accounts.ts";
import { cron, name, url } from "./formats.ts";
import { deferred, field, ignored, list, object, optional, required, section } from "./kit.ts";
import { databaseUrl, path } from "./paths.ts";
import { bool, choice, duration, int, secret, str, TIMER_MAX } from "./scalars.ts";

const remote = object({
  name: required(
    str({ pattern: /^[a-z0-9][a-z0-9._-]{0,63}$/, wanted: "1 to 64 of a-z, 0-9, ., _ and -" }),
    "Name of the remote.",
  ),
  type: required(choice(["gist", "webdav", "http", "file"]), "Kind of the remote; http can only be read."),
  id: optional(name(), "Id of the gist."),
  url: optional(url({ hasQuery: true }), "Address, for webdav and http."),
  path: optional(path(), "Path, for file."),
  token: optional(secret(), "Token, for gist and http."),
  username: optional(name(), "User, for webdav."),
  password: optional(secret(), "Password, for webdav."),
});

const PASSPHRASE_LENGTH_MIN = 12;

export const sync = object({
  enabled: field(bool(), false, "Whether the configuration is kept in step with a remote."),
  gist_id: optional(name(), "Gist of the remote named gist."),
  auto_push: field(bool(), true, "Whether changes made through the API are pushed."),
  interval: field(duration(0, TIMER_MAX), 0, "How often the first remote is pulled; 0 is never, else at least 60."),
  secrets: field(choice(["strip", "encrypt"]), "strip", "What happens to secrets in what is pushed."),
  passphrase: optional(secret({ min: PASSPHRASE_LENGTH_MIN }), "For encrypt, at least 12 characters."),
  remotes: field(list(remote), [], "Where the configuration is kept."),
  gist_id_stats: ignored("Not part of MonoRelay."),
});

const ISOLATION_LATER = "isolated plugins are not supported yet; write none";

const isolate = () => choice(["none"], { worker: ISOLATION_LATER, process: ISOLATION_LATER });

const sha256 = str({ pattern: /^[0-9a-f]{64}$/, wanted: "a SHA-256 of 64 hex digits in lower case" });

const listed = object(
  {
    name: required(pluginId, "Name of the file or folder in `dir`."),
    sha256: optional(sha256, "Hash the files must have."),
    enabled: field(bool(), true, "Whether it is loaded."),
    isolate: field(isolate(), "none", "Where it runs."),
  },
  { shorthand: "name" },
);

export const plugins = object({
  dir: field(path(), "./plugins", "Folder of plugins."),
  list: field(list(listed), [], "Plugins to load; nothing loads because it lies in the folder."),
  options: field(deferred(), {}, "Options of auth plugins, by plugin."),
  isolate: field(isolate(), "none", "Where plugins run."),
  require_hash: field(bool(), false, "Whether each listed plugin must name its hash."),
});

export const database = object({
  url: field(databaseUrl(), "sqlite:./data/monorelay.db", "Database of accounts and settings.", {
    restart: true,
    as: "path",
  }),
  busy_timeout: field(duration(0, "10m"), 5, "How long a write waits for a lock."),
  synchronous: field(choice(["full", "normal"]), "full", "Durability of a commit.", { restart: true }),
  backup: section(
    object({
      schedule: optional(cron(), 'Times of online copies, such as "0 3 * * *".'),
      dir: field(path(), "./data/backups", "Folder of the copies."),
      keep: field(int(1, 1000), 7, "Copies kept; the oldest goes first."),
    }),
    "Online copies.",
  ),
});

export const secrets = object({
  master_key: optional(secret(), "Seals stored secrets; while unset, one is made in the data directory.", {
    restart: true,
  }),
  file_dirs: optional(
    list(path()),
    "Folders for secret files; while unset the config's, the data directory, /run/secrets and systemd credentials.",
  ),
});
