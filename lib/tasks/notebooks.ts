/**
 * `deno task notebooks`: all notebooks in turn, and a table of what came of them.
 *
 * @module
 */
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { formatDuration } from "../display/format_number.ts";
import { PlainError } from "../display/plain_error.ts";
import { type Cell, textTable } from "../display/table.ts";
import { formatRateCell } from "../report/compare.ts";
import type { FinalResults } from "../report/final_results.ts";
import { exportedFolder } from "./demo.ts";
import { type NotebookEnvironment, notebookEnvironment, projectRoot } from "./environment.ts";
import { missingModel } from "./missing_model.ts";
import { NotebookError, runNotebook } from "./run_notebook.ts";

const usage = `deno task notebooks [NAME ...] [options]: runs notebooks one after another and prints a table.
  NAME               such as r1_gsm8k_rewards  @default all of the folder notebooks whose models are there
  --output FOLDER    for the executed notebooks  @default results/notebooks
  --timeout SECONDS  that one cell may take  @default 3600`;

if (import.meta.main) {
  try {
    const { values, positionals } = parseArgs({
      options: {
        output: { type: "string", default: join(projectRoot, "results", "notebooks") },
        timeout: { type: "string", default: "3600" },
        help: { type: "boolean", short: "h", default: false },
      },
      allowPositionals: true,
    });
    if (values.help) console.log(usage);
    else Deno.exit(await notebooks(positionals, values.output, Number(values.timeout)));
  } catch (error) {
    if (!(error instanceof PlainError || error instanceof TypeError)) throw error;
    console.error(`\n${error.message}`);
    Deno.exit(1);
  }
}

/** Runs the notebooks of these names, or all, and returns the exit status: 1 when one failed, 130 when interrupted. */
async function notebooks(names: string[], output: string, timeout: number): Promise<number> {
  if (!Number.isInteger(timeout) || timeout < 1) {
    throw new NotebookError(`--timeout must be a whole number of seconds from 1 on, not '${timeout}'`);
  }
  const chosen = chosenNotebooks(names), environment = await notebookEnvironment(), rows: Cell[][] = [];
  let status = 0;
  for (const name of chosen) {
    const missing = names.length ? null : await missingModel(join(projectRoot, "notebooks", `${name}.ipynb`));
    if (missing !== null) {
      rows.push([name, "–", "–", "–", `left out: deno task fetch ${missing} first`]);
      continue;
    }
    console.log(`\nRunning ${name} (${rows.length + 1} of ${chosen.length})`);
    const { row, ended } = await ran(name, { output, timeout, environment });
    rows.push(row);
    if (ended === "failed") status = 1;
    if (ended === "interrupted") {
      status = 130;
      break;
    }
  }
  const columns = ["notebook", "time", "before", "after", "ended"],
    notes = ["Accuracy in the format of the first and the last evaluation, with 95 % intervals."];
  console.log(`\n${textTable({ columns, rows, notes })}`);
  return status;
}

function chosenNotebooks(names: string[]): string[] {
  const known = [...Deno.readDirSync(join(projectRoot, "notebooks"))].map(({ name }) => name)
    .filter((name) => name.endsWith(".ipynb")).map((name) => basename(name, ".ipynb")).sort();
  const chosen = names.map((name) => basename(name, ".ipynb"));
  const unknown = chosen.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new NotebookError(`There is no notebook '${unknown}'; there are ${known.join(", ")}`);
  }
  return chosen.length ? chosen : known;
}

/** Runs a notebook; one that fails takes its row and says why, and the others go on. */
async function ran(
  name: string,
  { output, timeout, environment }: { output: string; timeout: number; environment: NotebookEnvironment },
): Promise<{ row: Cell[]; ended: "finished" | "interrupted" | "failed" }> {
  const started = performance.now(), executed = join(output, `${name}.ipynb`);
  const took = () => formatDuration((performance.now() - started) / 1000);
  await Deno.mkdir(output, { recursive: true });
  try {
    const notebook = join(projectRoot, "notebooks", `${name}.ipynb`);
    const ended = await runNotebook({ notebook, output: executed, environment, timeout }), time = took();
    const folder = exportedFolder(await Deno.readTextFile(executed));
    return { row: [name, time, ...folder ? await beforeAndAfter(folder) : ["–", "–"], ended], ended };
  } catch (error) {
    if (!(error instanceof NotebookError)) throw error;
    console.error(error.message);
    return { row: [name, took(), "–", "–", { text: "failed", mark: "worse" }], ended: "failed" };
  }
}

async function beforeAndAfter(folder: string): Promise<Cell[]> {
  const results = JSON.parse(await Deno.readTextFile(join(folder, "final_results.json"))) as FinalResults;
  const rates = Object.values(results.evaluations).map(({ accuracy }) => formatRateCell(accuracy));
  return rates.length ? [rates[0], rates[rates.length - 1]] : ["–", "–"];
}
