/** Broken files by the thousand: never a throw, never half a configuration, never a secret in a message. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the configuration look like templates
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { formatProblem } from "../../src/config/problem.ts";
import { load } from "./support.ts";

const EXAMPLE = readFileSync(join(import.meta.dir, "../../config.example.yml"), "utf8");
const CANARY = "canary-7f3a9c";
/** Without its prose, which only takes time, and with a secret that must not come out. */
const TEXT = EXAMPLE.split("\n")
  .filter((line) => !/^\s*#/.test(line))
  .map((line) => line.replace(/\s+# .*$/, ""))
  .join("\n")
  .replace("access_key_enabled", `access_key: ${CANARY}-0123456789\n  access_key_enabled`);

const MUTATIONS = 2000;
const ALPHABET = " \n\t:-{}[]\"'#&*!|>%@`,?~${}0179abzé\u0000\u2028";
const WORDS = [
  "null",
  "true",
  "[]",
  "{}",
  "- ",
  "&a ",
  "*a",
  "!!str ",
  "${X}",
  "---\n",
  "__proto__: 1\n",
  "0x7f",
  "1e999",
  ".nan",
  "\ud800",
];

/** mulberry32: small, seeded, good enough to spread. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function mutate(text: string, random: () => number): string {
  const below = (limit: number): number => Math.floor(random() * limit);
  let result = text;
  for (let count = 1 + below(3); count > 0; count--) {
    const at = below(result.length);
    const end = Math.min(result.length, at + 1 + below(30));
    const other = below(result.length);
    const letter = ALPHABET[below(ALPHABET.length)]!;
    result = [
      () => result.slice(0, at) + result.slice(end),
      () => result.slice(0, at) + letter + result.slice(at),
      () => result.slice(0, at) + letter + result.slice(at + 1),
      () => result.slice(0, at) + WORDS[below(WORDS.length)]! + result.slice(end),
      () => result.slice(0, other) + result.slice(at, end) + result.slice(other),
      () => result.slice(0, at),
      () =>
        result.replace(/(:\s+)(\S+)/g, (all, space: string) =>
          random() < 0.02 ? `${space}${below(100_000) - 5000}` : all,
        ),
    ][below(7)]!();
  }
  return result;
}

test("two thousand mutations of the example", async () => {
  const random = createRandom(20_261_120);
  let refused = 0;
  for (let round = 0; round < MUTATIONS; round++) {
    const text = mutate(TEXT, random);
    const { config, errors, warnings } = await load(random() < 0.1 ? new TextEncoder().encode(text) : text);
    expect([round, config === null]).toEqual([round, errors.length > 0]);
    if (config === null) refused += 1;
    for (const problem of [...errors, ...warnings]) {
      expect(problem.message).not.toBe("");
      const line = formatProblem(problem, "config.yml");
      expect(line).not.toMatch(/[\x00-\x1f\x7f]/);
      // A key cut in two may turn up as the name of a key; a value never does.
      if (problem.code !== "unknown_key" && problem.code !== "yaml_syntax")
        expect(line.slice(line.indexOf(": "))).not.toContain(CANARY);
    }
  }
  // If nearly all or nearly none were refused, the mutations would test nothing.
  expect(refused).toBeGreaterThan(MUTATIONS * 0.3);
  expect(refused).toBeLessThan(MUTATIONS * 0.99);
}, 120_000);

test("a file of mistakes only names many of them and says how many more there are", async () => {
  const { errors } = await load(Array.from({ length: 1200 }, (_, index) => `nonsense${index}: 1`).join("\n"));
  expect(errors).toHaveLength(501);
  expect(errors.at(-1)?.message).toBe("700 more problems are not shown");
});
