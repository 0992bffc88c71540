/** Whose account a sign-in leads to: by provider and subject alone, never by an address or a name. */
import { describe, expect, test } from "bun:test";
import type { Profile } from "../../src/contract/auth.ts";
import { COMPANY, GITHUB, openSignInHouse, type SignInHouse, yamlOf } from "./sign-in-support.ts";
import { operator, ORIGIN, PASSWORD, refusal } from "./support.ts";

const person = (subject: string, more: Partial<Profile> = {}): Profile => ({ subject, ...more });

/** A house whose super admin is somebody with a password. */
async function claimed(yaml?: string): Promise<SignInHouse> {
  const house = await openSignInHouse(yaml ?? yamlOf([GITHUB, COMPANY]));
  await house.services.registration.register({ username: "owner", password: PASSWORD }, ORIGIN);
  return house;
}

const countOf = async (house: SignInHouse) => (await house.store.accounts.users.list()).items.length;

describe("R66 an identity is (issuer, subject)", () => {
  const at = (issuer: string) => yamlOf([GITHUB, `id: company, type: oidc, issuer: "${issuer}"`]);
  const ELSEWHERE = at("https://id.elsewhere.example");

  test("another issuer under the id of the old one gets in as nobody, also not as a new person", async () => {
    const house = await claimed();
    const { user } = await house.mustSignIn("company", person("sub-1", { displayName: "carol" }));
    await house.configure(ELSEWHERE);
    expect(await house.signInAs("company", person("sub-1"))).toBe("sign_in_refused");
    expect(await house.signInAs("company", person("sub-2"))).toBe("sign_in_refused");
    expect(await countOf(house)).toBe(2);
    // The operator is told which entry and what to do; nobody else is.
    const told = house.log.fields.filter((line) => "error" in line && String(line.error).includes("an id of its own"));
    expect(told).toHaveLength(2);
    await house.configure(at("https://id.example.com/"));
    expect((await house.mustSignIn("company", person("sub-1"))).user.id).toBe(user.id);
  });

  test("nor can its identities be linked", async () => {
    const house = await claimed();
    await house.mustSignIn("company", person("sub-1"));
    await house.configure(ELSEWHERE);
    const dora = await house.person("dora");
    expect(await house.signInAs("company", person("sub-3"), await dora.caller())).toBe("sign_in_refused");
    expect(await house.store.accounts.users.identities(dora.id)).toEqual([]);
  });

  test("an issuer that nobody got in with may be corrected", async () => {
    const house = await claimed(yamlOf([COMPANY], "", "auth: { registration: closed }"));
    expect(await house.signInAs("company", person("sub-1"))).toBe("registration_closed");
    await house.configure(ELSEWHERE);
    expect(typeof (await house.mustSignIn("company", person("sub-1"))).accessToken).toBe("string");
  });
});

describe("R66 an identity is (provider, subject)", () => {
  test.each([
    ["verified", { verifiedEmail: "alice@example.com" }],
    ["in other letters", { verifiedEmail: "ALICE@Example.COM" }],
    ["not vouched for", {}],
    ["that only looks the same", { verifiedEmail: "аlice@example.com" }],
  ])("an address %s leads to nobody else's account", async (_name, more) => {
    const house = await claimed();
    const local = await house.services.registration.register(
      { username: "alice", email: "alice@example.com", password: PASSWORD },
      ORIGIN,
    );
    const { user } = await house.mustSignIn("company", person("sub-1", { displayName: "alice", ...more }));
    expect(user.id).not.toBe(local.user.id);
    expect(user.username).toBe("alice-2");
    expect(user.email).toBeNull();
    expect(user.role).toBe("user");
  });

  test("nor does one that came first by the provider fall to a local account", async () => {
    const house = await claimed();
    const { user } = await house.mustSignIn("company", person("sub-1", { verifiedEmail: "bob@example.com" }));
    const input = { username: "other", email: "bob@example.com", password: PASSWORD };
    expect(await refusal(() => house.services.registration.register(input, ORIGIN))).toBe("409 email_taken");
    expect((await house.store.accounts.users.find(user.id))?.email).toBe("bob@example.com");
  });

  test("the same subject at two providers is two people", async () => {
    const house = await claimed();
    const one = await house.mustSignIn("company", person("7", { displayName: "carol" }));
    const two = await house.mustSignIn("github", person("7", { displayName: "carol" }));
    expect(two.user.id).not.toBe(one.user.id);
  });

  test("R67 a name that has changed hands leads to nobody's account but its new owner's", async () => {
    const house = await claimed();
    const before = await house.mustSignIn("github", person("100", { displayName: "dave", login: "dave" }));
    const renamed = await house.mustSignIn("github", person("100", { displayName: "dave2", login: "dave2" }));
    const taker = await house.mustSignIn("github", person("200", { displayName: "dave", login: "dave" }));
    expect(renamed.user.id).toBe(before.user.id);
    expect(taker.user.id).not.toBe(before.user.id);
  });

  test.each(["", " ", "a b", "x".repeat(256), "ключ", "a\nb", 7 as never, undefined as never])(
    "%j is no subject",
    async (subject) => {
      const house = await claimed();
      expect(await house.signInAs("company", person(subject))).toBe("sign_in_refused");
      expect(await countOf(house)).toBe(1);
    },
  );

  test("two windows of one person make one account", async () => {
    const house = await claimed();
    const both = await Promise.all([1, 2, 3, 4].map(() => house.mustSignIn("company", person("9"))));
    expect(new Set(both.map(({ user }) => user.id)).size).toBe(1);
  });
});

describe("names of new accounts", () => {
  test.each([
    ["Ada Lovelace", "ada-lovelace"],
    ["  .José_Ñandú. ", "jose_nandu"],
    ["access-key", "company-user"],
    ["ad", "company-user"],
    ["李小龙", "company-user"],
    ["a".repeat(80), "a".repeat(50)],
    ["<script>alert(1)</script>", "script-alert-1-script"],
  ])("%j becomes %s", async (displayName, username) => {
    const house = await claimed();
    expect((await house.mustSignIn("company", person("1", { displayName }))).user.username).toBe(username);
  });

  test("an address gives the name where there is none", async () => {
    const house = await claimed();
    const profile = person("1", { displayName: "李", verifiedEmail: "bruce@example.com" });
    expect((await house.mustSignIn("company", profile)).user.username).toBe("bruce");
  });

  test("admin is for the first account only", async () => {
    const house = await claimed();
    expect((await house.mustSignIn("company", person("1", { displayName: "admin" }))).user.username).toBe("admin-2");
    const empty = await openSignInHouse();
    expect((await empty.mustSignIn("company", person("1", { displayName: "admin" }))).user.username).toBe("admin");
  });

  test("there is a name for the eleventh of a kind too", async () => {
    const house = await claimed();
    const names = [];
    for (let count = 0; count < 12; count++) {
      names.push((await house.mustSignIn("company", person(`s${count}`, { displayName: "eve" }))).user.username);
    }
    expect(new Set(names).size).toBe(12);
    expect(names[8]).toBe("eve-9");
    expect(names[11]).toMatch(/^user-[a-z0-9]{10}$/);
  });
});

describe("R48 who is taken in", () => {
  test("closed: nobody new, but whoever has an account", async () => {
    const house = await claimed();
    const { user } = await house.mustSignIn("company", person("1"));
    await house.configure(yamlOf([GITHUB, COMPANY], "", "auth: { registration: closed }\n"));
    expect(await house.signInAs("company", person("2"))).toBe("registration_closed");
    expect((await house.mustSignIn("company", person("1"))).user.id).toBe(user.id);
    expect(await countOf(house)).toBe(2);
  });

  test("invite: whoever has one for a verified address, once", async () => {
    const house = await claimed(yamlOf([COMPANY], "", "auth: { registration: invite }\n"));
    await house.services.invites.create({ email: "guest@example.com" }, operator);
    expect(await house.signInAs("company", person("1"))).toBe("invite_required");
    expect(await house.signInAs("company", person("1", { verifiedEmail: "no@example.com" }))).toBe("invite_required");
    const guest = person("1", { verifiedEmail: "Guest@example.com" });
    expect((await house.mustSignIn("company", guest)).user.email).toBe("guest@example.com");
    expect(await house.signInAs("company", { ...guest, subject: "2" })).toBe("invite_required");
  });

  test("R46 the first account needs the setup token, which no provider can bring", async () => {
    const yaml = yamlOf([COMPANY], "", "auth: { setup_token: the-token-of-the-house }\n");
    const house = await openSignInHouse(yaml);
    expect(await house.signInAs("company", person("1"))).toBe("setup_token_required");
    expect(await house.store.accounts.users.hasAny()).toBe(false);
  });

  test("R45 ★ of fifty that come first at once, by password, by command and by provider, one is super admin; twenty times", async () => {
    for (let round = 0; round < 20; round++) {
      const house = await openSignInHouse();
      await Promise.all(
        Array.from({ length: 50 }, (_, index) => {
          // No more than eighteen passwords are taken in at a time.
          if (index % 6 === 0)
            return house.services.registration.register({ username: `local${index}`, password: PASSWORD }, ORIGIN);
          if (index % 6 === 1)
            return house.services.accounts.create({ username: `made${index}`, password: PASSWORD }, operator);
          return house.mustSignIn(index % 2 === 0 ? "github" : "company", person(`s${index}`));
        }),
      );
      const { items } = await house.store.accounts.users.list();
      expect(items.filter(({ role }) => role === "super_admin").length).toBe(1);
      expect(items.filter(({ role }) => role === "admin").length).toBe(0);
    }
  });

  test("an account that was switched off stays out", async () => {
    const house = await claimed();
    const { user, accessToken } = await house.mustSignIn("company", person("1"));
    await house.services.accounts.update(user.id, { isActive: false }, operator);
    expect(await house.signInAs("company", person("1"))).toBe("account_inactive");
    expect(await house.services.sessions.find(accessToken)).toBeUndefined();
  });

  test("allowed domains are those of verified addresses", async () => {
    const house = await claimed(yamlOf([`${COMPANY}, allowed_domains: [Example.com]`]));
    expect(await house.signInAs("company", person("1"))).toBe("not_allowed");
    for (const verifiedEmail of [
      "a@example.org",
      "a@sub.example.com",
      "a@example.com.evil.org",
      "a@evil-example.com",
    ]) {
      expect(await house.signInAs("company", person("1", { verifiedEmail }))).toBe("not_allowed");
    }
    const { user } = await house.mustSignIn("company", person("1", { verifiedEmail: "a@EXAMPLE.com" }));
    // Asked each time: who has left the domain has left.
    expect(await house.signInAs("company", person("1", { verifiedEmail: "a@elsewhere.org" }))).toBe("not_allowed");
    expect(user.email).toBe("a@example.com");
  });
});

describe("R68 who is an admin", () => {
  const roleAfter = async (house: SignInHouse, provider: string, profile: Profile) =>
    (await house.mustSignIn(provider, profile)).user.role;

  test("by group, and no longer without it", async () => {
    const house = await claimed(yamlOf([GITHUB, `${COMPANY}, admin_groups: [relay-admins]`]));
    const inGroup = person("1", { groups: ["staff", "relay-admins"] });
    expect(await roleAfter(house, "company", person("1", { groups: ["staff"] }))).toBe("user");
    expect(await roleAfter(house, "company", inGroup)).toBe("admin");
    expect(house.revocations).toContainEqual({ type: "changed", principalId: "user:2" });
    expect(await roleAfter(house, "company", person("1", { groups: ["staff"] }))).toBe("user");
    expect(await roleAfter(house, "company", person("1"))).toBe("user");
    // The same word of another provider means nothing.
    expect(await roleAfter(house, "github", inGroup)).toBe("user");
  });

  test("by subject, by name of the provider and subject or verified address", async () => {
    const names = "admin_usernames: ['company:2', 'company:third@example.com', 'github:4']";
    const house = await claimed(yamlOf([GITHUB, `${COMPANY}, admin_subjects: ['1']`], names));
    expect(await roleAfter(house, "company", person("1"))).toBe("admin");
    expect(await roleAfter(house, "company", person("2"))).toBe("admin");
    expect(await roleAfter(house, "company", person("3", { verifiedEmail: "Third@example.com" }))).toBe("admin");
    expect(await roleAfter(house, "company", person("4"))).toBe("user");
    expect(await roleAfter(house, "github", person("1"))).toBe("user");
    expect(await roleAfter(house, "github", person("3", { verifiedEmail: "third@example.com" }))).toBe("user");
  });

  test("an administrator that people made stays one, the super admin is touched by no rule", async () => {
    const house = await claimed(yamlOf([`${COMPANY}, admin_groups: [relay-admins]`]));
    const { user } = await house.mustSignIn("company", person("1"));
    await house.services.accounts.update(user.id, { isAdmin: true }, operator);
    expect(await roleAfter(house, "company", person("1"))).toBe("admin");

    const empty = await openSignInHouse(yamlOf([`${COMPANY}, admin_groups: [relay-admins]`]));
    const inGroup = person("1", { groups: ["relay-admins"] });
    expect(await roleAfter(empty, "company", inGroup)).toBe("super_admin");
    expect(await roleAfter(empty, "company", person("1"))).toBe("super_admin");
    // Nobody else becomes it either.
    expect(await roleAfter(empty, "company", { ...inGroup, subject: "2" })).toBe("admin");
  });

  test("a bare name is the login of whoever bears it first, for good", async () => {
    const house = await claimed(yamlOf([GITHUB, COMPANY], "admin_usernames: [OctoCat]"));
    // Neither a display name nor a login elsewhere is one.
    expect(await roleAfter(house, "company", person("9", { displayName: "octocat", login: "octocat" }))).toBe("user");
    expect(await roleAfter(house, "github", person("8", { displayName: "octocat", login: "other" }))).toBe("user");
    expect(await roleAfter(house, "github", person("1", { login: "octocat" }))).toBe("admin");
    // The name has changed hands.
    expect(await roleAfter(house, "github", person("2", { login: "octocat" }))).toBe("user");
    expect(await roleAfter(house, "github", person("1", { login: "octocat" }))).toBe("admin");
  });
});

describe("linking", () => {
  test("a signed-in person adds an identity and signs in with it from then on", async () => {
    const house = await claimed();
    const alice = await house.person("alice");
    const elsewhere = await house.services.login.login({ username: "alice", password: PASSWORD }, ORIGIN);
    const linked = await house.mustSignIn(
      "github",
      person("1", { verifiedEmail: "a@example.com" }),
      await alice.caller(),
    );
    expect(linked.user.id).toBe(alice.id);
    expect((await house.mustSignIn("github", person("1"))).user.id).toBe(alice.id);
    // R43: the session that asked goes on, the others have ended.
    expect(await house.services.sessions.find(alice.accessToken)).toBeDefined();
    expect(await house.services.sessions.find(elsewhere.accessToken)).toBeUndefined();
    expect(await house.signIn.links.list(await alice.caller())).toMatchObject([
      { provider: "github", subject: "1", email: "a@example.com" },
    ]);
    // Whoever links may be a stranger to the rule for new accounts.
    expect(await countOf(house)).toBe(2);
  });

  test("an identity that is somebody else's stays his", async () => {
    const house = await claimed();
    const { user } = await house.mustSignIn("github", person("1"));
    const alice = await house.person("alice");
    expect(await house.signInAs("github", person("1"), await alice.caller())).toBe("identity_taken");
    expect((await house.mustSignIn("github", person("1"))).user.id).toBe(user.id);
    // One's own, once more, does no harm.
    const own = await house.person("bob");
    await house.mustSignIn("company", person("2"), await own.caller());
    expect((await house.mustSignIn("company", person("2"), await own.caller())).user.id).toBe(own.id);
  });

  test("R43 R66 it needs a fresh proof, and a session that is still there at the end", async () => {
    const house = await claimed();
    const alice = await house.person("alice");
    const caller = await alice.caller();
    house.clock.advance(5 * 60_000);
    expect(await refusal(() => house.begin("github", { link: caller }))).toBe("403 reauth_required");
    expect(await refusal(() => house.begin("github", { link: operator }))).toBe("403 session_required");
    expect(house.asked.get("github")?.begun ?? []).toEqual([]);

    const again = await house.services.login.login({ username: "alice", password: PASSWORD }, ORIGIN);
    const identity = (await house.services.sessions.find(again.accessToken))!;
    house.says("github", person("1"));
    const begun = await house.begin("github", { link: { identity, origin: ORIGIN } });
    await house.services.sessions.logout({ identity }, ORIGIN);
    expect(await house.answer("github", begun)).toMatchObject({ error: "link_expired" });
    expect(await house.store.accounts.users.findByIdentity("github", "1")).toBeUndefined();
  });

  test("the last way in cannot be taken away", async () => {
    const house = await claimed();
    const signedIn = await house.mustSignIn("github", person("1"));
    const callerOf = async (token: string) => ({
      identity: (await house.services.sessions.find(token))!,
      origin: ORIGIN,
    });
    const caller = await callerOf(signedIn.accessToken);
    const [only] = await house.signIn.links.list(caller);
    expect(await refusal(() => house.signIn.links.unlink(only!.id, caller))).toBe("409 last_login_method");

    await house.mustSignIn("company", person("2"), caller);
    await house.signIn.links.unlink(only!.id, caller);
    expect(await house.signIn.links.list(caller)).toMatchObject([{ provider: "company" }]);
    expect(await refusal(() => house.signIn.links.unlink(only!.id, caller))).toBe("404 not_found");
    // What was taken off the account leads to a new one.
    expect((await house.mustSignIn("github", person("1"))).user.id).not.toBe(signedIn.user.id);
  });

  test("a password counts as a way in, but not where only providers sign in", async () => {
    const house = await claimed();
    const alice = await house.person("alice");
    await house.mustSignIn("github", person("1"), await alice.caller());
    const bySso = await house.mustSignIn("github", person("1"));
    await house.configure(yamlOf([GITHUB, COMPANY], "sso_only: true"));
    const caller = { identity: (await house.services.sessions.find(bySso.accessToken))!, origin: ORIGIN };
    const [only] = await house.signIn.links.list(caller);
    expect(await refusal(() => house.signIn.links.unlink(only!.id, caller))).toBe("409 last_login_method");
    await house.configure(yamlOf([GITHUB, COMPANY]));
    expect(await refusal(() => house.signIn.links.unlink(only!.id, caller))).toBe("none");
  });

  test("identities of others are not there", async () => {
    const house = await claimed();
    await house.mustSignIn("github", person("1"));
    const alice = await house.person("alice");
    await house.mustSignIn("company", person("2"), await alice.caller());
    const caller = await alice.caller();
    const [theirs] = await house.store.accounts.users.identities(2);
    expect(await refusal(() => house.signIn.links.unlink(theirs!.id, caller))).toBe("404 not_found");
    expect(await refusal(() => house.signIn.links.list(operator))).toBe("403 session_required");
    house.clock.advance(5 * 60_000);
    expect(await refusal(() => house.signIn.links.list(caller))).toBe("403 reauth_required");
  });
});

describe("R48 sso_only", () => {
  test("closes registration, password, proof and reset, and ends password sessions; providers go on", async () => {
    const house = await claimed();
    const alice = await house.person("alice");
    const caller = await alice.caller();
    await house.configure(yamlOf([GITHUB, COMPANY], "sso_only: true"));
    const { registration, login, accounts, sessions } = house.services;
    const refused = [
      () => registration.register({ username: "carol", password: PASSWORD }, ORIGIN),
      () => login.login({ username: "alice", password: PASSWORD }, ORIGIN),
      () => login.reauthenticate(PASSWORD, caller),
      () => login.changePassword({ oldPassword: PASSWORD, newPassword: `${PASSWORD}2` }, caller),
      () => accounts.resetPassword({ token: "x", newPassword: PASSWORD }, ORIGIN),
    ];
    for (const work of refused) expect(await refusal(work)).toBe("403 sso_only");
    expect(await sessions.find(alice.accessToken)).toBeUndefined();
    expect(await refusal(() => sessions.refresh(alice.refreshToken, ORIGIN))).toBe("401 invalid_refresh_token");
    const { accessToken } = await house.mustSignIn("github", person("1"));
    expect(await sessions.find(accessToken)).toBeDefined();
  });
});

test("the way out leads to the provider that this session came from, and to none other", async () => {
  const house = await claimed();
  const bySso = await house.mustSignIn("company", person("1"));
  const callerOf = async (token: string) => ({
    identity: (await house.services.sessions.find(token))!,
    origin: ORIGIN,
  });
  const url = new URL("https://id.example.com/logout");
  const asked: unknown[] = [];
  const company = house.entries.get("company")!;
  const withLogout = new Map(house.entries).set("company", {
    config: company.config,
    signIn: {
      ...company.signIn,
      logoutUrl(logout) {
        asked.push([logout.redirectUri, logout.idToken]);
        return url;
      },
    },
  });
  const to = { redirectUri: "https://relay.example.com/login", idToken: "a.b.c" };
  expect(await house.signIn.links.logoutUrl(await callerOf(bySso.accessToken), withLogout, to)).toBe(url);
  expect(asked).toEqual([["https://relay.example.com/login", "a.b.c"]]);
  const alice = await house.person("alice");
  expect(await house.signIn.links.logoutUrl(await alice.caller(), withLogout, to)).toBeUndefined();
  expect(await house.signIn.links.logoutUrl(await callerOf(bySso.accessToken), house.entries, to)).toBeUndefined();
  const broken = new Map(withLogout).set("company", {
    config: company.config,
    signIn: { ...company.signIn, logoutUrl: () => Promise.reject(new Error("away")) },
  });
  expect(await house.signIn.links.logoutUrl(await callerOf(bySso.accessToken), broken, to)).toBeUndefined();
});
