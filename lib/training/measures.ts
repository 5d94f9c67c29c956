import { ink, seriesColours } from "../display/palette.ts";
import { formatNumber, formatPercent } from "../display/format_number.ts";
import type { StepMetrics } from "./run.ts";

/** Reads a quantity from a step's metrics, `undefined` where it was not measured. */
export type Read = (metrics: Partial<StepMetrics>) => number | undefined;

/** A quantity that people watch: what it is called, where it is read, how it is shown. */
export interface Measure {
  /** As panels and tables call it. */
  label: string;
  /** Where a curve has room for more. @default the label */
  title?: string;
  unit?: string;
  /** How to read its curve; of SFT and pre-training where `ofPolicy` says otherwise for GRPO. */
  reading: string;
  ofPolicy?: string;
  read: Read;
  /** A share of 1, shown in per cent from 0 to 100. */
  share?: boolean;
  /** Its axis begins at zero. */
  fromZero?: boolean;
  colour: string;
  /** Half the height of a band round the mean (a standard deviation), or the edges of one. */
  spread?: Read;
  range?: [Read, Read];
  /** `reading` when that band is drawn. */
  banded?: string;
  /** A held-out measurement of the same quantity. */
  heldOut?: Read;
  /** Where it is shown beside curves: in the live panel, in a run's table. @default both */
  shown?: ("panel" | "table")[];
}

const catalogue = {
  reward: {
    label: "Reward",
    reading: "mean over completions · higher is better",
    banded: "mean ± std over completions · higher is better",
    read: (m) => m.reward,
    spread: (m) => m.rewardStd,
    colour: seriesColours[0],
  },
  correctness: {
    label: "Correctness",
    reading: "matching answers · higher is better",
    read: (m) => m.components?.correctness?.mean,
    heldOut: (m) => m.evaluation?.accuracy,
    share: true,
    colour: seriesColours[2],
  },
  trace: {
    label: "Trace score",
    reading: "tags, steps, connectives, 0 to 1 · higher is better",
    read: (m) => m.components?.trace?.mean,
    share: true,
    colour: seriesColours[5],
  },
  heldOut: {
    label: "Held-out accuracy",
    reading: "evaluations during training · higher is better",
    read: (m) => m.evaluation?.accuracy,
    share: true,
    colour: seriesColours[4],
  },
  formatRate: {
    label: "Format rate",
    reading: "well formed · should stay near 100 %",
    read: (m) => m.formatRate,
    heldOut: (m) => m.evaluation?.formatRate,
    share: true,
    colour: seriesColours[3],
  },
  loss: {
    label: "Loss",
    unit: "nats a token",
    reading: "cross-entropy, nats a token · lower is better",
    ofPolicy: "near zero is normal: advantages sum to zero",
    read: (m) => m.loss,
    fromZero: true,
    colour: ink.muted,
  },
  tokenAccuracy: {
    label: "Token accuracy",
    reading: "target is the likeliest token · higher is better",
    read: (m) => m.tokenAccuracy,
    share: true,
    colour: seriesColours[2],
  },
  kl: {
    label: "KL",
    title: "KL to the reference",
    unit: "nats a token",
    reading: "nats a token · should grow slowly",
    read: (m) => m.kl,
    fromZero: true,
    colour: seriesColours[1],
  },
  teacherKl: {
    label: "KL to the teacher",
    unit: "nats a token",
    reading: "nats a token · lower is better",
    read: (m) => m.teacherKl,
    fromZero: true,
    colour: seriesColours[5],
  },
  entropy: {
    label: "Entropy",
    unit: "nats a token",
    reading: "nats a token · falls as the model grows sure",
    ofPolicy: "nats a token · near zero, nothing is explored",
    read: (m) => m.entropy,
    fromZero: true,
    colour: seriesColours[6],
  },
  completionLength: {
    label: "Completion length",
    unit: "tokens",
    reading: "mean, in tokens · should not collapse",
    banded: "tokens: mean, shortest to longest · no collapse",
    read: (m) => m.completionLength?.mean,
    range: [(m) => m.completionLength?.min, (m) => m.completionLength?.max],
    fromZero: true,
    colour: seriesColours[7],
  },
  truncated: {
    label: "Truncated",
    title: "Truncated completions",
    reading: "share that hit the token limit",
    read: (m) => m.truncatedFraction,
    share: true,
    colour: seriesColours[4],
  },
  zeroVariance: {
    label: "Groups without variance",
    reading: "share of those sampled · they teach nothing",
    read: (m) => m.zeroVarianceFraction,
    share: true,
    colour: seriesColours[7],
    shown: ["table"],
  },
  gradientNorm: {
    label: "Gradient norm",
    reading: "before clipping",
    read: (m) => m.gradientNorm,
    fromZero: true,
    colour: seriesColours[7],
    shown: ["table"],
  },
  learningRate: {
    label: "Learning rate",
    reading: "in force at each update",
    read: (m) => m.learningRate,
    fromZero: true,
    colour: ink.muted,
    shown: ["panel"],
  },
  tokensPerSecond: {
    label: "Tokens a second",
    reading: "sampling, rewards and training together",
    read: (m) => m.tokensPerSecond,
    fromZero: true,
    colour: ink.muted,
  },
} satisfies Record<string, Measure>;

/**
 * Every quantity that panel, run table, curves and bands show, in the order in which panel and table show them. A new one is a line
 * here, and its name in the lists of the figures that draw it.
 */
export const measures: Record<keyof typeof catalogue, Measure> = catalogue;

/** The catalogue's entries that `place` shows, in order. */
export function measuresIn(place: "panel" | "table"): [string, Measure][] {
  return Object.entries(measures).filter(([, { shown }]) => shown?.includes(place) ?? true);
}

/** A measurement as panel and table write it. */
export function formatMeasure({ share }: Pick<Measure, "share">, value: number): string {
  return share ? formatPercent(value) : formatNumber(value);
}

/** A label inside a line: `Format rate` is `format rate`, `KL` stays. */
export function inLine(label: string): string {
  return /^\p{Lu}{2}/u.test(label) ? label : label.charAt(0).toLowerCase() + label.slice(1);
}
