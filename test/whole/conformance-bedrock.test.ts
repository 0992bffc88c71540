/** The conformance kit's recordings of Bedrock Converse, asked for by clients of every dialect through the compiled binary. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ACCESS_KEY, missingBinary, type RunningBinary, startBinary } from "../support/binary.ts";
import { freePort } from "../support/free-port.ts";

const KIT = process.env["MONORELAY_CONFORMANCE"] ?? join(import.meta.dir, "../../../shared/conformance");
const missing =
  missingBinary ?? (existsSync(join(KIT, "run.ts")) ? undefined : "the conformance kit is not beside the repository");

const CLIENTS = ["openai.chat", "openai.responses", "anthropic.messages", "gemini"];

/** Losses that the client's dialect or the recording forces, by what the kit calls them. */
const FORCED = [
  // Which parameters a model takes is told by its name; here the name is that of the recording.
  /^soft: topK \d+ -> undefined$/,
  // Gemini has no count of tokens written to the cache.
  /^soft: usage\.cacheWrite \d+ -> undefined$/,
];

interface Outcome {
  readonly tally: Record<string, { n: number; hard: number }>;
  readonly cases: { case: string; client: string; diffs: string[] }[];
}

describe.skipIf(missing !== undefined)(`Bedrock, recorded${missing === undefined ? "" : ` (${missing})`}`, () => {
  let relay: RunningBinary;
  let directory: string;
  // Fixed, because the kit's upstream and the relay's configuration have to agree before either runs.
  const replayPort = freePort();

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "monorelay-kit-"));
    const config = {
      providers: {
        bedrock: {
          ...{
            provider_type: "bedrock",
            base_url: `http://127.0.0.1:${replayPort}`,
            keys: [{ key: "kit-upstream-key" }],
          },
          models: { include: ["bedrock-*"] },
        },
      },
      model_routing: { failover: { enabled: false } },
    };
    relay = await startBinary({ config: JSON.stringify(config) });
  });
  afterAll(async () => {
    expect(await relay.stop()).toBe(0);
    rmSync(directory, { recursive: true, force: true });
  });

  test.each([
    ["random cuts", []],
    ["every byte by itself", ["--split", "byte"]],
    ["in one piece", ["--split", "whole", "--seed", "7"]],
  ])(
    "nothing is told otherwise: %s",
    async (_name, flags) => {
      const out = join(directory, "out.json");
      const where = ["--relay", relay.url, "--key", ACCESS_KEY, "--port", String(replayPort), "--json", out];
      const pairs = ["--clients", CLIENTS.join(","), "--upstreams", "bedrock.converse"];
      const child = Bun.spawn([process.execPath, join(KIT, "run.ts"), ...where, ...pairs, ...flags], {
        stdout: "ignore",
        stderr: "pipe",
      });
      const [stderr, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
      expect([code, stderr]).toEqual([0, ""]);
      const outcome = JSON.parse(readFileSync(out, "utf8")) as Outcome;
      for (const client of CLIENTS) {
        expect(outcome.tally[`${client} -> bedrock.converse`]).toMatchObject({ hard: 0 });
        expect(outcome.tally[`${client} -> bedrock.converse`]!.n).toBeGreaterThan(15);
      }
      const told = outcome.cases.flatMap(({ diffs }) => diffs);
      expect(told.filter((diff) => !FORCED.some((forced) => forced.test(diff)))).toEqual([]);
    },
    60_000,
  );
});
