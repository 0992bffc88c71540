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
  readonly fetched: Asked[];
  /** What it asked of the machine's own services. */
  readonly askedNearby: Asked[];
  /** What it wrote into the log. */
  readonly logged: string[];
  /** URLs whose origins it had allowed for `fetch`. */
  readonly allowed: string[];
}

export interface Asked {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: string;
}

export interface FakeHostInput {
  readonly baseUrl?: string;
  /** Answers `host.fetch`; without it, any fetch fails. */
  readonly answer?: (url: string, request: Request) => Response | Promise<Response>;
  /** Answers `host.metadata`; without it, that is off. */
  readonly metadata?: (url: string, request: Request) => Response | Promise<Response>;
  /** ms since epoch. */
  readonly now?: () => number;
  readonly directory?: Partial<Directory>;
}

export function createFakeHost(input: FakeHostInput = {}): FakeHost {
  const { baseUrl = "", answer, metadata, directory = {}, now = () => 1_700_000_000_000 } = input;
  const fetched: Asked[] = [];
  const askedNearby: Asked[] = [];
  const logged: string[] = [];
  const allowed: string[] = [];
  const write = (message: string, fields: object = {}): void =>
    void logged.push(`${message} ${JSON.stringify(fields)}`);
  const nobody = (): undefined => undefined;
  return {
    pluginId: "test",
    entry: "test",
    baseUrl,
    log: { debug: write, info: write, warn: write, error: write },
    fetch: async (input, init) => {
      const request = input instanceof Request ? input : new Request(String(input), init);
      fetched.push(await seen(request));
      if (answer === undefined) throw new Error("this test has no network");
      return answer(request.url, request);
    },
    allowOrigin: (url) => void allowed.push(String(url)),
    metadata: async (url, init) => {
      const request = new Request(url, init);
      if (metadata === undefined) throw new TypeError("host.metadata is off");
      askedNearby.push(await seen(request));
      return metadata(request.url, request);
    },
    now,
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
    askedNearby,
    logged,
    allowed,
  };
}

async function seen(request: Request): Promise<Asked> {
  const { url, method, headers } = request;
  return { url, method, headers, body: await request.clone().text() };
}
