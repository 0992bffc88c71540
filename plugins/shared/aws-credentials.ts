/** Where AWS credentials come from: the surroundings, a profile in AWS's own files, a role taken on for an hour. */
import { homedir } from "node:os";
import { join } from "node:path";
import { type AwsCredentials, createTokenSource, type ProviderHost, RelayError, signAws } from "monorelay/plugin";

export type AwsCredential = { readonly bearer: string } | { readonly pair: AwsCredentials };

export function pairOf(
  id: string | undefined,
  secret: string | undefined,
  session: string | undefined,
): AwsCredentials | undefined {
  if (!id || !secret) return undefined;
  return { accessKeyId: id, secretAccessKey: secret, ...(session ? { sessionToken: session } : {}) };
}

/**
 * What the surroundings lend a process at AWS, in the order of AWS's own tools. A bearer key is lent for AWS's own hosts
 * alone: whoever may point an entry elsewhere must not be sent what its configuration never held.
 */
export function credentialOfEnvironment(baseUrl: string): AwsCredential | undefined {
  const { env } = process;
  const isOwnHost = /^https:\/\/[^/?#@]+\.amazonaws\.com(?:\.cn)?(?:[:/]|$)/.test(baseUrl);
  if (isOwnHost && env["AWS_BEARER_TOKEN_BEDROCK"]) return { bearer: env["AWS_BEARER_TOKEN_BEDROCK"] };
  const pair = pairOf(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"]);
  return pair === undefined ? undefined : { pair };
}

export interface AwsProfile {
  readonly pair: AwsCredentials;
  readonly region: string | undefined;
}

/**
 * Reads a profile that holds keys. https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html
 * Throws a plain error, which shows nothing of the files.
 */
export async function readProfile(name: string): Promise<AwsProfile> {
  const folder = join(process.env["HOME"] ?? homedir(), ".aws");
  const secrets = await readIni(process.env["AWS_SHARED_CREDENTIALS_FILE"] ?? join(folder, "credentials"));
  const settings = await readIni(process.env["AWS_CONFIG_FILE"] ?? join(folder, "config"));
  const values = { ...settings.get(name === "default" ? name : `profile ${name}`), ...secrets.get(name) };
  const pair = pairOf(values["aws_access_key_id"], values["aws_secret_access_key"], values["aws_session_token"]);
  if (pair === undefined) throw new Error(`the AWS profile "${name}" does not exist, or holds no keys`);
  return { pair, region: values["region"] };
}

/** Sections of `name = value` lines; a file that is not there has none. */
async function readIni(path: string): Promise<Map<string, Record<string, string>>> {
  const sections = new Map<string, Record<string, string>>();
  const file = Bun.file(path);
  if (!(await file.exists())) return sections;
  let section: Record<string, string> | undefined;
  for (const line of (await file.text()).split(/\r?\n/)) {
    const head = /^\s*\[\s*([^\]]+?)\s*\]/.exec(line);
    if (head !== null) sections.set(head[1]!.replace(/\s+/g, " "), (section = {}));
    // Indented lines belong to settings of several values, none of which is of use here.
    const pair = /^([A-Za-z_]+)\s*=\s*(.*?)\s*$/.exec(line);
    if (pair !== null && section !== undefined) section[pair[1]!.toLowerCase()] = pair[2]!;
  }
  return sections;
}

export interface RoleOptions {
  readonly roleArn: string;
  readonly region: string;
  /** Who takes the role on. */
  readonly pair: AwsCredentials;
  readonly host: ProviderHost;
}

const ROLE_SECONDS = 3600;

/** The role's own keys, renewed before they run out. https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */
export function keysOfRole({ roleArn, region, pair, host }: RoleOptions) {
  const url = `${(process.env["AWS_ENDPOINT_URL_STS"] ?? `https://sts.${region}.amazonaws.com`).replace(/\/+$/, "")}/`;
  host.allowOrigin(url);
  const form = new URLSearchParams({
    ...{ Action: "AssumeRole", Version: "2011-06-15", RoleArn: roleArn },
    ...{ RoleSessionName: "monorelay", DurationSeconds: String(ROLE_SECONDS) },
  });
  const source = createTokenSource({
    now: host.now,
    async issue() {
      const body = form.toString();
      const signed = await signAws({ url, body, service: "sts", region, credentials: pair, now: host.now() });
      const headers = { ...signed, accept: "application/json", "content-type": "application/x-www-form-urlencoded" };
      return { value: JSON.stringify(await assume(host, url, body, headers)), lifetimeMs: ROLE_SECONDS * 1000 };
    },
  });
  let latest: { readonly text: string; readonly pair: AwsCredentials } | undefined;
  return async (waiter: { readonly signal: AbortSignal }): Promise<AwsCredentials> => {
    const text = await source(waiter);
    // The same object for the same keys, so that what was derived from them is found again.
    if (latest?.text !== text) latest = { text, pair: JSON.parse(text) as AwsCredentials };
    return latest.pair;
  };
}

async function assume(
  host: ProviderHost,
  url: string,
  body: string,
  headers: Record<string, string>,
): Promise<AwsCredentials> {
  let response: Response;
  try {
    response = await host.fetch(url, { method: "POST", body, headers, signal: host.signal });
  } catch (cause) {
    throw new RelayError("upstream-unavailable", "AWS's token service could not be reached.", { cause });
  }
  if (response.status >= 400 && response.status < 500 && response.status !== 429) {
    throw new RelayError("upstream-credential", "The upstream refused the relay's credentials.");
  }
  if (!response.ok) throw new RelayError("upstream-unavailable", "AWS's token service failed.");
  const answer = (await response.json().catch(() => undefined)) as
    | { AssumeRoleResponse?: { AssumeRoleResult?: { Credentials?: Record<string, unknown> } } }
    | undefined;
  const keys = answer?.AssumeRoleResponse?.AssumeRoleResult?.Credentials ?? {};
  const pair = pairOf(textOf(keys["AccessKeyId"]), textOf(keys["SecretAccessKey"]), textOf(keys["SessionToken"]));
  if (pair === undefined) throw new RelayError("upstream-malformed", "AWS's token service gave no keys.");
  return pair;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
