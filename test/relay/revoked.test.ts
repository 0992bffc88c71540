/** Calls under way end when their credential does, and no others do. */
import { afterEach, describe, expect, test } from "bun:test";
import { createRevocations, type Revocation, type Revocations } from "../../src/auth/revocations.ts";
import type { Identity } from "../../src/contract/host.ts";
import { cutRevokedCalls } from "../../src/relay/revoked.ts";
import { createMemoryLog } from "../store/samples.ts";
import { directoryOf, keyHolder } from "../support/directory.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { sse, startUpstream, type Upstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

const chunk = {
  id: "c1",
  object: "chat.completion.chunk",
  created: 1,
  model: "m",
  choices: [{ index: 0, delta: { content: "hello" }, finish_reason: null }],
};
const mine = keyHolder("mine", { userId: 7 });
const session: Identity = {
  ...keyHolder("s"),
  kind: "session",
  id: "user:7",
  apiKeyId: null,
  sessionId: "s1",
  via: "jwt",
};
const service: Identity = { ...keyHolder("x"), kind: "service", id: "access-key", apiKeyId: null, via: "access-key" };

interface House {
  readonly under: TestRelay;
  readonly up: Upstream;
  readonly bus: Revocations;
  readonly renewed: Identity[];
  isOn: boolean;
  now: (identity: Identity) => Identity | undefined;
}

/** A relay whose upstream begins a stream and says no more. */
async function house(keys: Readonly<Record<string, Identity>> = { mr_mine: mine }): Promise<House> {
  const up = await startUpstream({
    headers: { "content-type": "text/event-stream" },
    chunks: [sse(chunk)],
    end: "hang",
  });
  const config = `
providers:
  one: { provider_type: openai, base_url: "${up.url}/v1", keys: [{ key: up-secret-1 }] }
`;
  const under = await startRelay(config, directoryOf(keys));
  open.push(under, up);
  const bus = createRevocations(() => {});
  const it: House = { under, up, bus, renewed: [], isOn: true, now: (identity) => identity };
  cutRevokedCalls({
    active: under.services.active,
    revocations: bus,
    renew: async (identity) => {
      it.renewed.push(identity);
      return it.now(identity);
    },
    isOn: () => it.isOn,
    log: createMemoryLog(),
  });
  return it;
}

/** A stream that has begun, and its text once it has ended. */
async function begin({ under }: House, key = "mr_mine"): Promise<{ text: Promise<string> }> {
  const body = { model: "m", stream: true, messages: [{ role: "user", content: "x" }] };
  const response = await under.post("/v1/chat/completions", body, { authorization: `Bearer ${key}` });
  expect(response.status).toBe(200);
  const reader = response.body!.getReader();
  const decoder = new TextDecoder();
  let text = decoder.decode((await reader.read()).value, { stream: true });
  expect(text).toContain("hello");
  const rest = async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text;
      text += decoder.decode(value, { stream: true });
    }
  };
  const ended = rest();
  // A stream that a test leaves running is broken off at its end.
  ended.catch(() => {});
  return { text: ended };
}

const ended = (principalId: string, own: Partial<Revocation> = {}): Revocation => ({
  type: "ended",
  principalId,
  ...own,
});

test("R22 a revoked key: its stream ends with an error event, the upstream is let go, one record says so", async () => {
  const it = await house();
  const { text } = await begin(it);
  it.bus.emit(ended("key_mine"));
  const last = (await text).trimEnd().split("\n\n").at(-1)!;
  expect(JSON.parse(last.slice("data: ".length))).toEqual({
    error: {
      message: "The credential of this call is not valid any more.",
      type: "auth_error",
      param: null,
      code: "credential_revoked",
    },
  });
  expect(await text).not.toContain("[DONE]");
  await it.up.received[0]!.aborted;
  expect(await it.under.recorded(1)).toMatchObject([
    { failure: "unauthenticated", principal: "key_mine", streaming: true },
  ]);
  expect(it.under.services.active.size).toBe(0);
});

describe("whom an end concerns", () => {
  const keys = { mr_mine: mine, mr_other: keyHolder("other", { userId: 8 }), mr_session: session, mr_service: service };
  const rows: [name: string, revocation: Revocation, holder: string, isCut: boolean][] = [
    ["another key", ended("key_other"), "mr_mine", false],
    ["the person, for a key of hers: keys are told by themselves", ended("user:7"), "mr_mine", false],
    ["the person, for her session", ended("user:7"), "mr_session", true],
    ["this session", ended("user:7", { sessionId: "s1" }), "mr_session", true],
    ["another session of hers", ended("user:7", { sessionId: "s2" }), "mr_session", false],
    ["all sessions but this", ended("user:7", { exceptSessionId: "s1" }), "mr_session", false],
    ["all sessions but another", ended("user:7", { exceptSessionId: "s2" }), "mr_session", true],
    ["anybody", { type: "ended", principalId: null }, "mr_mine", true],
    ["anybody, for the access key", { type: "ended", principalId: null }, "mr_service", false],
  ];
  test.each(rows)("%s", async (_name, revocation, holder, isCut) => {
    const it = await house(keys);
    await begin(it, holder);
    it.bus.emit(revocation);
    await Bun.sleep(0);
    expect(it.under.services.active.size).toBe(isCut ? 0 : 1);
    expect(it.renewed).toEqual([]);
  });
});

describe("rights that may have changed are looked up", () => {
  const changed: Revocation = { type: "changed", principalId: null };
  test.each<[name: string, now: (identity: Identity) => Identity | undefined, isCut: boolean]>([
    ["nothing has: the stream goes on", (identity) => identity, false],
    ["the key is gone", () => undefined, true],
    ["its models have become others", (identity) => ({ ...identity, models: { allow: ["x*"], deny: [] } }), true],
    [
      "its models have become fewer, but not this one",
      (identity) => ({ ...identity, models: { allow: ["m"], deny: [] } }),
      false,
    ],
    ["its providers have become others", (identity) => ({ ...identity, providers: ["two"] }), true],
    ["its networks have become others", (identity) => ({ ...identity, ipAllow: ["192.0.2.0/24"] }), true],
    ["R27 its owner may no longer do this", (identity) => ({ ...identity, scopes: new Set(["models:read"]) }), true],
  ])("%s", async (_name, now, isCut) => {
    const it = await house();
    it.now = now;
    await begin(it);
    it.bus.emit(changed);
    await Bun.sleep(0);
    expect(it.under.services.active.size).toBe(isCut ? 0 : 1);
  });

  test.each([
    ["the one that goes on began first", ["mr_home", "mr_team"]],
    ["the one that ends began first", ["mr_team", "mr_home"]],
  ])(
    "a session that runs calls in two organisations loses those of the one it was put out of: %s",
    async (_name, keys) => {
      const it = await house({
        mr_home: { ...session, orgId: "org_home" },
        mr_team: { ...session, orgId: "org_team" },
      });
      it.now = (identity) => (identity.orgId === "org_team" ? undefined : identity);
      for (const key of keys) await begin(it, key);
      it.bus.emit({ type: "changed", principalId: session.id });
      await Bun.sleep(0);
      expect([...it.under.services.active.calls()].map(({ identity }) => identity.orgId)).toEqual(["org_home"]);
    },
  );

  test("of many streams of one key, the key is looked up once", async () => {
    const it = await house();
    it.now = () => undefined;
    const streams = [await begin(it), await begin(it), await begin(it)];
    it.bus.emit(changed);
    for (const { text } of streams) expect(await text).toContain("auth_error");
    expect(it.renewed).toHaveLength(1);
  });
});

test("auth.cut_streams: false lets running streams finish", async () => {
  const it = await house();
  it.isOn = false;
  await begin(it);
  it.bus.emit(ended("key_mine"));
  await Bun.sleep(0);
  expect(it.under.services.active.size).toBe(1);
});

test("R23 a stream does not outlive the time of its key", async () => {
  const keys: Record<string, Identity> = {};
  const it = await house(keys);
  keys["mr_mine"] = { ...mine, expiresAt: it.under.clock.now() + 10_000 };
  const { text } = await begin(it);
  it.under.tick(9_999);
  expect(it.under.services.active.size).toBe(1);
  it.under.tick(1);
  expect(await text).toContain("auth_error");
});

test("a call that has not been answered yet is refused like any other: 401", async () => {
  const it = await house();
  const gate = Promise.withResolvers<void>();
  it.up.script({ before: () => gate.promise, json: {} });
  const answer = it.under.post(
    "/v1/chat/completions",
    { model: "m", messages: [{ role: "user", content: "x" }] },
    { authorization: "Bearer mr_mine" },
  );
  while (it.up.received.length === 0) await Bun.sleep(1);
  it.bus.emit(ended("key_mine"));
  const response = await answer;
  expect(response.status).toBe(401);
  expect(await response.text()).toBe('{"error":{"message":"Unauthorized","type":"auth_error"}}');
  gate.resolve();
});
