/** `host.fetch` and the ways out: through the proxy of the configuration, trusting its roots, following nobody. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { chooseProxy, DIRECT } from "../../src/net/proxy.ts";
import type { WayOut } from "../../src/net/way-out.ts";
import { createPluginFetch } from "../../src/snapshot/plugin-fetch.ts";
import { createAuthority } from "../support/certificates.ts";
import { type StandInProxy, startProxy } from "../support/proxies.ts";

const authority = createAuthority();
let origin: Bun.Server<undefined>;
let plain: Bun.Server<undefined>;
const asked: string[] = [];
beforeAll(() => {
  const fetch = async (request: Request): Promise<Response> => {
    asked.push(`${request.method} ${new URL(request.url).pathname} ${await request.text()}`);
    return new URL(request.url).pathname === "/away"
      ? new Response(null, { status: 302, headers: { location: "/there" } })
      : new Response("answer");
  };
  const base = { port: 0, hostname: "127.0.0.1", fetch };
  origin = Bun.serve({ ...base, tls: authority.issue("token.test", "127.0.0.1") });
  plain = Bun.serve(base);
});
beforeEach(() => {
  asked.length = 0;
});
afterAll(() => Promise.all([origin.stop(true), plain.stop(true)]));

/** Loopback is nothing special here. */
const fetchBy = (way: WayOut) =>
  createPluginFetch({ way, allowed: ["127.0.0.0/8"], trusted: new Set(), names: async () => ["127.0.0.1"] });

const POST = { method: "POST", body: new URLSearchParams({ grant_type: "x" }) };

describe.each(["http", "https", "socks5"] as const)("through a proxy of kind %s", (kind) => {
  let proxy: StandInProxy;
  beforeAll(async () => {
    proxy = await startProxy({ kind, pass: "u:p", certificate: authority.issue("127.0.0.1") });
  });
  afterAll(() => proxy.stop());

  test("https goes through it, each time anew", async () => {
    const fetch = fetchBy({ proxyFor: chooseProxy(proxy.url, {}), roots: authority.ca });
    for (let round = 0; round < 3; round += 1) {
      const answer = await fetch(`https://token.test:${origin.port}/token`, POST);
      expect(await answer.text()).toBe("answer");
    }
    expect(asked).toEqual(Array.from({ length: 3 }, () => "POST /token grant_type=x"));
    expect(new Set(proxy.asked)).toEqual(new Set([`token.test:${origin.port}`]));
    expect(proxy.refused).toEqual([]);
  });

  test("a root that is not trusted is a failure", async () => {
    const fetch = fetchBy({ proxyFor: chooseProxy(proxy.url, {}), roots: createAuthority().ca });
    expect(await fetch(`https://token.test:${origin.port}/`).catch(() => "failed")).toBe("failed");
    expect(asked).toEqual([]);
  });
});

describe("directly", () => {
  test("the configuration's roots are trusted, and no environment is asked", async () => {
    const fetch = fetchBy({ proxyFor: DIRECT, roots: authority.ca });
    expect(await (await fetch(`https://127.0.0.1:${origin.port}/a`)).text()).toBe("answer");
    expect(await (await fetch(`http://127.0.0.1:${plain.port}/b`)).text()).toBe("answer");
    const strict = fetchBy({ proxyFor: DIRECT, roots: null });
    expect(await strict(`https://127.0.0.1:${origin.port}/c`).catch(() => "failed")).toBe("failed");
    expect(asked).toEqual(["GET /a ", "GET /b "]);
  });

  test("redirects are answers", async () => {
    const fetch = fetchBy({ proxyFor: DIRECT, roots: null });
    const { status } = await fetch(`http://127.0.0.1:${plain.port}/away`);
    expect([status, asked]).toEqual([302, ["GET /away "]]);
  });

  test.each(["file:///etc/passwd", "data:text/plain,x", "ftp://127.0.0.1/"])("%s is not fetched", async (url) => {
    const fetch = fetchBy({ proxyFor: DIRECT, roots: null });
    const error = await fetch(url).catch((thrown: Error) => thrown.message);
    expect(error).toStartWith("host.fetch takes http and https");
  });
});

test("http through SOCKS is refused in words, not sent past the proxy", async () => {
  const proxy = await startProxy({ kind: "socks5" });
  const fetch = fetchBy({ proxyFor: chooseProxy(proxy.url, {}), roots: null });
  const error = await fetch(`http://127.0.0.1:${plain.port}/`).catch((thrown: Error) => thrown.message);
  expect(error).toBe("host.fetch through a SOCKS proxy takes https only");
  expect([asked, proxy.asked]).toEqual([[], []]);
  await proxy.stop();
});
