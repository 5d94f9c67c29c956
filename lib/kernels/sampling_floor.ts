/** Which tokens may be drawn. */
export interface SamplingFilter {
  /** Keep the k most likely tokens; 0 keeps all. */
  topK: number;
  /** Keep the smallest set whose probability reaches this; 1 keeps all. */
  topP: number;
  /** Keep tokens at least this fraction as likely as the most likely one; 0 keeps all. */
  minP: number;
}

/**
 * The smallest scaled logit that may still be drawn, after top-k, then top-p, then min-p in Hugging Face's order, or
 * −3e38 when nothing is filtered. `logits` [vocabulary] are scaled by `beta`, the inverse temperature.
 */
export function samplingFloor(
  logits: Float32Array,
  beta: number,
  { topK, topP, minP }: SamplingFilter,
): number {
  const all = topK <= 0 || topK >= logits.length;
  if (all && topP >= 1 && minP <= 0) return -3e38;
  const scaled = logits.map((x) => x * beta);
  let kept = all && topP >= 1 ? scaled : scaled.slice().sort().reverse();
  if (!all) kept = kept.subarray(0, topK);
  let floor = -3e38, most = -Infinity;
  for (const x of kept) most = Math.max(most, x);
  if (!all) floor = kept[kept.length - 1];
  if (topP < 1) {
    let sum = 0, total = 0;
    for (const x of kept) total += Math.exp(x - most);
    for (const x of kept) {
      floor = x;
      sum += Math.exp(x - most) / total;
      if (sum >= topP) break;
    }
  }
  return minP > 0 ? Math.max(floor, Math.fround(most + Math.log(minP))) : floor;
}
