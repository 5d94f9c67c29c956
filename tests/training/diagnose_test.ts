import assert from "node:assert/strict";
import { diagnose, type DiagnosisContext, type DiagnosisRule } from "../../lib/training/diagnose.ts";
import type { StepMetrics } from "../../lib/training/run.ts";

type Component = { mean: number; std: number; weight: number; failures: number };
const component = (mean: number, weight = 1, failures = 0): Component => ({
  mean,
  std: 0.3,
  weight,
  failures,
});

/** A GRPO run in which all is well, a slow rise of everything that should rise; `change` bends it. */
function run(
  count: number,
  change: (step: number, progress: number) => Partial<StepMetrics> = () => ({}),
): StepMetrics[] {
  return Array.from({ length: count }, (_, i) => {
    const p = i / Math.max(count - 1, 1);
    return {
      step: i + 1,
      loss: 0.02 + 0.01 * Math.sin(i),
      learningRate: 5e-4,
      gradientNorm: 0.6 + 0.1 * Math.cos(i),
      entropy: 0.62 - 0.2 * p,
      tokens: 4200,
      reward: 0.4 + 0.3 * p,
      components: { correctness: component(0.2 + 0.3 * p), trace: component(0.6 + 0.2 * p) },
      kl: 0.002 + 0.05 * p,
      completionLength: { mean: 66 - 6 * p, min: 20, max: 128, terminatedMean: 60 },
      truncatedFraction: 0.05,
      zeroVarianceFraction: 0.2 + 0.1 * Math.sin(i),
      formatRate: 0.9 + 0.05 * p,
      phase: "easy",
      tokensPerSecond: 8000,
      seconds: { total: 0.5 },
      ...change(i + 1, p),
    };
  });
}

const length = (mean: number) => ({ mean, min: 5, max: 128, terminatedMean: mean });
const parts = (correctness: number, trace: number) => ({
  correctness: component(correctness),
  trace: component(trace),
});

interface Case {
  title: string;
  steps: StepMetrics[];
  context?: Partial<DiagnosisContext>;
  /** The rules that must speak, and no other. */
  says: DiagnosisRule[];
  /** Words that the message must hold. */
  words?: string[];
}

const loop = "so we add 3 and 4 and we get 7 and then ".repeat(6);
const cases: Case[] = [
  { title: "is silent on a healthy run at every length", steps: run(60), says: [] },
  {
    title: "is silent on a healthy SFT run whose entropy and length fall",
    context: { stage: "sft" },
    says: [],
    steps: run(
      60,
      (_, p) => ({
        entropy: 2 * (1 - p) + 0.01,
        completionLength: undefined,
        kl: undefined,
        reward: undefined,
        components: undefined,
        truncatedFraction: undefined,
        zeroVarianceFraction: undefined,
        phase: undefined,
        loss: 3 - 2.8 * p,
      }),
    ),
  },
  {
    title: "says at the first step that a loss near zero is normal",
    steps: run(1, () => ({ loss: 3e-9 })),
    says: ["loss near zero"],
    words: ["3.0e-9", "normal in GRPO"],
  },
  {
    title: "does not excuse a zero loss in SFT",
    steps: run(1, () => ({ loss: 0 })),
    context: { stage: "sft" },
    says: [],
  },
  {
    title: "does not excuse a zero loss without a gradient",
    steps: run(1, () => ({ loss: 0, gradientNorm: 0 })),
    says: [],
  },
  { title: "says it of the first step only", steps: run(2, () => ({ loss: 0 })), says: [] },

  {
    title: "sees groups without variance on problems that are too hard",
    says: ["no signal"],
    words: ["95 %", "too hard"],
    steps: run(8, () => ({ zeroVarianceFraction: 0.95, components: parts(0.01, 0.3) })),
  },
  {
    title: "sees groups without variance on problems that are solved",
    says: ["no signal"],
    words: ["solved already", "harder"],
    steps: run(8, () => ({ zeroVarianceFraction: 0.9, components: parts(0.98, 0.9) })),
  },
  {
    title: "does not propose to drop what is dropped already",
    says: ["no signal"],
    words: ["higher temperature."],
    steps: run(8, () => ({ zeroVarianceFraction: 0.95, droppedGroups: 9, components: parts(0.01, 0.3) })),
  },
  {
    title: "waits for five steps before it says that there is no signal",
    steps: run(4, () => ({ zeroVarianceFraction: 1 })),
    says: [],
  },
  {
    title: "is silent when half of the groups have variance",
    steps: run(20, () => ({ zeroVarianceFraction: 0.5 })),
    says: [],
  },

  {
    title: "sees most completions truncated",
    says: ["truncated"],
    context: { maxTokens: 128 },
    words: ["70 %", "128 tokens", "maskTruncated"],
    steps: run(12, () => ({ truncatedFraction: 0.7 })),
  },
  {
    title: "says that masked truncated completions leave little to learn from",
    says: ["truncated"],
    context: { maskTruncated: true },
    words: ["masked"],
    steps: run(12, () => ({ truncatedFraction: 0.7 })),
  },
  {
    title: "is silent at a third truncated, and after one bad batch",
    says: [],
    steps: run(12, (step) => ({ truncatedFraction: step === 12 ? 1 : 0.3 })),
  },

  {
    title: "sees the length collapse",
    says: ["length collapse"],
    words: ["64", "9"],
    steps: run(40, (step) => ({ completionLength: length(step <= 20 ? 64 : 9) })),
  },
  {
    title: "is silent when completions become a third shorter",
    steps: run(40, (_, p) => ({ completionLength: length(90 - 30 * p) })),
    says: [],
  },

  {
    title: "sees the entropy collapse",
    steps: run(40, (_, p) => ({ entropy: 0.6 * Math.exp(-6 * p), zeroVarianceFraction: 0.3 + 0.4 * p })),
    says: ["entropy collapse"],
    words: ["epsilonHigh", "of the groups all rewards are equal"],
  },
  {
    title: "is silent when the entropy falls and a prompt's samples still differ in reward",
    steps: run(40, (_, p) => ({ entropy: 0.6 * Math.exp(-6 * p), zeroVarianceFraction: 0.3 })),
    says: [],
  },
  {
    title: "is silent when the entropy falls because the problems are solved",
    steps: run(
      40,
      (_, p) => ({
        entropy: 0.6 * Math.exp(-6 * p),
        zeroVarianceFraction: 0.7,
        components: parts(0.4 + 0.55 * p, 0.9),
      }),
    ),
    says: [],
  },
  {
    title: "is silent when a confident model stays as it is",
    steps: run(40, () => ({ entropy: 0.05 })),
    says: [],
  },
  {
    title: "is silent when the entropy halves",
    steps: run(40, (_, p) => ({ entropy: 0.6 - 0.3 * p })),
    says: [],
  },

  {
    title: "sees the KL jump",
    steps: run(40, (step) => ({ kl: step > 36 ? 0.9 + step / 100 : 0.02 })),
    says: ["kl explosion"],
    context: { beta: 0.03 },
    words: ["0.02 was usual", "raise beta (now 0.03)"],
  },
  {
    title: "sees the KL grow beyond 1 without a jump",
    steps: run(60, (_, p) => ({ kl: 3 * p * p })),
    says: ["kl explosion"],
    words: ["set beta above 0"],
  },
  {
    title: "is silent on one spike of the KL",
    steps: run(40, (step) => ({ kl: step === 39 ? 2.5 : 0.02 })),
    says: [],
  },
  {
    title: "is silent on a KL that multiplies while it is small",
    steps: run(40, (step) => ({ kl: step > 30 ? 0.1 : 0.001 })),
    says: [],
  },

  {
    title: "sees the trace reward rise while correctness falls",
    says: ["reward hacking"],
    words: ['he reward "trace" rose from 0.523 to 0.927', "correctness fell"],
    steps: run(40, (_, p) => ({ components: parts(0.5 - 0.4 * p, 0.5 + 0.45 * p) })),
  },
  {
    title: "takes a penalty that rises while correctness falls for no hacking",
    steps: run(40, (_, p) => ({
      components: { ...parts(0.5 - 0.4 * p, 0.5), missingTags: component(p, -0.5) },
    })),
    says: [],
  },
  {
    title: "sees the format rate rise while correctness falls",
    says: ["reward hacking"],
    words: ["he format rate rose"],
    steps: run(40, (_, p) => ({ components: parts(0.5 - 0.4 * p, 0.5), formatRate: 0.5 + 0.5 * p })),
  },
  {
    title: "is silent when correctness falls because a harder phase began",
    says: [],
    steps: run(
      40,
      (step, p) => ({
        phase: step > 20 ? "hard" : "easy",
        components: parts(step > 20 ? 0.2 : 0.7, 0.5 + 0.4 * p),
      }),
    ),
  },
  {
    title: "is silent when both fall",
    steps: run(40, (_, p) => ({ components: parts(0.5 - 0.4 * p, 0.9 - 0.4 * p), formatRate: 0.9 - p / 2 })),
    says: [],
  },
  {
    title: "is silent when both rise",
    steps: run(40, (_, p) => ({ components: parts(0.1 + 0.4 * p, 0.4 + 0.5 * p) })),
    says: [],
  },

  {
    title: "sees completions that loop",
    steps: run(3),
    says: ["repetition"],
    words: ["2 of the last 4"],
    context: {
      completions: [
        loop,
        loop,
        "A short one.",
        "She has 3 apples and buys 4 more, so she has 3 + 4 = 7 apples in all.",
      ],
    },
  },
  {
    title: "sees a standing repetition penalty",
    says: ["repetition"],
    words: ["45 % of what is said was said before"],
    steps: run(9, () => ({ components: { ...parts(0.3, 0.5), repetition: component(0.45, -0.1) } })),
  },
  {
    title: "is silent on the repetition of ordinary work",
    steps: run(9, () => ({ components: { ...parts(0.3, 0.5), repetition: component(0.1, -0.1) } })),
    says: [],
  },
  {
    title: "is silent on completions that share phrases with each other only",
    steps: run(3),
    says: [],
    context: {
      completions: Array(8).fill(
        "First we add 3 and 4 to get 7, then we take 2 away, so 5 are left. The answer is 5.",
      ),
    },
  },

  {
    title: "sees a loss that is not finite",
    steps: run(3, (step) => ({ loss: step === 3 ? NaN : 0.1 })),
    says: ["non-finite"],
    words: ["loss is NaN"],
  },
  {
    title: "sees an update that was skipped",
    steps: run(3, (step) => ({ skippedUpdates: step - 1 })),
    says: ["non-finite"],
    words: ["1 update(s) were skipped"],
  },
  {
    title: "is silent about updates skipped long ago",
    steps: run(9, (step) => ({ skippedUpdates: step > 4 ? 2 : 0 })),
    says: [],
  },

  {
    title: "sees a learning rate of zero in mid-run",
    steps: run(4, () => ({ learningRate: 0 })),
    context: { steps: 100 },
    says: ["learning rate zero"],
  },
  {
    title: "is silent about a warm-up that starts at zero",
    steps: run(2, (step) => ({ learningRate: step === 1 ? 0 : 1e-4 })),
    says: [],
  },
  {
    title: "is silent about a decay that ends at zero",
    steps: run(40, (step) => ({ learningRate: step >= 39 ? 0 : 1e-4 })),
    context: { steps: 40 },
    says: [],
  },

  {
    title: "sees a judge that fails in every step",
    says: ["reward failing"],
    words: ['"rubric"', "3 time(s)"],
    steps: run(6, () => ({ components: { ...parts(0.4, 0.5), rubric: component(0.5, 1, 3) } })),
  },
  {
    title: "is silent about a judge that failed once",
    says: [],
    steps: run(
      6,
      (step) => ({ components: { ...parts(0.4, 0.5), rubric: component(0.5, 1, step === 6 ? 9 : 0) } }),
    ),
  },
];

for (const { title, steps, context, says, words = [] } of cases) {
  Deno.test(`diagnose() ${title}`, () => {
    const found = diagnose(steps, { stage: "grpo", ...context });
    assert.deepEqual(found.map(({ rule }) => rule), says);
    for (const word of words) {
      assert.ok(found[0].message.includes(word), `${JSON.stringify(word)} in: ${found[0].message}`);
    }
    for (const { step, message } of found) {
      assert.equal(step, steps.at(-1)!.step);
      assert.match(message, /^[A-Z0-9][^]*\. [A-Z][^]*\.$/);
      assert.doesNotMatch(message, /undefined|NaN %|null/);
    }
  });
}

Deno.test("diagnose() is silent at every step of a healthy run", () => {
  const steps = run(80);
  for (let n = 0; n <= steps.length; n++) {
    assert.deepEqual(diagnose(steps.slice(0, n), { stage: "grpo" }), [], `after ${n}`);
  }
});
