/** Media by URL towards an upstream of the client's own dialect that takes only bytes; everything else stays as it was written. */
import { afterEach, describe, expect, test } from "bun:test";
import { readJson } from "../support/json.ts";
import { directoryOf, keyHolder } from "../support/directory.ts";
import { startRelay } from "../support/relay.ts";
import { PIXEL } from "../support/sdks/index.ts";
import { startUpstream } from "../support/upstream.ts";
import { startVendors } from "../support/vendors.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

const USER_KEY = "mr_ordinary-user-key";
/** One API key, of an ordinary user. */
const accounts = directoryOf({ [USER_KEY]: keyHolder("k", { scopes: new Set(["chat:write"]) }) });

const PDF = Buffer.from("%PDF-1.4 hello");

async function start() {
  const up = await startVendors();
  const host = await startUpstream(({ path }) => ({
    chunks: [path.endsWith(".pdf") ? PDF : Buffer.from(PIXEL, "base64")],
  }));
  const local = `provider_type: ollama-openai, base_url: "${up.url}/v1"`;
  const under = await startRelay(
    `
providers:
  bytes: { ${local}, models: { include: [m-chat] } }
  bytes-responses: { ${local}, dialects: [openai-responses], models: { include: [m-responses] } }
  bytes-messages: { ${local}, dialects: [anthropic-messages], models: { include: [m-messages] } }
  pictures: { provider_type: groq, base_url: "${up.url}/v1", keys: [{ key: vendor-key-1 }], models: { include: [m-pictures] } }
  anything: { base_url: "${up.url}/v1", keys: [{ key: vendor-key-1 }], models: { include: [m-any] } }
network: { allow_private_networks: [127.0.0.0/8] }
`,
    accounts,
    undefined,
    async () => ["127.0.0.1"],
  );
  open.push(under, up, host);
  const url = (path: string): string => `http://media.example:${host.port}${path}`;
  return { up, host, under, url };
}

const chat = (model: string, part: object) => ({
  model,
  messages: [{ role: "user", content: [{ type: "text", text: "what" }, part] }],
});
const image = (url: string) => ({ type: "image_url", image_url: { detail: "low", url } });
const file = (url: string) => ({ type: "file", file: { filename: "a.pdf", file_data: url } });

describe("media by URL within one dialect", () => {
  test("arrives as bytes where the upstream takes no addresses: chat", async () => {
    const { up, host, under, url } = await start();
    const answer = await under.post("/v1/chat/completions", chat("m-chat", image(url("/a"))));
    expect([answer.status, answer.headers.get("x-relay-lane")]).toEqual([200, "translate"]);
    expect(JSON.parse(up.received[0]!.text).messages[0].content[1]).toMatchObject({
      image_url: { url: `data:image/png;base64,${PIXEL}` },
    });
    expect(host.received).toHaveLength(1);
  });

  test("… Responses", async () => {
    const { up, host, under, url } = await start();
    const content = [
      { type: "input_image", image_url: url("/a") },
      { type: "input_file", file_url: url("/a.pdf") },
    ];
    const answer = await under.post("/v1/responses", { model: "m-responses", input: [{ role: "user", content }] });
    expect(answer.status).toBe(200);
    expect(JSON.parse(up.received[0]!.text).input[0].content).toMatchObject([
      { image_url: `data:image/png;base64,${PIXEL}` },
      { file_data: `data:application/pdf;base64,${PDF.toString("base64")}` },
    ]);
    expect(host.received).toHaveLength(2);
  });

  test("… Messages", async () => {
    const { up, host, under, url } = await start();
    const content = [
      { type: "text", text: "what" },
      { type: "image", source: { type: "url", url: url("/a") } },
    ];
    const body = { model: "m-messages", max_tokens: 9, messages: [{ role: "user", content }] };
    expect((await under.post("/v1/messages", body)).status).toBe(200);
    expect(JSON.parse(up.received[0]!.text).messages[0].content[1].source).toEqual({
      type: "base64",
      media_type: "image/png",
      data: PIXEL,
    });
    expect(host.received).toHaveLength(1);
  });

  test("documents alone arrive as bytes where pictures may stay addresses", async () => {
    const { up, host, under, url } = await start();
    await under.post("/v1/chat/completions", chat("m-pictures", file(url("/a.pdf"))));
    const picture = JSON.stringify(chat("m-pictures", image(url("/a"))));
    const answer = await under.post("/v1/chat/completions", picture);
    expect(answer.headers.get("x-relay-lane")).toBe("pass-through");
    expect(JSON.parse(up.received[0]!.text).messages[0].content[1].file).toEqual({
      filename: "a.pdf",
      file_data: `data:application/pdf;base64,${PDF.toString("base64")}`,
    });
    expect(up.received[1]!.text).toBe(picture);
    expect(host.received.map(({ path }) => path)).toEqual(["/a.pdf"]);
  });

  test("ordinary users are told to send the bytes: nothing is fetched, and nobody is asked", async () => {
    const { up, host, under, url } = await start();
    const headers = { authorization: `Bearer ${USER_KEY}` };
    const answer = await under.post("/v1/chat/completions", chat("m-chat", image(url("/a"))), headers);
    expect([answer.status, await readJson(answer)]).toMatchObject([
      400,
      { error: { type: "invalid_request_error", param: "messages", message: expect.stringContaining("bytes") } },
    ]);
    expect([...host.received, ...up.received]).toEqual([]);
  });

  const UNTOUCHED: readonly (readonly [name: string, model: string, part: object])[] = [
    ["bytes", "m-chat", image(`data:image/png;base64,${PIXEL}`)],
    ["an address in words", "m-chat", { type: "text", text: 'see {"image_url":{"url":"http://a.example/"}}' }],
    ["a field of that name that holds no address", "m-chat", { type: "x_new", image_url: 7, file_data: "httpless" }],
    [
      "films by URL, for upstreams that take them",
      "m-any",
      { type: "video_url", video_url: { url: "http://a/b.mp4" } },
    ],
    ["documents by URL, for upstreams that take them", "m-any", file("https://a.example/b.pdf")],
    ["sound in a dialect's own words", "m-pictures", { type: "input_audio", input_audio: { data: "https://a/b.wav" } }],
  ];
  test.each(UNTOUCHED)("%s: the body arrives byte for byte, and nothing is fetched", async (_name, model, part) => {
    const { up, host, under } = await start();
    const body = JSON.stringify({ x_new: [1.0], ...chat(model, part) }).replaceAll(",", " , ");
    const answer = await under.post("/v1/chat/completions", body);
    expect([answer.status, answer.headers.get("x-relay-lane")]).toEqual([200, "pass-through"]);
    expect(up.received.map(({ text }) => text)).toEqual([body]);
    expect(host.received).toEqual([]);
  });
});
