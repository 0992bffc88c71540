/** Clouds' credentials through the compiled binary: every kind of lender, behind a proxy and a private root, as on a server. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { ACCESS_KEY, missingBinary, type RunningBinary, startBinary } from "../support/binary.ts";
import { createAuthority } from "../support/certificates.ts";
import { type StandInProxy, startProxy } from "../support/proxies.ts";
import { type Received, startUpstream, type Upstream } from "../support/upstream.ts";

const HOSTS = [
  "aiplatform.googleapis.com",
  "oauth2.googleapis.com",
  "sts.googleapis.com",
  "bedrock-runtime.eu-west-1.amazonaws.com",
  "sts.eu-west-1.amazonaws.com",
  "portal.sso.eu-west-1.amazonaws.com",
  "corp.openai.azure.com",
  "login.microsoftonline.com",
] as const;
const authority = createAuthority();

const pairOf = (name: string) => ({
  AccessKeyId: `ASIA${name.toUpperCase().padEnd(16, "0")}`,
  SecretAccessKey: `${name}-secret-0123456789`,
});
const lent = (name: string, sessionName = "SessionToken") => ({
  ...pairOf(name),
  [sessionName]: `${name}-session-0123456789`,
  Expiration: "2099-01-01T00:00:00Z",
});
const tokenOf = (name: string) => ({ access_token: `lent-to-${name}-0123456789`, expires_in: 3600 });

interface Asked {
  readonly host: string;
  readonly path: string;
  readonly credential: string;
  readonly form: Readonly<Record<string, string>>;
}

/** All vendors and their token services on one port; who is meant, the name says. */
function startVendors() {
  const asked: Asked[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: authority.issue(...HOSTS),
    async fetch(request) {
      const { pathname } = new URL(request.url);
      const host = request.headers.get("host") ?? "";
      const credential = request.headers.get("authorization") ?? "";
      const form = Object.fromEntries(new URLSearchParams(await request.text()));
      asked.push({ host, path: pathname, credential, form });
      switch (host) {
        case "oauth2.googleapis.com":
          return Response.json(tokenOf("person"));
        case "sts.googleapis.com":
          return Response.json(tokenOf(`pod-with-${form["subject_token"]}`));
        case "login.microsoftonline.com":
          return Response.json(tokenOf(form["client_assertion"] === undefined ? "app" : "workload"));
        case "sts.eu-west-1.amazonaws.com": {
          const Credentials = lent("web");
          return Response.json({
            AssumeRoleWithWebIdentityResponse: { AssumeRoleWithWebIdentityResult: { Credentials } },
          });
        }
        case "portal.sso.eu-west-1.amazonaws.com": {
          const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey } = pairOf("sso");
          const expiration = Date.now() + 3_600_000;
          return Response.json({
            roleCredentials: { accessKeyId, secretAccessKey, sessionToken: "sso-session-0123456789", expiration },
          });
        }
        case "aiplatform.googleapis.com":
          return Response.json({ candidates: [{ content: { parts: [{ text: "hello" }] }, finishReason: "STOP" }] });
        case "bedrock-runtime.eu-west-1.amazonaws.com": {
          const output = { message: { role: "assistant", content: [{ text: "hello" }] } };
          return Response.json({
            output,
            stopReason: "end_turn",
            usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 },
          });
        }
        default: {
          const message = { role: "assistant", content: "hello" };
          return Response.json({
            id: "c",
            object: "chat.completion",
            choices: [{ index: 0, message, finish_reason: "stop" }],
          });
        }
      }
    },
  });
  return { asked, port: server.port as number, stop: () => server.stop(true) };
}

/** What a machine at any of the clouds answers about itself. */
function machineAnswer({ method, path, query, headers }: Received) {
  if (path === "/latest/api/token") return method === "PUT" ? { text: "imds-session" } : { status: 405 };
  if (path === "/latest/meta-data/iam/security-credentials/") return { text: "relay" };
  if (path.startsWith("/latest/")) {
    const isSession = headers.get("x-aws-ec2-metadata-token") === "imds-session";
    return isSession ? { json: { Code: "Success", ...lent("instance", "Token") } } : { status: 401 };
  }
  if (path === "/container") return { json: lent("container", "Token") };
  if (path === "/computeMetadata/v1/project/project-id") return { text: "machines-project" };
  if (path.startsWith("/computeMetadata/")) {
    return headers.get("metadata-flavor") === "Google" ? { json: tokenOf("machine") } : { status: 403 };
  }
  if (path === "/metadata/identity/oauth2/token" && headers.get("metadata") === "true") return { json: tokenOf("vm") };
  if (path === "/msi/token" && query.includes("api-version=2019-08-01")) return { json: tokenOf("service") };
  return { status: 404 };
}

interface Kind {
  /** Beside the configuration, which is the working directory and the home. */
  readonly files?: Readonly<Record<string, string>>;
  readonly env: (machine: Upstream) => Readonly<Record<string, string>>;
  readonly options?: object;
  /** Of each vendor's call: who it says it is. */
  readonly expected: { readonly google: RegExp; readonly aws: RegExp; readonly azure: RegExp };
  /** Requests for credentials, by host or by path of the machine. */
  readonly lenders: readonly string[];
}

const bearer = (name: string) => new RegExp(`^Bearer lent-to-${name}-0123456789$`);
const signed = (name: string) => new RegExp(`Credential=${pairOf(name).AccessKeyId}/`);

const FEDERATED = {
  ...{ type: "external_account", audience: "//iam.googleapis.com/x", token_url: "https://sts.googleapis.com/v1/token" },
  subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
};
const PERSON = {
  type: "authorized_user",
  client_id: "g",
  client_secret: "gcloud-secret-01",
  refresh_token: "refresh-0123456",
};

const KINDS: Readonly<Record<string, Kind>> = {
  "files of the clouds' own tools, and a secret of the environment": {
    files: {
      ".aws/credentials": `[default]\naws_access_key_id = ${pairOf("file").AccessKeyId}\naws_secret_access_key = ${pairOf("file").SecretAccessKey}\n`,
      ".config/gcloud/application_default_credentials.json": JSON.stringify(PERSON),
    },
    env: () => ({ AZURE_TENANT_ID: "t", AZURE_CLIENT_ID: "c", AZURE_CLIENT_SECRET: "azure-app-secret-0123" }),
    expected: { google: bearer("person"), aws: signed("file"), azure: bearer("app") },
    lenders: ["login.microsoftonline.com", "oauth2.googleapis.com"],
  },
  "a workload's token files": {
    files: {
      "pod-token": "token-of-pod\n",
      "adc.json": JSON.stringify({ ...FEDERATED, credential_source: { file: "pod-token" } }),
    },
    env: () => ({
      ...{ AWS_WEB_IDENTITY_TOKEN_FILE: "pod-token", AWS_ROLE_ARN: "arn:aws:iam::1:role/pod" },
      GOOGLE_APPLICATION_CREDENTIALS: "adc.json",
      ...{ AZURE_TENANT_ID: "t", AZURE_CLIENT_ID: "c", AZURE_FEDERATED_TOKEN_FILE: "pod-token" },
    }),
    expected: { google: bearer("pod-with-token-of-pod"), aws: signed("web"), azure: bearer("workload") },
    lenders: ["login.microsoftonline.com", "sts.eu-west-1.amazonaws.com", "sts.googleapis.com"],
  },
  "a machine": {
    env: ({ url, port }) => ({
      ...{ AWS_EC2_METADATA_SERVICE_ENDPOINT: url, GCE_METADATA_HOST: `127.0.0.1:${port}` },
      AZURE_POD_IDENTITY_AUTHORITY_HOST: url,
    }),
    options: { allow_metadata: true },
    expected: { google: bearer("machine"), aws: signed("instance"), azure: bearer("vm") },
    lenders: [
      "/computeMetadata/v1/instance/service-accounts/default/token",
      "/latest/api/token",
      "/latest/meta-data/iam/security-credentials/",
      "/latest/meta-data/iam/security-credentials/relay",
      "/metadata/identity/oauth2/token",
    ],
  },
  "a container, and a sign-in at the company": {
    files: {
      "container-token": "pods-authorization",
      ".config/gcloud/application_default_credentials.json": JSON.stringify(PERSON),
    },
    env: ({ url }) => ({
      ...{ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/container`, IDENTITY_ENDPOINT: `${url}/msi/token` },
      ...{ AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: "container-token", IDENTITY_HEADER: "services-pass" },
    }),
    options: { allow_metadata: true },
    expected: { google: bearer("person"), aws: signed("container"), azure: bearer("service") },
    lenders: ["/container", "/msi/token", "oauth2.googleapis.com"],
  },
  "a person signed in by SSO": {
    files: {
      ".aws/config":
        "[default]\nsso_session = corp\nsso_account_id = 1\nsso_role_name = Dev\n[sso-session corp]\nsso_region = eu-west-1\n",
      [`.aws/sso/cache/${createHash("sha1").update("corp").digest("hex")}.json`]: JSON.stringify({
        ...{ accessToken: "portal-token-0123", expiresAt: "2099-01-01T00:00:00Z" },
      }),
      ".config/gcloud/application_default_credentials.json": JSON.stringify(PERSON),
    },
    env: () => ({ AZURE_TENANT_ID: "t", AZURE_CLIENT_ID: "c", AZURE_CLIENT_SECRET: "azure-app-secret-0123" }),
    expected: { google: bearer("person"), aws: signed("sso"), azure: bearer("app") },
    lenders: ["login.microsoftonline.com", "oauth2.googleapis.com", "portal.sso.eu-west-1.amazonaws.com"],
  },
};

describe.skipIf(missingBinary !== undefined)(
  `credentials of clouds${missingBinary === undefined ? "" : ` (${missingBinary})`}`,
  () => {
    let vendors: ReturnType<typeof startVendors>;
    let machine: Upstream;
    let proxy: StandInProxy;
    let socks: StandInProxy;
    beforeAll(async () => {
      vendors = startVendors();
      machine = await startUpstream(machineAnswer);
      const route = (host: string) => (HOSTS.includes(host as never) ? vendors.port : undefined);
      proxy = await startProxy({ kind: "http", route });
      socks = await startProxy({ kind: "socks5", route });
    });
    beforeEach(() => {
      vendors.asked.length = 0;
      machine.forget();
    });
    afterAll(async () => {
      await Promise.all([vendors.stop(), machine.stop(), proxy.stop(), socks.stop()]);
    });

    const start = async ({
      files = {},
      env,
      options = {},
    }: Pick<Kind, "files" | "env" | "options">): Promise<RunningBinary> => {
      return startBinary({
        files: { "root.pem": authority.ca, ...files },
        env: { AWS_REGION: "eu-west-1", ...env(machine) },
        config: JSON.stringify({
          providers: {
            bedrock: { provider_type: "bedrock", models: { include: ["amazon.*"] }, ...options },
            vertex: {
              ...{ provider_type: "vertex", models: { include: ["gemini-*"] }, project: "whole", ...options },
              // Its own way holds for its tokens too.
              proxy: socks.url,
            },
            azure: {
              ...{ provider_type: "azure", base_url: "https://corp.openai.azure.com", models: { include: ["gpt-*"] } },
              ...{ auth: "entra", ...options },
            },
          },
          network: { proxy: proxy.url, ca_file: "root.pem" },
          model_routing: { failover: { enabled: false } },
        }),
      });
    };
    const ask = (relay: RunningBinary, model: string) =>
      fetch(`${relay.url}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${ACCESS_KEY}`, "content-type": "application/json" },
        body: JSON.stringify({ model, messages: [{ role: "user", content: "hi" }] }),
      });

    const CALLS = [
      ["google", "gemini-2.5-pro", "aiplatform.googleapis.com"],
      ["aws", "amazon.nova-lite-v1:0", "bedrock-runtime.eu-west-1.amazonaws.com"],
      ["azure", "gpt-5", "corp.openai.azure.com"],
    ] as const;

    test.each(Object.keys(KINDS))("%s", async (name) => {
      const kind = KINDS[name]!;
      const relay = await start(kind);
      try {
        expect([vendors.asked, machine.received]).toEqual([[], []]);
        for (const [vendor, model, host] of CALLS) {
          const answers = await Promise.all(Array.from({ length: 20 }, () => ask(relay, model)));
          expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
          for (const answer of answers) expect(await answer.text()).toContain('"hello"');
          const calls = vendors.asked.filter((asked) => asked.host === host);
          expect(calls).toHaveLength(20);
          for (const { credential } of calls) expect(credential).toMatch(kind.expected[vendor]);
        }
        const isVendor = (host: string): boolean => CALLS.some(([, , own]) => own === host);
        const lenders = [
          ...machine.received.map(({ path }) => path),
          ...vendors.asked.map(({ host }) => host).filter((host) => !isVendor(host)),
        ];
        const isGoogles = (place: string): boolean => place.includes("googleapis.com");
        expect([socks.asked.every(isGoogles), proxy.asked.some(isGoogles)]).toEqual([true, false]);
        // Each of them once, though twenty calls wanted it at the same time.
        expect(lenders.toSorted()).toEqual([...kind.lenders]);
        expect(relay.stderr()).not.toMatch(
          /lent-to-|-secret-|-session-|token-of-pod|portal-token|refresh-0123456|imds-session/,
        );
      } finally {
        expect(await relay.stop()).toBe(0);
      }
    });

    test("the machine is not asked unless the entry allows it, and the log says what was tried", async () => {
      const env = KINDS["a machine"]!.env;
      // Without anybody to lend a token, an entry that wants one is not accepted at all.
      expect(await start({ env }).catch((error: Error) => error.message)).toContain("allow_metadata is off");
      const relay = await start({
        env: (from) => ({ ...env(from), ...KINDS["a person signed in by SSO"]!.env(from) }),
      });
      try {
        for (const [vendor, model] of CALLS) {
          if (vendor === "azure") continue;
          const answer = await ask(relay, model);
          expect([answer.status, await answer.text()]).toEqual([
            503,
            expect.stringContaining("The provider has no credentials."),
          ]);
        }
        expect([vendors.asked, machine.received]).toEqual([[], []]);
        // Lines are written a moment later; if one never is, the test's own limit ends it.
        for (const words of [
          "GOOGLE_APPLICATION_CREDENTIALS is not set",
          "the instance's metadata service is not asked: allow_metadata is off",
        ]) {
          while (!relay.stderr().includes(words)) await Bun.sleep(5);
        }
      } finally {
        expect(await relay.stop()).toBe(0);
      }
    });
  },
);
