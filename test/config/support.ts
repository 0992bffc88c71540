/** Loads configurations for tests: a small catalog of plugins, a file system in memory, marks for places in texts. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the configuration look like templates
import { describe, expect, test } from "bun:test";
import { Type } from "@sinclair/typebox";
import type { Catalog, CatalogEntry } from "../../src/config/catalog.ts";
import type { FileFacts, Files } from "../../src/config/files.ts";
import { type LoadInput, type LoadResult, loadConfig } from "../../src/config/load.ts";
import type { Config, Problem } from "../../src/config/types.ts";

export const BASE_DIR = "/etc/monorelay";
export const DATA_DIR = "/var/lib/monorelay";

const provider = (entry: Partial<CatalogEntry> = {}): CatalogEntry => ({
  kind: "provider",
  options: Type.Object({}),
  ...entry,
});

/** One of each kind that the rules tell apart. */
export const CATALOG: Catalog = new Map<string, CatalogEntry>([
  ["jwt", { kind: "auth", options: Type.Object({}) }],
  ["api-key", { kind: "auth", options: Type.Object({}) }],
  ["access-key", { kind: "auth", options: Type.Object({}) }],
  [
    "corp-proxy",
    {
      kind: "auth",
      options: Type.Object({
        header: Type.String({ default: "x-corp-user" }),
        trustedPeers: Type.Array(Type.String()),
        sharedSecret: Type.Optional(Type.String({ secret: true, minLength: 8 })),
      }),
    },
  ],
  ["openai", provider({ keys: "optional", baseUrl: "https://api.openai.example/v1", codecs: ["openai-chat"] })],
  ["anthropic", provider({ baseUrl: "https://api.anthropic.example", codecs: ["anthropic-messages"] })],
  [
    "echo",
    provider({ keys: "none", local: true, options: Type.Object({ delay: Type.Number({ default: 0, minimum: 0 }) }) }),
  ],
  [
    "cloud",
    provider({
      keys: "none",
      options: Type.Object({
        region: Type.Union([Type.Literal("eu"), Type.Literal("us")], { default: "eu" }),
        apiVersion: Type.Optional(Type.String()),
        retriesMax: Type.Optional(Type.Integer({ minimum: 0, maximum: 9 })),
        signingKey: Type.Optional(Type.String({ secret: true })),
        deployments: Type.Optional(Type.Record(Type.String(), Type.String())),
        pool: Type.Optional(
          Type.Object({ sizeMax: Type.Integer({ default: 4 }), isShared: Type.Optional(Type.Boolean()) }),
        ),
      }),
    }),
  ],
  ["strict-cloud", provider({ keys: "none", options: Type.Object({ projectId: Type.String() }) })],
]);

/** Files by absolute path; a value that begins with `-> ` is a link. */
export function memoryFiles(
  contents: Readonly<Record<string, string | Uint8Array>>,
  facts: Partial<FileFacts> = {},
): Files {
  const follow = (path: string): string | null => {
    const content = contents[path];
    if (typeof content === "string" && content.startsWith("-> ")) return follow(content.slice(3));
    const isFolder = Object.keys(contents).some((each) => each.startsWith(`${path}/`));
    return content !== undefined || isFolder || path === "/" ? path : null;
  };
  const read = (path: string): Uint8Array | null => {
    const content = contents[follow(path) ?? ""];
    return typeof content === "string" ? new TextEncoder().encode(content) : (content ?? null);
  };
  return {
    realPath: follow,
    read,
    isWritable: () => true,
    facts: (path) => {
      const bytes = read(path);
      if (bytes === null)
        return follow(path) === null ? null : { isFile: false, bytes: 0, owner: 0, mode: 0o755, ...facts };
      return { isFile: true, bytes: bytes.byteLength, owner: 0, mode: 0o600, ...facts };
    },
  };
}

export function load(content: LoadInput["content"], input: Partial<LoadInput> = {}): Promise<LoadResult> {
  return loadConfig({
    content,
    baseDir: BASE_DIR,
    dataDir: DATA_DIR,
    env: {},
    files: memoryFiles({}),
    resolvePlugins: async () => ({ catalog: CATALOG, problems: [] }),
    ...input,
  });
}

/** The configuration of a text that must be right; warnings are allowed. */
export async function loadGood(content: LoadInput["content"], input: Partial<LoadInput> = {}): Promise<Config> {
  const { config, errors } = await load(content, input);
  if (config === null) throw new Error(errors.map((problem) => `${problem.path}: ${problem.message}`).join("\n"));
  return config;
}

const MARK = "▲";

/** Takes the marks out of a text and says where they stood, as `line:column`. */
export function unmark(marked: string): { text: string; places: string[] } {
  const places: string[] = [];
  const lines = marked.split("\n").map((line, index) => {
    let clean = line;
    for (let at = clean.indexOf(MARK); at !== -1; at = clean.indexOf(MARK)) {
      places.push(`${index + 1}:${at + 1}`);
      clean = clean.slice(0, at) + clean.slice(at + MARK.length);
    }
    return clean;
  });
  return { text: lines.join("\n"), places };
}

/** `code path`, with `? suggestion` where there is one. */
export function brief(problem: Problem): string {
  const tail = problem.suggestion === null ? "" : ` ? ${problem.suggestion}`;
  return `${problem.code} ${problem.path}${tail}`;
}

export function placeOf({ line, column }: Problem): string {
  return `${line}:${column}`;
}

/** `▲` marks where each problem must point, in the order of the file; then the problems in that order. */
export type RefusedRow = readonly [name: string, marked: string, ...problems: string[]];

/** One test per row: these problems, at these places, no others, and no configuration. */
export function describeRefused(what: string, rows: readonly RefusedRow[]): void {
  describe(`refused for ${what}`, () => {
    test.each(rows.map((row) => [row[0], row] as const))("%s", async (_name, [, marked, ...problems]) => {
      const { text, places } = unmark(marked);
      const { config, errors } = await load(text);
      expect(errors.map((problem) => `${placeOf(problem)} ${brief(problem)}`)).toEqual(
        problems.map((problem, index) => `${places[index]} ${problem}`),
      );
      expect(config).toBeNull();
    });
  });
}
