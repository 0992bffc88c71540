/** The entries of clouds that config.example.yml shows load as they stand, with nothing but the variables they name. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { builtinAuth, builtinProviders } from "../../plugins/index.ts";
import type { Catalog } from "../../src/config/catalog.ts";
import { loadConfig } from "../../src/config/load.ts";
import { redactConfig } from "../../src/config/redact.ts";
import type { AnyProviderPlugin } from "../../src/plugin/index.ts";
import { createFakeHost } from "./fake-host.ts";

const TEXT = readFileSync(join(import.meta.dir, "../../config.example.yml"), "utf8");
const ENTRIES = [...TEXT.matchAll(/^## {3}([a-z-]+): (\{ provider_type: .*\})$/gm)].map(
  ([, name, block]) => [name!, block!] as const,
);

const CATALOG: Catalog = new Map(
  [...(builtinProviders as readonly AnyProviderPlugin[]), ...builtinAuth].map((plugin) => [plugin.id, plugin] as const),
);
const ACCOUNT = JSON.stringify({
  ...{
    type: "service_account",
    project_id: "p",
    client_email: "robot@p.example",
    private_key: "the-private-key-of-robot",
  },
});
const ENV: Record<string, string> = Object.fromEntries(
  [...TEXT.matchAll(/\$\{([A-Z0-9_]+)/g)].map(([, name]) => [
    name!,
    name === "VERTEX_KEY_FILE" ? ACCOUNT : `value-of-${name}`,
  ]),
);

ENV["AZURE_TENANT"] = "contoso.example";

const load = (name: string, block: string) =>
  loadConfig({
    content: `providers:\n  ${name}: ${block}\n`,
    baseDir: "/nonexistent",
    dataDir: "/nonexistent",
    env: ENV,
    resolvePlugins: async () => ({ catalog: CATALOG, problems: [] }),
  });

test("there is one for each vendor with a dialect or a way of its own", () => {
  expect(new Set(ENTRIES.map(([, block]) => /provider_type: ([a-z]+)/.exec(block)?.[1]))).toEqual(
    new Set(["azure", "bedrock", "vertex", "gemini", "ollama", "cohere", "voyage", "tei"]),
  );
});

describe.each(ENTRIES)("%s", (name, block) => {
  test("loads without a word, and its plugin can be set up with it", async () => {
    const { config, errors, warnings } = await load(name, block);
    expect([...errors, ...warnings]).toEqual([]);
    const [entry] = config!.providers;
    const plugin = (builtinProviders as readonly AnyProviderPlugin[]).find(({ id }) => id === entry!.type)!;
    const host = createFakeHost({ baseUrl: entry!.baseUrl ?? plugin.baseUrl ?? "" });
    const provider = await plugin.setup(entry!.options as never, host);
    expect(provider.codecs.length).toBeGreaterThan(0);
    expect(host.fetched).toEqual([]);
  });

  test("shows none of its secrets where configurations are shown", async () => {
    const { config } = await load(name, block);
    const shown = JSON.stringify(
      redactConfig({ config: config!, catalog: CATALOG, references: new Map(), fingerprintKey: "k" }),
    );
    expect(shown).toContain(`"provider_type":"${config!.providers[0]!.type}"`);
    const secrets = Object.entries(ENV).filter(([variable]) => !/^AZURE_(TENANT|CLIENT)$/.test(variable));
    for (const [, value] of secrets) expect(shown).not.toContain(value);
    expect(shown).not.toContain("the-private-key-of-robot");
  });
});
