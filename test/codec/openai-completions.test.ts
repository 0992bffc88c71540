/** Old completions as a chat answers them: one prompt, one answer. */
import { describe, expect, test } from "bun:test";
import { openaiCompletions } from "../../src/codec/openai-completions/index.ts";
import { caught } from "./support.ts";

const read = (more: object) => openaiCompletions.ingress.decodeRequest({ model: "m", prompt: "Hi", ...more });

describe("a completions request", () => {
  test("for several answers is refused, as one of them would be shown and all be paid for", () => {
    expect(caught(() => read({ n: 2 }))).toMatchObject({ code: "bad-request", status: 400, param: "n" });
  });

  test.each([{}, { n: 1 }, { n: null }])("for one answer is read: %o", (more) => {
    expect(read(more).n ?? 1).toBe(1);
  });
});
