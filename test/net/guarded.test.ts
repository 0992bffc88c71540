/** The fetcher for what strangers name: whatever the spelling, nothing but public addresses, and never more than was asked for. */
import { afterEach, describe, expect, test } from "bun:test";
import { createGuardedFetcher, type GuardedOptions } from "../../src/net/guarded.ts";
import { PLAIN_WAY } from "../../src/net/way-out.ts";
import { isClosedAddress, isReachableAddress } from "../../src/net/public-addresses.ts";
import { systemClock } from "../../src/support/clock.ts";
import { type Script, startUpstream, type Upstream } from "../support/upstream.ts";

const open: Upstream[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});
async function server(...script: Script[]): Promise<Upstream> {
  const started = await startUpstream(...script);
  open.push(started);
  return started;
}

const LOOPBACK = ["127.0.0.0/8"];
const NOTHING: readonly string[] = [];
const options = (more: Partial<GuardedOptions> = {}): GuardedOptions => ({
  allowed: NOTHING,
  way: PLAIN_WAY,
  bytesMax: 1000,
  totalMs: 2000,
  headers: {},
  signal: new AbortController().signal,
  ...more,
});
/** Names that lead wherever a test wants, one list per question. */
const resolving = (...answers: string[][]) => {
  let asked = 0;
  return createGuardedFetcher(systemClock, async () => answers[Math.min(asked++, answers.length - 1)]!);
};
const failure = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "fetched",
    (error: Error) => `failed: ${error.message}`,
  );

describe("E51: addresses that are not public", () => {
  test.each([
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:a9fe:a9fe",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a00:1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "fe80::1%eth0",
    "[::1]",
    "not an address",
    "",
  ])("%s", (address) => {
    expect(isReachableAddress(address, NOTHING)).toBe(false);
  });

  test.each([
    "1.1.1.1",
    "93.184.215.14",
    "172.15.0.1",
    "172.32.0.1",
    "2606:4700::1111",
    "64:ff9b::101:101",
    "2002:101:101::1",
  ])("%s is public", (address) => {
    expect(isReachableAddress(address, NOTHING)).toBe(true);
  });

  test("what the operator lists is permitted, and nothing beside it", () => {
    expect(isReachableAddress("10.0.0.7", ["10.0.0.0/24"])).toBe(true);
    expect(isReachableAddress("10.0.1.7", ["10.0.0.0/24"])).toBe(false);
    expect(isReachableAddress("::ffff:10.0.0.7", ["10.0.0.0/24"])).toBe(true);
  });
});

describe("R89: addresses that need a listing even where private ones do not", () => {
  test.each([
    ...["0.0.0.0", "169.254.169.254", "100.100.100.200", "224.0.0.1", "255.255.255.255", "::", "fe80::1", "ff02::1"],
    ...["fd00:ec2::254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "", "not an address"],
  ])("%p", (address) => {
    expect(isClosedAddress(address, NOTHING)).toBe(true);
  });

  test.each([
    "127.0.0.1",
    "::1",
    "10.0.0.1",
    "192.168.1.1",
    "172.16.0.1",
    "100.64.0.1",
    "fd12::1",
    "1.1.1.1",
    "2606:4700::1111",
  ])("%s does not", (address) => {
    expect(isClosedAddress(address, NOTHING)).toBe(false);
  });

  test("what is listed is open", () => {
    expect(isClosedAddress("169.254.169.254", ["169.254.169.254"])).toBe(false);
    expect(isClosedAddress("169.254.169.253", ["169.254.169.254"])).toBe(true);
  });
});

describe("E51: nobody is asked for", () => {
  test.each([
    "http://127.0.0.1:PORT/",
    "http://127.1:PORT/",
    "http://2130706433:PORT/",
    "http://0x7f000001:PORT/",
    "http://0177.0.0.1:PORT/",
    "http://[::1]:PORT/",
    "http://[::ffff:127.0.0.1]:PORT/",
    "http://127.0.0.1.:PORT/",
    "http://①②⑦.0.0.1:PORT/",
    "http://user:pass@example.com:PORT/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:PORT/",
    "data:text/plain,x",
    `http://example.com:PORT/${"a".repeat(9000)}`,
    "not a url",
  ])("%s", async (url) => {
    const up = await server({ text: "secret" });
    const fetcher = resolving(["127.0.0.1"]);
    expect(await failure(fetcher.get(url.replace("PORT", String(up.port)), options()))).toStartWith("failed: ");
    expect(up.received).toEqual([]);
  });

  test("a name that leads inside, alone or among public addresses", async () => {
    const up = await server({ text: "secret" });
    const url = `http://media.example:${up.port}/`;
    for (const addresses of [["127.0.0.1"], ["1.1.1.1", "127.0.0.1"], ["::1"]]) {
      expect(await failure(resolving(addresses).get(url, options()))).toStartWith("failed: ");
    }
    expect(up.received).toEqual([]);
  });

  test("a name is resolved once, and what was checked is what is connected to", async () => {
    const up = await server({ text: "good" });
    let asked = 0;
    const fetcher = createGuardedFetcher(systemClock, async () => (asked++ === 0 ? ["127.0.0.1"] : ["10.0.0.1"]));
    const bytes = await fetcher.get(`http://media.example:${up.port}/`, options({ allowed: LOOPBACK }));
    expect(new TextDecoder().decode(bytes)).toBe("good");
    expect(asked).toBe(1);
  });

  test("a redirect that leads inside", async () => {
    const inside = await server({ text: "secret" });
    for (const location of [
      `http://127.0.0.1:${inside.port}/`,
      `http://inside.example:${inside.port}/`,
      "file:///etc/passwd",
    ]) {
      const outside = await server({ status: 302, headers: { location }, text: "" });
      let asked = 0;
      // Only the first name leads to where this test may go.
      const fetcher = createGuardedFetcher(systemClock, async () => (asked++ === 0 ? ["127.0.0.9"] : ["127.0.0.1"]));
      const asking = fetcher.get(`http://media.example:${outside.port}/`, options({ allowed: ["127.0.0.9"] }));
      expect(await failure(asking)).toStartWith("failed: ");
    }
    expect(inside.received).toEqual([]);
  });
});

describe("what is fetched", () => {
  const allowed = LOOPBACK;

  test("arrives whole, without credential, cookie or compression", async () => {
    const up = await server({ chunks: ["ab", "cd"], headers: { "content-type": "image/png" } });
    const bytes = await resolving(["127.0.0.1"]).get(
      `http://media.example:${up.port}/a?b=c#d`,
      options({ allowed, headers: { accept: "image/*" } }),
    );
    expect(new TextDecoder().decode(bytes)).toBe("abcd");
    const { headers, query, method } = up.received[0]!;
    expect([method, query, headers.get("host")]).toEqual(["GET", "?b=c", `media.example:${up.port}`]);
    expect(["authorization", "cookie", "referer"].map((name) => headers.get(name))).toEqual([null, null, null]);
    expect(headers.get("accept-encoding")).toBe("identity");
  });

  test("follows three redirects and no more", async () => {
    const up: Upstream = await server((received) => {
      const left = Number(received.path.slice(1));
      return left === 0 ? { text: "here" } : { status: 307, headers: { location: `/${left - 1}` }, text: "" };
    });
    const fetcher = resolving(["127.0.0.1"]);
    expect(await failure(fetcher.get(`http://media.example:${up.port}/3`, options({ allowed })))).toBe("fetched");
    expect(await failure(fetcher.get(`http://media.example:${up.port}/4`, options({ allowed })))).toContain(
      "redirects",
    );
  });

  test.each([
    ["declared", { text: "x".repeat(1001) }],
    ["not declared", { chunks: ["x".repeat(600), "x".repeat(600)] }],
  ])("is never larger than allowed: %s", async (_name, reply) => {
    const up = await server(reply);
    const asking = resolving(["127.0.0.1"]).get(`http://media.example:${up.port}/`, options({ allowed }));
    expect(await failure(asking)).toStartWith("failed: ");
  });

  test("is given up when it takes too long, or when the caller has left", async () => {
    const up = await server({ chunks: ["x"], end: "hang" });
    const url = `http://media.example:${up.port}/`;
    expect(await failure(resolving(["127.0.0.1"]).get(url, options({ allowed, totalMs: 50 })))).toContain("too long");
    const caller = new AbortController();
    const asking = resolving(["127.0.0.1"]).get(url, options({ allowed, signal: caller.signal }));
    caller.abort();
    expect(await failure(asking)).toContain("left");
  });

  test.each([404, 500, 204])("a %d is no file", async (status) => {
    const up = await server({ status, text: "" });
    const asking = resolving(["127.0.0.1"]).get(`http://media.example:${up.port}/`, options({ allowed }));
    expect(await failure(asking)).toStartWith("failed: ");
  });
});
