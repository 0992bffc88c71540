/** Asks the relay in every client's dialect, and checks each answer against that dialect's schema. */
import { join } from "node:path";

type Client = "openai.chat" | "openai.responses" | "anthropic.messages" | "gemini";
const CLIENTS: readonly Client[] = ["openai.chat", "openai.responses", "anthropic.messages", "gemini"];

/** What the test wants asked. */
interface Task {
  readonly kit: string;
  readonly relay: string;
  readonly key: string;
  /** Where the kit's upstream listens; asks for every recorded case. */
  readonly replayPort?: number;
  /** Formats of the recorded cases. */
  readonly formats?: readonly string[];
  /** Each is asked each of these words, with tools and without. */
  readonly models?: readonly string[];
  readonly words?: readonly string[];
}
// In a process of its own: the kit's modules and its packages are found by path, and it runs an upstream of its own.
const task = JSON.parse(process.argv[2] ?? "{}") as Task;

/** What no relay can bring to another vendor: tools that run at one, and state that lies there. */
const TIED = /^(server-tool:|stateful:|server-history$|response-only$)/;

interface Entry {
  readonly id: string;
  readonly format: Client | "bedrock.converse";
  readonly tags: readonly string[];
}
interface Recorded {
  readonly request?: { readonly json?: object; readonly path: string };
  readonly response: { readonly text?: string };
  readonly expect: { readonly stream: boolean };
}
interface Asked {
  stream: boolean;
}

const load = (file: string) => import(join(task.kit, file));
const { loadCase, loadIndex, startReplay } = (await load("replay.ts")) as {
  loadIndex(): Entry[];
  loadCase(entry: Entry): Recorded;
  startReplay(options: object): { server: { stop(now: boolean): void } };
};
const { keepMedia, requestFacts } = (await load("facts.ts")) as {
  keepMedia(on: boolean): void;
  requestFacts(format: string, body: object): Asked;
};
const { writeRequest } = (await load("compare.ts")) as {
  writeRequest(format: Client, asked: Asked, model: string): { path: string; body: object };
};
const { conform, check: checkSchema } = (await load("conform.ts")) as {
  conform(format: Client, status: number, contentType: string, text: string): string[];
  check(schema: string, value: unknown): string[];
};

interface Violation {
  readonly client: Client;
  readonly name: string;
  readonly status: number;
  readonly found: string[];
  /** The answer is, byte for byte, what was recorded. */
  readonly isRecorded: boolean;
}
const violations: Violation[] = [];
let checked = 0;
let failedInside = 0;

/** The stream schemas of these two know no failure: there a chunk holds nothing but the error, in the form of a body. */
const FAILURE_CHUNK = /^data: (\{"error":.*\})\r?\n/gm;

function failureFound(client: Client, text: string): string[] {
  const body = JSON.parse(text) as { error: Record<string, unknown> };
  const alone = Object.keys(body).length === 1 ? [] : ["the error is not alone in its chunk"];
  if (client !== "gemini") return [...alone, ...checkSchema("oa|ErrorResponse", body)];
  const { code, message, status } = body.error;
  const isGoogles = Number.isInteger(code) && typeof message === "string" && /^[A-Z_]+$/.test(String(status));
  return isGoogles ? alone : [...alone, "the error has not Google's form"];
}

const HEADERS = {
  "content-type": "application/json",
  authorization: `Bearer ${task.key}`,
  "anthropic-version": "2023-06-01",
};

async function check(client: Client, name: string, path: string, body: object, recorded?: string): Promise<void> {
  await checkAs(client, name, path, { headers: HEADERS, body: JSON.stringify(body) }, recorded);
}

async function checkAs(
  client: Client,
  name: string,
  path: string,
  init: RequestInit,
  recorded?: string,
): Promise<void> {
  const response = await fetch(task.relay + path, { method: "POST", ...init });
  const { status } = response;
  const type = response.headers.get("content-type") ?? "";
  const text = await response.text();
  const found: string[] = [];
  const isStream = type.includes("event-stream");
  const rest = isStream
    ? text.replace(FAILURE_CHUNK, (_line, chunk: string) => {
        failedInside += 1;
        found.push(...failureFound(client, chunk));
        return "";
      })
    : text;
  if (client === "gemini" && status >= 400) found.push(...failureFound(client, text));
  found.push(...conform(client, status, type, rest));
  checked += 1;
  if (found.length > 0) violations.push({ client, name, status, found, isRecorded: text === recorded });
}

/** A recorded request in its own words. */
function verbatim({ id, format }: Entry, json: object, stream: boolean): [path: string, body: object] {
  switch (format) {
    case "gemini":
      return [`/v1beta/models/${id}:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`, json];
    case "anthropic.messages":
      return ["/v1/messages", { ...json, model: id }];
    case "openai.responses":
      return ["/v1/responses", { ...json, model: id }];
    default:
      return ["/v1/chat/completions", { ...json, model: id }];
  }
}

async function askRecorded(port: number, formats: readonly string[]): Promise<void> {
  const replay = startReplay({ port, seed: 3 });
  keepMedia(true);
  for (const entry of loadIndex()) {
    if (!formats.includes(entry.format) || entry.tags.some((tag) => TIED.test(tag))) continue;
    const recorded = loadCase(entry);
    const json = recorded.request?.json;
    if (json === undefined) continue;
    const asked = requestFacts(entry.format, json);
    asked.stream = recorded.expect.stream || /:streamGenerateContent|converse-stream/.test(recorded.request!.path);
    for (const client of CLIENTS) {
      const written = writeRequest(client, asked, entry.id);
      if (client !== entry.format) {
        await check(client, entry.id, written.path, written.body);
        continue;
      }
      const [path, body] = verbatim(entry, json, asked.stream);
      await check(client, `${entry.id}, verbatim`, path, body, recorded.response.text);
    }
  }
  replay.server.stop(true);
}

const TOOLS = [
  { name: "weather", schema: { type: "object", properties: { city: { type: "string" } } } },
  { name: "now" },
];

function requestOf(
  client: Client,
  model: string,
  content: string,
  stream: boolean,
  hasTools: boolean,
): [string, object] {
  const tools = hasTools ? TOOLS : [];
  switch (client) {
    case "openai.chat": {
      const functions = tools.map(({ name, schema }) => ({ type: "function", function: { name, parameters: schema } }));
      const messages = [{ role: "user", content }];
      return ["/v1/chat/completions", { model, stream, messages, ...(hasTools ? { tools: functions } : {}) }];
    }
    case "openai.responses": {
      const functions = tools.map(({ name, schema }) => ({ type: "function", name, parameters: schema ?? null }));
      return ["/v1/responses", { model, stream, input: content, tools: functions }];
    }
    case "anthropic.messages": {
      const functions = tools.map(({ name, schema }) => ({ name, input_schema: schema ?? { type: "object" } }));
      const messages = [{ role: "user", content }];
      return ["/v1/messages", { model, stream, max_tokens: 64, messages, tools: functions }];
    }
    case "gemini": {
      const verb = stream ? "streamGenerateContent?alt=sse" : "generateContent";
      const functionDeclarations = tools.map(({ name, schema }) => ({ name, parametersJsonSchema: schema }));
      const contents = [{ role: "user", parts: [{ text: content }] }];
      return [
        `/v1beta/models/${model}:${verb}`,
        { contents, ...(hasTools ? { tools: [{ functionDeclarations }] } : {}) },
      ];
    }
  }
}

if (task.replayPort !== undefined) await askRecorded(task.replayPort, task.formats ?? []);
for (const model of task.models ?? []) {
  for (const words of task.words ?? []) {
    for (const client of CLIENTS) {
      for (const stream of [false, true]) {
        for (const hasTools of [false, true]) {
          const [path, body] = requestOf(client, model, words, stream, hasTools);
          const name = `${model}: ${words}${stream ? ", streamed" : ""}${hasTools ? ", with tools" : ""}`;
          await check(client, name, path, body);
        }
      }
    }
  }
}

/** What the relay refuses by itself, before any upstream. */
for (const client of task.models === undefined ? [] : CLIENTS) {
  const [path, body] = requestOf(client, "echo", "hello", false, false);
  const sent = JSON.stringify(body);
  const refusals: [name: string, path: string, init: RequestInit][] = [
    ["no key", path, { headers: { ...HEADERS, authorization: "" }, body: sent }],
    ["a wrong key", path, { headers: { ...HEADERS, authorization: "Bearer wrong-key-0123456789" }, body: sent }],
    ["no body", path, { headers: HEADERS }],
    ["no JSON", path, { headers: HEADERS, body: "{" }],
    ["no object", path, { headers: HEADERS, body: "[]" }],
    ["an empty object", path, { headers: HEADERS, body: "{}" }],
    ["a field twice", path, { headers: HEADERS, body: '{"model":"a","model":"b","contents":[],"contents":[]}' }],
    ["another type", path, { headers: { ...HEADERS, "content-type": "text/plain" }, body: sent }],
    ["a strange encoding", path, { headers: { ...HEADERS, "content-encoding": "br" }, body: sent }],
    ["another method", path, { method: "PUT", headers: HEADERS, body: sent }],
    ["a path beside it", path.replace(/(\w)(?=[:?]|$)/, "$1-not"), { headers: HEADERS, body: sent }],
  ];
  for (const [name, at, init] of refusals) await checkAs(client, name, at, init);
}

process.stdout.write(JSON.stringify({ checked, failedInside, violations }));
process.exit(0);
