/** Workload identity federation: a token of somebody else's, exchanged for one of Google's. https://google.aip.dev/auth/4117 */
import { type LentToken, type ProviderHost, RelayError, signAws } from "monorelay/plugin";
import { askJson, askText, textOf } from "./ask.ts";
import { findAwsAccess } from "./aws-credentials.ts";
import { readTokenFile } from "./aws-keys.ts";
import { lentTokenIn } from "./lent-token.ts";

type Fields = Readonly<Record<string, unknown>>;

const WHOM = "Google's token exchange";
const TYPE = "urn:ietf:params:oauth:token-type:access_token";

export interface Federation {
  readonly audience: string;
  readonly subjectTokenType: string;
  readonly tokenUrl: string;
  readonly source: Fields;
  /** Of the client, for identity pools of people. */
  readonly userProject: string | undefined;
}

/** Reads the JSON of such a file. Throws a plain error that shows nothing of it but names of fields. */
export function readFederation(file: Fields): Federation {
  const [audience, subjectTokenType, tokenUrl] = ["audience", "subject_token_type", "token_url"].map((name) =>
    textOf(file[name]),
  );
  const source = file["credential_source"];
  if (!audience || !subjectTokenType || !tokenUrl || typeof source !== "object" || source === null) {
    throw new Error(
      "the credentials are not those of an external account (audience, subject_token_type, token_url, credential_source)",
    );
  }
  // A file from a stranger could have tokens of this machine sent anywhere.
  if (!isGoogles(tokenUrl)) throw new Error("the credentials name a token_url that is not Google's");
  for (const refused of ["executable", "certificate"]) {
    if (refused in source) throw new Error(`the credentials want an ${refused}, which is not supported`);
  }
  return {
    audience,
    subjectTokenType,
    tokenUrl,
    source: source as Fields,
    userProject: textOf(file["workforce_pool_user_project"]),
  };
}

export function isGoogles(url: string): boolean {
  return /^https:\/\/[a-z0-9.-]+\.googleapis\.com\//.test(url);
}

export async function exchange(
  own: Federation,
  scope: string,
  allowMetadata: boolean,
  host: ProviderHost,
): Promise<LentToken> {
  const { audience, subjectTokenType, tokenUrl, userProject } = own;
  const form = new URLSearchParams({
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    ...{ audience, scope, requested_token_type: TYPE },
    ...{ subject_token_type: subjectTokenType, subject_token: await subjectToken(own, allowMetadata, host) },
  });
  if (userProject !== undefined) form.set("options", JSON.stringify({ userProject }));
  const answer = await askJson({
    whom: WHOM,
    send: host.fetch,
    url: tokenUrl,
    method: "POST",
    body: form,
    signal: host.signal,
  });
  return lentTokenIn(answer, host.now(), WHOM);
}

async function subjectToken(
  { source, audience }: Federation,
  allowMetadata: boolean,
  host: ProviderHost,
): Promise<string> {
  const [file, url, environment] = ["file", "url", "environment_id"].map((name) => textOf(source[name]));
  if (environment?.startsWith("aws") === true) return awsToken(source, audience, allowMetadata, host);
  if (file !== undefined) return formatted(await readTokenFile(file, "credential_source"), source["format"]);
  if (url === undefined)
    throw new RelayError("upstream-credential", "The credentials name no source of tokens that is known.");
  const headers = (source["headers"] ?? {}) as Record<string, string>;
  const whom = "The source of the token to exchange";
  return formatted(
    await askText({ whom, url, headers, send: senderFor(url, host), signal: host.signal }),
    source["format"],
  );
}

/** Without TLS only this machine may be asked, and only where that is allowed. */
function senderFor(url: string, host: ProviderHost): (url: string, init: RequestInit) => Promise<Response> {
  if (!url.startsWith("https:")) return host.metadata;
  host.allowOrigin(url);
  return host.fetch;
}

function formatted(text: string, format: unknown): string {
  const { type, subject_token_field_name: field } = (format ?? {}) as Fields;
  if (type !== "json") return text.trim();
  let token: string | undefined;
  try {
    token = textOf((JSON.parse(text) as Fields)[String(field)]);
  } catch {
    // The parser's message would quote the token.
  }
  if (token !== undefined) return token;
  throw new RelayError("upstream-credential", "The source of the token to exchange holds none in that field.");
}

/** A request that asks AWS who we are, signed and not sent: Google sends it. */
async function awsToken(source: Fields, audience: string, allowMetadata: boolean, host: ProviderHost): Promise<string> {
  const access = await findAwsAccess({ allowMetadata }, host, () => "");
  if (access.keys === undefined) {
    const cause = new Error(`looked in vain: ${access.tried.join("; ")}`);
    throw new RelayError("upstream-credential", "AWS lends no keys to exchange for a token.", { cause });
  }
  const template =
    textOf(source["regional_cred_verification_url"]) ??
    "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15";
  const url = template.replace("{region}", access.region);
  const credentials = await access.keys.get({ signal: host.signal });
  const { region } = access;
  const signed = await signAws({
    url,
    method: "POST",
    body: null,
    service: "sts",
    region,
    credentials,
    now: host.now(),
  });
  const headers = { "x-goog-cloud-target-resource": audience, host: new URL(url).host, ...signed };
  const list = Object.entries(headers).map(([key, value]) => ({ key, value }));
  return encodeURIComponent(JSON.stringify({ url, method: "POST", headers: list }));
}
