/** What somebody hands out for later use - a link for a new password, an invitation - is worth what its maker may do then. */
import { describe, expect, test } from "bun:test";
import type { Caller } from "../../src/auth/caller.ts";
import { type House, openHouse, ORIGIN, operator, PASSWORD, type Person, refusal } from "./support.ts";

interface Cast {
  readonly house: House;
  readonly root: Person;
  readonly maker: Person;
  readonly target: Person;
}

async function cast(): Promise<Cast> {
  const house = await openHouse();
  const root = await house.person("olive");
  const maker = await house.person("boris");
  const target = await house.person("tessa");
  await house.services.accounts.update(maker.id, { isAdmin: true }, await root.caller());
  return { house, root, maker, target };
}

const keyOf = async ({ house, maker }: Cast): Promise<{ readonly id: string; readonly caller: Caller }> => {
  const made = await house.services.apiKeys.create(
    { name: "bot", scopes: ["management"] },
    { style: "native" },
    await maker.caller(),
  );
  const identity = (await house.services.apiKeys.find(made.secret!))!;
  return { id: made.key.id, caller: { identity, origin: ORIGIN } };
};

type Loss = (cast: Cast) => Promise<unknown>;
const LOSSES: readonly [name: string, loss: Loss][] = [
  [
    "was demoted",
    async ({ house, root, maker }) => house.services.accounts.update(maker.id, { isAdmin: false }, await root.caller()),
  ],
  [
    "was switched off",
    async ({ house, root, maker }) =>
      house.services.accounts.update(maker.id, { isActive: false }, await root.caller()),
  ],
  ["was deleted", async ({ house, root, maker }) => house.services.accounts.delete(maker.id, await root.caller())],
];

const reset = ({ house }: Cast, token: string) =>
  refusal(() => house.services.accounts.resetPassword({ token, newPassword: "a wholly new 9 password" }, ORIGIN));
const register = ({ house }: Cast, inviteCode: string) =>
  refusal(() => house.services.registration.register({ username: "nina", password: PASSWORD, inviteCode }, ORIGIN));

describe("R74 a link for a new password", () => {
  test.each(LOSSES)("is void once the admin who made it %s, and sets nobody's password", async (_name, loss) => {
    const it = await cast();
    const { accounts, login } = it.house.services;
    const { token } = await accounts.createReset(it.target.id, await it.maker.caller());
    await loss(it);
    expect(await reset(it, token)).toBe("400 token_invalid");
    expect(await refusal(() => login.login({ username: "tessa", password: PASSWORD }, ORIGIN))).toBe("none");
  });

  test("is void once the key that made it was revoked", async () => {
    const it = await cast();
    const { accounts, apiKeys } = it.house.services;
    const { id, caller } = await keyOf(it);
    const { token } = await accounts.createReset(it.target.id, caller);
    await apiKeys.revoke(id, await it.maker.caller());
    expect(await reset(it, token)).toBe("400 token_invalid");
  });

  test("does not reach the super admin: it is void once its account has become one", async () => {
    const it = await cast();
    const { accounts, login } = it.house.services;
    const { token } = await accounts.createReset(it.target.id, await it.maker.caller());
    await accounts.transferOwnership(it.target.id, "tessa", await it.root.caller());
    expect(await reset(it, token)).toBe("400 token_invalid");
    expect(await refusal(() => login.login({ username: "tessa", password: PASSWORD }, ORIGIN))).toBe("none");
  });

  test.each([
    ["rises to admin", { isAdmin: true }],
    ["is switched off, also if it comes back", { isActive: false }],
  ])("is void once its account %s", async (_name, patch) => {
    const it = await cast();
    const { accounts } = it.house.services;
    const { token } = await accounts.createReset(it.target.id, await it.maker.caller());
    await accounts.update(it.target.id, patch, await it.root.caller());
    await accounts.update(it.target.id, { isActive: true }, await it.root.caller());
    expect(await reset(it, token)).toBe("400 token_invalid");
  });

  test("is void once its account rises by the rule of an identity provider", async () => {
    const it = await cast();
    const { token } = await it.house.services.accounts.createReset(it.target.id, await it.maker.caller());
    const by = { actor: "anonymous", userId: null, via: "sso:company", ip: null, requestId: null };
    await it.house.store.accounts.users.setRoleFromProvider(it.target.id, "company", true, by);
    expect(await reset(it, token)).toBe("400 token_invalid");
  });

  test("works while its maker is an admin, though his session has ended; and from the command line", async () => {
    const it = await cast();
    const { accounts, sessions } = it.house.services;
    const { token } = await accounts.createReset(it.target.id, await it.maker.caller());
    await sessions.logout({ identity: await it.maker.identity(), all: true }, ORIGIN);
    expect(await reset(it, token)).toBe("none");
    const again = await accounts.createReset(it.root.id, operator);
    expect(await reset(it, again.token)).toBe("none");
  });
});

describe("R48 an invitation", () => {
  test.each(LOSSES)("lets nobody in once the admin who made it %s", async (_name, loss) => {
    const it = await cast();
    const { code } = await it.house.services.invites.create({}, await it.maker.caller());
    await it.house.configure("auth: { registration: invite }");
    await loss(it);
    expect(await register(it, code)).toBe("403 invite_invalid");
  });

  test("of an organisation's admin is void once he is none there; that of a plain user needs no role in the house", async () => {
    const it = await cast();
    const { orgs, registration } = it.house.services;
    const { id } = await orgs.create("Team", await it.maker.caller());
    await orgs.addMember(id, { userId: it.target.id }, "admin", await it.maker.caller());
    const invite = async (email: string) => {
      const made = await orgs.addOrInvite(id, email, "member", await it.target.caller());
      if (made.type !== "invited") throw new Error(made.type);
      return made.code;
    };
    const codes = [await invite("one@example.com"), await invite("two@example.com")];
    const as = (username: string, email: string, inviteCode: string) =>
      refusal(() => registration.register({ username, email, password: PASSWORD, inviteCode }, ORIGIN));
    expect(await as("one", "one@example.com", codes[0]!)).toBe("none");
    await orgs.setRole(id, it.target.id, "member", await it.maker.caller());
    expect(await as("two", "two@example.com", codes[1]!)).toBe("403 invite_invalid");
  });

  test("made by a key is void once the key was revoked", async () => {
    const it = await cast();
    const { id, caller } = await keyOf(it);
    const { code } = await it.house.services.invites.create({}, caller);
    await it.house.services.apiKeys.revoke(id, await it.maker.caller());
    expect(await register(it, code)).toBe("403 invite_invalid");
  });
});
