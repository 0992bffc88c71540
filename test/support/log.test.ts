/** The process log: one line per event whatever is in it, the right shape for its reader, and never a secret. */
import { describe, expect, test } from "bun:test";
import { createLogger, type LogFormat, type LogLevel, resolveFormat, type StderrKind } from "../../src/support/log.ts";
import { createLogSink, inspectStderr } from "../../src/support/log-sink.ts";
import { createRedactor, isSecretName, REDACTED } from "../../src/support/redact.ts";
import { CANARIES } from "./canaries.ts";

const AT = Date.parse("2026-01-02T03:04:05.678Z");
const PIPE: StderrKind = { isTerminal: false, isJournal: false, hasColor: false };
const TERMINAL: StderrKind = { isTerminal: true, isJournal: false, hasColor: true };
const JOURNAL: StderrKind = { isTerminal: false, isJournal: true, hasColor: false };
const FORMATS = ["pretty", "logfmt", "json"] as const;

function setUp(format: LogFormat, stderr: StderrKind = PIPE, level: LogLevel = "debug") {
  const lines: string[] = [];
  const log = createLogger({ format, level, stderr, now: () => AT, write: (line) => void lines.push(line) });
  return { log, lines };
}

describe("formats", () => {
  test.each([
    ["auto", TERMINAL, "pretty"],
    ["auto", JOURNAL, "logfmt"],
    ["auto", PIPE, "json"],
    ["json", TERMINAL, "json"],
    ["logfmt", PIPE, "logfmt"],
  ] as const)("%p on %j is %p", (format, stderr, expected) => {
    expect(resolveFormat(format, stderr)).toBe(expected);
  });

  const call = { status: 200, ms: 812.5, model: "gpt-4o", route: "/v1/chat/completions", failure: null, note: "a b" };

  test("json: one object per line, null kept as unknown", () => {
    const { log, lines } = setUp("json");
    log.info("call", call);
    expect(lines).toEqual([
      '{"ts":"2026-01-02T03:04:05.678Z","level":"info","msg":"call","status":200,"ms":812.5,"model":"gpt-4o",' +
        '"route":"/v1/chat/completions","failure":null,"note":"a b"}\n',
    ]);
  });

  test("logfmt: quotes only where needed, unknown left out", () => {
    const { log, lines } = setUp("logfmt");
    log.info("call", { ...call, empty: "", quoted: 'say "hi"' });
    expect(lines).toEqual([
      "ts=2026-01-02T03:04:05.678Z level=info msg=call status=200 ms=812.5 model=gpt-4o " +
        'route=/v1/chat/completions note="a b" empty="" quoted="say \\"hi\\""\n',
    ]);
  });

  test("pretty: time, level, message, fields; colours on a terminal only", () => {
    const plain = setUp("pretty");
    plain.log.warn("slow upstream", { provider: "groq" });
    expect(plain.lines).toEqual(["03:04:05.678 warn   slow upstream provider=groq\n"]);
    const colored = setUp("pretty", TERMINAL);
    colored.log.warn("slow upstream", { provider: "groq" });
    expect(Bun.stripANSI(colored.lines[0]!)).toBe(plain.lines[0]!);
    expect(colored.lines[0]).toContain("\x1b[33m");
  });

  test.each([
    ["debug", 7],
    ["info", 6],
    ["notice", 5],
    ["warn", 4],
    ["error", 3],
  ] as const)("in the journal a %s line begins with <%p>", (level, priority) => {
    const { log, lines } = setUp("auto", JOURNAL);
    log[level]("x");
    expect(lines[0]).toStartWith(`<${priority}>ts=`);
  });

  test("JSON lines stay JSON in the journal", () => {
    const { log, lines } = setUp("json", JOURNAL);
    log.error("x");
    expect(JSON.parse(lines[0]!)).toMatchObject({ level: "error", msg: "x" });
  });
});

describe("levels", () => {
  const ORDER = ["debug", "info", "notice", "warn", "error"] as const;
  test.each(ORDER.map((level, index) => [level, index] as const))(
    "at %s, lower lines are not even built",
    (level, index) => {
      let looked = 0;
      const { log, lines } = setUp("json", PIPE, level);
      const fields = {
        get x() {
          looked += 1;
          return 1;
        },
      };
      for (const each of ORDER) log[each]("m", fields);
      expect(lines.map((line) => JSON.parse(line).level)).toEqual(ORDER.slice(index));
      expect(looked).toBe(ORDER.length - index);
      expect(ORDER.filter((each) => log.isEnabled(each))).toEqual(ORDER.slice(index));
    },
  );

  test("changing the level reaches children that exist already", () => {
    const { log, lines } = setUp("json", PIPE, "warn");
    const child = log.child({ req: "req_1" });
    child.info("before");
    log.setLevel("info");
    child.info("after");
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(["after"]);
  });
});

describe("fields", () => {
  test("common, inherited and own fields come in this order, and the nearest wins", () => {
    const { log, lines } = setUp("json");
    log.setFields({ gen: 3, at: "common" });
    log.child({ req: "req_1", at: "outer" }).child({ at: "inner" }).info("m", { x: 1 });
    log.child({ at: "outer" }).info("m", { at: "own" });
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { gen: 3, req: "req_1", at: "inner", x: 1 },
      { gen: 3, at: "own" },
    ]);
  });

  test("a field cannot pose as the level, the time or the message", () => {
    const { log, lines } = setUp("json");
    log.info("real", { msg: "fake", level: "error", ts: "never" });
    expect(JSON.parse(lines[0]!)).toMatchObject({ msg: "real", level: "info", ts: "2026-01-02T03:04:05.678Z" });
  });

  test("errors show their name, code and causes, with a short stack", () => {
    const { log, lines } = setUp("json");
    const cause = Object.assign(new Error("connection reset"), { code: "ECONNRESET" });
    log.error("call failed", { error: new TypeError("fetch failed", { cause }) });
    const line = JSON.parse(lines[0]!);
    expect(line.error).toBe("TypeError: fetch failed < Error: connection reset (ECONNRESET)");
    expect(line.stack).toContain("log.test.ts");
  });

  const loop: { self?: unknown } = {};
  loop.self = loop;
  test.each([
    ["undefined is left out", { a: undefined }, {}],
    ["not a number is unknown", { a: Number.NaN, b: Number.POSITIVE_INFINITY }, { a: null, b: null }],
    ["big integers are text", { a: 12n }, { a: "12" }],
    ["dates are RFC 3339", { a: new Date(AT) }, { a: "2026-01-02T03:04:05.678Z" }],
    ["lists and sets", { a: [1, "x"], b: new Set([2]) }, { a: [1, "x"], b: [2] }],
    ["maps and headers are records", { a: new Headers({ accept: "x" }) }, { a: { accept: "x" } }],
    ["cycles end", { a: loop }, { a: { self: { self: { self: { self: "…" } } } } }],
  ])("%s", (_, fields, expected) => {
    const { log, lines } = setUp("json");
    log.info("m", fields);
    expect(JSON.parse(lines[0]!)).toEqual({
      ts: "2026-01-02T03:04:05.678Z",
      level: "info",
      msg: "m",
      ...expected,
    } as never);
  });

  test("a field that throws when read costs the fields of its line, not the caller", () => {
    const { log, lines } = setUp("json");
    const fields = {
      get x(): number {
        throw new Error("no");
      },
    };
    expect(() => log.info("m", fields)).not.toThrow();
    expect(JSON.parse(lines[0]!).log_error).toBeString();
  });

  test("long texts and long lists are cut", () => {
    const { log, lines } = setUp("json");
    log.info("m".repeat(1_000_000), { a: "v".repeat(1_000_000), b: Array.from({ length: 10_000 }, () => 1) });
    expect(lines[0]!.length).toBeLessThan(8000);
  });
});

describe("R116 one event is one line", () => {
  const hostile = 'gpt\r\n2026 level=error msg="forged"\n\x1b[2J\x1b]0;title\x07\u009b31m\u2028\u2029\u202e\x00\x7f';
  test.each(FORMATS)("%s: line breaks, escapes and reversals in any place are spelled out", (format) => {
    const { log, lines } = setUp(format);
    log.child({ [hostile]: hostile }).info(hostile, { model: hostile, nested: { [hostile]: [hostile] } });
    log.error("m", { error: new Error(hostile) });
    expect(lines).toHaveLength(2);
    for (const line of lines) {
      expect(line.endsWith("\n")).toBe(true);
      expect(line.slice(0, -1)).not.toMatch(/[\x00-\x1f\x7f-\x9f\u2028\u2029\u202e]/);
    }
    if (format === "json") expect(JSON.parse(lines[0]!).model).toBe(hostile);
  });

  test("an unquoted logfmt value cannot start a field of its own", () => {
    const { log, lines } = setUp("logfmt");
    log.info("m", { a: "1 level=error", b: "x=y", "c d=e": 1 });
    expect(lines[0]).toEndWith('msg=m a="1 level=error" b="x=y" c_d_e=1\n');
  });
});

/** One canary per kind of secret that may come near a log line. */

describe("R116 ★ secrets by shape", () => {
  const PLACES: readonly (readonly [place: string, (secret: string) => [string, object]])[] = [
    ["the message", (secret) => [`upstream said: bad key ${secret}.`, {}]],
    ["a field", (secret) => ["m", { detail: `got ${secret}` }]],
    ["a field alone", (secret) => ["m", { detail: secret }]],
    ["a field's name", (secret) => ["m", { nested: { [secret]: 1 } }]],
    ["a nested list", (secret) => ["m", { a: [{ b: [secret] }] }]],
    ["an error", (secret) => ["m", { error: new Error(`401: ${secret}`) }]],
    ["a cause", (secret) => ["m", { error: new Error("failed", { cause: new Error(secret) }) }]],
    ["a URL", (secret) => ["m", { url: `https://example.test/v1?key=${secret}&alt=sse` }]],
    ["JSON text", (secret) => ["m", { body: JSON.stringify({ error: { message: `Incorrect API key: ${secret}` } }) }]],
    ["JSON in JSON", (secret) => ["m", { body: JSON.stringify(JSON.stringify({ api_key: secret })) }]],
    [
      "headers",
      (secret) => ["m", { headers: new Headers({ "x-api-key": secret, authorization: `Bearer ${secret}` }) }],
    ],
    ["the far end of a long text", (secret) => ["m", { detail: "x ".repeat(1020) + secret }]],
  ];
  for (const format of FORMATS) {
    test.each(CANARIES)(`${format}: no %s in any place`, (_, secret) => {
      for (const [place, build] of PLACES) {
        const { log, lines } = setUp(format);
        log.info(...build(secret));
        expect([place, lines.join("")]).toEqual([place, expect.not.stringMatching(/CANARY/)]);
        expect([place, lines.length]).toEqual([place, 1]);
      }
    });
  }

  test.each([
    ["Authorization: Bearer CANARY.any+thing/=="],
    ["authorization: Basic Q0FOQVJZOkNBTkFSWQCANARY=="],
    ["x-api-key: CANARY"],
    ["Cookie: a=CANARY; b=CANARY"],
    ["set-cookie: session=CANARY; HttpOnly"],
    ["proxy http://user:CANARY@proxy.test:3128 refused"],
    ["redis://:CANARY@10.0.0.1/0"],
    ["client_secret=CANARY&code=1"],
    ['{"password":"CANARY"}'],
    ['{\\"refresh_token\\": \\"CANARY\\"}'],
    ["AWS4-HMAC-SHA256 Credential=AKIACANARYCANARY12/x, Signature=CANARY"],
    ["-----BEGIN EC PRIVATE KEY-----\nCANARY\nCANARY\n-----END EC PRIVATE KEY-----"],
    ["-----BEGIN PRIVATE KEY-----\nCANARY cut short"],
  ])("%s", (text) => {
    expect(createRedactor().redact(text)).not.toContain("CANARY");
  });

  test.each([
    "model gpt-4o-mini is not available at groq",
    "claude-sonnet-4-5-20250929",
    "max_tokens: 4096 is above the limit of 2048 tokens",
    "unknown key: temperature",
    "Unexpected token: } at 12",
    "providers.openai.keys[0].weight",
    "key_0192f0c1d2 of user:1",
    "req_0UkBIEwO0123456789ABCDEF",
    "http://127.0.0.1:8080/v1/chat/completions?alt=sse",
    "basic authentication is on, the bearer of bad news",
    "task-0123456789 and disk-0123456789",
  ])("ordinary text stays: %s", (text) => {
    expect(createRedactor().redact(text)).toBe(text);
  });
});

describe("R116 secrets by name of the field", () => {
  test.each([
    "authorization",
    "x-api-key",
    "apiKey",
    "client_secret",
    "clientSecret",
    "password",
    "set-cookie",
    "gist_token",
    "access-key",
  ])("%s", (name) => {
    const { log, lines } = setUp("json");
    log.info("m", { [name]: "CANARY", nested: { [name]: { deep: "CANARY" } } });
    expect(lines[0]).not.toContain("CANARY");
    expect(isSecretName(name)).toBe(true);
  });
  test.each(["key", "input_tokens", "tokens", "keyId", "secretary", "user", "cache_read"])(
    "%s is no secret",
    (name) => {
      expect(isSecretName(name)).toBe(false);
    },
  );
});

describe("R116 secrets by value", () => {
  test("a listed value disappears in each spelling, wherever it stands", () => {
    const secret = 'pass "word"/with?odd=chars&more';
    const redactor = createRedactor([secret]);
    for (const text of [secret, `a${secret}b`, JSON.stringify({ a: secret }), `x?p=${encodeURIComponent(secret)}`]) {
      expect(redactor.redact(text)).not.toMatch(/word|odd/);
    }
  });

  test("the list is replaced as a whole, also for children that exist already", () => {
    const { log, lines } = setUp("json");
    const child = log.child({ old: "old-secret-value", new: "new-secret-value" });
    log.setSecrets(["old-secret-value"]);
    child.info("m");
    log.setSecrets(["new-secret-value"]);
    child.info("m");
    expect(JSON.parse(lines[0]!)).toMatchObject({ old: REDACTED, new: "new-secret-value" });
    expect(JSON.parse(lines[1]!)).toMatchObject({ old: "old-secret-value", new: REDACTED });
  });

  test("of two secrets where one begins the other, nothing of the longer remains", () => {
    const redactor = createRedactor(["hunter2hunter2", "hunter2hunter2-and-more"]);
    expect(redactor.redact("x hunter2hunter2-and-more y hunter2hunter2 z")).toBe(`x ${REDACTED} y ${REDACTED} z`);
  });

  test("overlapping and adjacent values", () => {
    const redactor = createRedactor(["abcdefghij", "ghijklmnop"]);
    expect(redactor.redact("abcdefghijklmnop")).toBe(REDACTED);
    expect(redactor.redact("abcdefghijghijklmnop")).toBe(REDACTED + REDACTED);
  });

  test("hundreds of values are found, and a text without any is returned as it is", () => {
    const secrets = Array.from({ length: 500 }, (_, i) => `value-${i}-${crypto.randomUUID()}`);
    const redactor = createRedactor(secrets);
    for (const secret of secrets) expect(redactor.redact(`<${secret}>`)).toBe(`<${REDACTED}>`);
    expect(redactor.redact("value-1 is not one of them")).toBe("value-1 is not one of them");
  });

  test("a value under 8 characters is not listed: it would blank ordinary words", () => {
    expect(createRedactor(["none", "", "ollama"]).redact("ollama answered none")).toBe("ollama answered none");
  });

  test("a secret across the place where a long text is cut does not leave its first half", () => {
    const secret = `CANARY-${"s".repeat(200)}`;
    const { log, lines } = setUp("json");
    log.setSecrets([secret]);
    for (let before = 1800; before < 12_000; before += 97) log.info("m", { text: "-".repeat(before) + secret });
    for (const line of lines) expect(line).not.toContain("CANARY");
  });
});

describe("the sink", () => {
  function sinkOf(pendingBytesMax: number) {
    const sent: string[] = [];
    const acknowledge: (() => void)[] = [];
    let deferred: (() => void)[] = [];
    const delayed: { task: () => void; ms: number }[] = [];
    const sink = createLogSink({
      send: (text, done) => {
        sent.push(text);
        acknowledge.push(done);
      },
      defer: (task) => void deferred.push(task),
      delay: (task, ms) => void delayed.push({ task, ms }),
      pendingBytesMax,
    });
    const turn = () => {
      const tasks = deferred;
      deferred = [];
      for (const task of tasks) task();
      return tasks.length;
    };
    return { sink, sent, acknowledge, turn, delayed };
  }

  test("lines of one turn leave together", () => {
    const { sink, sent, turn } = sinkOf(1000);
    sink.write("a\n");
    sink.write("b\n");
    expect(sent).toEqual([]);
    expect(turn()).toBe(1);
    expect(sent).toEqual(["a\nb\n"]);
    expect(turn()).toBe(0);
  });

  test("routine lines wait for each other, but any other line takes them along at once", () => {
    const { sink, sent, turn, delayed } = sinkOf(100_000);
    sink.write("call 1\n", true);
    sink.write("call 2\n", true);
    expect([turn(), delayed.length, sent.length]).toEqual([0, 1, 0]);
    expect(delayed[0]!.ms).toBeLessThanOrEqual(50);
    sink.write("trouble\n");
    expect(turn()).toBe(1);
    expect(sent).toEqual(["call 1\ncall 2\ntrouble\n"]);
    delayed[0]!.task();
    expect(sent).toHaveLength(1);
    sink.write("call 3\n", true);
    delayed[1]!.task();
    expect(sent[1]).toBe("call 3\n");
  });

  test("many routine lines do not wait", () => {
    const { sink, sent, turn } = sinkOf(100_000);
    for (let count = 0; count < 40; count += 1) sink.write(`${"x".repeat(999)}\n`, true);
    expect(turn()).toBe(1);
    expect(sent[0]).toHaveLength(40_000);
  });

  test("a reader that stopped costs lines, which are counted and announced when it is back", () => {
    const { sink, sent, acknowledge, turn } = sinkOf(10);
    sink.write("12345678\n");
    turn();
    sink.write("lost\n");
    sink.write("lost too\n");
    expect([turn(), sink.dropped, sent.length]).toEqual([0, 2, 1]);
    acknowledge[0]!();
    sink.write("back\n");
    turn();
    expect(sent[1]).toStartWith("back\n");
    expect(sent[1]).toContain("2 log lines dropped");
    expect(sent.join("")).not.toContain("lost");
  });

  test("flush resolves when the last line has left", async () => {
    const { sink, sent, acknowledge } = sinkOf(1000);
    sink.write("a\n");
    let isDone = false;
    const flushed = sink.flush(10_000).then(() => (isDone = true));
    expect(sent).toEqual(["a\n"]);
    await Promise.resolve();
    expect(isDone).toBe(false);
    acknowledge[0]!();
    await flushed;
    expect(isDone).toBe(true);
  });

  test("flushing nothing resolves at once", async () => {
    const { sink, sent } = sinkOf(1000);
    await sink.flush(10_000);
    expect(sent).toEqual([]);
  });
});

test("stderr counts as the journal only if JOURNAL_STREAM names this very stream", () => {
  expect(inspectStderr({ JOURNAL_STREAM: "0:0" }).isJournal).toBe(false);
  expect(inspectStderr({}).isJournal).toBe(false);
});
