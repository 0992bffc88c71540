/** The inference table of the HTTP contract, row by row, against the compiled binary: who is asked what, and what comes back. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { ACCESS_KEY, missingBinary, type RunningBinary, startBinary } from "../support/binary.ts";
import { sse, startUpstream, type Upstream } from "../support/upstream.ts";
import { CHAT, chunk, FAMILIES, type Row, STREAMED, user } from "./inference-table.ts";

describe.skipIf(missingBinary !== undefined)(
  `the inference table${missingBinary === undefined ? "" : ` (${missingBinary})`}`,
  () => {
    let up: Upstream;
    let relay: RunningBinary;

    beforeAll(async () => {
      up = await startUpstream();
      const rest = { rate_limit_cooldown: 0 };
      relay = await startBinary({
        config: JSON.stringify({
          providers: {
            chat: {
              ...rest,
              base_url: `${up.url}/v1`,
              keys: [{ key: "row-key-chat" }],
              models: { include: ["org/slash", "gpt-*", "omni-*"] },
            },
            full: {
              ...rest,
              base_url: `${up.url}/full/v1`,
              keys: [{ key: "row-key-full" }],
              models: { include: ["full"] },
              dialects: ["openai-chat", "openai-responses"],
            },
            claude: {
              ...rest,
              provider_type: "anthropic",
              base_url: up.url,
              keys: [{ key: "row-key-claude" }],
              models: { include: ["claude-*"] },
            },
            google: {
              ...rest,
              provider_type: "gemini",
              base_url: up.url,
              keys: [{ key: "row-key-google" }],
              models: { include: ["gemini-*"] },
            },
            slow: {
              ...rest,
              provider_type: "gemini",
              base_url: `${up.url}/slow`,
              keys: [{ key: "row-key-slow" }],
              models: { include: ["slow-*"] },
            },
            router: {
              ...rest,
              provider_type: "openrouter",
              base_url: `${up.url}/router/v1`,
              keys: [{ key: "row-key-router" }],
              models: { include: ["nobody-asks-for-this-*"] },
            },
          },
        }),
      });
    });
    afterAll(async () => {
      expect(await relay.stop()).toBe(0);
      await up.stop();
    });
    beforeEach(() => up.forget());

    function ask(row: Row, credential: Record<string, string>): Promise<Response> {
      const { method = "POST", path, body, form, headers = {} } = row;
      const data = new FormData();
      for (const [name, value] of Object.entries(form ?? {})) {
        data.set(name, value === "@" ? new File(["bytes"], "a.bin") : value);
      }
      const type = body === undefined ? {} : { "content-type": "application/json" };
      return fetch(relay.url + path, {
        method,
        headers: { ...credential, ...type, ...headers },
        ...(form !== undefined ? { body: data } : body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    }

    describe.each(FAMILIES)("%s's family", (_name, rows, unauthorized) => {
      test.each(rows.map((row) => [row.row, row] as const))("%s", async (_row, row) => {
        up.script(row.reply ?? { status: 500, json: {} });
        const answer = await ask(row, { authorization: `Bearer ${ACCESS_KEY}` });
        const text = await answer.text();
        expect([answer.status, text]).toEqual([row.status ?? 200, expect.any(String)]);
        expect(up.received.map(({ method, path, query }) => `${method} ${path}${query}`)).toEqual(
          row.asks === undefined ? [] : [row.asks],
        );
        if (typeof row.answer === "string") expect(text).toBe(row.answer);
        else if (row.answer !== undefined) expect(JSON.parse(text)).toMatchObject(row.answer);
        for (const [name, value] of Object.entries(row.answered ?? {})) {
          expect(answer.headers.get(name)).toStartWith(value);
        }
        expect(answer.headers.get("x-request-id")).toMatch(/^req_/);
        expect(answer.headers.get("request-id")).toBe(answer.headers.get("x-request-id"));
        expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
        if ((row.status ?? 200) >= 400) expect(answer.headers.get("cache-control")).toBe("no-store");
        // Whoever may call is for us to know, and what we pay with for nobody.
        for (const { headers } of up.received) expect(JSON.stringify([...headers])).not.toContain(ACCESS_KEY);
        expect(text + JSON.stringify([...answer.headers])).not.toContain("row-key-");
      });

      const closed = rows.filter(
        ({ row, method = "POST", path, status }) =>
          status !== 426 &&
          !(status === 404 && method === "POST") &&
          !(method === "GET" && /^\/v1\/models/.test(path)) &&
          !/else|verb/.test(row),
      );
      test.each(closed.map((row) => [row.row, row] as const))(
        "%s, without a credential: 401 to the byte",
        async (_row, row) => {
          for (const credential of [{}, { authorization: "Bearer wrong" }, { "x-api-key": "wrong" }] as Record<
            string,
            string
          >[]) {
            const answer = await ask(row, credential);
            expect([answer.status, await answer.text()]).toEqual([401, unauthorized]);
            expect(answer.headers.get("www-authenticate")).toBe("Bearer");
          }
          expect(up.received).toEqual([]);
        },
      );
    });

    test("chat, streamed: its own end, and the count that only we asked for stays here", async () => {
      up.script({
        chunks: [...STREAMED.slice(0, 2), sse({ ...chunk({}), choices: [], usage: CHAT.usage }), STREAMED[2]!],
      });
      const body = { model: "gpt-4o", messages: user, stream: true };
      const answer = await ask(
        { row: "", path: "/v1/chat/completions", body },
        { authorization: `Bearer ${ACCESS_KEY}` },
      );
      expect(await answer.text()).toBe(STREAMED.join(""));
      expect(answer.headers.get("cache-control")).toBe("no-cache, no-transform");
      expect(answer.headers.get("x-accel-buffering")).toBe("no");
    });

    test.each([
      ["POST", "/v1/chat/completions", "POST"],
      ["GET", "/v1/models", "GET, HEAD"],
      ["GET", "/v1/files/file-1", "GET, DELETE, HEAD"],
      ["GET", "/v1/credits", "GET, HEAD"],
      ["POST", "/v1beta/models/gemini-x:countTokens", "POST"],
    ])("%s %s: any other method is told which it takes", async (method, path, allowed) => {
      const other = method === "POST" ? "DELETE" : "PATCH";
      const answer = await ask({ row: "", method: other, path }, { authorization: `Bearer ${ACCESS_KEY}` });
      expect([answer.status, answer.headers.get("allow")]).toEqual([405, allowed]);
      expect(up.received).toEqual([]);
    });

    test("what may be fetched may be looked at", async () => {
      for (const path of ["/v1/models", "/v1/models/full", "/v1beta/models", "/v1/anthropic/models"]) {
        up.script({ json: { data: [] } });
        const answer = await ask({ row: "", method: "HEAD", path }, { authorization: `Bearer ${ACCESS_KEY}` });
        expect([path, answer.status, await answer.text()]).toEqual([path, 200, ""]);
      }
    });
  },
);
