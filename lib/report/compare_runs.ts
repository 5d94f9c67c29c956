import { basename, join, relative, resolve } from "node:path";
import { displayable } from "../display/displayable.ts";
import { formatDuration, formatNumber, formatPercent } from "../display/format_number.ts";
import { type Cell, htmlTable, type Table, textTable } from "../display/table.ts";
import type { Evaluation } from "../stages/evaluation.ts";
import { meanInterval } from "../stages/mean_interval.ts";
import { type Difference, pairedBootstrap } from "../stages/statistics.ts";
import type { StepMetrics, TrainingRun } from "../training/run.ts";
import { listRuns } from "./list_runs.ts";
import { loadRun, ResultsError } from "./load_run.ts";
import { stageLabel } from "./stage_label.ts";
import { checkArgument, listOf } from "../options/check_argument.ts";

/** A run and how its model did afterwards. */
export interface JudgedRun {
  /** A training run. */
  run: TrainingRun;
  /** How its model was evaluated. */
  evaluation: Evaluation;
}

/** One way of training, over its runs; shares are of 1, intervals are Student's over the runs. */
export interface ComparedRuns {
  /** The group's name. */
  name: string;
  /** How many runs it has. */
  runs: number;
  /** Mean accuracy with its interval. */
  accuracy: Difference;
  /** Each run's accuracy, in the order given. */
  accuracies: number[];
  /** Mean format rate with its interval. */
  formatRate: Difference;
  /** Mean total reward over the last tenth of the steps. */
  reward: Difference;
  /** Mean KL over the last tenth of the steps; `null` where none was measured. */
  kl: number | null;
  /** Mean length of the completions in tokens. */
  meanTokens: number;
  /** Completion tokens trained on, and seconds of training, a run. */
  tokens: number;
  /** Mean duration of a run. */
  seconds: number;
  /** Accuracy less the first group's, over problems, each its mean over the runs: paired bootstrap; `null` for the first. */
  difference: Difference | null;
}

/** What {@linkcode compareRuns} returns: plain data that displays as a table. */
export interface RunComparison {
  /** In the order given. */
  groups: ComparedRuns[];
  /** Exports below the folder that could not be compared, and why. */
  leftOut?: { name: string; reason: string }[];
}

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The mean of a quantity over the last tenth of a run's steps, NaN when it was not measured. */
function late(run: TrainingRun, read: (m: StepMetrics) => number | undefined): number {
  const steps = run.steps.slice(-Math.max(1, Math.floor(run.steps.length / 10)));
  return mean(steps.map(read).filter((value) => value !== undefined));
}

function byProblem(runs: JudgedRun[]): Map<string, number> {
  const right = new Map<string, number[]>();
  for (const { problemId, correct } of runs.flatMap(({ evaluation }) => evaluation.items)) {
    const seen = right.get(problemId);
    if (seen) seen.push(Number(correct));
    else right.set(problemId, [Number(correct)]);
  }
  return new Map([...right].map(([id, values]) => [id, mean(values)]));
}

/**
 * Ways of training over several runs (seeds) each, as a table: accuracy and format rate on held-out problems with 95 %
 * intervals over the runs, the difference to the first with a paired bootstrap over problems, late reward and KL, tokens and
 * seconds. `runBands` draws the same runs' curves.
 *
 * What `exportRun` wrote is compared by its folders: each is a way of its own, with its last run and its last evaluation. Of a folder that
 * holds exports all are taken, the oldest first, and those without an evaluation are named as left out.
 *
 * @throws {RangeError} when there is no group, one without a run, or two without a common problem
 * @throws {ResultsError} when a folder that was named holds nothing to compare
 * @example
 * ```ts
 * import { compareRuns, evaluate, loadDataset, loadModel, sft } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma");
 * const data = await loadDataset({ train: [{ source: "generator", count: 40 }], test: [{ source: "generator", count: 8 }] });
 * const trained = async (learningRate: number) => {
 *   await model.reset();
 *   const run = await sft(model, data.train, { steps: 2, batchSize: 4, learningRate });
 *   return [{ run, evaluation: await evaluate(model, data.test, { maxTokens: 32 }) }];
 * };
 * console.log(compareRuns({ gentle: await trained(1e-4), bold: await trained(1e-2) }));
 * ```
 */
export function compareRuns(groups: Record<string, JudgedRun[]>): RunComparison;
/** The same of exports: a list of their folders, or a folder that holds them. */
export function compareRuns(folders: string | string[]): Promise<RunComparison>;
export function compareRuns(
  given: Record<string, JudgedRun[]> | string | string[],
): RunComparison | Promise<RunComparison> {
  if (typeof given === "string") return compareBelow(given);
  if (Array.isArray(given)) return compareFolders(listOf("compareRuns' argument", "path", given));
  checkArgument("compareRuns' argument", "options", given);
  for (const [name, runs] of Object.entries(given)) {
    for (const judged of listOf(`\`${name}\` of compareRuns' argument`, "options", runs)) {
      checkArgument(`\`run\` under \`${name}\` of compareRuns' argument`, "run", judged.run);
      checkArgument(
        `\`evaluation\` under \`${name}\` of compareRuns' argument`,
        "evaluation",
        judged.evaluation,
      );
    }
  }
  return compared(given);
}

/** The last run of an export with its last evaluation. */
async function judged(dir: string): Promise<JudgedRun> {
  const { runs, evaluations } = await loadRun(dir),
    run = runs.at(-1),
    evaluation = Object.values(evaluations).at(-1);
  if (run && evaluation) return { run, evaluation };
  throw new ResultsError(
    `Comparing runs: '${dir}' must hold a run and an evaluation of its model, but it holds no ${
      run ? "evaluation" : "run"
    }; export it with { runs, evaluations }`,
  );
}

/** The ends of paths by which they are told apart. */
function namesOf(folders: string[]): string[] {
  const whole = folders.map((folder) => resolve(folder).split(/[\\/]/));
  for (let parts = 1;; parts++) {
    const names = whole.map((path) => path.slice(-parts).join("/"));
    if (new Set(names).size === names.length) return names;
    if (whole.every((path) => parts >= path.length)) {
      const twice = folders.find((_, i) => names.indexOf(names[i]) < i);
      throw new RangeError(`Comparing runs: each folder must be named once, but '${twice}' is named twice`);
    }
  }
}

async function compareFolders(folders: string[]): Promise<RunComparison> {
  const names = namesOf(folders), groups: Record<string, JudgedRun[]> = {};
  for (const [i, folder] of folders.entries()) groups[names[i]] = [await judged(folder)];
  return compared(groups);
}

async function compareBelow(folder: string): Promise<RunComparison> {
  checkArgument("compareRuns' argument", "path", folder);
  const { runs } = await listRuns(folder), groups: Record<string, JudgedRun[]> = {};
  const leftOut: RunComparison["leftOut"] = [];
  for (const { dir } of runs.toReversed()) {
    const name = relative(resolve(folder), dir) || basename(dir);
    try {
      groups[name] = [await judged(dir)];
    } catch (error) {
      if (!(error instanceof ResultsError)) throw error;
      leftOut.push({ name, reason: error.message });
    }
  }
  if (!Object.keys(groups).length) {
    throw new ResultsError(
      `Comparing runs: '${folder}' must hold exports with a run and an evaluation, but ${
        leftOut.length ? leftOut[0].reason : "there is none"
      }; exportRun("${join(folder, "demo")}", { runs, evaluations }) writes one`,
    );
  }
  return compared(groups, leftOut);
}

function compared(
  groups: Record<string, JudgedRun[]>,
  leftOut: RunComparison["leftOut"] = [],
): RunComparison {
  const entries = Object.entries(groups);
  const empty = entries.find(([, runs]) => runs.length === 0)?.[0];
  if (entries.length === 0 || empty !== undefined) {
    throw new RangeError(
      `Comparing runs: every group must hold at least one run, but ${
        empty === undefined ? "there is none" : `'${empty}' holds none`
      }`,
    );
  }
  const [first] = entries, before = byProblem(first[1]);
  const comparison: RunComparison = {
    groups: entries.map(([name, runs]): ComparedRuns => {
      const accuracies = runs.map(({ evaluation }) => evaluation.accuracy.value), after = byProblem(runs);
      const common = [...before.keys()].filter((id) => after.has(id));
      if (common.length === 0) {
        throw new RangeError(
          `Comparing runs: '${
            first[0]
          }' and '${name}' must have answered some of the same problems, but none of ` +
            `${before.size} and ${after.size} is common. Evaluate both on the same test set`,
        );
      }
      const kls = runs.map(({ run }) => late(run, (m) => m.kl)).filter(Number.isFinite);
      return {
        name,
        runs: runs.length,
        accuracy: meanInterval(accuracies),
        accuracies,
        formatRate: meanInterval(runs.map(({ evaluation }) => evaluation.formatRate.value)),
        reward: meanInterval(runs.map(({ run }) => late(run, (m) => m.reward))),
        kl: kls.length ? mean(kls) : null,
        meanTokens: mean(runs.map(({ evaluation }) => evaluation.meanTokens)),
        tokens: mean(runs.map(({ run }) => run.steps.reduce((sum, { tokens }) => sum + tokens, 0))),
        seconds: mean(runs.map(({ run }) => run.seconds)),
        difference: name === first[0] ? null : pairedBootstrap(
          common.map((id) => before.get(id)!),
          common.map((id) => after.get(id)!),
        ),
      };
    }),
    ...(leftOut.length ? { leftOut } : {}),
  };
  return displayable(comparison, {
    text: () => textTable(table(comparison)),
    html: () => htmlTable(table(comparison)),
  });
}

const points = (share: number) => `${share < 0 ? "−" : "+"}${Math.abs(share * 100).toFixed(1)}`;

/** `98.9 % ± 0.7`, in points; a single run has no interval. */
const shareCell = ({ value, high }: Difference) =>
  `${formatPercent(value)}${Number.isFinite(high) ? ` ± ${(100 * (high - value)).toFixed(1)}` : ""}`;

function differenceCell(difference: Difference | null): Cell {
  if (difference === null) return "–";
  const { value, low, high } = difference;
  return {
    text: `${points(value)} [${points(low)}, ${points(high)}]`,
    mark: low > 0 ? "better" : high < 0 ? "worse" : "unclear",
  };
}

function table({ groups, leftOut = [] }: RunComparison): Table {
  const [first] = groups;
  return {
    title: `Runs side by side, ${first.runs} run${first.runs === 1 ? "" : "s"} each`,
    columns: [
      "",
      "accuracy",
      "each run",
      `points to ${stageLabel(first.name)}`,
      "format",
      "late reward",
      "late KL",
      "answer tokens",
      "trained tokens",
      "time a run",
    ],
    rows: groups.map((group) => [
      stageLabel(group.name),
      shareCell(group.accuracy),
      group.accuracies.map((value) => (100 * value).toFixed(1)).join(" / "),
      differenceCell(group.difference),
      shareCell(group.formatRate),
      formatNumber(group.reward.value),
      group.kl === null ? "–" : formatNumber(group.kl),
      formatNumber(group.meanTokens),
      formatNumber(Math.round(group.tokens)),
      formatDuration(group.seconds),
    ]),
    notes: [
      "±: 95 % interval of the mean over the runs (Student's t). Brackets: paired bootstrap 95 % over problems, each its " +
      "mean over the runs. Late: the last tenth of the steps.",
      ...leftOut.map(({ name, reason }) => `Left out: ${name}. ${reason}.`),
    ],
  };
}
