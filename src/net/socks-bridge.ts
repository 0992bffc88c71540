/** Lets the runtime's WebSocket, which knows web proxies only, use a SOCKS proxy: a web proxy for one connection, for us alone. */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type Socket } from "node:net";
import type { ProxyServer } from "./proxy.ts";
import { Tunnel } from "./tunnel.ts";

export interface SocksBridge {
  /** Of a web proxy on loopback, with a password that nobody else has; good for one connection. */
  readonly url: string;
  /** Nobody is let in any more; a connection that stands goes on. */
  close(): void;
}

const HEAD_BYTES_MAX = 16 * 1024;

export async function bridgeTo(proxy: ProxyServer): Promise<SocksBridge> {
  const password = randomBytes(24).toString("base64url");
  const pass = Buffer.from(`Basic ${Buffer.from(`relay:${password}`).toString("base64")}`);
  const server = createServer({ noDelay: true }, (client) => {
    client.on("error", () => client.destroy());
    let head = "";
    const receive = (bytes: Buffer): void => {
      head += bytes.toString("latin1");
      const isWhole = head.endsWith("\r\n\r\n");
      if (!isWhole && head.length <= HEAD_BYTES_MAX) return;
      client.off("data", receive);
      const to = isWhole && isOurs(head, pass) ? destinationOf(head) : undefined;
      if (to === undefined) return void client.destroy();
      server.close();
      void join(client, proxy, to);
    };
    client.on("data", receive);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as { port: number };
  return { url: `http://relay:${password}@127.0.0.1:${port}`, close: () => void server.close() };
}

function isOurs(head: string, pass: Buffer): boolean {
  const shown = Buffer.from(/\r\nproxy-authorization: ([^\r]*)\r\n/i.exec(head)?.[1] ?? "");
  return shown.length === pass.length && timingSafeEqual(shown, pass);
}

function destinationOf(head: string): { hostname: string; port: number } | undefined {
  const [, hostname, port] = /^CONNECT (\S+):(\d+) HTTP\/1\.1\r\n/.exec(head) ?? [];
  return hostname === undefined ? undefined : { hostname: hostname.replace(/^\[|\]$/g, ""), port: Number(port) };
}

async function join(client: Socket, proxy: ProxyServer, to: { hostname: string; port: number }): Promise<void> {
  // TLS, if any, is between the two ends.
  const tunnel = new Tunnel({ proxy, to: { ...to, isTls: false }, address: to.hostname, roots: undefined });
  client.once("close", () => tunnel.abort());
  try {
    const upstream = await tunnel.stream;
    client.write("HTTP/1.1 200 OK\r\n\r\n");
    upstream.once("close", () => client.destroy());
    client.pipe(upstream);
    upstream.pipe(client);
  } catch {
    client.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
  }
}
