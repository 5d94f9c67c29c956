/** WGSL lines for each number below `count`: loops of fixed length are unrolled, since bounds and counters of others are checked at each turn. */
export function unrolled(count: number, text: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => text(i)).join("\n");
}

/** The steps of a reduction over a workgroup of `size`, a power of two: size/2, size/4, … 1, each behind a barrier of its own. */
export function halvings(size: number, text: (step: number) => string): string {
  return unrolled(Math.log2(size), (i) => `${text(size >> i + 1)}\nworkgroupBarrier();`);
}
