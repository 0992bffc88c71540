/** R89 at the socket: what plugins fetch goes to the address that was checked, and a stranger's URL leads nowhere inside. */
import { afterEach, describe, expect, test } from "bun:test";
import { chooseProxy } from "../../src/net/proxy.ts";
import { createPluginFetch, type PluginFetchOptions } from "../../src/snapshot/plugin-fetch.ts";
import { createAuthority } from "../support/certificates.ts";
import { type Script, startUpstream, type Upstream } from "../support/upstream.ts";

const open: { stop(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});
async function server(...script: Script[]): Promise<Upstream> {
  const started = await startUpstream(...script);
  open.push(started);
  return started;
}

const LOOPBACK = ["127.0.0.0/8"];
interface Own {
  readonly allowed?: readonly string[];
  readonly trusted?: readonly string[];
  readonly proxy?: string | null;
  readonly roots?: string;
  readonly names?: PluginFetchOptions["names"];
}
function fetchWith({ allowed = [], trusted = [], proxy = null, roots, names }: Own) {
  return createPluginFetch({
    way: { proxyFor: chooseProxy(proxy, {}), roots: roots ?? null },
    allowed,
    trusted: new Set(trusted),
    ...(names === undefined ? {} : { names }),
  });
}
/** One list of addresses per question; the last one repeats. */
function resolving(...answers: string[][]) {
  let asked = 0;
  return async () => answers[Math.min(asked++, answers.length - 1)]!;
}
const failure = (work: Promise<Response>): Promise<string> =>
  work.then(
    ({ status }) => `answered ${status}`,
    (error: Error) => `failed: ${error.message}`,
  );

describe("R89 ★ host.fetch", () => {
  test("nobody is asked for a URL that leads inside, by address or by name", async () => {
    const up = await server({ text: "secret" });
    const fetch = fetchWith({ names: resolving(["127.0.0.1"]) });
    for (const host of [
      "127.0.0.1",
      "127.1",
      "0x7f000001",
      "2130706433",
      "[::ffff:127.0.0.1]",
      "localhost.",
      "a.example",
    ]) {
      expect(await failure(fetch(`http://${host}:${up.port}/`))).toContain("is not public");
    }
    expect(up.received).toEqual([]);
  });

  test("a name that is public at first and then leads inside is asked for once: what was checked is connected to", async () => {
    const up = await server({ text: "good" });
    const names = resolving(["127.0.0.1"], ["10.0.0.1"]);
    const fetch = fetchWith({ allowed: LOOPBACK, names });
    const response = await fetch(`http://id.example:${up.port}/a?b=c`);
    expect(await response.text()).toBe("good");
    expect(up.received[0]).toMatchObject({ path: "/a", query: "?b=c" });
    expect(up.received[0]!.headers.get("host")).toBe(`id.example:${up.port}`);
    // And the other way round: public by the first answer, so nothing of the second is ever used.
    const away = fetchWith({ names: resolving(["192.0.2.1"], ["127.0.0.1"]) });
    expect(await failure(away(`http://id.example:${up.port}/`))).toContain("is not public");
    expect(up.received).toHaveLength(1);
  });

  test("a redirect is handed back as it is; following it is asked for anew, and refused when it leads inside", async () => {
    const inside = await server({ text: "secret" });
    const outside = await server({ status: 302, headers: { location: `http://127.0.0.1:${inside.port}/` }, text: "" });
    const fetch = fetchWith({ trusted: [outside.url] });
    const response = await fetch(`${outside.url}/`);
    expect([response.status, response.headers.get("location")]).toEqual([302, `http://127.0.0.1:${inside.port}/`]);
    expect(await failure(fetch(response.headers.get("location")!))).toContain("is not public");
    expect(await failure(fetch(`${outside.url}/`, { redirect: "follow" }))).toBe("answered 302");
    expect(inside.received).toEqual([]);
  });

  test("method, headers and body go along, whatever they were given as; the next address is tried when one is dead", async () => {
    const up = await server({ json: { ok: true }, status: 201, headers: { "x-more": "1" } });
    const fetch = fetchWith({ allowed: LOOPBACK, names: resolving(["127.0.0.9", "127.0.0.1"]) });
    const form = new URLSearchParams({ grant_type: "x", code: "y" });
    for (const send of [
      () =>
        fetch(new URL(`http://id.example:${up.port}/token`), { method: "POST", body: form, headers: { "x-a": "b" } }),
      () =>
        fetch(
          new Request(`http://id.example:${up.port}/token`, { method: "POST", body: form, headers: { "x-a": "b" } }),
        ),
    ]) {
      up.forget();
      const response = await send();
      expect([response.status, response.headers.get("x-more"), await response.json()]).toEqual([
        201,
        "1",
        { ok: true },
      ]);
      expect(up.received[0]).toMatchObject({ method: "POST", text: "grant_type=x&code=y" });
      expect(up.received[0]!.headers.get("content-type")).toStartWith("application/x-www-form-urlencoded");
      expect(up.received[0]!.headers.get("x-a")).toBe("b");
    }
  });

  test("ends when its caller has left", async () => {
    const up = await server({ chunks: ["x"], end: "hang" });
    const caller = new AbortController();
    const fetch = fetchWith({ allowed: LOOPBACK, names: resolving(["127.0.0.1"]) });
    const response = await fetch(`http://id.example:${up.port}/`, { signal: caller.signal });
    caller.abort();
    expect(await response.text().catch((error: Error) => error.name)).toBe("AbortError");
    await up.received[0]!.aborted;
  });

  test("through a proxy the URL and what its name is here are checked; the proxy resolves by itself", async () => {
    const proxy = await server({ text: "by proxy" });
    const own = { proxy: proxy.url, names: resolving(["127.0.0.1"]) };
    for (const host of ["127.0.0.1", "inside.example", "metadata.google.internal"]) {
      expect(await failure(fetchWith(own)(`http://${host}/`))).toContain("is not public");
    }
    const unknown = async () => Promise.reject(new Error("ENOTFOUND"));
    for (const host of ["metadata.google.internal", "localhost", "x.localhost"]) {
      expect(await failure(fetchWith({ ...own, names: unknown })(`http://${host}/`))).toContain("is not public");
    }
    expect(proxy.received).toEqual([]);
    // A network whose names only the proxy knows goes on working.
    const response = await fetchWith({ ...own, names: unknown })("http://public.example/x");
    expect(await response.text()).toBe("by proxy");
    expect(proxy.received).toHaveLength(1);
  });
});

test("over TLS the name goes into the handshake, and the certificate is held against it, not against the address", async () => {
  const authority = createAuthority();
  const secure = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: authority.issue("id.example"),
    fetch: (request) => new Response(request.headers.get("host")),
  });
  open.push({ stop: () => secure.stop(true) });
  const ask = (host: string, own: Own) =>
    fetchWith({ allowed: LOOPBACK, names: resolving(["127.0.0.1"]), ...own })(`https://${host}:${secure.port}/`);
  const roots = authority.ca;
  expect(await (await ask("id.example", { roots })).text()).toBe(`id.example:${secure.port}`);
  expect(await failure(ask("other.example", { roots }))).toContain("ALTNAME");
  expect(await failure(ask("127.0.0.1", { roots }))).toContain("ALTNAME");
  expect(await failure(ask("id.example", {}))).toContain("unable to verify");
});
