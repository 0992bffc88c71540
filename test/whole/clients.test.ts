/** Command-line clients at work: their own requests, asked again of every kind of upstream through the compiled binary, a tool and its result included. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { startWithAllUpstreams, UPSTREAMS, type UpstreamRow } from "../support/all-upstreams.ts";
import { ACCESS_KEY, missingBinary, type RunningBinary } from "../support/binary.ts";
import type { Received, Upstream } from "../support/upstream.ts";
import { dialectOf, SIGNATURE, startSpeaker, TOKEN_PATH } from "../support/vendors.ts";
import { hear } from "../support/voices/hearing.ts";
import type { Call } from "../support/voices/index.ts";

const FIXTURES = join(import.meta.dir, "../fixtures/clients");
const NOTE = "the blue heron is back";
const THOUGHT = "I shall read it.";
const QUESTION = "What does the note say?";

// biome-ignore lint/suspicious/noExplicitAny: bodies of clients, looked at as far as a test needs
type Any = any;

interface Recorded {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Any;
}
const recorded = (name: string): Recorded => JSON.parse(readFileSync(join(FIXTURES, `${name}.json`), "utf8"));

interface Event {
  readonly event: string | undefined;
  readonly data: Any;
}

function eventsIn(text: string): Event[] {
  return text
    .split(/\r?\n\r?\n/)
    .filter((block) => /^(event|data):/m.test(block))
    .map((block) => ({
      event: /^event: (.*)$/m.exec(block)?.[1],
      data: JSON.parse(/^data: (.*)$/m.exec(block)![1]!),
    }));
}

describe.skipIf(missingBinary !== undefined)(
  `command-line clients${missingBinary === undefined ? "" : ` (${missingBinary})`}`,
  () => {
    let vendor: Upstream;
    let relay: RunningBinary;
    /** What the model calls before it knows the note. */
    let call: (dialect: UpstreamRow["dialect"]) => Call;

    beforeAll(async () => {
      const counts = { inputTokens: 1200, outputTokens: 10 };
      vendor = await startSpeaker((received) =>
        received.text.includes(NOTE)
          ? { ...counts, text: `It says: ${NOTE}.`, calls: [] }
          : { ...counts, reasoning: THOUGHT, text: "Let me see.", calls: [call(dialectOf(received)!)] },
      );
      relay = await startWithAllUpstreams(vendor.url);
    });
    afterAll(async () => {
      expect(await relay.stop()).toBe(0);
      await vendor.stop();
    });
    beforeEach(() => vendor.forget());

    const calls = (): Received[] => vendor.received.filter(({ path }) => path !== TOKEN_PATH);
    /** Asks as the client does, and checks what every upstream has to be told of it. */
    async function ask({ path, headers, body }: Recorded, row: UpstreamRow): Promise<{ text: string; sent: Received }> {
      const filled = JSON.stringify(body).replaceAll('"MODEL"', JSON.stringify(row.model));
      const answer = await fetch(relay.url + path.replace("MODEL", row.model), {
        method: "POST",
        headers: { ...headers, authorization: `Bearer ${ACCESS_KEY}` },
        body: filled,
      });
      const text = await answer.text();
      expect([answer.status, answer.status === 200 ? "" : text]).toEqual([200, ""]);
      const sent = calls().at(-1)!;
      expect(dialectOf(sent)).toBe(row.dialect);
      expect(sent.text).toContain(QUESTION);
      if (answer.headers.get("x-relay-lane") === "pass-through" && !/"model":"azure-gpt"/.test(filled)) {
        expect(sent.text).toBe(filled);
      }
      return { text, sent };
    }
    /** The turn with the result: the model is told its own call and what came of it. */
    function expectRound(sent: Received, name: string, input: object): void {
      const { calls: made, results } = hear(sent);
      expect(made.map(([, called, given]) => [called, given])).toEqual([[name, input]]);
      expect(results.map(([id]) => id)).toEqual(made.map(([id]) => id));
      expect(results[0]![1]).toContain(NOTE);
    }

    describe.each(UPSTREAMS.map((row) => [row.name, row] as const))("at %s", (_name, row) => {
      const isMaker = row.dialect === "anthropic-messages";
      const signs = ["anthropic-messages", "vertex-claude", "bedrock-invoke-claude", "bedrock-converse"];

      test("Claude Code: betas and its billing line go to Claude's maker only, a system message in the middle arrives", async () => {
        const input = { command: "cat note" };
        call = () => ({ name: "Bash", input });
        const request = recorded("claude-code");
        const first = await ask(request, row);
        expect(first.sent.headers.get("anthropic-beta")).toBe(isMaker ? request.headers["anthropic-beta"]! : null);
        expect(first.sent.text.includes("x-anthropic-billing-header")).toBe(isMaker);
        expect(first.sent.text).toContain("A folder with one note.");
        expect(first.sent.text).toContain("Read before you write.");
        expect(first.sent.headers.get("x-claude-code-session-id")).toBeNull();

        const events = eventsIn(first.text);
        for (const { event, data } of events) expect(event).toBe(data.type);
        // It shows how full its context is from here, and takes zero at its word.
        expect(events[0]!.data.message.usage.input_tokens).toBeGreaterThan(0);
        expect(events.at(-1)!.event).toBe("message_stop");
        const blocks: Any[] = [];
        for (const { data } of events) {
          if (data.type === "content_block_start") blocks[data.index] = { ...data.content_block, json: "" };
          const block = blocks[data.index];
          if (data.delta?.type === "text_delta") block.text += data.delta.text;
          if (data.delta?.type === "thinking_delta") block.thinking += data.delta.thinking;
          if (data.delta?.type === "signature_delta") block.signature = data.delta.signature;
          if (data.delta?.type === "input_json_delta") block.json += data.delta.partial_json;
        }
        const said = blocks.map(({ json, ...block }) =>
          block.type === "tool_use" ? { ...block, input: JSON.parse(json) } : block,
        );
        // What signs a call of Gemini's stands before it, in a thought without words.
        const wordless = row.dialect === "gemini" ? ["thinking"] : [];
        expect(said.map(({ type }) => type)).toEqual(["thinking", "text", ...wordless, "tool_use"]);
        const used = said.at(-1);
        expect([said[0].thinking, used.name, used.input]).toEqual([THOUGHT, "Bash", input]);
        expect(said[0].signature).toMatch(/./);
        expect(used.id).toMatch(/^[A-Za-z0-9_-]{1,64}$/);

        // The next turn, in its words: the middle message flat, the result with a cache mark.
        const [question, system] = request.body.messages;
        const result = { tool_use_id: used.id, type: "tool_result", content: NOTE, is_error: false };
        const messages = [
          question,
          { role: "system", content: system.content[0].text },
          { role: "assistant", content: said },
          { role: "user", content: [{ ...result, cache_control: { type: "ephemeral" } }] },
        ];
        const second = await ask({ ...request, body: { ...request.body, messages } }, row);
        expectRound(second.sent, "Bash", input);
        expect(second.sent.text.includes(SIGNATURE)).toBe(
          signs.includes(row.dialect) || row.dialect === "openai-responses" || row.dialect === "gemini",
        );
        expect(second.text).toContain('"end_turn"');
        expect(calls()).toHaveLength(2);
      });

      /** The whole answer, which Codex waits for; a stream without it is a stream cut off. */
      const completed = (text: string): Any => {
        const events = eventsIn(text);
        for (const { event, data } of events) expect(event).toBe(data.type);
        const last = events.at(-1)!.data;
        expect(last.type).toBe("response.completed");
        expect(last.response.id).toMatch(/./);
        expect(last.response.usage.input_tokens).toBe(1200);
        const done = events.filter(({ event }) => event === "response.output_item.done").map(({ data }) => data.item);
        expect(last.response.output).toEqual(done);
        return last.response;
      };

      const codex: readonly (readonly [what: string, call: (isOwn: boolean) => Call, item: object])[] = [
        [
          "a patch of free form",
          (isOwn) =>
            isOwn
              ? { name: "apply_patch", input: {}, custom: "*** Begin Patch\n*** End Patch\n" }
              : { name: "apply_patch", input: { input: "*** Begin Patch\n*** End Patch\n" } },
          { type: "custom_tool_call", name: "apply_patch", input: "*** Begin Patch\n*** End Patch\n" },
        ],
        [
          "a function",
          () => ({ name: "exec_command", input: { cmd: "cat note" } }),
          { type: "function_call", name: "exec_command", arguments: '{"cmd":"cat note"}' },
        ],
        [
          "a tool of a namespace",
          (isOwn) => ({ name: isOwn ? "wait_agent" : "multi_agent_v1__wait_agent", input: { targets: ["a"] } }),
          { type: "function_call", name: "wait_agent", arguments: '{"targets":["a"]}' },
        ],
      ];
      test.each(codex)(
        "Codex: %s is called by its own name and form, and its result arrives",
        async (_what, made, item) => {
          const isOwn = row.dialect === "openai-responses";
          call = () => made(isOwn);
          const request = recorded("codex");
          const first = await ask(request, row);
          const { output } = completed(first.text);
          expect(output.map(({ type }: Any) => type)).toEqual(expect.arrayContaining(["reasoning", "message"]));
          const called = output.at(-1);
          expect(called).toMatchObject(item);
          if (!isOwn && "name" in item && item.name === "wait_agent") expect(called.namespace).toBe("multi_agent_v1");
          const kind = called.type === "custom_tool_call" ? "custom_tool_call_output" : "function_call_output";
          const result = {
            type: kind,
            id: "fco_00000000-0000-7000-8000-000000000009",
            call_id: called.call_id,
            output: NOTE,
          };
          // Codex gives thoughts back with a content that is null.
          const history = output.map((each: Any) => (each.type === "reasoning" ? { ...each, content: null } : each));
          const input = [...request.body.input, ...history, result];
          const second = await ask({ ...request, body: { ...request.body, input } }, row);
          const told = made(isOwn);
          if (told.custom === undefined) expectRound(second.sent, told.name, told.input);
          expect(second.sent.text).toContain(NOTE);
          expect(completed(second.text).output.at(-1)).toMatchObject({
            type: "message",
            content: [{ text: `It says: ${NOTE}.` }],
          });
          expect(calls()).toHaveLength(2);
        },
      );

      test("Codex, lite: tools that stand in the input are tools, and the script among them is called in its namespace", async () => {
        const isOwn = row.dialect === "openai-responses";
        const script = 'text(await tools.exec_command({ cmd: "cat note" }));';
        call = () =>
          isOwn ? { name: "exec", input: {}, custom: script } : { name: "functions__exec", input: { input: script } };
        const request = recorded("codex-lite");
        const first = await ask(request, row);
        const called = completed(first.text).output.at(-1);
        expect(called).toMatchObject({ type: "custom_tool_call", name: "exec", input: script });
        if (!isOwn) expect(called.namespace).toBe("functions");
        const output = [
          { type: "input_text", text: "Script completed\n" },
          { type: "input_text", text: NOTE },
        ];
        const result = { type: "custom_tool_call_output", id: "ctco_1", call_id: called.call_id, output };
        const input = [...request.body.input, called, result];
        const second = await ask({ ...request, body: { ...request.body, input } }, row);
        if (!isOwn) expectRound(second.sent, "functions__exec", { input: script });
        expect(completed(second.text).output.at(-1)).toMatchObject({ content: [{ text: `It says: ${NOTE}.` }] });
        expect(calls()).toHaveLength(2);
      });

      test("Gemini CLI: a call has its signature, a result finds its call, and the stream ends with a reason", async () => {
        const input = { command: "cat note" };
        call = () => ({ name: "run_shell_command", input });
        const request = recorded("gemini-cli");
        const first = await ask(request, row);
        const chunks = eventsIn(first.text).map(({ data }) => data);
        expect(first.text).not.toContain("[DONE]");
        expect(chunks.at(-1).candidates[0].finishReason).toBe("STOP");
        const parts: Any[] = chunks.flatMap((chunk) => chunk.candidates[0].content?.parts ?? []);
        const made = parts.find(({ functionCall }) => functionCall !== undefined);
        expect(made).toMatchObject({ functionCall: { name: "run_shell_command", args: input } });
        // Without one its next turn would be refused by the model it thinks it talks to.
        expect(made.thoughtSignature).toMatch(/./);
        const { id } = made.functionCall;
        const response = { output: `<untrusted_context>\nOutput: ${NOTE}\n</untrusted_context>` };
        const contents = [
          ...request.body.contents,
          { parts: [{ text: "Let me see." }, made], role: "model" },
          {
            parts: [{ functionResponse: { name: "run_shell_command", response, ...(id === undefined ? {} : { id }) } }],
            role: "user",
          },
        ];
        const second = await ask({ ...request, body: { ...request.body, contents } }, row);
        expectRound(second.sent, "run_shell_command", input);
        const words = eventsIn(second.text).flatMap(({ data }) => data.candidates[0].content?.parts ?? []);
        expect(words.map(({ text }: Any) => text ?? "").join("")).toBe(`It says: ${NOTE}.`);
        expect(calls()).toHaveLength(2);
      });
    });

    test("Claude Code knocks before it asks, and reports what nobody reads", async () => {
      expect((await fetch(`${relay.url}/api/hello`, { method: "HEAD" })).status).toBe(200);
      const report = { method: "POST", headers: { "content-type": "application/json" }, body: '{"events":[]}' };
      expect((await fetch(`${relay.url}/api/event_logging/batch`, report)).status).toBe(204);
      expect(calls()).toEqual([]);
    });

    test("Codex tries a WebSocket where it is told to, and is sent back to HTTP at once", async () => {
      const headers = { authorization: `Bearer ${ACCESS_KEY}`, upgrade: "websocket", connection: "upgrade" };
      const answer = await fetch(`${relay.url}/v1/responses`, { headers });
      expect(answer.status).toBe(426);
      expect(calls()).toEqual([]);
    });
  },
);
