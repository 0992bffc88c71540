/** R54 Names and addresses: one canonical form, and nothing that looks like another's. */
import { describe, expect, test } from "bun:test";
import { canonicalEmail, canonicalName, checkNewEmail, checkNewName, isReservedLater } from "../../src/auth/names.ts";

const nameOf = (text: string): string => {
  const checked = checkNewName(text);
  return "value" in checked ? checked.value : "refused";
};
const emailOf = (text: string): string => {
  const checked = checkNewEmail(text);
  return "value" in checked ? checked.value : "refused";
};

describe("a name somebody wants to have", () => {
  test.each([
    ["alice", "alice"],
    ["Alice.B_c-9", "alice.b_c-9"],
    ["_x_", "_x_"],
    ["a".repeat(50), "a".repeat(50)],
    ["a".repeat(51), "refused"],
    ["ab", "refused"],
    ["", "refused"],
    [".abc", "refused"],
    ["abc.", "refused"],
    ["a b c", "refused"],
    ["аlice", "refused"], // a Cyrillic а
    ["straße", "refused"],
    ["İstanbul", "refused"],
    ["ali\u200dce", "refused"],
    ["\u202eecila", "refused"],
    ["ａｌｉｃｅ", "refused"],
    ["alice\n", "refused"],
    ["alice\u0000", "refused"],
    ["alice@example.com", "refused"],
    ["../../etc", "refused"],
    ["__proto__", "__proto__"],
  ])("%j: %s", (text, expected) => {
    expect(nameOf(text)).toBe(expected);
  });

  test.each(["access-key", "system", "anonymous", "null", "ME", "Null", "me"])("%s is reserved", (text) => {
    // Names too short to be one are refused for that.
    const checked = checkNewName(text);
    expect("problem" in checked).toBe(true);
  });

  test("admin and root are free to the first account only", () => {
    expect([nameOf("Admin"), nameOf("root")]).toEqual(["admin", "root"]);
    expect(["admin", "root", "administrator"].map(isReservedLater)).toEqual([true, true, false]);
  });
});

describe("an address", () => {
  test.each([
    ["Alice@Example.COM", "alice@example.com"],
    ["a+b@x.example", "a+b@x.example"],
    ["a@localhost", "a@localhost"],
    // The Kelvin sign is a "k" once it is lower-cased.
    ["mi\u212ae@korp.example", "refused"],
    ["mike@\u212aorp.example", "refused"],
    ["MI\u212aE@\u212aORP.EXAMPLE", "refused"],
    ["ma\u0131l@korp.example", "refused"],
    ["ma\u0130l@korp.example", "refused"],
    ["ｍike@korp.example", "refused"],
    ["a@b@c", "refused"],
    ["@example.com", "refused"],
    ["a@", "refused"],
    ["a@-example.com", "refused"],
    ["a@example..com", "refused"],
    ["a b@example.com", "refused"],
    ["a@example.com\r\nBcc: everybody@example.com", "refused"],
    ["alice@exаmple.com", "refused"], // a Cyrillic а
    ["İ@example.com", "refused"],
    [`${"a".repeat(64)}@example.com`, `${"a".repeat(64)}@example.com`],
    [`${"a".repeat(65)}@example.com`, "refused"],
    [`a@${"b".repeat(250)}.com`, "refused"],
  ])("%j: %s", (text, expected) => {
    expect(emailOf(text)).toBe(expected);
  });
});

test("the canonical form of a canonical form is itself", () => {
  let state = 54;
  const next = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0);
  const alphabet = [..."abcXYZ019._-@+ ßİıſKÅéäＡｂ①ﬁ\u0301\u200d\u202e\u0000аοﾟ"];
  let found = 0;
  for (let round = 0; round < 20_000; round += 1) {
    const text = Array.from({ length: 1 + (next() % 12) }, () => alphabet[next() % alphabet.length]).join("");
    const name = canonicalName(text);
    if (name !== undefined) {
      found += 1;
      expect(canonicalName(name)).toBe(name);
    }
    const email = canonicalEmail(text);
    if (email !== undefined) expect(canonicalEmail(email)).toBe(email);
  }
  expect(found).toBeGreaterThan(20);
});
