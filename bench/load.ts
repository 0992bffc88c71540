/** Loads a server with streams over bare sockets: counts events, measures first bytes, costs little itself. */

/** Given as JSON in the first argument; the outcome is printed as JSON. */
export interface StreamLoad {
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Streams open at once, each on a connection of its own. */
  readonly connections: number;
  /** A connection begins no further stream after this long; 0 = one stream each. */
  readonly seconds: number;
  /** Connections are opened over this span, ms, so that paced chunks do not all fall together. */
  readonly rampMs: number;
  /** Content events that a complete stream has at least. */
  readonly chunksMin: number;
}

export interface StreamOutcome {
  readonly streams: number;
  /** Streams that broke, answered another status than 200, or had too few events; with an example. */
  readonly failures: number;
  readonly example: string | null;
  /** From the request to the first byte of the body. */
  readonly firstByteMs: { readonly p50: number; readonly p99: number };
  /** From the request to the end of the body, median. */
  readonly streamMs: number;
  /** From the first connection to the last end. */
  readonly wallMs: number;
}

interface Connection {
  startedAt: number;
  firstAt: number;
  head: string;
  events: number;
  /** The last bytes seen, for marks that are cut in two. */
  tail: Uint8Array;
}

const EVENT_MARK = Buffer.from("data: ");
const END_MARK = Buffer.from("0\r\n\r\n");
const TAIL_BYTES = EVENT_MARK.length - 1;

export async function runStreams(load: StreamLoad): Promise<StreamOutcome> {
  const request = requestText(load);
  const began = performance.now();
  const deadline = began + load.seconds * 1000;
  const firstByte: number[] = [];
  const whole: number[] = [];
  let failures = 0;
  let example: string | null = null;

  const runConnection = (index: number): Promise<void> =>
    new Promise((resolve) => {
      const state: Connection = { startedAt: 0, firstAt: 0, head: "", events: 0, tail: new Uint8Array(0) };
      const fail = (reason: string) => {
        failures += 1;
        example ??= reason;
        resolve();
      };
      const begin = (socket: { write(text: string): number }) => {
        Object.assign(state, {
          startedAt: performance.now(),
          firstAt: 0,
          head: "",
          events: 0,
          tail: new Uint8Array(0),
        });
        socket.write(request);
      };
      let isDone = false;
      const finish = (socket: { write(text: string): number; end(): void }) => {
        whole.push(performance.now() - state.startedAt);
        firstByte.push(state.firstAt - state.startedAt);
        if (state.events < load.chunksMin) {
          isDone = true;
          socket.end();
          return fail(`a stream ended after ${state.events} events`);
        }
        if (performance.now() < deadline) return begin(socket);
        isDone = true;
        socket.end();
        resolve();
      };
      const onData = (socket: { write(text: string): number; end(): void }, data: Uint8Array) => {
        let bytes = data;
        if (state.firstAt === 0) {
          const bodyStart = readHead(state, bytes);
          if (bodyStart === undefined) return;
          if (!/^HTTP\/1\.1 200 /.test(state.head)) {
            isDone = true;
            socket.end();
            return fail(state.head.slice(0, 300));
          }
          bytes = bytes.subarray(bodyStart);
          if (bytes.length === 0) return;
          state.firstAt = performance.now();
        }
        if (count(state, bytes)) finish(socket);
      };
      setTimeout(
        () => {
          Bun.connect({
            hostname: "127.0.0.1",
            port: load.port,
            socket: {
              open: begin,
              data: onData,
              close: () => {
                if (!isDone) fail(`the connection was closed after ${state.events} events`);
              },
              error: (_, error) => fail(error.message),
              connectError: (_, error) => fail(error.message),
            },
          }).catch(() => {});
        },
        (load.rampMs * index) / load.connections,
      );
    });

  await Promise.all(Array.from({ length: load.connections }, (_, index) => runConnection(index)));
  return {
    streams: whole.length,
    failures,
    example,
    firstByteMs: { p50: quantile(firstByte, 0.5), p99: quantile(firstByte, 0.99) },
    streamMs: quantile(whole, 0.5),
    wallMs: performance.now() - began,
  };
}

function requestText({ path, headers, body }: StreamLoad): string {
  const lines = Object.entries({ host: "127.0.0.1", "content-type": "application/json", ...headers });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `POST ${path} HTTP/1.1\r\n${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

/** Collects the head of an answer; returns where in these bytes the body begins, once it does. */
function readHead(state: Connection, bytes: Uint8Array): number | undefined {
  const already = state.head.length;
  if (state.head.endsWith("\r\n\r\n")) return 0;
  state.head += Buffer.from(bytes).toString("latin1");
  const end = state.head.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  state.head = state.head.slice(0, end + 4);
  return end + 4 - already;
}

/** Counts the events; `true` when the last chunk of the body has come. */
function count(state: Connection, bytes: Uint8Array): boolean {
  const joined = Buffer.concat([state.tail, bytes]);
  for (let at = joined.indexOf(EVENT_MARK); at >= 0; at = joined.indexOf(EVENT_MARK, at + EVENT_MARK.length)) {
    state.events += 1;
  }
  state.tail = joined.subarray(Math.max(0, joined.length - TAIL_BYTES));
  return state.tail.length === END_MARK.length && END_MARK.equals(state.tail);
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

if (import.meta.main) {
  console.log(JSON.stringify(await runStreams(JSON.parse(process.argv[2] ?? "{}"))));
  process.exit(0);
}
