/** What every built-in provider keeps to beside single answers: what passes unchanged, what stays apart, and what stays behind. */
import { afterAll, beforeAll, describe, expect, spyOn, test } from "bun:test";
import { getEventListeners } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Provider, UpstreamCall } from "../../src/plugin/index.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { type Received, type Reply, startUpstream, type Upstream } from "../support/upstream.ts";
import { ANSWER } from "../support/vendors.ts";
import { dialectOf, isStreamed, type Said, SIGNATURE, VOICES } from "../support/voices/index.ts";
import { type ProviderRow, providerRows } from "./provider-table.ts";
import { codecOf, errorBody, goodAnswer, vendorOf } from "./vendor.ts";

const rows = providerRows("http://127.0.0.1:1");
const PLAIN: Said = { text: ANSWER.text, calls: [], inputTokens: 20, outputTokens: 10 };
/** Dialects that sign thoughts or calls, and want their signature back. */
const SIGNS = new Set<string | undefined>([
  "openai-responses",
  "anthropic-messages",
  "gemini",
  "bedrock-converse",
  "bedrock-invoke-claude",
  "vertex-claude",
]);

test("every case of the provider suite has its test", () => {
  const files = ["providers.test.ts", "provider-lives.test.ts"].map((name) => join(import.meta.dir, name));
  const text = files.map((file) => readFileSync(file, "utf8")).join("\n");
  const named = new Set(
    [...text.matchAll(/\btest(?:\.each\([^)]*\))?\(\s*"([^"]*)"/g)].flatMap(
      (match) => match[1]!.match(/\bC\d\d\b/g) ?? [],
    ),
  );
  const all = Array.from({ length: 24 }, (_, index) => `C${String(index + 1).padStart(2, "0")}`);
  expect(all.filter((id) => !named.has(id))).toEqual([]);
});

describe.each(rows.map(({ name }, index) => [name, index] as const))("%s", (_name, index) => {
  let upstream: Upstream;
  let relay: TestRelay;
  let row: ProviderRow;

  beforeAll(async () => {
    upstream = await startUpstream();
    row = providerRows(upstream.url)[index]!;
    const models = { include: [row.model] };
    const { keys, ...others } = row.entry;
    relay = await startRelay(
      JSON.stringify({
        providers: {
          vendor: { ...row.entry, base_url: upstream.url + row.root, models },
          // The same plugin once more, at another address, and with another key where a key is just a key.
          twin: {
            ...{ ...others, base_url: `${upstream.url}/twin${row.root}`, models },
            ...(keys === undefined ? {} : { keys: hasPlainKey(row) ? [{ key: TWIN_KEY }] : keys }),
          },
        },
        model_routing: { failover: { enabled: false } },
      }),
    );
  });
  afterAll(async () => {
    await relay.stop();
    await upstream.stop();
  });

  const script = (answer: (received: Received) => Reply): void => {
    upstream.forget();
    upstream.script(vendorOf(row, answer));
  };
  const saying = (said: Said) => script((received) => spokenBy(row, received, said));
  const calls = (): Received[] => upstream.received.filter(({ path }) => path !== row.tokens?.path);
  const provider = (name: string): Provider =>
    relay.holder.current.providers.find((status) => status.name === name)!.entry!.provider;
  const callOf = (secret: string): UpstreamCall => ({
    operation: "chat",
    codec: codecOf(row.dialect),
    ...{ method: "POST", path: "", query: "", model: row.model, stream: false, contentType: "application/json" },
    body: new TextEncoder().encode("{}") as Uint8Array<ArrayBuffer>,
    headers: {},
    secret,
    signal: new AbortController().signal,
  });
  /** The entry's key as the pool would give it. */
  const secretOf = (): string => (row.entry["keys"] as { key: string }[] | undefined)?.[0]?.key ?? "";

  test("C06: thoughts are told, and what signs them comes home unchanged with the next turn", async () => {
    const call = { name: "weather", input: { city: "Paris" } };
    saying({ ...PLAIN, reasoning: ANSWER.reasoning, calls: [call] });
    const ask = (input: unknown) =>
      relay.post("/v1/responses", {
        ...{ model: `${row.model}@vendor`, store: false, input, include: ["reasoning.encrypted_content"] },
        tools: [{ type: "function", name: "weather", parameters: { type: "object" } }],
      });
    const first = (await (await ask("Hi")).json()) as {
      output: { type: string; call_id?: string; summary?: object[] }[];
    };
    // Where calls are signed, an item without words goes before them.
    const types = first.output.map(({ type }) => type);
    expect([types[0], types[1], types.at(-1)]).toEqual(["reasoning", "message", "function_call"]);
    expect(JSON.stringify(first.output[0])).toContain(ANSWER.reasoning);
    const { call_id } = first.output.at(-1)!;
    const question = { role: "user", content: "Hi" };
    const again = await ask([question, ...first.output, { type: "function_call_output", call_id, output: "sun" }]);
    expect(again.status).toBe(200);
    expect(calls()).toHaveLength(2);
    expect(calls()[1]!.text.includes(SIGNATURE)).toBe(SIGNS.has(dialectOf(calls()[1]!)));
    expect(calls()[1]!.text).toContain("sun");
  });

  test.each([false, true])("C09: nothing said before the limit is an answer too (streamed: %p)", async (stream) => {
    saying({ ...PLAIN, text: "", isCut: true });
    const messages = [{ role: "user", content: "Hi" }];
    const answer = await relay.post("/v1/chat/completions", { model: `${row.model}@vendor`, stream, messages });
    expect(answer.status).toBe(200);
    const text = await answer.text();
    expect(text).toContain('"finish_reason":"length"');
    expect(text).not.toContain('"finish_reason":"stop"');
    expect(text).not.toContain('"error"');
    expect(calls()).toHaveLength(1);
  });

  test("C10: a client of the vendor's own dialect is passed on to the byte, unknown fields, order and numbers too", async () => {
    const { ingress } = codecOf(row.dialect);
    const ask = (path: string, body: string) => relay.post(path, body);
    if (ingress === undefined) {
      // No client speaks it: nothing can pass, and every field the vendor sees is one that was meant for it.
      saying(PLAIN);
      const body = { model: row.model, messages: [{ role: "user", content: "Hi" }], zz_unknown: { deep: [1] } };
      const answer = await ask("/v1/chat/completions", JSON.stringify(body));
      expect(answer.headers.get("x-relay-dropped-params")).toContain("zz_unknown");
      expect(calls()[0]!.text).not.toContain("zz_unknown");
      return;
    }
    saying(PLAIN);
    const [path, head] = ownRequest(row);
    const body = `{ "zz_unknown" : {"b":1.50,"a":[1E3, 12345678901234567890],"b2":"\\u00e9\\/" },\n${head}, "aa":null }`;
    expect((await ask(path, body)).status).toBe(200);
    expect(calls()[0]!.text).toBe(body);
  });

  test("C20: two entries with different addresses and keys do not mix, side by side", async () => {
    saying(PLAIN);
    const messages = [{ role: "user", content: "Hi" }];
    const ask = (entry: string) => relay.post("/v1/chat/completions", { model: `${row.model}@${entry}`, messages });
    const entries = ["vendor", "twin", "twin", "vendor", "vendor", "twin"];
    const answers = await Promise.all(entries.map(ask));
    expect(answers.map(({ status, headers }) => [status, headers.get("x-relay-provider")])).toEqual(
      entries.map((entry) => [200, entry]),
    );
    const ofTwin = calls().filter(({ path }) => path.startsWith("/twin/"));
    const ofVendor = calls().filter(({ path }) => !path.startsWith("/twin/"));
    expect([ofTwin.length, ofVendor.length]).toEqual([3, 3]);
    for (const received of ofTwin) expect(received.path + received.query).toBe(`/twin${row.whole}`);
    for (const received of ofVendor) expect(received.path + received.query).toBe(row.whole);
    if (!hasPlainKey(row)) return;
    const headersOf = ({ headers }: Received): string => JSON.stringify([...headers]);
    for (const received of ofTwin) expect(headersOf(received)).toContain(TWIN_KEY);
    for (const received of ofVendor) expect(headersOf(received)).not.toContain(TWIN_KEY);
  });

  test("C21: the call is left as it was, and the same call makes the same request", async () => {
    script(() => ({ status: 404 }));
    const call = callOf(secretOf());
    const before = { ...call, headers: { ...call.headers } };
    const frozen = Object.freeze({ ...call, headers: Object.freeze({ ...call.headers }) });
    const [one, two] = [await provider("vendor").request(frozen), await provider("vendor").request(frozen)];
    expect({ ...frozen, headers: { ...frozen.headers } }).toEqual(before);
    const shown = (made: typeof one) => ({ url: made.url, method: made.method });
    expect(shown(one)).toEqual(shown(two));
    expect(new URL(one.url).pathname + new URL(one.url).search).toBe(row.whole);
  });

  test("C22: a model list that fails, is no list, or never comes is a failure, told in time and without a secret", async () => {
    const { listModels } = provider("vendor");
    expect(listModels).toBeFunction();
    const list = (signal: AbortSignal): Promise<unknown> =>
      listModels!(secretOf(), signal).then(
        (names) => names,
        (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
      );
    const patient = new AbortController().signal;
    const { deployments } = row.entry;
    if (deployments !== undefined) {
      // What the operator has listed is the list.
      script(() => ({ status: 500 }));
      expect(await list(patient)).toEqual(Object.keys(deployments as object));
      expect(calls()).toEqual([]);
      return;
    }
    for (const status of [401, 404, 429, 500, 503]) {
      script(() => ({ status, json: errorBody(row.dialect, `no, ${row.secrets.join(" ")}`) }));
      const told = await list(patient);
      expect(told).toBeInstanceOf(Error);
      for (const secret of row.secrets) expect(String(told)).not.toContain(secret);
    }
    script(() => ({ text: "<html>", headers: { "content-type": "text/html" } }));
    expect(await list(patient)).toBeInstanceOf(Error);
    script(() => ({ json: {} }));
    const empty = await list(patient);
    if (!(empty instanceof Error)) expect(empty).toEqual([]);

    const leaving = new AbortController();
    const arrived = Promise.withResolvers<Received>();
    script((received) => {
      arrived.resolve(received);
      return { chunks: [], end: "hang" };
    });
    const asked = list(leaving.signal);
    const { aborted } = await arrived.promise;
    leaving.abort();
    expect(await asked).toBeInstanceOf(Error);
    await aborted;
  });

  test("C08: counts are told as the vendor told them, and what it left out is not zero", async () => {
    const ask = async () => {
      const messages = [{ role: "user", content: "Hi" }];
      const answer = await relay.post("/v1/chat/completions", { model: `${row.model}@vendor`, messages });
      return ((await answer.json()) as { usage?: Record<string, number> }).usage;
    };
    saying(PLAIN);
    expect(await ask()).toMatchObject({ prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 });
    script((received) => ({ json: withoutCounts(spokenBy(row, received, PLAIN).json as object) }));
    const usage = await ask();
    if (usage !== undefined)
      for (const count of [usage["prompt_tokens"], usage["completion_tokens"]]) expect(count).not.toBe(0);
  });

  test("C24: a thousand requests leave no listener and no timer behind", async () => {
    script(goodAnswer(row, "text"));
    const call = callOf(secretOf());
    const { request } = provider("vendor");
    await request(call);
    const timers = spyOn(globalThis, "setTimeout");
    const intervals = spyOn(globalThis, "setInterval");
    try {
      for (let count = 0; count < 1000; count += 1) await request(call);
      // Others in this process may set one; a provider that does would have set a thousand.
      expect(timers.mock.calls.length + intervals.mock.calls.length).toBeLessThan(10);
    } finally {
      timers.mockRestore();
      intervals.mockRestore();
    }
    expect(getEventListeners(call.signal, "abort")).toEqual([]);
  });

  // The last one: what it disposes of is the provider of all the others.
  test("C23: a reload ends no stream; what is old is disposed of once, after its last call, and twice does no harm", async () => {
    const rest = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    script((received) => {
      const voice = VOICES[dialectOf(received)!];
      const chunks = voice.stream(PLAIN);
      begun.resolve();
      const stream = [...chunks.slice(0, -2), () => rest.promise, ...chunks.slice(-2)];
      return { headers: { "content-type": voice.streamType }, chunks: stream };
    });
    const old = relay.holder.current;
    const disposals = spyOn(old, "dispose");
    const answer = relay.post("/v1/chat/completions", {
      ...{ model: `${row.model}@vendor`, stream: true, messages: [{ role: "user", content: "Hi" }] },
    });
    await begun.promise;
    relay.holder.swap({ ...old, generation: 2, dispose: async () => {} });
    expect(disposals).not.toHaveBeenCalled();
    rest.resolve();
    const text = await (await answer).text();
    expect(text).toContain("look.");
    expect(text.trimEnd()).toEndWith("data: [DONE]");
    expect(disposals).toHaveBeenCalledTimes(1);
    await Promise.all([old.dispose(), old.dispose()]);
  });
});

const TWIN_KEY = "twin-key-0123456789abcdef";

/** Is the entry's key itself what the vendor sees? */
function hasPlainKey({ credential, entry, tokens }: ProviderRow): boolean {
  const key = (entry["keys"] as { key: string }[] | undefined)?.[0]?.key;
  if (key === undefined || tokens !== undefined) return false;
  return Object.values(credential).some((value) => typeof value === "string" && value.includes(key));
}

const COUNTS = ["usage", "usageMetadata", "prompt_eval_count", "eval_count"];

function withoutCounts(answer: object): object {
  return Object.fromEntries(Object.entries(answer).filter(([name]) => !COUNTS.includes(name)));
}

function spokenBy(row: ProviderRow, received: Received, said: Said): Reply {
  const voice = VOICES[dialectOf(received) ?? row.dialect];
  if (!isStreamed(received)) return { json: voice.whole(said) };
  return { headers: { "content-type": voice.streamType }, chunks: voice.stream(said) };
}

/** A request in the vendor's own dialect, as far as it has to be there. */
function ownRequest({ dialect, model }: ProviderRow): [path: string, fields: string] {
  const messages = '"messages": [ {"role":"user","content":"Hi"} ]';
  switch (dialect) {
    case "gemini":
      return [`/v1beta/models/${model}:generateContent`, '"contents" : [{"parts":[{"text":"Hi"}]}]'];
    case "anthropic-messages":
      return ["/v1/messages", `"model":"${model}","max_tokens":64,${messages}`];
    default:
      return ["/v1/chat/completions", `"model" : "${model}", ${messages}`];
  }
}
