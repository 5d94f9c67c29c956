import { z } from "zod";
import { parseOptions } from "../options/parse_options.ts";
import { explained, type ExplainedReward } from "./explained.ts";
import type { RewardSample, RewardSpan } from "./reward.ts";
import { sampleParts } from "./sample_parts.ts";
import { connectives, workingPieces } from "./working_pieces.ts";

/** Rules of {@linkcode TraceStructureOptions}. */
export const traceStructureSchema = z.strictObject({
  guard: z.boolean().default(false).describe(
    "Count only pieces that do some work on the problem, so that padding earns nothing. Default false: R3's formula.",
  ),
});

/** Options of {@linkcode traceStructure}. */
export interface TraceStructureOptions {
  /**
   * Counts only pieces that do some work on the problem (`workingPieces`), so that padding earns nothing; connectives only inside
   * such pieces, a tag pair only with something in it. The price: knowledge in words that the question doesn't hold counts for
   * nothing, so keep it for problems that are worked out.
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

function trace(sample: RewardSample, guard: boolean) {
  const { completion, problem, phase } = sample;
  const { reasoningSpan: reasoning, answerSpan: answer } = sampleParts(sample);
  const inside = (span: typeof answer) => span ? completion.slice(span.start, span.end) : "";
  const counts = (span: typeof answer) => span !== null && (!guard || inside(span).trim() !== "");
  const text = inside(reasoning), from = reasoning?.start ?? 0;
  const all = piecesOf(text, from), pieces = guard ? workingPieces(all, problem) : all;
  const words = guard
    ? [
      ...Map.groupBy(pieces.flatMap((piece) => connectivesOf(piece.text, piece.start)), (word) => word.text)
        .values(),
    ]
      .map(([first]) => first)
    : connectivesOf(text, from);
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
 * @throws {ConfigError} for an unknown or wrong option
 * @example
 * ```ts
 * import { traceStructure } from "../../mod.ts";
 * traceStructure()({ completion: "<answer>8</answer>", phase: "medium" } as never); // 0.2
 * ```
 */
export function traceStructure(options: TraceStructureOptions = {}): ExplainedReward {
  const { guard } = parseOptions(traceStructureSchema, options, "traceStructure()");
  return explained((sample) => trace(sample, guard).score, (sample) => trace(sample, guard).spans);
}
