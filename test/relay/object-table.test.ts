/** Every route of things that lie with an upstream, from the table itself: made, used where it lies, hidden from others, forgotten. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { OBJECT_ROUTES } from "../../src/http/object-routes.ts";
import type { RelayRoute } from "../../src/relay/route.ts";
import { readJson } from "../support/json.ts";
import { KEY, startRelay, type TestRelay } from "../support/relay.ts";
import { type Received, sse, startUpstream, type Upstream } from "../support/upstream.ts";

/** Of each family: what its things are called, and a body that makes one. */
const MAKES: Readonly<Record<string, { id: string; body?: object }>> = {
  file: { id: "file-made" },
  upload: { id: "upload_made", body: { purpose: "batch", filename: "a", bytes: 1, mime_type: "text/plain" } },
  batch: { id: "batch_made", body: { input_file_id: "file-made", endpoint: "/v1/responses" } },
  "fine-tuning-job": { id: "ftjob-made", body: { model: "gpt-4o", training_file: "file-made" } },
  assistant: { id: "asst_made", body: { model: "gpt-4o" } },
  thread: { id: "thread_made", body: {} },
  "vector-store": { id: "vs_made", body: { name: "n" } },
  container: { id: "cntr_made", body: { name: "n", file_ids: ["file-made"] } },
  skill: { id: "skill_made" },
  eval: { id: "eval_made", body: { name: "n", data_source_config: {}, testing_criteria: [] } },
  video: { id: "video_made", body: { model: "gpt-4o", prompt: "a cat" } },
  conversation: { id: "conv_made", body: {} },
  response: { id: "resp_made", body: { model: "gpt-4o", input: "x" } },
  "message-batch": {
    id: "msgbatch_made",
    body: {
      requests: [{ custom_id: "1", params: { model: "claude-x", max_tokens: 1, messages: [] } }],
    },
  },
};
const MAKERS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    OBJECT_ROUTES.filter(({ object }) => object!.action === "create").map(({ path, object }) => [object!.kind, path]),
  ),
  response: "/v1/responses",
};

let up: Upstream;
let under: TestRelay;

function answer({ method, path }: Received): { json: object } {
  const asked = path.replace(/^\/\w+(?=\/v1\/)/, "");
  const made = Object.entries(MAKERS).find(([, maker]) => method === "POST" && asked === maker);
  const id = MAKES[made?.[0] ?? ""]?.id ?? "inner";
  if (made?.[0] !== "response") return { json: { id, object: "thing" } };
  return { json: { id, object: "response", status: "completed", model: "gpt-4o", output: [], usage: {} } };
}

beforeAll(async () => {
  up = await startUpstream(answer);
  under = await startRelay(`
providers:
  one: { base_url: "${up.url}/one/v1", keys: [{ id: k1, key: secret-one-1, label: a }, { id: k2, key: secret-one-2, label: b }], models: { include: ["gpt-*"] }, dialects: [openai-chat, openai-responses] }
  claude: { provider_type: anthropic, base_url: "${up.url}/claude", keys: [{ id: k3, key: secret-claude-1 }, { id: k4, key: secret-claude-2, label: b }], models: { include: ["claude-*"] } }
`);
});
afterAll(async () => {
  await under.stop();
  await up.stop();
});
afterEach(() => up.forget());

const headers = { authorization: `Bearer ${KEY}` };
const keyOf = (received: Received) => received.headers.get("authorization") ?? received.headers.get("x-api-key");

function ask(method: string, path: string, body?: object): Promise<Response> {
  const isForm = path === "/v1/files" || path === "/v1/skills" || path.endsWith("/parts");
  const form = new FormData();
  form.set("purpose", "batch");
  form.set("file", new File(["x"], "a.jsonl"));
  if (method !== "POST") return fetch(under.url + path, { method, headers });
  return fetch(under.url + path, {
    method,
    headers: isForm ? headers : { ...headers, "content-type": "application/json" },
    body: isForm ? form : JSON.stringify(body ?? {}),
  });
}

async function make(kind: string): Promise<{ id: string; key: string | null }> {
  const { id, body } = MAKES[kind]!;
  if (JSON.stringify(body)?.includes(MAKES["file"]!.id)) await make("file");
  await under.services.objects.remove(id);
  const response = await ask("POST", MAKERS[kind]!, body);
  expect([response.status, (await readJson(response)).id]).toEqual([200, id]);
  const key = keyOf(up.received[0]!);
  up.forget();
  return { id, key };
}

const pathOf = ({ path }: RelayRoute, id: string) => path.replace("{id}", id).replace(/\{\w+\}/g, "inner");
const uses = OBJECT_ROUTES.filter(({ object }) => object!.action === "use");

describe("each route of a thing", () => {
  test.each(uses.map((route) => [`${route.method} ${route.path}`, route] as const))("%s", async (_name, route) => {
    const { kind } = route.object!;
    const { id, key } = await make(kind);
    const root = route.codec.id === "anthropic-messages" ? "/claude" : "/one";

    const path = pathOf(route, id);
    const used = await ask(route.method, path);
    expect(used.status).toBe(200);
    expect(used.headers.get("deprecation")).toBe(route.object!.isDeprecated ? "true" : null);
    expect(up.received).toHaveLength(1);
    expect(up.received[0]).toMatchObject({ method: route.method, path: root + path });
    expect(keyOf(up.received[0]!)).toBe(key);
    up.forget();

    // The same thing, once it is another organisation's.
    await under.services.objects.remove(id);
    await under.services.objects.add([
      { id, kind, provider: "one", keyId: "k1", orgId: "org_other", userId: 1, principal: "key_other" },
    ]);
    const hidden = await ask(route.method, path);
    const hiddenText = (await hidden.text()).replace(/req_\w+/g, "");
    await under.services.objects.remove(id);
    const unknown = await ask(route.method, path);
    expect([hidden.status, unknown.status]).toEqual([404, 404]);
    expect(hiddenText).toBe((await unknown.text()).replace(/req_\w+/g, ""));
    expect(up.received).toEqual([]);
  });

  /** What vendors tell beside a thing of these kinds. Everywhere else the same fields are somebody's text. */
  const BESIDE: Readonly<Record<string, readonly string[]>> = {
    batch: ["file-of-batch", "file-of-errors"],
    "fine-tuning-job": ["file-of-tuning"],
    upload: ["file-of-upload"],
  };
  const CLAIMS = {
    ...{ id: "inner", output_file_id: "file-of-batch", error_file_id: "file-of-errors", thread_id: "thread_of-run" },
    ...{ result_files: ["file-of-tuning"], file: { id: "file-of-upload" }, name: "files/of-google" },
  };
  const gets = uses.filter(({ method }) => method !== "DELETE");
  test.each(gets.map((route) => [`${route.method} ${route.path}`, route] as const))(
    "%s makes the caller the owner of what the vendor told beside it, and of nothing that somebody has written",
    async (_name, route) => {
      const { kind } = route.object!;
      const { id } = await make(kind);
      const claimed = [...Object.values(BESIDE).flat(), CLAIMS.thread_id, CLAIMS.name, CLAIMS.id];
      for (const each of claimed) await under.services.objects.remove(each);
      up.script({ json: CLAIMS });
      expect((await ask(route.method, pathOf(route, id))).status).toBe(200);
      up.script(answer);
      const found = [];
      for (const each of claimed) if ((await under.services.objects.find(each)) !== undefined) found.push(each);
      const isMade = route.object!.makesAnother === true ? [CLAIMS.id] : [];
      expect(found).toEqual([...(BESIDE[kind] ?? []), ...isMade]);
      for (const each of found) await under.services.objects.remove(each);
    },
  );

  test("content that looks like the vendor's own words about a batch is content", () => {
    const contents = OBJECT_ROUTES.filter(({ path }) => /\/(?:content|results)$/.test(path));
    expect(contents.filter(({ object }) => object!.tellsContent !== true)).toEqual([]);
    expect(contents.length).toBeGreaterThan(5);
  });

  const deletes = uses.filter(({ method, path }) => method === "DELETE" && path.endsWith("/{id}"));
  test.each(deletes.map((route) => [route.path, route] as const))("DELETE %s forgets it", async (_name, route) => {
    const { kind } = route.object!;
    const { id } = await make(kind);
    expect((await ask("DELETE", pathOf(route, id))).status).toBe(200);
    up.forget();
    expect((await ask("GET", pathOf(route, id))).status).toBe(404);
    expect(up.received).toEqual([]);
  });

  const lists = OBJECT_ROUTES.filter(({ object }) => object!.action === "list");
  test.each(lists.map((route) => [route.path, route] as const))("GET %s shows what was made", async (_name, route) => {
    const { kind } = route.object!;
    const { id } = await make(kind);
    up.script({ json: { object: "list", data: [{ id }, { id: "others" }], has_more: false } });
    const list = await readJson(await ask("GET", route.path));
    up.script(answer);
    expect(list.data).toEqual([{ id }]);
    await under.services.objects.remove(id);
  });
});

describe("a thread that is made together with its run", () => {
  const run = { id: "run_1", object: "thread.run", thread_id: "thread_new", status: "queued" };
  const event = (name: string, data: object | string) =>
    `event: ${name}\ndata: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;

  async function forget(): Promise<void> {
    for (const id of ["thread_new", "run_1", "asst_made"]) await under.services.objects.remove(id);
  }

  test.each([
    ["whole", false],
    ["streamed", true],
  ])("%s, is its maker's, at the assistant's place", async (_name, stream) => {
    await forget();
    const { id, key } = await make("assistant");
    const events = [
      event("thread.created", { id: "thread_new", object: "thread" }),
      event("thread.run.created", run),
      event("thread.message.delta", { id: "msg_1", object: "thread.message.delta", delta: {} }),
      event("done", "[DONE]"),
    ];
    up.script(stream ? { chunks: [events[0]!.slice(0, 20), events[0]!.slice(20), ...events.slice(1)] } : { json: run });
    const made = await ask("POST", "/v1/threads/runs", { assistant_id: id, stream });
    const text = await made.text();
    up.script(answer);
    expect([made.status, text]).toEqual([200, stream ? events.join("") : JSON.stringify(run)]);
    expect(await under.services.objects.find("thread_new")).toMatchObject({ kind: "thread", provider: "one" });
    expect(await under.services.objects.find("run_1")).toMatchObject({ kind: "run" });
    expect(await under.services.objects.find("msg_1")).toBeUndefined();
    up.forget();
    expect((await ask("GET", "/v1/threads/thread_new/runs/run_1")).status).toBe(200);
    expect(keyOf(up.received[0]!)).toBe(key);
    await forget();
  });

  test("is known before the client has read of it", async () => {
    await forget();
    const { id } = await make("assistant");
    const held = Promise.withResolvers<void>();
    up.script({ chunks: [sse({ id: "thread_new", object: "thread" }), () => held.promise, sse(run)] });
    const made = await ask("POST", "/v1/threads/runs", { assistant_id: id, stream: true });
    const reader = made.body!.getReader();
    await reader.read();
    up.script(answer);
    expect((await ask("GET", "/v1/threads/thread_new")).status).toBe(200);
    held.resolve();
    while (!(await reader.read()).done);
    await forget();
  });

  test("for an assistant of others is refused, and nobody is asked", async () => {
    const body = { assistant_id: "asst_foreign", stream: true };
    const refused = await ask("POST", "/v1/threads/runs", body);
    expect([refused.status, await readJson(refused)]).toMatchObject([404, { error: { param: "assistant_id" } }]);
    expect(up.received).toEqual([]);
  });
});
