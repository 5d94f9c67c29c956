import { displayable } from "../display/displayable.ts";
import { formatDuration, formatNumber } from "../display/format_number.ts";
import { type Cell, htmlTable, type Table, textTable } from "../display/table.ts";
import type { Experiment, ExperimentGroup } from "./experiment_result.ts";

/** `0.72 [0.66, 0.78]`; one run has no interval. */
function cell({ value, low, high }: { value: number; low: number; high: number }): string {
  return Number.isNaN(low)
    ? formatNumber(value)
    : `${formatNumber(value)} [${formatNumber(low)}, ${formatNumber(high)}]`;
}

function difference(group: ExperimentGroup, measure: string): Cell {
  const found = group.differences[measure];
  if (!found) return "–";
  return {
    text: cell(found),
    mark: found.low > 0 ? "better" : found.high < 0 ? "worse" : "unclear",
  };
}

/** A row a configuration, and how it differs from the first in its first measure. */
export function experimentRows({ groups }: Pick<Experiment, "groups">): Pick<Table, "columns" | "rows"> {
  const measures = Object.keys(groups[0]?.measures ?? {}), [first] = measures;
  return {
    columns: ["", "seeds", ...measures, ...first ? [`${first} less the first's`] : []],
    rows: groups.map((group) => [
      group.name,
      String(group.seeds.length),
      ...measures.map((measure) => group.measures[measure] ? cell(group.measures[measure]) : "–"),
      ...first ? [difference(group, first)] : [],
    ]),
  };
}

/** An experiment that displays itself as a table. */
export function experimentTable(experiment: Experiment): Experiment {
  const table = (): Table => {
    const { groups, runs, seconds, ended } = experiment;
    return {
      title: `Experiment: ${groups.length} configurations, ${runs.length} runs, ${formatDuration(seconds)}`,
      ...experimentRows(experiment),
      notes: [
        ...ended === "interrupted"
          ? ["Stopped before all runs were made; the same call goes on where it has a `dir`."]
          : [],
        "Means over seeds; brackets: t intervals at 95 %, which one seed does not have. Differences are seed by seed.",
      ],
    };
  };
  return displayable(experiment, { text: () => textTable(table()), html: () => htmlTable(table()) });
}
