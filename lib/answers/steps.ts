/** The comparison at hand has used up its steps. Thrown and caught inside {@linkcode steps} only. */
class OutOfSteps extends Error {}

/**
 * How many steps one comparison of answers may take. A step is a character read, or an operation on 64-bit numbers: at most 36 ns where
 * it was measured. The longest honest answer known, 60 equations in reverse order, takes 1.8 million.
 */
const limit = 2_000_000;

let left = Infinity, comparisons = 0;

/**
 * Counts the work of one comparison of answers, so that its end depends on the answers alone and not on a clock: the same two have the
 * same verdict on every machine. Outside a comparison nothing is counted.
 *
 * @example
 * ```ts
 * import { steps } from "./steps.ts";
 * steps.within(() => (steps.spend(18), "done"), "too long"); // "done"
 * steps.within(() => (steps.spend(1e9), "done"), "too long"); // "too long"
 * ```
 */
export const steps = {
  /** Runs a comparison; what it has not decided when its steps are used up is `otherwise`. */
  within<Verdict>(compare: () => Verdict, otherwise: Verdict): Verdict {
    left = limit;
    comparisons++;
    try {
      return compare();
    } catch (error) {
      if (error instanceof OutOfSteps) return otherwise;
      throw error;
    } finally {
      left = Infinity;
    }
  },

  /** Counts work before it is done. */
  spend(count: number): void {
    left -= count;
    if (left < 0) throw new OutOfSteps();
  },

  /** How many are left. */
  get left(): number {
    return left;
  },

  /** Which comparison this is: what one has read is forgotten by the next, so that none depends on those before it. */
  get comparison(): number {
    return comparisons;
  },
};
