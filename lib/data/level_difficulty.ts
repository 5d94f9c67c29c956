import type { Difficulty } from "./problem.ts";

/** MATH's level (`2`, `Level 2`) as a difficulty: 1–2 easy, 3 medium, 4–5 hard; `null` for anything else, such as `Level ?`. */
export function levelDifficulty(level: string): Difficulty | null {
  const [, digit] = /^(?:level\s*)?([1-5])(?:\.0)?$/i.exec(level.trim()) ?? [];
  return digit === undefined ? null : digit <= "2" ? "easy" : digit === "3" ? "medium" : "hard";
}
