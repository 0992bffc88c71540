/** The compiled binary under load: many streams, flat memory, reloads and shutdown that fail nobody. */
import { afterEach, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { ACCESS_KEY, missingBinary, type RunningBinary, startBinary } from "../support/binary.ts";

const MEGABYTE = 1024 * 1024;
const running: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const each of running.splice(0)) await each.stop();
});

async function start(config: string, args: string[] = []): Promise<RunningBinary> {
  const relay = await startBinary({ config, args });
  running.push({
    stop: async () => {
      if (relay.process.exitCode === null) await relay.stop("SIGKILL");
    },
  });
  return relay;
}

/** An upstream in a process of its own, so that its memory and time are not those of the test. */
async function startPacedUpstream(): Promise<{ url: string; stop(): Promise<unknown> }> {
  const script = `
const encoder = new TextEncoder();
const chunk = (delta, finish = null) => encoder.encode("data: " + JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] }) + "\\n\\n");
const whole = JSON.stringify({ id: "c", object: "chat.completion", created: 1, model: "m", choices: [{ index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" }], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } });
const server = Bun.serve({ port: 0, hostname: "127.0.0.1", idleTimeout: 0, async fetch(request) {
  const { model, stream } = await request.json();
  if (!stream) return new Response(whole, { headers: { "content-type": "application/json" } });
  const [, count, pause, size] = model.split("-").map(Number);
  let sent = 0;
  return new Response(new ReadableStream({ async pull(controller) {
    if (sent === count) { controller.enqueue(chunk({}, "stop")); controller.enqueue(encoder.encode("data: [DONE]\\n\\n")); controller.close(); return; }
    if (pause > 0) await Bun.sleep(pause);
    controller.enqueue(chunk({ content: String(sent++).padEnd(size || 1, "x") }));
  } }), { headers: { "content-type": "text/event-stream" } });
} });
console.log(server.port);
`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
  const { value } = await child.stdout.getReader().read();
  const upstream = {
    url: `http://127.0.0.1:${new TextDecoder().decode(value).trim()}`,
    async stop() {
      child.kill();
      await child.exited;
    },
  };
  running.push(upstream);
  return upstream;
}

const headers = { authorization: `Bearer ${ACCESS_KEY}`, "content-type": "application/json" };

/** One call over a connection of its own; this process's fetch would let only 256 run at once. */
function call(
  relay: RunningBinary,
  model: string,
  stream: boolean,
  read = true,
): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const asking = httpRequest(
    { host: "127.0.0.1", port: relay.port, path: "/v1/chat/completions", method: "POST", headers, agent: false },
    (response) => {
      if (!read) return response.pause();
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString() }));
      response.on("error", reject);
    },
  );
  asking.on("error", reject);
  asking.end(JSON.stringify({ model, stream, messages: [{ role: "user", content: "x" }] }));
  return promise;
}

function residentBytes(relay: RunningBinary): number {
  const status = readFileSync(`/proc/${relay.process.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

const skipped = missingBinary ?? (process.platform === "linux" ? undefined : "memory is read from /proc");

describe.skipIf(skipped !== undefined)(`under load${skipped === undefined ? "" : ` (${skipped})`}`, () => {
  const config = (url: string, more = "") => `

providers: { one: { base_url: "${url}/v1", keys: [{ key: load-upstream-key }] } }
${more}`;

  test("1,000 streams of 8 seconds all complete, byte for byte, in less than 200 MB", async () => {
    const upstream = await startPacedUpstream();
    const relay = await start(config(upstream.url));
    let peak = 0;
    const sampling = setInterval(() => {
      peak = Math.max(peak, residentBytes(relay));
    }, 100);
    const answers = await Promise.all(Array.from({ length: 1000 }, () => call(relay, "m-40-200", true)));
    clearInterval(sampling);
    const contents = (text: string) =>
      text
        .split("\n\n")
        .filter((frame) => frame.startsWith("data: {"))
        .map((frame) => JSON.parse(frame.slice(6)).choices[0].delta.content ?? "")
        .join("");
    const expected = Array.from({ length: 40 }, (_, index) => String(index)).join("");
    expect(
      answers.filter(
        ({ status, text }) => status !== 200 || contents(text) !== expected || !text.endsWith("data: [DONE]\n\n"),
      ),
    ).toEqual([]);
    expect(peak).toBeGreaterThan(0);
    expect(peak).toBeLessThan(200 * MEGABYTE);
  }, 60_000);

  test("stalled clients of a fast upstream cost no memory", async () => {
    const upstream = await startPacedUpstream();
    const relay = await start(config(upstream.url));
    // The heap grows to its working size with any traffic; what stalled clients add to that is the question.
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(Array.from({ length: 8 }, () => call(relay, "m-2000-0-4096", true)));
    }
    const before = residentBytes(relay);
    // 200 MB each would come if it were asked for.
    for (let stalled = 0; stalled < 5; stalled += 1) void call(relay, "m-50000-0-4096", true, false).catch(() => {});
    let peak = before;
    for (let sample = 0; sample < 30; sample += 1) {
      await Bun.sleep(100);
      peak = Math.max(peak, residentBytes(relay));
    }
    expect(peak - before).toBeLessThan(50 * MEGABYTE);
    expect((await call(relay, "m-5-0", true)).text).toContain("[DONE]");
  }, 30_000);

  test("reloads under load, half of them bad, fail no request and cut no stream", async () => {
    const upstream = await startPacedUpstream();
    const relay = await start(config(upstream.url));
    const streams = Promise.all(Array.from({ length: 20 }, () => call(relay, "m-40-50", true)));
    let isOver = false;
    const outcomes: number[] = [];
    const hammer = async () => {
      while (!isOver) outcomes.push((await call(relay, "m", false)).status);
    };
    const hammers = Promise.all(Array.from({ length: 16 }, hammer));
    for (let round = 0; round < 40; round += 1) {
      writeFileSync(
        relay.configFile,
        config(upstream.url, round % 2 === 0 ? `timeouts: { idle: ${60 + round} }` : `nonsense: ${round}`),
      );
      relay.process.kill("SIGHUP");
      await Bun.sleep(40);
    }
    isOver = true;
    await hammers;
    expect(outcomes.length).toBeGreaterThan(100);
    expect(outcomes.filter((status) => status !== 200)).toEqual([]);
    expect((await streams).filter(({ text }) => !text.endsWith("data: [DONE]\n\n"))).toEqual([]);
    const { generation } = (await (await fetch(`${relay.url}/health`)).json()) as { generation: number };
    expect(generation).toBeGreaterThan(10);
  }, 60_000);

  test("SIGTERM under load: what runs is finished, the exit code is 0", async () => {
    const upstream = await startPacedUpstream();
    const relay = await start(config(upstream.url));
    const streams = Promise.all(Array.from({ length: 200 }, () => call(relay, "m-20-50", true)));
    await Bun.sleep(300);
    relay.process.kill("SIGTERM");
    const answers = await streams;
    expect(answers.filter(({ status, text }) => status !== 200 || !text.endsWith("data: [DONE]\n\n"))).toEqual([]);
    expect(await relay.process.exited).toBe(0);
  }, 30_000);

  test("limits.max_concurrency: one more is told to come back, in its dialect", async () => {
    const upstream = await startPacedUpstream();
    const relay = await start(config(upstream.url, "limits: { max_concurrency: 5 }"));
    const streams = Promise.all(Array.from({ length: 5 }, () => call(relay, "m-20-50", true)));
    await Bun.sleep(300);
    const refused = await call(relay, "m", false);
    expect(refused.status).toBe(503);
    expect(JSON.parse(refused.text).error.code).toBe("overloaded");
    await streams;
    expect((await call(relay, "m", false)).status).toBe(200);
  }, 30_000);

  test("ready soon after the start, with an empty data directory", async () => {
    const times: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const relay = await start("server: { log_level: INFO }\n");
      times.push(Number(/"ready_ms":(\d+)/.exec(relay.stderr())?.[1]));
      await relay.stop();
    }
    // The figure is a goal of the bench; here only a start that has gone badly wrong is caught.
    expect(Math.min(...times)).toBeLessThan(300);
  }, 30_000);
});
