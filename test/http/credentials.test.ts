/** R1: one credential per request, in whichever carriers it comes; R32: a token is one only if it is signed as ours are. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHmac, generateKeyPairSync } from "node:crypto";
import { type AccountRelay, type SignedIn, startAccounts } from "../support/accounts.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

const SECRET = "the secret of this file's tokens, long enough";
const CALL = { model: "gpt-4o", messages: [{ role: "user", content: "hello" }] };
const ANSWER = {
  id: "chatcmpl-1",
  object: "chat.completion",
  model: "gpt-4o",
  choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "hi" } }],
};

let upstream: Upstream;
let house: AccountRelay;
let user: SignedIn;
let keys: { readonly A: string; readonly B: string };
beforeAll(async () => {
  upstream = await startUpstream({ json: ANSWER });
  const provider = `{ base_url: "${upstream.url}/v1", keys: [{ key: secret-one-1 }], models: { include: [gpt-4o] } }`;
  house = await startAccounts(`server: { jwt_secret: "${SECRET}" }`, undefined, {
    providers: `providers: { one: ${provider} }`,
  });
  user = await house.person("ursula");
  keys = { A: await house.key(user, ["account"]), B: await house.key(user, ["account"]) };
});
afterAll(async () => {
  await house.stop();
  await upstream.stop();
});

describe("R1 ★ every ordered pair of carriers", () => {
  const carriers = ["authorization", "x-access-key", "x-api-key", "x-goog-api-key"];
  const pairs = carriers.flatMap((a) => carriers.filter((b) => b !== a).map((b): [string, string] => [a, b]));
  const KINDS = ["A", "B", "invalid", "empty"] as const;
  type Kind = (typeof KINDS)[number];
  const shownIn = (carrier: string, kind: Kind): string => {
    const value = { ...keys, invalid: "no-key-of-anybody-0123456789", empty: "" }[kind];
    // A scheme without anything behind it is no empty field: it is refused (R4).
    return carrier === "authorization" && value !== "" ? `Bearer ${value}` : value;
  };
  /** An empty one counts as absent, equal ones as one; of different ones none is tried. */
  const expected = (a: Kind, b: Kind): 200 | 401 => {
    const shown = new Set([a, b].filter((kind) => kind !== "empty"));
    return shown.size === 1 && !shown.has("invalid") ? 200 : 401;
  };

  test.each(pairs)("%s beside %s: valid, another valid, invalid, empty", async (a, b) => {
    for (const left of KINDS) {
      for (const right of KINDS) {
        upstream.forget();
        const headers = { [a]: shownIn(a, left), [b]: shownIn(b, right) };
        const answer = await house.ask("POST /v1/chat/completions", { headers, body: CALL });
        const wanted = expected(left, right);
        expect([left, right, answer.status]).toEqual([left, right, wanted]);
        expect([left, right, upstream.received.length]).toEqual([left, right, wanted === 200 ? 1 : 0]);
        if (wanted === 401) {
          expect(answer.text).toBe('{"error":{"message":"Unauthorized","type":"auth_error"}}');
          expect(answer.headers.get("www-authenticate")).toBe("Bearer");
        }
      }
    }
  });

  test("three and four of them, all equal, are one; a fifth opinion is refused", async () => {
    const all = Object.fromEntries(carriers.map((carrier) => [carrier, shownIn(carrier, "A")]));
    expect((await house.ask("GET /v1/me", { headers: all })).status).toBe(200);
    for (const carrier of carriers) {
      const headers = { ...all, [carrier]: shownIn(carrier, "B") };
      expect([carrier, (await house.ask("GET /v1/me", { headers })).status]).toEqual([carrier, 401]);
    }
  });

  test("on Gemini's routes ?key= is a carrier like the others, elsewhere none", async () => {
    const ask = async (path: string, headers: Record<string, string> = {}) =>
      (await house.ask(`GET ${path}`, { headers })).status;
    expect(await ask(`/v1beta/models?key=${keys.A}`)).toBe(200);
    expect(await ask(`/v1beta/models?key=${keys.A}`, { "x-goog-api-key": keys.A })).toBe(200);
    expect(await ask(`/v1beta/models?key=${keys.A}`, { "x-goog-api-key": "" })).toBe(200);
    expect(await ask(`/v1beta/models?key=${keys.A}`, { "x-goog-api-key": keys.B })).toBe(401);
    expect(await ask("/v1beta/models?key=", { "x-goog-api-key": keys.A })).toBe(200);
    expect(await ask(`/v1/me?key=${keys.A}`)).toBe(401);
  });

  test("beside a header the cookie is not looked at, whatever either says; beside an empty one it counts", async () => {
    const cookie = { cookie: `mr_session=${user.token}`, "sec-fetch-site": "same-origin" };
    const me = (headers: Record<string, string>) => house.ask("GET /v1/me", { headers });
    expect((await me(cookie)).body.type).toBe("user");
    for (const carrier of carriers) {
      expect((await me({ ...cookie, [carrier]: shownIn(carrier, "A") })).body.type).toBe("api_key");
      expect([carrier, (await me({ ...cookie, [carrier]: shownIn(carrier, "invalid") })).status]).toEqual([
        carrier,
        401,
      ]);
      const spoiled = { ...cookie, cookie: "mr_session=a.b.c" };
      expect((await me({ ...spoiled, [carrier]: shownIn(carrier, "A") })).body.type).toBe("api_key");
    }
    for (const carrier of carriers.slice(1)) {
      expect((await me({ ...cookie, [carrier]: "" })).body.type).toBe("user");
    }
  });
});

describe("R32 ★ one algorithm, and checked before any key is used", () => {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const pem = (type: "rsa" | "ec") =>
    (type === "rsa"
      ? generateKeyPairSync("rsa", { modulusLength: 2048 })
      : generateKeyPairSync("ec", { namedCurve: "prime256v1" })
    ).publicKey
      .export({ type: "spki", format: "pem" })
      .toString();
  const rows: [name: string, header: object, sign: (text: string) => string][] = [
    ...["none", "nOnE", "NONE", "None"].map((alg): [string, object, (text: string) => string] => [
      `alg ${alg} without a signature`,
      { alg },
      () => "",
    ]),
    ["alg none with our signature", { alg: "none" }, (text) => hmac("sha256", SECRET, text)],
    ["HS384 with our secret", { alg: "HS384" }, (text) => hmac("sha384", SECRET, text)],
    ["HS512 with our secret", { alg: "HS512" }, (text) => hmac("sha512", SECRET, text)],
    ["RS256, a public key as the secret", { alg: "RS256" }, (text) => hmac("sha256", pem("rsa"), text)],
    ["HS256, a public key as the secret", { alg: "HS256" }, (text) => hmac("sha256", pem("rsa"), text)],
    ["ES256, a public key as the secret", { alg: "ES256" }, (text) => hmac("sha256", pem("ec"), text)],
    ["HS256, another secret", { alg: "HS256" }, (text) => hmac("sha256", `${SECRET}.`, text)],
    ["HS256, an empty signature", { alg: "HS256" }, () => ""],
    ["HS256, half of the signature", { alg: "HS256" }, (text) => hmac("sha256", SECRET, text).slice(0, 20)],
    ["hs256 in small letters", { alg: "hs256" }, (text) => hmac("sha256", SECRET, text)],
    ["no alg at all", {}, (text) => hmac("sha256", SECRET, text)],
    ["two of them", { alg: ["HS256", "none"] }, (text) => hmac("sha256", SECRET, text)],
  ];
  function hmac(hash: string, secret: string, text: string): string {
    return createHmac(hash, secret).update(text).digest("base64url");
  }
  const forged = (header: object, sign: (text: string) => string): string => {
    const text = `${encode({ typ: "at+jwt", ...header })}.${user.token.split(".")[1]}`;
    return `${text}.${sign(text)}`;
  };

  test("the forger works: the same claims, signed as we do, are a session", async () => {
    const token = forged({ alg: "HS256" }, (text) => hmac("sha256", SECRET, text));
    expect((await house.ask("GET /api/auth/me", { as: token })).status).toBe(200);
  });

  test.each(rows)("%s: 401 in every family", async (_name, header, sign) => {
    const token = forged(header, sign);
    for (const line of ["GET /api/auth/me", "GET /v1/me", "GET /v1beta/models", "GET /api/v1/auth/api-keys"]) {
      expect([line, (await house.ask(line, { as: token })).status]).toEqual([line, 401]);
    }
    // Two parts, as many libraries write an unsigned token.
    expect((await house.ask("GET /api/auth/me", { as: token.split(".").slice(0, 2).join(".") })).status).toBe(401);
  });
});
