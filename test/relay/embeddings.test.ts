/** Embeddings at vendors of other dialects: split, asked side by side, put together; and what goes wrong on the way. */
import { afterEach, describe, expect, test } from "bun:test";
import { readJson } from "../support/json.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { type Received, type Script, startUpstream, type Upstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

async function start(script: Script, more = ""): Promise<{ up: Upstream; under: TestRelay }> {
  const up = await startUpstream(script);
  open.push(up);
  const under = await startRelay(`
providers:
  aws: { provider_type: bedrock, base_url: "${up.url}", keys: [{ key: bedrock-key-1 }, { key: bedrock-key-2 }], models: { include: ["amazon.*", "cohere.*", "us.cohere.*"] } }
  google: { provider_type: vertex, base_url: "${up.url}", project: p, location: us-central1, keys: [{ key: vertex-key-1 }], models: { include: ["text-*", "gemini-*", "claude-*"] } }
  cohere: { provider_type: cohere, base_url: "${up.url}", keys: [{ key: cohere-key-1 }], models: { include: ["embed-*"] } }
  studio: { provider_type: gemini, base_url: "${up.url}", keys: [{ key: gemini-key-1 }], models: { include: [studio-embedding] } }
  local: { provider_type: ollama, base_url: "${up.url}", models: { include: [nomic-embed-text] } }
  azure: { provider_type: azure, base_url: "${up.url}", api_version: "2024-10-21", keys: [{ key: azure-key-1 }], models: { include: [ada] } }
${more}
`);
  open.push(under);
  return { up, under };
}

/** The number in a text is its vector, so that a vector tells whose it is. */
const vectorOf = (text: string) => [Number(text.replace(/\D/g, "")), 0.5];

/** Every vendor's answer to every vendor's question; one token a text. */
function vendor({ path, text }: Received): { json: object; headers?: Record<string, string> } {
  const body = JSON.parse(text);
  if (path.includes("titan")) return { json: { embedding: vectorOf(body.inputText), inputTextTokenCount: 1 } };
  if (path.includes("cohere.embed")) {
    const headers = { "x-amzn-bedrock-input-token-count": String(body.texts.length) };
    return { json: { embeddings: { float: body.texts.map(vectorOf) } }, headers };
  }
  if (path.endsWith(":predict")) {
    const predictions = body.instances.map(({ content }: { content: string }) => ({
      embeddings: { values: vectorOf(content), statistics: { token_count: 1 } },
    }));
    return { json: { predictions } };
  }
  if (path.endsWith(":embedContent")) {
    return {
      json: { embedding: { values: vectorOf(body.content.parts[0].text) }, usageMetadata: { promptTokenCount: 1 } },
    };
  }
  if (path.endsWith(":batchEmbedContents")) {
    const embeddings = body.requests.map((one: { content: { parts: { text: string }[] } }) => ({
      values: vectorOf(one.content.parts[0]!.text),
    }));
    return { json: { embeddings } };
  }
  if (path === "/v2/embed") {
    const meta = { billed_units: { input_tokens: body.texts.length } };
    return { json: { embeddings: { float: body.texts.map(vectorOf) }, meta } };
  }
  const inputs = [body.input].flat();
  const data = inputs.map((one, index) => ({ object: "embedding", index, embedding: vectorOf(String(one)) }));
  return {
    json: {
      object: "list",
      data,
      model: body.model,
      usage: { prompt_tokens: inputs.length, total_tokens: inputs.length },
    },
  };
}

const texts = (count: number) => Array.from({ length: count }, (_, index) => `text ${index}`);

type Row = [vendor: string, model: string, requests: number, path: string, header: string, value: RegExp];
const rows: Row[] = [
  [
    "Titan",
    "amazon.titan-embed-text-v2:0",
    300,
    "/model/amazon.titan-embed-text-v2%3A0/invoke",
    "authorization",
    /^Bearer bedrock-key-[12]$/,
  ],
  [
    "Cohere at Bedrock",
    "us.cohere.embed-v4:0",
    4,
    "/model/us.cohere.embed-v4%3A0/invoke",
    "authorization",
    /^Bearer bedrock-key-[12]$/,
  ],
  [
    "Vertex",
    "text-embedding-005",
    2,
    "/v1/projects/p/locations/us-central1/publishers/google/models/text-embedding-005:predict",
    "x-goog-api-key",
    /^vertex-key-1$/,
  ],
  [
    "Vertex, one by one",
    "gemini-embedding-001",
    300,
    "/v1/projects/p/locations/us-central1/publishers/google/models/gemini-embedding-001:predict",
    "x-goog-api-key",
    /^vertex-key-1$/,
  ],
  [
    "Vertex, embedContent",
    "gemini-embedding-2",
    300,
    "/v1/projects/p/locations/us-central1/publishers/google/models/gemini-embedding-2:embedContent",
    "x-goog-api-key",
    /^vertex-key-1$/,
  ],
  ["Cohere", "embed-v4.0", 4, "/v2/embed", "authorization", /^Bearer cohere-key-1$/],
  [
    "Gemini",
    "studio-embedding",
    3,
    "/v1beta/models/studio-embedding:batchEmbedContents",
    "x-goog-api-key",
    /^gemini-key-1$/,
  ],
  ["Ollama", "nomic-embed-text", 1, "/v1/embeddings", "authorization", /^$/],
  ["Azure", "ada", 1, "/openai/deployments/ada/embeddings", "api-key", /^azure-key-1$/],
];

describe("an OpenAI client's texts", () => {
  test.each(rows)(
    "%s: 300 of them come back in order, in as many requests as the vendor needs",
    async (name, model, requests, path, header, value) => {
      let underWay = 0;
      let most = 0;
      const { up, under } = await start(async (received) => {
        most = Math.max(most, ++underWay);
        // Later ones are answered first.
        await new Promise((resolve) => setImmediate(resolve));
        underWay -= 1;
        return vendor(received);
      });
      const answer = await under.post("/v1/embeddings", { model, input: texts(300) });
      const body = await readJson(answer);
      expect(answer.status).toBe(200);
      expect(body.data.map(({ index }: { index: number }) => index)).toEqual(texts(300).map((_, index) => index));
      expect(body.data.map(({ embedding }: { embedding: number[] }) => embedding[0])).toEqual(
        texts(300).map((_, index) => index),
      );
      expect(up.received).toHaveLength(requests);
      expect(most).toBeLessThanOrEqual(8);
      expect(up.received.every((received) => decodeURIComponent(received.path) === decodeURIComponent(path))).toBe(
        true,
      );
      expect(up.received[0]!.headers.get(header) ?? "").toMatch(value);
      const isCounted = name !== "Gemini";
      if (isCounted) expect(body.usage).toEqual({ prompt_tokens: 300, total_tokens: 300 });
      expect((await under.recorded(1))[0]).toMatchObject({
        ...{ operation: "embeddings", status: 200, attempts: 1, model },
        inputTokens: isCounted ? 300 : null,
      });
      expect(under.records).toHaveLength(1);
    },
  );

  test.each(rows)("%s: bytes where bytes are asked for", async (_name, model) => {
    const { under } = await start(vendor);
    const ask = { model, input: "text 7", encoding_format: "base64" };
    const body = await readJson(await under.post("/v1/embeddings", ask));
    const bytes = Buffer.from(body.data[0].embedding, "base64");
    expect([bytes.readFloatLE(0), bytes.readFloatLE(4)]).toEqual([7, 0.5]);
    expect(body).toMatchObject({ object: "list", model, data: [{ object: "embedding", index: 0 }] });
  });

  test("more than any vendor takes are refused before anybody is asked", async () => {
    const { up, under } = await start(vendor);
    const answer = await under.post("/v1/embeddings", { model: "amazon.titan-embed-text-v2:0", input: texts(2049) });
    expect([answer.status, await readJson(answer)]).toMatchObject([400, { error: { param: "input" } }]);
    expect(up.received).toEqual([]);
  });

  test.each([
    ["token ids", "amazon.titan-embed-text-v2:0", { input: [[1, 2], [3]] }, 400, "input"],
    ["token ids", "text-embedding-005", { input: [1, 2] }, 400, "input"],
    ["token ids", "embed-v4.0", { input: [1, 2] }, 400, "input"],
    ["another length", "amazon.titan-embed-text-v1", { input: "a", dimensions: 5 }, 400, "dimensions"],
    ["another form", "embed-v4.0", { input: "a", encoding_format: "int8" }, 400, "encoding_format"],
    ["a model that only chats", "amazon.nova-pro-v1:0", { input: "a" }, 404, null],
    ["a model that only chats", "claude-sonnet-4-6", { input: "a" }, 404, null],
  ])("%s at %s: refused, and nobody is asked", async (_name, model, ask, status, param) => {
    const { up, under } = await start(vendor);
    const answer = await under.post("/v1/embeddings", { model, ...ask });
    const body = await readJson(answer);
    expect([answer.status, body.error.type, body.error.param ?? null]).toEqual([
      status,
      "invalid_request_error",
      param,
    ]);
    expect(up.received).toEqual([]);
  });

  test("what is lost on the way is named in header and record", async () => {
    const { under } = await start(vendor);
    const ask = { model: "amazon.titan-embed-text-v2:0", input: ["text 1", "text 2"], user: "u", input_type: "query" };
    const answer = await under.post("/v1/embeddings", ask);
    expect(answer.headers.get("x-relay-dropped-params")).toBe("user, input_type");
    expect((await under.recorded(1))[0]).toMatchObject({ droppedParams: ["user", "input_type"] });
    const strict = await start(vendor, "model_routing: { unsupported_params: reject }");
    const refused = await strict.under.post("/v1/embeddings", ask);
    expect([refused.status, await readJson(refused)]).toMatchObject([
      400,
      { error: { code: "unsupported_parameter" } },
    ]);
    expect(strict.up.received).toEqual([]);
  });
});

describe("a Gemini client's texts", () => {
  const content = (text: string) => ({ content: { parts: [{ text }] }, taskType: "RETRIEVAL_QUERY" });

  test.each([
    ["text-embedding-005", 1],
    ["gemini-embedding-2", 2],
    ["embed-v4.0", 1],
    ["amazon.titan-embed-text-v2:0", 2],
  ])("go to %s, one or many", async (model, requests) => {
    const { up, under } = await start(vendor);
    const one = await readJson(await under.post(`/v1beta/models/${model}:embedContent`, content("text 3")));
    expect(one).toEqual({ embedding: { values: [3, 0.5] } });
    up.forget();
    const body = { requests: [content("text 4"), content("text 5")] };
    const many = await readJson(await under.post(`/v1beta/models/${model}:batchEmbedContents`, body));
    expect(many).toEqual({ embeddings: [{ values: [4, 0.5] }, { values: [5, 0.5] }] });
    expect(up.received).toHaveLength(requests);
  });
});

describe("a piece that fails", () => {
  const model = "amazon.titan-embed-text-v2:0";

  test("fails the attempt: the next key is asked for all of it, and the client gets one whole answer", async () => {
    const { up, under } = await start((received) => {
      const isFirst = received.headers.get("authorization") === "Bearer bedrock-key-1";
      if (isFirst && received.text.includes("text 2")) return { status: 429, json: { message: "slow" } };
      return vendor(received);
    });
    const answer = await under.post("/v1/embeddings", { model, input: texts(4) });
    const body = await readJson(answer);
    expect(body.data.map(({ embedding }: { embedding: number[] }) => embedding[0])).toEqual([0, 1, 2, 3]);
    const byKey = Object.groupBy(up.received, ({ headers }) => headers.get("authorization")!);
    expect(byKey["Bearer bedrock-key-2"]).toHaveLength(4);
    expect((await under.recorded(1))[0]).toMatchObject({ attempts: 2, status: 200 });
  });

  test("with a refusal of what was asked ends the call in the vendor's words, and the rest is not asked for", async () => {
    const { up, under } = await start(() => ({ status: 400, json: { message: "Malformed input request" } }));
    const answer = await under.post("/v1/embeddings", { model, input: texts(100) });
    expect(answer.status).toBe(400);
    expect(JSON.stringify(await readJson(answer))).toContain("Malformed input request");
    expect(up.received.length).toBeLessThanOrEqual(8);
  });

  test("by being none is no answer", async () => {
    const { under } = await start((received) =>
      received.text.includes("text 3") ? { json: { embedding: [] } } : vendor(received),
    );
    const answer = await under.post("/v1/embeddings", { model, input: texts(5) });
    expect([answer.status, (await readJson(answer)).error.type]).toEqual([502, "upstream_error"]);
  });

  test("by holding too few vectors is no answer: nobody could tell whose they are", async () => {
    const { under } = await start(({ text }) => ({
      json: { embeddings: { float: JSON.parse(text).texts.slice(1).map(vectorOf) } },
    }));
    for (const count of [2, 200]) {
      const answer = await under.post("/v1/embeddings", { model: "embed-v4.0", input: texts(count) });
      expect(answer.status).toBe(502);
    }
  });

  test("by silence is cut at the deadline, and all others with it", async () => {
    const dropped: Promise<void>[] = [];
    const { up, under } = await start((received) => {
      if (!received.text.includes("text 1")) return vendor(received);
      dropped.push(received.aborted);
      return new Promise(() => {});
    }, "timeouts: { first_token: 5s }\nmodel_routing: { failover: { enabled: false } }");
    const asked = under.post("/v1/embeddings", { model, input: texts(3) });
    while (dropped.length === 0) await new Promise((resolve) => setImmediate(resolve));
    under.tick(5_001);
    const answer = await asked;
    expect([answer.status, (await readJson(answer)).error.type]).toEqual([504, "upstream_error"]);
    await Promise.all(dropped);
    expect(up.received.length).toBeLessThanOrEqual(3);
  });

  test("when the client leaves, nothing more is asked", async () => {
    const dropped: Promise<void>[] = [];
    const { up, under } = await start((received) => {
      dropped.push(received.aborted);
      return new Promise(() => {});
    });
    const leaving = new AbortController();
    const asked = fetch(`${under.url}/v1/embeddings`, {
      method: "POST",
      headers: { authorization: "Bearer test-access-key-0123456789", "content-type": "application/json" },
      body: JSON.stringify({ model, input: texts(50) }),
      signal: leaving.signal,
    });
    while (dropped.length < 8) await new Promise((resolve) => setImmediate(resolve));
    leaving.abort();
    await asked.catch(() => {});
    while (under.records.length === 0) {
      under.tick(250);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(dropped);
    expect(up.received).toHaveLength(8);
    expect(under.records[0]).toMatchObject({ failure: "client-closed", attempts: 1 });
  });
});

describe("Voyage, which takes OpenAI's requests in words of its own", () => {
  const answer: Script = ({ text }) => {
    const { input } = JSON.parse(text) as { input: string | string[] };
    const data = [input].flat().map((one, index) => ({ object: "embedding", index, embedding: vectorOf(one) }));
    return { json: { object: "list", data, model: "voyage-3", usage: { total_tokens: data.length } } };
  };
  const voyage = (up: string) =>
    `providers: { voyage: { provider_type: voyage, base_url: "${up}/v1", keys: [{ key: voyage-key-1 }], models: { include: ["voyage-*"] } } }`;
  async function ask(path: string, body: object | string) {
    const up = await startUpstream(answer);
    open.push(up);
    const under = await startRelay(voyage(up.url));
    open.push(under);
    const response = await under.post(path, body);
    const sent = up.received.map(({ text }) => text);
    return { status: response.status, dropped: response.headers.get("x-relay-dropped-params"), sent };
  }

  test("dimensions arrive under its name, `float` is left unsaid, all else stays as it was written", async () => {
    const body =
      '{ "model":"voyage-3", "input":[ "h\\u00e9 1" ], "dimensions":256, "encoding_format":"float", "truncation":false, "x":1.0 }';
    const { status, sent, dropped } = await ask("/v1/embeddings", body);
    expect([status, dropped]).toEqual([200, null]);
    expect(sent).toEqual([
      '{ "model":"voyage-3", "input":[ "h\\u00e9 1" ], "truncation":false, "x":1.0,"output_dimension":256 }',
    ]);
  });

  test.each([
    ["in its own words already", { model: "voyage-3", input: "a 1", output_dimension: 256, input_type: "query" }],
    ["that asks for bytes", { model: "voyage-3", input: "a 1", encoding_format: "base64" }],
  ])("a request %s arrives byte for byte", async (_name, body) => {
    const { sent } = await ask("/v1/embeddings", body);
    expect(sent).toEqual([JSON.stringify(body)]);
  });

  test("its own word goes before OpenAI's where a request has both", async () => {
    const { sent } = await ask("/v1/embeddings", {
      ...{ model: "voyage-3", input: "a 1", dimensions: 512, output_dimension: 256 },
    });
    expect(JSON.parse(sent[0]!)).toEqual({ model: "voyage-3", input: "a 1", output_dimension: 256 });
  });

  test("a Gemini client's length and task arrive too; a task that it lacks is named", async () => {
    const request = (taskType: string) => ({
      content: { parts: [{ text: "a 1" }] },
      outputDimensionality: 512,
      taskType,
    });
    const query = await ask("/v1beta/models/voyage-3:embedContent", request("RETRIEVAL_QUERY"));
    expect(JSON.parse(query.sent[0]!)).toEqual({
      model: "voyage-3",
      input: "a 1",
      output_dimension: 512,
      input_type: "query",
    });
    expect(query.dropped).toBeNull();
    const other = await ask("/v1beta/models/voyage-3:embedContent", request("CLUSTERING"));
    expect(JSON.parse(other.sent[0]!)).not.toHaveProperty("input_type");
    expect(other.dropped).toBe("taskType");
  });
});

describe("Bedrock's ARNs", () => {
  const OWN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123";
  async function ask(model: string, more = "") {
    const up = await startUpstream(({ text }) => {
      const { inputText, texts } = JSON.parse(text) as { inputText?: string; texts?: string[] };
      if (texts !== undefined) return { json: { embeddings: { float: texts.map(vectorOf) } } };
      return { json: { embedding: vectorOf(inputText!), inputTextTokenCount: 1 } };
    });
    open.push(up);
    const under = await startRelay(
      `providers: { aws: { provider_type: bedrock, base_url: "${up.url}", keys: [{ key: bedrock-key-1 }], models: { include: ["*"] }${more} } }`,
    );
    open.push(under);
    const response = await under.post("/v1/embeddings", { model, input: "a 1" });
    return { status: response.status, body: await readJson(response), paths: up.received.map(({ path }) => path) };
  }

  test.each([
    "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0",
    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.cohere.embed-v4:0",
  ])("%s tells whose model it is", async (model) => {
    const { status, paths } = await ask(model);
    expect([status, paths]).toEqual([200, [`/model/${encodeURIComponent(model)}/invoke`]]);
  });

  test("a profile of one's own does not: 400 that names the key of the configuration, and nobody is asked", async () => {
    const { status, body, paths } = await ask(OWN);
    expect([status, body, paths]).toMatchObject([
      400,
      { error: { param: "model", message: expect.stringContaining("inference_profiles") } },
      [],
    ]);
    expect(JSON.stringify(body)).not.toContain("123456789012");
  });

  test("under the name of its model it is asked", async () => {
    const model = "cohere.embed-v4:0";
    const { status, body, paths } = await ask(model, `, inference_profiles: { "${model}": "${OWN}" }`);
    expect([status, paths]).toEqual([200, [`/model/${encodeURIComponent(OWN)}/invoke`]]);
    expect(body).toMatchObject({ model });
  });
});
