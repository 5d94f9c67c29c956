import { cp } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { configToYaml } from "../config/config_to_yaml.ts";
import type { RunConfig } from "../config/schema.ts";
import type { Evaluation } from "../stages/evaluation.ts";
import { stringifyExact } from "../training/exact_json.ts";
import { isOwnCheckpoints, numberedFolder } from "../training/own_checkpoints.ts";
import type { TrainingRun } from "../training/run.ts";
import { displayable } from "../display/displayable.ts";
import { escapeHtml } from "../display/escape_html.ts";
import { formatPercent } from "../display/format_number.ts";
import { fontFamily, ink, seriesColours } from "../display/palette.ts";
import { compare } from "./compare.ts";
import { stageLabel } from "./stage_label.ts";
import { accuracyFigure, calibrationFigure, failureFigure, passAtKFigure } from "./evaluation_figures.ts";
import type { Figure } from "./figure.ts";
import type { Environment, FinalResults } from "./final_results.ts";
import { foreignEntries, ownEntries } from "./foreign_entries.ts";
import { inspectRollouts } from "./inspect_rollouts.ts";
import type { RolloutInspection } from "./rollout_inspection.ts";
import { learningCurves } from "./learning_curves.ts";
import { htmlReport } from "./html_report.ts";
import type { ModelCardParts } from "../models/model_card.ts";
import { release } from "./release.ts";
import { runCard } from "./run_card.ts";
import { renderPng } from "./static_render.ts";
import { calibration } from "../stages/statistics.ts";
import { OutputError, outputError, writeOutput } from "./write_output.ts";
import { ArgumentError } from "../options/argument_error.ts";
import { checkArgument, checkGroup, listOf } from "../options/check_argument.ts";
import { nearest } from "../options/nearest.ts";

/** What a model must offer to be exported: {@linkcode CausalLM} does. */
export interface ExportableModel {
  /** Truthy when the model has a LoRA adapter; then the adapter is written and not the weights. */
  readonly lora?: unknown;
  /** Writes the adapter in PEFT's format, `card` being what its README tells of the run. */
  saveAdapter(dir: string, options?: { card?: Partial<ModelCardParts> }): Promise<unknown>;
  /** Writes the whole model as a Hugging Face folder. */
  save(dir: string): Promise<unknown>;
}

/** What a run leaves behind, as {@linkcode exportRun} takes it. */
export interface RunContents {
  /** The resolved configuration, as `loadConfig` gives it. @default {} */
  config?: RunConfig | Record<string, unknown>;
  /** One or several, in the order of the stages. @default none */
  runs?: TrainingRun | TrainingRun[];
  /** In the order of the stages: base first. @default none */
  evaluations?: Record<string, Evaluation>;
  /** Left out, no weights are written. */
  model?: ExportableModel;
  /** What computed it, as `useBackend()` describes itself; kept as it serialises. */
  backend?: unknown;
  /** Further figures by file name, such as `{ ablation: figure }`. */
  figures?: Record<string, Figure>;
}

type WholeContents = RunContents & { runs: TrainingRun[]; evaluations: Record<string, Evaluation> };

/** What {@linkcode exportRun} returns. */
export interface ExportedRun {
  /** The folder, absolute. */
  dir: string;
  /** Every file of the export, relative to `dir`. */
  files: string[];
  /** What `final_results.json` says. */
  results: FinalResults;
}

/**
 * Writes what a run leaves behind (SPEC section 8) into `dir`: `final_results.json`, `metrics.jsonl`, `completions.jsonl`,
 * `plots/*.{png,svg,html}`, `adapter/` or `model/`, `config.yaml` and a `report.html` that opens without a network.
 *
 * Everything is first written to a temporary sibling of `dir` and then put in place by renaming, so an error or a kill
 * never leaves a half-written result. The export that was in `dir` is kept as `<dir>.previous` (one generation); what an
 * export does not write, such as `checkpoints/` or an executed notebook, stays in `dir`. Checkpoints of a run that was given
 * no folder for them move from `results/checkpoints/` to its own `checkpoints/`, and `run.checkpoint` with them.
 *
 * A run that a person stopped, or that failed, goes to `<dir>-interrupted` or `<dir>-failed`, so that the rest of a notebook does not overwrite
 * the results of a complete one.
 *
 * Throws an `OutputError` when the folder cannot be written, or holds what no export wrote; what was there is then unchanged.
 *
 * @example
 * ```ts
 * import { evaluate, exportRun, loadDataset, loadModel, sft } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma");
 * const data = await loadDataset({ train: [{ source: "generator", count: 40 }], test: [{ source: "generator", count: 8 }] });
 * const run = await sft(model, data.train, { steps: 2, batchSize: 4 }), base = await evaluate(model, data.test, { maxTokens: 32 });
 * await exportRun(`${await Deno.makeTempDir()}/demo`, { config: {}, runs: [run], evaluations: { base } });
 * ```
 */
export async function exportRun(dir: string, given: RunContents): Promise<ExportedRun> {
  const contents = wholeContents(dir, given);
  const target = folderOf(resolve(dir), contents.runs), temporary = `${target}.${crypto.randomUUID()}.tmp`;
  try {
    await refuseForeign(target);
    await adoptCheckpoints(target, contents.runs);
    await Deno.mkdir(temporary, { recursive: true });
    const results = await writeAll(temporary, { ...contents, target });
    await putInPlace(temporary, target);
    return displayable({ dir: target, files: results.files, results }, { text: describe, html: linked });
  } catch (error) {
    // The temporary folder's name says nothing to anybody; the message names the folder that was asked for.
    const cause = error instanceof OutputError ? error.cause ?? error : error;
    throw isSystemError(cause) ? outputError(target, cause) : error;
  } finally {
    await Deno.remove(temporary, { recursive: true }).catch(() => {});
  }
}

/** The contents with lists and groups where there were none, or one thing of its own. @throws {ArgumentError} for anything else */
function wholeContents(dir: string, contents: RunContents): WholeContents {
  checkArgument("exportRun's first argument", "path", dir);
  checkArgument("exportRun's second argument", "options", contents);
  const { config = {}, runs = [], evaluations = {}, model, backend, figures, ...rest } = contents;
  const [unknown] = Object.keys(rest),
    valid = ["config", "runs", "evaluations", "model", "backend", "figures"];
  if (unknown) {
    const meant = nearest(unknown, valid);
    throw new ArgumentError(
      `exportRun takes ${valid.join(", ")}, got ${unknown}${meant ? `; did you mean \`${meant}\`?` : ""}`,
    );
  }
  if (model) checkArgument("`model` in exportRun's second argument", "exportable", model);
  const named = Array.isArray(evaluations.items)
    ? { [(evaluations as unknown as Evaluation).name]: evaluations as unknown as Evaluation }
    : evaluations as Record<string, Evaluation>;
  checkGroup("`evaluations` in exportRun's second argument", "evaluation", named);
  return {
    config,
    runs: listOf("`runs` in exportRun's second argument", "run", runs),
    evaluations: named,
    ...{ model, backend, figures },
  };
}

/** Where an export goes: what did not finish has a name that says so. */
function folderOf(dir: string, runs: TrainingRun[]): string {
  const ended = runs.map((run) => run.ended),
    how = ["failed", "interrupted"].find((one) => ended.includes(one as never));
  return how && !dir.endsWith(`-${how}`) ? `${dir}-${how}` : dir;
}

async function refuseForeign(target: string): Promise<void> {
  const [first, ...more] = await foreignEntries(target);
  if (first === undefined) return;
  throw new OutputError(
    `Cannot export into '${target}': it must be a new folder, or that of an earlier export, but it holds '${first}'${
      more.length ? ` and ${more.length} more` : ""
    }, which no export wrote. Name a folder of the run's own, such as '${
      join(target, "results", "demo")
    }'; ` +
      "nothing that was there has been changed.",
  );
}

/** Moves checkpoints out of the folders that runs made for want of another, to the results that they belong to. */
async function adoptCheckpoints(target: string, runs: TrainingRun[]): Promise<void> {
  const homes = join(target, "checkpoints");
  for (const run of runs) {
    const root = run.checkpoint && dirname(run.checkpoint);
    if (!root || run.config.checkpoints || !isOwnCheckpoints(root) || dirname(root) === homes) continue;
    if (!await exists(root)) continue;
    const home = await numberedFolder(homes, run.name);
    await Deno.remove(home);
    await move(root, home);
    for (const place of [run, ...run.best ? [run.best] : []]) {
      if (dirname(place.checkpoint!) === root) place.checkpoint = join(home, basename(place.checkpoint!));
    }
    // the folders above that are empty now
    for (
      const above of basename(dirname(root)) === "checkpoints" ? [dirname(root), dirname(dirname(root))] : []
    ) {
      await Deno.remove(above).catch(() => {});
    }
  }
}

/** Renames a folder, or copies it where that is another disk. */
async function move(from: string, to: string): Promise<void> {
  try {
    await Deno.rename(from, to);
  } catch (error) {
    if (!/cross-device|EXDEV/i.test(String(error))) throw error;
    await cp(from, to, { recursive: true });
    await Deno.remove(from, { recursive: true });
  }
}

const summaryOf = ({ results }: ExportedRun) =>
  Object.entries(results.evaluations).map(([name, { accuracy, formatRate }]) =>
    `${stageLabel(name)} ${formatPercent(accuracy.value)} right, ${
      formatPercent(formatRate.value)
    } well formed`
  );

/** The list with a link to each file, relative to the notebook, which JupyterLab opens. */
function linked(exported: ExportedRun): string {
  const { dir, files } = exported, folder = relative(Deno.cwd(), dir).replaceAll("\\", "/");
  const link = (file: string) =>
    `<a href="${
      escapeHtml([...folder.split("/"), ...file.split("/")].map(encodeURIComponent).join("/"))
    }" target="_blank" style="color:${seriesColours[0]}">${escapeHtml(file)}</a>`;
  const first = ["report.html", "final_results.json"].filter((file) => files.includes(file));
  const rest = files.filter((file) => !first.includes(file));
  return `<div style="font:13px/1.6 ${fontFamily};color:${ink.text};background:${ink.paper};padding:6px 10px">` +
    `<div>Wrote ${files.length} files to ${escapeHtml(dir)}</div><div><b>${
      first.map(link).join(" · ")
    }</b></div>` +
    `<div style="columns:3 220px">${rest.map((file) => `<div>${link(file)}</div>`).join("")}</div>` +
    `${summaryOf(exported).map((line) => `<div>${escapeHtml(line)}</div>`).join("")}</div>`;
}

function describe(exported: ExportedRun): string {
  const { dir, files } = exported;
  return [
    `Wrote ${files.length} files to ${dir}`,
    ...files.map((file) => `  ${file}`),
    ...summaryOf(exported),
  ].join("\n");
}
const isSystemError = (error: unknown) =>
  error instanceof Error && Object.values(Deno.errors).some((kind) => error instanceof kind);

async function writeAll(dir: string, contents: WholeContents & { target: string }): Promise<FinalResults> {
  const { config, runs, evaluations, model, backend, figures: more = {} } = contents;
  const title = titleOf(config);
  const names = Object.keys(evaluations), comparison = names.length > 1 ? compare(evaluations) : null;
  const figures: Record<string, Figure> = {
    ...(runs.length
      ? { learning_curves: learningCurves(runs, { title: `Learning curves of ${title}` }) }
      : {}),
    ...evaluationFigures(evaluations),
    ...more,
  };
  const pictures: Record<string, string> = {};
  for (const [name, figure] of Object.entries(figures)) {
    const svg = pictures[name] = await figure.svg(), path = join(dir, "plots", name);
    await writeOutput(`${path}.svg`, svg);
    await writeOutput(`${path}.png`, (await renderPng(svg)).png);
    await writeOutput(`${path}.html`, await figure.html({ svg }));
  }
  await writeOutput(join(dir, "metrics.jsonl"), lines(runs.flatMap(stepLines)));
  await writeOutput(
    join(dir, "completions.jsonl"),
    lines([...runs.flatMap(completionLines), ...itemLines(evaluations)]),
  );
  const plainConfig = JSON.parse(JSON.stringify(config));
  const yaml = configToYaml(config as RunConfig, { directory: contents.target });
  await writeOutput(join(dir, "config.yaml"), yaml);
  let readBack: unknown = null;
  if (model?.lora) {
    readBack = await model.saveAdapter(join(dir, "adapter"), {
      card: runCard({ config: plainConfig, runs, evaluations }),
    });
  } else if (model) readBack = await model.save(join(dir, "model"));

  const results: FinalResults = {
    schema: "showwork/final-results",
    version: 1,
    exported: new Date().toISOString(),
    title,
    showwork: await release(),
    environment: environment(backend),
    seconds: [...runs, ...Object.values(evaluations)].reduce((sum, { seconds }) => sum + seconds, 0),
    config: plainConfig,
    runs: runs.map(({ steps, completions: _, ...rest }) => ({
      ...rest,
      stepCount: steps.length,
      last: steps.at(-1) ?? null,
    })),
    evaluations: Object.fromEntries(names.map((name) => {
      const { items, ...rest } = evaluations[name], { ece, brier } = calibration(items);
      return [name, { ...rest, calibration: { ece: finite(ece), brier: finite(brier) } }];
    })),
    comparison,
    readBack,
    files: [],
  };
  await writeOutput(
    join(dir, "report.html"),
    htmlReport({ results, runs, evaluations, pictures, config: yaml, rollouts: await rolloutsOf(runs) }),
  );
  results.files = ["final_results.json", ...await filesBelow(dir)].sort();
  await writeOutput(join(dir, "final_results.json"), JSON.stringify(results, null, 2) + "\n");
  return results;
}

/** Groups of the last run that kept some, few enough for a page. */
async function rolloutsOf(runs: TrainingRun[]): Promise<RolloutInspection | null> {
  const run = runs.findLast(({ completions }) => completions.length);
  return run ? await inspectRollouts(run, { around: 12 }) : null;
}

/** `demo: tiny-gemma`, from the configuration's name and its model's. */
function titleOf(config: unknown): string {
  const { name, model } = (config ?? {}) as { name?: unknown; model?: { path?: unknown } };
  const path = typeof model === "string" ? model : model?.path;
  const base = typeof path === "string"
    ? path.replaceAll("\\", "/").split("/").filter(Boolean).at(-1)
    : undefined;
  return [typeof name === "string" ? name : "a run", ...(base ? [base] : [])].join(": ");
}

const finite = (value: number) => Number.isFinite(value) ? value : null;
const lines = (values: unknown[]) => values.map((value) => stringifyExact(value) + "\n").join("");

function evaluationFigures(evaluations: Record<string, Evaluation>): Record<string, Figure> {
  const items = Object.values(evaluations).flatMap((evaluation) => evaluation.items);
  if (!items.length) return {};
  const sampled = Object.values(evaluations).some(({ items }) =>
    [...Map.groupBy(items, (item) => item.problemId).values()].every((group) => group.length > 1)
  );
  return {
    accuracy: accuracyFigure(evaluations),
    ...(items.some((item) => item.failure) ? { failures: failureFigure(evaluations) } : {}),
    ...(items.some((item) => item.answerProbability !== null)
      ? { calibration: calibrationFigure(evaluations) }
      : {}),
    ...(sampled ? { pass_at_k: passAtKFigure(evaluations) } : {}),
  };
}

const stepLines = (run: TrainingRun, index: number) =>
  run.steps.map((metrics) => ({ run: index, stage: run.stage, name: run.name, ...metrics }));

const completionLines = (run: TrainingRun, index: number) =>
  run.completions.map((record) => ({ kind: "training", run: index, name: run.name, ...record }));

const itemLines = (evaluations: Record<string, Evaluation>) =>
  Object.entries(evaluations).flatMap(([name, { items }]) =>
    items.map((item) => ({ kind: "evaluation", evaluation: name, ...item }))
  );

function environment(backend: unknown): Environment {
  return {
    deno: Deno.version.deno,
    v8: Deno.version.v8,
    os: Deno.build.os,
    arch: Deno.build.arch,
    cores: navigator.hardwareConcurrency,
    backend: backend === undefined ? null : JSON.parse(JSON.stringify(backend)),
  };
}

async function filesBelow(dir: string, prefix = ""): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of Deno.readDir(dir)) {
    const path = `${prefix}${entry.name}`;
    if (entry.isDirectory) files.push(...await filesBelow(join(dir, entry.name), `${path}/`));
    else files.push(path);
  }
  return files;
}

async function names(dir: string): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(dir)) found.push(entry.name);
  return found;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

/**
 * Moves `temporary` to `target`. Between the two renames an earlier result is only at `<target>.previous`, whole; a
 * failure of the second rename moves it back.
 */
async function putInPlace(temporary: string, target: string): Promise<void> {
  if (!await exists(target)) return await Deno.rename(temporary, target);
  const previous = `${target}.previous`;
  if (await exists(previous)) {
    const foreign = (await names(previous)).filter((name) => !ownEntries.includes(name));
    if (foreign.length) {
      throw new OutputError(
        `Cannot keep the earlier result of '${target}': '${previous}' may hold only an earlier export, but it holds ` +
          `'${foreign[0]}'. Move that folder away and export again; nothing that was there has been changed.`,
      );
    }
    await Deno.remove(previous, { recursive: true });
  }
  await Deno.rename(target, previous);
  try {
    await Deno.rename(temporary, target);
  } catch (error) {
    await Deno.rename(previous, target);
    throw error;
  }
  for (const name of await names(previous)) {
    if (!ownEntries.includes(name)) await Deno.rename(join(previous, name), join(target, name));
  }
  if (!(await names(previous)).length) await Deno.remove(previous);
}
