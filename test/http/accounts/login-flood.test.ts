/** R51, R49: a flood of sign-ins is turned away before it costs anything, and what it may cost does not depend on the name. */
import { afterEach, describe, expect, test } from "bun:test";
import type { Hasher } from "../../../src/auth/password.ts";
import { quickHasher } from "../../auth/support.ts";
import { type AccountRelay, KEY, PASSWORD, type SignedIn, startAccounts } from "../../support/accounts.ts";

const FLOOD = 200;
const RUNNING_MAX = 2;
const WAITING_MAX = 16;

/** Counts what it is asked, and answers when it is told to. */
function heldHasher() {
  const state = { asked: 0, running: 0, most: 0, isHeld: false };
  let waiters = Promise.withResolvers<void>();
  const hold = async <T>(work: () => Promise<T>): Promise<T> => {
    state.asked += 1;
    state.running += 1;
    state.most = Math.max(state.most, state.running);
    if (state.isHeld) await waiters.promise;
    state.running -= 1;
    return work();
  };
  const hasher: Hasher = {
    hash: (password, config) => hold(() => quickHasher.hash(password, config)),
    verify: (password, hash) => hold(() => quickHasher.verify(password, hash)),
  };
  return {
    hasher,
    state,
    hold: () => Object.assign(state, { asked: 0, most: 0, isHeld: true }),
    release() {
      state.isHeld = false;
      waiters.resolve();
      waiters = Promise.withResolvers<void>();
    },
  };
}

let house: AccountRelay;
afterEach(() => house.stop());

const CALL = { model: "echo", messages: [{ role: "user", content: "hello" }] };

describe("R51 ★ two hundred sign-ins at once", () => {
  const held = heldHasher();
  let otto: SignedIn;
  const start = async () => {
    // Whom the throttle refuses comes nowhere near a hash; here it shall refuse nobody.
    const throttle = "auth: { throttle: { network: 1000000 } }";
    house = await startAccounts(throttle, undefined, { hasher: held.hasher });
    await house.person("olive");
    otto = await house.person("otto");
    held.hold();
  };

  test("two are hashed, sixteen wait, all others are told at once to come back, and calls go on meanwhile", async () => {
    await start();
    let lookups = 0;
    const { users } = house.services.parts.accounts;
    const { findForSignIn } = users;
    users.findForSignIn = (by) => {
      lookups += 1;
      return findForSignIn(by);
    };
    const answers: number[] = [];
    const flood = Array.from({ length: FLOOD }, async (_, index) => {
      const body = { username: index % 2 === 0 ? "olive" : `nobody-${index}`, password: "not the right one" };
      const answer = await house.ask("POST /api/auth/login", { body });
      answers.push(answer.status);
      if (answer.status === 429) {
        expect(answer.headers.get("retry-after")).toBe("2");
        expect(answer.body.code).toBe("rate_limited");
      }
    });
    while (answers.length < FLOOD - RUNNING_MAX - WAITING_MAX) await Bun.sleep(1);
    expect(new Set(answers)).toEqual(new Set([429]));
    expect([held.state.running, held.state.most]).toEqual([RUNNING_MAX, RUNNING_MAX]);
    // Who is refused has cost no look-up.
    expect(lookups).toBe(RUNNING_MAX + WAITING_MAX);
    for (let calls = 0; calls < 10; calls += 1) {
      expect((await house.ask("POST /v1/chat/completions", { as: KEY, body: CALL })).status).toBe(200);
    }
    held.release();
    await Promise.all(flood);
    expect(answers.filter((status) => status === 401)).toHaveLength(RUNNING_MAX + WAITING_MAX);
    expect([held.state.asked, held.state.most]).toEqual([RUNNING_MAX + WAITING_MAX, RUNNING_MAX]);
    // And then the right password works again.
    const again = await house.ask("POST /api/auth/login", { body: { username: "olive", password: PASSWORD } });
    expect(again.status).toBe(200);
  });

  test("registering, changing a password and proving it again stand in the same queue", async () => {
    await start();
    const waiting = Array.from({ length: RUNNING_MAX + WAITING_MAX }, (_, index) =>
      house.ask("POST /api/auth/login", { body: { username: `n-${index}`, password: "not the right one" } }),
    );
    while (held.state.running < RUNNING_MAX) await Bun.sleep(1);
    const rows: [line: string, body: object][] = [
      ["POST /api/auth/register", { username: "newcomer", password: PASSWORD }],
      ["POST /api/auth/reauth", { password: PASSWORD }],
      ["POST /api/auth/change-password", { old_password: PASSWORD, new_password: "another horse 8 battery" }],
    ];
    for (const [line, body] of rows) {
      const answer = await house.ask(line, { as: otto, body });
      expect([line, answer.status, answer.headers.get("retry-after")]).toEqual([line, 429, "2"]);
    }
    held.release();
    await Promise.all(waiting);
    expect(await house.store.accounts.users.findForSignIn({ usernameKey: "newcomer" })).toBeUndefined();
  });
});

describe("R49 no enumeration by work", () => {
  test("whoever is asked for, one look-up and one check at the same cost: five hundred of each", async () => {
    const asked: string[] = [];
    const hasher: Hasher = {
      hash: quickHasher.hash,
      verify(password, hash) {
        asked.push(hash.slice(0, hash.lastIndexOf("$", hash.lastIndexOf("$") - 1)));
        return quickHasher.verify(password, hash);
      },
    };
    house = await startAccounts("auth: { throttle: { network: 1000000, account: 1000000 } }", undefined, { hasher });
    const olive = await house.person("olive");
    const gone = await house.person("gone");
    await house.ask(`PATCH /api/users/${gone.id}`, { as: olive, body: { is_active: false } });
    await house.ask("POST /api/users", { as: olive, body: { username: "passwordless" } });
    const said = new Set<string>();
    for (const username of ["nobody", "olive", "gone", "passwordless", "nobody@example.com"]) {
      asked.length = 0;
      for (let index = 0; index < 500; index += 1) {
        const answer = await house.ask("POST /api/auth/login", { body: { username, password: "not the right one" } });
        const headers = [...answer.headers].filter(([name]) => !/^(date|(x-)?request-id)$/.test(name));
        said.add(JSON.stringify([answer.status, answer.text, headers]));
      }
      expect([username, asked.length, [...new Set(asked)]]).toEqual([
        username,
        500,
        ["$argon2id$v=19$m=65536,t=2,p=1"],
      ]);
    }
    expect(said.size).toBe(1);
  }, 30_000);
});
