/** Where every request enters: host, path, credential and route are settled here, once, for all routes. */
import { authenticate, type ChainAnswer } from "../auth/chain.ts";
import { readCredentials } from "../auth/credentials.ts";
import { requireAddress } from "../auth/key-networks.ts";
import { type Identity, RelayError } from "../plugin/index.ts";
import type { RelayRoute } from "../relay/route.ts";
import type { SocketSession } from "../relay/realtime.ts";
import { runCall } from "../relay/run.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import { clientAddress } from "../support/addresses.ts";
import type { Api } from "./api.ts";
import { sessionCookie } from "./cookies.ts";
import { addCorsHeaders, preflight } from "./cors.ts";
import { errorResponse, type Family, familyOf } from "./errors.ts";
import { createHostCheck } from "./host-check.ts";
import { isModelsPath, listModels } from "./models.ts";
import { addPageHeaders } from "./page-headers.ts";
import { normalisePath, splitTarget } from "./path.ts";
import { type FoundRoute, findRelayRoute, queryKeyIn } from "./relay-paths.ts";
import { RELAY_ROUTES } from "./relay-routes.ts";
import type { HttpServices } from "./services.ts";

const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;
/** The server itself refuses header blocks over 16 KiB or 200 fields with 431, and doubled framing with 400. */
const URL_BYTES_MAX = 16 * 1024;
/** So much of a body that nobody reads is taken in for the sake of the connection. */
const UNREAD_BYTES_MAX = 64 * 1024;

const BY_PATH = new Map<string, RelayRoute>(RELAY_ROUTES.map((route) => [route.path, route]));

type HostCheck = ReturnType<typeof createHostCheck>;

export interface ConnectionInfo {
  /** The peer's address. */
  readonly address: string;
  /** The idle timer of the client's connection, in seconds; 0 = off. */
  setIdleTimeout(seconds: number): void;
  /** Turns the connection into a WebSocket; `false`: it cannot be one. */
  upgrade(session: SocketSession, headers: Headers): boolean;
}

/** The server's handler. It never throws; what goes wrong becomes an error of the family the path belongs to. */
export function createEdge(
  services: HttpServices,
  api: Api,
): (request: Request, connection: ConnectionInfo) => Response | Promise<Response> {
  let checked: Snapshot | undefined;
  let check: HostCheck;
  const hostCheckOf = (snapshot: Snapshot): HostCheck => {
    if (checked !== snapshot) {
      check = createHostCheck(snapshot.config.server.allowedHosts, snapshot.config.server.publicHost);
      checked = snapshot;
    }
    return check;
  };

  return (request, connection) => {
    const { headers } = request;
    const given = headers.get("x-request-id");
    const requestId = given !== null && REQUEST_ID.test(given) ? given : services.ids.request();
    const snapshot = services.holder.current;
    const { path: rawPath, query } = splitTarget(request.url);
    let family: Family = "rest";
    try {
      checkEnvelope(request, hostCheckOf(snapshot));
      // The common case needs no normalising: the path is one that we know.
      const known = rawPath === null ? undefined : BY_PATH.get(rawPath);
      if (known !== undefined && request.method === "POST") {
        family = familyOf(known.path);
        const answer = relay(services, snapshot, known, request, requestId, query, connection, family);
        return withCors(request, snapshot, answer);
      }
      const path = rawPath === null ? null : normalisePath(rawPath, snapshot.config.server.pathAliases);
      if (path === null) throw new RelayError("bad-request", "The path of the request is malformed.");
      family = familyOf(path);
      const answer = dispatch(services, api, snapshot, request, path, query, requestId, connection, family);
      return isInference(path) ? withCors(request, snapshot, answer) : answer;
    } catch (cause) {
      const answer = failed(services, snapshot, family, cause, requestId, request);
      return rawPath?.startsWith("/v1") === true ? withCors(request, snapshot, answer) : answer;
    }
  };
}

/** Nothing of the body has been read then. */
function failed(
  services: HttpServices,
  snapshot: Snapshot,
  family: Family,
  cause: unknown,
  requestId: string,
  { headers }: Request,
): Response {
  const error = RelayError.from(cause);
  if (error.code === "internal")
    services.relay.log.error("a request failed inside the relay", { req: requestId, error });
  const answer = errorResponse(family, error, requestId);
  addPageHeaders(answer.headers, snapshot);
  if (bringsMuch(headers)) answer.headers.set("connection", "close");
  return answer;
}

/** The server would take in the whole body, however slowly it comes, before it takes the next request. */
function bringsMuch(headers: Headers): boolean {
  return Number(headers.get("content-length") ?? 0) > UNREAD_BYTES_MAX || headers.has("transfer-encoding");
}

function checkEnvelope(request: Request, hostCheck: HostCheck): void {
  const verdict = hostCheck(request.headers.get("host"));
  if (verdict === "malformed") throw new RelayError("bad-request", "The Host header is malformed.");
  if (verdict === "not-served") {
    throw new RelayError("bad-request", "This host is not served here (server.allowed_hosts).", { status: 421 });
  }
  if (request.url.length > URL_BYTES_MAX) throw new RelayError("headers-too-large", "The URL is too long.");
}

/** Who calls; `undefined` for nobody we know. Synchronous as long as the plugins are. */
function identify(
  services: HttpServices,
  snapshot: Snapshot,
  request: Request,
  remoteAddress: string,
  queryKey?: string,
): Identity | undefined | Promise<Identity | undefined> {
  const { headers } = request;
  let found = readCredentials(headers, { remoteAddress, queryKey });
  // Beside any other credential a cookie does not count, so it is not even looked for.
  if (found.type === "none" && headers.has("cookie")) {
    found = readCredentials(headers, { remoteAddress, session: sessionCookie(headers, snapshot.config) });
  }
  const answer = authenticate(snapshot.chain, found);
  // Closures live in functions of their own: one that may make them pays for their scope even when it makes none.
  if (answer instanceof Promise) return identifyLater(services, answer, headers);
  return answer.type === "accept" ? actingIn(services, answer.identity, headers) : undefined;
}

async function identifyLater(
  services: HttpServices,
  answer: Promise<ChainAnswer>,
  headers: Headers,
): Promise<Identity | undefined> {
  const settled = await answer;
  return settled.type === "accept" ? actingIn(services, settled.identity, headers) : undefined;
}

/** A signed-in person may act in another organisation of his. Throws 403 when it is none of his. */
function actingIn(services: HttpServices, identity: Identity, headers: Headers): Identity | Promise<Identity> {
  if (identity.kind !== "session") return identity;
  const org = headers.get("x-relay-org");
  return org === null || org === "" ? identity : services.auth.orgs.enter(identity, org);
}

function relay(
  services: HttpServices,
  snapshot: Snapshot,
  route: RelayRoute,
  request: Request,
  requestId: string,
  query: string,
  connection: ConnectionInfo,
  family: Family,
  found?: FoundRoute,
): Response | Promise<Response> {
  const address = clientAddress(connection.address, request.headers, snapshot.config.server.trustedProxies);
  const identity = identify(services, snapshot, request, address, found?.queryKey);
  const said = found?.said;
  if (!(identity instanceof Promise)) {
    return begin(services, route, request, requestId, query, said, connection, address, identity);
  }
  return relayLater(services, snapshot, route, request, requestId, query, said, connection, address, identity, family);
}

async function relayLater(
  services: HttpServices,
  snapshot: Snapshot,
  route: RelayRoute,
  request: Request,
  requestId: string,
  query: string,
  said: FoundRoute["said"] | undefined,
  connection: ConnectionInfo,
  address: string,
  identity: Promise<Identity | undefined>,
  family: Family,
): Promise<Response> {
  try {
    return await begin(services, route, request, requestId, query, said, connection, address, await identity);
  } catch (cause) {
    return failed(services, snapshot, family, cause, requestId, request);
  }
}

function begin(
  services: HttpServices,
  route: RelayRoute,
  request: Request,
  id: string,
  query: string,
  said: FoundRoute["said"] | undefined,
  connection: ConnectionInfo,
  clientAddress: string,
  identity: Identity | undefined,
): Promise<Response> {
  if (identity === undefined) throw new RelayError("unauthenticated", "Unauthorized");
  const { lease } = services.holder;
  return runCall(services.relay, { id, route, request, query, said, lease, identity, clientAddress, connection });
}

async function dispatch(
  services: HttpServices,
  api: Api,
  snapshot: Snapshot,
  request: Request,
  path: string,
  query: string,
  requestId: string,
  connection: ConnectionInfo,
  usualFamily: Family,
): Promise<Response> {
  let family = usualFamily;
  try {
    const { method } = request;
    if (method === "OPTIONS" && isInference(path)) return preflight(request, snapshot);

    const route = BY_PATH.get(path);
    if (route !== undefined) {
      if (method === "POST")
        return await relay(services, snapshot, route, request, requestId, query, connection, family);
      if (wantsWebSocket(request)) throw noWebSocket();
      throw wrongMethod(["POST"]);
    }
    const found = findRelayRoute(path, method, query, request.headers);
    if (found !== undefined) {
      if (!("route" in found)) throw wrongMethod(found);
      if (found.route.operation === "realtime") {
        const withKey = { ...found, queryKey: protocolKey(request.headers) };
        return await relay(services, snapshot, found.route, request, requestId, query, connection, family, withKey);
      }
      const { route: its } = found;
      if (its.codec.id === "anthropic-messages") family = "anthropic";
      if (its.codec.id === "gemini") family = "gemini";
      return await relay(services, snapshot, its, request, requestId, found.query, connection, family, found);
    }
    const address = clientAddress(connection.address, request.headers, snapshot.config.server.trustedProxies);
    const who = async (): Promise<Identity | undefined> => {
      const queryKey = family === "gemini" ? queryKeyIn(query) : undefined;
      // By the chain of this moment: the access key may have changed while a body was on its way.
      const identity = await identify(services, services.holder.current, request, address, queryKey);
      if (identity !== undefined) requireAddress(identity, address);
      return identity;
    };
    if (isModelsPath(path, request.headers)) {
      if (method === "POST" && family === "gemini" && /:[A-Za-z]+$/.test(path)) throw unknownPath(family, path);
      if (method !== "GET" && method !== "HEAD") throw wrongMethod(["GET", "HEAD"]);
      return finish(
        await listModels(services, snapshot, request, path, query, requestId, who),
        snapshot,
        request,
        requestId,
      );
    }
    // Only ids of models may hold a slash.
    if (/%2f/i.test(path)) throw new RelayError("bad-request", "The path of the request is malformed.");
    const methods = api.methodsAt(path);
    if (methods.length === 0) throw unknownPath(family, path);
    const asked = method === "HEAD" ? "GET" : method;
    if (!methods.includes(asked)) throw wrongMethod(methods.includes("GET") ? [...methods, "HEAD"] : methods);
    // Elysia looks for the path at a fixed place behind the scheme, whatever the host; a plain one is always right.
    const inner = new Request(`http://localhost${path}${query}`, {
      method: asked,
      headers: request.headers,
      body: request.body,
    });
    const answer = await api.handle(inner, { requestId, snapshot, address, identify: who });
    return finish(answer, snapshot, request, requestId, path.startsWith("/api") || family === "openrelay");
  } catch (cause) {
    return failed(services, snapshot, family, cause, requestId, request);
  }
}

/** Paths of clients in browsers too. */
function isInference(path: string): boolean {
  return /^\/v1(?:beta|alpha)?(?:\/|$)/.test(path);
}

/** Browsers can put a credential nowhere else. */
function protocolKey(headers: Headers): string | undefined {
  const offered = headers.get("sec-websocket-protocol") ?? "";
  return /(?:^|,)\s*openai-insecure-api-key\.([^,\s]+)/.exec(offered)?.[1];
}

function wantsWebSocket({ headers }: Request): boolean {
  return headers.get("upgrade")?.toLowerCase() === "websocket";
}

/** Clients that try a WebSocket first fall back to plain requests when they are told so at once. */
function noWebSocket(): RelayError {
  return new RelayError("bad-request", "This path is not served over a WebSocket; send a POST request.", {
    status: 426,
    wireCode: "upgrade_not_supported",
    headers: { connection: "close" },
  });
}

function wrongMethod(allowed: readonly string[]): RelayError {
  return new RelayError("method-not-allowed", "This path does not take that method.", {
    headers: { allow: allowed.join(", ") },
  });
}

function unknownPath(family: Family, path: string): RelayError {
  if (family === "openai" || family === "anthropic" || family === "gemini") {
    const hint = /\/chat\/completions.|\/messages.*\/messages/.test(path) ? " The base URL should end in /v1." : "";
    return new RelayError(
      "not-found",
      `There is no such path here.${hint} OpenAI clients use <base>/v1, Anthropic and Gemini clients <base>.`,
      {
        wireCode: "unknown_url",
      },
    );
  }
  return new RelayError("not-found", "Not found", { wireCode: "not_found" });
}

/** Refusals that are pronounced before the body, or in the middle of it. */
const LEFT_UNREAD: ReadonlySet<number> = new Set([401, 413, 415]);

/** What every answer carries that did not come from the relay's lanes. */
function finish(answer: Response, snapshot: Snapshot, request: Request, requestId: string, isApi = false): Response {
  const { headers } = answer;
  headers.set("x-request-id", requestId);
  headers.set("request-id", requestId);
  addPageHeaders(headers, snapshot);
  if (isApi && !headers.has("cache-control")) headers.set("cache-control", "no-store");
  if (LEFT_UNREAD.has(answer.status) && bringsMuch(request.headers)) headers.set("connection", "close");
  // To HEAD the server sends the length of this body and not the body.
  return answer;
}

function withCors(
  request: Request,
  snapshot: Snapshot,
  answer: Response | Promise<Response>,
): Response | Promise<Response> {
  const origin = request.headers.get("origin");
  if (origin === null || request.headers.has("sec-websocket-key")) return answer;
  if (!(answer instanceof Promise)) return addCorsHeaders(answer, origin, snapshot.config.server.corsOrigins);
  return withCorsLater(answer, origin, snapshot.config.server.corsOrigins);
}

async function withCorsLater(
  answer: Promise<Response>,
  origin: string,
  allowed: Snapshot["config"]["server"]["corsOrigins"],
): Promise<Response> {
  return addCorsHeaders(await answer, origin, allowed);
}
