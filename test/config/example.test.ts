/** config.example.yml: loads without a word, holds every key there is, and shows their real defaults. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the configuration look like templates
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isMap, isPair, isSeq, parseDocument } from "yaml";
import { SCHEMA } from "../../src/config/schema/index.ts";
import type { Spec } from "../../src/config/schema/kit.ts";
import { brief, load, loadGood } from "./support.ts";

const TEXT = readFileSync(join(import.meta.dir, "../../config.example.yml"), "utf8");

/** `## ` is prose; `# ` in front of a key is that key, switched off. A key right above of the same name gives way. */
function uncomment(text: string): string {
  const kept: string[] = [];
  for (const line of text.split("\n")) {
    const switchedOn = line.replace(/^(\s*)# /, "$1");
    const key = /^\s*[\w"@.-]+:/.exec(switchedOn)?.[0];
    if (line !== switchedOn && key !== undefined && kept.at(-1)?.startsWith(key) === true) kept.pop();
    kept.push(switchedOn);
  }
  return kept.join("\n");
}

const FULL = uncomment(TEXT);

/** Every variable the full text refers to, long enough for every secret. */
const ENV = Object.fromEntries(
  [...FULL.matchAll(/\$\{([A-Z0-9_]+)/g)].map(([, name]) => [name!, `value-of-${name}-0123456789abcdef0123456789`]),
);
ENV["MY_PLUGIN_SHA256"] = "0".repeat(64);

/** Paths with `*` for free names and `[]` for items. */
function writtenKeys(text: string): Set<string> {
  const paths = new Set<string>();
  const visit = (node: unknown, spec: Spec | undefined, path: string): void => {
    if (isSeq(node))
      for (const item of node.items) visit(item, spec?.kind === "list" ? spec.item : undefined, `${path}[]`);
    if (!isMap(node)) return;
    for (const pair of node.items) {
      if (!isPair(pair)) continue;
      const isFree = spec?.kind === "map";
      const key = isFree ? "*" : String(pair.key);
      const where = path === "" ? key : `${path}.${key}`;
      const below = spec?.kind === "map" ? spec.value : spec?.kind === "object" ? spec.fields[key]?.spec : undefined;
      if (!isFree) paths.add(where);
      if (below !== undefined && below.kind !== "json" && below.kind !== "deferred") visit(pair.value, below, where);
    }
  };
  visit(parseDocument(text).contents, SCHEMA, "");
  return paths;
}

function schemaKeys(): Set<string> {
  const paths = new Set<string>();
  const visit = (spec: Spec, path: string): void => {
    if (spec.kind === "list") visit(spec.item, `${path}[]`);
    if (spec.kind === "map") visit(spec.value, `${path}.*`);
    if (spec.kind !== "object") return;
    for (const [key, field] of Object.entries(spec.fields)) {
      // Keys of old files are accepted, and nobody should learn them here.
      if (field.mode === "ignored" || field.mode === "special") continue;
      const where = path === "" ? key : `${path}.${key}`;
      paths.add(where);
      visit(field.spec, where);
    }
  };
  visit(SCHEMA, "");
  return paths;
}

test("it loads without variables, problems or warnings", async () => {
  const { config, errors, warnings } = await load(TEXT);
  expect([...errors, ...warnings]).toEqual([]);
  expect(config?.providers.map(({ name, enabled }) => [name, enabled])).toEqual([
    ["echo", true],
    ["example", false],
  ]);
});

test("what it shows are the defaults", async () => {
  const { providers: _, ...shown } = await loadGood(TEXT);
  const { providers: __, ...defaults } = await loadGood(null);
  expect(shown).toEqual(defaults);
  const example = (await loadGood(TEXT)).providers[1];
  const plain = (await loadGood("providers: { example: { enabled: false, base_url: https://api.example.com/v1 } }"))
    .providers[0];
  expect(example).toEqual(plain!);
});

test("it holds every key of the schema and no other", () => {
  const [written, known] = [writtenKeys(FULL), schemaKeys()];
  expect([...known].filter((path) => !written.has(path))).toEqual([]);
  expect([...written].filter((path) => !known.has(path))).toEqual([]);
});

describe("with every key switched on", () => {
  test("it loads too", async () => {
    const { config, errors } = await load(FULL, { env: ENV });
    expect(errors.map(brief)).toEqual([]);
    expect(config).not.toBeNull();
  });

  test("no key is switched on twice", async () => {
    const { errors } = await load(FULL, { env: ENV });
    expect(errors.filter(({ code }) => code === "duplicate_key")).toEqual([]);
  });
});

test("each key has its sentence", () => {
  const bare = TEXT.split("\n").filter((line, index, lines) => {
    const isKey = /^\s*(?:# )?\s*(?:- )?[a-z_0-9]+:/.test(line) && !/^\s*##/.test(line);
    const isExplained = / # \S/.test(line.replace(/^(\s*)# /, "$1")) || /^\s*##/.test(lines[index - 1] ?? "");
    // A sample right below the key itself, or the name of a provider, needs none.
    const isSample =
      /^\s*# [a-z_]+:(?: [{].*| *)$/.test(line) || /^ {2}[a-z]+:$/.test(line) || /^\s*# {3}[a-z]+:$/.test(line);
    return isKey && !isExplained && !isSample;
  });
  expect(bare).toEqual([]);
});
