/** WGSL lines for each number below `count`: loops of fixed length are unrolled, since bounds and counters of others are checked at each turn. */
export function unrolled(count: number, text: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => text(i)).join("\n");
}
