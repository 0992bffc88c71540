/** What an upstream's dialect cannot say: named, refused, or sent all the same, as `model_routing.unsupported_params` wants. */
import { type JsonObject, RelayError } from "../plugin/index.ts";
import type { Call } from "./call.ts";
import type { TopLevel } from "./scan.ts";

export class Losses {
  readonly #fields: string[] = [];
  readonly #wanted: string[] = [];

  constructor(private readonly call: Call) {}

  /** For codecs. Throws `bad-request` (`unsupported_parameter`) under the policy `reject`. */
  readonly lose = (field: string, reason: string): void => {
    if (this.#policy === "reject") {
      throw new RelayError("bad-request", `The model's provider does not take "${field}": ${reason}.`, {
        param: field,
        wireCode: "unsupported_parameter",
      });
    }
    if (!this.#fields.includes(field)) this.#fields.push(field);
  };

  /** Names what the operator wants taken out, or put in where there is no place for it: no fault of the caller's. */
  note(field: string): void {
    this.#wanted.push(field);
  }

  /** Names what was lost in header and record; under the policy `forward` the body gets it back as it was written. */
  settle(body: JsonObject, top: TopLevel): void {
    if (this.#policy === "forward") {
      for (const field of this.#fields) if (top.find(field) !== undefined) body[field] ??= top.value(field) as never;
    }
    const fields = [...new Set([...this.#wanted, ...this.#fields])];
    this.call.dropped = fields.length === 0 ? undefined : fields;
  }

  get #policy(): "drop" | "reject" | "forward" {
    return this.call.snapshot.config.modelRouting.unsupportedParams;
  }
}
