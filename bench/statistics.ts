/** Quartiles of a sample. */
export interface Quartiles {
  readonly q1: number;
  readonly median: number;
  readonly q3: number;
}

/** Value below which the share `q` of `values` lies, interpolated between neighbours. */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) throw new RangeError("Cannot take a quantile of no values");
  const sorted = [...values].sort((a, b) => a - b);
  const at = q * (sorted.length - 1);
  const low = Math.floor(at);
  return sorted[low] + (at - low) * (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]);
}

/** Quartiles of `values`. */
export function quartiles(values: readonly number[]): Quartiles {
  return { q1: quantile(values, 0.25), median: quantile(values, 0.5), q3: quantile(values, 0.75) };
}

/** `median [q1, q3]` with a number of decimals. */
export function showQuartiles({ q1, median, q3 }: Quartiles, decimals = 1): string {
  return `${median.toFixed(decimals)} [${q1.toFixed(decimals)}, ${q3.toFixed(decimals)}]`;
}
