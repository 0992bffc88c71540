/** `${…}` in texts: variables, defaults, secret files, credentials; once, never in keys, never again in the result. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the configuration look like templates
import { describe, expect, test } from "bun:test";
import { SECRET_FILE_BYTES_MAX } from "../../src/config/interpolate.ts";
import type { LoadInput } from "../../src/config/load.ts";
import { brief, load, loadGood, memoryFiles, placeOf, unmark } from "./support.ts";

const env = {
  KEY: "sk-0123456789abcdef",
  PORT: "9000",
  YES: "true",
  EMPTY: "",
  NESTED: "${KEY}",
  TTL: "5m",
  SECONDS: "7",
  LEVEL: "debug",
  PROMPT: "two\nlines",
  CREDENTIALS_DIRECTORY: "/run/credentials/monorelay",
};

const files = memoryFiles({
  "/run/secrets/plain": "from-file\n",
  "/run/secrets/windows": "from-file\r\n",
  "/run/secrets/twice": "from-file\n\n",
  "/run/secrets/link": "-> /run/secrets/plain",
  "/run/secrets/escape": "-> /etc/shadow",
  "/run/secrets/gone": "-> /run/secrets/nothing",
  "/run/secrets/reference": "${KEY}",
  "/run/secrets/big": "x".repeat(SECRET_FILE_BYTES_MAX + 1),
  "/run/secrets/binary": new Uint8Array([0xff, 0xfe]),
  "/run/secrets/folder/inner": "deep",
  "/run/secrets-of-others/plain": "stolen",
  "/run/credentials/monorelay/token": "from-systemd",
  "/run/credentials/monorelay/up": "-> /etc/shadow",
  "/etc/monorelay/beside": "beside",
  "/var/lib/monorelay/kept": "kept",
  "/etc/shadow": "stolen",
  "/srv/secrets/other": "other",
});

const input: Partial<LoadInput> = { env, files };
const prompt = (text: string) => `model_routing:\n  global_params:\n    system_prompt: ${text}`;
const promptOf = async (text: string) => (await loadGood(prompt(text), input)).modelRouting.globalParams.systemPrompt;

describe("becomes text", () => {
  test.each([
    ["a variable", "${KEY}", "sk-0123456789abcdef"],
    ["a variable inside text", "'Bearer ${KEY}!'", "Bearer sk-0123456789abcdef!"],
    ["two variables", "${PORT}/${YES}", "9000/true"],
    ["a variable with line breaks", "${PROMPT}", "two\nlines"],
    ["a default for what is not set", "${NOBODY:-nothing here}", "nothing here"],
    ["a default for what is empty", '"${EMPTY:-filled}"', "filled"],
    ["a default that is not needed", '"${KEY:-other}"', "sk-0123456789abcdef"],
    ["a default with colons and dashes", '"${NOBODY:-a:-b}"', "a:-b"],
    ["a file without its last line break", "${file:/run/secrets/plain}", "from-file"],
    ["a file from another system", "${file:/run/secrets/windows}", "from-file"],
    ["a file that ends in an empty line", "${file:/run/secrets/twice}", "from-file\n"],
    ["a file through a link inside the folder", "${file:/run/secrets/link}", "from-file"],
    ["a file deeper in the folder", "${file:/run/secrets/folder/inner}", "deep"],
    ["a file beside the configuration", "${file:beside}", "beside"],
    ["a file in the data directory", "${file:/var/lib/monorelay/kept}", "kept"],
    ["a path that goes up and comes back", "${file:/run/secrets/folder/../plain}", "from-file"],
    ["a credential", "${cred:token}", "from-systemd"],
    ["a file in the credentials' folder", "${file:/run/credentials/monorelay/token}", "from-systemd"],
    ["the characters themselves", "'$${KEY}'", "${KEY}"],
    ["the characters beside a variable", "'$${KEY} ${PORT}'", "${KEY} 9000"],
    ["a lone dollar", "'$5 $KEY {x}'", "$5 $KEY {x}"],
    ["a variable that looks like a reference, which is not followed", "${NESTED}", "${KEY}"],
    ["a file that looks like a reference, which is not followed", "${file:/run/secrets/reference}", "${KEY}"],
  ])("%s", async (_name, text, value) => {
    expect(await promptOf(text)).toBe(value);
  });
});

describe("takes the type of its key", () => {
  test.each([
    ["an integer", 'server: { port: "${PORT}" }', (c) => c.server.port, 9000],
    ["an integer put together", 'server: { port: "${SECONDS}000" }', (c) => c.server.port, 7000],
    ["an integer from a default", 'server: { port: "${NOBODY:-8080}" }', (c) => c.server.port, 8080],
    ["a boolean", 'server: { public_pricing: "${YES}" }', (c) => c.server.publicPricing, true],
    ["a duration with a unit", 'timeouts: { idle: "${TTL}" }', (c) => c.timeouts.idleMs, 300_000],
    ["a duration in seconds", 'timeouts: { idle: "${SECONDS}" }', (c) => c.timeouts.idleMs, 7000],
    ["a word, whatever its case", 'server: { log_level: "${LEVEL}" }', (c) => c.server.logLevel, "DEBUG"],
    ["a text of digits", 'server: { public_host: "a${SECONDS}" }', (c) => c.server.publicHost, "a7"],
    ["a secret of digits", 'secrets: { master_key: "${PORT}" }', (c) => c.secrets.masterKey, "9000"],
    [
      "an option of a plugin",
      'providers: { a: { provider_type: echo, delay: "${SECONDS}" } }',
      (c) => c.providers[0]?.options["delay"],
      7,
    ],
    [
      "a text option of digits",
      'providers: { a: { provider_type: cloud, api_version: "${PORT}" } }',
      (c) => c.providers[0]?.options["apiVersion"],
      "9000",
    ],
    [
      "a free value, unquoted",
      "providers:\n  a:\n    provider_type: echo\n    params:\n      n: ${SECONDS}",
      (c) => c.providers[0]?.params,
      { n: 7 },
    ],
    [
      "a free value, quoted, which stays text",
      "providers:\n  a:\n    provider_type: echo\n    params:\n      n: '${SECONDS}'",
      (c) => c.providers[0]?.params,
      { n: "7" },
    ],
    ["an empty secret, which is not set", 'server: { access_key: "${EMPTY}" }', (c) => c.server.accessKey, null],
    [
      "an empty hash, which is not set",
      'plugins: { list: [{ name: a, sha256: "${NOBODY:-}" }] }',
      (c) => c.plugins.list[0]?.sha256,
      null,
    ],
  ] as readonly (readonly [string, string, (config: Awaited<ReturnType<typeof loadGood>>) => unknown, unknown])[])(
    "%s",
    async (_name, text, read, value) => {
      expect(read(await loadGood(text, input))).toEqual(value as never);
    },
  );

  test("a plain quoted number stays a text and is refused", async () => {
    expect((await load("server: { port: '9000' }", input)).errors.map(brief)).toEqual(["wrong_type server.port"]);
  });
});

describe("is refused", () => {
  test.each([
    ["a variable that is not set", "▲${NOBODY}", "unresolved_variable"],
    ["a variable misspelt", "▲${KYE}", "unresolved_variable ? KEY"],
    ["a brace that stays open", "'▲${KEY'", "bad_value"],
    ["a name that is none", "▲${not a name}", "bad_value"],
    ["another kind of reference", "▲${vault:secret/x}", "bad_value"],
    ["an empty reference", "▲${}", "bad_value"],
    ["an operator that is none", "▲${KEY:?must}", "bad_value"],
    ["a file that does not exist", "▲${file:/run/secrets/nothing}", "unresolved_variable"],
    ["a link to nothing", "▲${file:/run/secrets/gone}", "unresolved_variable"],
    ["a file elsewhere", "▲${file:/etc/shadow}", "bad_reference"],
    ["a file elsewhere that does not exist either", "▲${file:/etc/nothing}", "bad_reference"],
    ["a path that goes up and out", "▲${file:/run/secrets/../../etc/shadow}", "bad_reference"],
    ["a link that leads out", "▲${file:/run/secrets/escape}", "bad_reference"],
    ["a folder whose name only begins the same", "▲${file:/run/secrets-of-others/plain}", "bad_reference"],
    ["a folder", "▲${file:/run/secrets/folder}", "bad_value"],
    ["a file that is too large", "▲${file:/run/secrets/big}", "out_of_range"],
    ["a file that is no text", "▲${file:/run/secrets/binary}", "bad_value"],
    ["a path with a NUL", '"▲${file:/run/secrets/plain\\0}"', "bad_value"],
    ["a credential that is not there", "▲${cred:nothing}", "unresolved_variable"],
    ["a credential with a path", "▲${cred:../token}", "bad_value"],
    ["a credential that leads out", "▲${cred:up}", "bad_reference"],
  ])("%s", async (_name, marked, expected) => {
    // The mark stands before the reference; quotes belong to the value.
    const { text, places } = unmark(prompt(marked.replace(/^(['"])▲/, "▲$1")));
    const { config, errors } = await load(text, input);
    const path = " model_routing.global_params.system_prompt";
    const found = errors.map((problem) => `${placeOf(problem)} ${brief(problem).replace(path, "")}`);
    expect(found).toEqual([`${places[0]} ${expected}`]);
    expect(JSON.stringify(errors)).not.toContain("stolen");
    expect(config).toBeNull();
  });

  test("a credential outside a service", async () => {
    const { errors } = await load(prompt("${cred:token}"), { files, env: {} });
    expect(errors.map((problem) => problem.code)).toEqual(["unresolved_variable"]);
    expect(errors[0]?.message).toContain("CREDENTIALS_DIRECTORY");
  });

  test("the variable is named, its neighbours' values are not", async () => {
    const { errors } = await load(prompt("'${KEY} ${NOBODY}'"), input);
    expect(errors[0]?.message).toContain("NOBODY");
    expect(JSON.stringify(errors)).not.toContain(env.KEY);
  });
});

test("references in keys are plain text", async () => {
  const config = await loadGood("model_routing: { aliases: { '${KEY}': a } }", input);
  expect(Object.keys(config.modelRouting.aliases)).toEqual(["${KEY}"]);
});

test("an anchored reference is replaced once wherever it is used", async () => {
  const config = await loadGood(
    "providers:\n  a: { provider_type: echo, params: &p { x: '${NESTED}' } }\n  b: { provider_type: echo, params: *p }",
    input,
  );
  expect(config.providers.map((provider) => provider.params)).toEqual([{ x: "${KEY}" }, { x: "${KEY}" }]);
});

describe("secrets.file_dirs", () => {
  test("replaces the usual folders", async () => {
    const text = `secrets: { file_dirs: [/srv/secrets] }\n${prompt("${file:/srv/secrets/other}")}`;
    expect((await loadGood(text, input)).modelRouting.globalParams.systemPrompt).toBe("other");
    const usual = `secrets: { file_dirs: [/srv/secrets] }\n${prompt("${file:/run/secrets/plain}")}`;
    expect((await load(usual, input)).errors.map((problem) => problem.code)).toEqual(["bad_reference"]);
  });

  test("may itself be put together from variables", async () => {
    const text = `secrets: { file_dirs: ["\${DIR}"] }\n${prompt("${file:/srv/secrets/other}")}`;
    expect((await loadGood(text, { files, env: { DIR: "/srv/secrets" } })).secrets.fileDirs).toEqual(["/srv/secrets"]);
  });

  test("empty lets nothing be read", async () => {
    const text = `secrets: { file_dirs: [] }\n${prompt("${file:/run/secrets/plain}")}`;
    expect((await load(text, input)).errors.map((problem) => problem.code)).toEqual(["bad_reference"]);
  });

  test("defaults to the config's folder, the data directory, /run/secrets and the service's credentials", async () => {
    expect((await loadGood(null, input)).secrets.fileDirs).toEqual([
      "/etc/monorelay",
      "/var/lib/monorelay",
      "/run/secrets",
      "/run/credentials/monorelay",
    ]);
    expect((await loadGood(null)).secrets.fileDirs).toEqual(["/etc/monorelay", "/var/lib/monorelay", "/run/secrets"]);
  });
});

test("what was written is kept, for those who may only see that", async () => {
  const { references } = await load(
    'server: { access_key: "${KEY}" }\nproviders:\n  a:\n    provider_type: echo\n    headers: { X-Team: "team ${PORT}" }\n    keys: [{ key: "${file:/run/secrets/plain}" }]',
    input,
  );
  expect(Object.fromEntries(references)).toMatchObject({
    "server.access_key": "${KEY}",
    "providers.a.headers.x-team": "team ${PORT}",
    "providers.a.keys[0].key": "${file:/run/secrets/plain}",
  });
});
