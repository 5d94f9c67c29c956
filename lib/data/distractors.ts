import type { Problem } from "./problem.ts";
import { Random } from "../random/random.ts";

/** Options of {@linkcode addDistractors}. */
export interface DistractorOptions {
  /** @default 1 */
  seed?: number;
  /** Share of problems that get one. @default 1 */
  share?: number;
}

const sentences: ((n: number) => string)[] = [
  (n) => `It is ${n} degrees outside.`,
  (n) => `A neighbour is ${n} years old.`,
  (n) => `The bus comes every ${n} minutes.`,
  (n) => `The house next door has ${n} windows.`,
  (n) => `Yesterday it rained for ${n} minutes.`,
];

/** Puts a true but irrelevant sentence with a number before the last sentence of each question; the answer is unchanged (R2). */
export function addDistractors(
  problems: readonly Problem[],
  { seed = 1, share = 1 }: DistractorOptions = {},
): Problem[] {
  if (!(share >= 0 && share <= 1)) {
    throw new RangeError(`adding distractors needs a share from 0 to 1, got ${share}`);
  }
  const random = new Random(seed);
  return problems.map((problem) => {
    const sentence = random.pick(sentences)(random.between(2, 40));
    if (random.next() >= share) return problem;
    const at = Math.max(...[". ", "? ", "! ", "। "].map((end) => problem.question.lastIndexOf(end)));
    const question = at < 0
      ? `${sentence} ${problem.question}`
      : `${problem.question.slice(0, at + 2)}${sentence} ${problem.question.slice(at + 2)}`;
    return { ...problem, id: `${problem.id}+distractor`, question };
  });
}
