/** Deliberately broken plugins: what each does wrong is that call's failure, its neighbours serve on, and nothing of it is shown. */
import { afterEach, describe, expect, spyOn, test } from "bun:test";
import {
  type AnyProviderPlugin,
  anthropicMessages,
  type ChatEvent,
  defineProvider,
  openaiChat,
  type Provider,
  Type,
} from "../../src/plugin/index.ts";
import { BuildError } from "../../src/snapshot/build.ts";
import { KEY, startRelay, type TestRelay } from "../support/relay.ts";

const SECRET = "broken-plugin-secret-0123456789";
const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

/** As careless as code without types. */
function plugin(setup: () => unknown): AnyProviderPlugin {
  return defineProvider({
    id: "broken",
    options: Type.Object({}),
    baseUrl: "http://127.0.0.1:9/v1",
    models: ["broken-1"],
    setup: setup as () => Provider,
  } as never) as AnyProviderPlugin;
}

async function start(setup: () => unknown, more: object = {}): Promise<TestRelay> {
  const providers = {
    one: { provider_type: "broken", keys: [{ key: SECRET }], models: { include: ["broken-1"] } },
    echo: { provider_type: "echo" },
  };
  const config = { providers, model_routing: { failover: { enabled: false } }, ...more };
  const relay = await startRelay(JSON.stringify(config), undefined, undefined, undefined, [plugin(setup)]);
  open.push(relay);
  return relay;
}

const ask = (relay: TestRelay, model: string, stream = false) =>
  relay.post("/v1/chat/completions", { model, stream, messages: [{ role: "user", content: "hello" }] });

/** Nothing of the fault, nor of the key, is told to the caller or written down; and the next one is served. */
async function isContained(relay: TestRelay, told: string): Promise<void> {
  expect(told).not.toContain(SECRET);
  expect(told).not.toContain("inner workings");
  expect(JSON.stringify([relay.records, relay.logLines])).not.toContain(SECRET);
  const next = await ask(relay, "echo");
  expect([next.status, await next.text()]).toEqual([200, expect.stringContaining("hello")]);
}

const fault = (): never => {
  throw new TypeError(`inner workings with ${SECRET}`);
};
const upstreamless = (provider: object) => () => ({ codecs: [openaiChat], request: fault, ...provider });
async function* saying(...steps: (object | (() => unknown))[]): AsyncGenerator<ChatEvent> {
  for (const step of steps) {
    if (typeof step === "function") await step();
    else yield step as ChatEvent;
  }
}
const START = { type: "response-start", id: "a", model: "m" };

describe("a call fails, and only that call", () => {
  const faults: readonly (readonly [name: string, setup: () => unknown])[] = [
    ["request throws", upstreamless({})],
    ["request rejects", upstreamless({ request: async () => fault() })],
    ["request returns nothing", upstreamless({ request: () => undefined })],
    ["request returns a text", upstreamless({ request: () => "http://127.0.0.1:9/" })],
    ["request returns an address that is none", upstreamless({ request: () => ({ url: "no address", headers: {} }) })],
    ["request points at a file", upstreamless({ request: () => ({ url: "file:///etc/passwd", headers: {} }) })],
    [
      "request breaks out of its headers",
      upstreamless({ request: () => ({ url: "http://127.0.0.1:9/", headers: { "x-a": "b\r\nx-injected: c" } }) }),
    ],
    ["send throws", upstreamless({ request: () => ({ url: "http://127.0.0.1:9/", headers: {} }), send: fault })],
    [
      "send returns no response",
      upstreamless({ request: () => ({ url: "http://127.0.0.1:9/", headers: {} }), send: async () => ({}) }),
    ],
    ["answer throws at once", upstreamless({ answer: fault })],
    ["answer throws before its first event", upstreamless({ answer: () => saying(fault) })],
    ["answer is no stream of events", upstreamless({ answer: () => 7 })],
    ["answer says nothing at all", upstreamless({ answer: () => saying() })],
    ["traits throw", upstreamless({ traits: fault, answer: undefined })],
    ["codecsFor throws", upstreamless({ codecsFor: fault })],
  ];
  test.each(faults)("%s", async (_name, setup) => {
    const relay = await start(setup);
    for (const stream of [false, true]) {
      const answer = await ask(relay, "broken-1", stream);
      const text = await answer.text();
      expect(answer.status).toBeGreaterThanOrEqual(500);
      expect(JSON.parse(text)).toMatchObject({ error: { message: expect.any(String) } });
      await isContained(relay, text);
    }
  });

  test("answer throws in the middle of a stream: the stream ends in an error, and not in an end", async () => {
    const said = [
      START,
      { type: "part-start", index: 0, head: { type: "text" } },
      { type: "part-delta", index: 0, delta: "hel" },
    ];
    const relay = await start(upstreamless({ answer: () => saying(...said, fault) }));
    const answer = await ask(relay, "broken-1", true);
    const text = await answer.text();
    expect([answer.status, text]).toEqual([200, expect.stringContaining('data: {"error":')]);
    expect(text).not.toContain("[DONE]");
    await isContained(relay, text);
  });

  test.each([
    ["request", upstreamless({ request: () => new Promise(() => {}) })],
    [
      "send",
      upstreamless({ request: () => ({ url: "http://127.0.0.1:9/", headers: {} }), send: () => new Promise(() => {}) }),
    ],
    ["answer", upstreamless({ answer: () => saying(() => new Promise(() => {})) })],
  ])("%s never settles: the time to the first byte is over all the same", async (_name, setup) => {
    const relay = await start(setup, { timeouts: { first_token: 30 } });
    const asked = ask(relay, "broken-1");
    // The call has to be under way before time passes for it.
    while (relay.services.active.size === 0) await new Promise((resolve) => setImmediate(resolve));
    relay.tick(31_000);
    const answer = await asked;
    const text = await answer.text();
    expect(answer.status).toBe(504);
    await isContained(relay, text);
  });
});

describe("C22: a model list", () => {
  const list = (relay: TestRelay) =>
    fetch(`${relay.url}/v1/anthropic/models`, { headers: { authorization: `Bearer ${KEY}` } });
  const withList = (listModels: unknown) => () => ({ codecs: [anthropicMessages], request: fault, listModels });
  const any = {
    providers: { one: { provider_type: "broken", keys: [{ key: SECRET }] }, echo: { provider_type: "echo" } },
  };

  test.each([
    ["throws", fault],
    ["rejects", async () => fault()],
    ["is nothing", async () => undefined],
    ["is a text", async () => "broken-1"],
    ["holds more than names", async () => ["a", { id: "b" }]],
  ])("that %s is a failure of the upstream", async (_name, listModels) => {
    const relay = await start(withList(listModels), { ...any });
    // The plugin offers a model by itself; without it, it has to be asked.
    const answer = await list(relay);
    const text = await answer.text();
    expect(answer.status).toBe(502);
    await isContained(relay, text);
  });

  test("that never comes, of a plugin that overlooks its signal, is waited for ten seconds", async () => {
    const late = new AbortController();
    const timeouts = spyOn(AbortSignal, "timeout").mockReturnValue(late.signal);
    try {
      const relay = await start(
        withList(() => new Promise(() => {})),
        { ...any },
      );
      const asked = list(relay);
      while (timeouts.mock.calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
      expect(timeouts).toHaveBeenCalledWith(10_000);
      late.abort(new DOMException("too late", "TimeoutError"));
      const answer = await asked;
      expect(answer.status).toBe(502);
      await isContained(relay, await answer.text());
    } finally {
      timeouts.mockRestore();
    }
  });
});

describe("C23: setting up and disposing", () => {
  const good = { codecs: [openaiChat], request: fault };

  test.each([
    ["throws", fault],
    ["rejects", async () => fault()],
    ["returns nothing", () => undefined],
    ["returns no codec", () => ({ request: fault })],
  ])("a setup that %s is a problem with its place, and nothing is kept of it", async (_name, setup) => {
    const error = await start(setup).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(BuildError);
    expect((error as BuildError).problems.map(({ path }) => path)).toEqual(["providers.one"]);
  });

  test("what had been set up beside it is disposed of, once", async () => {
    let disposed = 0;
    let count = 0;
    const setup = () => {
      count += 1;
      if (count === 2) fault();
      return {
        ...good,
        dispose: () => {
          disposed += 1;
        },
      };
    };
    const entry = { provider_type: "broken", keys: [{ key: SECRET }] };
    const asked = start(setup, { providers: { one: entry, two: entry } });
    expect(await asked.then(String, String)).toContain("providers.two could not be set up");
    expect(disposed).toBe(1);
  });

  test("a setup that is too late is given up after five seconds, and disposed of when it comes after all", async () => {
    const limits: number[] = [];
    const timers = spyOn(globalThis, "setTimeout").mockImplementation(((task: () => void, ms: number) => {
      limits.push(ms);
      setImmediate(task);
      return undefined;
    }) as never);
    const disposed = Promise.withResolvers<void>();
    const made = Promise.withResolvers<object>();
    try {
      const asked = start(() => made.promise);
      expect(await asked.then(String, String)).toContain("did not finish within 5000 ms");
      expect(limits).toContain(5000);
      made.resolve({ ...good, dispose: () => disposed.resolve() });
      await disposed.promise;
    } finally {
      timers.mockRestore();
    }
  });

  test.each([
    ["throws", fault],
    ["rejects", async () => fault()],
  ])("a dispose that %s is a line of the log, without its words", async (_name, dispose) => {
    const relay = await start(() => ({ ...good, dispose }));
    await relay.holder.current.dispose();
    expect(relay.logLines.join("\n")).toContain("a plugin could not be disposed of cleanly");
    expect(relay.logLines.join("\n")).not.toContain(SECRET);
  });

  test("a dispose is asked once, however often, and its signal has been aborted", async () => {
    let disposed = 0;
    const relay = await start(() => ({ ...good, dispose: () => void (disposed += 1) }));
    const { current } = relay.holder;
    await Promise.all([current.dispose(), current.dispose()]);
    await current.dispose();
    expect(disposed).toBe(1);
  });
});
