/** What every built-in provider keeps to, run through the relay against a vendor of its dialect. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { builtinProviders } from "../../plugins/index.ts";
import type { AnyProviderPlugin } from "../../src/plugin/index.ts";
import { KEY, startRelay, type TestRelay } from "../support/relay.ts";
import { type Received, startUpstream, type Upstream } from "../support/upstream.ts";
import { type ProviderRow, providerRows } from "./provider-table.ts";
import {
  answerOf,
  bytesOf,
  errorBody,
  failingStream,
  goodAnswer,
  isStreamed,
  type Part,
  streamReply,
  vendorOf,
} from "./vendor.ts";

const rows = providerRows("http://127.0.0.1:1");

test("every built-in provider with an upstream has a row", () => {
  const named = new Set(rows.map(({ entry }) => entry["provider_type"]));
  const ids = (builtinProviders as readonly AnyProviderPlugin[]).map(({ id }) => id).filter((id) => id !== "echo");
  expect(ids.filter((id) => !named.has(id))).toEqual([]);
});

/** Headers that any request has, whoever sends it. */
const TRANSPORT = ["accept-encoding", "connection", "content-length", "content-type", "host", "user-agent"];

/** What a client may send along; none of it is the vendor's business, but for what a row says. */
const CLIENT_HEADERS: Readonly<Record<string, string>> = {
  "anthropic-beta": "client-beta",
  "anthropic-version": "2023-06-01",
  "openai-beta": "client-beta",
  "openai-organization": "org-client",
  "idempotency-key": "client-key",
  cookie: "session=client",
  "x-forwarded-for": "203.0.113.7",
  "x-stainless-lang": "js",
  "x-amz-security-token": "client",
  "x-goog-user-project": "client",
  referer: "https://client.example/",
};

describe.each(rows.map(({ name }, index) => [name, index] as const))("%s", (_name, index) => {
  let upstream: Upstream;
  let relay: TestRelay;
  let row: ProviderRow;

  beforeAll(async () => {
    upstream = await startUpstream();
    row = providerRows(upstream.url)[index]!;
    // The first slash too many is the operator's, the second one's a copyist's.
    const entry = {
      ...row.entry,
      base_url: `${upstream.url}${row.root}/`,
      priority: 1,
      models: { include: [row.model] },
    };
    const config = {
      providers: {
        vendor: entry,
        spare: { provider_type: "echo", priority: 500, models: { include: [row.model] } },
      },
      model_routing: { failover: { enabled: true, max_attempts: 3, budget: 1 } },
    };
    relay = await startRelay(JSON.stringify(config));
  });
  afterAll(async () => {
    await relay.stop();
    await upstream.stop();
  });

  const script = (answer: Parameters<typeof vendorOf>[1]): void => {
    upstream.forget();
    upstream.script(vendorOf(row, answer));
  };
  const calls = (): Received[] => upstream.received.filter(({ path }) => path !== row.tokens?.path);
  const chat = (extra: object = {}, headers: Record<string, string> = {}) =>
    relay.post(
      "/v1/chat/completions",
      { model: row.model, messages: [{ role: "user", content: "Hi" }], ...extra },
      headers,
    );
  const messages = (extra: object = {}) =>
    relay.post("/v1/messages", {
      model: row.model,
      max_tokens: 64,
      messages: [{ role: "user", content: "Hi" }],
      ...extra,
    });

  /** The only entry's key rests after a refusal; the next test finds it awake. */
  const wake = (): void => relay.tick(3_600_000);

  const textOf = (part: Part): string =>
    answerOf(row.dialect, part)
      .parts.flatMap((one) => (one.type === "text" ? [one.text] : []))
      .join("");
  const callsOf = (part: Part): unknown[][] =>
    answerOf(row.dialect, part).parts.flatMap((one) =>
      one.type === "tool-call" ? [[one.name, JSON.parse(one.inputJson) as unknown]] : [],
    );
  const chunksOf = (text: string): Chunk[] =>
    text
      .split("\n\n")
      .filter((event) => event.startsWith("data: {"))
      .map((event) => JSON.parse(event.slice("data: ".length)) as Chunk);
  interface Chunk {
    readonly error?: { readonly message: string };
    readonly choices?: readonly {
      readonly delta: {
        readonly content?: string | null;
        readonly tool_calls?: readonly { index: number; function: { name?: string; arguments?: string } }[];
      };
    }[];
  }

  test("C01: a whole answer; the address, the credential and the headers are exactly the vendor's", async () => {
    script(goodAnswer(row, "text"));
    const answer = await chat({}, CLIENT_HEADERS);
    const body = (await answer.json()) as {
      choices: { message: { content: string } }[];
      usage: { prompt_tokens: number };
    };
    expect(answer.status).toBe(200);
    expect(answer.headers.get("x-relay-provider")).toBe("vendor");
    expect(body.choices[0]?.message.content).toBe(textOf("text"));
    const { inputTokens } = answerOf(row.dialect, "text").usage;
    if (inputTokens !== undefined) expect(body.usage.prompt_tokens).toBe(inputTokens); // C08

    expect(calls()).toHaveLength(1);
    const [seen] = calls();
    expect([seen!.method, seen!.path + seen!.query]).toEqual(["POST", row.whole]);
    const carried = Object.keys(row.credential);
    for (const [name, value] of Object.entries(row.credential)) {
      expect(seen!.headers.get(name) ?? "").toMatch(typeof value === "string" ? exactly(value) : value);
    }
    const expected = [...TRANSPORT, ...carried, ...(row.headers ?? [])];
    const others = [...seen!.headers.keys()].filter((name) => !expected.includes(name));
    expect(others.filter((name) => !(row.forwards ?? []).includes(name))).toEqual([]);
  });

  test("C02, C13: a streamed answer, every byte by itself", async () => {
    script(goodAnswer(row, "text", (bytes) => [...bytes].map((byte) => Uint8Array.of(byte))));
    const answer = await chat({ stream: true });
    expect(answer.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const text = await answer.text();
    expect(
      chunksOf(text)
        .map(({ choices }) => choices?.[0]?.delta.content ?? "")
        .join(""),
    ).toBe(textOf("text"));
    expect(text.trimEnd()).toEndWith("data: [DONE]");
    expect(calls().map(({ path, query }) => path + query)).toEqual([row.streamed]);
  });

  test("C03, C04: parallel calls with their arguments, whole and streamed", async () => {
    const tools = ["weather", "now"].map((name) => ({ type: "function", function: { name } }));
    script(goodAnswer(row, "tools"));
    const whole = (await (await chat({ tools })).json()) as {
      choices: {
        finish_reason: string;
        message: { tool_calls: { function: { name: string; arguments: string } }[] };
      }[];
    };
    const [choice] = whole.choices;
    expect(choice?.finish_reason).toBe("tool_calls");
    expect(choice?.message.tool_calls.map(({ function: f }) => [f.name, JSON.parse(f.arguments)])).toEqual(
      callsOf("tools"),
    );
    const streamed = chunksOf(await (await chat({ tools, stream: true })).text());
    const put = new Map<number, { name: string; input: string }>();
    for (const { choices } of streamed) {
      for (const { index: at, function: f } of choices?.[0]?.delta.tool_calls ?? []) {
        const before = put.get(at) ?? { name: "", input: "" };
        put.set(at, { name: before.name || (f.name ?? ""), input: before.input + (f.arguments ?? "") });
      }
    }
    expect([...put.values()].map(({ name, input }) => [name, JSON.parse(input)])).toEqual(callsOf("tools"));
  });

  test("C05, C07: a client of Anthropic's dialect sends an image, a call and its result, and is answered in it", async () => {
    const source = { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" };
    script(goodAnswer(row, "text"));
    const answer = await messages({
      tools: [{ name: "weather", input_schema: { type: "object" } }],
      messages: [
        {
          role: "user",
          content: [
            { type: "image", source },
            { type: "text", text: "And there?" },
          ],
        },
        { role: "assistant", content: [{ type: "tool_use", id: "toolu_1", name: "weather", input: { city: "Oslo" } }] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "sun over Oslo" }] },
      ],
    });
    const body = (await answer.json()) as { content: { type: string; text?: string }[]; role: string };
    expect(answer.status).toBe(200);
    expect(body.role).toBe("assistant");
    expect(body.content.flatMap(({ text }) => text ?? []).join("")).toBe(textOf("text"));
    const [seen] = calls();
    for (const told of [source.data, "And there?", "weather", "Oslo", "sun over Oslo"])
      expect(seen!.text).toContain(told);
  });

  test("C11: a refused credential is the relay's affair: the next provider answers, and nobody is told of it", async () => {
    script(() => ({ status: 401, json: errorBody(row.dialect, `bad key ${row.secrets[0] ?? ""}`) }));
    const answer = await chat();
    expect([answer.status, answer.headers.get("x-relay-provider")]).toEqual([200, "spare"]);
    expect(calls()).toHaveLength(1);
    wake();
  });

  test("C12: too many requests: the next provider answers, and the key rests as long as it was told", async () => {
    const json = errorBody(row.dialect, "slow down");
    script(() => ({ status: 429, json, headers: { "retry-after": "30" } }));
    const answer = await chat();
    expect([answer.status, answer.headers.get("x-relay-provider")]).toEqual([200, "spare"]);
    await chat();
    expect(calls()).toHaveLength(1);
    wake();
  });

  test.each([500, 502, 503, 529])("C14: %d moves on", async (status) => {
    script(() => ({ status, json: errorBody(row.dialect, "down") }));
    const answer = await chat();
    expect([answer.status, answer.headers.get("x-relay-provider")]).toEqual([200, "spare"]);
    expect(calls()).toHaveLength(1);
  });

  test.each([400, 404, 413, 422])("%d stops: the next one would say the same", async (status) => {
    script(() => ({ status, json: errorBody(row.dialect, "told so") }));
    const answer = await chat();
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ error: { message: expect.stringContaining("told so") } });
    expect(calls()).toHaveLength(1);
  });

  test.each([
    ["HTML", "<html>hello</html>", "text/html"],
    ["nothing", "", "application/json"],
    ["another object", '{"hello":"world"}', "application/json"],
    ["a list", "[]", "application/json"],
  ])("C15: %s under a 200 moves on", async (_what, text, type) => {
    script(() => ({ text, headers: { "content-type": type } }));
    for (const stream of [false, true]) {
      const answer = await chat({ stream });
      expect([answer.status, answer.headers.get("x-relay-provider")]).toEqual([200, "spare"]);
      await answer.body?.cancel();
    }
    expect(calls()).toHaveLength(2);
  });

  test("C16: a stream that begins with an error moves on; a redirect is not followed", async () => {
    script(() => streamReply(row.dialect, [failingStream(row.dialect)]));
    const answer = await chat({ stream: true });
    expect([answer.status, answer.headers.get("x-relay-provider")]).toEqual([200, "spare"]);
    await answer.body?.cancel();
    script(() => ({ status: 307, headers: { location: `${upstream.url}/elsewhere` } }));
    expect((await chat()).headers.get("x-relay-provider")).toBe("spare");
    expect(calls().map(({ path }) => path)).not.toContain("/elsewhere");
  });

  test("C17: a stream cut before its end ends in the client's error, in both families, and never in an end", async () => {
    const bytes = bytesOf(row.dialect, "text");
    const half = bytes.subarray(0, Math.floor(bytes.length / 2));
    script(() => streamReply(row.dialect, [half]));
    const text = await (await chat({ stream: true })).text();
    expect(chunksOf(text).at(-1)?.error?.message).toBeString();
    expect(text).not.toContain("[DONE]");
    const events = await (await messages({ stream: true })).text();
    // E20: nobody has counted yet, and zero would look like an empty context.
    const begun = /"usage":\{"input_tokens":(\d+)/.exec(events)?.[1];
    if (begun !== undefined) expect(Number(begun)).toBeGreaterThan(0);
    expect(events).toContain("event: error\n");
    expect(events).not.toContain("message_stop");
    expect(calls()).toHaveLength(2);
  });

  test("C18: a client that leaves is left alone: the vendor's work is dropped", async () => {
    const bytes = bytesOf(row.dialect, "text");
    const half = bytes.subarray(0, Math.floor((bytes.length * 2) / 3));
    script((received) => ({ ...streamReply(row.dialect, [half]), end: isStreamed(received, row) ? "hang" : "clean" }));
    const leaving = new AbortController();
    const answer = await fetch(`${relay.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
      body: JSON.stringify({ model: row.model, stream: true, messages: [{ role: "user", content: "Hi" }] }),
      signal: leaving.signal,
    });
    await answer.body!.getReader().read();
    leaving.abort();
    // The watch looks for departed clients at its own pace.
    const watch = setInterval(() => relay.tick(250), 20);
    await calls()[0]!.aborted;
    clearInterval(watch);
    expect(calls()).toHaveLength(1);
  });

  test("C19, E53: the secret is where the vendor wants it, and in no address, body, answer, record or line of the log", async () => {
    const carried = Object.keys(row.credential);
    const seen: string[] = [];
    for (const status of [400, 401, 500]) {
      // A vendor that repeats what it refuses.
      script(({ headers }) => {
        const echoed = carried.map((name) => headers.get(name)).join(" and ");
        return { status, json: errorBody(row.dialect, `${echoed} are refused`) };
      });
      for (const answer of [await chat(), await messages()]) {
        seen.push(JSON.stringify([...answer.headers]), await answer.text());
      }
      for (const received of calls()) {
        seen.push(received.path + received.query, received.text);
        for (const [name, value] of received.headers) if (!(name in row.credential)) seen.push(value);
      }
      wake();
    }
    seen.push(JSON.stringify(relay.records), relay.logLines.join("\n"));
    for (const secret of row.secrets) expect(seen.filter((text) => text.includes(secret))).toEqual([]);
    expect(seen.some((text) => text.includes(KEY))).toBe(false);
  });

  test("tokens are lent once for many calls", async () => {
    if (row.tokens === undefined) {
      expect(row.credential).not.toHaveProperty("token"); // a row without tokens carries its key itself
      return;
    }
    script(goodAnswer(row, "text"));
    wake();
    await Promise.all([chat(), chat(), chat()]);
    await chat();
    expect(upstream.received.filter(({ path }) => path === row.tokens!.path)).toHaveLength(1);
    expect(calls()).toHaveLength(4);
    for (const call of calls()) expect(call.headers.get("authorization")).toBe(`Bearer ${row.tokens.value}`);
  });
});

function exactly(value: string): RegExp {
  return new RegExp(`^${value.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`);
}
