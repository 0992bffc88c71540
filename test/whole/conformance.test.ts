/** The conformance kit drives the compiled binary: recorded traffic, an independent oracle, odd framings. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ACCESS_KEY, missingBinary, type RunningBinary, startBinary } from "../support/binary.ts";
import { freePort } from "../support/free-port.ts";

const ROOT = join(import.meta.dir, "../..");
const KIT = join(ROOT, "../shared/conformance");
const missing =
  missingBinary ?? (existsSync(join(KIT, "run.ts")) ? undefined : "the conformance kit is not beside the repository");

/** Every client's dialect with every upstream's. */
const DIALECTS = ["openai.chat", "openai.responses", "anthropic.messages", "gemini"];
const PAIRS = DIALECTS.flatMap((client) => DIALECTS.map((upstream) => `${client} -> ${upstream}`));

interface Exception {
  /** The clients of whom it is true; absent = all. */
  readonly clients?: readonly string[];
  readonly reason: string;
}
const KEY_REFUSED: Exception = {
  reason: "the upstream refused the relay's own key: towards the client that is a 502, http-api.md section 2.2",
};
/** Differences that are right. */
const EXCEPTIONS: Readonly<Record<string, Exception>> = {
  "anthropic-messages-anthropic-anthropic-claude-sonnet-4-0-0": KEY_REFUSED,
  "anthropic-messages-anthropic-anthropic-claude-sonnet-4-0-0-v2": KEY_REFUSED,
  "anthropic-messages-anthropic-chat-error-handling-with-anthropic-claude-haiku-4-5-raises-appropriate-0": KEY_REFUSED,
  "gemini-gemini-chat-error-handling-with-gemini-gemini-2-5-flash-raises-appropriate-au-0": KEY_REFUSED,
  "openai-chat-deepseek-chat-error-handling-with-deepseek-deepseek-chat-raises-appropriate-aut-0": KEY_REFUSED,
  "openai-chat-openai-openai-gpt-4o-completions-0-v2": KEY_REFUSED,
  "anthropic-messages-anthropic-anthropic-completion-error-0": {
    clients: ["openai.chat", "openai.responses", "gemini"],
    reason: "the recorded request is itself invalid; from another dialect it is refused before an upstream is asked",
  },
  "anthropic-messages-anthropic-test-multimodal-tool-return-matrix-tool-return-content-uploaded-file-i-1": {
    clients: ["openai.chat", "openai.responses"],
    reason: "the kit writes a request whose image has no URL, for a file id that only Anthropic knows",
  },
  "openai-chat-openai-openai-gpt-4o-completions-0-v22": {
    clients: ["anthropic.messages"],
    reason:
      "the upstream says stop although it called a tool; a messages client needs tool_use (E10), the oracle wants end_turn",
  },
  "gemini-vertex-test-google-vertexai-image-generation-with-output-format-0": {
    clients: ["anthropic.messages"],
    reason: "a picture and nothing else, which messages cannot hold: words say so, where the oracle wants silence",
  },
  "openai-responses-openai-handles-empty-string-content-0": {
    clients: ["openai.chat", "anthropic.messages", "gemini"],
    reason: "an empty input is an empty conversation elsewhere, which the other three dialects themselves refuse",
  },
};

interface Outcome {
  readonly tally: Record<string, { n: number; clean: number; softOnly: number; hard: number }>;
  readonly cases: { case: string; client: string; upstream: string; diffs: string[] }[];
}

async function runChild(command: string[], env: Record<string, string> = {}): Promise<string> {
  const child = Bun.spawn([process.execPath, ...command], {
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, ...env },
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  expect([code, stderr]).toEqual([0, ""]);
  return stdout;
}

describe.skipIf(missing !== undefined)(`conformance kit${missing === undefined ? "" : ` (${missing})`}`, () => {
  let relay: RunningBinary;
  let directory: string;
  // Fixed, because the kit's upstream and the relay's configuration have to agree before either runs.
  const replayPort = freePort();

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "monorelay-kit-"));
    const upstream = `http://127.0.0.1:${replayPort}`;
    relay = await startBinary({
      config: `
providers:
  echo: { provider_type: echo }
  chat: { provider_type: openai, base_url: "${upstream}/v1", keys: [{ key: kit-upstream-key-1 }], models: { include: ["openai-chat-*"] } }
  responses: { provider_type: openai, dialects: [openai-responses], base_url: "${upstream}/v1", keys: [{ key: kit-upstream-key-2 }], models: { include: ["openai-responses-*"] } }
  messages: { provider_type: anthropic, base_url: "${upstream}", keys: [{ key: kit-upstream-key-3 }], models: { include: ["anthropic-*"] } }
  gemini: { provider_type: gemini, base_url: "${upstream}", keys: [{ key: kit-upstream-key-4 }], models: { include: ["gemini-*"] } }
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
    "no hard difference between any two of the four dialects: %s",
    async (_name, flags) => {
      const out = join(directory, "out.json");
      const formats = DIALECTS.join(",");
      const target = ["--relay", relay.url, "--key", ACCESS_KEY, "--port", String(replayPort)];
      const scope = ["--clients", formats, "--upstreams", formats, "--json", out];
      await runChild([join(KIT, "run.ts"), ...target, ...scope, ...flags]);
      const outcome = JSON.parse(readFileSync(out, "utf8")) as Outcome;
      expect(Object.keys(outcome.tally).sort()).toEqual([...PAIRS].sort());
      for (const pair of PAIRS) expect(outcome.tally[pair]!.n).toBeGreaterThan(30);
      const hard = outcome.cases.filter(({ diffs }) => diffs.some((diff) => diff.startsWith("hard")));
      const unexpected = hard.filter((found) => {
        const exception = EXCEPTIONS[found.case];
        return exception === undefined || exception.clients?.includes(found.client) === false;
      });
      expect(unexpected).toEqual([]);
      // A difference that is gone is no exception any more.
      expect([...new Set(hard.map((found) => found.case))].toSorted()).toEqual(Object.keys(EXCEPTIONS).toSorted());
    },
    120_000,
  );
});
