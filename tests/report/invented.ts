import type { StepMetrics, TrainingRun } from "../../lib/training/run.ts";
import type { Evaluation, EvaluationItem } from "../../lib/stages/evaluation.ts";
import { summariseEvaluation } from "../../lib/stages/summarise_evaluation.ts";

/** Invented runs and evaluations for tests of drawing and writing. Nothing here was measured or is a result. */

/** A small seeded generator (mulberry32), uniform in [0, 1). */
export function generator(seed: number): () => number {
  return () => {
    seed = seed + 0x6d2b79f5 | 0;
    let t = Math.imul(seed ^ seed >>> 15, 1 | seed);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
  };
}

export function inventedSft(steps = 300, seed = 1): TrainingRun {
  const random = generator(seed);
  return run(
    "sft",
    "sft",
    Array.from({ length: steps }, (_, i): StepMetrics => {
      const p = i / Math.max(1, steps), noise = random() - 0.5;
      return {
        step: i + 1,
        loss: 0.12 + 2.6 * Math.exp(-6 * p) + 0.12 * noise,
        learningRate: 2e-3 * Math.min(1, i / 15) * (0.5 + 0.5 * Math.cos(Math.PI * p)),
        gradientNorm: 0.4 + 3 * Math.exp(-8 * p) + 0.2 * random(),
        entropy: 0.15 + 2.2 * Math.exp(-5 * p) + 0.1 * noise,
        tokens: 1800,
        tokenAccuracy: Math.min(1, 0.96 - 0.7 * Math.exp(-7 * p) + 0.03 * noise),
        tokensPerSecond: 7200,
        seconds: { total: 0.25, training: 0.25 },
      };
    }),
  );
}

export function inventedGrpo(steps = 200, seed = 2, name = "grpo", gain = 0.4): TrainingRun {
  const random = generator(seed);
  const metrics = Array.from({ length: steps }, (_, i): StepMetrics => {
    const p = (i + 1) / steps, noise = () => random() - 0.5;
    const correct = 0.35 + gain * (1 - Math.exp(-3 * p)),
      phase = p < 0.3 ? "easy" : p < 0.7 ? "medium" : "hard";
    const component = (mean: number, weight: number) => ({
      mean,
      std: 0.3 + 0.1 * noise(),
      weight,
      failures: 0,
    });
    return {
      step: i + 1,
      loss: 0.02 * noise(),
      policyLoss: 0.02 * noise(),
      learningRate: 5e-4 * (1 - p),
      gradientNorm: 0.8 + 0.5 * random(),
      entropy: 0.6 - 0.3 * p + 0.1 * noise(),
      tokens: 4000,
      reward: 0.55 + 0.8 * gain * (1 - Math.exp(-3 * p)) + 0.12 * noise(),
      rewardStd: 0.22 - 0.05 * p + 0.03 * noise(),
      components: {
        correctness: component(Math.max(0, Math.min(1, correct + 0.25 * noise())), 0.4 + 0.2 * p),
        trace: component(0.62 + 0.2 * p + 0.08 * noise(), 0.45 - 0.2 * p),
        confidence: component(0.6 + 0.1 * p + 0.05 * noise(), 0.15),
        verbosity: component(0.01, -1),
      },
      kl: 0.08 * p + 0.02 * random(),
      completionLength: {
        mean: 46 + 8 * p + 4 * noise(),
        min: 22 + 6 * noise(),
        max: 96 + 20 * noise(),
        terminatedMean: 45 + 8 * p,
      },
      truncatedFraction: 0.03 + 0.02 * random(),
      zeroVarianceFraction: 0.3 + 0.2 * random(),
      formatRate: Math.min(1, 0.96 + 0.04 * p + 0.02 * noise()),
      phase,
      tokensPerSecond: 8100,
      seconds: { total: 0.34, sampling: 0.18, rewards: 0.01, training: 0.15 },
      ...((i + 1) % 50 === 0 ? { evaluation: { accuracy: correct - 0.05, formatRate: 0.985 } } : {}),
    };
  });
  return {
    ...run("grpo", name, metrics),
    completions: [{
      stage: "grpo",
      step: 1,
      problemId: "invented/1",
      completion: "<reasoning>5+3=8. <script>alert(1)</script></reasoning><answer>8</answer>",
      reward: 0.9,
      components: { correctness: 1, trace: 0.6 },
      correct: true,
    }],
    diagnoses: [{ step: 40, rule: "zero variance", message: "half of the groups teach nothing" }],
  };
}

function run(stage: TrainingRun["stage"], name: string, steps: StepMetrics[]): TrainingRun {
  return {
    stage,
    name,
    steps,
    ended: "finished",
    config: { steps: steps.length, seed: 1 },
    seconds: steps.reduce((sum, m) => sum + m.seconds.total, 0),
    completions: [],
    diagnoses: [],
  };
}

/** An evaluation of `total` invented problems; a problem is solved when its own luck is below `accuracy`. */
export function inventedEvaluation(name: string, accuracy: number, format: number, total = 300): Evaluation {
  const luck = generator(11), noise = generator(name.length * 7 + 1);
  const domains = ["maths", "science", "logic"];
  const items = Array.from({ length: total }, (_, i): EvaluationItem => {
    const difficulty = (["easy", "medium", "hard"] as const)[i % 3];
    const correct = luck() < accuracy - 0.12 * (i % 3 - 1), wellFormed = noise() < format;
    const answer = wellFormed || correct ? String(correct ? i : i + 1) : null;
    return {
      problemId: `invented/${i}`,
      sample: 0,
      domain: domains[Math.floor(i / 3) % 3],
      difficulty,
      question: `What is ${i} + 0?`,
      reference: String(i),
      completion: wellFormed
        ? `<reasoning>Start with ${i}. Add 0, so it stays ${i} & that is all.</reasoning><answer>${answer}</answer>`
        : `It is <b>${answer ?? "unknown"}</b>`,
      answer,
      correct,
      wellFormed,
      correctAnywhere: correct,
      truncated: !wellFormed && noise() < 0.3,
      tokens: 30 + Math.floor(40 * noise()),
      trace: wellFormed ? 0.6 + 0.3 * noise() : 0.1,
      answerProbability: answer === null ? null : Math.min(1, (correct ? 0.55 : 0.35) + 0.45 * noise()),
      ...(correct ? {} : { failure: wellFormed ? "calculation error" : "malformed" }),
    };
  });
  return {
    name,
    ended: "finished",
    problems: { asked: total, answered: total, tooLong: 0, unjudged: 0 },
    ...summariseEvaluation(items, { ks: [1], format: {} }),
    items,
    seconds: 6.2,
    config: { temperature: 0, maxTokens: 128 },
  };
}
