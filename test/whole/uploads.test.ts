/** Large uploads through the compiled binary: they arrive whole, wherever the model stands, and cost little memory. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, request as httpRequest, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { ACCESS_KEY, missingBinary, type RunningBinary, startBinary } from "../support/binary.ts";

const MEGABYTE = 1024 * 1024;
const SIZE = 256 * MEGABYTE;
/** More than the relay may grow by while that much goes through it. */
const GROWTH_MAX = 96 * MEGABYTE;
const BOUNDARY = "----large-upload";

const isLinux = process.platform === "linux";
const skipped = missingBinary ?? (isLinux ? undefined : "resident memory is read from /proc");

describe.skipIf(skipped !== undefined)(`large uploads${skipped === undefined ? "" : ` (${skipped})`}`, () => {
  let relay: RunningBinary;
  let upstream: Server;
  /** Of the last request: how many bytes of the body, and their digest. */
  let received: { size: number; digest: string };
  let firstByteAt = 0;

  beforeAll(async () => {
    upstream = createServer(async (request, response) => {
      const hash = createHash("sha256");
      let size = 0;
      for await (const piece of request) {
        if (size === 0) firstByteAt = performance.now();
        size += (piece as Uint8Array).length;
        hash.update(piece as Uint8Array);
      }
      received = { size, digest: hash.digest("hex") };
      response.setHeader("content-type", "application/json").end('{"id":"file-large","text":"hello"}');
    });
    await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
    const { port } = upstream.address() as AddressInfo;
    relay = await startBinary({
      config: `
providers:
  one: { base_url: "http://127.0.0.1:${port}/v1", keys: [{ key: upload-key-1 }] }
`,
    });
    // The heap grows to its working size with any traffic; what an upload adds to that is the question.
    await send("/v1/files", ["file"]);
  }, 60_000);
  afterAll(async () => {
    expect(await relay.stop()).toBe(0);
    upstream.closeAllConnections();
    await new Promise<void>((resolve) => upstream.close(() => resolve()));
  });

  const resident = () => {
    const status = readFileSync(`/proc/${relay.process.pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) * 1024;
  };

  /** The form's bytes, made as they are taken. */
  function* formOf(fields: readonly (string | "file")[]): Generator<Buffer> {
    for (const field of fields) {
      const head = (more: string) => Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; ${more}\r\n\r\n`);
      if (field !== "file") {
        yield Buffer.concat([head('name="model"'), Buffer.from(`${field}\r\n`)]);
        continue;
      }
      yield head('name="file"; filename="a.wav"');
      const piece = Buffer.alloc(MEGABYTE);
      for (let at = 0; at < SIZE; at += MEGABYTE) {
        piece.writeUInt32LE(at, 0);
        yield Buffer.from(piece);
      }
      yield Buffer.from("\r\n");
    }
    yield Buffer.from(`--${BOUNDARY}--\r\n`);
  }

  async function send(path: string, fields: readonly string[]) {
    const digest = createHash("sha256");
    const before = resident();
    let peak = before;
    let size = 0;
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
    const request = httpRequest(
      relay.url + path,
      {
        method: "POST",
        headers: { authorization: `Bearer ${ACCESS_KEY}`, "content-type": `multipart/form-data; boundary=${BOUNDARY}` },
      },
      async (response) => {
        let text = "";
        for await (const piece of response) text += piece;
        resolve({ status: response.statusCode!, text });
      },
    );
    request.on("error", reject);
    let lastByteAt = 0;
    for (const bytes of formOf(fields)) {
      digest.update(bytes);
      size += bytes.length;
      if (!request.write(bytes)) await new Promise<void>((drained) => request.once("drain", () => drained()));
      peak = Math.max(peak, resident());
      lastByteAt = performance.now();
    }
    request.end();
    const answer = await promise;
    peak = Math.max(peak, resident());
    return { answer, growth: peak - before, sent: { size, digest: digest.digest("hex") }, lastByteAt };
  }

  test("sound whose model stands first is passed on while it comes", async () => {
    const { answer, growth, sent, lastByteAt } = await send("/v1/audio/transcriptions", ["whisper-1", "file"]);
    expect(answer).toEqual({ status: 200, text: '{"id":"file-large","text":"hello"}' });
    expect(received).toEqual(sent);
    expect(firstByteAt).toBeLessThan(lastByteAt);
    expect(growth).toBeLessThan(GROWTH_MAX);
  }, 60_000);

  test("sound whose model stands last waits on the disk, not in memory", async () => {
    const { answer, growth, sent } = await send("/v1/audio/transcriptions", ["file", "whisper-1"]);
    expect(answer.status).toBe(200);
    expect(received).toEqual(sent);
    expect(growth).toBeLessThan(GROWTH_MAX);
  }, 60_000);

  test("a file without any model is passed on while it comes", async () => {
    const { answer, growth, sent, lastByteAt } = await send("/v1/files", ["file"]);
    expect(answer.status).toBe(200);
    expect(received).toEqual(sent);
    expect(firstByteAt).toBeLessThan(lastByteAt);
    expect(growth).toBeLessThan(GROWTH_MAX);
  }, 60_000);
});
