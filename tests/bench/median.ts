/** Median time of `times` runs of `work` in ms, after one that warms up. */
export async function median(times: number, work: () => unknown): Promise<number> {
  const taken: number[] = [];
  for (let i = 0; i <= times; i++) {
    const from = performance.now();
    await work();
    taken.push(performance.now() - from);
  }
  return taken.slice(1).sort((a, b) => a - b)[times >> 1];
}
