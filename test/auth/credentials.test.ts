/** Where a credential may stand, and what is made of several, empty or malformed ones. */
import { describe, expect, test } from "bun:test";
import { CREDENTIAL_LENGTH_MAX, readCredentials } from "../../src/auth/credentials.ts";

const rules = { remoteAddress: "192.0.2.1" };
const read = (headers: Record<string, string>, more = {}) =>
  readCredentials(new Headers(headers), { ...rules, ...more });

function bearersOf(headers: Record<string, string>, more = {}): string[] | string {
  const found = read(headers, more);
  switch (found.type) {
    case "one":
      return [found.credentials.bearer ?? `session:${found.credentials.session}`];
    case "several":
      return found.credentials.map(({ bearer }) => bearer ?? "");
    default:
      return found.type;
  }
}

describe("carriers", () => {
  const rows: [name: string, headers: Record<string, string>, expected: string[] | string][] = [
    ["nothing", {}, "none"],
    ["Bearer", { authorization: "Bearer abc" }, ["abc"]],
    ["the scheme in any case, several spaces", { authorization: "bEARER   abc" }, ["abc"]],
    ["spaces and tabs around", { "x-api-key": " \tabc\t " }, ["abc"]],
    ["x-access-key", { "x-access-key": "abc" }, ["abc"]],
    ["x-goog-api-key", { "x-goog-api-key": "abc" }, ["abc"]],
    ["equal values count once", { authorization: "Bearer abc", "x-api-key": "abc", "x-goog-api-key": "abc" }, ["abc"]],
    ["an empty header counts as absent", { authorization: "Bearer abc", "x-goog-api-key": "" }, ["abc"]],
    ["all empty", { authorization: " ", "x-api-key": "" }, "none"],
    ["different values", { authorization: "Bearer abc", "x-api-key": "def" }, ["abc", "def"]],
    ["another scheme", { authorization: "Basic abc" }, "unusable"],
    ["a bare value", { authorization: "abc" }, "unusable"],
    ["Bearer alone", { authorization: "Bearer" }, "unusable"],
    ["Bearer with a tab", { authorization: "Bearer\tabc" }, "unusable"],
    ["no space", { authorization: "Bearerabc" }, "unusable"],
    ["a bad header beside a good one", { authorization: "Token abc", "x-api-key": "def" }, "unusable"],
    ["characters no credential has", { "x-api-key": "' OR '1'='1" }, "unusable"],
    ["a byte above 0x7f", { "x-api-key": "ab\u00e9" }, "unusable"],
    ["percent", { "x-api-key": "%00" }, "unusable"],
  ];
  test.each(rows)("%s", (_name, headers, expected) => {
    expect(bearersOf(headers)).toEqual(expected);
  });

  test("4096 bytes are looked up, 4097 are not", () => {
    expect(bearersOf({ "x-api-key": "a".repeat(CREDENTIAL_LENGTH_MAX) })).toHaveLength(1);
    expect(bearersOf({ "x-api-key": "a".repeat(CREDENTIAL_LENGTH_MAX + 1) })).toBe("unusable");
  });

  test.each(["authorization", "x-api-key", "x-access-key", "x-goog-api-key"])("%s sent twice is 400", (name) => {
    const headers = new Headers();
    headers.append(name, name === "authorization" ? "Bearer a" : "a");
    headers.append(name, name === "authorization" ? "Bearer a" : "a");
    expect(() => readCredentials(headers, rules)).toThrow("more than once");
  });

  test("?key= counts only where the route says so", () => {
    expect(bearersOf({}, { queryKey: "abc" })).toEqual(["abc"]);
    expect(bearersOf({ authorization: "Bearer def" }, { queryKey: "abc" })).toEqual(["def", "abc"]);
    expect(bearersOf({}, { queryKey: "" })).toBe("none");
  });

  test("a cookie counts only when no header carries anything", () => {
    expect(bearersOf({}, { session: "s" })).toEqual(["session:s"]);
    expect(bearersOf({ authorization: "Bearer abc" }, { session: "s" })).toEqual(["abc"]);
    expect(bearersOf({ authorization: "Basic x" }, { session: "s" })).toBe("unusable");
  });
});
