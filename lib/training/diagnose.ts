import { learnsFromRewards } from "./learns_from_rewards.ts";
import type { StepMetrics } from "./run.ts";

/** What the rules need to know of a run beside its metrics. */
export interface DiagnosisContext {
  /**
   * Whose steps these are: `pretrain`, `sft`, `grpo`, or the name of an algorithm of one's own, to which the rules on rewards apply
   * where its steps measure one.
   */
  stage: string;
  /** How many steps the run will take. */
  steps?: number;
  /** The limit on completion tokens. */
  maxTokens?: number;
  /** Whether truncated completions are masked out of the loss. */
  maskTruncated?: boolean;
  /** Weight of the KL term. */
  beta?: number;
  /** Completions of the last step, for the repetition rule. */
  completions?: string[];
}

/** The rules, in the order in which they are tried. */
export type DiagnosisRule =
  | "non-finite"
  | "learning rate zero"
  | "loss near zero"
  | "no signal"
  | "truncated"
  | "length collapse"
  | "entropy collapse"
  | "sharpening"
  | "kl explosion"
  | "sampler drift"
  | "reward hacking"
  | "repetition"
  | "reward failing";

/** What a rule found at the last step, in plain words. */
export interface Diagnosis {
  /** The step that it was found at. */
  step: number;
  /** The rule that found it. */
  rule: DiagnosisRule;
  /** `note`: nothing is wrong, though it may look so. `warning`: learning suffers. `problem`: the run is failing. */
  level: "note" | "warning" | "problem";
  /** `evidence` and `suggestion` in one paragraph. */
  message: string;
  /** What was seen, with its numbers. */
  evidence: string;
  /** What to try, by the names of the options. */
  suggestion: string;
}

type Finding = Pick<Diagnosis, "level" | "evidence" | "suggestion">;
type Rule = (steps: StepMetrics[], context: DiagnosisContext) => Finding | null;

/** Steps that a mean is taken over: a single odd batch convinces no rule. */
const window = 5;

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const percent = (share: number) => `${Math.round(share * 100)} %`;
const short = (value: number) =>
  Math.abs(value) < 0.001 && value !== 0 ? value.toExponential(1) : `${+value.toPrecision(3)}`;

/** The values of the last `window` steps, `null` when fewer were measured. */
function recent(steps: StepMetrics[], pick: (metrics: StepMetrics) => number | undefined): number[] | null {
  const values = steps.slice(-window).map(pick).filter((value) => value !== undefined);
  return values.length === window ? values : null;
}

/** Means over the first and the last `window` measurements, `null` when the two would overlap. */
function change(steps: StepMetrics[], pick: (metrics: StepMetrics) => number | undefined) {
  const values = steps.map(pick).filter((value) => value !== undefined);
  if (values.length < 2 * window || pick(steps.at(-1)!) === undefined) return null;
  return { from: mean(values.slice(0, window)), to: mean(values.slice(-window)) };
}

const rules: Record<DiagnosisRule, Rule> = {
  "non-finite": (steps) => {
    const last = steps.at(-1)!, before = steps.at(-2)?.skippedUpdates ?? 0;
    const values = Object.entries({ loss: last.loss, "gradient norm": last.gradientNorm });
    const bad = values.filter(([, value]) => !Number.isFinite(value)).map(([name, value]) =>
      `the ${name} is ${value}`
    );
    const skipped = (last.skippedUpdates ?? 0) - before;
    if (bad.length === 0 && skipped <= 0) return null;
    return {
      level: "problem",
      evidence: bad.length > 0
        ? `${bad.join(" and ")} (${last.skippedUpdates ?? 0} updates skipped so far)`
        : `${skipped} update(s) were skipped because a loss or gradient was not finite`,
      suggestion:
        "Lower learningRate or maxGradNorm; if it comes back, resume from the last checkpoint with a lower rate",
    };
  },

  "learning rate zero": (steps, { steps: total = Infinity }) => {
    const last = steps.at(-1)!;
    if (
      steps.length < 2 || last.step >= total || steps.slice(-2).some(({ learningRate }) => learningRate !== 0)
    ) return null;
    return {
      level: "problem",
      evidence: `the learning rate is 0 at steps ${steps.at(-2)!.step} and ${last.step}: nothing is learned`,
      suggestion:
        "Check learningRate and its schedule: a peak of 0, or a decay that ends before the run does",
    };
  },

  "loss near zero": (steps, { stage }) => {
    const { loss, gradientNorm, zeroVarianceFraction = 0 } = steps.at(-1)!;
    if (!learnsFromRewards(stage, steps) || steps.length > 1 || !(Math.abs(loss) < 0.01)) return null;
    if (!(gradientNorm > 0) || zeroVarianceFraction === 1) return null;
    return {
      level: "note",
      evidence:
        `the loss is ${short(loss)} while the gradient norm is ${
          short(gradientNorm)
        }: this is normal in GRPO. On a ` +
        "batch's first iteration every ratio is 1 and a group's advantages sum to 0, so the value is near 0 though its gradient is not",
      suggestion: "Watch the reward, the KL and the entropy instead",
    };
  },

  "no signal": (steps) => {
    const flat = recent(steps, (metrics) => metrics.zeroVarianceFraction);
    if (!flat || mean(flat) < 0.8) return null;
    const correct = recent(steps, (metrics) => metrics.components?.correctness?.mean);
    const solved = correct !== null && mean(correct) > 0.5;
    const resample = steps.at(-1)!.droppedGroups === undefined ? "dropZeroVariance" : null;
    return {
      level: "warning",
      evidence:
        `in ${
          percent(mean(flat))
        } of the groups of the last ${window} steps all rewards are equal, and such a group teaches nothing` +
        (correct ? `; correctness is ${short(mean(correct))}` : ""),
      suggestion: solved
        ? `The problems are solved already: take harder ones${
          resample ? `, or set ${resample} to resample such groups` : ""
        }`
        : "The problems may be too hard or the format unknown: more SFT first, easier problems, more generations, " +
          (resample ? `a higher temperature, or ${resample}` : "or a higher temperature"),
    };
  },

  "truncated": (steps, { maxTokens, maskTruncated }) => {
    const cut = recent(steps, (metrics) => metrics.truncatedFraction);
    if (!cut || mean(cut) < 0.5) return null;
    return {
      level: "warning",
      evidence: `${percent(mean(cut))} of the completions of the last ${window} steps hit the limit` +
        (maxTokens ? ` of ${maxTokens} tokens` : "") +
        (maskTruncated ? " and are masked, so few are left to learn from" : ""),
      suggestion: `Raise maxTokens, teach shorter completions by SFT or a verbosity penalty` +
        (maskTruncated
          ? ""
          : ", or set maskTruncated so that cut-off texts are not punished for their missing end"),
    };
  },

  "length collapse": (steps, { stage }) => {
    const length = change(steps, (metrics) => metrics.completionLength?.mean);
    if (!learnsFromRewards(stage, steps) || !length || length.from < 10 || length.to > 0.4 * length.from) {
      return null;
    }
    return {
      level: "warning",
      evidence: `completions shrank from ${short(length.from)} to ${
        short(length.to)
      } tokens on average: the reasoning is being dropped`,
      suggestion:
        "Raise the weight of the trace reward or lower the verbosity penalty; raise beta to stay nearer the reference",
    };
  },

  "entropy collapse": (steps, { stage }) => {
    const entropy = change(steps, (metrics) => metrics.entropy);
    if (
      !learnsFromRewards(stage, steps) || !entropy || entropy.to > 0.1 || entropy.to > 0.25 * entropy.from
    ) return null;
    // Low entropy is also what a solved task looks like, and harmless while a prompt's samples still differ in reward.
    const correct = recent(steps, (metrics) => metrics.components?.correctness?.mean);
    const flat = recent(steps, (metrics) => metrics.zeroVarianceFraction);
    if ((correct && mean(correct) > 0.9) || (flat && mean(flat) < 0.5)) return null;
    return {
      level: "warning",
      evidence:
        `the entropy fell from ${short(entropy.from)} to ${
          short(entropy.to)
        } nats a token: the samples of a prompt ` +
        "are becoming the same, and nothing new is tried" +
        (flat ? ` (in ${percent(mean(flat))} of the groups all rewards are equal)` : ""),
      suggestion: "Raise epsilonHigh (0.28, as DAPO), temperature or beta, or lower learningRate",
    };
  },

  "sharpening": (steps, context) => {
    const { stage, beta } = context;
    if (rules["entropy collapse"](steps, context)) return null;
    const entropy = change(steps, (metrics) => metrics.entropy),
      dead = change(steps, (metrics) => metrics.zeroVarianceFraction);
    if (!learnsFromRewards(stage, steps) || !entropy || !dead) return null;
    if (entropy.to > 0.5 * entropy.from || dead.to < dead.from + 0.15) return null;
    // a task that is being solved looks so too
    const correct = recent(steps, (metrics) => metrics.components?.correctness?.mean);
    if (correct && mean(correct) > 0.5) return null;
    const judged = steps.map(({ evaluation }) => evaluation?.accuracy).filter((value) => value !== undefined);
    if (judged.length > 1 && judged.at(-1)! - judged[0] >= 0.05) return null;
    return {
      level: "warning",
      evidence:
        `the entropy fell from ${short(entropy.from)} to ${
          short(entropy.to)
        } nats a token, and groups without signal rose from ${percent(dead.from)} to ${percent(dead.to)}` +
        (correct ? ` while ${percent(mean(correct))} of the completions are right` : "") +
        ": the policy says what it said before with more certainty, and has less and less to learn from",
      suggestion:
        (judged.length > 1
          ? `Accuracy on held-out problems went from ${percent(judged[0])} to ${percent(judged.at(-1)!)}. `
          : "Sampled answers get better by this alone: judge held-out problems greedily (`evaluation`) to see what was learned. ") +
        `Raise epsilonHigh (0.28, as DAPO), set entropyTarget or entropyCoef${
          beta ? "" : ", beta above 0"
        } or dropZeroVariance, or lower learningRate`,
    };
  },

  "kl explosion": (steps, { beta }) => {
    const now = recent(steps, (metrics) => metrics.kl)?.slice(-3);
    if (!now) return null;
    const before = steps.slice(0, -3).map(({ kl }) => kl).filter((kl) => kl !== undefined).sort((a, b) =>
      a - b
    );
    const median = before[before.length >> 1];
    const sudden = mean(now) > 0.3 && Math.min(...now) > 5 * median;
    if (!(mean(now) > 1 || sudden)) return null;
    return {
      level: "problem",
      evidence:
        `KL to the reference is ${short(mean(now))} nats a token over the last 3 steps, ${
          short(median)
        } was usual before: ` +
        "the policy is leaving the language it started with",
      suggestion: `Lower learningRate${
        beta ? `, raise beta (now ${beta})` : ", set beta above 0"
      }, or resume from an earlier checkpoint`,
    };
  },

  "sampler drift": (steps) => {
    const ratios = steps.slice(-window).flatMap(({ samplerRatio }) => samplerRatio ?? []);
    if (ratios.length < window) return null;
    const outside = mean(ratios.map((ratio) => ratio.outside));
    if (outside < 0.2) return null;
    return {
      level: "warning",
      evidence: `${
        percent(outside)
      } of the ratios between this trainer's probabilities and the sampler's were out of bounds in the last ${window} steps (mean ${
        short(mean(ratios.map((ratio) => ratio.mean)))
      }, highest ${short(Math.max(...ratios.map((ratio) => ratio.max)))})`,
      suggestion:
        "The server draws from another policy than the one that is trained: see that it has the same base in the same precision, the fresh adapter, and --logprobs-mode processed_logprobs",
    };
  },
  "reward hacking": (steps) => {
    // A later phase has harder problems, on which correctness falls without any hacking.
    const phase = steps.filter((metrics) => metrics.phase === steps.at(-1)!.phase);
    const correctness = change(phase, (metrics) => metrics.components?.correctness?.mean);
    if (!correctness || correctness.from - correctness.to < 0.05) return null;
    // A penalty that rises is not being earned.
    const others = Object.entries(steps.at(-1)!.components!).flatMap(([name, { weight }]) =>
      name !== "correctness" && weight > 0 ? [name] : []
    );
    const rises = [
      ...others.map((name) => ({
        name: `the reward "${name}"`,
        ...change(phase, (metrics) => metrics.components?.[name]?.mean),
      })),
      { name: "the format rate", ...change(phase, (metrics) => metrics.formatRate) },
    ].flatMap(({ name, from, to }) =>
      from !== undefined && to !== undefined && to - from >= 0.05 ? [{ name, from, to }] : []
    );
    if (rises.length === 0) return null;
    const most = rises.reduce((top, next) => next.to - next.from > top.to - top.from ? next : top);
    return {
      level: "warning",
      evidence:
        `${most.name} rose from ${short(most.from)} to ${short(most.to)} while correctness fell from ` +
        `${short(correctness.from)} to ${
          short(correctness.to)
        }: the reward is being earned without right answers`,
      suggestion:
        "Read the best-rewarded wrong completions; raise the weight of correctness, or give the others only where it is right",
    };
  },

  "repetition": (steps, { completions = [] }) => {
    const looping = completions.filter(repeats).length, share = looping / completions.length;
    const penalty = recent(steps, (metrics) => metrics.components?.repetition?.mean);
    const penalised = penalty !== null && mean(penalty) >= 0.3;
    if (!(completions.length >= 4 && share >= 0.3) && !penalised) return null;
    return {
      level: "warning",
      evidence: completions.length >= 4 && share >= 0.3
        ? `${looping} of the last ${completions.length} completions say the same words over and over`
        : `${short(100 * mean(penalty!))} % of what is said was said before, over the last ${window} steps`,
      suggestion: "Add the repetition penalty or raise its weight, lower learningRate, or raise beta",
    };
  },

  "reward failing": (steps) => {
    const names = Object.keys(steps.at(-1)!.components ?? {});
    const failing = names.find((name) =>
      recent(steps, (m) => m.components?.[name]?.failures)?.every((count) => count > 0)
    );
    if (failing === undefined) return null;
    return {
      level: "warning",
      evidence: `the reward "${failing}" failed in each of the last ${window} steps, ` +
        `${
          steps.at(-1)!.components![failing].failures
        } time(s) in the last one, and those scores are missing`,
      suggestion:
        "See the error beside the scores in completions.jsonl; a judge may be down, or the time limit too short",
    };
  },
};

/** Half or more of its runs of four words were said before. */
function repeats(text: string): boolean {
  const words = text.toLowerCase().split(/\s+/).filter((word) => word !== "");
  if (words.length < 12) return false;
  const runs = words.slice(3).map((_, i) => words.slice(i, i + 4).join(" "));
  return new Set(runs).size <= runs.length / 2;
}

/**
 * Says in plain words what is going wrong, or looks wrong and is not, at the last of `steps`.
 *
 * Every rule looks at the metrics alone, needs several steps before it speaks (only `non-finite`, `learning rate zero` and
 * `loss near zero` speak at once), and gives its evidence and what to try. Metrics that were not measured silence the rules that need them.
 * {@linkcode diagnostician} keeps them from repeating themselves.
 *
 * @example
 * ```ts
 * import { diagnose } from "../../mod.ts";
 * diagnose([{ step: 1, loss: 1e-9, gradientNorm: 0.8, learningRate: 1e-3, tokens: 512, tokensPerSecond: 900,
 *   seconds: { total: 1 } }], { stage: "grpo" })[0].message; // "the loss is 1.0e-9 while … this is normal in GRPO. …"
 * ```
 */
export function diagnose(steps: StepMetrics[], context: DiagnosisContext): Diagnosis[] {
  if (steps.length === 0) return [];
  return (Object.keys(rules) as DiagnosisRule[]).flatMap((rule) => {
    const finding = rules[rule](steps, context);
    if (finding === null) return [];
    const evidence = finding.evidence[0].toUpperCase() + finding.evidence.slice(1);
    const { level, suggestion } = finding;
    return [{
      step: steps.at(-1)!.step,
      rule,
      level,
      message: `${evidence}. ${suggestion}.`,
      evidence,
      suggestion,
    }];
  });
}
