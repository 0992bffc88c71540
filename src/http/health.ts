/** Routes about the relay itself: alive, ready, healthy, where. `http-api.md` section 23. */
import { cpus, freemem, loadavg, networkInterfaces, totalmem } from "node:os";
import { statfs } from "node:fs/promises";
import type { Snapshot } from "../snapshot/snapshot.ts";
import { signInView } from "./accounts/views.ts";
import { type ApiRoute, json } from "./api.ts";
import type { HttpServices } from "./services.ts";

export function healthRoutes(services: HttpServices, dataDir: string): ApiRoute[] {
  const open = { type: "public" } as const;
  return [
    { method: "GET", path: "/livez", policy: open, handler: () => ({ status: "ok" }) },
    {
      method: "GET",
      path: "/readyz",
      policy: open,
      handler: () => (services.notReady() === undefined ? { status: "ok" } : json({ status: "unavailable" }, 503)),
    },
    { method: "GET", path: "/health", policy: open, handler: ({ snapshot }) => health(snapshot) },
    { method: "GET", path: "/api/info", policy: open, handler: ({ snapshot }) => info(services, snapshot, dataDir) },
    { method: "GET", path: "/", policy: open, handler: ({ snapshot }) => hint(services, snapshot) },
    // What Claude Code sends before and beside its calls; nothing of it is kept.
    { method: "GET", path: "/api/hello", policy: open, handler: () => ({ status: "ok" }) },
    {
      method: "POST",
      path: "/api/event_logging/batch",
      ignoresBody: true,
      policy: open,
      handler: () => new Response(null, { status: 204 }),
    },
  ];
}

function health({ config, generation, providers }: Snapshot) {
  const detail = config.server.healthDetail;
  if (detail === "minimal") return { status: "ok" };
  const shown = providers.map(({ name, enabled, keys, baseUrl }) => [
    name,
    detail === "basic" ? { enabled, keys } : { enabled, keys, base_url: withoutSecrets(baseUrl) },
  ]);
  return { status: "ok", generation, providers: Object.fromEntries(shown) };
}

/** User information and query of an address may hold a key. */
function withoutSecrets(url: string): string {
  if (url === "") return "";
  const parsed = new URL(url);
  return `${parsed.protocol}//${parsed.host}${parsed.pathname === "/" ? "" : parsed.pathname}`;
}

async function info(services: HttpServices, snapshot: Snapshot, dataDir: string) {
  const { config } = snapshot;
  const { server } = config;
  const localIp = localAddress();
  const port = services.boundPort();
  const shown = {
    base_url: baseUrl(server.publicHost, localIp, port),
    access_key_enabled: server.accessKeyEnabled,
    turnstile_site_key: server.turnstileEnabled ? (server.turnstileSiteKey ?? "") : "",
    ...(snapshot.signIns.size === 0 ? {} : { sso_providers: [...snapshot.signIns.values()].map(signInView) }),
  };
  if (server.infoDetail === "minimal") return shown;
  const memoryTotal = totalmem();
  const memoryUsed = memoryTotal - freemem();
  const disk = await diskOf(dataDir);
  return {
    local_ip: localIp,
    host: server.host,
    port,
    ...shown,
    system: {
      cpu_percent: percent((loadavg()[0] ?? 0) / Math.max(1, cpus().length)),
      memory_total: memoryTotal,
      memory_used: memoryUsed,
      memory_percent: percent(memoryUsed / memoryTotal),
      disk_total: disk.total,
      disk_used: disk.used,
      disk_percent: disk.total === 0 ? 0 : percent(disk.used / disk.total),
    },
  };
}

function percent(share: number): number {
  return Math.round(Math.min(1, share) * 1000) / 10;
}

async function diskOf(path: string): Promise<{ total: number; used: number }> {
  try {
    const { blocks, bfree, bsize } = await statfs(path);
    return { total: blocks * bsize, used: (blocks - bfree) * bsize };
  } catch {
    // An in-memory data directory has no disk.
    return { total: 0, used: 0 };
  }
}

function localAddress(): string {
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { family, internal, address } of addresses ?? []) {
      if (family === "IPv4" && !internal) return address;
    }
  }
  return "127.0.0.1";
}

/** `public_host` with a scheme → as given, `/v1` added; a name → https; an address or `host:port` → http. */
export function baseUrl(publicHost: string | null, localIp: string, port: number): string {
  if (publicHost === null || publicHost === "") return `http://${localIp}:${port}/v1`;
  if (/^https?:\/\//i.test(publicHost)) {
    const bare = publicHost.replace(/\/+$/, "");
    return bare.endsWith("/v1") ? bare : `${bare}/v1`;
  }
  const bare = publicHost.replace(/\/v1\/?$|\/+$/, "");
  const isPlain = /^\d+\.\d+\.\d+\.\d+$|^\[.*\]$|:\d+$/.test(bare);
  return `${isPlain ? "http" : "https"}://${bare}/v1`;
}

function hint(services: HttpServices, { config }: Snapshot) {
  const url = baseUrl(config.server.publicHost, "127.0.0.1", services.boundPort());
  return {
    name: "MonoRelay",
    version: services.version,
    openai_base_url: url,
    anthropic_base_url: url.replace(/\/v1$/, ""),
  };
}
