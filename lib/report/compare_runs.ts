import { displayable } from "../display/displayable.ts";
import { formatDuration, formatNumber, formatPercent } from "../display/format_number.ts";
import { type Cell, htmlTable, type Table, textTable } from "../display/table.ts";
import type { Evaluation } from "../stages/evaluation.ts";
import { meanInterval } from "../stages/mean_interval.ts";
import { type Difference, pairedBootstrap } from "../stages/statistics.ts";
import type { StepMetrics, TrainingRun } from "../training/run.ts";
import { stageLabel } from "./stage_label.ts";
import { checkArgument, listOf } from "../options/check_argument.ts";

/** A run and how its model did afterwards. */
export interface JudgedRun {
  run: TrainingRun;
  evaluation: Evaluation;
}

/** One way of training, over its runs; shares are of 1, intervals are Student's over the runs. */
export interface ComparedRuns {
  name: string;
  runs: number;
  accuracy: Difference;
  /** Each run's accuracy, in the order given. */
  accuracies: number[];
  formatRate: Difference;
  /** Mean total reward over the last tenth of the steps. */
  reward: Difference;
  /** Mean KL over the last tenth of the steps; `null` where none was measured. */
  kl: number | null;
  meanTokens: number;
  /** Completion tokens trained on, and seconds of training, a run. */
  tokens: number;
  seconds: number;
  /** Accuracy less the first group's, over problems, each its mean over the runs: paired bootstrap; `null` for the first. */
  difference: Difference | null;
}

/** What {@linkcode compareRuns} returns: plain data that displays as a table. */
export interface RunComparison {
  groups: ComparedRuns[];
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
 * @throws {RangeError} when there is no group, one without a run, or two without a common problem
 * @example
 * ```ts
 * console.log(compareRuns({ GRPO: [{ run: grpoRun, evaluation: afterGrpo }], RLOO: [{ run: rlooRun, evaluation: afterRloo }] }));
 * ```
 */
export function compareRuns(groups: Record<string, JudgedRun[]>): RunComparison {
  checkArgument("compareRuns' argument", "options", groups);
  for (const [name, runs] of Object.entries(groups)) {
    for (const judged of listOf(`\`${name}\` of compareRuns' argument`, "options", runs)) {
      checkArgument(`\`run\` under \`${name}\` of compareRuns' argument`, "run", judged.run);
      checkArgument(
        `\`evaluation\` under \`${name}\` of compareRuns' argument`,
        "evaluation",
        judged.evaluation,
      );
    }
  }
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

function table({ groups }: RunComparison): Table {
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
    ],
  };
}
