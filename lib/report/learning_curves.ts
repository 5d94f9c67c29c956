import { learnsFromSamples } from "../training/learns_from_samples.ts";
import type { StepMetrics, TrainingRun } from "../training/run.ts";
import { inLine, type Measure, measures, type Read } from "../training/measures.ts";
import { withForkMarks } from "./fork_marks.ts";
import { stageLabel, stagesOf, stageTitle } from "./stage_label.ts";
import { escapeHtml } from "../display/escape_html.ts";
import type { Figure } from "./figure.ts";
import { formatDuration } from "../display/format_number.ts";
import {
  ink,
  ownStageColour,
  phaseColours,
  seriesColours,
  stageColours,
  translucent,
} from "../display/palette.ts";
import { legendLines, type Panel, shade, smallMultiples } from "./small_multiples.ts";
import { smooth } from "./smooth.ts";
import { listOf } from "../options/check_argument.ts";

/** How {@linkcode learningCurves} draws. */
export interface LearningCurvesOptions {
  /** The figure's title. @default "Learning curves" */
  title?: string;
  /** Panels side by side. @default 3 */
  columns?: number;
}

interface Series {
  run: TrainingRun;
  label: string;
  colour: string;
}
/** What stages on given texts show, which minimise the same loss; `stage` opens the titles. */
export const supervisedCurves = (stage: string): Curve[] =>
  [measures.loss, measures.tokenAccuracy, measures.entropy].map((measure) => ({
    ...measure,
    title: `${stage} ${inLine(measure.label)}`,
  }));

/** A measure with a panel of its own. */
export type Curve = Measure & { title: string };

/** A measure as the curves of runs that learn from rewards show it. */
export const policyCurve = (measure: Measure): Curve => ({
  ...measure,
  title: measure.title ?? measure.label,
  reading: measure.ofPolicy ?? measure.reading,
});

/** What the curves of runs that learn from their own completions show, in their order; of distillation the loss is the KL to the teacher. */
export function policyCurves(runs: readonly TrainingRun[]): Curve[] {
  const stages = stagesOf(runs), algorithm = stages.length === 1 ? stageTitle(stages[0]) : "Policy";
  return [
    measures.reward,
    measures.correctness,
    measures.trace,
    measures.formatRate,
    measures.kl,
    measures.teacherKl,
    measures.completionLength,
    measures.entropy,
    ...(runs.every(({ stage }) => stage === "distill")
      ? []
      : [{ ...measures.loss, title: `${algorithm} loss`, fromZero: false }]),
  ].map(policyCurve);
}

/**
 * The learning curves of any number of runs as one Plotly figure of small multiples: the pre-training and SFT runs' loss,
 * token accuracy and entropy; the reward of the runs of GRPO, or of another algorithm that measures one, (± a standard deviation), correctness, trace score, format rate, KL,
 * completion length, entropy, loss, lost signal (groups of equal rewards, truncated completions), component scores,
 * reward weights and curriculum phase. A quantity that no run measured has no panel. The faint line is what was measured;
 * the strong one is a local fit over about a tenth of the run, drawn from ten steps on. Diamonds are evaluations on held-out problems. With one GRPO run, its curriculum's phases are shaded. A dashed line stands where a run
 * went on with other settings (`resume`), and the stage's first panel says with which.
 *
 * Throws a `RangeError` when there is no run.
 *
 * @example
 * ```ts
 * import { learningCurves, loadDataset, loadModel, sft } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma");
 * const data = await loadDataset({ train: [{ source: "generator", count: 40 }], test: [{ source: "generator", count: 8 }] });
 * const figure = learningCurves([await sft(model, data.train, { steps: 3, batchSize: 4 })]);
 * await figure.save(`${await Deno.makeTempDir()}/learning_curves.svg`);
 * ```
 */
export function learningCurves(
  drawnRuns: TrainingRun | TrainingRun[],
  options: LearningCurvesOptions = {},
): Figure {
  const runs = listOf("learningCurves' first argument", "run", drawnRuns);
  if (!runs.length) {
    throw new RangeError("Drawing learning curves: runs must hold at least one TrainingRun, but it is empty");
  }
  const policies = runs.filter(learnsFromSamples),
    onTexts = runs.filter((run) => !policies.includes(run));
  const policySeries = series(policies),
    supervised = stagesOf(onTexts).map((stage) => ({
      stage,
      all: series(onTexts.filter((run) => run.stage === stage)),
    }));
  const bands = policies.length === 1 ? phaseBands(policies[0].steps) : [];
  const drawn = (all: Series[], panels: (Panel | undefined)[]) =>
    withForkMarks(panels.filter((panel) => panel !== undefined), all);
  const panels = [
    ...supervised.flatMap(({ stage, all }) =>
      drawn(all, supervisedCurves(stageTitle(stage)).map((measure) => measurePanel(measure, all, [])))
    ),
    ...drawn(policySeries, [
      ...policyCurves(policies).map((measure) => measurePanel(measure, policySeries, bands)),
      lostSignalPanel(policySeries, bands),
      componentsPanel(policySeries, "Component scores", ({ mean }) => mean),
      componentsPanel(policySeries, "Reward weights", ({ weight }) => weight),
      phasePanel(policySeries),
    ]),
  ];
  return smallMultiples(panels, {
    title: escapeHtml(options.title ?? "Learning curves"),
    subtitle: Object.values(Object.groupBy(
      [...supervised.flatMap(({ all }) => all), ...policySeries].map(({ run, label, colour }) =>
        `<span style="color:${colour}"><b>${label}</b></span> ${summary(run)}`
      ),
      (_, i) => Math.floor(i / 4),
    )).map((row) => row!.join(" · ")).join("<br>"),
    columns: options.columns ?? 3,
  });
}

/** Runs that are drawn together, with a colour and a name each; equal names are numbered. */
function series(runs: TrainingRun[]): Series[] {
  return runs.map((run, i) => {
    const same = runs.filter((other) => other.name === run.name);
    const label = escapeHtml(stageLabel(run.name) + (same.length > 1 ? ` ${same.indexOf(run) + 1}` : ""));
    const colour = runs.length === 1
      ? stageColours[run.stage] ?? ownStageColour
      : seriesColours[(i + (run.stage === "sft" ? 2 : 0)) % seriesColours.length];
    return { run, label, colour };
  });
}

function summary({ steps, seconds, ended }: TrainingRun): string {
  return `${steps.length} step${steps.length === 1 ? "" : "s"}, ${formatDuration(seconds)}${
    ended === "finished" ? "" : `, ${ended}`
  }`;
}

/** A run's finite values of a quantity, by step. */
export function points(run: TrainingRun, read: Read): { x: number[]; y: number[] } {
  const measured = run.steps.flatMap((m) => {
    const value = read(m);
    return value === undefined || !Number.isFinite(value) ? [] : [[m.step, value]];
  });
  return { x: measured.map(([x]) => x), y: measured.map(([, y]) => rounded(y)) };
}

/** Six digits are more than a pixel shows and half the size of a notebook. */
export const rounded = (value: number) => Number(value.toPrecision(6));

const line = (colour: string, width: number) => ({ color: colour, width, shape: "linear" });

function measurePanel(measure: Curve, all: Series[], bands: Band[]): Panel | undefined {
  const traces: Record<string, unknown>[] = [];
  let lowest = 0;
  for (const { run, label, colour } of all) {
    const { x, y } = points(run, measure.read);
    if (!x.length) continue;
    lowest = Math.min(lowest, ...y);
    const short = x.length < 10, curve = short ? y : smooth(y).map(rounded);
    const hover = `${label}, step %{x}: %{y:.3~g}<extra></extra>`;
    if (all.length === 1) traces.push(...band(run, measure, colour));
    if (!short) {
      traces.push({
        x,
        y,
        mode: "lines",
        line: line(translucent(colour, all.length > 1 ? 0.18 : 0.28), 1),
        name: label,
        hovertemplate: hover,
      });
    }
    traces.push({
      x,
      y: curve,
      mode: short ? "lines+markers" : "lines",
      marker: { size: 6 },
      line: line(colour, 2.2),
      name: label,
      hovertemplate: short ? hover : hover.replace(":", " (smoothed):"),
    });
    const held = measure.heldOut ? points(run, measure.heldOut) : { x: [], y: [] };
    if (held.x.length) {
      traces.push({
        ...held,
        mode: "markers",
        marker: { symbol: "diamond", size: 8, color: ink.paper, line: { color: colour, width: 2 } },
        name: `${label}, held-out`,
        hovertemplate: `${label} on held-out problems, step %{x}: %{y:.3~g}<extra></extra>`,
      });
    }
  }
  if (!traces.length) return;
  const banded = traces.some((trace) => trace.fill);
  const heldOut = traces.some((trace) => String(trace.name).endsWith("held-out"));
  return {
    title: measure.title,
    subtitle: heldOut
      ? "higher is better · diamonds: held-out"
      : (banded && measure.banded) || measure.reading,
    traces,
    x: stepAxis(all),
    y: valueAxis(measure, lowest),
    shapes: bands.map(({ from, to, colour }) => shade(from, to, colour)),
  };
}

/** The axis of a quantity whose lowest value is known. */
export function valueAxis({ share, fromZero }: Measure, lowest: number): Record<string, unknown> {
  if (share) return { range: [-0.03, 1.05], tickvals: [0, 0.25, 0.5, 0.75, 1], tickformat: ".0%" };
  // a power of ten written out holds invisible spaces
  return fromZero && lowest >= 0 ? { rangemode: "tozero" } : { exponentformat: "e" };
}

function band(run: TrainingRun, { read, spread, range }: Measure, colour: string): Record<string, unknown>[] {
  const low: Read | undefined = range?.[0] ?? (spread && ((m) => read(m)! - spread(m)!));
  const high: Read | undefined = range?.[1] ?? (spread && ((m) => read(m)! + spread(m)!));
  if (!low || !high) return [];
  const bottom = points(run, low), top = points(run, high);
  if (bottom.x.length < 2) return [];
  const edge = { mode: "lines", line: { width: 0 }, hoverinfo: "skip" };
  const even = (y: number[]) => y.length < 10 ? y : smooth(y).map(rounded);
  return [
    { x: bottom.x, y: even(bottom.y), ...edge },
    { x: top.x, y: even(top.y), ...edge, fill: "tonexty", fillcolor: translucent(colour, 0.12) },
  ];
}

/** The axis of steps that all runs fit on. */
export function stepAxis(all: Pick<Series, "run">[]): Record<string, unknown> {
  const last = Math.max(1, ...all.flatMap(({ run }) => run.steps.map((m) => m.step)));
  const first = Math.min(last, ...all.flatMap(({ run }) => run.steps.map((m) => m.step)));
  const room = Math.max(0.5, (last - first) * 0.02);
  return {
    range: [first - room, last + room],
    title: { text: "step", font: { size: 11, color: ink.muted }, standoff: 4 },
    tickformat: "d",
    ...(last - first < 6 ? { dtick: 1 } : {}),
  };
}

/** Two ways in which completions teach nothing, in one panel: the run's colour, solid and dotted. */
function lostSignalPanel(grpo: Series[], bands: Band[]): Panel | undefined {
  const truncated = measurePanel(policyCurve(measures.truncated), grpo, bands),
    equal = measurePanel(policyCurve(measures.zeroVariance), grpo, bands);
  if (!truncated && !equal) return;
  const dotted = (equal?.traces ?? []).map((trace) => ({
    ...trace,
    line: { ...(trace.line as object), dash: "dot" },
  }));
  return {
    ...(truncated ?? equal)!,
    title: "Lost signal",
    subtitle: "equal groups (dotted), truncated (solid)",
    traces: [...(truncated?.traces ?? []), ...dotted],
  };
}

/** One number of every reward component, a colour a component and a dash a run; the subtitle is the legend. */
function componentsPanel(
  grpo: Series[],
  title: string,
  read: (component: NonNullable<StepMetrics["components"]>[string]) => number,
): Panel | undefined {
  const names = [
    ...new Set(grpo.flatMap(({ run }) => run.steps.flatMap((m) => Object.keys(m.components ?? {})))),
  ];
  if (!names.length) return;
  const colour = (name: string) => seriesColours[names.indexOf(name) % seriesColours.length];
  const dashes = ["solid", "dash", "dot", "dashdot"];
  const traces = grpo.flatMap(({ run, label }, r) =>
    names.map((name) => {
      const { x, y } = points(run, (m) => m.components?.[name] && read(m.components[name]));
      return {
        x,
        y: y.length < 10 ? y : smooth(y).map(rounded),
        mode: y.length > 1 ? "lines" : "markers",
        line: { color: colour(name), width: 2.2, dash: dashes[r % dashes.length] },
        marker: { color: colour(name), size: 6 },
        name: `${label}: ${escapeHtml(name)}`,
        hovertemplate: `${escapeHtml(name)}, step %{x}: %{y:.3~g}<extra>${label}</extra>`,
      };
    })
  );
  return {
    title,
    subtitle: legendLines(names.map((name) => ({ name, colour: colour(name) }))),
    traces,
    x: stepAxis(grpo),
  };
}

function phasePanel(grpo: Series[]): Panel | undefined {
  const phases = [
    ...new Set(grpo.flatMap(({ run }) => run.steps.flatMap((m) => m.phase === undefined ? [] : [m.phase]))),
  ];
  if (!phases.length) return;
  return {
    title: "Curriculum phase",
    subtitle: "which difficulties the prompts are drawn from",
    traces: grpo.map(({ run, label, colour }) => {
      const known = run.steps.filter((m) => m.phase !== undefined);
      return {
        x: known.map((m) => m.step),
        y: known.map((m) => phases.indexOf(m.phase!)),
        text: known.map((m) => escapeHtml(m.phase)),
        mode: known.length > 1 ? "lines" : "markers",
        line: { color: colour, width: 2.2, shape: "hv" },
        name: label,
        hovertemplate: `${label}, step %{x}: %{text}<extra></extra>`,
      };
    }),
    x: stepAxis(grpo),
    y: {
      tickvals: phases.map((_, i) => i),
      ticktext: phases.map(escapeHtml),
      range: [-0.35, Math.max(1, phases.length - 1) + 0.35],
    },
    shapes: grpo.length === 1
      ? phaseBands(grpo[0].run.steps).map(({ from, to, colour }) => shade(from, to, colour))
      : [],
  };
}

interface Band {
  from: number;
  to: number;
  colour: string;
}

/** Where a phase begins and ends, in steps; a run that stays in one phase has no bands. */
function phaseBands(steps: StepMetrics[]): Band[] {
  const bands: Band[] = [], order: string[] = [];
  let current: string | undefined;
  for (const { step, phase } of steps) {
    if (phase === undefined) continue;
    if (!order.includes(phase)) order.push(phase);
    if (phase !== current) {
      bands.push({ from: step, to: step, colour: phaseColours[order.indexOf(phase) % phaseColours.length] });
      if (bands.length > 1) bands.at(-2)!.to = step;
    }
    bands.at(-1)!.to = step;
    current = phase;
  }
  return bands.length > 1 ? bands : [];
}
