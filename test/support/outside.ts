/** The internet as far as a test needs it: a proxy on loopback that leads the names of vendors to servers here, over TLS. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAuthority } from "./certificates.ts";
import { startProxy } from "./proxies.ts";

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
  const authority = createAuthority();
  const dir = mkdtempSync(join(tmpdir(), "monorelay-outside-"));
  const caFile = join(dir, "root.pem");
  writeFileSync(caFile, authority.ca);
  const asked: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: authority.issue(...Object.keys(sites)),
    fetch(request) {
      const { host, pathname } = new URL(request.url);
      asked.push(`${host}${pathname}`);
      return sites[host]?.(request) ?? new Response(null, { status: 421 });
    },
  });
  const proxy = await startProxy({
    kind: "http",
    route: (hostname, port) => (port === 443 && Object.hasOwn(sites, hostname) ? server.port : undefined),
  });
  return {
    proxy: proxy.url,
    caFile,
    asked,
    async stop() {
      await proxy.stop();
      await server.stop(true);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
