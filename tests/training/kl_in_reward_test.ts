import { advantages } from "../../lib/training/advantages.ts";
import { klInReward } from "../../lib/training/kl_in_reward.ts";
import fixtures from "../fixtures/trl_advantages.json" with { type: "json" };
import { assertAllClose } from "./assert_all_close.ts";

Deno.test("klInReward() subtracts beta times the summed log-ratio", () => {
  assertAllClose(klInReward([1], { beta: 0.1, logprobs: [[-1, -1]], referenceLogprobs: [[-2, -1.5]] }), [
    0.85,
  ]);
});

Deno.test("klInReward() and rloo advantages give TRL's RLOO numbers with beta above 0", () => {
  const { rewards, advantages: expected, ...options } = fixtures.klInReward;
  assertAllClose(advantages([klInReward(rewards, options)], { advantage: "rloo" })[0], expected, 1e-9);
});
