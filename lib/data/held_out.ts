import { generateProblems } from "./generator.ts";
import type { Problem } from "./problem.ts";

/** The generator's seed for problems that neither pre-training nor training may see. */
export const heldOutSeed = 1_000_001;

/**
 * The problems that pre-training leaves out. The demo's test set is of the same seed without the generator's own distractors, so most of
 * it is other problems: that pre-training never drew one of them is a test's to hold.
 */
export function heldOutProblems(): Problem[] {
  return generateProblems({ count: 2000, seed: heldOutSeed, distractors: 0.1 });
}
