/** What a sign-in plugin is lent of its entry in `sso.providers`, and what the entry must say for it. */
import { describe, expect, test } from "bun:test";
import { builtinAuth, builtinProviders } from "../../plugins/index.ts";
import type { Catalog } from "../../src/config/catalog.ts";
import { loadConfig } from "../../src/config/load.ts";
import { signInOptions } from "../../src/config/sso-options.ts";
import { defineAuth, openidConnect, Type } from "../../src/plugin/index.ts";

const SIGN_IN = { signIn: { label: "x", begin: () => new URL("https://x"), finish: async () => ({ subject: "x" }) } };
const saml = defineAuth({
  id: "saml",
  options: Type.Object({
    issuer: Type.String({ description: "Issuer" }),
    certificate: Type.Secret({ description: "Certificate" }),
    clientId: Type.Optional(Type.String({ description: "Client" })),
    region: Type.String({ default: "eu", description: "Region" }),
  }),
  setup: () => SIGN_IN,
});
const plain = openidConnect({ id: "corp-id", label: "Corp", issuer: "https://id.corp.example" });
const CATALOG: Catalog = new Map(
  [...builtinProviders, ...builtinAuth, saml, plain].map((plugin) => [plugin.id, plugin]),
);

async function load(entry: string) {
  const { config, errors } = await loadConfig({
    content: `sso:\n  enabled: true\n  providers:\n    - { id: a, ${entry} }`,
    baseDir: "/nonexistent",
    dataDir: "/nonexistent",
    env: {},
    resolvePlugins: async () => ({ catalog: CATALOG, problems: [] }),
  });
  return { entry: config?.sso.providers[0], faults: errors.map(({ path, code }) => `${code} ${path}`) };
}

describe("a plugin of one's own", () => {
  test("gets what it declares, by the house's keys and by its own", async () => {
    const { entry, faults } = await load("type: saml, issuer: 'https://i.example', certificate: c, admin_groups: [x]");
    expect(faults).toEqual([]);
    expect(signInOptions(entry!, saml.options)).toEqual({
      issuer: "https://i.example",
      certificate: "c",
      region: "eu",
    });
  });

  test.each([
    ["without what it needs of the house", "type: saml, certificate: c", ["missing sso.providers[0].issuer"]],
    [
      "without what it needs of its own",
      "type: saml, issuer: 'https://i.example'",
      ["missing sso.providers[0].certificate"],
    ],
    [
      "with a key nobody knows",
      "type: saml, issuer: 'https://i.example', certificate: c, regoin: x",
      ["unknown_key sso.providers[0].regoin"],
    ],
    [
      "with a secret it never hears of",
      "type: saml, issuer: 'https://i.example', certificate: c, client_secret: s",
      ["conflict sso.providers[0].client_secret"],
    ],
    [
      "with an issuer where it has its own",
      "type: corp-id, client_id: a, client_secret: b, issuer: 'https://i.example'",
      ["conflict sso.providers[0].issuer"],
    ],
    ["switched off, it needs nothing of the house", "type: corp-id, enabled: false", ["missing sso.providers"]],
  ])("%s", async (_name, entry, faults) => {
    expect((await load(entry)).faults).toEqual(faults);
  });
});

describe("the built-ins", () => {
  const client = { clientId: "a", clientSecret: "b" };
  test.each([
    ["github", "allowed_orgs: ['42'], admin_groups: [x]", { ...client, allowedOrgs: ["42"], adminGroups: ["x"] }],
    [
      "github",
      "issuer: 'https://git.example.com'",
      { ...client, issuer: "https://git.example.com", allowedOrgs: [], adminGroups: [] },
    ],
    ["google", "scopes: [email]", { ...client, scopes: ["email"], adminGroups: [] }],
    [
      "oidc",
      "issuer: 'https://i.example', admin_groups: [x]",
      { ...client, issuer: "https://i.example", adminGroups: ["x"] },
    ],
    ["prismaauth", "issuer: 'http://localhost:8080'", { ...client, issuer: "http://localhost:8080", adminGroups: [] }],
  ])("%s with %s", async (type, keys, expected) => {
    const { entry, faults } = await load(`type: ${type}, client_id: a, client_secret: b, ${keys}`);
    expect(faults).toEqual([]);
    const plugin = builtinAuth.find(({ id }) => id === type)!;
    expect(signInOptions(entry!, plugin.options)).toEqual(expected);
  });
});
