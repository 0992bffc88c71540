/** Organisations as services: who manages whom in them, who is invited, and where a session may act. */
import { describe, expect, test } from "bun:test";
import { parseInstant } from "../../src/auth/instant.ts";
import { actor, newUser } from "../store/people.ts";
import { type House, openHouse, ORIGIN, operator, type Person, refusal } from "./support.ts";

interface Team {
  readonly house: House;
  readonly team: string;
  readonly root: Person;
  /** By what they are in the team; `stranger` is nobody there. */
  readonly people: Readonly<Record<"owner" | "admin" | "member" | "stranger", Person>>;
}

/** As an admin of the house has written it down. */
const STRANGER = "stan@example.com";

async function openTeam(): Promise<Team> {
  const house = await openHouse();
  const root = await house.person("super");
  const people = {
    owner: await house.person("olga"),
    admin: await house.person("adam"),
    member: await house.person("mina"),
    stranger: await house.person("stan"),
  };
  const { orgs } = house.services;
  const { id: team } = await orgs.create("Team", await root.caller());
  for (const role of ["owner", "admin", "member"] as const) {
    await orgs.addMember(team, { userId: people[role].id }, role, await root.caller());
  }
  await orgs.removeMember(team, root.id, await root.caller());
  await house.services.accounts.update(people.stranger.id, { email: STRANGER }, await root.caller());
  return { house, team, root, people };
}

describe("who may do what in an organisation", () => {
  type Who = keyof Team["people"] | "super";
  const asks: [what: string, allowed: string, act: (it: Team, by: Person) => Promise<unknown>][] = [
    [
      "see it",
      "owner admin member super",
      async ({ house, team }, by) => house.services.orgs.get(team, await by.identity()),
    ],
    [
      "see its members",
      "owner admin member super",
      async ({ house, team }, by) => house.services.orgs.members(team, await by.identity()),
    ],
    [
      "rename it",
      "owner admin super",
      async ({ house, team }, by) => house.services.orgs.update(team, { name: "New" }, await by.caller()),
    ],
    [
      "bound it",
      "super",
      async ({ house, team }, by) => house.services.orgs.update(team, { limits: { rpm: 5 } }, await by.caller()),
    ],
    [
      "add a member",
      "owner admin super",
      async ({ house, team }, by) =>
        house.services.orgs.addMember(team, { email: STRANGER }, "member", await by.caller()),
    ],
    [
      "add an owner",
      "owner super",
      async ({ house, team }, by) =>
        house.services.orgs.addMember(team, { email: STRANGER }, "owner", await by.caller()),
    ],
    [
      "add somebody by number, which would tell names and addresses of all",
      "super",
      async ({ house, team, people }, by) =>
        house.services.orgs.addMember(team, { userId: people.stranger.id }, "member", await by.caller()),
    ],
    [
      "raise a member",
      "owner admin super",
      async ({ house, team, people }, by) =>
        house.services.orgs.setRole(team, people.member.id, "admin", await by.caller()),
    ],
    [
      "put a member out",
      "owner admin super",
      async ({ house, team, people }, by) =>
        house.services.orgs.removeMember(team, people.member.id, await by.caller()),
    ],
    ["delete it", "owner super", async ({ house, team }, by) => house.services.orgs.delete(team, await by.caller())],
  ];
  const cells = asks.flatMap(([what, allowed, act]) =>
    (["owner", "admin", "member", "stranger", "super"] as const).map(
      (who) => [who, what, allowed.includes(who), act] as const,
    ),
  );

  test.each(cells)("%s: %s, %p", async (who: Who, _what, isAllowed, act) => {
    const it = await openTeam();
    const outcome = await refusal(() => act(it, who === "super" ? it.root : it.people[who]));
    if (isAllowed) expect(outcome).toBe("none");
    // An organisation that is not one's own is not there.
    else if (who === "stranger") expect(outcome).toBe("404 not_found");
    else expect(outcome).toMatch(/^403 (org_role_required|admin_required)$/);
  });

  test("an admin of it neither lowers nor removes an owner; the last owner stays", async () => {
    const { house, team, people } = await openTeam();
    const { orgs } = house.services;
    const admin = await people.admin.caller();
    expect(await refusal(() => orgs.setRole(team, people.owner.id, "member", admin))).toBe("403 org_role_required");
    expect(await refusal(() => orgs.removeMember(team, people.owner.id, admin))).toBe("403 org_role_required");
    const owner = await people.owner.caller();
    expect(await refusal(() => orgs.setRole(team, people.owner.id, "member", owner))).toBe("409 last_owner");
    expect(await refusal(() => orgs.removeMember(team, people.owner.id, owner))).toBe("409 last_owner");
    expect(await refusal(() => orgs.delete("org_nowhere", owner))).toBe("404 not_found");
  });

  test("the default organisation stays, and so does one with live keys", async () => {
    const { house, team, root, people } = await openTeam();
    const { orgs, apiKeys } = house.services;
    const home = (await root.identity()).orgId!;
    expect(await refusal(async () => orgs.delete(home, await root.caller()))).toBe("409 default_org");
    const { key } = await apiKeys.create({ name: "k", orgId: team }, { style: "native" }, await people.member.caller());
    expect(await refusal(async () => orgs.delete(team, await people.owner.caller()))).toBe("409 has_active_keys");
    await apiKeys.revoke(key.id, await people.member.caller());
    expect(await refusal(async () => orgs.delete(team, await people.owner.caller()))).toBe("none");
  });
});

describe("acting in another organisation", () => {
  test("is for its members, with the role they have there", async () => {
    const { house, team, people } = await openTeam();
    const { enter } = house.services.orgs;
    const member = await people.member.identity();
    expect(await enter(member, team)).toMatchObject({ orgId: team, orgRole: "member", id: member.id });
    const owner = await enter(await people.owner.identity(), team);
    expect([owner.orgRole, owner.scopes.has("orgs:write")]).toEqual(["owner", true]);
    expect((await people.owner.identity()).scopes.has("orgs:write")).toBe(false);
    expect(await refusal(async () => enter(await people.stranger.identity(), team))).toBe("403 forbidden");
    expect(await refusal(async () => enter(member, "org_nowhere"))).toBe("403 forbidden");
    expect(await enter(member, member.orgId!)).toBe(member);
  });

  test("ends with the membership, for what is under way too", async () => {
    const { house, team, people } = await openTeam();
    const inside = await house.services.orgs.enter(await people.member.identity(), team);
    expect(await house.services.renew(inside)).toMatchObject({ orgId: team, orgRole: "member" });
    await house.services.orgs.removeMember(team, people.member.id, await people.owner.caller());
    expect(house.revocations.at(-1)).toEqual({ type: "changed", principalId: inside.id });
    expect(await house.services.renew(inside)).toBeUndefined();
    expect(await house.services.renew(await people.member.identity())).toBeDefined();
  });

  test("is not for keys: they belong to one", async () => {
    const { house, team, people } = await openTeam();
    const { secret } = await house.services.apiKeys.create(
      { name: "k" },
      { style: "native" },
      await people.member.caller(),
    );
    const key = (await house.services.apiKeys.find(secret!))!;
    expect(await refusal(() => house.services.orgs.enter(key, team))).toBe("403 forbidden");
    expect(await refusal(() => house.services.orgs.get(team, key))).toBe("404 not_found");
  });
});

describe("invitations", () => {
  test("an address with an account joins at once; one without is invited, and the code lets it in", async () => {
    const { house, team, people } = await openTeam();
    const { orgs, registration, invites } = house.services;
    const joined = await orgs.addOrInvite(team, "Stan@Example.com", "member", await people.admin.caller());
    expect(joined).toMatchObject({ type: "member", member: { userId: people.stranger.id, role: "member" } });
    const invited = await orgs.addOrInvite(team, "new@example.com", "admin", await people.admin.caller());
    if (invited.type !== "invited") throw new Error(invited.type);
    await house.configure("auth: { registration: invite }");
    const input = { username: "newcomer", password: "correct horse 7 battery", inviteCode: invited.code };
    expect(await refusal(() => registration.register({ ...input, email: "other@example.com" }, ORIGIN))).toBe(
      "403 invite_invalid",
    );
    const { user } = await registration.register({ ...input, email: "new@example.com" }, ORIGIN);
    expect((await orgs.members(team, await people.owner.identity())).items).toContainEqual(
      expect.objectContaining({ userId: user.id, role: "admin" }),
    );
    const text = JSON.stringify([await invites.list(), await house.services.audit.list({}, { limit: 200 })]);
    expect(text).not.toContain(invited.code);
  });

  test("whoever only says that an address is his gets nothing by it: the address is invited, not he", async () => {
    const { house, team, people } = await openTeam();
    const { accounts, orgs } = house.services;
    const squatter = await people.stranger.caller();
    await accounts.updateOwn({ email: "ceo@example.com" }, squatter);
    const owner = await people.owner.caller();
    const who = { email: "ceo@example.com" };
    expect(await refusal(() => orgs.addMember(team, who, "admin", owner))).toBe("404 not_found");
    expect((await orgs.addOrInvite(team, who.email, "admin", owner)).type).toBe("invited");
    expect(await refusal(() => orgs.get(team, squatter.identity))).toBe("404 not_found");
  });

  test("an address counts when an admin, an invitation to it or an identity provider stands for it", async () => {
    const { house, team, root, people } = await openTeam();
    const { accounts, invites, orgs, registration } = house.services;
    const { users } = house.store.accounts;
    const owner = await people.owner.caller();
    const byAdmin = await accounts.create({ username: "anna", email: "anna@example.com" }, await root.caller());
    const { code } = await invites.create({ email: "ina@example.com" }, await root.caller());
    const input = { username: "ina", email: "ina@example.com", password: "correct horse 7 battery", inviteCode: code };
    const { user: invited } = await registration.register(input, ORIGIN);
    const bySso = await users.create(
      newUser("sam", {
        email: "sam@example.com",
        passwordHash: null,
        identity: { provider: "company", subject: "1", email: "sam@example.com" },
      }),
      actor(),
    );
    if (bySso.type !== "created") throw new Error(bySso.type);
    for (const { id, email } of [byAdmin.user, invited, bySso.user]) {
      const member = await orgs.addMember(team, { email: email! }, "member", owner);
      expect([member.userId, member.email]).toEqual([id, email]);
    }
    const linked = await people.member.caller();
    await accounts.updateOwn({ email: "mina@example.com" }, linked);
    expect(await users.findByVouchedEmail("mina@example.com")).toBeUndefined();
    const identity = { provider: "company", subject: "2", email: "mina@example.com" };
    await users.link(people.member.id, identity, people.member.sessionId, actor());
    expect((await users.findByVouchedEmail("mina@example.com"))?.id).toBe(people.member.id);
    await accounts.updateOwn({ email: "olive@example.com" }, await people.member.caller());
    expect(await users.findByVouchedEmail("olive@example.com")).toBeUndefined();
  });

  test("plain members see each other's names, and no address but their own", async () => {
    const { house, team, root, people } = await openTeam();
    for (const name of ["owner", "member"] as const) {
      await house.services.accounts.update(people[name].id, { email: `${name}@example.com` }, await root.caller());
    }
    const seenBy = async (who: Person) =>
      (await house.services.orgs.members(team, await who.identity())).items.map(({ email }) => email);
    expect(await seenBy(people.member)).toEqual([null, null, "member@example.com"]);
    expect(await seenBy(people.admin)).toEqual(["owner@example.com", null, "member@example.com"]);
  });

  test("live for two days unless asked otherwise, from a minute to a month", async () => {
    const { house } = await openTeam();
    const make = (expiresInS?: number) =>
      house.services.invites.create(expiresInS === undefined ? {} : { expiresInS }, operator);
    expect((await make()).invite.expiresAt).toBe(house.clock.now() + 172_800_000);
    for (const [seconds, expected] of [
      [60, "none"],
      [59, "422 validation_error"],
      [2_592_001, "422 validation_error"],
      [Number.NaN, "422 validation_error"],
    ] as const) {
      expect([seconds, await refusal(() => make(seconds))]).toEqual([seconds, expected]);
    }
    expect(await refusal(() => house.services.invites.create({ orgId: "org_nowhere" }, operator))).toBe(
      "404 not_found",
    );
    expect(await refusal(() => house.services.invites.revoke("nothing", operator))).toBe("404 not_found");
  });
});

describe("R23 instants are RFC 3339 with an offset", () => {
  test.each<[text: string, expected: string | undefined]>([
    ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000Z"],
    ["2026-01-02t03:04:05z", "2026-01-02T03:04:05.000Z"],
    ["2026-01-02T03:04:05.678901Z", "2026-01-02T03:04:05.678Z"],
    ["2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05.000Z"],
    ["2026-01-02T03:04:05-23:59", "2026-01-03T03:03:05.000Z"],
    ["2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"],
    ["2026-03-29T02:30:00+01:00", "2026-03-29T01:30:00.000Z"],
    ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z"],
    ["2025-02-30T00:00:00Z", undefined],
    ["2025-02-29T00:00:00Z", undefined],
    ["2026-13-01T00:00:00Z", undefined],
    ["2026-01-02T24:00:00Z", undefined],
    ["2026-01-02T03:60:00Z", undefined],
    ["2026-01-02T03:04:60Z", undefined],
    ["2026-01-02T03:04:05", undefined],
    ["2026-01-02T03:04:05+24:00", undefined],
    ["2026-01-02", undefined],
    ["2026-01-02 03:04:05Z", undefined],
    ["1767323045", undefined],
    ["+012026-01-02T03:04:05Z", undefined],
    ["tomorrow", undefined],
    ["", undefined],
  ])("%j", (text, expected) => {
    const instant = parseInstant(text);
    expect(instant === undefined ? undefined : new Date(instant).toISOString()).toBe(expected);
  });
});
