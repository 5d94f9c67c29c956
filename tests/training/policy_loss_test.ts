import assert from "node:assert/strict";
import {
  policyLoss,
  type PolicyLossInputs,
  policyLossNames,
  type PolicyLossOptions,
} from "../../lib/training/policy_loss.ts";
import {
  importanceCorrection,
  type ImportanceCorrectionOptions,
} from "../../lib/training/importance_correction.ts";
import fixtures from "../fixtures/trl_policy_loss.json" with { type: "json" };
import { assertAllClose } from "./assert_all_close.ts";

const { inputs } = fixtures;
const name = (options: unknown, old = true) =>
  JSON.stringify(options) + (old ? "" : " without old log-probabilities");

for (const { options, old, ...expected } of fixtures.grpo) {
  Deno.test(`policyLoss() gives TRL's loss, metrics and gradient for ${name(options, old)}`, () => {
    const { oldLogprobs, ...rest } = inputs;
    const result = policyLoss(old ? { ...rest, oldLogprobs } : rest, options as PolicyLossOptions);
    assertAllClose([result.loss, result.kl, result.clipLow, result.clipHigh], [
      expected.loss,
      expected.kl,
      expected.clipLow,
      expected.clipHigh,
    ], 1e-6);
    assertAllClose(result.gradient, expected.gradient, 1e-6);
    if (expected.entropyGradient) {
      assertAllClose(result.entropyGradient!, expected.entropyGradient, 1e-6);
    } else assert.equal(result.entropyGradient, undefined);
  });
}

for (const { options, correction, ...expected } of fixtures.corrected) {
  Deno.test(`importanceCorrection() and policyLoss() give TRL's weights, loss and gradient for ${name({ ...options, correction })}`, () => {
    const rows = (all: number[][]) => all.map((row, i) => row.slice(0, inputs.lengths[i]));
    const { weights } = importanceCorrection(
      rows(inputs.oldLogprobs),
      rows(inputs.samplerLogprobs),
      correction as ImportanceCorrectionOptions,
    );
    const masked = (options as PolicyLossOptions).maskTruncated ? inputs.truncated : [];
    weights.forEach((row, i) =>
      masked[i] || assertAllClose([row], rows(expected.weights).slice(i, i + 1), 1e-6)
    );
    const result = policyLoss({
      ...inputs,
      corrections: weights.map((row) => [...row, ...Array(7 - row.length).fill(1)]),
    }, options as PolicyLossOptions);
    assertAllClose([result.loss, result.kl], [expected.loss, expected.kl], 1e-5);
    assertAllClose(result.gradient, expected.gradient, 1e-5);
  });
}

for (const { logprobs, maskTruncated, ...expected } of fixtures.rloo) {
  Deno.test(`policyLoss() gives TRL's RLOO loss and gradient as an option set, ${name({ maskTruncated, loss: expected.loss })}`, () => {
    const result = policyLoss({ ...inputs, logprobs }, {
      loss: "grpo",
      importance: "trajectory",
      maskTruncated,
    });
    // A sequence without tokens has ratio 1 in TRL and so adds the constant −A; it has no gradient, and here no loss.
    const constant = maskTruncated
      ? inputs.truncated.reduce((sum, cut, i) => sum - (cut ? inputs.advantages[i] / 6 : 0), 0)
      : 0;
    assertAllClose([result.loss + constant], [expected.loss], 1e-9);
    assertAllClose(result.gradient, expected.gradient, 1e-9);
    if (!maskTruncated) {
      assertAllClose([result.clipLow, result.clipHigh], [expected.clipLow, expected.clipHigh], 1e-6);
    }
  });
}

Deno.test("policyLoss() reaches both clips in the fixtures, so that agreement means something", () => {
  assert.ok(fixtures.grpo.some(({ clipLow, clipHigh }) => clipLow > 0 && clipHigh > 0));
});

const finite: [string, PolicyLossOptions][] = [
  ["k1", { beta: 0.3, klEstimator: "k1" }],
  ["k2", { beta: 0.3, klEstimator: "k2" }],
  ["k3", { beta: 0.3, klEstimator: "k3" }],
  ["sequence ratios with KL", { beta: 0.3, importance: "sequence", loss: "dapo", accumulationTokens: 90 }],
  ["trajectory ratios with bnpo", { importance: "trajectory", loss: "bnpo" }],
  ["dual clip and a top-entropy mask", {
    dualClip: 1.4,
    topEntropyQuantile: 0.4,
    loss: "dr_grpo",
    maxTokens: 16,
  }],
  ["soft gates", { loss: "sapo", sapoTemperaturePos: 2, sapoTemperatureNeg: 0.7 }],
  ["a band of probabilities", { dppo: 0.05, loss: "dapo" }],
  ["KL times the ratio", { beta: 0.3, useBiasCorrectionKl: true, klEstimator: "k1" }],
  ["KL times a sequence's ratio", { beta: 0.3, useBiasCorrectionKl: true, importance: "sequence" }],
  ["KL times a trajectory's ratio", { beta: 0.01, useBiasCorrectionKl: true, importance: "trajectory" }],
  ["LUSPO with an off-policy mask", { loss: "luspo", importance: "sequence", offPolicyMask: 0.3 }],
];
for (const [title, options] of finite) {
  Deno.test(`policyLoss() gradient agrees with finite differences: ${title}`, () => {
    const { gradient } = policyLoss(inputs, options), h = 1e-6;
    inputs.logprobs.forEach((row, i) =>
      row.forEach((_, t) => {
        const moved = (by: number) => {
          const logprobs = inputs.logprobs.map((row) => [...row]);
          logprobs[i][t] += by;
          return policyLoss({ ...inputs, logprobs }, options).loss;
        };
        const slope = (moved(h) - moved(-h)) / (2 * h);
        assert.ok(
          Math.abs(slope - gradient[i][t]) < 1e-7,
          `[${i}, ${t}]: ${gradient[i][t]}, differences say ${slope}`,
        );
      })
    );
  });
}

Deno.test("policyLoss() adds k1, k2 and k3 as Schulman defines them", () => {
  const one: PolicyLossInputs = { logprobs: [[-1]], referenceLogprobs: [[-1.5]], advantages: [0] };
  const kl = (klEstimator: "k1" | "k2" | "k3") => policyLoss(one, { beta: 2, klEstimator });
  assertAllClose([kl("k1").kl, kl("k2").kl, kl("k3").kl], [0.5, 0.125, Math.exp(-0.5) + 0.5 - 1]);
  assertAllClose([kl("k2").loss, kl("k2").policyLoss], [0.25, 0]);
});

Deno.test("policyLoss() is REINFORCE with a baseline on the first iteration", () => {
  const { loss, gradient, ratioMean } = policyLoss({
    logprobs: [[-1, -2], [-3, 9]],
    advantages: [1, -2],
    lengths: [2, 1],
  });
  assertAllClose([loss, ratioMean], [0.5, 1]);
  assertAllClose(gradient, [[-0.25, -0.25], [1, 0]]);
});

Deno.test("policyLoss() with dppo drops a token only where its probability has left the band as the advantage pulls", () => {
  // π 0.5 of π_old 0.25, and back; the band is 0.2 wide
  const [low, high] = [Math.log(0.25), Math.log(0.5)];
  const gradientOf = (from: number, to: number, advantage: number, dppo: number | null) =>
    policyLoss({ logprobs: [[to]], oldLogprobs: [[from]], advantages: [advantage] }, {
      dppo,
      epsilon: 0.99,
      epsilonHigh: 9,
    })
      .gradient[0][0];
  assertAllClose(
    [[low, high, 1], [low, high, -1], [high, low, 1], [high, low, -1]].map(([from, to, advantage]) =>
      gradientOf(from, to, advantage, 0.2)
    ),
    [0, 2, -0.5, 0],
  );
  // a band that holds the move drops none, though the ratio has doubled
  assertAllClose([gradientOf(low, high, 1, 0.3), gradientOf(high, low, -1, 0.3)], [-2, 0.5]);
});

Deno.test("policyLoss() names what does not go together", () => {
  const one: PolicyLossInputs = { logprobs: [[-1]], advantages: [1] };
  const wrong: [PolicyLossOptions, RegExp][] = [
    [{ loss: "cispo" }, /epsilonHigh must be given for loss "cispo"/],
    [{ loss: "vespo", importance: "sequence" }, /importance must be "token" for loss "vespo"/],
    [{ dppo: 0.1, importance: "sequence" }, /dppo goes with ratios of tokens/],
    [{ dppo: 1.5 }, /dppo must be between 0 and 1/],
    [{ offPolicyMask: 0 }, /offPolicyMask must be above 0/],
    [{ entropyCoef: 0.1 }, /entropy is missing: entropyCoef is 0.1/],
    [{ loss: "sapo", sapoTemperatureNeg: -1 }, /sapoTemperatureNeg must be above 0/],
    [{ loss: "ppo" as never }, /loss must be one of grpo, bnpo, dr_grpo, dapo, cispo, sapo, luspo, vespo/],
  ];
  for (const [options, says] of wrong) assert.throws(() => policyLoss(one, options), says);
});

Deno.test("policyLoss() of a batch whose sequences are all masked is 0 with a gradient of 0", () => {
  const cut = inputs.truncated.map(() => true);
  for (const loss of policyLossNames) {
    const result = policyLoss({ ...inputs, truncated: cut }, {
      loss,
      epsilonHigh: 5,
      entropyCoef: 0.1,
      maxTokens: 16,
      maskTruncated: true,
      beta: 0.1,
      topEntropyQuantile: 0.5,
    });
    assertAllClose([result.loss, result.kl, result.tokens], [0, 0, 0]);
    assert.ok(result.gradient.every((row) => row.every((value) => value === 0)));
  }
});

Deno.test("policyLoss() names everything that is wrong at once", () => {
  assert.throws(
    () =>
      policyLoss({ logprobs: [[-1]], advantages: [1, 2], lengths: [3] }, {
        loss: "dr_grpo",
        beta: 0.1,
        dualClip: 1.1,
      }),
    (error: Error) =>
      error instanceof RangeError &&
      [
        "advantages has 2 entries",
        "lengths[0] must be between 0 and its row's 1 tokens, not 3",
        "maxTokens must be given",
        "referenceLogprobs is missing: beta is 0.1",
        "dualClip must be above",
      ]
        .every((part) => error.message.includes(part)),
  );
});

Deno.test("policyLoss() passes a non-finite log-probability on, for the guard to see", () => {
  const { loss, gradient } = policyLoss({ logprobs: [[NaN]], advantages: [1], oldLogprobs: [[-1]] });
  assert.ok(Number.isNaN(loss) && Number.isNaN(gradient[0][0]));
});
