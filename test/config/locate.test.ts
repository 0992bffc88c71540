/** Where the config file and the data directory are: the order of candidates as tables over a file system in memory. */
import { describe, expect, test } from "bun:test";
import { locate, type Whereabouts } from "../../src/config/locate.ts";
import { memoryFiles } from "./support.ts";

const ME = 1000;

interface Case {
  readonly files?: readonly string[];
  readonly env?: Record<string, string>;
  readonly config?: string;
  readonly dataDir?: string;
  readonly owner?: number;
  readonly mode?: number;
  readonly readOnly?: readonly string[];
}

function run({ files = [], env = {}, owner = ME, mode = 0o600, readOnly = [], ...flags }: Case) {
  const contents = Object.fromEntries(files.map((file) => [file, "version: 1"]));
  const where: Whereabouts = {
    env: { HOME: "/home/me", ...env },
    cwd: "/somewhere",
    userId: ME,
    processId: 42,
    files: { ...memoryFiles(contents, { owner, mode }), isWritable: (path) => !readOnly.includes(path) },
    ...flags,
  };
  return locate(where);
}

const LOCAL = "/somewhere/config.yml";
const HOME = "/home/me/.config/monorelay/config.yml";
const SYSTEM = "/etc/monorelay/config.yml";
const EVERYWHERE = [LOCAL, HOME, SYSTEM, "/named.yml", "/env.yml"];

describe("config file", () => {
  test.each([
    [
      "the flag first",
      { files: EVERYWHERE, config: "/named.yml", env: { MONORELAY_CONFIG: "/env.yml" } },
      "/named.yml",
    ],
    ["then the variable", { files: EVERYWHERE, env: { MONORELAY_CONFIG: "/env.yml" } }, "/env.yml"],
    ["then the working directory", { files: EVERYWHERE }, LOCAL],
    ["then the user's own", { files: [HOME, SYSTEM] }, HOME],
    [
      "wherever that is",
      { files: ["/xdg/monorelay/config.yml", HOME], env: { XDG_CONFIG_HOME: "/xdg" } },
      "/xdg/monorelay/config.yml",
    ],
    ["but not at a relative place", { files: [HOME], env: { XDG_CONFIG_HOME: "xdg" } }, HOME],
    ["then the system's", { files: [SYSTEM] }, SYSTEM],
    ["the system's, without a home", { files: [SYSTEM], env: { HOME: "" } }, SYSTEM],
    ["else none", {}, null],
    [
      "a flag relative to the working directory",
      { files: ["/somewhere/a/b.yml"], config: "a/b.yml" },
      "/somewhere/a/b.yml",
    ],
    ["an empty variable is none", { files: [HOME], env: { MONORELAY_CONFIG: "" } }, HOME],
    ["not the working directory of a service", { files: [LOCAL, SYSTEM], env: { INVOCATION_ID: "x" } }, SYSTEM],
    ["not that of a notifying service", { files: [LOCAL, SYSTEM], env: { NOTIFY_SOCKET: "/run/x" } }, SYSTEM],
    [
      "not that of a service's main process",
      { files: [LOCAL, SYSTEM], env: { INVOCATION_ID: "x", SYSTEMD_EXEC_PID: "42" } },
      SYSTEM,
    ],
    [
      "but that of a terminal inside a session",
      { files: [LOCAL, SYSTEM], env: { INVOCATION_ID: "x", SYSTEMD_EXEC_PID: "7" } },
      LOCAL,
    ],
  ] as readonly (readonly [string, Case, string | null])[])("%s", (_name, given, expected) => {
    const { configFile, errors, warnings } = run(given);
    expect(configFile).toBe(expected);
    expect([...errors, ...warnings]).toEqual([]);
  });

  test.each([
    ["writable by the group", 0o620, ME],
    ["writable by all", 0o602, ME],
    ["of another user", 0o600, 0],
  ])("one in the working directory that is %s is passed over with a warning", (_name, mode, owner) => {
    const { configFile, warnings } = run({ files: [LOCAL, SYSTEM], mode, owner });
    expect(configFile).toBe(SYSTEM);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]?.message).toContain(LOCAL);
  });

  test("a readable one in the working directory is fine", () => {
    expect(run({ files: [LOCAL], mode: 0o644 }).configFile).toBe(LOCAL);
  });

  test.each([
    ["--config", { config: "/nowhere.yml" }],
    ["MONORELAY_CONFIG", { env: { MONORELAY_CONFIG: "/nowhere.yml" } }],
  ] as readonly (readonly [string, Case])[])(
    "a file named by %s must exist; nothing else is taken instead",
    (name, given) => {
      const { configFile, errors } = run({ files: EVERYWHERE.slice(0, 3), ...given });
      expect(configFile).toBe("/nowhere.yml");
      expect(errors).toMatchObject([{ code: "missing", line: 0 }]);
      expect(errors[0]?.message).toContain(name);
    },
  );
});

describe("data directory", () => {
  test.each([
    ["the flag first", { dataDir: "/flag", env: { MONORELAY_DATA_DIR: "/env", STATE_DIRECTORY: "/state" } }, "/flag"],
    ["then the variable", { env: { MONORELAY_DATA_DIR: "/env", STATE_DIRECTORY: "/state" } }, "/env"],
    ["then the service's", { files: [SYSTEM], env: { STATE_DIRECTORY: "/state" } }, "/state"],
    ["the first of several", { env: { STATE_DIRECTORY: "/state/a:/state/b" } }, "/state/a"],
    ["the system's, for a system's config", { files: [SYSTEM] }, "/var/lib/monorelay"],
    [
      "the system's, for any config below /etc",
      { files: ["/etc/relay.yml"], config: "/etc/relay.yml" },
      "/var/lib/monorelay",
    ],
    ["else the user's own", { files: [HOME] }, "/home/me/.local/share/monorelay"],
    ["wherever that is", { env: { XDG_DATA_HOME: "/xdg" } }, "/xdg/monorelay"],
    ["the system's, without a home", { env: { HOME: "" } }, "/var/lib/monorelay"],
    ["a flag relative to the working directory", { dataDir: "data" }, "/somewhere/data"],
  ] as readonly (readonly [string, Case, string])[])("%s", (_name, given, expected) => {
    expect(run(given).dataDir).toBe(expected);
  });
});

describe("a config.yml in the data directory", () => {
  const KEPT = "/var/lib/monorelay/config.yml";

  test("is read instead of a file that cannot be written, whose folder still counts for paths", () => {
    const found = run({ files: [SYSTEM, KEPT], readOnly: [SYSTEM] });
    expect(found).toMatchObject({ configFile: KEPT, replacedFile: SYSTEM, baseDir: "/etc/monorelay", warnings: [] });
  });

  test("is ignored with a warning beside a file that can be written", () => {
    const found = run({ files: [SYSTEM, KEPT] });
    expect(found).toMatchObject({ configFile: SYSTEM, replacedFile: null });
    expect(found.warnings).toHaveLength(1);
    expect(found.warnings[0]?.message).toContain(KEPT);
  });

  test("is read when there is no other", () => {
    const found = run({ files: ["/data/config.yml"], env: { MONORELAY_DATA_DIR: "/data" } });
    expect(found).toMatchObject({ configFile: "/data/config.yml", baseDir: "/data", warnings: [] });
  });

  test("is no leftover when it is the file itself", () => {
    const found = run({ files: ["/data/config.yml"], config: "/data/config.yml", dataDir: "/data" });
    expect(found).toMatchObject({ configFile: "/data/config.yml", replacedFile: null, warnings: [] });
  });

  test("does nothing when it does not exist", () => {
    expect(run({ files: [SYSTEM], readOnly: [SYSTEM] })).toMatchObject({ configFile: SYSTEM, replacedFile: null });
  });
});
