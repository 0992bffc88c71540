/** Uploads as forms: the model is found wherever it stands, bytes arrive as they were, and nothing is said twice. */
import { afterEach, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { RelayError } from "../../src/contract/errors.ts";
import { FormScan } from "../../src/relay/multipart.ts";
import { Spool } from "../../src/relay/spool.ts";
import { readJson } from "../support/json.ts";
import { KEY, startRelay, type TestRelay } from "../support/relay.ts";
import { type Script, startUpstream, type Upstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

const BOUNDARY = "----b0undary";
const part = (name: string, value: string, more = "") =>
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
const file = (text: string) => part("file", text, '; filename="model"');
const form = (...parts: string[]) => `${parts.join("")}--${BOUNDARY}--\r\n`;

const headed = (disposition: string) => form(`--${BOUNDARY}\r\nContent-Disposition: ${disposition}\r\n\r\nm\r\n`);

function scan(text: string, cut: number): FormScan {
  const found = new FormScan(BOUNDARY, "model");
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += cut) found.feed(bytes.subarray(at, at + cut));
  found.finish();
  return found;
}

const CUTS = [1, 2, 3, 7, 16, 100, 1_000_000];

describe("the field", () => {
  const forms: [name: string, text: string, value: string | undefined][] = [
    ["first", form(part("model", "whisper-1"), file("x".repeat(300))), "whisper-1"],
    ["last", form(file("x".repeat(300)), part("model", "whisper-1")), "whisper-1"],
    ["between", form(part("language", "de"), part("model", "whisper-1"), file("x")), "whisper-1"],
    [
      "behind a file that looks like the end of one",
      form(file(`\r\n--${BOUNDARY.slice(0, -1)}x\r\n--`), part("model", "m")),
      "m",
    ],
    ["behind an empty file", form(file(""), part("model", "m")), "m"],
    ["empty", form(part("model", ""), file("x")), ""],
    ["with a name in other letters", form(part("model", "größer"), file("x")), "größer"],
    ["only as the name of a file", form(file("x")), undefined],
    ["only inside the name of a file", headed('form-data; name="file"; filename="a; name=model; .wav"'), undefined],
    ["only as the name of an attachment", headed('attachment; name="model"'), undefined],
    ["without quotes, behind the name of a file", headed("form-data; filename=x; NAME=model;"), "m"],
    ["only inside a file", form(file('Content-Disposition: form-data; name="model"\r\n\r\nm')), undefined],
    ["behind a preamble", `ignored\r\n${form(part("model", "m"))}`, "m"],
  ];
  for (const [name, text, value] of forms) {
    test(`${name}: found wherever the bytes are cut`, () => {
      for (const cut of CUTS) {
        const { field } = scan(text, cut);
        expect(field?.value).toBe(value);
        if (field === undefined) continue;
        expect(Buffer.from(text).toString("utf8", field.start, field.end)).toBe(value!);
      }
    });
  }

  const wrong: [name: string, text: string, says: RegExp][] = [
    ["given twice", form(part("model", "cheap"), file("x"), part("model", "dear")), /given twice/],
    ["given twice, the first empty", form(part("model", ""), part("model", "dear")), /given twice/],
    ["longer than any name", form(part("model", "x".repeat(5000))), /too long/],
    ["in a form that breaks off", `${part("model", "m")}--${BOUNDARY}\r\nContent-Dis`, /middle of a part/],
    ["in a form without an end", part("model", "m").slice(0, -2), /middle of a part/],
    ["in no form at all", "x".repeat(20_000), /no parts/],
    ["in nothing", "", /no parts/],
    ["behind a delimiter with more behind it", `--${BOUNDARY}x\r\n\r\n`, /malformed delimiter/],
    ["behind a delimiter with a bare line feed", `--${BOUNDARY}\n\n`, /malformed delimiter/],
    ["behind a delimiter in the middle of a line", `x${form(part("model", "m"))}`, /malformed delimiter/],
    ["in a head with two names", headed('form-data; name="file"; name="model"'), /Content-Disposition/],
    ["in a head with a name in another coding", headed("form-data; name*=utf-8''model"), /Content-Disposition/],
    ["in a head that goes on in the next line", headed('form-data;\r\n name="model"'), /Content-Disposition/],
    [
      "in a head with two dispositions",
      headed('form-data; name="a"\r\nContent-Disposition: form-data; name="model"'),
      /Content-Disposition/,
    ],
    ["in a head that is none", headed('form-data; name="model" nonsense'), /Content-Disposition/],
    ["behind a head that does not end", `--${BOUNDARY}\r\n${"a".repeat(20_000)}`, /too long a head/],
  ];
  for (const [name, text, says] of wrong) {
    test(`${name}: refused, wherever the bytes are cut`, () => {
      for (const cut of CUTS) {
        let error: unknown;
        try {
          scan(text, cut);
        } catch (cause) {
          error = cause;
        }
        expect(RelayError.is(error) && [error.code, error.status]).toEqual(["bad-request", 400]);
        expect((error as RelayError).message).toMatch(says);
      }
    });
  }
});

describe("a temporary file", () => {
  const left = () => readdirSync(tmpdir()).filter((name) => name.startsWith("monorelay-") && name.endsWith(".upload"));

  test("gives back what was put in, as often as asked, and has no name", async () => {
    const before = left();
    const spool = new Spool();
    const bytes = new Uint8Array(1_000_000).map((_, index) => (index * 31) & 255);
    await spool.append(bytes.subarray(0, 300_000));
    await spool.append(bytes.subarray(300_000));
    expect(left()).toEqual(before);
    for (const [start, end] of [
      [0, 1_000_000],
      [5, 10],
      [999_999, 1_000_000],
      [7, 7],
    ] as const) {
      const pieces: Uint8Array[] = [];
      for await (const piece of spool.read(start, end)) pieces.push(piece);
      expect(Buffer.compare(Buffer.concat(pieces), bytes.subarray(start, end))).toBe(0);
    }
    await spool.release();
    expect(left()).toEqual(before);
  });

  test("stays for a reader that has begun, and goes with the last", async () => {
    const spool = new Spool();
    await spool.append(new Uint8Array(600_000));
    const reader = spool.read(0, 600_000);
    await reader.next();
    await spool.release();
    let size = 0;
    for await (const piece of reader) size += piece.length;
    expect(size).toBe(600_000 - 256 * 1024);
    expect(async () => {
      for await (const _piece of spool.read(0, 10));
    }).toThrow();
  });
});

describe("a form on its way", () => {
  const MEGABYTE = 1024 * 1024;

  async function start(script: Script, more = ""): Promise<{ up: Upstream; under: TestRelay }> {
    const up = await startUpstream(script);
    open.push(up);
    const under = await startRelay(`
providers:
  one: { base_url: "${up.url}/one/v1", keys: [{ key: one-key-1 }], models: { include: [whisper-1] } }
  two: { base_url: "${up.url}/two/v1", keys: [{ key: two-key-1 }], models: { include: [whisper-1] } }
limits: { max_body: 64KiB, max_upload: 20MiB }
model_routing: { aliases: { ears: whisper-1 } }
${more}
`);
    open.push(under);
    return { up, under };
  }

  const big = "0123456789abcdef".repeat((6 * MEGABYTE) / 16);
  const small = "0123456789abcdef".repeat(1024);

  function send(under: TestRelay, text: string, isDeclared = true, signal?: AbortSignal): Promise<Response> {
    const bytes = Buffer.from(text);
    let at = 0;
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (at >= bytes.length) return controller.close();
        controller.enqueue(bytes.subarray(at, (at += 50_000)));
      },
    });
    return fetch(`${under.url}/v1/audio/transcriptions`, {
      method: "POST",
      headers: { authorization: `Bearer ${KEY}`, "content-type": `multipart/form-data; boundary=${BOUNDARY}` },
      body: isDeclared ? bytes : stream,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  const orders: [name: string, text: (model: string, sound: string) => string][] = [
    ["the model first", (model, sound) => form(part("model", model), file(sound))],
    ["the model last", (model, sound) => form(file(sound), part("model", model))],
  ];
  for (const [order, text] of orders) {
    for (const [size, sound] of [
      ["small", small],
      ["large", big],
    ] as const) {
      for (const isDeclared of [true, false]) {
        test(`${size}, ${order}, ${isDeclared ? "declared" : "in chunks"}: arrives byte for byte, but for the model's name`, async () => {
          const { up, under } = await start({ json: { text: "hi" } });
          for (const model of ["whisper-1", "ears"]) {
            const answer = await send(under, text(model, sound), isDeclared);
            expect([answer.status, await readJson(answer)]).toEqual([200, { text: "hi" }]);
            const received = up.received.at(-1)!;
            expect(Buffer.compare(received.bytes, Buffer.from(text("whisper-1", sound)))).toBe(0);
            expect(received.headers.get("content-type")).toBe(`multipart/form-data; boundary=${BOUNDARY}`);
          }
          expect((await under.recorded(2)).at(-1)).toMatchObject({
            ...{ operation: "audio", lane: "raw", requestedModel: "ears", model: "whisper-1" },
            bytesIn: text("ears", sound).length,
          });
        });
      }
    }
  }

  test("what is known whole may go to another upstream, from memory or from the disk", async () => {
    for (const sound of [small, big]) {
      const { up, under } = await start(({ path }) =>
        path.startsWith("/one") ? { status: 500, json: {} } : { json: { text: "hi" } },
      );
      const text = form(file(sound), part("model", "whisper-1"));
      expect((await send(under, text)).status).toBe(200);
      expect(up.received.map(({ path }) => path.slice(0, 4))).toEqual(["/one", "/two"]);
      for (const { bytes } of up.received) expect(Buffer.compare(bytes, Buffer.from(text))).toBe(0);
    }
  });

  test("what has begun to go to one does not go to another", async () => {
    const { up, under } = await start({ status: 500, json: {} });
    expect((await send(under, form(part("model", "whisper-1"), file(big)))).status).toBe(502);
    expect(up.received).toHaveLength(1);
  });

  test("a second model behind the file is refused, and the upstream never has the whole of it", async () => {
    const { up, under } = await start({ json: { text: "hi" } });
    for (const sound of [small, big]) {
      const answer = await send(under, form(part("model", "whisper-1"), file(sound), part("model", "dear-1")));
      expect([answer.status, (await readJson(answer)).error]).toMatchObject([400, { param: "model" }]);
    }
    expect(up.received).toEqual([]);
    expect((await under.recorded(2)).map(({ failure }) => failure)).toEqual(["bad-request", "bad-request"]);
  });

  test.each([
    ["declared", true],
    ["in chunks", false],
  ])("larger than limits.max_upload, %s: 413 by that name, and no key is blamed", async (_name, isDeclared) => {
    const { up, under } = await start({ json: { text: "hi" } });
    const huge = form(part("model", "whisper-1"), file("x".repeat(21 * MEGABYTE)));
    const answer = await send(under, huge, isDeclared);
    expect([answer.status, (await readJson(answer)).error]).toMatchObject([413, { code: "request_too_large" }]);
    expect(up.received).toEqual([]);
    expect((await under.recorded(1))[0]).toMatchObject({ failure: "body-too-large" });
  });

  /** Sends what it is given and then says nothing more. */
  function stall(under: TestRelay, path: string, text: string): Promise<Response> {
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(Buffer.from(text)),
      pull: () => new Promise(() => {}),
    });
    return fetch(under.url + path, {
      method: "POST",
      headers: { authorization: `Bearer ${KEY}`, "content-type": `multipart/form-data; boundary=${BOUNDARY}` },
      body: stream,
    });
  }

  test.each([
    ["before its model is known", "/v1/audio/transcriptions", file(small).slice(0, 5000), 0],
    ["behind its model", "/v1/audio/transcriptions", part("model", "whisper-1") + file(small).slice(0, 5000), 1],
    ["without any model", "/v1/files", file(small).slice(0, 5000), 1],
  ])(
    "a client that falls silent %s is sent away after half a minute, the upstream with it",
    async (_name, path, text, begun) => {
      const cut: Promise<unknown>[] = [];
      const server = Bun.serve({
        port: 0,
        hostname: "127.0.0.1",
        fetch(request) {
          const { promise, resolve } = Promise.withResolvers<void>();
          request.signal.addEventListener("abort", () => resolve());
          cut.push(promise);
          return new Promise<Response>(() => {});
        },
      });
      open.push({ stop: async () => void (await server.stop(true)) });
      const under = await startRelay(
        `providers: { one: { base_url: "http://127.0.0.1:${server.port}/v1", keys: [{ key: one-key-1 }] } }`,
      );
      open.push(under);
      const asked = stall(under, path, text);
      while (under.services.active.size === 0 || cut.length < begun)
        await new Promise((resolve) => setImmediate(resolve));
      for (let n = 0; n < 20; n += 1) await new Promise((resolve) => setImmediate(resolve));
      under.tick(29_000);
      expect(under.services.active.size).toBe(1);
      // The last bytes may have been on their way until now.
      for (let passed = 0; under.services.active.size > 0 && passed < 32_000; passed += 2_000) {
        under.tick(2_000);
        for (let n = 0; n < 20; n += 1) await new Promise((resolve) => setImmediate(resolve));
      }
      const answer = await asked;
      expect([answer.status, (await readJson(answer)).error.code]).toEqual([408, "request_timeout"]);
      await Promise.all(cut);
      expect(cut).toHaveLength(begun);
      const [record] = await under.recorded(1);
      expect(record).toMatchObject({ status: 408, failure: "bad-request" });
      // It was not the key's fault.
      expect(under.logLines.join()).not.toContain("refused a key");
    },
  );

  test.each([
    ["no model", form(file(small)), 400],
    ["an empty model", form(part("model", ""), file(small)), 400],
    ["a model that nobody has", form(part("model", "nobodys"), file(small)), 404],
    ["no form", "hello", 400],
  ])("%s: refused, and nobody is asked", async (_name, text, status) => {
    const { up, under } = await start({ json: {} });
    const answer = await send(under, text);
    expect([answer.status, (await readJson(answer)).error.type]).toEqual([status, "invalid_request_error"]);
    expect(up.received).toEqual([]);
  });

  test("another content type is 415", async () => {
    const { under } = await start({ json: {} });
    const answer = await under.post("/v1/audio/transcriptions", { model: "whisper-1" });
    expect([answer.status, (await readJson(answer)).error.code]).toEqual([415, "unsupported_media_type"]);
  });
});
