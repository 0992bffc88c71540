/** Proxies on loopback: CONNECT, plain or behind TLS, and SOCKS 5; they lead where the test wants and remember what was asked. */
import { connect, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { Certificate } from "./certificates.ts";

export interface ProxyOptions {
  readonly kind: "http" | "https" | "socks5";
  /** Of an `https` proxy. */
  readonly certificate?: Certificate;
  /** `user:password` that is asked for. */
  readonly pass?: string;
  /** The port on loopback that a place leads to; `undefined` = it is refused. Default: its own port. */
  readonly route?: (hostname: string, port: number) => number | undefined;
}

export interface StandInProxy extends AsyncDisposable {
  /** With the pass, if there is one. */
  readonly url: string;
  readonly port: number;
  /** `host:port` of every way that was asked for, refused ones included. */
  readonly asked: string[];
  /** First line and headers of what was not CONNECT, or what carried a wrong pass. */
  readonly refused: string[];
  stop(): Promise<void>;
}

export async function startProxy(options: ProxyOptions): Promise<StandInProxy> {
  const { kind, certificate, pass, route = (_hostname, port) => port } = options;
  const asked: string[] = [];
  const refused: string[] = [];
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
  };
  const lead = (client: Socket, hostname: string, port: number, told: (isOpen: boolean) => void): void => {
    asked.push(`${hostname}:${port}`);
    const leadsTo = route(hostname, port);
    if (leadsTo === undefined) return told(false);
    const upstream = connect({ port: leadsTo, host: "127.0.0.1" }, () => {
      told(true);
      client.pipe(upstream);
      upstream.pipe(client);
    });
    keep(upstream);
    upstream.on("error", () => told(false));
    upstream.on("close", () => client.destroy());
    client.on("close", () => upstream.destroy());
  };

  const serveConnect = (client: Socket): void => {
    void take(client, (received) => received.includes("\r\n\r\n")).then((received) => {
      const head = received.toString("latin1");
      const [, hostname = "", port] = /^CONNECT \[?([^\s\]]+)\]?:(\d+) HTTP\/1\.1\r\n/.exec(head) ?? [];
      const shown = /\r\nproxy-authorization: basic ([^\r]*)\r\n/i.exec(head)?.[1] ?? "";
      const isRightPass = pass === undefined || Buffer.from(shown, "base64").toString() === pass;
      if (port === undefined || !isRightPass) {
        refused.push(head);
        return client.end(`HTTP/1.1 ${port === undefined ? 405 : 407} No\r\ncontent-length: 0\r\n\r\n`);
      }
      lead(client, hostname, Number(port), (isOpen) => {
        if (isOpen) client.write("HTTP/1.1 200 Connection established\r\nvia: stand-in\r\n\r\n");
        else client.end("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n");
      });
    });
  };
  const serveSocks = async (client: Socket): Promise<void> => {
    const greeting = await take(client, (received) => received.length >= 2 && received.length >= 2 + received[1]!);
    const method = pass === undefined ? 0 : 2;
    if (!greeting.subarray(2).includes(method)) {
      refused.push("no common method");
      return void client.end(Buffer.from([5, 255]));
    }
    client.write(Buffer.from([5, method]));
    if (pass !== undefined) {
      const shown = await take(
        client,
        (received) => received.length >= 3 && received.length >= 3 + received[1]! + received[2 + received[1]!]!,
      );
      const user = shown.subarray(2, 2 + shown[1]!).toString();
      const isRight = `${user}:${shown.subarray(3 + shown[1]!).toString()}` === pass;
      client.write(Buffer.from([1, isRight ? 0 : 1]));
      if (!isRight) {
        refused.push(`user ${user}`);
        return void client.end();
      }
    }
    const request = await take(client, (received) => received.length >= 10);
    const kindOf = request[3];
    const at = kindOf === 1 ? 8 : kindOf === 4 ? 20 : 5 + request[4]!;
    const hostname =
      kindOf === 1
        ? [...request.subarray(4, 8)].join(".")
        : kindOf === 4
          ? request.subarray(4, 20).toString("hex")
          : request.subarray(5, at).toString();
    lead(client, hostname, request.readUInt16BE(at), (isOpen) => {
      client.write(Buffer.from([5, isOpen ? 0 : 5, 0, 1, 0, 0, 0, 0, 0, 0]));
      if (!isOpen) client.end();
    });
  };

  const accept = (socket: Socket): void => {
    keep(socket);
    if (kind === "socks5") serveSocks(socket).catch(() => socket.destroy());
    else serveConnect(socket);
  };
  const server: Server =
    kind === "https" ? createTlsServer({ ...certificate }, (socket) => accept(socket)) : createServer(accept);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const userInfo = pass === undefined ? "" : `${pass.split(":").map(encodeURIComponent).join(":")}@`;
  const stop = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return { url: `${kind}://${userInfo}127.0.0.1:${port}`, port, asked, refused, stop, [Symbol.asyncDispose]: stop };
}

/** What has come when it is enough; later bytes stay in the stream. */
function take(socket: Socket, isEnough: (received: Buffer) => boolean): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const receive = (bytes: Buffer): void => {
      received = Buffer.concat([received, bytes]);
      if (!isEnough(received)) return;
      socket.off("data", receive);
      resolve(received);
    };
    socket.on("data", receive);
    socket.once("close", () => reject(new Error("the client has left")));
  });
}
