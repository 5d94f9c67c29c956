import { dirname } from "node:path";
import Papa from "papaparse";
import { flatMetrics } from "../training/flat_metrics.ts";
import type { Tracker } from "../training/tracker.ts";

type Row = Record<string, string | number>;

/**
 * Keeps a run's metrics as CSV, a step a row, a metric a column, for spreadsheets; `metricsFile` keeps them whole, as JSON. A metric that comes up later gets a
 * column of its own then. Of a run that goes on, the rows of steps that are made again are replaced.
 *
 * @example
 * ```ts
 * import { csvTracker, loadDataset, loadModel, sft } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma");
 * const data = await loadDataset({ train: [{ source: "generator", count: 40 }], test: [{ source: "generator", count: 8 }] });
 * await sft(model, data.train, { steps: 2, batchSize: 4, trackers: [csvTracker(`${await Deno.makeTempDir()}/metrics.csv`)] });
 * ```
 */
export function csvTracker(path: string): Tracker {
  let columns: string[] = [], rows: Row[] = [];
  const text = (some: Row[]) => Papa.unparse(some, { columns, header: false, newline: "\n" }) + "\n";
  const writeWhole = async () => {
    const partial = `${path}.partial`;
    await Deno.writeTextFile(
      partial,
      `${Papa.unparse([columns], { newline: "\n" })}\n${rows.length ? text(rows) : ""}`,
    );
    await Deno.rename(partial, path);
  };
  return {
    name: `The CSV file ${path}`,
    async begin({ resumedStep }) {
      await Deno.mkdir(dirname(path), { recursive: true });
      columns = ["step"];
      rows = [];
      if (resumedStep !== null) {
        const held = await Deno.readTextFile(path).catch((error) => {
          if (error instanceof Deno.errors.NotFound) return "";
          throw error;
        });
        const { data, meta } = Papa.parse<Row>(held, { header: true, skipEmptyLines: true });
        if (meta.fields?.includes("step")) columns = meta.fields;
        rows = data.filter(({ step }) => Number(step) <= resumedStep);
      }
      await writeWhole();
    },
    async log(steps) {
      const added = steps.map(flatMetrics), fresh = new Set(added.flatMap((row) => Object.keys(row)));
      for (const column of columns) fresh.delete(column);
      const before = rows;
      rows = [...rows, ...added];
      columns = [...columns, ...fresh];
      try {
        if (fresh.size > 0) await writeWhole();
        else await Deno.writeTextFile(path, text(added), { append: true });
      } catch (error) {
        rows = before;
        throw error;
      }
    },
    end() {},
  };
}
