/** Awkward streams and what becomes of them: an upstream's bytes, a line of dashes, the bytes the client gets. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  DIALECTS,
  type Dialect,
  eventProblems,
  eventsOf,
  frameProblems,
  framesOfText,
  textOfFrames,
  writeEvents,
} from "./support.ts";

// `UPDATE_GOLDEN=1` writes the lower halves anew; read the difference before you believe it.
const FOLDER = join(import.meta.dir, "../golden");
const DIVIDER = `${"-".repeat(80)}\n`;
const NAME = new RegExp(`^(.+)\\.(${DIALECTS.join("|")})-(${DIALECTS.join("|")})\\.txt$`);

describe("awkward streams", () => {
  for (const file of readdirSync(FOLDER).sort()) {
    const [, name, from, to] = NAME.exec(file) ?? [];
    if (name === undefined) continue; // another suite's
    test(`${name} (${from} to ${to})`, () => {
      const text = readFileSync(join(FOLDER, file), "utf8");
      const [input = "", expected] = text.split(DIVIDER);
      const events = eventsOf(from as Dialect, framesOfText(input));
      const frames = writeEvents(to as Dialect, events);
      if (process.env["UPDATE_GOLDEN"]) writeFileSync(join(FOLDER, file), input + DIVIDER + textOfFrames(frames));
      else expect(textOfFrames(frames)).toBe(expected ?? "");
      expect(eventProblems(events)).toEqual([]);
      expect(frameProblems(to as Dialect, frames)).toEqual([]);
    });
  }
});
