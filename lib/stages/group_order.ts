import { difficulties } from "../data/problem.ts";

/**
 * The names of groups in the order in which tables and figures show them: difficulties from easy to hard, then others by
 * name. A name that occurs twice is shown once.
 *
 * @example
 * ```ts
 * groupOrder(["hard", "easy", "maths", "easy"]); // ["easy", "hard", "maths"]
 * ```
 */
export function groupOrder(names: string[]): string[] {
  const place = (name: string) => {
    const at = difficulties.findIndex((difficulty) => difficulty === name);
    return at < 0 ? difficulties.length : at;
  };
  return [...new Set(names)].sort((a, b) => place(a) - place(b) || a.localeCompare(b, "en"));
}
