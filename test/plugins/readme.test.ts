/** Every code block of plugins/README.md compiles, loads through the door and does what the text around it says. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { builtinAuth } from "../../plugins/index.ts";
import type { Catalog } from "../../src/config/catalog.ts";
import { loadConfig } from "../../src/config/load.ts";
import type {
  AnyAuthPlugin,
  AnyProviderPlugin,
  ChatEvent,
  ChatRequest,
  Credentials,
  UpstreamCall,
} from "../../src/plugin/index.ts";
import { openaiChat } from "../../src/plugin/index.ts";
import type { LoadedExternal } from "../../src/snapshot/load-external.ts";
import { FAULT_CODES } from "../../src/snapshot/load-external-fault.ts";
import { PluginFolder } from "../snapshot/plugin-folder.ts";
import { createFakeHost, IDENTITY } from "./fake-host.ts";

const ROOT = join(import.meta.dir, "../..");
const TEXT = readFileSync(join(ROOT, "plugins/README.md"), "utf8");

const blocksOf = (language: string): string[] =>
  Array.from(TEXT.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, "g")), (match) => match[1]!);

/** By the id each block gives its plugin. */
const FILES = new Map(blocksOf("ts").map((code) => [/\bid: "([^"]+)"/.exec(code)?.[1] ?? "", code]));
const CONFIG = blocksOf("yaml")[0] ?? "";

let folder: PluginFolder;
let loaded: LoadedExternal;
beforeAll(async () => {
  folder = new PluginFolder();
  for (const [id, code] of FILES) folder.write(`${id}.ts`, code);
  loaded = await folder.load([...FILES.keys()]);
});
afterAll(() => folder.remove());

const provider = (id: string): AnyProviderPlugin => loaded.providers.find((plugin) => plugin.id === id)!;

const call: UpstreamCall = {
  operation: "chat",
  codec: openaiChat,
  method: "POST",
  path: "",
  query: "",
  model: "example-1",
  stream: false,
  body: `{"model":"example-1"}`,
  contentType: "application/json",
  headers: {},
  secret: "the-provider-key",
  signal: new AbortController().signal,
};

describe("the text", () => {
  test("has five examples, and is short", () => {
    expect([...FILES.keys()]).toEqual(["example", "corp", "shout", "corp-proxy", "corp-id"]);
    expect(TEXT.trimEnd().split("\n").length).toBeLessThanOrEqual(150);
  });

  test("names every code a load can answer with", () => {
    for (const code of FAULT_CODES) expect(TEXT).toContain(code);
  });
});

describe("the examples", () => {
  test("load without a problem or a warning", () => {
    expect({ problems: loaded.problems, warnings: loaded.warnings }).toEqual({ problems: [], warnings: [] });
    expect(loaded.loaded.map(({ id, kind }) => `${kind} ${id}`)).toEqual([
      "provider example",
      "provider corp",
      "provider shout",
      "auth corp-proxy",
      "auth corp-id",
    ]);
  });

  test("fit the strictest types", () => {
    const options = {
      extends: join(ROOT, "tsconfig.json"),
      compilerOptions: { typeRoots: [join(ROOT, "node_modules/@types")] },
      include: ["*.ts"],
    };
    writeFileSync(join(folder.dir, "tsconfig.json"), JSON.stringify(options));
    // The check has to find this one, or it has checked nothing.
    folder.write("wrong.ts", `import { openaiCompatible } from "monorelay/plugin";\nopenaiCompatible({ id: 1 });\n`);
    const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
    const { stdout } = Bun.spawnSync([process.execPath, tsc, "-p", folder.dir, "--pretty", "false"], {
      stderr: "pipe",
    });
    const files = Array.from(stdout.toString().matchAll(/^(\S+\.ts)\(/gm), (match) => basename(match[1]!));
    expect(files.filter((file) => file === "wrong.ts" || FILES.has(basename(file, ".ts")))).toEqual(["wrong.ts"]);
  });

  test("fit the configuration beside them", async () => {
    const plugins: readonly (AnyProviderPlugin | AnyAuthPlugin)[] = [
      ...builtinAuth,
      ...loaded.providers,
      ...loaded.auth,
    ];
    const catalog: Catalog = new Map(plugins.map((plugin) => [plugin.id, plugin]));
    const asked: string[] = [];
    const { errors, config } = await loadConfig({
      content: CONFIG,
      baseDir: folder.base,
      dataDir: folder.base,
      env: {
        EXAMPLE_KEY: "one-key-for-the-example",
        CORP_KEY: "one-key-for-the-gateway",
        CORP_ID_SECRET: "a-client-secret",
      },
      resolvePlugins: async ({ dir, list }) => {
        asked.push(dir, ...list.map(({ name }) => name));
        return { catalog, problems: [] };
      },
    });
    expect(errors).toEqual([]);
    expect(asked).toEqual([folder.dir, ...FILES.keys()]);
    expect(config?.providers.map(({ name, options }) => [name, options])).toEqual([
      ["my-example", {}],
      ["corp-us", { region: "us" }],
      ["loud", { suffix: "?!" }],
    ]);
    const [signIn] = config?.sso.providers ?? [];
    expect(signIn).toMatchObject({ id: "corp", type: "corp-id", clientId: "relay", clientSecret: "a-client-secret" });
    expect(config?.plugins.options["corp-proxy"]).toEqual({ header: "x-corp-user", trusted: ["10.0.0.7"] });
  });

  test("example: sends the body as it is, with a Bearer key", async () => {
    const host = createFakeHost({ baseUrl: provider("example").baseUrl! });
    const made = await provider("example").setup({} as never, host);
    expect(await made.request(call)).toMatchObject({
      url: "https://api.example.com/v1/chat/completions",
      headers: { authorization: "Bearer the-provider-key", "content-type": "application/json" },
      body: call.body,
    });
    expect(host.fetched).toEqual([]);
  });

  test("corp: builds the address from an option, signs in headers of its own, lists models", async () => {
    const host = createFakeHost({ answer: () => Response.json({ data: [{ id: "corp-1" }, { id: "corp-2" }] }) });
    const made = await provider("corp").setup({ region: "us", tenantKey: "tenant" } as never, host);
    expect(await made.request(call)).toEqual({
      url: "https://us.llm.corp.example/v1/chat/completions",
      method: "POST",
      headers: { "x-corp-key": "the-provider-key", "x-corp-tenant": "tenant", "content-type": "application/json" },
      body: call.body!,
    });
    expect(await made.listModels?.("listing-key", call.signal)).toEqual(["corp-1", "corp-2"]);
    expect(host.fetched.map(({ url, headers }) => [url, headers.get("x-corp-key")])).toEqual([
      ["https://us.llm.corp.example/v1/models", "listing-key"],
    ]);
    const without = await provider("corp").setup({ region: "eu" } as never, host);
    expect(Object.keys((await without.request(call)).headers)).not.toContain("x-corp-tenant");
    expect(provider("corp").options["properties"].tenantKey).toMatchObject({ secret: true });
  });

  test("shout: answers in capitals", async () => {
    const made = await provider("shout").setup({ suffix: "?!" } as never, createFakeHost());
    const request: ChatRequest = {
      model: "shout-1",
      stream: true,
      system: [],
      messages: [{ role: "user", parts: [{ type: "text", text: "hello you" }] }],
      tools: [],
      includeUsage: true,
    };
    const events: ChatEvent[] = [];
    for await (const event of made.answer!(request, call.signal)) events.push(event);
    expect(events.flatMap((event) => (event.type === "part-delta" ? [event.delta] : [])).join("")).toBe("HELLO YOU ?!");
    expect(events.at(-1)).toMatchObject({ type: "response-end", finish: { reason: "stop" } });
    expect(made.models).toEqual(["shout-1"]);
  });

  test("corp-id: sends people to the company's provider, asks it nothing before", async () => {
    const metadata = {
      issuer: "https://id.corp.example",
      authorization_endpoint: "https://id.corp.example/authorize",
      token_endpoint: "https://id.corp.example/token",
      jwks_uri: "https://id.corp.example/jwks",
    };
    const host = createFakeHost({ answer: () => Response.json(metadata) });
    const plugin = loaded.auth.find(({ id }) => id === "corp-id")!;
    const { signIn } = await plugin.setup(
      { clientId: "relay", clientSecret: "a-client-secret", adminGroups: [] } as never,
      host,
    );
    expect(signIn?.label).toBe("Corp");
    expect(host.fetched).toEqual([]);
    const login = { redirectUri: "https://relay.example.com/cb", state: "s", codeChallenge: "c", nonce: "n" };
    const url = await signIn!.begin({ ...login, signal: call.signal });
    expect(url.origin + url.pathname).toBe("https://id.corp.example/authorize");
    expect(host.fetched.map(({ url: asked }) => asked)).toEqual([
      "https://id.corp.example/.well-known/openid-configuration",
    ]);
  });

  const callers: readonly [string, Partial<Credentials>, object][] = [
    ["nobody named: not mine", {}, { type: "skip" }],
    [
      "named by the proxy and known",
      { headers: new Headers({ "x-corp-user": "ada" }) },
      { type: "accept", identity: IDENTITY },
    ],
    [
      "named by the proxy and unknown",
      { headers: new Headers({ "x-corp-user": "eve" }) },
      { type: "reject", reason: "unknown user" },
    ],
    [
      "named by somebody else",
      { headers: new Headers({ "x-corp-user": "ada" }), remoteAddress: "10.0.0.8" },
      { type: "reject", reason: "header from an untrusted address" },
    ],
  ];
  test.each(callers)("corp-proxy: %s", async (_name, differs, outcome) => {
    const asked: string[] = [];
    const host = createFakeHost({
      directory: {
        findByLink: (link, subject) => {
          asked.push(`${link}/${subject}`);
          return subject === "ada" ? IDENTITY : undefined;
        },
      },
    });
    const plugin = loaded.auth[0] as AnyAuthPlugin;
    const auth = await plugin.setup({ header: "x-corp-user", trusted: ["10.0.0.7"] } as never, host);
    const credentials: Credentials = { remoteAddress: "10.0.0.7", headers: new Headers(), ...differs };
    expect(await auth.authenticate?.(credentials)).toEqual(outcome as never);
    const isTrusted = credentials.remoteAddress === "10.0.0.7" && credentials.headers.has("x-corp-user");
    expect(asked).toHaveLength(isTrusted ? 1 : 0);
  });
});
