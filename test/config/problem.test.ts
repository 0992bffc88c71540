/** Problems as lines, in order; and the guess at what was meant. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the configuration look like templates
import { describe, expect, test } from "bun:test";
import { formatProblem, ProblemList } from "../../src/config/problem.ts";
import { normalizeName, suggest } from "../../src/config/suggest.ts";
import { keyPath, NOWHERE } from "../../src/config/tree.ts";
import type { Problem } from "../../src/config/types.ts";

const PROBLEM: Problem = {
  path: "server.prot",
  line: 3,
  column: 5,
  code: "unknown_key",
  message: "is not a known key",
  suggestion: "port",
};

test.each([
  [PROBLEM, "config.yml", 'config.yml:3:5 server.prot: is not a known key; did you mean "port"?'],
  [{ ...PROBLEM, suggestion: null }, "config.yml", "config.yml:3:5 server.prot: is not a known key"],
  [{ ...PROBLEM, line: 0, column: 0, suggestion: null }, "config.yml", "server.prot: is not a known key"],
  [{ ...PROBLEM, line: 0, column: 0, path: "", suggestion: null }, "config.yml", "config.yml: is not a known key"],
  [{ ...PROBLEM, path: "", suggestion: null }, "config.yml", "config.yml:3:5: is not a known key"],
  [{ ...PROBLEM, suggestion: null }, null, "config:3:5 server.prot: is not a known key"],
] as const)("%#: %j", (problem, file, line) => {
  expect(formatProblem(problem, file)).toBe(line);
});

test("problems are sorted by their place; those without one come first", () => {
  const list = new ProblemList();
  const add = (path: string, line: number, column: number) =>
    list.add(path, { place: { line, column } }, { code: "bad_value", message: "x" });
  add("c", 2, 1);
  add("b", 1, 9);
  add("a", 1, 2);
  list.add("z", { place: NOWHERE, origin: { kind: "flag", name: "--port" } }, { code: "bad_value", message: "x" });
  expect(list.sorted().map(({ path }) => path)).toEqual(["z", "a", "b", "c"]);
  expect(list.sorted()[0]?.message).toBe("x (set by --port)");
});

test("a list knows what is wrong at a path, and inside it", () => {
  const list = new ProblemList();
  list.add("providers.a.keys[0].key", { place: NOWHERE }, { code: "missing", message: "x" });
  expect([list.has("providers.a.keys[0].key"), list.has("providers.a.keys")]).toEqual([true, false]);
  for (const path of [
    "providers",
    "providers.a",
    "providers.a.keys",
    "providers.a.keys[0]",
    "providers.a.keys[0].key",
  ]) {
    expect([path, list.hasBelow(path)]).toEqual([path, true]);
  }
  for (const path of ["providers.b", "providers.a.key", "provider", "providers.a.keys[0].keys"]) {
    expect([path, list.hasBelow(path)]).toEqual([path, false]);
  }
});

test.each([
  ["", "server", "server"],
  ["server", "port", "server.port"],
  ["a", "gpt-4o", "a.gpt-4o"],
  ["a", "gpt-4.1", 'a["gpt-4.1"]'],
  ["a", "", 'a[""]'],
  ["a", 'x"y\n', 'a["x\\"y\\n"]'],
  ["a", "k".repeat(100), `a["${"k".repeat(80)}…"]`],
])("the path of %p and %p is %p", (path, key, expected) => {
  expect(keyPath(path, key)).toBe(expected);
});

describe("the nearest name", () => {
  const names = ["host", "port", "access_key", "access_key_enabled", "previous_access_key", "tls", "docs"];

  test.each([
    ["prot", "port"],
    ["hots", "host"],
    ["Host", "host"],
    ["acces_key", "access_key"],
    ["accessKey", "access_key"],
    ["access-key-enabled", "access_key_enabled"],
    ["previous", "previous_access_key"],
    ["doc", "docs"],
    ["tsl", "tls"],
    ["zzz", null],
    ["", null],
    ["x".repeat(65), null],
    ["completely_different", null],
  ])("to %p is %p", (input, expected) => {
    expect(suggest(input, names)).toBe(expected);
  });

  test("is none among none", () => {
    expect(suggest("a", [])).toBeNull();
  });
});

test("names compare without case, dashes and lines", () => {
  expect(normalizeName("GPT-4o_Mini")).toBe(normalizeName("gpt4omini"));
  expect(normalizeName("gpt-4.1")).not.toBe(normalizeName("gpt-41"));
});
