import { escapeHtml } from "../display/escape_html.ts";
import { ink } from "../display/palette.ts";
import { describeFork } from "../training/describe_fork.ts";
import type { TrainingRun } from "../training/run.ts";
import type { Panel } from "./small_multiples.ts";

/** Two changes at most, for a panel is narrow. */
function said(changes: string[]): string {
  const more = changes.length - 2;
  return [...changes.slice(0, 2).map(escapeHtml), ...(more > 0 ? [`and ${more} more`] : [])].join("<br>");
}

/** A dashed line in every panel where a run went on with other settings; the first panel says which. */
export function withForkMarks(
  panels: Panel[],
  runs: { run: TrainingRun; colour: string }[],
): Panel[] {
  const forks = runs.flatMap(({ run, colour }) =>
    (run.forkedFrom ?? []).map((fork) => ({ ...fork, run, colour }))
  );
  if (!forks.length) return panels;
  return panels.map((panel, i) => ({
    ...panel,
    shapes: [
      ...panel.shapes ?? [],
      ...forks.map(({ step, colour }) => ({
        type: "line",
        x0: step,
        x1: step,
        y0: 0,
        y1: 1,
        yref: "paper",
        line: { color: colour, width: 1.2, dash: "dash" },
      })),
    ],
    annotations: i ? panel.annotations : [
      ...panel.annotations ?? [],
      ...forks.map(({ step, run, ...fork }, line) => ({
        text: said(describeFork(fork)),
        x: step,
        y: 0.03 + 0.2 * line,
        yref: "paper",
        xanchor: step > (run.steps.at(-1)?.step ?? step) / 2 ? "right" : "left",
        yanchor: "bottom",
        xshift: step > (run.steps.at(-1)?.step ?? step) / 2 ? -3 : 3,
        align: "left",
        font: { size: 10.5, color: ink.muted },
      })),
    ],
  }));
}
