/** Media by URL, for an upstream that takes only bytes: fetched for those who are trusted with it, and told about to nobody. */
import { afterEach, describe, expect, test } from "bun:test";
import { kindOfBytes } from "../../src/support/file-kinds.ts";
import { readJson } from "../support/json.ts";
import { directoryOf, keyHolder } from "../support/directory.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { PIXEL } from "../support/sdks/index.ts";
import { type Script, startUpstream, type Upstream } from "../support/upstream.ts";
import { startVendors } from "../support/vendors.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

async function start(files: Script, network = "network: { allow_private_networks: [127.0.0.0/8] }") {
  const up = await startVendors();
  const host = await startUpstream(files);
  const under = await startRelay(
    `
providers:
  chat: { base_url: "${up.url}/v1", keys: [{ key: vendor-key-1 }], models: { include: [gpt-chat] } }
  azure: { provider_type: azure, base_url: "${up.url}", api_version: "2024-10-21", keys: [{ key: vendor-key-5 }], models: { include: [gpt-azure] } }
  gemini: { provider_type: gemini, base_url: "${up.url}", keys: [{ key: vendor-key-4 }], models: { include: ["gemini-*"] } }
${network}
`,
    accounts,
    undefined,
    async () => ["127.0.0.1"],
  );
  open.push(under, up, host);
  return { up, host, under };
}

const picture: Script = { chunks: [Buffer.from(PIXEL, "base64")], headers: { "content-type": "text/html" } };
const ask = (under: TestRelay, urls: string[], model = "gemini-2.5-flash", headers: Record<string, string> = {}) => {
  const pictures = urls.map((url) => ({ type: "image_url", image_url: { url } }));
  const messages = [{ role: "user", content: [{ type: "text", text: "what" }, ...pictures] }];
  return under.post("/v1/chat/completions", { model, messages }, headers);
};
const urlOf = (host: Upstream, path = "/a.jpg") => `http://media.example:${host.port}${path}`;

/** One API key, of an ordinary user. */
const USER_KEY = "mr_ordinary-user-key";
const accounts = directoryOf({ [USER_KEY]: keyHolder("k", { scopes: new Set(["chat:write"]) }) });

describe("media by URL", () => {
  test("arrives as bytes, under the type that the bytes have, fetched once for each address", async () => {
    const { up, host, under } = await start(picture);
    const answer = await ask(under, [urlOf(host), urlOf(host), urlOf(host, "/b")]);
    expect(answer.status).toBe(200);
    const { parts } = JSON.parse(up.received[0]!.text).contents[0];
    expect(parts.slice(1)).toEqual(
      Array.from({ length: 3 }, () => ({ inlineData: { mimeType: "image/png", data: PIXEL } })),
    );
    expect(host.received.map(({ path }) => path).toSorted()).toEqual(["/a.jpg", "/b"]);
  });

  test("documents and sound by URL arrive as bytes where only pictures may stay addresses", async () => {
    const pdf = Buffer.from("%PDF-1.4 hello");
    const wav = Buffer.from("RIFF\x24\0\0\0WAVEfmt ", "latin1");
    const { up, host, under } = await start(({ path }) => ({ chunks: [path.endsWith(".wav") ? wav : pdf] }));
    const document = { type: "document", source: { type: "url", url: urlOf(host, "/a.pdf") } };
    const image = { type: "image", source: { type: "url", url: urlOf(host, "/b.png") } };
    const messages = [{ role: "user", content: [{ type: "text", text: "what" }, document, image] }];
    const answer = await under.post("/v1/messages", { model: "gpt-azure", max_tokens: 9, messages });
    expect(answer.status).toBe(200);
    const { content } = JSON.parse(up.received[0]!.text).messages[0];
    expect(content.slice(1)).toEqual([
      {
        type: "file",
        file: { filename: "file.pdf", file_data: `data:application/pdf;base64,${pdf.toString("base64")}` },
      },
      { type: "image_url", image_url: { url: urlOf(host, "/b.png") } },
    ]);
    const sound = { fileData: { mimeType: "audio/wav", fileUri: urlOf(host, "/c.wav") } };
    const contents = [{ role: "user", parts: [{ text: "what" }, sound] }];
    const heard = await under.post("/v1beta/models/gpt-chat:generateContent", { contents });
    expect(heard.status).toBe(200);
    expect(JSON.parse(up.received[1]!.text).messages[0].content[1]).toEqual({
      type: "input_audio",
      input_audio: { data: wav.toString("base64"), format: "wav" },
    });
    expect(host.received.map(({ path }) => path)).toEqual(["/a.pdf", "/c.wav"]);
  });

  test("is not fetched for ordinary users: they could make the relay look at things for them", async () => {
    const { up, host, under } = await start(picture);
    const answer = await ask(under, [urlOf(host)], "gemini-2.5-flash", { authorization: `Bearer ${USER_KEY}` });
    expect([answer.status, await readJson(answer)]).toMatchObject([400, { error: { type: "invalid_request_error" } }]);
    expect([...host.received, ...up.received]).toEqual([]);
  });

  test("an upstream that reads addresses gets the address, and nothing is fetched", async () => {
    const { up, host, under } = await start(picture);
    await ask(under, [urlOf(host)], "gpt-chat");
    expect(up.received[0]!.text).toContain(urlOf(host));
    expect(host.received).toEqual([]);
  });

  test("E51: addresses inside are not fetched, and the answer is that of a file that is not there", async () => {
    const { up, host, under } = await start(picture, "");
    const inside = await ask(under, [urlOf(host)]);
    const gone = await ask(under, ["http://127.0.0.1:1/"]);
    const texts = await Promise.all([inside.text(), gone.text()]);
    expect([inside.status, gone.status]).toEqual([400, 400]);
    expect(texts[0]!.replace(/req_\w+/g, "")).toBe(texts[1]!.replace(/req_\w+/g, ""));
    expect(JSON.parse(texts[0]!)).toMatchObject({ error: { code: "media_not_fetched", param: "messages" } });
    expect(texts.join()).not.toContain("127.0.0.1");
    expect([...host.received, ...up.received]).toEqual([]);
  });

  test.each([
    ["a page", { text: "<html>internal</html>", headers: { "content-type": "image/png" } }],
    ["an error", { status: 403, text: "secret" }],
    ["nothing", { text: "" }],
  ] as [string, Script][])("%s is no picture, whatever it says it is", async (_name, script) => {
    const { up, host, under } = await start(script);
    const answer = await ask(under, [urlOf(host)]);
    expect([answer.status, await readJson(answer)]).toMatchObject([400, { error: { code: "media_not_fetched" } }]);
    expect(up.received).toEqual([]);
  });

  test("more than a few are refused before any is fetched", async () => {
    const { host, under } = await start(picture);
    const answer = await ask(
      under,
      Array.from({ length: 17 }, (_, index) => urlOf(host, `/${index}`)),
    );
    expect(answer.status).toBe(400);
    expect(host.received).toEqual([]);
  });
});

describe("what a file is", () => {
  test.each([
    ["89504e470d0a1a0a", "image/png"],
    ["ffd8ffe0", "image/jpeg"],
    ["474946383961", "image/gif"],
    ["524946460000000057454250", "image/webp"],
    ["524946460000000057415645", "audio/wav"],
    ["255044462d", "application/pdf"],
    ["494433", "audio/mpeg"],
    ["0000002066747970", "video/mp4"],
    ["000000206674797068656963", "image/heic"],
    ["3c68746d6c3e", undefined],
    ["", undefined],
  ])("%s is %p", (hex, kind) => {
    expect(kindOfBytes(Buffer.from(hex, "hex"))).toBe(kind as string);
  });
});
