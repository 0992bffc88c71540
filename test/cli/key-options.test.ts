/** What the options of `monorelay key create` mean, and what they refuse. */
import { describe, expect, test } from "bun:test";
import { CliError } from "../../src/cli/exit.ts";
import { readGrace, readKeyOptions } from "../../src/cli/key-options.ts";

const NOW = Date.parse("2026-01-02T03:04:05Z");

const good: [options: Parameters<typeof readKeyOptions>[0], fields: object][] = [
  [{}, {}],
  [{ models: "gpt-*, claude-*" }, { models: { allow: ["gpt-*", "claude-*"] } }],
  [{ scopes: "chat:write,models:read," }, { scopes: ["chat:write", "models:read"] }],
  [{ expires: "never" }, { expires_at: null }],
  [{ expires: "90d" }, { expires_at: "2026-04-02T03:04:05.000Z" }],
  [{ expires: "2027-01-31T00:00:00Z" }, { expires_at: "2027-01-31T00:00:00.000Z" }],
  [{ rpm: "60", concurrency: "2" }, { limits: { rpm: 60, concurrency: 2 } }],
  [{ tpm: "0" }, { limits: { tpm: 0 } }],
  [
    { budget: ["20/month", "0.5/day"] },
    {
      limits: {
        budgets: [
          { usd: 20, window: "month" },
          { usd: 0.5, window: "day" },
        ],
      },
    },
  ],
  [{ cidr: "10.0.0.0/8,::1" }, { ip_allow: ["10.0.0.0/8", "::1"] }],
];
test.each(good)("%j", (options, fields) => {
  expect(readKeyOptions(options, NOW)).toEqual(fields);
});

const bad: [options: Parameters<typeof readKeyOptions>[0], flag: string][] = [
  [{ expires: "soon" }, "--expires"],
  [{ expires: "2027-02-30" }, "--expires"],
  [{ rpm: "-1" }, "--rpm"],
  [{ tpm: "1e9" }, "--tpm"],
  [{ concurrency: "" }, "--concurrency"],
  [{ budget: ["20"] }, "--budget"],
  [{ budget: ["20/year"] }, "--budget"],
  [{ budget: ["-1/month"] }, "--budget"],
];
test.each(bad)("%j is wrong usage, and the message names %s", (options, flag) => {
  let thrown: unknown;
  try {
    readKeyOptions(options, NOW);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(CliError);
  expect((thrown as CliError).exitCode).toBe(2);
  expect((thrown as CliError).message).toStartWith(flag);
});

describe("the grace of a rotation", () => {
  test("is a duration up to a week", () => {
    expect([readGrace("24h"), readGrace("0"), readGrace("7d")]).toEqual([86_400_000, 0, 7 * 86_400_000]);
  });
  test.each(["8d", "-1h", "tomorrow", ""])("%p is refused", (text) => {
    expect(() => readGrace(text)).toThrow("--grace");
  });
});
