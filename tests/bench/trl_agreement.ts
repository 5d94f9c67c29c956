/** Prints, an option set a row, how far the losses and gradients are from TRL's: `deno run -A tests/bench/trl_agreement.ts`. */
import { type AdvantageOptions, advantages } from "../../lib/training/advantages.ts";
import { advantagesByComponent } from "../../lib/training/advantages_by_component.ts";
import { klInReward } from "../../lib/training/kl_in_reward.ts";
import { policyLoss, type PolicyLossOptions } from "../../lib/training/policy_loss.ts";
import rewards from "../fixtures/trl_advantages.json" with { type: "json" };
import losses from "../fixtures/trl_policy_loss.json" with { type: "json" };

const distance = (a: ArrayLike<number>[], b: number[][]) =>
  Math.max(...b.flatMap((row, i) => row.map((value, t) => Math.abs(value - a[i][t]))));
const row = (...cells: (string | number)[]) =>
  console.log(
    `| ${cells.map((cell) => typeof cell === "number" ? cell.toExponential(1) : cell).join(" | ")} |`,
  );

console.log(`Largest absolute difference from TRL ${losses.trl} (torch ${losses.torch}, float64)\n`);
row("advantages", "difference");
row("---", "---");
for (const { options, rewards: given, advantages: expected } of rewards.advantages) {
  const scored = given.map((group) => group.map((reward) => reward ?? NaN));
  row(`\`${JSON.stringify(options)}\``, distance(advantages(scored, options as AdvantageOptions), expected));
}
const { weights, scores, advantages: summed } = rewards.byComponent;
row("normalise then sum", distance(advantagesByComponent(scores, { weights }), summed));
const { rewards: given, advantages: expected, ...kl } = rewards.klInReward;
row(
  "rloo, KL in the reward",
  distance(advantages([klInReward(given, kl)], { advantage: "rloo" }), [expected]),
);

console.log();
row("policy loss", "loss", "gradient");
row("---", "---", "---");
for (const { options, old, loss, gradient } of losses.grpo) {
  const { oldLogprobs, ...rest } = losses.inputs;
  const ours = policyLoss(old ? { ...rest, oldLogprobs } : rest, options as PolicyLossOptions);
  row(
    `\`${JSON.stringify(options)}\`${old ? "" : ", first iteration"}`,
    Math.abs(ours.loss - loss),
    distance(ours.gradient, gradient),
  );
}
for (const { logprobs, maskTruncated, loss, gradient } of losses.rloo) {
  const ours = policyLoss({ ...losses.inputs, logprobs }, { importance: "trajectory", maskTruncated });
  // TRL adds the constant −A of a masked sequence to the loss; it has no gradient.
  const { truncated, advantages } = losses.inputs;
  const constant = advantages.reduce(
    (sum, value, i) => sum - (maskTruncated && truncated[i] ? value / truncated.length : 0),
    0,
  );
  row(
    `RLOOTrainer${maskTruncated ? ", truncated masked" : ""}`,
    Math.abs(ours.loss + constant - loss),
    distance(ours.gradient, gradient),
  );
}
