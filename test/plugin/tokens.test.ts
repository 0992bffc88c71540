/** Lent tokens: fetched once, renewed early, never shown. */
import { describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { decodeJwt, decodeProtectedHeader, importSPKI, jwtVerify } from "jose";
import { createTokenSource, fetchToken, RelayError, signAssertion } from "../../src/plugin/index.ts";

const HOUR = 3_600_000;
const waiter = () => ({ signal: new AbortController().signal });

/** A vendor whose answers the test gives out one by one. */
function createVendor() {
  let now = 1_000_000;
  const asked: PromiseWithResolvers<{ value: string; lifetimeMs: number }>[] = [];
  const token = createTokenSource({
    now: () => now,
    issue: () => {
      const next = Promise.withResolvers<{ value: string; lifetimeMs: number }>();
      asked.push(next);
      return next.promise;
    },
  });
  return { token, asked, pass: (ms: number) => (now += ms) };
}

describe("a source of tokens", () => {
  test("asks the vendor once, however many wait", async () => {
    const { token, asked } = createVendor();
    const waiting = [token(waiter()), token(waiter()), token(waiter())];
    expect(asked).toHaveLength(1);
    asked[0]!.resolve({ value: "one", lifetimeMs: HOUR });
    expect(await Promise.all(waiting)).toEqual(["one", "one", "one"]);
    expect(token(waiter())).toBe("one");
    expect(asked).toHaveLength(1);
  });

  test("renews five minutes early while the old one still serves", async () => {
    const { token, asked, pass } = createVendor();
    const first = token(waiter());
    asked[0]!.resolve({ value: "one", lifetimeMs: HOUR });
    await first;
    pass(HOUR - 5 * 60_000 - 1);
    expect([token(waiter()), asked.length]).toEqual(["one", 1]);
    pass(1);
    expect([token(waiter()), token(waiter()), asked.length]).toEqual(["one", "one", 2]);
    asked[1]!.resolve({ value: "two", lifetimeMs: HOUR });
    await asked[1]!.promise;
    await Promise.resolve();
    expect(token(waiter())).toBe("two");
  });

  test("a renewal that fails harms nobody while the old one serves, and whoever waits after that", async () => {
    const { token, asked, pass } = createVendor();
    const first = token(waiter());
    asked[0]!.resolve({ value: "one", lifetimeMs: HOUR });
    await first;
    pass(HOUR - 1);
    expect(token(waiter())).toBe("one");
    asked[1]!.reject(new Error("down"));
    await Bun.sleep(0);
    expect(token(waiter())).toBe("one");
    expect(asked).toHaveLength(3);
    pass(1);
    const late = token(waiter());
    asked[2]!.reject(new Error("still down"));
    expect(await Promise.resolve(late).catch((error: Error) => error.message)).toBe("still down");
    const next = token(waiter());
    asked[3]!.resolve({ value: "four", lifetimeMs: HOUR });
    expect(await next).toBe("four");
  });

  test("a token of a short life is not renewed all the time", async () => {
    const { token, asked, pass } = createVendor();
    const first = token(waiter());
    asked[0]!.resolve({ value: "one", lifetimeMs: 60_000 });
    await first;
    pass(29_999);
    expect([token(waiter()), asked.length]).toEqual(["one", 1]);
    pass(1);
    expect([token(waiter()), asked.length]).toEqual(["one", 2]);
  });

  test("a call that ends does not wait on, and does not end the asking", async () => {
    const { token, asked } = createVendor();
    const controller = new AbortController();
    const leaving = token({ signal: controller.signal });
    const staying = token(waiter());
    controller.abort();
    expect(await Promise.resolve(leaving).catch((error: RelayError) => error.code)).toBe("client-closed");
    asked[0]!.resolve({ value: "one", lifetimeMs: HOUR });
    expect(await staying).toBe("one");
    expect(asked).toHaveLength(1);
  });
});

describe("fetchToken", () => {
  const SECRET = "the-client-secret";
  const ask = (answer: () => Response | Promise<Response>) => {
    const sent: { url: string; init: RequestInit }[] = [];
    const send = async (url: string, init: RequestInit) => {
      sent.push({ url, init });
      return answer();
    };
    const form = { grant_type: "client_credentials", client_secret: SECRET };
    const { signal } = new AbortController();
    return { sent, token: fetchToken({ url: "https://login.example/token", form, send, signal }) };
  };

  test("posts a form and reads the token and its life", async () => {
    const { token, sent } = ask(() => Response.json({ access_token: "t", expires_in: 3599, token_type: "Bearer" }));
    expect(await token).toEqual({ value: "t", lifetimeMs: 3_599_000 });
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({ url: "https://login.example/token", init: { method: "POST" } });
    expect(String(sent[0]!.init.body)).toBe(`grant_type=client_credentials&client_secret=${SECRET}`);
  });

  test.each([
    ["as text", "3599", 3_599_000],
    ["not told", undefined, 300_000],
    ["nonsense", "soon", 300_000],
  ])("a life %s", async (_name, life, lifetimeMs) => {
    expect(await ask(() => Response.json({ access_token: "t", expires_in: life })).token).toMatchObject({ lifetimeMs });
  });

  test.each([
    ["refused", () => Response.json({ error: "invalid_client", hint: SECRET }, { status: 401 }), "upstream-credential"],
    ["a bad request", () => Response.json({ error: "invalid_grant" }, { status: 400 }), "upstream-credential"],
    ["busy", () => new Response("", { status: 429 }), "upstream-unavailable"],
    ["broken", () => new Response(SECRET, { status: 500 }), "upstream-unavailable"],
    ["a redirect", () => new Response(null, { status: 302 }), "upstream-unavailable"],
    ["no token", () => Response.json({ ok: true }), "upstream-malformed"],
    ["no JSON", () => new Response("<html>"), "upstream-malformed"],
    ["unreachable", () => Promise.reject(new Error(`connect with ${SECRET}`)), "upstream-unavailable"],
  ])("%s", async (_name, answer, code) => {
    const failure = await ask(answer).token.catch((error: unknown) => error);
    if (!RelayError.is(failure)) throw new Error("it did not fail as it should");
    expect(failure.code).toBe(code as never);
    expect(failure.message).not.toContain(SECRET);
  });
});

describe("signAssertion", () => {
  const keys = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const claims = {
    issuer: "robot@project.example",
    audience: "https://oauth2.example/token",
    scope: "all",
    now: 1_700_000_000_500,
  };

  test("says who asks whom for what, for an hour, and can be checked", async () => {
    const jwt = await signAssertion({ ...claims, keyId: "k1", privateKey: keys.privateKey });
    expect(decodeProtectedHeader(jwt)).toEqual({ alg: "RS256", typ: "JWT", kid: "k1" });
    expect(decodeJwt(jwt)).toEqual({
      iss: claims.issuer,
      aud: claims.audience,
      scope: "all",
      iat: 1_700_000_000,
      exp: 1_700_003_600,
    });
    const currentDate = new Date(claims.now);
    await jwtVerify(jwt, await importSPKI(keys.publicKey, "RS256"), { currentDate });
  });

  test("a key that is none fails as a refused credential, and is not shown", async () => {
    const failure = await signAssertion({ ...claims, privateKey: "no-key-at-all" }).catch((error: unknown) => error);
    if (!RelayError.is(failure)) throw new Error("it did not fail as it should");
    expect(failure.code).toBe("upstream-credential");
    expect(failure.message).not.toContain("no-key-at-all");
  });
});
