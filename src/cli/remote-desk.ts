/** The desk of a relay at a URL: its management routes, called with the token of the environment. */
import { isLoopback } from "../config/addresses.ts";
import { notFound } from "../auth/refusals.ts";
import { RelayError } from "../contract/errors.ts";
import type { Desk, KeyView, MadeKeyView, UserView } from "./desk.ts";
import { CliError, EXIT } from "./exit.ts";

export const TOKEN_VARIABLE = "MONORELAY_TOKEN";
const PAGES_MAX = 1000;

export interface RemoteOptions {
  readonly url: string;
  readonly token: string | undefined;
  /** Redirects are not followed: the token is for this relay alone. */
  readonly send: (url: string, init: RequestInit) => Promise<Response>;
}

/** Throws exit 2 for a URL that is none or would carry the token in the clear, exit 4 without a token. */
export function createRemoteDesk({ url, token, send }: RemoteOptions): Desk {
  const base = baseOf(url);
  if (token === undefined || token === "") {
    throw new CliError(
      EXIT.denied,
      "no_token",
      `--url needs a token in ${TOKEN_VARIABLE}.`,
      "An access token or an API key with the scopes.",
    );
  }

  const call = async <T>(method: string, path: string, body?: object): Promise<T> => {
    let response: Response;
    try {
      response = await send(base + path, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch {
      throw new CliError(EXIT.unreachable, "unreachable", `${base} does not answer.`);
    }
    const text = await response.text();
    if (response.status === 204) return undefined as T;
    const value = parse(text);
    if (response.ok && value !== undefined) return value as T;
    throw refusedBy(base, response.status, value);
  };
  const all = async <T>(path: string, field: "users" | "items"): Promise<readonly T[]> => {
    const found: T[] = [];
    let cursor: string | null = null;
    for (let pages = 0; pages < PAGES_MAX; pages += 1) {
      const from: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const page: Record<string, unknown> = await call("GET", `${path}limit=200${from}`);
      found.push(...((page[field] ?? []) as T[]));
      cursor = (page["next_cursor"] as string | null | undefined) ?? null;
      if (cursor === null) break;
    }
    return found;
  };
  const reset = (id: number) =>
    call<{ readonly reset_url: string; readonly expires_at: string }>("POST", `/api/users/${id}/password-reset`);
  const key = (id: string) => `/api/keys/${encodeURIComponent(id)}`;

  return {
    createUser: (input) => call<UserView>("POST", "/api/users", input),
    users: () => all<UserView>("/api/users?", "users"),
    async findUser(name) {
      const found = await all<UserView>(`/api/users?search=${encodeURIComponent(name)}&`, "users");
      const user = found.find(({ username }) => username.toLowerCase() === name.toLowerCase());
      if (user === undefined) throw notFound(`There is no account "${name.slice(0, 64)}"`);
      return user;
    },
    updateUser: (id, change) => call<UserView>("PATCH", `/api/users/${id}`, change),
    async resetLink(id) {
      const link = await reset(id);
      await call("POST", `/api/users/${id}/logout`);
      return link;
    },
    async setPassword(id, password) {
      const { reset_url: link } = await reset(id);
      await call("POST", "/api/auth/reset-password", { token: link.split("#reset=")[1], new_password: password });
    },
    async createKey(body, owner) {
      if (owner !== undefined) {
        throw new CliError(
          EXIT.usage,
          "bad_option",
          "--user works on a data directory only; over --url a key is your own.",
        );
      }
      return call<MadeKeyView>("POST", "/api/keys", body);
    },
    async importKey() {
      // The interface takes no key that somebody else has made up.
      throw new CliError(EXIT.usage, "bad_option", "key import works on a data directory only, not over --url.");
    },
    async keys(userId) {
      const owner = userId === undefined ? "" : `user_id=${userId}&`;
      const [active, expired] = await Promise.all(
        ["active", "expired"].map((status) => all<KeyView>(`/api/keys?status=${status}&${owner}`, "items")),
      );
      return [...(active ?? []), ...(expired ?? [])].sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
    },
    revokeKey: (id) => call("DELETE", key(id)),
    rotateKey: (id, graceMs) =>
      call<MadeKeyView>("POST", `${key(id)}/rotate`, { grace_seconds: Math.floor(graceMs / 1000) }),
  };
}

function baseOf(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.search !== "") {
    throw new CliError(EXIT.usage, "bad_option", "--url must be like https://relay.example.");
  }
  if (url.protocol === "http:" && !isLoopback(url.hostname.replace(/^\[|\]$/g, ""))) {
    throw new CliError(EXIT.usage, "bad_option", "--url must be https: the token would travel in the clear.");
  }
  return `${url.origin}${url.pathname.replace(/\/(?:v1\/?)?$/, "")}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The relay's own refusal, as the services here would have thrown it. */
function refusedBy(base: string, status: number, value: unknown): Error {
  const { detail, code } = (value ?? {}) as { detail?: unknown; code?: unknown };
  if (status === 401)
    return new CliError(EXIT.denied, "unauthorized", `The token in ${TOKEN_VARIABLE} is not accepted.`);
  if (value === undefined) return new CliError(EXIT.unreachable, "unreachable", `${base} answers, but not as a relay.`);
  const wireCode = typeof code === "string" ? { wireCode: code } : {};
  const details = Array.isArray(detail) ? { details: detail } : {};
  const message = typeof detail === "string" ? detail : "The relay refused this.";
  return new RelayError(status >= 500 ? "unavailable" : "bad-request", message, { status, ...wireCode, ...details });
}
