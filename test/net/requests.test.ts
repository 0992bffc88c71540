/** What goes over the wire when a request is sent, and what never does. */
import { describe, expect, test } from "bun:test";
import type { NetRequest } from "../../src/net/answer.ts";
import { requestTo, testClient, textOf } from "./client.ts";
import { echo, type ReceivedRequest, startServer } from "./server.ts";

/** Sends one request and gives what the server saw of it. */
async function seen(change: (url: string) => Partial<NetRequest>): Promise<ReceivedRequest & { port: number }> {
  const { promise, resolve } = Promise.withResolvers<ReceivedRequest>();
  await using server = await startServer(async (peer) => {
    resolve(await peer.request());
    await peer.answer();
  });
  using client = testClient();
  const answer = await client.send(requestTo(server.url, change(server.url))).answer;
  await answer.bytes(0);
  return { ...(await promise), port: server.port };
}

describe("the head of a request", () => {
  test("is the method, the path and query, the host, the headers, the length", async () => {
    const { head, port } = await seen((url) => ({
      url: `${url}/v1/chat?key=a%20b&x`,
      headers: { authorization: "Bearer secret", "x-odd": "\tgr\xfc\xdfe  " },
      body: "hello",
    }));
    expect(head.split("\r\n")).toEqual([
      "POST /v1/chat?key=a%20b&x HTTP/1.1",
      `host: 127.0.0.1:${port}`,
      "authorization: Bearer secret",
      "x-odd: \tgr\xfc\xdfe  ",
      "content-length: 5",
    ]);
  });

  const paths: readonly (readonly [string, string])[] = [
    ["", "/"],
    ["/", "/"],
    ["/a/b//c/", "/a/b//c/"],
    ["/a%2Fb/%7e~", "/a%2Fb/%7e~"],
    ["/a:b@c;d=1,2!$&'()*+", "/a:b@c;d=1,2!$&'()*+"],
    ["?a=b", "/?a=b"],
    ["/a?", "/a"],
    ["/a?b=c?d/../e", "/a?b=c?d/../e"],
    ["/a#fragment", "/a"],
    ["/a/../b/./c", "/b/c"],
    ["/a b", "/a%20b"],
    ["/\u00fc", "/%C3%BC"],
    ["/a\r\nx: y", "/ax:%20y"],
  ];
  for (const [given, sent] of paths) {
    test(`the path of ${JSON.stringify(given)} is ${sent}`, async () => {
      expect((await seen((url) => ({ url: url + given }))).path).toBe(sent);
    });
  }

  test("holds nothing of the caller's about the connection and the framing: that is the client's own business", async () => {
    const { head } = await seen(() => ({
      headers: {
        host: "elsewhere",
        connection: "close",
        "content-length": "1",
        "transfer-encoding": "chunked",
        "keep-alive": "timeout=1",
        "proxy-connection": "close",
        te: "trailers",
        trailer: "x",
        upgrade: "websocket",
        expect: "100-continue",
        "x-kept": "yes",
      },
      body: "hello",
    }));
    expect(head.split("\r\n").slice(2)).toEqual(["x-kept: yes", "content-length: 5"]);
    expect(head).not.toContain("elsewhere");
  });

  const methods: readonly (readonly [string, string | null, string | undefined])[] = [
    ["GET", null, undefined],
    ["HEAD", null, undefined],
    ["DELETE", null, undefined],
    ["POST", null, "0"],
    ["PUT", null, "0"],
    ["PATCH", null, "0"],
    ["POST", "", "0"],
    ["DELETE", "abc", "3"],
    ["QUERY", "abc", "3"],
  ];
  for (const [method, body, length] of methods) {
    test(`${method} ${body === null ? "without a body" : `with ${JSON.stringify(body)}`} declares ${length ?? "no length"}`, async () => {
      const request = await seen(() => ({ method, body }));
      expect(request.method).toBe(method);
      expect(request.header("content-length")).toBe(length);
      expect(request.header("transfer-encoding")).toBeUndefined();
    });
  }
});

describe("what could smuggle a line into a request", () => {
  const bad: readonly (readonly [string, Partial<NetRequest>])[] = [
    ["CR in a value", { headers: { a: "b\rc" } }],
    ["LF in a value", { headers: { a: "b\nc: d" } }],
    ["CRLF in a value", { headers: { a: "b\r\nc: d" } }],
    ["NUL in a value", { headers: { a: "b\0" } }],
    ["a character that would be cut down to LF", { headers: { a: "b\u010ac: d" } }],
    ["a character beyond Latin-1", { headers: { a: "\u{1f99c}" } }],
    ["DEL in a value", { headers: { a: "\x7f" } }],
    ["an empty name", { headers: { "": "b" } }],
    ["a space in a name", { headers: { "a b": "c" } }],
    ["a colon in a name", { headers: { "a:b": "c" } }],
    ["LF in a name", { headers: { "a\nb": "c" } }],
    ["a name beyond ASCII", { headers: { "\u0161": "c" } }],
    ["a space in the method", { method: "GET /x HTTP/1.1\r\nx:" }],
    ["an empty method", { method: "" }],
    ["a file", { url: "file:///etc/passwd" }],
    ["data", { url: "data:text/plain,x" }],
    ["ftp", { url: "ftp://127.0.0.1/x" }],
    ["no scheme", { url: "127.0.0.1/x" }],
    ["no host", { url: "http://" }],
    ["a path alone", { url: "/v1/chat" }],
    ["credentials in the URL", { url: "http://user:sk-secret@127.0.0.1/" }],
  ];
  for (const [name, change] of bad) {
    test(`${name} is refused before anything is sent`, async () => {
      await using server = await startServer(echo);
      using client = testClient();
      // Also where a name or a URL has been seen before.
      for (let attempt = 0; attempt < 2; attempt += 1) {
        expect(() => client.send(requestTo(server.url, change))).toThrow(TypeError);
      }
      expect(client.stats).toEqual({ open: 0, idle: 0, reused: 0 });
      expect(await textOf(await client.send(requestTo(server.url)).answer)).toBe("ping");
      expect(server.peers).toHaveLength(1);
    });
  }

  test("what is said about it repeats neither the value nor the URL", () => {
    using client = testClient();
    for (const change of [
      { headers: { authorization: "Bearer sk-secret\n" } },
      { url: "http://user:sk-secret@127.0.0.1/" },
      { url: "gopher://sk-secret/" },
      { url: "sk-secret" },
    ]) {
      expect(() => client.send(requestTo("http://127.0.0.1:1/", change))).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining("sk-secret") }),
      );
    }
  });
});

describe("the body of a request", () => {
  test("as text is UTF-8, and its length counts bytes", async () => {
    const { body, header } = await seen(() => ({ body: "gr\u00fc\u00dfe \u{1f99c}" }));
    expect(body.toString()).toBe("gr\u00fc\u00dfe \u{1f99c}");
    expect(header("content-length")).toBe("12");
  });

  for (const size of [0, 1, 16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 32 * 1024, 100_000, 5_000_000]) {
    test(`as ${size} bytes arrives as it is`, async () => {
      const sent = new Uint8Array(size).map((_, index) => (index * 7919) % 251);
      const { body, header } = await seen(() => ({ body: sent }));
      expect(header("content-length")).toBe(String(size));
      expect(body.equals(sent)).toBe(true);
    });
  }

  test("may be a view into something larger", async () => {
    const { body } = await seen(() => ({ body: new TextEncoder().encode("0123456789").subarray(2, 5) }));
    expect(body.toString()).toBe("234");
  });

  test("goes out in one piece with the head when it is small", async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    await using server = await startServer((peer) => peer.socket.once("data", (bytes) => resolve(bytes.toString())));
    using client = testClient();
    const sending = client.send(requestTo(server.url, { body: "x".repeat(16 * 1024) }));
    expect(await promise).toEndWith(`\r\n\r\n${"x".repeat(16 * 1024)}`);
    sending.abort();
  });

  test("with a head too large for one piece arrives as it is", async () => {
    const long = "y".repeat(60_000);
    const { body, header } = await seen(() => ({ headers: { "x-long": long }, body: "hello" }));
    expect(header("x-long")).toBe(long);
    expect(body.toString()).toBe("hello");
  });

  test("as a Blob is declared with its size", async () => {
    const { body, header } = await seen(() => ({ body: new Blob(["hello ", "world", "!".repeat(50_000)]) }));
    expect(header("content-length")).toBe("50011");
    expect(header("transfer-encoding")).toBeUndefined();
    expect(body.toString()).toBe(`hello world${"!".repeat(50_000)}`);
  });

  test("as a stream is sent in chunks, empty pieces left out", async () => {
    const pieces = ["a", "", "b".repeat(100), "c".repeat(100_000), "", "d"];
    const { body, header } = await seen(() => ({
      body: new ReadableStream<Uint8Array>({
        pull(controller) {
          const piece = pieces.shift();
          if (piece === undefined) controller.close();
          else controller.enqueue(new TextEncoder().encode(piece));
        },
      }),
    }));
    expect(header("transfer-encoding")).toBe("chunked");
    expect(header("content-length")).toBeUndefined();
    expect(body.toString()).toBe(`a${"b".repeat(100)}${"c".repeat(100_000)}d`);
  });

  test("as a stream that somebody else reads is refused", () => {
    using client = testClient();
    const body = new ReadableStream<Uint8Array>();
    body.getReader();
    expect(() => client.send(requestTo("http://127.0.0.1:1/", { body }))).toThrow(TypeError);
  });
});
