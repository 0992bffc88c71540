/** Which connections are kept and used again, which are not, and what happens when a kept one has died meanwhile. */
import { describe, expect, test } from "bun:test";
import type { NetRequest } from "../../src/net/answer.ts";
import { drain, rejection, requestTo, type TestClient, testClient, textOf } from "./client.ts";
import { echo, type Peer, startServer } from "./server.ts";

const OK = "HTTP/1.1 200 OK\r\n";

const call = async (client: TestClient, url: string, change: Partial<NetRequest> = {}): Promise<string> =>
  textOf(await client.send(requestTo(url, change)).answer);

/** Answers with its body only when so many requests are there at the same time. */
function together(count: number): (peer: Peer) => Promise<void> {
  const all = Promise.withResolvers<void>();
  let waiting = 0;
  return async (peer) => {
    const { body } = await peer.request();
    waiting += 1;
    if (waiting === count) all.resolve();
    await all.promise;
    await peer.answer(body.toString());
    await echo(peer);
  };
}

describe("a connection", () => {
  test("carries one call after the other", async () => {
    await using server = await startServer(echo);
    using client = testClient();
    for (let i = 0; i < 20; i += 1) {
      expect(await call(client, `${server.url}/${i}`, { body: `call ${i}` })).toBe(`call ${i}`);
    }
    expect(server.peers).toHaveLength(1);
    expect(client.stats).toEqual({ open: 1, idle: 1, reused: 19 });
  });

  test("carries one call at a time: calls side by side have one each", async () => {
    await using server = await startServer(together(50));
    using client = testClient();
    const bodies = Array.from({ length: 50 }, (_, i) => String(i));
    expect(await Promise.all(bodies.map((body) => call(client, server.url, { body })))).toEqual(bodies);
    expect(server.peers).toHaveLength(50);
    expect(client.stats).toEqual({ open: 50, idle: 50, reused: 0 });
  });

  test("that became free last is used first", async () => {
    await using server = await startServer(together(3));
    using client = testClient();
    await Promise.all([call(client, server.url), call(client, server.url), call(client, server.url)]);
    for (let i = 0; i < 5; i += 1) await call(client, server.url);
    expect(server.peers.map(({ requests }) => requests).sort()).toEqual([1, 1, 6]);
  });

  test("is shared by all paths of an origin, and by no other origin", async () => {
    await using server = await startServer(echo);
    await using other = await startServer(echo);
    using client = testClient();
    await call(client, `${server.url}/a?b`);
    await call(client, `${server.url}/c`);
    await call(client, `${other.url}/a?b`);
    await call(client, `http://localhost:${server.port}/a?b`);
    expect(server.peers.map(({ requests }) => requests)).toEqual([2, 1]);
    expect(other.peers.map(({ requests }) => requests)).toEqual([1]);
  });

  test("that nobody uses is closed after a minute", async () => {
    await using server = await startServer(echo);
    using client = testClient();
    await call(client, server.url);
    client.clock.advance(59_000);
    await call(client, server.url);
    client.clock.advance(59_000);
    expect(client.stats).toEqual({ open: 1, idle: 1, reused: 1 });
    client.clock.advance(1500);
    await server.peers[0]!.closed;
    expect(client.stats).toEqual({ open: 0, idle: 0, reused: 1 });
    // Nothing waits, so nobody looks.
    expect(client.clock.pending).toBe(0);
    expect(await call(client, server.url)).toBe("ping");
  });

  test("is kept for as long as is said", async () => {
    await using server = await startServer(echo);
    using client = testClient({ idleMs: 1000 });
    await call(client, server.url);
    client.clock.advance(900);
    expect(client.stats.idle).toBe(1);
    client.clock.advance(500);
    await server.peers[0]!.closed;
    expect(client.stats.open).toBe(0);
  });

  test("in use is not closed for its age", async () => {
    const gate = Promise.withResolvers<void>();
    const heard = Promise.withResolvers<void>();
    await using server = await startServer(async (peer) => {
      await peer.request();
      heard.resolve();
      await gate.promise;
      await peer.answer("late");
    });
    using client = testClient();
    const sending = client.send(requestTo(server.url));
    await heard.promise;
    client.clock.advance(3_600_000);
    gate.resolve();
    expect(await textOf(await sending.answer)).toBe("late");
  });

  test("beyond the most that are kept is closed when its call is over", async () => {
    await using server = await startServer(together(5));
    using client = testClient({ maxIdlePerOrigin: 2 });
    await Promise.all(Array.from({ length: 5 }, () => call(client, server.url)));
    expect(client.stats).toEqual({ open: 2, idle: 2, reused: 0 });
    const gone = server.peers.map(async (peer) => {
      await peer.closed;
      return peer;
    });
    await Promise.race(gone);
    expect(await call(client, server.url)).toBe("ping");
  });

  test("that the upstream closes while it is free is forgotten at once", async () => {
    for (const leave of [(peer: Peer) => peer.end(), (peer: Peer) => peer.reset()]) {
      await using server = await startServer(echo);
      using client = testClient();
      await call(client, server.url);
      leave(server.peers[0]!);
      await server.peers[0]!.closed;
      while (client.stats.open > 0) await new Promise((resolve) => setImmediate(resolve));
      expect(client.stats).toEqual({ open: 0, idle: 0, reused: 0 });
      expect(await call(client, server.url)).toBe("ping");
      expect(server.requests).toBe(2);
    }
  });

  test("on which the upstream speaks unasked is closed, and what it said is nobody's answer", async () => {
    await using server = await startServer(echo);
    using client = testClient();
    await call(client, server.url);
    await server.peers[0]!.send("HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n");
    await server.peers[0]!.closed;
    expect(client.stats.open).toBe(0);
    expect(await call(client, server.url)).toBe("ping");
  });

  const last: readonly (readonly [string, string])[] = [
    ["an answer that says so", `${OK}connection: close\r\ncontent-length: 4\r\n\r\nlast`],
    ["an answer in HTTP/1.0", "HTTP/1.0 200 OK\r\ncontent-length: 4\r\n\r\nlast"],
    ["an answer with bytes behind its end", `${OK}content-length: 4\r\n\r\nlast!`],
    ["a second answer nobody asked for", `${OK}content-length: 4\r\n\r\nlast${OK}content-length: 4\r\n\r\nevil`],
    ["a chunked answer with bytes behind its end", `${OK}transfer-encoding: chunked\r\n\r\n4\r\nlast\r\n0\r\n\r\n!`],
  ];
  for (const [name, text] of last) {
    test(`is not used again after ${name}`, async () => {
      await using server = await startServer(async (peer) => {
        await peer.request();
        await peer.send(server.peers.length === 1 ? text : `${OK}content-length: 4\r\n\r\nnext`);
      });
      using client = testClient();
      expect(await call(client, server.url)).toBe("last");
      await server.peers[0]!.closed;
      expect(client.stats).toEqual({ open: 0, idle: 0, reused: 0 });
      expect(await call(client, server.url)).toBe("next");
      expect(server.peers).toHaveLength(2);
    });
  }

  test("whose 204 has a body nonetheless is not used again", async () => {
    await using server = await startServer(async (peer) => {
      await peer.request();
      await peer.send("HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello");
    });
    using client = testClient();
    expect(await call(client, server.url)).toBe("");
    await server.peers[0]!.closed;
    expect(client.stats.open).toBe(0);
  });
});

describe("an answer that does not wait for the end of its request", () => {
  test("is given, and the rest of the body is not sent", async () => {
    await using server = await startServer(async (peer) => {
      await peer.until(1000);
      peer.socket.pause();
      await peer.send("HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nno!");
    });
    using client = testClient();
    const answer = await client.send(requestTo(server.url, { body: new Uint8Array(50_000_000) })).answer;
    expect(answer.status).toBe(413);
    expect(await textOf(answer)).toBe("no!");
    expect(client.stats).toEqual({ open: 0, idle: 0, reused: 0 });
    server.peers[0]!.socket.resume();
    await server.peers[0]!.closed;
    expect(server.peers[0]!.bytesReceived).toBeLessThan(40_000_000);
  });

  test("tells the source of a streamed body that nobody wants the rest", async () => {
    await using server = await startServer(async (peer) => {
      await peer.until(1000);
      await peer.send("HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nno!");
    });
    using client = testClient();
    const cancelled = Promise.withResolvers<void>();
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(10_000)),
      cancel: () => cancelled.resolve(),
    });
    expect(await call(client, server.url, { body })).toBe("no!");
    await cancelled.promise;
    await server.peers[0]!.closed;
    expect(client.stats.open).toBe(0);
  });
});

describe("close()", () => {
  test("closes what is free; what is in use finishes, and is closed then", async () => {
    const gate = Promise.withResolvers<void>();
    const heard = Promise.withResolvers<void>();
    await using server = await startServer(async (peer) => {
      const { path, body } = await peer.request();
      heard.resolve();
      if (path === "/slow") await gate.promise;
      await peer.answer(body.toString());
    });
    using client = testClient();
    const slow = call(client, `${server.url}/slow`, { body: "slow" });
    await heard.promise;
    expect(await call(client, `${server.url}/quick`, { body: "quick" })).toBe("quick");
    client.close();
    await server.peers[1]!.closed;
    expect(client.stats).toMatchObject({ open: 1, idle: 0 });
    gate.resolve();
    expect(await slow).toBe("slow");
    await server.peers[0]!.closed;
    expect(client.stats).toMatchObject({ open: 0, idle: 0 });
  });
});

describe("a kept connection that has died", () => {
  /** The first connection answers once, and dies when it is used again, in the way given; the others live. */
  const dying =
    (die: (peer: Peer) => unknown) =>
    async (peer: Peer): Promise<void> => {
      const { body } = await peer.request();
      await peer.answer(body.toString());
      if (peer.requests > 1) return echo(peer);
      await peer.until(1);
      await die(peer);
    };
  const ofFirst = (script: (peer: Peer) => unknown) => {
    let count = 0;
    return (peer: Peer) => (count++ === 0 ? script(peer) : echo(peer));
  };

  const bodies: readonly (readonly [string, () => NetRequest["body"], string])[] = [
    ["none", () => null, ""],
    ["text", () => "again", "again"],
    ["bytes", () => new TextEncoder().encode("again"), "again"],
    ["many bytes", () => new Uint8Array(3_000_000).fill(97), "a".repeat(3_000_000)],
    ["a Blob", () => new Blob(["aga", "in"]), "again"],
  ];
  for (const [how, die] of [
    ["is reset", (peer: Peer) => peer.reset()],
    ["closes", (peer: Peer) => peer.socket.destroy()],
  ] as const) {
    for (const [name, body, text] of bodies) {
      test(`and ${how} without a byte: the request (body: ${name}) goes out once more, on a new one`, async () => {
        await using server = await startServer(ofFirst(dying(die)));
        using client = testClient();
        expect(await call(client, server.url, { body: "first" })).toBe("first");
        expect(await call(client, server.url, { body: body() })).toBe(text);
        expect(server.peers.map(({ requests }) => requests)).toEqual([1, 1]);
        expect(client.stats).toEqual({ open: 1, idle: 1, reused: 1 });
      });
    }
  }

  test("is not followed by another kept one, which may have died as well", async () => {
    const both = together(2);
    await using server = await startServer(async (peer) => {
      if (server.peers.length > 2) return echo(peer);
      await both(peer);
    });
    using client = testClient();
    await Promise.all([call(client, server.url), call(client, server.url)]);
    // Both die unseen: the event loop has no turn between this and the next call.
    const sending = (() => {
      for (const peer of server.peers) peer.socket.resetAndDestroy();
      return client.send(requestTo(server.url, { body: "next" }));
    })();
    expect(await textOf(await sending.answer)).toBe("next");
    expect(server.peers).toHaveLength(3);
    expect(server.peers[2]!.requests).toBe(1);
  });

  test("is tried again once only", async () => {
    let count = 0;
    await using server = await startServer(async (peer) => {
      if (count++ > 0) {
        await peer.request();
        return peer.reset();
      }
      await dying((each) => each.reset())(peer);
    });
    using client = testClient();
    await call(client, server.url);
    expect((await rejection(client.send(requestTo(server.url)).answer)).code).toBe("reset");
    expect(server.peers).toHaveLength(2);
    expect(client.stats.open).toBe(0);
  });

  test("after the first byte of an answer is a failure: the request has been seen", async () => {
    await using server = await startServer(
      ofFirst(
        dying(async (peer) => {
          await peer.send("H");
          peer.reset();
        }),
      ),
    );
    using client = testClient();
    await call(client, server.url);
    expect((await rejection(client.send(requestTo(server.url)).answer)).code).toBe("reset");
    expect(server.peers).toHaveLength(1);
  });

  test("after a while is a failure: the upstream may have died at work", async () => {
    for (const [passes, peers] of [
      [1999, 2],
      [2000, 1],
    ] as const) {
      const heard = Promise.withResolvers<Peer>();
      await using server = await startServer(ofFirst(dying((peer) => heard.resolve(peer))));
      using client = testClient();
      await call(client, server.url);
      const sending = client.send(requestTo(server.url));
      const peer = await heard.promise;
      client.clock.advance(passes);
      peer.reset();
      if (peers === 2) expect(await textOf(await sending.answer)).toBe("ping");
      else expect((await rejection(sending.answer)).code).toBe("reset");
      expect(server.peers).toHaveLength(peers);
    }
  });

  test("is nothing a new connection is forgiven: the request may have been done", async () => {
    await using server = await startServer(async (peer) => {
      await peer.request();
      peer.reset();
    });
    using client = testClient();
    expect((await rejection(client.send(requestTo(server.url)).answer)).code).toBe("reset");
    expect(server.requests).toBe(1);
    expect(server.peers).toHaveLength(1);
  });

  test("cannot happen to a streamed body, which cannot be sent again: it has a new one from the start", async () => {
    await using server = await startServer(echo);
    using client = testClient();
    await call(client, server.url);
    const body = new Blob(["streamed"]).stream() as ReadableStream<Uint8Array>;
    expect(await call(client, server.url, { body })).toBe("streamed");
    expect(server.peers.map(({ requests }) => requests)).toEqual([1, 1]);
    expect(client.stats).toEqual({ open: 2, idle: 2, reused: 0 });
  });

  test("does not matter to a call that has been given up", async () => {
    const heard = Promise.withResolvers<Peer>();
    await using server = await startServer(ofFirst(dying((peer) => heard.resolve(peer))));
    using client = testClient();
    await call(client, server.url);
    const sending = client.send(requestTo(server.url));
    const peer = await heard.promise;
    sending.abort();
    expect((await rejection(sending.answer)).code).toBe("aborted");
    await peer.closed;
    expect(server.peers).toHaveLength(1);
  });
});

describe("an upstream that closes idle connections after 3 ms", () => {
  test("neither fails a POST nor sees one twice", async () => {
    const seen: string[] = [];
    await using server = await startServer(async (peer) => {
      for (;;) {
        const { body } = await peer.request();
        seen.push(body.toString());
        await peer.answer(body.toString());
        const timer = setTimeout(() => peer.socket.destroy(), 3);
        await peer.until(1);
        clearTimeout(timer);
      }
    });
    using client = testClient();
    const lane = async (name: number) => {
      for (let i = 0; i < 50; i += 1) {
        const body = `${name}/${i}`;
        expect(await call(client, server.url, { body })).toBe(body);
        // Around the moment at which the other side closes: the point of this test is the race.
        await new Promise((resolve) => setTimeout(resolve, 2 + (i % 3)));
      }
    };
    await Promise.all(Array.from({ length: 8 }, (_, name) => lane(name)));
    expect(seen).toHaveLength(400);
    expect(new Set(seen).size).toBe(400);
  });
});

describe("calls side by side", () => {
  test("are not limited to the 256 of the runtime's own client", async () => {
    await using server = await startServer(together(400));
    using client = testClient();
    const bodies = Array.from({ length: 400 }, (_, i) => String(i));
    expect(await Promise.all(bodies.map((body) => call(client, server.url, { body })))).toEqual(bodies);
  });

  test("do not disturb each other when one breaks", async () => {
    const all = together(3);
    await using server = await startServer(async (peer) => {
      const { body } = await peer.request();
      await peer.send(`${OK}content-length: 10\r\n\r\n${body}`);
      if (body.toString() === "bad..") return peer.reset();
      await all(peer);
    });
    using client = testClient();
    const [good, bad] = await Promise.all(
      ["good.", "bad.."].map(async (body) => client.send(requestTo(server.url, { body })).answer),
    );
    expect(await drain(bad!)).toEqual({ text: "bad..", code: "reset" });
    await server.peers[0]!.send("going");
    await server.peers[1]?.send("going");
    expect((await drain(good!)).text).toBe("good.going");
  });
});
