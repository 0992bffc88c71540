/** Call records: what is written is read back as it was, found by any filter, and never in the way of a call. */

import { Database } from "bun:sqlite";
import { beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createCalls } from "../../src/store/calls.ts";
import { openRecordsFile } from "../../src/store/records-file.ts";
import type { CallFilter, CallRecord, Store } from "../../src/store/types.ts";
import { createManualClock } from "../../src/support/clock.ts";
import { createIds } from "../../src/support/ids.ts";
import { createRedactor } from "../../src/support/redact.ts";
import { call, createMemoryLog, keep, later, makeDirectory, open, pathsIn, STARTED_AT } from "./fixtures.ts";

describe("what is written", () => {
  const full: CallRecord = {
    requestId: "req_full",
    startedAt: STARTED_AT,
    operation: "chat",
    dialect: "anthropic-messages",
    route: "/v1/messages",
    lane: "translate",
    requestedModel: "fast",
    model: "gpt-4o-mini",
    provider: "openai",
    keyLabel: "main",
    keyId: "k1",
    principal: "user:7",
    userId: 7,
    apiKeyId: "key_1",
    orgId: "org_1",
    clientIp: "2001:db8::1",
    userAgent: "claude-cli/2.0",
    status: 502,
    failure: "upstream-malformed",
    error: "stream ended early",
    streaming: true,
    attempts: 2,
    firstByteMs: 230,
    totalMs: 812,
    inputTokens: 0,
    outputTokens: 456,
    usageEstimated: true,
    cacheReadTokens: 0,
    cacheWriteTokens: 3,
    reasoningTokens: 9,
    costMicroUsd: 1234,
    priceVersion: "config",
    finishReason: "length",
    bytesIn: 620,
    bytesOut: 1001,
    upstreamId: "req_011C",
    droppedParams: ["logit_bias", "a,b"],
    generation: 4,
  };

  test.each([
    ["every field", full],
    ["no optional field: unknown stays unknown, and is not zero", call()],
  ])("%s comes back as it was", async (_, record) => {
    const store = await open();
    keep(store, record);
    const { id, ...stored } = (await store.calls.find(record.requestId))!;
    expect(stored).toEqual(record);
    expect(Number.isSafeInteger(id)).toBe(true);
  });

  test.each([
    ["the error", { error: "e".repeat(2000) }, "error", 500],
    ["the requested model", { requestedModel: "m".repeat(1_000_000) }, "requestedModel", 256],
    ["the user agent", { userAgent: "u".repeat(1_000_000) }, "userAgent", 256],
    ["the finish reason", { finishReason: "f".repeat(1000) }, "finishReason", 256],
    ["the upstream's id", { upstreamId: "i".repeat(1000) }, "upstreamId", 256],
  ] as const)("%s is cut", async (_, own, field, length) => {
    const store = await open();
    keep(store, call(own));
    expect((await store.calls.find("req_1"))![field]).toHaveLength(length);
  });

  test("no secret gets into the file, not even by halves", async () => {
    const paths = pathsIn(makeDirectory());
    const secret = "CANARY-provider-secret-value";
    const { redact } = createRedactor([secret]);
    const store = await open({ ...paths, redact });
    for (let before = 0; before <= 500; before += 7) {
      keep(store, call({ error: "x".repeat(before) + secret, requestedModel: "x".repeat(before % 250) + secret }));
    }
    keep(store, call({ error: `${"x".repeat(1990)}${secret}`, userAgent: `agent ${secret}`, model: secret }));
    store.checkpoint();
    expect(readFileSync(paths.recordsPath).includes("CANARY")).toBe(false);
  });

  test("fractions of milliseconds are rounded, and what is no number is unknown", async () => {
    const store = await open();
    keep(store, call({ totalMs: 12.6, firstByteMs: 3.4, inputTokens: Number.NaN }));
    expect(await store.calls.find("req_1")).toMatchObject({ totalMs: 13, firstByteMs: 3, inputTokens: null });
  });

  test.each([Number.NaN, -5, Number.POSITIVE_INFINITY, 1e18])(
    "a start at %p spoils neither the row nor the batch",
    async (at) => {
      const store = await open();
      keep(store, call({ requestId: "req_odd", startedAt: at }), call({ requestId: "req_good" }));
      expect(await store.calls.find("req_odd")).toBeDefined();
      expect(await store.calls.find("req_good")).toBeDefined();
    },
  );

  test("calls of one millisecond are all kept, however they mix with others", async () => {
    const store = await open();
    for (let i = 0; i < 40; i++) {
      for (let other = 0; other < 100; other++) store.calls.append(call({ startedAt: STARTED_AT + 9000 + i }));
      store.calls.append(call({ requestId: `req_${i}` }));
    }
    expect(store.calls.flush()).toBe(0);
    expect(await store.calls.count()).toBe(40 * 101);
    expect(await store.calls.count({ to: STARTED_AT })).toBe(40);
    expect(store.calls.state.dropped).toBe(0);
  });

  test("more calls than a millisecond has ids run over into the next, and none is lost", async () => {
    const store = await open();
    for (let i = 0; i < 2500; i++) store.calls.append(call());
    expect(store.calls.flush()).toBe(0);
    expect(await store.calls.count({ from: STARTED_AT, to: STARTED_AT + 3 })).toBe(2500);
    expect(store.calls.state.dropped).toBe(0);
  });

  test("a record the database refuses is dropped and counted; the rest of its batch is written", async () => {
    const log = createMemoryLog();
    const store = await open({ log });
    const bad = call({ requestId: "req_bad", status: null as unknown as number });
    keep(store, call({ requestId: "req_before" }), bad, call({ requestId: "req_after" }));
    expect(await store.calls.count()).toBe(2);
    expect(await store.calls.find("req_bad")).toBeUndefined();
    expect(store.calls.state).toEqual({ waiting: 0, dropped: 1, failing: null });
    expect(log.lines).toEqual(["error a call record was refused by the database and dropped"]);
  });
});

describe("finding", () => {
  const ROWS = 5000;
  let store: Store;
  const at = (i: number) => STARTED_AT + i * 10;
  const MODELS = ["gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5", "100%_model"];

  beforeAll(async () => {
    const { openStore } = await import("../../src/store/open.ts");
    const options = {
      accountsPath: ":memory:",
      recordsPath: ":memory:",
      busyTimeoutMs: 0,
      synchronous: "full",
    } as const;
    store = await openStore({ ...options, log: createMemoryLog(), redact: (text) => text });
    for (let i = 0; i < ROWS; i++) {
      store.calls.append(
        call({
          requestId: `caller-${i}`,
          startedAt: at(i),
          requestedModel: i % 2 === 0 ? "Fast" : null,
          model: MODELS[i % 4]!,
          provider: i % 3 === 0 ? "groq" : "openai",
          operation: i % 10 === 0 ? "embeddings" : "chat",
          status: [200, 200, 200, 404, 502][i % 5]!,
          failure: i % 5 === 4 ? "upstream-unavailable" : i % 100 === 0 ? "client-closed" : null,
          error: i % 5 === 4 ? "connection refused" : null,
          userId: i === 17 ? 5 : null,
          principal: i % 2 === 0 ? "access-key" : "key_9",
          apiKeyId: i % 2 === 0 ? null : "key_9",
          orgId: i % 4 === 0 ? "org_1" : null,
          streaming: i % 2 === 1,
          totalMs: i,
        }),
      );
    }
    store.calls.flush();
  });

  const FILTERS: readonly (readonly [name: string, filter: CallFilter, matches: (i: number) => boolean])[] = [
    ["everything", {}, () => true],
    ["a model by part of its name", { model: "4o" }, (i) => i % 4 < 2],
    ["a model in another case", { model: "fAST" }, (i) => i % 2 === 0],
    ["a model whose name has the wildcards of SQL", { model: "%_" }, (i) => i % 4 === 3],
    ["a quote finds nothing and breaks nothing", { model: "' OR 1=1 --" }, () => false],
    ["a provider", { provider: "groq" }, (i) => i % 3 === 0],
    ["an operation", { operation: "embeddings" }, (i) => i % 10 === 0],
    ["success means neither status nor failure", { status: "success" }, (i) => i % 5 < 3 && i % 100 !== 0],
    ["errors, also those after the first byte", { status: "error" }, (i) => i % 5 >= 3 || i % 100 === 0],
    ["a class", { status: "4xx" }, (i) => i % 5 === 3],
    ["the other class", { status: "5xx" }, (i) => i % 5 === 4],
    ["one status", { status: 404 }, (i) => i % 5 === 3],
    ["a failure", { failure: "client-closed" }, (i) => i % 100 === 0],
    ["a principal", { principal: "access-key" }, (i) => i % 2 === 0],
    ["a user with a single call long ago", { userId: 5 }, (i) => i === 17],
    ["a user with none", { userId: 6 }, () => false],
    ["an API key", { apiKeyId: "key_9" }, (i) => i % 2 === 1],
    ["an organisation", { orgId: "org_1" }, (i) => i % 4 === 0],
    ["streams", { streaming: true }, (i) => i % 2 === 1],
    ["whole answers", { streaming: false }, (i) => i % 2 === 0],
    ["slow ones", { totalMsMin: 4990 }, (i) => i >= 4990],
    ["search in the id", { search: "caller-123" }, (i) => `caller-${i}`.includes("caller-123")],
    ["search in the error", { search: "REFUSED" }, (i) => i % 5 === 4],
    ["from an instant on", { from: at(4000) }, (i) => i >= 4000],
    ["up to an instant", { to: at(1000) }, (i) => i <= 1000],
    ["between two", { from: at(10) - 5, to: at(20) + 5 }, (i) => i >= 10 && i <= 20],
    ["an empty range", { from: at(20), to: at(10) }, () => false],
    [
      "several at once",
      { provider: "groq", streaming: true, from: at(100) },
      (i) => i % 3 === 0 && i % 2 === 1 && i >= 100,
    ],
  ];

  test.each(FILTERS)("%s", async (_, filter, matches) => {
    const expected = Array.from({ length: ROWS }, (_, i) => i)
      .filter(matches)
      .reverse();
    expect(await store.calls.count(filter)).toBe(expected.length);
    const found: number[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<Store["calls"]["list"]>> = await store.calls.list(filter, {
        limit: 190,
        ...(cursor === null ? {} : { cursor }),
      });
      found.push(...page.items.map((item) => item.totalMs));
      cursor = page.nextCursor;
    } while (cursor !== null && found.length <= ROWS);
    expect(found).toEqual(expected);
  });

  test("a page holds 50 unless asked otherwise, 200 at most, 1 at least", async () => {
    const sizes = [undefined, 1, 200, 100_000, 0, -3];
    const pages = await Promise.all(sizes.map((limit) => store.calls.list({}, limit === undefined ? {} : { limit })));
    expect(pages.map((page) => page.items.length)).toEqual([50, 1, 200, 200, 1, 1]);
  });

  test("the last page has no cursor, also when it is exactly full", async () => {
    const filter = { from: at(ROWS - 20) };
    const first = await store.calls.list(filter, { limit: 10 });
    const second = await store.calls.list(filter, { limit: 10, cursor: first.nextCursor! });
    expect([first.items.length, second.items.length, second.nextCursor]).toEqual([10, 10, null]);
  });

  test("an offset skips matches, not rows", async () => {
    const { items } = await store.calls.list({ streaming: true }, { offset: 700, limit: 2 });
    expect(items.map((item) => item.totalMs)).toEqual([ROWS - 1 - 1400, ROWS - 1 - 1402]);
  });

  test("a new call does not shift the pages that follow", async () => {
    const own = await open();
    keep(own, ...[1, 2, 3, 4].map((i) => call({ startedAt: at(i), totalMs: i })));
    const first = await own.calls.list({}, { limit: 2 });
    keep(own, call({ startedAt: at(5), totalMs: 5 }));
    const second = await own.calls.list({}, { limit: 2, cursor: first.nextCursor! });
    expect([...first.items, ...second.items].map((item) => item.totalMs)).toEqual([4, 3, 2, 1]);
  });

  test.each(["", "abc", "-1", "1e5", "12345678901234567", "1; DROP TABLE calls"])(
    "the cursor %p is refused",
    async (cursor) => {
      const listing = store.calls.list({}, { cursor });
      await expect(listing).rejects.toBeInstanceOf(RangeError);
    },
  );

  test("counting stops at its maximum", async () => {
    expect(await store.calls.count({}, 100)).toBe(100);
    expect(await store.calls.count({ userId: 5 }, 100)).toBe(1);
  });

  test("by request id: a caller's own from long ago, ours, and the newest of several", async () => {
    expect((await store.calls.find("caller-3"))?.totalMs).toBe(3);
    expect(await store.calls.find("caller-x")).toBeUndefined();

    const own = await open();
    const ours = createIds({ now: () => STARTED_AT + 3, fillRandom: () => {} }).request();
    const strange = createIds({ now: () => 1, fillRandom: () => {} }).request();
    keep(
      own,
      call({ requestId: ours, totalMs: 1 }),
      call({ requestId: strange, totalMs: 2 }),
      call({ requestId: "twice", totalMs: 3 }),
      call({ requestId: "twice", totalMs: 4, startedAt: at(1) }),
    );
    expect((await own.calls.find(ours))?.totalMs).toBe(1);
    expect((await own.calls.find(strange))?.totalMs).toBe(2);
    expect((await own.calls.find("twice"))?.totalMs).toBe(4);
  });

  test("other work runs while a search goes through the rows", async () => {
    let turns = 0;
    let isSearching = true;
    const count = () => {
      turns += 1;
      if (isSearching) setImmediate(count);
    };
    setImmediate(count);
    await store.calls.count({ userId: 6 });
    isSearching = false;
    expect(turns).toBeGreaterThanOrEqual(3);
  });
});

describe("pruning", () => {
  test("deletes what started before the instant, to the millisecond, and nothing else", async () => {
    const store = await open();
    for (let i = 0; i < 3500; i++) store.calls.append(call({ startedAt: STARTED_AT + i, totalMs: i }));
    store.calls.flush();
    expect(await store.calls.prune(STARTED_AT + 2500)).toBe(2500);
    expect(await store.calls.count()).toBe(1000);
    expect(await store.calls.count({ to: STARTED_AT + 2499 })).toBe(0);
    expect(await store.calls.prune(STARTED_AT + 2500)).toBe(0);
  });

  test("what was deleted is gone from the file and its log, and the file is smaller", async () => {
    const paths = pathsIn(makeDirectory());
    const store = await open(paths);
    for (let i = 0; i < 3000; i++) store.calls.append(call({ startedAt: STARTED_AT + i, userAgent: `CANARY ${i}` }));
    store.calls.flush();
    const before = store.sizes().records;
    await store.calls.prune(STARTED_AT + 3000);
    for (const path of [paths.recordsPath, `${paths.recordsPath}-wal`]) {
      expect(readFileSync(path).includes("CANARY")).toBe(false);
    }
    expect(store.sizes().records).toBeLessThan(before / 10);
  });

  test("calls from a clock that ran ahead do not keep older ones alive", async () => {
    const store = await open();
    keep(store, call({ startedAt: STARTED_AT + 1e11 }), call(), call());
    expect(await store.calls.prune(STARTED_AT + 1)).toBe(2);
    expect(await store.calls.count()).toBe(1);
  });
});

describe("trouble with the file is not the caller's", () => {
  function setUp() {
    const path = pathsIn(makeDirectory()).recordsPath;
    const clock = createManualClock();
    const log = createMemoryLog();
    const file = openRecordsFile({ path, busyTimeoutMs: 1000, log, clock });
    const patience = { busyTimeoutMs: 1000, clock, sleep: async (ms: number) => clock.advance(ms) };
    const calls = createCalls({ ...patience, file, path, log, redact: (text) => text, schedule: clock.schedule });
    later(() => file.close());
    return { path, clock, log, file, calls };
  }

  test("records are written within a tenth of a second of the first", async () => {
    const { clock, calls } = setUp();
    calls.append(call());
    clock.advance(99);
    expect(calls.state.waiting).toBe(1);
    clock.advance(1);
    expect(calls.state.waiting).toBe(0);
    expect(await calls.count()).toBe(1);
  });

  test("another process locks the file for a minute: nothing is lost, one line is logged, then all is written", async () => {
    const { path, clock, log, calls } = setUp();
    const other = new Database(path);
    later(() => other.close());
    other.run("BEGIN EXCLUSIVE");
    for (let second = 0; second < 55; second++) {
      for (let i = 0; i < 10; i++) calls.append(call());
      clock.advance(1000);
    }
    expect(calls.state).toMatchObject({
      waiting: 550,
      dropped: 0,
      failing: expect.stringContaining("locked by another"),
    });
    expect(log.lines).toEqual(["error call records cannot be written; calls go on"]);
    other.run("ROLLBACK");
    clock.advance(6000);
    expect(await calls.count()).toBe(550);
    expect(calls.state).toEqual({ waiting: 0, dropped: 0, failing: null });
    expect(log.lines.slice(1)).toEqual(["info call records are written again"]);
  });

  test("a full disk: memory stays bounded, the oldest go, a line a minute, and it heals by itself", async () => {
    const { clock, log, file, calls } = setUp();
    const setPages = (count: number) => file.use((client) => void client.rows(`PRAGMA max_page_count = ${count}`));
    setPages(1);
    for (let i = 0; i < 10_500; i++) calls.append(call({ startedAt: STARTED_AT + i, totalMs: i }));
    clock.advance(150_000);
    expect(calls.state).toMatchObject({ waiting: 10_000, dropped: 500, failing: expect.stringContaining("full") });
    expect(log.lines).toEqual(Array.from({ length: 3 }, () => "error call records cannot be written; calls go on"));
    setPages(100_000);
    clock.advance(6000);
    const { items } = await calls.list();
    expect(await calls.count()).toBe(10_000);
    expect(items[0]?.totalMs).toBe(10_499);
    expect(calls.state).toEqual({ waiting: 0, dropped: 500, failing: null });
  });

  test("pruning waits for the other process off the event loop", async () => {
    const { path, clock, calls } = setUp();
    calls.append(call());
    calls.flush();
    const other = new Database(path);
    later(() => other.close());
    other.run("BEGIN IMMEDIATE");
    clock.schedule(200, () => other.run("ROLLBACK"));
    expect(await calls.prune(STARTED_AT + 1)).toBe(1);
    expect(clock.monotonic()).toBeGreaterThanOrEqual(200);
  });

  test("a write-ahead log that a long reader outside keeps growing stops at its bound", async () => {
    const { path, file, calls, clock } = setUp();
    calls.append(call());
    calls.flush();
    const reader = new Database(path, { readonly: true });
    later(() => reader.close());
    reader.run("BEGIN");
    reader.query("SELECT count(*) FROM calls").get();
    const blob = "x".repeat(500);
    const walSize = () => Bun.file(`${path}-wal`).size;
    for (let i = 0; i < 400 && walSize() < 70e6; i++) {
      file.use((client) => {
        client.run("CREATE TABLE IF NOT EXISTS filler (t TEXT)");
        client.run(
          `INSERT INTO filler WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) SELECT ? FROM n`,
          [blob],
        );
      });
    }
    expect(walSize()).toBeGreaterThan(64 * 1024 * 1024);
    for (let batch = 0; batch < 65; batch++) {
      calls.append(call());
      calls.flush();
    }
    expect(calls.state.failing).toContain("write-ahead log is full");
    reader.run("COMMIT");
    clock.advance(10_000);
    expect(calls.state).toMatchObject({ waiting: 0, failing: null });
    expect(walSize()).toBeLessThan(1e6);
  });
});
