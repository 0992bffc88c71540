/** Rerank: one form of request and answer for clients, whichever vendor sorts; what is refused, and what must not happen. */
import { afterEach, describe, expect, test } from "bun:test";
import { readJson } from "../support/json.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { type Script, startUpstream, type Upstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

async function start(script: Script, more = ""): Promise<{ up: Upstream; under: TestRelay }> {
  const up = await startUpstream(script);
  open.push(up);
  const entry = (name: string, type: string, path: string) =>
    `  ${name}: { provider_type: ${type}, base_url: "${up.url}${path}", keys: [{ key: ${name}-key-1 }], models: { include: [${name}-rank] } }`;
  const under = await startRelay(`
providers:
${entry("plain", "openai", "/v1")}
${entry("cohere", "cohere", "")}
${entry("jina", "jina", "/v1")}
${entry("voyage", "voyage", "/v1")}
${entry("vllm", "vllm", "/v1")}
${entry("tei", "tei", "/v1")}
${entry("nim", "nvidia", "/v1")}
${entry("claude", "anthropic", "")}
  aws: { provider_type: bedrock, base_url: "${up.url}", keys: [{ key: aws-key-1 }], models: { include: [amazon.rerank-v1:0] } }
${more}
`);
  open.push(under);
  return { up, under };
}

const DOCUMENTS = ["about cats", "about dogs", "about both"];
const ASK = { query: "dogs", documents: DOCUMENTS, top_n: 2 };

type Row = [vendor: string, path: string, asked: object, answer: object, told: object];
const rows: Row[] = [
  [
    "plain",
    "/v1/rerank",
    { model: "plain-rank", ...ASK },
    {
      id: "r1",
      results: [
        [1, 0.9],
        [2, 0.5],
      ].map(([index, relevance_score]) => ({ index, relevance_score })),
      usage: { total_tokens: 7 },
    },
    { id: "r1", usage: { prompt_tokens: 7, total_tokens: 7 } },
  ],
  [
    "cohere",
    "/v2/rerank",
    { model: "cohere-rank", ...ASK },
    {
      id: "r2",
      results: [
        { index: 1, relevance_score: 0.9 },
        { index: 2, relevance_score: 0.5 },
      ],
      meta: { api_version: { version: "2" }, billed_units: { search_units: 1 } },
    },
    { id: "r2", usage: { search_units: 1 } },
  ],
  [
    "jina",
    "/v1/rerank",
    { model: "jina-rank", ...ASK },
    {
      model: "jina-rank",
      usage: { total_tokens: 9, prompt_tokens: 9 },
      results: [
        { index: 1, relevance_score: 0.9, document: { text: "about dogs" } },
        { index: 2, relevance_score: 0.5, document: { text: "about both" } },
      ],
    },
    { usage: { prompt_tokens: 9, total_tokens: 9 } },
  ],
  [
    "voyage",
    "/v1/rerank",
    { model: "voyage-rank", query: "dogs", documents: DOCUMENTS, top_k: 2 },
    {
      object: "list",
      data: [
        { relevance_score: 0.9, index: 1 },
        { relevance_score: 0.5, index: 2 },
      ],
      model: "voyage-rank",
      usage: { total_tokens: 5 },
    },
    { usage: { prompt_tokens: 5, total_tokens: 5 } },
  ],
  [
    "vllm",
    "/v1/rerank",
    { model: "vllm-rank", ...ASK },
    {
      id: "rerank-1",
      model: "vllm-rank",
      usage: { total_tokens: 6 },
      results: [
        { index: 2, document: { text: "about both" }, relevance_score: 0.5 },
        { index: 1, document: { text: "about dogs" }, relevance_score: 0.9 },
        { index: 0, document: { text: "about cats" }, relevance_score: 0.1 },
      ],
    },
    { id: "rerank-1", usage: { prompt_tokens: 6, total_tokens: 6 } },
  ],
  [
    "tei",
    "/rerank",
    { query: "dogs", texts: DOCUMENTS, truncate: true },
    [
      { index: 1, score: 0.9 },
      { index: 2, score: 0.5 },
      { index: 0, score: 0.1 },
    ],
    {},
  ],
  [
    "nim",
    "/v1/ranking",
    {
      model: "nim-rank",
      query: { text: "dogs" },
      passages: DOCUMENTS.map((text) => ({ text })),
      truncate: "END",
    },
    {
      rankings: [
        { index: 1, logit: 0.9 },
        { index: 2, logit: 0.5 },
        { index: 0, logit: -8.5 },
      ],
      usage: { prompt_tokens: 4, total_tokens: 4 },
    },
    { usage: { prompt_tokens: 4, total_tokens: 4 } },
  ],
];

describe("documents are sorted", () => {
  test.each(rows)("by %s, asked in its own form, told in ours", async (vendor, path, asked, answer, told) => {
    const { up, under } = await start({ json: answer });
    const model = `${vendor}-rank`;
    const response = await under.post("/v1/rerank", { model, ...ASK });
    expect(await readJson(response)).toEqual({
      id: expect.stringMatching(/^(r|rerank-)\d$|^req_/),
      model,
      results: [
        { index: 1, relevance_score: 0.9 },
        { index: 2, relevance_score: 0.5 },
      ],
      ...told,
    });
    expect(up.received[0]!.path).toBe(path);
    expect(JSON.parse(up.received[0]!.text)).toEqual(asked);
    expect(up.received[0]!.headers.get("authorization")).toBe(`Bearer ${vendor}-key-1`);
    const { usage } = told as { usage?: { prompt_tokens?: number } };
    expect((await under.recorded(1))[0]).toMatchObject({
      ...{ operation: "rerank", status: 200, provider: vendor, model },
      inputTokens: usage?.prompt_tokens ?? null,
      droppedParams: null,
    });
  });

  test.each(rows)(
    "by %s: documents are given back as they were sent, if they are wanted",
    async (vendor, _path, _asked, answer) => {
      const { under } = await start({ json: answer });
      const documents = [{ text: "about cats" }, { text: "about dogs" }, "about both"];
      const ask = { model: `${vendor}-rank`, query: "dogs", documents, return_documents: true };
      const { results } = await readJson(await under.post("/v1/rerank", ask));
      expect(results.slice(0, 2)).toEqual([
        { index: 1, relevance_score: 0.9, document: { text: "about dogs" } },
        { index: 2, relevance_score: 0.5, document: { text: "about both" } },
      ]);
    },
  );

  test("texts in objects reach a server that reads only texts; objects that say more stay what they are", async () => {
    const { up, under } = await start({ json: { results: [] } });
    const ask = { model: "plain-rank", query: "q" };
    await under.post("/v1/rerank", { ...ask, documents: [{ text: "a" }, "b"] });
    await under.post("/v1/rerank", { ...ask, documents: [{ text: "a", title: "t" }] });
    const [first, second] = up.received.map(({ text }) => JSON.parse(text).documents);
    expect(first).toEqual(["a", "b"]);
    expect(second).toEqual([{ text: "a", title: "t" }]);
  });

  test("a request in the form that most share arrives byte for byte, but for the model's name", async () => {
    const { up, under } = await start({ json: { results: [] } }, "model_routing: { aliases: { best: plain-rank } }");
    const body = '{ "documents":["a"], "x_new": 1.0, "query":"q", "model" : "best" }';
    const answer = await readJson(await under.post("/v1/rerank", body));
    expect(up.received[0]!.text).toBe(body.replace('"best"', '"plain-rank"'));
    expect(answer.model).toBe("best");
  });

  test("a vendor's own fields reach it, what it lacks is named, or refused as configured", async () => {
    const { up, under } = await start({ json: { results: [] } });
    const ask = { query: "q", documents: ["a"] };
    const own = await under.post("/v1/rerank", { model: "cohere-rank", ...ask, max_tokens_per_doc: 100 });
    expect(JSON.parse(up.received[0]!.text)).toMatchObject({ max_tokens_per_doc: 100 });
    expect(own.headers.get("x-relay-dropped-params")).toBeNull();
    const other = await under.post("/v1/rerank", { model: "voyage-rank", ...ask, max_tokens_per_doc: 100 });
    expect(JSON.parse(up.received[1]!.text)).not.toHaveProperty("max_tokens_per_doc");
    expect(other.headers.get("x-relay-dropped-params")).toBe("max_tokens_per_doc");
    const strict = await start({ json: { results: [] } }, "model_routing: { unsupported_params: reject }");
    const refused = await strict.under.post("/v1/rerank", { model: "voyage-rank", ...ask, max_tokens_per_doc: 100 });
    expect([refused.status, await readJson(refused)]).toMatchObject([400, { error: { param: "max_tokens_per_doc" } }]);
    expect(strict.up.received).toEqual([]);
  });
});

describe("what is refused", () => {
  const many = Array.from({ length: 1001 }, () => "x");
  test.each([
    ["no documents", "plain-rank", { query: "q", documents: [] }, 400, "documents"],
    ["more than a thousand", "plain-rank", { query: "q", documents: many }, 400, "documents"],
    ["documents that are no list", "plain-rank", { query: "q", documents: "x" }, 400, "documents"],
    ["a document that is none", "plain-rank", { query: "q", documents: ["a", 7] }, 400, "documents[1]"],
    ["a document without text", "plain-rank", { query: "q", documents: [{ title: "t" }] }, 400, "documents[0]"],
    ["no query", "plain-rank", { documents: ["a"] }, 400, "query"],
    ["an empty query", "plain-rank", { query: "", documents: ["a"] }, 400, "query"],
    ["none of the best", "plain-rank", { query: "q", documents: ["a"], top_n: 0 }, 400, "top_n"],
    ["half of the best", "plain-rank", { query: "q", documents: ["a"], top_n: 1.5 }, 400, "top_n"],
    [
      "a word for a switch",
      "plain-rank",
      { query: "q", documents: ["a"], return_documents: "yes" },
      400,
      "return_documents",
    ],
    ["no model", undefined, { query: "q", documents: ["a"] }, 400, "model"],
    ["a provider that sorts nothing", "claude-rank", { query: "q", documents: ["a"] }, 404, null],
    ["a cloud of which it is not asked", "amazon.rerank-v1:0", { query: "q", documents: ["a"] }, 404, null],
    ["a model that nobody has", "nobodys", { query: "q", documents: ["a"] }, 404, "model"],
  ])("%s, and nobody is asked", async (_name, model, ask, status, param) => {
    const { up, under } = await start({ json: { results: [] } });
    const answer = await under.post("/v1/rerank", { ...(model === undefined ? {} : { model }), ...ask });
    const { error } = await readJson(answer);
    expect([answer.status, error.type, error.param ?? null]).toEqual([status, "invalid_request_error", param]);
    expect(up.received).toEqual([]);
  });

  test("a thousand are sorted", async () => {
    const results = many.slice(1).map((_text, index) => ({ index, relevance_score: index }));
    const { under } = await start({ json: { results } });
    const ask = { model: "plain-rank", query: "q", documents: many.slice(1) };
    const answer = await readJson(await under.post("/v1/rerank", ask));
    expect([answer.results.length, answer.results[0].index]).toEqual([1000, 999]);
  });

  test.each([
    ["no results", {}],
    ["a result without a score", { results: [{ index: 0 }] }],
    ["a document that was not sent", { results: [{ index: 3, relevance_score: 1 }] }],
    ["no JSON", undefined],
  ])("an answer with %s is none", async (_name, json) => {
    const { under } = await start(json === undefined ? { text: "<html>" } : { json });
    const answer = await under.post("/v1/rerank", { model: "plain-rank", ...ASK });
    expect([answer.status, (await readJson(answer)).error.type]).toEqual([502, "upstream_error"]);
  });

  test("an error of the vendor is its own, without our key", async () => {
    const { under } = await start({ status: 429, json: { message: "cohere-key-1 is too fast" } });
    const answer = await under.post("/v1/rerank", { model: "cohere-rank", ...ASK });
    const text = await answer.text();
    expect(answer.status).toBe(429);
    expect(text).toContain("too fast");
    expect(text).not.toContain("cohere-key-1");
  });
});
