/** E38: thought signatures find their way home through clients of every dialect, and nobody else's reach Gemini. */
import { describe, expect, test } from "bun:test";
import { OWN_SIGNATURE_MARK, SIGNATURE_STAND_IN } from "../../../src/codec/gemini/signatures.ts";
import type { GeminiTraits } from "../../../src/codec/gemini/wire.ts";
import type { ChatEvent, JsonObject } from "../../../src/contract/chat.ts";
import {
  CODECS,
  chunks,
  contextOf,
  type Dialect,
  dig,
  eventsOf,
  framesOfText,
  targetOf,
  writeEvents,
} from "../support.ts";

const SIGNATURE = "c2lnbmF0dXJl";
const thought = { text: "Hm.", thought: true };
const call = { functionCall: { name: "f", args: { x: 1 } }, thoughtSignature: SIGNATURE };
const second = { functionCall: { name: "g", args: {} } };

function answer(...parts: JsonObject[]): JsonObject {
  return {
    candidates: [{ content: { role: "model", parts }, finishReason: "STOP", index: 0 }],
    modelVersion: "up",
    responseId: "r",
  };
}

/** The answer as this client gets it, whole. */
function whole(dialect: Dialect, body: JsonObject, from: Dialect = "gemini"): JsonObject {
  return CODECS[dialect].ingress.encodeResponse(CODECS[from].egress.decodeResponse(body), contextOf());
}

/** The same streamed, put together as a client of that dialect does. */
function streamed(dialect: Dialect, events: readonly ChatEvent[]): JsonObject {
  const bodies = writeEvents(dialect, events)
    .filter(({ data }) => data !== "[DONE]")
    .map(({ data }) => JSON.parse(data));
  if (dialect === "gemini") return answer(...bodies.flatMap((body) => body.candidates[0]?.content?.parts ?? []));
  if (dialect === "openai-chat") {
    const message: JsonObject = { role: "assistant", content: "" };
    const calls: JsonObject[] = [];
    for (const { delta } of bodies.flatMap((body) => body.choices)) {
      message["content"] += delta.content ?? "";
      if (delta.reasoning_content)
        message["reasoning_content"] = `${message["reasoning_content"] ?? ""}${delta.reasoning_content}`;
      if (delta.reasoning_details)
        message["reasoning_details"] = [
          ...((message["reasoning_details"] ?? []) as JsonObject[]),
          ...delta.reasoning_details,
        ];
      for (const { index, function: definition, ...rest } of delta.tool_calls ?? []) {
        const before = (calls[index] ??= { function: { name: "", arguments: "" } });
        const sum = before["function"] as { name: string; arguments: string };
        sum.name += definition?.name ?? "";
        sum.arguments += definition?.arguments ?? "";
        Object.assign(before, rest);
      }
    }
    return { choices: [{ message: { ...message, tool_calls: calls } }] };
  }
  const content: JsonObject[] = [];
  for (const body of bodies) {
    if (body.type === "content_block_start") content[body.index] = { ...body.content_block };
    const block = content[body.index] as Record<string, string & JsonObject>;
    if (body.delta?.type === "thinking_delta") block["thinking"] += body.delta.thinking;
    if (body.delta?.type === "signature_delta") block["signature"] = body.delta.signature;
    if (body.delta?.type === "input_json_delta") block["input"] = JSON.parse(body.delta.partial_json);
    if (body.delta?.type === "text_delta") block["text"] += body.delta.text;
  }
  return { content };
}

/** What a client of this dialect sends next, having kept the answer as it got it. */
function nextRequest(dialect: Dialect, body: JsonObject): JsonObject {
  if (dialect === "openai-chat") {
    const message = dig(body, "choices", 0, "message") as JsonObject;
    const results = (message["tool_calls"] as JsonObject[]).map(({ id }) => ({
      role: "tool",
      tool_call_id: id ?? "",
      content: "ok",
    }));
    return { model: "m", messages: [{ role: "user", content: "Hi" }, message, ...results] };
  }
  if (dialect === "anthropic-messages") {
    const content = body["content"] as JsonObject[];
    const results = content
      .filter(({ type }) => type === "tool_use")
      .map(({ id }) => ({ type: "tool_result", tool_use_id: id ?? "", content: "ok" }));
    return {
      model: "m",
      max_tokens: 100,
      messages: [
        { role: "user", content: "Hi" },
        { role: "assistant", content },
        { role: "user", content: results },
      ],
    };
  }
  const content = dig(body, "candidates", 0, "content") as JsonObject;
  const names = (content["parts"] as JsonObject[]).flatMap(
    (part) => (dig(part, "functionCall", "name") as string | undefined) ?? [],
  );
  return {
    contents: [
      { role: "user", parts: [{ text: "Hi" }] },
      { ...content, role: "model" },
      { role: "user", parts: names.map((name) => ({ functionResponse: { name, response: { output: "ok" } } })) },
    ],
  };
}

function send(body: JsonObject, from: Dialect, to: Dialect = "gemini", traits: GeminiTraits = {}) {
  const target = targetOf(traits);
  const sent = CODECS[to].egress.encodeRequest(CODECS[from].ingress.decodeRequest(body, { model: "m" }), target);
  return { sent, lost: target.lost };
}

const modelParts = (sent: JsonObject) => dig(sent, "contents", 1, "parts") as JsonObject[];

describe("from Gemini through a client and back to Gemini", () => {
  const clients: readonly Dialect[] = ["openai-chat", "anthropic-messages", "gemini"];
  const answers: readonly [name: string, parts: JsonObject[]][] = [
    ["a call alone", [call]],
    ["parallel calls, of which the first is signed", [call, second]],
    ["a call behind a thought", [thought, call, second]],
    ["a call behind words", [{ text: "Let me see." }, call]],
    ["two signed calls", [call, { ...second, thoughtSignature: "b3RoZXI=" }]],
  ];
  for (const client of clients) {
    for (const [name, parts] of answers) {
      const expected = parts.filter((part) => "functionCall" in part);
      const check = (body: JsonObject) => {
        const { sent, lost } = send(nextRequest(client, body), client);
        const calls = modelParts(sent).filter((part) => "functionCall" in part);
        expect(calls).toEqual(expected);
        expect(JSON.stringify(sent)).not.toContain("monorelay");
        expect(JSON.stringify(sent)).not.toContain(OWN_SIGNATURE_MARK);
        expect(lost).toEqual([]);
      };

      test(`${name}, to a client of ${client}`, () => check(whole(client, answer(...parts))));

      test(`${name}, streamed to a client of ${client}`, () => {
        const text = parts
          .map((part) => chunks({ ...answer(part), candidates: [{ content: { parts: [part] } }] }))
          .join("");
        const end = chunks({ candidates: [{ finishReason: "STOP" }] });
        check(streamed(client, eventsOf("gemini", framesOfText(text + end))));
      });
    }
  }

  test("the ids of calls carry nothing", () => {
    for (const client of ["openai-chat", "anthropic-messages"] as const) {
      const ids = JSON.stringify(whole(client, answer(call))).match(/"id":"[^"]*"/g) ?? [];
      for (const id of ids) expect(id).not.toContain(SIGNATURE);
    }
  });

  test("a chat client finds the signature where Google's own endpoint puts it", () => {
    expect(dig(whole("openai-chat", answer(call)), "choices", 0, "message", "tool_calls", 0, "extra_content")).toEqual({
      google: { thought_signature: SIGNATURE },
    });
  });

  test("every piece of a streamed call has the call's own object, also the one that brings the signature", () => {
    const text = `data: ${JSON.stringify({ candidates: [{ content: { parts: [call] }, finishReason: "STOP" }] })}\n\n`;
    const pieces = writeEvents("openai-chat", eventsOf("gemini", framesOfText(text)))
      .filter(({ data }) => data.includes("tool_calls") && data.includes("index"))
      .flatMap(({ data }) => (dig(JSON.parse(data), "choices", 0, "delta", "tool_calls") ?? []) as JsonObject[]);
    expect(pieces.some((piece) => piece["extra_content"] !== undefined)).toBe(true);
    for (const piece of pieces) expect(typeof dig(piece, "function", "arguments")).toBe("string");
  });

  test("a chat client that keeps only reasoning_details, or only extra_content, returns enough", () => {
    const message = dig(whole("openai-chat", answer(call)), "choices", 0, "message") as JsonObject;
    const calls = message["tool_calls"] as JsonObject[];
    const { extra_content: _extra, ...bare } = calls[0]!;
    const { reasoning_details: _details, ...rest } = message;
    for (const kept of [{ ...message, tool_calls: [bare] }, rest]) {
      const { sent } = send(nextRequest("openai-chat", { choices: [{ message: kept }] }), "openai-chat");
      expect(modelParts(sent)).toEqual([call]);
    }
  });

  test("the signature of a text stays with it for a Gemini client, also when it came behind it", () => {
    const text = chunks(
      { candidates: [{ content: { parts: [{ text: "Hi" }] } }], modelVersion: "up", responseId: "r" },
      { candidates: [{ content: { parts: [{ text: "", thoughtSignature: SIGNATURE }] }, finishReason: "STOP" }] },
    );
    const events = eventsOf("gemini", framesOfText(text));
    expect(events).toContainEqual({
      type: "part-end",
      index: 0,
      tail: { signature: { origin: "gemini", value: SIGNATURE } },
    });
    const parts = dig(streamed("gemini", events), "candidates", 0, "content", "parts");
    expect(parts).toEqual([{ text: "Hi" }, { text: "", thoughtSignature: SIGNATURE }]);
  });
});

describe("a call without a signature", () => {
  const calls = (...names: string[]): JsonObject => ({
    role: "assistant",
    content: null,
    tool_calls: names.map((name) => ({ id: name, type: "function", function: { name, arguments: "{}" } })),
  });
  const results = (...names: string[]) => names.map((id) => ({ role: "tool", tool_call_id: id, content: "ok" }));
  const body = {
    model: "m",
    messages: [{ role: "user", content: "Hi" }, calls("f", "g"), ...results("f", "g"), calls("h"), ...results("h")],
  };
  const signaturesOf = (sent: JsonObject) =>
    (sent["contents"] as JsonObject[]).flatMap(({ parts }) =>
      (parts as JsonObject[]).filter((part) => "functionCall" in part).map((part) => part["thoughtSignature"]),
    );

  test("gets Google's stand-in if it is the first of its step, so that a model that checks lets it pass", () => {
    for (const traits of [{}, { thinking: "adaptive" }] as const) {
      expect(signaturesOf(send(body, "openai-chat", "gemini", traits).sent)).toEqual([
        SIGNATURE_STAND_IN,
        undefined,
        SIGNATURE_STAND_IN,
      ]);
    }
  });

  test("gets none where nobody checks", () => {
    for (const thinking of ["budget", "none"] as const) {
      expect(JSON.stringify(send(body, "openai-chat", "gemini", { thinking }).sent)).not.toContain("thoughtSignature");
    }
  });

  test("written by a Gemini client itself is left as it is", () => {
    const contents = [{ role: "model", parts: [second] }];
    expect(send({ contents }, "gemini", "gemini", { thinking: "adaptive" }).sent).toEqual({ contents });
  });
});

describe("what another model made, through a Gemini client", () => {
  const anthropic = {
    id: "1",
    model: "up",
    content: [
      { type: "thinking", thinking: "Three and four.", signature: "YW50aHJvcGlj" },
      { type: "redacted_thinking", data: "aGlkZGVu" },
      { type: "tool_use", id: "toolu_1", name: "f", input: {} },
    ],
    stop_reason: "tool_use",
    usage: { input_tokens: 1, output_tokens: 1 },
  };
  const stream = (): ChatEvent[] => {
    const base = { type: "reasoning" } as const;
    const signature = { origin: "anthropic-messages", value: "YW50aHJvcGlj" };
    return [
      { type: "response-start", id: "1", model: "up" },
      { type: "part-start", index: 0, head: base },
      { type: "part-delta", index: 0, delta: "Three " },
      { type: "part-delta", index: 0, delta: "and four." },
      { type: "part-end", index: 0, tail: { signature } },
      { type: "part-start", index: 1, head: base },
      { type: "part-end", index: 1, tail: { redacted: true, signature: { ...signature, value: "aGlkZGVu" } } },
      { type: "part-start", index: 2, head: { type: "tool-call", id: "toolu_1", name: "f" } },
      { type: "part-end", index: 2 },
      { type: "response-end", finish: { reason: "tool-calls" }, usage: {} },
    ];
  };
  const got: readonly [name: string, body: () => JsonObject][] = [
    ["whole", () => whole("gemini", anthropic, "anthropic-messages")],
    ["streamed", () => streamed("gemini", stream())],
  ];
  for (const [name, body] of got) {
    test(`${name}: its thinking returns to its maker unchanged`, () => {
      const { sent } = send(nextRequest("gemini", body()), "gemini", "anthropic-messages");
      expect(dig(sent, "messages", 1, "content")).toEqual(anthropic.content as never);
    });

    test(`${name}: every signature is base64, which clients decode, and carries our mark`, () => {
      const signatures = JSON.stringify(body()).match(/"thoughtSignature":"[^"]*"/g) ?? [];
      expect(signatures).toHaveLength(3);
      for (const signature of signatures) {
        const value = signature.slice('"thoughtSignature":"'.length, -1);
        expect(value).toStartWith(OWN_SIGNATURE_MARK);
        expect(value).toMatch(/^[A-Za-z0-9+/]+={0,2}$/);
        expect(value.length % 4).toBe(0);
      }
    });

    test(`${name}: none of it reaches Gemini, and its calls get the stand-in`, () => {
      const { sent, lost } = send(nextRequest("gemini", body()), "gemini", "gemini", { thinking: "adaptive" });
      expect(JSON.stringify(sent)).not.toContain(OWN_SIGNATURE_MARK);
      expect(JSON.stringify(sent)).not.toContain("YW50aHJvcGlj");
      const parts = modelParts(sent);
      expect(parts.at(-1)).toMatchObject({ functionCall: { name: "f" }, thoughtSignature: SIGNATURE_STAND_IN });
      expect(lost).toEqual(["reasoning"]);
    });
  }

  test("also when the client has written the bytes anew in the other alphabet", () => {
    const body = JSON.parse(
      JSON.stringify(got[0]![1]()).replace(
        /("thoughtSignature":")([^"]*)/g,
        (_all, key, value) => key + Buffer.from(value, "base64").toString("base64url"),
      ),
    );
    const { sent } = send(nextRequest("gemini", body), "gemini", "anthropic-messages");
    expect(dig(sent, "messages", 1, "content")).toEqual(anthropic.content as never);
  });

  test("E40: reasoning nobody signed needs no wrapping, and goes to nobody who checks", () => {
    const chat = { choices: [{ message: { content: "Hi", reasoning_content: "Hm." }, finish_reason: "stop" }] };
    const body = whole("gemini", chat, "openai-chat");
    expect(dig(body, "candidates", 0, "content", "parts", 0)).toEqual({ text: "Hm.", thought: true });
    const { sent, lost } = send(nextRequest("gemini", body), "gemini", "anthropic-messages");
    expect(JSON.stringify(sent)).not.toContain("Hm.");
    expect(lost).toEqual(["reasoning"]);
  });

  test("a call of an OpenAI model is marked, so that Gemini can be told later that it did not make it", () => {
    const chat = {
      choices: [
        {
          message: {
            tool_calls: [
              { id: "call_1", type: "function", function: { name: "f", arguments: "{}" } },
              { id: "call_2", type: "function", function: { name: "g", arguments: "{}" } },
            ],
          },
          finish_reason: "tool_calls",
        },
      ],
    };
    const parts = dig(whole("gemini", chat, "openai-chat"), "candidates", 0, "content", "parts") as JsonObject[];
    expect(String(parts[0]?.["thoughtSignature"])).toStartWith(OWN_SIGNATURE_MARK);
    expect(parts[1]).not.toHaveProperty("thoughtSignature");
    const { sent } = send(nextRequest("gemini", whole("gemini", chat, "openai-chat")), "gemini", "gemini", {
      thinking: "adaptive",
    });
    expect(modelParts(sent).map((part) => part["thoughtSignature"])).toEqual([SIGNATURE_STAND_IN, undefined]);
  });
});
