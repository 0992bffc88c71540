/** The batch queue: what is pushed arrives once and in order, or is counted as dropped; nobody ever waits. */
import { describe, expect, test } from "bun:test";
import { createManualClock } from "../../src/support/clock.ts";
import { type BatchQueueOptions, createBatchQueue } from "../../src/support/queue.ts";

function setUp(options: Partial<BatchQueueOptions<number>> = {}) {
  const clock = createManualClock();
  const written: number[][] = [];
  const queue = createBatchQueue<number>({
    max: 10,
    batch: 3,
    delayMs: 50,
    schedule: clock.schedule,
    write: (batch) => void written.push([...batch]),
    ...options,
  });
  const push = (...entries: number[]) => {
    for (const entry of entries) queue.push(entry);
  };
  return { clock, written, queue, push };
}

describe("writing", () => {
  test("nothing is written before the delay, everything after it", () => {
    const { clock, written, push } = setUp();
    push(1, 2);
    clock.advance(49);
    expect(written).toEqual([]);
    clock.advance(1);
    expect(written).toEqual([[1, 2]]);
  });

  test("a long queue is written batch by batch, one per turn of the event loop", () => {
    const turns: number[] = [];
    const tasks: (() => void)[] = [];
    const written: number[][] = [];
    const queue = createBatchQueue<number>({
      max: 10,
      batch: 3,
      delayMs: 50,
      write: (batch) => void written.push([...batch]),
      schedule: (delayMs, task) => {
        turns.push(delayMs);
        tasks.push(task);
        return () => {};
      },
    });
    for (let i = 1; i <= 7; i++) queue.push(i);
    while (tasks.length > 0) {
      const before = written.length;
      tasks.shift()!();
      expect(written.length).toBe(before + 1);
    }
    expect(written).toEqual([[1, 2, 3], [4, 5, 6], [7]]);
    expect(turns).toEqual([50, 0, 0]);
  });

  test("an idle queue holds no timer", () => {
    const { clock, queue, push } = setUp();
    expect(clock.pending).toBe(0);
    push(1);
    expect(clock.pending).toBe(1);
    clock.advance(50);
    expect([clock.pending, queue.size]).toEqual([0, 0]);
  });

  test("thousands of entries keep their order while the array behind them is cut", () => {
    const { clock, written, queue } = setUp({ max: 100_000, batch: 100 });
    for (let i = 0; i < 12_345; i++) {
      queue.push(i);
      if (i % 1000 === 999) clock.advance(50);
    }
    clock.advance(1000);
    expect(written.flat()).toEqual(Array.from({ length: 12_345 }, (_, i) => i));
  });
});

describe("overflow", () => {
  test("the oldest go, each is counted once, and the size stays within its bound", () => {
    let told = 0;
    const { clock, written, queue, push } = setUp({ max: 4, batch: 10, onDrop: (count) => (told += count) });
    push(1, 2, 3, 4, 5, 6);
    expect([queue.size, queue.dropped, told]).toEqual([4, 2, 2]);
    clock.advance(50);
    expect(written).toEqual([[3, 4, 5, 6]]);
  });
});

describe("a writer that fails", () => {
  const failing = (times: number) => {
    const written: number[][] = [];
    const attemptsAt: number[] = [];
    const errors: number[] = [];
    const clock = createManualClock();
    const queue = createBatchQueue<number>({
      max: 5,
      batch: 10,
      delayMs: 50,
      retryMsMax: 400,
      schedule: clock.schedule,
      write(batch) {
        attemptsAt.push(clock.monotonic());
        if (attemptsAt.length <= times) throw new Error("disk full");
        written.push([...batch]);
      },
      onError: (_, waiting) => void errors.push(waiting),
    });
    return { clock, queue, written, attemptsAt, errors };
  };

  test("entries stay queued and arrive once, in order, when it recovers", () => {
    const { clock, queue, written, errors } = failing(2);
    queue.push(1);
    clock.advance(60);
    queue.push(2);
    clock.advance(1000);
    expect(written).toEqual([[1, 2]]);
    expect(errors).toEqual([1, 2]);
    expect([queue.size, queue.dropped]).toEqual([0, 0]);
  });

  test("pauses double up to the bound, so a broken disk is not hammered", () => {
    const { clock, queue, attemptsAt } = failing(6);
    queue.push(1);
    clock.advance(2000);
    expect(attemptsAt).toEqual([50, 150, 350, 750, 1150, 1550, 1950]);
  });

  test("memory stays bounded however long it lasts: the oldest are dropped and counted", () => {
    const { clock, queue } = failing(Number.POSITIVE_INFINITY);
    for (let i = 0; i < 1000; i++) {
      queue.push(i);
      clock.advance(10);
    }
    expect([queue.size, queue.dropped]).toEqual([5, 995]);
  });

  test("pushing does not throw", () => {
    const { clock, queue } = failing(Number.POSITIVE_INFINITY);
    expect(() => {
      for (let i = 0; i < 20; i++) queue.push(i);
      clock.advance(500);
      queue.push(21);
    }).not.toThrow();
  });
});

describe("drain", () => {
  test("writes everything at once, in batches, and leaves no timer", () => {
    const { clock, written, queue, push } = setUp();
    push(1, 2, 3, 4);
    expect(queue.drain()).toBe(0);
    expect(written).toEqual([[1, 2, 3], [4]]);
    expect(clock.pending).toBe(0);
  });

  test("an empty queue drains without a write", () => {
    const { written, queue } = setUp();
    expect(queue.drain()).toBe(0);
    expect(written).toEqual([]);
  });

  test("stops at the first failure and says how many remain, instead of trying for ever", () => {
    let attempts = 0;
    const { queue, push } = setUp({
      write: () => {
        attempts += 1;
        throw new Error("disk full");
      },
    });
    push(1, 2, 3, 4);
    expect(queue.drain()).toBe(4);
    expect(attempts).toBe(1);
  });

  test("an entry pushed after a drain is still written", () => {
    const { clock, written, queue, push } = setUp();
    push(1);
    queue.drain();
    push(2);
    clock.advance(50);
    expect(written).toEqual([[1], [2]]);
  });
});
