/** What the passing of a deadline means. */
import { RelayError } from "../plugin/index.ts";

/** The step a deadline is set for, and what its passing means. */
export type Step = "body" | "first-byte" | "answer";

export function tooLate(step: Step): RelayError {
  switch (step) {
    case "body":
      return new RelayError("bad-request", "The body came in too slowly.", {
        status: 408,
        wireCode: "request_timeout",
        headers: { connection: "close" },
      });
    case "first-byte":
      return new RelayError("upstream-timeout", "The upstream gave no answer in time.");
    case "answer":
      return silent();
  }
}

export function silent(): RelayError {
  return new RelayError("upstream-timeout", "The upstream fell silent in the middle of its answer.");
}
