/** What lies with Gemini, files, cached contents and batches: made, found again, gone on from, listed without others', hidden from others. */
import { afterEach, describe, expect, test } from "bun:test";
import { GoogleGenAI } from "@google/genai";
import { GEMINI_OBJECT_ROUTES } from "../../src/http/gemini-object-routes.ts";
import type { Identity } from "../../src/contract/host.ts";
import type { UpstreamObject } from "../../src/store/types.ts";
import { directoryOf, keyHolder } from "../support/directory.ts";
import { readJson } from "../support/json.ts";
import { KEY, startRelay, type TestRelay } from "../support/relay.ts";
import { type Received, type Reply, type Script, startUpstream, type Upstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

/** `own`: of the API key `mr_one` beside the access key. */
async function start(script: Script, own?: Partial<Identity>, more = ""): Promise<{ up: Upstream; under: TestRelay }> {
  const up = await startUpstream(script);
  open.push(up);
  const under = await startRelay(
    `
providers:
  chat: { base_url: "${up.url}/v1", keys: [{ key: chat-secret }], models: { include: [gpt-chat] } }
  google: { provider_type: gemini, base_url: "${up.url}", keys: [{ id: k1, key: google-secret-1, label: a }, { id: k2, key: google-secret-2, label: b }], models: { include: ["gemini-*"] } }
model_routing: { aliases: { fast: gemini-2.5-flash } }
${more}`,
    own === undefined ? undefined : directoryOf({ mr_one: keyHolder("one", own) }),
  );
  open.push(under);
  return { up, under };
}

const MODEL = "gemini-2.5-flash";
const contents = [{ role: "user", parts: [{ text: "x" }] }];
const CACHE = { name: "cachedContents/made", model: `models/${MODEL}`, usageMetadata: { totalTokenCount: 9 } };
const BATCH = { name: "batches/made", metadata: { state: "BATCH_STATE_PENDING" } };
const ANSWER = { candidates: [{ content: { parts: [{ text: "hi" }] }, finishReason: "STOP" }] };
const keyOf = ({ headers }: Received) => headers.get("x-goog-api-key");
const foreign = (id: string, kind: string): UpstreamObject => ({
  ...{ id, kind, provider: "google", keyId: "k1", orgId: "org_other", userId: 1, principal: "key_other" },
});

const vendor: Script = ({ method, path }) => {
  if (path.endsWith(":batchGenerateContent")) return { json: BATCH };
  if (path.includes(":")) return { json: path.endsWith(":cancel") ? {} : ANSWER };
  return { json: path.includes("/batches") ? BATCH : method === "DELETE" ? {} : CACHE };
};

function ask(under: TestRelay, method: string, path: string, body?: object | string, key = KEY): Promise<Response> {
  return fetch(under.url + path, {
    method,
    headers: { "x-goog-api-key": key, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
}

describe("a cached prompt", () => {
  test("is made by its model's provider, under the model's name there; what goes on from it is asked of its key", async () => {
    const { up, under } = await start(vendor);
    const made = await ask(under, "POST", "/v1beta/cachedContents", { model: "models/fast", contents, ttl: "300s" });
    expect([made.status, await readJson(made)]).toEqual([200, CACHE]);
    expect(up.received[0]).toMatchObject({ method: "POST", path: "/v1beta/cachedContents" });
    expect(JSON.parse(up.received[0]!.text)).toEqual({ model: `models/${MODEL}`, contents, ttl: "300s" });
    for (const field of ["cachedContent", "cached_content", "cachedContent", "cachedContent"]) {
      const body = { contents, [field]: CACHE.name };
      const answer = await ask(under, "POST", `/v1beta/models/${MODEL}:generateContent`, body);
      expect(answer.status).toBe(200);
      expect(up.received.at(-1)!.text).toBe(JSON.stringify(body));
    }
    const patched = await ask(under, "PATCH", "/v1beta/cachedContents/made?updateMask=ttl", { ttl: "600s" });
    expect(patched.status).toBe(200);
    expect(up.received.at(-1)).toMatchObject({
      ...{ method: "PATCH", path: "/v1beta/cachedContents/made", query: "?updateMask=ttl", text: '{"ttl":"600s"}' },
    });
    expect(new Set(up.received.map(keyOf)).size).toBe(1);
  });

  test("of another is one that nobody knows, whether it is looked at or gone on from", async () => {
    const { up, under } = await start(vendor);
    await under.services.objects.add([foreign(CACHE.name, "gemini-cache")]);
    const looked = await ask(under, "GET", "/v1beta/cachedContents/made");
    const body = { contents, cachedContent: CACHE.name };
    const used = await ask(under, "POST", `/v1beta/models/${MODEL}:streamGenerateContent?alt=sse`, body);
    for (const answer of [looked, used]) {
      expect([answer.status, await readJson(answer)]).toMatchObject([404, { error: { status: "NOT_FOUND" } }]);
    }
    expect(up.received).toEqual([]);
  });

  test("means nothing to another vendor's model", async () => {
    const { up, under } = await start(vendor);
    const body = { contents, cachedContent: "cachedContents/unknown" };
    expect((await ask(under, "POST", "/v1beta/models/gpt-chat:generateContent", body)).status).toBe(400);
    const none = await ask(under, "POST", "/v1beta/cachedContents", { model: "models/gpt-chat", contents });
    expect([none.status, await readJson(none)]).toMatchObject([404, { error: { status: "NOT_FOUND" } }]);
    expect(up.received).toEqual([]);
  });

  test("is found again under both versions of the API, with the key in the query, which goes no further", async () => {
    const { up, under } = await start(vendor);
    await ask(under, "POST", "/v1beta/cachedContents", { model: `models/${MODEL}`, contents });
    const answer = await fetch(`${under.url}/v1alpha/cachedContents/made?key=${KEY}&x=1`);
    expect(answer.status).toBe(200);
    expect(up.received.at(-1)).toMatchObject({ path: "/v1beta/cachedContents/made", query: "?x=1" });
    expect(under.logLines.join()).not.toContain(KEY);
  });
});

describe("a batch", () => {
  test("is made by the model in its path and stays there", async () => {
    const { up, under } = await start(vendor);
    const body = { batch: { displayName: "b", inputConfig: { requests: { requests: [{ request: { contents } }] } } } };
    const made = await ask(under, "POST", "/v1beta/models/fast:batchGenerateContent", body);
    expect([made.status, await readJson(made)]).toEqual([200, BATCH]);
    expect(up.received[0]).toMatchObject({
      ...{ path: `/v1beta/models/${MODEL}:batchGenerateContent`, text: JSON.stringify(body) },
    });
    expect((await ask(under, "POST", "/v1beta/batches/made:cancel", {})).status).toBe(200);
    expect(up.received.at(-1)!.path).toBe("/v1beta/batches/made:cancel");
    expect(new Set(up.received.map(keyOf)).size).toBe(1);
  });
});

describe("a batch of a key that is bound to models", () => {
  const PATH = "/v1beta/models/fast:batchGenerateContent";
  const bound: Partial<Identity> = { models: { allow: ["fast", MODEL], deny: [] } };
  const inline = (request: object, model?: string) => ({
    batch: { ...(model === undefined ? {} : { model }), inputConfig: { requests: { requests: [{ request }] } } },
  });
  const other = { model: "models/gemini-2.5-pro", contents };
  const REFUSED: readonly (readonly [name: string, body: object | string])[] = [
    ["a file of requests", { batch: { inputConfig: { fileName: "files/own" } } }],
    ["a file of requests, spelled otherwise", { batch: { input_config: { file_name: "files/own" } } }],
    ["another model for all", inline({ contents }, "models/gemini-2.5-pro")],
    ["another model for one", inline(other)],
    [
      "another model for one that is no list",
      { batch: { inputConfig: { requests: { requests: { request: other } } } } },
    ],
    [
      "another model beside the other spelling",
      { batch: { inputConfig: {}, input_config: { requests: { requests: [{ request: other }] } } } },
    ],
    ["a model that is no name", inline({ model: 1, contents })],
    ["the model's own name behind its alias", inline({ model: `models/${MODEL}`, contents })],
  ];
  test.each(REFUSED)("is refused %s, and nobody is asked", async (_name, body) => {
    const { up, under } = await start(vendor, bound);
    await under.services.objects.add([
      {
        ...{ id: "files/own", kind: "gemini-file", provider: "google", keyId: "k1" },
        orgId: "org_home",
        userId: 7,
        principal: "key_one",
      },
    ]);
    const refused = await ask(under, "POST", PATH, body, "mr_one");
    expect([refused.status, await readJson(refused)]).toMatchObject([403, { error: { status: "PERMISSION_DENIED" } }]);
    expect(up.received).toEqual([]);
  });

  test("goes to the one model, however often that is named in it", async () => {
    const { up, under } = await start(vendor, bound);
    const twice = `{"batch":{"model":"models/fast","inputConfig":{"requests":{"requests":[{"request":{"model":"models/gemini-2.5-pro","model":"models/fast"}}]}}}}`;
    expect((await ask(under, "POST", PATH, twice, "mr_one")).status).toBe(200);
    expect([up.received[0]!.path, JSON.parse(up.received[0]!.text)]).toEqual([
      `/v1beta/models/${MODEL}:batchGenerateContent`,
      inline({ model: `models/${MODEL}` }, `models/${MODEL}`),
    ]);
    expect(up.received[0]!.text).not.toContain("pro");
  });

  test("of another key is what it says", async () => {
    const { up, under } = await start(vendor);
    await ask(under, "POST", PATH, inline(other));
    expect(up.received.map(({ text }) => text)).toEqual([JSON.stringify(inline(other))]);
  });
});

test("below /v1 only Google's own clients mean Google's things", async () => {
  const { up, under } = await start(vendor);
  await ask(under, "POST", "/v1beta/cachedContents", { model: `models/${MODEL}`, contents });
  const headers = { authorization: `Bearer ${KEY}` };
  const theirs = await fetch(`${under.url}/v1/cachedContents/made`, {
    headers: { ...headers, "x-goog-api-client": "x" },
  });
  expect([theirs.status, up.received.at(-1)!.path]).toEqual([200, "/v1beta/cachedContents/made"]);
  expect((await fetch(`${under.url}/v1/cachedContents/made`, { headers })).status).toBe(404);
  const batches = await readJson(await fetch(`${under.url}/v1/batches`, { headers }));
  expect(batches).toMatchObject({ object: "list", data: [] });
});

describe("lists", () => {
  test("show the caller's own, page by page, however many of others' lie between", async () => {
    const { up, under } = await start(({ method, query, text }) => {
      if (method === "POST") return { json: { ...CACHE, name: `cachedContents/${JSON.parse(text).displayName}` } };
      const isSecond = query.includes("pageToken=second");
      const names = isSecond ? ["c", "others-3", "d"] : ["others-1", "a", "others-2", "b"];
      const cachedContents = names.map((name) => ({ name: `cachedContents/${name}` }));
      return { json: { cachedContents, ...(isSecond ? {} : { nextPageToken: "second" }) } };
    });
    for (const displayName of ["a", "b", "c"]) {
      // One key, so that all of it lies at one place.
      const { key } = {
        key: under.holder.current.providers.find(({ name }) => name === "google")!.entry!.keys.keys[0]!,
      };
      await under.services.objects.add([
        {
          ...{ id: `cachedContents/${displayName}`, kind: "gemini-cache", provider: "google", keyId: key.id },
          ...{ orgId: null, userId: null, principal: "access-key" },
        },
      ]);
    }
    const list = async (query: string) => readJson(await ask(under, "GET", `/v1beta/cachedContents${query}`));
    expect(await list("?pageSize=2")).toEqual({
      cachedContents: [{ name: "cachedContents/a" }, { name: "cachedContents/b" }],
      nextPageToken: "cachedContents/b",
    });
    expect(await list("?pageSize=2&pageToken=cachedContents/b")).toEqual({
      cachedContents: [{ name: "cachedContents/c" }],
    });
    expect(await list("")).toMatchObject({ cachedContents: [{}, {}, {}] });
    up.forget();
    for (const query of ["?pageSize=0", "?pageSize=x", "?pageToken=cachedContents/others-1"]) {
      const refused = await ask(under, "GET", `/v1beta/cachedContents${query}`);
      expect([query, refused.status]).toEqual([query, 400]);
    }
    expect(up.received).toEqual([]);
  });

  test("a caller without anything gets an empty one, and nobody is asked", async () => {
    const { up, under } = await start(vendor);
    expect(await readJson(await ask(under, "GET", "/v1beta/batches"))).toEqual({ operations: [] });
    expect(up.received).toEqual([]);
  });
});

describe("a file", () => {
  const FILE = {
    name: "files/made",
    uri: "https://generativelanguage.googleapis.com/v1beta/files/made",
    sizeBytes: "4",
  };
  const UPLOAD_ID = "ABPtcPrXyz-_123";
  /** Google's part: an upload is begun, and is over with its last bytes. */
  const google: Script = ({ path, query, headers }) => {
    if (!path.startsWith("/upload/")) return { json: FILE };
    if (!query.includes("upload_id")) {
      const url = `https://generativelanguage.googleapis.com${path}?upload_id=${UPLOAD_ID}&upload_protocol=resumable`;
      return { text: "", headers: { "x-goog-upload-url": url, "x-goog-upload-status": "active" } };
    }
    const isLast = headers.get("x-goog-upload-command")!.includes("finalize");
    const status = { "x-goog-upload-status": isLast ? "final" : "active", "content-type": "application/json" };
    return { text: isLast ? JSON.stringify({ file: FILE }) : "", headers: status };
  };
  const begin = (under: TestRelay): Promise<Response> =>
    fetch(`${under.url}/upload/v1beta/files?key=${KEY}`, {
      method: "POST",
      headers: {
        ...{ "content-type": "application/json", "x-goog-upload-protocol": "resumable" },
        ...{ "x-goog-upload-command": "start", "x-goog-upload-header-content-length": "4" },
      },
      body: JSON.stringify({ file: { displayName: "a" } }),
    });

  test.each(["v1", "v1beta"])(
    "is uploaded by Google's SDK (%s) to one key, under which it is found again",
    async (apiVersion) => {
      const { up, under } = await start(google);
      const ai = new GoogleGenAI({ apiKey: KEY, httpOptions: { baseUrl: under.url, apiVersion } });
      const made = await ai.files.upload({ file: new Blob(["text"]), config: { mimeType: "text/plain" } });
      expect(made).toMatchObject({ name: "files/made" });
      expect((await ai.files.get({ name: "files/made" })).name).toBe("files/made");
      await ai.files.delete({ name: "files/made" });
      expect(up.received.map(({ method, path }) => [method, path])).toEqual([
        ["POST", "/upload/v1beta/files"],
        ["POST", "/upload/v1beta/files"],
        ["GET", "/v1beta/files/made"],
        ["DELETE", "/v1beta/files/made"],
      ]);
      expect(up.received[1]).toMatchObject({
        text: "text",
        query: `?upload_id=${UPLOAD_ID}&upload_protocol=resumable`,
      });
      expect(new Set(up.received.map(keyOf)).size).toBe(1);
      for (const id of ["files/made", `uploads/${UPLOAD_ID}`]) {
        expect(await under.services.objects.find(id)).toBeUndefined();
      }
    },
  );

  test("is brought to us in pieces: the address that the client is told is ours, and holds no credential", async () => {
    const { up, under } = await start(google);
    const begun = await begin(under);
    const url = begun.headers.get("x-goog-upload-url")!;
    expect([begun.status, url]).toEqual([
      200,
      `${under.url}/upload/v1beta/files?upload_id=${UPLOAD_ID}&upload_protocol=resumable`,
    ]);
    expect(up.received[0]).toMatchObject({ query: "", text: '{"file":{"displayName":"a"}}' });
    for (const [command, body] of [
      ["upload", "te"],
      ["upload, finalize", "xt"],
    ] as const) {
      const answer = await fetch(url, {
        method: "POST",
        headers: { "x-goog-api-key": KEY, "x-goog-upload-command": command, "x-goog-upload-offset": "0" },
        body,
      });
      expect([answer.status, answer.headers.get("x-goog-upload-status")]).toEqual([
        200,
        command === "upload" ? "active" : "final",
      ]);
      expect(up.received.at(-1)!.text).toBe(body);
      expect(up.received.at(-1)!.headers.get("x-goog-upload-command")).toBe(command);
    }
    expect(await under.services.objects.find("files/made")).toMatchObject({ kind: "gemini-file", provider: "google" });
    expect((await fetch(`${under.url}/v1beta/files/made:download?alt=media&key=${KEY}`)).status).toBe(200);
    expect(up.received.at(-1)).toMatchObject({ path: "/v1beta/files/made:download", query: "?alt=media" });
  });

  test("is begun without a word of where its bytes go behind us", async () => {
    const secret = "https://generativelanguage.googleapis.com/upload/control?key=google-secret-1";
    const { under } = await start((received) => {
      const reply = google(received) as Reply;
      return { ...reply, headers: { ...reply.headers, "x-goog-upload-control-url": secret } };
    });
    const begun = await begin(under);
    expect([begun.status, begun.headers.get("x-goog-upload-status")]).toEqual([200, "active"]);
    expect(JSON.stringify([...begun.headers])).not.toMatch(/googleapis|google-secret/);
  });

  test("is continued under one id: a second one is refused, and nothing else of the query goes upstream", async () => {
    const { up, under } = await start(google);
    await begin(under);
    await under.services.objects.add([foreign("uploads/of-another", "gemini-upload")]);
    up.forget();
    for (const query of [
      `upload_id=${UPLOAD_ID}&upload_id=of-another`,
      `upload_id=${UPLOAD_ID}&upload%5Fid=of-another`,
      `upload_id=of-another&upload_id=${UPLOAD_ID}`,
    ]) {
      const refused = await ask(under, "POST", `/upload/v1beta/files?${query}`, {});
      const error = { code: 400, status: "INVALID_ARGUMENT" };
      expect([query, refused.status, await readJson(refused)]).toMatchObject([query, 400, { error }]);
    }
    expect(up.received).toEqual([]);
    const answer = await fetch(`${under.url}/upload/v1beta/files?upload_id=${UPLOAD_ID}&Upload_Id=of-another`, {
      method: "POST",
      headers: { "x-goog-api-key": KEY, "x-goog-upload-command": "upload", "x-goog-upload-offset": "0" },
      body: "te",
    });
    expect([answer.status, up.received.map(({ query }) => query)]).toEqual([
      200,
      [`?upload_id=${UPLOAD_ID}&upload_protocol=resumable`],
    ]);
  });

  test("holds what somebody has written: a name in it makes nobody its owner", async () => {
    const { under } = await start((received) =>
      received.path.endsWith(":download") ? { json: { name: "files/unclaimed" } } : google(received),
    );
    const ai = new GoogleGenAI({ apiKey: KEY, httpOptions: { baseUrl: under.url } });
    await ai.files.upload({ file: new Blob(["text"]), config: { mimeType: "text/plain" } });
    const answer = await ask(under, "GET", "/v1beta/files/made:download");
    expect([answer.status, await readJson(answer)]).toEqual([200, { name: "files/unclaimed" }]);
    expect(await under.services.objects.find("files/unclaimed")).toBeUndefined();
  });

  test("of another's upload, or of none, nobody hears: 404 before a byte is sent", async () => {
    const { up, under } = await start(google);
    await under.services.objects.add([foreign("uploads/of-another", "gemini-upload")]);
    for (const id of ["of-another", "unknown", "%2e%2e"]) {
      const path = `/upload/v1beta/files?upload_id=${id}&upload_protocol=resumable`;
      const answer = await ask(under, "POST", path, { x: 1 });
      expect([id, answer.status, await readJson(answer)]).toMatchObject([id, 404, { error: { status: "NOT_FOUND" } }]);
    }
    expect((await fetch(`${under.url}/upload/v1beta/files`, { method: "POST" })).status).toBe(401);
    expect((await ask(under, "GET", "/upload/v1beta/files")).status).toBe(405);
    expect(up.received).toEqual([]);
  });
});

describe("each route of a thing", () => {
  // Files are made by uploads: above.
  const uses = GEMINI_OBJECT_ROUTES.filter(({ object }) => object!.action === "use" && object!.kind !== "gemini-file");
  test.each(uses.map((route) => [`${route.method} ${route.path}`, route] as const))(
    "%s goes where it lies; of another's it knows nothing, and asks nobody",
    async (_name, { method, path, object }) => {
      const { up, under } = await start(vendor);
      const isBatch = object!.kind === "gemini-batch";
      if (isBatch) await ask(under, "POST", `/v1beta/models/${MODEL}:batchGenerateContent`, { batch: {} });
      else await ask(under, "POST", "/v1beta/cachedContents", { model: `models/${MODEL}` });
      const key = keyOf(up.received[0]!);
      up.forget();
      const asked = path.replace("{id}", "made");
      const body = method === "POST" || method === "PATCH" ? {} : undefined;
      expect((await ask(under, method, asked, body)).status).toBe(200);
      expect(up.received.map((received) => [received.method, received.path, keyOf(received)])).toEqual([
        [method, asked, key],
      ]);
      up.forget();
      const id = isBatch ? BATCH.name : CACHE.name;
      await under.services.objects.remove(id);
      await under.services.objects.add([foreign(id, object!.kind)]);
      expect((await ask(under, method, asked, body)).status).toBe(404);
      expect(up.received).toEqual([]);
    },
  );

  test("a name that a caller of OpenAI's has chosen is none of Google's", async () => {
    const { under } = await start({ json: { id: "asst_1", object: "assistant", name: "cachedContents/made" } });
    await ask(under, "POST", "/v1/assistants", { model: "gpt-chat", name: "cachedContents/made" });
    expect(await under.services.objects.find("asst_1")).toBeDefined();
    expect(await under.services.objects.find("cachedContents/made")).toBeUndefined();
  });
});
