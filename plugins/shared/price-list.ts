/** Makes a price list of a table: names without the dates and versions that vendors hang on them. */
import type { ModelPrice } from "monorelay/plugin";

/** Name, then USD per million tokens: input, output, input read from the cache, input written to it. */
export type PriceRow = readonly [name: string, input: number, output?: number, cacheRead?: number, cacheWrite?: number];

/**
 * Releases cost what their model does: `-latest`, `-2024-08-06`, `-20250514`, `@20250514`, `-03-2025`, `-001`, `-0125`,
 * `-preview`, `-v1:0`.
 */
const RELEASE = /(?:-latest|-preview|[-@]\d{4}-?\d{2}-?\d{2}|-\d{2}-\d{2,4}|-\d{3,4}|-v\d+(?::\d+)?)$/;

/** `asOf`: when the vendor's page was read. A name that is not in the table has no price: similar is not the same. */
export function priceList(asOf: string, rows: readonly PriceRow[]): (model: string) => ModelPrice | undefined {
  const prices = new Map(
    rows.map(([name, input, output, cacheRead, cacheWrite]): [string, ModelPrice] => [
      name,
      {
        input,
        ...(output === undefined ? {} : { output }),
        ...(cacheRead === undefined ? {} : { cacheRead }),
        ...(cacheWrite === undefined ? {} : { cacheWrite }),
        asOf,
      },
    ]),
  );
  return (model) => {
    let name = model.toLowerCase();
    for (;;) {
      const price = prices.get(name);
      if (price !== undefined) return price;
      const plain = name.replace(RELEASE, "");
      if (plain === name) return undefined;
      name = plain;
    }
  };
}
