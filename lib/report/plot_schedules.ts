import { z } from "zod";
import type { RunConfig } from "../config/schema.ts";
import { difficulties } from "../data/problem.ts";
import { escapeHtml } from "../display/escape_html.ts";
import { formatNumber, formatPercent } from "../display/format_number.ts";
import { ink, phaseColours, seriesColours, stageColours, translucent } from "../display/palette.ts";
import { parseOptions } from "../options/parse_options.ts";
import { compositeReward } from "../rewards/composite.ts";
import type { Reward } from "../rewards/reward.ts";
import { anneal, type Scheduled } from "../schedules/anneal.ts";
import { curriculum, type CurriculumPhase } from "../schedules/curriculum.ts";
import { learningRate, type LearningRateSpec } from "../schedules/learning_rate.ts";
import type { Figure } from "./figure.ts";
import { legendLines, type Panel, shade, smallMultiples } from "./small_multiples.ts";

/** The sections of a configuration that hold a schedule; what `loadConfig` gives holds them all. */
export type ScheduledConfig = Pick<RunConfig, "sft" | "grpo" | "curriculum"> & {
  reward: RunConfig["reward"] | Reward;
};

/** A stage whose options may take a schedule. */
export type ScheduledStage = "sft" | "grpo";

/** How {@linkcode plotSchedules} draws. */
export interface PlotSchedulesOptions {
  /** Stages that will run, for notebooks that leave one out. @default ["sft", "grpo"] */
  stages?: ScheduledStage[];
  /** Panels side by side. @default 2, or 3 from five panels on */
  columns?: number;
}

const plotSchema = z.strictObject({
  stages: z.array(z.enum(["sft", "grpo"])).min(1).default(["sft", "grpo"]).describe("Stages that will run."),
  columns: z.int().min(1).optional().describe("Panels side by side. Default 2, or 3 from five panels on."),
});

/** Hyperparameters that may take a schedule, as people write them. */
const hyperparameters: Record<string, { name: string; meaning: string }> = {
  beta: { name: "β", meaning: "weight of the KL penalty" },
  epsilon: { name: "ε", meaning: "clipping of the ratio, below and above" },
  epsilonHigh: { name: "ε high", meaning: "clipping of the ratio above" },
  temperature: { name: "temperature", meaning: "of sampling" },
  weightDecay: { name: "weight decay", meaning: "AdamW's" },
  maxGradNorm: { name: "gradient norm", meaning: "scaled down to this" },
};

interface Band {
  phase: CurriculumPhase;
  /** Its first step, and the first of the next phase or the run's last; steps count from 1, as in metrics. */
  from: number;
  to: number;
  colour: string;
}

/**
 * What a run will do, before it starts: learning rates with their warm-up, reward weights as they anneal, which difficulties the curriculum
 * draws from, and every hyperparameter that takes a schedule, each over the steps of its stage (SFT and GRPO count their
 * own). The curriculum's phases are shaded behind GRPO's panels. Every value is the one that the stage will compute, by the same functions.
 *
 * Where an adaptive curriculum moves on is decided by the run: its phases are drawn in order, not at steps.
 *
 * @throws {ConfigError} without a stage, and for a schedule that makes no sense
 * @example
 * ```ts
 * import { loadConfig, plotSchedules } from "../../mod.ts";
 * const figure = plotSchedules(await loadConfig("data/configs/demo.yaml"));
 * await figure.save(`${await Deno.makeTempDir()}/schedules.svg`);
 * ```
 */
export function plotSchedules(config: ScheduledConfig, options: PlotSchedulesOptions = {}): Figure {
  const { stages, columns } = parseOptions(plotSchema, options, "plotSchedules");
  const missing = ["sft", "grpo", "reward", "curriculum"].filter((section) => !(config as never)?.[section]);
  if (missing.length) {
    throw new TypeError(
      `Drawing schedules: the configuration must hold sft, grpo, reward and curriculum, but lacks ${
        missing.join(", ")
      }; give what loadConfig returns`,
    );
  }
  const panels = (["sft", "grpo"] as const).filter((stage) => stages.includes(stage)).flatMap((stage) =>
    stage === "sft" ? stagePanels(config, stage, []) : grpoPanels(config)
  );
  return smallMultiples(panels, {
    title: "What the run will do",
    subtitle: stages.map((stage) => constants(config, stage)).join("<br>"),
    columns: columns ?? (panels.length <= 4 ? 2 : 3),
  });
}

/** Steps from 1, as metrics count them; schedules count from 0. */
const stepsOf = (steps: number) => Array.from({ length: steps }, (_, i) => i + 1);

const rounded = (value: number) => Number(value.toPrecision(6));

function stepAxis(steps: number): Record<string, unknown> {
  const room = Math.max(0.5, (steps - 1) * 0.02);
  return {
    range: [1 - room, steps + room],
    title: { text: "step", font: { size: 11, color: ink.muted }, standoff: 4 },
    tickformat: "d",
    ...(steps < 7 ? { dtick: 1 } : {}),
  };
}

/** A value over steps as a trace; a run of one step is a point. `at` counts steps from 0, as schedules do. */
function curve(
  name: string,
  { steps, colour, at, shape = "linear" }: {
    steps: number;
    colour: string;
    at(step: number): number;
    shape?: "linear" | "hv";
  },
): Record<string, unknown> {
  return {
    x: stepsOf(steps),
    y: stepsOf(steps).map((step) => rounded(at(step - 1))),
    mode: steps > 1 ? "lines" : "markers",
    line: { color: colour, width: 2.2, shape },
    marker: { color: colour, size: 7 },
    name,
    hovertemplate: `${name}, step %{x}: %{y:.4~g}<extra></extra>`,
  };
}

function grpoPanels(config: ScheduledConfig): Panel[] {
  const bands = phaseBands(config), [rate, ...annealed] = stagePanels(config, "grpo", bands);
  return [rate, weightsPanel(config, bands), curriculumPanel(config, bands), ...annealed];
}

/** The learning rate, then every hyperparameter that takes a schedule. */
function stagePanels(config: ScheduledConfig, stage: ScheduledStage, bands: Band[]): Panel[] {
  const { steps, learningRate: spec } = config[stage],
    name = stage.toUpperCase(),
    colour = stageColours[stage];
  const shapes = bands.map(({ from, to, colour }) => shade(from, to, colour)), x = stepAxis(steps);
  const rate = learningRate(spec), warmup = warmupOf(spec, steps);
  const mark = {
    type: "line",
    x0: warmup,
    x1: warmup,
    y0: 0,
    y1: 1,
    yref: "paper",
    line: { color: ink.line, width: 1, dash: "dot" },
  };
  const ended = warmup > 0 && warmup < steps;
  return [
    {
      title: `${name} learning rate`,
      subtitle: describeRate(spec, steps),
      traces: [curve(`${name} learning rate`, { steps, colour, at: (step) => rate.at(step, steps) })],
      x,
      y: { rangemode: "tozero", exponentformat: "e", minexponent: 2 },
      shapes: ended ? [...shapes, mark] : shapes,
      annotations: ended
        ? [{
          text: "warm-up ends",
          x: warmup,
          y: 0.05,
          yref: "paper",
          xanchor: "left",
          yanchor: "bottom",
          xshift: 2,
          font: { size: 10.5, color: ink.muted },
        }]
        : [],
    },
    ...hyperparametersOf(config, stage).flatMap(({ name: own, meaning, value }): Panel[] => {
      if (typeof value === "number") return [];
      const schedule = anneal(value), { kind, from, to, start = 0, end = 1 } = value;
      const part = start > 0 || end < 1
        ? ` between ${formatPercent(start, { digits: 0 })} and ${formatPercent(end, { digits: 0 })}`
        : "";
      return [{
        title: `${name} ${own}`,
        subtitle: `${meaning} · ${kind} ${formatNumber(from)} to ${formatNumber(to)}${part}`,
        traces: [
          curve(own, {
            steps,
            colour,
            at: (step) => schedule.at(step, steps),
            shape: kind === "step" ? "hv" : "linear",
          }),
        ],
        x,
        y: { rangemode: "tozero" },
        shapes,
      }];
    }),
  ];
}

function hyperparametersOf(config: ScheduledConfig, stage: ScheduledStage) {
  const own = config[stage] as Record<string, unknown>;
  return Object.entries(hyperparameters).flatMap(([key, words]) => {
    const value = own[key] as Scheduled | null | undefined;
    return value === null || value === undefined ? [] : [{ ...words, value }];
  });
}

/** What stays as it is, for the subtitle. */
function constants(config: ScheduledConfig, stage: ScheduledStage): string {
  const still = hyperparametersOf(config, stage).flatMap(({ name, value }) =>
    typeof value === "number" ? [`${name} ${formatNumber(value)}`] : []
  );
  return `<span style="color:${stageColours[stage]}"><b>${stage.toUpperCase()}</b></span> ${
    config[stage].steps
  } steps${still.length ? ` · constant: ${still.join(", ")}` : ""}`;
}

function warmupOf(spec: number | LearningRateSpec, steps: number): number {
  return typeof spec === "number" ? 0 : spec.warmupSteps ?? Math.round((spec.warmupRatio ?? 0) * steps);
}

function describeRate(spec: number | LearningRateSpec, steps: number): string {
  if (typeof spec === "number") return `constant ${formatNumber(spec)}`;
  const { kind = "constant", peak, final = 0 } = spec, warmup = warmupOf(spec, steps);
  const after = warmup === 0 ? "" : ` after ${warmup} step${warmup === 1 ? "" : "s"} of warm-up`;
  if (warmup >= steps) return `the run ends within its ${warmup} steps of warm-up to ${formatNumber(peak)}`;
  return `${
    kind === "constant"
      ? `constant ${formatNumber(peak)}`
      : `${kind} from ${formatNumber(peak)} to ${formatNumber(final)}`
  }${after}`;
}

/** A penalty's weight is drawn by its size, dashed, so that −1 does not squeeze the others. */
function weightsPanel(config: ScheduledConfig, bands: Band[]): Panel {
  const reward = "score" in config.reward ? config.reward : compositeReward(config.reward),
    { steps } = config.grpo;
  const series = reward.names.map((name, i) => ({
    name,
    colour: seriesColours[i % seriesColours.length],
    penalty: reward.weights(0, steps)[name] < 0,
  }));
  return {
    title: "Reward weights",
    subtitle: legendLines(
      series.map(({ name, colour, penalty }) => ({ name: penalty ? `− ${name} (dashed)` : name, colour })),
    ),
    traces: series.map(({ name, colour, penalty }) => {
      const trace = curve(escapeHtml(name), {
        steps,
        colour,
        at: (step) => reward.weights(step, steps)[name],
      });
      const y = trace.y as number[];
      return {
        ...trace,
        customdata: y,
        y: penalty ? y.map((weight) => -weight) : y,
        line: { color: colour, width: 2.2, dash: penalty ? "dash" : "solid" },
        hovertemplate: `${escapeHtml(name)}, step %{x}: %{customdata:.4~g}<extra></extra>`,
      };
    }),
    x: stepAxis(steps),
    y: { rangemode: "tozero" },
    shapes: bands.map(({ from, to, colour }) => shade(from, to, colour)),
  };
}

/** Where phases begin and end; none for a curriculum whose places are decided by the run, or that has one phase. */
function phaseBands({ curriculum: spec, grpo: { steps } }: ScheduledConfig): Band[] {
  if (spec.kind === "adaptive") return [];
  const course = curriculum(spec), bands: Band[] = [];
  let current: CurriculumPhase | undefined;
  for (const step of stepsOf(steps)) {
    const phase = course.phaseAt(step - 1, steps);
    if (phase !== current) {
      if (bands.length) bands.at(-1)!.to = step;
      bands.push({ phase, from: step, to: step, colour: phaseColours[bands.length % phaseColours.length] });
      current = phase;
    }
    bands.at(-1)!.to = step;
  }
  return bands.length > 1 ? bands : [];
}

/** Which difficulties each phase draws from: a bar where it does. */
function curriculumPanel(config: ScheduledConfig, bands: Band[]): Panel {
  const { curriculum: spec, grpo: { steps } } = config, adaptive = spec.kind === "adaptive";
  const places: { phase: CurriculumPhase; from: number; to: number }[] = bands.length
    ? bands
    : adaptive
    ? spec.phases.map((phase, i) => ({ phase, from: i, to: i + 1 }))
    : [{ phase: spec.phases.at(-1)!, from: 1, to: steps }];
  const shown = difficulties.filter((one) => spec.phases.some((phase) => phase.difficulties.includes(one)));
  return {
    title: "Curriculum",
    subtitle: adaptive
      ? `moves on at ${formatPercent(spec.threshold ?? 0.7, { digits: 0 })} right over ${
        spec.window ?? 20
      } steps, wherever that is`
      : "which difficulties the prompts are drawn from",
    traces: places.flatMap(({ phase, from, to }, i) =>
      shown.filter((one) => phase.difficulties.includes(one)).map((one) => ({
        type: "bar",
        orientation: "h",
        base: [from],
        x: [to - from],
        y: [shown.indexOf(one)],
        width: 0.62,
        offset: -0.31,
        marker: { color: translucent(stageColours.grpo, 0.85), line: { color: ink.paper, width: 1.5 } },
        name: escapeHtml(`${phase.name}: ${one}`),
        hovertemplate: adaptive
          ? `${escapeHtml(phase.name)}, phase ${i + 1} of ${places.length}: ${one}<extra></extra>`
          : `${escapeHtml(phase.name)}, steps ${from} to ${
            i < places.length - 1 ? to - 1 : to
          }: ${one}<extra></extra>`,
      }))
    ),
    x: adaptive
      ? {
        range: [-0.02, places.length + 0.02],
        tickvals: places.map((_, i) => i + 0.5),
        ticktext: places.map(({ phase }) => escapeHtml(phase.name)),
        title: { text: "phase", font: { size: 11, color: ink.muted }, standoff: 4 },
      }
      : stepAxis(steps),
    y: {
      tickvals: shown.map((_, i) => i),
      ticktext: shown.map(escapeHtml),
      range: [-0.5, shown.length - 0.3 + (bands.length ? 0.35 : 0)],
      showgrid: false,
    },
    shapes: bands.map(({ from, to, colour }) => shade(from, to, colour)),
    annotations: bands.map(({ phase, from, to }) => ({
      text: escapeHtml(phase.name),
      x: (from + to) / 2,
      y: 1,
      yref: "paper",
      yanchor: "top",
      font: { size: 11, color: ink.muted },
    })),
  };
}
