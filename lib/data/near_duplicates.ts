import { normaliseQuestion } from "./normalise_question.ts";
import type { Problem } from "./problem.ts";

/** A training problem that says nearly what a test problem says. */
export interface NearDuplicate {
  train: Problem;
  test: Problem;
  /** Share of their pairs of neighbouring words that both have, 0 to 1. */
  likeness: number;
}

/** Two questions with the same numbers and at least this share of word pairs in common ask the same. */
const alike = 0.8;

const numbersOf = (words: string[]) => words.filter((word) => /\p{Nd}/u.test(word)).join(" ");

const pairsOf = (words: string[]) => new Set(words.slice(1).map((word, i) => `${words[i]} ${word}`));

/**
 * Training problems that are test problems in other words: the same numbers in the same order, and Jaccard's index of their word pairs at least 0.8.
 * Problems that differ in a number are different problems, however alike they read.
 */
export function nearDuplicates(train: readonly Problem[], test: readonly Problem[]): NearDuplicate[] {
  const words = ({ question }: Problem) => normaliseQuestion(question).split(" ");
  const held = Map.groupBy(
    test.map((problem) => ({ problem, words: words(problem) })),
    (item) => numbersOf(item.words),
  );
  return train.flatMap((problem) => {
    const own = words(problem), pairs = pairsOf(own);
    let best: NearDuplicate | null = null;
    for (const other of held.get(numbersOf(own)) ?? []) {
      const theirs = pairsOf(other.words);
      const common = [...pairs].filter((pair) => theirs.has(pair)).length;
      const likeness = common / Math.max(1, pairs.size + theirs.size - common);
      if (likeness >= alike && likeness > (best?.likeness ?? 0)) {
        best = { train: problem, test: other.problem, likeness };
      }
    }
    return best ? [best] : [];
  });
}
