/** What commands write arrives whole, however slowly it is read. */
import { describe, expect, test } from "bun:test";
import { BINARY, missingBinary, runBinary } from "../support/binary.ts";

describe.skipIf(missingBinary !== undefined)(
  `output of commands${missingBinary === undefined ? "" : ` (${missingBinary})`}`,
  () => {
    test("more than a pipe holds is not cut off when the command ends before its reader has begun", async () => {
      const { stdout } = await runBinary(["config", "schema"]);
      expect(stdout.length).toBeGreaterThan(65_536);
      expect(() => JSON.parse(stdout)).not.toThrow();
      // The reader begins once another command has run from start to end.
      const command = `"$0" config schema | { "$0" version > /dev/null; wc -c; }`;
      const child = Bun.spawn(["sh", "-c", command, BINARY], { stdout: "pipe" });
      const counted = Number(await new Response(child.stdout).text());
      expect(counted).toBe(Buffer.byteLength(stdout));
      expect(await child.exited).toBe(0);
    });

    test("a reader that leaves early is not waited for", async () => {
      const child = Bun.spawn(["sh", "-c", `"$0" config schema | head -c 1`, BINARY], { stdout: "pipe" });
      expect(await new Response(child.stdout).text()).toBe("{");
      expect(await child.exited).toBe(0);
    });
  },
);
