import { advantages } from "../../lib/training/advantages.ts";
import { algorithms } from "../../lib/training/algorithms.ts";
import { policyLoss } from "../../lib/training/policy_loss.ts";
import { assertAllClose } from "./assert_all_close.ts";

Deno.test("algorithms.rloo on its first iteration is REINFORCE with the others' mean as baseline", () => {
  const logprobs = [[-1, -2, -3], [-2, -1], [-4]];
  const [baselined] = advantages([[1, 0, 0.5]], algorithms.rloo);
  const { gradient } = policyLoss({ logprobs, advantages: baselined }, algorithms.rloo);
  // −A/n for every token: ∇ of −mean(A · Σ log π), with A = 0.75, −0.75, 0.
  assertAllClose(gradient, [[-0.25, -0.25, -0.25], [0.25, 0.25], [0]]);
});

Deno.test("algorithms.dr_grpo weighs a token the same whatever the length of its completion and the group's spread", () => {
  const logprobs = [[-1, -2, -3, -1], [-2]];
  for (const scale of [1, 10]) {
    const [baselined] = advantages([[scale, 0]], algorithms.dr_grpo);
    const { gradient } = policyLoss({ logprobs, advantages: baselined }, {
      ...algorithms.dr_grpo,
      maxTokens: 8,
    });
    const token = scale / 2 / (2 * 8);
    assertAllClose(gradient, [[-token, -token, -token, -token], [token]]);
  }
});
