import { join, resolve } from "node:path";
import { PlainError } from "../display/plain_error.ts";
import { z } from "zod";
import type { Evaluation } from "../stages/evaluation.ts";
import { parseExact } from "../training/exact_json.ts";
import { recordedForks } from "../training/fork_record.ts";
import type { TrainingRun } from "../training/run.ts";
import type { FinalResults } from "./final_results.ts";
import { checkArgument } from "../options/check_argument.ts";

/** A results folder cannot be read back. The message names the file, what it must hold and what it holds. */
export class ResultsError extends PlainError {
  /** What tells it from other errors. */
  override name = "ResultsError";
}

/** A run as {@linkcode loadRun} reads it back: what was exported, weights apart. */
export interface LoadedRun {
  /** What `final_results.json` holds. */
  results: FinalResults;
  /** The configuration. */
  config: unknown;
  /** Training runs, in order. */
  runs: TrainingRun[];
  /** Evaluations by name. */
  evaluations: Record<string, Evaluation>;
}

const rate = z.object({
  value: z.number().nullable(),
  low: z.number(),
  high: z.number(),
  count: z.int().nonnegative(),
  total: z.int().nonnegative(),
});
const diagnosis = z.object({ step: z.number(), rule: z.string(), message: z.string() });
const finalResults = z.object({
  schema: z.literal("showwork/final-results"),
  version: z.literal(1),
  exported: z.string(),
  title: z.string().optional(),
  showwork: z.object({ version: z.string(), commit: z.string().nullable() }).optional(),
  environment: z.looseObject({ deno: z.string() }),
  seconds: z.number(),
  config: z.unknown(),
  runs: z.array(z.looseObject({
    stage: z.string().min(1),
    name: z.string(),
    ended: z.enum(["finished", "interrupted", "time limit", "failed"]),
    config: z.record(z.string(), z.unknown()),
    seconds: z.number(),
    stepCount: z.int().nonnegative(),
    diagnoses: z.array(diagnosis),
  })),
  evaluations: z.record(
    z.string(),
    z.looseObject({
      name: z.string(),
      accuracy: rate,
      formatRate: rate,
      failures: z.record(z.string(), z.number()),
      passAt: z.record(z.string(), z.number()).default({}),
      majorityAt: z.record(z.string(), z.number()).default({}),
    }),
  ),
  comparison: z.unknown(),
  readBack: z.unknown().default(null),
  files: z.array(z.string()),
});
/** Also NaN and the infinities, which zod's own number refuses: a failed step is part of the record. */
const number = z.custom<number>((value) => typeof value === "number", "must be a number");
const stepLine = z.looseObject({
  run: z.int().nonnegative(),
  step: z.int().positive(),
  loss: number,
});
const completionLine = z.discriminatedUnion("kind", [
  z.looseObject({
    kind: z.literal("training"),
    run: z.int().nonnegative(),
    step: z.int(),
    completion: z.string(),
  }),
  z.looseObject({
    kind: z.literal("evaluation"),
    evaluation: z.string(),
    problemId: z.string(),
    completion: z.string(),
    correct: z.boolean(),
    wellFormed: z.boolean(),
  }),
]);

/**
 * Reads back what `exportRun` wrote: the runs with their steps and completions, the evaluations with their items, the
 * configuration and `final_results.json`. Checks as it reads: the schema and its version, every line, that every run has
 * the steps it says, and that every accuracy is the one that its saved completions give.
 *
 * Throws a `ResultsError` that names the file, and the line where there is one.
 *
 * @example
 * ```ts
 * import { exportRun, learningCurves, loadDataset, loadModel, loadRun, sft } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma");
 * const data = await loadDataset({ train: [{ source: "generator", count: 40 }], test: [{ source: "generator", count: 8 }] });
 * const folder = `${await Deno.makeTempDir()}/demo`, run = await sft(model, data.train, { steps: 2, batchSize: 4 });
 * await exportRun(folder, { config: {}, runs: [run], evaluations: {} });
 * const { runs } = await loadRun(folder);
 * learningCurves(runs);
 * ```
 */
export async function loadRun(dir: string): Promise<LoadedRun> {
  checkArgument("loadRun's argument", "path", dir);
  const folder = resolve(dir);
  const results = parse(
    join(folder, "final_results.json"),
    finalResults,
    await read(join(folder, "final_results.json")),
  );
  const metrics = await readLines(join(folder, "metrics.jsonl"), stepLine);
  const completions = await readLines(join(folder, "completions.jsonl"), completionLine);
  const training = completions.filter((line) => line.kind === "training");
  const items = completions.filter((line) => line.kind === "evaluation");

  const runs = await Promise.all(results.runs.map(async ({ stepCount, last: _, ...rest }, i) => {
    const steps = metrics.filter(({ run }) => run === i).map(({ run: _, stage: __, name: ___, ...step }) =>
      step
    );
    if (steps.length !== stepCount) {
      throw new ResultsError(
        `Reading '${
          join(folder, "metrics.jsonl")
        }': run '${rest.name}' must have ${stepCount} steps, but ${steps.length} are there`,
      );
    }
    const own = training.filter(({ run }) => run === i).map(({ kind: _, run: __, name: ___, ...record }) =>
      record
    );
    const forks = await recordedForks(rest.checkpoint as string | undefined);
    return { ...rest, ...(forks.length ? { forks } : {}), steps, completions: own } as unknown as TrainingRun;
  }));
  const evaluations: Record<string, Evaluation> = {};
  for (const [name, { calibration: _, ...rest }] of Object.entries(results.evaluations)) {
    const own = items.filter(({ evaluation }) => evaluation === name).map((
      { kind: _, evaluation: __, ...item },
    ) => item);
    const correct = own.filter((item) => item.correct).length;
    if (own.length !== rest.accuracy.total || correct !== rest.accuracy.count) {
      throw new ResultsError(
        `Reading '${
          join(folder, "completions.jsonl")
        }': evaluation '${name}' must hold ${rest.accuracy.count} right of ` +
          `${rest.accuracy.total} answers, but it holds ${correct} of ${own.length}`,
      );
    }
    evaluations[name] = { ...rest, items: own } as unknown as Evaluation;
  }
  return { results: results as unknown as FinalResults, config: results.config, runs, evaluations };
}

async function read(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw new ResultsError(
      `Reading a run: '${path}' must be a file that exportRun() wrote, but it cannot be read (${
        (error as Error).message
      })`,
      { cause: error },
    );
  }
}

function parse<T>(where: string, schema: z.ZodType<T>, text: string): T {
  let value: unknown;
  try {
    value = parseExact(text);
  } catch (error) {
    throw new ResultsError(`Reading '${where}': it must be JSON, but ${(error as Error).message}`, {
      cause: error,
    });
  }
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const { path, message } = checked.error.issues[0];
  throw new ResultsError(`Reading '${where}': ${path.length ? `'${path.join(".")}': ` : ""}${message}`);
}

async function readLines<T>(path: string, schema: z.ZodType<T>): Promise<T[]> {
  const lines = (await read(path)).split("\n");
  return lines.flatMap((line, i) => line ? [parse(`${path}:${i + 1}`, schema, line)] : []);
}
