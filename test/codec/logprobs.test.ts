/** How likely each token was: asked for and told in the words of each dialect that has them, whole and streamed. */
import { describe, expect, test } from "bun:test";
import { cohere } from "../../src/codec/cohere/index.ts";
import { collect, replay } from "../../src/codec/fold.ts";
import { ollama } from "../../src/codec/ollama/index.ts";
import { stopReader } from "../../src/codec/stop-reader.ts";
import type { ChatEvent, ChatResponse, JsonObject, TokenLogprob } from "../../src/contract/chat.ts";
import type { Codec } from "../../src/contract/codec.ts";
import { CODECS, contextOf, type Dialect, delta, dig, eventProblems, targetOf, writeEvents } from "./support.ts";

const UPSTREAMS: Readonly<Record<string, Codec>> = { ...CODECS, ollama, cohere };

const ASKED: Record<Exclude<Dialect, "anthropic-messages">, (top?: number) => JsonObject> = {
  "openai-chat": (top) => ({
    model: "m",
    messages: [{ role: "user", content: "Hi" }],
    logprobs: true,
    ...(top === undefined ? {} : { top_logprobs: top }),
  }),
  "openai-responses": (top) => ({
    model: "m",
    input: "Hi",
    include: ["message.output_text.logprobs"],
    ...(top === undefined ? {} : { top_logprobs: top }),
  }),
  gemini: (top) => ({
    contents: [{ role: "user", parts: [{ text: "Hi" }] }],
    generationConfig: { responseLogprobs: true, ...(top === undefined ? {} : { logprobs: top }) },
  }),
};
const CLIENTS = Object.keys(ASKED) as (keyof typeof ASKED)[];

function send(from: keyof typeof ASKED, to: string, body: JsonObject) {
  const target = targetOf();
  const request = CODECS[from].ingress.decodeRequest(body, { model: "m" });
  return { sent: UPSTREAMS[to]!.egress!.encodeRequest(request, target), lost: target.lost };
}

describe("the request", () => {
  const cases: [to: string, alone: JsonObject, withTops: JsonObject, lost: string[]][] = [
    ["openai-chat", { logprobs: true }, { logprobs: true, top_logprobs: 3 }, []],
    [
      "openai-responses",
      { include: ["message.output_text.logprobs"] },
      { include: ["message.output_text.logprobs"], top_logprobs: 3 },
      [],
    ],
    [
      "gemini",
      { generationConfig: { responseLogprobs: true } },
      { generationConfig: { responseLogprobs: true, logprobs: 3 } },
      [],
    ],
    ["ollama", { logprobs: true }, { logprobs: true, top_logprobs: 3 }, []],
    ["cohere", { logprobs: true }, { logprobs: true }, ["top_logprobs"]],
    ["anthropic-messages", {}, {}, ["logprobs", "top_logprobs"]],
  ];
  const fieldsOf = (sent: JsonObject) =>
    Object.fromEntries(
      ["logprobs", "top_logprobs", "include", "generationConfig"].flatMap((name) =>
        sent[name] === undefined ? [] : [[name, sent[name]]],
      ),
    );
  for (const from of CLIENTS) {
    for (const [to, alone, withTops, lost] of cases) {
      test(`of ${from} asks ${to} in its own words`, () => {
        expect(fieldsOf(send(from, to, ASKED[from]()).sent)).toEqual(alone);
        const tops = send(from, to, ASKED[from](3));
        expect(fieldsOf(tops.sent)).toEqual(withTops);
        expect(tops.lost.toSorted()).toEqual(lost);
      });
    }
  }

  test("for likely tokens without the tokens themselves asks for nothing, and says so", () => {
    const { sent, lost } = send("openai-responses", "openai-chat", { model: "m", input: "Hi", top_logprobs: 2 });
    expect(sent).not.toHaveProperty("top_logprobs");
    expect(lost).toEqual(["top_logprobs"]);
  });

  test("a model that thinks is not asked by those who know that it would refuse", () => {
    const target = targetOf({ thinking: "adaptive", sampling: "unless-thinking" });
    const body = { ...ASKED["openai-chat"](2), reasoning_effort: "high" };
    const sent = CODECS["openai-responses"].egress.encodeRequest(
      CODECS["openai-chat"].ingress.decodeRequest(body),
      target,
    );
    expect(sent["include"]).toEqual(["reasoning.encrypted_content"]);
    expect(sent).not.toHaveProperty("top_logprobs");
    expect(target.lost.toSorted()).toEqual(["logprobs", "top_logprobs"]);
  });
});

/** The answer "Hi €" of three tokens, of which the second is a piece of a character. */
const TOKENS = [
  { token: "Hi", logprob: -0.25, bytes: [72, 105] },
  { token: "\\xe2\\x82", logprob: -0.5, bytes: [226, 130] },
  { token: "\\xac", logprob: -0.125, bytes: [172] },
];
const TOP = { token: "Ho", logprob: -1.5, bytes: [72, 111] };
const openAi = (index: number, tops = true) => ({
  ...TOKENS[index]!,
  top_logprobs: tops && index === 0 ? [{ ...TOKENS[0]! }, { ...TOP }] : [],
});
const google = (index: number) => ({
  token: TOKENS[index]!.token,
  tokenId: index,
  logProbability: TOKENS[index]!.logprob,
});
const googleStep = (from: number, to: number): JsonObject => {
  const steps = [0, 1, 2].slice(from, to);
  return {
    logprobsResult: {
      topCandidates: steps.map((index) => ({
        candidates: index === 0 ? [google(0), { token: "Ho", tokenId: 9, logProbability: -1.5 }] : [],
      })),
      chosenCandidates: steps.map(google),
    },
  };
};

const ITEM = { item_id: "msg_1", output_index: 0, content_index: 0 };
const responsesEnd = (logprobs: JsonObject[]) => ({
  id: "r",
  object: "response",
  status: "completed",
  model: "m",
  output: [
    {
      id: "msg_1",
      type: "message",
      role: "assistant",
      content: [{ type: "output_text", text: "Hi€", annotations: [], logprobs }],
    },
  ],
});

interface Answer {
  readonly whole: JsonObject;
  readonly stream: readonly JsonObject[];
  /** Says nothing of bytes or of the tokens that were not chosen. */
  readonly isBare?: true;
}

const ANSWERS: Readonly<Record<string, Answer>> = {
  "openai-chat": {
    whole: {
      id: "c",
      model: "m",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: "Hi€" },
          logprobs: { content: [openAi(0), openAi(1), openAi(2)], refusal: null },
          finish_reason: "stop",
        },
      ],
    },
    stream: [
      delta({ role: "assistant", content: "" }),
      chunk("Hi", openAi(0)),
      chunk("", openAi(1)),
      chunk("€", openAi(2)),
      delta({}, "stop"),
    ],
  },
  "openai-responses": {
    whole: responsesEnd([openAi(0), openAi(1), openAi(2)]),
    stream: [
      { type: "response.created", response: { id: "r", model: "m" } },
      { type: "response.output_item.added", output_index: 0, item: { id: "msg_1", type: "message" } },
      { type: "response.output_text.delta", ...ITEM, delta: "Hi", logprobs: [openAi(0)] },
      { type: "response.output_text.delta", ...ITEM, delta: "", logprobs: [openAi(1)] },
      { type: "response.output_text.delta", ...ITEM, delta: "€", logprobs: [openAi(2)] },
      { type: "response.output_text.done", ...ITEM, text: "Hi€", logprobs: [openAi(0), openAi(1), openAi(2)] },
      {
        type: "response.content_part.done",
        ...ITEM,
        part: { type: "output_text", text: "Hi€", annotations: [], logprobs: [openAi(0), openAi(1), openAi(2)] },
      },
      { type: "response.completed", response: responsesEnd([openAi(0), openAi(1), openAi(2)]) },
    ],
  },
  gemini: {
    whole: {
      candidates: [
        {
          content: { role: "model", parts: [{ text: "Hi€" }] },
          finishReason: "STOP",
          ...googleStep(0, 3),
          avgLogprobs: -0.3,
        },
      ],
    },
    stream: [
      { candidates: [{ content: { role: "model", parts: [{ text: "Hi" }] }, ...googleStep(0, 2) }] },
      {
        candidates: [{ content: { role: "model", parts: [{ text: "€" }] }, finishReason: "STOP", ...googleStep(2, 3) }],
      },
    ],
  },
  ollama: {
    whole: {
      model: "m",
      message: { role: "assistant", content: "Hi€" },
      done: true,
      logprobs: [openAi(0), openAi(1), openAi(2)],
    },
    stream: [
      {
        model: "m",
        message: { role: "assistant", thinking: "Hm" },
        done: false,
        logprobs: [{ token: "Hm", logprob: -9 }],
      },
      { model: "m", message: { role: "assistant", content: "Hi" }, done: false, logprobs: [openAi(0), openAi(1)] },
      { model: "m", message: { role: "assistant", content: "€" }, done: false, logprobs: [openAi(2)] },
      { model: "m", message: { role: "assistant", content: "" }, done: true },
    ],
  },
  cohere: {
    isBare: true,
    whole: {
      id: "c",
      finish_reason: "COMPLETE",
      message: { role: "assistant", content: [{ type: "text", text: "Hi€" }] },
      logprobs: [
        { token_ids: [1], text: "Hi", logprobs: [-0.25] },
        { token_ids: [2, 3], text: "€", logprobs: [-0.5, -0.125] },
      ],
    },
    stream: [
      { type: "message-start", id: "c" },
      { type: "content-start", index: 0, delta: { message: { content: { type: "text", text: "" } } } },
      cohereDelta("Hi", [-0.25]),
      cohereDelta("€", [-0.5, -0.125]),
      { type: "content-end", index: 0 },
      { type: "message-end", delta: { finish_reason: "COMPLETE" } },
    ],
  },
};

function chunk(content: string, entry: JsonObject): JsonObject {
  const [choice] = delta({ content })["choices"] as JsonObject[];
  return { ...delta({}), choices: [{ ...choice, logprobs: { content: [entry], refusal: null } }] };
}

function cohereDelta(text: string, logprobs: number[]): JsonObject {
  return { type: "content-delta", index: 0, delta: { message: { content: { text } } }, logprobs: { text, logprobs } };
}

function decoded(upstream: string, isStream: boolean): ChatEvent[] {
  const { egress } = UPSTREAMS[upstream]!;
  if (!isStream) return replay(egress!.decodeResponse(structuredClone(ANSWERS[upstream]!.whole)));
  const read = egress!.streamDecoder();
  const frames = ANSWERS[upstream]!.stream.map((value) => ({ data: JSON.stringify(value) }));
  return [...frames.flatMap((frame) => read(frame)), ...read(null)];
}

function tokensOf(response: ChatResponse): TokenLogprob[] {
  return response.parts.flatMap((part) => (part.type === "text" ? (part.logprobs ?? []) : []));
}

/** Everything a client of the dialect reads about tokens, in one form. */
const READERS: Record<keyof typeof ASKED, (body: JsonObject) => JsonObject[]> = {
  "openai-chat": (body) => (dig(body, "choices", 0, "logprobs", "content") as JsonObject[] | null | undefined) ?? [],
  "openai-responses": (body) =>
    (body["output"] as JsonObject[]).flatMap((item) =>
      item["type"] === "message" ? (dig(item, "content", 0, "logprobs") as JsonObject[]) : [],
    ),
  gemini: (body) => {
    const result = (dig(body, "candidates", 0, "logprobsResult") ?? {}) as JsonObject;
    const tops = result["topCandidates"] as JsonObject[] | undefined;
    return ((result["chosenCandidates"] ?? []) as JsonObject[]).map((entry, step) => ({
      token: entry["token"]!,
      logprob: entry["logProbability"]!,
      tops: ((tops?.[step]?.["candidates"] ?? []) as JsonObject[]).map(({ token, logProbability }) => [
        token!,
        logProbability!,
      ]),
    }));
  },
};

/** Bytes as they were told, or else of the token's text. */
function expectedFor(client: keyof typeof ASKED, upstream: string): JsonObject[] {
  const utf8 = (text: string) => [...new TextEncoder().encode(text)];
  const isBare = ANSWERS[upstream]!.isBare === true;
  const hasBytes = upstream !== "gemini" && !isBare;
  const tokens: JsonObject[] = isBare
    ? [
        { token: "Hi", logprob: -0.25 },
        { token: "€", logprob: -0.625 },
      ]
    : TOKENS.map(({ token, logprob, bytes }) => ({ token, logprob, ...(hasBytes ? { bytes } : {}) }));
  return tokens.map((entry, index) => {
    const tops = isBare || index > 0 ? [] : [tokens[0]!, { token: "Ho", logprob: -1.5 }];
    if (client === "gemini") {
      const { token, logprob } = entry;
      return { token: token!, logprob: logprob!, tops: tops.map((top) => [top["token"]!, top["logprob"]!]) };
    }
    const full = ({ token, logprob, bytes }: JsonObject): JsonObject => ({
      token: token!,
      logprob: logprob!,
      bytes: bytes ?? utf8(String(token)),
    });
    return { ...full(entry), top_logprobs: tops.map(full) };
  });
}

describe("an upstream that refuses the question", () => {
  test.each([
    ["openai-chat", "gemini"],
    ["openai-responses", "gemini"],
    ["gemini", "openai-chat"],
  ] as const)("is not asked by clients of %s in %s, and that is named", (from, to) => {
    const target = targetOf({ logprobs: false });
    const request = CODECS[from].ingress.decodeRequest(ASKED[from](3), { model: "m" });
    const sent = CODECS[to].egress.encodeRequest(request, target);
    expect(JSON.stringify(sent)).not.toMatch(/logprobs/i);
    expect(target.lost.toSorted()).toEqual(["logprobs", "top_logprobs"]);
  });

  test("is asked by its own clients, who know what they do", () => {
    const request = CODECS.gemini.ingress.decodeRequest(ASKED.gemini(3), { model: "m" });
    const sent = CODECS.gemini.egress.encodeRequest(request, targetOf({ logprobs: false }));
    expect(sent).toMatchObject(ASKED.gemini(3));
  });
});

describe("the answer", () => {
  for (const upstream of Object.keys(ANSWERS)) {
    test(`of ${upstream} is the same whole and streamed, and obeys the grammar`, () => {
      const events = decoded(upstream, true);
      expect(eventProblems(events)).toEqual([]);
      const response = collect(events);
      expect(response.parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("")).toBe("Hi€");
      expect(tokensOf(response)).toEqual(tokensOf(collect(decoded(upstream, false))));
      expect(tokensOf(response)).not.toEqual([]);
    });
    for (const client of CLIENTS) {
      test(`of ${upstream} tells clients of ${client} each token once, whole`, () => {
        const { ingress } = CODECS[client];
        const body = ingress.encodeResponse(collect(decoded(upstream, false)), contextOf());
        expect(READERS[client](body)).toMatchObject(expectedFor(client, upstream));
        expect(READERS[client](body)).toHaveLength(expectedFor(client, upstream).length);
      });

      test(`of ${upstream} tells clients of ${client} each token once, and in its place of the stream`, () => {
        const frames = writeEvents(client, decoded(upstream, true));
        const bodies = frames.flatMap(({ data }) => (data === "[DONE]" ? [] : [JSON.parse(data) as JsonObject]));
        const told =
          client === "openai-responses"
            ? bodies.flatMap(({ type, logprobs }) =>
                type === "response.output_text.delta" ? (logprobs as JsonObject[]) : [],
              )
            : bodies.flatMap(READERS[client]);
        expect(told).toMatchObject(expectedFor(client, upstream));
        expect(told).toHaveLength(expectedFor(client, upstream).length);
        if (client === "openai-responses") {
          const last = bodies.at(-1)!["response"] as JsonObject;
          expect(READERS[client](last)).toMatchObject(expectedFor(client, upstream));
        }
      });
    }

    test(`of ${upstream} leaves clients of anthropic-messages nothing they do not know`, () => {
      for (const isStream of [true, false]) {
        const frames = writeEvents("anthropic-messages", decoded(upstream, isStream));
        expect(JSON.stringify(frames)).not.toContain("logprob");
        expect(frames.some(({ data }) => data.includes('"text":""') && data.includes("text_delta"))).toBe(false);
      }
    });
  }

  test("of Gemini's own clients keeps its numbers of tokens and its mean", () => {
    const body = CODECS.gemini.ingress.encodeResponse(collect(decoded("gemini", false)), contextOf());
    expect(dig(body, "candidates", 0)).toMatchObject({ avgLogprobs: -0.3, ...googleStep(0, 3) });
  });

  test("gives Gemini's clients the mean of all tokens at the end of a stream", () => {
    const frames = writeEvents("gemini", decoded("openai-chat", true));
    const means = frames.map(({ data }) => dig(JSON.parse(data), "candidates", 0, "avgLogprobs"));
    expect(means.filter((mean) => mean !== undefined)).toEqual([-0.875 / 3]);
    expect(means.at(-1)).toBe(-0.875 / 3);
  });
});

describe("chat's own answers", () => {
  const answer = (logprobs: JsonObject, message: JsonObject = { role: "assistant", content: "Hi" }): JsonObject => ({
    id: "c",
    model: "m",
    choices: [{ index: 0, message, logprobs, finish_reason: "stop" }],
  });
  const again = (body: JsonObject) =>
    CODECS["openai-chat"].ingress.encodeResponse(
      CODECS["openai-chat"].egress.decodeResponse(structuredClone(body)),
      contextOf(),
    );
  const entry = { token: "Hi", logprob: -1, bytes: null, top_logprobs: [], token_id: 7 };
  test.each([
    ["entries with a field of the server's own", { content: [entry], refusal: null }],
    ["lists of thoughts", { content: [entry], reasoning_content: [entry] }],
    ["the old form", { tokens: ["Hi"], token_logprobs: [-1], text_offset: [0] }],
    ["empty lists", { content: [], refusal: null }],
    ["a number that is none", { content: [entry, { ...entry, logprob: null }], refusal: null }],
  ] as [string, JsonObject][])("come out as they went in: %s", (_name, logprobs) => {
    expect(dig(again(answer(logprobs)), "choices", 0, "logprobs")).toEqual(logprobs);
  });

  test("tell how likely a refusal was", () => {
    const refused = answer({ content: null, refusal: [entry] }, { role: "assistant", content: null, refusal: "No" });
    expect(dig(again(refused), "choices", 0, "logprobs")).toEqual({ content: null, refusal: [entry] });
    const frames = writeEvents("openai-chat", replay(CODECS["openai-chat"].egress.decodeResponse(refused)));
    expect(frames.map(({ data }) => data).join("\n")).toContain('"refusal":[{"token":"Hi"');
  });

  test("keep tokens of thoughts out of the words of other dialects", () => {
    const read = CODECS["openai-chat"].egress.streamDecoder();
    const thought = delta({ reasoning_content: "Hm" });
    const [choice] = thought["choices"] as JsonObject[];
    const frames = [
      { ...thought, choices: [{ ...choice!, logprobs: { content: [{ ...entry, token: "Hm" }] } }] },
      chunk("Hi", openAi(0)),
      delta({}, "stop"),
    ];
    const events = [...frames.flatMap((value) => read({ data: JSON.stringify(value) })), ...read({ data: "[DONE]" })];
    expect(tokensOf(collect(events)).map(({ token }) => token)).toEqual(["Hi"]);
    const written = writeEvents("openai-chat", events).map(({ data }) => data);
    expect(written.filter((data) => data.includes('"token":"Hm"'))).toHaveLength(1);
  });

  test("keep early tokens for the words they begin, whatever is thought before", () => {
    const read = CODECS["openai-chat"].egress.streamDecoder();
    const frames = [
      chunk("", openAi(0)),
      delta({ reasoning_content: "Hm" }),
      delta({ content: "Hi" }),
      delta({}, "stop"),
    ];
    const events = [...frames.flatMap((value) => read({ data: JSON.stringify(value) })), ...read({ data: "[DONE]" })];
    expect(tokensOf(collect(events)).map(({ token }) => token)).toEqual(["Hi"]);
  });

  test("of which an entry is no number tell nothing of it to others", () => {
    const body = answer({ content: [{ token: "Hi" }, "x", { logprob: -1 }] });
    expect(tokensOf(CODECS["openai-chat"].egress.decodeResponse(body))).toEqual([]);
  });
});

describe("an answer that the relay ends at a stop sequence", () => {
  const events = (): ChatEvent[] => [
    { type: "response-start", id: "r", model: "m" },
    { type: "part-start", index: 0, head: { type: "text" } },
    ...["one", " EN", "D two"].map(
      (text): ChatEvent => ({
        type: "part-delta",
        index: 0,
        delta: text,
        logprobs: [{ token: text, logprob: -1 }],
      }),
    ),
    { type: "part-end", index: 0 },
    { type: "response-end", finish: { reason: "stop" }, usage: {} },
  ];
  const read = (stop: string[]) => {
    const reader = stopReader({ stop })!;
    return collect(events().flatMap((event) => reader.event(event)));
  };

  test("tells no token of what was cut off", () => {
    const streamed = read([" END"]);
    expect(streamed.parts).toEqual([{ type: "text", text: "one", logprobs: [{ token: "one", logprob: -1 }] }]);
    const whole = stopReader({ stop: [" END"] })!.response(collect(events()));
    expect(whole.parts).toEqual(streamed.parts);
  });

  test("tells pieces of characters with the character they make", () => {
    const pieces = [
      { token: "\\xe2\\x82", bytes: [226, 130], logprob: -1 },
      { token: "\\xac", bytes: [172], logprob: -2 },
      { token: " END", bytes: [32, 69, 78, 68], logprob: -3 },
    ];
    const whole = stopReader({ stop: [" END"] })!.response({
      ...{ id: "r", model: "m", finish: { reason: "stop" }, usage: {} },
      parts: [{ type: "text", text: "€ END", logprobs: pieces }],
    });
    expect(tokensOf(whole)).toEqual(pieces.slice(0, 2));
  });

  test("tells all of them when nothing is", () => {
    expect(tokensOf(read(["STOP"])).map(({ token }) => token)).toEqual(["one", " EN", "D two"]);
  });
});
