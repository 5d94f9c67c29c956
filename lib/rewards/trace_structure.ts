import type { Problem } from "../data/problem.ts";
import { explained, type ExplainedReward, type RewardSpan } from "./explained.ts";
import type { RewardSample } from "./reward.ts";
import { tagSpan } from "./tag_span.ts";

/** Options of {@linkcode traceStructure}. */
export interface TraceStructureOptions {
  /**
   * Counts only pieces that do some work on the problem, so that padding earns nothing: each once, with a word or a number of
   * the problem in it, not copied from the question; connectives only inside such pieces; a tag pair only with something in it.
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
   from by as if than answer question problem solve find get`.split(/\s+/),
);

/** Words that carry meaning, and numbers, of a text. */
const contentOf = (text: string) =>
  (text.toLowerCase().match(/\p{L}+|\d+(?:\.\d+)?/gu) ?? []).filter((word) => !stock.has(word));

const squeeze = (text: string) => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim();

/** The pieces that work on the problem. */
function workingPieces(pieces: Part[], { question, answer }: Problem): Part[] {
  const known = new Set(contentOf(`${question} ${answer}`)), asked = ` ${squeeze(question)} `;
  const seen = new Set<string>();
  return pieces.filter(({ text }) => {
    // Numbering is no difference: "Step 1: add them" and "Step 2: add them" are one piece.
    const key = squeeze(text).replace(/^(?:step )?\d+ /, ""), content = new Set(contentOf(key));
    if (seen.has(key) || asked.includes(` ${key} `)) return false;
    if (content.size < 2 || !(/\d/.test(text) || [...content].some((word) => known.has(word)))) return false;
    seen.add(key);
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
