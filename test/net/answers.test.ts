/** What a caller gets to see of an answer: whole ones, streams, broken ones, and those nobody should believe. */
import { describe, expect, test } from "bun:test";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import type { Answer, NetRequest } from "../../src/net/answer.ts";
import { drain, rejection, requestTo, type TestClient, testClient, textOf } from "./client.ts";
import { type Peer, startServer } from "./server.ts";

const OK = "HTTP/1.1 200 OK\r\n";
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;

/** Asks a server that answers the first request by the script, and keeps the connection open behind it. */
async function asked(
  script: (peer: Peer) => unknown,
  look: (sending: { answer: Promise<Answer> }, peer: Peer, client: TestClient) => Promise<unknown>,
  change: Partial<NetRequest> = {},
): Promise<void> {
  await using server = await startServer(async (peer) => {
    await peer.request();
    await script(peer);
  });
  using client = testClient();
  const sending = client.send(requestTo(server.url, change));
  await look(sending, await server.peer(0), client);
}

describe("an answer", () => {
  test("has status, headers, declared length and body", async () => {
    await asked(
      (peer) => peer.send("HTTP/1.1 418 Teapot\r\nX-A: 1\r\nx-a: 2\r\ncontent-length: 5\r\n\r\nhello"),
      async ({ answer }) => {
        const { status, length, header } = await answer.then((given) => ({
          status: given.status,
          length: given.length,
          header: given.header("x-a"),
        }));
        expect({ status, length, header }).toEqual({ status: 418, length: 5, header: "1, 2" });
        expect((await answer).header("x-b")).toBeNull();
        expect(await textOf(await answer)).toBe("hello");
        // There is nothing left, and that stays so.
        expect((await answer).read()).toBeNull();
        expect(await textOf(await answer)).toBe("");
      },
    );
  });

  test("that has arrived already is read without a promise", async () => {
    await asked(
      (peer) => peer.send(`${OK}content-length: 5\r\n\r\nhello`),
      async (sending) => {
        const answer = await sending.answer;
        const piece = answer.read();
        expect(piece).toBeInstanceOf(Uint8Array);
        expect(Buffer.from(piece as Uint8Array).toString()).toBe("hello");
        expect(answer.read()).toBeNull();
      },
    );
  });

  test("that is still on its way is waited for, piece by piece", async () => {
    const gate = Promise.withResolvers<void>();
    await asked(
      async (peer) => {
        await peer.send(`${CHUNKED}1\r\na\r\n`);
        await gate.promise;
        await peer.send("1\r\nb\r\n0\r\n\r\n");
      },
      async (sending) => {
        const answer = await sending.answer;
        expect(answer.length).toBeUndefined();
        expect(Buffer.from((await answer.read()) ?? []).toString()).toBe("a");
        const waiting = answer.read();
        expect(waiting).toBeInstanceOf(Promise);
        gate.resolve();
        expect(Buffer.from((await waiting) ?? []).toString()).toBe("b");
        expect(await answer.read()).toBeNull();
      },
    );
  });

  test("gives pieces that stay what they are while others come", async () => {
    await asked(
      async (peer) => {
        await peer.send(CHUNKED);
        for (let i = 0; i < 200; i += 1) await peer.send(`4\r\n${String(i).padStart(4, "0")}\r\n`);
        await peer.send("0\r\n\r\n");
      },
      async (sending) => {
        const answer = await sending.answer;
        const pieces: Uint8Array[] = [];
        for (let piece = await answer.read(); piece !== null; piece = await answer.read()) pieces.push(piece);
        const expected = Array.from({ length: 200 }, (_, i) => String(i).padStart(4, "0")).join("");
        expect(Buffer.concat(pieces).toString()).toBe(expected);
      },
    );
  });

  test("in many small pieces is put together", async () => {
    const text = `HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n${CHUNKED}5\r\nhello\r\n6\r\n world\r\n0\r\nx: y\r\n\r\n`;
    await asked(
      async (peer) => {
        for (const char of text) await peer.send(char);
      },
      async ({ answer }, _peer, client) => {
        expect(await textOf(await answer)).toBe("hello world");
        expect(client.stats).toMatchObject({ open: 1, idle: 1 });
      },
    );
  });

  test("of many megabytes arrives whole", async () => {
    const body = Buffer.from(Array.from({ length: 20_000_000 }, (_, i) => (i * 31) % 251));
    await asked(
      async (peer) => {
        await peer.send(`${OK}content-length: ${body.length}\r\n\r\n`);
        await peer.send(body);
      },
      async ({ answer }) => {
        expect(body.equals(await (await answer).bytes(body.length))).toBe(true);
      },
    );
  });

  test("to a HEAD has the headers of a body, and none", async () => {
    await asked(
      (peer) => peer.send(`${OK}content-length: 500\r\ncontent-encoding: gzip\r\n\r\n`),
      async (sending, _peer, client) => {
        const answer = await sending.answer;
        expect(answer.header("content-length")).toBe("500");
        expect(answer.length).toBe(0);
        expect(answer.read()).toBeNull();
        expect(client.stats.idle).toBe(1);
      },
      { method: "HEAD", body: null },
    );
  });

  for (const status of [204, 304]) {
    test(`with ${status} has no body`, async () => {
      await asked(
        (peer) => peer.send(`HTTP/1.1 ${status} x\r\ncontent-length: 5\r\n\r\n`),
        async (sending) => {
          const answer = await sending.answer;
          expect(answer.length).toBe(0);
          expect(await textOf(answer, 0)).toBe("");
        },
      );
    });
  }

  test("that redirects is an answer like any other: nobody goes where it points", async () => {
    await using elsewhere = await startServer(() => {});
    await asked(
      (peer) => peer.send(`HTTP/1.1 307 x\r\nlocation: ${elsewhere.url}/\r\ncontent-length: 0\r\n\r\n`),
      async ({ answer }) => {
        expect((await answer).status).toBe(307);
        expect((await answer).header("location")).toBe(`${elsewhere.url}/`);
        expect(elsewhere.peers).toEqual([]);
      },
    );
  });
});

describe("bytes(max)", () => {
  const framings: readonly (readonly [string, (body: string) => string])[] = [
    ["with a length", (body) => `${OK}content-length: ${body.length}\r\n\r\n${body}`],
    ["in chunks", (body) => `${CHUNKED}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`],
  ];
  for (const [name, frame] of framings) {
    for (const isSplit of [false, true]) {
      test(`takes a body ${name} up to max bytes${isSplit ? ", in pieces" : ""}`, async () => {
        await asked(
          async (peer) => {
            const text = frame("x".repeat(1000));
            if (!isSplit) return peer.send(text);
            for (let at = 0; at < text.length; at += 100) await peer.send(text.slice(at, at + 100));
          },
          async ({ answer }) => {
            expect(await textOf(await answer, 1000)).toBe("x".repeat(1000));
          },
        );
      });

      test(`refuses a body ${name} of one byte more${isSplit ? ", in pieces" : ""}, and drops the rest`, async () => {
        await asked(
          async (peer) => {
            const text = frame("x".repeat(1000));
            if (!isSplit) return peer.send(text);
            for (let at = 0; at < text.length; at += 100) await peer.send(text.slice(at, at + 100));
          },
          async ({ answer }) => {
            const given = await answer;
            expect((await rejection(given.bytes(999))).code).toBe("too-large");
            expect((await drain(given)).code).toBe("aborted");
          },
        );
      });
    }
  }

  test("refuses a declared length before the body has come, and closes the connection", async () => {
    await asked(
      (peer) => peer.send(`${OK}content-length: 1000000000000\r\n\r\nabc`),
      async ({ answer }, peer, client) => {
        expect((await rejection((await answer).bytes(1000))).code).toBe("too-large");
        await peer.closed;
        expect(client.stats.open).toBe(0);
      },
    );
  });

  test("takes what read() has left", async () => {
    const gate = Promise.withResolvers<void>();
    await asked(
      async (peer) => {
        await peer.send(`${OK}content-length: 10\r\n\r\nhello`);
        await gate.promise;
        await peer.send("world");
      },
      async (sending) => {
        const answer = await sending.answer;
        expect(Buffer.from((await answer.read()) ?? []).toString()).toBe("hello");
        gate.resolve();
        expect(await textOf(answer)).toBe("world");
      },
    );
  });
});

describe("an answer that breaks off", () => {
  const breaks: readonly (readonly [string, (peer: Peer) => void, code: string])[] = [
    ["the connection closes", (peer) => peer.end(), "closed"],
    ["the connection is reset", (peer) => peer.reset(), "reset"],
  ];
  const before: readonly (readonly [string, string])[] = [
    ["before its first byte", ""],
    ["inside of its first line", "HTTP/1.1 20"],
    ["inside of its head", `${OK}content-type: a`],
    ["behind an interim response", "HTTP/1.1 100 Continue\r\n\r\n"],
  ];
  const inside: readonly (readonly [string, string, string])[] = [
    ["behind its head", `${OK}content-length: 5\r\n\r\n`, ""],
    ["inside of a body with a length", `${OK}content-length: 5\r\n\r\nhell`, "hell"],
    ["before its first chunk", CHUNKED, ""],
    ["inside of a chunk", `${CHUNKED}5\r\nhell`, "hell"],
    ["between chunks", `${CHUNKED}5\r\nhello\r\n`, "hello"],
    ["before the end of the last chunk", `${CHUNKED}5\r\nhello\r\n0\r\n`, "hello"],
  ];
  for (const [how, breakOff, code] of breaks) {
    for (const [where, text] of before) {
      test(`${where}, as ${how}, is none`, async () => {
        await asked(
          async (peer) => {
            await peer.send(text);
            breakOff(peer);
          },
          async ({ answer }, _peer, client) => {
            expect((await rejection(answer)).code).toBe(code as never);
            expect(client.stats).toMatchObject({ open: 0, idle: 0 });
          },
        );
      });
    }
    for (const [where, text, body] of inside) {
      test(`${where}, as ${how}, gives what had come, then the error, and never an end`, async () => {
        await asked(
          async (peer) => {
            await peer.send(text);
            breakOff(peer);
          },
          async ({ answer }, _peer, client) => {
            const given = await answer;
            expect(await drain(given)).toEqual({ text: body, code });
            expect(await drain(given)).toEqual({ text: "", code });
            expect((await rejection(given.bytes(1000))).code).toBe(code as never);
            expect(client.stats).toMatchObject({ open: 0, idle: 0 });
          },
        );
      });
    }
  }

  test("without framing ends where the connection closes", async () => {
    await asked(
      async (peer) => {
        await peer.send(`${OK}\r\nhello`);
        peer.end();
      },
      async ({ answer }) => expect(await drain(await answer)).toEqual({ text: "hello", code: null }),
    );
  });

  test("without framing, by a reset, is not complete", async () => {
    await asked(
      async (peer) => {
        await peer.send(`${OK}\r\nhello`);
        peer.reset();
      },
      async ({ answer }) => expect(await drain(await answer)).toEqual({ text: "hello", code: "reset" }),
    );
  });

  test("fails the read that was waiting, and bytes()", async () => {
    for (const wait of [(answer: Answer) => answer.read(), (answer: Answer) => answer.bytes(1000)]) {
      const gate = Promise.withResolvers<void>();
      await asked(
        async (peer) => {
          await peer.send(`${OK}content-length: 10\r\n\r\n`);
          await gate.promise;
          peer.reset();
        },
        async ({ answer }) => {
          const waiting = wait(await answer) as Promise<unknown>;
          gate.resolve();
          expect((await rejection(waiting)).code).toBe("reset");
        },
      );
    }
  });
});

describe("an answer that is malformed", () => {
  const heads: readonly (readonly [string, string])[] = [
    ["garbage", "this is not HTTP\r\n\r\n"],
    ["status 999", "HTTP/1.1 999 x\r\n\r\n"],
    ["101", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
    ["endless interim responses", "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000)],
    ["a head of a megabyte", `${OK}x: ${"y".repeat(1_000_000)}\r\n\r\n`],
    ["a head without end", OK + "x: y\r\n".repeat(100_000)],
    ["both framings", `${OK}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
    ["LF alone", "HTTP/1.1 200 OK\ncontent-length: 5\n\nhello"],
    ["an unknown content coding", `${OK}content-encoding: x-secret\r\ncontent-length: 5\r\n\r\nhello`],
  ];
  for (const [name, text] of heads) {
    test(`by ${name} is none, and its connection is closed`, async () => {
      await asked(
        (peer) => peer.send(text),
        async ({ answer }, peer, client) => {
          const error = await rejection(answer);
          expect(error.code).toBe("malformed");
          expect(error.message).not.toContain("secret");
          await peer.closed;
          expect(client.stats).toMatchObject({ open: 0, idle: 0 });
        },
      );
    });
  }

  test("inside of its body gives what had come before, then the error", async () => {
    await asked(
      (peer) => peer.send(`${CHUNKED}5\r\nhello\r\nzz\r\n`),
      async ({ answer }, peer) => {
        expect(await drain(await answer)).toEqual({ text: "hello", code: "malformed" });
        await peer.closed;
      },
    );
  });

  test("has a limit for its head that can be set", async () => {
    await using server = await startServer(async (peer) => {
      await peer.request();
      await peer.send(`${OK}x: ${"y".repeat(1000)}\r\ncontent-length: 0\r\n\r\n`);
    });
    using strict = testClient({ headerBytesMax: 1000 });
    expect((await rejection(strict.send(requestTo(server.url)).answer)).code).toBe("malformed");
    using lenient = testClient({ headerBytesMax: 2000 });
    expect((await lenient.send(requestTo(server.url)).answer).status).toBe(200);
  });
});

describe("an answer that is compressed although nobody asked", () => {
  const text = "the quick brown fox ".repeat(5000);
  const codings: readonly (readonly [string, Uint8Array])[] = [
    ["gzip", gzipSync(text)],
    ["GZIP", gzipSync(text)],
    ["x-gzip", gzipSync(text)],
    ["deflate", deflateSync(text)],
    ["deflate", deflateRawSync(text)],
    ["br", brotliCompressSync(text)],
    ["zstd", zstdCompressSync(text)],
    ["identity", Buffer.from(text)],
  ];
  const send = async (peer: Peer, coding: string, bytes: Uint8Array, declared = bytes.length) => {
    await peer.send(
      `${OK}content-encoding: ${coding}\r\ncontent-type: text/plain\r\ncontent-length: ${declared}\r\n\r\n`,
    );
    await peer.send(bytes);
  };

  for (const [index, [coding, bytes]] of codings.entries()) {
    test(`by ${coding} (${index}) is decoded, whole and in pieces`, async () => {
      for (const take of [textOf, async (answer: Answer) => (await drain(answer)).text]) {
        await asked(
          (peer) => send(peer, coding, bytes),
          async (sending, _peer, client) => {
            const answer = await sending.answer;
            expect(await take(answer)).toBe(text);
            expect(await answer.read()).toBeNull();
            expect(client.stats.idle).toBe(1);
          },
        );
      }
    });
  }

  test("no longer says so, nor how long it was", async () => {
    await asked(
      (peer) => send(peer, "gzip", gzipSync(text)),
      async (sending) => {
        const answer = await sending.answer;
        expect(answer.header("content-encoding")).toBeNull();
        expect(answer.header("content-length")).toBeNull();
        expect(answer.header("content-type")).toBe("text/plain");
        expect(answer.length).toBeUndefined();
      },
    );
  });

  test("and empty is empty", async () => {
    await asked(
      (peer) => send(peer, "gzip", new Uint8Array(0)),
      async ({ answer }) => expect(await textOf(await answer)).toBe(""),
    );
  });

  test("gives what there is as it comes, not only at the end", async () => {
    const gate = Promise.withResolvers<void>();
    const bytes = gzipSync("a".repeat(100_000) + Array.from({ length: 5000 }, (_, i) => i * i).join(" "));
    await asked(
      async (peer) => {
        await send(peer, "gzip", bytes.subarray(0, bytes.length - 100), bytes.length);
        await gate.promise;
        await peer.send(bytes.subarray(bytes.length - 100));
      },
      async (sending) => {
        const answer = await sending.answer;
        expect((await answer.read())?.length).toBeGreaterThan(0);
        gate.resolve();
        expect((await drain(answer)).code).toBeNull();
      },
    );
  });

  test("and broken is malformed", async () => {
    const bad = gzipSync(text);
    bad.fill(0xff, 20, 40);
    for (const bytes of [Buffer.from("this is not gzip"), bad, gzipSync(text).subarray(0, 60)]) {
      await asked(
        (peer) => send(peer, "gzip", bytes),
        async ({ answer }) => expect((await drain(await answer)).code).toBe("malformed"),
      );
    }
  });

  test("and breaks off gives what could be decoded, then the error of the connection", async () => {
    const bytes = gzipSync(Array.from({ length: 50_000 }, (_, i) => i * i).join(" "));
    await asked(
      async (peer) => {
        await send(peer, "gzip", bytes.subarray(0, bytes.length - 100), bytes.length);
        peer.end();
      },
      async ({ answer }) => {
        const { text: decoded, code } = await drain(await answer);
        expect(code).toBe("closed");
        expect(decoded.length).toBeGreaterThan(0);
      },
    );
  });

  test("to a thousandth is not unpacked beyond max, nor faster than it is read", async () => {
    const bomb = gzipSync(Buffer.alloc(200_000_000));
    await asked(
      (peer) => send(peer, "gzip", bomb),
      async ({ answer }) => expect((await rejection((await answer).bytes(1_000_000))).code).toBe("too-large"),
    );
    const before = process.memoryUsage().rss;
    await asked(
      (peer) => send(peer, "gzip", bomb),
      async (sending) => {
        const answer = await sending.answer;
        expect((await answer.read())?.length).toBeLessThan(1_000_000);
        answer.abort();
        expect((await drain(answer)).code).toBe("aborted");
      },
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
  });

  test("is given up like any other: the waiting read fails, the connection closes", async () => {
    for (const giveUp of ["answer", "sending"]) {
      await asked(
        (peer) => send(peer, "gzip", gzipSync(text).subarray(0, 12), 1000),
        async (sending, peer) => {
          const answer = await sending.answer;
          const waiting = answer.read() as Promise<unknown>;
          (giveUp === "answer" ? answer : (sending as unknown as { abort(): void })).abort();
          expect((await rejection(waiting)).code).toBe("aborted");
          await peer.closed;
        },
      );
    }
  });
});
