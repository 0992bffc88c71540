/** The vendors' own libraries make, find, list and delete what lies with upstreams through the relay. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import Anthropic, { toFile as toAnthropicFile } from "@anthropic-ai/sdk";
import OpenAI, { toFile } from "openai";
import { KEY, startRelay, type TestRelay } from "../support/relay.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

let up: Upstream;
let under: TestRelay;
let openai: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  // A vendor that names what it makes after its path, and lists that one thing.
  up = await startUpstream(({ method, path }) => {
    const word = path.split("/").at(-1)!;
    if (path.endsWith("/content")) return { text: "bytes", headers: { "content-type": "application/binary" } };
    if (method === "POST") return { json: { id: `${word}_1`, object: word, type: word, output: [], input_tokens: 3 } };
    if (method === "DELETE") return { json: { id: word, deleted: true } };
    const things = [{ id: `${word}_1` }];
    return { json: /_1$/.test(word) ? { id: word } : { object: "list", data: things, has_more: false } };
  });
  under = await startRelay(`
providers:
  one: { base_url: "${up.url}/one/v1", keys: [{ key: secret-one-1 }], models: { include: [gpt-4o, sora-2] }, dialects: [openai-chat, openai-responses] }
  claude: { provider_type: anthropic, base_url: "${up.url}/claude", keys: [{ key: secret-claude-1 }], models: { include: ["claude-*"] } }
`);
  openai = new OpenAI({ apiKey: KEY, baseURL: `${under.url}/v1`, maxRetries: 0 });
  anthropic = new Anthropic({ apiKey: KEY, baseURL: under.url, maxRetries: 0 });
});
afterAll(async () => {
  await under.stop();
  await up.stop();
});

const ids = async (page: AsyncIterable<{ id: string }>): Promise<string[]> => {
  const found: string[] = [];
  for await (const { id } of page) found.push(id);
  return found;
};

describe("openai", () => {
  test("conversations, with an answer in one", async () => {
    const { id } = await openai.conversations.create({});
    await openai.conversations.items.create(id, { items: [{ role: "user", content: "x" }] });
    await openai.responses.create({ model: "gpt-4o", input: "x", conversation: id });
    expect(up.received.at(-1)!.path).toBe("/one/v1/responses");
    expect((await openai.conversations.retrieve(id)).id).toBe(id);
    await openai.conversations.delete(id);
    const gone = await openai.conversations.retrieve(id).catch((error: unknown) => error);
    expect(gone).toBeInstanceOf(OpenAI.NotFoundError);
  });

  test("counts and compactions", async () => {
    const counted = await openai.responses.inputTokens.count({ model: "gpt-4o", input: "x" });
    expect(counted.input_tokens).toBe(3);
    await openai.responses.compact({ model: "gpt-4o", input: "x" });
    expect(up.received.at(-1)!.path).toBe("/one/v1/responses/compact");
  });

  test("containers and what lies in them", async () => {
    const { id } = await openai.containers.create({ name: "n" });
    await openai.containers.files.create(id, { file: await toFile(Buffer.from("x"), "a.txt") });
    expect(up.received.at(-1)!.headers.get("content-type")).toStartWith("multipart/form-data");
    const content = await openai.containers.files.content.retrieve("files_1", { container_id: id });
    expect(await content.text()).toBe("bytes");
    expect(await ids(openai.containers.list())).toEqual([id]);
    await openai.containers.delete(id);
  });

  test("videos, from a picture too", async () => {
    const { id } = await openai.videos.create({ prompt: "a cat", model: "sora-2" });
    await openai.videos.create({ prompt: "a cat", input_reference: await toFile(Buffer.from("x"), "a.png") });
    expect(up.received.at(-1)!.text).toContain("sora-2");
    expect(await (await openai.videos.downloadContent(id)).text()).toBe("bytes");
    expect(await ids(openai.videos.list())).toEqual([id]);
    await openai.videos.delete(id);
  });

  test("evals and skills", async () => {
    const made = await openai.evals.create({
      data_source_config: { type: "logs" },
      testing_criteria: [],
    });
    await openai.evals.runs.list(made.id);
    await openai.evals.delete(made.id);
    const skill = await openai.skills.create({ files: [await toFile(Buffer.from("x"), "SKILL.md")] });
    expect((await openai.skills.retrieve(skill.id)).id).toBe(skill.id);
    await openai.skills.versions.list(skill.id);
    await openai.skills.delete(skill.id);
    expect(up.received.every(({ headers }) => headers.get("authorization") === "Bearer secret-one-1")).toBe(true);
  });
});

describe("anthropic", () => {
  test("files", async () => {
    up.forget();
    const { id } = await anthropic.beta.files.upload({ file: await toAnthropicFile(Buffer.from("x"), "a.txt") });
    expect(await ids(anthropic.beta.files.list())).toEqual([id]);
    expect((await anthropic.beta.files.retrieveMetadata(id, { betas: ["files-api-2025-04-14"] })).id).toBe(id);
    expect(await (await anthropic.beta.files.download(id)).text()).toBe("bytes");
    await anthropic.beta.files.delete(id);
    expect(up.received.every(({ path }) => path.startsWith("/claude/v1/files"))).toBe(true);
    expect(up.received[2]!.headers.get("anthropic-beta")).toContain("files-api-2025-04-14");
  });

  test("skills", async () => {
    up.forget();
    const { id } = await anthropic.beta.skills.create({ files: [await toAnthropicFile(Buffer.from("x"), "SKILL.md")] });
    await anthropic.beta.skills.retrieve(id);
    await anthropic.beta.skills.versions.list(id);
    await anthropic.beta.skills.delete(id);
    expect(up.received.map(({ method }) => method)).toEqual(["POST", "GET", "GET", "DELETE"]);
    expect(up.received.every(({ path }) => path.startsWith("/claude/v1/skills"))).toBe(true);
  });
});
