/** What is measured: each case is a load, the targets it is put on, and the figures that are worth a line. */
import { type Figures, measureStreams, measureWhole } from "./measure.ts";
import {
  chatBody,
  manyMessages,
  oneMessage,
  type StreamPlan,
  streamModel,
  TRANSLATED_PREFIX,
  WHOLE_MODEL,
} from "./payloads.ts";
import { type Cores, type Target, writeBody } from "./proxies.ts";

export interface Settings {
  readonly cores: Cores;
  /** For bodies and logs; removed at the end. */
  readonly directory: string;
  /** Of one measurement. */
  readonly seconds: number;
  /** Not measured: as much as possible, so that what is compiled on the way has been. */
  readonly isWarmUp?: boolean;
}

export interface Case {
  readonly name: string;
  readonly about: string;
  readonly targets: readonly Target["name"][];
  /** Figures shown in the table; those of `relay-translated` are set against nginx passing the same through. */
  readonly shown: readonly string[];
  /** Once through per target is enough to warm up and to measure: the case is long by nature. */
  readonly isSingle?: boolean;
  measure(target: Target, settings: Settings, isTranslated: boolean): Promise<Figures>;
  /** Also measured with the relay translating. */
  readonly hasTranslated: boolean;
  /** Also measured with an API key in place of the access key. */
  readonly hasApiKey?: boolean;
}

const PATH = "/v1/chat/completions";
/** Larger bodies nginx puts into a file unless told otherwise: those are measured both ways. */
const SHIPPED_BUFFER_BYTES = 16 * 1024;

interface WholeCase {
  readonly name: string;
  readonly about: string;
  readonly bytes: number;
  readonly kind: "prose" | "code";
  readonly connections: number;
  /** A pause of each connection between its calls: all targets then carry the same load. Default: none. */
  readonly thinkMs?: number;
  readonly hasTranslated: boolean;
  readonly hasApiKey?: boolean;
}

function wholeCase(plan: WholeCase): Case {
  const { name, about, bytes, kind, connections, thinkMs = 0, hasTranslated, hasApiKey = false } = plan;
  return {
    name,
    about,
    hasTranslated,
    hasApiKey,
    targets:
      bytes > SHIPPED_BUFFER_BYTES ? ["direct", "nginx", "nginx as shipped", "relay"] : ["direct", "nginx", "relay"],
    shown: ["requests_per_s", "cpu_us_per_request", "p50_us", "p99_us"],
    measure: (target, { cores, directory, seconds, isWarmUp = false }, isTranslated) => {
      const messages = kind === "prose" ? oneMessage(bytes) : manyMessages(bytes);
      const body = chatBody((isTranslated ? TRANSLATED_PREFIX : "") + WHOLE_MODEL, messages, false);
      const bodyFile = writeBody(directory, `${name}${isTranslated ? "-translated" : ""}`, body);
      const load = { path: PATH, bodyFile, connections, seconds: Math.ceil(seconds), thinkMs: isWarmUp ? 0 : thinkMs };
      return measureWhole(target, load, cores);
    },
  };
}

interface StreamCase extends StreamPlan {
  readonly name: string;
  readonly about: string;
  readonly connections: number;
  readonly rampMs: number;
  readonly shown: readonly string[];
  readonly hasTranslated: boolean;
  /** One stream per connection, with a look at the memory at this moment. */
  readonly memoryAtMs?: number;
}

function streamCase(plan: StreamCase): Case {
  const { name, about, connections, rampMs, shown, hasTranslated, chunks, memoryAtMs } = plan;
  return {
    name,
    about,
    hasTranslated,
    targets: memoryAtMs === undefined ? ["direct", "nginx", "relay"] : ["nginx", "relay"],
    shown,
    ...(memoryAtMs === undefined ? {} : { isSingle: true }),
    measure: (target, { cores, seconds }, isTranslated) => {
      const model = (isTranslated ? TRANSLATED_PREFIX : "") + streamModel(plan);
      const body = chatBody(model, oneMessage(400), true);
      const duration = memoryAtMs === undefined ? seconds : 0;
      const load = { path: PATH, body, connections, rampMs, seconds: duration, chunksMin: chunks };
      return measureStreams(target, load, cores, memoryAtMs);
    },
  };
}

export const CASES: readonly Case[] = [
  wholeCase({
    name: "chat",
    about: "1 KB answer, 620 B request, 32 connections",
    bytes: 520,
    kind: "prose",
    connections: 32,
    hasTranslated: true,
    hasApiKey: true,
  }),
  wholeCase({
    name: "chat-steady",
    about: "the same calls at the same pace for all: 32 connections, a pause of 4 ms behind each call",
    bytes: 520,
    kind: "prose",
    connections: 32,
    thinkMs: 4,
    hasTranslated: true,
  }),
  wholeCase({
    name: "latency",
    about: "the same, one connection: p50 and p99 show what a hop adds",
    bytes: 520,
    kind: "prose",
    connections: 1,
    hasTranslated: true,
  }),
  streamCase({
    name: "stream-paced",
    about: "200 streams at once, 100 chunks each, one every 10 ms",
    chunks: 100,
    pauseMs: 10,
    connections: 200,
    rampMs: 200,
    shown: ["cpu_us_per_chunk", "first_byte_p50_ms", "first_byte_p99_ms", "stream_ms"],
    hasTranslated: true,
  }),
  streamCase({
    name: "stream-instant",
    about: "16 streams at once, 100 chunks each, as fast as they are taken",
    chunks: 100,
    pauseMs: 0,
    connections: 16,
    rampMs: 10,
    shown: ["streams_per_s", "cpu_us_per_stream", "cpu_us_per_chunk", "first_byte_p50_ms"],
    hasTranslated: true,
  }),
  wholeCase({
    name: "body-10k",
    about: "request of 10 KB, one message, 8 connections",
    bytes: 10_000,
    kind: "prose",
    connections: 8,
    hasTranslated: true,
  }),
  wholeCase({
    name: "body-100k",
    about: "request of 100 KB, one message, 8 connections",
    bytes: 100_000,
    kind: "prose",
    connections: 8,
    hasTranslated: true,
  }),
  wholeCase({
    name: "body-100k-code",
    about: "request of 100 KB, 200 messages full of escapes, 8 connections",
    bytes: 100_000,
    kind: "code",
    connections: 8,
    hasTranslated: true,
  }),
  wholeCase({
    name: "body-1m",
    about: "request of 1 MB, one message, 4 connections",
    bytes: 1_000_000,
    kind: "prose",
    connections: 4,
    hasTranslated: true,
  }),
  streamCase({
    name: "open-streams",
    about: "1,000 streams open at once, 40 chunks each, one every 250 ms; memory in the middle",
    chunks: 40,
    pauseMs: 250,
    connections: 1000,
    rampMs: 1000,
    shown: ["rss_mb", "anonymous_mb", "cpu_us_per_chunk", "first_byte_p99_ms"],
    hasTranslated: true,
    memoryAtMs: 6000,
  }),
];
