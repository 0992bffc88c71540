/** A host for plugins under test: no network, a clock that stands still, a directory of one. */
import type { Directory, Identity, ProviderHost } from "../../src/plugin/index.ts";

export const IDENTITY: Identity = {
  kind: "session",
  id: "user:7",
  name: "ada",
  userId: 7,
  orgId: null,
  apiKeyId: null,
  role: "user",
  scopes: new Set(["chat:write"]),
  via: "test",
};

export interface FakeHost extends ProviderHost {
  /** What the plugin asked of the network. */
  readonly fetched: { readonly url: string; readonly headers: Headers }[];
}

export interface FakeHostInput {
  readonly baseUrl?: string;
  /** Answers `host.fetch`; without it, any fetch fails. */
  readonly answer?: (url: string) => Response;
  readonly directory?: Partial<Directory>;
}

export function createFakeHost({ baseUrl = "", answer, directory = {} }: FakeHostInput = {}): FakeHost {
  const fetched: FakeHost["fetched"] = [];
  const silent = (): void => {};
  const nobody = (): undefined => undefined;
  return {
    pluginId: "test",
    entry: "test",
    baseUrl,
    log: { debug: silent, info: silent, warn: silent, error: silent },
    fetch: async (input, init) => {
      const request = input instanceof Request ? input : new Request(String(input), init);
      fetched.push({ url: request.url, headers: request.headers });
      if (answer === undefined) throw new Error("this test has no network");
      return answer(request.url);
    },
    allowOrigin: silent,
    now: () => 1_700_000_000_000,
    directory: {
      findByAccessKey: nobody,
      isApiKey: (secret) => secret.startsWith("mr_"),
      findByApiKey: nobody,
      findBySession: nobody,
      findByLink: nobody,
      ...directory,
    },
    signal: new AbortController().signal,
    fetched,
  };
}
