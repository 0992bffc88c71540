/** The vendors' own search of the web: asked for in one dialect, done in another, with its sources in the answer. */
import { describe, expect, test } from "bun:test";
import { openaiTraits } from "../../plugins/shared/openai.ts";
import { collect, replay } from "../../src/codec/fold.ts";
import { bedrockInvokeClaude, vertexClaude } from "../../src/codec/hosted-claude/index.ts";
import type { JsonObject } from "../../src/contract/chat.ts";
import type { Codec } from "../../src/contract/codec.ts";
import {
  CODECS,
  contextOf,
  type Dialect,
  dig,
  eventsOf,
  framesOfText,
  targetOf,
  namedEvents,
  textOfFrames,
  writeEvents,
} from "./support.ts";

const UPSTREAMS = { ...CODECS, "bedrock-invoke-claude": bedrockInvokeClaude, "vertex-claude": vertexClaude };
type Upstream = keyof typeof UPSTREAMS;
const place = { city: "Bern", country: "CH" };

const ASKED: Record<Dialect, JsonObject> = {
  "anthropic-messages": {
    ...{ model: "m", max_tokens: 99, messages: [{ role: "user", content: "Hi" }] },
    tools: [
      {
        type: "web_search_20250305",
        name: "web_search",
        max_uses: 3,
        allowed_domains: ["a.example"],
        user_location: { type: "approximate", ...place },
      },
    ],
  },
  "openai-responses": {
    ...{ model: "m", input: "Hi" },
    tools: [
      {
        type: "web_search",
        filters: { allowed_domains: ["a.example"] },
        user_location: { type: "approximate", ...place },
      },
    ],
  },
  "openai-chat": {
    ...{ model: "m", messages: [{ role: "user", content: "Hi" }] },
    web_search_options: { user_location: { type: "approximate", approximate: place } },
  },
  gemini: { contents: [{ role: "user", parts: [{ text: "Hi" }] }], tools: [{ googleSearch: {} }] },
};

function send(from: Dialect, to: Upstream, extra: JsonObject = {}) {
  const target = targetOf();
  const codec: Codec = UPSTREAMS[to];
  const request = CODECS[from].ingress.decodeRequest({ ...ASKED[from], ...extra }, { model: "m" });
  return { sent: codec.egress!.encodeRequest(request, target), lost: target.lost };
}

const anthropic = { type: "web_search_20250305", name: "web_search" };
const near = { user_location: { type: "approximate", ...place } };
const there = { allowed_domains: ["a.example"] };
const CASES: [from: Dialect, to: Upstream, tools: unknown, lost: string[]][] = [
  ["anthropic-messages", "openai-responses", [{ type: "web_search", filters: there, ...near }], ["tools[].max_uses"]],
  [
    "anthropic-messages",
    "gemini",
    [{ googleSearch: {} }],
    ["tools[].max_uses", "tools[].allowed_domains", "tools[].user_location"],
  ],
  ["anthropic-messages", "vertex-claude", ASKED["anthropic-messages"]["tools"], []],
  ["anthropic-messages", "bedrock-invoke-claude", undefined, ["web_search"]],
  ["anthropic-messages", "openai-chat", undefined, ["web_search"]],
  ["openai-responses", "anthropic-messages", [{ ...anthropic, ...there, ...near }], []],
  ["openai-responses", "vertex-claude", [{ ...anthropic, ...there, ...near }], []],
  ["openai-responses", "bedrock-invoke-claude", undefined, ["web_search"]],
  ["openai-responses", "gemini", [{ googleSearch: {} }], ["tools[].allowed_domains", "tools[].user_location"]],
  ["openai-chat", "anthropic-messages", [{ ...anthropic, ...near }], []],
  ["openai-chat", "openai-responses", [{ type: "web_search", ...near }], []],
  ["openai-chat", "gemini", [{ googleSearch: {} }], ["tools[].user_location"]],
  ["gemini", "anthropic-messages", [anthropic], []],
  ["gemini", "openai-responses", [{ type: "web_search" }], []],
  ["gemini", "openai-chat", undefined, ["googleSearch"]],
];

describe("a search is asked for in the upstream's words, and what it has no word for is named", () => {
  for (const [from, to, tools, lost] of CASES) {
    test(`${from} to ${to}`, () => {
      const got = send(from, to);
      expect(got.sent["tools"]).toEqual(tools as never);
      expect(got.lost).toEqual(lost);
    });
  }

  test("as the client wrote it in the same dialect", () => {
    for (const dialect of ["anthropic-messages", "openai-responses", "gemini", "openai-chat"] as const) {
      const { sent, lost } = send(dialect, dialect);
      const field = dialect === "openai-chat" ? "web_search_options" : "tools";
      expect(sent[field]).toEqual(ASKED[dialect][field]!);
      expect(lost).toEqual([]);
      if (dialect === "openai-chat") expect(sent).not.toHaveProperty("tools");
    }
  });

  describe("at chat by the models that search", () => {
    const chat = (from: Dialect, extra: JsonObject = {}) => {
      const target = targetOf({ webSearch: true });
      const request = CODECS[from].ingress.decodeRequest({ ...ASKED[from], ...extra }, { model: "m" });
      return { sent: CODECS["openai-chat"].egress.encodeRequest(request, target), lost: target.lost };
    };
    const located = { user_location: { type: "approximate", approximate: place } };

    test.each([
      ["anthropic-messages", located, ["tools[].max_uses", "tools[].allowed_domains"]],
      ["openai-responses", located, ["tools[].allowed_domains"]],
      ["gemini", {}, []],
    ] as const)("for clients of %s", (from, options, lost) => {
      const got = chat(from);
      expect(got.sent["web_search_options"]).toEqual(options as never);
      expect(got.sent).not.toHaveProperty("tools");
      expect(got.lost).toEqual([...lost]);
    });

    test.each([
      ["gpt-4o-search-preview", true],
      ["gpt-4o-mini-search-preview-2025-03-11", true],
      ["gpt-5-search-api", true],
      ["gpt-4o", false],
      ["gpt-5", false],
      ["gpt-5-mini", false],
    ])("%s is such a model: %p", (model, isOne) => {
      expect(openaiTraits(model).webSearch === true).toBe(isOne);
    });

    test("with as much of the pages as was asked for, which Anthropic cannot be told", () => {
      const tools = [{ type: "web_search", search_context_size: "high" }];
      expect(chat("openai-responses", { tools }).sent["web_search_options"]).toEqual({ search_context_size: "high" });
      const web_search_options = { search_context_size: "low" };
      expect(send("openai-chat", "openai-responses", { web_search_options }).sent["tools"]).toEqual([
        { type: "web_search", search_context_size: "low" },
      ]);
      expect(send("openai-chat", "anthropic-messages", { web_search_options }).lost).toEqual([
        "tools[].search_context_size",
      ]);
    });
  });

  test("at Gemini only where no function stands beside it", () => {
    const tools = [
      ...(ASKED["anthropic-messages"]["tools"] as JsonObject[]),
      { name: "f", input_schema: { type: "object", properties: {} } },
    ];
    const { sent, lost } = send("anthropic-messages", "gemini", { tools });
    expect(JSON.stringify(sent)).not.toContain("googleSearch");
    expect(lost).toEqual(["web_search"]);
  });

  test("with one of two lists of domains, as Anthropic takes one", () => {
    const tools = [{ type: "web_search", filters: { ...there, blocked_domains: ["b.example"] } }];
    expect(send("openai-responses", "anthropic-messages", { tools }).sent["tools"]).toEqual([
      { ...anthropic, ...there },
    ]);
  });
});

describe("sources that come with a part of the text are said to be of that part", () => {
  const cited = (text: string) => ({
    type: "text",
    text,
    citations: [
      {
        type: "web_search_result_location",
        url: "https://a.example/",
        title: "A",
        cited_text: "x",
        encrypted_index: "e",
      },
    ],
  });
  const content = [{ type: "text", text: "As " }, cited("known"), { type: "text", text: ", or " }, cited("not.")];
  const spans = (annotations: unknown) =>
    (annotations as JsonObject[]).map((annotation) => {
      const fields = (annotation["url_citation"] ?? annotation) as JsonObject;
      return [fields["start_index"], fields["end_index"]];
    });

  test("places inside a part are counted from the start of the whole text, where that is all there is", () => {
    const citation = { type: "url_citation", url: "https://a.example/", title: "A", start_index: 1, end_index: 3 };
    const output = [
      { type: "message", content: [{ type: "output_text", text: "Look. ", annotations: [] }] },
      { type: "message", content: [{ type: "output_text", text: "A fox.", annotations: [citation] }] },
    ];
    const response = CODECS["openai-responses"].egress.decodeResponse({ status: "completed", output });
    const chat = CODECS["openai-chat"].ingress.encodeResponse(response, contextOf());
    expect(spans(dig(chat, "choices", 0, "message", "annotations"))).toEqual([[7, 9]]);
    const responses = CODECS["openai-responses"].ingress.encodeResponse(response, contextOf());
    expect(spans(dig(responses, "output", 1, "content", 0, "annotations"))).toEqual([[1, 3]]);
  });

  test("in a whole answer", () => {
    const response = CODECS["anthropic-messages"].egress.decodeResponse({ content, stop_reason: "end_turn" });
    const chat = CODECS["openai-chat"].ingress.encodeResponse(response, contextOf());
    expect(dig(chat, "choices", 0, "message", "content")).toBe("As known, or not.");
    expect(spans(dig(chat, "choices", 0, "message", "annotations"))).toEqual([
      [3, 8],
      [13, 17],
    ]);
    const responses = CODECS["openai-responses"].ingress.encodeResponse(response, contextOf());
    expect(spans(dig(responses, "output", 0, "content", 1, "annotations"))).toEqual([[0, 5]]);
  });

  describe("to Gemini", () => {
    const words = [{ type: "text", text: "Größer: " }, cited("Rom"), { type: "text", text: " und " }, cited("Köln.")];
    const response = CODECS["anthropic-messages"].egress.decodeResponse({ content: words, stop_reason: "end_turn" });
    const grounding = {
      groundingChunks: [{ web: { uri: "https://a.example/", title: "A" } }],
      groundingSupports: [
        { segment: { startIndex: 10, endIndex: 13, text: "Rom" }, groundingChunkIndices: [0] },
        { segment: { startIndex: 18, endIndex: 24, text: "Köln." }, groundingChunkIndices: [0] },
      ],
    };

    test("the words are named by their bytes in all that was said, whole and at a stream's end", () => {
      const whole = CODECS.gemini.ingress.encodeResponse(response, contextOf());
      expect(dig(whole, "candidates", 0, "groundingMetadata")).toEqual(grounding);
      const frames = writeEvents("gemini", replay(response));
      const told = frames.map(({ data }) => dig(JSON.parse(data), "candidates", 0, "groundingMetadata"));
      expect(told.filter((each) => each !== undefined)).toEqual([grounding]);
      expect(told.at(-1)).toEqual(grounding);
    });

    test("several pages of the same words stand together, and each page once", () => {
      const page = (name: string, start: number) => ({
        ...{ type: "url_citation", url: `https://${name}.example/`, title: name, start_index: start, end_index: 3 },
      });
      const annotations = [page("a", 0), page("b", 0), page("b", 0), page("a", 2)];
      const output = [{ type: "message", content: [{ type: "output_text", text: "Yes.", annotations }] }];
      const told = CODECS["openai-responses"].egress.decodeResponse({ status: "completed", output });
      const written = CODECS.gemini.ingress.encodeResponse(told, contextOf());
      expect(dig(written, "candidates", 0, "groundingMetadata")).toEqual({
        groundingChunks: [
          { web: { uri: "https://a.example/", title: "a" } },
          { web: { uri: "https://b.example/", title: "b" } },
        ],
        groundingSupports: [
          { segment: { startIndex: 0, endIndex: 3, text: "Yes" }, groundingChunkIndices: [0, 1] },
          { segment: { startIndex: 2, endIndex: 3, text: "s" }, groundingChunkIndices: [0] },
        ],
      });
    });
  });

  describe("from Gemini", () => {
    const text = "Größer: Rom. Kleiner: Bern.";
    const at = (words: string): JsonObject => {
      const startIndex = Buffer.from(text.slice(0, text.indexOf(words))).length;
      return {
        ...(startIndex === 0 ? {} : { startIndex }),
        endIndex: startIndex + Buffer.from(words).length,
        text: words,
      };
    };
    const page = (name: string): JsonObject => ({ web: { uri: `https://${name}.example/`, title: name } });
    const answer = (supports: JsonObject[], parts: JsonObject[] = [{ text }]) => ({
      candidates: [
        {
          content: { role: "model", parts },
          finishReason: "STOP",
          groundingMetadata: {
            groundingChunks: [page("a"), page("b"), page("c")],
            groundingSupports: supports,
          },
        },
      ],
    });
    const supports = [
      { segment: at("Größer: Rom."), groundingChunkIndices: [0] },
      { segment: at("Kleiner: Bern."), groundingChunkIndices: [0, 1] },
    ];
    const annotationsOf = (body: JsonObject) => {
      const chat = CODECS["openai-chat"].ingress.encodeResponse(CODECS.gemini.egress.decodeResponse(body), contextOf());
      const annotations = (dig(chat, "choices", 0, "message", "annotations") ?? []) as JsonObject[];
      return annotations.map((each) => [dig(each, "url_citation", "title"), ...spans([each])[0]!]);
    };

    test("it is the words that are named, wherever bytes are more than characters", () => {
      expect(annotationsOf(answer(supports))).toEqual([
        ["a", 0, 12],
        ["a", 13, 27],
        ["b", 13, 27],
        ["c", 0, 27],
      ]);
    });

    test("while it streams, each is told once", () => {
      const [first, second] = [text.slice(0, 9), text.slice(9)];
      const whole = answer(supports, [{ text: second }]);
      const frames = framesOfText(
        [{ candidates: [{ content: { parts: [{ text: first }] } }] }, whole, answer(supports, [])]
          .map((chunk) => `data: ${JSON.stringify(chunk)}\r\n\r\n`)
          .join(""),
      );
      const { parts } = collect(eventsOf("gemini", frames));
      const [said] = parts.flatMap((part) => (part.type === "text" ? [part] : []));
      expect(said!.annotations!.map(({ title, startIndex, endIndex }) => [title, startIndex, endIndex])).toEqual([
        ["a", 0, 12],
        ["a", 13, 27],
        ["b", 13, 27],
        ["c", undefined, undefined],
      ]);
    });

    test.each([
      ["words that stand elsewhere", answer([{ segment: { endIndex: 3, text: "no" }, groundingChunkIndices: [0] }])],
      ["words of more than one text", answer(supports, [{ text }, { text: "hm", thought: true }, { text: "More." }])],
    ])("%s are not guessed at: the pages are those of the text", (_name, body) => {
      const starts = annotationsOf(body).map(([title]) => title);
      expect(starts).toEqual(["a", "b", "c"]);
    });
  });

  test("while it streams", () => {
    const blocks = content.flatMap((block, index) => [
      { type: "content_block_start", index, content_block: { type: "text", text: "" } },
      { type: "content_block_delta", index, delta: { type: "text_delta", text: block.text } },
      ...("citations" in block
        ? [{ type: "content_block_delta", index, delta: { type: "citations_delta", citation: block.citations[0]! } }]
        : []),
      { type: "content_block_stop", index },
    ]);
    const events = eventsOf(
      "anthropic-messages",
      framesOfText(
        namedEvents(
          { type: "message_start", message: {} },
          ...blocks,
          { type: "message_delta", delta: { stop_reason: "end_turn" } },
          { type: "message_stop" },
        ),
      ),
    );
    const deltas = framesOfText(textOfFrames(writeEvents("openai-chat", events)))
      .filter(({ data }) => data !== "[DONE]")
      .map(({ data }) => dig(JSON.parse(data), "choices", 0, "delta", "annotations"));
    expect(spans(deltas.filter((annotations) => annotations !== undefined).flat())).toEqual([
      [3, 8],
      [13, 17],
    ]);
  });
});
