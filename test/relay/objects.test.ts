/** Files, batches, threads and stored answers in one process: they stay where they lie, and belong to whoever made them. */
import { afterEach, describe, expect, test } from "bun:test";
import type { UpstreamObject } from "../../src/store/types.ts";
import { readJson } from "../support/json.ts";
import { KEY, startRelay, type TestRelay } from "../support/relay.ts";
import { type Received, type Script, startUpstream, type Upstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

async function start(script: Script, more = ""): Promise<{ up: Upstream; under: TestRelay }> {
  const up = await startUpstream(script);
  open.push(up);
  const under = await startRelay(`
providers:
  echo: { provider_type: echo }
  one: { base_url: "${up.url}/one/v1", keys: [{ id: k1, key: secret-one-1, label: a }, { id: k2, key: secret-one-2, label: b }], models: { include: ["gpt-*"] }, dialects: [openai-chat, openai-responses] }
  two: { base_url: "${up.url}/two/v1", keys: [{ id: k3, key: secret-two-1 }], models: { include: [other] } }
  claude: { provider_type: anthropic, base_url: "${up.url}/claude", keys: [{ id: k4, key: secret-claude-1 }], models: { include: ["claude-*"] } }
${more}
`);
  open.push(under);
  return { up, under };
}

const auth = { authorization: `Bearer ${KEY}` };
const ask = (under: TestRelay, method: string, path: string, init: RequestInit = {}) =>
  fetch(under.url + path, { method, ...init, headers: { ...auth, ...init.headers } });

function form(text = "line\n"): FormData {
  const data = new FormData();
  data.set("purpose", "batch");
  data.set("file", new File([text], "a.jsonl"));
  return data;
}
const keyOf = ({ headers }: Received) => headers.get("authorization") ?? headers.get("x-api-key");

const foreign: UpstreamObject = {
  id: "file-foreign",
  kind: "file",
  provider: "one",
  keyId: "k1",
  orgId: "org_other",
  userId: 1,
  principal: "key_other",
};

/** As the access key leaves them, where there are no accounts. */
const OWN = { orgId: null, userId: null, principal: "access-key" } as const;

describe("what a client leaves with an upstream", () => {
  test("an upload arrives as it was sent, at the first provider that takes files; what follows goes to the same key", async () => {
    let made = 0;
    const { up, under } = await start(({ method }) => ({
      json: method === "POST" ? { id: `file-${++made}`, object: "file" } : { id: "x", object: "file" },
    }));
    const big = "x".repeat(300_000);
    for (let n = 1; n <= 2; n += 1) {
      const answer = await ask(under, "POST", "/v1/files", { body: form(big) });
      expect(await readJson(answer)).toEqual({ id: `file-${n}`, object: "file" });
    }
    expect(up.received.map(({ path }) => path)).toEqual(["/one/v1/files", "/one/v1/files"]);
    // Keys take turns; what was made with one stays with it.
    expect(new Set(up.received.map(keyOf)).size).toBe(2);
    const sent = await new Response(up.received[0]!.bytes as Uint8Array<ArrayBuffer>, {
      headers: { "content-type": up.received[0]!.headers.get("content-type")! },
    }).formData();
    expect(await (sent.get("file") as File).text()).toBe(big);

    const makers = up.received.map(keyOf);
    for (let round = 0; round < 3; round += 1) {
      for (const [index, id] of ["file-1", "file-2"].entries()) {
        up.forget();
        expect((await ask(under, "GET", `/v1/files/${id}`)).status).toBe(200);
        expect([up.received[0]!.path, keyOf(up.received[0]!)]).toEqual([`/one/v1/files/${id}`, makers[index]!]);
      }
    }
    expect((await under.recorded(8)).at(-1)).toMatchObject({
      route: "/v1/files/{id}",
      operation: "files",
      lane: "raw",
      provider: "one",
      status: 200,
    });
  });

  test("contents come back byte for byte, streamed", async () => {
    const bytes = new Uint8Array(2_000_000).map((_, index) => (index * 7) & 255);
    const { under } = await start(({ method }) =>
      method === "POST"
        ? { json: { id: "file-1" } }
        : { chunks: [bytes.slice(0, 999_999), bytes.slice(999_999)], headers: { "content-type": "application/jsonl" } },
    );
    await ask(under, "POST", "/v1/files", { body: form() });
    const answer = await ask(under, "GET", "/v1/files/file-1/content");
    expect(answer.headers.get("content-type")).toBe("application/jsonl");
    expect(Buffer.compare(Buffer.from(await answer.arrayBuffer()), Buffer.from(bytes))).toBe(0);
  });

  test("a batch lies beside its file, and its results are known once it tells of them", async () => {
    const { up, under } = await start((received) => {
      if (received.path.endsWith("/files")) return { json: { id: "file-in" } };
      if (received.method === "POST") return { json: { id: "batch_1", input_file_id: "file-in" } };
      if (received.path.endsWith("/batches/batch_1"))
        return { json: { id: "batch_1", output_file_id: "file-out", error_file_id: null } };
      return { json: { id: "file-out" } };
    });
    await ask(under, "POST", "/v1/files", { body: form() });
    expect((await ask(under, "GET", "/v1/files/file-out")).status).toBe(404);
    const batch = { input_file_id: "file-in", endpoint: "/v1/chat/completions", completion_window: "24h" };
    expect((await under.post("/v1/batches", batch)).status).toBe(200);
    expect(JSON.parse(up.received.at(-1)!.text)).toEqual(batch);
    expect((await ask(under, "GET", "/v1/batches/batch_1")).status).toBe(200);
    expect((await ask(under, "GET", "/v1/files/file-out")).status).toBe(200);
    expect(new Set(up.received.map(keyOf)).size).toBe(1);
  });

  test("what is deleted is forgotten, and only what is deleted", async () => {
    const { up, under } = await start(({ method, path }) =>
      method === "POST" && path.endsWith("/threads")
        ? { json: { id: "thread_1" } }
        : { json: { id: "x", deleted: true } },
    );
    await under.post("/v1/threads", "");
    expect((await ask(under, "DELETE", "/v1/threads/thread_1/messages/msg_1")).status).toBe(200);
    expect((await ask(under, "GET", "/v1/threads/thread_1/runs")).status).toBe(200);
    expect((await ask(under, "DELETE", "/v1/threads/thread_1")).headers.get("deprecation")).toBe("true");
    up.forget();
    expect((await ask(under, "GET", "/v1/threads/thread_1")).status).toBe(404);
    expect(up.received).toEqual([]);
  });

  test("new things go to the provider of their model, else of what they refer to, else where the operator says", async () => {
    const { up, under } = await start(
      ({ path }) => ({ json: { id: path.includes("two") ? "x-two" : "x-one" } }),
      "model_routing: { stateful: { provider: two } }",
    );
    await ask(under, "POST", "/v1/files", { body: form() });
    await under.post("/v1/assistants", { model: "gpt-4o" });
    await under.post("/v1/fine_tuning/jobs", { model: "gpt-4o", training_file: "x-two" });
    await under.post("/v1/threads", {});
    expect(up.received.map(({ path }) => path)).toEqual([
      "/two/v1/files",
      "/one/v1/assistants",
      "/two/v1/fine_tuning/jobs",
      "/two/v1/threads",
    ]);
  });

  test("a failed upload is not sent twice", async () => {
    const { up, under } = await start({ status: 500, json: { error: { message: "no" } } });
    expect((await ask(under, "POST", "/v1/files", { body: form() })).status).toBe(502);
    expect(up.received).toHaveLength(1);
  });
});

describe("what belongs to others", () => {
  const uses: [method: string, path: string][] = [
    ["GET", "/v1/files/ID"],
    ["DELETE", "/v1/files/ID"],
    ["GET", "/v1/files/ID/content"],
    ["POST", "/v1/batches/ID/cancel"],
    ["GET", "/v1/fine_tuning/jobs/ID/events"],
    ["GET", "/v1/threads/ID/messages/ID"],
    ["GET", "/v1/vector_stores/ID/files/ID"],
    ["GET", "/v1/responses/ID"],
    ["GET", "/v1/responses/ID/input_items"],
    ["GET", "/v1/messages/batches/ID/results"],
  ];
  test.each(uses)("%s %s: neither found nor told apart from what does not exist", async (method, path) => {
    const { up, under } = await start({ json: {} });
    await under.services.objects.add([foreign]);
    const answers = await Promise.all(
      ["file-foreign", "file-unknown"].map((id) => ask(under, method, path.replaceAll("ID", id))),
    );
    const [theirs, nobodys] = await Promise.all(answers.map(async (answer) => [answer.status, await answer.json()]));
    expect(theirs![0]).toBe(404);
    expect(JSON.stringify(theirs).replace(/req_\w+/g, "")).toBe(JSON.stringify(nobodys).replace(/req_\w+/g, ""));
    expect(up.received).toEqual([]);
  });

  test.each([
    "/v1/files/..%2f..%2forganization",
    "/v1/files/%2e%2e%2forganization",
    "/v1/files/..%5corganization",
    "/v1/files/file-1%2fcontent",
    "/v1/threads/thread_1%2f..%2f..%2ffiles",
    "/v1/files/file-1%00",
  ])("R112 ★ %s is no way out of a path: nobody is asked", async (path) => {
    const { up, under } = await start({ json: { id: "org" } });
    expect([400, 404]).toContain((await ask(under, "GET", path)).status);
    expect(up.received).toEqual([]);
  });

  test("cannot be referred to either", async () => {
    const { up, under } = await start({ json: { id: "batch_1" } });
    await under.services.objects.add([foreign, { ...foreign, id: "resp_foreign", kind: "response" }]);
    const batch = await under.post("/v1/batches", { input_file_id: "file-foreign" });
    expect([batch.status, await readJson(batch)]).toMatchObject([404, { error: { param: "input_file_id" } }]);
    const answer = { model: "gpt-4o", input: "x", previous_response_id: "resp_foreign" };
    expect((await under.post("/v1/responses", answer)).status).toBe(404);
    expect(up.received).toEqual([]);
  });

  test("does not stand in the caller's lists, however many pages of it lie between", async () => {
    const all = Array.from({ length: 250 }, (_, index) => ({
      id: `file-${String(index).padStart(3, "0")}`,
      object: "file",
    }));
    const { up, under } = await start(({ query }) => {
      const parameters = new URLSearchParams(query);
      const after = parameters.get("after");
      const from = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1;
      const limit = Number(parameters.get("limit"));
      return { json: { object: "list", data: all.slice(from, from + limit), has_more: from + limit < all.length } };
    });
    const own = ["file-001", "file-150", "file-151", "file-240"];
    await under.services.objects.add([foreign, ...own.map((id) => ({ ...foreign, id, ...OWN }))]);
    const first = await readJson(await ask(under, "GET", "/v1/files?limit=2&purpose=batch"));
    expect(first).toMatchObject({ object: "list", has_more: true, first_id: "file-001", last_id: "file-150" });
    expect(up.received[0]!.query).toContain("purpose=batch");
    const second = await readJson(await ask(under, "GET", `/v1/files?limit=3&after=${first.last_id}`));
    expect(second.data.map(({ id }: { id: string }) => id)).toEqual(["file-151", "file-240"]);
    expect(second.has_more).toBe(false);
  });

  test("a caller without anything gets an empty list, and nobody is asked", async () => {
    const { up, under } = await start({ json: { data: [{ id: "file-foreign" }] } });
    await under.services.objects.add([foreign]);
    expect(await readJson(await ask(under, "GET", "/v1/files"))).toEqual({
      object: "list",
      data: [],
      has_more: false,
      first_id: null,
      last_id: null,
    });
    expect(up.received).toEqual([]);
  });

  test("things at several places are walked one behind the other", async () => {
    const { under } = await start(({ path, query }) => {
      const ids = path.includes("one") ? ["a1", "a2"] : ["b1", "b2"];
      const after = new URLSearchParams(query).get("after");
      const from = after === null ? 0 : ids.indexOf(after) + 1;
      return { json: { data: ids.slice(from).map((id) => ({ id })), has_more: false } };
    });
    const at = (id: string, provider: string, keyId: string) => ({ ...foreign, id, ...OWN, provider, keyId });
    await under.services.objects.add([
      at("a1", "one", "k1"),
      at("a2", "one", "k1"),
      at("b1", "two", "k3"),
      at("b2", "two", "k3"),
    ]);
    const seen: string[] = [];
    for (let after = ""; ; ) {
      const page = await readJson(await ask(under, "GET", `/v1/files?limit=1${after === "" ? "" : `&after=${after}`}`));
      seen.push(...page.data.map(({ id }: { id: string }) => id));
      if (!page.has_more) break;
      after = page.last_id;
    }
    expect(seen.toSorted()).toEqual(["a1", "a2", "b1", "b2"]);
  });

  test("unknown ids are sent on for nobody but admins, whatever the configuration says", async () => {
    const { up, under } = await start(
      { json: { id: "file-unknown" } },
      "model_routing: { stateful: { unknown_ids: forward } }",
    );
    expect((await ask(under, "GET", "/v1/files/file-unknown")).status).toBe(404);
    expect(up.received).toEqual([]);
  });
});

describe("stored answers", () => {
  const whole = (id: string) => ({
    id,
    object: "response",
    status: "completed",
    model: "gpt-4o",
    output: [],
    usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
  });

  test("continue where they lie, whichever key's turn it is, whole and streamed", async () => {
    let made = 0;
    const { up, under } = await start((received) => {
      const response = whole(`resp_${++made}`);
      if (!received.text.includes('"stream":true')) return { json: response };
      const event = (type: string, status: string) =>
        `event: ${type}\ndata: ${JSON.stringify({ type, response: { ...response, status } })}\n\n`;
      return { chunks: [event("response.created", "in_progress"), event("response.completed", "completed")] };
    });
    for (const stream of [false, true]) {
      up.forget();
      const first = await under.post("/v1/responses", { model: "gpt-4o", input: "a", stream });
      const id = /"id":"(resp_\d+)"/.exec(await first.text())![1]!;
      for (let round = 0; round < 4; round += 1) {
        await (await under.post("/v1/responses", { model: "gpt-4o", input: "b", previous_response_id: id })).text();
      }
      expect((await ask(under, "GET", `/v1/responses/${id}?include[]=x`)).status).toBe(200);
      expect(up.received.at(-1)).toMatchObject({ path: `/one/v1/responses/${id}`, query: "?include[]=x" });
      expect(new Set(up.received.map(keyOf)).size).toBe(1);
    }
  });

  test("told not to store, nothing is noted", async () => {
    const { under } = await start({ json: whole("resp_1") });
    await under.post("/v1/responses", { model: "gpt-4o", input: "a", store: false });
    expect(await under.services.objects.find("resp_1")).toBeUndefined();
  });

  test("a WebSocket is refused at once, with the status that makes clients fall back", async () => {
    const { up, under } = await start({ json: {} });
    const answer = await ask(under, "GET", "/v1/responses", {
      headers: { connection: "Upgrade", upgrade: "websocket", "sec-websocket-key": "x", "sec-websocket-version": "13" },
    });
    expect(answer.status).toBe(426);
    expect(up.received).toEqual([]);
  });
});

describe("batches of messages", () => {
  const params = { model: "claude-x", max_tokens: 5, messages: [] };

  test("go to the provider of their model, under its name there, and stay there", async () => {
    const { up, under } = await start(
      { json: { id: "msgbatch_1", type: "message_batch" } },
      "model_routing: { aliases: { best: claude-x } }",
    );
    const requests = [{ custom_id: "1", params }];
    const made = await under.post("/v1/messages/batches", { requests }, { "anthropic-beta": "b" });
    expect(await readJson(made)).toEqual({ id: "msgbatch_1", type: "message_batch" });
    expect(up.received[0]).toMatchObject({ path: "/claude/v1/messages/batches", text: JSON.stringify({ requests }) });
    expect(up.received[0]!.headers.get("anthropic-beta")).toBe("b");
    await under.post("/v1/messages/batches", { requests: [{ custom_id: "1", params: { ...params, model: "best" } }] });
    expect(JSON.parse(up.received[1]!.text)).toEqual({ requests });
    expect((await ask(under, "GET", "/v1/messages/batches/msgbatch_1/results")).status).toBe(200);
    expect(up.received[2]!.path).toBe("/claude/v1/messages/batches/msgbatch_1/results");
  });

  test.each([
    ["no model", [{ params: {} }]],
    ["several models", [{ params }, { params: { ...params, model: "claude-y" } }]],
    ["no requests", []],
  ])("%s: refused in Anthropic's words, and nobody is asked", async (_name, requests) => {
    const { up, under } = await start({ json: {} });
    const answer = await under.post("/v1/messages/batches", { requests });
    expect([answer.status, await readJson(answer)]).toMatchObject([
      400,
      { type: "error", error: { type: "invalid_request_error" } },
    ]);
    expect(up.received).toEqual([]);
  });
});

describe("R29 limits", () => {
  test("each call about such things is a request, reads too; nothing is sent once the limit is reached", async () => {
    const { up, under } = await start(
      ({ method }) => ({ json: method === "POST" ? { id: "file-1", object: "file" } : { data: [], has_more: false } }),
      "limits: { access_key: { rpm: 3, tpm: 1 } }",
    );
    expect((await ask(under, "POST", "/v1/files", { body: form() })).status).toBe(200);
    expect((await ask(under, "GET", "/v1/files/file-1")).status).toBe(200);
    expect((await ask(under, "GET", "/v1/files")).status).toBe(200);
    up.forget();
    for (const [method, path, init] of [
      ["POST", "/v1/files", { body: form() }],
      ["GET", "/v1/files/file-1", {}],
      ["GET", "/v1/files", {}],
      ["DELETE", "/v1/files/file-1", {}],
    ] as const) {
      expect([method, path, (await ask(under, method, path, init)).status]).toEqual([method, path, 429]);
    }
    expect(up.received).toEqual([]);
    // What is not known to be the caller's is not found, limit or none.
    expect((await ask(under, "GET", "/v1/files/file-unknown")).status).toBe(404);
  });

  test("what a stored answer says of its usage was counted when it was made", async () => {
    const answer = {
      id: "resp_1",
      object: "response",
      status: "completed",
      model: "gpt-4o",
      output: [],
      usage: { input_tokens: 100, output_tokens: 50, total_tokens: 150 },
    };
    const { under } = await start(
      { json: answer },
      'prices: { overrides: { "gpt-*": { input: 1, output: 1 } } }\nlimits: { access_key: { tpm: 100000 } }',
    );
    under.clock.advance(1000);
    const json = { "content-type": "application/json" };
    const body = JSON.stringify({ model: "gpt-4o", input: "x" });
    await ask(under, "POST", "/v1/responses", { body, headers: json });
    const read = await ask(under, "GET", "/v1/responses/resp_1");
    expect(read.headers.get("x-ratelimit-remaining-tokens")).toBe("99850");
    expect(under.records.map(({ costMicroUsd }) => costMicroUsd)).toEqual([150, null]);
  });
});
