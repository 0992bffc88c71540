/** What is known of the usage of answers that nobody reads: pictures larger than memory likes, streams, sound. */
import { afterEach, describe, expect, test } from "bun:test";
import { UsageAtEnd } from "../../src/relay/raw-usage.ts";
import { startRelay } from "../support/relay.ts";
import { events, type Reply, sse, startUpstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

const usage = { input_tokens: 5, output_tokens: 9, total_tokens: 14, input_tokens_details: { text_tokens: 5 } };
const picture = "iVBORw0KGgo".repeat(200_000);
const done = { type: "image_generation.completed", b64_json: picture, usage };
const completed = (text: string) => ({ object: "text_completion", choices: [{ text }] });
const large = JSON.stringify({ created: 1, data: [{ b64_json: picture }], usage });

type Row = [name: string, path: string, body: object, reply: Reply, input: number | null, output: number | null];
const rows: Row[] = [
  ["a picture", "/v1/images/generations", { prompt: "x" }, { json: { data: [], usage } }, 5, 9],
  [
    "a large picture",
    "/v1/images/generations",
    { prompt: "x" },
    { text: large, headers: { "content-type": "application/json" } },
    5,
    9,
  ],
  [
    "a streamed picture",
    "/v1/images/generations",
    { prompt: "x", stream: true },
    { chunks: [events(done).slice(0, 99), events(done).slice(99)] },
    5,
    9,
  ],
  [
    "a streamed speech",
    "/v1/audio/speech",
    { input: "x", stream_format: "sse" },
    { chunks: [events({ type: "speech.audio.done", usage } as never)] },
    5,
    9,
  ],
  [
    "completions",
    "/v1/completions",
    { prompt: "x", stream: true },
    {
      chunks: [
        sse(completed("a")),
        sse({ ...completed("b"), usage: { prompt_tokens: 2, completion_tokens: 3 } }),
        sse("[DONE]"),
      ],
    },
    2,
    3,
  ],
  [
    "completions that only talk of it",
    "/v1/completions",
    { prompt: "x", stream: true },
    { chunks: [sse(completed('{"usage": {"prompt_tokens": 7}}')), sse("[DONE]")] },
    null,
    null,
  ],
  [
    "sound",
    "/v1/audio/speech",
    { input: "x" },
    { chunks: ['"usage": {"prompt_tokens": 7}'], headers: { "content-type": "audio/mpeg" } },
    null,
    null,
  ],
];

test.each(rows)(
  "of %s: told in the record, whatever its size and form",
  async (_name, path, body, reply, input, output) => {
    const up = await startUpstream(reply);
    const under = await startRelay(`providers: { one: { base_url: "${up.url}/v1", keys: [{ key: k1-secret }] } }`);
    open.push(under, up);
    const answer = await under.post(path, { model: "m", ...body });
    const expected = reply.text ?? (reply.json === undefined ? reply.chunks!.join("") : JSON.stringify(reply.json));
    expect(await answer.text()).toBe(expected);
    expect((await under.recorded(1))[0]).toMatchObject({ status: 200, inputTokens: input, outputTokens: output });
  },
);

describe("the end of an answer", () => {
  test.each([
    ["nothing", "", undefined],
    ["no count", '{"usage":null}', undefined],
    ["a count cut off at its end", '{"usage":{"prompt_tokens":1', undefined],
    ["a count of nothing known", '{"usage":{"seconds":3}}', {}],
    ["several counts: the last", '{"usage":{"prompt_tokens":1}} {"usage":{"prompt_tokens":2}}', { inputTokens: 2 }],
  ])("with %s", (_name, text, expected) => {
    for (const cut of [1, 5, 1000]) {
      const end = new UsageAtEnd();
      for (let at = 0; at < text.length; at += cut) end.see(Buffer.from(text.slice(at, at + cut)));
      expect(end.read()).toEqual(expected as never);
    }
  });
});
