/** MonoRelay's Python edition: every documented request about who may call, and about calling, as it stands, against the binary. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { ACCESS_KEY_EXAMPLES } from "../support/documented/monorelay-access.ts";
import { ACCOUNT_EXAMPLES } from "../support/documented/monorelay-accounts.ts";
import { CALL_EXAMPLES, JSON_CALL } from "../support/documented/monorelay-calls.ts";
import { ACCESS, number, PASSWORD, text, UNAUTHORIZED } from "../support/documented/monorelay-words.ts";
import { type DocumentedWorld, startDocumentedWorld } from "../support/documented/monorelay-world.ts";
import { type Example, missingForExamples, titled } from "../support/documented.ts";

setDefaultTimeout(20_000);

const named = (examples: readonly Example[], what: string): Example =>
  examples.find((example) => example.what.startsWith(what))!;

describe.skipIf(missingForExamples !== undefined)(
  `MonoRelay's documented requests${missingForExamples === undefined ? "" : ` (${missingForExamples})`}`,
  () => {
    let world: DocumentedWorld;
    beforeAll(async () => {
      world = await startDocumentedWorld();
    });
    afterAll(async () => {
      expect(await world.stop()).toEqual([0, 0, 0, 0]);
    });
    const check = async (_title: string, example: Example) => void (await world.desk.check(example));

    describe("the access key and public endpoints", () => {
      test.each(titled(ACCESS_KEY_EXAMPLES))("%s", check);
    });
    describe("accounts", () => {
      test.each(titled(ACCOUNT_EXAMPLES))("%s", check);
    });
    describe("calls", () => {
      test.each(titled(CALL_EXAMPLES))("%s", check);

      test("api/chat-completions: a stream of chunks, closed by [DONE]", async () => {
        const {
          status,
          contentType,
          text: sent,
        } = await world.desk.run(`curl https://<host>/v1/chat/completions \\
  ${JSON_CALL}  -d '{
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": "Hello!"}],
    "stream": true
  }'`);
        expect([status, contentType]).toEqual([200, "text/event-stream; charset=utf-8"]);
        const data = sent.split("\n\n").filter((event) => event.startsWith("data: "));
        expect(data.at(-1)).toBe("data: [DONE]");
        expect(JSON.parse(data[0]!.slice(6))).toMatchObject({
          id: text,
          object: "chat.completion.chunk",
          created: number,
          model: text,
          choices: [{ index: 0, delta: { role: "assistant" }, finish_reason: null }],
        });
      });

      test("nothing of all this has shown a key of ours to an upstream, or one of theirs to the log", () => {
        const { vendors, others, relay } = world;
        const seen = [...vendors.received, ...others.received];
        expect(seen.length).toBeGreaterThan(15);
        for (const { headers } of seen) expect(JSON.stringify([...headers])).not.toContain(ACCESS);
        for (const secret of [ACCESS, "sk-documented", "sk-or-v1-documented", "sk-ant-documented", PASSWORD]) {
          expect(relay.stderr()).not.toContain(secret);
        }
      });
    });

    describe("other settings of the documentation", () => {
      test("auth/local: access_key_enabled: false refuses the key and leaves accounts", async () => {
        const desk = await world.beside((config) =>
          config.replace("access_key_enabled: true", "access_key_enabled: false"),
        );
        const example = named(ACCESS_KEY_EXAMPLES, "auth/local: the access key as a Bearer token");
        await desk.check({ ...example, status: 401, answer: UNAUTHORIZED });
        await desk.check(named(ACCOUNT_EXAMPLES, "auth/local: the first registration"));
        desk.set({ "your-secret-access-key": desk.get("<alice-jwt>") });
        await desk.check(example);
      });

      test("api/overview: upstream failures are 503 while server.legacy_error_status says so", async () => {
        const desk = await world.beside((config) =>
          config.replace("server:\n", "server:\n  legacy_error_status: true\n"),
        );
        await desk.check({ ...named(CALL_EXAMPLES, "api/overview: an upstream that fails"), status: 503 });
      });

      test("api/overview: base_url follows public_host", async () => {
        const desk = await world.beside((config) =>
          config.replace('public_host: ""', 'public_host: "relay.example.com"'),
        );
        const { body } = await desk.run("curl http://localhost:8787/api/info");
        expect(body).toMatchObject({ base_url: "https://relay.example.com/v1" });
      });
    });
  },
);
