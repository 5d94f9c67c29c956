import { parseCompletion } from "../text/completion.ts";
import type { RewardFunction } from "./reward.ts";

/** How many pieces and connectives earn the full score in a phase. */
const bounds: Record<string, [pieces: number, connectives: number]> = { easy: [2, 2], medium: [3, 2], hard: [4, 3] };

const connectives = ["therefore", "thus", "hence", "so", "because", "first", "second", "step", "next", "then", "finally", "since", "given"];

/** Pieces of a reasoning, split on full stops and newlines, that are longer than 10 characters. */
export function reasoningPieces(reasoning: string): string[] {
  return reasoning.split(/[.\n]/).map((piece) => piece.trim()).filter((piece) => piece.length > 10);
}

/** Which of R3's connectives occur in a text as words. */
export function reasoningConnectives(reasoning: string): string[] {
  const words = new Set(reasoning.toLowerCase().match(/\p{L}+/gu));
  return connectives.filter((word) => words.has(word));
}

/**
 * R3's difficulty-aware trace score: .20 both reasoning tags + .20 both answer tags + min(.35, .35·n/N) + min(.25, .25·m/M).
 * n pieces of the reasoning longer than 10 characters, m connectives as words; (N, M) = easy (2, 2), medium (3, 2), hard (4, 3) by the
 * sample's phase.
 */
export function traceStructure(): RewardFunction {
  return ({ completion, phase }) => {
    const { reasoning, answer } = parseCompletion(completion), [pieces, words] = bounds[phase] ?? bounds.medium;
    let score = (reasoning === null ? 0 : 0.2) + (answer === null ? 0 : 0.2);
    if (reasoning) {
      score += Math.min(0.35, 0.35 * reasoningPieces(reasoning).length / pieces);
      score += Math.min(0.25, 0.25 * reasoningConnectives(reasoning).length / words);
    }
    return Math.min(1, score);
  };
}
