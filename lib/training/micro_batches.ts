import { device } from "../kernels/device.ts";
import type { TokenSequence } from "./token_batch.ts";

/**
 * Cuts a batch into runs of neighbours that go through the model one after the other: `size` each, or as many as
 * the device wants at once when `size` is null. Neighbours with the same prompt array share its rows (see
 * {@linkcode TokenBatch}), so they stay together where they fit. A sequence is never cut: the longest goes alone.
 *
 * @example
 * ```ts
 * for (const [from, some] of microBatches(sequences, null)) train(new TokenBatch(some), from);
 * ```
 */
export function* microBatches<T extends TokenSequence>(
  sequences: readonly T[],
  size: number | null,
): Generator<[from: number, some: T[]]> {
  const limit = size ?? device().tokensAtOnce;
  /** What sequences [from, to) take of the limit. */
  const cost = (from: number, to: number) => {
    if (size !== null) return to - from;
    let tokens = 0;
    for (let i = from; i < to; i++) {
      tokens += sequences[i].completion.length;
      if (i === from || sequences[i].prompt !== sequences[i - 1].prompt) tokens += sequences[i].prompt.length;
    }
    return tokens;
  };
  const familyEnd = (from: number) => {
    let to = from + 1;
    while (to < sequences.length && sequences[to].prompt === sequences[from].prompt) to++;
    return to;
  };
  for (let from = 0; from < sequences.length;) {
    let to = from;
    while (to < sequences.length && cost(from, familyEnd(to)) <= limit) to = familyEnd(to);
    // not even the first family fits whole, or the size was given: then by sequences
    if (to === from || size !== null) {
      while (to < sequences.length && (to === from || cost(from, to + 1) <= limit)) to++;
    }
    yield [from, sequences.slice(from, to)];
    from = to;
  }
}
