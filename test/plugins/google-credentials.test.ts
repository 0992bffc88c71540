/** Google's credentials: each kind of file, the order of its own tools, federation, and the machine only where allowed. */
import { describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { cleanSurroundings, createTimedHost, failureOf, HOUR, refusal, requestOf, setUp } from "./cloud-support.ts";
import { createFakeHost, type FakeHost } from "./fake-host.ts";

const surroundings = cleanSurroundings();
const env = process.env as Record<string, string>;
const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});

const PERSON = {
  ...{ type: "authorized_user", client_id: "gcloud-client", client_secret: "gcloud-secret" },
  ...{ refresh_token: "persons-refresh-token", quota_project_id: "who-pays" },
};
const ACCOUNT = { type: "service_account", project_id: "of-file", client_email: "robot@x", private_key: privateKey };
const FEDERATED = {
  type: "external_account",
  audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/k8s",
  subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
  token_url: "https://sts.googleapis.com/v1/token",
};
const OPTIONS = { location: "europe-west1", project: "own" };
const lend = (value: string) => () => Response.json({ access_token: value, expires_in: 3600 });
const token = async (options: object, host: FakeHost): Promise<string | undefined> =>
  (await requestOf(await setUp("vertex", { ...OPTIONS, ...options }, host), { model: "gemini-2.5-pro" })).headers[
    "authorization"
  ];
const formOf = ({ fetched: [first] }: FakeHost) => Object.fromEntries(new URLSearchParams(first!.body));

describe("the order", () => {
  test("the option, GOOGLE_APPLICATION_CREDENTIALS, gcloud's own file, the machine", async () => {
    const host = () => createFakeHost({ answer: (_url, request) => lend(request.url)(), metadata: lend("machine") });
    const allowed = { allowMetadata: true };
    expect(await token(allowed, host())).toBe("Bearer machine");
    surroundings.write(".config/gcloud/application_default_credentials.json", JSON.stringify(PERSON));
    const ofPerson = host();
    await token(allowed, ofPerson);
    expect(formOf(ofPerson)["refresh_token"]).toBe("persons-refresh-token");
    env["CLOUDSDK_CONFIG"] = surroundings.home;
    expect(await token(allowed, host())).toBe("Bearer machine");
    surroundings.write(
      "application_default_credentials.json",
      JSON.stringify({ ...PERSON, refresh_token: "elsewhere" }),
    );
    const ofFolder = host();
    await token(allowed, ofFolder);
    expect(formOf(ofFolder)["refresh_token"]).toBe("elsewhere");
    env["GOOGLE_APPLICATION_CREDENTIALS"] = surroundings.write("key.json", JSON.stringify(ACCOUNT));
    const ofFile = host();
    await token(allowed, ofFile);
    expect(formOf(ofFile)["grant_type"]).toBe("urn:ietf:params:oauth:grant-type:jwt-bearer");
    const ofOption = host();
    await token({ ...allowed, credentials: JSON.stringify({ ...PERSON, refresh_token: "of-option" }) }, ofOption);
    expect(formOf(ofOption)["refresh_token"]).toBe("of-option");
  });

  test("where there is none, the log says what was tried, and nobody is asked", async () => {
    const host = createFakeHost({ metadata: lend("machine") });
    surroundings.write(".config/gcloud/application_default_credentials.json", "{not json");
    const error = await failureOf(() => token({}, host));
    expect(error).toEqual({ code: "unavailable", message: "The provider has no credentials. < undefined" });
    expect(host.logged[0]).toContain("GOOGLE_APPLICATION_CREDENTIALS is not set");
    expect(host.logged[0]).toContain("application_default_credentials.json of gcloud: the credentials are not JSON");
    expect(host.logged[0]).toContain("allow_metadata is off");
    expect([host.fetched, host.askedNearby]).toEqual([[], []]);
  });

  test("what is lent here goes to Google's own hosts alone, whatever is allowed", async () => {
    surroundings.write(".config/gcloud/application_default_credentials.json", JSON.stringify(PERSON));
    const host = createFakeHost({
      baseUrl: "https://googleapis.com.elsewhere.example",
      answer: lend("x"),
      metadata: lend("x"),
    });
    expect((await failureOf(() => token({ allowMetadata: true }, host))).code).toBe("unavailable");
    expect([host.fetched, host.askedNearby]).toEqual([[], []]);
    expect(host.logged[0]).toContain("Google's own hosts only");
  });
});

describe("a person", () => {
  test("signed in with gcloud: the refresh token is exchanged, and calls name who pays", async () => {
    const host = createFakeHost({ answer: lend("persons") });
    const provider = await setUp("vertex", { ...OPTIONS, credentials: JSON.stringify(PERSON) }, host);
    const { headers, url } = await requestOf(provider, { model: "gemini-2.5-pro" });
    expect([headers["authorization"], headers["x-goog-user-project"]]).toEqual(["Bearer persons", "who-pays"]);
    expect(url).toContain("/projects/own/locations/europe-west1/");
    expect(host.fetched[0]!.url).toBe("https://oauth2.googleapis.com/token");
    expect(formOf(host)).toEqual({
      ...{ grant_type: "refresh_token", client_id: "gcloud-client", client_secret: "gcloud-secret" },
      refresh_token: "persons-refresh-token",
    });
  });
});

describe("the machine", () => {
  const metadata = (url: string, request: Request): Response => {
    if (request.headers.get("metadata-flavor") !== "Google") return new Response("", { status: 403 });
    if (url.endsWith("/project/project-id")) return new Response("of-machine\n");
    return lend("machine")();
  };

  test("lends a token, and names its project unless somebody else does", async () => {
    const host = createFakeHost({ metadata });
    const provider = await setUp("vertex", { location: "global", allowMetadata: true }, host);
    expect(host.askedNearby).toEqual([]);
    const requests = await Promise.all([1, 2, 3].map(() => requestOf(provider, { model: "gemini-2.5-pro" })));
    for (const { url, headers } of requests) {
      expect(url).toContain("/projects/of-machine/locations/global/");
      expect(headers["authorization"]).toBe("Bearer machine");
    }
    expect(host.askedNearby.map(({ url }) => url).toSorted()).toEqual([
      "http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token",
      "http://169.254.169.254/computeMetadata/v1/project/project-id",
    ]);
    env["GOOGLE_CLOUD_PROJECT"] = "of-environment";
    env["GCE_METADATA_HOST"] = "metadata.google.internal";
    const other = createFakeHost({ metadata });
    const again = await setUp("vertex", { location: "global", allowMetadata: true }, other);
    expect((await requestOf(again, { model: "gemini-2.5-pro" })).url).toContain("/projects/of-environment/");
    expect(other.askedNearby.map(({ url }) => new URL(url).host)).toEqual(["metadata.google.internal"]);
  });

  test("whose service is not there is a failure of the call", async () => {
    const host = createFakeHost({ metadata: () => Promise.reject(new Error("connect ECONNREFUSED")) });
    expect((await failureOf(() => token({ allowMetadata: true }, host))).code).toBe("upstream-unavailable");
  });
});

describe("workload identity federation", () => {
  const exchangeWith = async (source: object, more: object = {}, host?: FakeHost) => {
    const used = host ?? createFakeHost({ answer: lend("federated") });
    const credentials = JSON.stringify({ ...FEDERATED, credential_source: source, ...more });
    return { host: used, authorization: await token({ credentials }, used) };
  };

  test("a token in a file is exchanged, as it is at that moment", async () => {
    const file = surroundings.write("token", "first\n");
    let count = 0;
    const { host, pass } = createTimedHost({ answer: () => lend(`t${++count}`)() });
    const credentials = JSON.stringify({ ...FEDERATED, credential_source: { file } });
    const provider = await setUp("vertex", { ...OPTIONS, credentials }, host);
    const bearer = async () => (await requestOf(provider, { model: "gemini-2.5-pro" })).headers["authorization"];
    expect(await bearer()).toBe("Bearer t1");
    surroundings.write("token", "second");
    pass(HOUR);
    expect(await bearer()).toBe("Bearer t2");
    expect(formOf(host)).toEqual({
      ...{ grant_type: "urn:ietf:params:oauth:grant-type:token-exchange", audience: FEDERATED.audience },
      ...{ scope: "https://www.googleapis.com/auth/cloud-platform", subject_token: "first" },
      requested_token_type: "urn:ietf:params:oauth:token-type:access_token",
      subject_token_type: FEDERATED.subject_token_type,
    });
    expect(new URLSearchParams(host.fetched[1]!.body).get("subject_token")).toBe("second");
    expect(host.fetched[0]!.url).toBe(FEDERATED.token_url);
  });

  test("a token in a field of a JSON file, and one that is not there", async () => {
    const file = surroundings.write("token.json", JSON.stringify({ id_token: "in-field" }));
    const format = (field: string) => ({ type: "json", subject_token_field_name: field });
    const { host } = await exchangeWith({ file, format: format("id_token") });
    expect(formOf(host)["subject_token"]).toBe("in-field");
    const error = await failureOf(() => exchangeWith({ file, format: format("other") }));
    expect([error.code, error.message.includes("in-field")]).toEqual(["upstream-credential", false]);
  });

  test("a token at a URL: over TLS anywhere, without it on this machine alone", async () => {
    const answer = (url: string) => (url.startsWith("https://sts.") ? lend("federated")() : new Response("from-url"));
    const secure = createFakeHost({ answer });
    const source = { url: "https://id.example/token", headers: { "x-a": "b" } };
    await exchangeWith(source, {}, secure);
    expect([secure.fetched[0]!.url, secure.fetched[0]!.headers.get("x-a")]).toEqual([source.url, "b"]);
    const nearby = createFakeHost({ answer, metadata: () => new Response("from-machine") });
    await exchangeWith({ url: "http://169.254.169.254/token" }, {}, nearby);
    expect(nearby.askedNearby.map(({ url }) => url)).toEqual(["http://169.254.169.254/token"]);
    expect(formOf(nearby)["subject_token"]).toBe("from-machine");
  });

  test("at AWS: a signed question who we are, which is not sent but handed on", async () => {
    Object.assign(env, { AWS_ACCESS_KEY_ID: "ASIAENVIRONMENT00001", AWS_SECRET_ACCESS_KEY: "aws-secret-key" });
    Object.assign(env, { AWS_SESSION_TOKEN: "aws-session", AWS_REGION: "eu-west-1" });
    const { host } = await exchangeWith({
      environment_id: "aws1",
      regional_cred_verification_url: "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
    });
    const asked = JSON.parse(decodeURIComponent(formOf(host)["subject_token"]!)) as {
      url: string;
      method: string;
      headers: { key: string; value: string }[];
    };
    expect([asked.method, asked.url]).toEqual([
      "POST",
      "https://sts.eu-west-1.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
    ]);
    const headers = Object.fromEntries(asked.headers.map(({ key, value }) => [key.toLowerCase(), value]));
    expect(headers).toMatchObject({
      ...{ "x-goog-cloud-target-resource": FEDERATED.audience, host: "sts.eu-west-1.amazonaws.com" },
      "x-amz-security-token": "aws-session",
    });
    expect(headers["authorization"]).toContain("Credential=ASIAENVIRONMENT00001/");
    expect(host.fetched).toHaveLength(1);
    expect(host.fetched[0]!.body).not.toContain("aws-secret-key");
  });

  test("a service account may be impersonated with what was exchanged, or with another credential", async () => {
    const url = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/robot@x:generateAccessToken";
    const answer = (asked: string) =>
      asked === url
        ? Response.json({ accessToken: "impersonated", expireTime: "2026-11-20T13:00:00Z" })
        : lend("exchanged")();
    const file = surroundings.write("token", "t");
    const { host } = createTimedHost({ answer });
    const more = { service_account_impersonation_url: url };
    expect((await exchangeWith({ file }, more, host)).authorization).toBe("Bearer impersonated");
    expect(host.fetched[1]!.headers.get("authorization")).toBe("Bearer exchanged");
    expect(JSON.parse(host.fetched[1]!.body)).toEqual({
      ...{ scope: ["https://www.googleapis.com/auth/cloud-platform"], lifetime: "3600s" },
    });
    const ofPerson = { type: "impersonated_service_account", source_credentials: PERSON, delegates: ["d"], ...more };
    const { host: other } = createTimedHost({ answer });
    expect(await token({ credentials: JSON.stringify(ofPerson) }, other)).toBe("Bearer impersonated");
    expect(formOf(other)["refresh_token"]).toBe("persons-refresh-token");
    expect(JSON.parse(other.fetched[1]!.body)).toMatchObject({ delegates: ["d"] });
  });

  test.each([
    ["a token_url that is not Google's", { token_url: "https://sts.elsewhere.example/token" }],
    ["a token_url that is not Google's", { token_url: "https://sts.googleapis.com.elsewhere.example/" }],
    ["a token_url that is not Google's", { token_url: "http://sts.googleapis.com/v1/token" }],
    ["that is not Google's", { service_account_impersonation_url: "https://elsewhere.example/" }],
    ["executable", { credential_source: { executable: { command: "/bin/steal" } } }],
    ["certificate", { credential_source: { certificate: {} } }],
    ["not those of an external account", { audience: 7 }],
  ])("setup objects to %s", async (words, change) => {
    const host = createFakeHost();
    const credentials = JSON.stringify({ ...FEDERATED, credential_source: { file: "x" }, ...change });
    const error = await failureOf(() => setUp("vertex", { ...OPTIONS, credentials }, host));
    expect([error.code, error.message.includes(words)]).toEqual(["plain", true]);
  });

  test("a provider key may be a service account and nothing that reads files", async () => {
    const file = surroundings.write("secret", "secret-of-this-machine");
    const host = createFakeHost({ answer: lend("x") });
    const provider = await setUp("vertex", OPTIONS, host);
    for (const other of [{ ...FEDERATED, credential_source: { file } }, PERSON]) {
      const error = await failureOf(() => requestOf(provider, { secret: JSON.stringify(other) }));
      expect(error.code).toBe("upstream-credential");
    }
    expect(host.fetched).toEqual([]);
  });
});

describe("a token that is refused", () => {
  test("with 401 is asked for anew, once for all; with 403, or as another's, it is not", async () => {
    let count = 0;
    const { host, pass } = createTimedHost({ answer: () => lend(`t${++count}`)() });
    const provider = await setUp("vertex", { ...OPTIONS, credentials: JSON.stringify(PERSON) }, host);
    const requests = await Promise.all(
      Array.from({ length: 1000 }, () => requestOf(provider, { model: "gemini-2.5-pro" })),
    );
    expect(host.fetched).toHaveLength(1);
    expect(provider.renew!(requests[0]!, refusal(401))).toBe(false);
    pass(60_000);
    expect(provider.renew!(requests[0]!, refusal(403))).toBe(false);
    expect(provider.renew!({ url: "", headers: { authorization: "Bearer strangers" } }, refusal(401))).toBe(false);
    expect(provider.renew!({ url: "", headers: { "x-goog-api-key": "t1" } }, refusal(401))).toBe(false);
    const verdicts = await Promise.all(
      requests.map(async (request) => {
        const isWorthATry = provider.renew!(request, refusal(401));
        const { headers } = await requestOf(provider, { model: "gemini-2.5-pro" });
        return isWorthATry && headers["authorization"] === "Bearer t2";
      }),
    );
    expect(verdicts.every(Boolean)).toBe(true);
    expect(host.fetched).toHaveLength(2);
  });
});
