/** Asks the relay for every recorded case in every foreign dialect, and checks each answer against that dialect's schema. */
import { join } from "node:path";

// In a process of its own: the kit's modules and its packages are found by path, and it runs an upstream of its own.
const [kit = "", relay = "", key = "", port = ""] = process.argv.slice(2);

type Client = "openai.chat" | "openai.responses" | "anthropic.messages" | "gemini";
const CLIENTS: readonly Client[] = ["openai.chat", "openai.responses", "anthropic.messages", "gemini"];
/** What no relay can bring to another vendor: tools that run at one, and state that lies there. */
const TIED = /^(server-tool:|stateful:|server-history$|response-only$)/;

interface Entry {
  readonly id: string;
  readonly format: Client;
  readonly tags: readonly string[];
}
interface Asked {
  stream: boolean;
}

const { loadCase, loadIndex, startReplay } = (await import(join(kit, "replay.ts"))) as {
  loadIndex(): Entry[];
  loadCase(entry: Entry): { request?: { json?: object; path: string }; expect: { stream: boolean } };
  startReplay(options: object): { server: { stop(now: boolean): void } };
};
const { keepMedia, requestFacts } = (await import(join(kit, "facts.ts"))) as {
  keepMedia(on: boolean): void;
  requestFacts(format: Client, body: object): Asked;
};
const { writeRequest } = (await import(join(kit, "compare.ts"))) as {
  writeRequest(format: Client, asked: Asked, model: string): { path: string; body: object };
};
const { conform } = (await import(join(kit, "conform.ts"))) as {
  conform(format: Client, status: number, contentType: string, text: string): string[];
};

/** The schemas know no failure inside a stream, where these two dialects send a chunk with nothing but the error. */
const FAILURE_CHUNK = /^data: \{"error":.*\r?\n/m;

const replay = startReplay({ port: Number(port), seed: 3 });
keepMedia(true);
const violations: { client: Client; case: string; status: number; found: string[] }[] = [];
let checked = 0;

async function check(client: Client, name: string, path: string, body: object): Promise<void> {
  const response = await fetch(relay + path, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}`, "anthropic-version": "2023-06-01" },
    body: JSON.stringify(body),
  });
  const text = (await response.text()).replace(FAILURE_CHUNK, "");
  const found = conform(client, response.status, response.headers.get("content-type") ?? "", text);
  checked += 1;
  if (found.length > 0) violations.push({ client, case: name, status: response.status, found });
}

for (const entry of loadIndex()) {
  if (!CLIENTS.includes(entry.format) || entry.tags.some((tag) => TIED.test(tag))) continue;
  const recorded = loadCase(entry);
  if (recorded.request?.json === undefined) continue;
  const asked = requestFacts(entry.format, recorded.request.json);
  asked.stream = recorded.expect.stream || recorded.request.path.includes(":streamGenerateContent");
  for (const client of CLIENTS) {
    // In its own dialect the upstream's bytes are passed on as they are.
    if (client === entry.format) continue;
    const { path, body } = writeRequest(client, asked, entry.id);
    await check(client, entry.id, path, body);
  }
}

const ECHOES = ["echo", "echo-tools", "echo-reasoning", "echo-json", "echo-cut", "echo-error-400", "echo-error-429"];
const tools = [
  { name: "weather", schema: { type: "object", properties: { city: { type: "string" } } } },
  { name: "now" },
];
for (const model of [...ECHOES, "echo-error-500", "echo-error-529", "no-such-model"]) {
  for (const stream of [false, true]) {
    for (const client of CLIENTS) {
      const [path, body] = echoRequest(client, model, stream);
      await check(client, `${model}${stream ? ", streamed" : ""}`, path, body);
    }
  }
}

function echoRequest(client: Client, model: string, stream: boolean): [path: string, body: object] {
  const content = "say it again, sam";
  switch (client) {
    case "openai.chat": {
      const functions = tools.map(({ name, schema }) => ({ type: "function", function: { name, parameters: schema } }));
      return ["/v1/chat/completions", { model, stream, messages: [{ role: "user", content }], tools: functions }];
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
      return [`/v1beta/models/${model}:${verb}`, { contents, tools: [{ functionDeclarations }] }];
    }
  }
}

replay.server.stop(true);
process.stdout.write(JSON.stringify({ checked, violations }));
process.exit(0);
