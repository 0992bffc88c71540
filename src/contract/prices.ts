/** What a vendor asks for a model, and what the model costs here. */

/**
 * USD per million tokens (`image`: per image made, `request`: per call). Absent: `cacheRead` and `cacheWrite` cost what
 * `input` does, `reasoning` what `output` does, all else nothing.
 */
export interface ModelPrice {
  readonly input?: number;
  readonly output?: number;
  /** Input read from the vendor's cache. */
  readonly cacheRead?: number;
  /** Input written to it. */
  readonly cacheWrite?: number;
  readonly reasoning?: number;
  readonly image?: number;
  readonly request?: number;
  /** When the vendor was last seen to ask this, e.g. `2026-11`. */
  readonly asOf?: string;
}

/** USD per million tokens, which is micro-USD per token; `image` and `request` in USD. */
export interface ModelCost {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  readonly reasoning: number;
  readonly image: number;
  readonly request: number;
  /** `config`, or the vendor's list with its date, e.g. `list 2026-11`. */
  readonly version: string;
}
