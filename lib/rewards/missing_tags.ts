import { explained, type ExplainedReward } from "./explained.ts";
import { tagSpan } from "./tag_span.ts";

const pairs = ["reasoning", "answer"] as const;

/**
 * Whether a completion lacks a closed `<reasoning>` or `<answer>` pair: 1 if it does, else 0; give it a negative weight
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
    ({ completion }) => Number(pairs.some((tag) => tagSpan(completion, tag) === null)),
    ({ completion }) =>
      pairs.filter((tag) => tagSpan(completion, tag) === null).flatMap((tag) =>
        [...completion.matchAll(new RegExp(`</?${tag}>`, "g"))].map(({ 0: text, index }) => ({
          start: index,
          end: index + text.length,
          why: text.startsWith("</") ? `closes no <${tag}>` : `is never closed by </${tag}>`,
        }))
      ),
  );
}
