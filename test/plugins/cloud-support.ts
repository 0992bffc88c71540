/** What tests of clouds' credentials share: a clean environment, folders that go again, providers set up in a word. */
import { afterEach, beforeEach } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { builtinProviders } from "../../plugins/index.ts";
import {
  type AnyProviderPlugin,
  type Provider,
  RelayError,
  type UpstreamCall,
  type UpstreamRequest,
} from "../../src/plugin/index.ts";
import { createFakeHost, type FakeHost, type FakeHostInput } from "./fake-host.ts";

/** Variables that clouds look at; what this machine has of them must not decide a test. */
const VARIABLES = /^(AWS_|GOOGLE_|GCE_|CLOUDSDK_|AZURE_|IDENTITY_|MSI_)|^HOME$/;

/** Empties the environment before each test, with a home of its own, and puts it back afterwards. */
export function cleanSurroundings(): { readonly home: string; write(path: string, text: string): string } {
  let before: Record<string, string | undefined> = {};
  let home = "";
  const clear = (): void => {
    for (const name of Object.keys(process.env)) if (VARIABLES.test(name)) delete process.env[name];
  };
  beforeEach(() => {
    before = { ...process.env };
    clear();
    home = mkdtempSync(join(tmpdir(), "monorelay-cloud-"));
    process.env["HOME"] = home;
  });
  afterEach(() => {
    clear();
    for (const [name, value] of Object.entries(before)) if (VARIABLES.test(name)) process.env[name] = value;
    rmSync(home, { recursive: true });
  });
  return {
    get home() {
      return home;
    },
    /** Below the home; returns the path. */
    write(path, text) {
      const whole = join(home, path);
      mkdirSync(dirname(whole), { recursive: true });
      writeFileSync(whole, text);
      return whole;
    },
  };
}

export async function setUp(id: string, options: object, host: FakeHost): Promise<Provider> {
  const plugin = (builtinProviders as readonly AnyProviderPlugin[]).find((each) => each.id === id)!;
  return plugin.setup({ anthropicBeta: [], allowMetadata: false, ...options } as never, host);
}

/** A host whose time passes only when told. */
export function createTimedHost(input: FakeHostInput = {}) {
  let now = Date.parse("2026-11-20T12:00:00Z");
  const host = createFakeHost({ ...input, now: () => now });
  return { host, pass: (ms: number) => void (now += ms), at: (ms: number) => new Date(now + ms).toISOString() };
}

/** The request of a chat call without a key of its own. */
export async function requestOf(provider: Provider, differs: Partial<UpstreamCall> = {}): Promise<UpstreamRequest> {
  const request = await provider.request({
    ...{ operation: "chat", codec: provider.codecs[0], method: "POST", path: "", query: "", model: "some-model" },
    ...{ stream: false, body: "{}", contentType: "application/json", headers: {}, secret: "" },
    signal: new AbortController().signal,
    ...differs,
  } as UpstreamCall);
  if (request instanceof Request) throw new Error("built-ins use the plain form of a request");
  return request;
}

/** What the work failed with; fails when it did not. */
export async function failureOf(work: () => Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await work();
  } catch (error) {
    if (RelayError.is(error)) return { code: error.code, message: `${error.message} < ${error.cause}` };
    return { code: "plain", message: String(error) };
  }
  throw new Error("it did not fail");
}

export const refusal = (status: number, headers: Record<string, string> = {}) => ({
  status,
  header: (name: string) => headers[name] ?? null,
});

export const HOUR = 3_600_000;
