/** Files of the data directory: whole or not at all, private under any umask, never made twice. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createSecretFile,
  ensurePrivateDirectory,
  readMode,
  tightenFile,
  writeFileAtomic,
} from "../../src/support/files.ts";

let directory: string;
let umask: number;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "files-"));
  umask = process.umask();
});
afterEach(() => {
  process.umask(umask);
  rmSync(directory, { recursive: true, force: true });
});

const at = (name: string) => join(directory, name);
const modeOf = (path: string) => statSync(path).mode & 0o7777;
const UMASKS = [0o000, 0o022, 0o077, 0o177];

describe("replacing a file", () => {
  test("the new text is there, whole, and nothing else is left behind", () => {
    writeFileAtomic(at("config.yml"), "one");
    writeFileAtomic(at("config.yml"), "two, and longer");
    expect(readFileSync(at("config.yml"), "utf8")).toBe("two, and longer");
    expect(readdirSync(directory)).toEqual(["config.yml"]);
  });

  test("bytes are written as they are, all of them", () => {
    const bytes = crypto.getRandomValues(new Uint8Array(65_536));
    writeFileAtomic(at("blob"), bytes);
    expect(Buffer.compare(readFileSync(at("blob")), Buffer.from(bytes))).toBe(0);
  });

  test.each(UMASKS)("the mode is the one asked for under umask %o", (mask) => {
    process.umask(mask);
    writeFileAtomic(at("private"), "x");
    writeFileAtomic(at("shared"), "x", 0o640);
    expect([modeOf(at("private")), modeOf(at("shared"))]).toEqual([0o600, 0o640]);
  });

  test("a wider old file becomes private", () => {
    writeFileSync(at("config.yml"), "old", { mode: 0o644 });
    writeFileAtomic(at("config.yml"), "new");
    expect(modeOf(at("config.yml"))).toBe(0o600);
  });

  test("a symbolic link stays a link; its target is replaced", () => {
    writeFileSync(at("target"), "old");
    symlinkSync(at("target"), at("link"));
    writeFileAtomic(at("link"), "new");
    expect(readFileSync(at("target"), "utf8")).toBe("new");
    expect(readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isSymbolicLink())).toHaveLength(1);
  });

  test("a reader that opened the old file keeps the old text to its end", () => {
    writeFileSync(at("config.yml"), "old");
    const reader = openSync(at("config.yml"), "r");
    writeFileAtomic(at("config.yml"), "new, and longer");
    expect(readFileSync(reader, "utf8")).toBe("old");
    closeSync(reader);
  });

  test("when the rename fails, the error is the system's and no temporary file remains", () => {
    ensurePrivateDirectory(at("taken"));
    writeFileSync(join(at("taken"), "inhabitant"), "");
    expect(() => writeFileAtomic(at("taken"), "x")).toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
    expect(readdirSync(directory)).toEqual(["taken"]);
  });

  test("a directory that is missing is not made up", () => {
    expect(() => writeFileAtomic(at("nowhere/config.yml"), "x")).toThrow("ENOENT");
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe("creating a secret", () => {
  test("the second creator fails and the first one's secret stands", () => {
    createSecretFile(at("secrets.key"), "first");
    expect(() => createSecretFile(at("secrets.key"), "second")).toThrow("EEXIST");
    expect(readFileSync(at("secrets.key"), "utf8")).toBe("first");
    expect(readdirSync(directory)).toEqual(["secrets.key"]);
  });

  test.each(UMASKS)("it is 0600 under umask %o", (mask) => {
    process.umask(mask);
    createSecretFile(at("secrets.key"), "s");
    expect(modeOf(at("secrets.key"))).toBe(0o600);
  });

  test("a link laid out beforehand is not followed", () => {
    symlinkSync(at("elsewhere"), at("secrets.key"));
    expect(() => createSecretFile(at("secrets.key"), "s")).toThrow("EEXIST");
    expect(readdirSync(directory)).toEqual(["secrets.key"]);
  });
});

describe("modes", () => {
  test.each(UMASKS)("each directory made on the way is 0700 under umask %o", (mask) => {
    process.umask(mask);
    ensurePrivateDirectory(at("a/b/c"));
    expect([modeOf(at("a")), modeOf(at("a/b")), modeOf(at("a/b/c"))]).toEqual([0o700, 0o700, 0o700]);
  });

  test("a directory that exists keeps its mode", () => {
    ensurePrivateDirectory(at("a"));
    chmodSync(at("a"), 0o750);
    ensurePrivateDirectory(at("a"));
    expect(modeOf(at("a"))).toBe(0o750);
  });

  test("a wider file is tightened and the width reported; a tight or missing one is not touched", () => {
    writeFileSync(at("wide"), "");
    chmodSync(at("wide"), 0o644);
    writeFileSync(at("tight"), "");
    chmodSync(at("tight"), 0o400);
    expect(tightenFile(at("wide"))).toBe(0o644);
    expect(tightenFile(at("tight"))).toBeUndefined();
    expect(tightenFile(at("missing"))).toBeUndefined();
    expect([readMode(at("wide")), readMode(at("tight")), readMode(at("missing"))]).toEqual([0o600, 0o400, undefined]);
  });
});
