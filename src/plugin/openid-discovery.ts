/** Reads what an OpenID provider says about itself, and believes it only as far as its issuer's address goes. */
import type { JSONWebKeySet } from "jose";
import type { Json, JsonObject } from "../contract/chat.ts";
import { RelayError } from "../contract/errors.ts";
import type { Host } from "../contract/host.ts";
import { sharing } from "../support/sharing.ts";
import { askProvider, isObject } from "./oauth.ts";
import { ID_TOKEN_ALGORITHMS } from "./openid-token.ts";

export interface OpenidMetadata {
  /** As it stands in its tokens. */
  readonly issuer: string;
  readonly authorizationEndpoint: URL;
  readonly tokenEndpoint: URL;
  readonly jwksUri: URL;
  readonly userinfoEndpoint: URL | undefined;
  readonly endSessionEndpoint: URL | undefined;
  /** Asymmetric ones that the provider signs with; never empty. */
  readonly idTokenAlgorithms: readonly string[];
  readonly clientAuth: "basic" | "post";
  /** It promises `iss` beside every code (RFC 9207): one without is not its own. */
  readonly sendsIssuer: boolean;
}

export interface Discovery {
  /** Throws `upstream-*`: the provider cannot be reached, or says what cannot be. */
  metadata(): Promise<OpenidMetadata>;
  keys(): Promise<JSONWebKeySet>;
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;
/** As `URL` writes every spelling of one. */
const ADDRESS = /^(\d+(\.\d+){3}|\[.*\])$/;

const MAX_AGE_MS = 3_600_000;

/** OpenID Connect Discovery 1.0. Asked for when first needed, then once an hour; by one of many that wait for it. */
export function createDiscovery(host: Pick<Host, "fetch" | "now" | "signal">, issuer: string): Discovery {
  let known: { readonly metadata: OpenidMetadata; readonly at: number } | undefined;

  const { signal } = host;
  const read = async (): Promise<OpenidMetadata> => {
    const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
    const { status, body } = await askProvider(host, url, { signal });
    if (status !== 200) throw malformed(`its metadata has status ${status}`);
    known = { metadata: readMetadata(issuer, body), at: host.now() };
    return known.metadata;
  };
  const readOnce = sharing(read);
  const metadata = async (): Promise<OpenidMetadata> =>
    known !== undefined && Math.abs(host.now() - known.at) < MAX_AGE_MS ? known.metadata : readOnce();

  return {
    metadata,
    async keys() {
      const { jwksUri } = await metadata();
      const { status, body } = await askProvider(host, jwksUri, { signal });
      if (status !== 200 || !isObject(body) || !Array.isArray(body["keys"])) throw malformed("its keys are no key set");
      return body as unknown as JSONWebKeySet;
    },
  };
}

function readMetadata(issuer: string, body: Json): OpenidMetadata {
  if (!isObject(body)) throw malformed("its metadata is no object");
  const named = body["issuer"];
  // A slash at the end is the one difference that operators cannot see.
  if (typeof named !== "string" || named.replace(/\/$/, "") !== issuer.replace(/\/$/, "")) {
    throw malformed("its metadata names another issuer");
  }
  const own = new URL(issuer);
  const endpoint = (name: string): URL | undefined => readEndpoint(body, name, own);
  const needed = (name: string): URL => {
    const url = endpoint(name);
    if (url === undefined) throw malformed(`its metadata has no ${name}`);
    return url;
  };
  const offered = strings(body["id_token_signing_alg_values_supported"]) ?? ["RS256"];
  const idTokenAlgorithms = ID_TOKEN_ALGORITHMS.filter((algorithm) => offered.includes(algorithm));
  if (idTokenAlgorithms.length === 0) throw malformed("it signs with none of the algorithms that are safe here");
  const auth = strings(body["token_endpoint_auth_methods_supported"]) ?? ["client_secret_basic"];
  return {
    issuer: named,
    authorizationEndpoint: needed("authorization_endpoint"),
    tokenEndpoint: needed("token_endpoint"),
    jwksUri: needed("jwks_uri"),
    userinfoEndpoint: endpoint("userinfo_endpoint"),
    endSessionEndpoint: endpoint("end_session_endpoint"),
    idTokenAlgorithms,
    clientAuth: !auth.includes("client_secret_basic") && auth.includes("client_secret_post") ? "post" : "basic",
    sendsIssuer: body["authorization_response_iss_parameter_supported"] === true,
  };
}

/**
 * https always, except that a provider on this machine without it may name further places on this machine. A bare
 * address is believed of the issuer's own host alone: nobody else has a reason to go by numbers.
 */
function readEndpoint(body: JsonObject, name: string, issuer: URL): URL | undefined {
  const text = body[name];
  if (text === undefined || text === null || text === "") return undefined;
  const url = typeof text === "string" && URL.canParse(text) ? new URL(text) : undefined;
  const isLoopback = url !== undefined && LOOPBACK.test(url.hostname);
  const isFit =
    issuer.protocol === "http:" && isLoopback
      ? url.protocol === "http:"
      : url?.protocol === "https:" && (url.hostname === issuer.hostname || !ADDRESS.test(url.hostname));
  if (url === undefined || !isFit || url.username !== "" || url.password !== "" || url.hash !== "") {
    throw malformed(`its ${name} is no address to go to`);
  }
  return url;
}

function strings(value: Json | undefined): readonly string[] | undefined {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : undefined;
}

function malformed(what: string): RelayError {
  return new RelayError("upstream-malformed", `The identity provider cannot be used: ${what}.`);
}
