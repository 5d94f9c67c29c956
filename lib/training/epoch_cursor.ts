import { Random, type RandomState } from "../random/random.ts";

/** What an {@linkcode EpochCursor} keeps in a checkpoint. */
export interface EpochCursorState {
  /** What shuffles the next epoch. */
  random: RandomState;
  /** The order of this epoch. */
  order: number[];
  /** Places of it that were drawn. */
  next: number;
}

/**
 * Draws indices of a dataset epoch by epoch, each a fresh seeded shuffle: the data cursor of a run.
 *
 * @example
 * ```ts
 * import { EpochCursor } from "../../mod.ts";
 * const cursor = new EpochCursor(100, 1);
 * const batch = cursor.draw(32); // places among the hundred
 * ```
 */
export class EpochCursor {
  #random: Random;
  #order: number[] = [];
  #next = 0;

  /** Shuffles the places of `size` things by the seed. */
  constructor(readonly size: number, seed: number) {
    this.#random = new Random(seed);
  }

  /** The next places; a new order where an epoch ends. */
  draw(count: number): number[] {
    return Array.from({ length: count }, () => {
      if (this.#next >= this.#order.length) {
        this.#order = this.#random.shuffle(Array.from({ length: this.size }, (_, i) => i));
        this.#next = 0;
      }
      return this.#order[this.#next++];
    });
  }

  /** For a checkpoint. */
  get state(): EpochCursorState {
    return { random: this.#random.state, order: this.#order, next: this.#next };
  }

  set state({ random, order, next }: EpochCursorState) {
    this.#random.state = random;
    this.#order = [...order];
    this.#next = next;
  }
}
