/** Where AWS credentials come from, in the order of AWS's own tools: what is configured, the environment, AWS's files, the machine. */
import { type AwsCredentials, type ProviderHost, RelayError } from "monorelay/plugin";
import { type AwsFiles, type AwsSection, readAwsFiles } from "./aws-files.ts";
import {
  type AwsKeys,
  fixedKeys,
  keysOfContainer,
  keysOfInstance,
  keysOfRole,
  keysOfSso,
  keysOfWebIdentity,
  lentKeys,
  pairOf,
} from "./aws-keys.ts";

export interface AwsOptions {
  readonly region?: string;
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly sessionToken?: string;
  readonly profile?: string;
  readonly roleArn?: string;
  readonly allowMetadata: boolean;
}

export interface AwsAccess {
  readonly region: string;
  /** A key of Bedrock's own, lent by the environment. */
  readonly bearer: string | undefined;
  readonly keys: AwsKeys | undefined;
  /** Where was looked, and why nothing came of it; no secret, no content of a file. */
  readonly tried: readonly string[];
}

/**
 * Finds out who lends the keys, without asking anybody yet. `baseUrlOf`: where calls go to in a region.
 *
 * @throws Error in plain words when what is configured cannot be
 */
export async function findAwsAccess(
  options: AwsOptions,
  host: ProviderHost,
  baseUrlOf: (region: string) => string,
): Promise<AwsAccess> {
  const { env } = process;
  const files = await readAwsFiles();
  const profile = options.profile ?? (env["AWS_PROFILE"] || "default");
  const ofFiles = files.profile(profile)?.["region"];
  const ofEnvironment = env["AWS_REGION"] || env["AWS_DEFAULT_REGION"];
  const region =
    options.region ??
    (options.profile === undefined ? ofEnvironment || ofFiles : ofFiles || ofEnvironment) ??
    "us-east-1";
  const search = new Search(options, host, files, profile, region);
  const { bearer, keys } = search.run(baseUrlOf(region));
  if (options.roleArn === undefined) return { region, bearer, keys, tried: search.tried };
  if (keys === undefined) {
    throw new Error("role_arn needs keys that may take the role on: access_key_id, profile or AWS_ACCESS_KEY_ID");
  }
  const role = keysOfRole({ arn: options.roleArn, region }, keys, host);
  return { region, bearer: undefined, keys: role, tried: search.tried };
}

class Search {
  readonly tried: string[] = [];

  constructor(
    private readonly options: AwsOptions,
    private readonly host: ProviderHost,
    private readonly files: AwsFiles,
    private readonly profile: string,
    private readonly region: string,
  ) {}

  run(baseUrl: string): { bearer: string | undefined; keys: AwsKeys | undefined } {
    const { accessKeyId, secretAccessKey, sessionToken, profile } = this.options;
    const { env } = process;
    const own = pairOf(accessKeyId, secretAccessKey, sessionToken);
    if (own !== undefined) return { bearer: undefined, keys: fixedKeys(own) };
    this.tried.push("access_key_id is not set");
    if (profile !== undefined) return { bearer: undefined, keys: this.#ofProfile(profile, []) };
    const bearer = env["AWS_BEARER_TOKEN_BEDROCK"];
    // Lent for AWS's own hosts alone: whoever may point an entry elsewhere must not be sent what it never held.
    const isOwnHost = /^https:\/\/[^/?#@]+\.amazonaws\.com(?:\.cn)?(?:[:/]|$)/.test(baseUrl);
    if (isOwnHost && bearer) return { bearer, keys: undefined };
    this.tried.push(`AWS_BEARER_TOKEN_BEDROCK ${bearer ? "is for AWS's own hosts only" : "is not set"}`);
    const keys =
      this.#ofEnvironment() ?? this.#ofFiles() ?? this.#ofWebIdentity() ?? this.#ofContainer() ?? this.#ofInstance();
    return { bearer: undefined, keys };
  }

  #ofEnvironment(): AwsKeys | undefined {
    const { env } = process;
    const pair = pairOf(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"]);
    if (pair === undefined) this.tried.push("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set");
    return pair === undefined ? undefined : fixedKeys(pair);
  }

  #ofFiles(): AwsKeys | undefined {
    const name = this.profile;
    if (this.files.profile(name) !== undefined) {
      try {
        return this.#ofProfile(name, []);
      } catch (error) {
        // A profile that was asked for by name must be right; one that merely lies there may be for other purposes.
        if (process.env["AWS_PROFILE"]) throw error;
        this.tried.push((error as Error).message);
        return undefined;
      }
    }
    this.tried.push(`the profile "${name}" is not in AWS's files`);
    return undefined;
  }

  #ofWebIdentity(): AwsKeys | undefined {
    const { env } = process;
    const [file, arn] = [env["AWS_WEB_IDENTITY_TOKEN_FILE"], env["AWS_ROLE_ARN"]];
    if (file && arn) {
      const session = env["AWS_ROLE_SESSION_NAME"];
      return keysOfWebIdentity({ arn, session, region: this.region }, file, this.host);
    }
    this.tried.push("AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN are not both set");
    return undefined;
  }

  #ofContainer(): AwsKeys | undefined {
    const names = ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];
    const name = names.find((each) => process.env[each]);
    if (name !== undefined && this.options.allowMetadata) return keysOfContainer(this.host);
    this.tried.push(name === undefined ? "no container lends any" : `${name} is set, but allow_metadata is off`);
    return undefined;
  }

  #ofInstance(): AwsKeys | undefined {
    const isDisabled = process.env["AWS_EC2_METADATA_DISABLED"]?.toLowerCase() === "true";
    if (this.options.allowMetadata && !isDisabled) return keysOfInstance(this.host);
    const why = isDisabled ? "AWS_EC2_METADATA_DISABLED is true" : "allow_metadata is off";
    this.tried.push(`the instance's metadata service is not asked: ${why}`);
    return undefined;
  }

  /** `above`: the profiles that lean on this one. */
  #ofProfile(name: string, above: readonly string[]): AwsKeys {
    const values = this.files.profile(name) ?? {};
    if (above.includes(name)) throw new Error(`the AWS profile "${name}" leans on itself`);
    if (values["role_arn"]) return this.#ofRole(name, values, above);
    if (pairIn(values) !== undefined) return this.#ofKeysInFile(name);
    if (values["sso_account_id"]) return this.#ofSso(name, values);
    if (values["credential_process"]) {
      throw new Error(`the AWS profile "${name}" names a credential_process, and programs are not run`);
    }
    throw new Error(`the AWS profile "${name}" does not exist, or holds no keys`);
  }

  #ofRole(name: string, values: AwsSection, above: readonly string[]): AwsKeys {
    const role = {
      ...{ arn: values["role_arn"]!, region: values["region"] ?? this.region },
      ...{
        session: values["role_session_name"],
        externalId: values["external_id"],
        seconds: values["duration_seconds"],
      },
    };
    if (values["web_identity_token_file"]) return keysOfWebIdentity(role, values["web_identity_token_file"], this.host);
    if (values["mfa_serial"]) throw new Error(`the AWS profile "${name}" wants a code of a person (mfa_serial)`);
    const source = values["source_profile"];
    if (source === name) return keysOfRole(role, this.#ofKeysInFile(name), this.host);
    if (source) return keysOfRole(role, this.#ofProfile(source, [...above, name]), this.host);
    const by = this.#named(values["credential_source"]);
    if (by === undefined) {
      throw new Error(
        `the AWS profile "${name}" has a role_arn, but nobody who may take it on: ${this.tried.join("; ")}`,
      );
    }
    return keysOfRole(role, by, this.host);
  }

  #named(source: string | undefined): AwsKeys | undefined {
    if (source === "Environment") return this.#ofEnvironment();
    if (source === "EcsContainer") return this.#ofContainer();
    return source === "Ec2InstanceMetadata" ? this.#ofInstance() : undefined;
  }

  /** Other tools write new keys into these files: when the old ones are refused, they are read again. */
  #ofKeysInFile(name: string): AwsKeys {
    if (pairIn(this.files.profile(name) ?? {}) === undefined) {
      throw new Error(`the AWS profile "${name}" does not exist, or holds no keys`);
    }
    return lentKeys(this.host, async () => {
      const value = pairIn((await readAwsFiles()).profile(name) ?? {});
      if (value !== undefined) return { value, lifetimeMs: Number.POSITIVE_INFINITY };
      throw new RelayError("upstream-credential", `The AWS profile "${name}" holds no keys any more.`);
    });
  }

  #ofSso(name: string, values: AwsSection): AwsKeys {
    const session = values["sso_session"];
    const settings = session === undefined ? values : { ...this.files.ssoSession(session), ...values };
    const { sso_account_id: accountId, sso_role_name: roleName, sso_region: region } = settings;
    const filedUnder = session ?? settings["sso_start_url"];
    if (!accountId || !roleName || !region || !filedUnder) {
      throw new Error(`the AWS profile "${name}" signs in by SSO, but does not say where or as what`);
    }
    return keysOfSso({ filedUnder, region, accountId, roleName }, this.host);
  }
}

function pairIn(values: AwsSection): AwsCredentials | undefined {
  return pairOf(values["aws_access_key_id"], values["aws_secret_access_key"], values["aws_session_token"]);
}
