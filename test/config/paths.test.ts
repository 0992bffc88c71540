/** Paths on a real file system: links, folders that do not exist yet, and text that may not leave the data directory. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the configuration look like templates
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FILE_SYSTEM, isWithin } from "../../src/config/files.ts";
import { locate } from "../../src/config/locate.ts";
import { brief, load, loadGood } from "./support.ts";

let root = "";
let data = "";

beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "config-paths-")));
  data = join(root, "data");
  mkdirSync(join(data, "inside"), { recursive: true });
  mkdirSync(join(root, "outside"));
  mkdirSync(join(root, "data-of-others"));
  writeFileSync(join(root, "outside", "secret"), "stolen");
  writeFileSync(join(data, "token"), "from-data\n");
  symlinkSync(join(root, "outside"), join(data, "link-out"));
  symlinkSync(join(data, "inside"), join(data, "link-in"));
  symlinkSync(data, join(root, "data-link"));
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

test.each([
  ["the folder itself", "data", true],
  ["a folder in it", "data/inside", true],
  ["what does not exist yet", "data/new/deep/file.db", true],
  ["through a link that stays inside", "data/link-in/new.db", true],
  ["through a link that leads out", "data/link-out/new.db", false],
  ["a file behind a link that leads out", "data/link-out/secret", false],
  ["a neighbour whose name begins the same", "data-of-others/x", false],
  ["the folder above", ".", false],
])("within the folder: %s", (_name, path, isInside) => {
  expect(isWithin(FILE_SYSTEM, data, join(root, path))).toBe(isInside);
  // The folder may itself be reached through a link.
  expect(isWithin(FILE_SYSTEM, join(root, "data-link"), join(root, path))).toBe(isInside);
});

describe("text that did not come from the owner's file may name paths in the data directory only", () => {
  const confined = (text: string) => load(text, { isConfined: true, files: FILE_SYSTEM, dataDir: data, baseDir: root });

  test.each([["./data/requests.db"], ["./data/inside/../requests.db"], ["./data/link-in/requests.db"]])(
    "%s is fine",
    async (path) => {
      const { config, errors } = await confined(`logging: { db_path: '${path}' }`);
      expect(errors).toEqual([]);
      expect(config?.logging.dbPath).toStartWith(data);
    },
  );

  test.each([
    ["/etc/passwd"],
    ["../x.db"],
    ["./data/../outside/x.db"],
    ["./data/link-out/x.db"],
    ["requests.db"],
    ["C:\\x.db"],
    ["~/x.db"],
  ])("%s is refused", async (path) => {
    const { config, errors } = await confined(`logging: { db_path: '${path}' }`);
    expect(errors.map(brief)).toEqual(["bad_value logging.db_path"]);
    expect(config).toBeNull();
  });

  test("every kind of path is held to it", async () => {
    const { errors } = await confined(`
server: { unix_socket: /run/x.sock, tls: { cert: /c, key: /k } }
network: { ca_file: /ca }
sync: { remotes: [{ name: a, type: file, path: /backup }] }
plugins: { dir: /plugins }
database: { url: "sqlite:/db", backup: { dir: /backups } }
secrets: { file_dirs: [/secrets] }
`);
    expect(errors.map(({ path }) => path)).toEqual([
      "server.unix_socket",
      "server.tls.cert",
      "server.tls.key",
      "network.ca_file",
      "sync.remotes[0].path",
      "plugins.dir",
      "database.url",
      "database.backup.dir",
      "secrets.file_dirs[0]",
    ]);
  });

  test("defaults are the owner's and stay", async () => {
    const { config, errors } = await confined("plugins: {}\nserver: { port: 1 }");
    expect(errors).toEqual([]);
    expect(config?.plugins.dir).toBe(join(root, "plugins"));
  });
});

test("secret files are read from a real folder, not through a link out of it", async () => {
  const input = { files: FILE_SYSTEM, dataDir: data, baseDir: root };
  const text = (path: string) => `secrets: { file_dirs: [./data], master_key: "\${file:${path}}" }`;
  expect((await loadGood(text(join(data, "token")), input)).secrets.masterKey).toBe("from-data");
  const { errors } = await load(text(join(data, "link-out", "secret")), input);
  expect(errors.map(brief)).toEqual(["bad_reference secrets.master_key"]);
  expect(JSON.stringify(errors)).not.toContain("stolen");
});

test("a config file in the working directory counts only while others cannot write it", () => {
  const cwd = join(root, "work");
  mkdirSync(cwd);
  const file = join(cwd, "config.yml");
  writeFileSync(file, "version: 1");
  const where = { env: {}, cwd, userId: process.getuid?.() ?? 0, processId: process.pid, files: FILE_SYSTEM };
  chmodSync(file, 0o644);
  expect(locate(where).configFile).toBe(file);
  chmodSync(file, 0o666);
  expect(locate(where).configFile).not.toBe(file);
  expect(locate(where).warnings).toHaveLength(1);
});

test("what is not there has no facts, no content and no place", () => {
  const nowhere = join(root, "nowhere");
  expect(FILE_SYSTEM.facts(nowhere)).toBeNull();
  expect(FILE_SYSTEM.read(nowhere)).toBeNull();
  expect(FILE_SYSTEM.realPath(nowhere)).toBeNull();
  expect(FILE_SYSTEM.isWritable(nowhere)).toBe(false);
  expect(FILE_SYSTEM.facts(root)?.isFile).toBe(false);
});
