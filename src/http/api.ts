/** The management side: a table of routes with their policies, dispatched by Elysia. */
import type { TSchema } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import { Elysia } from "elysia";
import { type Identity, RelayError } from "../plugin/index.ts";
import { scanTopLevel } from "../relay/scan.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import { errorResponse, familyOf } from "./errors.ts";
import { enforce, type Policy } from "./policy.ts";

/** What a handler gets. `identity` is there unless the policy is public. */
export interface ApiContext {
  readonly request: Request;
  readonly requestId: string;
  readonly snapshot: Snapshot;
  readonly identity: Identity | undefined;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: unknown;
}

export interface ApiRoute {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** As Elysia writes it, e.g. `/api/keys/:id`. */
  readonly path: string;
  readonly policy: Policy;
  /** Shape of the JSON body; absent = the route takes none. Unknown fields are refused. */
  readonly body?: TSchema;
  readonly handler: (context: ApiContext) => unknown;
}

/** Who calls, as far as the edge has found out; asked for only by routes that are not public. */
export interface ApiCall {
  readonly requestId: string;
  readonly snapshot: Snapshot;
  readonly identify: () => Promise<Identity | undefined>;
}

export interface Api {
  readonly routes: readonly ApiRoute[];
  /** Methods served at a path (already normal), for 405; empty = no such path. */
  methodsAt(path: string): readonly string[];
  handle(request: Request, call: ApiCall): Promise<Response>;
}

/** JSON answers of the management side. */
export function json(value: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(value), { status, headers: { "content-type": "application/json", ...headers } });
}

export function createApi(routes: readonly ApiRoute[]): Api {
  const calls = new WeakMap<Request, ApiCall>();
  const app = new Elysia({ aot: true, normalize: false });
  app.onError(({ error, request }) => {
    const call = calls.get(request);
    return errorResponse(familyOf(pathOf(request)), error, call?.requestId ?? "");
  });
  for (const route of routes) {
    const check = route.body === undefined ? undefined : TypeCompiler.Compile(route.body);
    app.route(
      route.method,
      route.path,
      async ({ request, params }) => {
        const call = calls.get(request);
        // A request that did not come through the edge has not been judged.
        if (call === undefined) throw new RelayError("internal", "Internal error");
        const identity = route.policy.type === "public" ? undefined : await call.identify();
        enforce(route.policy, identity);
        const body = check === undefined ? undefined : await readBody(request, call.snapshot, check);
        const query = new URL(request.url).searchParams;
        const { requestId, snapshot } = call;
        const answer = await route.handler({
          request,
          requestId,
          snapshot,
          identity,
          params: params ?? {},
          query,
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

function pathOf(request: Request): string {
  return new URL(request.url).pathname;
}

async function readBody(
  request: Request,
  snapshot: Snapshot,
  check: ReturnType<typeof TypeCompiler.Compile>,
): Promise<unknown> {
  const limit = snapshot.config.limits.maxAdminBody;
  const type = request.headers.get("content-type");
  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > limit)
    throw new RelayError("body-too-large", `The body is larger than ${limit} bytes.`, {
      wireCode: "request_too_large",
    });
  const bytes = (await request.bytes()) as Uint8Array<ArrayBuffer>;
  if (bytes.length > limit)
    throw new RelayError("body-too-large", `The body is larger than ${limit} bytes.`, {
      wireCode: "request_too_large",
    });
  let value: unknown = {};
  if (bytes.length > 0) {
    if (type === null || !/^application\/json\s*(;|$)/i.test(type)) {
      throw new RelayError("unsupported-media-type", "The content type must be application/json.", {
        wireCode: "unsupported_media_type",
      });
    }
    value = scanTopLevel(bytes).parse();
  }
  if (check.Check(value)) return value;
  // Paths and rules only: a value in an error may be somebody's password.
  const details = [...check.Errors(value)].slice(0, 50).map(({ path, message }) => ({
    loc: ["body", ...path.split("/").filter((step) => step !== "")],
    msg: message,
    type: "value_error",
  }));
  throw new RelayError("bad-request", "The body is not valid.", { status: 422, wireCode: "validation_error", details });
}
