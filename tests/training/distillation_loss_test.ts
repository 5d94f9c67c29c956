import assert from "node:assert/strict";
import { distillationLoss } from "../../lib/training/distillation_loss.ts";

const logSoftmax = (logits: number[]) => {
  const total = Math.log(logits.reduce((sum, x) => sum + Math.exp(x), 0));
  return logits.map((x) => x - total);
};

Deno.test("distillationLoss() in expectation over the student's draws is the reverse KL, value and gradient", () => {
  const own = logSoftmax([0.3, -1.2, 0.8, 0]), theirs = logSoftmax([1, 0.1, -0.4, 0.2]);
  const p = own.map(Math.exp), kl = p.reduce((sum, x, v) => sum + x * (own[v] - theirs[v]), 0);
  let value = 0;
  const gradient = own.map(() => 0);
  for (const [drawn, share] of p.entries()) {
    const { loss, gradient: [[slope]] } = distillationLoss([[own[drawn]]], [[theirs[drawn]]]);
    value += share * loss;
    // ∂ log p(drawn) / ∂ logit v = [v = drawn] − p(v)
    for (const v of gradient.keys()) gradient[v] += share * slope * ((v === drawn ? 1 : 0) - p[v]);
  }
  assert.ok(Math.abs(value - kl) < 1e-12);
  gradient.forEach((slope, v) => {
    const moved = (step: number) => {
      const shifted = logSoftmax(own.map((x, i) => i === v ? x + step : x));
      return shifted.reduce((sum, x, i) => sum + Math.exp(x) * (x - theirs[i]), 0);
    };
    assert.ok(Math.abs(slope - (moved(1e-5) - moved(-1e-5)) / 2e-5) < 1e-8, `logit ${v}`);
  });
});

Deno.test("distillationLoss() counts every token of the whole batch alike, however it is cut", () => {
  const own = [[-1, -2, -0.5], [-0.25]], theirs = [[-2, -1, -0.5], [-1.25]];
  const whole = distillationLoss(own, theirs),
    parts = own.map((row, i) => distillationLoss([row], [theirs[i]], { tokens: 4 }));
  assert.equal(whole.loss, (1 - 1 + 0 + 1) / 4);
  assert.deepEqual(whole.gradient.map((row) => [...row]), [[0.25, -0.25, 0], [0.25]]);
  assert.equal(parts[0].loss + parts[1].loss, whole.loss);
  assert.deepEqual(parts.flatMap(({ gradient }) => gradient), whole.gradient);
});

Deno.test("distillationLoss() refuses values of other tokens, and says of which", () => {
  assert.throws(() => distillationLoss([[-1], [-1, -2]], [[-1], [-1]]), /sequence 1 of 2 and 1 tokens/);
  assert.throws(() => distillationLoss([], [[-1]]), /0 and 1 sequences/);
});
