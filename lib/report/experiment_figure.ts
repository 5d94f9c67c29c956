import { escapeHtml } from "../display/escape_html.ts";
import { seriesColours } from "../display/palette.ts";
import type { Experiment } from "../stages/experiment_result.ts";
import { categoryAxis } from "./category_axis.ts";
import type { Figure } from "./figure.ts";
import { type Panel, smallMultiples } from "./small_multiples.ts";

/** A measure's name in words: `deadGroups` is "dead groups". */
const spoken = (measure: string) =>
  measure.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

/**
 * An experiment as one figure: a panel a measure, the mean of each configuration with its t interval over seeds, and each run as a point.
 *
 * @throws {RangeError} when no run was made, or it lacks a measure that is asked for
 * @example
 * ```ts
 * import { experiment, experimentFigure } from "../../mod.ts";
 * const found = await experiment({
 *   grid: { rate: [0.1, 0.2] },
 *   seeds: [1, 2],
 *   dir: await Deno.makeTempDir(),
 *   run: ({ rate }, { seed }) => ({ accuracy: Number(rate) + seed / 100 }),
 * });
 * experimentFigure(found, { measures: ["accuracy"] });
 * ```
 */
export function experimentFigure(
  { groups, runs }: Experiment,
  { measures = Object.keys(groups[0]?.measures ?? {}), title = "Experiment" }: {
    measures?: string[];
    title?: string;
  } = {},
): Figure {
  if (groups.length === 0) {
    throw new RangeError("Drawing an experiment: it must hold a run, but it holds none");
  }
  const unknown = measures.find((measure) => groups.some((group) => !group.measures[measure]));
  if (unknown !== undefined) {
    throw new RangeError(
      `Drawing an experiment: every run must have measured ${unknown}, but they have ${
        Object.keys(groups[0].measures).join(", ")
      }`,
    );
  }
  const names = groups.map(({ name }) => escapeHtml(name)), [colour, light] = seriesColours;
  const panels = measures.map((measure): Panel => {
    const found = groups.map((group) => group.measures[measure]);
    const half = (end: "low" | "high") =>
      found.map((each) => Number.isNaN(each[end]) ? 0 : Math.abs(each[end] - each.value));
    return {
      title: escapeHtml(spoken(measure)),
      subtitle: "mean over seeds · whiskers: 95 % t intervals · points: runs",
      traces: [
        {
          x: runs.map(({ name }) => escapeHtml(name)),
          y: runs.map((run) => run.measures[measure]),
          mode: "markers",
          marker: { color: light, size: 6, opacity: 0.6 },
          name: "run",
          hovertemplate: "%{x}: %{y}<extra></extra>",
        },
        {
          x: names,
          y: found.map(({ value }) => value),
          mode: "markers",
          marker: { color: colour, size: 10 },
          error_y: {
            type: "data",
            symmetric: false,
            array: half("high"),
            arrayminus: half("low"),
            thickness: 1.5,
            width: 5,
          },
          name: "mean",
          hovertemplate: "%{x}: %{y}<extra></extra>",
        },
      ],
      x: categoryAxis(groups.map(({ name }) => name), Math.min(3, measures.length)),
      y: {},
    };
  });
  return smallMultiples(panels, {
    title: escapeHtml(title),
    subtitle: `${groups.length} configurations, ${runs.length} runs`,
    panelHeight: 260,
  });
}
