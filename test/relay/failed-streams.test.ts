/** How a passed-through stream of Responses that fails goes on from what its client has read. */
import { afterEach, describe, expect, test } from "bun:test";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { type Reply, startUpstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

async function start(reply: Reply, more = ""): Promise<TestRelay> {
  const up = await startUpstream(reply);
  open.push(up);
  const under = await startRelay(`
providers:
  main: { base_url: "${up.url}/v1", dialects: [openai-responses], keys: [{ key: vendor-key-1 }], models: { include: [gpt-responses] } }
${more}
`);
  open.push(under);
  return under;
}

type Event = { type: string } & Record<string, unknown>;

const event = (body: Event): string => `event: ${body.type}\ndata: ${JSON.stringify(body)}\n\n`;

const BEGUN = {
  id: "resp_abc",
  object: "response",
  created_at: 1_700_000_000,
  status: "in_progress",
  model: "gpt-responses-2026-01-01",
  output: [],
  tools: [],
  temperature: 0.5,
  metadata: { team: "blue" },
  usage: null,
};

const MESSAGE = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  status: "completed",
  content: [{ type: "output_text", text: "done", annotations: [] }],
};

const created = event({ type: "response.created", sequence_number: 0, response: BEGUN });
const delta = (sequence: number, text: string): string =>
  event({
    type: "response.output_text.delta",
    sequence_number: sequence,
    item_id: "msg_2",
    output_index: 1,
    content_index: 0,
    delta: text,
  });
const itemDone = event({
  type: "response.output_item.done",
  sequence_number: 1,
  output_index: 0,
  item: MESSAGE,
});

function eventsOf(text: string): Record<string, unknown>[] {
  return text.split("\n\n").flatMap((each) => {
    const data = /^data: (.*)$/m.exec(each)?.[1];
    return data === undefined ? [] : [JSON.parse(data) as Record<string, unknown>];
  });
}

/** What follows is sent when the client has the beginning. */
function begun(): { readonly wait: () => Promise<void>; readonly isRead: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { wait: () => promise, isRead: resolve };
}

const ask = (under: TestRelay): Promise<Response> =>
  under.post("/v1/responses", { model: "gpt-responses", input: "x", stream: true });

describe("response.failed", () => {
  test.each([["broken off", "break"] as const, ["ended without its last event", "clean"] as const])(
    "is of the response that began, behind the last number, with the items that were complete: %s",
    async (_name, end) => {
      const under = await start({ chunks: [created, itemDone, delta(2, "half")], end });
      const events = eventsOf(await (await ask(under)).text());
      expect(events.map(({ type }) => type)).toEqual([
        "response.created",
        "response.output_item.done",
        "response.output_text.delta",
        "response.failed",
      ]);
      const { usage: _none, ...begun } = BEGUN;
      expect(events.at(-1)).toEqual({
        type: "response.failed",
        sequence_number: 3,
        response: {
          incomplete_details: null,
          instructions: null,
          parallel_tool_calls: true,
          tool_choice: "auto",
          top_p: null,
          ...begun,
          status: "failed",
          error: { code: "server_error", message: expect.stringContaining("The upstream bro") },
          output: [MESSAGE],
        },
      });
      const [record] = await under.recorded(1);
      expect(record).toMatchObject({ lane: "pass-through", failure: expect.stringMatching(/^upstream-/) });
    },
  );

  test("a stream that is cut for its silence goes on from what was said", async () => {
    const under = await start({ chunks: [created, delta(1, "x")], end: "hang" }, "timeouts: { idle: 20 }");
    const answer = await ask(under);
    const reader = answer.body!.getReader();
    let text = new TextDecoder().decode((await reader.read()).value);
    while (!text.includes("delta")) text += new TextDecoder().decode((await reader.read()).value);
    const rest = reader.read();
    under.tick(21_000);
    text += new TextDecoder().decode((await rest).value);
    const last = eventsOf(text).at(-1)!;
    expect(last).toMatchObject({ type: "response.failed", sequence_number: 2, response: { id: "resp_abc" } });
    expect(await reader.read()).toMatchObject({ done: true });
  });

  test("one that is larger than allowed too: its number rises, though what was too much is not passed on", async () => {
    const many = Array.from({ length: 4000 }, (_, index) => delta(index + 1, "y".repeat(1000)));
    const { wait, isRead } = begun();
    const under = await start({ chunks: [created, wait, ...many] }, "limits: { stream_max_size: 300KiB }");
    const answer = await ask(under);
    isRead();
    const events = eventsOf(await answer.text());
    const { sequence_number, response } = events.at(-1) as { sequence_number: number; response: { id: string } };
    expect(response.id).toBe("resp_abc");
    expect(sequence_number).toBeGreaterThan((events.at(-2) as { sequence_number: number }).sequence_number);
    expect(sequence_number).toBeLessThanOrEqual(many.length + 1);
  });

  test("of a long stream the middle is not kept: no item is shown where others would be missing", async () => {
    const item = (sequence: number, place: number): string =>
      event({
        type: "response.output_item.done",
        sequence_number: sequence,
        output_index: place,
        item: { ...MESSAGE, id: `msg_${place + 1}` },
      });
    const deltas = (from: number): string[] =>
      Array.from({ length: 150 }, (_, index) => delta(from + index, "z".repeat(200)));
    const { wait, isRead } = begun();
    const chunks = [created, wait, itemDone, ...deltas(2), item(152, 1), ...deltas(153), item(303, 2)];
    const under = await start({ chunks, end: "clean" });
    const answer = await ask(under);
    isRead();
    const last = eventsOf(await answer.text()).at(-1)!;
    expect(last).toMatchObject({
      sequence_number: 304,
      response: { id: "resp_abc", model: BEGUN.model, created_at: BEGUN.created_at, output: [] },
    });
  });

  test.each([
    [
      "whose number stands behind the text",
      (text: string) =>
        delta(7, "w").replace('"sequence_number":7,', "").replace('"w"}', `"${text}","sequence_number":7}`),
      8,
    ],
    ["whose number is lost", (text: string) => delta(7, text), 2_147_483_647],
  ])("behind one event larger than all that is kept, %s, the number still rises", async (_name, huge, expected) => {
    const under = await start({ chunks: [created, huge('\\"sequence_number\\":3,'.repeat(2000))], end: "break" });
    const events = eventsOf(await (await ask(under)).text());
    expect(events.map(({ type }) => type)).toEqual([
      "response.created",
      "response.output_text.delta",
      "response.failed",
    ]);
    expect(events.at(-1)).toMatchObject({ sequence_number: expected, response: { id: "resp_abc" } });
  });

  test("servers that number nothing get the highest number, and their own response", async () => {
    const bare = (text: string): string => text.replace(/"sequence_number":\d+,/, "");
    const under = await start({ chunks: [bare(created), bare(delta(1, "x"))], end: "break" });
    expect(eventsOf(await (await ask(under)).text()).at(-1)).toMatchObject({
      sequence_number: 2_147_483_647,
      response: { id: "resp_abc" },
    });
  });
});
