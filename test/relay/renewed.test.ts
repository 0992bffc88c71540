/** Lent credentials that have run out early: asked for anew and tried once more, unseen by the caller; never more than once. */
import { afterEach, describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { type Received, startUpstream, type Upstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

const ANSWER = { candidates: [{ content: { parts: [{ text: "hello" }] }, finishReason: "STOP" }] };
const bearerOf = ({ headers }: Received): string => headers.get("authorization") ?? "";

/** Vertex and whoever lends its tokens: `t1`, `t2`, and so on; `isGood` says which of them calls may bear. */
async function start(isGood: (bearer: string) => boolean, status = 401) {
  let lent = 0;
  const lender = await startUpstream(() => ({ json: { access_token: `t${++lent}`, expires_in: 3600 } }));
  const vendor: Upstream = await startUpstream((received) => {
    if (!isGood(bearerOf(received)))
      return { status, json: { error: { code: status, message: "token", status: "X" } } };
    if (received.path.endsWith(":countTokens")) return { json: { totalTokens: 3 } };
    if (received.path.endsWith(":predict")) {
      return { json: { predictions: [{ embeddings: { values: [0.5], statistics: { token_count: 1 } } }] } };
    }
    if (!received.path.endsWith(":streamGenerateContent")) return { json: ANSWER };
    return { chunks: [`data: ${JSON.stringify(ANSWER)}\n\n`] };
  });
  const account = JSON.stringify({
    ...{ type: "service_account", project_id: "p", client_email: "robot@x", private_key: privateKey },
    token_uri: `${lender.url}/token`,
  });
  const relay = await startRelay(
    JSON.stringify({
      providers: {
        vertex: {
          provider_type: "vertex",
          base_url: vendor.url,
          credentials: account,
          models: { include: ["gemini-*"] },
        },
      },
    }),
  );
  open.push(relay, vendor, lender);
  return { relay, vendor, lender };
}

const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});

const MESSAGES = [{ role: "user", content: "hi" }];
const ask = (relay: TestRelay, stream = false) =>
  relay.post("/v1/chat/completions", { model: "gemini-2.5-pro", messages: MESSAGES, stream });

describe("a token that is refused with 401", () => {
  test.each([
    ["whole", (relay: TestRelay) => ask(relay)],
    ["streamed", (relay: TestRelay) => ask(relay, true)],
    [
      "passed through",
      (relay: TestRelay) =>
        relay.post("/v1beta/models/gemini-2.5-pro:generateContent", { contents: [{ parts: [{ text: "hi" }] }] }),
    ],
    [
      "a count of tokens",
      (relay: TestRelay) =>
        relay.post("/v1beta/models/gemini-2.5-pro:countTokens", { contents: [{ parts: [{ text: "hi" }] }] }),
    ],
  ])("is replaced, and the call goes out once more (%s)", async (_name, call) => {
    let isRevoked = false;
    const { relay, vendor, lender } = await start((bearer) => !isRevoked || bearer !== "Bearer t1");
    expect((await ask(relay)).status).toBe(200);
    isRevoked = true;
    relay.clock.advance(60_000);
    vendor.forget();
    const answer = await call(relay);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("x-relay-attempts")).toBe("1");
    await answer.text();
    expect(vendor.received.map(bearerOf)).toEqual(["Bearer t1", "Bearer t2"]);
    expect(vendor.received[1]!.text).toBe(vendor.received[0]!.text);
    expect(lender.received).toHaveLength(2);
    const records = await relay.recorded(2);
    expect(records).toHaveLength(2);
    expect(relay.logLines.join("\n")).not.toMatch(/Bearer t\d|"t\d"/);
  });

  test("is replaced once for all the pieces of one call", async () => {
    let isRevoked = false;
    const { relay, vendor, lender } = await start((bearer) => !isRevoked || bearer !== "Bearer t1");
    await ask(relay);
    isRevoked = true;
    relay.clock.advance(60_000);
    vendor.forget();
    const answer = await relay.post("/v1/embeddings", { model: "gemini-embedding-001", input: ["a", "b", "c"] });
    expect(answer.status).toBe(200);
    expect(vendor.received.map(bearerOf).toSorted()).toEqual([
      ...Array.from({ length: 3 }, () => "Bearer t1"),
      ...Array.from({ length: 3 }, () => "Bearer t2"),
    ]);
    expect(lender.received).toHaveLength(2);
  });

  test("again and again is the upstream's last word after the second try", async () => {
    const { relay, vendor, lender } = await start(() => false);
    expect((await ask(relay)).status).toBe(502);
    expect([vendor.received.length, lender.received.length]).toEqual([1, 1]);
    relay.clock.advance(60_000);
    vendor.forget();
    expect((await ask(relay)).status).toBe(502);
    expect(vendor.received.map(bearerOf)).toEqual(["Bearer t1", "Bearer t2"]);
    expect(lender.received).toHaveLength(2);
    // The new one is too young to have run out: nobody asks for tokens as often as for models.
    expect((await ask(relay)).status).toBe(502);
    expect([vendor.received.length, lender.received.length]).toEqual([3, 2]);
  });

  test("a hundred calls at once: one new token, each of them answered", async () => {
    let isRevoked = false;
    const { relay, lender } = await start((bearer) => !isRevoked || bearer !== "Bearer t1");
    await ask(relay);
    isRevoked = true;
    relay.clock.advance(60_000);
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask(relay)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(lender.received).toHaveLength(2);
  });
});

test("a 403 is about permission: the token stays, and nothing is tried again", async () => {
  const { relay, vendor, lender } = await start(() => false, 403);
  await ask(relay);
  relay.clock.advance(60_000);
  vendor.forget();
  await ask(relay);
  expect([vendor.received.length, lender.received.length]).toEqual([1, 1]);
});

test("Bedrock's ExpiredTokenException means the same", async () => {
  let taken = 0;
  const sts = await startUpstream(() => {
    taken += 1;
    const Credentials = {
      ...{
        AccessKeyId: `ASIALENT00000000000${taken}`,
        SecretAccessKey: "lent-secret",
        SessionToken: `session-${taken}`,
      },
      Expiration: 4_000_000_000,
    };
    return { json: { AssumeRoleResponse: { AssumeRoleResult: { Credentials } } } };
  });
  const output = { message: { role: "assistant", content: [{ text: "hello" }] } };
  const usage = { inputTokens: 1, outputTokens: 1, totalTokens: 2 };
  const vendor = await startUpstream(({ headers }) =>
    headers.get("x-amz-security-token") === "session-1" && taken === 1 && vendor.received.length > 1
      ? {
          status: 403,
          headers: { "x-amzn-errortype": "ExpiredTokenException:http://x/" },
          json: { message: "expired" },
        }
      : { json: { output, stopReason: "end_turn", usage } },
  );
  open.push(sts, vendor);
  process.env["AWS_ENDPOINT_URL_STS"] = sts.url;
  try {
    const relay = await startRelay(
      JSON.stringify({
        providers: {
          bedrock: {
            ...{
              provider_type: "bedrock",
              base_url: vendor.url,
              region: "eu-west-1",
              models: { include: ["amazon.*"] },
            },
            ...{ access_key_id: "ASIABASE000000000001", secret_access_key: "base-secret" },
            role_arn: "arn:aws:iam::123456789012:role/relay",
          },
        },
      }),
    );
    open.push(relay);
    const call = () => relay.post("/v1/chat/completions", { model: "amazon.nova-lite-v1:0", messages: MESSAGES });
    expect((await call()).status).toBe(200);
    relay.clock.advance(60_000);
    expect((await call()).status).toBe(200);
    const sessions = vendor.received.map(({ headers }) => headers.get("x-amz-security-token"));
    expect(sessions).toEqual(["session-1", "session-1", "session-2"]);
    expect(relay.logLines.join("\n")).not.toMatch(/lent-secret|base-secret|session-\d/);
  } finally {
    delete process.env["AWS_ENDPOINT_URL_STS"];
  }
});
