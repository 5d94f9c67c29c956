import { displayable } from "../display/displayable.ts";
import { escapeHtml } from "../display/escape_html.ts";
import { formatDuration } from "../display/format_number.ts";
import { fontFamily, ink } from "../display/palette.ts";
import { sparkline } from "../display/sparkline.ts";
import { htmlTable, type Table, textTable } from "../display/table.ts";
import { describeFork } from "./describe_fork.ts";
import { formatMeasure, inLine, type Measure, measuresIn } from "./measures.ts";
import type { TrainingRun } from "./run.ts";

const values = (run: TrainingRun, { read }: Measure) =>
  run.steps.map(read).filter((value) => value !== undefined && Number.isFinite(value)) as number[];
const measured = (run: TrainingRun) =>
  measuresIn("table").map(([, measure]) => measure).filter((measure) => values(run, measure).length);

function title({ name, steps, seconds, ended, reason, checkpoint }: TrainingRun): string {
  return `${name}: ${steps.length} step${steps.length === 1 ? "" : "s"} in ${
    formatDuration(seconds)
  }, ${ended}` +
    `${reason ? ` (${reason})` : ""}${checkpoint ? `, checkpoint in ${checkpoint}` : ""}`;
}

/** First, last and a tenth of the run at each end, whose means differ less by chance than single steps. */
function table(run: TrainingRun): Table {
  return {
    title: title(run),
    columns: ["", "first tenth", "last tenth", "lowest", "highest"],
    rows: measured(run).map((measure) => {
      const all = values(run, measure), tenth = Math.max(1, Math.floor(all.length / 10));
      const mean = (some: number[]) => some.reduce((sum, value) => sum + value, 0) / some.length;
      const numbers = [
        mean(all.slice(0, tenth)),
        mean(all.slice(-tenth)),
        Math.min(...all),
        Math.max(...all),
      ];
      return [
        inLine(measure.label),
        ...numbers.map((value) => formatMeasure(measure, value)),
      ];
    }),
    notes: [
      ...(run.forkedFrom ?? []).map((fork) =>
        `Forked from ${fork.run} after step ${fork.step}: ${
          describeFork(fork).join(", ")
        } (${fork.checkpoint})`
      ),
      ...(run.forks ?? []).map((fork) =>
        `${fork.run} forked from it after step ${fork.step}: ${describeFork(fork).join(", ")}`
      ),
      ...run.diagnoses.map(({ step, message }) => `Step ${step}: ${message}`),
    ],
  };
}

function curves(run: TrainingRun): string {
  const tiles = measured(run).filter((measure) => values(run, measure).length > 1).map((measure) =>
    `<div><div style="color:${ink.muted};font-size:11.5px">${escapeHtml(inLine(measure.label))}</div>${
      sparkline(values(run, measure), { width: 130, height: 32, ...(measure.share ? { range: [0, 1] } : {}) })
    }</div>`
  );
  return `<div style="display:flex;flex-wrap:wrap;gap:8px 18px;padding:6px 10px;font-family:${fontFamily};background:${ink.paper}">${
    tiles.join("")
  }</div>`;
}

/**
 * Makes a training run display itself: how it ended, where each metric began and ended, small curves, and the diagnoses. The data
 * stays plain.
 *
 * @example
 * ```ts
 * import { loadDataset, loadModel, sft } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma");
 * const data = await loadDataset({ train: [{ source: "generator", count: 40 }], test: [{ source: "generator", count: 8 }] });
 * console.log(runTable(await sft(model, data.train, { steps: 2, batchSize: 4 })));
 * ```
 */
export function runTable(run: TrainingRun): TrainingRun {
  return displayable(run, {
    text: (shown) => textTable(table(shown)),
    html: (shown) => htmlTable(table(shown)) + curves(shown),
  });
}
