import { statfs } from "node:fs/promises";
import type { z } from "zod";
import type { Problem } from "../data/problem.ts";
import { displayable } from "../display/displayable.ts";
import { formatDuration, formatNumber, formatPercent } from "../display/format_number.ts";
import { type Cell, htmlTable, type Table, textTable } from "../display/table.ts";
import type { CausalLM } from "../models/causal_lm.ts";
import { parseOptions } from "../options/parse_options.ts";
import { asReward } from "../rewards/as_reward.ts";
import type { Reward, RewardFunction } from "../rewards/reward.ts";
import { type Curriculum, curriculum as makeCurriculum } from "../schedules/curriculum.ts";
import { fittingProblems } from "../stages/fitting_problems.ts";
import { groupOrder } from "../stages/group_order.ts";
import { grpoSchema } from "../stages/grpo_schema.ts";
import { policyGradients } from "../stages/policy_gradients.ts";
import { type RolloutBatch, withoutSignal } from "../stages/rollout_batch.ts";
import { Rollouts } from "../stages/rollouts.ts";
import { disposeGradients } from "../training/backward.ts";
import { PassBudget } from "../training/pass_budget.ts";
import { ReferencePolicy } from "../training/reference_policy.ts";

/** Options of {@linkcode preflight}: those of `grpo`, and these. */
export type PreflightOptions = z.input<typeof grpoSchema> & {
  /** As `grpo` gets it. */
  reward: Reward | RewardFunction;
  /** As `grpo` gets it. @default R3's three phases */
  curriculum?: Curriculum;
  /** Groups sampled to see how rewards spread, over all difficulties alike. @default 12 */
  groups?: number;
};

/** One thing that was looked at. */
export interface PreflightFinding {
  /** What was found, in a sentence. */
  what: string;
  /** How much it matters. */
  level: "ok" | "warning" | "problem";
  /** What was seen, with its numbers. */
  found: string;
  /** What to do; absent where all is well. */
  remedy?: string;
}

/** What {@linkcode preflight} returns: plain data that displays as one table. */
export interface Preflight {
  /** In the order looked at. */
  findings: PreflightFinding[];
  /** Measured on whole steps, early, in the middle and late in the curriculum. */
  secondsPerStep: number;
  /** Of the run, by that. */
  seconds: number;
  /** Share of completions that the token limit cut. */
  truncatedFraction: number;
  /** Share of the sampled groups whose rewards are all equal, by difficulty. */
  deadGroups: Record<string, number>;
  /** Size of one checkpoint. */
  checkpointBytes: number;
}

/**
 * Looks at a GRPO run before it takes hours: prompts that are too long, the longest batch tried through the model, whether the model ends its
 * turns, how many completions will be cut, how many groups teach nothing at each difficulty, the seconds of a step measured on
 * whole ones, and the disk for checkpoints. Each finding comes with its remedy. The weights stay as they are; it takes about as long as six steps.
 *
 * @throws {ConfigError} for an option that `grpo` would refuse
 * @example
 * ```ts ignore
 * await preflight(model, data.train, { ...config.grpo, reward });
 * ```
 */
export async function preflight(
  model: CausalLM,
  problems: Problem[],
  { reward: given, curriculum = makeCurriculum(), groups = 12, ...settings }: PreflightOptions,
): Promise<Preflight> {
  const config = parseOptions(grpoSchema, settings as z.input<typeof grpoSchema>, "grpo"),
    reward = asReward(given),
    { signal } = new AbortController();
  const fitting = fittingProblems(model, problems, config), findings: PreflightFinding[] = [];
  const add = (what: string, found: string, bad: false | "warning" | "problem" = false, remedy?: string) =>
    void findings.push({ what, level: bad || "ok", found, ...(bad && remedy ? { remedy } : {}) });

  const { tooLong } = fitting;
  add(
    "prompts",
    tooLong.length ? fitting.note! : `all ${problems.length} leave room for ${config.maxTokens} tokens`,
    tooLong.length > 0 && "warning",
    "Shorten them, or lower maxTokens; left out they teach nothing",
  );
  const lost = config.systemPrompt && !fitting.prompts[0].text.includes(config.systemPrompt.trim());
  add(
    "chat template",
    lost
      ? "the system prompt is not in the text that the model sees"
      : "question and system prompt reach the model",
    lost ? "problem" : false,
    "Put it into the question, or take a model whose template knows system prompts",
  );

  const { decoder } = model, reference = config.beta === 0 ? null : await ReferencePolicy.of(decoder);
  const budget = new PassBudget(decoder, { checkpointing: config.checkpointing });
  const learn = async (batch: RolloutBatch) => {
    const started = performance.now();
    const { gradients } = await policyGradients(decoder, {
      ...batch,
      advantages: batch.groups.map(({ completions }) => completions.map((_, i) => i % 2 ? 1 : -1)),
    }, { reference, entropyCoef: 0, budget, config, index: 0, signal });
    disposeGradients(gradients);
    return (performance.now() - started) / 1000;
  };
  try {
    const everything = makeCurriculum({
      kind: "fixed",
      phases: [{
        name: "all",
        difficulties: [...new Set(fitting.problems.map(({ difficulty }) => difficulty))],
      }],
    });
    const draw = (promptsPerStep: number, index: number, from: Curriculum) =>
      new Rollouts(model, {
        ...fitting,
        reward,
        curriculum: from,
        reference,
        config: { ...config, promptsPerStep, dropZeroVariance: false, klInReward: false },
      }).sample(index, signal);

    const spread = await draw(groups, 0, everything);
    await learn(longest(spread, fitting, config));
    const memory = budget.takeNotes();
    add(
      "memory",
      memory.length ? memory.join("; ") : "the longest batch went through the model as it is",
      memory.length > 0 && "warning",
      "It still learns the same, more slowly: fewer generations or a lower maxTokens are faster",
    );

    const third = config.steps / 3, steps: RolloutBatch[] = [];
    let stepSeconds = 0;
    for (const i of [0, 1, 2]) {
      const step = await draw(config.promptsPerStep, Math.floor((i + 0.5) * third), curriculum);
      stepSeconds += (step.samplingSeconds + step.rewardSeconds) / config.iterations + await learn(step);
      steps.push(step);
    }
    const completions = steps.flatMap((step) => step.groups.flatMap((group) => group.completions));
    const cut = completions.filter(({ truncated }) => truncated).length,
      truncatedFraction = cut / completions.length;
    add(
      "end of turn",
      cut === completions.length
        ? `none of ${completions.length} completions ended by itself`
        : `${completions.length - cut} of ${completions.length} completions ended by themselves`,
      cut === completions.length && "problem",
      "Teach the end by SFT first, or raise maxTokens",
    );
    add(
      "truncation",
      `${formatPercent(truncatedFraction)} of the completions hit ${config.maxTokens} tokens`,
      truncatedFraction > 0.2 && "warning",
      `Raise maxTokens, or set maskTruncated${config.maskTruncated ? " (it is set)" : ""}`,
    );
    const totals = spread.groups.flatMap(({ rewards }) => rewards.map(({ total }) => total));
    const byDifficulty = Map.groupBy(spread.groups, ({ problem }) => problem.difficulty);
    const deadGroups = Object.fromEntries(
      groupOrder([...byDifficulty.keys()]).map((name) => {
        const own = byDifficulty.get(name as Problem["difficulty"])!;
        return [name, own.filter(withoutSignal).length / own.length];
      }),
    );
    const dead = spread.withoutSignal / spread.groups.length;
    add(
      "reward spread",
      `rewards from ${formatNumber(Math.min(...totals))} to ${
        formatNumber(Math.max(...totals))
      }; groups of equal rewards: ${
        Object.entries(deadGroups).map(([name, share]) => `${name} ${formatPercent(share, { digits: 0 })}`)
          .join(", ")
      }`,
      dead >= 1 ? "problem" : dead > 0.5 && "warning",
      "Such groups teach nothing: more generations, a higher temperature, SFT first, or problems that are neither solved nor hopeless",
    );

    const secondsPerStep = stepSeconds / steps.length;
    const seconds = secondsPerStep * config.steps, limit = config.maxMinutes;
    add(
      "time",
      `${formatDuration(secondsPerStep)} a step, ${formatDuration(seconds)} in all, until ${
        new Date(Date.now() + 1000 * seconds).toISOString().slice(0, 16).replace("T", " ")
      } UTC`,
      typeof limit === "number" && seconds > 60 * limit && "warning",
      `maxMinutes ends it after ${limit} minutes: lower steps, promptsPerStep or generations`,
    );

    const trained = decoder.parameters().reduce((sum, { variable }) => sum + variable.size, 0);
    // weights, AdamW's two moments and the reference; the newest ones and the best
    const checkpointBytes = 4 * trained * (reference ? 4 : 3),
      needed = checkpointBytes * ((config.keepCheckpoints ?? 2) + 1);
    const free = await freeBytes(config.checkpoints ?? ".");
    add(
      "disk",
      `${megabytes(needed)} for checkpoints${free === null ? "" : ` of ${megabytes(free)} free`}`,
      free !== null && needed > free && "problem",
      "Free the disk, name another folder in checkpoints, or lower keepCheckpoints",
    );
    return displayable(
      { findings, secondsPerStep, seconds, truncatedFraction, deadGroups, checkpointBytes },
      { text: (shown) => textTable(table(shown)), html: (shown) => htmlTable(table(shown)) },
    );
  } finally {
    reference?.dispose();
  }
}

/** The largest batch that a step can hold: the longest prompt, and completions as long as they may be. */
function longest(
  { groups: [group], ...batch }: RolloutBatch,
  { prompts }: { prompts: { ids: number[] }[] },
  { maxTokens, promptsPerStep }: { maxTokens: number; promptsPerStep: number },
): RolloutBatch {
  const promptIds = prompts.reduce((a, b) => b.ids.length > a.ids.length ? b : a).ids;
  const stretched = group.completions.map((completion) => {
    const { tokens, logprobs } = completion,
      fill = <T>(values: T[]) => Array.from({ length: maxTokens }, (_, i) => values[i % values.length]);
    return { ...completion, tokens: fill(tokens), logprobs: fill(logprobs), truncated: false };
  });
  return { ...batch, groups: Array(promptsPerStep).fill({ ...group, promptIds, completions: stretched }) };
}

async function freeBytes(folder: string): Promise<number | null> {
  for (const path of [folder, "."]) {
    try {
      const { bavail, bsize } = await statfs(path);
      return bavail * bsize;
    } catch {
      // the folder is made when it is needed
    }
  }
  return null;
}

const megabytes = (bytes: number) => `${formatNumber(bytes / 1e6)} MB`;

function table({ findings }: Preflight): Table {
  const order = { problem: 0, warning: 1, ok: 2 };
  const marks: Record<PreflightFinding["level"], Cell> = {
    problem: { text: "problem", mark: "worse" },
    warning: { text: "warning", mark: "worse" },
    ok: { text: "ok", mark: "better" },
  };
  const sorted = findings.toSorted((a, b) => order[a.level] - order[b.level]);
  return {
    title: "Before the run",
    columns: ["", "", "found"],
    rows: sorted.map(({ what, level, found }) => [what, marks[level], found]),
    notes: sorted.flatMap(({ what, remedy }) => remedy ? [`${what}: ${remedy}.`] : []),
  };
}
