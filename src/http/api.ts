/** The management side: a table of routes with their policies, dispatched by Elysia. */
import { type TSchema, Type } from "@sinclair/typebox";
import { Elysia } from "elysia";
import type { Origin } from "../auth/caller.ts";
import { type Identity, RelayError } from "../plugin/index.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import { type BodyCheck, checkBody, compileBody, readBody } from "./body.ts";
import { originOf } from "./caller.ts";
import { errorResponse, familyOf } from "./errors.ts";
import { enforce, type Policy } from "./policy.ts";
import type { RefusedWrite } from "./refused-writes.ts";

/** What a handler gets. `identity` is there unless the policy is public. */
export interface ApiContext {
  readonly request: Request;
  readonly requestId: string;
  readonly snapshot: Snapshot;
  readonly identity: Identity | undefined;
  /** Who calls, when a route that is public wants to know all the same; asks the chain only then. */
  readonly identify: () => Promise<Identity | undefined>;
  readonly origin: Origin;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: unknown;
}

export interface ApiRoute {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** As Elysia writes it, e.g. `/api/keys/:id`. */
  readonly path: string;
  readonly policy: Policy;
  /** Refuses whoever comes, before anything of the body is looked at: this is closed by the configuration. */
  readonly closed?: (snapshot: Snapshot) => void;
  /** Shape of the JSON body; absent = the route takes none, or an empty one. Unknown fields are refused. */
  readonly body?: TSchema;
  /** Whatever is sent is left unread. */
  readonly ignoresBody?: true;
  readonly handler: (context: ApiContext) => unknown;
}

/** Who calls, as far as the edge has found out; asked for only by routes that are not public. */
export interface ApiCall {
  readonly requestId: string;
  readonly snapshot: Snapshot;
  /** Of the client, behind trusted proxies too. */
  readonly address: string;
  readonly identify: () => Promise<Identity | undefined>;
}

export interface Api {
  readonly routes: readonly ApiRoute[];
  /** Methods served at a path (already normal), for 405; empty = no such path. */
  methodsAt(path: string): readonly string[];
  handle(request: Request, call: ApiCall): Promise<Response>;
}

/** JSON answers of the management side. */
export function json(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(value), { status, headers: { "content-type": "application/json", ...headers } });
}

/** 204 */
export function noContent(headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(null, { status: 204, headers });
}

/** What simple writes answer, `http-api` section 1. */
export function done(message: string): { readonly status: "ok"; readonly message: string } {
  return { status: "ok", message };
}

const NO_FIELDS = Type.Object({}, { additionalProperties: false });

/** `refused`: told of every request that its route's policy turns away. */
export function createApi(routes: readonly ApiRoute[], refused: RefusedWrite = async () => {}): Api {
  const calls = new WeakMap<Request, ApiCall>();
  const app = new Elysia({ aot: true, normalize: false });
  app.onError(({ error, request }) => {
    const call = calls.get(request);
    return errorResponse(familyOf(pathOf(request)), error, call?.requestId ?? "");
  });
  for (const route of routes) {
    // Compiled by the first request that needs it: seventy of them at the start would be felt.
    let check: BodyCheck | undefined;
    const takesBody = route.method !== "GET" && route.ignoresBody !== true;
    app.route(
      route.method,
      route.path,
      async ({ request, params }) => {
        const call = calls.get(request);
        // A request that did not come through the edge has not been judged.
        if (call === undefined) throw new RelayError("internal", "Internal error");
        const isPublic = route.policy.type === "public";
        let identity = isPublic ? undefined : await call.identify();
        const { requestId, snapshot, identify, address } = call;
        const origin = originOf(request, address, requestId, snapshot);
        const judge = async (): Promise<void> => {
          try {
            enforce(route.policy, identity);
          } catch (cause) {
            await refused(route, identity, origin, cause);
            throw cause;
          }
        };
        await judge();
        route.closed?.(snapshot);
        if (takesBody) check ??= compileBody(route.body ?? NO_FIELDS);
        let body: unknown;
        if (check !== undefined) {
          const bytes = await readBody(request, snapshot);
          if (identity !== undefined) {
            identity = await stillThere(identity, call);
            await judge();
          }
          body = checkBody(bytes, check);
        }
        const answer = await route.handler({
          request,
          requestId,
          snapshot,
          identity,
          identify,
          origin,
          params: params ?? {},
          query: new URL(request.url).searchParams,
          body,
        });
        return answer instanceof Response ? answer : json(answer);
      },
      { parse: "none" } as never,
    );
  }
  const patterns = routes.map((route) => ({
    method: route.method as string,
    matches: new RegExp(`^${route.path.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/:\w+/g, "[^/]+")}$`),
  }));
  return {
    routes,
    methodsAt: (path) => [...new Set(patterns.filter(({ matches }) => matches.test(path)).map(({ method }) => method))],
    handle: async (request, call) => {
      calls.set(request, call);
      return await app.handle(request);
    },
  };
}

/** Who calls, once more: its sender decides how long a body takes, and may have lost his rights meanwhile. */
async function stillThere(before: Identity, { identify }: ApiCall): Promise<Identity> {
  const now = await identify();
  if (now?.id !== before.id || now.kind !== before.kind) throw new RelayError("unauthenticated", "Unauthorized");
  return now;
}

function pathOf(request: Request): string {
  return new URL(request.url).pathname;
}
