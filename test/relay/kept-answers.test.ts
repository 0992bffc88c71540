/** Answers of Responses that no vendor keeps: continued by their ids, item by item or whole, by their owner and nobody else. */
import { afterEach, describe, expect, test } from "bun:test";
import type { Identity } from "../../src/contract/host.ts";
import { KEPT_MS_MAX, KeptAnswers } from "../../src/relay/kept-answers.ts";
import { createManualClock } from "../../src/support/clock.ts";
import { directoryOf, keyHolder } from "../support/directory.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import type { Upstream } from "../support/upstream.ts";
import { ANSWER, RESULTS, startVendors } from "../support/vendors.ts";
import { hear } from "../support/voices/hearing.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

async function start(keys?: Readonly<Record<string, Identity>>): Promise<{ up: Upstream; under: TestRelay }> {
  const up = await startVendors();
  open.push(up);
  const under = await startRelay(
    `
providers:
  chat: { base_url: "${up.url}/v1", keys: [{ key: vendor-key-1 }], models: { include: [gpt-chat] } }
  responses: { base_url: "${up.url}/v1", dialects: [openai-responses], keys: [{ key: vendor-key-2 }], models: { include: [gpt-responses] } }
  gemini: { provider_type: gemini, base_url: "${up.url}", keys: [{ key: vendor-key-4 }], models: { include: ["gemini-*"] } }
`,
    keys === undefined ? undefined : directoryOf(keys),
  );
  open.push(under);
  return { up, under };
}

const tools = ["weather", "now"].map((name) => ({ type: "function", name, parameters: { type: "object" } }));
interface Answer {
  readonly id: string;
  readonly output: { id: string; type: string; call_id?: string }[];
}

/** Asks, and reads the answer in either form. */
async function ask(under: TestRelay, body: object): Promise<Answer> {
  const response = await under.post("/v1/responses", { model: "gpt-chat", tools, ...body });
  const text = await response.text();
  expect([response.status, text]).toEqual([200, expect.any(String)]);
  if (text.startsWith("{")) return JSON.parse(text) as Answer;
  const last = text.trimEnd().split("\n\n").at(-1)!;
  return (JSON.parse(last.slice(last.indexOf("data: ") + 6)) as { response: Answer }).response;
}
const outputsOf = ({ output }: Answer): object[] =>
  output
    .filter(({ type }) => type === "function_call")
    .map(({ call_id }, index) => ({ type: "function_call_output", call_id, output: RESULTS[index] }));

describe.each([false, true])("after an answer (streamed: %p)", (stream) => {
  test("tools that ran at another vendor are not brought to one that did not run them", async () => {
    const { up, under } = await start();
    const first = await ask(under, { model: "gemini-2.5-flash", stream, input: "use your own tools" });
    expect(first.output.map(({ type }) => type).toSorted()).toEqual([
      "code_interpreter_call",
      "message",
      "web_search_call",
    ]);
    up.forget();
    await ask(under, { model: "gpt-responses", stream, previous_response_id: first.id, input: "and now?" });
    const [sent] = up.received;
    expect(sent!.text).toContain(ANSWER.text);
    expect(sent!.text).not.toMatch(/web_search_call|code_interpreter_call|monorelay/);
  });

  test.each(["gpt-chat", "gemini-2.5-flash"])("previous_response_id brings the conversation: %s", async (model) => {
    const { up, under } = await start();
    const first = await ask(under, { model, stream, input: "the first words" });
    up.forget();
    const second = await ask(under, { model, stream, previous_response_id: first.id, input: outputsOf(first) });
    const [sent] = up.received;
    expect(sent!.text).toContain("the first words");
    expect(sent!.text).not.toContain("previous_response_id");
    const { calls, results } = hear(sent!);
    expect(calls.map(([, name, input]) => [name, input])).toEqual([...ANSWER.calls] as never);
    expect(results.map(([, text]) => text)).toEqual([...RESULTS]);
    // The answer to that continues it in turn.
    up.forget();
    await ask(under, { model, stream, previous_response_id: second.id, input: "and the last words" });
    for (const words of ["the first words", RESULTS[1], ANSWER.after, "and the last words"]) {
      expect(up.received[0]!.text).toContain(words);
    }
  });

  test("item_reference brings an item", async () => {
    const { up, under } = await start();
    const first = await ask(under, { stream, input: "the first words" });
    up.forget();
    const references = first.output.map(({ id }) => ({ type: "item_reference", id }));
    await ask(under, { input: [{ role: "user", content: "again" }, ...references, ...outputsOf(first)] });
    expect(hear(up.received[0]!).calls.map(([, name]) => name)).toEqual(["weather", "now"]);
    expect(up.received[0]!.text).toContain(ANSWER.text);
  });

  test("an upstream that keeps answers itself is told everything when it has not said them", async () => {
    const { up, under } = await start();
    const first = await ask(under, { stream, input: "the first words" });
    up.forget();
    await ask(under, { model: "gpt-responses", previous_response_id: first.id, input: outputsOf(first) });
    expect(up.received[0]!.text).toContain("the first words");
    expect(up.received[0]!.text).not.toContain(first.id);
  });

  test("with `store: false` nothing is kept", async () => {
    const { up, under } = await start();
    const first = await ask(under, { stream, store: false, input: "the first words" });
    expect(under.services.kept.held).toBe(0);
    up.forget();
    for (const body of [
      { previous_response_id: first.id, input: "x" },
      { input: [{ type: "item_reference", id: first.output[0]!.id }] },
    ]) {
      const refused = await under.post("/v1/responses", { model: "gpt-chat", ...body });
      expect(refused.status).toBe(400);
      expect(await refused.json()).toMatchObject({ error: { code: "previous_response_not_supported" } });
    }
    expect(up.received).toEqual([]);
  });
});

test("two calls of one request id, as a caller may choose it, say different things under different ids", async () => {
  const { under } = await start();
  const ids = new Set<string>();
  let dice = 0;
  Object.assign(under.services, {
    random: () => {
      dice += 0.1;
      return dice;
    },
  });
  for (let count = 0; count < 2; count += 1) {
    const body = { model: "gemini-2.5-flash", input: "hello" };
    const answer = await under.post("/v1/responses", body, { "x-request-id": "-" });
    for (const { id } of ((await answer.json()) as Answer).output) ids.add(id);
  }
  expect(ids.size).toBe(2);
});

test("another organisation's answer is one that nobody knows", async () => {
  const { up, under } = await start();
  const item = { id: "msg_foreign", type: "message", role: "assistant", content: [] };
  const response = { id: "resp_foreign", output: [item] };
  under.services.kept.keep("org_other:key_1", "resp_foreign", { input: [item], response });
  under.services.kept.keep("org_other:key_1", "msg_foreign", item);
  for (const body of [
    { previous_response_id: "resp_foreign", input: "x" },
    { input: [{ type: "item_reference", id: "msg_foreign" }] },
  ]) {
    const refused = await under.post("/v1/responses", { model: "gpt-chat", ...body });
    expect([refused.status, await refused.json()]).toMatchObject([400, { error: { param: expect.any(String) } }]);
  }
  expect(up.received).toEqual([]);
});

test("an answer is its user's by each of their keys, and the organisation's admins'; to others of it nobody's", async () => {
  const key = (name: string, own: Partial<Identity> = {}) =>
    keyHolder(name, { scopes: new Set(["chat:write"]), ...own });
  const { up, under } = await start({
    mr_first: key("first"),
    mr_second: key("second"),
    mr_colleague: key("colleague", { userId: 8 }),
    mr_admin: key("admin", { userId: 9, orgRole: "admin" }),
    mr_elsewhere: key("elsewhere", { userId: 7, orgId: "org_other" }),
    mr_admin_elsewhere: key("admin-elsewhere", { userId: 9, orgId: "org_other", orgRole: "owner" }),
  });
  const as = (name: string) => ({ authorization: `Bearer mr_${name}` });
  const body = { model: "gpt-chat", input: "the first words" };
  const { id } = (await (await under.post("/v1/responses", body, as("first"))).json()) as Answer;
  const get = (name: string) => fetch(`${under.url}/v1/responses/${id}`, { headers: as(name) });
  const goOn = (name: string) =>
    under.post("/v1/responses", { model: "gpt-chat", previous_response_id: id, input: "on", store: false }, as(name));
  for (const name of ["first", "second", "admin"]) {
    expect([name, (await get(name)).status]).toEqual([name, 200]);
    expect([name, (await goOn(name)).status]).toEqual([name, 200]);
    expect(up.received.at(-1)!.text).toContain("the first words");
  }
  up.forget();
  for (const name of ["colleague", "elsewhere", "admin_elsewhere"]) {
    expect([name, (await get(name)).status]).toEqual([name, 404]);
    expect([name, (await goOn(name)).status]).toEqual([name, 400]);
  }
  expect(up.received).toEqual([]);
  const forgotten = await fetch(`${under.url}/v1/responses/${id}`, { method: "DELETE", headers: as("admin") });
  expect([forgotten.status, (await get("first")).status]).toEqual([200, 404]);
});

test("what passes through is kept where it was said, and only there", async () => {
  const { up, under } = await start();
  const first = await ask(under, { model: "gpt-responses", input: "the first words" });
  expect(under.services.kept.held).toBe(0);
  up.forget();
  const body = { model: "gpt-responses", previous_response_id: first.id, input: outputsOf(first) };
  await under.post("/v1/responses", body);
  expect(up.received[0]!.text).toBe(JSON.stringify(body));
});

test("a stream that failed, or that nobody read to its end, is not kept", async () => {
  const { under } = await start();
  await (await under.post("/v1/responses", { model: "gpt-chat", stream: true, input: "break off" })).text();
  expect(under.services.kept.held).toBe(0);
});

describe("KeptAnswers", () => {
  const clock = createManualClock();

  test("another's id means nothing", () => {
    const kept = new KeptAnswers(clock);
    kept.keep("org:a", "resp_1", ["mine"]);
    expect(kept.find("org:a", "resp_1")).toEqual(["mine"]);
    expect(kept.find("org:b", "resp_1")).toBeUndefined();
    expect(kept.find("caller:a", "resp_1")).toBeUndefined();
  });

  test("the oldest make room, and what is larger than all of it is not kept", () => {
    const kept = new KeptAnswers(clock, 100);
    const text = "x".repeat(38);
    for (const id of ["a", "b", "c"]) kept.keep("o", id, text);
    expect(["a", "b", "c"].map((id) => kept.find("o", id) !== undefined)).toEqual([false, true, true]);
    expect(kept.held).toBe(80);
    kept.keep("o", "c", "x".repeat(200));
    expect(kept.find("o", "c")).toBeUndefined();
    expect(kept.held).toBe(40);
  });

  test("nobody's are pushed out by one who holds more, however much that one says", () => {
    const kept = new KeptAnswers(clock, 100);
    kept.keep("o:quiet", "a", "x".repeat(18));
    for (let count = 0; count < 50; count += 1) kept.keep("o:loud", `b${count}`, "x".repeat(38));
    expect(kept.find("o:quiet", "a")).toBe("x".repeat(18));
    expect([kept.find("o:loud", "b49"), kept.find("o:loud", "b47")]).toEqual(["x".repeat(38), undefined]);
    kept.keep("o:loud", "b50", "x".repeat(98));
    expect([kept.find("o:quiet", "a"), kept.find("o:loud", "b50")]).toEqual(["x".repeat(18), undefined]);
    // A newcomer gets room from whoever holds most.
    for (const id of ["c", "d"]) kept.keep("o:quiet", id, "x".repeat(18));
    kept.keep("o:new", "e", "x".repeat(38));
    expect(["a", "c", "d"].map((id) => kept.find("o:quiet", id) !== undefined)).toEqual([true, true, true]);
    expect(kept.find("o:new", "e")).toBe("x".repeat(38));
    expect(kept.held).toBe(100);
  });

  test("what is too old goes with whoever says nothing more", () => {
    const kept = new KeptAnswers(clock, 100);
    for (const owner of ["o:a", "o:b"]) kept.keep(owner, "x", "gone");
    clock.advance(KEPT_MS_MAX);
    kept.keep("o:c", "x", "here");
    expect([kept.held, kept.ownerIn("o", "x")]).toEqual([6, "o:c"]);
    expect(kept.ownerIn("p", "x")).toBeUndefined();
  });

  test("an id said twice counts once, and is as young as its last time", () => {
    const kept = new KeptAnswers(clock, 100);
    kept.keep("o", "a", "x".repeat(38));
    kept.keep("o", "b", "x".repeat(38));
    kept.keep("o", "a", "y".repeat(38));
    expect(kept.held).toBe(80);
    kept.keep("o", "c", "x".repeat(38));
    expect([kept.find("o", "a"), kept.find("o", "b")]).toEqual(["y".repeat(38), undefined]);
  });

  test("an hour later it is forgotten", () => {
    const kept = new KeptAnswers(clock, 100);
    kept.keep("o", "a", "x");
    clock.advance(KEPT_MS_MAX - 1);
    expect(kept.find("o", "a")).toBe("x");
    clock.advance(1);
    expect(kept.find("o", "a")).toBeUndefined();
    kept.keep("o", "b", "x");
    expect(kept.held).toBe(3);
  });
});
