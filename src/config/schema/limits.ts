/** The `limits` type: rates, concurrency and budgets. */
import { field, list, object, required } from "./kit.ts";
import { choice, float, int } from "./scalars.ts";

const budget = object({
  usd: required(float({ above: 0 }), "Amount in USD."),
  window: required(choice(["hour", "day", "week", "month", "total"]), "Calendar window in UTC."),
});

export const limits = () =>
  object({
    rpm: field(int(0), 0, "Requests per minute; 0 is no limit."),
    tpm: field(int(0), 0, "Tokens per minute; 0 is no limit."),
    concurrency: field(int(0), 0, "Calls at the same time; 0 is no limit."),
    budgets: field(list(budget), [], "Money that may be spent per window."),
  });
