/** Rules of `model_routing`: aliases without cycles, and names that exist. */
import type { Decoder } from "../decode.ts";
import { atKey } from "../problem.ts";
import type { Settings } from "../schema/index.ts";
import { normalizeName, suggest } from "../suggest.ts";
import { itemPath, keyPath } from "../tree.ts";
import type { RoutingConfig } from "../types.ts";

const PATH = "model_routing";

/** `providers`: the names that may be referred to; `null` = not known, because that section is broken. */
export function checkRouting(decoder: Decoder, settings: Settings, providers: readonly string[] | null): RoutingConfig {
  const { modelRouting: routing } = settings;
  const refer = (path: string, name: string): void => {
    if (providers === null || providers.includes(name) || decoder.isFaulty(path)) return;
    decoder.error(path, {
      code: "bad_reference",
      message: "is not a provider of this file",
      suggestion: suggest(name, providers),
    });
  };
  for (const { pattern, provider } of routing.providerMapping)
    refer(keyPath(`${PATH}.provider_mapping`, pattern), provider);
  for (const [name, group] of Object.entries(routing.groups)) {
    const targets = `${keyPath(`${PATH}.groups`, name)}.targets`;
    for (const [index, target] of (group.targets ?? []).entries()) {
      if (target.provider !== undefined) refer(`${itemPath(targets, index)}.provider`, target.provider);
    }
  }
  if (routing.stateful.provider !== null) refer(`${PATH}.stateful.provider`, routing.stateful.provider);

  checkAliases(decoder, routing.aliases);
  const aliases = new Set(Object.keys(routing.aliases).map(normalizeName));
  for (const name of Object.keys(routing.groups)) {
    if (!aliases.has(normalizeName(name))) continue;
    const path = keyPath(`${PATH}.groups`, name);
    const message = "is never reached: an alias of the same name comes first";
    decoder.warnings.add(path, atKey(decoder.nodes.get(path)), { code: "conflict", message });
  }
  if (
    routing.cascade.enabled &&
    routing.cascade.models.length === 0 &&
    !decoder.isFaultyBelow(`${PATH}.cascade.models`)
  ) {
    decoder.missing(`${PATH}.cascade`, "models", "needs at least one model while the cascade is enabled");
  }
  return routing;
}

/** Each cycle once, at the alias of it that comes first in the file. */
function checkAliases(decoder: Decoder, aliases: Readonly<Record<string, string>>): void {
  const next = new Map(Object.entries(aliases).map(([name, model]) => [normalizeName(name), { name, model }]));
  const done = new Set<string>();
  for (const start of next.keys()) {
    const way: string[] = [];
    let at = start;
    while (next.has(at) && !done.has(at)) {
      done.add(at);
      way.push(at);
      at = normalizeName(next.get(at)!.model);
    }
    const loop = way.slice(way.indexOf(at));
    if (!way.includes(at)) continue;
    const names = loop.map((each) => next.get(each)!.name);
    const message =
      names.length === 1
        ? "points to itself; case, - and _ do not count"
        : `goes round in a circle: ${[...names, names[0]].join(" → ")}`;
    decoder.error(keyPath(`${PATH}.aliases`, names[0]!), { code: "cycle", message });
  }
}
