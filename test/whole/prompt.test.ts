/** What the commands ask a person at a terminal: a real one, made by `script` of util-linux. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BINARY, missingBinary, runBinary } from "../support/binary.ts";

const missing = missingBinary ?? (Bun.which("script") === null ? "there is no script command here" : undefined);
const PASSWORD = "correct horse 7 battery";

describe.skipIf(missing !== undefined)(`at a terminal${missing === undefined ? "" : ` (${missing})`}`, () => {
  let dir: string;
  let env: Record<string, string>;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), "monorelay-prompt-"));
    env = { MONORELAY_DATA_DIR: join(dir, "data"), HOME: dir, PATH: process.env["PATH"] ?? "", TERM: "dumb" };
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  /** Types each answer when its question has appeared; returns the exit code and everything that was on the screen. */
  async function dialogue(args: string, ...turns: [question: string, answer: string][]) {
    const child = Bun.spawn(["script", "-qec", `${BINARY} ${args}`, "/dev/null"], {
      cwd: dir,
      env,
      stdio: ["pipe", "pipe", "ignore"],
    });
    let screen = "";
    let at = 0;
    for await (const piece of child.stdout) {
      screen += new TextDecoder().decode(piece);
      const turn = turns[at];
      if (turn === undefined || !screen.includes(turn[0])) continue;
      at += 1;
      child.stdin.write(turn[1]);
      child.stdin.flush();
    }
    child.stdin.end();
    return { code: await child.exited, screen };
  }

  test("a password is asked for twice, can be corrected, and never appears", async () => {
    const made = await dialogue(
      "user create alice",
      ["Password: ", `${PASSWORD}x\u007f\r`],
      ["Once more: ", `${PASSWORD}\r`],
    );
    expect([made.code, made.screen]).toEqual([0, expect.stringContaining("super admin")]);
    expect(made.screen).not.toContain("correct horse");
    const differs = await dialogue("user create bob", ["Password: ", `${PASSWORD}\r`], ["Once more: ", "another\r"]);
    expect([differs.code, differs.screen]).toEqual([2, expect.stringContaining("differ")]);
    const left = await dialogue("user create carol", ["Password: ", "abc\u0003"]);
    expect(left.code).toBe(130);
    const { stdout } = await runBinary(["user", "list", "--json"], { env });
    expect(JSON.parse(stdout).users.map(({ username }: { username: string }) => username)).toEqual(["alice"]);
  }, 30_000);

  test("what cannot be taken back is asked about; anything but yes changes nothing; --no-input and CI ask nobody", async () => {
    const no = await dialogue("user reset-password alice", ["[y/N] ", "n\r"]);
    expect([no.code, no.screen]).toEqual([1, expect.stringContaining("Nothing was changed")]);
    const yes = await dialogue("user reset-password alice", ["[y/N] ", "yes\r"]);
    expect([yes.code, yes.screen]).toEqual([0, expect.stringContaining("/login#reset=")]);
    expect((await dialogue("user reset-password alice --no-input")).code).toBe(2);
    expect((await dialogue("user create dora --no-input")).screen).toContain("--generate or --password-stdin");
    env["CI"] = "1";
    expect((await dialogue("user create dora")).code).toBe(2);
  }, 30_000);
});
