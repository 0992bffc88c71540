/** Access tokens: only those that we made, for us, of this kind, now; by either engine. */
import { describe, expect, test } from "bun:test";
import { createHmac, generateKeyPairSync } from "node:crypto";
import { SignJWT } from "jose";
import { type AccessTokens, createAccessTokens } from "../../src/auth/jwt.ts";
import { createJoseEngine } from "../../src/auth/jwt-engine.ts";
import type { AuthConfig } from "../../src/config/types.ts";
import { createElysiaJwtEngine } from "../../src/http/jwt-engine.ts";
import { createManualClock, type ManualClock } from "../../src/support/clock.ts";

const SECRET = "0123456789abcdef0123456789abcdef-test";
const HOUR = 3_600_000;
const settingsOf = (own: Partial<AuthConfig["jwt"]> = {}): AuthConfig["jwt"] => ({
  accessTtlMs: 24 * HOUR,
  refreshTtlMs: 7 * 24 * HOUR,
  sessionTtlMs: 30 * 24 * HOUR,
  algorithm: "HS256",
  issuer: "monorelay",
  audience: "monorelay",
  ...own,
});

interface Desk {
  readonly tokens: AccessTokens;
  readonly clock: ManualClock;
  settings: AuthConfig["jwt"];
  secret: string;
  issue(): Promise<string>;
}

/** The plugin of Elysia reads the system's clock, so the clock of these tests stands where that one does. */
function desk(createEngine = createJoseEngine, own: Partial<AuthConfig["jwt"]> = {}): Desk {
  const clock = createManualClock(Date.now());
  let id = 0;
  const it: Desk = {
    clock,
    settings: settingsOf(own),
    secret: SECRET,
    tokens: createAccessTokens({
      clock,
      settings: () => it.settings,
      secret: () => it.secret,
      newId: () => `jti-${(id += 1)}`,
      createEngine,
    }),
    issue: () => it.tokens.issue({ userId: 7, sessionId: "s1", expiresAt: clock.now() + HOUR }),
  };
  return it;
}

const decode = (token: string, part: 0 | 1) => JSON.parse(Buffer.from(token.split(".")[part]!, "base64url").toString());
const encode = (value: unknown) =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/** A token put together by hand, with any header and claims, signed with HMAC over the right secret. */
function forge(header: object, claims: object, secret = SECRET, hash = "sha256"): string {
  const signed = `${encode(header)}.${encode(claims)}`;
  return `${signed}.${createHmac(hash, secret).update(signed).digest("base64url")}`;
}

describe.each([
  ["jose", createJoseEngine],
  ["@elysiajs/jwt", createElysiaJwtEngine],
] as const)("signed and verified by %s", (_name, engine) => {
  describe.each(["HS256", "EdDSA"] as const)("%s", (algorithm) => {
    test("a token says who, for whom, until when, and which session; and nothing about rights", async () => {
      const it = desk(engine, { algorithm });
      const token = await it.issue();
      expect(decode(token, 0)).toEqual({ alg: algorithm, typ: "at+jwt", kid: expect.stringMatching(/^[0-9a-f]{16}$/) });
      const { iat, exp, ...claims } = decode(token, 1);
      expect(claims).toEqual({ iss: "monorelay", aud: "monorelay", sub: "7", jti: "jti-1", sid: "s1" });
      expect(Math.abs(iat * 1000 - it.clock.now())).toBeLessThan(2000);
      expect(exp).toBe(Math.floor((it.clock.now() + HOUR) / 1000));
      expect(await it.tokens.verify(token)).toEqual({ userId: 7, sessionId: "s1", expiresAt: exp * 1000 });
    });

    test("R32 a token with another last character, or without its signature, is none", async () => {
      const it = desk(engine, { algorithm });
      const token = await it.issue();
      const [head, payload, signature] = token.split(".") as [string, string, string];
      const flipped = signature.startsWith("A") ? `B${signature.slice(1)}` : `A${signature.slice(1)}`;
      for (const bad of [`${head}.${payload}.${flipped}`, `${head}.${payload}.`, `${head}.${payload}`, payload, ""]) {
        expect(await it.tokens.verify(bad)).toBeUndefined();
      }
      expect(await it.tokens.verify(token)).toBeDefined();
    });

    test("valid until its last moment, not at it; remembered or not", async () => {
      const it = desk(engine, { algorithm });
      const token = await it.issue();
      const { exp } = decode(token, 1);
      expect(await it.tokens.verify(token)).toBeDefined();
      it.clock.setNow(exp * 1000 - 1);
      expect(await it.tokens.verify(token)).toBeDefined();
      it.clock.setNow(exp * 1000);
      expect(await it.tokens.verify(token)).toBeUndefined();
    });
  });

  test("a second look at a token needs no promise", async () => {
    const it = desk(engine);
    const token = await it.issue();
    await it.tokens.verify(token);
    expect(it.tokens.verify(token)).toMatchObject({ userId: 7 });
  });
});

describe("R32 one algorithm", () => {
  const claims = async (it: Desk) => decode(await it.issue(), 1);

  test("the same claims under the header we write are accepted: the forger works", async () => {
    const it = desk();
    expect(await it.tokens.verify(forge({ alg: "HS256", typ: "at+jwt" }, await claims(it)))).toBeDefined();
  });

  test.each([
    ["none", "sha256"],
    ["nOnE", "sha256"],
    ["None", "sha256"],
    ["", "sha256"],
    ["hs256", "sha256"],
    ["HS384", "sha384"],
    ["HS512", "sha512"],
    ["RS256", "sha256"],
    ["ES256", "sha256"],
    ["EdDSA", "sha256"],
    ["PS256", "sha256"],
  ])("alg %j is refused", async (alg, hash) => {
    const it = desk();
    const own = await claims(it);
    expect(await it.tokens.verify(forge({ alg, typ: "at+jwt" }, own, SECRET, hash))).toBeUndefined();
    const unsigned = `${encode({ alg, typ: "at+jwt" })}.${encode(own)}.`;
    expect(await it.tokens.verify(unsigned)).toBeUndefined();
  });

  test("a public key is no HMAC secret", async () => {
    const it = desk(createJoseEngine, { algorithm: "EdDSA" });
    const own = decode(await it.issue(), 1);
    const { publicKey } = generateKeyPairSync("ed25519");
    const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
    for (const secret of [pem, SECRET]) {
      expect(await it.tokens.verify(forge({ alg: "HS256", typ: "at+jwt" }, own, secret))).toBeUndefined();
    }
  });

  test("the right algorithm with another key", async () => {
    const it = desk();
    const own = await claims(it);
    for (const secret of ["", "x", `${SECRET} `, SECRET.toUpperCase()]) {
      expect(await it.tokens.verify(forge({ alg: "HS256", typ: "at+jwt" }, own, secret || "empty"))).toBeUndefined();
    }
  });
});

describe("R33 every claim is required and has to be right", () => {
  const now = () => Math.floor(Date.now() / 1000);
  test.each<[name: string, spoil: (claims: Record<string, unknown>) => void]>([
    ...(["iss", "aud", "sub", "iat", "exp", "jti", "sid"] as const).map(
      (name): [string, (claims: Record<string, unknown>) => void] => [
        `without ${name}`,
        (claims) => delete claims[name],
      ],
    ),
    ["another issuer", (claims) => (claims["iss"] = "evil")],
    ["another audience", (claims) => (claims["aud"] = "other")],
    ["ours among other audiences", (claims) => (claims["aud"] = ["monorelay", "other"])],
    ["sub is a number", (claims) => (claims["sub"] = 7)],
    ["sub is a name", (claims) => (claims["sub"] = "alice")],
    ["sub is 0", (claims) => (claims["sub"] = "0")],
    ["sub with a leading zero", (claims) => (claims["sub"] = "07")],
    ["sub has 16 digits", (claims) => (claims["sub"] = "1234567890123456")],
    ["an empty sid", (claims) => (claims["sid"] = "")],
    ["an empty jti", (claims) => (claims["jti"] = "")],
    ["iat as text", (claims) => (claims["iat"] = String(now()))],
    ["exp as text", (claims) => (claims["exp"] = String(now() + 60))],
    ["made in a minute", (claims) => (claims["iat"] = now() + 60)],
    ["ended", (claims) => Object.assign(claims, { iat: now() - 100, exp: now() - 1 })],
    ["ends before it was made", (claims) => Object.assign(claims, { iat: now() + 20, exp: now() + 10 })],
    ["lives longer than allowed", (claims) => (claims["exp"] = (claims["iat"] as number) + 24 * 3600 + 1)],
    ["lives for ever", (claims) => (claims["exp"] = Number.MAX_SAFE_INTEGER)],
    ["not before tomorrow", (claims) => (claims["nbf"] = now() + 86_400)],
  ])("%s", async (_name, spoil) => {
    const it = desk();
    const claims = decode(await it.issue(), 1);
    spoil(claims);
    expect(await it.tokens.verify(forge({ alg: "HS256", typ: "at+jwt" }, claims))).toBeUndefined();
  });

  test("a clock that is half a minute ahead is forgiven", async () => {
    const it = desk();
    const claims = decode(await it.issue(), 1);
    claims.iat = Math.floor(it.clock.now() / 1000) + 29;
    expect(await it.tokens.verify(forge({ alg: "HS256", typ: "at+jwt" }, claims))).toBeDefined();
  });
});

describe("R34, R35 the header says what the token is, and nothing else", () => {
  test.each<[name: string, header: object]>([
    ["no typ", { alg: "HS256" }],
    ["a plain JWT", { alg: "HS256", typ: "JWT" }],
    ["a refresh token", { alg: "HS256", typ: "rt+jwt" }],
    ["the long form", { alg: "HS256", typ: "application/at+jwt" }],
    ["an unknown kid", { alg: "HS256", typ: "at+jwt", kid: "0000000000000000" }],
    ["a path for a kid", { alg: "HS256", typ: "at+jwt", kid: "../../../../dev/null" }],
    ["SQL for a kid", { alg: "HS256", typ: "at+jwt", kid: "' OR 1=1 --" }],
    ["a long kid", { alg: "HS256", typ: "at+jwt", kid: "x".repeat(3000) }],
    ["a kid that is no text", { alg: "HS256", typ: "at+jwt", kid: 1 }],
    ["jku", { alg: "HS256", typ: "at+jwt", jku: "http://127.0.0.1:1/keys" }],
    ["jwk", { alg: "HS256", typ: "at+jwt", jwk: { kty: "oct", k: encode(SECRET) } }],
    ["x5u", { alg: "HS256", typ: "at+jwt", x5u: "http://127.0.0.1:1/cert" }],
    ["x5c", { alg: "HS256", typ: "at+jwt", x5c: ["MII"] }],
    ["crit", { alg: "HS256", typ: "at+jwt", crit: ["exp"] }],
    ["b64", { alg: "HS256", typ: "at+jwt", b64: true }],
  ])("%s", async (_name, header) => {
    const it = desk();
    const claims = decode(await it.issue(), 1);
    expect(await it.tokens.verify(forge(header, claims))).toBeUndefined();
  });

  test.each(["null", "[]", '"x"', "{", "7"])("a header that is %s", async (text) => {
    const it = desk();
    const [, payload, signature] = (await it.issue()).split(".");
    expect(await it.tokens.verify(`${encode(text)}.${payload}.${signature}`)).toBeUndefined();
  });

  test("a token of another library with our secret, but not of our kind", async () => {
    const it = desk();
    const foreign = await new SignJWT({ sid: "s1" })
      .setProtectedHeader({ alg: "HS256" })
      .setSubject("7")
      .setIssuer("monorelay")
      .setAudience("monorelay")
      .setIssuedAt()
      .setJti("1")
      .setExpirationTime("1h")
      .sign(new TextEncoder().encode(SECRET));
    expect(await it.tokens.verify(foreign)).toBeUndefined();
  });
});

describe("R37 a new secret logs nobody out", () => {
  test("the new key signs, the old one verifies until the last of its tokens has ended", async () => {
    const it = desk(createJoseEngine, { accessTtlMs: HOUR });
    const old = await it.issue();
    it.secret = "another secret of at least thirty-two bytes";
    const fresh = await it.issue();
    expect(decode(fresh, 0).kid).not.toBe(decode(old, 0).kid);
    expect(await it.tokens.verify(old)).toBeDefined();
    expect(await it.tokens.verify(fresh)).toBeDefined();
    it.clock.advance(HOUR);
    expect(await it.tokens.verify(old)).toBeUndefined();
    expect(await it.tokens.verify(await it.issue())).toBeDefined();
  });

  test("what the old key signs after it was replaced does not live longer for it", async () => {
    const it = desk(createJoseEngine, { accessTtlMs: HOUR });
    const { kid } = decode(await it.issue(), 0);
    it.secret = "another secret of at least thirty-two bytes";
    await it.issue();
    it.clock.advance(HOUR + 1000);
    const iat = Math.floor(it.clock.now() / 1000);
    const claims = { iss: "monorelay", aud: "monorelay", sub: "7", iat, exp: iat + 60, jti: "x", sid: "s1" };
    expect(await it.tokens.verify(forge({ alg: "HS256", typ: "at+jwt", kid }, claims))).toBeUndefined();
  });

  test("a change of issuer, audience or algorithm counts at once, for tokens already seen too", async () => {
    for (const own of [{ issuer: "other" }, { audience: "other" }, { algorithm: "EdDSA" as const }]) {
      const it = desk();
      const token = await it.issue();
      expect(await it.tokens.verify(token)).toBeDefined();
      it.settings = settingsOf(own);
      expect(await it.tokens.verify(token)).toBeUndefined();
    }
  });
});
