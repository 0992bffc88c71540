/** Many ask, one runs; the next to ask after the end runs anew. */
import { expect, test } from "bun:test";
import { sharing } from "../../src/support/sharing.ts";

test("whoever asks on the way shares the answer, whoever comes after gets a new one", async () => {
  const runs: PromiseWithResolvers<number>[] = [];
  const ask = sharing(() => {
    const run = Promise.withResolvers<number>();
    runs.push(run);
    return run.promise;
  });
  const both = [ask(), ask()];
  expect(runs.length).toBe(1);
  runs[0]!.resolve(1);
  expect(await Promise.all(both)).toEqual([1, 1]);
  const next = ask();
  expect(runs.length).toBe(2);
  runs[1]!.resolve(2);
  expect(await next).toBe(2);
});

test("a failure is everybody's who waited, and nobody's who comes after", async () => {
  let count = 0;
  const ask = sharing(async () => {
    count += 1;
    if (count === 1) throw new Error("first");
    return count;
  });
  const outcomes = await Promise.allSettled([ask(), ask()]);
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await ask()).toBe(2);
});
