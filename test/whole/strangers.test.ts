/** R13 through the compiled binary: whoever shows no credential costs neither memory nor an open connection. */
import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { missingBinary, type RunningBinary, startBinary } from "../support/binary.ts";

const CALLERS = 100;
const LENGTH = 100_000_000;
const PIECE = "x".repeat(16 * 1024);
const PATHS = [
  "/v1/chat/completions",
  "/v1/messages",
  "/v1/files",
  "/v1/audio/transcriptions",
  "/api/keys",
  "/api/users",
];
/** What the answers themselves may take, bytes. */
const GROWTH_MAX = 2_000_000;
const ROUNDS = 6;

let relay: RunningBinary | undefined;
afterEach(async () => {
  if (relay?.process.exitCode === null) await relay.stop("SIGKILL");
  relay = undefined;
});

/** Announces a large body and drips it until the other side hangs up; what was answered until then. */
async function drip(port: number, path: string): Promise<{ status: number; sent: number; ms: number }> {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  let text = "";
  let answeredAt = 0;
  let sent = 0;
  const began = performance.now();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(_each, data) {
        if (text === "") answeredAt = performance.now();
        text += data.toString("latin1");
      },
      close: () => resolve(),
      error: () => resolve(),
    },
  });
  const type =
    path.startsWith("/v1/audio") || path === "/v1/files" ? "multipart/form-data; boundary=x" : "application/json";
  socket.write(
    `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nContent-Length: ${LENGTH}\r\n\r\n{`,
  );
  const timer = setInterval(() => {
    sent += Math.max(0, socket.write(PIECE));
  }, 1);
  await over;
  clearInterval(timer);
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), sent, ms: answeredAt - began };
}

function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

describe.skipIf(missingBinary !== undefined)(
  `R13 ★ refused before the body is read${missingBinary === undefined ? "" : ` (${missingBinary})`}`,
  () => {
    test("a body of 100 MB that drips in is not waited for: 401, and the connection is closed", async () => {
      relay = await startBinary();
      for (const path of PATHS) {
        const { status, sent, ms } = await drip(relay.port, path);
        expect([path, status]).toEqual([path, 401]);
        expect(sent).toBeLessThan(LENGTH / 10);
        expect(ms).toBeLessThan(1000);
      }
    }, 20_000);

    test.skipIf(!existsSync("/proc/self/status"))(
      "a hundred of them at once leave no memory behind",
      async () => {
        relay = await startBinary();
        const sizes: number[] = [];
        for (let round = 0; round < ROUNDS; round += 1) {
          const answers = await Promise.all(
            Array.from({ length: CALLERS }, (_, index) => drip(relay!.port, PATHS[index % PATHS.length]!)),
          );
          expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
          sizes.push(residentBytes(relay.process.pid));
        }
        // The first rounds compile what they run and fill the allocator; what is kept of a body would grow with each.
        const growth = Math.min(...sizes.slice(1).map((size, index) => size - sizes[index]!));
        expect(growth).toBeLessThan(GROWTH_MAX);
      },
      20_000,
    );
  },
);
