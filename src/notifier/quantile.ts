/** Durations by size: how many were at most `bounds[i]`, and above the bound before; the last count has no bound. */
export interface DurationCounts {
  /** Seconds, ascending. */
  readonly bounds: readonly number[];
  /** One more than there are bounds. */
  readonly counts: readonly number[];
}

/**
 * The duration, in milliseconds, that a share of all durations does not exceed; `null` where there is none. Between two bounds it is
 * taken to be as likely everywhere, as Prometheus' `histogram_quantile` does; beyond the last one it is the last one.
 *
 * @param share 0 to 1
 */
export function quantileMs({ bounds, counts }: DurationCounts, share: number): number | null {
  const all = counts.reduce((sum, count) => sum + count, 0);
  if (all === 0) return null;
  let missing = all * share;
  for (let i = 0; i < bounds.length; i++) {
    const count = counts[i]!;
    const [lower, upper] = [bounds[i - 1] ?? 0, bounds[i]!];
    if (missing <= count) return (lower + (upper - lower) * (count === 0 ? 1 : missing / count)) * 1000;
    missing -= count;
  }
  return bounds.at(-1)! * 1000;
}
