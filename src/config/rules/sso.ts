/** Rules of `sso`: the single form becomes an entry, and enabled entries are complete. */
import { isLoopback } from "../addresses.ts";
import type { Catalog } from "../catalog.ts";
import type { Decoder } from "../decode.ts";
import { propertiesOf, readOptions } from "../options.ts";
import { atKey } from "../problem.ts";
import type { Settings } from "../schema/index.ts";
import { isUnset, neededKeys, withoutLent } from "../sso-options.ts";
import { suggest } from "../suggest.ts";
import { itemPath } from "../tree.ts";
import type { Config, SsoProviderConfig } from "../types.ts";

type SsoSettings = Settings["sso"];
type Written = SsoSettings["providers"][number];

interface OwnType {
  /** Whether the operator names it. */
  readonly issuer: "needed" | "possible" | "fixed";
  /** Whether `allowed_orgs` means anything. */
  readonly hasOrgs: boolean;
}

/** Types that need no plugin of the same name in the catalog. */
const OWN_TYPES: Readonly<Record<string, OwnType>> = {
  github: { issuer: "possible", hasOrgs: true },
  google: { issuer: "fixed", hasOrgs: false },
  oidc: { issuer: "needed", hasOrgs: false },
  prismaauth: { issuer: "needed", hasOrgs: false },
};

export async function checkSso(decoder: Decoder, settings: Settings, catalog: Catalog): Promise<Config["sso"]> {
  const { sso } = settings;
  const seen = new Map<string, string>();
  const providers: SsoProviderConfig[] = [];
  for (const [index, entry] of sso.providers.entries()) {
    const path = itemPath("sso.providers", index);
    const earlier = seen.get(entry.id);
    if (entry.id !== undefined && earlier !== undefined) {
      decoder.error(`${path}.id`, { code: "conflict", message: `is the id of ${earlier} too` });
    }
    seen.set(entry.id, path);
    providers.push(await checkEntry(decoder, path, entry, sso.enabled, catalog));
  }
  // Behind the others, so that their places in the list stay those in the file.
  const single = foldSingleForm(decoder, sso);
  if (single !== null) {
    const earlier = seen.get(single.id);
    if (earlier !== undefined) {
      const message = `describes ${single.id} like ${earlier}; keep one of the two`;
      decoder.error(`sso.${single.prefix}client_id`, { code: "conflict", message });
    }
    for (const key of ["client_id", "client_secret"]) {
      const node = decoder.nodes.get(`sso.${single.prefix}${key}`);
      if (node !== undefined) decoder.nodes.set(`${itemPath("sso.providers", providers.length)}.${key}`, node);
    }
    providers.push(single.entry);
  }
  const shared = providers.flatMap(({ callback }, index) => (callback === "shared" ? [index] : []));
  for (const index of shared.slice(1)) {
    const message = "is shared with another provider: whose answer arrives there would not be clear";
    decoder.error(`${itemPath("sso.providers", index)}.callback`, { code: "conflict", message });
  }
  if (sso.enabled) {
    if (!providers.some((provider) => provider.enabled) && !decoder.isFaultyBelow("sso")) {
      decoder.missing("sso", "providers", "needs at least one enabled provider while sso.enabled is true");
    }
    if (settings.server.publicHost === null && !isLoopback(settings.server.host)) {
      const message = "must be set while sso.enabled is true: identity providers send users back to it";
      decoder.errors.add("server.public_host", atKey(decoder.nodes.get("server")), { code: "missing", message });
    }
  }
  for (const [index, name] of sso.adminUsernames.entries()) {
    if (name.includes(":")) continue;
    const message = "is a bare name: it is taken for a GitHub login and tied to the account that first matches it";
    decoder.warn(itemPath("sso.admin_usernames", index), { code: "bad_value", message });
  }
  if (sso.enabled && sso.ssoOnly && settings.auth.setupToken !== null) {
    const message =
      "leaves no way to make the first account over HTTP while sso.sso_only is on: a sign-in cannot show the token; " +
      "make it with `monorelay user create`, or leave the token out";
    decoder.warn("auth.setup_token", { code: "conflict", message });
  }
  return { enabled: sso.enabled, ssoOnly: sso.ssoOnly, providers, adminUsernames: sso.adminUsernames };
}

async function checkEntry(
  decoder: Decoder,
  path: string,
  entry: Written,
  isNeeded: boolean,
  catalog: Catalog,
): Promise<SsoProviderConfig> {
  const own = Object.hasOwn(OWN_TYPES, entry.type ?? "") ? OWN_TYPES[entry.type] : undefined;
  const plugin = catalog.get(entry.type);
  const known = [
    ...Object.keys(OWN_TYPES),
    ...[...catalog].filter(([, each]) => each.kind === "auth").map(([id]) => id),
  ];
  if (entry.type !== undefined && !known.includes(entry.type)) {
    const suggestion = suggest(entry.type, known);
    decoder.error(`${path}.type`, {
      code: "bad_reference",
      message: "is not an auth plugin of this relay",
      suggestion,
    });
  }
  if (own !== undefined && isNeeded && entry.enabled) {
    if (entry.clientId === null) decoder.missing(path, "client_id", "must be set");
    if (entry.clientSecret === null) decoder.missing(path, "client_secret", "must be set");
    if (own.issuer === "needed" && entry.issuer === null)
      decoder.missing(path, "issuer", `must be set for ${entry.type}`);
  }
  if (own?.issuer === "fixed" && entry.issuer !== null) {
    const message = `is fixed for ${entry.type}; the type oidc takes any issuer`;
    decoder.error(`${path}.issuer`, { code: "conflict", message });
  }
  checkIssuer(decoder, `${path}.issuer`, entry.issuer);
  const hasOrgs = own?.hasOrgs ?? (plugin?.kind !== "auth" || "allowedOrgs" in propertiesOf(plugin.options));
  if (entry.allowedOrgs.length > 0 && !hasOrgs) {
    const message = `would let everybody in: the type ${entry.type} knows no organisations`;
    decoder.error(`${path}.allowed_orgs`, { code: "conflict", message });
  }

  const leftovers = decoder.leftovers.get(path) ?? new Map();
  const otherKeys = ["id", "type", "label", "enabled", "client_id", "client_secret", "issuer", "scopes"];
  let options = {};
  if (plugin?.kind === "auth" && own === undefined) {
    if (isNeeded && entry.enabled) {
      for (const { name, key } of neededKeys(plugin.options)) {
        if (isUnset(entry[name])) decoder.missing(path, key, "must be set");
      }
    }
    const beside = withoutLent(plugin.options);
    options = await readOptions(decoder, { path, entries: leftovers, otherKeys }, beside);
    refuseUnheard(decoder, path, entry, propertiesOf(plugin.options));
  } else {
    for (const [key, node] of leftovers) decoder.unknownKey(path, key, node, otherKeys);
  }
  return {
    ...entry,
    label: entry.label ?? entry.id,
    clientId: entry.clientId ?? "",
    clientSecret: entry.clientSecret ?? "",
    options,
  };
}

/** A key of the client that the plugin never hears of would be obeyed by nobody. */
function refuseUnheard(decoder: Decoder, path: string, entry: Written, declared: object): void {
  for (const [name, key] of [
    ["clientId", "client_id"],
    ["clientSecret", "client_secret"],
    ["issuer", "issuer"],
    ["scopes", "scopes"],
  ] as const) {
    if (entry[name] === null || name in declared) continue;
    decoder.error(`${path}.${key}`, { code: "conflict", message: `is no option of the plugin ${entry.type}` });
  }
}

function checkIssuer(decoder: Decoder, path: string, issuer: string | null): void {
  if (issuer === null || !issuer.toLowerCase().startsWith("http:") || decoder.isFaulty(path)) return;
  const host = new URL(issuer).hostname.replace(/^\[|\]$/g, "");
  if (!isLoopback(host))
    decoder.error(path, { code: "bad_value", message: "must be an https URL unless it is a loopback address" });
}

interface SingleForm {
  readonly id: string;
  /** What stands before `client_id` in its keys. */
  readonly prefix: string;
  readonly entry: SsoProviderConfig;
}

/** The keys of old files: one provider, chosen by `sso.provider`. */
function foldSingleForm(decoder: Decoder, sso: SsoSettings): SingleForm | null {
  const { provider: type } = sso;
  const forms = {
    github: { prefix: "github_", clientId: sso.githubClientId, clientSecret: sso.githubClientSecret },
    google: { prefix: "google_", clientId: sso.googleClientId, clientSecret: sso.googleClientSecret },
    prismaauth: { prefix: "", clientId: sso.clientId, clientSecret: sso.clientSecret },
  };
  const { prefix, clientId, clientSecret } = forms[type];
  if (clientId === null && clientSecret === null) return null;
  if (clientId === null || clientSecret === null) {
    const absent = `${prefix}client_${clientId === null ? "id" : "secret"}`;
    if (sso.enabled)
      decoder.missing("sso", absent, `must be set together with its counterpart for sso.provider ${type}`);
    return null;
  }
  const issuer = type === "prismaauth" ? sso.prismaauthUrl : null;
  checkIssuer(decoder, "sso.prismaauth_url", issuer);
  const lists = { allowedDomains: [], allowedOrgs: [], adminGroups: [], adminSubjects: [] };
  const scopes = type === "prismaauth" ? sso.scopes : null;
  const entry = {
    id: type,
    type,
    label: type,
    enabled: true,
    clientId,
    clientSecret,
    issuer,
    scopes,
    ...lists,
    callback: "shared" as const,
    options: {},
  };
  return { id: type, prefix, entry };
}
