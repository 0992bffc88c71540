/** The house rules that a machine can check: who looks at whom, who knows what, and what every file must say of itself. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";

const root = dirname(import.meta.dir);

/** A file may import from its own room and from any room on a lower floor. */
const FLOORS: Readonly<Record<string, number>> = {
  contract: 0,
  support: 1,
  wire: 1,
  codec: 2,
  net: 2,
  store: 2,
  plugin: 3,
  config: 3,
  auth: 4,
  routing: 4,
  limits: 4,
  snapshot: 5,
  relay: 6,
  sync: 6,
  http: 7,
  cli: 8,
};

/** Packages that only some rooms may know. */
const OWNERS: readonly (readonly [module: RegExp, rooms: readonly string[], why: string])[] = [
  [/^(drizzle-orm|bun:sqlite)(\/|$)/, ["store"], "only the store knows the database"],
  [/^elysia(\/|$)|^@elysiajs\//, ["http"], "only http knows Elysia"],
  [/^yaml$/, ["config"], "only the configuration knows YAML"],
  [/^commander$/, ["cli"], "only the command line knows commander"],
  [/^aws4fetch$/, ["plugin"], "only the door knows how AWS wants its requests signed"],
];

/** The only packages there are; adding one is a decision, not an import. */
const PACKAGES = new Set([
  "@sinclair/typebox",
  "aws4fetch",
  "commander",
  "drizzle-orm",
  "elysia",
  "jose",
  "@elysiajs/jwt",
  "yaml",
  "drizzle-kit",
]);

/** Vendors' names that must not steer the house; what a provider is like, it declares. */
const VENDORS =
  /\b(groq|openrouter|deepseek|mistral|xai|nvidia|cohere|perplexity|moonshot|cerebras|fireworks|vllm|lm-?studio)\b/i;
/**
 * Codecs read many vendors' variants of one dialect, and the door lists them by the dialects' names; the redactor knows
 * their keys; in the list it is a word.
 */
const KNOWS_VENDORS = (path: string) =>
  path.startsWith("src/codec/") ||
  ["src/plugin/index.ts", "src/support/redact.ts", "src/auth/common-passwords.ts"].includes(path);

const LINES_MAX = 400;
/** Longer ones, each with its reason. */
const LONG_FILES: Readonly<Record<string, string>> = {
  "src/config/types.ts": "every key of the configuration stands here once, in the order of its documentation",
};

interface Source {
  readonly path: string;
  readonly text: string;
  readonly room: string;
  readonly imports: readonly string[];
}

const sources: Source[] = [...new Bun.Glob("{src,plugins}/**/*.ts").scanSync(root)].sort().map((path) => {
  const text = readFileSync(join(root, path), "utf8");
  const imports = [
    ...text.matchAll(/^(?:import|export)\b[^;]*?from\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/gm),
  ].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
  const parts = path.split("/");
  return { path, text, room: parts[0] === "plugins" ? "plugins" : parts.length > 2 ? parts[1]! : "", imports };
});

const isMacro = (path: string) => path.endsWith(".macro.ts");
const complaints = (check: (source: Source) => readonly string[]) =>
  sources.flatMap((source) => check(source).map((text) => `${source.path}: ${text}`));

describe("tidy", () => {
  test("there are sources to look at", () => {
    expect(sources.length).toBeGreaterThan(100);
  });

  test("every room of src/ has a floor", () => {
    const rooms = new Set(sources.filter(({ path }) => path.startsWith("src/")).map(({ room }) => room));
    rooms.delete("");
    expect([...rooms].filter((room) => !(room in FLOORS))).toEqual([]);
  });

  test("a file looks only downstairs", () => {
    expect(
      complaints(({ path, room, imports }) => {
        if (!path.startsWith("src/") || room === "") return [];
        return imports.flatMap((name) => {
          if (!name.startsWith(".")) return [];
          const target = normalize(join(dirname(path), name));
          const [top, other = ""] = target.split("/");
          if (top !== "src") return [`looks out of the house: ${name}`];
          if (target.split("/").length < 3)
            return [`imports ${name}; only main.ts and the worker stand outside of the rooms`];
          return other === room || FLOORS[other]! < FLOORS[room]!
            ? []
            : [`${room} [${FLOORS[room]}] looks up at ${other} [${FLOORS[other]}]`];
        });
      }),
    ).toEqual([]);
  });

  test("every relative import names a file that exists", () => {
    expect(
      complaints(({ path, imports }) =>
        imports
          .filter((name) => name.startsWith(".") && !existsSync(join(root, dirname(path), name)))
          .map((name) => `no such file: ${name}`),
      ),
    ).toEqual([]);
  });

  test("plugins come in through the public door", () => {
    expect(
      complaints(({ path, imports }) => {
        if (!path.startsWith("plugins/")) return [];
        return imports.filter((name) => {
          if (name === "monorelay/plugin" || name.startsWith("node:") || name === "bun") return false;
          return !(name.startsWith(".") && normalize(join(dirname(path), name)).startsWith("plugins/"));
        });
      }),
    ).toEqual([]);
  });

  test("only main.ts sees both src/ and plugins/", () => {
    const both = sources.filter(
      ({ path, imports }) => path.startsWith("src/") && imports.some((name) => name.includes("/plugins/")),
    );
    expect(both.map(({ path }) => path)).toEqual(["src/main.ts"]);
  });

  test("packages are known to their rooms alone", () => {
    expect(
      complaints(({ room, imports }) =>
        imports.flatMap((name) =>
          OWNERS.filter(([module, rooms]) => module.test(name) && !rooms.includes(room)).map(
            ([, , why]) => `${name}: ${why}`,
          ),
        ),
      ),
    ).toEqual([]);
  });

  test("no package comes in unannounced", () => {
    expect(
      complaints(({ imports }) =>
        imports.filter((name) => {
          if (/^(\.|node:|bun(:|$)|monorelay\/plugin$)/.test(name)) return false;
          const bare = name.startsWith("@") ? name.split("/").slice(0, 2).join("/") : name.split("/")[0]!;
          return !PACKAGES.has(bare);
        }),
      ),
    ).toEqual([]);
  });

  test("no vendor is named in src/", () => {
    expect(
      complaints(({ path, text }) => {
        if (!path.startsWith("src/") || KNOWS_VENDORS(path)) return [];
        const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
        const found = VENDORS.exec(code);
        return found === null ? [] : [`names ${found[0]}`];
      }),
    ).toEqual([]);
  });

  test("line one says what the file is for, in one sentence", () => {
    expect(
      complaints(({ text }) => {
        const first = text.split("\n", 1)[0]!;
        return /^\/\*\* [A-Zx`][^\n]*(?:[.!?)]|https:\/\/\S+) \*\/$/.test(first)
          ? []
          : [`its first line is ${JSON.stringify(first.slice(0, 80))}`];
      }),
    ).toEqual([]);
  });

  test(`a file is at most ${LINES_MAX} lines`, () => {
    expect(
      complaints(({ path, text }) =>
        text.split("\n").length > LINES_MAX + 1 && !(path in LONG_FILES) ? [`${text.split("\n").length} lines`] : [],
      ),
    ).toEqual([]);
  });

  test("codecs are pure: no promises, no clock, no randomness", () => {
    expect(
      complaints(({ path, text }) => {
        if (!path.startsWith("src/codec/")) return [];
        const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
        return [
          /\basync\b/,
          /\bawait\b/,
          /Date\.now/,
          /new Date\(\)/,
          /Math\.random/,
          /crypto\.getRandom/,
          /performance\./,
          /setTimeout/,
        ].flatMap((pattern) => {
          const found = pattern.exec(code);
          return found === null ? [] : [`uses ${found[0]}`];
        });
      }),
    ).toEqual([]);
  });

  test("nothing is left to do without an issue, nothing is commented out, nobody is thanked", () => {
    expect(
      complaints(({ text }) => {
        const lines = text.split("\n");
        return lines.flatMap((line, index) => {
          if (/\b(TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))/.test(line)) return [`line ${index + 1}: ${line.trim()}`];
          if (/@author\b/.test(line)) return [`line ${index + 1}: author tag`];
          if (/^\s*\/\/.*[;{]\s*$/.test(line) && /[=(]/.test(line))
            return [`line ${index + 1}: commented-out code? ${line.trim()}`];
          return [];
        });
      }),
    ).toEqual([]);
  });

  test("console is for scripts; the relay has a log", () => {
    expect(
      complaints(({ path, text }) =>
        path !== "src/plugin-worker.ts" && /\bconsole\.\w+\(/.test(text.replace(/\/\*[\s\S]*?\*\//g, ""))
          ? ["writes to the console"]
          : [],
      ),
    ).toEqual([]);
  });

  test("upstream requests leave through one file; nobody else calls fetch", () => {
    expect(
      complaints(({ path, text }) => {
        if (path === "src/snapshot/plugin-fetch.ts" || isMacro(path)) return [];
        const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
        return /(?<![.\w])fetch\(/.test(code) ? ["calls fetch"] : [];
      }),
    ).toEqual([]);
  });

  test("the map names every room, and only rooms that exist", () => {
    const map = readFileSync(join(root, "src/README.md"), "utf8");
    const rooms = Object.keys(FLOORS).filter((room) =>
      sources.some((source) => source.path.startsWith(`src/${room}/`)),
    );
    expect(rooms.filter((room) => !map.includes(`${room}/`))).toEqual([]);
  });

  test("fixtures and tests hold no real-looking secret", () => {
    const suspicious = /\b(sk-[a-zA-Z0-9]{32,}|sk-ant-[\w-]{32,}|AIza[\w-]{35}|ghp_\w{36}|AKIA[0-9A-Z]{16})\b/;
    // They have the shapes of secrets, which is what they are for.
    const made = "test/support/canaries.ts";
    const found = [
      ...new Bun.Glob("{test,bench,scripts,plugins,src}/**/*").scanSync({ cwd: root, onlyFiles: true }),
    ].filter((path) => {
      const text = readFileSync(join(root, path), "utf8");
      return path !== made && suspicious.test(text);
    });
    expect(found).toEqual([]);
  });

  test("the lock file names no registry", () => {
    const lock = readFileSync(join(root, "bun.lock"), "utf8");
    expect(lock.match(/"https?:\/\/[^"]*"/g) ?? []).toEqual([]);
  });

  test("nothing in the repository names a path of one machine", () => {
    const tracked = Bun.spawnSync(["git", "ls-files"], { cwd: root }).stdout.toString().split("\n").filter(Boolean);
    const found = tracked
      .filter((path) => /\.(ts|md|json|yml|toml|mjs|sh)$|^\.ci\//.test(path) && existsSync(join(root, path)))
      .filter((path) => {
        const text = readFileSync(join(root, path), "utf8");
        return /(^|[\s"'`(=])\/(work|root)\//m.test(text);
      });
    expect(found.map((path) => relative(".", path))).toEqual([]);
  });
});
