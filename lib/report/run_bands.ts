import { escapeHtml } from "../display/escape_html.ts";
import { ink, seriesColours, translucent } from "../display/palette.ts";
import { learnsFromSamples } from "../training/learns_from_samples.ts";
import { measures } from "../training/measures.ts";
import type { TrainingRun } from "../training/run.ts";
import { stageLabel } from "./stage_label.ts";
import type { Figure } from "./figure.ts";
import { withForkMarks } from "./fork_marks.ts";
import {
  type Curve,
  type LearningCurvesOptions,
  points,
  policyCurve,
  policyCurves,
  rounded,
  stepAxis,
  supervisedCurves,
  valueAxis,
} from "./learning_curves.ts";
import { type Panel, smallMultiples } from "./small_multiples.ts";
import { smooth } from "./smooth.ts";
import { checkArgument, listOf } from "../options/check_argument.ts";

interface Group {
  label: string;
  colour: string;
  runs: TrainingRun[];
}

/** What is worth comparing beside the learning curves' own quantities. */
const heldOut = policyCurve(measures.heldOut);
const further = [measures.truncated, measures.zeroVariance, measures.gradientNorm].map(policyCurve);

/**
 * Several ways of training side by side, each a colour: the line is the mean over its runs (its seeds), the band spans the lowest and
 * the highest of them, over the steps that all of them measured. Curves of ten points or more are smoothed run by run
 * first, as `learningCurves` does. A quantity that no run measured has no panel.
 * A dashed line stands where a run went on with other settings (`resume`).
 *
 * @throws {RangeError} when there is no group, or one without a run
 * @example
 * ```ts
 * import { loadDataset, loadModel, runBands, sft } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma");
 * const data = await loadDataset({ train: [{ source: "generator", count: 40 }], test: [{ source: "generator", count: 8 }] });
 * const trained = async (learningRate: number, seed: number) => {
 *   await model.reset();
 *   return await sft(model, data.train, { steps: 2, batchSize: 4, learningRate, seed });
 * };
 * const gentle = [await trained(1e-4, 1), await trained(1e-4, 2)], bold = [await trained(1e-2, 1), await trained(1e-2, 2)];
 * runBands({ gentle, bold });
 * ```
 */
export function runBands(
  groups: Record<string, TrainingRun[]>,
  options: LearningCurvesOptions = {},
): Figure {
  checkArgument("runBands' first argument", "options", groups);
  const entries = Object.entries(groups).map(([name, runs]) =>
      [name, listOf(`\`${name}\` of runBands' first argument`, "run", runs)] as const
    ),
    all = entries.flatMap(([, runs]) => runs);
  const empty = entries.find(([, runs]) => runs.length === 0)?.[0];
  if (all.length === 0 || empty !== undefined) {
    throw new RangeError(
      `Drawing runs side by side: every group must hold at least one run, but ${
        empty === undefined ? "there is none" : `'${empty}' holds none`
      }`,
    );
  }
  const shown = entries.map(([name, runs], i): Group => ({
    label: escapeHtml(stageLabel(name)),
    colour: seriesColours[i % seriesColours.length],
    runs,
  }));
  const policies = all.filter(learnsFromSamples);
  const panels = [
    heldOut,
    ...(policies.length ? policyCurves(policies) : supervisedCurves("Training")),
    ...further,
  ].map((measure) => bandPanel(measure, shown)).filter((panel) => panel !== undefined);
  const drawn = shown.flatMap(({ runs, colour }) => runs.map((run) => ({ run, colour })));
  return smallMultiples(withForkMarks(panels, drawn), {
    title: escapeHtml(options.title ?? "Runs side by side"),
    subtitle: `${
      shown.map(({ label, colour, runs }) =>
        `<span style="color:${colour}"><b>${label}</b></span> ${runs.length} run${
          runs.length === 1 ? "" : "s"
        }`
      ).join(" · ")
    }<br>line: mean over the runs · band: lowest to highest`,
    columns: options.columns ?? 3,
  });
}

/** Mean, lowest and highest of a quantity over the steps that every run measured. */
function overRuns(measure: Curve, runs: TrainingRun[]) {
  const curves = runs.map((run) => {
    const { x, y } = points(run, measure.read), even = y.length < 10 ? y : smooth(y);
    return new Map(x.map((step, i) => [step, even[i]]));
  });
  const steps = [...curves[0].keys()].filter((step) => curves.every((curve) => curve.has(step)));
  const at = steps.map((step) => curves.map((curve) => curve.get(step)!));
  return {
    steps,
    mean: at.map((values) => rounded(values.reduce((sum, value) => sum + value, 0) / values.length)),
    low: at.map((values) => rounded(Math.min(...values))),
    high: at.map((values) => rounded(Math.max(...values))),
  };
}

function bandPanel(measure: Curve, groups: Group[]): Panel | undefined {
  const traces: Record<string, unknown>[] = [];
  let lowest = 0;
  for (const { label, colour, runs } of groups) {
    const { steps, mean, low, high } = overRuns(measure, runs);
    if (steps.length === 0) continue;
    lowest = Math.min(lowest, ...low);
    if (runs.length > 1 && steps.length > 1) {
      const edge = { x: steps, mode: "lines", line: { width: 0 }, hoverinfo: "skip" };
      traces.push(
        { ...edge, y: low },
        { ...edge, y: high, fill: "tonexty", fillcolor: translucent(colour, 0.14) },
      );
    }
    traces.push({
      x: steps,
      y: mean,
      mode: steps.length < 10 ? "lines+markers" : "lines",
      marker: { size: 6, color: ink.paper, line: { color: colour, width: 2 } },
      line: { color: colour, width: 2.2 },
      name: label,
      customdata: low.map((value, i) => [value, high[i]]),
      hovertemplate:
        `${label}, step %{x}: %{y:.3~g} (%{customdata[0]:.3~g} to %{customdata[1]:.3~g})<extra></extra>`,
    });
  }
  if (traces.length === 0) return;
  return {
    title: measure.title,
    subtitle: measure.reading,
    traces,
    x: stepAxis(groups.flatMap(({ runs }) => runs.map((run) => ({ run })))),
    y: valueAxis(measure, lowest),
  };
}
