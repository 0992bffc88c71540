/** The two desks that commands work at, a data directory and a relay at a URL: the same answers, the same refusals. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Desk } from "../../src/cli/desk.ts";
import { CliError, refusalOf } from "../../src/cli/exit.ts";
import { createLocalDesk } from "../../src/cli/local-desk.ts";
import { createRemoteDesk } from "../../src/cli/remote-desk.ts";
import { type AccountRelay, PASSWORD, type SignedIn, startAccounts } from "../support/accounts.ts";

let house: AccountRelay;
let owner: SignedIn;
let user: SignedIn;
const desks: Record<string, Desk> = {};
beforeAll(async () => {
  house = await startAccounts();
  owner = await house.person("olive");
  user = await house.person("ursula");
  desks["local"] = createLocalDesk(house.services, "http://relay", house.clock.now);
  desks["remote"] = remote(owner.token);
});
afterAll(() => house.stop());

const remote = (token: string | undefined, url = house.relay.url) => createRemoteDesk({ url, token, send: fetch });

/** `exit code`, as the command would end. */
async function exitOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return "0";
  } catch (error) {
    const known = error instanceof CliError ? error : refusalOf(error);
    return known === undefined ? String(error) : `${known.exitCode} ${known.code}`;
  }
}

describe.each(["local", "remote"])("%s", (where) => {
  const desk = () => desks[where]!;
  const name = `nora-${where}`;

  test("accounts are made, found by name in any case, changed and listed", async () => {
    const made = await desk().createUser({
      username: name,
      password: PASSWORD,
      email: `${name}@example.com`,
      is_admin: true,
    });
    expect(made).toMatchObject({ username: name, is_admin: true, is_super_admin: false, last_login: null });
    expect(await desk().findUser(name.toUpperCase())).toEqual(made);
    expect(await desk().updateUser(made.id, { is_admin: false, email: null })).toMatchObject({
      is_admin: false,
      email: null,
    });
    expect((await desk().users()).map(({ username }) => username)).toContain(name);
  });

  test("a reset is a link that works, or a password that is set; the sessions end either way", async () => {
    const { id } = await desk().findUser(name);
    const login = (password: string) => house.ask("POST /api/auth/login", { body: { username: name, password } });
    const before = (await login(PASSWORD)).body.access_token;
    const { reset_url: link, expires_at: until } = await desk().resetLink(id);
    expect(Date.parse(until)).toBe(house.clock.now() + 24 * 3_600_000);
    expect((await house.ask("GET /api/auth/me", { as: before })).status).toBe(401);
    const used = await house.ask("POST /api/auth/reset-password", {
      body: { token: link.split("#reset=")[1], new_password: "a good new password" },
    });
    expect(used.status).toBe(200);
    const after = (await login("a good new password")).body.access_token;
    await desk().setPassword(id, PASSWORD);
    expect((await house.ask("GET /api/auth/me", { as: after })).status).toBe(401);
    expect((await login(PASSWORD)).status).toBe(200);
  });

  test("keys are made, listed without the revoked ones, rotated and revoked", async () => {
    const made = await desk().createKey({ name: `key-${where}`, models: { allow: ["echo"] } }, undefined);
    const { key, ...shown } = made;
    expect(key).toMatch(/^mr_/);
    expect(shown).toMatchObject({ user_id: owner.id, models: { allow: ["echo"], deny: [] } });
    const chat = (as: string) =>
      house.ask("POST /v1/chat/completions", {
        as,
        body: { model: "echo", messages: [{ role: "user", content: "hi" }] },
      });
    expect((await chat(key)).status).toBe(200);
    expect((await desk().keys(owner.id)).find(({ id }) => id === shown.id)?.name).toBe(`key-${where}`);
    const next = await desk().rotateKey(shown.id, 0);
    expect([(await chat(key)).status, (await chat(next.key)).status]).toEqual([401, 200]);
    await desk().revokeKey(next.public_id);
    await desk().revokeKey(next.id);
    expect((await chat(next.key)).status).toBe(401);
    expect((await desk().keys(undefined)).map(({ id }) => id)).not.toContain(next.id);
  });

  const refused: [name: string, exit: string, work: (desk: Desk) => Promise<unknown>][] = [
    ["a name that is taken", "7 username_taken", (desk) => desk.createUser({ username: "Ursula", password: PASSWORD })],
    [
      "a password that is too short",
      "2 validation_error",
      (desk) => desk.createUser({ username: "xenia", password: "x" }),
    ],
    ["an account that nobody has", "5 not_found", (desk) => desk.findUser("nobody")],
    ["part of a name", "5 not_found", (desk) => desk.findUser("ursul")],
    ["an id that nobody has", "5 not_found", (desk) => desk.updateUser(999_999, { is_admin: true })],
    ["an unknown scope", "2 validation_error", (desk) => desk.createKey({ name: "x", scopes: ["nope"] }, undefined)],
    ["a key that nobody has", "5 not_found", (desk) => desk.revokeKey("key_nothing")],
  ];
  test.each(refused)("%s ends with %s", async (_name, exit, work) => {
    expect(await exitOf(() => work(desk()))).toBe(exit);
  });
});

test("the super admin is touched by neither: as the operator, or as himself over the wire", async () => {
  expect(await exitOf(() => desks["local"]!.updateUser(owner.id, { is_active: false }))).toBe(
    "7 super_admin_protected",
  );
  expect(await exitOf(() => desks["remote"]!.updateUser(owner.id, { is_active: false }))).toBe("7 own_account");
});

describe("over the wire", () => {
  test("a token that is none, or may not, is exit 4; a relay that is not there exit 6", async () => {
    expect(await exitOf(() => remote("no-token-of-anybody-0123").users())).toBe("4 unauthorized");
    expect(await exitOf(() => remote(user.token).users())).toBe("4 admin_required");
    expect(await exitOf(() => remote(owner.token, "http://127.0.0.1:1").users())).toBe("6 unreachable");
    expect(await exitOf(async () => remote(undefined))).toBe("4 no_token");
    expect(await exitOf(() => remote(owner.token).createKey({ name: "x" }, "ursula"))).toBe("2 bad_option");
  });

  test("an answer that is no relay's is told so, and a redirect is not followed with the token", async () => {
    const page = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("<html>", { status: 200 }) });
    const sent: (string | null)[] = [];
    const elsewhere = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: ({ headers }) => {
        sent.push(headers.get("authorization"));
        return Response.json({ users: [] });
      },
    });
    const moved = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () => Response.redirect(`http://127.0.0.1:${elsewhere.port}/api/users`),
    });
    try {
      expect(await exitOf(() => remote(owner.token, `http://127.0.0.1:${page.port}`).users())).toBe("6 unreachable");
      const desk = createRemoteDesk({
        url: `http://127.0.0.1:${moved.port}`,
        token: owner.token,
        send: (url, init) => fetch(url, { ...init, redirect: "manual" }),
      });
      expect(await exitOf(() => desk.users())).toBe("6 unreachable");
      expect(sent).toEqual([]);
    } finally {
      for (const server of [page, elsewhere, moved]) await server.stop(true);
    }
  });

  const urls: [url: string, exit: string][] = [
    ["http://relay.example", "2 bad_option"],
    ["http://192.0.2.1:8787", "2 bad_option"],
    ["ftp://relay.example", "2 bad_option"],
    ["relay.example", "2 bad_option"],
    ["https://user:secret@relay.example", "2 bad_option"],
  ];
  test.each(urls)("the URL %s is refused before anything is sent", async (url, exit) => {
    let isSent = false;
    const send = async () => {
      isSent = true;
      return new Response();
    };
    expect(await exitOf(async () => createRemoteDesk({ url, token: "x", send }))).toBe(exit);
    expect(isSent).toBe(false);
  });

  test("the API root may be given as an SDK wants it", async () => {
    for (const tail of ["", "/", "/v1", "/v1/"]) {
      expect((await remote(owner.token, house.relay.url + tail).users()).length).toBeGreaterThan(1);
    }
  });
});
