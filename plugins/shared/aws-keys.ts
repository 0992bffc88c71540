/** Keys that AWS lends for a while: by its token service, to a signed-in person, and to the machine it runs on. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import {
  type AwsCredentials,
  createTokenSource,
  type LentToken,
  type ProviderHost,
  RelayError,
  signAws,
  type TokenSource,
} from "monorelay/plugin";
import { askJson, askText, lifetimeUntil, textOf } from "./ask.ts";
import { awsFolder } from "./aws-files.ts";

interface Waiter {
  readonly signal: AbortSignal;
}

/** Where keys come from. */
export interface AwsKeys {
  get(waiter: Waiter): AwsCredentials | Promise<AwsCredentials>;
  /** Absent for keys that never change. */
  readonly lent?: TokenSource<AwsCredentials>;
}

const HOUR_MS = 3_600_000;

export function pairOf(
  id: string | undefined,
  secret: string | undefined,
  session: string | undefined,
): AwsCredentials | undefined {
  if (!id || !secret) return undefined;
  return { accessKeyId: id, secretAccessKey: secret, ...(session ? { sessionToken: session } : {}) };
}

export function fixedKeys(pair: AwsCredentials): AwsKeys {
  return { get: () => pair };
}

export function lentKeys(host: ProviderHost, issue: () => Promise<LentToken<AwsCredentials>>): AwsKeys {
  const lent = createTokenSource({ now: host.now, issue });
  return { get: lent, lent };
}

export function domainOf(region: string): string {
  return region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
}

function stsUrl(region: string, host: ProviderHost): string {
  return `${endpointOf("AWS_ENDPOINT_URL_STS", `https://sts.${region}.${domainOf(region)}`, host)}/`;
}

/** What the environment says of an endpoint may lie anywhere. */
function endpointOf(variable: string, standard: string, host: ProviderHost): string {
  const own = process.env[variable];
  if (own) host.allowOrigin(own);
  return (own || standard).replace(/\/+$/, "");
}

export interface Role {
  readonly arn: string;
  readonly region: string;
  readonly session?: string | undefined;
  readonly externalId?: string | undefined;
  /** How long it is taken on; an hour by default. */
  readonly seconds?: string | undefined;
}

function formOf(action: string, { arn, session, externalId, seconds }: Role): URLSearchParams {
  const form = new URLSearchParams({
    ...{ Action: action, Version: "2011-06-15", RoleArn: arn, RoleSessionName: session || "monorelay" },
  });
  if (externalId) form.set("ExternalId", externalId);
  form.set("DurationSeconds", seconds || "3600");
  return form;
}

/** A role that other keys take on. https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */
export function keysOfRole(role: Role, by: AwsKeys, host: ProviderHost): AwsKeys {
  const url = stsUrl(role.region, host);
  const { region } = role;
  return lentKeys(host, async () => {
    const body = formOf("AssumeRole", role).toString();
    const credentials = await by.get({ signal: host.signal });
    const signed = await signAws({ url, body, service: "sts", region, credentials, now: host.now() });
    return askTokenService(host, url, body, signed, "AssumeRole");
  });
}

/**
 * A role that whoever holds a token file takes on, as in Kubernetes. The file is read each time: it is renewed there.
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
 */
export function keysOfWebIdentity(role: Role, file: string, host: ProviderHost): AwsKeys {
  const url = stsUrl(role.region, host);
  return lentKeys(host, async () => {
    const form = formOf("AssumeRoleWithWebIdentity", role);
    form.set("WebIdentityToken", await readTokenFile(file, "AWS_WEB_IDENTITY_TOKEN_FILE"));
    return askTokenService(host, url, form.toString(), {}, "AssumeRoleWithWebIdentity");
  });
}

export async function readTokenFile(path: string, name: string): Promise<string> {
  try {
    return (await Bun.file(path).text()).trim();
  } catch (cause) {
    throw new RelayError("upstream-credential", `The file that ${name} names cannot be read.`, { cause });
  }
}

async function askTokenService(
  host: ProviderHost,
  url: string,
  body: string,
  signed: Readonly<Record<string, string>>,
  action: string,
): Promise<LentToken<AwsCredentials>> {
  const answer = await askJson({
    ...{ whom: "AWS's token service", send: host.fetch, url, method: "POST", body, signal: host.signal },
    headers: { ...signed, accept: "application/json", "content-type": "application/x-www-form-urlencoded" },
  });
  const outer = answer[`${action}Response`] as Record<string, Record<string, unknown>> | undefined;
  const keys = (outer?.[`${action}Result`]?.["Credentials"] ?? {}) as Record<string, unknown>;
  return lentOf(keys, "SessionToken", "AWS's token service", host);
}

/** `AccessKeyId`, `SecretAccessKey`, a token under one name or another, `Expiration`. */
function lentOf(
  keys: Readonly<Record<string, unknown>>,
  token: string,
  whom: string,
  host: ProviderHost,
): LentToken<AwsCredentials> {
  const value = pairOf(textOf(keys["AccessKeyId"]), textOf(keys["SecretAccessKey"]), textOf(keys[token]));
  if (value === undefined) throw new RelayError("upstream-malformed", `${whom} gave no keys.`);
  return { value, lifetimeMs: lifetimeUntil(keys["Expiration"], host.now(), HOUR_MS) };
}

/** Where the person signed in, and as what. */
export interface SsoSettings {
  /** The session's name, or in older files its start address: what the cached token is filed under. */
  readonly filedUnder: string;
  readonly region: string;
  readonly accountId: string;
  readonly roleName: string;
}

/** The role of somebody who has run `aws sso login`. https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html */
export function keysOfSso({ filedUnder, region, accountId, roleName }: SsoSettings, host: ProviderHost): AwsKeys {
  const file = join(awsFolder(), "sso", "cache", `${createHash("sha1").update(filedUnder).digest("hex")}.json`);
  const root = endpointOf("AWS_ENDPOINT_URL_SSO", `https://portal.sso.${region}.${domainOf(region)}`, host);
  const query = new URLSearchParams({ account_id: accountId, role_name: roleName });
  return lentKeys(host, async () => {
    const { accessToken, expiresAt } = ((await Bun.file(file)
      .json()
      .catch(() => undefined)) ?? {}) as Record<string, unknown>;
    const token = textOf(accessToken);
    if (token === undefined || lifetimeUntil(expiresAt, host.now(), 0) === 0) {
      throw new RelayError("upstream-credential", "The sign-in at AWS has run out; it wants `aws sso login`.");
    }
    const whom = "AWS's sign-in portal";
    const answer = await askJson({
      ...{ whom, send: host.fetch, url: `${root}/federation/credentials?${query}`, signal: host.signal },
      headers: { accept: "application/json", "x-amz-sso_bearer_token": token },
    });
    const keys = (answer["roleCredentials"] ?? {}) as Record<string, unknown>;
    const value = pairOf(textOf(keys["accessKeyId"]), textOf(keys["secretAccessKey"]), textOf(keys["sessionToken"]));
    if (value === undefined) throw new RelayError("upstream-malformed", `${whom} gave no keys.`);
    const end = Number(keys["expiration"]) / 1000;
    return { value, lifetimeMs: lifetimeUntil(end, host.now(), HOUR_MS) };
  });
}

/** The fixed address of ECS, behind a path that the environment names. */
const CONTAINER_ROOT = "http://169.254.170.2";

/** The role of a container. https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html */
export function keysOfContainer(host: ProviderHost): AwsKeys {
  const { env } = process;
  const relative = env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"];
  const url = relative ? `${CONTAINER_ROOT}${relative}` : (env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] ?? "");
  const whom = "The container's credential service";
  if (url.startsWith("https:")) host.allowOrigin(url);
  return lentKeys(host, async () => {
    const tokenFile = env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"];
    const authorization = tokenFile
      ? await readTokenFile(tokenFile, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
      : env["AWS_CONTAINER_AUTHORIZATION_TOKEN"];
    // Without TLS only this machine may be asked; with it anybody whom the environment names.
    const send = url.startsWith("https:") ? host.fetch : host.metadata;
    const headers: Record<string, string> = authorization ? { authorization } : {};
    return lentOf(await askJson({ whom, send, url, headers, signal: host.signal }), "Token", whom, host);
  });
}

/** How long a session with the metadata service may last, s; it is used at once. */
const SESSION_SECONDS = "300";

/** The role of an EC2 instance, by version 2 of its metadata service. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html */
export function keysOfInstance(host: ProviderHost): AwsKeys {
  const { env } = process;
  const isIpv6 = env["AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"]?.toLowerCase() === "ipv6";
  const standard = isIpv6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
  const root = `${(env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] || standard).replace(/\/+$/, "")}/latest`;
  const roles = `${root}/meta-data/iam/security-credentials/`;
  const whom = "The instance's metadata service";
  return lentKeys(host, async () => {
    const common = { whom, send: host.metadata, signal: host.signal };
    const ttl = { "x-aws-ec2-metadata-token-ttl-seconds": SESSION_SECONDS };
    const token = (await askText({ ...common, url: `${root}/api/token`, method: "PUT", headers: ttl })).trim();
    const headers = { "x-aws-ec2-metadata-token": token };
    const role = (await askText({ ...common, url: roles, headers })).split("\n")[0]!.trim();
    const keys = await askJson({ ...common, url: roles + encodeURIComponent(role), headers });
    if (keys["Code"] !== undefined && keys["Code"] !== "Success") {
      throw new RelayError("upstream-credential", `${whom} has no keys to lend.`);
    }
    return lentOf(keys, "Token", whom, host);
  });
}
