/** What every request meets first: host, path, method, credential, CORS; and the routes that need none. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHostCheck } from "../../src/http/host-check.ts";
import { baseUrl } from "../../src/http/health.ts";
import { normalisePath, splitTarget } from "../../src/http/path.ts";
import { readJson } from "../support/json.ts";
import { KEY, startRelay, type TestRelay } from "../support/relay.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

let relay: TestRelay;
let upstream: Upstream;
const answer = {
  id: "x",
  object: "chat.completion",
  created: 1,
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" }],
};

beforeAll(async () => {
  upstream = await startUpstream({ json: answer });
  relay = await startRelay(
    `
providers:
  echo: { provider_type: echo }
  one: { base_url: "${upstream.url}/v1?no", keys: [{ key: upstream-secret-1 }, { key: upstream-secret-2, label: b }], models: { include: [gpt-4o, "vendor/model:free", "img-*"] } }
  off: { base_url: "${upstream.url}/v1", keys: [{ key: upstream-secret-3 }], enabled: false, models: { include: [hidden] } }
model_routing: { aliases: { fast: gpt-4o, nowhere: "x@nope" }, list_provider_suffix: true }
`.replace("?no", ""),
  );
});
afterAll(async () => {
  await relay.stop();
  await upstream.stop();
});

const body = JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: "x" }] });
const ask = (path: string, init: RequestInit = {}) => fetch(relay.url + path, { redirect: "manual", ...init });
const post = (path: string, headers: Record<string, string> = {}, text = body) =>
  ask(path, { method: "POST", body: text, headers: { "content-type": "application/json", ...headers } });
const auth = { authorization: `Bearer ${KEY}` };

describe("401: the same bytes for every way of not being known, in the family's words", () => {
  const families: [path: string, exact: string][] = [
    ["/v1/chat/completions", '{"error":{"message":"Unauthorized","type":"auth_error"}}'],
    ["/v1/embeddings", '{"error":{"message":"Unauthorized","type":"auth_error"}}'],
    ["/v1/messages", '{"type":"error","error":{"type":"auth_error","message":"Unauthorized"}}'],
    ["/v1/messages/count_tokens", '{"type":"error","error":{"type":"auth_error","message":"Unauthorized"}}'],
    ["/v1/responses", '{"error":{"message":"Unauthorized","type":"auth_error"}}'],
    [
      "/v1beta/models/gpt-4o:generateContent",
      '{"error":{"code":401,"message":"Unauthorized","status":"UNAUTHENTICATED"}}',
    ],
    ["/v1/models/gpt-4o:countTokens", '{"error":{"code":401,"message":"Unauthorized","status":"UNAUTHENTICATED"}}'],
    ["/api/sync", '{"error":{"message":"Unauthorized","type":"auth_error"}}'],
  ];
  const shown: [name: string, headers: Record<string, string>][] = [
    ["none", {}],
    ["empty", { authorization: "", "x-api-key": "" }],
    ["wrong", { authorization: "Bearer wrong-key-0123456789" }],
    ["wrong in another header", { "x-goog-api-key": "wrong-key-0123456789" }],
    ["another scheme", { authorization: `Basic ${KEY}` }],
    ["malformed", { "x-api-key": "' OR 1=1 --" }],
    ["too long", { "x-api-key": "x".repeat(5000) }],
    ["one right, one wrong", { authorization: `Bearer ${KEY}`, "x-api-key": "wrong-key-0123456789" }],
    ["in the query", {}],
  ];
  test.each(families)("%s", async (path, exact) => {
    upstream.forget();
    for (const [name, headers] of shown) {
      // There the family itself puts it.
      if (name === "in the query" && exact.includes("UNAUTHENTICATED")) continue;
      const target = name === "in the query" ? `${path}?key=${KEY}&api_key=${KEY}` : path;
      const response = await post(target, headers);
      expect([name, response.status, await response.text()]).toEqual([name, 401, exact]);
      expect(response.headers.get("www-authenticate")).toBe("Bearer");
      expect(response.headers.get("cache-control")).toBe("no-store");
      expect(response.headers.get("x-request-id")).toMatch(/^req_/);
    }
    expect(upstream.received).toHaveLength(0);
    expect(relay.records).toHaveLength(0);
  });

  test("a repeated credential header is 400", async () => {
    const response = await post("/v1/chat/completions", { authorization: `Bearer ${KEY}, Bearer ${KEY}` });
    expect(response.status).toBe(400);
    expect((await readJson(response)).error.code).toBe("malformed_credential");
  });

  test.each(["authorization", "x-api-key", "x-access-key", "x-goog-api-key"])(
    "the key is taken from %s",
    async (name) => {
      const response = await post("/v1/chat/completions", {
        [name]: name === "authorization" ? `bearer  ${KEY}` : KEY,
      });
      expect(response.status).toBe(200);
    },
  );
});

describe("paths", () => {
  const rows: [raw: string, normal: string | null][] = [
    ["/v1/chat/completions", "/v1/chat/completions"],
    ["/v1/chat/completions/", "/v1/chat/completions"],
    ["//v1//chat/completions", "/v1/chat/completions"],
    ["/v1/v1/chat/completions", "/v1/chat/completions"],
    ["/openai/v1/models", "/v1/models"],
    ["/anthropic/v1/messages", "/v1/messages"],
    ["/v1beta/openai/chat/completions", "/v1/chat/completions"],
    ["/", "/"],
    ["/v1/models/a%2Fb", "/v1/models/a%2Fb"],
    ["/v1/../api/sync", null],
    ["/v1/%2e%2e/api/sync", null],
    ["/v1/./models", null],
    ["/v1\\models", null],
    ["/v1/%5cmodels", null],
    ["/v1/models%00", null],
  ];
  test.each(rows)("%s", (raw, normal) => {
    expect(normalisePath(raw, true)).toBe(normal);
  });

  test("aliases can be switched off", () => {
    expect(normalisePath("/v1/v1/models", false)).toBe("/v1/v1/models");
  });

  test("path and query are split whatever the host looks like", () => {
    expect(splitTarget("http://h/a?b=1#c")).toEqual({ path: "/a", query: "?b=1" });
    expect(splitTarget("http://h")).toEqual({ path: "/", query: "" });
    expect(splitTarget("/a/b")).toEqual({ path: "/a/b", query: "" });
  });

  test("forgiving base URLs reach the relay; a wrong one is told what is right", async () => {
    expect((await post("/v1/v1/chat/completions", auth)).status).toBe(200);
    expect((await post("/v1/chat/completions//", auth)).status).toBe(200);
    const wrong = await post("/v1/chat/completions/chat/completions", auth);
    expect(wrong.status).toBe(404);
    const error = (await readJson(wrong)).error;
    expect(error.code).toBe("unknown_url");
    expect(error.message).toContain("/v1");
  });

  test("unknown paths answer 404 in their family without asking for a credential", async () => {
    expect((await readJson(await ask("/v1/nope"))).error.code).toBe("unknown_url");
    expect((await readJson(await ask("/api/nope"))).code).toBe("not_found");
    expect(await readJson(await ask("/nope"))).toEqual({ error: "Not found" });
    for (const path of ["/v1/nope", "/api/nope", "/nope"]) expect((await ask(path)).status).toBe(404);
  });

  const methods: [method: string, path: string, allow: string][] = [
    ["GET", "/v1/chat/completions", "POST"],
    ["DELETE", "/v1/messages", "POST"],
    ["POST", "/v1/models", "GET, HEAD"],
    ["POST", "/health", "GET, HEAD"],
    ["GET", "/api/sync", "POST"],
  ];
  test.each(methods)("%s %s is 405 and says what is allowed", async (method, path, allow) => {
    const response = await ask(path, { method, headers: auth });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe(allow);
  });
});

describe("hosts", () => {
  const open = createHostCheck([], null);
  const listed = createHostCheck(["Relay.Example.com", "other.example:8443"], "https://public.example/v1");
  const rows: [host: string | null, open: string, listed: string][] = [
    ["relay.example.com", "served", "served"],
    ["relay.example.com:8787", "served", "served"],
    ["other.example:8443", "served", "served"],
    ["public.example", "served", "served"],
    ["evil.example", "served", "not-served"],
    ["localhost:8787", "served", "served"],
    ["127.0.0.1", "served", "served"],
    ["[::1]:80", "served", "served"],
    ["x", "served", "not-served"],
    [null, "served", "served"],
    ["", "malformed", "malformed"],
    ["x/public?", "malformed", "malformed"],
    ["x#", "malformed", "malformed"],
    ["x@y", "malformed", "malformed"],
    ["a b", "malformed", "malformed"],
    ["good, evil", "malformed", "malformed"],
    ["x".repeat(300), "malformed", "malformed"],
  ];
  test.each(rows)("%p", (host, whenOpen, whenListed) => {
    expect([open(host), listed(host)]).toEqual([whenOpen, whenListed] as never);
  });
});

describe("CORS", () => {
  test("preflight is answered before authentication and allows the SDKs' headers", async () => {
    const response = await ask("/v1/chat/completions", {
      method: "OPTIONS",
      headers: {
        origin: "https://app.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, x-stainless-os, anthropic-version, x-evil",
      },
    });
    expect(response.status).toBe(204);
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    expect(response.headers.get("access-control-allow-credentials")).toBeNull();
    const allowed = response.headers.get("access-control-allow-headers")!;
    expect(allowed).toContain("x-stainless-os");
    expect(allowed).toContain("anthropic-version");
    expect(allowed).not.toContain("evil");
    expect(response.headers.get("access-control-max-age")).toBe("86400");
  });

  test("401s of /v1 carry the headers too; /api never does", async () => {
    const refused = await post("/v1/chat/completions", { origin: "https://app.example" });
    expect(refused.headers.get("access-control-allow-origin")).toBe("*");
    const api = await post("/api/sync", { origin: "https://app.example" });
    expect(api.headers.get("access-control-allow-origin")).toBeNull();
    expect((await ask("/api/sync", { method: "OPTIONS" })).headers.get("access-control-allow-origin")).toBeNull();
  });

  test("a list of origins is exact and never reflected", async () => {
    const strict = await startRelay(
      'server: { cors_origins: ["https://good.example"] }\nproviders: { echo: { provider_type: echo } }',
    );
    const from = (origin: string) => fetch(`${strict.url}/v1/models`, { headers: { origin } });
    expect((await from("https://good.example")).headers.get("access-control-allow-origin")).toBe(
      "https://good.example",
    );
    for (const origin of ["https://evil.example", "null", "https://good.example.evil", "https://sub.good.example"]) {
      expect((await from(origin)).headers.get("access-control-allow-origin")).toBeNull();
    }
    await strict.stop();
  });
});

describe("request ids", () => {
  test("a sound one of the caller is kept, another is replaced", async () => {
    expect(
      (await post("/v1/chat/completions", { ...auth, "x-request-id": "my.id-1_2" })).headers.get("x-request-id"),
    ).toBe("my.id-1_2");
    for (const id of ["a b", "x".repeat(129), "é"]) {
      const response = await post("/v1/chat/completions", { ...auth, "x-request-id": id.replace("é", "\u00e9") });
      expect(response.headers.get("x-request-id")).toMatch(/^req_/);
    }
  });
});

describe("routes without a credential", () => {
  test("/health names providers and counts keys, and never shows one", async () => {
    const text = await (await ask("/health")).text();
    expect(JSON.parse(text)).toEqual({
      status: "ok",
      generation: 1,
      providers: {
        echo: { enabled: true, keys: 0, base_url: "" },
        one: { enabled: true, keys: 2, base_url: `${upstream.url}/v1` },
        off: { enabled: false, keys: 1, base_url: `${upstream.url}/v1` },
      },
    });
  });

  test("/livez, /readyz, /api/info and / answer as documented, without any key", async () => {
    expect(await readJson(await ask("/livez"))).toEqual({ status: "ok" });
    expect(await readJson(await ask("/readyz"))).toEqual({ status: "ok" });
    const info = await readJson(await ask("/api/info"));
    expect(Object.keys(info)).toEqual([
      "local_ip",
      "host",
      "port",
      "base_url",
      "access_key_enabled",
      "turnstile_site_key",
      "system",
    ]);
    expect(info.port).toBe(Number(new URL(relay.url).port));
    expect(Object.keys(info.system)).toEqual([
      "cpu_percent",
      "memory_total",
      "memory_used",
      "memory_percent",
      "disk_total",
      "disk_used",
      "disk_percent",
    ]);
    const all = await Promise.all(
      ["/health", "/livez", "/readyz", "/api/info", "/v1/models", "/"].map(async (path) => (await ask(path)).text()),
    );
    expect(all.join()).not.toMatch(/upstream-secret|test-access-key/);
  });

  test("HEAD works wherever GET does, without a body", async () => {
    for (const path of ["/health", "/livez", "/v1/models", "/v1/models/gpt-4o", "/api/hello"]) {
      const response = await ask(path, { method: "HEAD" });
      expect([path, response.status, await response.text()]).toEqual([path, 200, ""]);
    }
  });

  test("what Claude Code sends beside its calls is taken and thrown away", async () => {
    expect((await ask("/api/hello")).status).toBe(200);
    expect((await post("/api/event_logging/batch", {}, '{"events":[]}')).status).toBe(204);
  });

  const urls: [publicHost: string | null, expected: string][] = [
    ["https://relay.example.com", "https://relay.example.com/v1"],
    ["http://relay.example.com/v1", "http://relay.example.com/v1"],
    ["relay.example.com", "https://relay.example.com/v1"],
    ["relay.example.com/v1", "https://relay.example.com/v1"],
    ["192.0.2.7", "http://192.0.2.7/v1"],
    ["relay:9000", "http://relay:9000/v1"],
    [null, "http://192.0.2.1:8787/v1"],
  ];
  test.each(urls)("base_url of public_host %p", (publicHost, expected) => {
    expect(baseUrl(publicHost, "192.0.2.1", 8787)).toBe(expected);
  });
});

describe("the model list", () => {
  test("OpenAI's shape: listed names, aliases that lead somewhere, suffixed names; nothing disabled", async () => {
    const list = await readJson(await ask("/v1/models"));
    const ids = list.data.map(({ id }: { id: string }) => id);
    expect(list.object).toBe("list");
    expect(ids).toContain("gpt-4o");
    expect(ids).toContain("fast");
    expect(ids).toContain("gpt-4o@one");
    expect(ids).not.toContain("hidden");
    expect(ids).not.toContain("nowhere");
    expect(ids).not.toContain("img-*");
    expect(list.data[0]).toEqual({ id: "echo", object: "model", created: 1710000000, owned_by: "echo" });
  });

  test("one entry, ids with slashes and colons included; unknown is 404", async () => {
    expect((await readJson(await ask("/v1/models/vendor/model:free"))).id).toBe("vendor/model:free");
    expect((await readJson(await ask("/v1/models/vendor%2Fmodel%3Afree"))).id).toBe("vendor/model:free");
    expect((await ask("/v1/models/nope")).status).toBe(404);
    // Served by a pattern, so it is known, though no list can name it; the pattern itself is no model.
    expect((await readJson(await ask("/v1/models/img-7"))).id).toBe("img-7");
    expect((await ask("/v1/models/img-*")).status).toBe(404);
    expect((await ask("/v1/models/%E0%A4%A")).status).toBe(400);
  });

  test("Anthropic's shape and pages by header", async () => {
    const headers = { "anthropic-version": "2023-06-01" };
    const first = await readJson(await ask("/v1/models?limit=2", { headers }));
    expect(first.data).toHaveLength(2);
    expect(first.has_more).toBe(true);
    expect(first.data[0]).toEqual({ type: "model", id: "echo", display_name: "echo", created_at: expect.any(String) });
    const second = await readJson(await ask(`/v1/models?limit=1000&after_id=${first.last_id}`, { headers }));
    expect(second.has_more).toBe(false);
    expect(second.data.map(({ id }: { id: string }) => id)).not.toContain(first.last_id);
    expect((await ask("/v1/models?limit=0", { headers })).status).toBe(400);
    const wrong = await ask("/v1/models", { headers: { ...headers, "x-api-key": "wrong-key-0123456789" } });
    expect(await wrong.text()).toBe('{"type":"error","error":{"type":"auth_error","message":"Unauthorized"}}');
  });

  test("Gemini's shape and pages, below both roots; it is never open", async () => {
    for (const root of ["/v1beta", "/v1alpha"]) {
      const first = await readJson(await ask(`${root}/models?pageSize=2&key=${KEY}`));
      expect(first.models).toHaveLength(2);
      expect(first.models[0]).toEqual({
        name: "models/echo",
        displayName: "echo",
        inputTokenLimit: expect.any(Number),
        outputTokenLimit: expect.any(Number),
        supportedGenerationMethods: ["generateContent", "streamGenerateContent", "countTokens"],
      });
      const page = `${root}/models?pageSize=1000&pageToken=${first.nextPageToken}`;
      const second = await readJson(await ask(page, { headers: { "x-goog-api-key": KEY } }));
      expect(second.nextPageToken).toBeUndefined();
      const names = [...first.models, ...second.models].map(({ name }: { name: string }) => name);
      expect(new Set(names).size).toBe(names.length);
      expect(names).toContain("models/vendor/model:free");
      const one = await readJson(await ask(`${root}/models/vendor/model:free`, { headers: auth }));
      expect(one.name).toBe("models/vendor/model:free");
    }
    const sdk = await ask("/v1/models", { headers: { "x-goog-api-client": "google-genai-sdk/3" } });
    expect((await readJson(sdk)).models[0].name).toBe("models/echo");
    expect((await ask("/v1beta/models?pageSize=0", { headers: auth })).status).toBe(400);
    expect((await ask("/v1beta/models?pageToken=x", { headers: auth })).status).toBe(400);
    const unknown = await ask("/v1beta/models/nope", { headers: auth });
    expect([unknown.status, await readJson(unknown)]).toMatchObject([404, { error: { status: "NOT_FOUND" } }]);
    expect((await ask("/v1beta/models")).status).toBe(401);
    expect((await ask("/v1beta/models?key=wrong-key-0123456789")).status).toBe(401);
    expect((await ask("/v1beta/models", { method: "POST", headers: auth })).status).toBe(405);
  });

  test("the list of the first provider that speaks Anthropic's dialect: as configured, else as it says", async () => {
    const none = await ask("/v1/anthropic/models", { headers: auth });
    expect([none.status, await readJson(none)]).toMatchObject([
      503,
      { type: "error", error: { type: "overloaded_error" } },
    ]);
    expect((await ask("/v1/anthropic/models")).status).toBe(401);

    const vendor = await startUpstream({ json: { data: [{ id: "claude-a" }, { id: "claude-b" }] } });
    const remote = await startRelay(`
providers:
  echo: { provider_type: echo }
  claude: { provider_type: anthropic, base_url: "${vendor.url}", keys: [{ key: vendor-secret-1 }] }
`);
    const page = await readJson(await fetch(`${remote.url}/v1/anthropic/models?limit=1`, { headers: auth }));
    expect(page).toMatchObject({ data: [{ type: "model", id: "claude-a" }], has_more: true, last_id: "claude-a" });
    expect(vendor.received[0]!.headers.get("x-api-key")).toBe("vendor-secret-1");
    vendor.script({ status: 401, json: { error: { message: "vendor-secret-1 is wrong" } } });
    const failed = await fetch(`${remote.url}/v1/anthropic/models`, { headers: auth });
    expect(failed.status).toBe(502);
    expect(await failed.text()).not.toContain("vendor-secret-1");
    await remote.stop();
    await vendor.stop();
  });

  test("who caches the list is told which headers it depends on", async () => {
    expect((await ask("/v1/models")).headers.get("vary")).toBe("anthropic-version, x-goog-api-client");
  });

  test("Codex gets an empty catalogue of its own kind", async () => {
    expect(await readJson(await ask("/v1/models?client_version=1.2"))).toEqual({ models: [] });
  });

  test("a bad credential is 401 though none would be fine; public_models: false wants a good one", async () => {
    expect((await ask("/v1/models", { headers: { authorization: "Bearer wrong-key-0123456789" } })).status).toBe(401);
    const closed = await startRelay("server: { public_models: false }\nproviders: { echo: { provider_type: echo } }");
    expect((await fetch(`${closed.url}/v1/models`)).status).toBe(401);
    expect((await fetch(`${closed.url}/v1/models`, { headers: auth })).status).toBe(200);
    await closed.stop();
  });
});

describe("limits and encodings of bodies", () => {
  test("a body over limits.max_body is 413, declared or not", async () => {
    const small = await startRelay("limits: { max_body: 2000 }\nproviders: { echo: { provider_type: echo } }");
    const long = JSON.stringify({ model: "echo", messages: [{ role: "user", content: "x".repeat(3000) }] });
    const send = (content: Bun.BodyInit) =>
      fetch(`${small.url}/v1/chat/completions`, {
        method: "POST",
        body: content,
        headers: { ...auth, "content-type": "application/json" },
      });
    for (const content of [long, new Blob([long]).stream()]) {
      const response = await send(content);
      expect(response.status).toBe(413);
      expect((await readJson(response)).error.code).toBe("request_too_large");
    }
    expect((await send(new Blob([body.replace("gpt-4o", "echo")]).stream())).status).toBe(200);
    await small.stop();
  });

  test("compressed bodies are taken as listed, bounded when unpacked; others are 415", async () => {
    const packed = (encoding: string, bytes: Uint8Array) =>
      post("/v1/chat/completions", { ...auth, "content-encoding": encoding }, bytes as never);
    expect((await packed("gzip", Bun.gzipSync(body))).status).toBe(200);
    expect((await packed("zstd", Bun.zstdCompressSync(body))).status).toBe(200);
    expect((await packed("br", Bun.gzipSync(body))).status).toBe(415);
    expect((await packed("nonsense", Bun.gzipSync(body))).status).toBe(415);
    expect((await packed("gzip", new TextEncoder().encode("not gzip"))).status).toBe(400);
    expect(
      (await packed("gzip", Bun.gzipSync(`{"model":"gpt-4o","messages":["${"x".repeat(40_000_000)}"]}`))).status,
    ).toBe(413);
  });

  test("another content type is 415, none at all is taken for JSON", async () => {
    expect((await post("/v1/chat/completions", { ...auth, "content-type": "text/plain" })).status).toBe(415);
    expect(
      (await post("/v1/chat/completions", { ...auth, "content-type": "application/json; charset=utf-8" })).status,
    ).toBe(200);
  });
});
