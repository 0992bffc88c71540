/** Rules of `telemetry`: the collector that OpenTelemetry's own variables name. */
import type { Decoder } from "../decode.ts";
import { checkUrl } from "../schema/formats.ts";
import type { Settings } from "../schema/index.ts";
import { NOWHERE, type Origin, plant } from "../tree.ts";
import type { Config } from "../types.ts";

const ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT";
const HEADERS = "OTEL_EXPORTER_OTLP_HEADERS";

type Environment = Readonly<Record<string, string | undefined>>;

/** `telemetry.otlp` wins, key by key. A variable that cannot be used is a warning: it may be meant for others. */
export function checkTelemetry(decoder: Decoder, settings: Settings, env: Environment): Config["telemetry"] {
  const { telemetry } = settings;
  const { otlp } = telemetry;
  let { endpoint, headers } = otlp;
  const note = (path: string, name: string): void => {
    const origin: Origin = { kind: "env", name };
    decoder.nodes.set(path, { ...plant(null), origin });
  };
  const address = env[ENDPOINT]?.trim() ?? "";
  if (endpoint === null && address !== "") {
    const parsed = checkUrl(address, { hasQuery: true });
    note("telemetry.otlp.endpoint", ENDPOINT);
    if ("value" in parsed) endpoint = parsed.value;
    else {
      const pointer = { place: NOWHERE, origin: { kind: "env", name: ENDPOINT } } as const;
      decoder.warnings.add("telemetry.otlp.endpoint", pointer, parsed.fault);
    }
  }
  const written = env[HEADERS]?.trim() ?? "";
  if (Object.keys(headers).length === 0 && written !== "") {
    headers = parseHeaders(written);
    note("telemetry.otlp.headers", HEADERS);
  }
  return { ...telemetry, otlp: { ...otlp, endpoint, headers } };
}

/** `name=value,name=value`, percent-encoded, as the OpenTelemetry specification of exporters says. */
function parseHeaders(text: string): Readonly<Record<string, string>> {
  const headers: Record<string, string> = Object.create(null);
  for (const pair of text.split(",")) {
    const separator = pair.indexOf("=");
    const name = pair.slice(0, Math.max(separator, 0)).trim();
    if (name === "") continue;
    const value = pair.slice(separator + 1).trim();
    try {
      headers[name] = decodeURIComponent(value);
    } catch {
      headers[name] = value;
    }
  }
  return headers;
}
