/** An OpenID sign-in as the plugin makes it: what it asks for, what it believes, and every token that it does not. */
import { beforeEach, describe, expect, test } from "bun:test";
import { createHmac, KeyObject, sign as rsaSign } from "node:crypto";
import { SignJWT, UnsecuredJWT } from "jose";
import { openidConnect, RelayError, type SignIn } from "../../src/plugin/index.ts";
import {
  CLIENT,
  type IdentityProvider,
  ISSUER,
  makeKey,
  NONCE,
  REDIRECT,
  sign,
  startIdentityProvider,
} from "./identity-provider.ts";

let provider: IdentityProvider;
let signIn: SignIn;

const plugin = openidConnect({ id: "company", label: "Company" });
const signal = new AbortController().signal;

async function setUp(options: object = {}): Promise<SignIn> {
  const auth = await plugin.setup({ ...CLIENT, issuer: ISSUER, adminGroups: [], ...options } as never, provider.host);
  return auth.signIn!;
}

beforeEach(async () => {
  provider = await startIdentityProvider();
  signIn = await setUp();
});

const finish = (changes: { code?: string; issuer?: string; nonce?: string; signal?: AbortSignal } = {}) =>
  signIn.finish({ code: "c0de", redirectUri: REDIRECT, codeVerifier: "verifier", nonce: NONCE, signal, ...changes });

const begin = () =>
  signIn.begin({ redirectUri: REDIRECT, state: "st4te", codeChallenge: "ch4llenge", nonce: NONCE, signal });

/** `code wire-code` of what was thrown. */
async function failure(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (!RelayError.is(error)) throw error;
    expect(Bun.inspect(error, { depth: 9 })).not.toContain(CLIENT.clientSecret);
    return error.wireCode === undefined ? error.code : `${error.code} ${error.wireCode}`;
  }
  return "none";
}

const BAD_TOKEN = "unauthenticated id_token_invalid";

describe("beginning", () => {
  test("A11 R60 state, nonce and an S256 challenge are in the URL, what the endpoint had stays", async () => {
    const url = await begin();
    expect(url.origin + url.pathname).toBe(`${ISSUER}/authorize`);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      tenant: "a",
      response_type: "code",
      client_id: "relay",
      redirect_uri: REDIRECT,
      scope: "openid profile email",
      state: "st4te",
      nonce: NONCE,
      code_challenge: "ch4llenge",
      code_challenge_method: "S256",
    });
    expect(url.href).not.toContain(CLIENT.clientSecret);
  });

  test("openid is asked for whatever the operator writes", async () => {
    signIn = await setUp({ scopes: ["email", "groups"] });
    expect((await begin()).searchParams.get("scope")).toBe("openid email groups");
  });

  test("nothing is asked of the provider before somebody signs in, and metadata once an hour", async () => {
    expect(provider.requests).toEqual([]);
    await begin();
    provider.now += 3_599_999;
    await begin();
    expect(provider.pathsAsked()).toEqual(["/.well-known/openid-configuration"]);
    provider.now += 1;
    await begin();
    expect(provider.pathsAsked().length).toBe(2);
  });
});

describe("metadata that is not believed", () => {
  const cases: readonly (readonly [string, Record<string, unknown>])[] = [
    ["of another issuer", { issuer: "https://evil.example" }],
    ["of an issuer below it", { issuer: `${ISSUER}/tenant` }],
    ["without an issuer", { issuer: undefined }],
    ["without a place to go", { authorization_endpoint: undefined }],
    ["without a place for codes", { token_endpoint: undefined }],
    ["without keys", { jwks_uri: undefined }],
    ["with keys in the clear", { jwks_uri: "http://id.example.com/jwks" }],
    ["with keys on this machine", { jwks_uri: "http://127.0.0.1/jwks" }],
    ["with a bare address for a place", { token_endpoint: "https://169.254.169.254/latest" }],
    ["with an address in disguise", { userinfo_endpoint: "https://0xa9fea9fe/latest" }],
    ["with an address of version 6", { token_endpoint: "https://[::ffff:169.254.169.254]/latest" }],
    ["with a file for a place", { token_endpoint: "file:///etc/passwd" }],
    ["with a script for a place", { authorization_endpoint: "javascript:alert(1)" }],
    ["with a password in a place", { userinfo_endpoint: "https://a:b@id.example.com/me" }],
    ["with only algorithms that are not safe", { id_token_signing_alg_values_supported: ["none", "HS256"] }],
  ];
  test.each(cases)("%s", async (_name, metadata) => {
    provider.metadata = metadata;
    expect(await failure(begin)).toBe("upstream-malformed");
    expect(await failure(finish)).toBe("upstream-malformed");
    expect(provider.requests.filter(({ method }) => method === "POST")).toEqual([]);
  });

  test("a slash at the end of the issuer is no other issuer, and tokens must have the provider's spelling", async () => {
    provider.metadata = { issuer: `${ISSUER}/` };
    expect(await failure(finish)).toBe(BAD_TOKEN);
    provider.claims = { iss: `${ISSUER}/` };
    expect((await finish()).subject).toBe("sub-1");
  });

  test("without https a provider may name places on this machine, and only there", async () => {
    const at = "http://127.0.0.1:9";
    signIn = await setUp({ issuer: at });
    const places = { issuer: at, authorization_endpoint: `${at}/a`, token_endpoint: `${at}/t`, jwks_uri: `${at}/j` };
    provider.metadata = { ...places, userinfo_endpoint: undefined, end_session_endpoint: undefined };
    expect((await begin()).href).toStartWith(`${at}/a?`);
    signIn = await setUp({ issuer: at });
    provider.metadata = { ...provider.metadata, token_endpoint: "http://169.254.169.254/t" };
    expect(await failure(begin)).toBe("upstream-malformed");
  });
});

describe("exchanging the code", () => {
  test("the secret goes into the header, form-encoded, and the verifier beside the code", async () => {
    await finish();
    const request = provider.requests.find(({ method }) => method === "POST")!;
    expect(Object.fromEntries(request.form)).toEqual({
      grant_type: "authorization_code",
      code: "c0de",
      redirect_uri: REDIRECT,
      code_verifier: "verifier",
    });
    const [scheme, pair] = request.headers.get("authorization")!.split(" ");
    expect(scheme).toBe("Basic");
    expect(atob(pair!)).toBe("relay:the-client%27s%2Fsecret%2B1");
  });

  test("or among the fields, where the provider takes it only there", async () => {
    provider.metadata = { token_endpoint_auth_methods_supported: ["client_secret_post", "private_key_jwt"] };
    await finish();
    const request = provider.requests.find(({ method }) => method === "POST")!;
    expect(request.headers.get("authorization")).toBeNull();
    expect(request.form.get("client_id")).toBe("relay");
    expect(request.form.get("client_secret")).toBe(CLIENT.clientSecret);
  });

  test.each([
    ["a used code", 400, { error: "invalid_grant", error_description: "secret words" }, "unauthenticated code_refused"],
    ["a used code, in a 200", 200, { error: "bad_verification_code" }, "unauthenticated code_refused"],
    ["our credentials", 401, { error: "invalid_client" }, "upstream-credential"],
    ["without a word", 403, {}, "unauthenticated code_refused"],
    ["by falling over", 500, { error: "invalid_grant" }, "upstream-unavailable"],
    ["by sending elsewhere", 302, {}, "upstream-unavailable"],
    ["by sending no token", 200, { token_type: "bearer" }, "upstream-malformed"],
    ["by sending no ID token", 200, { access_token: "a" }, "upstream-malformed"],
    ["by sending a list", 200, [1], "upstream-malformed"],
  ])("A12 the provider refuses %s", async (_name, status, body, expected) => {
    provider.instead = (url) =>
      url.pathname === "/token"
        ? Response.json(body, { status, headers: { location: "http://169.254.169.254/latest" } })
        : undefined;
    expect(await failure(finish)).toBe(expected);
    expect(provider.requests.some(({ url }) => url.includes("169.254"))).toBe(false);
    const shown = await finish().catch((error: Error) => error.message);
    expect(shown).not.toContain("secret words");
  });
});

describe("R62 ID tokens that are refused", () => {
  const claims: readonly (readonly [string, Record<string, unknown>])[] = [
    ["of another issuer", { iss: "https://evil.example" }],
    ["of nobody", { iss: undefined }],
    ["for another client", { aud: "other" }],
    ["for us and another", { aud: ["relay", "other"] }],
    ["for us twice over", { aud: ["relay", "relay"] }],
    ["for nobody", { aud: undefined }],
    ["handed out to another party", { azp: "other" }],
    ["with another nonce", { nonce: "another" }],
    ["without a nonce", { nonce: undefined }],
    ["that has ended", { exp: 1_750_000_000 - 61 }],
    ["without an end", { exp: undefined }],
    ["from the future", { iat: 1_750_000_000 + 3600, exp: 1_750_000_000 + 7200 }],
    ["without a beginning", { iat: undefined }],
    ["that does not count yet", { nbf: 1_750_000_000 + 61 }],
    ["about nobody", { sub: undefined }],
    ["about the empty subject", { sub: "" }],
    ["about a number", { sub: 7 }],
    ["about a novel", { sub: "x".repeat(256) }],
  ];
  test.each(claims)("%s", async (_name, changes) => {
    provider.claims = changes;
    expect(await failure(finish)).toBe(BAD_TOKEN);
    // Nobody asks who somebody is who has proved nothing.
    expect(provider.pathsAsked()).not.toContain("/me");
  });

  test.each([
    ["the right list of one audience", { aud: ["relay"] }],
    ["azp naming us", { azp: "relay" }],
    ["an end half a minute ago, by another clock", { exp: 1_750_000_000 - 30 }],
    ["a beginning in half a minute", { iat: 1_750_000_000 + 30, nbf: 1_750_000_000 + 30 }],
  ])("but not for %s", async (_name, changes) => {
    provider.claims = changes;
    expect((await finish()).subject).toBe("sub-1");
  });

  const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const forgeries: readonly (readonly [
    string,
    (provider: IdentityProvider) => NonNullable<IdentityProvider["idToken"]>,
  ])[] = [
    ["alg none", () => async (each) => new UnsecuredJWT(each).encode()],
    ["alg nOnE", () => async (each) => `${base64({ alg: "nOnE" })}.${base64(each)}.`],
    ["alg none with a signature", () => async (each) => `${base64({ alg: "none" })}.${base64(each)}.${base64({})}`],
    [
      "HS256 with the client secret",
      () => (each) =>
        new SignJWT(each)
          .setProtectedHeader({ alg: "HS256", kid: "one" })
          .sign(new TextEncoder().encode(CLIENT.clientSecret)),
    ],
    [
      "HS256 with the public key as secret",
      ({ keys }) =>
        async (each) => {
          const head = `${base64({ alg: "HS256", kid: "one" })}.${base64(each)}`;
          return `${head}.${createHmac("sha256", JSON.stringify(keys[0]!.jwk)).update(head).digest("base64url")}`;
        },
    ],
    ["another key of the same name", () => async (each) => sign(each, await makeKey("one"))],
    ["a key nobody published", () => async (each) => sign(each, await makeKey("two"))],
    [
      "a key brought along",
      () => async (each) => {
        const key = await makeKey("one");
        return sign(each, key, { jwk: key.jwk });
      },
    ],
    [
      "keys to be fetched elsewhere",
      () => async (each) => sign(each, await makeKey("two"), { jku: "https://evil.example/jwks" }),
    ],
    ["an algorithm that the provider does not use", () => async (each) => sign(each, await makeKey("one", "ES256"))],
    [
      "an extension that must be understood",
      ({ keys }) =>
        async (each) => {
          // The library does not make one.
          const head = `${base64({ alg: "RS256", kid: "one", crit: ["x"], x: 1 })}.${base64(each)}`;
          const signature = rsaSign("sha256", Buffer.from(head), KeyObject.from(keys[0]!.privateKey));
          return `${head}.${signature.toString("base64url")}`;
        },
    ],
    [
      "a changed payload",
      ({ keys }) =>
        async (each) => {
          const [head, , signature] = (await sign(each, keys[0]!)).split(".");
          return `${head}.${base64({ ...each, sub: "root" })}.${signature}`;
        },
    ],
    [
      "no signature",
      ({ keys }) =>
        async (each) =>
          (await sign(each, keys[0]!)).replace(/[^.]+$/, ""),
    ],
    ["two parts", () => async (each) => `${base64({ alg: "RS256" })}.${base64(each)}`],
    ["text", () => async () => "not a token"],
    ["nothing", () => async () => ""],
  ];
  test.each(forgeries)("%s", async (_name, forge) => {
    provider.idToken = forge(provider);
    expect(await failure(finish)).toBe(BAD_TOKEN);
    expect(provider.requests.some(({ url }) => url.includes("evil.example"))).toBe(false);
  });
});

describe("keys", () => {
  test("a new key is found at once, a name nobody knows is looked for once in five minutes", async () => {
    await finish();
    provider.keys = [await makeKey("two")];
    expect((await finish()).subject).toBe("sub-1");
    const before = provider.pathsAsked().filter((path) => path === "/jwks").length;
    expect(before).toBe(2);
    const unknown = await makeKey("unknown");
    provider.idToken = (claims) => sign(claims, unknown);
    for (let count = 0; count < 20; count++) expect(await failure(finish)).toBe(BAD_TOKEN);
    expect(provider.pathsAsked().filter((path) => path === "/jwks").length).toBe(before);
    provider.now += 5 * 60_000;
    expect(await failure(finish)).toBe(BAD_TOKEN);
    expect(provider.pathsAsked().filter((path) => path === "/jwks").length).toBe(before + 1);
  });

  test("several people who come with a new key at once all get in, for one question", async () => {
    await finish();
    provider.keys = [await makeKey("two")];
    const profiles = await Promise.all([1, 2, 3].map(() => finish()));
    expect(profiles.map(({ subject }) => subject)).toEqual(["sub-1", "sub-1", "sub-1"]);
    expect(provider.pathsAsked().filter((path) => path === "/jwks").length).toBe(2);
  });

  test("a look for a new key that failed is tried again", async () => {
    await finish();
    provider.keys = [await makeKey("two")];
    provider.instead = (url) => (url.pathname === "/jwks" ? new Response("", { status: 503 }) : undefined);
    expect(await failure(finish)).toBe("upstream-unavailable");
    provider.instead = undefined;
    expect((await finish()).subject).toBe("sub-1");
  });

  test("a key that was withdrawn counts for an hour at most", async () => {
    await finish();
    const [withdrawn] = provider.keys;
    provider.keys = [await makeKey("two")];
    provider.now += 3_600_000;
    provider.idToken = (claims) => sign(claims, withdrawn!);
    expect(await failure(finish)).toBe(BAD_TOKEN);
  });

  test.each([
    ["no JSON", () => new Response("<html>")],
    ["no list", () => Response.json({ keys: {} })],
    ["junk in the list", () => Response.json({ keys: [7] })],
    ["an error", () => new Response("", { status: 500 })],
  ])("%s in the place of keys is the provider's failure", async (_name, answer) => {
    provider.instead = (url) => (url.pathname === "/jwks" ? answer() : undefined);
    expect(await failure(finish)).toStartWith("upstream-");
  });
});

describe("R69 the iss beside the code", () => {
  test.each([
    ["another issuer", undefined, "https://evil.example", "unauthenticated issuer_mismatch"],
    ["none, although the provider promises one", true, undefined, "unauthenticated issuer_mismatch"],
    ["the right one", true, ISSUER, "none"],
    ["the right one, unpromised", undefined, ISSUER, "none"],
    ["none, and none was promised", undefined, undefined, "none"],
  ])("%s", async (_name, promised, issuer, expected) => {
    provider.metadata = { authorization_response_iss_parameter_supported: promised };
    expect(await failure(() => finish(issuer === undefined ? {} : { issuer }))).toBe(expected);
    if (expected !== "none") expect(provider.requests.some(({ method }) => method === "POST")).toBe(false);
  });
});

describe("A13 the profile", () => {
  test.each([
    ["a verified address", { email: "a@example.com", email_verified: true }, undefined, "a@example.com"],
    ["verified in a word", { email: "a@example.com", email_verified: "true" }, undefined, "a@example.com"],
    ["an unverified address", { email: "a@example.com", email_verified: false }, undefined, undefined],
    ["an address nobody vouches for", { email: "a@example.com" }, undefined, undefined],
    ["verified by one and named by the other", { email: "a@example.com" }, { email_verified: true }, undefined],
    ["named in the user information", {}, { email: "b@example.com", email_verified: true }, "b@example.com"],
    ["vouched for by the token for another", { email_verified: true }, { email: "b@example.com" }, undefined],
  ])("%s", async (_name, claims, userinfo, expected) => {
    provider.claims = claims;
    provider.userinfo = userinfo === undefined ? undefined : { sub: "sub-1", ...userinfo };
    const profile = await finish();
    expect(profile.subject).toBe("sub-1");
    expect(profile.verifiedEmail).toBe(expected as never);
  });

  test("R62 user information about somebody else is refused", async () => {
    for (const sub of ["sub-2", undefined, ["sub-1"]]) {
      provider.userinfo = { sub, email: "b@example.com", email_verified: true };
      expect(await failure(finish)).toBe(BAD_TOKEN);
    }
  });

  test("name and groups come from the token, else from the user information", async () => {
    provider.claims = { preferred_username: "ada", name: "Ada L", email: "", groups: ["a", 7, "b"] };
    expect(await finish()).toEqual({ subject: "sub-1", displayName: "ada", groups: ["a", "b"] });
    provider.claims = {};
    provider.userinfo = { sub: "sub-1", name: "Ada L", groups: ["c"] };
    expect(await finish()).toEqual({ subject: "sub-1", displayName: "Ada L", groups: ["c"] });
    expect(provider.requests.at(-1)!.headers.get("authorization")).toBe("Bearer access-1");
  });

  test.each([
    ["everything", { groups: [] }, ["a"], false],
    ["everything but groups, where none make admins", {}, [], false],
    ["everything but groups, where some do", {}, ["a"], true],
    ["everything but a name", { name: undefined, groups: [] }, ["a"], true],
    ["everything but an address", { email: undefined, groups: [] }, ["a"], true],
  ])("of a token that says %s", async (_name, claims, adminGroups, isAsked) => {
    signIn = await setUp({ adminGroups });
    provider.claims = { email: "a@example.com", email_verified: true, name: "Ada", ...claims };
    await finish();
    expect(provider.pathsAsked().includes("/me")).toBe(isAsked);
  });

  test("no login: names at such a provider are no proof of anything", async () => {
    provider.claims = { preferred_username: "octocat" };
    expect(await finish()).not.toHaveProperty("login");
  });
});

describe("R69 a provider that is not well", () => {
  test("ten megabytes are not read to their end", async () => {
    let sent = 0;
    provider.instead = (url) => {
      if (url.pathname !== "/token") return undefined;
      const pull = (controller: ReadableStreamDefaultController) => {
        sent += 65_536;
        if (sent > 10_000_000) controller.close();
        else controller.enqueue(new Uint8Array(65_536).fill(32));
      };
      return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }));
    };
    expect(await failure(finish)).toBe("upstream-malformed");
    expect(sent).toBeLessThan(2_000_000);
  });

  test("no connection, and no time left", async () => {
    provider.instead = () => Promise.reject(new TypeError("connect ECONNREFUSED"));
    expect(await failure(begin)).toBe("upstream-unavailable");
    provider.instead = undefined;
    expect(await failure(() => finish({ signal: AbortSignal.abort() }))).toBe("upstream-timeout");
  });

  test("a crowd that comes at once is one question", async () => {
    await Promise.all(Array.from({ length: 50 }, begin));
    expect(provider.pathsAsked()).toEqual(["/.well-known/openid-configuration"]);
  });

  test("a failure is not remembered", async () => {
    provider.instead = () => new Response("", { status: 503 });
    expect(await failure(begin)).toBe("upstream-unavailable");
    provider.instead = undefined;
    expect(await failure(begin)).toBe("none");
  });
});

describe("the way out", () => {
  test("is the provider's, with a hint that looks like a token", async () => {
    const redirectUri = "https://relay.example.com/login";
    const url = await signIn.logoutUrl!({ redirectUri, idToken: "aa.bb.cc", signal });
    expect(url!.origin + url!.pathname).toBe(`${ISSUER}/logout`);
    const query = { client_id: "relay", post_logout_redirect_uri: redirectUri, id_token_hint: "aa.bb.cc" };
    expect(Object.fromEntries(url!.searchParams)).toEqual(query);
    const odd = await signIn.logoutUrl!({ redirectUri, idToken: "<script>", signal });
    expect(odd!.searchParams.has("id_token_hint")).toBe(false);
  });

  test("there may be none", async () => {
    provider.metadata = { end_session_endpoint: undefined };
    expect(await signIn.logoutUrl!({ redirectUri: "https://relay.example.com/", signal })).toBeUndefined();
  });
});
