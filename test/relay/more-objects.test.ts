/** Conversations, videos, evals: what is asked of them beyond lying where they lie; and what a key that is bound to models may not. */
import { afterEach, describe, expect, test } from "bun:test";
import { readJson } from "../support/json.ts";
import { directoryOf, keyHolder } from "../support/directory.ts";
import { KEY, startRelay, type TestRelay } from "../support/relay.ts";
import { type Received, type Script, startUpstream, type Upstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

const BOUND_KEY = "mr_bound-to-one-model";
/** One API key, which may call one model. */
const accounts = directoryOf({
  [BOUND_KEY]: keyHolder("k", {
    id: "key_1",
    orgId: "org_a",
    scopes: new Set(["chat:write", "images:write", "assistants:write", "fine_tuning:write", "batches:write"]),
    models: { allow: ["gpt-4o"], deny: [] },
  }),
});

async function start(script: Script, more = ""): Promise<{ up: Upstream; under: TestRelay }> {
  const up = await startUpstream(script);
  open.push(up);
  const under = await startRelay(
    `
providers:
  chat: { base_url: "${up.url}/chat/v1", keys: [{ key: secret-chat-1 }], models: { include: [gpt-chat] } }
  one: { base_url: "${up.url}/one/v1", keys: [{ id: k1, key: secret-one-1, label: a }, { id: k2, key: secret-one-2, label: b }], models: { include: ["gpt-4*", clips] }, dialects: [openai-chat, openai-responses] }
  films: { base_url: "${up.url}/films/v1", keys: [{ key: secret-films-1 }], models: { include: [sora-2, sora-2-pro] } }
${more}`,
    accounts,
  );
  open.push(under);
  return { up, under };
}

const ask = (under: TestRelay, method: string, path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(under.url + path, { method, ...init, headers: { authorization: `Bearer ${KEY}`, ...init.headers } });
const keyOf = ({ headers }: Received): string | null => headers.get("authorization");
const asBound = { authorization: `Bearer ${BOUND_KEY}` };

describe("a conversation", () => {
  const answer: Script = ({ path }) => ({
    json: path.endsWith("/conversations")
      ? { id: "conv_1", object: "conversation" }
      : { id: "resp_1", object: "response", status: "completed", model: "gpt-4o", output: [], usage: {} },
  });

  test("is made where answers are kept, and every answer in it is asked of its key", async () => {
    const { up, under } = await start(answer);
    expect((await under.post("/v1/conversations", {})).status).toBe(200);
    for (const conversation of ["conv_1", { id: "conv_1" }, "conv_1", "conv_1"]) {
      const body = { model: "gpt-4o", input: "x", conversation };
      expect((await under.post("/v1/responses", body)).status).toBe(200);
      expect(up.received.at(-1)!.text).toBe(JSON.stringify(body));
    }
    expect((await ask(under, "GET", "/v1/conversations/conv_1/items?limit=2")).status).toBe(200);
    expect(up.received.at(-1)).toMatchObject({ path: "/one/v1/conversations/conv_1/items", query: "?limit=2" });
    expect(new Set(up.received.map(keyOf)).size).toBe(1);
    expect(up.received.every(({ path }) => path.startsWith("/one/"))).toBe(true);
  });

  test("that nobody here has made is for its vendor to know; one that lies elsewhere is not found there", async () => {
    const { up, under } = await start(answer);
    expect((await under.post("/v1/responses", { model: "gpt-4o", input: "x", conversation: "conv_9" })).status).toBe(
      200,
    );
    await under.post("/v1/conversations", {});
    up.forget();
    const elsewhere = await under.post("/v1/responses", { model: "gpt-chat", input: "x", conversation: "conv_1" });
    expect([elsewhere.status, await readJson(elsewhere)]).toMatchObject([404, { error: { param: "conversation" } }]);
    expect(up.received).toEqual([]);
  });
});

describe("a video", () => {
  const answer: Script = ({ path }) => ({
    json: { id: path.endsWith("/remix") ? "video_2" : "video_1", object: "video", status: "queued" },
  });
  function form(fields: Record<string, string>): FormData {
    const data = new FormData();
    for (const [name, value] of Object.entries(fields)) data.set(name, value);
    data.set("input_reference", new File(["PNG!"], "a.png"));
    return data;
  }
  const MADE: readonly (readonly [name: string, model: string | undefined, expected: string])[] = [
    ["of its model", "sora-2-pro", "sora-2-pro"],
    ["of the model behind an alias", "film", "sora-2-pro"],
    ["of the usual model", undefined, "sora-2"],
  ];
  const alias = "model_routing: { aliases: { film: sora-2-pro } }";

  test.each(MADE)("is made by the provider %s, asked as JSON or as a form", async (_name, model, expected) => {
    const { up, under } = await start(answer, alias);
    const named = model === undefined ? {} : { model };
    expect((await under.post("/v1/videos", { prompt: "a cat", ...named })).status).toBe(200);
    const asForm = await ask(under, "POST", "/v1/videos", { body: form({ prompt: "a cat", ...named }) });
    expect(asForm.status).toBe(200);
    expect(up.received.map(({ path }) => path)).toEqual(["/films/v1/videos", "/films/v1/videos"]);
    // The vendor's own choice needs no word in JSON.
    const said = JSON.parse(up.received[0]!.text) as { model?: string };
    expect(said.model ?? expected).toBe(expected);
    const { headers, bytes } = up.received[1]!;
    const read = await new Response(bytes, { headers: { "content-type": headers.get("content-type")! } }).formData();
    expect([read.get("model"), read.get("prompt"), (read.get("input_reference") as File).size]).toEqual([
      expected,
      "a cat",
      4,
    ]);
  });

  test("and what is made of it lie with whoever made them", async () => {
    const { up, under } = await start(answer);
    await under.post("/v1/videos", { prompt: "a cat" });
    expect((await under.post("/v1/videos/video_1/remix", { prompt: "a dog" })).status).toBe(200);
    expect((await ask(under, "GET", "/v1/videos/video_2/content?variant=thumbnail")).status).toBe(200);
    expect(up.received.at(-1)).toMatchObject({ path: "/films/v1/videos/video_2/content", query: "?variant=thumbnail" });
    expect((await ask(under, "GET", "/v1/videos/video_2", { headers: asBound })).status).toBe(404);
  });

  test("costs what nobody here knows: budgets that block the unknown block it", async () => {
    const { up, under } = await start(
      answer,
      "limits: { access_key: { budgets: [{ usd: 5, window: day }] } }\nprices: { on_unknown: block }",
    );
    const answered = await under.post("/v1/videos", { prompt: "a cat" });
    expect([answered.status, (await answered.text()).includes("price")]).toEqual([403, true]);
    expect(up.received).toEqual([]);
  });
});

describe("a key that is bound to models", () => {
  const REFUSED: readonly (readonly [name: string, path: string, init: RequestInit])[] = [
    ["another model's video", "/v1/videos", json({ model: "sora-2", prompt: "x" })],
    ["the usual model's video", "/v1/videos", json({ prompt: "x" })],
    ["another model's video, asked by a form", "/v1/videos", { body: formOf({ model: "sora-2", prompt: "x" }) }],
    ["an eval, which may ask any model", "/v1/evals", json({ name: "n" })],
    ["a run of one", "/v1/evals/eval_own/runs", json({ name: "n" })],
    ["a batch, whose file may name any model", "/v1/batches", json({ input_file_id: "file-own" })],
    ["a new thread's run by the assistant's model", "/v1/threads/runs", json({ assistant_id: "asst_own", thread: {} })],
    ["a thread's run by the assistant's model", "/v1/threads/thread_own/runs", json({ assistant_id: "asst_own" })],
    ["a run of no model", "/v1/threads/thread_own/runs", json({ assistant_id: "asst_own", model: null })],
    ["a thread's run by another model", "/v1/threads/thread_own/runs", json({ assistant_id: "a", model: "gpt-4.1" })],
  ];
  function json(body: object): RequestInit {
    return { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  }
  function formOf(fields: Record<string, string>): FormData {
    const data = new FormData();
    for (const [name, value] of Object.entries(fields)) data.set(name, value);
    return data;
  }

  test.each(REFUSED)("is refused %s, and nobody is asked", async (_name, path, init) => {
    const { up, under } = await start({ json: { id: "made" } });
    const own = { provider: "one", keyId: "k1", orgId: "org_a", userId: 7, principal: "key_1" };
    await under.services.objects.add([
      { ...own, id: "eval_own", kind: "eval" },
      { ...own, id: "file-own", kind: "file" },
      { ...own, id: "asst_own", kind: "assistant" },
      { ...own, id: "thread_own", kind: "thread" },
    ]);
    const answer = await ask(under, "POST", path, { ...init, headers: { ...init.headers, ...asBound } });
    expect([answer.status, await readJson(answer)]).toMatchObject([403, { error: { code: "model_not_allowed" } }]);
    expect(up.received).toEqual([]);
  });

  test("may run a thread by the model it has", async () => {
    const { up, under } = await start({ json: { id: "run_1" } });
    const own = { provider: "one", keyId: "k1", orgId: "org_a", userId: 7, principal: "key_1" };
    await under.services.objects.add([{ ...own, id: "thread_own", kind: "thread" }]);
    const init = json({ assistant_id: "a", model: "gpt-4o" });
    const answer = await ask(under, "POST", "/v1/threads/thread_own/runs", {
      ...init,
      headers: { ...init.headers, ...asBound },
    });
    expect([answer.status, up.received.length]).toEqual([200, 1]);
  });
});
