/** A key that may not use one model: it rests for that model alone, in every lane that has keys to choose from. */
import { afterEach, describe, expect, test } from "bun:test";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { type Received, startUpstream, type Upstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

const answer = {
  output: { message: { role: "assistant", content: [{ text: "hi" }] } },
  stopReason: "end_turn",
  usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 },
};
const PRO = "amazon.nova-pro-v1:0";
const LITE = "amazon.nova-lite-v1:0";
const REFUSAL = { message: "You don't have access to the model with the specified model ID." };

/** The first key may use the small model only; `mayAny`: not even that one. */
async function start(refusal: object, mayAny = true): Promise<{ up: Upstream; under: TestRelay }> {
  const up = await startUpstream(({ path, headers }) => {
    const isFirst = headers.get("authorization") === "Bearer bedrock-key-1";
    const isRefused = isFirst && (!mayAny || path.includes("nova-pro"));
    return isRefused ? { status: 403, json: refusal } : { json: answer };
  });
  open.push(up);
  const under = await startRelay(`
providers:
  aws:
    provider_type: bedrock
    base_url: "${up.url}"
    keys: [{ id: k1, key: bedrock-key-1, label: first }, { id: k2, key: bedrock-key-2, label: second }]
key_selection: { strategy: round-robin }
`);
  open.push(under);
  return { up, under };
}

const ask = async (under: TestRelay, model: string) => {
  const body = { model, messages: [{ role: "user", content: "x" }] };
  const response = await under.post("/v1/chat/completions", body);
  await response.text();
  return response.status;
};
const keyOf = ({ headers }: Received) => headers.get("authorization")!.slice(-1);

describe("a refused model", () => {
  test("moves on to the next key and is not asked of the first again; other models are", async () => {
    const { up, under } = await start(REFUSAL);
    expect(await ask(under, PRO)).toBe(200);
    expect(up.received.map(keyOf)).toEqual(["1", "2"]);
    up.forget();
    for (let n = 0; n < 4; n += 1) expect(await ask(under, PRO)).toBe(200);
    expect(up.received.map(keyOf)).toEqual(["2", "2", "2", "2"]);
    up.forget();
    for (let n = 0; n < 4; n += 1) expect(await ask(under, LITE)).toBe(200);
    expect(up.received.map(keyOf).toSorted()).toEqual(["1", "1", "2", "2"]);
    expect(under.logLines.some((line) => line.includes("an upstream refused a key one model"))).toBe(true);
    expect(under.logLines.join()).not.toContain("bedrock-key");
  });

  test("is asked of that key again after the rest", async () => {
    const { up, under } = await start(REFUSAL);
    await ask(under, PRO);
    under.tick(300_000);
    up.forget();
    await ask(under, PRO);
    await ask(under, PRO);
    expect(up.received.map(keyOf)).toContain("1");
  });

  test("is not a key refused altogether: that one rests for all models", async () => {
    const { up, under } = await start({ message: "The security token included in the request is invalid." }, false);
    await ask(under, PRO);
    up.forget();
    for (let n = 0; n < 3; n += 1) await ask(under, LITE);
    expect(up.received.map(keyOf)).toEqual(["2", "2", "2"]);
    expect(under.logLines.some((line) => line.includes('"an upstream refused a key"'))).toBe(true);
  });
});
