/** R89: where providers may lie. What stands in the file may be private unless it says otherwise; a name is no way around it. */
import { afterEach, describe, expect, test } from "bun:test";
import type { NetError } from "../../src/net/errors.ts";
import { createClient } from "../../src/net/client.ts";
import { openWebSocket } from "../../src/net/web-socket.ts";
import { Clients } from "../../src/snapshot/clients.ts";
import { systemClock } from "../../src/support/clock.ts";
import { startProxy } from "../support/proxies.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

const open: { stop(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

async function server(): Promise<Upstream> {
  const up = await startUpstream({ text: "here" });
  open.push(up);
  return up;
}

describe("a name that leads to loopback", () => {
  test.each([
    ["is taken at its word in the file", true, [], "200"],
    ["is not asked where private addresses are forbidden", false, [], "address"],
    ["is asked where its network is listed", false, ["127.0.0.0/8"], "200"],
  ] as const)("%s", async (_name, isPrivateAllowed, listed, expected) => {
    const up = await server();
    const { mayReach } = new Clients(systemClock).get("none", null, { isPrivateAllowed, listed });
    const client = createClient({ clock: systemClock, mayReach, lookup: async () => ["127.0.0.1"] });
    open.push({ stop: () => client.close() });
    const url = `http://vendor.example:${up.port}/`;
    const outcome = await client.send({ method: "POST", url, headers: {}, body: "{}", connectMs: 2000 }).answer.then(
      (answer) => String(answer.status),
      (error: NetError) => error.code,
    );
    expect(outcome).toBe(expected);
    expect(up.received).toHaveLength(expected === "200" ? 1 : 0);
  });

  test("is none for a WebSocket either", async () => {
    const up = await server();
    const way = new Clients(systemClock).get("none", null, { isPrivateAllowed: false, listed: [] });
    const request = { url: `ws://localhost:${up.port}/`, headers: {}, protocols: [], connectMs: 2000, way };
    const error = await openWebSocket(request, { message() {}, closed() {} }).socket.catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: "address" } satisfies Partial<NetError>);
    expect(up.received).toEqual([]);
  });
});

describe("a web proxy", () => {
  const send = (proxy: string | null, environment: Record<string, string>, url: string) => {
    const { client } = new Clients(systemClock, environment).get(proxy, null);
    open.push({ stop: () => client.close() });
    return client.send({ method: "POST", url, headers: {}, body: "{}", connectMs: 2000 }).answer;
  };

  test("is given http as such, and asked for a way to https", async () => {
    const proxy = await startProxy({ kind: "http", route: () => undefined });
    open.push(proxy);
    expect((await send(proxy.url, {}, "http://vendor.example/v1/chat")).status).toBe(405);
    expect(proxy.refused[0]).toStartWith("POST http://vendor.example/v1/chat HTTP/1.1\r\n");
    const error = await send(proxy.url, {}, "https://vendor.example/v1/chat").catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: "proxy" } satisfies Partial<NetError>);
    expect(proxy.asked).toEqual(["vendor.example:443"]);
  });

  test("of the environment is not asked for what NO_PROXY spares", async () => {
    const up = await server();
    const proxy = await startProxy({ kind: "http" });
    open.push(proxy);
    const environment = { HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url, NO_PROXY: "127.0.0.1" };
    expect((await send(null, environment, `${up.url}/v1/chat`)).status).toBe(200);
    expect([proxy.asked, proxy.refused]).toEqual([[], []]);
  });
});
