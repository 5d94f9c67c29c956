import { explained, type ExplainedReward } from "./explained.ts";
import type { RewardSpan } from "./reward.ts";
import type { RewardSample } from "./reward.ts";
import { sampleParts } from "./sample_parts.ts";

/** The tags that earn, and the text around them that costs. */
function spansOf(sample: RewardSample): RewardSpan[] {
  const { completion } = sample;
  const { reasoningSpan: reasoning, answerSpan: answer, wellFormed } = sampleParts(sample);
  const spans: RewardSpan[] = [];
  for (const [span, name] of [[reasoning, "reasoning"], [answer, "answer"]] as const) {
    if (!span) continue;
    spans.push({ start: span.open, end: span.start, why: `opens the ${name}` });
    spans.push({ start: span.end, end: span.close, why: `closes the ${name}` });
  }
  if (wellFormed || !reasoning || !answer) return spans;
  if (answer.open < reasoning.open) {
    return [...spans, { start: answer.open, end: reasoning.close, why: "answer before reasoning" }];
  }
  const around = [[0, reasoning.open], [reasoning.close, answer.open], [answer.close, completion.length]];
  for (const [from, to] of around) {
    const text = completion.slice(from, to), trimmed = text.trim();
    if (trimmed === "") continue;
    const start = from + text.indexOf(trimmed);
    spans.push({ start, end: start + trimmed.length, why: "text outside the tags" });
  }
  return spans;
}

/**
 * How well a completion keeps the format: 1 reasoning then answer and nothing around them, .8 both but in the wrong order, repeated or with
 * other text around, .3 answer only, .2 reasoning only, 0 neither (SPEC section 2; R1's structured format; the rule on text
 * around is ours: without it a policy learns to talk on after its answer).
 *
 * @example
 * ```ts
 * import { formatCompliance } from "../../mod.ts";
 * formatCompliance()({ completion: "<answer>8</answer>" } as never); // 0.3
 * ```
 */
export function formatCompliance(): ExplainedReward {
  return explained(
    (sample) => {
      const { reasoning, answer, wellFormed } = sampleParts(sample);
      if (wellFormed) return 1;
      return reasoning !== null && answer !== null
        ? 0.8
        : answer !== null
        ? 0.3
        : reasoning !== null
        ? 0.2
        : 0;
    },
    spansOf,
  );
}
