/** `host.metadata`: this machine's own services, past every proxy, and nothing farther away. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { fetchMetadata, refuseMetadata } from "../../src/snapshot/metadata-fetch.ts";
import { startProxy } from "../support/proxies.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

let machine: Upstream;
beforeEach(async () => {
  machine = await startUpstream({ text: "lent" });
});
afterEach(() => machine.stop());

const failure = (work: Promise<Response>): Promise<string> =>
  work.then(
    () => "answered",
    (error: Error) => error.message,
  );

describe("where it is allowed", () => {
  test.each(["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"])(
    "%s is asked, under that name",
    async (host) => {
      const url = `http://${host}:${machine.port}/token?a=b`;
      const answer = await fetchMetadata(url, { method: "PUT", headers: { metadata: "true" }, body: "x" });
      expect(await answer.text()).toBe("lent");
      const [asked] = machine.received;
      expect([asked!.method, asked!.path, asked!.query, asked!.text]).toEqual(["PUT", "/token", "?a=b", "x"]);
      expect([asked!.headers.get("metadata"), asked!.headers.get("host")]).toEqual(["true", new URL(url).host]);
    },
  );

  test.each(["http://8.8.8.8/", "http://10.0.0.1/", "http://192.168.1.1/", "http://[fd00::1]/", "http://0.0.0.0/"])(
    "%s is too far away",
    async (url) => {
      expect(await failure(fetchMetadata(url))).toContain("link-local and loopback addresses only");
    },
  );

  test.each(["https://127.0.0.1/", "file:///etc/passwd"])("%s is not http", async (url) => {
    expect(await failure(fetchMetadata(url))).toContain("host.metadata takes http, not");
  });

  test("redirects are answers, and proxies of the environment are passed by", async () => {
    const proxy = await startProxy({ kind: "http" });
    const before = process.env["HTTP_PROXY"];
    process.env["HTTP_PROXY"] = proxy.url;
    try {
      machine.script({ status: 302, headers: { location: "http://elsewhere.example/" }, text: "" });
      expect((await fetchMetadata(`${machine.url}/`)).status).toBe(302);
      expect([proxy.asked, proxy.refused]).toEqual([[], []]);
    } finally {
      if (before === undefined) delete process.env["HTTP_PROXY"];
      else process.env["HTTP_PROXY"] = before;
      await proxy.stop();
    }
  });
});

test("where it is not, nobody is asked", async () => {
  expect(await failure(refuseMetadata(machine.url))).toContain("allow_metadata: true");
  expect(machine.received).toEqual([]);
});
