/** AWS's own files. https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html */
import { homedir } from "node:os";
import { join } from "node:path";

export type AwsSection = Readonly<Record<string, string>>;

export interface AwsFiles {
  /** Settings of a profile, those of the credentials file before those of the other; `undefined` = it is in neither. */
  profile(name: string): AwsSection | undefined;
  ssoSession(name: string): AwsSection | undefined;
}

export function awsFolder(): string {
  return join(process.env["HOME"] || homedir(), ".aws");
}

/** Files that are not there, or that may not be read, are empty ones. */
export async function readAwsFiles(): Promise<AwsFiles> {
  const { env } = process;
  const [secrets, settings] = await Promise.all([
    readIni(env["AWS_SHARED_CREDENTIALS_FILE"] || join(awsFolder(), "credentials")),
    readIni(env["AWS_CONFIG_FILE"] || join(awsFolder(), "config")),
  ]);
  return {
    profile(name) {
      const named = settings.get(`profile ${name}`) ?? (name === "default" ? settings.get(name) : undefined);
      const secret = secrets.get(name);
      return named === undefined && secret === undefined ? undefined : { ...named, ...secret };
    },
    ssoSession: (name) => settings.get(`sso-session ${name}`),
  };
}

async function readIni(path: string): Promise<Map<string, Record<string, string>>> {
  const sections = new Map<string, Record<string, string>>();
  let text: string;
  try {
    text = await Bun.file(path).text();
  } catch {
    return sections;
  }
  let section: Record<string, string> | undefined;
  for (const line of text.split(/\r?\n/)) {
    const head = /^\s*\[\s*([^\]]+?)\s*\]/.exec(line);
    if (head !== null) sections.set(head[1]!.replace(/\s+/g, " "), (section = {}));
    // Indented lines belong to settings of several values, none of which is of use here.
    const pair = /^([A-Za-z_]+)\s*=\s*(.*?)\s*$/.exec(line);
    if (pair !== null && section !== undefined) section[pair[1]!.toLowerCase()] = pair[2]!;
  }
  return sections;
}
