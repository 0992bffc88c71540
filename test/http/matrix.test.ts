/** Every route × every kind of caller, generated from the dump of all routes and held to the caller columns of the contract. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { RouteLine } from "../../src/http/routes.ts";
import { type AccountRelay, type Answer, KEY, PASSWORD, type SignedIn, startAccounts } from "../support/accounts.ts";
import { ORIGIN } from "../auth/support.ts";
import { DOCUMENTED, type May } from "./documented-routes.ts";
import { lineOf, mayOf, pathOf, policyText, ROUTES, scopeOf } from "./route-lines.ts";

describe("the dump of all routes", () => {
  test("R70 every route has its line in the contract, and no two routes are the same", () => {
    const lines = ROUTES.filter(({ kind }) => kind === "management").map(lineOf);
    expect(lines.filter((line) => !(line in DOCUMENTED))).toEqual([]);
    const all = ROUTES.map(lineOf);
    expect(all.filter((line, index) => all.indexOf(line) !== index)).toEqual([]);
  });

  test("R25 each says who may call it, exactly as documented; a route of the relay names its scope", () => {
    for (const route of ROUTES) {
      expect([lineOf(route), policyText(route.policy)]).toEqual([lineOf(route), mayOf(route)]);
      if (route.kind === "relay")
        expect(route.policy).toEqual({ type: "any", scope: expect.stringMatching(/:(read|write)$/) });
    }
  });

  test("every line of the contract is served", () => {
    const served = new Set(ROUTES.map(lineOf));
    const missing = Object.keys(DOCUMENTED).filter((line) => !served.has(line));
    expect(missing).toEqual([]);
  });
});

/** What a kind of caller is, as far as the contract asks. */
interface Kind {
  readonly name: string;
  /** The credential for a route whose contract names this scope; `undefined` = none can be had. */
  readonly credential: (scope: string | undefined) => Promise<string | undefined>;
  /** Known at all? If not: 401 wherever something is asked for. */
  readonly isKnown: boolean;
  readonly kind?: "session" | "api-key" | "service";
  readonly role?: "user" | "admin" | "super" | "none";
  /** Which scopes it holds: those of its role, exactly the one that is asked for, or none that helps. */
  readonly scopes?: "role" | "exact" | "other" | "inference";
  /** It belongs to an organisation of its own, which then stands in the path. */
  readonly isStray?: true;
}

let house: AccountRelay;
let owner: SignedIn;
let boss: SignedIn;
let user: SignedIn;
let gone: SignedIn;
let demoted: SignedIn;
let orgId: string;
let stray: { readonly orgId: string; with(scope: string): Promise<string> };
const made = new Map<string, string>();
const revoked: { key: string } = { key: "" };
let expiredKey = "";
let goneKey = "";
const demotedKeys = new Map<string, string>();

const ACCOUNT_SCOPES = [
  "keys:read",
  "keys:write",
  "orgs:read",
  "logs:read",
  "stats:read",
  "usage:read",
  "routing:read",
];
const INFERENCE =
  /^(chat|embeddings|images|audio|moderations|rerank|realtime|files|batches|fine_tuning|assistants|models|credits):/;
const isUserScope = (scope: string) => INFERENCE.test(scope) || ACCOUNT_SCOPES.includes(scope);

beforeAll(async () => {
  house = await startAccounts();
  owner = await house.person("olive");
  boss = await house.person("boris");
  user = await house.person("ursula");
  gone = await house.person("gustav");
  demoted = await house.person("dora");
  await house.promote(boss, owner);
  await house.promote(demoted, owner);
  orgId = (await owner.identity()).orgId!;
  const as = async (who: SignedIn) => ({ identity: await who.identity(), origin: ORIGIN });

  goneKey = await house.key(gone, ["account"]);
  await house.services.accounts.update(gone.id, { isActive: false }, await as(owner));
  revoked.key = await house.key(owner, ["*"]);
  const [latest] = (await house.services.apiKeys.list({}, { limit: 1 }, await owner.identity())).items;
  await house.services.apiKeys.revoke(latest!.id, await as(owner));
  expiredKey = await house.key(owner, ["*"], { expiresAt: house.clock.now() + 1000 });

  for (const scope of new Set(ROUTES.map((route) => scopeOf(mayOf(route))))) {
    if (scope !== undefined) demotedKeys.set(scope, await house.key(demoted, [scope]));
  }
  await house.services.accounts.update(demoted.id, { isAdmin: false }, await as(owner));

  const other = await house.services.orgs.create("Elsewhere", await as(boss));
  const entered = await house.services.orgs.enter(await boss.identity(), other.id);
  const strayWith = async (scope: string): Promise<string> => {
    const { secret } = await house.services.apiKeys.create(
      { name: "foreign", scopes: [scope], orgId: other.id },
      { style: "native" },
      { identity: entered, origin: ORIGIN },
    );
    return secret!;
  };
  stray = { orgId: other.id, with: strayWith };
  house.clock.advance(1500);
});
afterAll(() => house.stop());

const keyWith = async (who: SignedIn, scope: string): Promise<string> => {
  const name = `${who.name} ${scope}`;
  const known = made.get(name) ?? (await house.key(who, [scope]));
  made.set(name, known);
  return known;
};
/** Valid, and of no use for the scope that is asked for. */
const keyWithout = (who: SignedIn, scope: string | undefined) =>
  keyWith(who, scope === "credits:read" ? "models:read" : "credits:read");

const strayKeyWith = async (scope: string): Promise<string> => {
  const known = made.get(`stray ${scope}`) ?? (await stray.with(scope));
  made.set(`stray ${scope}`, known);
  return known;
};

const KINDS: readonly Kind[] = [
  { name: "nobody", credential: async () => undefined, isKnown: false },
  { name: "garbage", credential: async () => "not-a-credential-of-anybody-0123", isKnown: false },
  { name: "a deactivated user", credential: async () => gone.token, isKnown: false },
  { name: "a deactivated user's key", credential: async () => goneKey, isKnown: false },
  { name: "a revoked key", credential: async () => revoked.key, isKnown: false },
  { name: "an expired key", credential: async () => expiredKey, isKnown: false },
  {
    name: "the access key",
    credential: async () => KEY,
    isKnown: true,
    kind: "service",
    role: "none",
    scopes: "inference",
  },
  { name: "a user", credential: async () => user.token, isKnown: true, kind: "session", role: "user", scopes: "role" },
  {
    name: "a user's key with the scope",
    credential: async (scope) =>
      scope === undefined || isUserScope(scope) ? keyWith(user, scope ?? "models:read") : undefined,
    isKnown: true,
    kind: "api-key",
    role: "user",
    scopes: "exact",
  },
  {
    name: "a user's key without the scope",
    credential: (scope) => keyWithout(user, scope),
    isKnown: true,
    kind: "api-key",
    role: "user",
    scopes: "other",
  },
  {
    name: "a former admin's key with the scope",
    credential: async (scope) => (scope === undefined ? undefined : demotedKeys.get(scope)),
    isKnown: true,
    kind: "api-key",
    role: "user",
    scopes: "exact",
  },
  {
    name: "an admin",
    credential: async () => boss.token,
    isKnown: true,
    kind: "session",
    role: "admin",
    scopes: "role",
  },
  {
    name: "an admin's key with the scope",
    credential: (scope) => keyWith(boss, scope ?? "models:read"),
    isKnown: true,
    kind: "api-key",
    role: "admin",
    scopes: "exact",
  },
  {
    name: "an admin's key without the scope",
    credential: (scope) => keyWithout(boss, scope),
    isKnown: true,
    kind: "api-key",
    role: "admin",
    scopes: "other",
  },
  {
    // That it reaches nothing of any other is shown in foreign-keys.test.ts.
    name: "a key of another organisation with the scope",
    isStray: true,
    credential: (scope) => strayKeyWith(scope ?? "models:read"),
    isKnown: true,
    kind: "api-key",
    role: "admin",
    scopes: "exact",
  },
  {
    name: "the super admin",
    credential: async () => owner.token,
    isKnown: true,
    kind: "session",
    role: "super",
    scopes: "role",
  },
  {
    name: "the super admin's key with everything",
    credential: () => keyWith(owner, "*"),
    isKnown: true,
    kind: "api-key",
    role: "admin",
    scopes: "role",
  },
];

/** Does this caller hold the scope, at this moment? */
function holds({ kind, role, scopes }: Kind, scope: string): boolean {
  switch (scopes) {
    case "role":
      return role !== "user" || isUserScope(scope);
    case "exact":
      // What its owner may no longer do, a key may not either.
      return role !== "user" || isUserScope(scope);
    case "inference":
      return INFERENCE.test(scope);
    default:
      return kind === "session";
  }
}

/** The contract, read once more and by itself: 401, 403, or past the gate. */
function expected(may: May, caller: Kind): 401 | 403 | "in" {
  if (may === "public") return "in";
  if (!caller.isKnown) return 401;
  const scope = scopeOf(may);
  const lacks = scope !== undefined && !holds(caller, scope);
  if (may.startsWith("admin:")) return caller.role === "user" || lacks ? 403 : "in";
  if (may.startsWith("org:")) return caller.kind !== "session" && lacks ? 403 : "in";
  if (may === "user") return caller.kind === "session" ? "in" : 403;
  if (may === "super") return caller.kind === "session" && caller.role === "super" ? "in" : 403;
  if (may === "api-key") return caller.kind === "api-key" ? "in" : 403;
  return lacks ? 403 : "in";
}

/** Let in, and then there was nobody to ask: this house has no upstreams. */
const isWithoutUpstream = ({ status, text }: Answer): boolean =>
  (status === 503 && text.includes("No provider of this dialect")) ||
  (status === 501 && text.includes("not_supported"));

const GATE = /insufficient_scope|admin_required|super_admin_required|session_required|api_key_required/;
const isGate = (route: RouteLine, { status, text }: Answer): boolean => {
  if (status !== 403) return false;
  // In that family all 403 look the same; with their own organisation in the path, only a missing scope gives one.
  if (route.path.startsWith("/v1/orgs") || route.path === "/v1/me") return true;
  return GATE.test(text) || /This credential lacks the scope/.test(text);
};
/** Bodies that no route takes: whoever gets past the gate gets no further. */
const BODY = { surprise: true };

describe("R70 ★ role × route", () => {
  test.each(ROUTES.map((route) => [lineOf(route), route] as const))("%s", async (_line, route) => {
    const may = mayOf(route);
    for (const caller of KINDS) {
      const credential = await caller.credential(scopeOf(may));
      if (credential === undefined && caller.isKnown) continue;
      const hasBody = route.method !== "GET" && route.method !== "DELETE";
      const path = pathOf(route, orgId).replace(orgId, caller.isStray === true ? stray.orgId : orgId);
      const answer = await house.ask(`${route.method} ${path}`, {
        ...(credential === undefined ? {} : { as: credential }),
        ...(hasBody ? { body: BODY } : {}),
      });
      const wanted = route.openBy !== undefined && caller.name === "nobody" ? "in" : expected(may, caller);
      const seen =
        answer.status === 401
          ? 401
          : isGate(route, answer)
            ? 403
            : answer.status >= 500 && !isWithoutUpstream(answer)
              ? answer.text
              : "in";
      expect([caller.name, seen]).toEqual([caller.name, wanted]);
      if (answer.status === 401) expect(answer.headers.get("www-authenticate")).toBe("Bearer");
    }
  });

  test("I1 R15 no answer held a password, a stored hash, a key's digest or the access key; nor did a line of the log", () => {
    const log = house.relay.logLines.join("\n");
    expect(log).not.toBe("");
    for (const secret of [KEY, PASSWORD, ...made.values()]) {
      expect(log).not.toContain(secret);
    }
    const all = house.answers.join("\n");
    expect(all).not.toContain(KEY);
    expect(all).not.toMatch(/\$argon2id|correct horse/);
    for (const key of [revoked.key, expiredKey, goneKey, ...made.values()]) expect(all).not.toContain(key);
  });
});

describe("R16 the access key that was granted the management scopes", () => {
  let granted: AccountRelay;
  beforeAll(async () => {
    granted = await startAccounts(`server: { access_key: ${KEY}, access_key_scopes: [inference, management] }`);
    await granted.person("olive");
  });
  afterAll(() => granted.stop());

  test("does what an admin does, within those scopes; never what needs a person or the super admin", async () => {
    for (const route of ROUTES) {
      const may = mayOf(route);
      const scope = scopeOf(may);
      const needsPerson = may === "user" || may === "super" || may === "api-key";
      const isHeld = scope === undefined || INFERENCE.test(scope) || !isUserScope(scope);
      const path = pathOf(route, orgId).replaceAll(orgId, (await granted.store.accounts.orgs.findDefault())!.id);
      const hasBody = route.method !== "GET" && route.method !== "DELETE";
      const answer = await granted.ask(`${route.method} ${path}`, { as: KEY, ...(hasBody ? { body: BODY } : {}) });
      const isBad = answer.status === 401 || (answer.status >= 500 && !isWithoutUpstream(answer));
      const seen = isBad ? answer.status : isGate(route, answer) ? 403 : "in";
      expect([lineOf(route), seen]).toEqual([lineOf(route), needsPerson || !isHeld ? 403 : "in"]);
    }
  });

  test("changes no super admin, and makes accounts like any admin", async () => {
    const demote = await granted.ask("PATCH /api/users/1", { as: KEY, body: { is_active: false } });
    expect([demote.status, demote.body.code]).toEqual([403, "super_admin_protected"]);
    const made = await granted.ask("POST /api/users", { as: KEY, body: { username: "ursula", password: PASSWORD } });
    expect(made.status).toBe(201);
  });
});
