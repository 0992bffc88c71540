/** Time as the house sees it: a wall clock, a monotonic clock and a timer, each replaceable by hand in tests. */

export interface Clock {
  /** Wall time, ms since epoch. For instants and expiries only: it may jump either way. */
  now(): number;
  /** ms from an arbitrary start, never going back. For timeouts, windows, cooldowns and durations. */
  monotonic(): number;
}

/** Runs `task` once, `delayMs` from now (0 = next turn of the event loop); the result cancels it. */
export type Schedule = (delayMs: number, task: () => void) => () => void;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

/** Timers that do not keep the process alive: whoever waits for work at shutdown drains it by name. */
export const systemSchedule: Schedule = (delayMs, task) => {
  if (delayMs <= 0) {
    const immediate = setImmediate(task);
    return () => clearImmediate(immediate);
  }
  const timer = setTimeout(task, delayMs);
  timer.unref();
  return () => clearTimeout(timer);
};

export interface ManualClock extends Clock {
  readonly schedule: Schedule;
  /** Tasks not yet due. */
  readonly pending: number;
  /** Moves both clocks and runs what falls due, in order of time; a task scheduled on the way counts too. */
  advance(ms: number): void;
  /** Moves the wall clock alone, as an administrator or NTP would. */
  setNow(ms: number): void;
}

/** A clock for tests that stands still until told. `startAt` is ms since epoch. */
export function createManualClock(startAt = 1_750_000_000_000): ManualClock {
  let wall = startAt;
  let elapsed = 0;
  let order = 0;
  const tasks: { dueAt: number; order: number; run: () => void }[] = [];

  const takeDue = (limit: number) => {
    let first = -1;
    for (const [index, task] of tasks.entries()) {
      const best = tasks[first];
      if (task.dueAt > limit) continue;
      if (best === undefined || task.dueAt < best.dueAt || (task.dueAt === best.dueAt && task.order < best.order)) {
        first = index;
      }
    }
    return first < 0 ? undefined : tasks.splice(first, 1)[0];
  };
  const moveTo = (instant: number) => {
    wall += instant - elapsed;
    elapsed = instant;
  };

  return {
    now: () => wall,
    monotonic: () => elapsed,
    get pending() {
      return tasks.length;
    },
    schedule(delayMs, run) {
      const task = { dueAt: elapsed + Math.max(0, delayMs), order: order++, run };
      tasks.push(task);
      return () => {
        const index = tasks.indexOf(task);
        if (index >= 0) tasks.splice(index, 1);
      };
    },
    advance(ms) {
      const end = elapsed + ms;
      for (let task = takeDue(end); task !== undefined; task = takeDue(end)) {
        moveTo(Math.max(elapsed, task.dueAt));
        task.run();
      }
      moveTo(end);
    },
    setNow(ms) {
      wall = ms;
    },
  };
}
