import { generateProblems } from "./generator.ts";
import type { Problem } from "./problem.ts";

/** The generator's seed for problems that neither pre-training nor training may see. */
export const heldOutSeed = 1_000_001;

/** The problems that the embedded model has never seen: what the demo tests on is the first of them. */
export function heldOutProblems(): Problem[] {
  return generateProblems({ count: 2000, seed: heldOutSeed, distractors: 0.1 });
}
