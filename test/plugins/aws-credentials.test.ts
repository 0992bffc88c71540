/** AWS credentials: who is asked, in which order, how often, and that nothing of them is shown. */
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { cleanSurroundings, createTimedHost, failureOf, HOUR, refusal, requestOf, setUp } from "./cloud-support.ts";
import { createFakeHost, type FakeHostInput } from "./fake-host.ts";

const surroundings = cleanSurroundings();
const env = process.env as Record<string, string>;

const REGION = { region: "eu-west-1" };
const keysOf = (name: string) => ({ id: `ASIA${name.toUpperCase().padEnd(16, "0")}`, secret: `${name}-secret-key` });
const inFile = (name: string, more = ""): string => {
  const { id, secret } = keysOf(name);
  return `aws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n${more}`;
};
/** Who signed, by the name that its keys were made with. */
const signerOf = ({ headers }: { headers: Record<string, string> }): string | undefined =>
  /Credential=ASIA([A-Z]+)0*\//.exec(headers["authorization"] ?? "")?.[1]?.toLowerCase();

const CREDENTIALS = (name: string, expiration: unknown) => {
  const { id, secret } = keysOf(name);
  return { AccessKeyId: id, SecretAccessKey: secret, SessionToken: `${name}-session`, Expiration: expiration };
};
const stsAnswer = (action: string, name: string, expiration: unknown) => ({
  [`${action}Response`]: { [`${action}Result`]: { Credentials: CREDENTIALS(name, expiration) } },
});
/** A metadata service of an instance. */
const instance: NonNullable<FakeHostInput["metadata"]> = (url, request) => {
  if (url.endsWith("/latest/api/token")) return new Response("session-of-metadata");
  if (request.headers.get("x-aws-ec2-metadata-token") !== "session-of-metadata")
    return new Response("", { status: 401 });
  if (url.endsWith("/security-credentials/")) return new Response("relay-role\n");
  const { id, secret } = keysOf("instance");
  return Response.json({
    ...{ Code: "Success", AccessKeyId: id, SecretAccessKey: secret, Token: "instance-session" },
    Expiration: "2026-11-20T18:00:00Z",
  });
};

describe("the order", () => {
  /** Each source with what switches it on; every one of them stands before those below it. */
  const SOURCES: readonly (readonly [name: string, set: () => object])[] = [
    ["options", () => ({ accessKeyId: keysOf("options").id, secretAccessKey: keysOf("options").secret })],
    [
      "environment",
      () => {
        env["AWS_ACCESS_KEY_ID"] = keysOf("environment").id;
        env["AWS_SECRET_ACCESS_KEY"] = keysOf("environment").secret;
        return {};
      },
    ],
    [
      "file",
      () => {
        surroundings.write(".aws/credentials", `[default]\n${inFile("file")}`);
        return {};
      },
    ],
    [
      "web",
      () => {
        env["AWS_WEB_IDENTITY_TOKEN_FILE"] = surroundings.write("token", "web-identity-token\n");
        env["AWS_ROLE_ARN"] = "arn:aws:iam::123456789012:role/web";
        return {};
      },
    ],
    [
      "container",
      () => {
        env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/credentials/1";
        return { allowMetadata: true };
      },
    ],
    ["instance", () => ({ allowMetadata: true })],
  ];
  const hostOf = () =>
    createFakeHost({
      answer: () => Response.json(stsAnswer("AssumeRoleWithWebIdentity", "web", 4_000_000_000)),
      metadata: (url, request) =>
        url.startsWith("http://169.254.170.2/")
          ? Response.json({ ...CREDENTIALS("container", "2030-01-01T00:00:00Z"), Token: "container-session" })
          : instance(url, request),
    });

  test.each(SOURCES.map(([name], index) => [name, index] as const))(
    "%s is asked before all that stand below",
    async (name, index) => {
      const options = SOURCES.slice(index).map(([, set]) => set());
      const provider = await setUp("bedrock", Object.assign({ ...REGION }, ...options), hostOf());
      expect(signerOf(await requestOf(provider))).toBe(name);
    },
  );

  test("AWS_BEARER_TOKEN_BEDROCK stands between the options and the rest", async () => {
    for (const [, set] of SOURCES.slice(1)) set();
    env["AWS_BEARER_TOKEN_BEDROCK"] = "bedrock-bearer";
    const { headers } = await requestOf(await setUp("bedrock", REGION, hostOf()));
    expect(headers["authorization"]).toBe("Bearer bedrock-bearer");
    const options = { ...REGION, ...SOURCES[0]![1]() };
    expect(signerOf(await requestOf(await setUp("bedrock", options, hostOf())))).toBe("options");
  });

  test("where there is none, the log says what was tried; nobody is asked, and the caller hears of none of it", async () => {
    env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://169.254.170.23/v1/credentials";
    const host = hostOf();
    const provider = await setUp("bedrock", REGION, host);
    const { code, message } = await failureOf(() => requestOf(provider));
    expect([code, message]).toEqual(["unavailable", "The provider has no credentials. < undefined"]);
    expect([host.fetched, host.askedNearby]).toEqual([[], []]);
    const [line] = host.logged;
    for (const word of ["access_key_id", "AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", '\\"default\\"']) {
      expect(line).toContain(word);
    }
    expect(line).toContain("AWS_CONTAINER_CREDENTIALS_FULL_URI is set, but allow_metadata is off");
    expect(line).toContain("instance's metadata service is not asked: allow_metadata is off");
  });

  test("AWS_EC2_METADATA_DISABLED is honoured", async () => {
    env["AWS_EC2_METADATA_DISABLED"] = "true";
    const host = hostOf();
    await failureOf(async () => requestOf(await setUp("bedrock", { ...REGION, allowMetadata: true }, host)));
    expect(host.askedNearby).toEqual([]);
  });
});

describe("the region", () => {
  const regionOf = async (options: object = {}) =>
    /bedrock-runtime\.([^.]+)\.(amazonaws\.com(?:\.cn)?)\//
      .exec((await requestOf(await setUp("bedrock", options, createFakeHost()), { secret: "key" })).url)!
      .slice(1, 3);

  test("is the option's, the environment's, the profile's, us-east-1's", async () => {
    expect(await regionOf()).toEqual(["us-east-1", "amazonaws.com"]);
    surroundings.write(".aws/config", "[default]\nregion = eu-north-1\n[profile team]\nregion = sa-east-1\n");
    expect(await regionOf()).toEqual(["eu-north-1", "amazonaws.com"]);
    env["AWS_PROFILE"] = "team";
    surroundings.write(".aws/credentials", `[team]\n${inFile("team")}`);
    expect(await regionOf()).toEqual(["sa-east-1", "amazonaws.com"]);
    env["AWS_DEFAULT_REGION"] = "ap-south-1";
    expect(await regionOf()).toEqual(["ap-south-1", "amazonaws.com"]);
    env["AWS_REGION"] = "cn-north-1";
    expect(await regionOf()).toEqual(["cn-north-1", "amazonaws.com.cn"]);
    expect(await regionOf({ profile: "team" })).toEqual(["sa-east-1", "amazonaws.com"]);
    expect(await regionOf({ region: "eu-west-3" })).toEqual(["eu-west-3", "amazonaws.com"]);
  });
});

describe("profiles", () => {
  const ask = async (profile: string | undefined, host = createFakeHost(), more: object = {}) =>
    requestOf(await setUp("bedrock", { ...REGION, ...(profile === undefined ? {} : { profile }), ...more }, host));

  test("AWS_PROFILE names one, in whichever files the environment names", async () => {
    env["AWS_SHARED_CREDENTIALS_FILE"] = surroundings.write("elsewhere/secrets", `[team]\n${inFile("team")}`);
    env["AWS_PROFILE"] = "team";
    expect(signerOf(await ask(undefined))).toBe("team");
  });

  test("one that was asked for and is not right fails at once; one that merely lies there does not", async () => {
    surroundings.write(".aws/config", "[default]\ncredential_process = /bin/steal --all\n");
    const host = createFakeHost();
    expect((await failureOf(() => ask(undefined, host))).code).toBe("unavailable");
    expect(host.logged[0]).toContain("programs are not run");
    expect((await failureOf(() => ask("default"))).message).toContain("programs are not run");
    env["AWS_PROFILE"] = "nobody";
    expect((await failureOf(() => ask(undefined))).code).toBe("unavailable");
  });

  test("a role is taken on with the keys of its source_profile, as it says", async () => {
    surroundings.write(".aws/credentials", `[base]\n${inFile("base")}`);
    surroundings.write(
      ".aws/config",
      "[profile outer]\nrole_arn = arn:aws:iam::1:role/outer\nsource_profile = base\nexternal_id = ext-1\nrole_session_name = relay-7\nduration_seconds = 900\nregion = eu-west-2\n",
    );
    const host = createFakeHost({ answer: () => Response.json(stsAnswer("AssumeRole", "outer", 4_000_000_000)) });
    expect(signerOf(await ask("outer", host))).toBe("outer");
    const [asked] = host.fetched;
    expect(asked!.url).toBe("https://sts.eu-west-2.amazonaws.com/");
    expect(asked!.headers.get("authorization")).toContain(`Credential=${keysOf("base").id}/`);
    expect(Object.fromEntries(new URLSearchParams(asked!.body))).toMatchObject({
      ...{ RoleArn: "arn:aws:iam::1:role/outer", ExternalId: "ext-1", RoleSessionName: "relay-7" },
      DurationSeconds: "900",
    });
  });

  test.each([
    ["Environment", {}],
    ["Ec2InstanceMetadata", { allowMetadata: true }],
    ["EcsContainer", { allowMetadata: true }],
  ])("a role may be taken on with credential_source = %s", async (source, more) => {
    env["AWS_ACCESS_KEY_ID"] = keysOf("environment").id;
    env["AWS_SECRET_ACCESS_KEY"] = keysOf("environment").secret;
    env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/x";
    surroundings.write(".aws/config", `[profile r]\nrole_arn = arn:aws:iam::1:role/r\ncredential_source = ${source}\n`);
    const host = createFakeHost({
      answer: () => Response.json(stsAnswer("AssumeRole", "role", 4_000_000_000)),
      metadata: (url, request) =>
        url.includes("170.2") ? Response.json({ ...CREDENTIALS("container", 0), Token: "t" }) : instance(url, request),
    });
    expect(signerOf(await ask("r", host, more))).toBe("role");
    const by = { Environment: "environment", Ec2InstanceMetadata: "instance", EcsContainer: "container" }[source]!;
    expect(host.fetched[0]!.headers.get("authorization")).toContain(`Credential=${keysOf(by).id}/`);
  });

  test("somebody who has signed in by SSO lends a role", async () => {
    surroundings.write(
      ".aws/config",
      "[profile dev]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = Dev\n[sso-session corp]\nsso_region = eu-central-1\nsso_start_url = https://corp.awsapps.com/start\n",
    );
    const file = `.aws/sso/cache/${createHash("sha1").update("corp").digest("hex")}.json`;
    const { id, secret } = keysOf("sso");
    const host = createFakeHost({
      answer: () =>
        Response.json({
          roleCredentials: { accessKeyId: id, secretAccessKey: secret, sessionToken: "sso-session", expiration: 4e12 },
        }),
    });
    // Nobody has signed in yet, then too long ago.
    expect((await failureOf(() => ask("dev", host))).message).toContain("aws sso login");
    surroundings.write(file, JSON.stringify({ accessToken: "portal-token", expiresAt: "2020-01-01T00:00:00Z" }));
    expect((await failureOf(() => ask("dev", host))).message).toContain("aws sso login");
    expect(host.fetched).toEqual([]);
    surroundings.write(file, JSON.stringify({ accessToken: "portal-token", expiresAt: "2030-01-01T00:00:00Z" }));
    expect(signerOf(await ask("dev", host))).toBe("sso");
    expect(host.fetched[0]!.url).toBe(
      "https://portal.sso.eu-central-1.amazonaws.com/federation/credentials?account_id=111122223333&role_name=Dev",
    );
    expect(host.fetched[0]!.headers.get("x-amz-sso_bearer_token")).toBe("portal-token");
  });

  test.each([
    [
      "leans on itself",
      "[profile a]\nrole_arn = r\nsource_profile = b\n[profile b]\nrole_arn = r\nsource_profile = a\n",
    ],
    ["mfa_serial", "[profile a]\nrole_arn = r\nsource_profile = b\nmfa_serial = m\n"],
    ["nobody who may take it on", "[profile a]\nrole_arn = r\n"],
    ["nobody who may take it on", "[profile a]\nrole_arn = r\ncredential_source = Ec2InstanceMetadata\n"],
    ["does not say where", "[profile a]\nsso_account_id = 1\nsso_start_url = https://x.example\n"],
    ["holds no keys", "[profile a]\nregion = eu-west-1\n"],
  ])("says in words that it %s", async (words, config) => {
    surroundings.write(".aws/config", config);
    const { code, message } = await failureOf(() => ask("a"));
    expect([code, message.includes(words)]).toEqual(["plain", true]);
  });
});

describe("who lends", () => {
  test("web identity: the token file as it is at that moment, without a signature", async () => {
    env["AWS_WEB_IDENTITY_TOKEN_FILE"] = surroundings.write("token", "first-token\n");
    env["AWS_ROLE_ARN"] = "arn:aws:iam::123456789012:role/pod";
    env["AWS_ROLE_SESSION_NAME"] = "pod-7";
    let count = 0;
    const { host, pass, at } = createTimedHost({
      answer: () => Response.json(stsAnswer("AssumeRoleWithWebIdentity", `web${"ab"[count++]}`, at(HOUR))),
    });
    const provider = await setUp("bedrock", REGION, host);
    expect(signerOf(await requestOf(provider))).toBe("weba");
    surroundings.write("token", "second-token");
    pass(HOUR);
    expect(signerOf(await requestOf(provider))).toBe("webb");
    expect(host.fetched.map(({ body }) => new URLSearchParams(body).get("WebIdentityToken"))).toEqual([
      "first-token",
      "second-token",
    ]);
    expect(host.fetched[0]!.headers.get("authorization")).toBeNull();
    expect(new URLSearchParams(host.fetched[0]!.body).get("RoleSessionName")).toBe("pod-7");
  });

  test("an instance: by a session of version 2, never without one", async () => {
    const host = createFakeHost({ metadata: instance });
    const provider = await setUp("bedrock", { ...REGION, allowMetadata: true }, host);
    expect(host.askedNearby).toEqual([]);
    const { headers } = await requestOf(provider);
    expect(headers["x-amz-security-token"]).toBe("instance-session");
    expect(host.askedNearby.map(({ method, url }) => `${method} ${url}`)).toEqual([
      "PUT http://169.254.169.254/latest/api/token",
      "GET http://169.254.169.254/latest/meta-data/iam/security-credentials/",
      "GET http://169.254.169.254/latest/meta-data/iam/security-credentials/relay-role",
    ]);
    expect(host.fetched).toEqual([]);
    env["AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"] = "IPv6";
    const other = createFakeHost({ metadata: () => new Response("", { status: 403 }) });
    const error = await failureOf(async () =>
      requestOf(await setUp("bedrock", { ...REGION, allowMetadata: true }, other)),
    );
    expect(error.code).toBe("upstream-credential");
    expect(other.askedNearby.map(({ url }) => url)).toEqual(["http://[fd00:ec2::254]/latest/api/token"]);
  });

  test.each([
    ["relative", "http://169.254.170.2/creds", false, undefined],
    ["full, on this machine", "http://127.0.0.1:9911/creds", false, "env-token"],
    ["full, over TLS", "https://vault.example/creds", true, "file-token"],
  ] as const)("a container: %s", async (kind, url, isFetched, token) => {
    if (kind === "relative") env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/creds";
    else env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url;
    if (token !== undefined) env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "env-token";
    if (token === "file-token") {
      env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = surroundings.write("pod-token", "file-token\n");
    }
    const answer = () => Response.json({ ...CREDENTIALS("container", "2030-01-01T00:00:00Z"), Token: "t" });
    const host = createFakeHost({ answer, metadata: answer });
    expect(signerOf(await requestOf(await setUp("bedrock", { ...REGION, allowMetadata: true }, host)))).toBe(
      "container",
    );
    const [asked] = isFetched ? host.fetched : host.askedNearby;
    expect([asked!.url, asked!.headers.get("authorization")]).toEqual([url, token ?? null]);
    expect(host.fetched.length + host.askedNearby.length).toBe(1);
  });

  test.each([
    ["refuses", () => new Response("web-identity-token", { status: 403 }), "upstream-credential"],
    ["is busy", () => new Response("", { status: 429 }), "upstream-unavailable"],
    ["fails", () => new Response("", { status: 500 }), "upstream-unavailable"],
    ["answers no JSON", () => new Response("<web-identity-token>"), "upstream-malformed"],
    ["gives no keys", () => Response.json({}), "upstream-malformed"],
    ["is not there", () => Promise.reject(new Error("web-identity-token")), "upstream-unavailable"],
  ] as const)("a token service that %s", async (_what, answer, code) => {
    env["AWS_WEB_IDENTITY_TOKEN_FILE"] = surroundings.write("token", "web-identity-token");
    env["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/pod";
    const host = createFakeHost({ answer });
    const provider = await setUp("bedrock", REGION, host);
    const error = await requestOf(provider).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ code });
    expect((error as Error).message).not.toContain("web-identity-token");
    expect(host.logged.join()).not.toContain("web-identity-token");
  });

  test("a token file that is gone fails the call, not the relay", async () => {
    env["AWS_WEB_IDENTITY_TOKEN_FILE"] = `${surroundings.home}/gone`;
    env["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/pod";
    const provider = await setUp("bedrock", REGION, createFakeHost());
    expect((await failureOf(() => requestOf(provider))).code).toBe("upstream-credential");
  });
});

describe("how often", () => {
  const timed = () => {
    let count = 0;
    const made = createTimedHost({
      answer: () => Response.json(stsAnswer("AssumeRoleWithWebIdentity", `k${"abcdef"[count++]}`, made.at(HOUR))),
    });
    env["AWS_WEB_IDENTITY_TOKEN_FILE"] = surroundings.write("token", "t");
    env["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/pod";
    return made;
  };

  test("a thousand calls at once ask once, at the start and when the keys have run out", async () => {
    const { host, pass } = timed();
    const provider = await setUp("bedrock", REGION, host);
    const thousand = () => Promise.all(Array.from({ length: 1000 }, () => requestOf(provider)));
    expect(new Set((await thousand()).map(signerOf))).toEqual(new Set(["ka"]));
    expect(host.fetched).toHaveLength(1);
    pass(HOUR);
    expect(new Set((await thousand()).map(signerOf))).toEqual(new Set(["kb"]));
    expect(host.fetched).toHaveLength(2);
  });

  test("keys are renewed five minutes early, while the old ones still serve", async () => {
    const { host, pass } = timed();
    const provider = await setUp("bedrock", REGION, host);
    await requestOf(provider);
    pass(HOUR - 5 * 60_000 - 1);
    await requestOf(provider);
    expect(host.fetched).toHaveLength(1);
    pass(1);
    expect(signerOf(await requestOf(provider))).toBe("ka");
    expect(host.fetched).toHaveLength(2);
    await Bun.sleep(0);
    expect(signerOf(await requestOf(provider))).toBe("kb");
  });
});

describe("refused before their time", () => {
  const EXPIRED = refusal(403, { "x-amzn-errortype": "ExpiredTokenException:http://internal.amazon.com/" });

  test("lent keys are asked for anew, once for all calls that were refused; nobody else's are", async () => {
    let count = 0;
    const { host, pass, at } = createTimedHost({
      answer: () => Response.json(stsAnswer("AssumeRoleWithWebIdentity", `k${"abc"[count++]}`, at(HOUR))),
    });
    env["AWS_WEB_IDENTITY_TOKEN_FILE"] = surroundings.write("token", "t");
    env["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/pod";
    const provider = await setUp("bedrock", REGION, host);
    const [first, second] = [await requestOf(provider), await requestOf(provider)];
    // Keys as young as that have not run out: something else is wrong.
    expect(provider.renew!(first, EXPIRED)).toBe(false);
    pass(60_000);
    expect(provider.renew!(first, refusal(403, { "x-amzn-errortype": "AccessDeniedException" }))).toBe(false);
    expect(provider.renew!(first, refusal(401))).toBe(false);
    const own = await requestOf(provider, { secret: `${keysOf("own").id}:own-secret` });
    expect(provider.renew!(own, EXPIRED)).toBe(false);
    expect(provider.renew!(first, EXPIRED)).toBe(true);
    expect(signerOf(await requestOf(provider))).toBe("kb");
    // A late one of the old keys does not cost the new ones their life.
    expect(provider.renew!(second, EXPIRED)).toBe(true);
    expect(signerOf(await requestOf(provider))).toBe("kb");
    expect(host.fetched).toHaveLength(2);
  });

  test("a file that another tool has written anew is read again", async () => {
    surroundings.write(".aws/credentials", `[default]\n${inFile("old", "aws_session_token = old-session\n")}`);
    const { host, pass } = createTimedHost();
    const provider = await setUp("bedrock", REGION, host);
    const request = await requestOf(provider);
    surroundings.write(".aws/credentials", `[default]\n${inFile("new", "aws_session_token = new-session\n")}`);
    expect(signerOf(await requestOf(provider))).toBe("old");
    pass(60_000);
    expect(provider.renew!(request, EXPIRED)).toBe(true);
    expect(signerOf(await requestOf(provider))).toBe("new");
  });

  test("keys of the environment are what they are", async () => {
    env["AWS_ACCESS_KEY_ID"] = keysOf("environment").id;
    env["AWS_SECRET_ACCESS_KEY"] = keysOf("environment").secret;
    const provider = await setUp("bedrock", REGION, createFakeHost());
    expect(provider.renew!(await requestOf(provider), EXPIRED)).toBe(false);
  });
});
