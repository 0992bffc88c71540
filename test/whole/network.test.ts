/** The ways out of the compiled binary: proxies and private roots hold for calls, for Realtime and for media alike. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { ACCESS_KEY, missingBinary, type RunningBinary, startBinary } from "../support/binary.ts";
import { createAuthority } from "../support/certificates.ts";
import { type StandInProxy, startProxy } from "../support/proxies.ts";
import { PIXEL } from "../support/sdks/index.ts";

const authority = createAuthority();
const PASS = "relay:proxy-password-0123";
const auth = { authorization: `Bearer ${ACCESS_KEY}` };

/** An upstream behind TLS with a private root: chat, Gemini, Realtime and a picture. */
function startOrigin() {
  const asked: string[] = [];
  let ended = 0;
  /** Chunks of a chat that nobody ends but its client. */
  const endless = (signal: AbortSignal): Response => {
    let count = 0;
    const body = new ReadableStream({
      async pull(controller) {
        const choices = [{ index: 0, delta: { content: `word ${(count += 1)} ` }, finish_reason: null }];
        const chunk = { id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices };
        controller.enqueue(`data: ${JSON.stringify(chunk)}\n\n`);
        await Bun.sleep(5);
      },
    });
    signal.addEventListener("abort", () => {
      ended += 1;
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: authority.issue("vendor.test", "spared.test", "localhost"),
    async fetch(request, self) {
      const { pathname } = new URL(request.url);
      asked.push(`${request.headers.get("host")?.replace(/:\d+$/, "")} ${pathname}`);
      if (pathname === "/picture") return new Response(Buffer.from(PIXEL, "base64"));
      if (self.upgrade(request, { data: undefined })) return undefined;
      if (pathname.includes("generateContent")) {
        return Response.json({ candidates: [{ content: { parts: [{ text: "seen" }] }, finishReason: "STOP" }] });
      }
      if ((await request.text()).includes("endless")) return endless(request.signal);
      const message = { role: "assistant", content: "hello" };
      return Response.json({
        id: "c",
        object: "chat.completion",
        choices: [{ index: 0, message, finish_reason: "stop" }],
      });
    },
    websocket: { message: (socket, message) => void socket.send(`echo ${message}`) },
  });
  return {
    asked,
    /** Streams that their client has left. */
    get ended() {
      return ended;
    },
    port: server.port as number,
    stop: () => server.stop(true),
  };
}

/** What a session says first, or how it failed. */
function sayHello(relay: RunningBinary, model: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = new WebSocket(`ws://127.0.0.1:${relay.port}/v1/realtime?model=${model}`, { headers: auth } as never);
  socket.onopen = () => socket.send("hello");
  socket.onmessage = ({ data }) => {
    resolve(String(data));
    socket.close(1000, "");
  };
  socket.onclose = ({ code }) => resolve(`closed with ${code}`);
  return promise;
}

describe.skipIf(missingBinary !== undefined)(
  `ways out${missingBinary === undefined ? "" : ` (${missingBinary})`}`,
  () => {
    let origin: ReturnType<typeof startOrigin>;
    let web: StandInProxy;
    let socks: StandInProxy;
    let ofKey: StandInProxy;
    let relay: RunningBinary;

    beforeAll(async () => {
      origin = startOrigin();
      const route = () => origin.port;
      web = await startProxy({ kind: "http", pass: PASS, route });
      socks = await startProxy({ kind: "socks5", pass: PASS, route });
      ofKey = await startProxy({ kind: "socks5", route });
      const of = (host: string) => ({ base_url: `https://${host}/v1`, keys: [{ key: "vendor-key-0123" }] });
      relay = await startBinary({
        files: { "root.pem": authority.ca },
        config: JSON.stringify({
          providers: {
            web: { ...of("vendor.test"), models: { include: ["web-*"] } },
            socks: { ...of("vendor.test"), proxy: socks.url, models: { include: ["socks-*"] } },
            keyed: {
              ...of("vendor.test"),
              keys: [
                { key: "vendor-key-0125", proxy: ofKey.url },
                { key: "vendor-key-0126", label: "other" },
              ],
              models: { include: ["keyed-*"] },
            },
            direct: { ...of(`localhost:${origin.port}`), proxy: "none", models: { include: ["direct-*"] } },
            gemini: {
              ...{ provider_type: "gemini", base_url: "https://vendor.test", keys: [{ key: "vendor-key-0124" }] },
              models: { include: ["gemini-*"] },
            },
          },
          network: { proxy: web.url, ca_file: "root.pem", allow_private_networks: ["127.0.0.0/8"] },
          model_routing: { failover: { enabled: false } },
        }),
      });
    });
    beforeEach(() => {
      for (const list of [origin.asked, web.asked, socks.asked]) list.length = 0;
    });
    afterAll(async () => {
      const log = relay.stderr();
      expect(await relay.stop()).toBe(0);
      expect(log).not.toContain("proxy-password");
      expect([...web.refused, ...socks.refused]).toEqual([]);
      await Promise.all([web.stop(), socks.stop(), ofKey.stop(), origin.stop()]);
    });

    const chat = async (model: string, content: unknown = "hi", base: RunningBinary = relay): Promise<string> => {
      const answer = await fetch(`${base.url}/v1/chat/completions`, {
        method: "POST",
        headers: { ...auth, "content-type": "application/json" },
        body: JSON.stringify({ model, messages: [{ role: "user", content }] }),
      });
      if (answer.status !== 200) return `${answer.status} ${await answer.text()}`;
      const { choices } = (await answer.json()) as { choices: { message: { content: string } }[] };
      return choices[0]!.message.content;
    };

    test("calls go through network.proxy, the provider's own proxy, or none", async () => {
      expect([await chat("web-1"), await chat("socks-1"), await chat("direct-1")]).toEqual(["hello", "hello", "hello"]);
      expect(web.asked).toEqual(["vendor.test:443"]);
      expect(socks.asked).toEqual(["vendor.test:443"]);
      expect(origin.asked).toEqual(
        ["vendor.test", "vendor.test", "localhost"].map((host) => `${host} /v1/chat/completions`),
      );
    });

    test("streams arrive piece by piece through either, and a client that leaves lets the upstream go", async () => {
      for (const model of ["web-1", "socks-1"]) {
        const leaving = new AbortController();
        const answer = await fetch(`${relay.url}/v1/chat/completions`, {
          method: "POST",
          headers: { ...auth, "content-type": "application/json" },
          body: JSON.stringify({ model, stream: true, messages: [{ role: "user", content: "endless" }] }),
          signal: leaving.signal,
        });
        const reader = answer.body!.getReader();
        let text = "";
        while (!text.includes("word 2")) text += new TextDecoder().decode((await reader.read()).value);
        const before = origin.ended;
        leaving.abort();
        while (origin.ended === before) await Bun.sleep(5);
      }
    });

    test("a key may have a way of its own, for calls and for Realtime", async () => {
      expect([await chat("keyed-1"), await chat("keyed-1")]).toEqual(["hello", "hello"]);
      expect(ofKey.asked).toEqual(["vendor.test:443"]);
      ofKey.asked.length = 0;
      expect([await sayHello(relay, "keyed-1"), await sayHello(relay, "keyed-1")]).toEqual([
        "echo hello",
        "echo hello",
      ]);
      expect(ofKey.asked).toEqual(["vendor.test:443"]);
      expect(web.asked).toContain("vendor.test:443");
    });

    test("so do Realtime sessions", async () => {
      for (const model of ["web-1", "socks-1", "direct-1"]) expect(await sayHello(relay, model)).toBe("echo hello");
      expect(web.asked).toEqual(["vendor.test:443"]);
      expect(socks.asked).toEqual(["vendor.test:443"]);
      expect(origin.asked).toEqual(["vendor.test", "vendor.test", "localhost"].map((host) => `${host} /v1/realtime`));
    });

    test("media by URL goes through network.proxy, to the address that was checked", async () => {
      const url = "https://localhost/picture";
      expect(await chat("gemini-2.5-flash", [{ type: "image_url", image_url: { url } }])).toBe("seen");
      expect(web.asked).toContain("127.0.0.1:443");
      expect(web.asked).not.toContain("localhost:443");
      expect(origin.asked[0]).toBe("localhost /picture");
    });

    test("the environment's proxy rules where the configuration is silent, but for what NO_PROXY spares", async () => {
      const other = await startBinary({
        files: { "root.pem": authority.ca },
        env: { HTTPS_PROXY: web.url, NO_PROXY: "localhost" },
        config: JSON.stringify({
          providers: {
            web: {
              base_url: "https://vendor.test/v1",
              keys: [{ key: "vendor-key-0123" }],
              models: { include: ["web-*"] },
            },
            spared: {
              ...{ base_url: `https://localhost:${origin.port}/v1`, keys: [{ key: "vendor-key-0123" }] },
              models: { include: ["spared-*"] },
            },
          },
          network: { ca_file: "root.pem" },
        }),
      });
      try {
        expect([await chat("web-1", "hi", other), await chat("spared-1", "hi", other)]).toEqual(["hello", "hello"]);
        expect([await sayHello(other, "web-1"), await sayHello(other, "spared-1")]).toEqual([
          "echo hello",
          "echo hello",
        ]);
        expect(new Set(web.asked)).toEqual(new Set(["vendor.test:443"]));
        expect(origin.asked.toSorted()).toEqual([
          "localhost /v1/chat/completions",
          "localhost /v1/realtime",
          "vendor.test /v1/chat/completions",
          "vendor.test /v1/realtime",
        ]);
      } finally {
        expect(await other.stop()).toBe(0);
      }
    });

    test("without the root nobody is trusted, and without the proxy nobody is asked past it", async () => {
      const gone = await startProxy({ kind: "http" });
      await gone.stop();
      const other = await startBinary({
        config: JSON.stringify({
          providers: {
            untrusted: {
              ...{ base_url: `https://localhost:${origin.port}/v1`, keys: [{ key: "vendor-key-0123" }], proxy: "none" },
              models: { include: ["untrusted-*"] },
            },
            gone: {
              ...{ base_url: `https://localhost:${origin.port}/v1`, keys: [{ key: "vendor-key-0123" }] },
              models: { include: ["gone-*"] },
            },
          },
          network: { proxy: gone.url },
        }),
      });
      try {
        for (const model of ["untrusted-1", "gone-1"]) {
          expect(await chat(model, "hi", other)).toStartWith("502 ");
          expect(await sayHello(other, model)).toMatch(/^closed with/);
        }
        expect(origin.asked).toEqual([]);
      } finally {
        expect(await other.stop()).toBe(0);
      }
    });
  },
);
