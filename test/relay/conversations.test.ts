/** What Responses offers around an answer: making a conversation shorter, counting it, looking at what was kept of it. */
import { afterEach, describe, expect, test } from "bun:test";
import { RELAY_SIGNATURE_PREFIX } from "../../src/codec/shared/envelope.ts";
import { readJson } from "../support/json.ts";
import { KEY, startRelay, type TestRelay } from "../support/relay.ts";
import { type Script, startUpstream, type Upstream } from "../support/upstream.ts";
import { ANSWER, startVendors } from "../support/vendors.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

async function start(script?: Script, more = ""): Promise<{ up: Upstream; under: TestRelay }> {
  const up = script === undefined ? await startVendors() : await startUpstream(script);
  open.push(up);
  const under = await startRelay(`
providers:
  chat: { base_url: "${up.url}/v1", keys: [{ key: vendor-key-1 }], models: { include: [gpt-chat] } }
  responses: { base_url: "${up.url}/v1", dialects: [openai-responses], keys: [{ key: vendor-key-2 }, { key: vendor-key-3 }], models: { include: [gpt-responses] } }
  messages: { provider_type: anthropic, base_url: "${up.url}", keys: [{ key: vendor-key-4 }], models: { include: ["claude-*"] } }
${more === "" ? "model_routing: { aliases: { fast: gpt-responses } }" : more}
`);
  open.push(under);
  return { up, under };
}

const COMPACTED = {
  id: "resp_short",
  object: "response.compaction",
  created_at: 1,
  output: [{ type: "compaction", id: "cmp_1", encrypted_content: "sealed" }],
  usage: { input_tokens: 40, output_tokens: 12, total_tokens: 52 },
};
const STORED = { id: "resp_1", object: "response", status: "completed", model: "m", output: [], usage: null };
const keyOf = (up: Upstream): (string | null)[] => up.received.map(({ headers }) => headers.get("authorization"));

const ask = (under: TestRelay, method: string, path: string): Promise<Response> =>
  fetch(under.url + path, { method, headers: { authorization: `Bearer ${KEY}` } });

describe("/v1/responses/compact", () => {
  test("goes to the model's vendor as it is, but for the model's name, and what it used is counted", async () => {
    const { up, under } = await start({ json: COMPACTED });
    const body = '{ "model":"fast", "input":[ {"role":"user","content":"h\\u00e9"} ], "x_new":1.0 }';
    const answer = await under.post("/v1/responses/compact", body);
    expect([answer.status, await readJson(answer)]).toEqual([200, COMPACTED]);
    expect(up.received.map(({ path, text }) => [path, text])).toEqual([
      ["/v1/responses/compact", body.replace('"fast"', '"gpt-responses"')],
    ]);
    expect((await under.recorded(1))[0]).toMatchObject({
      route: "/v1/responses/compact",
      operation: "responses",
      lane: "raw",
      inputTokens: 40,
      outputTokens: 12,
      status: 200,
    });
  });

  test("of an answer that the vendor keeps is asked of the key it lies under", async () => {
    const { up, under } = await start(({ path }) => ({ json: path.endsWith("compact") ? COMPACTED : STORED }));
    await under.post("/v1/responses", { model: "gpt-responses", input: "a" });
    for (let round = 0; round < 3; round += 1) {
      const body = { model: "gpt-responses", input: [], previous_response_id: "resp_1" };
      expect((await under.post("/v1/responses/compact", body)).status).toBe(200);
      expect(JSON.parse(up.received.at(-1)!.text)).toEqual(body);
    }
    expect(new Set(keyOf(up)).size).toBe(1);
  });

  test("of an answer that was translated tells the vendor the conversation itself", async () => {
    const { up, under } = await start((received) =>
      received.path.endsWith("compact")
        ? { json: COMPACTED }
        : {
            json: {
              id: "c",
              model: "m",
              choices: [{ message: { role: "assistant", content: ANSWER.text }, finish_reason: "stop" }],
            },
          },
    );
    const first = await readJson(await under.post("/v1/responses", { model: "gpt-chat", input: "the first words" }));
    const { id } = first as { id: string };
    up.forget();
    await under.post("/v1/responses/compact", { model: "gpt-responses", previous_response_id: id });
    const sent = JSON.parse(up.received[0]!.text) as object;
    expect(JSON.stringify(sent)).toContain("the first words");
    expect(JSON.stringify(sent)).toContain(ANSWER.text);
    expect(sent).not.toHaveProperty("previous_response_id");
  });

  test("thoughts of another vendor's, which we sealed, do not reach it", async () => {
    const { up, under } = await start({ json: COMPACTED });
    const encrypted_content = `${RELAY_SIGNATURE_PREFIX}anything`;
    const sealed = { type: "reasoning", id: "rs_1", summary: [], encrypted_content };
    const input = [{ role: "user", content: "a" }, sealed, { role: "user", content: "b" }];
    expect((await under.post("/v1/responses/compact", { model: "gpt-responses", input })).status).toBe(200);
    const sent = JSON.parse(up.received[0]!.text) as Record<string, unknown>;
    expect(Object.keys(sent).toSorted()).toEqual(["input", "model"]);
    expect(up.received[0]!.text).not.toContain(RELAY_SIGNATURE_PREFIX);
  });

  test.each(["gpt-chat", "claude-sonnet-4-6"])("%s has no such thing: 404, and nobody is asked", async (model) => {
    const { up, under } = await start({ json: COMPACTED });
    const answer = await under.post("/v1/responses/compact", { model, input: "a" });
    expect([answer.status, await readJson(answer)]).toMatchObject([
      404,
      { error: { type: "invalid_request_error", code: "not_found", message: expect.stringContaining("compact") } },
    ]);
    expect(up.received).toEqual([]);
  });

  test.each([
    ["no model", { input: "a" }, "model"],
    ["an input of another kind", { model: "gpt-responses", input: 7 }, "input"],
    ["an id of another kind", { model: "gpt-responses", previous_response_id: 7 }, "previous_response_id"],
  ])("%s: 400 that names the field", async (_name, body, param) => {
    const { up, under } = await start({ json: COMPACTED });
    const answer = await under.post("/v1/responses/compact", body);
    expect([answer.status, await readJson(answer)]).toMatchObject([400, { error: { param } }]);
    expect(up.received).toEqual([]);
  });
});

describe("/v1/responses/input_tokens", () => {
  test("the vendor's own count comes as it is", async () => {
    const { up, under } = await start({ json: { object: "response.input_tokens", input_tokens: 9, x_new: 1 } });
    const body = { model: "gpt-responses", input: "hello", x: 1 };
    const answer = await under.post("/v1/responses/input_tokens", body);
    expect(await readJson(answer)).toEqual({ object: "response.input_tokens", input_tokens: 9, x_new: 1 });
    expect(answer.headers.get("x-relay-estimated")).toBeNull();
    expect(up.received.map(({ path, text }) => [path, JSON.parse(text)])).toEqual([
      ["/v1/responses/input_tokens", body],
    ]);
    expect((await under.recorded(1))[0]).toMatchObject({ operation: "count-tokens", inputTokens: null });
  });

  test("Anthropic counts it in its own words", async () => {
    const { up, under } = await start({ json: { input_tokens: 14 } });
    const body = { model: "claude-sonnet-4-6", input: "hello", instructions: "Be kind." };
    expect(await readJson(await under.post("/v1/responses/input_tokens", body))).toEqual({
      object: "response.input_tokens",
      input_tokens: 14,
    });
    expect(JSON.parse(up.received[0]!.text)).toEqual({
      model: "claude-sonnet-4-6",
      system: expect.anything(),
      messages: [{ role: "user", content: "hello" }],
    });
  });

  test("what is kept here counts with it; what only a vendor could look up is refused elsewhere", async () => {
    const { up, under } = await start();
    const first = (await readJson(
      await under.post("/v1/responses", { model: "claude-sonnet-4-6", input: "mine" }),
    )) as {
      id: string;
    };
    up.script({ json: { input_tokens: 14 } });
    up.forget();
    const kept = { model: "claude-sonnet-4-6", input: "and", previous_response_id: first.id };
    expect((await under.post("/v1/responses/input_tokens", kept)).status).toBe(200);
    expect(up.received[0]!.text).toContain("mine");
    const unknown = { ...kept, previous_response_id: "resp_of_the_vendor" };
    const refused = await under.post("/v1/responses/input_tokens", unknown);
    expect([refused.status, await readJson(refused)]).toMatchObject([
      400,
      { error: { code: "previous_response_not_supported", param: "previous_response_id" } },
    ]);
    expect(up.received).toHaveLength(1);
  });

  test("nobody counts: 404, never 0; by configuration a guess that says it is one", async () => {
    const plain = await start({ json: {} });
    const body = { model: "gpt-chat", input: "x".repeat(400) };
    const none = await plain.under.post("/v1/responses/input_tokens", body);
    expect([none.status, await readJson(none)]).toMatchObject([404, { error: { code: "not_found" } }]);
    const { up, under } = await start({ json: {} }, "model_routing: { count_tokens: estimate }");
    const guess = await under.post("/v1/responses/input_tokens", body);
    expect(guess.headers.get("x-relay-estimated")).toBe("true");
    expect(await readJson(guess)).toEqual({ object: "response.input_tokens", input_tokens: 104 });
    const elsewhere = { ...body, previous_response_id: "resp_of_the_vendor" };
    expect((await under.post("/v1/responses/input_tokens", elsewhere)).status).toBe(404);
    expect([...up.received, ...plain.up.received]).toEqual([]);
  });

  test("a Gemini client's guess says so too", async () => {
    const { under } = await start({ json: {} }, "model_routing: { count_tokens: estimate }");
    const contents = [{ role: "user", parts: [{ text: "x".repeat(400) }] }];
    const answer = await under.post("/v1beta/models/gpt-chat:countTokens", { contents });
    expect([answer.headers.get("x-relay-estimated"), await readJson(answer)]).toEqual(["true", { totalTokens: 104 }]);
  });
});

describe.each([false, true])("a translated answer by its id (streamed: %p)", (stream) => {
  async function said(under: TestRelay) {
    const input = [
      { role: "user", content: "one" },
      { type: "message", role: "user", content: "two" },
    ];
    const answer = await under.post("/v1/responses", { model: "gpt-chat", input, stream });
    const text = await answer.text();
    const json = stream
      ? text
          .trimEnd()
          .split("\n\n")
          .at(-1)!
          .replace(/^[\s\S]*?data: /, "")
      : text;
    const body = JSON.parse(json) as { response?: Record<string, unknown> };
    return (body.response ?? body) as { id: string; output: { id: string }[] };
  }

  test("is shown as it was, and what it was said to, newest first", async () => {
    const { up, under } = await start();
    const response = await said(under);
    up.forget();
    expect(await readJson(await ask(under, "GET", `/v1/responses/${response.id}?include[]=x`))).toEqual(response);
    const listed = (await readJson(await ask(under, "GET", `/v1/responses/${response.id}/input_items`))) as {
      data: { id: string }[];
    };
    const item = (text: string) => ({
      id: expect.stringMatching(/^msg_[0-9a-f]{40}$/),
      type: "message",
      role: "user",
      content: [{ type: "input_text", text }],
    });
    expect(listed).toEqual({
      object: "list",
      data: [item("two"), item("one")],
      first_id: listed.data[0]!.id,
      last_id: listed.data[1]!.id,
      has_more: false,
    } as never);
    const page = await ask(under, "GET", `/v1/responses/${response.id}/input_items?order=asc&limit=1`);
    expect(await readJson(page)).toMatchObject({ data: [{ id: listed.data[1]!.id }], has_more: true });
    const next = `order=asc&after=${listed.data[1]!.id}`;
    expect(await readJson(await ask(under, "GET", `/v1/responses/${response.id}/input_items?${next}`))).toMatchObject({
      data: [{ id: listed.data[0]!.id }],
      has_more: false,
    });
    expect(up.received).toEqual([]);
  });

  test("is forgotten when it is deleted, with its items", async () => {
    const { under } = await start();
    const { id, output } = await said(under);
    expect(await readJson(await ask(under, "DELETE", `/v1/responses/${id}`))).toEqual({
      id,
      object: "response",
      deleted: true,
    });
    expect((await ask(under, "GET", `/v1/responses/${id}`)).status).toBe(404);
    expect(under.services.kept.held).toBe(0);
    const input = [{ type: "item_reference", id: output[0]!.id }];
    expect((await under.post("/v1/responses", { model: "gpt-chat", input })).status).toBe(400);
  });

  test.each([
    ["POST", "/cancel"],
    ["GET", "?stream=true"],
    ["GET", "/input_items?limit=0"],
    ["GET", "/input_items?limit=many"],
  ])("%s %s: 400, and nobody is asked", async (method, rest) => {
    const { up, under } = await start();
    const { id } = await said(under);
    up.forget();
    const refused = await ask(under, method, `/v1/responses/${id}${rest}`);
    expect([refused.status, await readJson(refused)]).toMatchObject([
      400,
      { error: { type: "invalid_request_error" } },
    ]);
    expect(up.received).toEqual([]);
  });
});

test("another's translated answer is one that nobody knows", async () => {
  const { up, under } = await start();
  const response = { id: "resp_foreign", output: [] };
  under.services.kept.keep("org_other:key_1", "resp_foreign", { input: [], response });
  for (const [method, rest] of [
    ["GET", ""],
    ["DELETE", ""],
    ["GET", "/input_items"],
    ["POST", "/cancel"],
  ] as const) {
    expect((await ask(under, method, `/v1/responses/resp_foreign${rest}`)).status).toBe(404);
  }
  expect(under.services.kept.find("org_other:key_1", "resp_foreign")).toBeDefined();
  expect(up.received).toEqual([]);
});
