import { parseCompletion } from "../text/completion.ts";
import type { RewardFunction } from "./reward.ts";

/**
 * How well a completion keeps the format: 1 reasoning then answer and nothing around them, .8 both but in the wrong order, repeated or with
 * other text around, .3 answer only, .2 reasoning only, 0 neither (R1's structured format; the rule on text around is ours: without
 * it a policy learns to talk on after its answer).
 */
export function formatCompliance(): RewardFunction {
  return ({ completion }) => {
    const { reasoning, answer, wellFormed } = parseCompletion(completion);
    if (wellFormed) return 1;
    return reasoning !== null && answer !== null ? 0.8 : answer !== null ? 0.3 : reasoning !== null ? 0.2 : 0;
  };
}
