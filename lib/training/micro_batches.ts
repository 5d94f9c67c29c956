import type { TokenSequence } from "./token_batch.ts";

/** What may go through the model at once. */
export interface MicroBatchLimits {
  /** Sequences. @default no limit */
  size?: number | null;
  /** Rows: prompt tokens, once where neighbours share them, and completion tokens. @default no limit */
  rows?: number;
}

/** Rows that neighbours take, a prompt that they share once. */
export function rowsOf(sequences: readonly TokenSequence[]): number {
  return sequences.reduce(
    (rows, { prompt, completion }, i) =>
      rows + completion.length + (prompt === sequences[i - 1]?.prompt ? 0 : prompt.length),
    0,
  );
}

/**
 * Cuts a batch into runs of neighbours that go through the model one after the other, as many in each as the limits allow. Neighbours
 * with the same prompt array share its rows (see {@linkcode TokenBatch}), so without a `size` they stay together where they fit, and
 * go in equal parts where they do not. A sequence is never cut: the longest goes alone.
 *
 * @example
 * ```ts
 * const sequences = [3, 5, 2].map((length) => ({ prompt: [2], completion: Array<number>(length).fill(7) }));
 * for (const [from, some] of microBatches(sequences, { rows: 8 })) console.log(from, some.length);
 * ```
 */
export function* microBatches<T extends TokenSequence>(
  sequences: readonly T[],
  { size = null, rows = Infinity }: MicroBatchLimits,
): Generator<[from: number, some: T[]]> {
  const fit = (from: number, to: number) =>
    (size === null || to - from <= size) && rowsOf(sequences.slice(from, to)) <= rows;
  const familyEnd = (from: number) => {
    let to = from + 1;
    while (to < sequences.length && sequences[to].prompt === sequences[from].prompt) to++;
    return to;
  };
  for (let from = 0; from < sequences.length;) {
    let to = from;
    while (to < sequences.length && fit(from, familyEnd(to))) to = familyEnd(to);
    // not even the first family fits whole, or the size was given: then by sequences
    if (to === from || size !== null) {
      while (to < sequences.length && (to === from || fit(from, to + 1))) to++;
      // as many passes of equal size take less memory than full ones and a rest
      const family = familyEnd(from) - from;
      if (size === null) to = from + Math.ceil(family / Math.ceil(family / (to - from)));
    }
    yield [from, sequences.slice(from, to)];
    from = to;
  }
}
