import type { Problem } from "../data/problem.ts";
import { displayable } from "../display/displayable.ts";
import { formatDuration, formatNumber, formatPercent } from "../display/format_number.ts";
import { type Cell, htmlTable, type Table, textTable } from "../display/table.ts";
import { device } from "../kernels/device.ts";
import type { CausalLM } from "../models/causal_lm.ts";
import { type Curriculum, curriculum as makeCurriculum } from "../schedules/curriculum.ts";
import { checkpointBytes, finding, findingsAhead, type PreflightFinding } from "../stages/findings_ahead.ts";
import { groupOrder } from "../stages/group_order.ts";
import { type GrpoOptions, readGrpoOptions } from "../stages/grpo_options.ts";
import type { GrpoConfig } from "../stages/grpo_schema.ts";
import { policyGradients } from "../stages/policy_gradients.ts";
import { type RolloutBatch, withoutSignal } from "../stages/rollout_batch.ts";
import { Rollouts } from "../stages/rollouts.ts";
import { moments } from "../training/moments.ts";
import { ReferencePolicy } from "../training/reference_policy.ts";
import { Trainer } from "../training/trainer.ts";

/** Options of {@linkcode preflight}: those of `grpo`, as `grpo` gets them, and one more. */
export type PreflightOptions = GrpoOptions & {
  /** Groups sampled to see how rewards spread, over all difficulties alike. @default 12 */
  groups?: number;
};

/** What {@linkcode preflight} returns: plain data that displays as one table. */
export interface Preflight {
  /** In the order looked at. */
  findings: PreflightFinding[];
  /** Measured on whole steps, early, in the middle and late in the curriculum; time to evaluate comes on top. */
  secondsPerStep: number;
  /** Of the run, by that. */
  seconds: number;
  /** Share of completions that the token limit cut. */
  truncatedFraction: number;
  /** Share of the sampled groups whose rewards are all equal, by difficulty. */
  deadGroups: Record<string, number>;
  /** The most heap that the longest batch takes, with the optimizer's moments and the reference; `null` on a GPU, which does not say. */
  memoryBytes: number | null;
  /** Size of one checkpoint. */
  checkpointBytes: number;
}

/** Whole steps that are timed: three, one a third of the curriculum, and more while their mean is not known well. */
const timed = { least: 3, most: 12, error: 0.06 };

/**
 * Looks at a GRPO run before it takes hours: prompts that are too long, the longest batch tried through the model, whether the model ends its
 * turns, how many completions will be cut, how many groups teach nothing at each difficulty, the seconds of a step measured on
 * whole ones, and the disk for checkpoints. Each finding comes with its remedy. The weights stay as they are: the optimizer's updates are
 * made at a learning rate of 0. It takes about as long as six to fourteen steps, the more the more steps differ.
 *
 * @throws {ConfigError} for an option that `grpo` would refuse
 * @example
 * ```ts
 * import { compositeReward, loadDataset, loadModel, preflight } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma");
 * const data = await loadDataset({ train: [{ source: "generator", count: 40 }], test: [{ source: "generator", count: 8 }] });
 * const reward = compositeReward({ preset: "r3" });
 * await preflight(model, data.train, { steps: 30, promptsPerStep: 2, generations: 2, maxTokens: 16, reward, groups: 3 });
 * ```
 */
export async function preflight(
  model: CausalLM,
  given: Problem[],
  options: PreflightOptions,
): Promise<Preflight> {
  const { groups = 12, ...asked } = options ?? {};
  const run = readGrpoOptions(model, given, options && asked as GrpoOptions, "preflight"),
    { config, problems, prompts, tooLong, note, reward, curriculum, sampler } = run;
  if (!(Number.isSafeInteger(groups) && groups > 0)) {
    throw new RangeError(`preflight samples \`groups\` groups, a whole number of at least 1, got ${groups}`);
  }

  const { decoder } = model, { signal } = new AbortController(), free = device().memoryLeft;
  const reference = config.beta === 0 ? null : await ReferencePolicy.of(decoder),
    trainer = new Trainer(decoder, { ...config, learningRate: { at: () => 0 } });
  const rollouts = (from: Curriculum, changes: Partial<GrpoConfig> = {}) =>
    new Rollouts(model, {
      problems,
      reward,
      curriculum: from,
      reference,
      config: { ...config, ...changes },
      sampler,
      budget: trainer.passes,
    });
  const learn = async (batch: RolloutBatch, index: number) => {
    const learned = await policyGradients(decoder, {
      ...batch,
      advantages: batch.groups.map(({ completions }) => completions.map((_, i) => i % 2 ? 1 : -1)),
    }, { reference, entropyCoef: 0, budget: trainer.passes, config, index, signal });
    await trainer.update(index, learned);
  };
  try {
    const everything = makeCurriculum({
      kind: "fixed",
      phases: [{
        name: "all",
        difficulties: [...new Set(problems.map(({ difficulty }) => difficulty))],
      }],
    });
    const apart = { promptsPerStep: groups, dropZeroVariance: false, replay: null, klInReward: false };
    const drawn = rollouts(everything, apart);
    const sampled = await device().measure(() => drawn.sample(0, signal)), spread = sampled.value;
    const learned = await device().measure(() => learn(longest(spread, prompts, config), 0));
    const notes = [...drawn.takeNotes(), ...trainer.passes.takeNotes()],
      passes = [sampled.bytes, learned.bytes];
    const memoryBytes = passes.some((bytes) => bytes === null)
      ? null
      : Math.max(...passes as number[]) + free - device().memoryLeft;

    // the first one warms the sampler up
    const steps = await wholeSteps(rollouts(curriculum), { iterations: config.iterations, learn, signal });
    const [, ...warm] = steps, secondsPerStep = mean(warm.map(({ seconds }) => seconds));
    const completions = steps.flatMap(({ batch }) => batch.sampled.flatMap((group) => group.completions));
    const cut = completions.filter(({ truncated }) => truncated).length,
      truncatedFraction = cut / completions.length;
    const totals = spread.groups.flatMap(({ rewards }) => rewards.map(({ total }) => total));
    const deadGroups = deadByDifficulty(spread), dead = spread.withoutSignal / spread.groups.length;
    const seconds = secondsPerStep * config.steps, limit = config.maxMinutes;
    const [template, , disk] = await findingsAhead(decoder, prompts, config);
    const findings: PreflightFinding[] = [
      finding(
        "prompts",
        note ?? `all ${problems.length} leave room for ${config.maxTokens} tokens`,
        tooLong.length > 0 && "warning",
        "Shorten them, or lower maxTokens; left out they teach nothing",
      ),
      template,
      finding(
        "memory",
        [
          ...(notes.length ? notes : ["the longest batch went through the model as it is"]),
          ...(memoryBytes === null
            ? []
            : [`with the optimizer it takes ${megabytes(memoryBytes)} of ${megabytes(free)} free`]),
        ].join("; "),
        notes.length > 0 && "warning",
        "It still learns the same, more slowly: fewer generations or a lower maxTokens are faster",
      ),
      finding(
        "end of turn",
        cut === completions.length
          ? `none of ${completions.length} completions ended by itself`
          : `${completions.length - cut} of ${completions.length} completions ended by themselves`,
        cut === completions.length && "problem",
        "Teach the end by SFT first, or raise maxTokens",
      ),
      finding(
        "truncation",
        `${formatPercent(truncatedFraction)} of the completions hit ${config.maxTokens} tokens`,
        truncatedFraction > 0.2 && "warning",
        `Raise maxTokens, or set maskTruncated${config.maskTruncated ? " (it is set)" : ""}`,
      ),
      finding(
        "reward spread",
        `rewards from ${formatNumber(Math.min(...totals))} to ${
          formatNumber(Math.max(...totals))
        }; groups of equal rewards: ${
          Object.entries(deadGroups).map(([name, share]) => `${name} ${formatPercent(share, { digits: 0 })}`)
            .join(", ")
        }`,
        dead >= 1 ? "problem" : dead > 0.5 && "warning",
        "Such groups teach nothing: more generations, a higher temperature, SFT first, or problems that are neither solved nor hopeless",
      ),
      finding(
        "time",
        `${formatDuration(secondsPerStep)} a step, ${formatDuration(seconds)} in all, until ${
          new Date(Date.now() + 1000 * seconds).toISOString().slice(0, 16).replace("T", " ")
        } UTC`,
        typeof limit === "number" && seconds > 60 * limit && "warning",
        `maxMinutes ends it after ${limit} minutes: lower steps, promptsPerStep or generations`,
      ),
      disk,
    ];
    return displayable(
      {
        findings,
        secondsPerStep,
        seconds,
        truncatedFraction,
        deadGroups,
        memoryBytes,
        checkpointBytes: checkpointBytes(decoder, config),
      },
      { text: (shown) => textTable(table(shown)), html: (shown) => htmlTable(table(shown)) },
    );
  } finally {
    reference?.dispose();
    trainer.dispose();
  }
}

/** A step that was made to see how long it takes. */
interface TimedStep {
  batch: RolloutBatch;
  seconds: number;
}

/** Makes whole steps over all of a run, as many as it takes to know their mean; the first is one more, to warm up. */
async function wholeSteps(
  rollouts: Rollouts,
  { iterations, learn, signal }: {
    iterations: number;
    learn: (batch: RolloutBatch, index: number) => Promise<void>;
    signal: AbortSignal;
  },
): Promise<TimedStep[]> {
  const { steps } = rollouts.options.config, made: TimedStep[] = [];
  for (let i = 0; i <= timed.most; i++) {
    // thirds in turn, each further into its third than before
    const place = (i % 3 + (Math.floor(i / 3) + 0.5) / Math.ceil(timed.most / 3)) / 3;
    const index = Math.min(steps - 1, Math.floor(place * steps)), started = performance.now();
    const batch = await rollouts.sample(index, signal), sampled = performance.now();
    await learn(batch, index);
    const seconds = ((sampled - started) / iterations + performance.now() - sampled) / 1000;
    made.push({ batch, seconds });
    const all = made.slice(1).map(({ seconds }) => seconds);
    if (all.length >= timed.least && moments(all).std / Math.sqrt(all.length) < timed.error * mean(all)) {
      break;
    }
  }
  return made;
}

/** Share of the groups whose rewards are all equal, by difficulty. */
function deadByDifficulty({ groups }: RolloutBatch): Record<string, number> {
  const byDifficulty = Map.groupBy(groups, ({ problem }) => problem.difficulty);
  return Object.fromEntries(
    groupOrder([...byDifficulty.keys()]).map((name) => {
      const own = byDifficulty.get(name as Problem["difficulty"])!;
      return [name, own.filter(withoutSignal).length / own.length];
    }),
  );
}

/** The largest batch that a step can hold: the longest prompt, and completions as long as they may be. */
function longest(
  { groups: [group], ...batch }: RolloutBatch,
  prompts: readonly { ids: number[] }[],
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

const mean = (values: number[]) => moments(values).mean;
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
