/** Recorded answers of dialects that only upstreams speak, read as an independent reader reads them. */
import { describe, expect, test } from "bun:test";
import { collect } from "../../src/codec/fold.ts";
import type { ChatResponse, JsonObject } from "../../src/contract/chat.ts";
import { HAS_KIT, KIT_MISSING, type Recording, readRecordings } from "./support.ts";
import { deframe, readEvents, UPSTREAM_CODECS, type UpstreamDialect } from "./upstream-support.ts";

const FORMATS: Readonly<Record<string, UpstreamDialect>> = {
  "bedrock.converse": "bedrock-converse",
  "bedrock.invoke.anthropic": "bedrock-invoke-claude",
  "ollama.chat": "ollama",
  "cohere.chat": "cohere",
};

/** What the kit's own reader found; absent where it has none for the format. */
interface Facts {
  readonly text: string;
  readonly reasoning: string;
  readonly tools: readonly { name: string; args: unknown }[];
  readonly usage?: { input?: number; output?: number };
  readonly error?: unknown;
}

interface Whole extends Recording {
  readonly response: Recording["response"] & { readonly base64?: string };
}

function answerOf({ format, response }: Whole): ChatResponse {
  const dialect = FORMATS[format]!;
  const { framing, egress } = UPSTREAM_CODECS[dialect];
  const type = response.headers["content-type"] ?? "";
  const bytes =
    response.base64 === undefined ? Buffer.from(response.text ?? "") : Buffer.from(response.base64, "base64");
  const isStream = type.startsWith(framing.contentType.split(";")[0]!);
  return isStream
    ? collect(readEvents(dialect, deframe(dialect, [bytes])))
    : egress.decodeResponse(JSON.parse(bytes.toString()) as JsonObject);
}

function factsOf({ parts, usage }: ChatResponse) {
  const join = (kind: "text" | "reasoning") =>
    parts.flatMap((part) => (part.type === kind ? [part.text] : [])).join("");
  return {
    text: join("text"),
    reasoning: join("reasoning"),
    tools: parts.flatMap((part) =>
      part.type === "tool-call" ? [{ name: part.name, args: JSON.parse(part.inputJson) as unknown }] : [],
    ),
    usage: { input: usage.inputTokens, output: usage.outputTokens },
  };
}

/** The older text form of Claude at Bedrock, which is not this dialect. */
const isOlderForm = ({ request }: Whole): boolean => request?.json?.["prompt"] !== undefined;

if (HAS_KIT) {
  const all = (readRecordings(Object.keys(FORMATS)) as Whole[]).filter(
    (one) => one.response.status === 200 && !isOlderForm(one),
  );

  test("there are recordings of each dialect", () => {
    for (const format of Object.keys(FORMATS))
      expect(all.filter((one) => one.format === format).length).toBeGreaterThan(2);
  });

  describe("each is an answer that begins, says something or calls, and ends", () => {
    test.each(all.map((one) => [one.id, one] as const))("%s", (_id, one) => {
      const answer = answerOf(one);
      expect(answer.parts.length).toBeGreaterThan(0);
      expect(answer.finish.raw).toBeString();
      expect(answer.usage.outputTokens).toBeGreaterThan(0);
    });
  });

  describe("and says what the other reader reads", () => {
    const known = all.filter(({ expect: facts }) => facts !== undefined && (facts as Facts).error === undefined);
    test.each(known.map((one) => [one.id, one] as const))("%s", (_id, one) => {
      const { text, reasoning, tools, usage } = one.expect as Facts;
      expect(factsOf(answerOf(one))).toEqual({
        text,
        reasoning,
        tools: tools.map(({ name, args }) => ({ name, args })),
        usage: { input: usage?.input, output: usage?.output },
      });
    });
  });
} else test.skip(`recorded answers (${KIT_MISSING})`, () => {});
