/** From many measurements to one table: medians, and each proxy set against nginx of the same run. */
import type { Figures } from "./measure.ts";

export interface Row {
  readonly case: string;
  readonly target: string;
  /** Every value measured, in order, by figure. */
  readonly values: Readonly<Record<string, readonly number[]>>;
}

export interface Report {
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly rows: readonly Row[];
}

export function collect(name: string, target: string, runs: readonly Figures[]): Row {
  const values: Record<string, number[]> = {};
  for (const figures of runs) {
    for (const [figure, value] of Object.entries(figures)) (values[figure] ??= []).push(value);
  }
  return { case: name, target, values };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Markdown: one line per target, `value (× nginx)`; latencies also as what the hop adds to the direct way. */
export function tableOf(rows: readonly Row[], shown: readonly string[]): string {
  const medianOf = (target: string, figure: string) => {
    const values = rows.find((row) => row.target === target)?.values[figure];
    return values === undefined || values.length === 0 ? undefined : median(values);
  };
  const cell = (row: Row, figure: string) => {
    const value = medianOf(row.target, figure);
    if (value === undefined) return "";
    const nginx = medianOf("nginx", figure);
    const direct = figure.startsWith("p") ? medianOf("direct", figure) : undefined;
    const isOther = row.target !== "nginx" && row.target !== "direct";
    const ratio = nginx === undefined || !isOther ? "" : ` (×${format(value / nginx)})`;
    const added = direct === undefined || row.target === "direct" ? "" : ` [+${format(value - direct)}]`;
    return `${format(value)}${ratio}${added}`;
  };
  const lines = rows.map((row) => `| ${row.target} | ${shown.map((figure) => cell(row, figure)).join(" | ")} |`);
  return [`| | ${shown.join(" | ")} |`, `|---|${shown.map(() => "---|").join("")}`, ...lines].join("\n");
}

function format(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits);
}
