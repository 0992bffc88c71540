/** Ways through proxies: to the address that was meant, with the origin's own certificate, and never past a refusal. */
import { afterEach, describe, expect, test } from "bun:test";
import { createGuardedFetcher } from "../../src/net/guarded.ts";
import { chooseProxy } from "../../src/net/proxy.ts";
import type { WayOut } from "../../src/net/way-out.ts";
import { openWebSocket, type UpstreamSocket } from "../../src/net/web-socket.ts";
import { systemClock } from "../../src/support/clock.ts";
import { createAuthority } from "../support/certificates.ts";
import { type ProxyOptions, type StandInProxy, startProxy } from "../support/proxies.ts";
import { rejection, requestTo, testClient, textOf } from "./client.ts";
import { startServer } from "./server.ts";

const authority = createAuthority();
const serverCertificate = authority.issue("origin.test", "127.0.0.1");
const proxyCertificate = authority.issue("127.0.0.1");

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** A server that says who it was asked for, and echoes WebSocket messages. */
function startOrigin(isTls: boolean) {
  const asked: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    ...(isTls ? { tls: serverCertificate } : {}),
    async fetch(request, self) {
      asked.push(`${request.method} ${new URL(request.url).pathname} for ${request.headers.get("host")}`);
      if (self.upgrade(request, { data: undefined })) return undefined;
      return new Response(`heard ${await request.text()}`);
    },
    websocket: {
      message: (socket, message) => void socket.send(message),
    },
  });
  open.push(() => server.stop(true));
  return { asked, port: server.port as number };
}

async function start(options: Omit<ProxyOptions, "certificate">): Promise<StandInProxy> {
  const proxy = await startProxy({ certificate: proxyCertificate, ...options });
  open.push(() => proxy.stop());
  return proxy;
}
const wayOf = (url: string, roots: string | null = authority.ca): WayOut => ({ proxyFor: chooseProxy(url, {}), roots });
const KINDS = ["http", "https", "socks5"] as const;
const PASS = "relay@corp:p:w ö";

describe.each(KINDS)("our client through a proxy of kind %s", (kind) => {
  const clientOf = (way: WayOut) => {
    const client = testClient({ proxyFor: way.proxyFor, ...(way.roots === null ? {} : { tls: { ca: way.roots } }) });
    open.push(() => client.close());
    return client;
  };

  test.each([true, false])("reaches an origin by its name, which the proxy resolves (TLS: %p)", async (isTls) => {
    const origin = startOrigin(isTls);
    const proxy = await start({ kind, pass: PASS });
    const client = clientOf(wayOf(proxy.url));
    const url = `${isTls ? "https" : "http"}://origin.test:${origin.port}/path`;
    for (const body of ["one", "two"]) {
      expect(await textOf(await client.send(requestTo(url, { body })).answer)).toBe(`heard ${body}`);
    }
    // Both over one connection, which is kept.
    expect(proxy.asked).toEqual([`origin.test:${origin.port}`]);
    expect(origin.asked).toEqual(Array.from({ length: 2 }, () => `POST /path for origin.test:${origin.port}`));
    expect(proxy.refused).toEqual([]);
  });

  test("carries much in both directions", async () => {
    const origin = startOrigin(true);
    const proxy = await start({ kind });
    const body = "x".repeat(3_000_000);
    const { answer } = clientOf(wayOf(proxy.url)).send(requestTo(`https://origin.test:${origin.port}/`, { body }));
    expect((await textOf(await answer)).length).toBe(body.length + "heard ".length);
  });

  test("does not trust an origin whose certificate names another, or that nobody has vouched for", async () => {
    const origin = startOrigin(true);
    const proxy = await start({ kind, route: () => origin.port });
    for (const [way, hostname] of [
      [wayOf(proxy.url), "other.test"],
      [wayOf(proxy.url), "10.1.2.3"],
      [{ ...wayOf(proxy.url), roots: createAuthority().ca }, "origin.test"],
    ] as const) {
      const { answer } = clientOf(way).send(requestTo(`https://${hostname}/`));
      expect((await rejection(answer)).code).toBe("tls");
    }
    expect(origin.asked).toEqual([]);
  });

  test("an address in the certificate is as good as a name", async () => {
    const origin = startOrigin(true);
    const proxy = await start({ kind });
    const { answer } = clientOf(wayOf(proxy.url)).send(requestTo(`https://127.0.0.1:${origin.port}/`));
    expect(await textOf(await answer)).toBe("heard ping");
  });

  test("a proxy that refuses, a wrong pass and nobody at all are failures without a second way", async () => {
    const origin = startOrigin(false);
    const url = `http://origin.test:${origin.port}/`;
    const refusing = await start({ kind, route: () => undefined });
    const strict = await start({ kind, pass: "u:right" });
    const gone = await start({ kind });
    await gone.stop();
    for (const proxyUrl of [
      refusing.url,
      strict.url.replace("right", "wrong"),
      strict.url.replace("u:right@", ""),
      gone.url,
    ]) {
      const error = await rejection(clientOf(wayOf(proxyUrl)).send(requestTo(url)).answer);
      expect(error.code).toBe("proxy");
      expect(`${error.message} ${error.cause}`).not.toContain("wrong");
    }
    expect(origin.asked).toEqual([]);
    expect(strict.asked).toEqual([]);
  });

  test("the limit for connecting counts the proxy's silence, and nothing is left behind", async () => {
    await using silent = await startServer(() => {});
    const client = clientOf(wayOf(`${kind}://127.0.0.1:${silent.port}`));
    const { answer } = client.send(requestTo("https://origin.test/", { connectMs: 1000 }));
    const peer = await silent.peer(0);
    await peer.until(1);
    client.clock.advance(1300);
    expect((await rejection(answer)).code).toBe("connect-timeout");
    await peer.closed;
    expect(client.stats.open).toBe(0);
  });

  test("a call that is given up lets the proxy go at once", async () => {
    await using silent = await startServer(() => {});
    const sending = clientOf(wayOf(`${kind}://127.0.0.1:${silent.port}`)).send(requestTo("https://origin.test/"));
    const peer = await silent.peer(0);
    sending.abort();
    expect((await rejection(sending.answer)).code).toBe("aborted");
    await peer.closed;
  });
});

test("an https proxy that nobody has vouched for is not told where the call goes", async () => {
  const proxy = await start({ kind: "https" });
  const client = testClient({ proxyFor: chooseProxy(proxy.url, {}) });
  expect((await rejection(client.send(requestTo("https://origin.test/")).answer)).code).toBe("tls");
  expect(proxy.asked).toEqual([]);
  client.close();
});

describe("proxies that do not keep to the rules", () => {
  test.each([
    ["garbage", "http", "SSH-2.0-x\r\n\r\n"],
    ["an endless head", "http", `HTTP/1.1 200 OK\r\nx: ${"a".repeat(20_000)}`],
    ["more than an answer", "http", "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"],
    ["a way of signing in that was not offered", "socks5", "\x05\x02"],
    ["no common way of signing in", "socks5", "\x05\xff"],
  ])("%s", async (_name, scheme, answer) => {
    await using rude = await startServer(async (peer) => {
      await peer.until(3);
      await peer.send(answer);
    });
    const client = testClient({ proxyFor: chooseProxy(`${scheme}://127.0.0.1:${rude.port}`, {}) });
    const error = await rejection(client.send(requestTo("http://origin.test/")).answer);
    expect(error.code).toMatch(/^(proxy|malformed)$/);
    client.close();
  });
});

describe.each(KINDS)("the guarded fetcher through a proxy of kind %s", (kind) => {
  const fetchThrough = (proxy: StandInProxy, url: string, addresses: readonly string[], allowed = ["127.0.0.0/8"]) => {
    const fetcher = createGuardedFetcher(systemClock, async () => addresses);
    const { signal } = new AbortController();
    return fetcher.get(url, { allowed, way: wayOf(proxy.url), bytesMax: 1000, totalMs: 5000, headers: {}, signal });
  };

  test.each([true, false])(
    "E51: has the checked address connected to, under the name that was asked for (TLS: %p)",
    async (isTls) => {
      const origin = startOrigin(isTls);
      const proxy = await start({ kind, route: () => origin.port });
      const bytes = await fetchThrough(proxy, `${isTls ? "https" : "http"}://origin.test/a`, ["1.1.1.1"], []);
      expect(new TextDecoder().decode(bytes)).toBe("heard ");
      // The proxy resolves nothing: where a name leads by then is of no interest.
      expect(proxy.asked).toEqual([`1.1.1.1:${isTls ? 443 : 80}`]);
      expect(origin.asked).toEqual(["GET /a for origin.test"]);
    },
  );

  test("E51: asks no proxy for what leads inside", async () => {
    const origin = startOrigin(false);
    const proxy = await start({ kind });
    for (const [url, addresses] of [
      [`http://inside.test:${origin.port}/`, ["127.0.0.1"]],
      [`http://inside.test:${origin.port}/`, ["1.1.1.1", "10.0.0.1"]],
      [`http://127.0.0.1:${origin.port}/`, []],
      ["http://169.254.169.254/latest/meta-data/", []],
    ] as const) {
      const outcome = await fetchThrough(proxy, url, addresses, []).then(
        () => "fetched",
        () => "refused",
      );
      expect(outcome).toBe("refused");
    }
    expect(proxy.asked).toEqual([]);
    expect(origin.asked).toEqual([]);
  });
});

describe.each(KINDS)("a WebSocket through a proxy of kind %s", (kind) => {
  const openThrough = (url: string, way: WayOut, connectMs = 5000) => {
    const messages: unknown[] = [];
    const closed = Promise.withResolvers<number>();
    let wake: (() => void) | undefined;
    const opening = openWebSocket(
      { url, headers: { authorization: "Bearer upstream-key" }, protocols: [], connectMs, way },
      {
        message(data) {
          messages.push(data);
          wake?.();
        },
        closed: (code) => closed.resolve(code),
      },
    );
    opening.socket.catch(() => {});
    const said = async (socket: UpstreamSocket, text: string): Promise<unknown> => {
      const heard = new Promise<void>((resolve) => (wake = resolve));
      socket.resume();
      socket.send(text);
      await heard;
      return messages.at(-1);
    };
    return { opening, said, closed: closed.promise };
  };

  test.each([true, false])("stands, carries messages and closes (TLS: %p)", async (isTls) => {
    const origin = startOrigin(isTls);
    const proxy = await start({ kind, pass: PASS });
    const { opening, said, closed } = openThrough(
      `${isTls ? "wss" : "ws"}://origin.test:${origin.port}/v1/realtime`,
      wayOf(proxy.url),
    );
    const socket = await opening.socket;
    expect(await said(socket, "x".repeat(200_000))).toBe("x".repeat(200_000));
    socket.close(4001, "enough");
    expect(await closed).toBe(4001);
    expect(proxy.asked).toEqual([`origin.test:${origin.port}`]);
    expect(proxy.refused).toEqual([]);
    expect(origin.asked).toEqual([`GET /v1/realtime for origin.test:${origin.port}`]);
  });

  test("a proxy that refuses and an upstream that nobody vouches for are failures before it stands", async () => {
    const origin = startOrigin(true);
    const refusing = await start({ kind, route: () => undefined });
    const leading = await start({ kind, route: () => origin.port });
    for (const [url, way, codes] of [
      ["wss://origin.test/", wayOf(refusing.url), /^(proxy|closed)$/],
      ["wss://other.test/", wayOf(leading.url), /^tls$/],
    ] as const) {
      expect((await rejection(openThrough(url, way).opening.socket)).code).toMatch(codes);
    }
    expect(origin.asked).toEqual([]);
  });

  test("is given up in time, and by the caller", async () => {
    await using silent = await startServer(() => {});
    const way = wayOf(`${kind}://127.0.0.1:${silent.port}`);
    expect((await rejection(openThrough("wss://origin.test/", way, 50).opening.socket)).code).toBe("connect-timeout");
    await (await silent.peer(0)).closed;
    const { opening } = openThrough("wss://origin.test/", way);
    const peer = await silent.peer(1);
    opening.abort();
    expect((await rejection(opening.socket)).code).toBe("aborted");
    await peer.closed;
  });
});

describe("a WebSocket without a proxy", () => {
  test("trusts a root of the configuration, and nobody else's word", async () => {
    const origin = startOrigin(true);
    const opening = (roots: string | null) =>
      openWebSocket(
        {
          url: `wss://127.0.0.1:${origin.port}/`,
          headers: {},
          protocols: [],
          connectMs: 5000,
          way: { proxyFor: () => null, roots },
        },
        { message() {}, closed() {} },
      ).socket;
    (await opening(authority.ca)).abort();
    expect((await rejection(opening(null))).code).toBe("tls");
    expect(origin.asked).toHaveLength(1);
  });
});
