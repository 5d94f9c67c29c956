/** SFT and GRPO as a whole, on a model of random weights: what they log, how they stop, what a stop costs. */
import assert from "node:assert/strict";
import type * as tf from "@tensorflow/tfjs";
import type { Problem } from "../../lib/data/problem.ts";
import type { CausalLM } from "../../lib/models/causal_lm.ts";
import type { Reward } from "../../lib/rewards/reward.ts";
import { compositeReward } from "../../lib/rewards/composite.ts";
import { evaluate } from "../../lib/stages/evaluate.ts";
import { grpo } from "../../lib/stages/grpo.ts";
import type { GrpoOptions } from "../../lib/stages/grpo_options.ts";
import { restoreModel } from "../../lib/stages/restore_model.ts";
import { resume } from "../../lib/stages/resume.ts";
import { sft } from "../../lib/stages/sft.ts";
import { bestCheckpoint, loadCheckpoint } from "../../lib/training/checkpoint.ts";
import { readMetrics } from "../../lib/training/metrics.ts";
import { setObserver } from "../../lib/display/observer.ts";
import { digits, problems, tinyModel } from "../training/tiny_model.ts";
import { test } from "./in_folder.ts";

async function weights(model: CausalLM): Promise<number[]> {
  const all: number[] = [];
  for (const name of model.decoder.names) all.push(...await model.decoder.weight<tf.Tensor>(name).data());
  return all;
}

const small = { promptsPerStep: 2, generations: 4, maxTokens: 8, learningRate: 3e-3 } satisfies Partial<
  GrpoOptions
>;

/** An observer whose stop button a test presses, and that counts the views opened. */
function pressable() {
  const controller = new AbortController(), opened: string[] = [];
  let pressed = false;
  setObserver({
    view: ({ title }) => {
      opened.push(title);
      return { update() {}, note() {}, end: () => Promise.resolve() };
    },
    stop: () => ({
      get pressed() {
        return pressed;
      },
      signal: controller.signal,
      release() {},
    }),
  });
  return {
    opened,
    press: () => pressed = true,
    pressTwice() {
      pressed = true;
      controller.abort(new Error("Stopped at once"));
    },
  };
}

/** `digits`, and something that happens when step `at` is scored. */
const digitsAnd = (at: number, happens: () => void): Reward => ({
  ...digits,
  score: (samples) => {
    if (samples[0].step === at) happens();
    return digits.score(samples);
  },
});

test("grpo() pressed twice while it trains drops the step, and resumes with the same bits", async (folder) => {
  const options = { ...small, steps: 4, microBatch: 2, beta: 0.02, seed: 4 };
  const whole = tinyModel(), undisturbed = await grpo(whole, problems, { ...options, reward: digits });

  const { pressTwice } = pressable(), stopped = tinyModel();
  // between the scores and the first micro-batch; the update's second micro-batch sees it
  const reward = digitsAnd(2, () => setTimeout(pressTwice));
  const first = await grpo(stopped, problems, { ...options, reward, checkpoints: folder });
  assert.deepEqual([first.ended, first.reason, first.steps.length], [
    "interrupted",
    "stopped at once after step 2 of 4",
    2,
  ]);
  setObserver(null);
  const again = tinyModel(), second = await resume(again, folder, { problems, reward: digits });
  assert.deepEqual(second.steps.map(({ loss }) => loss), undisturbed.steps.map(({ loss }) => loss));
  assert.deepEqual(await weights(again), await weights(whole));
  for (const model of [whole, stopped, again]) model.dispose();
});

test("sft() pressed twice within an accumulated batch drops the step, and resumes with the same bits", async (folder) => {
  const options = { steps: 4, batchSize: 6, gradientAccumulation: 3, learningRate: 3e-3 };
  const whole = tinyModel(), undisturbed = await sft(whole, problems, options);
  const { pressTwice } = pressable(), stopped = tinyModel();
  const first = await sft(stopped, problems, {
    ...options,
    checkpoints: folder,
    // the timer that ends this step's turn comes first, then this one, in the next step
    onStep: ({ step }) => step === 2 && void setTimeout(() => setTimeout(pressTwice)),
  });
  assert.deepEqual([first.ended, first.steps.length], ["interrupted", 2]);
  assert.match(first.reason!, /stopped at once after step 2 of 4/);
  setObserver(null);
  const again = tinyModel(), second = await resume(again, folder, { problems });
  assert.deepEqual(second.steps.map(({ loss }) => loss), undisturbed.steps.map(({ loss }) => loss));
  assert.deepEqual(await weights(again), await weights(whole));
  for (const model of [whole, stopped, again]) model.dispose();
});

test("grpo() streams every metric of its own, each under one name", async (folder) => {
  const model = tinyModel(), metricsFile = `${folder}/metrics.jsonl`, streamed: number[] = [];
  const run = await grpo(model, problems, {
    ...small,
    steps: 3,
    beta: 0.05,
    reward: digits,
    metricsFile,
    onStep: () => void streamed.push(readMetrics(metricsFile).length),
  });
  assert.deepEqual(streamed, [1, 2, 3]);
  assert.deepEqual(readMetrics(metricsFile), JSON.parse(JSON.stringify(run.steps)));
  for (const step of readMetrics(metricsFile)) {
    assert.deepEqual(Object.keys(step).sort(), [
      "clipHigh",
      "clipLow",
      "completionLength",
      "components",
      "entropy",
      "formatRate",
      "gradientNorm",
      "kl",
      "learningRate",
      "loss",
      "phase",
      "policyLoss",
      "reward",
      "rewardStd",
      "seconds",
      "skippedUpdates",
      "step",
      "tokens",
      "tokensPerSecond",
      "truncatedFraction",
      "zeroVarianceFraction",
    ]);
    assert.deepEqual(Object.keys(step.completionLength!), ["mean", "min", "max", "terminatedMean"]);
    assert.deepEqual(Object.keys(step.components!.digits), ["mean", "std", "weight", "failures"]);
    assert.deepEqual(Object.keys(step.seconds).sort(), ["rewards", "sampling", "total", "training"]);
    assert.ok(Math.abs(step.loss - step.policyLoss! - 0.05 * step.kl!) < 1e-6, `${step.loss}`);
  }
  model.dispose();
});

test("grpo() drops groups without variance, samples others in their stead, and counts both", async () => {
  // problems of even number are worth the same whatever is said
  const dull = ({ id }: Problem) => Number(id.split("/")[1]) % 2 === 0, seen: Problem[][] = [];
  const reward: Reward = {
    ...digits,
    async score(samples) {
      seen.push(samples.filter((_, i) => i % small.generations === 0).map(({ problem }) => problem));
      const scores = await digits.score(samples);
      return samples.map(({ problem }, i) =>
        dull(problem) ? { ...scores[i], total: 0.5 } : { ...scores[i], total: i }
      );
    },
  };
  for (const dropZeroVariance of [false, true]) {
    seen.length = 0;
    const model = tinyModel();
    const { steps: [step] } = await grpo(model, problems, {
      ...small,
      promptsPerStep: 6,
      steps: 1,
      beta: 0,
      reward,
      dropZeroVariance,
    });
    const sampled = seen.flat(), without = sampled.filter(dull).length;
    assert.ok(without > 0);
    assert.equal(step.zeroVarianceFraction, without / sampled.length);
    if (dropZeroVariance) {
      assert.ok(seen.length > 1, "nothing was sampled anew");
      assert.equal(sampled.length, 6 + step.droppedGroups!);
    } else assert.deepEqual([seen.length, sampled.length, step.droppedGroups], [1, 6, undefined]);
    model.dispose();
  }
});

test("grpo() replays groups with signal in the places of those without, and goes on after a stop with the same bits", async (folder) => {
  // every other problem is worth the same whatever is said
  const reward: Reward = {
    ...digits,
    async score(samples) {
      const scores = await digits.score(samples);
      return samples.map(({ problem }, i) => ({
        ...scores[i],
        total: Number(problem.id.split("/")[1]) % 2 ? i % 3 : 0.5,
      }));
    },
  };
  const options = { ...small, promptsPerStep: 4, steps: 8, beta: 0.02, replay: 3, maxTokens: 12, reward };
  const whole = tinyModel(), { steps } = await grpo(whole, problems, options);
  const dead = steps.map(({ zeroVarianceFraction }) => 4 * zeroVarianceFraction!);
  assert.equal(steps[0].replayedGroups, 0);
  let held = 0;
  steps.forEach(({ replayedGroups }, i) => {
    assert.equal(replayedGroups, Math.min(held, dead[i]));
    held = Math.min(3, held + 4 - dead[i]);
  });
  assert.ok(steps.some(({ replayedGroups }) => replayedGroups! > 0));
  // the policy has moved since they were drawn
  assert.ok(
    steps.some(({ clipLow, clipHigh, replayedGroups }) => replayedGroups! > 0 && clipLow! + clipHigh! > 0),
  );

  const stop = new AbortController(), first = tinyModel();
  await grpo(first, problems, {
    ...options,
    checkpoints: folder,
    signal: stop.signal,
    onStep: ({ step }) => step === 3 && stop.abort(),
  });
  const again = tinyModel(), resumed = await resume(again, folder, { problems, reward });
  assert.deepEqual(resumed.steps.map(({ loss }) => loss), steps.map(({ loss }) => loss));
  assert.deepEqual(await weights(again), await weights(whole));
  for (const model of [whole, first, again]) model.dispose();
});

test("grpo() measures no KL against a reference that is refreshed to the policy, and some against one that stays", async () => {
  const kls = async (options: Partial<GrpoOptions>) => {
    const model = tinyModel();
    const { steps } = await grpo(model, problems, {
      ...small,
      steps: 4,
      beta: 0.1,
      ...options,
      reward: digits,
    });
    model.dispose();
    return steps.map(({ kl }) => kl!);
  };
  const stays = await kls({}), follows = await kls({ referenceEvery: 1, referenceMixup: 1 });
  assert.ok(stays.slice(1).every((kl) => kl > 1e-5), `${stays}`);
  assert.ok(follows.every((kl) => Math.abs(kl) < 1e-9), `${follows}`);
  const lags = await kls({ referenceEvery: 2, referenceMixup: 0.5 });
  assert.deepEqual(lags.slice(0, 2), stays.slice(0, 2));
  assert.ok(lags[2] < stays[2] && lags[2] > 1e-7, `${lags} ${stays}`);
  const inReward = await kls({ algorithm: "rloo" });
  assert.ok(inReward.slice(1).every((kl) => kl > 1e-6), `${inReward}`);
});

test("grpo() measures KL where beta is above 0 and says nothing of it where a schedule has brought it to 0", async () => {
  for (const algorithm of ["grpo", "rloo"] as const) {
    const model = tinyModel();
    const { steps } = await grpo(model, problems, {
      ...small,
      algorithm,
      steps: 4,
      beta: { kind: "step", from: 0.1, to: 0, at: [0.5] },
      reward: digits,
    });
    assert.deepEqual(steps.map(({ kl }) => typeof kl), ["number", "number", "undefined", "undefined"]);
    assert.ok(!("kl" in JSON.parse(JSON.stringify(steps[3]))));
    model.dispose();
  }
});

test("grpo() cut into passes of one logs what it logs of the whole batch, clip shares of sequences too", async () => {
  const cases = [
    { importance: "token", entropyCoef: 0.05 },
    { importance: "sequence" },
    { importance: "trajectory" },
    { importance: "token", entropyCoef: 0.05, topEntropyQuantile: 0.4 },
    { importance: "token", algorithm: "cispo" },
    { importance: "token", algorithm: "vespo" },
    { importance: "sequence", loss: "luspo", useBiasCorrectionKl: true },
  ] satisfies Partial<GrpoOptions>[];
  for (const options of cases) {
    const { importance } = options;
    const clips = async (microBatch: number | null) => {
      const model = tinyModel();
      const { steps } = await grpo(model, problems, {
        ...small,
        ...options,
        iterations: 3,
        learningRate: 0.02,
        epsilon: 0.01,
        steps: 2,
        promptsPerStep: 4,
        maxTokens: 64,
        beta: 0.05,
        microBatch,
        reward: digits,
      });
      model.dispose();
      const { min, max } = steps[0].completionLength!;
      assert.ok(min < max, "all completions are of one length, and so weigh the same");
      return steps.map(({ clipLow, clipHigh, loss, kl }) => [clipLow!, clipHigh!, loss, kl!]);
    };
    const whole = await clips(null), single = await clips(1);
    if (!("algorithm" in options)) {
      assert.ok(whole.some(([low, high]) => low > 0 && high > 0), JSON.stringify(whole));
    }
    // AdamW's first step takes gradients near 0 to their signs, so rounding shows
    for (const step of [0, 1]) {
      whole[step].forEach((value, i) => {
        const other = single[step][i];
        assert.ok(
          Math.abs(value - other) < 1e-3 * (1 + Math.abs(value)),
          `${importance} ${i}: ${value} ${other}`,
        );
      });
    }
  }
});

test("grpo() with an entropy bonus keeps more of its entropy, the adapted one after a stop as before", async (folder) => {
  const entropies = async (options: Partial<GrpoOptions>) => {
    const model = tinyModel();
    const { steps } = await grpo(model, problems, {
      ...small,
      steps: 12,
      beta: 0,
      ...options,
      reward: digits,
    });
    model.dispose();
    return steps.map(({ entropy, entropyCoef }) => [entropy!, entropyCoef] as const);
  };
  const plain = await entropies({}), held = await entropies({ entropyCoef: 0.5 });
  assert.ok(held.at(-1)![0] > plain.at(-1)![0] + 0.05, `${held.at(-1)} ${plain.at(-1)}`);
  assert.deepEqual([plain[0][1], held[0][1]], [undefined, 0.5]);

  const adapted: Partial<GrpoOptions> = {
    entropyCoef: 0.1,
    entropyTarget: plain[0][0],
    entropyCoefDelta: 0.1,
    iterations: 2,
  };
  const whole = await entropies(adapted), stop = new AbortController(), model = tinyModel();
  assert.ok(new Set(whole.map(([, weight]) => weight)).size > 3, JSON.stringify(whole));
  await grpo(model, problems, {
    ...small,
    steps: 12,
    beta: 0,
    ...adapted,
    reward: digits,
    checkpoints: folder,
    signal: stop.signal,
    onStep: ({ step }) => step === 5 && stop.abort(),
  });
  const again = tinyModel(), { steps } = await resume(again, folder, { problems, reward: digits });
  assert.deepEqual(steps.map(({ entropy, entropyCoef }) => [entropy, entropyCoef]), whole);
  for (const each of [model, again]) each.dispose();
});

test("grpo() after sft() under LoRA measures KL against what SFT left, in one run and in a resumed one", async (folder) => {
  const options = { ...small, steps: 4, beta: 0.1, checkpoints: folder };
  const start = async () => {
    const model = tinyModel();
    model.addLora({ rank: 4 });
    await sft(model, problems, { steps: 5, batchSize: 4, learningRate: 1e-2 });
    return model;
  };
  const whole = await start(), undisturbed = await grpo(whole, problems, { ...options, reward: digits });
  const kls = undisturbed.steps.map(({ kl }) => kl!);
  assert.ok(Math.abs(kls[0]) < 1e-9, `${kls}`);
  assert.ok(kls.slice(1).every((kl) => kl > 1e-6), `${kls}`);

  const stopped = await start(), stop = new AbortController();
  await grpo(stopped, problems, {
    ...options,
    reward: digits,
    signal: stop.signal,
    onStep: ({ step }) => step === 2 && stop.abort(),
  });
  const again = await start();
  const { steps } = await resume(again, folder, { problems, reward: digits });
  assert.deepEqual(steps.map(({ kl }) => kl), kls);
  for (const model of [whole, stopped, again]) model.dispose();
});

test("grpo() judges held-out problems in its own panel, keeps the best checkpoint and goes back to it", async (folder) => {
  const { opened } = pressable(), model = tinyModel();
  const run = await grpo(model, problems, {
    ...small,
    steps: 4,
    beta: 0,
    reward: digits,
    checkpoints: folder,
    keepCheckpoints: 1,
    evaluateEvery: 2,
    bestBy: "meanTokens",
    evaluation: { problems: problems.slice(0, 5), maxTokens: 6 },
  });
  assert.equal(opened.length, 1);
  const measured = run.steps.flatMap(({ step, evaluation }) => evaluation ? [{ step, ...evaluation }] : []);
  assert.deepEqual(measured.map(({ step }) => step), [2, 4]);
  assert.deepEqual(Object.keys(measured[0]), [
    "step",
    "accuracy",
    "formatRate",
    "trace",
    "meanTokens",
    "truncatedFraction",
  ]);
  const best = run.best!;
  assert.equal(best.metric, "meanTokens");
  assert.equal(best.value, Math.max(...measured.map((m) => (m as Record<string, number>).meanTokens)));
  assert.equal(best.checkpoint, await bestCheckpoint(folder, { metric: "meanTokens" }));
  const { step, tensors } = await loadCheckpoint(best.checkpoint), name = model.decoder.names[1];
  assert.equal(step, best.step);
  await restoreModel(model, best.checkpoint);
  assert.deepEqual(await model.decoder.weight<tf.Tensor>(name).data(), tensors[`parameter/${name}`].data);
  model.dispose();
});

test("a first press lets an evaluation finish, a second ends it without a metric; neither loses the step", async (folder) => {
  for (const presses of [0, 1, 2]) {
    const { press, pressTwice } = pressable(), model = tinyModel();
    let asked = 0;
    /** Held-out problems of which the fifth that is asked comes with a press of the button, in the middle of the evaluation. */
    const heldOut = problems.slice(0, 8).map((problem) => ({
      ...problem,
      get question() {
        if (++asked === 5 && presses > 0) presses === 1 ? press() : pressTwice();
        return problem.question;
      },
    }));
    const checkpoints = `${folder}/${presses}`;
    const run = await sft(model, problems, {
      steps: presses === 0 ? 2 : 4,
      batchSize: 2,
      checkpoints,
      evaluateEvery: 2,
      bestBy: "meanTokens",
      evaluation: { problems: heldOut, batchSize: 2, maxTokens: 6 },
    });
    assert.deepEqual([run.ended, run.steps.length], [presses === 0 ? "finished" : "interrupted", 2]);
    const { evaluation } = run.steps[1];
    if (presses === 2) assert.deepEqual([evaluation, run.best], [undefined, undefined]);
    else assert.ok(evaluation!.meanTokens > 0 && asked >= 8, JSON.stringify(evaluation));
    const { step, metrics } = await loadCheckpoint(checkpoints);
    assert.deepEqual([step, metrics], [2, evaluation ?? {}]);
    model.dispose();
  }
});

test("an evaluation that does not measure what bestBy names says so", async () => {
  const model = tinyModel();
  const sftWith = (evaluation: () => Promise<Record<string, number>>) =>
    sft(model, problems, { steps: 3, batchSize: 2, evaluateEvery: 1, evaluation });
  await assert.rejects(
    sftWith(() => Promise.resolve({ exact: 1 })),
    /bestBy names the metric "accuracy", and the evaluation gave \{"exact":1\}/,
  );
  model.dispose();
});

test("a merged weight is of the adapter as it is now, not as it was when it was merged before", async () => {
  const model = tinyModel(), name = "model.layers.0.mlp.down_proj.weight";
  model.addLora({ rank: 4 });
  await model.decoder.merged(name);
  await sft(model, problems, { steps: 5, batchSize: 4, learningRate: 1e-2 });
  const { a, b, scale } = model.decoder.lora.get("model.layers.0.mlp.down_proj")!;
  const [base, A, B, merged] = await Promise.all([
    model.decoder.values(name),
    a.data(),
    b.data(),
    model.decoder.merged(name),
  ]);
  const [rank, width] = a.shape;
  merged.forEach((value, i) => {
    const row = Math.floor(i / width), column = i % width;
    let sum = base[i];
    for (let r = 0; r < rank; r++) sum += scale * B[row * rank + r] * A[r * width + column];
    assert.ok(Math.abs(value - sum) < 1e-6, `${i}: ${value}, by hand ${sum}`);
  });
  model.dispose();
});

test("sft() with a weight that is not finite skips updates, and stops with the weights it had", async (folder) => {
  const model = tinyModel(), norm = model.decoder.weight<tf.Tensor>("model.norm.weight");
  const poisoned = (await norm.data()).slice();
  poisoned[0] = NaN;
  await restoreNothingBut(model, "model.norm.weight", poisoned as Float32Array);
  const before = await weights(model);
  const run = await sft(model, problems, { steps: 20, batchSize: 2, checkpoints: folder });
  assert.deepEqual([run.ended, run.steps.length, run.steps.at(-1)!.skippedUpdates], ["failed", 5, 5]);
  assert.match(run.reason!, /not finite several times in a row/);
  assert.ok(run.diagnoses.some(({ rule }) => rule === "non-finite"));
  assert.deepEqual(await weights(model), before);
  assert.equal((await loadCheckpoint(folder)).step, 5);
  model.dispose();
});

/** Writes one weight. */
async function restoreNothingBut(model: CausalLM, name: string, data: Float32Array) {
  const tf = await import("@tensorflow/tfjs");
  const weight = model.decoder.weight<tf.Tensor>(name) as unknown as tf.Variable;
  tf.tidy(() => weight.assign(tf.tensor(data, weight.shape)));
}

test("sft(), grpo() and evaluate() take problems as a cell writes them, and answers in any format", async () => {
  const model = tinyModel();
  const cell = [{ question: "What is 5 plus 3?", answer: 8 }, {
    question: "What is 4 plus 2?",
    answer: 6,
  }] as never;
  const learned = await sft(model, cell, {
    steps: 1,
    batchSize: 2,
    format: "boxed",
    packing: true,
    maxLength: 128,
  });
  assert.ok(learned.steps[0].tokens! > 0);
  const run = await grpo(model, cell, {
    ...small,
    steps: 1,
    format: "last-number",
    reward: compositeReward({ components: { correctness: { weight: 1 } } }),
  });
  assert.equal(run.steps[0].components?.correctness?.failures, 0);
  const { items, config } = await evaluate(model, cell, {
    format: { kind: "tags", reasoning: "think" },
    maxTokens: 4,
  });
  assert.deepEqual(items.map(({ reference }) => reference), ["8", "6"]);
  assert.equal((config.format as { reasoning: string }).reasoning, "think");
  model.dispose();
});
