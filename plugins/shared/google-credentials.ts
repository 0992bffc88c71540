/** Where Google's credentials come from: a file of any of its kinds, the places of Google's own tools, the machine itself. */
import { homedir } from "node:os";
import { join } from "node:path";
import {
  createTokenSource,
  fetchToken,
  type LentToken,
  type ProviderHost,
  RelayError,
  type TokenSource,
} from "monorelay/plugin";
import { askJson, askText, textOf } from "./ask.ts";
import { exchange, isGoogles, readFederation } from "./google-federation.ts";
import { lentTokenIn } from "./lent-token.ts";
import { issueForAccount, readServiceAccount, SCOPE } from "./service-account.ts";

type Fields = Readonly<Record<string, unknown>>;
type Issue = () => Promise<LentToken>;

interface Waiter {
  readonly signal: AbortSignal;
}

export interface GoogleAccount {
  readonly token: TokenSource;
  /** Where calls belong to; of a machine it is asked for when it is needed. */
  readonly project: string | ((waiter: Waiter) => string | Promise<string>) | undefined;
  /** Who pays for calls of a person. */
  readonly quotaProject: string | undefined;
}

/** A service account given as a provider key: of the other kinds some read files, and keys may come from elsewhere. */
export function accountOfKey(json: string, host: ProviderHost): GoogleAccount {
  try {
    const file = parse(json);
    return accountOf(issueForAccount(readServiceAccount(file), host), host, file);
  } catch (cause) {
    throw new RelayError("upstream-credential", "The provider's key is no service account.", { cause });
  }
}

function accountOf(issue: Issue, host: ProviderHost, file: Fields): GoogleAccount {
  const token = createTokenSource({ now: host.now, issue });
  return { token, project: textOf(file["project_id"]), quotaProject: textOf(file["quota_project_id"]) };
}

/** A credentials file of any kind. Throws a plain error that shows nothing of it. */
export function readGoogleCredentials(json: string, allowMetadata: boolean, host: ProviderHost): GoogleAccount {
  const file = parse(json);
  return accountOf(issuerOf(file, allowMetadata, host), host, file);
}

function parse(json: string): Fields {
  try {
    return (JSON.parse(json) ?? {}) as Fields;
  } catch {
    throw new Error("the credentials are not JSON"); // the parser's message would quote them
  }
}

function issuerOf(file: Fields, allowMetadata: boolean, host: ProviderHost): Issue {
  switch (file["type"]) {
    case "authorized_user":
      return issueForPerson(file, host);
    case "external_account": {
      const federation = readFederation(file);
      return impersonating(file, () => exchange(federation, SCOPE, allowMetadata, host), host);
    }
    case "impersonated_service_account": {
      const source = (file["source_credentials"] ?? {}) as Fields;
      if (file["service_account_impersonation_url"] === undefined) {
        throw new Error(
          "the credentials are not those of an impersonated service account (service_account_impersonation_url)",
        );
      }
      return impersonating(file, issuerOf(source, allowMetadata, host), host);
    }
    default:
      return issueForAccount(readServiceAccount(file), host);
  }
}

/** Somebody who has run `gcloud auth application-default login`. */
function issueForPerson(file: Fields, host: ProviderHost): Issue {
  const [id, secret, refresh] = ["client_id", "client_secret", "refresh_token"].map((name) => textOf(file[name]));
  if (!id || !secret || !refresh) {
    throw new Error("the credentials are not those of a user (client_id, client_secret, refresh_token)");
  }
  const form = { grant_type: "refresh_token", client_id: id, client_secret: secret, refresh_token: refresh };
  return () => fetchToken({ url: "https://oauth2.googleapis.com/token", form, send: host.fetch, signal: host.signal });
}

/** https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken */
function impersonating(file: Fields, issue: Issue, host: ProviderHost): Issue {
  const url = textOf(file["service_account_impersonation_url"]);
  if (url === undefined) return issue;
  if (!isGoogles(url)) throw new Error("the credentials name a service_account_impersonation_url that is not Google's");
  const whom = "Google's impersonation of service accounts";
  const delegates = Array.isArray(file["delegates"]) ? { delegates: file["delegates"] } : {};
  const body = JSON.stringify({ scope: [SCOPE], lifetime: "3600s", ...delegates });
  return async () => {
    const headers = { authorization: `Bearer ${(await issue()).value}`, "content-type": "application/json" };
    const answer = await askJson({ whom, send: host.fetch, url, method: "POST", headers, body, signal: host.signal });
    return lentTokenIn(answer, host.now(), whom);
  };
}

export interface GoogleSearch {
  readonly account: GoogleAccount | undefined;
  /** Where was looked; no secret, no content of a file. */
  readonly tried: readonly string[];
}

/** Application Default Credentials. https://cloud.google.com/docs/authentication/application-default-credentials */
export async function findGoogleAccount(allowMetadata: boolean, host: ProviderHost): Promise<GoogleSearch> {
  const named = process.env["GOOGLE_APPLICATION_CREDENTIALS"];
  if (named) {
    let json: string;
    try {
      json = await Bun.file(named).text();
    } catch {
      throw new Error("the file that GOOGLE_APPLICATION_CREDENTIALS names cannot be read");
    }
    return { account: readGoogleCredentials(json, allowMetadata, host), tried: [] };
  }
  const tried = ["GOOGLE_APPLICATION_CREDENTIALS is not set"];
  const folder = process.env["CLOUDSDK_CONFIG"] || join(process.env["HOME"] || homedir(), ".config", "gcloud");
  const wellKnown = await Bun.file(join(folder, "application_default_credentials.json"))
    .text()
    .catch(() => undefined);
  try {
    if (wellKnown !== undefined) return { account: readGoogleCredentials(wellKnown, allowMetadata, host), tried };
    tried.push("there is no application_default_credentials.json of gcloud");
  } catch (error) {
    // It may lie there for other purposes.
    tried.push(`application_default_credentials.json of gcloud: ${(error as Error).message}`);
  }
  if (allowMetadata) return { account: accountOfMachine(host), tried };
  tried.push("the metadata service is not asked: allow_metadata is off");
  return { account: undefined, tried };
}

/** https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys */
function accountOfMachine(host: ProviderHost): GoogleAccount {
  const { env } = process;
  const root = `http://${env["GCE_METADATA_HOST"] || env["GCE_METADATA_IP"] || "169.254.169.254"}/computeMetadata/v1`;
  const whom = "Google's metadata service";
  const common = { whom, send: host.metadata, headers: { "metadata-flavor": "Google" }, signal: host.signal };
  const token = createTokenSource({
    now: host.now,
    async issue() {
      const url = `${root}/instance/service-accounts/default/token`;
      return lentTokenIn(await askJson({ ...common, url }), host.now(), whom);
    },
  });
  const project = createTokenSource({
    now: host.now,
    async issue() {
      const value = (await askText({ ...common, url: `${root}/project/project-id` })).trim();
      return { value, lifetimeMs: Number.POSITIVE_INFINITY };
    },
  });
  return { token, project, quotaProject: undefined };
}
