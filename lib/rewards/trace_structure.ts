import type { Problem } from "../data/problem.ts";
import { explained, type ExplainedReward, type RewardSpan } from "./explained.ts";
import type { RewardSample } from "./reward.ts";
import { tagSpan } from "./tag_span.ts";

/** Options of {@linkcode traceStructure}. */
export interface TraceStructureOptions {
  /**
   * Counts only pieces that do some work on the problem, so that padding earns nothing. A calculation works when half of its
   * operands or more are numbers of the problem or of earlier pieces, none used more often than it is there, and it does
   * not just add 0 or multiply by 1; a statement, when it holds two words or numbers of the problem or one that an earlier piece worked
   * out. Each counts once, whatever its numbering and connectives, and none that copies the question. Connectives count only
   * inside such pieces, a tag pair only with something in it. A price: knowledge in words that the question doesn't hold counts
   * for nothing, so keep it for problems that are worked out.
   * @default false
   */
  guard?: boolean;
}

/** How many pieces and connectives earn the full score in a phase. */
const bounds: Record<string, [pieces: number, connectives: number]> = {
  easy: [2, 2],
  medium: [3, 2],
  hard: [4, 3],
};

const connectives = "therefore thus hence so because first second step next then finally since given".split(
  " ",
);

interface Part {
  text: string;
  start: number;
  end: number;
}

/** Pieces of a text, split on full stops and newlines and trimmed, that are longer than 10 characters. */
function piecesOf(text: string, offset: number): Part[] {
  const pieces: Part[] = [];
  let at = 0;
  for (const part of text.split(/[.\n]/)) {
    const trimmed = part.trim(), start = offset + at + part.indexOf(trimmed);
    if (trimmed.length > 10) pieces.push({ text: trimmed, start, end: start + trimmed.length });
    at += part.length + 1;
  }
  return pieces;
}

/** Each connective where it first occurs as a word. */
function connectivesOf(text: string, offset: number): Part[] {
  const found = new Map<string, Part>();
  for (const { 0: word, index } of text.matchAll(/\p{L}+/gu)) {
    const key = word.toLowerCase();
    if (!connectives.includes(key) || found.has(key)) continue;
    found.set(key, { text: key, start: offset + index, end: offset + index + word.length });
  }
  return [...found.values()];
}

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

/** The pieces that work on the problem. */
function workingPieces(pieces: Part[], { question, answer }: Problem): Part[] {
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
    const own = text.replace(/^(?:step\s*)?\d+\s*[:.)]\s*/i, ""),
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

function trace({ completion, problem, phase }: RewardSample, guard: boolean) {
  const reasoning = tagSpan(completion, "reasoning"), answer = tagSpan(completion, "answer");
  const inside = (span: typeof answer) => span ? completion.slice(span.start, span.end) : "";
  const counts = (span: typeof answer) => span !== null && (!guard || inside(span).trim() !== "");
  const text = inside(reasoning), from = reasoning?.start ?? 0;
  const all = piecesOf(text, from), pieces = guard ? workingPieces(all, problem) : all;
  const words = connectivesOf(text, from).filter(({ start, end }) =>
    !guard || pieces.some((piece) => piece.start <= start && end <= piece.end)
  );
  const [wantedPieces, wantedWords] = bounds[phase] ?? bounds.medium;
  const score = (counts(reasoning) ? 0.2 : 0) + (counts(answer) ? 0.2 : 0) +
    Math.min(0.35, 0.35 * pieces.length / wantedPieces) +
    Math.min(0.25, 0.25 * words.length / wantedWords);
  const tags: RewardSpan[] = [];
  for (const [span, name] of [[reasoning, "reasoning"], [answer, "answer"]] as const) {
    if (!span || !counts(span)) continue;
    tags.push({ start: span.open, end: span.start, why: `both ${name} tags, +0.2` });
    tags.push({ start: span.end, end: span.close, why: `both ${name} tags, +0.2` });
  }
  const share = (whole: number, wanted: number) => `+${Number((whole / wanted).toFixed(3))} up to ${whole}`;
  const spans = [
    ...tags,
    ...pieces.map(({ start, end }) => ({ start, end, why: `a step, ${share(0.35, wantedPieces)}` })),
    ...words.map(({ start, end }) => ({ start, end, why: `a connective, ${share(0.25, wantedWords)}` })),
  ];
  return { score: Math.min(1, score), spans };
}

/**
 * How much the reasoning looks like steps (SPEC section 2; R3's difficulty-aware trace score).
 *
 * .20 both reasoning tags + .20 both answer tags + min(.35, .35·n/N) + min(.25, .25·m/M), at most 1; n pieces of the reasoning,
 * split on `.` and newline, longer than 10 characters; m of R3's connectives as words; (N, M) by the sample's phase:
 * easy (2, 2), medium (3, 2), hard (4, 3), any other as medium. R3's formula rewards padding: see `guard` and `huntLoopholes`.
 *
 * @example
 * ```ts
 * import { traceStructure } from "../../mod.ts";
 * traceStructure()({ completion: "<answer>8</answer>", phase: "medium" } as never); // 0.2
 * ```
 */
export function traceStructure({ guard = false }: TraceStructureOptions = {}): ExplainedReward {
  return explained((sample) => trace(sample, guard).score, (sample) => trace(sample, guard).spans);
}
