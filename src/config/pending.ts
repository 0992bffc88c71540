/** Keys whose feature is not part of this release: they are checked, kept, and the operator is told. */
import type { Decoder } from "./decode.ts";
import { atKey } from "./problem.ts";

interface Pending {
  /** `*` = any name, `[]` = any item; everything below counts too. */
  readonly path: string;
  /** Only these values are pending. */
  readonly values?: readonly string[];
}

/** Remove a row when its feature works. */
export const PENDING: readonly Pending[] = [
  { path: "server.public_pricing" },
  { path: "server.detect_public_ip" },
  { path: "server.docs" },
  { path: "providers.*.limits" },
  { path: "providers.*.breaker" },
  { path: "providers.*.ignore" },
  { path: "providers.*.keys[].usage_window_limits" },
  { path: "providers.*.keys[].rpm" },
  { path: "providers.*.keys[].tpm" },
  { path: "providers.*.keys[].concurrency" },
  { path: "providers.*.keys[].quota_limit" },
  { path: "providers.*.keys[].quota_used" },
  { path: "providers.*.keys[].rate_limit_rps" },
  { path: "model_routing.complexity" },
  { path: "model_routing.cascade" },
  { path: "model_routing.groups" },
  { path: "key_selection.strategy", values: ["least_inflight", "lowest_latency"] },
  { path: "key_selection.stickiness" },
  { path: "limits.per_ip" },
  { path: "cache" },
  { path: "prices.overrides.*.audio_input" },
  { path: "prices.overrides.*.audio_output" },
  { path: "logging.content_preview_length" },
  { path: "logging.bodies" },
  { path: "logging.body_limit" },
  { path: "logging.max_db_size" },
  { path: "logging.redact" },
  { path: "telemetry" },
  { path: "sync" },
  { path: "database.backup" },
  { path: "secrets.master_key" },
];

/** One warning per row and place; keys that repeat their default change nothing and get none. */
export function warnPending(decoder: Decoder): void {
  if (decoder.changed.size === 0) return;
  const rows = PENDING.map((row) => ({ ...row, pattern: toPattern(row.path) }));
  const told = new Set<string>();
  for (const [path, node] of decoder.changed) {
    for (const { pattern, values } of rows) {
      const matched = pattern.exec(path)?.[0];
      if (matched === undefined || told.has(matched)) continue;
      if (values !== undefined && !(node.kind === "scalar" && values.includes(node.text))) continue;
      told.add(matched);
      const message = "is accepted, but has no effect in this release yet";
      decoder.warnings.add(matched, atKey(decoder.nodes.get(matched) ?? node), { code: "unsupported", message });
    }
  }
}

/** Names in paths are plain or stand in brackets and quotes. */
const ANY_NAME = String.raw`(?:\.[A-Za-z0-9_-]+|\["(?:[^"\\]|\\.)*"\])`;

function toPattern(path: string): RegExp {
  const source = path
    .replaceAll("[]", String.raw`\[\d+\]`)
    .replaceAll(".*", ANY_NAME)
    .replace(/\.(?=[a-z])/g, String.raw`\.`);
  return new RegExp(`^${source}(?=[.[]|$)`);
}
