/** Passwords: hashed slowly and a few at a time, checked in the same time for nobody, refused when everybody knows them. */
import { describe, expect, test } from "bun:test";
import { COMMON_PASSWORDS, isCommonPassword } from "../../src/auth/common-passwords.ts";
import { createGate } from "../../src/auth/gate.ts";
import { argon2id, createPasswords, hashesAtOnce, type Hasher } from "../../src/auth/password.ts";
import { checkGivenPassword, checkNewPassword } from "../../src/auth/password-rules.ts";
import { RelayError } from "../../src/contract/errors.ts";

const COST = { memoryKib: 19_456, iterations: 2 };
const RULES = { minLength: 8, maxLength: 128, blocklist: true, hash: COST };
const HASH = `$argon2id$v=19$m=${COST.memoryKib},t=${COST.iterations},p=1$c2FsdHNhbHQ$ZGlnZXN0ZGlnZXN0ZGlnZXN0`;

/** A hasher that is told when to finish, and remembers what it was asked. */
function slowHasher() {
  const asked: { password: string; hash: string | undefined; finish: (isRight: boolean) => void }[] = [];
  const ask = (password: string, hash?: string) => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    asked.push({ password, hash, finish: resolve });
    return promise;
  };
  const hasher: Hasher = {
    hash: async (password) => ((await ask(password)) ? HASH : HASH),
    verify: (password, hash) => ask(password, hash),
  };
  return { hasher, asked };
}

describe("R50 argon2id", () => {
  test("hashes at the configured cost, verifies, and knows a weaker one", async () => {
    let cost = COST;
    const passwords = createPasswords(() => cost);
    const stored = await passwords.hash("some long password");
    expect(stored).toStartWith("$argon2id$v=19$m=19456,t=2,p=1$");
    expect(await passwords.verify("some long password", stored)).toBe(true);
    expect(await passwords.verify("some long passwore", stored)).toBe(false);
    expect(passwords.isWeak(stored)).toBe(false);
    cost = { memoryKib: 65_536, iterations: 2 };
    expect(passwords.isWeak(stored)).toBe(true);
    cost = { memoryKib: 19_456, iterations: 3 };
    expect(passwords.isWeak(stored)).toBe(true);
  });

  test("a stored hash within bounds is tried", async () => {
    const { hasher, asked } = slowHasher();
    const outcome = createPasswords(() => COST, hasher).verify("some long password", HASH);
    await Bun.sleep(0);
    asked[0]!.finish(true);
    expect(await outcome).toBe(true);
  });

  test.each([
    ["4 GiB of memory", "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHQ$ZGlnZXN0ZGlnZXN0ZGlnZXN0"],
    ["just over 256 MiB", "$argon2id$v=19$m=262145,t=2,p=1$c2FsdHNhbHQ$ZGlnZXN0ZGlnZXN0ZGlnZXN0"],
    ["eleven passes", "$argon2id$v=19$m=19456,t=11,p=1$c2FsdHNhbHQ$ZGlnZXN0ZGlnZXN0ZGlnZXN0"],
    ["no pass", "$argon2id$v=19$m=19456,t=0,p=1$c2FsdHNhbHQ$ZGlnZXN0ZGlnZXN0ZGlnZXN0"],
    ["a number without end", `$argon2id$v=19$m=${"9".repeat(400)},t=2,p=1$c2FsdHNhbHQ$ZGlnZXN0ZGlnZXN0ZGlnZXN0`],
    ["five lanes", "$argon2id$v=19$m=19456,t=2,p=5$c2FsdHNhbHQ$ZGlnZXN0ZGlnZXN0ZGlnZXN0"],
    ["another variant", "$argon2d$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$ZGlnZXN0ZGlnZXN0ZGlnZXN0"],
    ["bcrypt", "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"],
    ["the password itself", "some long password"],
    ["nothing", ""],
  ])("a stored hash of %s is not even tried", async (_name, stored) => {
    const { hasher, asked } = slowHasher();
    const passwords = createPasswords(() => COST, hasher);
    expect(await passwords.verify("some long password", stored)).toBe(false);
    expect(asked).toEqual([]);
    expect(passwords.isWeak(stored)).toBe(true);
  });

  test("what the library throws at is a wrong password", async () => {
    const broken: Hasher = { hash: async () => HASH, verify: () => Promise.reject(new Error("bad encoding")) };
    expect(await createPasswords(() => COST, broken).verify("x", HASH)).toBe(false);
  });
});

describe("R49 nobody's password takes as long as anybody's", () => {
  test("a check at today's cost is made for an account that does not exist, and never succeeds", async () => {
    const { hasher, asked } = slowHasher();
    const passwords = createPasswords(() => ({ memoryKib: 65_536, iterations: 3 }), hasher);
    const outcome = passwords.verify("whatever", null);
    await Promise.resolve();
    expect(asked[0]!.hash).toStartWith("$argon2id$v=19$m=65536,t=3,p=1$");
    asked[0]!.finish(true);
    expect(await outcome).toBe(false);
  });

  test("the library takes the stand-in for a hash", async () => {
    let stand = "";
    const spy: Hasher = {
      hash: argon2id.hash,
      verify(password, hash) {
        stand = hash;
        return argon2id.verify(password, hash);
      },
    };
    expect(await createPasswords(() => COST, spy).verify("whatever", null)).toBe(false);
    // It did not throw: the work was done.
    expect(await argon2id.verify("whatever", stand)).toBe(false);
  });
});

describe("R51 two hashes at a time, sixteen wait, the rest is told to come back", () => {
  test.each([
    [1, 1],
    [2, 1],
    [3, 2],
    [64, 2],
  ])("of %d cores hashes take no more than %d, and leave one to the relay if they can", (cores, most) => {
    expect(hashesAtOnce(cores)).toBe(most);
  });

  test("the nineteenth is turned away at once", async () => {
    const { hasher, asked } = slowHasher();
    const passwords = createPasswords(() => COST, hasher, 4);
    const running = Array.from({ length: 18 }, (_, index) => passwords.verify(`password ${index}`, HASH));
    await Bun.sleep(0);
    expect(asked).toHaveLength(2);
    const refused = await passwords.verify("one too many", HASH).catch((error: unknown) => error);
    expect(RelayError.is(refused) && [refused.status, refused.retryAfterMs]).toEqual([429, 2000]);
    for (let index = 0; index < 18; index += 1) {
      asked[index]!.finish(true);
      expect(await running[index]!).toBe(true);
      await Bun.sleep(0);
      expect(asked.length).toBe(Math.min(18, index + 3));
    }
    expect(asked.map(({ password }) => password)).toEqual(running.map((_, index) => `password ${index}`));
  });

  test("one that fails gives its place to the next", async () => {
    const gate = createGate({ runningMax: 1, waitingMax: 1, retryAfterMs: 1 });
    const first = gate.run(() => Promise.reject(new Error("no")));
    const second = gate.run(async () => "yes");
    expect([gate.running, gate.waiting]).toEqual([1, 1]);
    await expect(first).rejects.toThrow("no");
    expect(await second).toBe("yes");
    expect([gate.running, gate.waiting]).toEqual([0, 0]);
  });
});

test("people who register wait behind those who sign in, and take none of their places", async () => {
  const gate = createGate({ runningMax: 1, waitingMax: 2, retryAfterMs: 1 });
  const begun: string[] = [];
  const held = Promise.withResolvers<void>();
  const run = (name: string, turn?: "first" | "last") =>
    gate.run(async () => {
      begun.push(name);
      await held.promise;
    }, turn);
  const all = [run("running"), run("newcomer 1", "last"), run("newcomer 2", "last"), run("sign-in 1")];
  all.push(run("sign-in 2"));
  const refused = [run("newcomer 3", "last"), run("sign-in 3")];
  for (const each of refused) await expect(each).rejects.toThrow("Too many passwords");
  expect(() => gate.check("last")).toThrow("Too many passwords");
  held.resolve();
  await Promise.all(all);
  expect(begun).toEqual(["running", "sign-in 1", "sign-in 2", "newcomer 1", "newcomer 2"]);
  expect([gate.running, gate.waiting]).toEqual([0, 0]);
});

describe("R52 what may be set as a password", () => {
  const verdict = (password: string, context: (string | null)[] = [], rules = RULES) =>
    checkNewPassword("password", password, rules, context)?.msg ?? "ok";

  test.each([
    ["seven characters", "x8#kQ2!", "must have at least 8 characters"],
    ["eight", "x8#kQ2!v", "ok"],
    ["no capitals, digits or signs are asked for", "miltonberleoak", "ok"],
    ["spaces count", "ab cd ef gh", "ok"],
    ["128 characters", "aB3$".repeat(31) + "zq9!", "ok"],
    ["129 characters", `${"aB3$".repeat(31)}zq9!x`, "must have at most 128 characters"],
    ["128 characters of two bytes", "éàüöñçøå".repeat(16), "ok"],
    ["128 signs that take two units each", "🦊🐻🐼🐨🐯🦁🐮🐷".repeat(16), "ok"],
    ["129 characters of two bytes", `${"éàüöñçøå".repeat(16)}é`, "must have at most 128 characters"],
    ["eight letters of three bytes", "漢字仮名交文鼠穴", "ok"],
    ["seven signs that take two units each", "🦊🐻🐼🐨🐯🦁🐮", "must have at least 8 characters"],
    ["1025 bytes", "x".repeat(1025), "must be at most 1024 bytes"],
  ])("%s: %s", (_name, password, expected) => {
    expect(verdict(password)).toBe(expected);
  });

  test("over 1024 bytes nothing is done with it, whatever it is for", () => {
    expect(checkGivenPassword("password", "é".repeat(512))).toBeUndefined();
    expect(checkGivenPassword("password", `${"é".repeat(512)}x`)?.msg).toBe("must be at most 1024 bytes");
  });

  test("composed and decomposed are the same password", async () => {
    const passwords = createPasswords(() => COST);
    const stored = await passwords.hash("caf\u00e9 au lait");
    expect(await passwords.verify("cafe\u0301 au lait", stored)).toBe(true);
  });

  test("thousands of common passwords are refused, in any disguise people use", () => {
    expect(COMMON_PASSWORDS).toBeGreaterThanOrEqual(3000);
    const common = [
      "password",
      "Password1",
      "P@ssw0rd!",
      "qwertyuiop",
      "12345678",
      "1234567890",
      "iloveyou1",
      "letmein123",
      "00000000",
      "abcabcabc",
      "poiuytrewq",
      "monkey2024",
      "admin123",
    ];
    expect(common.filter((password) => !isCommonPassword(password))).toEqual([]);
    for (const password of common) expect(verdict(password)).not.toBe("ok");
    expect(verdict("password", [], { ...RULES, blocklist: false })).toBe("ok");
    for (const own of ["correct horse 7 battery", "vq8-Tmx2-0pL", "my cat is called Ada"]) {
      expect(isCommonPassword(own)).toBe(false);
    }
  });

  test.each([
    ["the name", "alicealice", ["alice"]],
    ["the name with an ending", "Alice-2024", ["alice"]],
    ["the name with signs for letters", "4l1ce!!!!!", ["alice"]],
    ["the address", "alice@example.com", ["bob", "alice@example.com"]],
    ["the host", "relay.example", ["bob", null, "https://relay.example.com"]],
  ])("words an attacker knows do not count: %s", (_name, password, context) => {
    expect(verdict(password, context)).toContain("the name of the account or of this host");
  });

  test("a name within a password that is long enough without it is no harm", () => {
    expect(verdict("alice walks her dog at nine", ["alice"])).toBe("ok");
    expect(verdict("abcdefgh-unrelated", ["al"])).toBe("ok");
  });
});
