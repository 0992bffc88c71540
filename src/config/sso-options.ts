/** How a sign-in plugin gets its options: some keys of its entry are the house's, and lent to plugins that declare them. */
import type { TSchema } from "@sinclair/typebox";
import { type Options, propertiesOf, toSnakeCase } from "./options.ts";
import type { SsoProviderConfig } from "./types.ts";

const LENT = ["clientId", "clientSecret", "issuer", "scopes", "allowedOrgs", "adminGroups"] as const;
type Lent = (typeof LENT)[number];

/** What an entry must say for a plugin of this schema, as the file spells it. */
export function neededKeys(schema: TSchema): readonly { readonly name: Lent; readonly key: string }[] {
  const required: readonly string[] = schema["required"] ?? [];
  return LENT.filter((name) => required.includes(name) && !("default" in (propertiesOf(schema)[name] ?? {}))).map(
    (name) => ({ name, key: toSnakeCase(name) }),
  );
}

/** Whether the entry leaves the key unset. */
export function isUnset(value: SsoProviderConfig[Lent]): boolean {
  return value === null || value === "";
}

/** The schema of what stands beside the house's keys. */
export function withoutLent(schema: TSchema): TSchema {
  const isOwn = (name: string): boolean => !(LENT as readonly string[]).includes(name);
  const properties = Object.fromEntries(Object.entries(propertiesOf(schema)).filter(([name]) => isOwn(name)));
  return { ...schema, properties, required: ((schema["required"] ?? []) as string[]).filter(isOwn) };
}

/** The options of one entry: its own, and those of the house's keys that the plugin declares. */
export function signInOptions(entry: SsoProviderConfig, schema: TSchema): Options {
  const declared = propertiesOf(schema);
  const lent = LENT.filter((name) => name in declared && !isUnset(entry[name])).map((name) => [name, entry[name]]);
  return { ...entry.options, ...Object.fromEntries(lent) };
}
