import type { Problem } from "../data/problem.ts";

/** R3's words that join one step to the next. */
export const connectives = "therefore thus hence so because first second step next then finally since given"
  .split(" ");

/** A step without the number before it, which is no work: "Step 2: add them" and "2. add them" are "add them". */
export const withoutNumber = (text: string) => text.replace(/^\s*(?:step\s*)?\d+\s*[:.)]\s*/i, "");

const stock = new Set(
  `${
    connectives.join(" ")
  } the a an of to and or is are was were be been it its in on at for with that this these those we i you he she they
   them his her their have has had do does did not no how many much what which who when where will would can could there
   from by as if than answer question problem solve find get all now here number`.split(/\s+/),
);

const wordsOf = (text: string) => text.toLowerCase().match(/\p{L}+|\p{Nd}+(?:[.,]\p{Nd}+)*/gu) ?? [];

/** Words that carry meaning, and numbers, of a text. */
const contentOf = (text: string) => wordsOf(text).filter((word) => !stock.has(word));

const isNumber = (word: string) => /^\p{Nd}/u.test(word);

/** Adding nothing, multiplying by one: calculations that leave their number as it was. */
const idle = /[+−–-]\s*0(?![\d.])|(?<![\d.])0\s*\+|(?<=\d\s{0,3})[×x*·÷/]\s*1(?![\d.])|(?<![\d.])1\s*[×x*·]/u;

/** Runs of three words, or all of them where there are fewer. */
const runsOf = (words: string[]) =>
  words.length < 3
    ? [words.join(" ")]
    : words.slice(2).map((word, i) => `${words[i]} ${words[i + 1]} ${word}`);

/** Each word with how often it stands there. */
function tally(words: Iterable<string>, into: Map<string, number> = new Map()): Map<string, number> {
  for (const word of words) into.set(word, (into.get(word) ?? 0) + 1);
  return into;
}

/**
 * The pieces of a reasoning that do some work on the problem, so that a reward need not pay for padding.
 *
 * A calculation works when half of its operands or more are numbers of the problem or of earlier pieces, none used more often than
 * it is there, and it does not just add 0 or multiply by 1; a statement, when it holds two words or numbers of the problem or
 * one that an earlier piece worked out. Each counts once, whatever its numbering and connectives, and none that copies the question.
 *
 * @example
 * ```ts
 * import { workingPieces } from "./working_pieces.ts";
 * const problem = { question: "Ann has 5 eggs and finds 3. How many?", answer: "8" };
 * workingPieces([{ text: "First, 5 + 3 = 8" }, { text: "Then 5 + 3 = 8" }, { text: "5 + 0 = 5" }], problem).length; // 1
 * ```
 */
export function workingPieces<T extends { text: string }>(
  pieces: readonly T[],
  { question, answer }: Pick<Problem, "question" | "answer">,
): T[] {
  const asked = tally(contentOf(question)),
    result = new Set(contentOf(answer)),
    found = new Map<string, number>();
  // Connectives are no difference: the question with "therefore" put before it is still the question.
  const plain = (text: string) => wordsOf(text).filter((word) => !connectives.includes(word));
  const echo = new Set(runsOf(plain(question))),
    whole = ` ${plain(question).join(" ")} `,
    seen = new Set<string>();
  const times = (word: string) => (asked.get(word) ?? 0) + (found.get(word) ?? 0);
  const works = (text: string, content: string[]) => {
    const operands = tally(contentOf(text.slice(0, Math.max(0, text.lastIndexOf("=")))).filter(isNumber));
    if (operands.size > 0) {
      const met = [...operands].filter(([word]) => times(word) > 0);
      return 2 * met.length >= operands.size && met.every(([word, count]) => count <= times(word));
    }
    const words = [...new Set(content)], met = words.filter((word) => times(word) > 0);
    return words.some((word) => found.has(word)) ||
      met.length > 0 && new Set([...met, ...words.filter((word) => result.has(word))]).size >= 2;
  };
  return pieces.filter(({ text }) => {
    // Numbering is no difference: "Step 1: add them" and "Step 2: add them" are one piece.
    const own = withoutNumber(text),
      content = contentOf(own),
      key = content.join(" ");
    if (content.length === 0 || seen.has(key) || idle.test(own)) return false;
    const words = plain(own), runs = runsOf(words);
    const copied = words.length < 3
      ? whole.includes(` ${words.join(" ")} `)
      : 3 * runs.filter((run) => echo.has(run)).length >= 2 * runs.length;
    if (copied || !works(own, content)) return false;
    seen.add(key);
    tally(content.filter(isNumber), found);
    return true;
  });
}
