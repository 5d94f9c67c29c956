import type { Difficulty } from "./problem.ts";

/**
 * A problem's difficulty from its solution: the calculations in it (`a op b = c`) are its steps; a text without any counts its
 * sentences. One step is easy, two are medium, more are hard.
 */
export function difficultyOf(solution: string): Difficulty {
  const calculations = solution.match(/=\s*[$€£]?\s*-?[\d০-৯]/gu)?.length ?? 0;
  const steps = calculations ||
    Math.max(1, solution.split(/[.!?।]\s|\n/u).filter((part) => part.trim().length > 10).length - 1);
  return steps <= 1 ? "easy" : steps === 2 ? "medium" : "hard";
}
