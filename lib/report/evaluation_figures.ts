import type { Evaluation, EvaluationItem, Rate } from "../stages/evaluation.ts";
import { type ShareInterval, shareInterval } from "../stages/problem_rate.ts";
import { stageLabel } from "./stage_label.ts";
import { escapeHtml } from "../display/escape_html.ts";
import { categoryAxis } from "./category_axis.ts";
import type { Figure } from "./figure.ts";
import { formatNumber } from "../display/format_number.ts";
import { ink, seriesColours, stageColours, translucent } from "../display/palette.ts";
import { type Panel, smallMultiples } from "./small_multiples.ts";
import { groupOrder } from "../stages/group_order.ts";
import { calibration, passAtK } from "../stages/statistics.ts";
import { checkGroup } from "../options/check_argument.ts";

/** Evaluations by name, in the order in which they are drawn. */
export type Evaluations = Record<string, Evaluation>;

interface Stage {
  label: string;
  colour: string;
  evaluation: Evaluation;
}

function stages(evaluations: Evaluations, drawing: string): Stage[] {
  const names = Object.keys(evaluations);
  if (!names.length) {
    throw new RangeError(`Drawing ${drawing}: there must be at least one evaluation, but there is none`);
  }
  const own = names.map((name) => stageColours[name.toLowerCase().replace(/^after/, "")]),
    free = seriesColours.filter((colour) => !own.includes(colour));
  let next = 0;
  return names.map((name, i) => ({
    label: escapeHtml(stageLabel(name)),
    colour: own[i] ?? free[next++ % free.length],
    evaluation: evaluations[name],
  }));
}

const legend = (all: Stage[]) =>
  all.map(({ label, colour }) => `<span style="color:${colour}"><b>${label}</b></span>`).join(" · ");
const percentAxis = { range: [-0.02, 1.04], tickvals: [0, 0.25, 0.5, 0.75, 1], tickformat: ".0%" };

/**
 * Accuracy overall, by difficulty and by domain: a bar a stage, its Wilson 95 % interval as a whisker.
 *
 * @example
 * ```ts
 * import { accuracyFigure, evaluate, loadDataset, loadModel } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma");
 * const data = await loadDataset({ train: [{ source: "generator", count: 40 }], test: [{ source: "generator", count: 8 }] });
 * const base = await evaluate(model, data.test, { maxTokens: 32 });
 * await accuracyFigure({ base }).save(`${await Deno.makeTempDir()}/accuracy.svg`);
 * ```
 */
export function accuracyFigure(evaluations: Evaluations): Figure {
  checkGroup("accuracyFigure's argument", "evaluation", evaluations);
  const all = stages(evaluations, "accuracy");
  const panel = (
    title: string,
    groups: string[],
    rate: (evaluation: Evaluation, group: string) => Rate | undefined,
  ): Panel => ({
    title,
    subtitle: "share of answers that match · higher is better",
    traces: all.map(({ label, colour, evaluation }) => {
      const rates = groups.map((group) => rate(evaluation, group));
      return {
        type: "bar",
        name: label,
        x: groups.map(escapeHtml),
        y: rates.map((r) => r?.value ?? null),
        marker: { color: colour },
        error_y: {
          type: "data",
          symmetric: false,
          array: rates.map((r) => r ? r.high - r.value : 0),
          arrayminus: rates.map((r) => r ? r.value - r.low : 0),
          color: ink.text,
          thickness: 1.2,
          width: 3,
        },
        customdata: rates.map((r) => r ? `${r.count} of ${r.total}` : ""),
        hovertemplate: `${label}, %{x}: %{y:.1%} (%{customdata})<extra></extra>`,
      };
    }),
    x: categoryAxis(groups, 3),
    y: percentAxis,
  });
  const keys = (of: "byDifficulty" | "byDomain") =>
    groupOrder(all.flatMap(({ evaluation }) => Object.keys(evaluation[of])));
  return smallMultiples([
    panel("Overall", ["all"], (evaluation) => evaluation.accuracy),
    panel("By difficulty", keys("byDifficulty"), (evaluation, group) => evaluation.byDifficulty[group]),
    panel("By domain", keys("byDomain"), (evaluation, group) => evaluation.byDomain[group]),
  ], {
    title: "Accuracy on held-out problems",
    subtitle: `${legend(all)} · whiskers: 95 % intervals over problems`,
    panelHeight: 220,
  });
}

/**
 * A reliability curve a stage: how often answers are right, against the probability that the model gave them. Points on
 * the diagonal are calibrated; the area of a point grows with its answers. Stages without probabilities have no panel.
 *
 * Throws a `RangeError` when no stage states probabilities.
 */
export function calibrationFigure(evaluations: Evaluations): Figure {
  checkGroup("calibrationFigure's argument", "evaluation", evaluations);
  const all = stages(evaluations, "calibration");
  const panels = all.flatMap(({ label, colour, evaluation }): Panel[] => {
    const { bins, ece, brier, count } = calibration(evaluation.items);
    const filled = bins.filter((bin) => bin.count);
    if (!count) return [];
    return [{
      title: label,
      subtitle: `ECE ${formatNumber(ece)} · Brier ${
        formatNumber(brier)
      } · ${count} answers · lower is better`,
      traces: [
        {
          x: [0, 1],
          y: [0, 1],
          mode: "lines",
          line: { color: ink.line, width: 1.5, dash: "dash" },
          hoverinfo: "skip",
        },
        {
          x: filled.map((bin) => bin.confidence),
          y: filled.map((bin) => bin.accuracy.value),
          mode: "lines+markers",
          line: { color: translucent(colour, 0.5), width: 1.5 },
          marker: { color: colour, size: filled.map((bin) => 5 + 16 * Math.sqrt(bin.count / count)) },
          error_y: {
            type: "data",
            symmetric: false,
            array: filled.map((bin) => bin.accuracy.high - bin.accuracy.value),
            arrayminus: filled.map((bin) => bin.accuracy.value - bin.accuracy.low),
            color: translucent(colour, 0.6),
            thickness: 1.2,
            width: 0,
          },
          customdata: filled.map((bin) => bin.count),
          hovertemplate: `${label}: stated %{x:.2f}, right %{y:.1%} of %{customdata}<extra></extra>`,
          name: label,
        },
      ],
      x: {
        range: [-0.02, 1.02],
        tickformat: ".1f",
        title: { text: "stated probability", font: { size: 11, color: ink.muted }, standoff: 4 },
      },
      y: { ...percentAxis, range: [-0.04, 1.06] },
    }];
  });
  if (!panels.length) {
    throw new RangeError("Drawing calibration: some answer must have a probability, but none has");
  }
  return smallMultiples(panels, {
    title: "Calibration",
    subtitle:
      "answers that are right, against the probability that the model gave them · on the diagonal is good",
    panelHeight: 240,
  });
}

/**
 * Unbiased pass@k over k = 1, 2, 4, … for evaluations that sampled each problem several times, averaged over problems.
 * Stages with one sample a problem are left out. Throws a `RangeError` when every stage has one.
 */
export function passAtKFigure(evaluations: Evaluations): Figure {
  checkGroup("passAtKFigure's argument", "evaluation", evaluations);
  const all = stages(evaluations, "pass@k").flatMap((stage) => {
    const groups = [...Map.groupBy(stage.evaluation.items, (item) => item.problemId).values()];
    const most = Math.min(...groups.map((group) => group.length));
    return most > 1 ? [{ ...stage, groups, most }] : [];
  });
  if (!all.length) {
    throw new RangeError(
      "Drawing pass@k: an evaluation must hold several samples a problem, but each holds one; set samples above 1",
    );
  }
  const ks = (most: number) => [...new Set([...powersOfTwo(most), most])];
  const right = (group: EvaluationItem[]) => group.filter((item) => item.correct).length;
  const widest = Math.max(...all.map(({ most }) => most));
  return smallMultiples([{
    title: "Problems solved in k tries",
    subtitle:
      "unbiased pass@k, mean over problems · whiskers: 95 % intervals over problems · higher is better",
    traces: all.map(({ label, colour, groups, most }) => ({
      x: ks(most),
      ...intervals(
        ks(most).map((k) => shareInterval(groups.map((group) => passAtK(group.length, right(group), k)))),
        colour,
      ),
      mode: "lines+markers",
      line: { color: colour, width: 2.2 },
      marker: { color: colour, size: 7 },
      name: label,
      hovertemplate: `${label}: pass@%{x} = %{y:.1%}<extra></extra>`,
    })),
    x: {
      type: "log",
      tickvals: ks(widest),
      ticktext: ks(widest).map(String),
      title: { text: "k", font: { size: 11, color: ink.muted }, standoff: 4 },
    },
    y: percentAxis,
  }], { title: "pass@k", subtitle: legend(all), panelHeight: 300, width: 720 });
}

/** Points with whiskers for their intervals. */
function intervals(points: ShareInterval[], colour: string) {
  return {
    y: points.map(({ value }) => value),
    error_y: {
      type: "data",
      symmetric: false,
      array: points.map(({ value, high }) => high - value),
      arrayminus: points.map(({ value, low }) => value - low),
      color: translucent(colour, 0.6),
      thickness: 1.2,
      width: 0,
    },
  };
}

function powersOfTwo(most: number): number[] {
  return Array.from({ length: Math.floor(Math.log2(most)) + 1 }, (_, i) => 2 ** i);
}

/** Why answers are wrong: a bar a kind of failure and stage, as a share of all answers. */
export function failureFigure(evaluations: Evaluations): Figure {
  checkGroup("failureFigure's argument", "evaluation", evaluations);
  const all = stages(evaluations, "failures");
  const total = (kind: string) =>
    all.reduce((sum, { evaluation }) => sum + (evaluation.failures[kind] ?? 0), 0);
  const kinds = [...new Set(all.flatMap(({ evaluation }) => Object.keys(evaluation.failures)))].sort((a, b) =>
    total(b) - total(a)
  );
  const highest = Math.max(
    0.01,
    ...all.flatMap(({ evaluation }) =>
      kinds.map((kind) => (evaluation.failures[kind] ?? 0) / evaluation.items.length)
    ),
  );
  return smallMultiples([{
    title: "Why answers are wrong",
    subtitle: "share of all answers, by checkable rules · lower is better",
    traces: all.map(({ label, colour, evaluation }) => {
      const counts = kinds.map((kind) => evaluation.failures[kind] ?? 0);
      return {
        type: "bar",
        name: label,
        x: kinds.map(escapeHtml),
        y: counts.map((count) => count / evaluation.items.length),
        marker: { color: colour },
        text: counts.map(String),
        textposition: "outside",
        textfont: { size: 10.5, color: ink.muted },
        cliponaxis: false,
        hovertemplate: `${label}, %{x}: %{text} answers, %{y:.1%}<extra></extra>`,
      };
    }),
    x: categoryAxis(kinds, 1),
    y: { range: [0, highest * 1.12], tickformat: ".0%" },
  }], {
    title: "Failure analysis",
    subtitle: `${legend(all)} · numbers: answers`,
    panelHeight: 260,
    width: 1000,
  });
}
