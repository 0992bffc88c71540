/** R89: where a URL that somebody else has named may lead, in every spelling; and that the operator's own may lead anywhere. */
import { describe, expect, test } from "bun:test";
import { destinationOf, originsIn } from "../../src/net/destinations.ts";

const NOBODY: ReadonlySet<string> = new Set();
const NAMES: Readonly<Record<string, readonly string[]>> = {
  "public.example": ["93.184.215.14", "2606:4700::1111"],
  "loopback.example": ["127.0.0.1"],
  "loopback6.example": ["::1"],
  "mixed.example": ["93.184.215.14", "10.0.0.7"],
  "mapped.example": ["::ffff:169.254.169.254"],
  "corp.example": ["10.0.0.7"],
  localhost: ["127.0.0.1"],
  "localhost.": ["127.0.0.1"],
  "metadata.google.internal": ["169.254.169.254"],
};
const names = async (hostname: string) => {
  const found = NAMES[hostname];
  if (found === undefined) throw new Error("ENOTFOUND");
  return found;
};
const rules = { allowed: [] as readonly string[], trusted: NOBODY, names };
const outcome = (url: string, own: Partial<typeof rules> = {}) =>
  destinationOf(url, { ...rules, ...own }).then(
    (found) => (found.type === "any" ? "anywhere" : found.addresses.join(" ")),
    (error: unknown) => {
      if (!(error instanceof TypeError)) throw error;
      return "refused";
    },
  );

describe("R89 ★ refused, in whatever spelling", () => {
  test.each([
    "http://127.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://2130706433/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://0/",
    "http://0.0.0.0/",
    "http://127.0.0.1./",
    "http://①②⑦.0.0.1/",
    "http://127。0。0。1/",
    "http://%31%32%37.0.0.1/",
    "http://[::]/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[fe80::1]/",
    "http://[fd00::1]/",
    "http://[ff02::1]/",
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost./",
    "https://any.localhost/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.0.1/",
    "http://100.64.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://metadata.google.internal/",
    "http://metadata.goog/",
    "http://metadata/",
    "http://instance-data/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://loopback.example/",
    "http://loopback6.example/",
    "http://mixed.example/",
    "http://mapped.example/",
    "file:///etc/passwd",
    "data:text/plain,x",
    "s3://bucket/key",
    "unix:/var/run/docker.sock",
    "gopher://127.0.0.1:6379/_x",
    "ftp://public.example/",
    "javascript:alert(1)",
    "blob:https://public.example/x",
    "http://user@public.example/",
    "http://user:secret@public.example/",
    "http://public.example@127.0.0.1/",
    "http://public.example#@127.0.0.1@127.0.0.1/x@",
    "not a URL",
    "",
    "//public.example/",
  ])("%s", async (url) => {
    // What stands behind a hash is no host: that one goes where its beginning says, and nowhere else.
    expect(await outcome(url)).toBe(url.includes("#@") ? NAMES["public.example"]!.join(" ") : "refused");
  });

  test("what is refused names no more than the host, and what to do", async () => {
    const asking = destinationOf("http://127.0.0.1:9/path?token=secret", rules);
    await expect(asking).rejects.toThrow("127.0.0.1: its address is not public");
    await asking.catch((error: Error) => expect(error.message).not.toMatch(/path|token|secret/));
    await destinationOf("http://user:hunter2@public.example/", rules).catch((error: Error) =>
      expect(error.message).not.toContain("hunter2"),
    );
  });
});

describe("what goes", () => {
  test("a public name goes to the addresses that were checked, a public address to itself", async () => {
    expect(await outcome("https://public.example/x")).toBe("93.184.215.14 2606:4700::1111");
    expect(await outcome("https://1.1.1.1/")).toBe("1.1.1.1");
    expect(await outcome("https://[2606:4700::1111]/")).toBe("2606:4700::1111");
  });

  test("a name without an address here has none: only a proxy may know better", async () => {
    expect(await outcome("https://nowhere.example/")).toBe("");
  });

  test("a listed network goes, and nothing beside it", async () => {
    const allowed = ["10.0.0.0/24"];
    expect(await outcome("https://corp.example/", { allowed })).toBe("10.0.0.7");
    expect(await outcome("http://10.0.0.9/", { allowed })).toBe("10.0.0.9");
    for (const url of ["http://10.0.1.1/", "http://localhost/", "http://metadata.goog/", "http://loopback.example/"]) {
      expect([url, await outcome(url, { allowed })]).toEqual([url, "refused"]);
    }
  });

  test("an origin that the operator wrote goes anywhere; another port, scheme or name of it does not", async () => {
    const trusted = originsIn({ issuer: "http://127.0.0.1:9000/realm", more: [{ url: "https://corp.example" }] });
    expect([...trusted]).toEqual(["http://127.0.0.1:9000", "https://corp.example"]);
    expect(await outcome("http://127.0.0.1:9000/other", { trusted })).toBe("anywhere");
    expect(await outcome("http://127.1:9000/other", { trusted })).toBe("anywhere");
    expect(await outcome("https://corp.example/keys", { trusted })).toBe("anywhere");
    for (const url of [
      "http://127.0.0.1:9001/",
      "https://127.0.0.1:9000/",
      "http://localhost:9000/",
      "http://corp.example/",
      "https://corp.example:8443/",
      "http://user@127.0.0.1:9000/",
    ]) {
      expect([url, await outcome(url, { trusted })]).toEqual([url, "refused"]);
    }
  });
});

test("only whole URLs of options count as named by the operator", () => {
  expect([
    ...originsIn({ a: "see http://127.0.0.1/", b: "ftp://127.0.0.1/", c: "http://", d: 7, e: null, f: "" }),
  ]).toEqual([]);
});
