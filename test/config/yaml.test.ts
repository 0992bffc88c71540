/** The limits of the text itself: size, depth, aliases, values; and the places it gives to what is in it. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the configuration look like templates
import { describe, expect, test } from "bun:test";
import { nodeAt } from "../../src/config/tree.ts";
import { ALIASES_MAX, DEPTH_MAX, parseYaml, TEXT_BYTES_MAX } from "../../src/config/yaml.ts";

const problemsOf = async (text: string | Uint8Array) => {
  const { tree, problems } = await parseYaml(text);
  return { tree, problems: problems.sorted() };
};

describe("size", () => {
  const filled = (bytes: number) => `version: 1\n#${"x".repeat(bytes - "version: 1\n#".length)}`;

  test("a file of 1 MiB is read", async () => {
    expect((await problemsOf(filled(TEXT_BYTES_MAX))).problems).toEqual([]);
  });

  test("a byte more is refused", async () => {
    const { tree, problems } = await problemsOf(filled(TEXT_BYTES_MAX + 1));
    expect(tree).toBeNull();
    expect(problems).toMatchObject([{ code: "yaml_syntax", line: 1, column: 1 }]);
  });

  test("bytes count, not characters", async () => {
    expect((await problemsOf(`# ${"é".repeat(TEXT_BYTES_MAX / 2)}`)).problems).toHaveLength(1);
  });
});

describe("depth", () => {
  const flow = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;

  test(`${DEPTH_MAX} levels are read`, async () => {
    expect((await problemsOf(`a: ${flow(DEPTH_MAX - 1)}`)).problems).toEqual([]);
  });

  test.each([
    ["brackets", `a: ${flow(DEPTH_MAX)}`],
    ["braces", `a: ${"{a: ".repeat(DEPTH_MAX)}1${"}".repeat(DEPTH_MAX)}`],
    ["indentation", Array.from({ length: DEPTH_MAX + 1 }, (_, level) => `${" ".repeat(level)}a:`).join("\n")],
    ["dashes", `a:\n${"- ".repeat(DEPTH_MAX + 1)}1`],
    ["a hundred thousand brackets that stay open", "[".repeat(100_000)],
  ])("one more in %s is refused", async (_name, text) => {
    const { tree, problems } = await problemsOf(text);
    expect(tree).toBeNull();
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ code: "yaml_syntax" });
    expect(problems[0]?.line).toBeGreaterThan(0);
  });

  test("aliases cannot hide depth", async () => {
    const half = DEPTH_MAX / 2 + 1;
    const text = `a: &x ${flow(half)}\nb: ${"[".repeat(half)}*x${"]".repeat(half)}`;
    expect((await problemsOf(text)).problems).toMatchObject([{ code: "yaml_syntax", line: 1 }]);
  });
});

describe("aliases", () => {
  const list = (aliases: number) => `a: &x 1\nb: [${Array.from({ length: aliases }, () => "*x").join(", ")}]`;

  test(`${ALIASES_MAX} are read`, async () => {
    expect((await problemsOf(list(ALIASES_MAX))).problems).toEqual([]);
  });

  test("one more is refused, once", async () => {
    expect((await problemsOf(list(ALIASES_MAX + 5))).problems).toMatchObject([{ code: "yaml_syntax", line: 2 }]);
  });

  test("aliases of aliases count each time they are followed", async () => {
    const levels = Array.from(
      { length: 9 },
      (_, level) => `l${level + 1}: &l${level + 1} [${`*l${level}, `.repeat(9)}]`,
    );
    const { problems } = await problemsOf(`l0: &l0 [x]\n${levels.join("\n")}`);
    expect(problems).toMatchObject([{ code: "yaml_syntax" }]);
  });

  test("a large block used often is refused by the number of values", async () => {
    const block = `a: &x [${"1, ".repeat(20_000)}]`;
    const { problems } = await problemsOf(`${block}\nb: [${"*x, ".repeat(20)}]`);
    expect(problems).toMatchObject([{ code: "yaml_syntax" }]);
  });
});

test("a mapping of very many keys takes no time that grows with their square", async () => {
  // Comparing each key with each other would be 10⁹ steps.
  const text = Array.from({ length: 40_000 }, (_, index) => `k${index}: 1`).join("\n");
  const { tree, problems } = await problemsOf(text);
  expect(problems).toEqual([]);
  expect(tree?.entries.size).toBe(40_000);
}, 30_000);

test("each value and each key knows its place", async () => {
  const { tree } = await problemsOf(
    "server:\n  port: 1\n  cors_origins:\n    - a\n    - 'b'\n  tls: { cert: x }\n  host:\n",
  );
  const at = (...keys: string[]) => {
    const node = nodeAt(tree!, ...keys);
    return [`${node?.keyAt.line}:${node?.keyAt.column}`, `${node?.at.line}:${node?.at.column}`];
  };
  expect(at("server")).toEqual(["1:1", "2:3"]);
  expect(at("server", "port")).toEqual(["2:3", "2:9"]);
  expect(at("server", "cors_origins")).toEqual(["3:3", "4:5"]);
  expect(at("server", "tls", "cert")).toEqual(["6:10", "6:16"]);
  // What is not there is looked for at its key.
  expect(at("server", "host")).toEqual(["7:3", "7:3"]);
  const list = nodeAt(tree!, "server", "cors_origins");
  expect(list?.kind === "list" ? list.items.map((item) => `${item.at.line}:${item.at.column}`) : null).toEqual([
    "4:7",
    "5:7",
  ]);
});

test("lines count the same with the line breaks of another system", async () => {
  const { tree } = await problemsOf("version: 1\r\nserver:\r\n  port: 1\r\n");
  expect(nodeAt(tree!, "server", "port")?.at).toEqual({ line: 3, column: 9 });
});

test("what a plain text means is what YAML 1.2 says", async () => {
  const { tree } = await problemsOf(
    "a: no\nb: 1.10\nc: 0o17\nd: 2027-01-01\ne: ~\nf: 'x: y'\ng: 1_000\nh: |\n  two\n  lines\n",
  );
  const values = ["a", "b", "c", "d", "e", "f", "g", "h"].map((key) => {
    const node = nodeAt(tree!, key);
    return node?.kind === "scalar" ? node.value : undefined;
  });
  expect(values).toEqual(["no", 1.1, 15, "2027-01-01", null, "x: y", "1_000", "two\nlines\n"]);
});
