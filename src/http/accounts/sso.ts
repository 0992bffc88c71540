/** Signing in through identity providers over HTTP: `http-api` section 8. */
import { Type } from "@sinclair/typebox";
import { badRequest } from "../../auth/refusals.ts";
import type { Answer, Finished, SignInEntry } from "../../auth/sign-in.ts";
import { RelayError } from "../../plugin/index.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { type ApiContext, type ApiRoute, json, noContent } from "../api.ts";
import { callerOf } from "../caller.ts";
import { endedCookies, refuseForeignOrigin } from "../cookies.ts";
import { flag } from "../query.ts";
import type { HttpServices } from "../services.ts";
import { Body, Nullable, Text } from "./fields.ts";
import { ownUrl } from "./links.ts";
import { answeredCookie, begunCookie, endedCookie, ssoCookie } from "./sso-cookie.ts";
import { tokenAnswer } from "./tokens.ts";
import { identityView, signInView } from "./views.ts";

const Exchange = Body({ code: Text(), cookie: Type.Optional(Type.Boolean()) });
const Logout = Body({ id_token: Type.Optional(Nullable(Text(16_384))) });

const open = { type: "public" } as const;
const user = { type: "user" } as const;

const SIGN_IN_PAGE = "/login";
const PAGE_LENGTH_MAX = 512;
/**
 * A page of the dashboard: plain names between slashes, perhaps a plain query, so that no browser reads a scheme or
 * another host into it.
 */
const PAGE = /^\/(?:[\w~-][\w.~-]*(?:\/[\w~-][\w.~-]*)*\/?)?(?:\?[\w.~=&-]*)?$/;
/** No pages: what stands there would never see the fragment. */
const NO_PAGE = /^\/(?:api|v1|v1beta)(?:[/?]|$)/i;

export function ssoRoutes(services: Pick<HttpServices, "auth" | "signIn" | "boundPort">): ApiRoute[] {
  const callbackOf = (snapshot: Snapshot, { config }: SignInEntry): string => {
    const own = config.callback === "shared" ? "" : `/${config.id}`;
    return `${homeUrl(snapshot, services)}/api/auth/sso${own}/callback`;
  };

  const callback = async (context: ApiContext): Promise<Response> => {
    const { request, snapshot, query, params, origin } = context;
    const { flow } = services.signIn;
    const finished = await flow.finish(
      snapshot.signIns,
      answerOf(query, params["provider"], ssoCookie(request.headers, snapshot.config)),
      origin,
    );
    return redirect(context, finished);
  };

  return [
    { method: "GET", path: "/api/auth/sso/status", policy: open, handler: ({ snapshot }) => statusOf(snapshot) },
    {
      method: "GET",
      path: "/api/auth/sso/login",
      policy: open,
      async handler(context) {
        const { request, snapshot, query, identify } = context;
        refuseForeignOrigin(request.headers, snapshot.config);
        const entry = entryOf(snapshot, query.get("provider"));
        const returnTo = pageOf(query.get("redirect_uri"));
        const link = flag(query, "link")
          ? callerOf({ identity: await requireIdentity(identify), origin: context.origin })
          : undefined;
        const redirectUri = callbackOf(snapshot, entry);
        const to = { redirectUri, returnTo, ...(link === undefined ? {} : { link }) };
        const { loginUrl, state, browser } = await services.signIn.flow.begin(entry, to);
        const answer = json({ login_url: loginUrl.href, state });
        answer.headers.append("set-cookie", begunCookie(request.headers, snapshot.config, browser));
        return answer;
      },
    },
    { method: "GET", path: "/api/auth/sso/callback", policy: open, handler: callback },
    { method: "GET", path: "/api/auth/sso/:provider/callback", policy: open, handler: callback },
    {
      method: "POST",
      path: "/api/auth/sso/exchange",
      policy: open,
      body: Exchange,
      async handler(context) {
        const { request, snapshot, origin } = context;
        refuseForeignOrigin(request.headers, snapshot.config);
        const { code, cookie } = context.body as typeof Exchange.static;
        const browser = ssoCookie(request.headers, snapshot.config);
        const tokens = await services.signIn.flow.exchange(code, browser, origin);
        const answer = tokenAnswer(tokens, cookie === true, context);
        answer.headers.append("set-cookie", endedCookie(request.headers, snapshot.config));
        return answer;
      },
    },
    {
      method: "POST",
      path: "/api/auth/sso/logout",
      policy: user,
      body: Logout,
      async handler(context) {
        const { snapshot, origin } = context;
        const caller = callerOf(context);
        const { id_token: idToken } = context.body as typeof Logout.static;
        const redirectUri = `${homeUrl(snapshot, services)}${SIGN_IN_PAGE}`;
        const to = { redirectUri, ...(idToken == null ? {} : { idToken }) };
        const url = await services.signIn.links.logoutUrl(caller, snapshot.signIns, to);
        await services.auth.sessions.logout({ identity: caller.identity }, origin);
        const answer = json({ logout_url: url?.href ?? null }, 200, {
          "clear-site-data": '"cache", "cookies", "storage"',
        });
        for (const field of endedCookies()) answer.headers.append("set-cookie", field);
        return answer;
      },
    },
    {
      method: "GET",
      path: "/api/auth/identities",
      policy: user,
      async handler(context) {
        const found = await services.signIn.links.list(callerOf(context));
        return { items: found.map(identityView), next_cursor: null };
      },
    },
    {
      method: "DELETE",
      path: "/api/auth/identities/:id",
      policy: user,
      async handler(context) {
        const id = context.params["id"] ?? "";
        await services.signIn.links.unlink(/^[1-9]\d{0,14}$/.test(id) ? Number(id) : 0, callerOf(context));
        return noContent();
      },
    },
  ];
}

function statusOf(snapshot: Snapshot) {
  const providers = [...snapshot.signIns.values()].map(signInView);
  const [first] = providers;
  if (first === undefined) return { enabled: false, provider: null, configured: false };
  const { ssoOnly } = snapshot.config.sso;
  return { enabled: true, provider: first.id, configured: true, sso_only: ssoOnly, providers };
}

function entryOf({ signIns }: Snapshot, id: string | null): SignInEntry {
  if (signIns.size === 0) throw badRequest("sso_disabled", "Sign-in through identity providers is off");
  const entry = id === null || id === "" ? [...signIns.values()][0] : signIns.get(id);
  if (entry === undefined) throw badRequest("sso_unknown_provider", "There is no identity provider of this name");
  return entry;
}

function pageOf(page: string | null): string | undefined {
  if (page === null || page === "") return undefined;
  if (page.length <= PAGE_LENGTH_MAX && PAGE.test(page) && !NO_PAGE.test(page)) return page;
  throw badRequest("invalid_redirect_uri", "redirect_uri must be the path of a page of the dashboard");
}

async function requireIdentity(identify: ApiContext["identify"]) {
  const identity = await identify();
  if (identity === undefined) throw new RelayError("unauthenticated", "Unauthorized");
  return identity;
}

/** Where people reach the relay, as configured or as bound: never as a request says. */
function homeUrl(snapshot: Snapshot, services: Pick<HttpServices, "boundPort">): string {
  const { publicHost, host, tls } = snapshot.config.server;
  if (publicHost !== null) return ownUrl(snapshot, services);
  const name = host.includes(":") ? `[${host}]` : host;
  return `${tls === null ? "http" : "https"}://${name}:${services.boundPort()}`;
}

/** Parameters that come twice are none (RFC 6749 section 3.1). */
function answerOf(query: URLSearchParams, providerId: string | undefined, browser: string | undefined): Answer {
  const single = (name: string): string | undefined => {
    const values = query.getAll(name);
    return values.length === 1 && values[0] !== "" ? values[0] : undefined;
  };
  const given = { code: single("code"), state: single("state"), issuer: single("iss"), error: single("error") };
  return Object.fromEntries(
    Object.entries({ ...given, providerId, browser }).filter(([, value]) => value !== undefined),
  );
}

/** Nothing of what came in goes out: a page of ours, and one of our words or a code in the fragment. */
function redirect({ request, snapshot }: ApiContext, finished: Finished): Response {
  const word = "code" in finished ? `sso_code=${finished.code}` : `sso_error=${finished.error}`;
  const headers = new Headers({
    location: `${finished.returnTo ?? SIGN_IN_PAGE}#${word}`,
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
  });
  const browser = ssoCookie(request.headers, snapshot.config);
  if ("code" in finished && browser !== undefined) {
    headers.append("set-cookie", answeredCookie(request.headers, snapshot.config, browser));
  }
  return new Response(null, { status: 303, headers });
}
