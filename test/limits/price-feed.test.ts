/** A price list from outside: when it is asked for, what is kept, and that a bad one changes nothing. */
import { describe, expect, test } from "bun:test";
import { PriceFeed } from "../../src/limits/price-feed.ts";
import { createPriceBook } from "../../src/limits/prices.ts";
import { createManualClock, type ManualClock } from "../../src/support/clock.ts";
import { createMemoryLog } from "../store/samples.ts";

const URL_ONE = "https://prices.example/one.json";
const DAY_MS = 86_400_000;
const list = (input: number) =>
  JSON.stringify({ as_of: "2026-11", models: { m: { input, output: 2, cache_read: 0.1 } } });

interface Desk {
  readonly feed: PriceFeed;
  readonly clock: ManualClock;
  readonly asked: string[];
  readonly log: ReturnType<typeof createMemoryLog>;
  answer: () => Response | Promise<Response>;
  /** Lets what has been asked for come in. */
  settle(): Promise<void>;
}

async function open(kept = new Map<string, string>(), clock = createManualClock()): Promise<Desk> {
  const asked: string[] = [];
  const log = createMemoryLog();
  const desk: Desk = {
    clock,
    asked,
    log,
    answer: () => new Response(list(1)),
    settle: () => Bun.sleep(0),
    feed: new PriceFeed({
      clock,
      schedule: clock.schedule,
      log,
      settings: { get: async (name) => kept.get(name), set: async (name, value) => void kept.set(name, value) },
      async get(url) {
        asked.push(url);
        return desk.answer();
      },
    }),
  };
  await desk.feed.start();
  return desk;
}

const daily = (refreshUrl: string | null = URL_ONE) => ({ refreshUrl, refreshIntervalMs: DAY_MS });
const inputOf = ({ feed }: Desk): number | undefined => feed.find("m", "p")?.input;

describe("prices.refresh_url", () => {
  test("nothing is fetched while it is unset", async () => {
    const desk = await open();
    desk.feed.follow(daily(null));
    desk.clock.advance(10 * DAY_MS);
    await desk.settle();
    expect(desk.asked).toEqual([]);
    expect(desk.feed.find("m", "p")).toBeUndefined();
  });

  test("a list is fetched at once, then as often as configured", async () => {
    const desk = await open();
    desk.feed.follow(daily());
    desk.clock.advance(0);
    await desk.settle();
    expect(desk.feed.find("m", "p")).toEqual({ input: 1, output: 2, cacheRead: 0.1, asOf: "2026-11" });
    const { version } = desk.feed;
    desk.answer = () => new Response(list(3));
    desk.clock.advance(DAY_MS - 1);
    await desk.settle();
    expect(desk.asked).toHaveLength(1);
    desk.clock.advance(1);
    await desk.settle();
    expect(desk.asked).toEqual([URL_ONE, URL_ONE]);
    expect(inputOf(desk)).toBe(3);
    expect(desk.feed.version).toBeGreaterThan(version);
  });

  const BAD: readonly (readonly [string, () => Response | Promise<Response>])[] = [
    ["an error", () => new Response("no", { status: 500 })],
    ["a redirect", () => new Response(null, { status: 302, headers: { location: "https://elsewhere.example" } })],
    ["no JSON", () => new Response("<html>")],
    ["no list", () => new Response("[]")],
    ["a price below nothing", () => new Response(JSON.stringify({ models: { m: { input: -1 } } }))],
    ["a price that is a text", () => new Response(JSON.stringify({ models: { m: { input: "1" } } }))],
    ["more than a list", () => new Response(" ".repeat(3 * 1024 * 1024))],
    ["nobody there", () => Promise.reject(new TypeError("connection refused"))],
  ];
  for (const [what, answer] of BAD) {
    test(`${what} changes nothing: the last good list stays, and it is tried again soon`, async () => {
      const desk = await open();
      desk.feed.follow(daily());
      desk.clock.advance(0);
      await desk.settle();
      desk.answer = answer;
      desk.clock.advance(DAY_MS);
      await desk.settle();
      expect(inputOf(desk)).toBe(1);
      expect(desk.log.lines.at(-1)).toStartWith("warn prices could not be fetched");
      desk.answer = () => new Response(list(5));
      desk.clock.advance(600_000);
      await desk.settle();
      expect(inputOf(desk)).toBe(5);
    });
  }

  test("the last good list survives a restart, and is not asked for before its time", async () => {
    const kept = new Map<string, string>();
    const before = await open(kept);
    before.feed.follow(daily());
    before.clock.advance(0);
    await before.settle();
    const after = await open(kept, createManualClock(before.clock.now() + 1000));
    after.feed.follow(daily());
    expect(inputOf(after)).toBe(1);
    after.clock.advance(DAY_MS - 1001);
    await after.settle();
    expect(after.asked).toEqual([]);
    after.clock.advance(1);
    await after.settle();
    expect(after.asked).toEqual([URL_ONE]);
  });

  test("another address, or none, ends what the last one said", async () => {
    const desk = await open();
    desk.feed.follow(daily());
    desk.clock.advance(0);
    await desk.settle();
    desk.answer = () => new Response("no", { status: 404 });
    desk.feed.follow(daily("https://prices.example/two.json"));
    expect(inputOf(desk)).toBeUndefined();
    desk.clock.advance(0);
    await desk.settle();
    expect(inputOf(desk)).toBeUndefined();
    desk.feed.follow(daily(null));
    desk.clock.advance(DAY_MS);
    await desk.settle();
    expect(desk.asked).toHaveLength(2);
  });

  test("an answer that comes after the address has changed is nobody's", async () => {
    const desk = await open();
    const late = Promise.withResolvers<Response>();
    desk.answer = () => late.promise;
    desk.feed.follow(daily());
    desk.clock.advance(0);
    desk.feed.follow(daily(null));
    late.resolve(new Response(list(1)));
    await desk.settle();
    expect(inputOf(desk)).toBeUndefined();
  });

  test("it goes before the built-in lists and behind all that the configuration says", async () => {
    const desk = await open();
    desk.feed.follow(daily());
    desk.clock.advance(0);
    await desk.settle();
    const served = {
      model: "m",
      provider: "p",
      costPerMInput: 0,
      costPerMOutput: 0,
      listed: { input: 9, asOf: "2026-01" },
    };
    const book = (overrides: object, source: "builtin" | "none" = "builtin") =>
      createPriceBook({ source, overrides: overrides as never, ...daily(), onUnknown: "allow" }, desk.feed.find);
    expect(book({})(served)).toMatchObject({ input: 1, version: "list 2026-11" });
    expect(book({}, "none")(served)).toMatchObject({ input: 1 });
    expect(book({})({ ...served, costPerMInput: 7 })).toMatchObject({ input: 7, version: "config" });
    expect(book({ "m*": { input: 8 } })(served)).toMatchObject({ input: 8, version: "config" });
    expect(book({})({ ...served, model: "other" })).toMatchObject({ input: 9, version: "list 2026-01" });
  });
});
