/** From model names to providers: the steps of `config.md` section 3.5 as a table. */
import { describe, expect, test } from "bun:test";
import type { ProviderConfig, RoutingConfig } from "../../src/config/types.ts";
import type { ProviderEntry } from "../../src/routing/entry.ts";
import { Router } from "../../src/routing/resolve.ts";

type Models = { include?: string[]; exclude?: string[]; priority?: number; weight?: number };

function entry(name: string, { include = [], exclude = [], priority = 100, weight = 1 }: Models): ProviderEntry {
  const config = { priority, weight, models: { include, exclude } } as unknown as ProviderConfig;
  return { name, config, include } as unknown as ProviderEntry;
}

const plain = {
  enabled: true,
  aliases: {},
  providerMapping: [],
  modelOverrides: [],
  fallbacks: [],
} as unknown as RoutingConfig;

function router(providers: Record<string, Models>, routing: Partial<RoutingConfig> = {}): Router {
  return new Router(
    Object.entries(providers).map(([name, models]) => entry(name, models)),
    { ...plain, ...routing },
  );
}

const targets = (made: Router, model: string) =>
  made.resolve(model).targets.map(({ entry: { name }, model: there }) => `${there}@${name}`);

const providers = {
  openai: { include: ["gpt-4o", "gpt-4o-mini", "o*"], exclude: ["o1-preview"] },
  claude: { include: ["claude-sonnet-4-5"] },
  spare: { include: ["gpt-4o"], priority: 200 },
  any: {},
};

describe("search", () => {
  const rows: [model: string, expected: string[]][] = [
    ["gpt-4o", ["gpt-4o@openai", "gpt-4o@spare"]],
    ["gpt-4o-mini", ["gpt-4o-mini@openai"]],
    ["o3", ["o3@openai"]],
    ["GPT_4O", ["gpt-4o@openai", "gpt-4o@spare"]],
    ["claude-sonnet-45", ["claude-sonnet-4-5@claude"]],
    ["meta/llama-3@7b", []],
    ["something-else", ["something-else@any"]],
    ["o1-preview", ["o1-preview@any"]],
    ["gpt-4o@spare", ["gpt-4o@spare"]],
    ["GPT4o@spare", ["gpt-4o@spare"]],
    ["whatever@claude", ["whatever@claude"]],
  ];
  test.each(rows)("%s", (model, expected) => {
    const made = router(providers);
    if (expected.length > 0) expect(targets(made, model)).toEqual(expected);
    else expect(() => made.resolve(model)).toThrow("no provider");
  });

  test("lower priority value first, then weight, then the order of the file", () => {
    const made = router({ a: { priority: 5 }, b: { priority: 1 }, c: { priority: 5, weight: 9 }, d: { priority: 5 } });
    expect(targets(made, "m")).toEqual(["m@b", "m@c", "m@a", "m@d"]);
  });

  test("an excluded model is not reached by naming its provider either", () => {
    expect(() => router(providers).resolve("o1-preview@openai")).toThrow("not available");
  });

  test("a listed name that contains @ is a name", () => {
    expect(targets(router({ a: { include: ["x@b"] }, b: {} }), "x@b")).toEqual(["x@b@a"]);
  });
});

describe("names", () => {
  const routing: Partial<RoutingConfig> = {
    aliases: { fast: "quick", quick: "gpt-4o-mini", pinned: "gpt-4o@spare" },
    providerMapping: [
      { pattern: "gone-*", provider: "disabled" },
      { pattern: "gone-*", provider: "any" },
      { pattern: "claude-*", provider: "any" },
    ],
    modelOverrides: [{ pattern: "old-*", model: "gpt-4o" }],
  };
  const rows: [model: string, expected: string[], rules: string[]][] = [
    ["fast", ["gpt-4o-mini@openai"], ["alias", "alias", "search"]],
    ["F_A-S-T", ["gpt-4o-mini@openai"], ["alias", "alias", "search"]],
    ["pinned", ["gpt-4o@spare"], ["alias", "suffix"]],
    ["claude-sonnet-4-5", ["claude-sonnet-4-5@any"], ["mapping"]],
    ["gone-1", ["gone-1@any"], ["mapping"]],
    ["old-thing", ["gpt-4o@openai", "gpt-4o@spare"], ["override", "search"]],
    ["claude-sonnet-4-5@claude", ["claude-sonnet-4-5@claude"], ["suffix"]],
  ];
  test.each(rows)("%s", (model, expected, rules) => {
    const made = router(providers, routing);
    expect(targets(made, model)).toEqual(expected);
    expect(made.resolve(model).steps.map(({ rule }) => rule)).toEqual(rules as never);
  });

  test("with routing off only suffix and search count", () => {
    const made = router(providers, { ...routing, enabled: false });
    expect(targets(made, "fast")).toEqual(["fast@any"]);
    expect(targets(made, "claude-sonnet-4-5")).toEqual(["claude-sonnet-4-5@claude"]);
    expect(targets(made, "gpt-4o@spare")).toEqual(["gpt-4o@spare"]);
  });
});

describe("unknown names", () => {
  const made = router({ openai: { include: ["gpt-4o", "claude-x"] } }, { aliases: { best: "gpt-4o" } });
  const rows: [model: string, message: RegExp][] = [
    ["gpt-4p", /Did you mean "gpt-4o"\?/],
    ["bset", /Did you mean "best"\?/],
    ["zzz", /^Model "zzz" is not available\.$/],
    ["gpt-4o@opnai", /Did you mean "openai"\?/],
    ["x\r\n\u001b[31m", /^Model "x\ufffd\ufffd\ufffd\[31m" is not available\.$/],
  ];
  test.each(rows)("%p", (model, message) => {
    expect(() => made.resolve(model)).toThrow(message);
  });

  test("a name of a million letters is refused without being searched for or repeated", () => {
    const long = "x".repeat(1_000_000);
    const failure = (() => {
      try {
        return made.resolve(long);
      } catch (error) {
        return error as Error;
      }
    })() as Error;
    expect(failure.message.length).toBeLessThan(200);
  });
});

describe("what is offered", () => {
  test("literal names, first provider wins, patterns and excluded ones left out", () => {
    const made = router({ a: { include: ["x", "y", "g-*"], exclude: ["y"] }, b: { include: ["x", "z"] }, c: {} });
    expect(made.offered().map(({ id, entry: { name } }) => `${id}@${name}`)).toEqual(["x@a", "z@b"]);
  });

  test("fallbacks are models that exist", () => {
    const made = router(providers, {
      fallbacks: [{ pattern: "gpt-*", models: ["claude-sonnet-4-5", "no-one@nowhere"] }],
    });
    expect(made.fallbacksOf("gpt-4o").map(({ resolved }) => resolved)).toEqual(["claude-sonnet-4-5"]);
    expect(made.fallbacksOf("other")).toEqual([]);
  });
});
