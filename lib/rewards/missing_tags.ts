import { explained, type ExplainedReward } from "./explained.ts";
import type { RewardSample } from "./reward.ts";
import { sampleParts } from "./sample_parts.ts";

/** The parts that a completion lacks; one that keeps its format lacks none, also where the format wants no reasoning. */
function missing(sample: RewardSample): ("reasoning" | "answer")[] {
  const { reasoningSpan, answerSpan, wellFormed } = sampleParts(sample);
  if (wellFormed) return [];
  return [...reasoningSpan ? [] : ["reasoning" as const], ...answerSpan ? [] : ["answer" as const]];
}

/**
 * Whether a completion lacks its reasoning or its answer, for tags a closed pair: 1 if it does, else 0; give it a negative weight
 * (SPEC section 2; R4's missing tags, −0.5).
 *
 * Spans point at the tags that stand alone.
 *
 * @example
 * ```ts
 * import { missingTags } from "./missing_tags.ts";
 * missingTags()({ completion: "<answer>8</answer>" } as never); // 1: no reasoning
 * ```
 */
export function missingTags(): ExplainedReward {
  return explained(
    (sample) => Number(missing(sample).length > 0),
    (sample) => {
      const { marks } = sampleParts(sample).format;
      return missing(sample).flatMap((part) => {
        const [open, close] = marks?.[part] ?? [];
        const alone = (mark: string | undefined, why: string) =>
          mark
            ? places(sample.completion, mark).map((start) => ({ start, end: start + mark.length, why }))
            : [];
        return [...alone(open, `is never closed by ${close}`), ...alone(close, `closes no ${open}`)].sort(
          (a, b) => a.start - b.start,
        );
      });
    },
  );
}

function places(text: string, part: string): number[] {
  const found: number[] = [];
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) found.push(at);
  return found;
}
