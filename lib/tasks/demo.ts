/**
 * `deno task demo`: the whole notebook, top to bottom, with progress in the terminal.
 *
 * @module
 */
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { formatDuration, formatPercent } from "../display/format_number.ts";
import { PlainError } from "../display/plain_error.ts";
import { stageLabel } from "../report/stage_label.ts";
import type { FinalResults } from "../report/final_results.ts";
import { outputError, writeOutput } from "../report/write_output.ts";
import { type NotebookEnvironment, notebookEnvironment, projectRoot } from "./environment.ts";
import { NotebookError, runNotebook } from "./run_notebook.ts";

const usage = `deno task demo [options]: runs a notebook top to bottom and keeps what it made.
  --notebook FILE    @default notebooks/show_your_work.ipynb
  --output FOLDER    for the executed notebook and its HTML  @default results/demo
  --timeout SECONDS  that one cell may take  @default 3600
  --in-place         also put the outputs into the notebook itself, ready to commit`;

if (import.meta.main) {
  try {
    Deno.exit(await demo(Deno.args));
  } catch (error) {
    if (!(error instanceof PlainError)) throw error;
    console.error(`\n${error.message}`);
    Deno.exit(1);
  }
}

/** Runs the demo with the arguments of its command line and returns the exit status: 0, or 130 when interrupted. */
export async function demo(args: string[]): Promise<number> {
  const { notebook, output, timeout, inPlace } = settings(args);
  const executed = join(output, basename(notebook)), started = performance.now();
  await checkWritable(output);
  const environment = await notebookEnvironment();
  console.log(`Running ${shown(notebook)}`);
  const ended = await runNotebook({ notebook, output: executed, environment, timeout });
  const html = await convert(executed, environment);
  if (inPlace && ended === "finished") {
    await writeOutput(notebook, committable(await Deno.readTextFile(executed)));
  }
  const took = formatDuration((performance.now() - started) / 1000);
  if (ended === "interrupted") {
    console.log(`\nInterrupted after ${took}. The notebook as far as it came: ${shown(executed)}`);
    return 130;
  }
  console.log(`\nDone in ${took}.\n  notebook  ${shown(executed)}\n  page      ${shown(html)}`);
  const results = exportedFolder(await Deno.readTextFile(executed));
  if (results) console.log(await keyFigures(results));
  return 0;
}

function settings(args: string[]) {
  try {
    const { values } = parseArgs({
      args,
      options: {
        notebook: { type: "string", default: join(projectRoot, "notebooks", "show_your_work.ipynb") },
        output: { type: "string", default: join(projectRoot, "results", "demo") },
        timeout: { type: "string", default: "3600" },
        "in-place": { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) {
      console.log(usage);
      Deno.exit(0);
    }
    const timeout = Number(values.timeout), notebook = resolve(values.notebook);
    if (!Number.isInteger(timeout) || timeout < 1) {
      throw new NotebookError(
        `--timeout must be a whole number of seconds from 1 on, not '${values.timeout}'`,
      );
    }
    if (!Deno.statSync(notebook).isFile) {
      throw new NotebookError(`--notebook must be a file, not '${values.notebook}'`);
    }
    return { notebook, output: resolve(values.output), timeout, inPlace: values["in-place"] };
  } catch (error) {
    if (error instanceof PlainError) throw error;
    throw new NotebookError(`${(error as Error).message}\n\n${usage}`);
  }
}

/** Before anything takes time: can results be written at all? */
async function checkWritable(folder: string): Promise<void> {
  const probe = join(folder, `.writable.${crypto.randomUUID()}.tmp`);
  try {
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeTextFile(probe, "");
    await Deno.remove(probe);
  } catch (error) {
    throw outputError(join(folder, "show_your_work.ipynb"), error);
  }
}

async function convert(notebook: string, { python, env }: NotebookEnvironment): Promise<string> {
  const args = ["-m", "nbconvert", "--to", "html", "--log-level", "ERROR", notebook];
  const { success, stderr } = await new Deno.Command(python, { args, env, stdin: "null" }).output();
  if (!success) {
    const reason = new TextDecoder().decode(stderr).trim().split("\n").at(-1);
    throw new NotebookError(
      `Making a page of ${notebook}: nbconvert must end well, but it failed (${reason}). The notebook itself is saved`,
    );
  }
  return notebook.replace(/\.ipynb$/, ".html");
}

/** The folder that the notebook's `exportRun` says it wrote. */
export function exportedFolder(notebook: string): string | undefined {
  return /Wrote \d+ files to ([^\\"<]+)/.exec(notebook)?.[1];
}

async function keyFigures(folder: string): Promise<string> {
  const { evaluations, comparison, runs } = JSON.parse(
    await Deno.readTextFile(join(folder, "final_results.json")),
  ) as FinalResults;
  const stages = Object.entries(evaluations),
    width = Math.max(...stages.map(([name]) => stageLabel(name).length));
  const rate = ({ value, low, high }: { value: number; low: number; high: number }) =>
    `${formatPercent(value).padStart(7)} [${(100 * low).toFixed(1)}, ${(100 * high).toFixed(1)}]`;
  const change = comparison?.differences.at(-2) ?? comparison?.differences.at(-1);
  return [
    `  results   ${shown(folder)}`,
    "",
    ...stages.map(([name, { accuracy, formatRate }]) =>
      `  ${stageLabel(name).padEnd(width)}  accuracy ${rate(accuracy)}  format ${rate(formatRate)}`
    ),
    ...(change
      ? [
        `  ${stageLabel(change.from)} → ${stageLabel(change.to)}: accuracy ${
          (100 * change.accuracy.value).toFixed(1)
        } points [${(100 * change.accuracy.low).toFixed(1)}, ${
          (100 * change.accuracy.high).toFixed(1)
        }], ${change.problems} problems`,
      ]
      : []),
    ...runs.map(({ name, stepCount, seconds, ended }) =>
      `  ${stageLabel(name)}: ${stepCount} steps in ${formatDuration(seconds)}, ${ended}`
    ),
    "  Brackets: 95 % intervals.",
  ].join("\n");
}

/** An executed notebook without this machine's paths and anything else that changes from run to run for no reason. */
export function committable(notebook: string): string {
  const { metadata, cells, ...rest } = JSON.parse(notebook);
  const kept = cells.map((
    { metadata: { execution: _, ...own }, ...cell }: { metadata: Record<string, unknown> },
  ) => ({ ...cell, metadata: own }));
  const { kernelspec } = metadata;
  const text = JSON.stringify(
    {
      cells: kept,
      metadata: { kernelspec, language_info: { name: "typescript", file_extension: ".ts" } },
      ...rest,
    },
    null,
    1,
  );
  return `${text.replaceAll(`${projectRoot}/`, "")}\n`;
}

function shown(path: string): string {
  const short = relative(Deno.cwd(), path);
  return short.startsWith("..") || isAbsolute(short) ? path : short || basename(dirname(path));
}
