/** The internet as far as a test needs it: a proxy on loopback that leads the names of vendors to servers here, over TLS. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Why tests with it cannot run, or `undefined`. */
export const missingOutside = Bun.which("openssl") === null ? "no openssl on PATH to make certificates" : undefined;

export interface Outside {
  /** For `network.proxy`. */
  readonly proxy: string;
  /** For `network.ca_file`: the root of all certificates here. */
  readonly caFile: string;
  /** `host/path` of every request that came through. */
  readonly asked: string[];
  stop(): Promise<void>;
}

/** `sites`: what answers by the name of the host. Every other name is refused by the proxy. */
export async function startOutside(
  sites: Readonly<Record<string, (request: Request) => Response | Promise<Response>>>,
): Promise<Outside> {
  const dir = mkdtempSync(join(tmpdir(), "monorelay-outside-"));
  const [certificate, key] = [join(dir, "root.pem"), join(dir, "key.pem")];
  const made = Bun.spawnSync([
    ...["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
    ...["-subj", "/CN=a root of tests", "-keyout", key, "-out", certificate],
    ...["-addext", `subjectAltName=${Object.keys(sites).map((name) => `DNS:${name}`)}`],
  ]);
  if (!made.success) throw new Error(made.stderr.toString());

  const asked: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert: readFileSync(certificate, "utf8"), key: readFileSync(key, "utf8") },
    fetch(request) {
      const { host, pathname } = new URL(request.url);
      asked.push(`${host}${pathname}`);
      return sites[host]?.(request) ?? new Response(null, { status: 421 });
    },
  });
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    sockets.add(client);
    client.on("error", () => client.destroy());
    client.once("data", (head) => {
      const name = /^CONNECT ([a-z0-9.-]+):443 HTTP\/1\.1\r\n/.exec(head.toString())?.[1] ?? "";
      if (!Object.hasOwn(sites, name)) {
        client.end("HTTP/1.1 403 Forbidden\r\n\r\n");
        return;
      }
      const inside = connect(server.port!, "127.0.0.1", () => {
        client.write("HTTP/1.1 200 OK\r\n\r\n");
        client.pipe(inside).pipe(client);
      });
      sockets.add(inside);
      inside.on("error", () => client.destroy());
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const { port } = proxy.address() as { port: number };
  return {
    proxy: `http://127.0.0.1:${port}`,
    caFile: certificate,
    asked,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => proxy.close(() => resolve()));
      await server.stop(true);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
