import { join } from "node:path";
import { z } from "zod";
import { observer } from "../display/observer.ts";
import { parseOptions } from "../options/parse_options.ts";
import { parseExact, stringifyExact } from "../training/exact_json.ts";
import type { Evaluation } from "./evaluation.ts";
import type {
  Experiment,
  ExperimentFunction,
  ExperimentGroup,
  ExperimentRun,
  Measured,
  Settings,
} from "./experiment_result.ts";
import { startWorkers } from "./experiment_workers.ts";
import { experimentRows, experimentTable } from "./experiment_table.ts";
import { meanInterval } from "./mean_interval.ts";

export type {
  Experiment,
  ExperimentFunction,
  ExperimentGroup,
  ExperimentRun,
  Measured,
  Settings,
} from "./experiment_result.ts";

/** Options of {@linkcode experiment}. */
export interface ExperimentOptions {
  /** Values by setting, of which every combination is run; or configurations by name. */
  grid: Record<string, readonly unknown[]> | Record<string, Settings>;
  /** Each configuration is run once a seed. @default [1, 2, 3] */
  seeds?: readonly number[];
  /** Trains and evaluates one configuration, from a fresh model, and disposes of it; or the URL of a module that does. */
  run: ExperimentFunction | URL;
  /**
   * Processes that make runs side by side, each with a CPU backend and its share of the cores; `run` is then the URL of a module whose default export
   * is the function. @default 1: this process
   */
  workers?: number;
  /** Folder of results: a run that stands there is not made again. @default none: nothing is kept */
  dir?: string;
}

const schema = z.strictObject({
  grid: z.record(z.string().min(1), z.union([z.array(z.unknown()).min(1), z.record(z.string(), z.unknown())]))
    .refine(
      (grid) => {
        const lists = Object.values(grid).filter(Array.isArray).length;
        return Object.keys(grid).length > 0 && (lists === 0 || lists === Object.keys(grid).length);
      },
      { message: "must hold lists of values by setting, or settings by name" },
    ),
  seeds: z.array(z.int().min(0)).min(1).default([1, 2, 3]),
  run: z.custom<ExperimentOptions["run"]>((value) => typeof value === "function" || value instanceof URL, {
    error: "must be a function, or the URL of a module that exports one as default",
  }),
  workers: z.int().min(1).default(1),
  dir: z.string().min(1).optional(),
}).superRefine(({ run, workers }, context) => {
  if (workers > 1 && !(run instanceof URL)) {
    context.addIssue({
      code: "custom",
      path: ["run"],
      message: "must be the URL of a module for `workers`: a function cannot be sent to another process",
    });
  }
});

/** Every combination of a grid's values, or its named configurations. */
function configurations(grid: ExperimentOptions["grid"]): { name: string; settings: Settings }[] {
  const entries = Object.entries(grid);
  if (!entries.every(([, values]) => Array.isArray(values))) {
    return entries.map(([name, settings]) => ({ name, settings: settings as Settings }));
  }
  let all: [string, unknown][][] = [[]];
  for (const [key, values] of entries as [string, unknown[]][]) {
    all = all.flatMap((before) => values.map((value): [string, unknown][] => [...before, [key, value]]));
  }
  const shown = (value: unknown) =>
    typeof value === "string" ? value : JSON.stringify(value) ?? String(value);
  return all.map((pairs) => ({
    name: pairs.map(([key, value]) => `${key} ${shown(value)}`).join(", "),
    settings: Object.fromEntries(pairs),
  }));
}

const measuresOf = (measured: Measured): Record<string, number> => {
  if (!("items" in measured && Array.isArray(measured.items))) return measured as Record<string, number>;
  const { accuracy, accuracyAnywhere, formatRate, meanTokens, truncatedFraction } = measured as Evaluation;
  return {
    accuracy: accuracy.value,
    accuracyAnywhere: accuracyAnywhere.value,
    formatRate: formatRate.value,
    meanTokens,
    truncatedFraction,
  };
};

const fileOf = (name: string, seed: number) =>
  `${name.replace(/[^\p{L}\p{N}.=_-]+/gu, "_")}-seed-${seed}.json`;

/** A run that stands in the folder already, if it is of the same settings. */
async function known(path: string, settings: Settings): Promise<ExperimentRun | null> {
  try {
    const held = parseExact(await Deno.readTextFile(path)) as ExperimentRun;
    return JSON.stringify(held.settings) === JSON.stringify(settings) ? held : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

async function keep(path: string, value: unknown): Promise<void> {
  const partial = `${path}.${crypto.randomUUID()}.partial`; // workers may be done at once
  await Deno.writeTextFile(partial, stringifyExact(value));
  await Deno.rename(partial, path);
}

function grouped(all: { name: string; settings: Settings }[], runs: ExperimentRun[]): ExperimentGroup[] {
  const first = runs.filter(({ name }) => name === all[0].name);
  return all.flatMap(({ name, settings }): ExperimentGroup[] => {
    const own = runs.filter((run) => run.name === name);
    if (own.length === 0) return [];
    const over = (value: (run: ExperimentRun, measure: string) => number | undefined) =>
      Object.fromEntries(
        Object.keys(own[0].measures).flatMap((measure) => {
          const values = own.map((run) => value(run, measure)).filter((each) => each !== undefined);
          return values.length ? [[measure, meanInterval(values)]] : [];
        }),
      );
    return [{
      name,
      settings,
      seeds: own.map(({ seed }) => seed),
      measures: over((run, measure) => run.measures[measure]),
      differences: name === all[0].name ? {} : over((run, measure) => {
        const base = first.find(({ seed }) => seed === run.seed)?.measures[measure];
        return base === undefined ? undefined : run.measures[measure] - base;
      }),
    }];
  });
}

/**
 * Runs every configuration of a grid with every seed, one after another or by `workers` side by side, and compares them: means over seeds with t intervals, and differences from the
 * first configuration seed by seed.
 *
 * With `dir` each run is written when it is done, its evaluation's completions included, and `experiment.json` after each; called again it goes on with
 * what is missing. While it works its panel shows the table of the runs made so far. ■ ends it after the current run.
 *
 * @throws {ConfigError} for an unknown or wrong option; what `run` throws
 * @example
 * ```ts
 * import { experiment } from "../../mod.ts";
 * const found = await experiment({
 *   grid: { beta: [0, 0.04], loss: ["grpo", "bnpo"] },
 *   seeds: [1, 2],
 *   run: ({ beta }, { seed }) => ({ accuracy: 0.5 + (beta as number) + seed / 100 }),
 * });
 * found.groups.length; // 4
 * ```
 */
export async function experiment(options: ExperimentOptions): Promise<Experiment> {
  const { grid, seeds, run, workers: count, dir } = parseOptions(
    schema,
    options as z.input<typeof schema>,
    "experiment",
  );
  const started = performance.now(), all = configurations(grid as ExperimentOptions["grid"]);
  const planned = seeds.flatMap((seed) => all.map((configuration) => ({ ...configuration, seed })));
  const files = planned.map(({ name, seed }) => fileOf(name, seed));
  const twice = files.findIndex((file, i) => files.indexOf(file) !== i);
  if (twice >= 0) {
    throw new RangeError(
      `an experiment needs configurations of different names, but ${planned[twice].name} comes twice`,
    );
  }
  if (dir) await Deno.mkdir(join(dir, "runs"), { recursive: true });
  const view = observer().view({
      title: `${all.length} configurations × ${seeds.length} seeds`,
      total: planned.length,
      unit: "run",
    }),
    stop = observer().stop();
  const runs: ExperimentRun[] = [];
  /** In the order planned, whoever was done first. */
  const inOrder = () =>
    planned.flatMap(({ name, seed }) => runs.find((run) => run.name === name && run.seed === seed) ?? []);
  const summary = (): Experiment => ({
    ended: runs.length < planned.length ? "interrupted" : "finished",
    groups: grouped(all, inOrder()),
    runs: inOrder(),
    seconds: (performance.now() - started) / 1000,
  });
  const workers = run instanceof URL
    ? await startWorkers(run, count)
    : [{ run, close: () => Promise.resolve() }];
  let next = 0, cut = false;
  /** Makes the runs that are left, one after another. */
  const lane = async (worker: typeof workers[number]) => {
    while (next < planned.length && !cut) {
      const place = next++, { name, settings, seed } = planned[place];
      const path = dir && join(dir, "runs", files[place]), before = path ? await known(path, settings) : null;
      if (before) {
        runs.push(before);
        continue;
      }
      if (stop.pressed || stop.signal.aborted) return;
      const from = performance.now(), measured = await worker.run(settings, { seed, name });
      const evaluation = "items" in measured && Array.isArray(measured.items) ? measured as Evaluation : null;
      // its evaluation was stopped, and the rest is not begun
      if (evaluation?.ended === "interrupted") return void (cut = true);
      const seconds = (performance.now() - from) / 1000;
      const made: ExperimentRun = {
        name,
        settings,
        seed,
        measures: measuresOf(measured),
        ...(evaluation ? { evaluation } : {}),
        seconds,
      };
      runs.push(made);
      if (path) {
        await keep(path, made);
        const { runs: done, ...rest } = summary();
        await keep(join(dir!, "experiment.json"), {
          ...rest,
          runs: done.map(({ evaluation: _, ...each }) => each),
        });
      }
      view.update({ step: runs.length, ...made.measures });
      view.table?.(experimentRows(summary()));
      const said = Object.entries(made.measures).map(([key, value]) => `${key} ${value.toPrecision(3)}`).join(
        ", ",
      );
      view.note(`${name}, seed ${seed}: ${said}`);
    }
  };
  try {
    await Promise.all(workers.map(lane));
  } finally {
    await Promise.all(workers.map((worker) => worker.close()));
    stop.release();
    await view.end(runs.length < planned.length ? "interrupted" : "finished");
  }
  return experimentTable(summary());
}
