/** A generator's whole state, as plain data. */
export type RandomState = [number, number, number, number];

/**
 * Seeded random numbers (sfc32, from PractRand): fast, 2^128 states, and its state can be saved.
 *
 * @example
 * ```ts
 * import { Random } from "./random.ts";
 * const random = new Random(7);
 * random.int(6); // 0 to 5, the same on every machine
 * ```
 */
export class Random {
  #state: RandomState;

  /** The same seed gives the same numbers. */
  constructor(seed: number) {
    this.#state = [0x9e3779b9, 0x243f6a88, seed | 0, 1];
    for (let i = 0; i < 15; i++) this.#next32();
  }

  #next32(): number {
    const s = this.#state, t = (s[0] + s[1] + s[3]) | 0;
    s[3] = (s[3] + 1) | 0;
    s[0] = s[1] ^ (s[1] >>> 9);
    s[1] = (s[2] + (s[2] << 3)) | 0;
    s[2] = ((s[2] << 21) | (s[2] >>> 11)) + t | 0;
    return t >>> 0;
  }

  /** Uniform in [0, 1). */
  next(): number {
    return this.#next32() / 4294967296;
  }

  /** A whole number from 0 to n − 1. */
  int(n: number): number {
    return Math.floor(this.next() * n);
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.int(high - low + 1);
  }

  /** One of the items. @throws {RangeError} when there is none */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError("picking at random needs at least one item, got none");
    return items[this.int(items.length)];
  }

  /** One of the entries, by weight. */
  weighted<T>(entries: readonly (readonly [T, number])[]): T {
    let left = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [item, weight] of entries) {
      left -= weight;
      if (left < 0) return item;
    }
    return entries[entries.length - 1][0];
  }

  /** A shuffled copy (Fisher and Yates). */
  shuffle<T>(items: readonly T[]): T[] {
    const copy = [...items];
    for (let i = copy.length - 1; i > 0; i--) {
      const j = this.int(i + 1);
      [copy[i], copy[j]] = [copy[j], copy[i]];
    }
    return copy;
  }

  /** For a checkpoint. */
  get state(): RandomState {
    return [...this.#state];
  }

  set state(state: RandomState) {
    this.#state = [...state];
  }
}
