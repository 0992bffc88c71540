/** The conformance kit drives the compiled binary: recorded traffic, an independent oracle, odd framings. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ACCESS_KEY, missingBinary, type RunningBinary, startBinary } from "../support/binary.ts";

const KIT = join(import.meta.dir, "../../../shared/conformance");
const missing =
  missingBinary ?? (existsSync(join(KIT, "run.ts")) ? undefined : "the conformance kit is not beside the repository");

/** Pairs this release serves, and the differences that are right, each with its reason. */
const PAIRS = [
  "openai.chat -> openai.chat",
  "anthropic.messages -> anthropic.messages",
  "openai.chat -> anthropic.messages",
  "anthropic.messages -> openai.chat",
];

const KEY_REFUSED = "the upstream refused the relay's own key: 401 becomes 502, http-api.md section 2.2";
const EXCEPTIONS: Readonly<Record<string, string>> = {
  "anthropic-messages-anthropic-anthropic-claude-sonnet-4-0-0": KEY_REFUSED,
  "anthropic-messages-anthropic-anthropic-claude-sonnet-4-0-0-v2": KEY_REFUSED,
  "anthropic-messages-anthropic-chat-error-handling-with-anthropic-claude-haiku-4-5-raises-appropriate-0": KEY_REFUSED,
  "openai-chat-deepseek-chat-error-handling-with-deepseek-deepseek-chat-raises-appropriate-aut-0": KEY_REFUSED,
  "openai-chat-openai-openai-gpt-4o-completions-0-v2": KEY_REFUSED,
  "anthropic-messages-anthropic-anthropic-completion-error-0":
    "the recorded request is itself invalid; towards another dialect it is refused before an upstream is asked",
  "anthropic-messages-anthropic-test-multimodal-tool-return-matrix-tool-return-content-uploaded-file-i-1":
    "the kit writes a chat request whose image has no URL, for a file id that only Anthropic knows",
  "openai-chat-openai-openai-gpt-4o-completions-0-v22":
    "the upstream says stop although it called a tool; a messages client needs tool_use (E10), the oracle wants end_turn",
};

interface Outcome {
  readonly tally: Record<string, { n: number; clean: number; softOnly: number; hard: number }>;
  readonly cases: { case: string; client: string; upstream: string; diffs: string[] }[];
}

describe.skipIf(missing !== undefined)(`conformance kit${missing === undefined ? "" : ` (${missing})`}`, () => {
  let relay: RunningBinary;
  let directory: string;
  // Fixed, because the kit's upstream and the relay's configuration have to agree before either runs.
  const replayPort = 20_000 + (process.pid % 20_000);

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "monorelay-kit-"));
    relay = await startBinary({
      config: `

providers:
  chat: { provider_type: openai, base_url: "http://127.0.0.1:${replayPort}/v1", keys: [{ key: kit-upstream-key-1 }], models: { include: ["openai-*"] } }
  messages: { provider_type: anthropic, base_url: "http://127.0.0.1:${replayPort}", keys: [{ key: kit-upstream-key-2 }], models: { include: ["anthropic-*"] } }
model_routing: { failover: { enabled: false } }
`,
    });
  });
  afterAll(async () => {
    expect(await relay.stop()).toBe(0);
    rmSync(directory, { recursive: true, force: true });
  });

  const runs: [name: string, flags: string[]][] = [
    ["random cuts", []],
    ["every byte by itself", ["--split", "byte"]],
    ["CRLF, no space behind the colon, comments", ["--quirk", "crlf,nospace,comments"]],
    ["all of it at once, byte by byte", ["--split", "byte", "--quirk", "crlf,nospace,comments,bom"]],
    ["whole answers in one piece", ["--split", "whole", "--seed", "7"]],
  ];
  test.each(runs)(
    "no hard difference: %s",
    async (_name, flags) => {
      const out = join(directory, "out.json");
      const formats = "openai.chat,anthropic.messages";
      const command = [
        process.execPath,
        join(KIT, "run.ts"),
        "--relay",
        relay.url,
        "--key",
        ACCESS_KEY,
        "--port",
        String(replayPort),
      ];
      const child = Bun.spawn([...command, "--clients", formats, "--upstreams", formats, "--json", out, ...flags], {
        stdout: "ignore",
        stderr: "pipe",
      });
      const [stderr, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
      expect([code, stderr]).toEqual([0, ""]);
      const outcome = JSON.parse(readFileSync(out, "utf8")) as Outcome;
      expect(Object.keys(outcome.tally).sort()).toEqual([...PAIRS].sort());
      for (const pair of PAIRS) expect(outcome.tally[pair]!.n).toBeGreaterThan(40);
      const hard = outcome.cases.filter(({ diffs }) => diffs.some((diff) => diff.startsWith("hard")));
      const unexpected = hard.filter((found) => !(found.case in EXCEPTIONS));
      expect(unexpected).toEqual([]);
    },
    60_000,
  );
});
