import { basename, relative, resolve } from "node:path";
import { escapeHtml } from "../display/escape_html.ts";
import { fontFamily, ink } from "../display/palette.ts";
import { htmlTable } from "../display/table.ts";
import { checkArgument } from "../options/check_argument.ts";
import type { TrainingRun } from "../training/run.ts";
import { configDifferences } from "./config_differences.ts";
import { listRuns, type RunList, runsTable } from "./list_runs.ts";
import { loadRun } from "./load_run.ts";
import { stagesOf, stageTitle } from "./stage_label.ts";
import { runBands } from "./run_bands.ts";
import { writeOutput } from "./write_output.ts";

/**
 * Writes a page that lays the runs of a folder over one another: the list, the curves of each stage with a colour a run, and the
 * settings in which they differ. It has no scripts and opens without a network.
 *
 * @returns the page's path
 * @throws {RangeError} when the folder holds no run that can be read
 * @example
 * ```ts
 * import { exportRun, loadDataset, loadModel, runsPage, sft } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma");
 * const data = await loadDataset({ train: [{ source: "generator", count: 40 }], test: [{ source: "generator", count: 8 }] });
 * const folder = await Deno.makeTempDir(), run = await sft(model, data.train, { steps: 2, batchSize: 4 });
 * await exportRun(`${folder}/demo`, { config: {}, runs: [run], evaluations: {} });
 * await runsPage(folder, `${folder}/runs.html`);
 * ```
 */
export async function runsPage(folder: string, path: string): Promise<string> {
  checkArgument("runsPage's first argument", "path", folder);
  checkArgument("runsPage's second argument", "path", path);
  const list = await listRuns(folder), readable = list.runs.filter(({ error }) => error === undefined);
  if (!readable.length) {
    throw new RangeError(
      `Comparing runs: '${folder}' must hold at least one export that can be read, but it holds none`,
    );
  }
  const loaded = await Promise.all(readable.map(async ({ dir }) => ({
    name: relative(list.folder, dir) || basename(dir),
    ...await loadRun(dir),
  })));
  const figures: string[] = [];
  for (const stage of stagesOf(loaded.flatMap(({ runs }) => runs))) {
    const groups = Object.fromEntries(
      loaded.map(({ name, runs }): [string, TrainingRun[]] => [
        name,
        runs.filter((run) => run.stage === stage && run.steps.length),
      ]).filter(([, runs]) => runs.length),
    );
    if (Object.keys(groups).length) {
      figures.push(await runBands(groups, { title: `${stageTitle(stage)}, run by run` }).svg());
    }
  }
  const names = loaded.map(({ name }) => name), target = resolve(path);
  await writeOutput(target, page(list, { names, figures, configs: loaded.map(({ config }) => config) }));
  return target;
}

function page(
  list: RunList,
  { names, figures, configs }: { names: string[]; figures: string[]; configs: unknown[] },
): string {
  const differences = configDifferences(configs);
  const settings = htmlTable({
    title: "Settings in which they differ",
    columns: ["", ...names],
    rows: differences.map(({ path, values }) => [path, ...values.map((value) => value ?? "–")]),
    notes: differences.length ? [] : ["None: the configurations are the same."],
  });
  const section = (body: string) =>
    `<section style="background:${ink.paper};border:1px solid ${ink.grid};border-radius:10px;padding:16px 20px;margin-top:18px;overflow-x:auto">${body}</section>`;
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${list.runs.length} runs · showwork</title></head>
<body style="font:15px/1.55 ${fontFamily};color:${ink.text};background:#f4f6f8;margin:0"><main style="max-width:1240px;margin:0 auto;padding:24px 20px 60px">
<h1 style="font-size:26px;margin:0">Runs in ${escapeHtml(basename(list.folder))}</h1>
${section(htmlTable(runsTable(list)))}
${figures.map(section).join("\n")}
${section(settings)}
</main></body></html>
`;
}
