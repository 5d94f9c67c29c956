import { checkArgument } from "../options/check_argument.ts";
import { parseOptions } from "../options/parse_options.ts";
import { asDistinctProblems } from "../data/as_problems.ts";
import type { Problem } from "../data/problem.ts";
import { observer } from "../display/observer.ts";
import { responseFormatOf } from "../formats/response_format_of.ts";
import type { CausalLM } from "../models/causal_lm.ts";
import type { Sampler } from "../generation/sampler.ts";
import { pcg } from "../random/counter_random.ts";
import { Notes } from "../training/notes.ts";
import { evaluateSchema } from "./evaluate_schema.ts";
import type { EvaluateSettings } from "./evaluate_settings.ts";
import type { Evaluation, EvaluationItem } from "./evaluation.ts";
import { evaluationTable } from "./evaluation_table.ts";
import { fittingProblems } from "./fitting_problems.ts";
import { type AnswerJudge, judgeCompletion } from "./judge_completion.ts";
import { summariseEvaluation } from "./summarise_evaluation.ts";

/** Options of {@linkcode evaluate}. */
export type EvaluateOptions = EvaluateSettings & {
  /** Says whether an answer is right, in place of the format's own check. */
  judge?: AnswerJudge;
  /** What draws the completions, such as `vllmSampler`. @default the model itself */
  sampler?: Sampler;
  /** An evaluation of the same model and options that was interrupted: problems that it answered are not asked again. */
  resumeFrom?: Evaluation;
};

/** The random sequence of a problem, whatever is asked beside it: its id's FNV-1a hash with the run's seed. */
function problemSeed(seed: number, id: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(id)) hash = Math.imul(hash ^ byte, 0x01000193);
  return pcg((pcg(seed >>> 0) ^ hash) >>> 0);
}

/** What two evaluations must have in common for one to go on with the other. */
const comparable = ({ name: _, limit: __, batchSize: ___, ...config }: Record<string, unknown>) =>
  JSON.stringify(Object.entries(config).sort());

/** Items of an earlier evaluation for problems that are asked again. @throws {RangeError} when it was made with other options */
function earlierItems(
  before: Evaluation | undefined,
  problems: Problem[],
  config: Record<string, unknown>,
): EvaluationItem[] {
  if (!before) return [];
  if (comparable(before.config) !== comparable(JSON.parse(JSON.stringify(config)))) {
    throw new RangeError(
      "going on with an evaluation needs the options that it began with, but these differ; give the same, or leave `resumeFrom` out",
    );
  }
  const asked = new Map(problems.map((problem) => [problem.id, problem]));
  return before.items.filter((item) => {
    const problem = asked.get(item.problemId);
    return problem?.question === item.question && problem.answer === item.reference;
  });
}

/**
 * Answers every problem and judges the answers as the run's format reads them: accuracy in the format and wherever the answer stands, format rate,
 * pass@k and maj@k with intervals over problems, trace score, calibration, by domain and difficulty, with and without distractors, and why wrong
 * answers are wrong. Every number comes from `items`, which hold the completions.
 *
 * What is drawn follows seed, problem and sample, not the batch. Prompts that the model has no room for are left out and counted; one that is stopped
 * says so, and counts what was answered whole. `resumeFrom` goes on with it.
 *
 * @throws {ConfigError} for an unknown or wrong option; {@linkcode RangeError} when there is no problem
 * @example
 * ```ts
 * import { evaluate, generateProblems, loadModel } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma");
 * const base = await evaluate(model, generateProblems({ count: 4 }), { maxTokens: 32 });
 * base.accuracy; // { value, low, high, count, total }
 * ```
 */
export async function evaluate(
  model: CausalLM,
  given: Problem[],
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  checkArgument("evaluate's first argument", "model", model);
  checkArgument("evaluate's third argument", "options", options);
  const { judge, resumeFrom, sampler, ...settings } = options, started = performance.now();
  const config = parseOptions(evaluateSchema, settings, "evaluate"),
    format = responseFormatOf(config.format);
  const all = asDistinctProblems(given, "evaluate").slice(0, config.limit ?? undefined);
  if (all.length === 0) {
    throw new RangeError("evaluating needs at least one problem, got none; is the test set empty?");
  }
  const { maxTokens, temperature, topK, topP, minP, samples, seed, batchSize } = config;
  const fitting = fittingProblems(model, all, config);
  const items = earlierItems(resumeFrom, fitting.problems, config),
    answered = new Set(items.map(({ problemId }) => problemId));
  const open = fitting.problems.map((problem, i) => ({ problem, ids: fitting.prompts[i].ids }))
    .filter(({ problem }) => !answered.has(problem.id));
  const view = observer().view({
      title: `Evaluating ${fitting.problems.length} problems`,
      total: fitting.problems.length,
      unit: "problem",
    }),
    stop = observer().stop();
  const atOnce = Math.max(1, Math.floor(batchSize / samples)),
    stopped = () => stop.pressed || stop.signal.aborted;
  let unjudged = 0, cut = 0;
  const notes = new Notes();
  const version = crypto.randomUUID();
  try {
    if (fitting.note) view.note(fitting.note);
    for (let from = 0; from < open.length && !stopped(); from += atOnce) {
      const batch = open.slice(from, from + atOnce);
      const prompts = batch.map(({ ids }) => ids),
        sampling = {
          maxTokens,
          temperature,
          topK,
          topP,
          minP,
          n: samples,
          seeds: batch.map(({ problem }) => problemSeed(seed, problem.id)),
          signal: stop.signal,
          onNote: (text: string) => {
            notes.add("sampling", text);
            notes.take().forEach((note) => view.note(note));
          },
        };
      const completions = sampler
        ? await sampler.sample(model, prompts, { version, ...sampling })
        : await model.generate(prompts, sampling);
      const byPrompt = Map.groupBy(completions, ({ prompt }) => prompt);
      for (const [i, { problem }] of batch.entries()) {
        const own = byPrompt.get(i) ?? [];
        if (own.length < samples || own.some(({ ended }) => ended === "aborted")) {
          cut++;
          continue;
        }
        const judged = await Promise.all(
          own.map((completion, sample) =>
            judgeCompletion({ problem, completion, sample }, { format, judge })
          ),
        );
        if (judged.every((item) => item !== null)) items.push(...judged);
        else unjudged++;
      }
      const last = items.at(-1);
      if (!last) continue;
      view.update({
        step: Math.min(fitting.problems.length, answered.size + from + batch.length),
        accuracy: items.filter(({ correct }) => correct).length / items.length,
        formatRate: items.filter(({ wellFormed }) => wellFormed).length / items.length,
      }, {
        prompt: last.question,
        completion: last.completion,
        spans: format.read(last.completion).spans,
        reference: last.reference,
      });
    }
  } finally {
    stop.release();
    await view.end(stopped() ? "interrupted" : "finished");
  }
  if (items.length === 0) {
    throw new RangeError(
      stopped()
        ? "evaluating was stopped before the first problem was answered, so there is nothing to report"
        : `evaluating needs answers that can be judged, but of ${unjudged} none can: the problems have no reference, or the judge says null`,
    );
  }
  const order = new Map(fitting.problems.map(({ id }, i) => [id, i]));
  items.sort((a, b) => order.get(a.problemId)! - order.get(b.problemId)! || a.sample - b.sample);
  const whole = new Set(items.map(({ problemId }) => problemId)).size;
  return evaluationTable({
    name: config.name ?? "evaluation",
    ended: cut > 0 || whole + unjudged < fitting.problems.length ? "interrupted" : "finished",
    problems: { asked: all.length, answered: whole, tooLong: fitting.tooLong.length, unjudged },
    ...summariseEvaluation(items, { ks: config.passAt, format }),
    items,
    seconds: (resumeFrom?.seconds ?? 0) + (performance.now() - started) / 1000,
    config,
  });
}
