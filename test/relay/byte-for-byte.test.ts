/** Same dialect, same bytes: random bodies through a real listener reach the upstream as they were written, but for named edits; answers come back so. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { random } from "../support/random.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { type Received, startUpstream, type Upstream } from "../support/upstream.ts";
import { dialectOf, isStreamed, type Said, VOICES } from "../support/voices/index.ts";

const ROUNDS = 120;

/** JSON as nobody would write it and anybody may. */
class Scribe {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = random(seed);
  }

  below(max: number): number {
    return Math.floor(this.#next() * max);
  }

  oneOf<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  space(): string {
    return this.oneOf(["", "", "", " ", "  ", "\n", "\t", "\r\n"]);
  }

  shuffled<T>(values: readonly T[]): T[] {
    const left = [...values];
    return values.map(() => left.splice(this.below(left.length), 1)[0]!);
  }

  #char(): string {
    return this.oneOf([
      ...["a", "Z", "7", " ", "é", "ß", "漢", "😀", "\u2028", "\u007f", "\ufeff", "{", "}", "[", "]", ":", ",", "'"],
      ...["\\n", "\\t", "\\\\", '\\"', "\\/", "\\b", "\\u0000", "\\u00e9", "\\uD83D\\uDE00", "\\ud800", "\\u2029"],
    ]);
  }

  string(): string {
    return `"${Array.from({ length: this.below(12) }, () => this.#char()).join("")}"`;
  }

  number(): string {
    return this.oneOf([
      ...["0", "-0", "1.0", "1.50", "-1e3", "1E+3", "1e-7", "0.1000", "100000000000000000000", "12345678901234567890"],
      ...["9007199254740993", "3.141592653589793238462643383279", "1e400", "-1E-400", String(this.below(1e9))],
    ]);
  }

  /** Names that mean something elsewhere are welcome: below the top they mean nothing. */
  #name(): string {
    return this.oneOf([
      ...['"model"', '"stream"', '"messages"', '"stream_options"', '"previous_response_id"', '"store"', '"input"'],
      ...[
        '"signature"',
        '"thoughtSignature"',
        '"cache_control"',
        '"__proto__"',
        '"constructor"',
        '""',
        '"\\u006dodel"',
      ],
      this.string(),
    ]);
  }

  value(depth: number): string {
    const kind = this.below(depth > 4 ? 4 : 6);
    switch (kind) {
      case 0:
        return this.string();
      case 1:
        return this.number();
      case 2:
        return this.oneOf(["true", "false", "null"]);
      case 3:
        return this.oneOf(["{}", "[]", "{ }", "[\n]"]);
      case 4:
        return this.list(depth);
      default:
        return this.object(depth);
    }
  }

  list(depth: number): string {
    const items = Array.from({ length: this.below(4) }, () => this.space() + this.value(depth + 1) + this.space());
    return `[${items.join(",")}]`;
  }

  /** The same name may come twice: only at the top does anybody look. */
  object(depth: number): string {
    const fields = Array.from({ length: this.below(5) }, () => this.field(this.#name(), this.value(depth + 1)));
    return `{${fields.join(",")}}`;
  }

  field(name: string, value: string): string {
    return this.space() + name + this.space() + ":" + this.space() + value + this.space();
  }

  /** An object with these fields at its top, among others that nobody knows, in any order. */
  top(fields: Readonly<Record<string, string>>): string {
    const known = Object.entries(fields).map(([name, value]) => this.field(`"${name}"`, value));
    const unknown = Array.from({ length: 1 + this.below(5) }, (_, index) =>
      this.field(
        this.oneOf([`"zz_${index}"`, `"Model${index}"`, `"str\\u0065am ${index}"`, `"é${index}"`]),
        this.value(1),
      ),
    );
    return `${this.space()}{${this.shuffled([...known, ...unknown]).join(",")}}${this.space()}`;
  }
}

const SAID: Said = { text: "Let me look.", calls: [], inputTokens: 20, outputTokens: 10 };
/** In each dialect: where to ask, and the fields that have to be there, as JSON. */
const DIALECTS = {
  "openai-chat": {
    path: () => "/v1/chat/completions",
    fields: (scribe: Scribe) => ({ model: '"gpt-chat"', messages: `[${message(scribe, '"user"')}]` }),
  },
  "openai-responses": {
    path: () => "/v1/responses",
    fields: (scribe: Scribe) => ({ model: '"gpt-responses"', input: `[${message(scribe, '"user"')}]` }),
  },
  "anthropic-messages": {
    path: () => "/v1/messages",
    fields: (scribe: Scribe) => ({
      ...{ model: '"claude-sonnet-4-6"', max_tokens: "64" },
      messages: `[${message(scribe, '"user"')}]`,
    }),
  },
  gemini: {
    path: (stream: boolean) =>
      `/v1beta/models/gemini-2.5-flash:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
    fields: (scribe: Scribe) => ({
      contents: `[{${scribe.field('"role"', '"user"')},"parts":[{"text":"Hi",${scribe.field('"zz"', scribe.value(2))}}]}]`,
    }),
  },
} as const;
type Dialect = keyof typeof DIALECTS;
const NAMES = Object.keys(DIALECTS) as Dialect[];

function message(scribe: Scribe, role: string): string {
  const fields = [
    scribe.field('"role"', role),
    scribe.field('"content"', '"Hi"'),
    scribe.field('"zz_own"', scribe.value(2)),
    scribe.field('"signature"', scribe.string()),
  ];
  return `{${scribe.shuffled(fields).join(",")}}`;
}

describe("same dialect, same bytes", () => {
  let up: Upstream;
  let under: TestRelay;
  /** What the vendor answers; a test may put its own here. */
  let answers: (received: Received) => string;

  beforeAll(async () => {
    up = await startUpstream((received) => {
      const stream = isStreamed(received);
      const type = stream ? "text/event-stream" : "application/json";
      return { headers: { "content-type": type }, text: answers(received) };
    });
    under = await startRelay(`
providers:
  chat: { base_url: "${up.url}/v1", keys: [{ key: vendor-key-1 }], models: { include: [gpt-chat] } }
  responses: { base_url: "${up.url}/v1", dialects: [openai-responses], keys: [{ key: vendor-key-2 }], models: { include: [gpt-responses] } }
  messages: { provider_type: anthropic, base_url: "${up.url}", keys: [{ key: vendor-key-3 }], models: { include: ["claude-*"] } }
  gemini: { provider_type: gemini, base_url: "${up.url}", keys: [{ key: vendor-key-4 }], models: { include: ["gemini-*"] } }
model_routing: { aliases: { "my \\"fast\\" model": gpt-chat } }
`);
    answers = plain;
  });
  afterAll(async () => {
    await under.stop();
    await up.stop();
  });

  const plain = (received: Received): string => {
    const voice = VOICES[dialectOf(received)!];
    return isStreamed(received) ? voice.stream(SAID).join("") : JSON.stringify(voice.whole(SAID));
  };
  const ask = async (path: string, body: string): Promise<{ sent: string; told: string; lane: string | null }> => {
    up.forget();
    const answer = await under.post(path, body);
    const told = await answer.text();
    // A body that is refused is shown, so that one can see why.
    expect([answer.status, answer.status === 200 ? "" : body + told]).toEqual([200, ""]);
    expect(up.received).toHaveLength(1);
    return { sent: up.received[0]!.text, told, lane: answer.headers.get("x-relay-lane") };
  };

  describe.each(NAMES)("%s", (dialect) => {
    const { path, fields } = DIALECTS[dialect];

    test.each([false, true])("requests (streamed: %p)", async (stream) => {
      for (let seed = 1; seed <= ROUNDS; seed += 1) {
        const scribe = new Scribe(seed * 31 + dialect.length);
        const asking = {
          ...fields(scribe),
          ...(stream && dialect !== "gemini" ? { stream: "true" } : {}),
          // A chat call that asks for its usage leaves nothing to be added.
          ...(stream && dialect === "openai-chat" ? { stream_options: '{ "zz":[1.0], "include_usage" : true }' } : {}),
        };
        const body = scribe.top(asking);
        const { sent, lane } = await ask(path(stream), body);
        expect(sent).toBe(body);
        expect(lane).toBe("pass-through");
      }
    });

    test.each([false, true])("answers, with fields nobody knows (streamed: %p)", async (stream) => {
      for (let seed = 1; seed <= ROUNDS; seed += 1) {
        const scribe = new Scribe(seed * 37 + dialect.length);
        const voice = VOICES[dialect];
        let text: string;
        if (stream) {
          text = voice
            .stream(SAID)
            .map((event) => withExtra(String(event), scribe))
            .join(scribe.oneOf(["", ": a comment\n\n"]));
        } else {
          text = `${scribe.space()}{${scribe.field('"zz"', scribe.value(1))},${JSON.stringify(voice.whole(SAID)).slice(1)}`;
        }
        answers = () => text;
        const asking = {
          ...fields(scribe),
          ...(stream && dialect !== "gemini" ? { stream: "true" } : {}),
          ...(stream && dialect === "openai-chat" ? { stream_options: '{"include_usage":true}' } : {}),
        };
        const { told } = await ask(path(stream), scribe.top(asking));
        expect(told).toBe(text);
      }
      answers = plain;
    });
  });

  test("named edit: another name for the model is replaced, and nothing beside it", async () => {
    for (let seed = 1; seed <= ROUNDS; seed += 1) {
      const scribe = new Scribe(seed * 41);
      const written = scribe.oneOf(['"my \\"fast\\" model"', '"my \\u0022fast\\u0022 mod\\u0065l"']);
      const mark = "\u0001";
      const frame = scribe.top({ ...DIALECTS["openai-chat"].fields(scribe), model: mark });
      const { sent } = await ask(
        "/v1/chat/completions",
        frame.replace(mark, () => written),
      );
      expect(sent).toBe(frame.replace(mark, '"gpt-chat"'));
    }
  });

  test("named edit: a streamed chat call asks for its usage, at the end or where it says something else of it", async () => {
    for (let seed = 1; seed <= ROUNDS; seed += 1) {
      const scribe = new Scribe(seed * 43);
      const asking = { ...DIALECTS["openai-chat"].fields(scribe), stream: "true" };
      const body = scribe.top(asking);
      const { sent, told } = await ask("/v1/chat/completions", body);
      const close = body.lastIndexOf("}");
      expect(sent).toBe(`${body.slice(0, close)},"stream_options":{"include_usage":true}${body.slice(close)}`);
      // The chunk that was asked for on our account is not the client's.
      expect(told).not.toContain('"usage":{');

      const mark = "\u0001";
      const frame = scribe.top({ ...asking, stream_options: mark });
      const other = await ask("/v1/chat/completions", frame.replace(mark, '{ "include_usage" : false, "zz":1 }'));
      expect(other.sent).toBe(frame.replace(mark, '{"include_usage":true,"zz":1}'));
    }
  });

  test("a top-level name that is spelt with escapes is that name", async () => {
    const body =
      '{"m\\u006fdel":"gpt-chat","str\\u0065am":false,"messages":[{"role":"user","content":"Hi"}],"zz":1e400}';
    expect((await ask("/v1/chat/completions", body)).sent).toBe(body);
    const twice = await under.post("/v1/chat/completions", body.replace('"zz"', '"model"'));
    expect(twice.status).toBe(400);
  });

  /** One more field in the data of an event. */
  function withExtra(event: string, scribe: Scribe): string {
    const at = event.indexOf("data: {");
    if (at < 0) return event;
    const value = scribe.value(2).replace(/[\r\n]/g, " ");
    return `${event.slice(0, at)}data: {"zz":${value},${event.slice(at + "data: {".length)}`;
  }
});
