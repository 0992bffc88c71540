/** Which responses are read, as what, and which are refused; however the bytes are cut. */
import { describe, expect, test } from "bun:test";
import { HEAD_BYTES_MAX, INTERIM_MAX, ResponseParser } from "../../src/wire/http1.ts";
import { EXTENSION_BYTES_MAX, TRAILER_BYTES_MAX } from "../../src/wire/http1-chunked.ts";
import { FIELDS_MAX } from "../../src/wire/http1-head.ts";
import { random } from "../support/random.ts";

interface Outcome {
  status: number | undefined;
  body: string;
  end: "done" | "failed" | "open";
  isReusable: boolean;
  failure: string | null;
}

interface Reading {
  /** The request was a HEAD. */
  isHead?: boolean;
  /** The connection ends in good order behind the last byte. */
  closes?: boolean;
  headBytesMax?: number;
}

/** Copies each piece: the parser may do with its bytes what it likes. */
function read(pieces: Iterable<Uint8Array>, { isHead = false, closes = false, headBytesMax }: Reading = {}): Outcome {
  const parser = new ResponseParser(headBytesMax);
  parser.begin(!isHead);
  // Kept until the end: a later piece must not change an earlier one.
  const parts: Uint8Array[] = [];
  for (const piece of pieces) {
    if (parser.failure !== null) break;
    const part = parser.take(Buffer.from(piece));
    if (part !== null) parts.push(part);
  }
  if (closes && parser.failure === null) parser.close();
  return {
    status: parser.head?.status,
    body: Buffer.concat(parts).toString("latin1"),
    end: parser.failure !== null ? "failed" : parser.isDone ? "done" : "open",
    isReusable: parser.isDone && parser.isReusable,
    failure: parser.failure,
  };
}

const latin1 = (text: string) => Buffer.from(text, "latin1");
const readText = (text: string, reading?: Reading) => read([latin1(text)], reading);

function* cutAt(bytes: Uint8Array, position: number): Generator<Uint8Array> {
  yield bytes.subarray(0, position);
  yield bytes.subarray(position);
}

function* oneByOne(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1) yield bytes.subarray(at, at + 1);
}

const OK = "HTTP/1.1 200 OK\r\n";
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;

interface Good extends Reading {
  readonly name: string;
  readonly text: string;
  readonly status?: number;
  readonly body?: string;
  readonly isReusable?: boolean;
}

const good: readonly Good[] = [
  { name: "a length", text: `${OK}content-length: 5\r\n\r\nhello`, body: "hello" },
  { name: "a length of zero", text: `${OK}content-length: 0\r\n\r\n`, body: "" },
  { name: "a length with leading zeros", text: `${OK}content-length: 0005\r\n\r\nhello`, body: "hello" },
  { name: "the same length twice", text: `${OK}content-length: 5\r\nContent-Length: 5\r\n\r\nhello`, body: "hello" },
  { name: "no reason phrase", text: "HTTP/1.1 200\r\ncontent-length: 1\r\n\r\na", body: "a" },
  { name: "an empty reason phrase", text: "HTTP/1.1 200 \r\ncontent-length: 1\r\n\r\na", body: "a" },
  {
    name: "a reason in Latin-1",
    text: "HTTP/1.1 404 Nicht gef\xfcndet\r\ncontent-length: 1\r\n\r\na",
    status: 404,
    body: "a",
  },
  { name: "the lowest final status", text: "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", status: 200 },
  { name: "the highest status", text: "HTTP/1.1 599 x\r\ncontent-length: 0\r\n\r\n", status: 599 },
  { name: "names in any case", text: `${OK}CoNtEnT-lEnGtH: 2\r\n\r\nok`, body: "ok" },
  { name: "no space, or many, around a value", text: `${OK}a:b\r\ncontent-length: \t 2 \t\r\n\r\nok`, body: "ok" },
  { name: "empty values", text: `${OK}a:\r\nb: \r\ncontent-length: 2\r\n\r\nok`, body: "ok" },
  { name: "chunks", text: `${CHUNKED}5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n`, body: "hello!" },
  { name: "no chunk but the last", text: `${CHUNKED}0\r\n\r\n`, body: "" },
  { name: "the last chunk in many zeros", text: `${CHUNKED}1\r\na\r\n0000000000000\r\n\r\n`, body: "a" },
  {
    name: "sizes in both cases",
    text: `${CHUNKED}A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n`,
    body: "01234567890123456789a",
  },
  { name: "chunk extensions", text: `${CHUNKED}1;a=b\r\nx\r\n1 ; c="d e"\r\ny\r\n0;last\r\n\r\n`, body: "xy" },
  {
    name: "a trailer, which is dropped",
    text: `${CHUNKED}1\r\na\r\n0\r\ncontent-length: 99\r\nb: c\r\n\r\n`,
    body: "a",
  },
  { name: "the coding in any case", text: `${OK}Transfer-Encoding:\tCHUNKED \r\n\r\n1\r\na\r\n0\r\n\r\n`, body: "a" },
  { name: "line ends inside a chunk", text: `${CHUNKED}6\r\n\r\n0\r\n\r\r\n0\r\n\r\n`, body: "\r\n0\r\n\r" },
  { name: "no framing: until the end", text: `${OK}\r\nhello`, closes: true, body: "hello", isReusable: false },
  { name: "no framing and no body", text: `${OK}\r\n`, closes: true, body: "", isReusable: false },
  { name: "HTTP/1.0", text: "HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\na", body: "a", isReusable: false },
  {
    name: "HTTP/1.0 that wants to go on",
    text: "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\ncontent-length: 1\r\n\r\na",
    body: "a",
  },
  { name: "a last answer", text: `${OK}connection: close\r\ncontent-length: 1\r\n\r\na`, body: "a", isReusable: false },
  {
    name: "a last answer, among other options",
    text: `${OK}connection: x, Close ,y\r\ncontent-length: 1\r\n\r\na`,
    body: "a",
    isReusable: false,
  },
  { name: "204", text: "HTTP/1.1 204 No Content\r\n\r\n", status: 204 },
  { name: "204 with a length nonetheless", text: "HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n", status: 204 },
  { name: "304", text: "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", status: 304 },
  { name: "the answer to a HEAD", text: `${OK}content-length: 500\r\n\r\n`, isHead: true },
  { name: "the answer to a HEAD, chunked", text: CHUNKED, isHead: true },
  {
    name: "interim responses",
    text: `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n${OK}content-length: 2\r\n\r\nok`,
    body: "ok",
  },
  {
    name: "an interim response whose length means nothing",
    text: `HTTP/1.1 102 Processing\r\ncontent-length: 5\r\n\r\n${OK}content-length: 2\r\n\r\nok`,
    body: "ok",
  },
  {
    name: `${INTERIM_MAX} interim responses`,
    text: `${"HTTP/1.1 100 Continue\r\n\r\n".repeat(INTERIM_MAX)}${OK}content-length: 2\r\n\r\nok`,
    body: "ok",
  },
];

describe("a response that is read", () => {
  for (const { name, text, status = 200, body = "", isReusable = true, ...reading } of good) {
    const expected: Outcome = { status, body, end: "done", isReusable, failure: null };

    test(`${name}`, () => {
      expect(readText(text, reading)).toEqual(expected);
    });

    test(`${name}, cut in two anywhere, or into single bytes`, () => {
      const bytes = latin1(text);
      for (let position = 1; position < bytes.length; position += 1) {
        expect({ position, ...read(cutAt(bytes, position), reading) }).toEqual({ position, ...expected });
      }
      expect(read(oneByOne(bytes), reading)).toEqual(expected);
    });
  }

  for (const { name, text, closes = false, ...reading } of good) {
    test(`${name}: is not complete before its last byte`, () => {
      const bytes = latin1(text);
      for (let length = 0; length < bytes.length; length += 1) {
        expect({ length, end: read([bytes.subarray(0, length)], reading).end }).toEqual({ length, end: "open" });
      }
      if (closes) expect(readText(text, reading).end).toBe("open");
    });
  }
});

const malformed: readonly { name: string; text: string; isHead?: boolean; body?: string }[] = [
  { name: "another protocol", text: "SSH-2.0-OpenSSH_9.2\r\n" },
  { name: "HTML without a head", text: "<html>no</html>\r\n\r\n" },
  { name: "a request", text: "GET / HTTP/1.1\r\n\r\n" },
  { name: "HTTP/2 in words", text: "HTTP/2 200\r\n\r\n" },
  { name: "HTTP/1.2", text: "HTTP/1.2 200 OK\r\n\r\n" },
  { name: "HTTP/1.10", text: "HTTP/1.10 200 OK\r\n\r\n" },
  { name: "a lower-case protocol", text: "http/1.1 200 OK\r\n\r\n" },
  { name: "an empty line before", text: `\r\n${OK}\r\n` },
  { name: "no space before the status", text: "HTTP/1.1200 OK\r\n\r\n" },
  { name: "two spaces before the status", text: "HTTP/1.1  200 OK\r\n\r\n" },
  { name: "a status of two digits", text: "HTTP/1.1 20 OK\r\n\r\n" },
  { name: "a status of four digits", text: "HTTP/1.1 2000 OK\r\n\r\n" },
  { name: "a status in letters", text: "HTTP/1.1 2OO OK\r\n\r\n" },
  { name: "a status below 100", text: "HTTP/1.1 099 x\r\n\r\n" },
  { name: "a status above 599", text: "HTTP/1.1 600 x\r\n\r\n" },
  { name: "status 999", text: "HTTP/1.1 999 x\r\n\r\n" },
  { name: "a switch of protocols", text: "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n" },
  { name: "lines that end with LF alone", text: "HTTP/1.1 200 OK\ncontent-length: 1\n\na" },
  { name: "one line that ends with LF alone", text: `${OK}a: b\nc: d\r\n\r\n` },
  { name: "a line that ends with CR alone", text: `${OK}a: b\rc: d\r\n\r\n` },
  { name: "a CR inside of a value", text: `${OK}a: b\r c\r\n\r\n` },
  { name: "a CR before the line end", text: `${OK}a: b\r\r\n\r\n` },
  { name: "an empty line that ends with CR and something", text: `${OK}a: b\r\n\rx` },
  { name: "NUL in a value", text: `${OK}a: b\0c\r\n\r\n` },
  { name: "NUL in a name", text: `${OK}a\0: b\r\n\r\n` },
  { name: "NUL in the reason", text: "HTTP/1.1 200 O\0K\r\n\r\n" },
  { name: "a control character in a value", text: `${OK}a: \x07\r\n\r\n` },
  { name: "DEL in a value", text: `${OK}a: \x7f\r\n\r\n` },
  { name: "a folded line", text: `${OK}a: b\r\n c\r\n\r\n` },
  { name: "a folded line with a tab", text: `${OK}a: b\r\n\tc\r\n\r\n` },
  { name: "a first line that is folded", text: `${OK} a: b\r\n\r\n` },
  { name: "a space before the colon", text: `${OK}content-length : 1\r\n\r\na` },
  { name: "a space in a name", text: `${OK}content length: 1\r\n\r\na` },
  { name: "no name", text: `${OK}: b\r\n\r\n` },
  { name: "no colon", text: `${OK}abc\r\n\r\n` },
  { name: "a name beyond ASCII", text: `${OK}\xfc: b\r\n\r\n` },
  { name: "an empty length", text: `${OK}content-length: \r\n\r\n` },
  { name: "a length with a sign", text: `${OK}content-length: +4\r\n\r\nabcd` },
  { name: "a negative length", text: `${OK}content-length: -1\r\n\r\n` },
  { name: "a length in hexadecimal", text: `${OK}content-length: 0x4\r\n\r\nabcd` },
  { name: "a length with a fraction", text: `${OK}content-length: 4.0\r\n\r\nabcd` },
  { name: "a length in two words", text: `${OK}content-length: 4 4\r\n\r\nabcd` },
  { name: "a list of lengths", text: `${OK}content-length: 4, 4\r\n\r\nabcd` },
  { name: "a length that is no exact number", text: `${OK}content-length: 9999999999999999\r\n\r\n` },
  { name: "two different lengths", text: `${OK}content-length: 4\r\ncontent-length: 5\r\n\r\nabcde` },
  { name: "a length, then chunked", text: `${OK}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n` },
  { name: "chunked, then a length", text: `${OK}transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n` },
  {
    name: "both, in the answer to a HEAD",
    text: `${OK}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n`,
    isHead: true,
  },
  { name: "another transfer coding", text: `${OK}transfer-encoding: gzip\r\n\r\n` },
  { name: "another coding below", text: `${OK}transfer-encoding: gzip, chunked\r\n\r\n` },
  { name: "chunked twice in a line", text: `${OK}transfer-encoding: chunked, chunked\r\n\r\n` },
  { name: "chunked twice", text: `${OK}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n` },
  { name: "identity", text: `${OK}transfer-encoding: identity\r\n\r\n` },
  { name: "an empty transfer coding", text: `${OK}transfer-encoding:\r\n\r\n` },
  { name: "a transfer coding in HTTP/1.0", text: "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" },
  { name: "a size that is no number", text: `${CHUNKED}zz\r\n` },
  { name: "a size with a sign", text: `${CHUNKED}+1\r\n` },
  { name: "a negative size", text: `${CHUNKED}-1\r\n` },
  { name: "a size with a prefix", text: `${CHUNKED}0x1\r\n` },
  { name: "no size", text: `${CHUNKED}\r\n` },
  { name: "a space before the size", text: `${CHUNKED} 1\r\na\r\n` },
  { name: "a space behind the size, and no extension", text: `${CHUNKED}1 \r\na\r\n` },
  { name: "an extension without a size", text: `${CHUNKED};a=b\r\n` },
  { name: "a size that ends with LF alone", text: `${CHUNKED}1\na\r\n` },
  { name: "a size that ends with CR alone", text: `${CHUNKED}1\ra\r\n` },
  { name: "an extension that ends with LF alone", text: `${CHUNKED}1;a\na\r\n` },
  { name: "a size that is no exact number", text: `${CHUNKED}${"f".repeat(14)}\r\n` },
  { name: "a chunk longer than its size", text: `${CHUNKED}1\r\nab\r\n`, body: "a" },
  { name: "a chunk that ends with LF alone", text: `${CHUNKED}1\r\na\n0\r\n\r\n`, body: "a" },
  { name: "a chunk that ends with CR alone", text: `${CHUNKED}1\r\na\rb`, body: "a" },
  { name: "a folded trailer", text: `${CHUNKED}1\r\na\r\n0\r\n b: c\r\n\r\n`, body: "a" },
  { name: "a trailer that ends with LF alone", text: `${CHUNKED}0\r\nb: c\n\r\n` },
  { name: "an end of the trailer without its LF", text: `${CHUNKED}1\r\na\r\n0\r\n\ra`, body: "a" },
];

describe("a response that is refused", () => {
  for (const { name, text, isHead = false, body = "" } of malformed) {
    test(name, () => {
      const outcome = readText(text, { isHead });
      expect(outcome.end).toBe("failed");
      expect(outcome.failure).toMatch(/^[A-Z].*\.$/);
      expect(outcome.isReusable).toBe(false);
      // What was received in good order before is not lost.
      expect(outcome.body).toBe(body);
    });

    test(`${name}, cut in two anywhere, or into single bytes`, () => {
      const bytes = latin1(text);
      for (let position = 1; position < bytes.length; position += 1) {
        const { end, body: received } = read(cutAt(bytes, position), { isHead, closes: true });
        expect({ position, end, received }).toEqual({ position, end: "failed", received: body });
      }
      expect(read(oneByOne(bytes), { isHead, closes: true }).end).toBe("failed");
    });
  }

  test("what is said about it repeats nothing of what was received", () => {
    for (const { text } of malformed) {
      expect(readText(text.replaceAll("a", "sk-secret")).failure ?? "").not.toContain("secret");
    }
  });
});

describe("bytes behind the end", () => {
  const tails: readonly (readonly [string, string, Reading?])[] = [
    ["of a body with a length", `${OK}content-length: 2\r\n\r\nok`],
    ["of a body with length zero", `${OK}content-length: 0\r\n\r\n`],
    ["of a chunked body", `${CHUNKED}2\r\nok\r\n0\r\n\r\n`],
    ["of a 204, which has no body", "HTTP/1.1 204 No Content\r\n\r\n"],
    ["of a 304, which has no body", "HTTP/1.1 304 Not Modified\r\n\r\n"],
    ["of the answer to a HEAD, which has no body", `${OK}content-length: 2\r\n\r\n`, { isHead: true }],
  ];
  for (const [name, text, reading] of tails) {
    test(`${name}: they are no part of it, and nothing more may be sent on this connection`, () => {
      const clean = readText(text, reading);
      expect(clean).toMatchObject({ end: "done", isReusable: true });
      for (const extra of ["x", "\r\n", `${OK}content-length: 0\r\n\r\n`]) {
        expect(readText(text + extra, reading)).toEqual({ ...clean, isReusable: false });
        expect(read([latin1(text), latin1(extra)], reading)).toEqual({ ...clean, isReusable: false });
      }
    });
  }
});

describe("the end of the connection", () => {
  test("is the end of a body without framing only", () => {
    const open: readonly string[] = [
      "",
      "HTTP/1.1 200 OK\r\ncontent-le",
      "HTTP/1.1 100 Continue\r\n\r\n",
      `${OK}content-length: 5\r\n\r\nhell`,
      `${CHUNKED}5\r\nhello\r\n`,
      `${CHUNKED}5\r\nhel`,
      `${CHUNKED}5\r\nhello\r\n0\r\n`,
    ];
    for (const text of open) expect([text, readText(text, { closes: true }).end]).toEqual([text, "open"]);
    expect(readText(`${OK}\r\nhell`, { closes: true })).toMatchObject({ end: "done", body: "hell", isReusable: false });
  });
});

describe("limits", () => {
  const headOf = (size: number) => {
    const frame = `${OK}content-length: 0\r\nx: \r\n\r\n`;
    return `${OK}content-length: 0\r\nx: ${"y".repeat(size - frame.length)}\r\n\r\n`;
  };

  test("a head may have 64 KiB and not a byte more, in one piece or in many", () => {
    expect(HEAD_BYTES_MAX).toBe(64 * 1024);
    for (const cut of [(bytes: Uint8Array) => [bytes], oneByOne]) {
      expect(read(cut(latin1(headOf(HEAD_BYTES_MAX)))).end).toBe("done");
      expect(read(cut(latin1(headOf(HEAD_BYTES_MAX + 1))))).toMatchObject({ end: "failed", status: undefined });
    }
  });

  test("a head that does not end is refused once it is too large", () => {
    expect(readText(OK + "a: b\r\n".repeat(100), { headBytesMax: 500 }).end).toBe("failed");
    expect(readText(`${OK}a: ${"b".repeat(500)}`, { headBytesMax: 500 }).end).toBe("failed");
    expect(readText(`${OK}a: ${"b".repeat(400)}`, { headBytesMax: 500 }).end).toBe("open");
  });

  test("the limit of a head does not count its body", () => {
    const text = `${OK}content-length: 100000\r\n\r\n${"x".repeat(100_000)}`;
    expect(readText(text, { headBytesMax: 100 })).toMatchObject({ end: "done", body: "x".repeat(100_000) });
    const bytes = latin1(text);
    expect(read(cutAt(bytes, 30), { headBytesMax: 100 })).toMatchObject({ end: "done", body: "x".repeat(100_000) });
  });

  test(`a head may have ${FIELDS_MAX} fields`, () => {
    const withFields = (count: number) => `${OK}content-length: 0\r\n${"a: b\r\n".repeat(count - 1)}\r\n`;
    expect(readText(withFields(FIELDS_MAX)).end).toBe("done");
    expect(readText(withFields(FIELDS_MAX + 1)).end).toBe("failed");
  });

  test("interim responses do not go on for ever", () => {
    const interim = "HTTP/1.1 100 Continue\r\n\r\n";
    const text = `${interim.repeat(INTERIM_MAX + 1)}${OK}content-length: 0\r\n\r\n`;
    expect(readText(text).end).toBe("failed");
    expect(read(oneByOne(latin1(text))).end).toBe("failed");
  });

  test("chunk extensions are bounded, each by itself", () => {
    const chunk = (size: number) => `1;${"e".repeat(size)}\r\na\r\n`;
    expect(readText(`${CHUNKED}${chunk(4000).repeat(5)}0\r\n\r\n`)).toMatchObject({ end: "done", body: "aaaaa" });
    expect(readText(`${CHUNKED}${chunk(EXTENSION_BYTES_MAX + 1)}`).end).toBe("failed");
    expect(readText(`${CHUNKED}1;${"e".repeat(EXTENSION_BYTES_MAX + 1)}`).end).toBe("failed");
    expect(readText(`${CHUNKED}1${" ".repeat(EXTENSION_BYTES_MAX + 2)}`).end).toBe("failed");
  });

  test("trailers are bounded all together", () => {
    const withTrailer = (size: number) => `${CHUNKED}1\r\na\r\n0\r\n${"a: b\r\n".repeat(size / 6)}\r\n`;
    expect(readText(withTrailer(TRAILER_BYTES_MAX - 1024))).toMatchObject({ end: "done", body: "a" });
    expect(readText(withTrailer(TRAILER_BYTES_MAX + 1024))).toMatchObject({ end: "failed", body: "a" });
  });

  test("leading zeros of a size are bounded", () => {
    expect(readText(`${CHUNKED}${"0".repeat(1000)}`).end).toBe("failed");
  });

  test("a body may be larger than 32 bits can count", () => {
    const size = 5 * 2 ** 30;
    const parser = new ResponseParser();
    parser.begin(true);
    const first = parser.take(latin1(`${CHUNKED}${size.toString(16)}\r\nabc`));
    expect(Buffer.from(first ?? []).toString()).toBe("abc");
    expect(parser.failure).toBeNull();
    expect(parser.isDone).toBe(false);
  });
});

describe("fields", () => {
  const parser = new ResponseParser();
  const headOf = (fields: string) => {
    parser.begin(true);
    parser.take(latin1(`${OK}${fields}content-length: 0\r\n\r\n`));
    return parser.head;
  };

  test("are found by their lower-case names, with the spaces around their values gone", () => {
    const head = headOf("X-Request-ID: \t req 1 \r\nx-request: no\r\nempty:\r\n");
    expect(head?.get("x-request-id")).toBe("req 1");
    expect(head?.get("empty")).toBe("");
    expect(head?.get("content-length")).toBe("0");
    expect(head?.get("x-request-i")).toBeNull();
    expect(head?.get("")).toBeNull();
  });

  test("that repeat are joined in their order", () => {
    expect(headOf("a: 1\r\nb: x\r\nA: 2\r\na:\r\n")?.get("a")).toBe("1, 2, ");
  });

  test("are Latin-1", () => {
    expect(headOf("a: gr\xfc\xdfe\r\n")?.get("a")).toBe("gr\xfc\xdfe");
  });

  test("stay what they were when the connection carries the next response, and when bytes of the body move", () => {
    parser.begin(true);
    parser.take(latin1(`${OK}a: first\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n`));
    const first = parser.head;
    parser.begin(true);
    parser.take(latin1(`${OK}a: second\r\ncontent-length: 40000\r\n\r\n${"x".repeat(40_000)}`));
    expect(parser.head?.get("a")).toBe("second");
    expect(first?.get("a")).toBe("first");
    expect(first?.get("transfer-encoding")).toBe("chunked");
  });
});

describe("several responses on one connection", () => {
  test("each begins anew, whatever the one before was", () => {
    const parser = new ResponseParser();
    const bodies: string[] = [];
    for (const { text, closes = false, isHead = false, isReusable = true } of good) {
      if (closes || !isReusable) continue;
      parser.begin(!isHead);
      expect(parser.head).toBeNull();
      bodies.push(Buffer.from(parser.take(latin1(text)) ?? []).toString("latin1"));
      expect([text, parser.isDone, parser.isReusable]).toEqual([text, true, true]);
    }
    expect(bodies).toEqual(
      good.filter(({ closes, isReusable = true }) => !closes && isReusable).map(({ body = "" }) => body),
    );
  });
});

describe("what was written comes out again", () => {
  /** Any body, any framing, cut anywhere: what the writer put in is what the reader has to find. */
  test("for 500 responses made by chance and cut by chance", () => {
    const next = random(20_261_120);
    const upTo = (limit: number) => Math.floor(next() * limit);
    for (let round = 0; round < 500; round += 1) {
      const body = Buffer.from(Array.from({ length: upTo(600) }, () => upTo(256)));
      const parts: Buffer[] = [Buffer.from("HTTP/1.1 100 Continue\r\n\r\n".repeat(upTo(3)))];
      const framing = ["length", "chunked", "close"][upTo(3)];
      parts.push(Buffer.from(`HTTP/1.1 ${200 + upTo(4)} x\r\n${"x-filler: y\r\n".repeat(upTo(8))}`));
      if (framing === "length") parts.push(Buffer.from(`Content-Length: ${body.length}\r\n\r\n`), body);
      if (framing === "close") parts.push(Buffer.from("\r\n"), body);
      if (framing === "chunked") {
        parts.push(Buffer.from("Transfer-Encoding: chunked\r\n\r\n"));
        for (let at = 0; at < body.length; ) {
          const piece = body.subarray(at, at + 1 + upTo(80));
          const extension = upTo(4) === 0 ? ";x=y" : "";
          parts.push(Buffer.from(`${piece.length.toString(16)}${extension}\r\n`), piece, Buffer.from("\r\n"));
          at += piece.length;
        }
        parts.push(Buffer.from(`0\r\n${"a: b\r\n".repeat(upTo(3))}\r\n`));
      }
      const wire = Buffer.concat(parts);
      const pieces: Uint8Array[] = [];
      const longest = 1 + upTo(200);
      for (let at = 0; at < wire.length; ) {
        const piece = wire.subarray(at, at + 1 + upTo(longest));
        pieces.push(piece);
        at += piece.length;
      }
      const outcome = read(pieces, { closes: framing === "close" });
      expect(outcome.end).toBe("done");
      expect(outcome.isReusable).toBe(framing !== "close");
      expect(outcome.body).toBe(body.toString("latin1"));
    }
  });

  test("no bytes by chance make it throw", () => {
    const next = random(7);
    const words = [
      OK,
      "\r\n",
      ":",
      " ",
      "a",
      "content-length",
      "transfer-encoding: chunked",
      "5",
      "0",
      "\0",
      "\xff",
      ";",
    ];
    let ends = "";
    for (let round = 0; round < 2000; round += 1) {
      const text = OK + Array.from({ length: 12 }, () => words[Math.floor(next() * words.length)]).join("");
      ends += readText(text).end[0];
    }
    expect(new Set(ends).size).toBeGreaterThan(1);
  });
});
