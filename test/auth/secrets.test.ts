/** R36 The secrets of the data directory: made once, for their owner alone, and refused when others may read them. */
import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deriveKey, readOrMakeSecret } from "../../src/auth/key-files.ts";
import { systemRandom } from "../../src/auth/randomness.ts";
import { openAuthSecrets } from "../../src/auth/secrets.ts";
import { StoreError } from "../../src/store/errors.ts";
import { createMemoryLog, makeDirectory, open } from "../store/fixtures.ts";
import { configOf } from "./support.ts";

const codeOf = async (work: () => unknown): Promise<string> => {
  try {
    await work();
  } catch (error) {
    if (error instanceof StoreError) return error.code;
    throw error;
  }
  return "none";
};

/** Whatever the umask. */
function writeWithMode(path: string, mode: number): void {
  writeFileSync(path, "x".repeat(43));
  chmodSync(path, mode);
}

describe("a secret in a file", () => {
  test("is made once, 256 bits, 0600 whatever the umask, and read ever after", () => {
    const path = join(makeDirectory(), "jwt_secret");
    const before = process.umask(0);
    try {
      const secret = readOrMakeSecret(path, systemRandom);
      expect(secret).toMatch(/^[\w-]{43}$/);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      expect(readOrMakeSecret(path, systemRandom)).toBe(secret);
      expect(readOrMakeSecret(join(makeDirectory(), "jwt_secret"), systemRandom)).not.toBe(secret);
    } finally {
      process.umask(before);
    }
  });

  test.each<[name: string, spoil: (path: string) => void, code: string]>([
    ["readable by others", (path) => writeWithMode(path, 0o644), "failed"],
    ["writable by its group", (path) => writeWithMode(path, 0o660), "failed"],
    ["empty", (path) => writeFileSync(path, "", { mode: 0o600 }), "corrupt"],
    ["31 bytes long", (path) => writeFileSync(path, `${"x".repeat(31)}\n\n\n`, { mode: 0o600 }), "corrupt"],
    ["a directory", (path) => mkdirSync(path, 0o700), "failed"],
  ])("%s: no start, and it is left as it is", async (_name, spoil, code) => {
    const path = join(makeDirectory(), "jwt_secret");
    spoil(path);
    const before = statSync(path).mtimeMs;
    expect(await codeOf(() => readOrMakeSecret(path, systemRandom))).toBe(code);
    expect(statSync(path).mtimeMs).toBe(before);
  });

  test("that cannot be saved: no start", async () => {
    expect(await codeOf(() => readOrMakeSecret(join(makeDirectory(), "gone", "jwt_secret"), systemRandom))).toBe(
      "readonly",
    );
  });

  test("gives each purpose a key of its own", () => {
    const secret = "x".repeat(43);
    expect(deriveKey(secret, "a")).toHaveLength(32);
    expect(deriveKey(secret, "a")).toEqual(deriveKey(secret, "a"));
    expect(deriveKey(secret, "a")).not.toEqual(deriveKey(secret, "b"));
  });
});

describe("the secrets of the services", () => {
  const opened = async (dataDir: string, yaml = "", log = createMemoryLog(), store = open()) => {
    let config = await configOf(yaml);
    const { settings } = await store;
    const secrets = await openAuthSecrets({ dataDir, config: () => config, settings, fillRandom: systemRandom, log });
    return { secrets, log, configure: async (text: string) => (config = await configOf(text)) };
  };

  test("a configured jwt_secret rules at once, and no file is made for it", async () => {
    const directory = makeDirectory();
    const { secrets, configure } = await opened(directory, `server: { jwt_secret: ${"a".repeat(40)} }`);
    expect(secrets.jwt()).toBe("a".repeat(40));
    expect(existsSync(join(directory, "jwt_secret"))).toBe(false);
    await configure(`server: { jwt_secret: ${"b".repeat(40)} }`);
    expect(secrets.jwt()).toBe("b".repeat(40));
    await configure("");
    expect(secrets.jwt()).toBe(readFileSync(join(directory, "jwt_secret"), "utf8").trim());
  });

  test("a new jwt_secret leaves API keys alone: they hang on secrets.key", async () => {
    const directory = makeDirectory();
    const first = await opened(directory);
    rmSync(join(directory, "jwt_secret"));
    const second = await opened(directory);
    expect(second.secrets.jwt()).not.toBe(first.secrets.jwt());
    expect(second.secrets.pepper).toEqual(first.secrets.pepper);
    expect(second.secrets.refreshKey).toEqual(first.secrets.refreshKey);
    expect(first.secrets.pepper).not.toEqual(first.secrets.refreshKey);
  });

  test("another secrets.key than before is told: every API key would fail without a word", async () => {
    const directory = makeDirectory();
    const store = open();
    const log = createMemoryLog();
    const first = await opened(directory, "", log, store);
    await opened(directory, "", log, store);
    expect(log.lines).toEqual([]);
    const saved = readFileSync(join(directory, "secrets.key"));
    rmSync(join(directory, "secrets.key"));
    await opened(directory, "", log, store);
    expect(log.lines.join()).toContain("none of them is recognised until it is restored");
    writeFileSync(join(directory, "secrets.key"), saved);
    const again = createMemoryLog();
    const restored = await opened(directory, "", again, store);
    expect([again.lines, restored.secrets.pepper]).toEqual([[], first.secrets.pepper]);
  });
});
