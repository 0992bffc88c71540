/** What is written on a key rules its calls: scopes, models, providers, networks, its own default, and silence about routes. */
import { afterEach, describe, expect, test } from "bun:test";
import { expandScopes } from "../../src/config/scopes.ts";
import type { Identity } from "../../src/contract/host.ts";
import { directoryOf, keyHolder } from "../support/directory.ts";
import { readJson } from "../support/json.ts";
import { KEY, startRelay, type TestRelay } from "../support/relay.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

const answer = {
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "any",
  choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 },
};

/** Two providers of the same upstream: `one` lists two models, `two` takes any. */
async function house(own: Partial<Identity>, routing = ""): Promise<{ up: Upstream; under: TestRelay }> {
  const up = await startUpstream({ json: answer });
  const config = `
providers:
  one: { provider_type: openai, base_url: "${up.url}/v1", keys: [{ key: up-secret-1 }], models: { include: [gpt-4o, gpt-4o-mini, claude-x] } }
  two: { provider_type: openai, base_url: "${up.url}/v1", keys: [{ key: up-secret-2 }], priority: 9 }
${routing}`;
  const under = await startRelay(config, directoryOf({ mr_key: keyHolder("key", own) }));
  open.push(under, up);
  return { up, under };
}

const bearer = { authorization: "Bearer mr_key" };
const ask = (model?: string) => ({
  ...(model === undefined ? {} : { model }),
  messages: [{ role: "user", content: "x" }],
});

/** Status and code of a chat call, and what the upstream was asked for. */
async function called({ up, under }: { up: Upstream; under: TestRelay }, model?: string) {
  const before = up.received.length;
  const response = await under.post("/v1/chat/completions", ask(model), bearer);
  const body = await readJson(response);
  const asked = up.received.slice(before).map(({ text }) => (JSON.parse(text) as { model: string }).model);
  return { status: response.status, code: body.error?.code ?? null, asked };
}

const refused = { status: 403, code: "model_not_allowed", asked: [] };

describe("R30 ★ the allow-list of models holds for the name asked for and for all it leads to", () => {
  const routing = `
model_routing:
  aliases: { fast: gpt-4o, small: gpt-4o-mini }
  model_overrides: { "gpt-4o-mini-high": gpt-4o }
`;
  test.each([
    ["the model itself", "gpt-4o-mini", { status: 200, code: null, asked: ["gpt-4o-mini"] }],
    ["another spelling of it leads to the same", "GPT-4o-mini", { status: 200, code: null, asked: ["gpt-4o-mini"] }],
    ["the same, at a provider of choice", "gpt-4o-mini@one", { status: 200, code: null, asked: ["gpt-4o-mini"] }],
    ["another model", "gpt-4o", refused],
    ["another model in capitals", "GPT-4O", refused],
    ["another model at a provider", "gpt-4o@two", refused],
    ["an allowed name that is no more than a beginning", "gpt-4o-mini-2", refused],
    ["a space behind it", "gpt-4o-mini ", refused],
    ["full width", "ｇｐｔ-4o-mini", refused],
    ["an alias, though of an allowed model", "small", refused],
    ["an alias of another model", "fast", refused],
    ["an override to another model", "gpt-4o-mini-high", refused],
    ["a model that nobody serves, told like one that is served", "no-such-model@one", refused],
  ])("%s: %s", async (_name, model, expected) => {
    const it = await house({ models: { allow: ["gpt-4o-mini"], deny: [] } }, routing);
    expect(await called(it, model)).toEqual(expected);
  });

  test("R30 ★ of two models in one body neither is called", async () => {
    const it = await house({ models: { allow: ["gpt-4o-mini"], deny: [] } });
    for (const [one, two] of [
      ["gpt-4o-mini", "gpt-4o"],
      ["gpt-4o", "gpt-4o-mini"],
    ]) {
      const body = `{"model":"${one}","model":"${two}","messages":[{"role":"user","content":"x"}]}`;
      const response = await it.under.post("/v1/chat/completions", body, bearer);
      expect([400, 403]).toContain(response.status);
    }
    expect(it.up.received).toEqual([]);
  });

  test("an alias counts where both it and its target are allowed", async () => {
    const it = await house({ models: { allow: ["small", "gpt-4o-mini"], deny: [] } }, routing);
    expect(await called(it, "small")).toEqual({ status: 200, code: null, asked: ["gpt-4o-mini"] });
    const half = await house({ models: { allow: ["small"], deny: [] } }, routing);
    expect(await called(half, "small")).toEqual(refused);
  });

  test("a fallback model outside the list is not tried", async () => {
    const up = await startUpstream({ status: 500, json: {} });
    const config = `
providers:
  one: { provider_type: openai, base_url: "${up.url}/v1", keys: [{ key: k }], models: { include: [gpt-4o-mini, gpt-4o] } }
model_routing:
  fallbacks: { gpt-4o-mini: [gpt-4o] }
`;
    const key = keyHolder("key", { models: { allow: ["gpt-4o-mini"], deny: [] } });
    const under = await startRelay(config, directoryOf({ mr_key: key }));
    open.push(under, up);
    expect((await under.post("/v1/chat/completions", ask("gpt-4o-mini"), bearer)).status).toBe(502);
    const asked = up.received.map(({ text }) => (JSON.parse(text) as { model: string }).model);
    expect(new Set(asked)).toEqual(new Set(["gpt-4o-mini"]));
  });

  test.each(["gpt-4o", "GPT-4O", " gpt-4o", "ｇｐｔ-4o"])(
    "a forbidden model is forbidden in any spelling: %j",
    async (model) => {
      const it = await house({ models: { allow: [], deny: ["gpt-4o"] } });
      expect(await called(it, model)).toEqual(refused);
      expect((await called(it, "anything-else")).status).toBe(200);
    },
  );

  test("the raw lane and the list of models obey too", async () => {
    const { up, under } = await house({ models: { allow: ["gpt-4o-mini", "claude-*"], deny: [] } });
    const response = await under.post("/v1/embeddings", { model: "gpt-4o", input: "x" }, bearer);
    expect([response.status, (await readJson(response)).error.code]).toEqual([403, "model_not_allowed"]);
    expect(up.received).toEqual([]);
    const list = await readJson(await fetch(`${under.url}/v1/models`, { headers: bearer }));
    expect(list.data.map(({ id }: { id: string }) => id)).toEqual(["gpt-4o-mini", "claude-x"]);
    const other = await fetch(`${under.url}/v1/models/gpt-4o`, { headers: bearer });
    expect(other.status).toBe(404);
    const whole = await readJson(
      await fetch(`${under.url}/v1/models`, { headers: { authorization: `Bearer ${KEY}` } }),
    );
    expect(whole.data).toHaveLength(3);
  });

  test("a model that only a pattern names is shown to those who may call it", async () => {
    const up = await startUpstream({ json: answer });
    const provider = `{ base_url: "${up.url}/v1", keys: [{ key: up-secret-1 }], models: { include: ["gpt-*"], exclude: [gpt-old] } }`;
    const key = keyHolder("key", { models: { allow: ["gpt-4o"], deny: [] } });
    const under = await startRelay(`providers: { one: ${provider} }`, directoryOf({ mr_key: key }));
    open.push(under, up);
    const shown = async (model: string, headers: Record<string, string>) =>
      (await fetch(`${under.url}/v1/models/${model}`, { headers })).status;
    expect(await shown("gpt-4o", bearer)).toBe(200);
    expect(await shown("gpt-5", bearer)).toBe(404);
    expect(await shown("gpt-5", { authorization: `Bearer ${KEY}` })).toBe(200);
    expect(await shown("gpt-old", { authorization: `Bearer ${KEY}` })).toBe(404);
    expect(await shown("claude-x", { authorization: `Bearer ${KEY}` })).toBe(404);
    expect(up.received).toEqual([]);
  });

  test("the refusal is in the family's own words", async () => {
    const { under } = await house({ models: { allow: ["gpt-4o-mini"], deny: [] } });
    const body = { ...ask("gpt-4o"), max_tokens: 5 };
    const anthropic = await under.post("/v1/messages", body, bearer);
    expect(anthropic.status).toBe(403);
    expect(await readJson(anthropic)).toMatchObject({ type: "error", error: { type: "permission_error" } });
    const gemini = await under.post("/v1beta/models/gpt-4o:generateContent", { contents: [] }, bearer);
    expect(gemini.status).toBe(403);
    expect((await readJson(gemini)).error).toMatchObject({ code: 403, status: "PERMISSION_DENIED" });
  });
});

test("a key bound to providers reaches no other", async () => {
  const it = await house({ providers: ["one"] });
  expect(await called(it, "gpt-4o")).toMatchObject({ status: 200 });
  expect(await called(it, "gpt-4o@two")).toEqual(refused);
  expect(await called(it, "only-two-takes-this")).toEqual(refused);
  const secrets = it.up.received.map(({ headers }) => headers.get("authorization"));
  expect(secrets).toEqual(["Bearer up-secret-1"]);
});

describe("addresses a key may be used from", () => {
  test.each([
    [["127.0.0.1"], 200],
    [["127.0.0.0/8", "10.0.0.1"], 200],
    [["10.0.0.0/8"], 403],
    [["::1"], 403],
  ])("%j from 127.0.0.1: %d", async (ipAllow, status) => {
    const { up, under } = await house({ ipAllow });
    const response = await under.post("/v1/chat/completions", ask("gpt-4o"), bearer);
    expect(response.status).toBe(status);
    if (status === 403) expect((await readJson(response)).error.code).toBe("ip_not_allowed");
    expect(up.received).toHaveLength(status === 200 ? 1 : 0);
    const list = await fetch(`${under.url}/v1/models`, { headers: bearer });
    expect(list.status).toBe(status);
  });

  test("what the client writes into X-Forwarded-For is no address", async () => {
    const { under } = await house({ ipAllow: ["10.0.0.0/8"] });
    const headers = { ...bearer, "x-forwarded-for": "10.0.0.1" };
    expect((await under.post("/v1/chat/completions", ask("gpt-4o"), headers)).status).toBe(403);
  });
});

describe("R25 scopes deny by default", () => {
  test.each([
    ["/v1/chat/completions", "chat:write"],
    ["/v1/messages", "chat:write"],
    ["/v1/embeddings", "embeddings:write"],
    ["/v1/images/generations", "images:write"],
    ["/v1/moderations", "moderations:write"],
  ])("%s asks for %s", async (path, scope) => {
    const without = [...expandScopes(["inference"])].filter((each) => each !== scope);
    const { up, under } = await house({ scopes: new Set(without) });
    const response = await under.post(path, { model: "gpt-4o" }, bearer);
    expect(response.status).toBe(403);
    expect(JSON.stringify(await readJson(response))).toContain(scope);
    expect(up.received).toEqual([]);
    const [record] = await under.recorded(1);
    expect(record).toMatchObject({ status: 403, failure: "forbidden", principal: "key_key", apiKeyId: "uuid-key" });
  });

  test("no scopes at all: not even the list of models", async () => {
    const { under } = await house({ scopes: new Set() });
    expect((await fetch(`${under.url}/v1/models`, { headers: bearer })).status).toBe(403);
  });
});

test("a call that names no model gets the one written on the key", async () => {
  const it = await house({ defaultModel: "claude-x" }, "model_routing: { default_model: gpt-4o }");
  expect(await called(it)).toEqual({ status: 200, code: null, asked: ["claude-x"] });
  const without = await house({});
  expect(await called(without)).toMatchObject({ status: 400, asked: [] });
});

test("a key that does not expose routing is told nothing of providers, on success and on failure", async () => {
  const { under } = await house({ exposeRouting: false });
  const good = await under.post("/v1/chat/completions", ask("gpt-4o"), bearer);
  expect([...good.headers.keys()].filter((name) => name.startsWith("x-relay-"))).toEqual([]);
  const shown = await under.post("/v1/chat/completions", ask("gpt-4o"));
  expect(shown.headers.get("x-relay-provider")).toBe("one");

  const down = await startUpstream({ status: 500, json: { error: { message: "boom" } } });
  const config = `
providers:
  secretly: { provider_type: openai, base_url: "${down.url}/v1", keys: [{ key: k }] }
`;
  const failing = await startRelay(config, directoryOf({ mr_key: keyHolder("key", { exposeRouting: false }) }));
  open.push(failing, down);
  const bad = await failing.post("/v1/chat/completions", ask("gpt-4o"), bearer);
  expect(bad.status).toBe(502);
  expect(await bad.text()).not.toContain("secretly");
});

test("the record says which key of whom in which organisation made the call", async () => {
  const { under } = await house({});
  await under.post("/v1/chat/completions", ask("gpt-4o"), bearer);
  const [record] = await under.recorded(1);
  expect(record).toMatchObject({
    principal: "key_key",
    userId: 7,
    apiKeyId: "uuid-key",
    orgId: "org_home",
    status: 200,
  });
});
