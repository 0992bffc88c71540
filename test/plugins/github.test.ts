/** Signing in with GitHub: an account is its number, an address counts when GitHub vouches for it, membership is asked each time. */
import { beforeEach, describe, expect, test } from "bun:test";
import github from "../../plugins/auth/github.ts";
import { type Host, RelayError, type SignIn } from "../../src/plugin/index.ts";
import { createFakeHost } from "./fake-host.ts";

const SECRET = "client-secret-canary-1";
const REDIRECT = "https://relay.example.com/api/auth/sso/github/callback";
const signal = new AbortController().signal;

interface Asked {
  readonly url: string;
  readonly authorization: string | null;
  readonly form: URLSearchParams;
}

let asked: Asked[];
/** By path; what is not here is 404. */
let answers: Record<string, unknown>;

const host: Host = {
  ...createFakeHost(),
  fetch: async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const request = new Request(String(input), init);
    const form = new URLSearchParams(request.method === "POST" ? await request.text() : "");
    asked.push({ url: request.url, authorization: request.headers.get("authorization"), form });
    const answer = answers[new URL(request.url).pathname.replace(/^\/api\/v3/, "")];
    if (typeof answer === "function") return answer() as Response;
    return answer === undefined ? new Response("{}", { status: 404 }) : Response.json(answer);
  },
};

beforeEach(() => {
  asked = [];
  answers = {
    "/login/oauth/access_token": { access_token: "gho-1", token_type: "bearer", scope: "read:user" },
    "/user": { id: 583_231, login: "OctoCat", email: "shown@example.com" },
    "/user/emails": [
      { email: "second@example.com", primary: false, verified: true },
      { email: "octo@example.com", primary: true, verified: true },
    ],
    "/user/orgs": [
      { id: 42, login: "Example" },
      { id: 9, login: "1000" },
    ],
  };
});

async function setUp(options: object = {}): Promise<SignIn> {
  const defaults = { clientId: "Iv1.x", clientSecret: SECRET, allowedOrgs: [], adminGroups: [] };
  return (await github.setup({ ...defaults, ...options } as never, host)).signIn!;
}

const finish = async (options: object = {}) =>
  (await setUp(options)).finish({ code: "c0de", redirectUri: REDIRECT, codeVerifier: "v", nonce: "n", signal });

async function failure(options: object = {}): Promise<string> {
  try {
    await finish(options);
  } catch (error) {
    if (!RelayError.is(error)) throw error;
    expect(Bun.inspect(error, { depth: 9 })).not.toContain(SECRET);
    return error.wireCode ?? error.code;
  }
  return "none";
}

const paths = () => asked.map(({ url }) => new URL(url).pathname);

test("R60 begins with state and an S256 challenge, and comes back to the given address", async () => {
  const signIn = await setUp();
  const login = { redirectUri: REDIRECT, state: "s", codeChallenge: "ch", nonce: "n", signal };
  const url = await signIn.begin(login);
  expect(url.origin + url.pathname).toBe("https://github.com/login/oauth/authorize");
  expect(Object.fromEntries(url.searchParams)).toEqual({
    client_id: "Iv1.x",
    redirect_uri: REDIRECT,
    scope: "read:user user:email",
    state: "s",
    code_challenge: "ch",
    code_challenge_method: "S256",
  });
  expect(asked).toEqual([]);
});

test("R67 the profile is the number, the login and the primary verified address", async () => {
  expect(await finish()).toEqual({
    subject: "583231",
    displayName: "OctoCat",
    login: "OctoCat",
    verifiedEmail: "octo@example.com",
  });
  expect(asked[0]!.url).toBe("https://github.com/login/oauth/access_token");
  expect(Object.fromEntries(asked[0]!.form)).toMatchObject({ code: "c0de", code_verifier: "v", client_secret: SECRET });
  expect(asked.slice(1).map(({ url, authorization }) => [url, authorization])).toEqual([
    ["https://api.github.com/user", "Bearer gho-1"],
    ["https://api.github.com/user/emails", "Bearer gho-1"],
  ]);
});

test.each([
  ["unverified", [{ email: "octo@example.com", primary: true, verified: false }]],
  ["not the primary one", [{ email: "octo@example.com", primary: false, verified: true }]],
  ["verified only in a word", [{ email: "octo@example.com", primary: true, verified: "yes" }]],
  ["not a list", { email: "octo@example.com", primary: true, verified: true }],
  ["not there", []],
  ["not text", [{ email: 7, primary: true, verified: true }]],
  ["junk", [null, 7, "x"]],
])("an address that is %s is none, and the public one of the profile is never taken", async (_name, emails) => {
  answers["/user/emails"] = emails;
  expect(await finish()).not.toHaveProperty("verifiedEmail");
});

test.each([
  ["a refused code, in a 200", "/login/oauth/access_token", { error: "bad_verification_code" }, "code_refused"],
  [
    "our own credentials",
    "/login/oauth/access_token",
    { error: "incorrect_client_credentials" },
    "upstream-credential",
  ],
  ["no token", "/login/oauth/access_token", {}, "upstream-malformed"],
  ["an account without a number", "/user", { login: "octocat" }, "upstream-malformed"],
  ["an account with a text for a number", "/user", { id: "583231", login: "octocat" }, "upstream-malformed"],
  ["an account numbered 0", "/user", { id: 0, login: "octocat" }, "upstream-malformed"],
  ["no account", "/user", null, "upstream-malformed"],
  ["a refusal to tell", "/user", () => new Response("{}", { status: 401 }), "upstream-unavailable"],
  ["a failure", "/user/emails", () => new Response("", { status: 503 }), "upstream-unavailable"],
  ["a way elsewhere", "/user", () => new Response("", { status: 301 }), "upstream-unavailable"],
])("%s", async (_name, path, answer, expected) => {
  answers[path] = answer;
  expect(await failure()).toBe(expected);
});

describe("organisations", () => {
  test("are asked for only where they matter", async () => {
    await finish();
    expect(paths()).not.toContain("/user/orgs");
    const url = await (await setUp({ allowedOrgs: ["example"] })).begin({
      redirectUri: REDIRECT,
      state: "s",
      codeChallenge: "c",
      nonce: "n",
      signal,
    });
    expect(url.searchParams.get("scope")).toBe("read:user user:email read:org");
  });

  test.each([
    ["by name, in any case", ["other", "EXAMPLE"], "none"],
    ["by number", ["42"], "none"],
    ["none of them", ["other"], "not_allowed"],
    ["a number that is another's name", ["1000"], "not_allowed"],
    ["a part of a name", ["exam"], "not_allowed"],
  ])("let in: %s", async (_name, allowedOrgs, expected) => {
    expect(await failure({ allowedOrgs })).toBe(expected);
  });

  test("no membership, no way in; and junk is no membership", async () => {
    for (const orgs of [[], null, {}, [7, null, {}]]) {
      answers["/user/orgs"] = orgs;
      expect(await failure({ allowedOrgs: ["example", "undefined", "null"] })).toBe("not_allowed");
    }
  });

  test("those that make admins come back as they are written in the configuration", async () => {
    expect((await finish({ adminGroups: ["EXAMPLE", "42", "other"] })).groups).toEqual(["EXAMPLE", "42"]);
    answers["/user/orgs"] = [];
    expect((await finish({ adminGroups: ["example"] })).groups).toEqual([]);
  });
});

test("an Enterprise Server has everything below its own address", async () => {
  const profile = await finish({ issuer: "https://git.example.com/" });
  expect(profile.subject).toBe("583231");
  expect(asked.map(({ url }) => url)).toEqual([
    "https://git.example.com/login/oauth/access_token",
    "https://git.example.com/api/v3/user",
    "https://git.example.com/api/v3/user/emails",
  ]);
});
