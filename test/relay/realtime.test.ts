/** Realtime: two WebSockets joined, with every failure before it an HTTP answer and every end told to both. */
import { afterEach, describe, expect, test } from "bun:test";
import type { FailureCode } from "../../src/contract/errors.ts";
import { revoked } from "../../src/relay/revoked.ts";
import { readJson } from "../support/json.ts";
import { KEY, startRelay, type TestRelay } from "../support/relay.ts";

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

interface Heard {
  readonly path: string;
  readonly headers: Headers;
  readonly messages: (string | Buffer)[];
  socket?: Bun.ServerWebSocket<Heard>;
  closed?: [code: number, reason: string];
}

/** Echoes what it hears, unless told otherwise. */
function startVendor(
  answer: (heard: Heard, message: string | Buffer) => void = (heard, message) => heard.socket!.send(message),
) {
  const heard: Heard[] = [];
  const server = Bun.serve<Heard>({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request, self) {
      const url = new URL(request.url);
      const data: Heard = { path: url.pathname + url.search, headers: request.headers, messages: [] };
      heard.push(data);
      if (url.searchParams.get("model") === "gpt-refused") return new Response("no", { status: 403 });
      const offered = request.headers.get("sec-websocket-protocol")?.split(", ")[0];
      const headers = offered === undefined ? {} : { "sec-websocket-protocol": offered };
      return self.upgrade(request, { data, headers }) ? undefined : new Response("", { status: 400 });
    },
    websocket: {
      open(socket) {
        socket.data.socket = socket;
        socket.send("hello");
      },
      message(socket, message) {
        socket.data.messages.push(message);
        answer(socket.data, message);
      },
      close(socket, code, reason) {
        socket.data.closed = [code, reason];
      },
    },
  });
  open.push(() => server.stop(true));
  return { heard, url: `http://127.0.0.1:${server.port}` };
}

async function start(vendor: { url: string }, more = ""): Promise<TestRelay> {
  const under = await startRelay(`
providers:
  echo: { provider_type: echo }
  one: { base_url: "${vendor.url}/v1", keys: [{ key: vendor-key-1 }], models: { include: ["gpt-*"] } }
model_routing: { aliases: { voice: gpt-realtime }, failover: { enabled: false } }
${more}
`);
  open.push(() => under.stop());
  return under;
}

interface Client {
  readonly socket: WebSocket;
  readonly messages: unknown[];
  /** Resolves with the next message that has not been awaited yet. */
  next(): Promise<unknown>;
  readonly closed: Promise<{ code: number; reason: string }>;
}

function dial(
  under: TestRelay,
  query: string,
  init: { headers?: Record<string, string>; protocols?: string[] } = {},
): Client {
  const headers = init.headers ?? { authorization: `Bearer ${KEY}` };
  const socket = new WebSocket(`${under.url.replace("http", "ws")}/v1/realtime${query}`, {
    headers,
    protocols: init.protocols ?? [],
  } as never);
  socket.binaryType = "nodebuffer";
  const messages: unknown[] = [];
  const waiting: (() => void)[] = [];
  let taken = 0;
  socket.onmessage = ({ data }) => {
    messages.push(data);
    waiting.shift()?.();
  };
  const { promise: closed, resolve } = Promise.withResolvers<{ code: number; reason: string }>();
  socket.onclose = ({ code, reason }) => resolve({ code, reason });
  open.push(() => socket.terminate());
  return {
    socket,
    messages,
    closed,
    async next() {
      if (messages.length <= taken) await new Promise<void>((resume) => waiting.push(resume));
      taken += 1;
      return messages[taken - 1];
    },
  };
}

/** As when the credential of all calls ends. */
function abortAll(under: TestRelay): void {
  for (const call of under.services.active.calls()) call.abort(revoked());
}

describe("a Realtime session", () => {
  test("goes to the model's provider under its name there, with its key and nothing of the client's", async () => {
    const vendor = startVendor();
    const under = await start(vendor);
    const client = dial(under, "?model=voice&x=1", {
      headers: { authorization: `Bearer ${KEY}`, "openai-beta": "realtime=v1", cookie: "a=b" },
      protocols: ["realtime"],
    });
    expect(await client.next()).toBe("hello");
    const { path, headers } = vendor.heard[0]!;
    expect(path).toBe("/v1/realtime?model=gpt-realtime&x=1");
    expect(headers.get("authorization")).toBe("Bearer vendor-key-1");
    expect([headers.get("openai-beta"), headers.get("cookie")]).toEqual(["realtime=v1", null]);
    expect(client.socket.protocol).toBe("realtime");
  });

  test("messages pass unchanged in both directions, text and bytes, small and large", async () => {
    const vendor = startVendor();
    const under = await start(vendor);
    const client = dial(under, "?model=gpt-realtime");
    await client.next();
    const sent = ['{ "a":1.0,  "b":"\\u00e9" }', Buffer.from([0, 255, 128]), "x".repeat(2_000_000), ""];
    for (const message of sent) client.socket.send(message as never);
    for (const message of sent) expect(await client.next()).toEqual(message);
    expect(vendor.heard[0]!.messages).toEqual(sent);
  });

  test("a browser's credential may stand in a subprotocol, which the upstream never sees", async () => {
    const vendor = startVendor();
    const under = await start(vendor);
    const client = dial(under, "?model=gpt-realtime", {
      headers: {},
      protocols: ["realtime", `openai-insecure-api-key.${KEY}`, "openai-beta.realtime-v1"],
    });
    expect(await client.next()).toBe("hello");
    expect(vendor.heard[0]!.headers.get("sec-websocket-protocol")).toBe("realtime, openai-beta.realtime-v1");
    expect(JSON.stringify([...vendor.heard[0]!.headers])).not.toContain(KEY);
    expect(under.logLines.join("\n")).not.toContain(KEY);
  });

  test("each end is told of the other's close, and one record is written, with the counts of all answers", async () => {
    const done = (input: number) =>
      JSON.stringify({ type: "response.done", response: { usage: { input_tokens: input, output_tokens: 2 } } });
    const vendor = startVendor((heard, message) => {
      if (message === "bye") heard.socket!.close(4001, "because");
      else heard.socket!.send(done(Number(message)));
    });
    const under = await start(vendor);
    const client = dial(under, "?model=gpt-realtime");
    await client.next();
    for (const message of ["3", "4"]) {
      client.socket.send(message);
      await client.next();
    }
    client.socket.send("bye");
    expect(await client.closed).toEqual({ code: 4001, reason: "because" });
    expect(await under.recorded(1)).toMatchObject([
      { operation: "realtime", route: "/v1/realtime", provider: "one", status: 101, inputTokens: 7, outputTokens: 4 },
    ]);
    expect(under.services.active.size).toBe(0);

    const other = dial(under, "?model=gpt-realtime");
    await other.next();
    other.socket.close(4002, "enough");
    await other.closed;
    await under.recorded(2);
    while (vendor.heard[1]!.closed === undefined) await new Promise((resume) => setImmediate(resume));
    expect(vendor.heard[1]!.closed[0]).toBe(4002);
  });

  const done = (input: number) =>
    JSON.stringify({ type: "response.done", response: { usage: { input_tokens: input, output_tokens: 2 } } });
  const counting = () => startVendor((heard, message) => heard.socket!.send(done(Number(message))));
  const LIMITS: readonly (readonly [what: string, config: string, failure: FailureCode])[] = [
    ["tokens", "limits: { access_key: { tpm: 100 } }", "rate-limited"],
    [
      "money",
      'prices: { overrides: { "gpt-*": { input: 1, output: 0 } } }\nlimits: { access_key: { budgets: [{ usd: 0.0001, window: day }] } }',
      "quota-exceeded",
    ],
  ];
  test.each(LIMITS)("R29 a session that has used up its caller's %s ends with 1008", async (_what, config, failure) => {
    const vendor = counting();
    const under = await start(vendor, config);
    const client = dial(under, "?model=gpt-realtime");
    await client.next();
    client.socket.send("60");
    await client.next();
    client.socket.send("70");
    // The answer that went over the limit is the client's; it is the next one that it does not get.
    await client.next();
    expect(await client.closed).toEqual({ code: 1008, reason: "a limit of this credential is reached" });
    expect(await under.recorded(1)).toMatchObject([{ status: 429, failure, inputTokens: 130, outputTokens: 4 }]);
    expect(vendor.heard[0]!.messages).toEqual(["60", "70"]);

    const refused = await fetch(`${under.url}/v1/realtime?model=gpt-realtime`, {
      headers: {
        authorization: `Bearer ${KEY}`,
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-version": "13",
      },
    });
    expect(refused.status).toBe(429);
    expect(vendor.heard).toHaveLength(1);
  });

  test("R29 an open session holds a place; its end frees it", async () => {
    const vendor = counting();
    const under = await start(vendor, "limits: { access_key: { concurrency: 1 } }");
    const chat = () =>
      under.post("/v1/chat/completions", { model: "echo", messages: [{ role: "user", content: "x" }] });
    const client = dial(under, "?model=gpt-realtime");
    await client.next();
    expect((await chat()).status).toBe(429);
    client.socket.close(1000);
    await under.recorded(2);
    expect((await chat()).status).toBe(200);
  });

  test("an upstream that breaks off is 1011, a relay that stops 1012, a credential that ends 1008", async () => {
    const vendor = startVendor((heard) => heard.socket!.terminate());
    const under = await start(vendor);
    const broken = dial(under, "?model=gpt-realtime");
    await broken.next();
    broken.socket.send("x");
    expect((await broken.closed).code).toBe(1011);
    expect((await under.recorded(1))[0]).toMatchObject({ failure: "upstream-malformed" });

    for (const [cut, code] of [
      [() => under.services.active.cutAll(), 1012],
      [() => abortAll(under), 1008],
    ] as const) {
      const client = dial(under, "?model=gpt-realtime");
      await client.next();
      cut();
      expect((await client.closed).code).toBe(code);
    }
  });
});

describe("before it stands, failures are answers", () => {
  const upgrade = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-version": "13",
  };
  const auth = { authorization: `Bearer ${KEY}` };
  test.each([
    ["no credential", "?model=gpt-realtime", upgrade, 401],
    ["a wrong one", "?model=gpt-realtime", { ...upgrade, authorization: "Bearer wrong-key-0123456789" }, 401],
    ["no model", "", { ...upgrade, ...auth }, 400],
    ["an unknown model", "?model=nobody", { ...upgrade, ...auth }, 404],
    ["a provider without it", "?model=echo", { ...upgrade, ...auth }, 404],
    ["an upstream that refuses", "?model=gpt-refused", { ...upgrade, ...auth }, 502],
    ["no WebSocket at all", "?model=gpt-realtime", auth, 426],
  ])("%s", async (_name, query, headers, status) => {
    const vendor = startVendor();
    const under = await start(vendor);
    const answer = await fetch(`${under.url}/v1/realtime${query}`, { headers: headers as Record<string, string> });
    expect(answer.status).toBe(status);
    expect(await readJson(answer)).toMatchObject({ error: { message: expect.any(String) } });
    expect(vendor.heard.length).toBe(status === 502 ? 1 : 0);
    expect(under.services.active.size).toBe(0);
  });
});
