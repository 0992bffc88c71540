/** How an origin is reached, what is said when it is not, and that nobody waits longer than the limit. */
import { describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { rejection, requestTo, testClient, textOf } from "./client.ts";
import { DEAF_IS_MISSING, startDeaf } from "./deaf.ts";
import { echo, startServer } from "./server.ts";

/** A port on which nobody listens: it was free a moment ago. */
async function freePort(): Promise<number> {
  await using server = await startServer(() => {});
  return server.port;
}

const hasIpv6 = Object.values(networkInterfaces()).some((each) => each?.some(({ address }) => address === "::1"));

describe("reaching an origin", () => {
  for (const name of ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.1", "0x7f000001"]) {
    test(`as ${name}`, async () => {
      await using server = await startServer(echo);
      using client = testClient();
      expect(await textOf(await client.send(requestTo(`http://${name}:${server.port}/`)).answer)).toBe("ping");
    });
  }

  test.skipIf(!hasIpv6)("by an IPv6 address (needs ::1)", async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    await using server = await startServer(async (peer) => {
      resolve((await peer.request()).head);
      await peer.answer("six");
    }, "::1");
    using client = testClient();
    expect(await textOf(await client.send(requestTo(`http://[::1]:${server.port}/`)).answer)).toBe("six");
    expect(await promise).toContain(`host: [::1]:${server.port}\r\n`);
  });

  test("names the standard port neither in the request nor twice in the pool", async () => {
    await using server = await startServer(echo);
    const asked: string[] = [];
    using client = testClient({
      lookup: async (hostname) => {
        asked.push(hostname);
        throw new Error("no such name");
      },
    });
    for (const url of ["http://example.test/", "http://example.test:80/", "https://example.test:443/x"]) {
      expect((await rejection(client.send(requestTo(url)).answer)).code).toBe("dns");
    }
    expect(asked).toEqual(["example.test", "example.test", "example.test"]);
    expect(server.peers).toEqual([]);
  });
});

describe("an origin that cannot be reached", () => {
  test("because nobody listens: refused", async () => {
    using client = testClient();
    const url = `http://127.0.0.1:${await freePort()}/sk-secret`;
    const error = await rejection(client.send(requestTo(url, { headers: { authorization: "sk-secret" } })).answer);
    expect(error.code).toBe("refused");
    expect(error.message).not.toMatch(/127|secret/);
    expect((error.cause as { code?: string }).code).toBe("ECONNREFUSED");
    expect(client.stats.open).toBe(0);
  });

  test("because its name does not exist: dns", async () => {
    using client = testClient();
    // Longer than a label may be: no resolver is asked.
    const error = await rejection(client.send(requestTo(`http://${"a".repeat(64)}.test/`)).answer);
    expect(error.code).toBe("dns");
    expect(error.message).not.toContain("aaa");
  });

  test("is tried again by the next call", async () => {
    await using server = await startServer(echo);
    let isUp = false;
    using client = testClient({
      lookup: async () => {
        if (!isUp) throw new Error("down");
        return ["127.0.0.1"];
      },
    });
    const url = `http://upstream.test:${server.port}/`;
    expect((await rejection(client.send(requestTo(url)).answer)).code).toBe("dns");
    isUp = true;
    expect(await textOf(await client.send(requestTo(url)).answer)).toBe("ping");
  });
});

describe("a lookup of our own", () => {
  test("decides where a name leads; the request still carries the name", async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    await using server = await startServer(async (peer) => {
      resolve((await peer.request()).head);
      await peer.answer();
    });
    using client = testClient({ lookup: async () => ["127.0.0.1"] });
    await client.send(requestTo(`http://upstream.test:${server.port}/`)).answer;
    expect(await promise).toContain(`host: upstream.test:${server.port}\r\n`);
  });

  test("may give several addresses: they are tried in order", async () => {
    await using server = await startServer(echo);
    using client = testClient({ lookup: async () => ["127.0.0.9", "127.0.0.8", "127.0.0.1"] });
    expect(await textOf(await client.send(requestTo(`http://upstream.test:${server.port}/`)).answer)).toBe("ping");
    using hopeless = testClient({ lookup: async () => ["127.0.0.9", "127.0.0.8"] });
    const { answer } = hopeless.send(requestTo(`http://upstream.test:${server.port}/`));
    expect((await rejection(answer)).code).toBe("refused");
  });

  test("that finds nothing: dns", async () => {
    using client = testClient({ lookup: async () => [] });
    expect((await rejection(client.send(requestTo("http://upstream.test/")).answer)).code).toBe("dns");
  });

  test("is not asked about addresses", async () => {
    await using server = await startServer(echo);
    using client = testClient({ lookup: () => Promise.reject(new Error("asked")) });
    expect(await textOf(await client.send(requestTo(server.url)).answer)).toBe("ping");
  });
});

describe("the limit for connecting", () => {
  test("holds while the name is resolved", async () => {
    using client = testClient({ lookup: () => new Promise(() => {}) });
    const { answer } = client.send(requestTo("http://upstream.test/", { connectMs: 1000 }));
    client.clock.advance(900);
    expect(await Promise.race([answer, Promise.resolve("waiting")])).toBe("waiting");
    client.clock.advance(400);
    expect((await rejection(answer)).code).toBe("connect-timeout");
    expect(client.clock.pending).toBe(0);
  });

  test("holds for each call by itself", async () => {
    using client = testClient({ lookup: () => new Promise(() => {}) });
    const first = client.send(requestTo("http://upstream.test/", { connectMs: 1000 })).answer;
    client.clock.advance(600);
    const second = client.send(requestTo("http://upstream.test/", { connectMs: 1000 })).answer;
    client.clock.advance(600);
    expect((await rejection(first)).code).toBe("connect-timeout");
    expect(await Promise.race([second, Promise.resolve("waiting")])).toBe("waiting");
    client.clock.advance(600);
    expect((await rejection(second)).code).toBe("connect-timeout");
  });

  test("holds during a TLS handshake, and the connection is closed", async () => {
    await using server = await startServer(() => {});
    using client = testClient();
    const { answer } = client.send(requestTo(`https://127.0.0.1:${server.port}/`, { connectMs: 1000 }));
    const peer = await server.peer(0);
    await peer.until(1);
    client.clock.advance(1300);
    expect((await rejection(answer)).code).toBe("connect-timeout");
    await peer.closed;
    expect(client.stats.open).toBe(0);
  });

  test("ends with the connection: an answer may take longer", async () => {
    const heard = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    await using server = await startServer(async (peer) => {
      await peer.request();
      heard.resolve();
      await gate.promise;
      await peer.answer("late");
    });
    using client = testClient();
    const { answer } = client.send(requestTo(server.url, { connectMs: 1000 }));
    await heard.promise;
    client.clock.advance(100_000);
    gate.resolve();
    expect(await textOf(await answer)).toBe("late");
  });

  describe.skipIf(DEAF_IS_MISSING !== undefined)(`where nobody answers (${DEAF_IS_MISSING ?? "at all"})`, () => {
    test("holds, and an origin that was waited for in vain leaves no sockets behind", async () => {
      await using deaf = await startDeaf();
      using client = testClient();
      const request = requestTo(`http://127.0.0.1:${deaf.port}/`, { connectMs: 1000 });
      const first = client.send(request).answer;
      await deaf.untilTrying(1);
      client.clock.advance(1300);
      expect((await rejection(first)).code).toBe("connect-timeout");
      // The first one stays until the system gives up; from then on it is known that nobody answers.
      for (let round = 0; round < 20; round += 1) {
        const { answer } = client.send(request);
        await deaf.untilTrying(2);
        client.clock.advance(1300);
        expect((await rejection(answer)).code).toBe("connect-timeout");
        await deaf.untilTrying(1);
      }
      expect(client.stats.open).toBe(0);
    });

    test("is given up at once when the caller leaves", async () => {
      await using deaf = await startDeaf();
      using client = testClient();
      for (let round = 0; round < 3; round += 1) {
        const sending = client.send(requestTo(`http://127.0.0.1:${deaf.port}/`));
        await deaf.untilTrying(Math.min(round, 1) + 1);
        sending.abort();
        expect((await rejection(sending.answer)).code).toBe("aborted");
        await deaf.untilTrying(1);
      }
    });
  });

  test("given up once, an origin that is well again is used as before", async () => {
    await using server = await startServer(echo);
    using client = testClient();
    // Given up while connecting: whether it would have succeeded, nobody will know.
    const sending = client.send(requestTo(server.url));
    sending.abort();
    expect((await rejection(sending.answer)).code).toBe("aborted");
    for (let i = 0; i < 3; i += 1) expect(await textOf(await client.send(requestTo(server.url)).answer)).toBe("ping");
    expect(server.requests).toBe(3);
    expect(client.stats).toMatchObject({ open: 1, idle: 1 });
  });
});

describe("an upstream that is in a hurry", () => {
  test("and closes as soon as it has accepted: closed", async () => {
    await using server = await startServer((peer) => peer.socket.destroy());
    using client = testClient();
    expect((await rejection(client.send(requestTo(server.url)).answer)).code).toMatch(/^(closed|reset)$/);
    expect(server.peers).toHaveLength(1);
  });

  test("and answers before it was asked is not listened to", async () => {
    await using server = await startServer((peer) => peer.answer("early"));
    using client = testClient();
    // What it says may come before or after the request has gone out; in both cases nothing is left behind.
    const outcome = await client
      .send(requestTo(server.url))
      .answer.then((answer) => textOf(answer))
      .catch((error) => error.code);
    expect(outcome).toMatch(/^(early|malformed)$/);
  });
});

test("a connection that nobody wants is really one that can be made (the tools of this file work)", async () => {
  await using server = await startServer(echo);
  const socket = connect({ port: server.port, host: "127.0.0.1" });
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  socket.destroy();
  await (await server.peer(0)).closed;
  expect(server.peers).toHaveLength(1);
});
