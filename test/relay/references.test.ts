/** R112: things that a body names wherever in it: another's are unknown and nothing is sent, one's own are asked for where they lie. */
import { afterEach, describe, expect, test } from "bun:test";
import { mayRefer, referencesIn } from "../../src/relay/references.ts";
import type { UpstreamObject } from "../../src/store/types.ts";
import { readJson } from "../support/json.ts";
import { KEY, startRelay, type TestRelay } from "../support/relay.ts";
import { type Received, startUpstream, type Upstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

const GOOGLES = "https://generativelanguage.googleapis.com/v1beta/";

/** Each vendor in its own words. */
function answerOf({ path }: Received) {
  const usage = { input_tokens: 1, output_tokens: 1 };
  const choices = [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }];
  const parts = [{ text: "hi" }];
  if (path.endsWith("/chat/completions")) return { json: { id: "made", object: "chat.completion", choices } };
  if (path.endsWith("/messages")) {
    return { json: { id: "made", type: "message", role: "assistant", content: [], stop_reason: "end_turn", usage } };
  }
  if (path.endsWith(":generateContent"))
    return { json: { candidates: [{ content: { parts }, finishReason: "STOP" }] } };
  if (path.endsWith("/input_tokens")) return { json: { object: "response.input_tokens", input_tokens: 5 } };
  return { json: { id: "made", object: "response", status: "completed", model: "gpt-4o", output: [], usage } };
}

async function start(): Promise<{ up: Upstream; under: TestRelay }> {
  const up = await startUpstream(answerOf);
  open.push(up);
  const keys = (name: string) =>
    `keys: [{ id: ${name}1, key: secret-${name}-1 }, { id: ${name}2, key: secret-${name}-2 }]`;
  const under = await startRelay(`
providers:
  one: { base_url: "${up.url}/v1", ${keys("one")}, models: { include: ["gpt-*"] }, dialects: [openai-chat, openai-responses] }
  claude: { provider_type: anthropic, base_url: "${up.url}", ${keys("claude")}, models: { include: ["claude-*"] } }
  google: { provider_type: gemini, base_url: "${up.url}", ${keys("google")}, models: { include: ["gemini-*"] } }
`);
  open.push(under);
  return { up, under };
}

const own = (id: string, kind: string, provider: string): UpstreamObject => ({
  ...{ id, kind, provider, keyId: `${provider}2`, orgId: null, userId: null, principal: "access-key" },
});
const alices = (id: string, kind: string, provider: string): UpstreamObject => ({
  ...{ id, kind, provider, keyId: `${provider}1`, orgId: "org_a", userId: 1, principal: "key_alice" },
});
const keyOf = ({ headers }: Received): string =>
  headers.get("x-api-key") ?? headers.get("x-goog-api-key") ?? headers.get("authorization")!.slice("Bearer ".length);

/** `WHO` stands for the name of whose thing it is. */
const input = (part: object) => ({ model: "gpt-4o", input: [{ role: "user", content: [part] }] });
const message = (model: string, part: object) => ({
  model,
  max_tokens: 5,
  messages: [{ role: "user", content: [part] }],
});
const contents = (uri: string) => ({ contents: [{ role: "user", parts: [{ fileData: { fileUri: uri } }] }] });
const tool = (more: object) => ({ model: "gpt-4o", input: "x", tools: [more] });
const GEMINI = "/v1beta/models/gemini-2.5-flash";

const NAMED: readonly (readonly [path: string, body: object, provider: string])[] = [
  ["/v1/responses", input({ type: "input_file", file_id: "file-WHO" }), "one"],
  ["/v1/responses", tool({ type: "code_interpreter", container: "cntr-WHO" }), "one"],
  [
    "/v1/responses",
    tool({ type: "code_interpreter", container: { type: "auto", file_ids: ["x", "file-WHO"] } }),
    "one",
  ],
  ["/v1/responses", tool({ type: "file_search", vector_store_ids: ["vs-WHO"] }), "one"],
  ["/v1/responses/compact", input({ type: "input_file", file_id: "file-WHO" }), "one"],
  ["/v1/responses/input_tokens", input({ type: "input_file", file_id: "file-WHO" }), "one"],
  ["/v1/conversations", { items: [{ role: "user", content: [{ type: "input_file", file_id: "file-WHO" }] }] }, "one"],
  ["/v1/chat/completions", message("gpt-4o", { type: "file", file: { file_id: "file-WHO" } }), "one"],
  ["/v1/messages", message("claude-x", { type: "document", source: { type: "file", file_id: "file-WHO" } }), "claude"],
  ["/v1/messages", { ...message("claude-x", { type: "text", text: "x" }), container: { id: "cntr-WHO" } }, "claude"],
  [`${GEMINI}:generateContent`, contents(`${GOOGLES}files/WHO`), "google"],
  [`${GEMINI}:batchGenerateContent`, { batch: { inputConfig: { fileName: "files/WHO" } } }, "google"],
  ["/v1/images/edits", { model: "gpt-4o", prompt: "x", images: [{ file_id: "file-WHO" }] }, "one"],
  ["/v1/vector_stores", { file_ids: ["file-mine", "file-WHO"] }, "one"],
  ["/v1/vector_stores/vs-mine/files", { file_id: "file-WHO" }, "one"],
  ["/v1/fine_tuning/jobs", { model: "gpt-4o", training_file: "file-mine", validation_file: "file-WHO" }, "one"],
  ["/v1/containers", { name: "n", file_ids: ["file-mine", "file-WHO"] }, "one"],
  ["/v1/containers", { name: "n", skills: [{ type: "skill_reference", skill_id: "skill-WHO" }] }, "one"],
  ["/v1/assistants", { model: "gpt-4o", tool_resources: { file_search: { vector_store_ids: ["vs-WHO"] } } }, "one"],
  ["/v1/evals", { name: "n", data_source: { source: { type: "file_id", id: "file-WHO" } } }, "one"],
  ["/v1/videos", { model: "gpt-4o", prompt: "x", input_reference: { file_id: "file-WHO" } }, "one"],
  ["/v1beta/cachedContents", { model: "models/gemini-x", ...contents(`${GOOGLES}files/WHO`) }, "google"],
];

function send(under: TestRelay, path: string, body: object | string): Promise<Response> {
  const isGoogles = path.startsWith("/v1beta");
  return under.post(path, body, isGoogles ? { "x-goog-api-key": KEY } : {});
}

async function leave(under: TestRelay, who: string, of: typeof own): Promise<void> {
  await under.services.objects.add([
    ...["one", "claude"].flatMap((provider) => [
      of(`file-${who}`, "file", provider),
      of(`cntr-${who}`, "container", provider),
    ]),
    ...[of(`vs-${who}`, "vector-store", "one"), of(`skill-${who}`, "skill", "one")],
    of(`files/${who}`, "gemini-file", "google"),
  ]);
}

const named = (body: object, who: string): string => JSON.stringify(body).replaceAll("WHO", who);

describe("R112 ★ things named inside a body", () => {
  test.each(NAMED)("%s %j: another's is unknown, and nothing is sent", async (path, body) => {
    const { up, under } = await start();
    await leave(under, "mine", own);
    await leave(under, "alice", alices);
    const answer = await send(under, path, named(body, "alice"));
    expect(answer.status).toBe(404);
    const text = await answer.text();
    expect(text).not.toContain("alice");
    expect(JSON.parse(text)).toMatchObject(
      path.startsWith("/v1beta") ? { error: { status: "NOT_FOUND" } } : { error: { type: expect.any(String) } },
    );
    expect(up.received).toEqual([]);
  });

  test.each(NAMED)("%s %j: one's own is asked for under its key, byte for byte", async (path, body, provider) => {
    const { up, under } = await start();
    // Where both vendors know the name, only one of them keeps the thing.
    await under.services.objects.add(
      ["file-mine", "cntr-mine", "vs-mine", "skill-mine", "files/mine"].map((id) => own(id, kindOf(id), provider)),
    );
    const sent = named(body, "mine");
    for (let round = 0; round < 2; round += 1) expect((await send(under, path, sent)).status).toBe(200);
    expect(up.received.map((each) => [keyOf(each), each.text])).toEqual([
      [`secret-${provider}-2`, sent],
      [`secret-${provider}-2`, sent],
    ]);
  });

  function kindOf(id: string): string {
    if (id.startsWith("files/")) return "gemini-file";
    return { file: "file", cntr: "container", vs: "vector-store", skill: "skill" }[id.split("-")[0]!]!;
  }

  test.each([
    '{"model":"gpt-4o","input":[{"file_id":"file-alice","file_id":"file-mine"}]}',
    '{"model":"gpt-4o","input":[{"file\\u005fid":"file-alice"}]}',
    '{"model":"gpt-4o","input":[{"file_id" : "file\\u002dalice"}]}',
  ])("however it is written: %s", async (body) => {
    const { up, under } = await start();
    await leave(under, "mine", own);
    await leave(under, "alice", alices);
    expect((await send(under, "/v1/responses", body)).status).toBe(404);
    expect(up.received).toEqual([]);
  });

  test("one that nobody here has seen is for its vendor to know, and so is a word that is no name", async () => {
    const { up, under } = await start();
    await leave(under, "alice", alices);
    const bodies = [
      named(input({ type: "input_file", file_id: "file-WHO" }), "elsewhere"),
      named(input({ type: "input_text", text: "file_id: file-alice" }), ""),
    ];
    for (const body of bodies) expect((await send(under, "/v1/responses", body)).status).toBe(200);
    expect(up.received.map(({ text }) => text)).toEqual(bodies);
  });

  test("one's own that lies where the model is not served is not found there; a source of earlier words is no wish", async () => {
    const { up, under } = await start();
    await under.services.objects.add([own("file-mine", "file", "claude")]);
    const wish = await send(under, "/v1/responses", named(input({ type: "input_file", file_id: "file-WHO" }), "mine"));
    expect([wish.status, await readJson(wish)]).toMatchObject([404, { error: { param: "file_id" } }]);
    expect(up.received).toEqual([]);
    const part = { type: "output_text", text: "x", annotations: [{ type: "file_citation", file_id: "file-mine" }] };
    const told = { model: "gpt-4o", input: [{ type: "message", role: "assistant", content: [part] }] };
    expect((await send(under, "/v1/responses", told)).status).toBe(200);
  });

  test("what must name a known thing takes nothing else", async () => {
    const { up, under } = await start();
    for (const file_ids of [["", "file-x"], [7], [null], {}, "a/../b", Array(1001).fill("file-x")]) {
      const answer = await send(under, "/v1/vector_stores", { file_ids });
      expect([file_ids, answer.status, await readJson(answer)]).toMatchObject([
        ...[file_ids, 400],
        { error: { param: "file_ids" } },
      ]);
    }
    expect(up.received).toEqual([]);
  });
});

describe("what a call goes on from", () => {
  test.each([
    ["/v1/responses", { model: "gpt-4o", input: "x", previous_response_id: "", conversation: { id: "conv_alice" } }],
    ["/v1/responses", { model: "gpt-4o", input: "x", previous_response_id: "resp_1", conversation: "conv_alice" }],
    ["/v1/responses", { model: "gpt-4o", input: "x", conversation: {} }],
    [`${GEMINI}:generateContent`, { contents: [], cachedContent: "", cached_content: "cachedContents/alice" }],
  ])("%s %j: two at once, or none that has a name, are refused", async (path, body) => {
    const { up, under } = await start();
    await under.services.objects.add([alices("conv_alice", "conversation", "one")]);
    expect((await send(under, path, body)).status).toBe(400);
    expect(up.received).toEqual([]);
  });
});

test("a thing is found at the paths of its kind alone", async () => {
  const { up, under } = await start();
  await leave(under, "mine", own);
  for (const path of ["/v1/batches/file-mine", "/v1/files/vs-mine", "/v1/threads/cntr-mine"]) {
    for (const method of ["GET", "DELETE"]) {
      const answer = await fetch(under.url + path, { method, headers: { authorization: `Bearer ${KEY}` } });
      expect([path, [404, 405].includes(answer.status)]).toEqual([path, true]);
    }
  }
  expect(up.received).toEqual([]);
  expect(await under.services.objects.find("file-mine")).toBeDefined();
});

describe("the names in a body", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  test.each([
    ['{"a":{"file_ids":["x","y"],"n":1},"text":"file_id"}', ["x", "y"]],
    ['{"file_id":{"deeper":"no"},"id":"no","other":["no"]}', []],
    ['{"container":{"id":"c","file_ids":["f"]}}', ["c", "f"]],
    ['{"text":"\\"file_id\\":\\"no\\"","file_id":"\\\\"}', ["\\"]],
    ['{"image_url":{"url":"data:image/png;base64,files/no"}}', []],
    ['{"fileUri":"https://x/v1beta/files/a/../b%2Fc?key=1"}', ["files/a", "files/b", "files/c"]],
    [
      '{"cachedContent":"projects/p/locations/l/cachedContents/1"}',
      [...["projects/p/locations/l/cachedContents/1", "cachedContents/1"]],
    ],
  ])("%s", (text, expected) => {
    expect(referencesIn(bytes(text)).map(({ id }) => id)).toEqual(expected);
    expect(expected.length === 0 || mayRefer(bytes(text))).toBe(true);
  });

  test("most bodies hold none, and are not looked at closer", () => {
    expect(mayRefer(bytes('{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]}'))).toBe(false);
  });
});
