/** Every built-in provider: well-formed, well-addressed, and the key nowhere but where it belongs. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Value } from "@sinclair/typebox/value";
import { builtinAuth, builtinProviders } from "../../plugins/index.ts";
import {
  type AnyProviderPlugin,
  anthropicMessages,
  openaiChat,
  openaiResponses,
  type Provider,
  type UpstreamCall,
  type UpstreamRequest,
} from "../../src/plugin/index.ts";
import { checkExport } from "../../src/snapshot/load-external-check.ts";
import { createFakeHost, type FakeHost } from "./fake-host.ts";

const PLUGINS = join(import.meta.dir, "../../plugins");
const SECRET = "sk-the-one-provider-key";

/** Where each provider's chat and embeddings calls go, as its vendor documents it. */
const PRESETS: readonly (readonly [id: string, chat: string, embeddings: string | null])[] = [
  ["anthropic", "https://api.anthropic.com/v1/messages", null],
  ["cerebras", "https://api.cerebras.ai/v1/chat/completions", "https://api.cerebras.ai/v1/embeddings"],
  ["deepseek", "https://api.deepseek.com/v1/chat/completions", "https://api.deepseek.com/v1/embeddings"],
  [
    "fireworks",
    "https://api.fireworks.ai/inference/v1/chat/completions",
    "https://api.fireworks.ai/inference/v1/embeddings",
  ],
  [
    "gemini",
    "https://generativelanguage.googleapis.com/v1beta/models/some-model:generateContent",
    "https://generativelanguage.googleapis.com/v1beta/models/some-model:embedContent",
  ],
  ["groq", "https://api.groq.com/openai/v1/chat/completions", "https://api.groq.com/openai/v1/embeddings"],
  ["jina", "https://api.jina.ai/v1/chat/completions", "https://api.jina.ai/v1/embeddings"],
  ["llama-cpp", "http://127.0.0.1:8080/v1/chat/completions", "http://127.0.0.1:8080/v1/embeddings"],
  ["lm-studio", "http://127.0.0.1:1234/v1/chat/completions", "http://127.0.0.1:1234/v1/embeddings"],
  ["mistral", "https://api.mistral.ai/v1/chat/completions", "https://api.mistral.ai/v1/embeddings"],
  ["moonshot", "https://api.moonshot.ai/v1/chat/completions", "https://api.moonshot.ai/v1/embeddings"],
  ["nvidia", "https://integrate.api.nvidia.com/v1/chat/completions", "https://integrate.api.nvidia.com/v1/embeddings"],
  ["ollama-openai", "http://127.0.0.1:11434/v1/chat/completions", "http://127.0.0.1:11434/v1/embeddings"],
  ["openai", "https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1/embeddings"],
  ["openrouter", "https://openrouter.ai/api/v1/chat/completions", "https://openrouter.ai/api/v1/embeddings"],
  ["perplexity", "https://api.perplexity.ai/chat/completions", "https://api.perplexity.ai/embeddings"],
  ["tei", "http://127.0.0.1:8080/v1/chat/completions", "http://127.0.0.1:8080/v1/embeddings"],
  ["together", "https://api.together.xyz/v1/chat/completions", "https://api.together.xyz/v1/embeddings"],
  ["vllm", "http://127.0.0.1:8000/v1/chat/completions", "http://127.0.0.1:8000/v1/embeddings"],
  ["voyage", "https://api.voyageai.com/v1/chat/completions", "https://api.voyageai.com/v1/embeddings"],
  ["xai", "https://api.x.ai/v1/chat/completions", "https://api.x.ai/v1/embeddings"],
  ["zai", "https://api.z.ai/api/paas/v4/chat/completions", "https://api.z.ai/api/paas/v4/embeddings"],
];
/** What differs from services with OpenAI's paths: below the root, where chat lies, who carries the key, how lists look. */
const OWN: Readonly<Record<string, { chat: string; embeddings?: string; carrier: string; models: unknown }>> = {
  anthropic: {
    chat: "/v1/messages",
    carrier: "x-api-key",
    models: { data: [{ id: "model-a" }, { name: "no id" }, { id: "model-b" }], has_more: false },
  },
  gemini: {
    chat: "/v1beta/models/some-model:generateContent",
    embeddings: ":embedContent",
    carrier: "x-goog-api-key",
    models: { models: [{ name: "models/model-a" }, { displayName: "no name" }, { name: "models/model-b" }] },
  },
};
const USUAL = {
  chat: "/chat/completions",
  embeddings: "/embeddings",
  carrier: "authorization",
  models: { data: [{ id: "model-a" }, { name: "no id" }, { id: "model-b" }] },
};
/** Those that address, sign or answer in a way of their own have a suite of their own. */
const APART = ["azure", "bedrock", "cohere", "echo", "ollama", "vertex"];
/** Runs on the operator's own machine, and asks for no key. */
const LOCAL = ["llama-cpp", "lm-studio", "ollama-openai", "tei", "vllm"];

const all = builtinProviders as readonly AnyProviderPlugin[];
const pluginOf = (id: string): AnyProviderPlugin => all.find((plugin) => plugin.id === id)!;

function setUp(
  id: string,
  host: FakeHost = createFakeHost({ baseUrl: pluginOf(id).baseUrl ?? "" }),
): Promise<Provider> {
  return Promise.resolve(pluginOf(id).setup(Value.Create(pluginOf(id).options) as never, host));
}

function callOf(provider: Provider, differs: Partial<UpstreamCall> = {}): UpstreamCall {
  const call: UpstreamCall = {
    operation: "chat",
    codec: provider.codecs[0],
    method: "POST",
    path: "",
    query: "",
    model: "some-model",
    stream: false,
    body: `{"model":"some-model","messages":[]}`,
    contentType: "application/json",
    headers: Object.freeze({ "x-client-said": "so" }),
    secret: SECRET,
    signal: new AbortController().signal,
    ...differs,
  };
  return Object.freeze(call);
}

async function requestOf(provider: Provider, call: UpstreamCall): Promise<UpstreamRequest> {
  const request = await provider.request(call);
  if (request instanceof Request) throw new Error("built-ins use the plain form of a request");
  return request;
}

describe("the list of built-ins", () => {
  test("holds every file of the folder once, in the order of the alphabet", () => {
    const files = readdirSync(join(PLUGINS, "provider")).map((file) => file.replace(/\.ts$/, ""));
    expect(all.map(({ id }) => id)).toEqual(files.toSorted());
    expect(PRESETS.map(([id]) => id)).toEqual(files.filter((id) => !APART.includes(id)).toSorted());
  });

  test("gives no id twice, whatever its kind", () => {
    const ids = [...all, ...builtinAuth].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test.each([...all, ...builtinAuth].map((plugin) => [plugin.id, plugin] as const))(
    "%s passes the checks that files of others have to pass",
    async (id, plugin) => {
      expect(await checkExport({ default: plugin }, id)).toEqual({ plugin, faults: [], remarks: [] });
    },
  );

  test.each(PRESETS.map(([id]) => id))(
    "%s says in its first line what it is and where the vendor documents it",
    (id) => {
      const [first = ""] = readFileSync(join(PLUGINS, "provider", `${id}.ts`), "utf8").split("\n");
      expect(first).toMatch(/^\/\*\* .+ API: https:\/\/\S+ \*\/$/);
    },
  );
});

describe.each(PRESETS)("%s", (id, chat, embeddings) => {
  const own = { ...USUAL, ...OWN[id] };

  test("addresses a chat call", async () => {
    const provider = await setUp(id);
    const call = callOf(provider);
    const request = await requestOf(provider, call);
    expect(request.url).toBe(chat);
    expect(request.method).toBe("POST");
    expect(request.body).toBe(call.body!);
    expect(request.headers).toMatchObject({ "content-type": "application/json", "x-client-said": "so" });
  });

  test("addresses an embeddings call, or has none", async () => {
    const provider = await setUp(id);
    expect(provider.operations?.has("embeddings") ?? false).toBe(embeddings !== null);
    if (embeddings === null) return;
    const { url } = await requestOf(
      provider,
      callOf(provider, { operation: "embeddings", path: own.embeddings, query: "?a=b" }),
    );
    expect(url).toBe(`${embeddings}?a=b`);
  });

  test("puts the key into one header and nowhere else", async () => {
    const provider = await setUp(id);
    const { headers, ...rest } = await requestOf(provider, callOf(provider));
    const carriers = Object.entries(headers).filter(([, value]) => value.includes(SECRET));
    const value = own.carrier === "authorization" ? `Bearer ${SECRET}` : SECRET;
    expect(carriers).toEqual([[own.carrier, value]]);
    expect(JSON.stringify(rest)).not.toContain(SECRET);
    expect(Object.keys(headers)).toEqual(Object.keys(headers).map((name) => name.toLowerCase()));
  });

  test("leaves the call as it was, and remembers nothing of it", async () => {
    const provider = await setUp(id);
    const call = callOf(provider);
    const before = structuredClone({ ...call, codec: null, signal: null });
    const first = await requestOf(provider, call);
    expect(structuredClone({ ...call, codec: null, signal: null })).toEqual(before);
    const other = await requestOf(provider, callOf(provider, { secret: "sk-another", headers: {} }));
    expect(JSON.stringify(other)).not.toContain(SECRET);
    expect(other.headers).not.toHaveProperty("x-client-said");
    expect(first.headers).toHaveProperty("x-client-said");
  });

  test("says no content type where there is no content", async () => {
    const provider = await setUp(id);
    const call = callOf(provider, { operation: "batches", path: "/batches", method: "GET", body: null });
    const { method, headers, body } = await requestOf(provider, call);
    expect({ method, body }).toEqual({ method: "GET", body: null });
    expect(headers).not.toHaveProperty("content-type");
  });

  test("obeys the entry's own base URL, and two entries do not mix", async () => {
    const one = await setUp(id, createFakeHost({ baseUrl: "https://one.example/api" }));
    const two = await setUp(id, createFakeHost({ baseUrl: "https://two.example" }));
    const urls = [await requestOf(one, callOf(one)), await requestOf(two, callOf(two))].map(({ url }) => url);
    expect(urls).toEqual([`https://one.example/api${own.chat}`, `https://two.example${own.chat}`]);
  });

  test("lists models with the key it is given", async () => {
    const host = createFakeHost({ baseUrl: pluginOf(id).baseUrl!, answer: () => Response.json(own.models) });
    const provider = await setUp(id, host);
    expect(await provider.listModels?.(SECRET, new AbortController().signal)).toEqual(["model-a", "model-b"]);
    expect(host.fetched).toHaveLength(1);
    const { url, headers } = host.fetched[0]!;
    expect(url).toStartWith(chat.replace(/\/(chat\/completions|messages|models\/.*)$/, "/models"));
    expect(url).not.toContain(SECRET);
    expect(headers.get(own.carrier)).toContain(SECRET);
  });

  test("fails to list models without naming the key", async () => {
    const host = createFakeHost({
      baseUrl: pluginOf(id).baseUrl!,
      answer: () => new Response(`bad key ${SECRET}`, { status: 401 }),
    });
    const provider = await setUp(id, host);
    const failure = await provider.listModels!(SECRET, new AbortController().signal).catch((error: Error) => error);
    expect(failure).toBeInstanceOf(Error);
    expect(String(failure)).toContain("401");
    expect(String(failure)).not.toContain(SECRET);
  });

  test("is local exactly when it runs on the operator's machine", () => {
    const plugin = pluginOf(id);
    expect(plugin.local ?? false).toBe(LOCAL.includes(id));
    expect(URL.parse(plugin.baseUrl ?? "")?.protocol).toBe(LOCAL.includes(id) ? "http:" : "https:");
  });
});

describe("a key is optional", () => {
  test.each([...LOCAL, "openai"])("for %s, and then there is no authorization header", async (id) => {
    expect(pluginOf(id).keys).toBe("optional");
    const host = createFakeHost({ baseUrl: "https://own.example/v1", answer: () => Response.json({ data: [] }) });
    const provider = await setUp(id, host);
    const { headers } = await requestOf(provider, callOf(provider, { secret: "" }));
    expect(headers).not.toHaveProperty("authorization");
    await provider.listModels?.("", new AbortController().signal);
    expect(host.fetched[0]?.headers.has("authorization")).toBe(false);
  });

  test("for no other", () => {
    const others = PRESETS.map(([id]) => id).filter((id) => !LOCAL.includes(id) && id !== "openai");
    expect(others.map((id) => pluginOf(id).keys ?? "required")).toEqual(others.map(() => "required"));
  });
});

describe("xai", () => {
  test.each([
    ["grok-3-mini", "adaptive", ["low", "high"]],
    ["grok-3", "none", undefined],
    ["grok-4", "adaptive", []],
    ["grok-4-0709", "adaptive", []],
    ["grok-4-fast-reasoning", "adaptive", []],
    ["grok-4-fast-non-reasoning", "none", undefined],
    ["grok-of-the-future", undefined, undefined],
  ] as const)("knows how %s is asked to think", async (model, thinking, efforts) => {
    const traits = (await setUp("xai")).traits?.(model);
    expect([traits?.thinking, traits?.efforts]).toEqual([thinking, efforts as never]);
  });
});

describe("openai", () => {
  test("wants the newer output limit from the first party, the older one from everybody else", async () => {
    const first = await setUp("openai");
    const other = await setUp("openai", createFakeHost({ baseUrl: "http://127.0.0.1:9/v1" }));
    const lookalike = await setUp("openai", createFakeHost({ baseUrl: "https://api.openai.com.evil.example/v1" }));
    expect(first.traits?.("some-model")).toMatchObject({ maxTokensField: "max_completion_tokens", fileUrls: false });
    expect(other.traits?.("some-model")).toMatchObject({ maxTokensField: "max_tokens", fileUrls: true });
    expect(lookalike.traits?.("some-model")).toMatchObject({ maxTokensField: "max_tokens" });
  });

  test("takes documents as bytes, as its imitations do; addresses are for OpenRouter alone", async () => {
    const takers = await Promise.all(
      PRESETS.map(async ([id]) => [id, (await setUp(id)).traits?.("some-model").fileUrls ?? null] as const),
    );
    expect(takers.filter(([, isTaken]) => isTaken === true)).toEqual([["openrouter", true]]);
    expect(Object.fromEntries(takers)).toMatchObject({ openai: false, groq: false, vllm: false, mistral: false });
  });

  test("is asked how likely its tokens were, as its imitations are; Groq and Gemini's newer models refuse that", async () => {
    const told = async (id: string, model: string) => (await setUp(id)).traits?.(model).logprobs ?? null;
    expect(await told("openai", "gpt-4o")).toBeNull();
    expect(await told("vllm", "some-model")).toBeNull();
    expect(await told("groq", "some-model")).toBe(false);
    expect(await told("gemini", "gemini-2.5-flash")).toBeNull();
    expect(await told("gemini", "gemini-3.5-flash")).toBe(false);
  });

  test.each([
    ["anthropic", "https://api.anthropic.com", true],
    ["anthropic", "https://api.anthropic.com/", true],
    ["anthropic", "https://api.anthropic.com.evil.example", false],
    ["openai", "https://api.openai.com/v1", true],
    ["openai", "https://api.openai.com.evil.example/v1", false],
  ] as const)(
    "%s at %s: tools of the vendor's own are there for clients of other dialects: %p",
    async (id, baseUrl, are) => {
      const { hosted } = (await setUp(id, createFakeHost({ baseUrl }))).traits?.("claude-sonnet-4-6") ?? {};
      expect(hosted === undefined || hosted.length > 0).toBe(are);
    },
  );

  test("finds the path of each dialect an entry may switch on", async () => {
    const provider = await setUp("openai");
    const paths = [openaiChat, openaiResponses, anthropicMessages].map(
      async (codec) => (await requestOf(provider, callOf(provider, { codec }))).url,
    );
    expect(await Promise.all(paths)).toEqual([
      "https://api.openai.com/v1/chat/completions",
      "https://api.openai.com/v1/responses",
      "https://api.openai.com/v1/messages",
    ]);
    expect(provider.optionalCodecs).toContain(anthropicMessages);
  });

  test("speaks Responses at the first party; an imitation is taken to speak chat unless its entry says more", async () => {
    expect((await setUp("openai")).codecs).toEqual([openaiChat, openaiResponses]);
    const other = await setUp("openai", createFakeHost({ baseUrl: "https://llm.example/v1" }));
    expect(other.codecs).toEqual([openaiChat]);
    expect(other.optionalCodecs).toContain(openaiResponses);
  });
});

describe("gemini", () => {
  test.each([
    ["gemini-2.5-flash", "gemini-2.5-flash"],
    ["models/gemini-2.5-flash", "gemini-2.5-flash"],
    ["a model:with/odd?signs", "a%20model%3Awith/odd%3Fsigns"],
  ])("writes the model %s into the path", async (model, written) => {
    const provider = await setUp("gemini");
    const { url } = await requestOf(provider, callOf(provider, { model }));
    expect(url).toBe(`https://generativelanguage.googleapis.com/v1beta/models/${written}:generateContent`);
  });

  test("finds tuned models in their own collection", async () => {
    const provider = await setUp("gemini");
    const { url } = await requestOf(provider, callOf(provider, { model: "tunedModels/mine" }));
    expect(url).toBe("https://generativelanguage.googleapis.com/v1beta/tunedModels/mine:generateContent");
  });

  test.each([
    ["", "?alt=sse"],
    ["?$fields=candidates", "?$fields=candidates&alt=sse"],
  ])("asks for a stream as events (query %p)", async (query, sent) => {
    const provider = await setUp("gemini");
    const { url } = await requestOf(provider, callOf(provider, { stream: true, query }));
    expect(url).toEndWith(`/models/some-model:streamGenerateContent${sent}`);
  });

  test("lets no header of the client take the place of the key", async () => {
    const provider = await setUp("gemini");
    const { headers } = await requestOf(provider, callOf(provider, { headers: { "x-goog-api-key": "the client's" } }));
    expect(headers["x-goog-api-key"]).toBe(SECRET);
  });

  test.each([
    ["gemini-2.0-flash", "none"],
    ["gemini-2.5-pro", "budget"],
    ["gemini-3-pro-preview", "adaptive"],
  ] as const)("knows how %s thinks", async (model, thinking) => {
    const provider = await setUp("gemini");
    expect(provider.traits?.(model)).toMatchObject({ thinking, mediaUrls: false });
  });
});

describe("anthropic", () => {
  test("names the version of the API, unless the client named one", async () => {
    const provider = await setUp("anthropic");
    const silent = await requestOf(provider, callOf(provider, { headers: {} }));
    expect(silent.headers["anthropic-version"]).toBe("2023-06-01");
    const headers = { "anthropic-version": "2027-01-01", "anthropic-beta": "some-feature" };
    const explicit = await requestOf(provider, callOf(provider, { headers }));
    expect(explicit.headers).toMatchObject(headers);
  });

  test("lets no header of the client take the place of the key", async () => {
    const provider = await setUp("anthropic");
    const { headers } = await requestOf(provider, callOf(provider, { headers: { "x-api-key": "the client's" } }));
    expect(headers["x-api-key"]).toBe(SECRET);
  });

  test("passes token counting, batches and files on below /v1", async () => {
    const provider = await setUp("anthropic");
    const call = callOf(provider, { operation: "count-tokens", path: "/messages/count_tokens", query: "?beta=true" });
    expect((await requestOf(provider, call)).url).toBe("https://api.anthropic.com/v1/messages/count_tokens?beta=true");
    expect([...(provider.operations ?? [])].toSorted()).toEqual(["batches", "count-tokens", "files"]);
  });

  test.each([
    ["claude-3-5-haiku-20241022", "none", "all", 8192],
    ["claude-3-7-sonnet-latest", "budget", "all", 64_000],
    ["claude-3-opus-20240229", "none", "all", 4096],
    ["claude-opus-4-20250514", "budget", "one", 32_000],
    ["claude-opus-4-1-20250805", "budget", "one", 32_000],
    ["claude-opus-4-5-20251101", "budget", "one", 64_000],
    ["claude-sonnet-4-20250514", "budget", "one", 64_000],
    ["claude-haiku-4-5", "budget", "one", 64_000],
    ["claude-sonnet-4-6", "adaptive", "one", 64_000],
    ["claude-opus-4-6", "adaptive", "one", 128_000],
    ["claude-of-the-future", "adaptive", "none", 64_000],
  ] as const)("knows the family of %s", async (model, thinking, sampling, maxOutputTokens) => {
    const provider = await setUp("anthropic");
    expect(provider.traits?.(model)).toMatchObject({ thinking, sampling, maxOutputTokens });
  });

  test("sets no limit for a model it knows nothing of", async () => {
    const provider = await setUp("anthropic");
    const traits = provider.traits?.("a-model-of-somebody-else");
    expect(traits).toMatchObject({ thinking: "budget", sampling: "all" });
    expect(traits).not.toHaveProperty("maxOutputTokens");
  });
});

describe("documents are sorted", () => {
  test.each([
    ["nvidia", undefined, "https://ai.api.nvidia.com/v1/retrieval/nvidia/llama-3_2-nv-rerankqa-1b-v2/reranking"],
    ["nvidia", "http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1/ranking"],
    ["tei", undefined, "http://127.0.0.1:8080/rerank"],
    ["voyage", undefined, "https://api.voyageai.com/v1/rerank"],
    ["jina", undefined, "https://api.jina.ai/v1/rerank"],
    ["together", undefined, "https://api.together.xyz/v1/rerank"],
  ])("by %s at %p: %s", async (id, baseUrl, url) => {
    const provider = await setUp(id, createFakeHost({ baseUrl: baseUrl ?? pluginOf(id).baseUrl ?? "" }));
    const path = provider.rerank?.path ?? "/rerank";
    const model = "nvidia/llama-3.2-nv-rerankqa-1b-v2";
    const request = await requestOf(provider, callOf(provider, { operation: "rerank", path, model }));
    expect(request.url).toBe(url);
    expect(provider.operations!.has("rerank")).toBe(true);
  });
});

describe("openai's own fields", () => {
  const traitsAt = async (baseUrl: string | undefined, model: string) =>
    (await setUp("openai", createFakeHost({ baseUrl: baseUrl ?? pluginOf("openai").baseUrl! }))).traits!(model);

  test("are for the vendor itself, not for what imitates it", async () => {
    expect(await traitsAt(undefined, "gpt-4o")).toMatchObject({ vendorFields: true });
    expect(await traitsAt("http://127.0.0.1:8000/v1", "gpt-4o")).toMatchObject({ vendorFields: false });
    expect((await setUp("mistral")).traits!("m")).toMatchObject({ vendorFields: false });
  });

  test.each([
    ["gpt-4o", false],
    ["gpt-5", false],
    ["gpt-5.5", false],
    ["gpt-5.6", true],
    ["gpt-5.6-mini", true],
    ["gpt-5.10", true],
    ["gpt-6", true],
    ["o3", false],
  ])("%s takes marks for its cache: %p", async (model, takes) => {
    expect((await traitsAt(undefined, model)).cacheBreakpoints ?? false).toBe(takes);
  });
});
