/** What is skimmed off a chat answer is what reading it would give; where that is not sure, it is read. */
import { describe, expect, test } from "bun:test";
import { openaiChat } from "../../../src/codec/openai-chat/index.ts";
import type { JsonObject } from "../../../src/contract/chat.ts";
import { CODECS, DIALECTS, HAS_KIT, readFixtures, readRecordings, recordingAsCase } from "../support.ts";

const { readFacts, skimFacts } = openaiChat.egress!;
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

function answer(change: JsonObject = {}, choice: JsonObject = {}): JsonObject {
  return {
    id: "c",
    object: "chat.completion",
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", content: "hello" }, finish_reason: "stop", ...choice }],
    usage: { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12, prompt_tokens_details: { cached_tokens: 3 } },
    ...change,
  };
}

/** Every way of spacing that JSON allows and servers use. */
const spellings = (body: JsonObject) => [
  JSON.stringify(body),
  JSON.stringify(body, null, 2),
  JSON.stringify(body).replaceAll(":", " : ").replaceAll(",", " ,\n\t"),
];

describe("answers whose facts can be skimmed", () => {
  const cases: [string, JsonObject][] = [
    ["plain", answer()],
    ["cut at the limit", answer({}, { finish_reason: "length" })],
    ["a reason nobody knows", answer({}, { finish_reason: "because" })],
    ["usage first", { usage: answer()["usage"]!, ...answer() }],
    ["several choices", answer({ choices: [0, 1].map((index) => ({ index, message: {}, finish_reason: "stop" })) })],
    ["usage told twice", answer({ x_groq: { id: "r", usage: answer()["usage"]! } })],
    [
      "words that look like fields",
      answer({}, { message: { role: "assistant", content: '"usage":{"prompt_tokens":99},"finish_reason":"length"' } }),
    ],
  ];
  test.each(cases)("%s", (_name, body) => {
    for (const text of spellings(body)) {
      const { usage, finish } = readFacts(body);
      expect(skimFacts!(bytesOf(text))).toEqual({ usage: usage!, finish: finish! });
    }
  });
});

describe("answers that are read instead", () => {
  const cases: [string, JsonObject][] = [
    ["calls", answer({}, { message: { content: null, tool_calls: [{ id: "1", type: "function" }] } })],
    ["an old call", answer({}, { message: { content: null, function_call: { name: "f", arguments: "{}" } } })],
    ["a refusal", answer({}, { message: { content: null, refusal: "no" } })],
    ["no usage", answer({ usage: null })],
    ["no reason", answer({}, { finish_reason: null })],
    ["an empty reason", answer({}, { finish_reason: "" })],
    ["an escape in the counts", answer({ usage: { prompt_tokens: 1, note: 'a "}" b' } })],
    ["a brace in the counts", answer({ usage: { prompt_tokens: 1, note: "}" } })],
  ];
  test.each(cases)("%s", (_name, body) => {
    expect(skimFacts!(bytesOf(JSON.stringify(body)))).toBeUndefined();
  });
});

describe(`every chat answer, ours${HAS_KIT ? " and recorded" : ""}`, () => {
  const all = [...readFixtures(), ...(HAS_KIT ? readRecordings().map(recordingAsCase) : [])];
  const chats = all.filter(({ dialect, response }) => dialect === "openai-chat" && response !== undefined);
  let skimmed = 0;
  test.each(chats.map((one) => [one.name, one] as const))("%s", (_name, { response }) => {
    const found = skimFacts!(bytesOf(JSON.stringify(response)));
    if (found === undefined) return;
    skimmed += 1;
    const { usage, finish } = readFacts(response!);
    expect(found).toEqual({ usage: usage!, finish: finish! });
  });
  test("most of them need not be read", () => {
    expect(chats.length).toBeGreaterThan(5);
    expect(skimmed).toBeGreaterThan(0);
  });
});

test("the mark of a dialect stands in each of its answers, so that only an answer is taken for one", () => {
  const all = [...readFixtures(), ...(HAS_KIT ? readRecordings().map(recordingAsCase) : [])];
  for (const dialect of DIALECTS) {
    const { answerMark, readFacts: read } = CODECS[dialect].egress!;
    const answers = all.filter((one) => one.dialect === dialect && one.response !== undefined);
    expect(answers.length).toBeGreaterThan(0);
    for (const { response } of answers) {
      let isAnswer = true;
      try {
        isAnswer = read(response!).error === undefined;
      } catch {
        isAnswer = false;
      }
      const text = Buffer.from(JSON.stringify(response));
      if (isAnswer && !text.includes(answerMark!)) expect(text.toString()).toContain("promptFeedback");
    }
  }
});
