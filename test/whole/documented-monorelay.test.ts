/** MonoRelay's Python edition: every documented request about who may call, and about calling, as it stands, against the binary. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { runBinary } from "../support/binary.ts";
import { ACCESS_KEY_EXAMPLES } from "../support/documented/monorelay-access.ts";
import { ACCOUNT_EXAMPLES } from "../support/documented/monorelay-accounts.ts";
import { CALL_EXAMPLES, JSON_CALL } from "../support/documented/monorelay-calls.ts";
import { DOCUMENTED_CONFIG, WEB_REVERSE } from "../support/documented/monorelay-config.ts";
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
      expect(await world.stop()).toEqual([0, 0, 0, 0, 0]);
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

      test("configuration: the whole of the documented file loads, on loopback even with the documented access key", async () => {
        const desk = await world.beside(() => DOCUMENTED_CONFIG);
        desk.set({ "prisma-relay-change-me": "prisma-relay-change-me" });
        const { status, body } = await desk.run(
          'curl https://relay.example.com/v1/models -H "Authorization: Bearer prisma-relay-change-me"',
        );
        expect([status, body]).toMatchObject([200, { object: "list" }]);
        expect(desk.relay.stderr()).toMatch(/access_key[^\n]*published examples/);
      });

      const refusals: [what: string, config: string, said: RegExp][] = [
        [
          "the documented access key on every address",
          DOCUMENTED_CONFIG.replace('host: "127.0.0.1"', 'host: "0.0.0.0"'),
          /server\.access_key: .*published examples/,
        ],
        [
          "web_reverse",
          DOCUMENTED_CONFIG.replace("\nmodel_routing:", `${WEB_REVERSE}\nmodel_routing:`),
          /provider type "web_reverse" is not part of MonoRelay; remove providers\.chatgpt_web/,
        ],
      ];
      test.each(refusals)("configuration: %s is refused by name", async (_what, config, said) => {
        const path = join(world.relay.dir, "documented.yml");
        writeFileSync(path, config, { mode: 0o600 });
        const { code, stdout, stderr } = await runBinary(["config", "validate", "--config", path]);
        expect(code).toBe(3);
        const errors = (stdout + stderr).split("\n").filter((line) => line.startsWith("error"));
        expect(errors).toEqual([expect.stringMatching(said)]);
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
