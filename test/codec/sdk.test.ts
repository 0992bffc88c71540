/** The vendors' own SDKs put our streams together to the same answer that we give whole. */
import { describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { collect, replay } from "../../src/codec/fold.ts";
import type { ChatEvent, ChatResponse, JsonObject } from "../../src/contract/chat.ts";
import { RelayError } from "../../src/contract/errors.ts";
import { sse } from "../../src/wire/sse.ts";
import {
  CODECS,
  contextOf,
  type Dialect,
  dig,
  eventsOf,
  framesOfText,
  readFixtures,
  readRecordings,
  recordingAsCase,
  writeEvents,
} from "./support.ts";

/** A network that always answers with these events; nothing leaves the process. */
function answering(dialect: Dialect, events: readonly ChatEvent[]): typeof fetch {
  const body = sse.encode(writeEvents(dialect, events));
  const answer = async () => new Response(body, { headers: { "content-type": sse.contentType } });
  return answer as unknown as typeof fetch;
}

const openai = (events: readonly ChatEvent[], dialect: Dialect = "openai-chat") =>
  new OpenAI({
    apiKey: "test",
    baseURL: "http://127.0.0.1/v1",
    maxRetries: 0,
    fetch: answering(dialect, events),
  });
const anthropic = (events: readonly ChatEvent[]) =>
  new Anthropic({
    apiKey: "test",
    baseURL: "http://127.0.0.1",
    maxRetries: 0,
    fetch: answering("anthropic-messages", events),
  });
const ASK = { role: "user" as const, content: "x" };

const cases = [...readFixtures(), ...readRecordings().map(recordingAsCase)].flatMap((one): [string, ChatResponse][] => {
  if (one.stream !== undefined) return [[one.name, collect(eventsOf(one.dialect, framesOfText(one.stream)))]];
  if (one.response !== undefined) return [[one.name, CODECS[one.dialect].egress.decodeResponse(one.response)]];
  return [];
});

/** Arguments cut off in the middle are text to one SDK and a broken object to the other. */
const isCut = ({ finish, parts }: ChatResponse) => finish.reason === "length" && parts.at(-1)?.type === "tool-call";

describe("the OpenAI SDK", () => {
  for (const [name, answer] of cases) {
    test(name, async () => {
      const stream = openai(replay(answer)).chat.completions.stream({
        model: "m",
        messages: [ASK],
        stream_options: { include_usage: true },
      });
      const final = await stream.finalChatCompletion();
      const whole = CODECS["openai-chat"].ingress.encodeResponse(answer, contextOf());
      const message = dig(whole, "choices", 0, "message") as JsonObject;
      expect(dig(final, "choices", 0, "message", "content") || null).toBe((message["content"] as string) || null);
      expect(dig(final, "choices", 0, "finish_reason")).toBe(dig(whole, "choices", 0, "finish_reason"));
      expect(dig(final, "choices", 0, "message", "refusal") ?? null).toBe(message["refusal"] as string | null);
      const calls = (list: unknown) =>
        ((list ?? []) as JsonObject[]).map((call) => [
          call["id"],
          dig(call, "function", "name"),
          dig(call, "function", "arguments"),
        ]);
      expect(calls(dig(final, "choices", 0, "message", "tool_calls"))).toEqual(calls(message["tool_calls"]));
      expect(final.usage ?? undefined).toEqual(whole["usage"] as never);
    });
  }

  test("throws what went wrong inside a stream", async () => {
    const error: ChatEvent = { type: "error", error: new RelayError("upstream-unavailable", "It broke.") };
    const stream = openai([{ type: "response-start", id: "1", model: "m" }, error]).chat.completions.stream({
      model: "m",
      messages: [ASK],
    });
    await expect(stream.finalChatCompletion()).rejects.toThrow("It broke.");
  });
});

describe("the OpenAI SDK, asking for responses", () => {
  const responses = (events: readonly ChatEvent[]) => openai(events, "openai-responses").responses;

  for (const [name, answer] of cases) {
    test(name, async () => {
      const stream = responses(replay(answer)).stream({ model: "m", input: "x" });
      const final = JSON.parse(JSON.stringify(await stream.finalResponse()));
      const whole = CODECS["openai-responses"].ingress.encodeResponse(answer, contextOf());
      // What the SDK adds for convenience.
      const bare = ({ parsed: _parsed, parsed_arguments: _arguments, ...rest }: JsonObject) => rest;
      const output = (final.output as JsonObject[]).map((item) => {
        const { content } = bare(item);
        return Array.isArray(content)
          ? { ...bare(item), content: content.map((part) => bare(part as JsonObject)) }
          : bare(item);
      });
      const { output_text: text, output_parsed: _parsed, ...rest } = final;
      expect({ ...rest, output }).toEqual(whole);
      const said = answer.parts.flatMap((part) => (part.type === "text" ? [part.text] : []));
      expect(text).toBe(said.join(""));
    });
  }

  test("shows what went wrong inside a stream, with what had been said before", async () => {
    const error: ChatEvent = { type: "error", error: new RelayError("upstream-unavailable", "It broke.") };
    const events: ChatEvent[] = [
      { type: "response-start", id: "1", model: "m" },
      { type: "part-start", index: 0, head: { type: "tool-call", id: "c", name: "f" } },
      { type: "part-end", index: 0 },
      { type: "part-start", index: 1, head: { type: "text" } },
      { type: "part-delta", index: 1, delta: "Half" },
      error,
    ];
    const final = await responses(events).stream({ model: "m", input: "x" }).finalResponse();
    expect(final).toMatchObject({ id: "1", status: "failed", error: { code: "server_error", message: "It broke." } });
    expect(final.output).toMatchObject([
      { type: "function_call" },
      { type: "message", status: "incomplete", content: [{ type: "output_text", text: "Half" }] },
    ]);
  });

  test("an event that keeps the connection alive disturbs nothing", async () => {
    const { ingress } = CODECS["openai-responses"];
    const write = ingress.streamEncoder(contextOf());
    const events: ChatEvent[] = [
      { type: "response-start", id: "1", model: "m" },
      { type: "part-start", index: 0, head: { type: "text" } },
      { type: "part-delta", index: 0, delta: "Hi" },
      { type: "part-end", index: 0 },
      { type: "response-end", finish: { reason: "stop" }, usage: {} },
    ];
    const body = sse.encode(
      events.flatMap((event) => [...write(event), ...(event.type === "response-end" ? [] : [ingress.keepAlive])]),
    );
    const client = new OpenAI({
      apiKey: "test",
      baseURL: "http://127.0.0.1/v1",
      fetch: (async () =>
        new Response(body, { headers: { "content-type": sse.contentType } })) as unknown as typeof fetch,
    });
    const final = await client.responses.stream({ model: "m", input: "x" }).finalResponse();
    expect(final.output_text).toBe("Hi");
  });
});

describe("the Anthropic SDK", () => {
  for (const [name, answer] of cases.filter(([, one]) => !isCut(one))) {
    test(name, async () => {
      const stream = anthropic(replay(answer)).beta.messages.stream({ model: "m", max_tokens: 1, messages: [ASK] });
      const final = await stream.finalMessage();
      const whole = CODECS["anthropic-messages"].ingress.encodeResponse(answer, contextOf());
      // What only one side of a call can say (its caller) is not in a stream; see laws.test.ts.
      const bare = (list: unknown) => (list as JsonObject[]).map(({ caller: _caller, ...block }) => block);
      expect(bare(JSON.parse(JSON.stringify(final.content)))).toEqual(bare(whole["content"]));
      expect<unknown>(final.stop_reason).toBe(whole["stop_reason"]);
      expect(final.usage.output_tokens).toBe(dig(whole, "usage", "output_tokens") as number);
      expect(final.usage.input_tokens).toBe(dig(whole, "usage", "input_tokens") as number);
    });
  }

  test("throws what went wrong inside a stream", async () => {
    const error: ChatEvent = { type: "error", error: new RelayError("upstream-unavailable", "It broke.") };
    const stream = anthropic([{ type: "response-start", id: "1", model: "m" }, error]).beta.messages.stream({
      model: "m",
      max_tokens: 1,
      messages: [ASK],
    });
    await expect(stream.finalMessage()).rejects.toThrow("It broke.");
  });
});
