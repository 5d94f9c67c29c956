import { conclusion, type StageDifference } from "./conclusion.ts";

export type { StageDifference } from "./conclusion.ts";
import { stageLabel } from "./stage_label.ts";
import type { Evaluation, EvaluationItem, Rate } from "../stages/evaluation.ts";
import { displayable } from "../display/displayable.ts";
import { formatNumber, formatPercent } from "../display/format_number.ts";
import { groupOrder } from "../stages/group_order.ts";
import { type Difference, mcnemar, pairedBootstrap } from "../stages/statistics.ts";
import { type Cell, htmlTable, type Table, textTable } from "../display/table.ts";
import { checkGroup } from "../options/check_argument.ts";

/** One stage's column of a {@linkcode Comparison}. */
export interface ComparedStage {
  /** The stage's name. */
  name: string;
  /** Share of right answers. */
  accuracy: Rate;
  /** Right wherever the answer stands; absent in results of before. */
  accuracyAnywhere?: Rate;
  /** Share of well-formed completions. */
  formatRate: Rate;
  /** Mean trace score, 0 to 1. */
  trace: number;
  /** Mean length of the completions in tokens. */
  meanTokens: number;
  /** Share that the token limit cut. */
  truncatedFraction: number;
  /** Accuracy of each difficulty. */
  byDifficulty: Record<string, Rate>;
  /** Accuracy of each domain. */
  byDomain: Record<string, Rate>;
}

/** What {@linkcode compare} returns: plain data that displays as a table. */
export interface Comparison {
  /** A column a stage, in the order given. */
  stages: ComparedStage[];
  /** Each stage against the one before it and against the first. */
  differences: StageDifference[];
  /** What can be concluded of each difference, and what cannot, a sentence each. */
  conclusions: string[];
  /** How the intervals were drawn. */
  bootstrap: { resamples: number; seed: number };
}

/** Options of {@linkcode compare}. */
export interface CompareOptions {
  /** Bootstrap resamples. @default 10000 */
  resamples?: number;
  /** Seed of the bootstrap. @default 1 */
  seed?: number;
}

/**
 * Stages before and after, on the same problems: accuracy and format rate with Wilson 95 % intervals, trace score, length,
 * accuracy by difficulty and domain; and how much each stage differs from the one before it and from the first, with a
 * paired bootstrap 95 % interval over problems and McNemar's exact p. The order is that of the record's keys.
 *
 * Throws a `RangeError` when there is no evaluation, or when two that are compared share no problem.
 *
 * @example
 * ```ts
 * import { compare, evaluate, loadDataset, loadModel, sft } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma");
 * const data = await loadDataset({ train: [{ source: "generator", count: 40 }], test: [{ source: "generator", count: 8 }] });
 * const base = await evaluate(model, data.test, { maxTokens: 32 });
 * await sft(model, data.train, { steps: 2, batchSize: 4 });
 * const table = compare({ base, sft: await evaluate(model, data.test, { maxTokens: 32 }) });
 * console.log(table); // or end a notebook cell with it
 * table.differences[0].accuracy; // such as { value: 0.21, low: 0.15, high: 0.27 }
 * ```
 */
export function compare(evaluations: Record<string, Evaluation>, options: CompareOptions = {}): Comparison {
  checkGroup("compare's first argument", "evaluation", evaluations);
  const { resamples = 10_000, seed = 1 } = options, names = Object.keys(evaluations);
  if (!names.length) {
    throw new RangeError("Comparing stages: there must be at least one evaluation, but there is none");
  }
  const pairs = names.slice(1).flatMap((to, i) => i ? [[names[i], to], [names[0], to]] : [[names[0], to]]);
  const differences = pairs.map(([from, to]) => difference(from, to, { evaluations, resamples, seed }));
  const comparison: Comparison = {
    stages: names.map((name) => {
      const {
        accuracy,
        accuracyAnywhere,
        formatRate,
        trace,
        meanTokens,
        truncatedFraction,
        byDifficulty,
        byDomain,
      } = evaluations[name];
      return {
        name,
        accuracy,
        ...(accuracyAnywhere ? { accuracyAnywhere } : {}),
        formatRate,
        trace,
        meanTokens,
        truncatedFraction,
        byDifficulty,
        byDomain,
      };
    }),
    differences,
    conclusions: differences.map((each) => conclusion(each, evaluations)),
    bootstrap: { resamples, seed },
  };
  return displayable(comparison, {
    text: () => tables(comparison).map(textTable).join("\n\n"),
    html: () => tables(comparison).map(htmlTable).join(""),
  });
}

function difference(
  from: string,
  to: string,
  { evaluations, resamples, seed }: {
    evaluations: Record<string, Evaluation>;
    resamples: number;
    seed: number;
  },
): StageDifference {
  const before = byProblem(evaluations[from].items), after = byProblem(evaluations[to].items);
  const common = [...before.keys()].filter((id) => after.has(id));
  if (!common.length) {
    throw new RangeError(
      `Comparing '${from}' with '${to}': both must have answered some of the same problems, but none of ` +
        `${before.size} and ${after.size} is common. Evaluate both on the same test set`,
    );
  }
  const share = (items: EvaluationItem[], of: "correct" | "wellFormed") =>
    items.filter((item) => item[of]).length / items.length;
  const paired = (of: "correct" | "wellFormed") =>
    pairedBootstrap(
      common.map((id) => share(before.get(id)!, of)),
      common.map((id) => share(after.get(id)!, of)),
      { resamples, seed },
    );
  const single = common.every((id) => before.get(id)!.length === 1 && after.get(id)!.length === 1);
  return {
    from,
    to,
    problems: common.length,
    accuracy: paired("correct"),
    formatRate: paired("wellFormed"),
    mcnemar: single
      ? mcnemar(common.map((id) => before.get(id)![0].correct), common.map((id) => after.get(id)![0].correct))
      : null,
  };
}

function byProblem(items: EvaluationItem[]): Map<string, EvaluationItem[]> {
  const groups = new Map<string, EvaluationItem[]>();
  for (const item of items) {
    const group = groups.get(item.problemId);
    if (group) group.push(item);
    else groups.set(item.problemId, [item]);
  }
  return groups;
}

/** `72.0 % [66.7, 76.8]`; a dash without observations. */
export function formatRateCell({ value, low, high, total }: Rate): string {
  return total ? `${formatPercent(value)} [${(low * 100).toFixed(1)}, ${(high * 100).toFixed(1)}]` : "–";
}

const points = (share: number) => `${share < 0 ? "−" : "+"}${Math.abs(share * 100).toFixed(1)}`;

function differenceCell({ value, low, high }: Difference): Cell {
  return {
    text: `${points(value)} [${points(low)}, ${points(high)}]`,
    mark: low > 0 ? "better" : high < 0 ? "worse" : "unclear",
  };
}

function tables({ stages, differences, conclusions, bootstrap }: Comparison): Table[] {
  const row = (name: string, of: (stage: ComparedStage) => string): Cell[] => [name, ...stages.map(of)];
  const groups = (key: "byDifficulty" | "byDomain") =>
    groupOrder(stages.flatMap((stage) => Object.keys(stage[key]))).map((value) =>
      row(`  ${value}`, (stage) => stage[key][value] ? formatRateCell(stage[key][value]) : "–")
    );
  const totals = [...new Set(stages.map((stage) => stage.accuracy.total))];
  const main: Table = {
    title: `Before and after, ${totals.join(" or ")} held-out answers a stage`,
    columns: ["", ...stages.map((stage) => stageLabel(stage.name))],
    rows: [
      row("accuracy", (stage) => formatRateCell(stage.accuracy)),
      ...stages.every(({ accuracyAnywhere }) => accuracyAnywhere)
        ? [row("accuracy anywhere", (stage) => formatRateCell(stage.accuracyAnywhere!))]
        : [],
      row("format rate", (stage) => formatRateCell(stage.formatRate)),
      row("trace score", (stage) => formatNumber(stage.trace)),
      row("mean tokens", (stage) => formatNumber(stage.meanTokens)),
      row("truncated", (stage) => formatPercent(stage.truncatedFraction)),
      ["accuracy by difficulty"],
      ...groups("byDifficulty"),
      ["accuracy by domain"],
      ...groups("byDomain"),
    ],
    notes: ["Brackets: 95 % intervals over problems. Anywhere: right wherever the answer stands."],
  };
  if (!differences.length) return [main];
  return [main, {
    title: "Paired differences, in percentage points",
    columns: ["", "accuracy", "format rate", "gained", "lost", "McNemar p", "problems"],
    rows: differences.map(({ from, to, problems, accuracy, formatRate, mcnemar }) => [
      `${stageLabel(from)} → ${stageLabel(to)}`,
      differenceCell(accuracy),
      differenceCell(formatRate),
      mcnemar ? String(mcnemar.gained) : "–",
      mcnemar ? String(mcnemar.lost) : "–",
      mcnemar ? formatP(mcnemar.p) : "–",
      String(problems),
    ]),
    notes: [
      ...conclusions,
      `Brackets: paired bootstrap 95 % intervals (${bootstrap.resamples} resamples of problems, seed ${bootstrap.seed}). ` +
      `Gained and lost: problems whose answer became right or wrong.`,
    ],
  }];
}

const formatP = (p: number) => p < 1e-4 ? p.toExponential(0) : p < 0.1 ? p.toPrecision(2) : p.toFixed(2);
