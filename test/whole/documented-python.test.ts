/** The Python examples of MonoRelay's documentation, run with the real packages against the binary. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { missingBinary } from "../support/binary.ts";
import { PASSWORD } from "../support/documented/monorelay-words.ts";
import { type DocumentedWorld, startDocumentedWorld } from "../support/documented/monorelay-world.ts";
import { missingPython, runPython } from "../support/python-sdks.ts";

const missing = missingBinary ?? missingPython;
setDefaultTimeout(20_000);

describe.skipIf(missing !== undefined)(
  `the documented Python examples${missing === undefined ? "" : ` (${missing})`}`,
  () => {
    let world: DocumentedWorld;
    beforeAll(async () => {
      world = await startDocumentedWorld();
    });
    afterAll(async () => {
      expect(await world.stop()).toEqual([0]);
    });

    const run = (source: string): Promise<string> => runPython(world.desk.fill(source), { cwd: world.relay.dir });

    test("api/authentication: openai with the access key", async () => {
      const out = await run(`
from openai import OpenAI

client = OpenAI(
    base_url="https://relay.example.com/v1",
    api_key="prisma-relay-change-me",
)

response = client.chat.completions.create(
    model="gpt-4o",
    messages=[{"role": "user", "content": "Hello!"}],
)
print(response.choices[0].message.content)

for chunk in client.chat.completions.create(
    model="gpt-4o",
    messages=[{"role": "user", "content": "Hello!"}],
    stream=True,
):
    print(chunk.choices[0].delta.content or "", end="|")

print(sorted(model.id for model in client.models.list() if model.id.startswith("gpt-4o")))
`);
      const [whole, pieces = ""] = out.split("\n");
      expect(whole).toBe("Let me look.");
      expect(pieces.split("|").filter((piece) => piece !== "").length).toBeGreaterThan(2);
      expect(pieces.replaceAll("|", "")).toBe("Let me look.['gpt-4o']");
    });

    test("api/authentication: openai with the token of a login", async () => {
      const out = await run(`
import requests
from openai import OpenAI

host = "https://relay.example.com"
person = {"username": "python", "email": "python@example.com", "password": "${PASSWORD}"}
requests.post(f"{host}/api/auth/register", json=person).raise_for_status()
login = requests.post(
    f"{host}/api/auth/login",
    json={"username": "python", "password": "${PASSWORD}"},
)
token = login.json()["access_token"]

client = OpenAI(base_url=f"{host}/v1", api_key=token)
response = client.chat.completions.create(
    model="gpt-4o",
    messages=[{"role": "user", "content": "Hello!"}],
)
print(response.choices[0].message.content)

refreshed = requests.post(f"{host}/api/auth/refresh", json={"refresh_token": login.json()["refresh_token"]})
client = OpenAI(base_url=f"{host}/v1", api_key=refreshed.json()["access_token"])
stream = client.chat.completions.create(
    model="gpt-4o",
    messages=[{"role": "user", "content": "Hello!"}],
    stream=True,
)
print("".join(chunk.choices[0].delta.content or "" for chunk in stream))
print("gpt-4o" in [model.id for model in client.models.list()])
`);
      expect(out).toBe("Let me look.\nLet me look.\nTrue\n");
    });

    test("api/embeddings: two texts", async () => {
      const out = await run(`
from openai import OpenAI

client = OpenAI(
    base_url="https://<host>/v1",
    api_key="<token>",
)

response = client.embeddings.create(
    model="text-embedding-3-small",
    input=["one text", "another text"],
)

for item in response.data:
    print(item.index, item.embedding)
`);
      expect(out).toBe("0 [0.5, -0.25]\n1 [0.5, -0.25]\n");
    });

    test("api/anthropic-messages: the Anthropic SDK, with a base URL that ends before /v1", async () => {
      const out = await run(`
import anthropic

client = anthropic.Anthropic(
    base_url="http://localhost:8787",
    api_key="<token>",
)

message = client.messages.create(
    model="claude-opus-4-5",
    max_tokens=1024,
    messages=[{"role": "user", "content": "Hello!"}],
)
print(message.content[0].text)

with client.messages.stream(
    model="claude-opus-4-5",
    max_tokens=1024,
    messages=[{"role": "user", "content": "Hello!"}],
) as stream:
    print("".join(stream.text_stream))
`);
      expect(out).toBe("Let me look.\nLet me look.\n");
    });
  },
);
