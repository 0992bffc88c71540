/** Rules of `providers`: the plugin and its options, keys and their ids, headers, and what one key says for another. */

import { digestSecretHex } from "../../support/secret.ts";
import { API_ALIAS, type Catalog, FALLBACK_PROVIDER } from "../catalog.ts";
import type { Decoder } from "../decode.ts";
import { defaultsOf } from "../defaults.ts";
import { readOptions } from "../options.ts";
import { atKey } from "../problem.ts";
import type { Settings } from "../schema/index.ts";
import { PROVIDER_FIELDS, provider as providerSchema } from "../schema/providers.ts";
import { suggest } from "../suggest.ts";
import { itemPath, keyPath } from "../tree.ts";
import type { ProviderConfig, ProviderKeyConfig } from "../types.ts";

type ProviderSettings = Settings["providers"][number];

/** RFC 9110 §7.6.1, and what belongs to the connection rather than to the message. */
const CONNECTION_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "host",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const CREDENTIAL_HEADERS: ReadonlySet<string> = new Set([
  "authorization",
  "api-key",
  "x-access-key",
  "x-api-key",
  "x-goog-api-key",
]);

/** In file order; while there are none, the one that answers by itself. */
export async function checkProviders(
  decoder: Decoder,
  settings: Settings,
  catalog: Catalog,
): Promise<readonly ProviderConfig[]> {
  if (settings.providers.length > 0) {
    return Promise.all(settings.providers.map((provider) => checkProvider(decoder, provider, catalog)));
  }
  const blank = defaultsOf(providerSchema, decoder.surroundings) as unknown as ProviderSettings;
  return [await checkProvider(decoder, { ...blank, name: FALLBACK_PROVIDER, type: FALLBACK_PROVIDER }, catalog)];
}

async function checkProvider(decoder: Decoder, provider: ProviderSettings, catalog: Catalog): Promise<ProviderConfig> {
  const { timeoutMs, timeouts, keys, ...rest } = provider;
  const path = keyPath("providers", provider.name);
  const id = provider.type === API_ALIAS.written ? API_ALIAS.plugin : provider.type;
  const plugin = catalog.get(id);
  refuseWebReverse(decoder, path, provider);

  let options = {};
  if (plugin?.kind !== "provider") checkType(decoder, path, provider.type, catalog);
  else {
    const block = { path, entries: decoder.leftovers.get(path) ?? new Map(), otherKeys: PROVIDER_FIELDS };
    options = await readOptions(decoder, block, plugin.options);
    const needsKey = (plugin.keys ?? "required") === "required";
    const hasKey = keys.some((key) => key.enabled) || decoder.isFaultyBelow(`${path}.keys`);
    if (provider.enabled && needsKey && !hasKey) decoder.missing(path, "keys", "needs at least one enabled key");
  }
  const isOwnUrlNeeded = provider.type === API_ALIAS.written && provider.baseUrl === null;
  if (isOwnUrlNeeded && !decoder.isFaulty(`${path}.base_url`) && !decoder.isFaulty(`${path}.provider_type`)) {
    decoder.missing(path, "base_url", "must be set unless provider_type names a plugin that has its own");
  }
  checkHeaders(decoder, path, provider);
  const silence = decoder.nodes.get(`${path}.timeout`);
  for (const key of ["first_token", "idle"]) {
    const fine = `${path}.timeouts.${key}`;
    if (silence !== undefined && !decoder.nodes.has(fine)) decoder.nodes.set(fine, silence);
  }
  return {
    ...rest,
    type: id,
    baseUrl:
      provider.baseUrl === null ? null : cutBaseUrl(decoder, `${path}.base_url`, provider.baseUrl, plugin?.codecs),
    options,
    keys: nameKeys(decoder, path, keys),
    timeouts: { ...timeouts, firstTokenMs: timeouts.firstTokenMs ?? timeoutMs, idleMs: timeouts.idleMs ?? timeoutMs },
  };
}

function checkType(decoder: Decoder, path: string, type: string, catalog: Catalog): void {
  const where = `${path}.provider_type`;
  if (decoder.isFaulty(where) || decoder.isFaultyBelow("plugins")) return;
  const known = [...catalog].filter(([, entry]) => entry.kind === "provider").map(([id]) => id);
  const suggestion = suggest(type, [API_ALIAS.written, ...known]);
  const fault = { code: "bad_reference", message: "is not a provider plugin of this relay", suggestion } as const;
  // Left out, it stands for a plugin that this relay was built without: then the entry itself is the place to look.
  if (decoder.nodes.has(where)) decoder.error(where, fault);
  else decoder.errors.add(where, atKey(decoder.nodes.get(path)), fault);
}

function refuseWebReverse(decoder: Decoder, path: string, provider: ProviderSettings): void {
  const block = decoder.nodes.get(`${path}.web_reverse`);
  const isSet = block !== undefined && !(block.kind === "scalar" && block.value === null);
  const message = `provider type "web_reverse" is not part of MonoRelay; remove providers.${provider.name} or serve it from a plugin`;
  if (provider.type === "web_reverse") decoder.error(`${path}.provider_type`, { code: "unsupported", message });
  else if (isSet) decoder.errors.add(`${path}.web_reverse`, atKey(block), { code: "unsupported", message });
}

function checkHeaders(decoder: Decoder, path: string, provider: ProviderSettings): void {
  const block = decoder.nodes.get(`${path}.headers`);
  if (block?.kind !== "map") return;
  for (const [written, node] of block.entries) {
    const header = written.toLowerCase();
    const where = keyPath(`${path}.headers`, written);
    if (CONNECTION_HEADERS.has(header)) {
      const message = "belongs to the connection and cannot be set";
      decoder.errors.add(where, atKey(node), { code: "bad_value", message });
    } else if (CREDENTIAL_HEADERS.has(header) && !provider.headersOverrideAuth) {
      const message = `carries the credential; put it in keys, or set ${path}.headers_override_auth to true`;
      decoder.errors.add(where, atKey(node), { code: "conflict", message });
    }
  }
}

/**
 * Old files and vendors' pages give whole endpoints; the plugin adds the path of its dialect itself. No base ends in the
 * chat path, whoever is asked; what else is added depends on the dialect.
 */
function cutBaseUrl(decoder: Decoder, path: string, url: string, codecs: readonly string[] | undefined): string {
  const ending =
    codecs === undefined || codecs.includes("openai-chat")
      ? /\/chat\/completions$/
      : codecs[0] === "anthropic-messages"
        ? /\/v1(?:\/messages)?$/
        : null;
  const cut = ending?.exec(url)?.[0];
  if (cut === undefined) return url;
  decoder.warn(path, { code: "bad_value", message: `ends in ${cut}, which the relay adds itself; it was cut` });
  return url.slice(0, -cut.length).replace(/\/+$/, "");
}

function nameKeys(decoder: Decoder, path: string, keys: ProviderSettings["keys"]): ProviderKeyConfig[] {
  const ids = new Map<string, number>();
  const labels = new Map<string, number>();
  return keys.map((entry, index) => {
    const where = itemPath(`${path}.keys`, index);
    const sameLabel = labels.get(entry.label);
    if (sameLabel !== undefined) {
      const message = `has the same label as keys[${sameLabel}]; logs cannot tell them apart`;
      const pointed = decoder.nodes.has(`${where}.label`) ? `${where}.label` : where;
      decoder.warnings.add(
        `${where}.label`,
        { place: decoder.nodes.get(pointed)?.at ?? { line: 0, column: 0 } },
        { code: "conflict", message },
      );
    } else labels.set(entry.label, index);

    const id = entry.id ?? deriveKeyId(entry.key ?? "");
    const sameId = ids.get(id);
    if (sameId === undefined) {
      ids.set(id, index);
      return { ...entry, id };
    }
    if (entry.id !== null)
      decoder.error(`${where}.id`, { code: "conflict", message: `is the id of keys[${sameId}] too` });
    else if (entry.key !== undefined)
      decoder.warn(`${where}.key`, { code: "conflict", message: `is the same key as keys[${sameId}]` });
    return { ...entry, id: `${id}-${index}` };
  });
}

/** The same for the same key wherever it stands, and telling nothing about it. */
export function deriveKeyId(key: string): string {
  return `key_${digestSecretHex(`provider key ${key}`).slice(0, 12)}`;
}
