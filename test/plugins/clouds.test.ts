/** What is special about each cloud: its lists of models, what its setup objects to, where it looks for credentials. */
import { describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { builtinProviders } from "../../plugins/index.ts";
import {
  type AnyProviderPlugin,
  type Codec,
  type Provider,
  RelayError,
  type UpstreamCall,
  type UpstreamRequest,
} from "../../src/plugin/index.ts";
import { cleanSurroundings } from "./cloud-support.ts";
import { createFakeHost, type FakeHost } from "./fake-host.ts";

const SECRET = "the-one-provider-key-0123";
const pluginOf = (id: string): AnyProviderPlugin =>
  (builtinProviders as readonly AnyProviderPlugin[]).find((plugin) => plugin.id === id)!;

/** What the configuration fills in by itself. */
const DEFAULTS: Readonly<Record<string, object>> = { bedrock: { anthropicBeta: [] }, vertex: { anthropicBeta: [] } };

async function setUp(id: string, options: object, host: FakeHost = createFakeHost()): Promise<Provider> {
  return pluginOf(id).setup({ ...DEFAULTS[id], ...options } as never, host);
}

const failure = async (run: () => Promise<unknown>): Promise<string> => {
  try {
    await run();
  } catch (error) {
    return String(error);
  }
  throw new Error("it did not object");
};

function callOf(codec: Codec, differs: Partial<UpstreamCall> = {}): UpstreamCall {
  return Object.freeze({
    operation: "chat",
    codec,
    method: "POST",
    path: "",
    query: "",
    model: "some-model",
    stream: false,
    body: "{}",
    contentType: "application/json",
    headers: Object.freeze({ "anthropic-beta": "client", "openai-beta": "client", "x-client": "client" }),
    secret: SECRET,
    signal: new AbortController().signal,
    ...differs,
  } as const);
}

const requestOf = async (provider: Provider, differs: Partial<UpstreamCall> = {}): Promise<UpstreamRequest> => {
  const request = await provider.request(callOf(provider.codecs[0], differs));
  if (request instanceof Request) throw new Error("built-ins use the plain form of a request");
  return request;
};

cleanSurroundings();

const AZURE = { deployments: {}, auth: "key", authority: "https://login.example", scope: "s" };
const AZURE_URL = "https://x.openai.azure.com";

describe("lists of models", () => {
  const rows: readonly [name: string, id: string, options: object, base: string, answer: object, url: string][] = [
    ["azure", "azure", AZURE, AZURE_URL, { data: [{ id: "a" }, { id: "b" }] }, `${AZURE_URL}/openai/v1/models`],
    [
      "azure with a dated version",
      "azure",
      { ...AZURE, apiVersion: "2024-10-21" },
      `${AZURE_URL}/openai`,
      { data: [{ id: "a" }, { id: "b" }] },
      `${AZURE_URL}/openai/models?api-version=2024-10-21`,
    ],
    [
      "bedrock, whose models another host knows",
      "bedrock",
      { region: "eu-west-1" },
      "",
      {
        modelSummaries: [
          { modelId: "a", outputModalities: ["TEXT"] },
          { modelName: "no id" },
          { modelId: "draws", outputModalities: ["IMAGE"] },
          { modelId: "b", outputModalities: ["EMBEDDING"] },
        ],
      },
      "https://bedrock.eu-west-1.amazonaws.com/foundation-models",
    ],
    [
      "vertex",
      "vertex",
      { location: "europe-west4", project: "p" },
      "",
      { publisherModels: [{ name: "publishers/google/models/a" }, {}, { name: "publishers/google/models/b" }] },
      "https://europe-west4-aiplatform.googleapis.com/v1beta1/publishers/google/models?pageSize=1000",
    ],
    [
      "ollama",
      "ollama",
      {},
      "http://127.0.0.1:11434/v1",
      { models: [{ name: "a" }, { model: "no name" }, { name: "b" }] },
      "http://127.0.0.1:11434/api/tags",
    ],
    [
      "cohere",
      "cohere",
      {},
      "https://api.cohere.com",
      {
        models: [
          { name: "a", endpoints: ["chat", "generate"] },
          {},
          { name: "sorts", endpoints: ["classify"] },
          { name: "b", endpoints: ["embed"] },
        ],
      },
      "https://api.cohere.com/v1/models?page_size=1000",
    ],
  ];
  test.each(rows)("of %s", async (_name, id, options, baseUrl, answer, url) => {
    const host = createFakeHost({ baseUrl, answer: () => Response.json(answer) });
    const provider = await setUp(id, options, host);
    expect(await provider.listModels!(SECRET, new AbortController().signal)).toEqual(["a", "b"]);
    expect(host.fetched.map((asked) => asked.url)).toEqual([url]);
    const carriers = [...host.fetched[0]!.headers].filter(([, value]) => value.includes(SECRET));
    expect(carriers).toHaveLength(1);
  });

  test.each(rows)("of %s that fail do not name the key", async (_name, id, options, baseUrl) => {
    const host = createFakeHost({ baseUrl, answer: () => new Response(`bad key ${SECRET}`, { status: 403 }) });
    const provider = await setUp(id, options, host);
    const text = await failure(() => provider.listModels!(SECRET, new AbortController().signal));
    expect(text).toContain("403");
    expect(text).not.toContain(SECRET);
  });

  test("deployments are the models, and nobody is asked", async () => {
    const deployments = { "gpt-4o": "one", "gpt-5": "two" };
    const host = createFakeHost({ baseUrl: AZURE_URL });
    const provider = await setUp("azure", { ...AZURE, apiVersion: "2024-10-21", deployments }, host);
    expect(provider.models).toEqual(["gpt-4o", "gpt-5"]);
    expect(await provider.listModels!(SECRET, new AbortController().signal)).toEqual(["gpt-4o", "gpt-5"]);
    expect(host.fetched).toEqual([]);
  });
});

describe("setup objects, in words that show no secret", () => {
  const azure = (options: object, baseUrl = AZURE_URL) =>
    failure(() => setUp("azure", { ...AZURE, ...options }, createFakeHost({ baseUrl })));

  test("azure without an endpoint, with half of Entra, with deployments that have no path", async () => {
    expect(await azure({}, "")).toContain("base_url");
    const half = await azure({ auth: "entra", tenantId: "t", clientSecret: SECRET });
    expect(half).toContain("client_id");
    expect(half).not.toContain(SECRET);
    expect(await azure({ deployments: { a: "b" } })).toContain("api_version");
    expect(await azure({ deployments: { a: "b" }, apiVersion: "preview" })).toContain("api_version");
  });

  test("bedrock with half a pair", async () => {
    const text = await failure(() => setUp("bedrock", { secretAccessKey: SECRET }));
    expect(text).toContain("access_key_id");
    expect(text).not.toContain(SECRET);
  });

  test.each([
    ["no JSON", "{not json"],
    ["another kind of file", JSON.stringify({ type: "authorized_user", client_email: "x", private_key: "y" })],
    ["a list", "[]"],
    ["nothing", "null"],
  ])("vertex with %s", async (_what, credentials) => {
    const text = await failure(() => setUp("vertex", { location: "global", credentials }));
    expect(text).toContain("credentials are not");
    expect(text).not.toContain("{not json");
  });

  test("vertex with an account of no project", async () => {
    const credentials = JSON.stringify({ type: "service_account", client_email: "x", private_key: "y" });
    expect(await failure(() => setUp("vertex", { location: "global", credentials }))).toContain("project");
    expect(await setUp("vertex", { location: "global", credentials, project: "p" })).toBeDefined();
    process.env["GOOGLE_CLOUD_PROJECT"] = "p";
    expect(await setUp("vertex", { location: "global", credentials })).toBeDefined();
  });
});

describe("without any credential", () => {
  test.each([
    ["azure", AZURE],
    ["bedrock", {}],
    ["vertex", { location: "global" }],
  ])("%s says so instead of asking", async (id, options) => {
    const host = createFakeHost({ baseUrl: "https://cloud.example" });
    const provider = await setUp(id, options, host);
    const error = await Promise.resolve(requestOf(provider, { secret: "" })).catch((thrown: unknown) => thrown);
    if (!RelayError.is(error)) throw new Error("it did not object");
    expect([error.code, error.wireCode]).toEqual(["unavailable", "no_keys"]);
    expect(host.fetched).toEqual([]);
  });

  test("ollama asks without", async () => {
    const provider = await setUp("ollama", {}, createFakeHost({ baseUrl: "http://127.0.0.1:1" }));
    expect((await requestOf(provider, { secret: "" })).headers).toEqual({ "content-type": "application/json" });
  });
});

describe("credentials of the surroundings", () => {
  test("bedrock takes what AWS's own tools take; keys and options come before them", async () => {
    process.env["AWS_ACCESS_KEY_ID"] = "ASIAENVIRONMENT00001";
    process.env["AWS_SECRET_ACCESS_KEY"] = "environment-secret";
    process.env["AWS_SESSION_TOKEN"] = "environment-session";
    process.env["AWS_REGION"] = "ap-southeast-2";
    const provider = await setUp("bedrock", {});
    const lent = await requestOf(provider, { secret: "" });
    expect(lent.url).toStartWith("https://bedrock-runtime.ap-southeast-2.amazonaws.com/model/");
    expect(lent.headers["authorization"]).toContain("Credential=ASIAENVIRONMENT00001/");
    expect(lent.headers["x-amz-security-token"]).toBe("environment-session");
    expect((await requestOf(provider)).headers["authorization"]).toBe(`Bearer ${SECRET}`);
    const own = await setUp("bedrock", { accessKeyId: "ASIAOPTIONS000000001", secretAccessKey: "options-secret" });
    const signed = await requestOf(own, { secret: "" });
    expect(signed.headers["authorization"]).toContain("Credential=ASIAOPTIONS000000001/");
    expect(signed.headers).not.toHaveProperty("x-amz-security-token");
    process.env["AWS_BEARER_TOKEN_BEDROCK"] = "environment-bearer";
    const bearer = await setUp("bedrock", {});
    expect((await requestOf(bearer, { secret: "" })).headers["authorization"]).toBe("Bearer environment-bearer");
    expect(JSON.stringify([lent, signed])).not.toMatch(/environment-secret|options-secret/);
  });

  test("what is lent for the vendor's own hosts goes to no other", async () => {
    process.env["AWS_BEARER_TOKEN_BEDROCK"] = "environment-bearer";
    process.env["GOOGLE_APPLICATION_CREDENTIALS"] = "/nonexistent/key.json";
    for (const baseUrl of [
      "https://elsewhere.example",
      "https://amazonaws.com.elsewhere.example",
      "http://x.amazonaws.com",
    ]) {
      const provider = await setUp("bedrock", {}, createFakeHost({ baseUrl }));
      expect(await failure(() => requestOf(provider, { secret: "" }))).toContain("no credentials");
    }
    const elsewhere = createFakeHost({ baseUrl: "https://googleapis.com.elsewhere.example" });
    const vertex = await setUp("vertex", { location: "global" }, elsewhere);
    expect(await failure(() => requestOf(vertex, { secret: "" }))).toContain("no credentials");
    const own = createFakeHost({ baseUrl: "https://vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com" });
    const { headers } = await requestOf(await setUp("bedrock", {}, own), { secret: "" });
    expect(headers["authorization"]).toBe("Bearer environment-bearer");
  });

  test("bedrock reads a profile of AWS's own files, its region too, and says when it cannot", async () => {
    const folder = mkdtempSync(join(tmpdir(), "monorelay-aws-"));
    const [secrets, settings] = [join(folder, "credentials"), join(folder, "config")];
    writeFileSync(
      secrets,
      "# keys\n[default]\naws_access_key_id = ASIADEFAULT000000001\n\n[ team ]\r\naws_access_key_id=ASIAPROFILE000000001\r\naws_secret_access_key = profile-secret= \n",
    );
    writeFileSync(settings, "[profile team]\nregion = eu-north-1\ns3 =\n  region = nowhere\n");
    process.env["AWS_SHARED_CREDENTIALS_FILE"] = secrets;
    process.env["AWS_CONFIG_FILE"] = settings;
    const provider = await setUp("bedrock", { profile: "team" });
    const request = await requestOf(provider, { secret: "" });
    expect(request.url).toStartWith("https://bedrock-runtime.eu-north-1.amazonaws.com/");
    expect(request.headers["authorization"]).toContain("Credential=ASIAPROFILE000000001/");
    expect(await failure(() => setUp("bedrock", { profile: "default" }))).toContain(
      '"default" does not exist, or holds no keys',
    );
    expect(await failure(() => setUp("bedrock", { profile: "nobody" }))).toContain('"nobody"');
    rmSync(folder, { recursive: true });
    expect(await failure(() => setUp("bedrock", { profile: "team" }))).not.toContain("profile-secret");
  });

  describe("a role taken on", () => {
    const options = {
      ...{ region: "eu-west-1", accessKeyId: "ASIAOPTIONS000000001", secretAccessKey: "options-secret" },
      roleArn: "arn:aws:iam::123456789012:role/relay",
    };
    const lent = { AccessKeyId: "ASIALENT000000000001", SecretAccessKey: "lent-secret", SessionToken: "lent-session" };
    const answer =
      (body: object, status = 200) =>
      () =>
        Response.json(body, { status });

    test("its keys sign the calls, and it is taken on once", async () => {
      const body = {
        AssumeRoleResponse: { AssumeRoleResult: { Credentials: { ...lent, Expiration: 1_700_003_600 } } },
      };
      const host = createFakeHost({ answer: answer(body) });
      const provider = await setUp("bedrock", options, host);
      expect(host.fetched).toEqual([]);
      const requests = await Promise.all([1, 2, 3].map(() => requestOf(provider, { secret: "" })));
      for (const { headers } of requests) {
        expect(headers["authorization"]).toContain("Credential=ASIALENT000000000001/");
        expect(headers["x-amz-security-token"]).toBe("lent-session");
      }
      expect(host.fetched.map(({ url }) => url)).toEqual(["https://sts.eu-west-1.amazonaws.com/"]);
      expect(host.fetched[0]!.headers.get("authorization")).toMatch(
        /Credential=ASIAOPTIONS000000001\/\d{8}\/eu-west-1\/sts\//,
      );
      // A key of one's own needs no role.
      expect((await requestOf(provider)).headers["authorization"]).toBe(`Bearer ${SECRET}`);
    });

    test.each([
      ["refused", answer({ Error: { Message: "options-secret" } }, 403), "upstream-credential"],
      ["failing", answer({}, 500), "upstream-unavailable"],
      ["answering something else", answer({ hello: "world" }), "upstream-malformed"],
    ])("%s", async (_what, reply, code) => {
      const provider = await setUp("bedrock", options, createFakeHost({ answer: reply }));
      const error = await requestOf(provider, { secret: "" }).catch((thrown: unknown) => thrown);
      if (!RelayError.is(error)) throw new Error("it did not object");
      expect(error.code).toBe(code as never);
      expect(error.message).not.toContain("options-secret");
    });

    test("needs somebody who takes it on", async () => {
      const alone = { roleArn: options.roleArn };
      expect(await failure(() => setUp("bedrock", alone))).toContain("role_arn needs keys");
      process.env["AWS_BEARER_TOKEN_BEDROCK"] = "environment-bearer";
      expect(await failure(() => setUp("bedrock", alone))).toContain("role_arn needs keys");
    });
  });

  test("vertex reads the key file that Google's own tools read, and says when it cannot", async () => {
    const { privateKey } = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    });
    const folder = mkdtempSync(join(tmpdir(), "monorelay-vertex-"));
    const path = join(folder, "key.json");
    const file = { type: "service_account", project_id: "of-the-file", client_email: "x", private_key: privateKey };
    writeFileSync(path, JSON.stringify(file));
    process.env["GOOGLE_APPLICATION_CREDENTIALS"] = path;
    const host = createFakeHost({ answer: () => Response.json({ access_token: "lent", expires_in: 3600 }) });
    const provider = await setUp("vertex", { location: "us-central1" }, host);
    const request = await requestOf(provider, { secret: "", model: "gemini-2.5-pro" });
    expect(request.url).toBe(
      "https://us-central1-aiplatform.googleapis.com/v1/projects/of-the-file/locations/us-central1/publishers/google/models/gemini-2.5-pro:generateContent",
    );
    expect(request.headers["authorization"]).toBe("Bearer lent");
    expect(host.fetched.map(({ url }) => url)).toEqual(["https://oauth2.googleapis.com/token"]);
    rmSync(folder, { recursive: true });
    expect(await failure(() => setUp("vertex", { location: "global" }))).toContain("GOOGLE_APPLICATION_CREDENTIALS");
  });

  test("a service account given as key that is none fails that key alone", async () => {
    const provider = await setUp("vertex", { location: "global", project: "p" });
    const error = await requestOf(provider, { secret: '{"private_key":"no-key"}' }).catch((thrown: unknown) => thrown);
    if (!RelayError.is(error)) throw new Error("it did not object");
    expect([error.code, error.retry]).toEqual(["upstream-credential", "next"]);
    expect(error.message).not.toContain("no-key");
  });
});

describe("where calls go", () => {
  test.each([
    ["global", "https://aiplatform.googleapis.com"],
    ["eu", "https://aiplatform.eu.rep.googleapis.com"],
    ["europe-west1", "https://europe-west1-aiplatform.googleapis.com"],
  ])("vertex in %s", async (location, root) => {
    const { url } = await requestOf(await setUp("vertex", { location, project: "p" }));
    expect(url).toStartWith(`${root}/v1/projects/p/locations/${location}/`);
  });

  test.each([
    ["anthropic.claude-3-haiku-20240307-v1:0", "bedrock-invoke-claude"],
    ["us.anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock-invoke-claude"],
    [
      "arn:aws:bedrock:us-east-1:1:inference-profile/eu.anthropic.claude-opus-4-1-20250805-v1:0",
      "bedrock-invoke-claude",
    ],
    ["arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", "bedrock-converse"],
    ["amazon.nova-pro-v1:0", "bedrock-converse"],
    ["meta.llama3-1-70b-instruct-v1:0", "bedrock-converse"],
    ["my-anthropic.claude-lookalike", "bedrock-converse"],
  ])("bedrock speaks of %s in %s", async (model, codec) => {
    const provider = await setUp("bedrock", {});
    expect(provider.codecsFor!(model)[0].id).toBe(codec);
    expect((await requestOf(provider, { model })).url).toContain(`/model/${encodeURIComponent(model)}/`);
  });

  test.each([
    ["anthropic.claude-3-5-sonnet-20241022-v2:0", { family: "claude", thinking: "none", sampling: "all" }],
    ["eu.anthropic.claude-sonnet-4-5-20250929-v1:0", { family: "claude", structuredOutput: false, mediaUrls: false }],
    ["us.amazon.nova-2-lite-v1:0", { family: "nova", thinking: "adaptive" }],
    ["amazon.nova-micro-v1:0", { family: "nova", thinking: "none" }],
    ["mistral.mistral-large-2402-v1:0", { mediaUrls: false }],
  ])("bedrock knows %s", async (model, traits) => {
    expect((await setUp("bedrock", {})).traits!(model)).toMatchObject(traits);
  });

  test("azure's older versions are asked in older words", async () => {
    const traits = async (apiVersion?: string) =>
      (
        await setUp(
          "azure",
          { ...AZURE, ...(apiVersion ? { apiVersion } : {}) },
          createFakeHost({ baseUrl: AZURE_URL }),
        )
      ).traits!("m");
    const older = { fileUrls: false, vendorFields: false };
    expect(await traits("2023-05-15")).toEqual({ ...older, maxTokensField: "max_tokens", streamUsage: false });
    expect(await traits("2024-10-21")).toEqual({ ...older, maxTokensField: "max_completion_tokens" });
    expect(await traits()).toEqual({ fileUrls: false, maxTokensField: "max_completion_tokens" });
  });

  test.each([
    ["embeddings", "/embeddings", "/openai/deployments/d/embeddings?a=b&api-version=2024-10-21"],
    ["audio", "/audio/transcriptions", "/openai/deployments/d/audio/transcriptions?a=b&api-version=2024-10-21"],
    ["images", "/images/generations", "/openai/deployments/d/images/generations?a=b&api-version=2024-10-21"],
    ["files", "/files/file-1", "/openai/files/file-1?a=b&api-version=2024-10-21"],
    ["batches", "/batches", "/openai/batches?a=b&api-version=2024-10-21"],
  ] as const)("azure's %s below the deployment or the resource", async (operation, path, url) => {
    const host = createFakeHost({ baseUrl: AZURE_URL });
    const provider = await setUp("azure", { ...AZURE, apiVersion: "2024-10-21" }, host);
    expect((await requestOf(provider, { operation, path, query: "?a=b", model: "d" })).url).toBe(AZURE_URL + url);
    const plain = await setUp("azure", AZURE, host);
    expect((await requestOf(plain, { operation, path, query: "?a=b", model: "d" })).url).toBe(
      `${AZURE_URL}/openai/v1${path}?a=b`,
    );
  });

  test.each([
    ["embeddings", "/embed", "/v2/embed"],
    ["rerank", "/rerank", "/v2/rerank"],
  ] as const)("cohere's %s", async (operation, path, url) => {
    const provider = await setUp("cohere", {}, createFakeHost({ baseUrl: "https://api.cohere.com/v2" }));
    expect((await requestOf(provider, { operation, path })).url).toBe(`https://api.cohere.com${url}`);
  });
});

describe("betas of Claude are the operator's to choose", () => {
  const anthropicBeta = ["context-1m-2025-08-07", "another-2026-01-01"];

  test("at bedrock they are facts of its models, and of no other", async () => {
    const provider = await setUp("bedrock", { anthropicBeta });
    expect(provider.traits!("anthropic.claude-sonnet-4-5-20250929-v1:0").betas).toEqual(anthropicBeta);
    expect(provider.traits!("amazon.nova-pro-v1:0")).not.toHaveProperty("betas");
  });

  test("at vertex they are a header", async () => {
    const provider = await setUp("vertex", { location: "global", anthropicBeta });
    const codec = provider.codecs[1]!;
    const { headers } = await requestOf(provider, { model: "claude-opus-4-6", codec });
    expect(headers["anthropic-beta"]).toBe(anthropicBeta.join(","));
    expect((await requestOf(provider, { model: "gemini-2.5-pro" })).headers).not.toHaveProperty("anthropic-beta");
  });
});

describe("each call by itself", () => {
  const rows: readonly [id: string, options: object][] = [
    ["azure", AZURE],
    ["bedrock", {}],
    ["vertex", { location: "global" }],
    ["ollama", {}],
    ["cohere", {}],
  ];
  test.each(rows)(
    "C20, C21: %s leaves the call as it was, remembers nothing, and mixes no entries",
    async (id, options) => {
      const one = await setUp(id, options, createFakeHost({ baseUrl: "https://one.example" }));
      const two = await setUp(id, options, createFakeHost({ baseUrl: "https://two.example" }));
      const call = callOf(one.codecs[0]);
      const before = JSON.stringify({ ...call, codec: null, signal: null });
      const first = (await one.request(call)) as UpstreamRequest;
      const second = (await two.request({ ...call, secret: "another-key" })) as UpstreamRequest;
      expect(JSON.stringify({ ...call, codec: null, signal: null })).toBe(before);
      expect([first.url.startsWith("https://one.example/"), second.url.startsWith("https://two.example/")]).toEqual([
        true,
        true,
      ]);
      expect(JSON.stringify(second)).not.toContain(SECRET);
      expect(Object.keys(first.headers)).toEqual(Object.keys(first.headers).map((name) => name.toLowerCase()));
      const fromClient = Object.entries(first.headers).filter(([, value]) => value === "client");
      expect(fromClient).toEqual(id === "azure" ? [["openai-beta", "client"]] : []);
    },
  );
});
