/** An answer that is nothing but media without a form in the client's dialect is told of in words, and no other is. */
import { describe, expect, test } from "bun:test";
import { collect, replay } from "../../src/codec/fold.ts";
import { mediaReader } from "../../src/codec/media-words.ts";
import type { ChatResponse, Part } from "../../src/contract/chat.ts";
import { CODECS, type Dialect, eventProblems } from "./support.ts";

const BYTES = "iVBORw0KGgo=";
const picture: Part = {
  type: "media",
  kind: "image",
  mediaType: "image/png",
  source: { type: "base64", data: BYTES },
};
const linked: Part = { type: "media", kind: "image", source: { type: "url", url: "https://a.example/b.png" } };
const filed: Part = { type: "media", kind: "image", source: { type: "file", id: "file_1", origin: "elsewhere" } };
const sound: Part = { ...picture, kind: "audio", mediaType: "audio/wav" };
const thought: Part = { type: "reasoning", text: "hm" };
const words: Part = { type: "text", text: "Here." };
const refused: Part = { type: "refusal", text: "No." };
const call: Part = { type: "tool-call", id: "c", name: "f", inputJson: "{}" };
const foreign: Part = { type: "opaque", codecId: "elsewhere", value: { type: "x" } };
const own = (client: Dialect): Part => ({ type: "opaque", codecId: client, value: { type: "x" } });

const A_PICTURE = "[The model answered with a picture, which cannot be shown here.]";
const AN_ADDRESS = "[image: https://a.example/b.png]";
const CASES: [name: string, client: Dialect, parts: Part[], added: string | undefined][] = [
  ["a picture", "anthropic-messages", [picture], A_PICTURE],
  ["a picture, which is shown", "openai-chat", [picture], undefined],
  ["a picture, which is shown", "openai-responses", [picture], undefined],
  ["a picture, which is shown", "gemini", [picture], undefined],
  ["sound", "openai-chat", [sound], "[The model answered with sound, which cannot be shown here.]"],
  ["sound, which is shown", "gemini", [sound], undefined],
  ["several pictures, told of once", "anthropic-messages", [picture, picture], A_PICTURE],
  ["an address", "anthropic-messages", [linked], AN_ADDRESS],
  ["an address", "openai-responses", [linked], AN_ADDRESS],
  ["an address, which is shown", "openai-chat", [linked], undefined],
  ["a file of another vendor", "openai-chat", [filed], A_PICTURE],
  ["a file of another vendor", "gemini", [filed], A_PICTURE],
  ["one that is shown among others", "openai-chat", [sound, picture], undefined],
  ["thoughts, which are no answer", "anthropic-messages", [thought, linked], AN_ADDRESS],
  ["words without letters", "anthropic-messages", [{ type: "text", text: "" }, linked], AN_ADDRESS],
  ["white space", "anthropic-messages", [{ type: "text", text: "\n" }, linked], AN_ADDRESS],
  ["what only another vendor knows", "anthropic-messages", [foreign, linked], AN_ADDRESS],
  ["what the client's vendor knows", "anthropic-messages", [own("anthropic-messages"), linked], undefined],
  ["words beside it", "anthropic-messages", [words, picture], undefined],
  ["words behind it", "anthropic-messages", [picture, words], undefined],
  ["a refusal", "anthropic-messages", [picture, refused], undefined],
  ["a call", "anthropic-messages", [picture, call], undefined],
  ["silence", "anthropic-messages", [], undefined],
  ["thoughts alone", "anthropic-messages", [thought], undefined],
];

describe("of an answer that is", () => {
  test.each(CASES)("%s: a client of %s", (_name, client, parts, added) => {
    const response: ChatResponse = { id: "m", model: "m", parts, finish: { reason: "stop" }, usage: {} };
    const expected: Part[] = added === undefined ? parts : [...parts, { type: "text", text: added }];
    expect(mediaReader(CODECS[client]).response(response).parts).toEqual(expected);
    const { event } = mediaReader(CODECS[client]);
    const events = replay(response).flatMap((told) => [...event(told)]);
    expect(eventProblems(events)).toEqual([]);
    expect(collect(events).parts).toEqual(expected);
    expect(added ?? "").not.toContain(BYTES);
  });
});
