/** Tokens of Entra for Azure's models: an application's secret, a workload's token file, the identity of the machine. */
import { describe, expect, test } from "bun:test";
import { cleanSurroundings, createTimedHost, failureOf, HOUR, refusal, requestOf, setUp } from "./cloud-support.ts";
import { createFakeHost, type FakeHost } from "./fake-host.ts";

const surroundings = cleanSurroundings();
const env = process.env as Record<string, string>;

const OWN = "https://corp.openai.azure.com";
const ENTRA = { deployments: {}, auth: "entra", scope: "https://cognitiveservices.azure.com/.default" };
const lend = (value: string) => () => Response.json({ access_token: value, expires_in: 3600 });
const setUpEntra = (options: object, host: FakeHost) => setUp("azure", { ...ENTRA, ...options }, host);
const token = async (options: object, host: FakeHost): Promise<string | undefined> =>
  (await requestOf(await setUpEntra(options, host))).headers["authorization"];
const formOf = ({ fetched: [first] }: FakeHost) => Object.fromEntries(new URLSearchParams(first!.body));

describe("an application", () => {
  test("with its secret in the configuration asks at its tenant", async () => {
    const host = createFakeHost({ baseUrl: "https://gateway.example", answer: lend("apps") });
    const own = { tenantId: "t", clientId: "c", clientSecret: "apps-secret", authority: "https://login.example/" };
    expect(await token(own, host)).toBe("Bearer apps");
    expect(host.fetched[0]!.url).toBe("https://login.example/t/oauth2/v2.0/token");
    expect(formOf(host)).toEqual({
      ...{ grant_type: "client_credentials", client_id: "c", client_secret: "apps-secret", scope: ENTRA.scope },
    });
  });

  test("with its secret in the environment, in whichever cloud that names", async () => {
    Object.assign(env, { AZURE_TENANT_ID: "t2", AZURE_CLIENT_ID: "c2", AZURE_CLIENT_SECRET: "environments-secret" });
    env["AZURE_AUTHORITY_HOST"] = "https://login.microsoftonline.us/";
    const host = createFakeHost({ baseUrl: "https://corp.openai.azure.us", answer: lend("apps") });
    expect(await token({}, host)).toBe("Bearer apps");
    expect(host.fetched[0]!.url).toBe("https://login.microsoftonline.us/t2/oauth2/v2.0/token");
    expect(formOf(host)["client_secret"]).toBe("environments-secret");
  });
});

describe("a workload", () => {
  test("with a token file shows the token as it is at that moment", async () => {
    Object.assign(env, { AZURE_TENANT_ID: "t", AZURE_CLIENT_ID: "c" });
    env["AZURE_FEDERATED_TOKEN_FILE"] = surroundings.write("token", "first\n");
    let count = 0;
    const { host, pass } = createTimedHost({ baseUrl: OWN, answer: () => lend(`t${++count}`)() });
    const provider = await setUpEntra({}, host);
    expect((await requestOf(provider)).headers["authorization"]).toBe("Bearer t1");
    surroundings.write("token", "second");
    pass(HOUR);
    expect((await requestOf(provider)).headers["authorization"]).toBe("Bearer t2");
    expect(formOf(host)).toMatchObject({
      ...{ client_id: "c", client_assertion: "first", scope: ENTRA.scope },
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    });
    expect(new URLSearchParams(host.fetched[1]!.body).get("client_assertion")).toBe("second");
  });

  test("whose file is gone fails the call", async () => {
    Object.assign(env, { AZURE_TENANT_ID: "t", AZURE_CLIENT_ID: "c" });
    env["AZURE_FEDERATED_TOKEN_FILE"] = `${surroundings.home}/gone`;
    const host = createFakeHost({ baseUrl: OWN, answer: lend("x") });
    expect((await failureOf(() => token({}, host))).code).toBe("upstream-credential");
    expect(host.fetched).toEqual([]);
  });
});

describe("the identity of the machine", () => {
  const allowed = { allowMetadata: true };

  test("of a virtual machine, the system's or a named one", async () => {
    const host = createFakeHost({ baseUrl: OWN, metadata: lend("machines") });
    const provider = await setUpEntra({ ...allowed, clientId: "user-assigned" }, host);
    expect(host.askedNearby).toEqual([]);
    expect((await requestOf(provider)).headers["authorization"]).toBe("Bearer machines");
    const [asked] = host.askedNearby;
    const { origin, pathname, searchParams } = new URL(asked!.url);
    expect(origin + pathname).toBe("http://169.254.169.254/metadata/identity/oauth2/token");
    expect(Object.fromEntries(searchParams)).toEqual({
      ...{ "api-version": "2018-02-01", resource: "https://cognitiveservices.azure.com", client_id: "user-assigned" },
    });
    expect(asked!.headers.get("metadata")).toBe("true");
    expect(host.fetched).toEqual([]);
  });

  test("of an app service, which says when its token ends", async () => {
    Object.assign(env, { IDENTITY_ENDPOINT: "http://127.0.0.1:41000/msi/token/", IDENTITY_HEADER: "services-pass" });
    let count = 0;
    const { host, pass, at } = createTimedHost({
      baseUrl: OWN,
      metadata: () => Response.json({ access_token: `m${++count}`, expires_on: String(Date.parse(at(HOUR)) / 1000) }),
    });
    const provider = await setUpEntra(allowed, host);
    expect((await requestOf(provider)).headers["authorization"]).toBe("Bearer m1");
    pass(HOUR);
    expect((await requestOf(provider)).headers["authorization"]).toBe("Bearer m2");
    const [asked] = host.askedNearby;
    expect(asked!.url).toStartWith("http://127.0.0.1:41000/msi/token/?api-version=2019-08-01&resource=");
    expect(asked!.headers.get("x-identity-header")).toBe("services-pass");
  });
});

describe("setup objects", () => {
  test("to what is missing, by the names of the options and of the environment", async () => {
    const { message } = await failureOf(() => setUpEntra({}, createFakeHost({ baseUrl: OWN })));
    for (const word of ["AZURE_TENANT_ID", "client_id", "AZURE_FEDERATED_TOKEN_FILE", "allow_metadata is off"]) {
      expect(message).toContain(word);
    }
  });

  test.each([
    "https://openai.azure.com.elsewhere.example",
    "http://corp.openai.azure.com",
    "https://corp.azure-api.net",
  ])("to lending what was found here to %s", async (baseUrl) => {
    Object.assign(env, { AZURE_TENANT_ID: "t", AZURE_CLIENT_ID: "c", AZURE_CLIENT_SECRET: "environments-secret" });
    const host = createFakeHost({ baseUrl, answer: lend("x"), metadata: lend("x") });
    const { code, message } = await failureOf(() => setUpEntra({ allowMetadata: true }, host));
    expect(code).toBe("plain");
    expect(message).toContain("Azure's own hosts only");
    expect(message).not.toContain("environments-secret");
    expect([host.fetched, host.askedNearby]).toEqual([[], []]);
  });
});

test("a token that is refused with 401 is asked for anew, once for a thousand calls", async () => {
  let count = 0;
  const { host, pass } = createTimedHost({ baseUrl: OWN, answer: () => lend(`t${++count}`)() });
  const provider = await setUpEntra({ tenantId: "t", clientId: "c", clientSecret: "s" }, host);
  const requests = await Promise.all(Array.from({ length: 1000 }, () => requestOf(provider)));
  expect(provider.renew!(requests[0]!, refusal(401))).toBe(false);
  pass(60_000);
  expect(provider.renew!(requests[0]!, refusal(403))).toBe(false);
  expect(requests.map((request) => provider.renew!(request, refusal(401))).every(Boolean)).toBe(true);
  const after = await Promise.all(requests.map(() => requestOf(provider)));
  expect(new Set(after.map(({ headers }) => headers["authorization"]))).toEqual(new Set(["Bearer t2"]));
  expect(host.fetched).toHaveLength(2);
});
