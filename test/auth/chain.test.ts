/** The chain asks in order; skip moves on, accept and reject stop, a throw is nobody's bad credential. */
import { describe, expect, test } from "bun:test";
import { authenticate, type ChainAnswer, type ChainLink } from "../../src/auth/chain.ts";
import type { Auth, AuthOutcome, Credentials, Identity } from "../../src/contract/index.ts";

const identity = (id: string): Identity => ({
  kind: "service",
  id,
  name: id,
  userId: null,
  orgId: null,
  apiKeyId: null,
  role: "service",
  scopes: new Set(),
  via: "test",
});
const accept = (id: string): AuthOutcome => ({ type: "accept", identity: identity(id) });
const skip: AuthOutcome = { type: "skip" };
const reject: AuthOutcome = { type: "reject", reason: "no" };

function chain(...answers: (AuthOutcome | Error | ((credentials: Credentials) => AuthOutcome) | undefined)[]) {
  const asked: string[] = [];
  const links = (isLater: boolean): ChainLink[] =>
    answers.map((answer, index) => {
      const auth: Auth =
        answer === undefined
          ? {}
          : {
              authenticate(credentials) {
                asked.push(`${index}`);
                if (answer instanceof Error) {
                  if (isLater) return Promise.reject(answer);
                  throw answer;
                }
                const outcome = typeof answer === "function" ? answer(credentials) : answer;
                return isLater ? Promise.resolve(outcome) : outcome;
              },
            };
      return { id: `plugin-${index}`, auth };
    });
  return { asked, links };
}

const one = (bearer: string) =>
  ({ type: "one", credentials: { bearer, remoteAddress: "", headers: new Headers() } }) as const;
const said = (answer: ChainAnswer) => (answer.type === "accept" ? answer.identity.id : "refused");

describe.each([false, true])("plugins that answer later: %p", (isLater) => {
  const rows: [name: string, answers: (AuthOutcome | undefined)[], expected: string, asked: string][] = [
    ["the first that accepts wins", [skip, accept("b"), accept("c")], "b", "0,1"],
    ["reject stops: nobody else is asked", [skip, reject, accept("c")], "refused", "0,1"],
    ["nobody knows it", [skip, skip], "refused", "0,1"],
    ["plugins that only sign in are passed over", [undefined, accept("b")], "b", "1"],
    ["an empty chain refuses", [], "refused", ""],
  ];
  test.each(rows)("%s", async (_name, answers, expected, order) => {
    const { links, asked } = chain(...answers);
    expect(said(await authenticate(links(isLater), one("x")))).toBe(expected);
    expect(asked.join(",")).toBe(order);
  });

  test("a plugin that throws is a technical failure, and no other method is tried", async () => {
    const { links, asked } = chain(new Error("database away"), accept("b"));
    const failure = await (async () => authenticate(links(isLater), one("x")))().catch((error) => error);
    expect(failure).toMatchObject({ code: "unavailable", status: 503 });
    expect(failure.message).not.toContain("database");
    expect(asked.join(",")).toBe("0");
  });

  test("several credentials must mean the same kind of principal, too: ids of custom plugins are free text", async () => {
    const byKind = (credentials: Credentials): AuthOutcome => {
      const accepted = accept("user:1");
      if (accepted.type !== "accept" || credentials.bearer !== "key") return accepted;
      return { type: "accept", identity: { ...accepted.identity, kind: "api-key" } };
    };
    const { links } = chain(byKind);
    const both = { type: "several", credentials: [one("key").credentials, one("session").credentials] } as const;
    expect(said(await authenticate(links(isLater), both))).toBe("refused");
  });

  test("several credentials must mean the same principal", async () => {
    const byName = (credentials: Credentials): AuthOutcome =>
      credentials.bearer === "bad" ? reject : accept(credentials.bearer === "alias" ? "a" : (credentials.bearer ?? ""));
    const several = (...bearers: string[]) =>
      ({ type: "several", credentials: bearers.map((bearer) => one(bearer).credentials) }) as const;
    const { links } = chain(byName);
    expect(said(await authenticate(links(isLater), several("a", "alias")))).toBe("a");
    expect(said(await authenticate(links(isLater), several("a", "b")))).toBe("refused");
    expect(said(await authenticate(links(isLater), several("a", "bad")))).toBe("refused");
  });

  test("what is no credential is refused without asking anybody", async () => {
    const { links, asked } = chain(accept("a"));
    expect(said(await authenticate(links(isLater), { type: "unusable" }))).toBe("refused");
    expect(asked).toEqual([]);
  });

  test("a caller without our headers may be known by a plugin's own", async () => {
    const { links } = chain(({ headers }) => (headers.get("x-corp-user") === "ann" ? accept("ann") : skip));
    const none = (headers: Headers) => ({ type: "none", credentials: { remoteAddress: "", headers } }) as const;
    expect(said(await authenticate(links(isLater), none(new Headers({ "x-corp-user": "ann" }))))).toBe("ann");
    expect(said(await authenticate(links(isLater), none(new Headers())))).toBe("refused");
  });
});
