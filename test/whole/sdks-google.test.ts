/** What `@google/genai` asks beside answers, through the compiled binary. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { GoogleGenAI } from "@google/genai";
import { ACCESS_KEY, missingBinary, type RunningBinary, startBinary } from "../support/binary.ts";

describe.skipIf(missingBinary !== undefined)(
  `@google/genai beyond answers${missingBinary === undefined ? "" : ` (${missingBinary})`}`,
  () => {
    let relay: RunningBinary;
    const google = (apiVersion?: string) =>
      new GoogleGenAI({
        apiKey: ACCESS_KEY,
        ...(apiVersion === undefined ? {} : { apiVersion }),
        httpOptions: { baseUrl: relay.url },
      });

    beforeAll(async () => {
      relay = await startBinary({
        config: `
providers:
  echo: { provider_type: echo }
  chat: { base_url: "http://127.0.0.1:9/v1", keys: [{ key: vendor-key-1 }], models: { include: [gpt-chat] } }
`,
      });
    });
    afterAll(async () => {
      expect(await relay.stop()).toBe(0);
    });

    test("lists models page by page, and finds one", async () => {
      const names: string[] = [];
      for await (const model of await google().models.list({ config: { pageSize: 2 } })) names.push(model.name ?? "");
      expect(names).toContain("models/gpt-chat");
      expect(new Set(names).size).toBe(names.length);
      expect((await google().models.get({ model: "gpt-chat" })).supportedActions).toContain("generateContent");
    });

    test("counts tokens and embeds, with echo", async () => {
      const count = await google().models.countTokens({ model: "echo", contents: "hello there" });
      expect(count.totalTokens).toBeGreaterThan(0);
      const { embeddings } = await google().models.embedContent({ model: "echo", contents: ["a", "b"] });
      expect(embeddings?.map(({ values }) => values)).toEqual([
        [1, 0, 0, 0, 0, 0, 0, 0],
        [1, 0, 0, 0, 0, 0, 0, 0],
      ]);
    });

    test.each(["v1", "v1alpha", "v1beta"])("speaks %s", async (apiVersion) => {
      expect((await google(apiVersion).models.generateContent({ model: "echo", contents: "hi" })).text).toBe("hi");
    });
  },
);
